import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { trace } from '@opentelemetry/api';
import { of } from 'rxjs';
import { Span } from '../../../src/telemetry/span.decorator';
import { inEachMode, MODES, NOBODY, type StartedMode } from './tracing-modes';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

interface Query {
  readonly parts: unknown[];
  and(part: unknown): Query;
  then(resolve: (value: string) => void): void;
}

function query(): Query {
  const made: Query = {
    parts: [],
    and(part) {
      made.parts.push(part);
      return made;
    },
    // biome-ignore lint/suspicious/noThenProperty: that is what it is about
    then: (resolve) => resolve('rows'),
  };
  return made;
}

class Work {
  @Span('work')
  result<T>(value: T, ..._others: unknown[]): T {
    return value;
  }

  @Span('work', (value: unknown) => ({ onResult: () => ({ attributes: { kind: typeof value } }) }))
  described<T>(value: T): T {
    return value;
  }

  @Span('work')
  *numbers(): Generator<number> {
    yield 1;
    yield 2;
  }

  @Span('work')
  async *later(): AsyncGenerator<number> {
    yield 1;
    yield 2;
  }
}
const work = new Work();

/** Collects what nobody holds, until so many spans have ended. What a loop of the engine still holds goes with a later turn. */
async function collected({ spans }: StartedMode, count: number): Promise<void> {
  for (let attempt = 0; spans.length < count && attempt < 200; attempt += 1) {
    await new Promise(setImmediate);
    collectGarbage();
  }
  await new Promise(setImmediate);
  expect(spans).toHaveLength(count);
}

/** What is made in here is in nobody's hands afterwards. */
function abandon(make: () => unknown): void {
  [make].forEach((each) => {
    each();
  });
}

const abandonedInSomeWay: [string, () => unknown][] = [
  ['a query', () => work.result(query())],
  ['a query that was given as an argument', () => work.result(query(), query())],
  ['a query that the options of its span hold', () => work.described(query())],
  ['an Observable', () => work.result(of(1))],
  ['a generator', () => work.numbers()],
  ['an async generator', () => work.later()],
  ['a generator that was begun', () => work.numbers().next()],
];

for (const [title, make] of abandonedInSomeWay) {
  inEachMode(
    `the span of ${title} that nobody finishes ends, with the time of its last step`,
    async ({ mode, telemetry }) => {
      const before = Date.now();
      abandon(make);
      const after = Date.now();
      await new Promise((resolve) => setTimeout(resolve, 20));
      await collected(telemetry, mode.records ? 1 : 0);
      for (const { endTime, startTime, status, events } of telemetry.spans) {
        const [start, end] = [startTime, endTime].map(
          ([seconds, nanoseconds]) => seconds * 1000 + nanoseconds / 1e6,
        ) as [number, number];
        expect(end).toBeGreaterThanOrEqual(start);
        // Clocks that count whole milliseconds are off by one.
        expect(end).toBeGreaterThan(before - 6);
        expect(end).toBeLessThan(after + 6);
        expect([status.code, events]).toEqual([0, []]);
      }
    },
    MODES.filter((mode) => mode !== NOBODY),
  );
}

inEachMode(
  'the span of a generator that is left half-way ends with the time of its last step',
  async ({ telemetry }) => {
    await (async () => {
      const generator = work.numbers();
      await new Promise((resolve) => setTimeout(resolve, 50));
      generator.next();
    })();
    await collected(telemetry, telemetry.started.length);
    for (const { duration } of telemetry.spans) expect(duration[0] * 1e9 + duration[1]).toBeGreaterThan(45e6);
  },
);

inEachMode('what is still held has no end', async ({ telemetry, endedAre }) => {
  const held = work.result(query());
  abandon(() => work.numbers());
  await collected(telemetry, telemetry.started.length === 0 ? 0 : 1);
  expect(held.parts).toEqual([]);
  expect(await held).toBe('rows');
  endedAre('work', 'work');
});

inEachMode('what was finished is not ended again', async ({ telemetry, endedAre }) => {
  await (async () => {
    await work.result(query());
    for (const _ of work.numbers());
    work.result(of(1)).subscribe();
  })();
  endedAre('work', 'work', 'work');
  for (let turn = 0; turn < 5; turn += 1) {
    await new Promise(setImmediate);
    collectGarbage();
  }
  expect(telemetry.spans).toHaveLength(telemetry.started.length);
});

inEachMode('a span that its user has ended is left as it is', async ({ mode, telemetry }) => {
  class Ending {
    @Span('work')
    result<T>(value: T): T {
      trace.getActiveSpan()?.end();
      return value;
    }
  }
  abandon(() => new Ending().result(query()));
  for (let turn = 0; turn < 5; turn += 1) {
    await new Promise(setImmediate);
    collectGarbage();
  }
  expect(telemetry.spans).toHaveLength(mode.records ? 1 : 0);
});
