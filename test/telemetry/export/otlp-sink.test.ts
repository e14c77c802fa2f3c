import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { ExportConfig } from '../../../src/config/telemetry-config';
import { OtlpJsonEncoder } from '../../../src/telemetry/export/otlp-json';
import { OtlpProtobufEncoder } from '../../../src/telemetry/export/otlp-protobuf';
import { OtlpSink } from '../../../src/telemetry/export/otlp-sink';
import type { SpanEncoder } from '../../../src/telemetry/export/span-sink';
import {
  brokenSpan,
  countsOf,
  expectBalance,
  exportConfig,
  filesIn,
  idOf,
  ManualTimers,
  makeSpan,
  makeSpans,
  ScriptedSender,
  settle,
  tempFolder,
} from './sinks';

const PAST_DELAY_MS = exportConfig.scheduleDelayMs;

let timers: ManualTimers;
let sender: ScriptedSender;
let problems: string[];
let folder: ReturnType<typeof tempFolder>;
const sinks: OtlpSink[] = [];

beforeEach(() => {
  timers = new ManualTimers();
  sender = new ScriptedSender();
  problems = [];
  folder = tempFolder();
});

afterEach(async () => {
  for (const sink of sinks.splice(0)) {
    expectBalance(sink.status);
    const end = sink.shutdown(10);
    await timers.advance(10);
    await end;
    expectBalance(sink.status);
    expect(sink.status.queued).toBe(0);
  }
  expect(timers.count).toBe(0);
  folder.remove();
});

interface Over extends Partial<ExportConfig> {
  readonly encoder?: SpanEncoder;
  readonly random?: () => number;
  readonly endpoint?: string;
}

function makeSink({ encoder = new OtlpProtobufEncoder(), random = () => 1, endpoint, ...config }: Over = {}): OtlpSink {
  const sink = new OtlpSink({
    encoder,
    sender,
    config: { ...exportConfig, ...config },
    endpoint: endpoint ?? 'http://ada:secret@collector.example:4318/v1/traces?token=secret',
    onProblem: (message) => problems.push(message),
    timers,
    random,
  });
  sinks.push(sink);
  return sink;
}

const spool = (over: Partial<NonNullable<ExportConfig['spool']>> = {}) => ({
  spool: { directory: folder.path, maxBytes: 10_000_000, maxAgeMs: 3_600_000, ...over },
});

async function accept(sink: OtlpSink, spans: readonly ReadableSpan[]): Promise<string[]> {
  sink.accept(spans);
  await settle();
  return spans.map(idOf);
}

/** Answers everything with success until nothing comes any more. @returns the ids that arrived */
async function drain(): Promise<string[]> {
  const ids: string[] = [];
  for (let waiting = sender.waiting; waiting.length > 0; waiting = sender.waiting) {
    for (const request of waiting) {
      ids.push(...request.ids);
      await request.accept();
    }
  }
  return ids;
}

