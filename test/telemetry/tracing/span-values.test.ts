import { runInNewContext } from 'node:vm';
import { Span } from '../../../src/telemetry/span.decorator';
import { inEachMode, whereabouts } from './tracing-modes';

function thrownBy(work: () => unknown): unknown[] {
  try {
    work();
  } catch (error) {
    return [error];
  }
  return [];
}

describe('values and throws', () => {
  class Work {
    @Span('work')
    result(value: unknown): unknown {
      return value;
    }

    @Span('work')
    fail(reason: unknown): void {
      throw reason;
    }

    @Span('work')
    where(): string {
      return whereabouts();
    }

    @Span('work')
    again(depth: number): string[] {
      return depth === 1 ? [whereabouts()] : this.again(depth - 1);
    }
  }
  const work = new Work();

  const someFunction = () => 1;
  const values: [string, unknown][] = [
    ['a text', 'text'],
    ['nothing', undefined],
    ['null', null],
    ['zero', 0],
    ['false', false],
    ['a symbol', Symbol('s')],
    ['a big number', 12n],
    ['an object', { a: 1 }],
    ['a list', [1, 2]],
    ['a function', someFunction],
    ['a date', new Date(0)],
    ['a map', new Map([[1, 2]])],
    ['a list being iterated', [1, 2][Symbol.iterator]()],
    ['an object with a `then` that is no function', Object.fromEntries([['then', 'later']])],
    ['an object with `next` alone', { next: () => undefined }],
  ];
  for (const [title, value] of values) {
    inEachMode(`the result is ${title}`, ({ endedAre }) => {
      expect(work.result(value)).toBe(value);
      endedAre('work');
    });
  }

  inEachMode('the result is untouched where it is frozen', ({ endedAre }) => {
    const frozen = Object.freeze({ a: 1 });
    expect(work.result(frozen)).toBe(frozen);
    expect(Reflect.ownKeys(frozen)).toEqual(['a']);
    endedAre('work');
  });

  class PaymentError extends Error {}
  const reasons: [string, unknown, string][] = [
    ['an error', new PaymentError('no funds'), 'work: error no funds'],
    ['undefined', undefined, 'work: error undefined'],
    ['null', null, 'work: error null'],
    ['a text', 'gone', 'work: error gone'],
    ['a number', 7, 'work: error 7'],
    ['an object', { a: 1 }, 'work: error [object Object]'],
    ['a symbol', Symbol('why'), 'work: error Symbol(why)'],
    ['an object without prototype', Object.create(null), 'work: error [object Object]'],
  ];
  for (const [title, reason, expected] of reasons) {
    inEachMode(`what is thrown is ${title}`, ({ endedAre, mode, telemetry }) => {
      expect(thrownBy(() => work.fail(reason))).toEqual([reason]);
      expect(thrownBy(() => work.fail(reason))[0]).toBe(reason);
      endedAre(expected, expected);
      if (!mode.records) return;
      for (const span of telemetry.spans) expect(span.events.map((event) => event.name)).toEqual(['exception']);
    });
  }

  inEachMode(
    'the span is active in the method, and the caller’s context is back afterwards',
    ({ insideIs, callerIs }) => {
      insideIs(work.where(), 'work');
      callerIs(whereabouts());
      thrownBy(() => work.fail(1));
      callerIs(whereabouts());
    },
  );

  inEachMode(
    'a method that calls itself has a span for each call, one in the other',
    ({ endedAre, mode, telemetry }) => {
      work.again(4);
      endedAre('work', 'work', 'work', 'work');
      if (!mode.records) return;
      const [fourth, third, second, first] = telemetry.spans;
      expect(first?.parentSpanContext).toBeUndefined();
      expect([fourth, third, second].map((span) => span?.parentSpanContext?.spanId)).toEqual(
        [third, second, first].map((span) => span?.spanContext().spanId),
      );
    },
  );

  inEachMode('a call has no limit of depth that the plain method would not have', ({ startedAre }) => {
    expect(work.again(500)).toHaveLength(1);
    startedAre(500);
  });
});

