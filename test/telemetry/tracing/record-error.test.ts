import { type Span, SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { Span as Traced } from '../../../src/telemetry/span.decorator';
import { currentSpan } from '../../../src/telemetry/tracing/active-tracing';
import { errorType, messageOf, recordError } from '../../../src/telemetry/tracing/record-error';
import { FOREIGN_SDK, inEachMode, RECORDING } from './tracing-modes';

const RECORDING_MODES = [RECORDING, FOREIGN_SDK];

class Work {
  @Traced('work')
  run<T>(work: (span: Span & ReadableSpan) => T): T {
    return work(currentSpan() as Span & ReadableSpan);
  }

  @Traced('outer')
  outer(work: () => unknown): unknown {
    return this.run(work);
  }
}
const work = new Work();

const exceptionsOf = (span: ReadableSpan) =>
  span.events.filter(({ name }) => name === 'exception').map(({ attributes }) => attributes?.['exception.message']);

inEachMode(
  'an error that passes through several hands is told once by a span, and by each span',
  ({ telemetry }) => {
    const error = new Error('once');
    expect(() =>
      work.outer(() => {
        const span = currentSpan() as Span;
        recordError(span, error);
        recordError(span, error);
        throw error;
      }),
    ).toThrow(error);
    expect(telemetry.spans.map((span) => [span.name, exceptionsOf(span)])).toEqual([
      ['work', ['once']],
      ['outer', ['once']],
    ]);
    for (const span of telemetry.spans)
      expect([span.status, span.attributes]).toEqual([
        { code: SpanStatusCode.ERROR, message: 'once' },
        { 'error.type': 'Error' },
      ]);
  },
  RECORDING_MODES,
);

inEachMode(
  'what a user records himself, and throws, is told once',
  ({ telemetry }) => {
    for (const reason of [new Error('mine'), 'text', undefined])
      try {
        work.run((span) => {
          recordError(span, reason);
          throw reason;
        });
      } catch (thrown) {
        expect(thrown).toBe(reason);
      }
    expect(telemetry.spans.map(exceptionsOf)).toEqual([['mine'], ['text'], ['undefined']]);
  },
  RECORDING_MODES,
);

test('an exception that is recorded by the API, and thrown, is told once', () => {
  const telemetry = RECORDING.start();
  const error = new Error('mine');
  telemetry.inCaller(() =>
    expect(() =>
      work.run((span) => {
        span.recordException(error);
        throw error;
      }),
    ).toThrow(error),
  );
  telemetry.stop();
  expect(telemetry.spans.map(exceptionsOf)).toEqual([['mine']]);
});

inEachMode(
  'two errors of one span are both told',
  ({ telemetry }) => {
    work.run((span) => {
      recordError(span, new Error('first'));
      recordError(span, new Error('second'));
      recordError(span, new Error('second'));
    });
    expect(exceptionsOf(telemetry.spans[0] as ReadableSpan)).toEqual(['first', 'second', 'second']);
    expect(telemetry.spans[0]?.status.message).toBe('second');
  },
  RECORDING_MODES,
);

test('a span that has ended takes none', () => {
  const telemetry = RECORDING.start();
  const span = telemetry.inCaller(() => work.run((running) => running));
  recordError(span, new Error('late'));
  telemetry.stop();
  expect([span.events, span.status.code]).toEqual([[], SpanStatusCode.UNSET]);
});

describe('errors that mislead', () => {
  const throwing = (key: string): object =>
    Object.defineProperty(new Error('plain'), key, {
      get() {
        throw new Error(`${key} is not to be read`);
      },
    });
  const circular: { self?: unknown } = new Error('circular') as { self?: unknown };
  circular.self = circular;
  const nothing = new Proxy(
    {},
    {
      get() {
        throw new Error('get');
      },
      getPrototypeOf() {
        throw new Error('getPrototypeOf');
      },
      has() {
        throw new Error('has');
      },
      ownKeys() {
        throw new Error('ownKeys');
      },
    },
  );
  const revocable = Proxy.revocable({}, {});
  revocable.revoke();
  const unspeakable = {
    toString() {
      throw new Error('not to be said');
    },
    get [Symbol.toStringTag](): string {
      throw new Error('not to be said');
    },
  };
  const named = Object.assign(new Error('named'), { name: 7 });
  const classOnly = Object.assign(Object.create({ constructor: { name: 7 } }), { message: 'odd class' });

  const errors: [string, unknown, string, string][] = [
    ['its message cannot be read', throwing('message'), 'Error', 'unreadable'],
    ['its name cannot be read', throwing('name'), 'unreadable', 'plain'],
    ['its stack cannot be read', throwing('stack'), 'Error', 'plain'],
    ['its class cannot be read', throwing('constructor'), 'unreadable', 'plain'],
    ['it holds itself', circular, 'Error', 'circular'],
    ['nothing of it can be read', nothing, 'unreadable', 'unreadable'],
    ['it is a revoked proxy', revocable.proxy, 'unreadable', 'unreadable'],
    ['it cannot be said', unspeakable, 'Object', 'unreadable'],
    ['its name is no text', named, 'Error', 'named'],
    ['its class has no name', classOnly, 'Object', 'odd class'],
    ['its message is no text', Object.assign(new TypeError(), { message: { a: 1 } }), 'TypeError', '[object Error]'],
    ['it has no prototype', Object.create(null), 'Object', '[object Object]'],
    ['it is a function', Math.max, 'function', String(Math.max)],
    ['it is a symbol', Symbol('s'), 'symbol', 'Symbol(s)'],
    ['it is a big number', 7n, 'bigint', '7'],
    ['it is null', null, 'null', 'null'],
    ['it is undefined', undefined, 'undefined', 'undefined'],
    ['it is a class of its own', new (class PaymentError extends Error {})('no funds'), 'PaymentError', 'no funds'],
    ['it is a class without a name', new (class extends Error {})('nameless'), 'Error', 'nameless'],
    ['it is of an abort', AbortSignal.abort().reason, 'AbortError', 'This operation was aborted'],
    ['it is several', new AggregateError([new Error('a')], 'several'), 'AggregateError', 'several'],
  ];
  for (const [title, error, type, message] of errors) {
    inEachMode(
      title,
      ({ telemetry }) => {
        const caught: unknown[] = [];
        try {
          work.run(() => {
            throw error;
          });
        } catch (thrown) {
          caught.push(thrown);
        }
        expect(caught.length === 1 && Object.is(caught[0], error)).toBe(true);
        const [span] = telemetry.spans;
        expect(span?.status).toEqual({ code: SpanStatusCode.ERROR, message });
        expect(span?.attributes).toEqual({ 'error.type': type });
        expect(
          span?.events.map(({ name, attributes = {} }) => {
            const { 'exception.stacktrace': _stack, ...others } = attributes;
            return [name, others];
          }),
        ).toEqual([['exception', { 'exception.type': type, 'exception.message': message }]]);
        expect([errorType(error), messageOf(error)]).toEqual([type, message]);
      },
      RECORDING_MODES,
    );
  }

  test('a stack is told where there is one', () => {
    const telemetry = RECORDING.start();
    const error = new Error('with a stack');
    telemetry.inCaller(() => work.run((span) => recordError(span, error)));
    telemetry.stop();
    expect(telemetry.spans[0]?.events[0]?.attributes?.['exception.stacktrace']).toBe(error.stack);
  });

  test('a span that does not work does no harm', () => {
    const broken = new Proxy({} as Span, {
      get() {
        throw new Error('broken');
      },
    });
    expect(() => recordError(broken, new Error('x'))).not.toThrow();
  });
});