describe('when spans are sent', () => {
  test('a whole batch goes at once', async () => {
    const sink = makeSink();
    const ids = await accept(sink, makeSpans(10));
    expect(sender.open.ids).toEqual(ids);
    await sender.open.accept();
    expect(countsOf(sink.status)).toEqual({ made: 10, exported: 10 });
  });

  test('fewer wait for more, but not longer than the delay', async () => {
    const sink = makeSink();
    const ids = await accept(sink, makeSpans(3));
    await timers.advance(PAST_DELAY_MS - 1);
    ids.push(...(await accept(sink, makeSpans(2))));
    expect(sender.requests).toEqual([]);
    await timers.advance(1);
    expect(sender.open.ids).toEqual(ids);
  });

  test('the delay begins anew with the first span after a request', async () => {
    const sink = makeSink();
    await accept(sink, makeSpans(10));
    await drain();
    await timers.advance(PAST_DELAY_MS / 2);
    await accept(sink, makeSpans(1));
    await timers.advance(PAST_DELAY_MS / 2);
    expect(sender.waiting).toEqual([]);
    await timers.advance(PAST_DELAY_MS / 2);
    expect(sender.waiting).toHaveLength(1);
  });

  test('spans of many calls are put together, in their order, up to the number of one request', async () => {
    const sink = makeSink();
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) {
      const spans = makeSpans(3);
      sink.accept(spans);
      ids.push(...spans.map(idOf));
    }
    await settle();
    expect(sender.waiting.map((request) => request.ids.length)).toEqual([9, 9]);
    await sender.requests[0]?.accept();
    await timers.advance(PAST_DELAY_MS);
    expect(sender.waiting.map((request) => request.ids.length)).toEqual([9]);
    await sender.open.accept();
    expect(sender.open.ids).toHaveLength(3);
    expect(sender.requests.flatMap((request) => request.ids)).toEqual(ids);
  });

  test('a request has no more bytes than the limit, unless one span alone has', async () => {
    const sink = makeSink({ maxBatchBytes: 2000, maxBatchSpans: 100 });
    const small = makeSpans(30, { text: 'x'.repeat(100) });
    const large = makeSpan({ text: 'x'.repeat(3000) });
    await accept(sink, [...small.slice(0, 15), large, ...small.slice(15)]);
    await timers.advance(PAST_DELAY_MS);
    const ids = await drain();
    expect(ids).toHaveLength(31);
    expect(new Set(ids).size).toBe(31);
    for (const { body, ids } of sender.requests) {
      if (!ids.includes(idOf(large))) expect(body.length).toBeLessThanOrEqual(2000);
      else expect(ids).toHaveLength(1);
    }
  });

  test('two requests are under way while so much waits, and never more', async () => {
    const sink = makeSink();
    await accept(sink, makeSpans(45));
    expect(sender.waiting).toHaveLength(2);
    await sender.waiting[0]?.accept();
    expect(sender.waiting).toHaveLength(2);
    await sender.waiting[0]?.accept();
    // Less than a whole batch is left, and it is not late yet.
    expect(sender.waiting).toHaveLength(2);
  });

  test('a span that cannot be encoded takes no other along', async () => {
    const sink = makeSink();
    const good = makeSpans(9);
    await accept(sink, [...good.slice(0, 4), brokenSpan(), ...good.slice(4)]);
    await timers.advance(PAST_DELAY_MS);
    expect(await drain()).toEqual(good.map(idOf));
    expect(countsOf(sink.status)).toEqual({ made: 10, exported: 9, unreadable: 1 });
    expect(problems).toEqual([
      'some spans for http://collector.example:4318 cannot be encoded or read back, and are dropped',
    ]);
  });

  test('100,000 spans at once all go out', async () => {
    const sink = makeSink({ maxBatchSpans: 2048, maxBatchBytes: 4_000_000, maxQueueBytes: 64 * 1024 * 1024 });
    sender.script = () => ({ kind: 'sent', rejected: 0 });
    const spans = makeSpans(256);
    for (let i = 0; i < 400; i++) sink.accept(spans);
    await sink.flush(10);
    expect(countsOf(sink.status)).toEqual({ made: 102_400, exported: 102_400 });
  });
});

