import { EventEmitter, on } from 'node:events';
import { Readable } from 'node:stream';
import { runInNewContext } from 'node:vm';
import { Span } from '../../../src/telemetry/span.decorator';
import { inEachMode, whereabouts } from './tracing-modes';

class Work {
  @Span('work')
  *numbers(upTo: number): Generator<unknown, string, unknown> {
    for (let value = 1; value <= upTo; value += 1) yield value;
    return 'done';
  }

  @Span('work')
  *failing(): Generator<number> {
    yield 1;
    throw new Error('half-way');
  }

  @Span('work')
  *echo(): Generator<unknown, void, unknown> {
    let said: unknown = 'start';
    while (true) said = yield said;
  }

  @Span('work')
  *where(): Generator<string> {
    yield whereabouts();
    yield whereabouts();
  }

  @Span('work')
  *freeing(freed: string[]): Generator<number> {
    try {
      yield 1;
      yield 2;
    } catch (error) {
      freed.push(String(error));
      yield 3;
    } finally {
      freed.push('freed');
    }
  }

  @Span('outer')
  *delegating(): Generator<unknown, unknown, unknown> {
    return yield* this.numbers(2);
  }

  @Span('work')
  async *later(upTo: number): AsyncGenerator<number> {
    for (let value = 1; value <= upTo; value += 1) {
      await new Promise(setImmediate);
      yield value;
    }
  }

  @Span('work')
  async *laterFailing(reason: unknown): AsyncGenerator<number> {
    yield 1;
    await null;
    throw reason;
  }

  @Span('work')
  async *laterWhere(): AsyncGenerator<string> {
    yield whereabouts();
    await new Promise(setImmediate);
    yield whereabouts();
  }

  @Span('work')
  async *laterFreeing(freed: string[]): AsyncGenerator<number> {
    try {
      yield 1;
      yield 2;
    } finally {
      await null;
      freed.push('freed');
    }
  }

  @Span('outer')
  async *laterDelegating(): AsyncGenerator<number> {
    yield* this.later(2);
  }

  @Span('work')
  result<T>(value: T): T {
    return value;
  }

  @Span('work', { onResult: (last) => ({ attributes: { last } }) })
  described<T>(value: T): T {
    return value;
  }
}
const work = new Work();

