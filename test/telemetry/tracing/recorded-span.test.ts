import {
  type Attributes,
  type Context,
  createTraceState,
  DiagLogLevel,
  diag,
  type HrTime,
  type Link,
  ROOT_CONTEXT,
  SamplingDecision,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  type TimeInput,
  TraceFlags,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  type IdGenerator,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import type { SpanLimitsConfig } from '../../../src/config/telemetry-config';
import { SpanTracerProvider } from '../../../src/telemetry/tracing/span-tracer';
import { LIMITS } from './tracing-modes';

/** Numbers from 0 to 1, always the same for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

class Random {
  private readonly number: () => number;

  constructor(readonly seed: number) {
    this.number = randomNumbers(seed);
  }

  chance(probability: number): boolean {
    return this.number() < probability;
  }

  below(limit: number): number {
    return Math.floor(this.number() * limit);
  }

  one<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T;
  }

  hex(digits: number): string {
    return Array.from({ length: digits }, () => this.below(16).toString(16)).join('');
  }
}

/** The same ids for both. */
function idsOf(seed: number): IdGenerator {
  const random = new Random(seed);
  return { generateSpanId: () => random.hex(16), generateTraceId: () => random.hex(32) };
}

class Collecting implements SpanProcessor {
  readonly seen: string[] = [];
  readonly ended: ReadableSpan[] = [];

  onStart(span: ReadableSpan, parent: Context): void {
    this.seen.push(`start ${span.name} under ${trace.getSpanContext(parent)?.spanId ?? 'none'}`);
  }

  onEnd(span: ReadableSpan): void {
    this.seen.push(`end ${span.name}`);
    this.ended.push(span);
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}

interface Side {
  readonly processor: Collecting;
  readonly provider: TracerProvider;
}

function bothSides(seed: number, limits: SpanLimitsConfig, sampler: Sampler): { ours: Side; theirs: Side } {
  const resource = resourceFromAttributes({ 'service.name': 'test' });
  const [ours, theirs] = [new Collecting(), new Collecting()];
  return {
    ours: {
      processor: ours,
      provider: new SpanTracerProvider({
        resource,
        sampler,
        sampledParentIsFinal: true,
        limits,
        processor: ours,
        ids: idsOf(seed),
      }),
    },
    theirs: {
      processor: theirs,
      provider: new BasicTracerProvider({
        resource,
        sampler,
        spanLimits: limits,
        spanProcessors: [theirs],
        idGenerator: idsOf(seed),
      }),
    },
  };
}

/** A clock that both read; it moves when it is told to. */
const clock = { now: 0, origin: 0 };

beforeAll(() => {
  clock.now = performance.now();
  clock.origin = Date.now() - clock.now;
  jest.spyOn(performance, 'now').mockImplementation(() => clock.now);
  jest.spyOn(Date, 'now').mockImplementation(() => Math.floor(clock.origin + clock.now));
});

afterAll(() => jest.restoreAllMocks());

const REMOTE: readonly SpanContext[] = [
  { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: TraceFlags.SAMPLED, isRemote: true },
  { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), traceFlags: TraceFlags.NONE, isRemote: true },
  {
    traceId: 'e'.repeat(32),
    spanId: 'f'.repeat(16),
    traceFlags: TraceFlags.SAMPLED,
    traceState: createTraceState('vendor=1'),
  },
  { traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: TraceFlags.SAMPLED },
  { traceId: 'not hex', spanId: 'b'.repeat(16), traceFlags: TraceFlags.SAMPLED },
];
const VALUES: readonly unknown[] = [
  'text',
  '',
  'a rather long text that goes beyond its limit',
  '🎈🎈🎈🎈🎈🎈🎈🎈',
  0,
  -1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  true,
  false,
  ['a', 'b'],
  ['a rather long text that goes beyond its limit', null],
  [1, 2],
  [true, undefined],
  [],
  // What follows is not valid.
  ['a', 1],
  [{ a: 1 }],
  { a: 1 },
  () => 1,
  12n,
  Symbol('s'),
  new Date(0),
];
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'http.route', ''];