describe('a collector that fails', () => {
  test('gets the same batch again, before all that is younger, as often as it takes', async () => {
    const sink = makeSink();
    const first = await accept(sink, makeSpans(10));
    const second = await accept(sink, makeSpans(10));
    for (const request of sender.waiting) await request.fail();
    for (let attempt = 0; attempt < 50; attempt++) {
      await timers.advance(exportConfig.maxBackoffMs);
      expect(sender.open.ids).toEqual(first);
      await sender.open.fail();
    }
    await timers.advance(exportConfig.maxBackoffMs);
    expect(await drain()).toEqual([...first, ...second]);
    expect(countsOf(sink.status)).toEqual({ made: 20, exported: 20 });
    expect(sink.status.healthy).toBe(true);
  });

  test.each([
    [1, [500, 1000, 2000, 4000, 5000, 5000]],
    [0.1, [50, 100, 200, 400, 500, 500]],
  ])('is left alone for longer each time, with jitter %d', async (random, waits) => {
    const sink = makeSink({ random: () => random });
    await accept(sink, makeSpans(10));
    for (const wait of waits) {
      await sender.open.fail();
      await timers.advance(wait - 1);
      expect(sender.waiting).toHaveLength(0);
      await timers.advance(1);
      expect(sender.waiting).toHaveLength(1);
    }
    await sender.open.accept();
    await accept(sink, makeSpans(10));
    await sender.open.fail();
    await timers.advance(waits[0] as number);
    expect(sender.waiting).toHaveLength(1);
  });

  test('is asked by one request at a time', async () => {
    const sink = makeSink();
    await accept(sink, makeSpans(50));
    for (const request of sender.waiting) await request.fail();
    await timers.advance(500);
    expect(sender.waiting).toHaveLength(1);
    await sender.open.accept();
    expect(sender.waiting).toHaveLength(2);
  });

  test('is waited for as long as it asks, but not for longer than a minute', async () => {
    const sink = makeSink();
    await accept(sink, makeSpans(10));
    await sender.open.fail('429 Too Many Requests', 20_000);
    await timers.advance(19_999);
    expect(sender.waiting).toHaveLength(0);
    await timers.advance(1);
    await sender.open.fail('429 Too Many Requests', 1e9);
    await timers.advance(60_000);
    expect(sender.waiting).toHaveLength(1);
  });

  test('is said to fail once in each outage, and shows in the status without secrets', async () => {
    const sink = makeSink();
    expect(sink.status).toMatchObject({ healthy: true, exporter: 'otlp', endpoint: 'http://collector.example:4318' });
    await accept(sink, makeSpans(10));
    await sender.open.fail('503 Service Unavailable');
    expect(sink.status).toMatchObject({
      healthy: false,
      lastError: { at: timers.now(), message: '503 Service Unavailable' },
    });
    expect(sink.status.lastSuccessAt).toBeUndefined();
    await timers.advance(500);
    await sender.open.fail();
    await timers.advance(1000);
    await sender.open.accept();
    expect(sink.status).toMatchObject({ healthy: true, lastSuccessAt: timers.now() });
    await accept(sink, makeSpans(10));
    await sender.open.fail('again');
    expect(problems).toEqual([
      'cannot send spans to http://collector.example:4318: 503 Service Unavailable; trying again until it works',
      'cannot send spans to http://collector.example:4318: again; trying again until it works',
    ]);
    expect(JSON.stringify([problems, sink.status])).not.toContain('secret');
  });

  test('does not stop others that are under way: their success counts', async () => {
    const sink = makeSink();
    await accept(sink, makeSpans(20));
    const [first, second] = sender.waiting;
    await first?.fail();
    await second?.accept();
    expect(sender.waiting).toHaveLength(1);
    expect(sender.open.ids).toEqual(first?.ids);
  });

  test('that throws where it must not is tried again', async () => {
    const sink = makeSink();
    sender.script = () => {
      throw new Error('a bug');
    };
    await accept(sink, makeSpans(10));
    expect(sink.status).toMatchObject({ queued: 10, healthy: false, lastError: { message: 'Error: a bug' } });
    sender.script = undefined;
    await timers.advance(500);
    await sender.waiting.at(-1)?.accept();
    expect(countsOf(sink.status)).toEqual({ made: 10, exported: 10 });
  });
});

