import { Span } from '../../../src/telemetry/span.decorator';
import { inEachMode, whereabouts } from './tracing-modes';

type Handler = ((value: unknown) => unknown) | null;

/** A query in the manner of Knex: every method but `then` only adds to it, and `then` runs it, each time anew. */
class Query implements PromiseLike<unknown> {
  readonly parts: string[] = [];
  readonly runs: string[] = [];
  #outcome: () => Promise<unknown>;

  constructor(outcome: () => Promise<unknown> = () => Promise.resolve('rows')) {
    this.#outcome = outcome;
  }

  where(condition: string): this {
    this.parts.push(condition);
    return this;
  }

  // biome-ignore lint/suspicious/noThenProperty: that is what it is about
  then<A, B>(
    onFulfilled?: ((value: unknown) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.runs.push(whereabouts());
    return this.#outcome().then(onFulfilled as never, onRejected);
  }

  catch(onRejected: Handler): Promise<unknown> {
    return this.then().catch(onRejected);
  }
}

function object(then: unknown, more: object = {}): object {
  return Object.defineProperty(more, 'then', { value: then, enumerable: true, configurable: true, writable: true });
}

class Work {
  @Span('work')
  result<T>(value: T): T {
    return value;
  }

  @Span('outer')
  outer<T>(value: T): T {
    return this.result(value);
  }
}
const work = new Work();

inEachMode('a query comes back as it is, and is not run', async ({ endedAre, startedAre }) => {
  const query = new Query();
  expect(work.result(query)).toBe(query);
  await new Promise(setImmediate);
  expect(query.runs).toEqual([]);
  startedAre(1);
  endedAre();
});

inEachMode(
  'a query that is built further is run once when it is awaited, and its span ends then',
  async ({ endedAre, insideIs }) => {
    const query = work.result(new Query()).where('a').where('b');
    await new Promise(setImmediate);
    endedAre();
    expect(await query).toBe('rows');
    expect(query.parts).toEqual(['a', 'b']);
    expect(query.runs).toHaveLength(1);
    insideIs(query.runs[0], 'work');
    endedAre('work');
  },
);

inEachMode(
  'a query that is awaited twice is run as often as it would have been, and is what it was',
  async ({ endedAre, callerIs }) => {
    const query = work.result(new Query());
    await query;
    expect(Reflect.ownKeys(query)).toEqual(['parts', 'runs']);
    await query;
    expect(query.runs).toHaveLength(2);
    callerIs(query.runs[1]);
    endedAre('work');
  },
);

inEachMode('a `then` that somebody kept asks a second time for himself', async ({ endedAre, callerIs }) => {
  const query = work.result(new Query());
  const { then } = query;
  await Reflect.apply(then, query, []);
  await Reflect.apply(then, query, []);
  expect(query.runs).toHaveLength(2);
  callerIs(query.runs[1]);
  endedAre('work');
});

inEachMode('the rejection of a query is on its span, and reaches the caller', async ({ endedAre }) => {
  const reason = new Error('no table');
  const query = work.result(new Query(() => Promise.reject(reason)));
  await expect(query).rejects.toBe(reason);
  endedAre('work: error no table');
});

inEachMode('a query may reject with undefined', async ({ endedAre }) => {
  const query = work.result(new Query(() => Promise.reject(undefined)));
  const reasons: unknown[] = [];
  try {
    await query;
  } catch (reason) {
    reasons.push(reason);
  }
  expect(reasons).toEqual([undefined]);
  endedAre('work: error undefined');
});

inEachMode('`then` without handlers, and `catch`, run a query as they would', async ({ endedAre }) => {
  expect(await work.result(new Query()).then()).toBe('rows');
  const reason = new Error('no table');
  expect(await work.result(new Query(() => Promise.reject(reason))).catch((error) => error)).toBe(reason);
  await expect(work.result(new Query(() => Promise.reject(reason))).then(() => 'never')).rejects.toBe(reason);
  endedAre('work', 'work: error no table', 'work: error no table');
});

inEachMode('what waits for a query runs in the caller’s context', async ({ callerIs }) => {
  callerIs(await work.result(new Query()).then(() => whereabouts()));
  callerIs(await work.result(new Query(() => Promise.reject(1))).then(null, () => whereabouts()));
  await work.result(new Query());
  callerIs(whereabouts());
});

inEachMode('methods that hand the same query on all end their spans with it', async ({ endedAre, insideIs }) => {
  const query = work.outer(new Query());
  endedAre();
  expect(await query).toBe('rows');
  expect(query.runs).toHaveLength(1);
  insideIs(query.runs[0], 'work');
  endedAre('work', 'outer');
});

inEachMode('a query that throws instead of starting ends its span as an error', ({ endedAre }) => {
  const reason = new Error('no connection');
  const query = object(() => {
    throw reason;
  }) as PromiseLike<unknown>;
  expect(() => work.result(query).then()).toThrow(reason);
  endedAre('work: error no connection');
});

inEachMode('handlers get all that they are given, and their own `this`', ({ endedAre }) => {
  const received: unknown[] = [];
  const deferred = object(
    (onFulfilled: (...values: unknown[]) => void, _onRejected: unknown, onProgress: () => void) => {
      onProgress();
      onFulfilled.call('this', 1, 2, 3);
    },
  ) as { then(...handlers: unknown[]): void };
  work.result(deferred).then(
    function (this: unknown, ...values: unknown[]) {
      received.push(String(this), ...values);
    },
    undefined,
    () => received.push('progress'),
  );
  expect(received).toEqual(['progress', 'this', 1, 2, 3]);
  endedAre('work');
});

inEachMode('a step that is called `then`, and takes something else, is left to its own', ({ endedAre }) => {
  const scenario = object((step: string) => `then ${step}`) as { then(step: string): string };
  expect(work.result(scenario).then('the light is on')).toBe('then the light is on');
  endedAre();
});

inEachMode('a frozen thenable is a value', async ({ endedAre }) => {
  const frozen = Object.freeze(object((resolve: (value: string) => void) => resolve('rows')));
  expect(work.result(frozen)).toBe(frozen);
  endedAre('work');
  expect(await (frozen as PromiseLike<string>)).toBe('rows');
  endedAre('work');
});

inEachMode('a thenable that resolves to something like itself is awaited once', async ({ endedAre }) => {
  // As a Fastify server: while it starts it is a thenable, and resolves to itself, which by then is none any more.
  let ready = false;
  const server = {
    // biome-ignore lint/suspicious/noThenProperty: that is what it is about
    get then() {
      if (ready) return undefined;
      return (resolve: (value: unknown) => void) => {
        ready = true;
        resolve(server);
      };
    },
  };
  const before = Object.getOwnPropertyDescriptor(server, 'then');
  const result = work.result(server);
  endedAre();
  expect(await (result as unknown as PromiseLike<unknown>)).toBe(server);
  endedAre('work');
  expect(Object.getOwnPropertyDescriptor(server, 'then')).toEqual(before);
});

inEachMode('an object whose `then` cannot be read is a value', ({ endedAre }) => {
  let reads = 0;
  const hostile = Object.defineProperty({}, 'then', {
    get() {
      reads += 1;
      throw new Error('not to be read');
    },
  });
  expect(work.result(hostile)).toBe(hostile);
  expect(reads).toBeLessThanOrEqual(1);
  endedAre('work');
});

inEachMode('a proxy of a query is followed', async ({ endedAre }) => {
  const target = new Query();
  const proxy = new Proxy(target, {
    get: (of, key) => {
      const value = Reflect.get(of, key, of);
      return typeof value === 'function' ? value.bind(of) : value;
    },
  });
  expect(work.result(proxy)).toBe(proxy);
  expect(await proxy).toBe('rows');
  expect(target.runs).toHaveLength(1);
  endedAre('work');
});

inEachMode('an object that was made of a query is no business of ours', async ({ endedAre }) => {
  const query = work.result(
    Object.assign(
      object((resolve: (value: string) => void) => resolve('rows')),
      { a: 1 },
    ),
  );
  const derived = Object.create(query);
  expect(await derived).toBe('rows');
  endedAre();
  expect(await query).toBe('rows');
  endedAre('work');
});

inEachMode('something that is kept, and returned again and again, does not grow', async ({ mode, telemetry }) => {
  let depth = 0;
  const kept = object((resolve: (value: string) => void) => {
    depth = new Error().stack?.split('\n').length ?? 0;
    resolve('ready');
  });
  Error.stackTraceLimit = 10_000;
  for (let call = 0; call < 2000; call += 1) expect(work.result(kept)).toBe(kept);
  // Most of them had to give up waiting for it.
  expect(telemetry.spans.length).toBe(mode.records ? 2000 - 32 : 0);
  expect(await kept).toBe('ready');
  Error.stackTraceLimit = 10;
  expect(depth).toBeLessThan(1000);
  expect(telemetry.spans.length).toBe(mode.records ? 2000 : 0);
  expect(work.result(kept)).toBe(kept);
  expect(await kept).toBe('ready');
  expect(telemetry.spans.length).toBe(mode.records ? 2001 : 0);
});

inEachMode('something that is kept, and awaited each time, is followed each time', async ({ mode, telemetry }) => {
  const kept = object((resolve: (value: string) => void) => resolve('ready')) as PromiseLike<string>;
  for (let call = 0; call < 100; call += 1) {
    work.result(kept);
    expect(telemetry.spans).toHaveLength(mode.records ? call : 0);
    await kept;
  }
  expect(telemetry.spans).toHaveLength(mode.records ? 100 : 0);
});

inEachMode('a function with a `then` is followed too', async ({ endedAre }) => {
  const callable = object(
    (resolve: (value: string) => void) => resolve('rows'),
    () => 1,
  ) as () => number;
  expect(work.result(callable)()).toBe(1);
  endedAre();
  expect(await callable).toBe('rows');
  endedAre('work');
});