function attributesOf(random: Random, withNothing: boolean): Attributes | undefined {
  if (random.chance(0.2)) return undefined;
  const attributes: Record<string, unknown> = {};
  for (let left = random.below(7); left > 0; left -= 1)
    attributes[random.one(KEYS)] =
      withNothing && random.chance(0.1) ? random.one([null, undefined]) : random.one(VALUES);
  return attributes as Attributes;
}

function linksOf(random: Random): Link[] {
  return Array.from({ length: random.below(4) }, () => ({
    context: random.one(REMOTE),
    attributes: attributesOf(random, false),
  }));
}

/** A time of each of the four kinds: milliseconds, a reading of the forward clock, a date, seconds with nanoseconds. */
function timeOf(random: Random): TimeInput {
  const milliseconds = Math.floor(clock.origin + clock.now) + random.below(5000) - 2500;
  return random.one<TimeInput>([
    milliseconds,
    clock.now - random.below(100),
    new Date(milliseconds),
    [Math.floor(milliseconds / 1000), (milliseconds % 1000) * 1_000_000 + 500_000],
  ]);
}

/** Errors that the two are to tell alike. */
function exceptionOf(random: Random): object {
  const error = random.one([new Error('plain'), new TypeError('type'), new RangeError('range')]);
  error.stack = `${error.name}: ${error.message}\n    at somewhere`;
  return random.one<object>([
    error,
    { name: 'Odd', message: 'no error, but like one' },
    { name: 'Odd', message: 'with a stack', stack: 'at somewhere' },
  ]);
}

type Operation = (span: Span) => unknown;

function operationOf(random: Random): Operation {
  const key = random.one(KEYS);
  const value = random.chance(0.1) ? random.one([null, undefined]) : random.one(VALUES);
  const attributes = attributesOf(random, true);
  const plain = attributesOf(random, false);
  const [at, later] = [timeOf(random), timeOf(random)];
  const links = linksOf(random);
  const status = {
    code: random.one([SpanStatusCode.UNSET, SpanStatusCode.OK, SpanStatusCode.ERROR]),
    message: random.one(['why', undefined, 7 as never, '']),
  };
  const exception = exceptionOf(random);
  const step = random.one([0, 0.25, 3, 1500]);
  return random.one<Operation>([
    (span) => span.setAttribute(key, value as string),
    (span) => span.setAttribute(key, value as string),
    (span) => attributes && span.setAttributes(attributes),
    (span) => span.addEvent('event'),
    (span) => span.addEvent('event', plain),
    (span) => span.addEvent('event', at),
    (span) => span.addEvent('event', plain, at),
    (span) => span.addEvent('event', at, later),
    (span) => links[0] && span.addLink(links[0]),
    (span) => span.addLinks(links),
    (span) => span.setStatus(status),
    (span) => span.updateName(`renamed ${key}`),
    (span) => span.recordException(exception as Error),
    (span) => span.recordException(exception as Error, at),
    () => {
      clock.now += step;
    },
  ]);
}

interface Twins {
  readonly ours: Span;
  readonly theirs: Span;
  /** What the user gave. */
  readonly startTime: TimeInput | undefined;
}

const millisecondsOf = ([seconds, nanoseconds]: HrTime) => seconds * 1000 + nanoseconds / 1e6;

/** Everything of a span but its times. */
function shapeOf(span: ReadableSpan): unknown {
  const { traceState, ...ids } = span.spanContext();
  return {
    name: span.name,
    kind: span.kind,
    ids,
    traceState: traceState?.serialize(),
    parent: span.parentSpanContext && {
      ...span.parentSpanContext,
      traceState: span.parentSpanContext.traceState?.serialize(),
    },
    attributes: Object.entries(span.attributes),
    status: span.status,
    ended: span.ended,
    dropped: [span.droppedAttributesCount, span.droppedEventsCount, span.droppedLinksCount],
    events: span.events.map(({ time, ...event }) => event),
    links: span.links,
    scope: span.instrumentationScope,
    resource: span.resource.attributes,
  };
}