describe('spans that a collector refuses', () => {
  test('are counted where it took the rest of the request', async () => {
    const sink = makeSink();
    await accept(sink, makeSpans(10));
    await sender.open.answer({ kind: 'sent', rejected: 3, message: 'too old' });
    expect(countsOf(sink.status)).toEqual({ made: 10, exported: 7, rejected: 3 });
    expect(problems).toEqual(['http://collector.example:4318 does not take some spans: too old; they are dropped']);
  });

  test.each([
    ['in one piece', 64],
    ['in many', 1],
  ])('are found, and the rest of the request arrives, when they came %s', async (_, each) => {
    const sink = makeSink({ maxBatchSpans: 64 });
    const spans = makeSpans(64);
    const bad = [0, 17, 18, 63].map((i) => idOf(spans[i] as ReadableSpan));
    sender.script = ({ ids }) =>
      ids.some((id) => bad.includes(id)) ? { kind: 'refused', message: '400' } : { kind: 'sent', rejected: 0 };
    for (let i = 0; i < 64; i += each) sink.accept(spans.slice(i, i + each));
    await settle();
    await settle();
    expect(countsOf(sink.status)).toEqual({ made: 64, exported: 60, rejected: 4 });
    expect(sender.requests.length).toBeLessThan(64);
    const single = sender.requests.flatMap(({ ids }) => (ids.length === 1 ? ids : []));
    expect(single).toEqual(expect.arrayContaining(bad));
  });

  test('for the size of the request arrive in smaller ones', async () => {
    const sink = makeSink({ maxBatchSpans: 64 });
    sender.script = ({ ids }) =>
      ids.length > 10 ? { kind: 'refused', message: '413 Payload Too Large' } : { kind: 'sent', rejected: 0 };
    await accept(sink, makeSpans(64));
    await settle();
    expect(countsOf(sink.status)).toEqual({ made: 64, exported: 64 });
  });

  test('are not searched for where everything is refused, until something is taken', async () => {
    const sink = makeSink({ maxBatchSpans: 64 });
    sender.script = () => ({ kind: 'refused', message: '401 Unauthorized' });
    await accept(sink, makeSpans(64));
    for (let i = 0; i < 10; i++) await settle();
    expect(countsOf(sink.status)).toEqual({ made: 64, rejected: 64 });
    expect(sender.requests.length).toBeLessThanOrEqual(2 * 7 + 1);
    sender.requests.length = 0;
    for (let i = 0; i < 5; i++) await accept(sink, makeSpans(64));
    expect(sender.requests).toHaveLength(5);
    expect(countsOf(sink.status)).toEqual({ made: 6 * 64, rejected: 6 * 64 });
    sender.script = ({ ids }) =>
      ids.length > 32 ? { kind: 'refused', message: '413' } : { kind: 'sent', rejected: 0 };
    await accept(sink, makeSpans(32));
    await timers.advance(PAST_DELAY_MS);
    await accept(sink, makeSpans(64));
    await settle();
    expect(sink.status.exported).toBe(96);
    expect(problems).toEqual([
      'http://collector.example:4318 does not take some spans: 401 Unauthorized; they are dropped',
    ]);
  });

  test('and then a failure: the halves are tried again, and nothing twice', async () => {
    const sink = makeSink();
    const ids = await accept(sink, makeSpans(10));
    await sender.open.refuse();
    expect(sender.open.ids).toEqual(ids.slice(0, 5));
    await sender.open.fail();
    await timers.advance(500);
    expect(await drain()).toEqual(ids);
  });
});