describe('promises', () => {
  class Work {
    #secret = 'kept';

    @Span('work')
    async resolve(value: unknown): Promise<unknown> {
      await null;
      return value;
    }

    @Span('work')
    async fail(reason: unknown): Promise<never> {
      await null;
      throw reason;
    }

    @Span('work')
    async where(): Promise<string[]> {
      const before = whereabouts();
      await null;
      await new Promise(setImmediate);
      return [before, whereabouts(), this.#secret];
    }

    /** Not an async function: it hands on what it is given. */
    @Span('work')
    result<T>(value: T): T {
      return value;
    }
  }
  const work = new Work();
  const reasonOf = (promise: PromiseLike<unknown>): Promise<unknown[]> =>
    Promise.resolve(promise).then(
      () => [],
      (reason) => [reason],
    );

  inEachMode('an async method ends its span when it resolves', async ({ endedAre, startedAre }) => {
    const value = { a: 1 };
    const promise = work.resolve(value);
    startedAre(1);
    endedAre();
    expect(await promise).toBe(value);
    endedAre('work');
  });

  for (const reason of [new Error('late'), undefined, null, 'text', 0]) {
    inEachMode(`an async method that rejects with ${String(reason)} rejects with just that`, async ({ endedAre }) => {
      const reasons = await reasonOf(work.fail(reason));
      expect(reasons).toHaveLength(1);
      expect(reasons[0]).toBe(reason);
      endedAre(`work: error ${reason instanceof Error ? reason.message : String(reason)}`);
    });
  }

  inEachMode(
    'the span stays active behind an await, and the caller has its own context',
    async ({ insideIs, callerIs }) => {
      const promise = work.where();
      callerIs(whereabouts());
      const [before, after, secret] = await promise;
      callerIs(whereabouts());
      insideIs(before, 'work');
      insideIs(after, 'work');
      expect(secret).toBe('kept');
    },
  );

  inEachMode('calls that run at the same time do not mix', async ({ mode, telemetry }) => {
    class Pair {
      @Span((name: string) => ({ attributes: { name } }))
      async outer(name: string): Promise<string> {
        await new Promise(setImmediate);
        return this.inner(name);
      }

      @Span((name: string) => ({ attributes: { name } }))
      async inner(name: string): Promise<string> {
        await new Promise(setImmediate);
        return name;
      }
    }
    const pair = new Pair();
    const names = ['a', 'b', 'c', 'd', 'e'];
    expect(await Promise.all(names.map((name) => pair.outer(name)))).toEqual(names);
    expect(telemetry.spans).toHaveLength(mode.records ? 10 : 0);
    const outers = telemetry.spans.filter((span) => span.name === 'Pair.outer');
    for (const inner of telemetry.spans.filter((span) => span.name === 'Pair.inner')) {
      const parent = outers.find((span) => span.spanContext().spanId === inner.parentSpanContext?.spanId);
      expect(parent?.attributes).toEqual(inner.attributes);
    }
  });

  inEachMode('a plain function’s promise comes back as the same object', async ({ endedAre }) => {
    const { promise, resolve } = withResolvers<number>();
    expect(work.result(promise)).toBe(promise);
    await null;
    endedAre();
    resolve(7);
    expect(await promise).toBe(7);
    endedAre('work');
  });

  inEachMode('a plain function’s promise that rejects ends the span as an error', async ({ endedAre }) => {
    const { promise, reject } = withResolvers<number>();
    expect(work.result(promise)).toBe(promise);
    reject(new Error('refused'));
    await expect(promise).rejects.toThrow('refused');
    endedAre('work: error refused');
  });

  inEachMode('one promise that two calls return ends both spans', async ({ endedAre }) => {
    const { promise, resolve } = withResolvers<number>();
    expect(work.result(work.result(promise))).toBe(promise);
    resolve(1);
    await promise;
    endedAre('work', 'work');
  });

  inEachMode('a promise of another realm is followed like one of ours', async ({ endedAre }) => {
    const settle: { resolve?: (value: unknown) => void } = {};
    const foreign = runInNewContext('new Promise((resolve) => { settle.resolve = resolve; })', { settle });
    expect(foreign).not.toBeInstanceOf(Promise);
    expect(work.result(foreign)).toBe(foreign);
    expect(Object.hasOwn(foreign, 'then')).toBe(false);
    endedAre();
    settle.resolve?.('done');
    expect(await foreign).toBe('done');
    endedAre('work');
  });

  inEachMode(
    'a promise of a class of another realm ends its span when it settles, also if nobody awaits it',
    async ({ endedAre }) => {
      const settle: { resolve?: (value: unknown) => void } = {};
      const foreign = runInNewContext('new (class extends Promise {})((resolve) => { settle.resolve = resolve; })', {
        settle,
      });
      expect(work.result(foreign)).toBe(foreign);
      endedAre();
      settle.resolve?.('done');
      await new Promise(setImmediate);
      endedAre('work');
    },
  );

  inEachMode('an instance of a subclass of Promise stays that instance', async ({ endedAre }) => {
    class Cancelable<T> extends Promise<T> {
      cancelled = false;
      cancel(): void {
        this.cancelled = true;
      }
    }
    const { promise, resolve } = withResolvers<number>(Cancelable);
    const result = work.result(promise) as Cancelable<number>;
    expect(result).toBe(promise);
    result.cancel();
    expect(result.cancelled).toBe(true);
    await null;
    endedAre();
    resolve(1);
    expect(await result).toBe(1);
    endedAre('work');
  });

  /** As in p-lazy: the promise itself is settled from the beginning; its work is done for whoever asks. */
  class Lazy<T> extends Promise<T> {
    runs = 0;
    #promise?: Promise<T>;
    #work: () => Promise<T>;
    constructor(work: () => Promise<T>) {
      super((resolve) => resolve(undefined as T));
      this.#work = work;
    }
    static override get [Symbol.species](): PromiseConstructor {
      return Promise;
    }
    // biome-ignore lint/suspicious/noThenProperty: that is what it is about
    override then<A = T, B = never>(
      onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
      onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
    ): Promise<A | B> {
      if (!this.#promise) {
        this.runs += 1;
        this.#promise = this.#work();
      }
      return this.#promise.then(onFulfilled, onRejected);
    }
  }

  inEachMode(
    'a lazy promise is not started by us, and ends its span when it is awaited',
    async ({ endedAre, insideIs }) => {
      let where: string | undefined;
      const lazy = new Lazy(async () => {
        where = whereabouts();
        return 3;
      });
      expect(work.result(lazy)).toBe(lazy);
      await new Promise(setImmediate);
      expect(lazy.runs).toBe(0);
      endedAre();
      expect(await lazy).toBe(3);
      insideIs(where, 'work');
      expect(lazy.runs).toBe(1);
      endedAre('work');
      expect(await lazy).toBe(3);
      expect(lazy.runs).toBe(1);
      endedAre('work');
    },
  );

  inEachMode('a lazy promise whose `then` was bound is not started by us either', async ({ endedAre }) => {
    const lazy = new Lazy(async () => 3);
    Object.defineProperty(lazy, 'then', { value: lazy.then.bind(lazy), configurable: true, writable: true });
    expect(work.result(lazy)).toBe(lazy);
    await new Promise(setImmediate);
    expect(lazy.runs).toBe(0);
    endedAre();
    expect(await lazy).toBe(3);
    endedAre('work');
  });

  inEachMode('a lazy promise that rejects ends its span as an error', async ({ endedAre }) => {
    const lazy = new Lazy(() => Promise.reject(new Error('no table')));
    await expect(work.result(lazy)).rejects.toThrow('no table');
    endedAre('work: error no table');
  });

  inEachMode(
    'a promise with a `then` of its own, which `await` never looks at, ends its span when it settles',
    async ({ endedAre }) => {
      const { promise, resolve } = withResolvers<number>();
      let calls = 0;
      const own: Promise<number>['then'] = (...handlers) => {
        calls += 1;
        return Promise.prototype.then.apply(promise, handlers as never) as never;
      };
      Object.defineProperty(promise, 'then', { value: own, configurable: true });
      expect(work.result(promise)).toBe(promise);
      expect(calls).toBe(0);
      resolve(1);
      expect(await promise).toBe(1);
      endedAre('work');
      expect(promise.then).toBe(own);
    },
  );
});

function withResolvers<T>(type: PromiseConstructor = Promise) {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new type<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
