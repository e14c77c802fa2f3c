import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { type ExportResult, ExportResultCode, isTracingSuppressed } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import { ExporterSink, type ExporterSinkOptions } from '../../../src/telemetry/export/exporter-sink';
import { countsOf, expectBalance, exportConfig, idOf, ManualTimers, makeSpans, settle } from './sinks';

let timers: ManualTimers;
let exporters: ScriptedExporter[];
let problems: string[];
const sinks: ExporterSink[] = [];

beforeEach(() => {
  timers = new ManualTimers();
  exporters = [];
  problems = [];
});

afterEach(async () => {
  for (const sink of sinks.splice(0)) {
    expectBalance(sink.status);
    const end = sink.shutdown(10);
    await timers.advance(10);
    await end;
    expectBalance(sink.status);
  }
  expect(timers.count).toBe(0);
});

interface Export {
  readonly ids: string[];
  readonly isUntraced: boolean;
  end(result: ExportResult): void;
}

class ScriptedExporter implements SpanExporter {
  readonly exports: Export[] = [];
  isShutDown = false;
  shutdownResult: () => Promise<void> = async () => {};

  export(spans: ReadableSpan[], end: (result: ExportResult) => void): void {
    this.exports.push({ ids: spans.map(idOf), isUntraced: isTracingSuppressed(context.active()), end });
  }

  shutdown(): Promise<void> {
    this.isShutDown = true;
    return this.shutdownResult();
  }

  get last(): Export {
    const last = this.exports.at(-1);
    if (!last) throw new Error('nothing was exported');
    return last;
  }

  async succeed(): Promise<void> {
    this.last.end({ code: ExportResultCode.SUCCESS });
    await settle();
  }

  async fail(message: string): Promise<void> {
    this.last.end({ code: ExportResultCode.FAILED, error: new Error(message) });
    await settle();
  }
}

function makeSink(over: Partial<ExporterSinkOptions> = {}): ExporterSink {
  const sink = new ExporterSink({
    exporter: 'scripted',
    create: () => {
      exporters.push(new ScriptedExporter());
      return exporters.at(-1) as ScriptedExporter;
    },
    config: exportConfig,
    timeoutMs: 3000,
    onProblem: (message) => problems.push(message),
    timers,
    random: () => 1,
    ...over,
  });
  sinks.push(sink);
  return sink;
}

const only = () => exporters[0] as ScriptedExporter;

async function accept(sink: ExporterSink, count: number): Promise<string[]> {
  const spans = makeSpans(count);
  sink.accept(spans);
  await settle();
  return spans.map(idOf);
}

test('batches go to the exporter one after the other', async () => {
  const sink = makeSink();
  expect(exporters).toEqual([]);
  const ids = await accept(sink, 25);
  expect(only().exports.map((one) => one.ids)).toEqual([ids.slice(0, 10)]);
  await only().succeed();
  await only().succeed();
  expect(only().exports).toHaveLength(2);
  await timers.advance(1000);
  await only().succeed();
  expect(only().exports.flatMap((one) => one.ids)).toEqual(ids);
  expect(countsOf(sink.status)).toEqual({ made: 25, exported: 25 });
  expect(sink.status).toMatchObject({ exporter: 'scripted', healthy: true, queuedBytes: 0 });
});

test('a batch that fails is kept and tried again until it goes', async () => {
  const sink = makeSink();
  const ids = await accept(sink, 10);
  for (const wait of [500, 1000, 2000, 4000, 5000, 5000, 5000]) {
    await only().fail('no connection');
    expect(countsOf(sink.status)).toEqual({ made: 10, queued: 10 });
    await timers.advance(wait);
  }
  await only().succeed();
  expect(only().exports.every((one) => one.ids.join() === ids.join())).toBe(true);
  expect(countsOf(sink.status)).toEqual({ made: 10, exported: 10 });
  expect(problems).toEqual(['cannot send spans to scripted: no connection; trying again until it works']);
});

test('an exporter that never calls back is replaced when its time is over, and its late answer does not count', async () => {
  const sink = makeSink();
  const ids = await accept(sink, 10);
  await timers.advance(3000);
  expect(only().isShutDown).toBe(true);
  expect(sink.status.lastError?.message).toBe('no answer within 3000 ms');
  await only().succeed();
  expect(countsOf(sink.status)).toEqual({ made: 10, queued: 10 });
  await timers.advance(500);
  expect(exporters[1]?.last.ids).toEqual(ids);
  await exporters[1]?.succeed();
  expect(countsOf(sink.status)).toEqual({ made: 10, exported: 10 });
});

test('an exporter that throws, or fails without an error, is tried again', async () => {
  const sink = makeSink();
  await accept(sink, 10);
  only().last.end({ code: ExportResultCode.FAILED });
  await settle();
  expect(sink.status.lastError?.message).toBe('it did not say why');
  only().export = () => {
    throw new TypeError('a bug');
  };
  await timers.advance(500);
  expect(sink.status.lastError?.message).toBe('a bug');
  expect(countsOf(sink.status)).toEqual({ made: 10, queued: 10 });
});

test('a span that the exporter will never take is found, and the others go', async () => {
  const sink = makeSink({ isFinal: (message) => message === 'too large' });
  const ids = await accept(sink, 10);
  for (let i = 0; i < 100 && sink.status.queued > 0; i++) {
    if (only().last.ids.includes(ids[6] as string)) await only().fail('too large');
    else await only().succeed();
  }
  expect(countsOf(sink.status)).toEqual({ made: 10, exported: 9, rejected: 1 });
});

test('the queue is bounded by what the spans are thought to take', async () => {
  const sink = makeSink({
    sizeOf: () => 100,
    config: { ...exportConfig, maxBatchBytes: 350, maxQueueBytes: 1000 },
  });
  await accept(sink, 20);
  expect(only().last.ids).toHaveLength(3);
  expect(countsOf(sink.status)).toEqual({ made: 20, queued: 9, 'queue-full': 11 });
  expect(sink.status.queuedBytes).toBe(900);
});

test('what the exporter itself sends is not traced', async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  try {
    const sink = makeSink();
    await accept(sink, 10);
    expect(only().last.isUntraced).toBe(true);
    expect(trace.getActiveSpan()).toBeUndefined();
  } finally {
    context.disable();
  }
});

describe('shutdown', () => {
  test('sends what is left, then shuts the exporter down', async () => {
    const sink = makeSink();
    await accept(sink, 3);
    const ended = sink.shutdown(5000);
    expect(sink.shutdown(5000)).toBe(ended);
    expect(only().isShutDown).toBe(false);
    await only().succeed();
    await ended;
    expect(only().isShutDown).toBe(true);
    sink.accept(makeSpans(2));
    expect(countsOf(sink.status)).toEqual({ made: 5, exported: 3, shutdown: 2 });
  });

  test('resolves when the exporter rejects, also with nothing', async () => {
    const sink = makeSink();
    await accept(sink, 10);
    only().shutdownResult = () => Promise.reject(undefined);
    await only().succeed();
    await sink.shutdown(5000);
  });

  test('resolves at the deadline when the exporter hangs, in export and in shutdown', async () => {
    const sink = makeSink();
    await accept(sink, 10);
    only().shutdownResult = () => new Promise(() => {});
    const ended = sink.shutdown(1000);
    await timers.advance(1000);
    await ended;
    expect(countsOf(sink.status)).toEqual({ made: 10, shutdown: 10 });
  });

  test('without a single span makes no exporter', async () => {
    await makeSink().shutdown(5000);
    expect(exporters).toEqual([]);
  });
});