describe('a full queue', () => {
  const text = 'x'.repeat(1000);
  const small = { maxQueueBytes: 20_000, maxBatchSpans: 5 };

  test('drops the newest spans, says so once, and how many when the collector is back', async () => {
    const sink = makeSink(small);
    const ids: string[] = [];
    for (let i = 0; i < 40; i++) {
      ids.push(...(await accept(sink, makeSpans(1, { text }))));
      expectBalance(sink.status);
      expect(sink.status.queuedBytes).toBeLessThanOrEqual(20_000);
    }
    const dropped = sink.status.dropped['queue-full'];
    expect(dropped).toBeGreaterThan(20);
    for (const request of sender.waiting) await request.fail();
    await timers.advance(500);
    expect(await drain()).toEqual(ids.slice(0, 40 - dropped));
    expect(problems).toEqual([
      'the queue of spans for http://collector.example:4318 is full; what does not fit is dropped until it takes them again',
      'cannot send spans to http://collector.example:4318: connection refused; trying again until it works',
      `http://collector.example:4318 takes spans again; ${dropped} spans were dropped`,
    ]);
    expect(countsOf(sink.status)).toEqual({ made: 40, exported: 40 - dropped, 'queue-full': dropped });
  });

  test('says so again in the next outage', async () => {
    const sink = makeSink(small);
    for (let outage = 0; outage < 2; outage++) {
      for (let i = 0; i < 40; i++) sink.accept(makeSpans(1, { text }));
      await settle();
      await drain();
      await timers.advance(PAST_DELAY_MS);
      await drain();
    }
    expect(problems.filter((problem) => problem.includes('is full'))).toHaveLength(2);
    expect(problems.filter((problem) => problem.includes('takes spans again'))).toHaveLength(2);
  });

  test('counts what is under way, too', async () => {
    const sink = makeSink({ ...small, maxQueueBytes: 12_000 });
    await accept(sink, makeSpans(10, { text }));
    expect(sender.waiting).toHaveLength(2);
    await accept(sink, makeSpans(5, { text }));
    expect(countsOf(sink.status)).toEqual({ made: 15, queued: 10, 'queue-full': 5 });
  });
});

describe('flush', () => {
  test('sends what waits at once, and resolves when it is there', async () => {
    const sink = makeSink();
    await accept(sink, makeSpans(3));
    let isOver = false;
    const flushed = sink.flush(5000).then(() => {
      isOver = true;
    });
    await settle();
    expect(isOver).toBe(false);
    await sender.open.accept();
    await flushed;
    expect(countsOf(sink.status)).toEqual({ made: 3, exported: 3 });
  });

  test('with nothing to send resolves at once', async () => {
    await makeSink().flush(5000);
  });

  test('does not wait for what comes afterwards', async () => {
    const sink = makeSink();
    await accept(sink, makeSpans(3));
    const flushed = sink.flush(5000);
    await accept(sink, makeSpans(10));
    await sender.waiting[0]?.accept();
    await flushed;
    expect(sink.status.queued).toBe(10);
  });

  test('waits also for those that were under way before', async () => {
    const sink = makeSink();
    await accept(sink, makeSpans(20));
    let isOver = false;
    const flushed = sink.flush(5000).then(() => {
      isOver = true;
    });
    await sender.waiting[1]?.accept();
    expect(isOver).toBe(false);
    await sender.waiting[0]?.accept();
    await flushed;
  });

  test('ends when the time is over, and everything is kept', async () => {
    const sink = makeSink();
    await accept(sink, makeSpans(3));
    const flushed = sink.flush(5000);
    await timers.advance(5000);
    await flushed;
    expect(countsOf(sink.status)).toEqual({ made: 3, queued: 3 });
    expect(sender.open.signal.aborted).toBe(false);
  });

  test('tries at once after a failure, but not where the collector asked to wait', async () => {
    const sink = makeSink();
    await accept(sink, makeSpans(10));
    await sender.open.fail();
    const flushed = sink.flush(5000);
    await sender.open.accept();
    await flushed;
    await accept(sink, makeSpans(10));
    await sender.open.fail('429', 10_000);
    const late = sink.flush(5000);
    await timers.advance(5000);
    await late;
    expect(sender.waiting).toHaveLength(0);
  });
});