describe('generators', () => {
  inEachMode('the span ends when all is taken', ({ endedAre, startedAre }) => {
    const generator = work.numbers(2);
    startedAre(1);
    expect(generator.next()).toEqual({ done: false, value: 1 });
    expect(generator.next()).toEqual({ done: false, value: 2 });
    endedAre();
    expect(generator.next()).toEqual({ done: true, value: 'done' });
    endedAre('work');
    expect(generator.next()).toEqual({ done: true, value: undefined });
    endedAre('work');
  });

  inEachMode('what is thrown inside ends the span as an error', ({ endedAre }) => {
    const taken: number[] = [];
    expect(() => {
      for (const value of work.failing()) taken.push(value);
    }).toThrow('half-way');
    expect(taken).toEqual([1]);
    endedAre('work: error half-way');
  });

  inEachMode('a loop that is left early ends the span, and lets the generator free what it has', ({ endedAre }) => {
    const freed: string[] = [];
    for (const value of work.freeing(freed)) {
      expect(value).toBe(1);
      endedAre();
      break;
    }
    expect(freed).toEqual(['freed']);
    endedAre('work');
  });

  inEachMode('`return` ends the span, also of a generator that was never started', ({ endedAre }) => {
    expect(work.numbers(2).return('enough')).toEqual({ done: true, value: 'enough' });
    endedAre('work');
  });

  inEachMode('`throw` into a generator that does not catch it ends the span as an error', ({ endedAre }) => {
    const generator = work.numbers(2);
    generator.next();
    expect(() => generator.throw(new Error('from outside'))).toThrow('from outside');
    endedAre('work: error from outside');
  });

  inEachMode('a generator that catches what is thrown into it goes on', ({ endedAre }) => {
    const freed: string[] = [];
    const generator = work.freeing(freed);
    generator.next();
    expect(generator.throw(new Error('try again'))).toEqual({ done: false, value: 3 });
    endedAre();
    expect(generator.next()).toEqual({ done: true, value: undefined });
    expect(freed).toEqual(['Error: try again', 'freed']);
    endedAre('work');
  });

  inEachMode('what is sent to a generator arrives', ({ endedAre }) => {
    const generator = work.echo();
    expect([generator.next('lost'), generator.next('a'), generator.next('b')].map(({ value }) => value)).toEqual([
      'start',
      'a',
      'b',
    ]);
    endedAre();
  });

  inEachMode('a generator that nobody starts has no end', ({ endedAre, startedAre }) => {
    work.numbers(1);
    startedAre(1);
    endedAre();
  });

  inEachMode('`yield*`, spreading and destructuring work', ({ endedAre }) => {
    const generator = work.delegating();
    expect([generator.next().value, generator.next().value, generator.next()]).toEqual([
      1,
      2,
      { done: true, value: 'done' },
    ]);
    endedAre('work', 'outer');
    expect([...work.numbers(3)]).toEqual([1, 2, 3]);
    const [first] = work.numbers(3);
    expect(first).toBe(1);
    expect(Array.from(work.numbers(2))).toEqual([1, 2]);
    endedAre('work', 'outer', 'work', 'work', 'work');
  });

  inEachMode('the span is active in a step, and the caller’s context between them', ({ insideIs, callerIs }) => {
    for (const where of work.where()) {
      insideIs(where, 'work');
      callerIs(whereabouts());
    }
    callerIs(whereabouts());
  });

  inEachMode('a generator stays what it was', ({ endedAre }) => {
    const generator = work.numbers(1);
    expect(Object.prototype.toString.call(generator)).toBe('[object Generator]');
    expect(generator[Symbol.iterator]()).toBe(generator);
    expect(Object.keys(generator)).toEqual([]);
    endedAre();
  });

  inEachMode('a generator of another realm is followed', ({ endedAre }) => {
    const generator = work.result(runInNewContext('(function* () { yield 1; })()')) as Generator<number>;
    expect([...generator]).toEqual([1]);
    endedAre('work');
  });

  inEachMode(
    '`onResult` is told what a generator returned or, where it returned nothing, gave last',
    ({ mode, telemetry }) => {
      for (const make of [
        function* () {
          yield 1;
          return 'returned';
        },
        function* () {
          yield 1;
          yield 2;
        },
      ])
        for (const _ of work.described(make()));
      if (mode.records) expect(telemetry.spans.map((span) => span.attributes.last)).toEqual(['returned', 2]);
    },
  );
});

describe('async generators', () => {
  inEachMode('the span ends when all is taken', async ({ endedAre, startedAre }) => {
    const generator = work.later(2);
    startedAre(1);
    const taken: number[] = [];
    for await (const value of generator) {
      endedAre();
      taken.push(value);
    }
    expect(taken).toEqual([1, 2]);
    endedAre('work');
    expect(await generator.next()).toEqual({ done: true, value: undefined });
    endedAre('work');
  });

  inEachMode('what is thrown inside ends the span as an error', async ({ endedAre }) => {
    for (const reason of [new Error('half-way'), undefined]) {
      const generator = work.laterFailing(reason);
      await generator.next();
      const reasons: unknown[] = [];
      await generator.next().catch((error) => reasons.push(error));
      expect(reasons).toEqual([reason]);
    }
    endedAre('work: error half-way', 'work: error undefined');
  });

  inEachMode('a loop that is left early ends the span', async ({ endedAre }) => {
    const freed: string[] = [];
    for await (const value of work.laterFreeing(freed)) {
      expect(value).toBe(1);
      break;
    }
    expect(freed).toEqual(['freed']);
    endedAre('work');
  });

  inEachMode('`return` and `throw` end the span', async ({ endedAre }) => {
    expect(await work.later(2).return(5)).toEqual({ done: true, value: 5 });
    const generator = work.later(2);
    await generator.next();
    await expect(generator.throw(new Error('from outside'))).rejects.toThrow('from outside');
    endedAre('work', 'work: error from outside');
  });

  inEachMode('`yield*` works', async ({ endedAre }) => {
    const taken: number[] = [];
    for await (const value of work.laterDelegating()) taken.push(value);
    expect(taken).toEqual([1, 2]);
    endedAre('work', 'outer');
  });

  inEachMode('steps that are asked for all at once come in their order', async ({ endedAre }) => {
    const generator = work.later(2);
    const steps = await Promise.all([generator.next(), generator.next(), generator.next(), generator.next()]);
    expect(steps.map(({ value }) => value)).toEqual([1, 2, undefined, undefined]);
    endedAre('work');
  });

  inEachMode('the span is active in a step, and the caller’s context between them', async ({ insideIs, callerIs }) => {
    for await (const where of work.laterWhere()) {
      insideIs(where, 'work');
      callerIs(whereabouts());
    }
    callerIs(whereabouts());
  });
});