/** What a clock of whole milliseconds, which they take starts from, can be off. */
const COARSE_MS = 2;
const FINE_MS = 0.001;

/** The times agree: those that were given, and those that were measured since a start that was not given, to a microsecond. */
function expectSameTimes(ours: ReadableSpan, theirs: ReadableSpan, startTime: TimeInput | undefined): void {
  const [ourStart, theirStart] = [ours, theirs].map((span) => millisecondsOf(span.startTime)) as [number, number];
  const isReading = typeof startTime === 'number' && startTime <= clock.now;
  const startTolerance = startTime === undefined || isReading ? COARSE_MS : FINE_MS;
  expect(Math.abs(ourStart - theirStart)).toBeLessThan(startTolerance);
  const times = (span: ReadableSpan) => [...span.events.map(({ time }) => time), span.endTime].map(millisecondsOf);
  const [ourTimes, theirTimes] = [times(ours), times(theirs)];
  for (const [at, ourTime] of ourTimes.entries()) {
    const absolute = ourTime - (theirTimes[at] as number);
    const sinceStart = absolute - (ourStart - theirStart);
    const difference = Math.min(Math.abs(absolute), Math.abs(sinceStart));
    expect(difference).toBeLessThan(startTime === undefined ? FINE_MS : COARSE_MS);
  }
  if (!ours.ended) {
    expect([ours.endTime, ours.duration]).toEqual([theirs.endTime, theirs.duration]);
    return;
  }
  expect(millisecondsOf(ours.duration)).toBeCloseTo((ourTimes.at(-1) as number) - ourStart, 3);
  expect(millisecondsOf(ours.duration)).toBeGreaterThanOrEqual(0);
}

function play(seed: number): void {
  const random = new Random(seed);
  const limits: SpanLimitsConfig = random.chance(0.5)
    ? LIMITS
    : {
        attributeCountLimit: random.below(6),
        attributeValueLengthLimit: random.one([1, 5, 20, Number.POSITIVE_INFINITY]),
        eventCountLimit: random.below(4),
        linkCountLimit: random.below(3),
        attributePerEventCountLimit: random.below(4),
        attributePerLinkCountLimit: random.below(4),
      };
  const ratio = new TraceIdRatioBasedSampler(0.8);
  const describing: Sampler = {
    shouldSample: (parent, traceId) => ({
      ...ratio.shouldSample(parent, traceId),
      attributes: { a: 'of the sampler', sampler: true },
      traceState: createTraceState('sampler=1'),
    }),
  };
  const root = random.one<Sampler>([
    ratio,
    describing,
    { shouldSample: () => ({ decision: SamplingDecision.RECORD }) },
    { shouldSample: () => ({ decision: SamplingDecision.RECORD_AND_SAMPLED }) },
  ]);
  const { ours, theirs } = bothSides(seed, limits, new ParentBasedSampler({ root }));
  const scope = random.one<[string, string?, { schemaUrl: string }?]>([
    ['scope'],
    ['scope', '1.2.3'],
    ['scope', undefined, { schemaUrl: 'https://example.org/schema' }],
  ]);
  const ourTracer = ours.provider.getTracer(...scope);
  const theirTracer = theirs.provider.getTracer(...scope);
  const spans: Twins[] = [];
  const contextsOf = (twins: Twins): [Context, Context] => [
    trace.setSpan(ROOT_CONTEXT, twins.ours),
    trace.setSpan(ROOT_CONTEXT, twins.theirs),
  ];
  const parents: [Context, Context][] = [
    [ROOT_CONTEXT, ROOT_CONTEXT],
    ...REMOTE.map((ids): [Context, Context] => {
      const context = trace.setSpanContext(ROOT_CONTEXT, ids);
      return [context, context];
    }),
  ];

  for (let step = 0; step < 40; step += 1) {
    if (spans.length === 0 || random.chance(0.15)) {
      const options: SpanOptions = {
        ...(random.chance(0.5) && { kind: random.one([SpanKind.CLIENT, SpanKind.SERVER, SpanKind.INTERNAL]) }),
        ...(random.chance(0.6) && { attributes: attributesOf(random, true) }),
        ...(random.chance(0.4) && { links: linksOf(random) }),
        ...(random.chance(0.3) && { startTime: timeOf(random) }),
        ...(random.chance(0.2) && { root: true }),
      };
      const [ourParent, theirParent] = random.one([...parents, ...spans.map(contextsOf)]);
      const name = `span ${spans.length}`;
      const given = random.chance(0.1) ? undefined : options;
      spans.push({
        ours: ourTracer.startSpan(name, given, ourParent),
        theirs: theirTracer.startSpan(name, given, theirParent),
        startTime: given?.startTime,
      });
      continue;
    }
    const twins = random.one(spans);
    if (random.chance(0.1)) {
      const end = random.chance(0.5) ? timeOf(random) : undefined;
      twins.ours.end(end);
      twins.theirs.end(end);
      continue;
    }
    const operation = operationOf(random);
    const before = clock.now;
    const ourAnswer = operation(twins.ours);
    clock.now = before;
    const theirAnswer = operation(twins.theirs);
    expect(ourAnswer === twins.ours).toBe(theirAnswer === twins.theirs);
  }

  for (const twins of spans) {
    expect(twins.ours.isRecording()).toBe(twins.theirs.isRecording());
    if (!('attributes' in twins.theirs)) {
      const { traceState, ...ids } = twins.ours.spanContext();
      const { traceState: theirState, ...theirIds } = twins.theirs.spanContext();
      expect([ids, traceState?.serialize()]).toEqual([theirIds, theirState?.serialize()]);
      continue;
    }
    const [our, their] = [twins.ours, twins.theirs] as unknown as [ReadableSpan, ReadableSpan];
    expect(shapeOf(our)).toEqual(shapeOf(their));
    expectSameTimes(our, their, twins.startTime);
  }
  expect(ours.processor.seen).toEqual(theirs.processor.seen);
}