describe('shutdown', () => {
  test('sends what is left, also what comes meanwhile, and closes the sender', async () => {
    const sink = makeSink();
    await accept(sink, makeSpans(3));
    const ended = sink.shutdown(5000);
    await accept(sink, makeSpans(4));
    await drain();
    await ended;
    expect(countsOf(sink.status)).toEqual({ made: 7, exported: 7 });
    expect(sender.isClosed).toBe(true);
    expect(timers.count).toBe(0);
    expect(problems).toEqual([]);
  });

  test('happens once: a second call waits for the same end', async () => {
    const sink = makeSink();
    await accept(sink, makeSpans(3));
    const first = sink.shutdown(5000);
    expect(sink.shutdown(1)).toBe(first);
    await drain();
    await first;
    await sink.shutdown(5000);
    await sink.flush(5000);
  });

  test('what comes afterwards is counted and goes nowhere', async () => {
    const sink = makeSink();
    await sink.shutdown(5000);
    await accept(sink, makeSpans(20));
    expect(sender.requests).toEqual([]);
    expect(countsOf(sink.status)).toEqual({ made: 20, shutdown: 20 });
  });

  test('with a collector that is down makes one last attempt, and says what is lost', async () => {
    const sink = makeSink();
    await accept(sink, makeSpans(15));
    await sender.open.fail();
    const ended = sink.shutdown(5000);
    await sender.open.fail();
    await ended;
    expect(countsOf(sink.status)).toEqual({ made: 15, shutdown: 15 });
    expect(problems.at(-1)).toBe(
      '15 spans could not be sent to http://collector.example:4318 before the end, and were dropped',
    );
    expect(sender.requests).toHaveLength(2);
  });

  test('with an attempt under way that fails makes another one', async () => {
    const sink = makeSink();
    await accept(sink, makeSpans(10));
    const ended = sink.shutdown(5000);
    await sender.open.fail();
    await sender.open.accept();
    await ended;
    expect(countsOf(sink.status)).toEqual({ made: 10, exported: 10 });
  });

  test('with a collector that was well until now tries again until the deadline', async () => {
    const sink = makeSink();
    await accept(sink, makeSpans(20));
    await sender.waiting[0]?.accept();
    const ended = sink.shutdown(5000);
    await sender.open.fail();
    await sender.open.fail();
    expect(sender.waiting).toHaveLength(0);
    await timers.advance(1000);
    await sender.open.accept();
    await ended;
    expect(countsOf(sink.status)).toEqual({ made: 20, exported: 20 });
  });

  test('with a collector that hangs ends at the deadline, and a late answer changes nothing', async () => {
    const sink = makeSink();
    await accept(sink, makeSpans(25));
    const hanging = sender.waiting;
    const ended = sink.shutdown(5000);
    await timers.advance(4999);
    expect(sender.isClosed).toBe(false);
    await timers.advance(1);
    await ended;
    expect(hanging.every(({ signal }) => signal.aborted)).toBe(true);
    expect(countsOf(sink.status)).toEqual({ made: 25, shutdown: 25 });
    for (const request of hanging) await request.accept();
    expect(countsOf(sink.status)).toEqual({ made: 25, shutdown: 25 });
    expect(sender.isClosed).toBe(true);
  });
});

