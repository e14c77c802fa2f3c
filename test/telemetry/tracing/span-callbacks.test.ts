import { promisify } from 'node:util';
import { Span } from '../../../src/telemetry/span.decorator';
import { inEachMode, whereabouts } from './tracing-modes';

type Done = (error: unknown, ...results: unknown[]) => void;

class Work {
  @Span('work', { callback: true, onResult: (result) => ({ attributes: { result } }) })
  later(outcome: readonly [unknown, ...unknown[]], done: Done): string {
    setImmediate(() => done(...outcome));
    return 'started';
  }

  @Span('work', { callback: true })
  now(outcome: readonly [unknown, ...unknown[]], done: Done): void {
    done(...outcome);
  }

  @Span('work', { callback: true })
  twice(done: Done): void {
    done(null, 1);
    done(new Error('second'), 2);
  }

  @Span('work', { callback: true })
  fail(callFirst: boolean, done: Done): void {
    if (callFirst) done(null);
    throw new Error('at once');
  }

  @Span('work', { callback: true })
  optional(value: unknown, done?: Done): unknown {
    return done ? done : value;
  }

  @Span('work', { callback: true })
  async both(done: Done): Promise<string> {
    setImmediate(() => done(null, 1));
    return 'promised';
  }

  @Span('work', { callback: true })
  where(done: Done): string {
    setImmediate(() => done(null, whereabouts()));
    return whereabouts();
  }
}
const work = new Work();

inEachMode('the span ends when the callback is called', async ({ endedAre, mode, telemetry }) => {
  const received = await new Promise<unknown[]>((resolve) => {
    expect(work.later([null, 'a', 'b'], (...all) => resolve(all))).toBe('started');
    endedAre();
  });
  expect(received).toEqual([null, 'a', 'b']);
  endedAre('work');
  if (mode.records) expect(telemetry.spans[0]?.attributes).toEqual({ result: 'a' });
});

inEachMode('an error that is told to the callback ends the span as an error', async ({ endedAre }) => {
  const reason = new Error('no file');
  const received = await new Promise((resolve) => work.later([reason], resolve));
  expect(received).toBe(reason);
  endedAre('work: error no file');
});

inEachMode('a callback may be called at once', ({ endedAre }) => {
  const received: unknown[] = [];
  work.now([undefined, 1], (...all) => received.push(all));
  work.now([new Error('at once')], (...all) => received.push(all));
  expect(received).toEqual([[undefined, 1], [new Error('at once')]]);
  endedAre('work', 'work: error at once');
});

inEachMode('a callback that is called twice hears both, and the first ends the span', ({ endedAre }) => {
  const received: unknown[] = [];
  work.twice((error, result) => received.push([error instanceof Error, result]));
  expect(received).toEqual([
    [false, 1],
    [true, 2],
  ]);
  endedAre('work');
});

inEachMode('a throw ends the span as an error, unless the callback has ended it', ({ endedAre }) => {
  const calls: unknown[] = [];
  expect(() => work.fail(false, () => calls.push('called'))).toThrow('at once');
  endedAre('work: error at once');
  expect(() => work.fail(true, () => calls.push('called'))).toThrow('at once');
  expect(calls).toEqual(['called']);
  endedAre('work: error at once', 'work');
});

inEachMode('what a callback throws goes where it would have gone', ({ endedAre }) => {
  const thrown = new Error('callback');
  expect(() =>
    work.now([null], () => {
      throw thrown;
    }),
  ).toThrow(thrown);
  endedAre('work');
});

inEachMode('a call without callback goes by its result', async ({ endedAre }) => {
  expect(work.optional(1)).toBe(1);
  endedAre('work');
  const promise = Promise.resolve(2);
  expect(work.optional(promise)).toBe(promise);
  await promise;
  endedAre('work', 'work');
});

inEachMode('with a callback, a promise does not end the span', async ({ endedAre }) => {
  await new Promise<void>((resolve) => {
    void work
      .both(() => resolve())
      .then((value) => {
        expect(value).toBe('promised');
        endedAre();
      });
  });
  endedAre('work');
});

inEachMode('the method sees a callback like the one it was given', () => {
  function done(this: unknown, _error: unknown, _a: unknown, _b: unknown): void {}
  done.note = 'kept';
  const seen = work.optional(undefined, done) as typeof done;
  expect([seen.name, seen.length, seen.note]).toEqual(['done', 3, 'kept']);
});

inEachMode('a callback has the `this` that it is called with', () => {
  const self: unknown[] = [];
  const seen = work.optional(undefined, function (this: unknown) {
    self.push(this);
  }) as () => void;
  const holder = { seen };
  holder.seen();
  expect(self).toEqual([holder]);
});

inEachMode('a callback runs in the caller’s context', async ({ insideIs, callerIs }) => {
  const where: string[] = [];
  await new Promise<void>((resolve) => {
    const inside = work.where((_error, atCall) => {
      where.push(atCall as string, whereabouts());
      resolve();
    });
    where.push(inside);
  });
  insideIs(where[0], 'work');
  insideIs(where[1], 'work');
  callerIs(where[2]);
});

inEachMode('a method with a callback can be made one with a promise', async ({ endedAre }) => {
  const promised = promisify(work.now).bind(work);
  expect(await promised([null, 'value'])).toBe('value');
  endedAre('work');
});

inEachMode('a callback that cannot be looked into is called all the same', ({ endedAre }) => {
  const received: unknown[] = [];
  const hostile = new Proxy((...all: unknown[]) => received.push(all), {
    ownKeys() {
      throw new Error('not to be listed');
    },
  });
  work.now([null, 1], hostile as Done);
  expect(received).toEqual([[null, 1]]);
  endedAre('work');
});