describe('a span is what the SDK’s would be', () => {
  const seeds = Array.from({ length: 12 }, (_, at) => at * 25 + 1);
  test.each(seeds)('whatever is done to it (from seed %d)', (first) => {
    for (let seed = first; seed < first + 25; seed += 1) {
      try {
        play(seed);
      } catch (error) {
        (error as Error).message = `seed ${seed}: ${(error as Error).message}`;
        throw error;
      }
    }
  });
});

/** A span of ours, that is recorded. */
function start(options?: SpanOptions, limits = LIMITS): Span & ReadableSpan {
  const { ours } = bothSides(1, limits, { shouldSample: () => ({ decision: SamplingDecision.RECORD_AND_SAMPLED }) });
  return ours.provider.getTracer('test').startSpan('span', options, ROOT_CONTEXT) as Span & ReadableSpan;
}

describe('a span is otherwise than the SDK’s on purpose', () => {
  test('the type of an exception is its class, also where it has a code', () => {
    class PaymentError extends Error {}
    const span = start();
    span.recordException(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));
    span.recordException(new PaymentError('no funds'));
    expect(span.events.map(({ attributes }) => attributes?.['exception.type'])).toEqual(['Error', 'PaymentError']);
  });

  test('the same error is recorded once, the same text as often as it is told', () => {
    const span = start();
    const error = new Error('once');
    for (let times = 0; times < 3; times += 1) {
      span.recordException(error);
      span.recordException('text');
    }
    expect(span.events.map(({ attributes }) => attributes?.['exception.message'])).toEqual([
      'once',
      'text',
      'text',
      'text',
    ]);
  });

  test('anything can be an exception', () => {
    const span = start();
    for (const odd of [undefined, null, 0, {}, Symbol('s')]) span.recordException(odd as never);
    expect(span.events.map(({ attributes }) => attributes)).toEqual([
      { 'exception.type': 'undefined', 'exception.message': 'undefined' },
      { 'exception.type': 'null', 'exception.message': 'null' },
      { 'exception.type': 'number', 'exception.message': '0' },
      { 'exception.type': 'Object', 'exception.message': '[object Object]' },
      { 'exception.type': 'symbol', 'exception.message': 'Symbol(s)' },
    ]);
  });

  test('an attribute of an event or a link that is null is left out', () => {
    const span = start();
    const attributes = { a: null, b: undefined, c: 1 } as never as Attributes;
    span.addEvent('event', attributes);
    span.addLink({ context: REMOTE[0] as SpanContext, attributes });
    expect([span.events[0]?.attributes, span.links[0]?.attributes]).toEqual([{ c: 1 }, { c: 1 }]);
  });

  test('what is no time is now', () => {
    const odd = [new Date('soon'), Number.NaN, Number.NEGATIVE_INFINITY, [Number.NaN, 0], null] as TimeInput[];
    const now = clock.origin + clock.now;
    for (const time of odd) {
      const span = start({ startTime: time });
      span.addEvent('event', {}, time);
      clock.now += 10;
      span.end(time);
      clock.now -= 10;
      expect(Math.abs(millisecondsOf(span.startTime) - now)).toBeLessThan(2);
      expect(Math.abs(millisecondsOf(span.events[0]?.time as HrTime) - now)).toBeLessThan(2);
      expect(millisecondsOf(span.duration)).toBeCloseTo(10, 3);
    }
  });

  test('what has no name is left out, and nothing is thrown', () => {
    const span = start();
    for (const key of [undefined, null, 7, {}, Symbol('s')]) span.setAttribute(key as never, 'value');
    expect(span.attributes).toEqual({});
  });
});