describe('a spool', () => {
  test('stays empty while the collector answers', async () => {
    const sink = makeSink(spool());
    for (let i = 0; i < 20; i++) await accept(sink, makeSpans(10));
    await drain();
    await timers.advance(60_000);
    expect(filesIn(folder.path)).toEqual([]);
  });

  test('holds what waits as soon as the collector has failed, and what comes later after the delay', async () => {
    const sink = makeSink(spool());
    await accept(sink, makeSpans(25));
    for (const request of sender.waiting) await request.fail();
    expect(countsOf(sink.status)).toEqual({ made: 25, spooled: 25 });
    expect(sink.status.spooledBytes).toBeGreaterThan(0);
    await accept(sink, makeSpans(3));
    expect(countsOf(sink.status)).toEqual({ made: 28, queued: 3, spooled: 25 });
    await timers.advance(PAST_DELAY_MS);
    expect(countsOf(sink.status)).toEqual({ made: 28, spooled: 28 });
    await accept(sink, makeSpans(10));
    expect(countsOf(sink.status)).toEqual({ made: 38, spooled: 38 });
  });

  test('is sent oldest first when the collector is back, beside what is new, and is empty then', async () => {
    const sink = makeSink(spool());
    const ids = await accept(sink, makeSpans(10));
    await sender.open.fail();
    ids.push(...(await accept(sink, makeSpans(25))));
    await timers.advance(500);
    expect(sender.open.ids).toEqual(ids.slice(0, 10));
    await sender.open.fail();
    await timers.advance(1000);
    await sender.open.accept();
    ids.push(...(await accept(sink, makeSpans(10))));
    expect(sender.waiting.map((request) => request.ids[0])).toEqual([ids[10], ids[35]]);
    const rest = await drain();
    expect([...ids.slice(0, 10), ...rest].sort()).toEqual([...ids].sort());
    expect(countsOf(sink.status)).toEqual({ made: 45, exported: 45 });
    expect(filesIn(folder.path)).toEqual([]);
  });

  test('holds what waits behind a collector that is slow to answer', async () => {
    const sink = makeSink(spool());
    await accept(sink, makeSpans(20));
    await timers.advance(2000);
    await accept(sink, makeSpans(5));
    await timers.advance(PAST_DELAY_MS);
    expect(countsOf(sink.status)).toEqual({ made: 25, queued: 20, spooled: 5 });
    expect(await drain()).toHaveLength(25);
  });

  test('takes the oldest from a queue that is full', async () => {
    const sink = makeSink({ ...spool(), maxQueueBytes: 20_000, maxBatchSpans: 5 });
    const ids: string[] = [];
    for (let i = 0; i < 100; i++) {
      const spans = makeSpans(1, { text: 'x'.repeat(1000) });
      ids.push(idOf(spans[0] as ReadableSpan));
      sink.accept(spans);
      expectBalance(sink.status);
      expect(sink.status.queuedBytes).toBeLessThanOrEqual(20_000);
    }
    expect(sink.status.spooled).toBeGreaterThan(0);
    await settle();
    await timers.advance(PAST_DELAY_MS);
    expect((await drain()).sort()).toEqual([...ids].sort());
    expect(countsOf(sink.status)).toEqual({ made: 100, exported: 100 });
    expect(problems).toEqual([]);
  });

  test('that is full gives up its oldest spans, said once and summed up', async () => {
    const sink = makeSink({ ...spool({ maxBytes: 60_000 }), maxBatchSpans: 5 });
    const ids: string[] = [];
    for (let i = 0; i < 20; i++) {
      ids.push(...(await accept(sink, makeSpans(5, { text: 'x'.repeat(1000) }))));
      if (i === 0) await sender.open.fail();
      expectBalance(sink.status);
      expect(sink.status.spooledBytes).toBeLessThanOrEqual(60_000);
    }
    const dropped = sink.status.dropped['queue-full'];
    expect(dropped).toBeGreaterThan(0);
    await timers.advance(5000);
    expect(await drain()).toEqual(ids.slice(dropped));
    expect(problems.map((problem) => problem.replace(/http\S+/, ''))).toEqual([
      expect.stringContaining('cannot send'),
      expect.stringContaining('is full'),
      ` takes spans again; ${dropped} spans were dropped`,
    ]);
  });

  test('keeps what is left at the end, for the next one', async () => {
    const sink = makeSink(spool());
    const ids = await accept(sink, makeSpans(15));
    const ended = sink.shutdown(5000);
    await sender.open.fail();
    await sender.open.fail();
    await ended;
    expect(countsOf(sink.status)).toEqual({ made: 15, spooled: 15 });

    const next = makeSink(spool());
    expect(countsOf(next.status)).toEqual({ made: 15, spooled: 15 });
    await settle();
    expect(await drain()).toEqual(ids);
    expect(countsOf(next.status)).toEqual({ made: 15, exported: 15 });
    expect(filesIn(folder.path)).toEqual([]);
  });

  test('keeps at the end also what was under way to a collector that hangs', async () => {
    const sink = makeSink(spool());
    const ids = await accept(sink, makeSpans(25));
    const ended = sink.shutdown(5000);
    await timers.advance(5000);
    await ended;
    sender.requests.length = 0;
    const next = makeSink(spool());
    await settle();
    expect(await drain()).toEqual(ids);
    expect(countsOf(next.status)).toEqual({ made: 25, exported: 25 });
  });

  test('at the end sends what it holds, where there is time', async () => {
    const sink = makeSink(spool());
    const ids = await accept(sink, makeSpans(20));
    for (const request of sender.waiting) await request.fail();
    const ended = sink.shutdown(5000);
    await settle();
    expect(await drain()).toEqual(ids);
    await ended;
    expect(countsOf(sink.status)).toEqual({ made: 20, exported: 20 });
  });

  test('is searched for spans that the collector refuses, like memory', async () => {
    const sink = makeSink(spool());
    const ids = await accept(sink, makeSpans(10));
    await sender.open.fail();
    await timers.advance(499);
    sender.script = (request) =>
      request.ids.includes(ids[3] as string) ? { kind: 'refused', message: '400' } : { kind: 'sent', rejected: 0 };
    await timers.advance(1);
    await settle();
    expect(countsOf(sink.status)).toEqual({ made: 10, exported: 9, rejected: 1 });
    expect(filesIn(folder.path)).toEqual([]);
  });

  test('is not shared by collectors: what was meant for one is not sent to another', async () => {
    const sink = makeSink(spool());
    await accept(sink, makeSpans(10));
    await sender.open.fail();
    const ended = sink.shutdown(5000);
    await sender.open.fail();
    await ended;
    for (const endpoint of ['http://other.example:4318/v1/traces', 'http://collector.example:4318/tenants/other']) {
      const other = makeSink({ ...spool(), endpoint });
      await settle();
      expect(countsOf(other.status)).toEqual({});
    }
    const same = makeSink({
      ...spool(),
      endpoint: 'http://grace:other@collector.example:4318/v1/traces?token=changed',
    });
    expect(countsOf(same.status)).toEqual({ made: 10, spooled: 10 });
    expect(filesIn(folder.path).join()).not.toMatch(/secret|other|token/);
  });

  test('keeps spans of another protocol, says so, and waits for one that sends them', async () => {
    const sink = makeSink({ ...spool(), encoder: new OtlpProtobufEncoder() });
    const ids = await accept(sink, makeSpans(10));
    await sender.open.fail();
    const ended = sink.shutdown(5000);
    await sender.open.fail();
    await ended;
    const json = makeSink({ ...spool(), encoder: new OtlpJsonEncoder() });
    await settle();
    expect(sender.waiting).toEqual([]);
    expect(countsOf(json.status)).toEqual({});
    expect(problems.at(-1)).toMatch(/holds spans in protobuf of an earlier process/);
    makeSink({ ...spool(), encoder: new OtlpProtobufEncoder() });
    await settle();
    expect(await drain()).toEqual(ids);
  });

  test('that cannot be written leaves everything in memory, and says so once', async () => {
    rmSync(folder.path, { recursive: true });
    writeFileSync(folder.path, 'not a folder');
    const sink = makeSink({ ...spool({ directory: join(folder.path, 'spool') }) });
    const ids = await accept(sink, makeSpans(25));
    for (const request of sender.waiting) await request.fail();
    await timers.advance(499);
    expect(countsOf(sink.status)).toEqual({ made: 25, queued: 25 });
    await timers.advance(1);
    expect(await drain()).toEqual(ids);
    expect(problems.filter((problem) => problem.includes('cannot write to the spool'))).toHaveLength(1);
  });
});
