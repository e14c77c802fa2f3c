import { ROOT_CONTEXT, type Span, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import type { SamplingConfig } from '../../../src/config/telemetry-config';
import { calledBy, NONE, Service, TAKEN } from './services';

const ERRORS: SamplingConfig = { ...NONE, keepErrors: true };
const SLOW: SamplingConfig = { ...NONE, keepSlowerThanMs: 100 };
const START = 1_700_000_000_000;

function fail(span: Span): void {
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** Starts and ends a span that took so long. */
function took(service: Service, ms: number, name = 'request'): void {
  service.start(name, undefined, { startTime: START }).end(START + ms);
}

class Clock {
  ms = 0;
  readonly now = () => this.ms;
}

const kept = (service: Service) => service.exported.map(({ name, attributes }) => [name, attributes['sampling.kept']]);

describe('errors', () => {
  test('a trace without an error is left out, and nothing of it stays', () => {
    const service = new Service(ERRORS);
    const request = service.start('request');
    service.start('work', request).end();
    expect(service.tail.held).toBe(1);
    request.end();
    expect(service.exported).toEqual([]);
    expect(service.tail).toMatchObject({ held: 0, discarded: 0 });
  });

  test('one error keeps all of its trace, before it, beside it and behind it, and the root says why', () => {
    const service = new Service(ERRORS);
    const request = service.start('request', undefined, { attributes: { 'http.request.method': 'GET' } });
    const load = service.start('load', request);
    service.start('query', load).end();
    const parse = service.start('parse', request);
    fail(load);
    parse.end();
    request.end();
    expect(kept(service)).toEqual([
      ['query', undefined],
      ['load', undefined],
      ['parse', undefined],
      ['request', 'error'],
    ]);
    expect(service.exported.at(-1)?.attributes).toEqual({ 'http.request.method': 'GET', 'sampling.kept': 'error' });
  });

  test('an error of the root itself is enough', () => {
    const service = new Service(ERRORS);
    const request = service.start('request');
    service.start('work', request).end();
    fail(request);
    expect(kept(service)).toEqual([
      ['work', undefined],
      ['request', 'error'],
    ]);
  });

  test('without keepErrors an error is as good as none', () => {
    const service = new Service(SLOW);
    fail(service.start('request'));
    expect(service.exported).toEqual([]);
  });

  test('two requests of one trace in one process are decided apart', () => {
    const service = new Service(ERRORS);
    const [good, bad] = [0, 1].map((index) => {
      const request = service.start(`request ${index}`, calledBy(TAKEN, TraceFlags.NONE));
      return { request, work: service.start(`work ${index}`, request) };
    }) as [{ request: Span; work: Span }, { request: Span; work: Span }];
    good.work.end();
    fail(bad.work);
    good.request.end();
    bad.request.end();
    expect(service.names).toEqual(['work 1', 'request 1']);
  });

  test('a request that a process makes to itself is decided apart', () => {
    const service = new Service(ERRORS);
    const outer = service.start('outer');
    const call = service.start('call', outer);
    const received = trace.setSpanContext(ROOT_CONTEXT, { ...call.spanContext(), isRemote: true });
    const served = service.start('served', received);
    fail(served);
    call.end();
    outer.end();
    expect(service.names).toEqual(['served']);
  });

  test('what ends behind its root goes the way of the root', () => {
    const service = new Service(ERRORS);
    for (const ends of [(span: Span) => span.end(), fail]) {
      const request = service.start('request');
      const late = service.start('late', request);
      ends(request);
      late.end();
      service.start('later still', late).end();
    }
    expect(service.names).toEqual(['request', 'late', 'later still']);
  });

  test('an error that comes when its trace was left out is kept, with what ends behind it, and says so itself', () => {
    const service = new Service(ERRORS);
    const request = service.start('request');
    const task = service.start('task', request);
    const step = service.start('step', task);
    service.start('query', step).end();
    request.end();
    fail(step);
    task.end();
    expect(kept(service)).toEqual([
      ['step', 'error'],
      ['task', undefined],
    ]);
  });

  test('what is kept is the span as it was', () => {
    const service = new Service(ERRORS);
    const span = service.start('request', calledBy(TAKEN, TraceFlags.NONE), {
      kind: 1,
      startTime: START,
      links: [{ context: { traceId: TAKEN, spanId: '0000000000000001', traceFlags: 0 } }],
    });
    span.addEvent('retried', { attempt: 2 }, START + 10);
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'no' });
    span.end(START + 20);
    expect(service.exported[0]).toMatchObject({
      name: 'request',
      kind: 1,
      parentSpanContext: { traceId: TAKEN, isRemote: true },
      startTime: [1_700_000_000, 0],
      endTime: [1_700_000_000, 20_000_000],
      duration: [0, 20_000_000],
      ended: true,
      status: { code: SpanStatusCode.ERROR, message: 'no' },
      events: [{ name: 'retried', attributes: { attempt: 2 } }],
      links: [{ context: { traceId: TAKEN } }],
      instrumentationScope: { name: 'test' },
    });
    expect(service.exported[0]?.spanContext()).toBe(span.spanContext());
    expect(service.exported[0]?.resource.attributes['telemetry.sdk.name']).toBe('opentelemetry');
    // The view does not touch the span: another processor may still read it.
    expect((span as unknown as { attributes: object }).attributes).toEqual({});
  });
});