describe('a span keeps what it is told', () => {
  test('a list that is changed afterwards is kept as it was', () => {
    const [list, inEvent, inLink] = [['a'], ['b'], ['c']];
    const span = start({ attributes: { list } });
    span.addEvent('event', { list: inEvent });
    span.addLink({ context: REMOTE[0] as SpanContext, attributes: { list: inLink } });
    for (const each of [list, inEvent, inLink]) each.push('later');
    expect(span.attributes).toEqual({ list: ['a'] });
    expect(span.events[0]?.attributes).toEqual({ list: ['b'] });
    expect(span.links[0]?.attributes).toEqual({ list: ['c'] });
  });

  test('a misuse is said, with the name of the span, and does no harm', () => {
    const said: string[] = [];
    const say = (message: string) => void said.push(message);
    diag.setLogger({ error: say, warn: say, info: say, debug: say, verbose: say }, DiagLogLevel.WARN);
    const span = start();
    span.setAttribute('bad', { a: 1 } as never);
    span.end();
    span.end();
    span.setAttribute('late', 1);
    span.recordException(new Error('late'));
    diag.disable();
    expect(said).toHaveLength(4);
    for (const message of said) expect(message).toContain('span');
    expect([span.attributes, span.events]).toEqual([{}, []]);
  });

  test('a long life with many errors remembers few of them', () => {
    const span = start(undefined, { ...LIMITS, eventCountLimit: 2 });
    const refs = Array.from({ length: 1000 }, (_, at) => {
      const error = new Error(`error ${at}`);
      span.recordException(error);
      return error;
    });
    span.recordException(refs.at(-1) as Error);
    expect(span.droppedEventsCount).toBe(998);
    // So old that it is forgotten.
    span.recordException(refs[0] as Error);
    expect(span.droppedEventsCount).toBe(999);
  });
});

test('a tracer is the same for the same name, version and schema', () => {
  const { ours } = bothSides(1, LIMITS, { shouldSample: () => ({ decision: SamplingDecision.RECORD }) });
  const { provider } = ours;
  expect(provider.getTracer('a')).toBe(provider.getTracer('a'));
  expect(provider.getTracer('a', '1')).not.toBe(provider.getTracer('a'));
  expect(provider.getTracer('a', '1', { schemaUrl: 'x' })).not.toBe(provider.getTracer('a', '1'));
});