describe('other iterators', () => {
  function countdown(from: number) {
    let left = from;
    return {
      seen: [] as string[],
      async next(): Promise<IteratorResult<number, undefined>> {
        this.seen.push(whereabouts());
        left -= 1;
        return left >= 0 ? { done: false, value: left } : { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  inEachMode('an async iterator that is no generator is followed', async ({ endedAre, insideIs }) => {
    const iterator = countdown(2);
    const result = work.result(iterator);
    expect(result).toBe(iterator);
    const taken: number[] = [];
    for await (const value of result) taken.push(value);
    expect(taken).toEqual([1, 0]);
    insideIs(iterator.seen[0], 'work');
    endedAre('work');
  });

  inEachMode('an async iterator of Node is followed', async ({ endedAre }) => {
    const emitter = new EventEmitter();
    const events = work.result(on(emitter, 'event'));
    emitter.emit('event', 1);
    expect((await events.next()).value).toEqual([1]);
    endedAre();
    await events.return?.();
    endedAre('work');
  });

  inEachMode('a frozen iterator is a value', async ({ endedAre }) => {
    const frozen = Object.freeze(countdown(1));
    expect(work.result(frozen)).toBe(frozen);
    endedAre('work');
    expect(await frozen.next()).toEqual({ done: false, value: 0 });
  });

  inEachMode('a stream is a value, and works', async ({ endedAre }) => {
    const stream = Readable.from(['a', 'b']);
    const before = Reflect.ownKeys(stream);
    expect(work.result(stream)).toBe(stream);
    expect(Reflect.ownKeys(stream)).toEqual(before);
    endedAre('work');
    const taken: string[] = [];
    for await (const piece of stream) taken.push(piece);
    expect(taken).toEqual(['a', 'b']);
    endedAre('work');
  });

  inEachMode(
    'a cursor, which makes a generator for each loop, is a value although it has a `next`',
    async ({ endedAre }) => {
      class Cursor {
        #rows = [{ done: true }, { done: false }];
        async next(): Promise<object | null> {
          return this.#rows.shift() ?? null;
        }
        async *[Symbol.asyncIterator](): AsyncGenerator<object> {
          for (let row = await this.next(); row; row = await this.next()) yield row;
        }
      }
      const cursor = new Cursor();
      expect(work.result(cursor)).toBe(cursor);
      endedAre('work');
      expect(Reflect.ownKeys(cursor)).toEqual([]);
      const taken: object[] = [];
      for await (const row of cursor) taken.push(row);
      expect(taken).toEqual([{ done: true }, { done: false }]);
    },
  );

  inEachMode('a step that cannot be read reaches the consumer as it is', ({ endedAre }) => {
    const hostile = {
      get done(): boolean {
        throw new Error('not to be read');
      },
    };
    const iterator = {
      next: () => hostile,
      [Symbol.asyncIterator]() {
        return this;
      },
    };
    expect(work.result(iterator).next()).toBe(hostile);
    endedAre();
  });

  inEachMode('an iterator that is kept, and returned again and again, does not grow', ({ mode, telemetry }) => {
    const kept = countdown(1);
    for (let call = 0; call < 100; call += 1) work.result(kept);
    expect(telemetry.spans).toHaveLength(mode.records ? 100 - 32 : 0);
  });
});