describe('slow ones', () => {
  test('a trace is kept when its root took longer than the limit, and only then', () => {
    const service = new Service(SLOW);
    took(service, 100, 'in time');
    took(service, 101, 'too slow');
    expect(kept(service)).toEqual([['too slow', 'slow']]);
  });

  test('what ends long after a root that was in time keeps nothing', () => {
    const clock = new Clock();
    const service = new Service(SLOW, { tail: { now: clock.now } });
    const request = service.start('request', undefined, { startTime: START });
    const late = service.start('late', request);
    request.end(START + 10);
    clock.ms = 5000;
    late.end();
    expect(service.exported).toEqual([]);
  });

  test('a slow span in the middle keeps nothing', () => {
    const service = new Service(SLOW);
    const request = service.start('request', undefined, { startTime: START });
    service.start('work', request, { startTime: START - 5000 }).end(START);
    request.end(START + 10);
    expect(service.exported).toEqual([]);
  });

  test('all that belongs to a slow root comes with it', () => {
    const service = new Service(SLOW);
    const request = service.start('request', undefined, { startTime: START });
    service.start('work', request).end();
    request.end(START + 500);
    expect(kept(service)).toEqual([
      ['work', undefined],
      ['request', 'slow'],
    ]);
  });

  test('a root that is open for longer than the limit is known to be slow before it ends', () => {
    const clock = new Clock();
    const service = new Service(SLOW, { tail: { now: clock.now } });
    const request = service.start('request', undefined, { startTime: START });
    service.start('first', request).end();
    clock.ms = 101;
    service.start('second', request).end();
    expect(service.names).toEqual(['first', 'second']);
    request.end(START + 200);
    expect(kept(service).at(-1)).toEqual(['request', 'slow']);
  });

  test('of two reasons, the error is named', () => {
    const service = new Service({ ...SLOW, keepErrors: true });
    const span = service.start('request', undefined, { startTime: START });
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(START + 5000);
    expect(kept(service)).toEqual([['request', 'error']]);
  });

  test('a limit of 0 keeps everything that took any time', () => {
    const service = new Service({ ...NONE, keepSlowerThanMs: 0 });
    took(service, 0, 'nothing');
    took(service, 1, 'something');
    expect(service.names).toEqual(['something']);
  });
});

