import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';

const clocks = { forward: 1000, wall: 1_700_000_000_000 };
type Clock = typeof import('../../../src/telemetry/tracing/span-clock');
let clock: Clock;

beforeAll(() => {
  jest.spyOn(performance, 'now').mockImplementation(() => clocks.forward);
  jest.spyOn(Date, 'now').mockImplementation(() => clocks.wall);
});

beforeEach(() => {
  clocks.forward = 1000;
  clocks.wall = 1_700_000_000_000;
  jest.isolateModules(() => {
    clock = require('../../../src/telemetry/tracing/span-clock');
  });
});

afterAll(() => jest.restoreAllMocks());

function pass(milliseconds: number): void {
  clocks.forward += milliseconds;
  clocks.wall += milliseconds;
}

const now = () => clock.wallTime(clock.monotonicNow());

test('it says what the wall clock says, with fractions', () => {
  expect(now()).toBe(1_700_000_000_000);
  clocks.forward += 0.25;
  expect(now()).toBe(1_700_000_000_000.25);
  pass(10_000);
  expect(now()).toBe(1_700_000_010_000.25);
});

test('it follows a wall clock that is set, within a second', () => {
  for (const step of [3_600_000, -7_200_000]) {
    clocks.wall += step;
    pass(1001);
    expect(now()).toBe(clocks.wall);
  }
});

test('it does not follow what a clock that counts whole milliseconds is off', () => {
  const started = now();
  for (let second = 0; second < 10; second += 1) {
    clocks.forward += 1100;
    clocks.wall = Math.floor(1_700_000_000_000 + clocks.forward - 1000 - (second % 2 ? 0 : 4));
    now();
  }
  expect(now() - started).toBe(11_000);
});

test('a machine that slept is followed: its forward clock may have stood still', () => {
  clocks.wall += 3_600_000;
  clocks.forward += 1500;
  expect(now()).toBe(clocks.wall);
});

test('a reading of the forward clock that is given late changes nothing for others', () => {
  pass(60_000);
  expect(clock.millisecondsOf(1000)).toBe(1_700_000_000_000);
  expect(clock.millisecondsOf(31_000)).toBe(1_700_000_030_000);
  expect(now()).toBe(1_700_000_060_000);
});

test('the four kinds of times', () => {
  pass(5000);
  expect(clock.millisecondsOf(1_700_000_001_234)).toBe(1_700_000_001_234);
  expect(clock.millisecondsOf(2500)).toBe(1_700_000_001_500);
  expect(clock.millisecondsOf(new Date(1_700_000_001_234))).toBe(1_700_000_001_234);
  expect(clock.millisecondsOf([1_700_000_001, 234_500_000])).toBe(1_700_000_001_234.5);
  expect(clock.millisecondsOf(new Date(0))).toBe(0);
  for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, new Date('soon'), [Number.NaN, 1], null, 'today'])
    expect(clock.millisecondsOf(odd as never)).toBe(1_700_000_005_000);
});

test('seconds and nanoseconds', () => {
  expect(clock.hrTimeOf(0)).toEqual([0, 0]);
  expect(clock.hrTimeOf(1234.5678)).toEqual([1, 234_567_800]);
  expect(clock.hrTimeOf(999.99999)).toEqual([1, 0]);
  expect(clock.hrTimeOf(1_700_000_000_999)).toEqual([1_700_000_000, 999_000_000]);
  for (let at = 0; at < 1000; at += 1) {
    const [seconds, nanoseconds] = clock.hrTimeOf(1_700_000_000_000 + at * 7.0009);
    expect(Number.isInteger(seconds) && Number.isInteger(nanoseconds)).toBe(true);
    expect(nanoseconds).toBeGreaterThanOrEqual(0);
    expect(nanoseconds).toBeLessThan(1_000_000_000);
  }
});

describe('a wall clock that is set during a span', () => {
  function spanDuring(happens: () => void): ReadableSpan {
    let span!: ReadableSpan & { addEvent(name: string): unknown; end(): void };
    jest.isolateModules(() => {
      const { SpanTracerProvider } = require('../../../src/telemetry/tracing/span-tracer');
      const { AlwaysOnSampler } = require('@opentelemetry/sdk-trace-base');
      const { LIMITS } = require('./tracing-modes');
      const provider = new SpanTracerProvider({
        resource: {},
        sampler: new AlwaysOnSampler(),
        sampledParentIsFinal: true,
        limits: LIMITS,
        processor: { onStart() {}, onEnd() {} },
      });
      span = provider.getTracer('test').startSpan('span');
    });
    pass(100);
    happens();
    pass(2000);
    span.addEvent('event');
    pass(400);
    span.end();
    return span;
  }

  test.each([
    ['forward', 3_600_000],
    ['back', -3_600_000],
    ['not at all', 0],
  ])('%s does not change its duration', (_how, step) => {
    const span = spanDuring(() => {
      clocks.wall += step;
    });
    expect(span.duration).toEqual([2, 500_000_000]);
    expect(span.startTime).toEqual([1_700_000_000, 0]);
    expect(span.events[0]?.time).toEqual([1_700_000_002, 100_000_000]);
    expect(span.endTime).toEqual([1_700_000_002, 500_000_000]);
  });

  test('also with clocks that others have faked, a duration is never negative', () => {
    const span = spanDuring(() => {
      clocks.forward = 0;
    });
    expect(span.duration[0]).toBeGreaterThanOrEqual(0);
  });
});