describe('what is too much', () => {
  test('of too many open traces the oldest is given up, and counted', () => {
    const service = new Service(ERRORS, { tail: { maxTraces: 2 } });
    const requests = [0, 1, 2].map((index) => {
      const request = service.start(`request ${index}`);
      service.start(`work ${index}`, request).end();
      return request;
    });
    expect(service.tail).toMatchObject({ held: 2, discarded: 1 });
    requests.forEach(fail);
    expect(service.names).toEqual(['request 0', 'work 1', 'request 1', 'work 2', 'request 2']);
    expect(service.tail).toMatchObject({ held: 0, discarded: 1 });
  });

  test('starting one trace too many is enough, though nothing ends', () => {
    const service = new Service(ERRORS, { tail: { maxTraces: 1 } });
    service.start('work', service.start('first')).end();
    service.start('second');
    expect(service.tail).toMatchObject({ held: 0, discarded: 1 });
  });

  test('of too many bytes the oldest trace is given up, whatever the spans hold', () => {
    const service = new Service(ERRORS, { tail: { maxBytes: 20_000 } });
    const [old, young] = [service.start('old'), service.start('young')];
    service.start('work', old, { attributes: { body: 'x'.repeat(5000) } }).end();
    service.start('work', young, { attributes: { lines: ['y'.repeat(3000), 'y'.repeat(3000)] } }).end();
    expect(service.tail).toMatchObject({ held: 2, discarded: 0 });
    const work = service.start('work', young);
    work.addEvent('answer', { body: 'z'.repeat(6000) });
    work.end();
    expect(service.tail).toMatchObject({ held: 2, discarded: 1 });
    fail(young);
    expect(service.names).toEqual(['work', 'work', 'young']);
  });

  test('one trace that is larger than the room for all gives itself up, and what ends later is counted as well', () => {
    const service = new Service(ERRORS, { tail: { maxBytes: 10_000 } });
    const request = service.start('request');
    for (let index = 0; index < 50; index += 1) service.start('work', request).end();
    expect(service.tail).toMatchObject({ held: 0, discarded: 50 });
    fail(request);
    expect(kept(service)).toEqual([['request', 'error']]);
  });

  test('a trace whose root never ends is given up after a time, looked at when other spans end', () => {
    const clock = new Clock();
    const service = new Service(ERRORS, { tail: { maxAgeMs: 1000, now: clock.now } });
    service.start('work', service.start('hanging')).end();
    clock.ms = 1000;
    service.start('other').end();
    expect(service.tail).toMatchObject({ held: 1, discarded: 0 });
    clock.ms = 1001;
    service.start('other').end();
    expect(service.tail).toMatchObject({ held: 0, discarded: 1 });
  });

  test('what is given up is kept instead where it is slow already', () => {
    const clock = new Clock();
    const service = new Service(SLOW, { tail: { maxAgeMs: 1000, now: clock.now } });
    const hanging = service.start('hanging', undefined, { startTime: START });
    service.start('work', hanging).end();
    clock.ms = 1001;
    took(service, 1);
    expect(service.names).toEqual(['work']);
    hanging.end(START + 60_000);
    expect(kept(service).at(-1)).toEqual(['hanging', 'slow']);
    expect(service.tail.discarded).toBe(0);
  });

  test('in the end, what is undecided is handed out where it is slow already, and else counted', () => {
    const clock = new Clock();
    const service = new Service(SLOW, { tail: { now: clock.now } });
    service.start('old work', service.start('old')).end();
    clock.ms = 101;
    service.start('young work', service.start('young')).end();
    expect(service.tail.end().map(({ name }) => name)).toEqual(['old work']);
    expect(service.tail).toMatchObject({ held: 0, discarded: 1 });
    expect(service.tail.end()).toEqual([]);
  });

  test('spans that nobody remembers are lost unless they are the reason to keep them', () => {
    const service = new Service({ ...SLOW, keepErrors: true }, { tail: { maxOpenSpans: 1 } });
    const forgotten = [service.start('a'), service.start('b'), service.start('c', undefined, { startTime: START })];
    service.start('newest');
    forgotten[0]?.end();
    fail(forgotten[1] as Span);
    forgotten[2]?.end(START + 5000);
    expect(kept(service)).toEqual([
      ['b', 'error'],
      ['c', 'slow'],
    ]);
    expect(service.tail.discarded).toBe(1);
  });

  test('what starts below a span that nobody remembers is a trace of its own', () => {
    const service = new Service(ERRORS, { tail: { maxEndedSpans: 1 } });
    const request = service.start('request');
    request.end();
    service.start('other').end();
    const late = service.start('late', request);
    service.start('inner', late).end();
    fail(late);
    expect(kept(service)).toEqual([
      ['inner', undefined],
      ['late', 'error'],
    ]);
  });

  test('it holds no more than its bounds however many spans come and go', () => {
    const service = new Service(ERRORS, {
      tail: { maxTraces: 50, maxBytes: 100_000, maxOpenSpans: 100, maxEndedSpans: 100 },
    });
    let most = 0;
    for (let index = 0; index < 2000; index += 1) {
      const request = service.start('request');
      service.start('never ends', request);
      service.start('work', request, { attributes: { body: 'x'.repeat(index % 1000) } }).end();
      if (index % 3 === 0) request.end();
      most = Math.max(most, service.tail.held);
    }
    expect(most).toBe(50);
    expect(service.tail.discarded + service.tail.held).toBe(2000 - Math.ceil(2000 / 3));
  });
});
