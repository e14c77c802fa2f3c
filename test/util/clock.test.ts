import { getEventListeners } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SystemClock, VirtualClock } from '../../src/util/clock';

const START = 1_000_000;

describe('the virtual clock', () => {
  test('begins where it is told to, and stands still while nobody sleeps', async () => {
    const clock = new VirtualClock(Number.POSITIVE_INFINITY, START);
    expect(clock.now()).toBe(START);
    await nextTurn();
    await nextTurn();
    expect(clock.now()).toBe(START);
  });

  test('wakes sleepers in the order of their moments, at exactly their moments', async () => {
    const clock = new VirtualClock(Number.POSITIVE_INFINITY, START);
    const woken: [string, number][] = [];
    const sleeper = async (name: string, ms: number) => {
      await clock.sleep(ms);
      woken.push([name, clock.now() - START]);
    };
    await Promise.all([sleeper('c', 300), sleeper('a', 0.1), sleeper('d', 1e12), sleeper('b', 299.9)]);
    expect(woken).toEqual([
      ['a', expect.closeTo(0.1, 6)],
      ['b', expect.closeTo(299.9, 6)],
      ['c', 300],
      ['d', 1e12],
    ]);
  });

  test('wakes those of one moment in the order they lay down', async () => {
    const clock = new VirtualClock(Number.POSITIVE_INFINITY, START);
    const woken: number[] = [];
    await Promise.all(Array.from({ length: 50 }, (_, i) => clock.sleep(10).then(() => woken.push(i))));
    expect(woken).toEqual([...Array(50).keys()]);
  });

  test('does not go on before all that a waking sleeper sets off has run', async () => {
    const clock = new VirtualClock(Number.POSITIVE_INFINITY, START);
    const seen: number[] = [];
    const first = (async () => {
      await clock.sleep(10);
      for (let i = 0; i < 100; i++) await Promise.resolve();
      seen.push(clock.now() - START);
      await clock.sleep(5);
      seen.push(clock.now() - START);
    })();
    const second = clock.sleep(20).then(() => void seen.push(clock.now() - START));
    await Promise.all([first, second]);
    expect(seen).toEqual([10, 15, 20]);
  });

  test('takes no time of the wall clock for years of its own', async () => {
    const clock = new VirtualClock(Number.POSITIVE_INFINITY, START);
    const startedAt = performance.now();
    for (let day = 0; day < 365; day++) await clock.sleep(86_400_000);
    expect(clock.now()).toBe(START + 365 * 86_400_000);
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });

  test('sleeps nothing for nothing and for less', async () => {
    const clock = new VirtualClock(Number.POSITIVE_INFINITY, START);
    await clock.sleep(0);
    await clock.sleep(-100);
    expect(clock.now()).toBe(START);
  });

  test('wakes whoever is aborted at once, and does not jump to that moment', async () => {
    const clock = new VirtualClock(Number.POSITIVE_INFINITY, START);
    const abort = new AbortController();
    const aborted = clock.sleep(500, abort.signal).then(() => clock.now());
    const other = clock.sleep(1000).then(() => clock.now());
    abort.abort();
    expect(await aborted).toBe(START);
    expect(await other).toBe(START + 1000);
  });

  test('an abort by another sleeper wakes at that one’s moment', async () => {
    const clock = new VirtualClock(Number.POSITIVE_INFINITY, START);
    const abort = new AbortController();
    const aborted = clock.sleep(500, abort.signal).then(() => clock.now());
    await clock.sleep(100);
    abort.abort();
    expect(await aborted).toBe(START + 100);
    await nextTurn();
    await nextTurn();
    expect(clock.now()).toBe(START + 100);
  });

  test('does not sleep at all for a signal that is aborted already', async () => {
    const clock = new VirtualClock(Number.POSITIVE_INFINITY, START);
    await clock.sleep(500, AbortSignal.abort());
    await nextTurn();
    expect(clock.now()).toBe(START);
  });

  test('leaves nothing hanging on a signal, woken or aborted', async () => {
    const clock = new VirtualClock(Number.POSITIVE_INFINITY, START);
    const abort = new AbortController();
    for (let i = 0; i < 20; i++) await clock.sleep(1, abort.signal);
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
    const sleep = clock.sleep(1, abort.signal);
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1);
    abort.abort();
    await sleep;
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
  });

  test('an abort after waking changes nothing', async () => {
    const clock = new VirtualClock(Number.POSITIVE_INFINITY, START);
    const abort = new AbortController();
    await clock.sleep(10, abort.signal);
    abort.abort();
    await clock.sleep(10);
    expect(clock.now()).toBe(START + 20);
  });

  test('10,000 sleepers wake in order within a second', async () => {
    const clock = new VirtualClock(Number.POSITIVE_INFINITY, START);
    const startedAt = performance.now();
    const woken: number[] = [];
    await Promise.all(
      Array.from({ length: 10_000 }, (_, i) => clock.sleep((i * 7919) % 10_007).then(() => woken.push(clock.now()))),
    );
    expect(woken).toEqual([...woken].sort((a, b) => a - b));
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });
});

describe('clocks that wait for the wall clock', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  test('a speed-up divides the wait, and the times stay exact', async () => {
    const clock = new VirtualClock(60, START);
    const woken: number[] = [];
    void clock.sleep(60_000).then(() => woken.push(clock.now() - START));
    void clock.sleep(120_000).then(() => woken.push(clock.now() - START));
    await jest.advanceTimersByTimeAsync(990);
    expect(woken).toEqual([]);
    await jest.advanceTimersByTimeAsync(20);
    expect(woken).toEqual([60_000]);
    await jest.advanceTimersByTimeAsync(980);
    expect(woken).toEqual([60_000]);
    await jest.advanceTimersByTimeAsync(20);
    expect(woken).toEqual([60_000, 120_000]);
  });

  test('a slow-down multiplies it', async () => {
    const clock = new VirtualClock(0.5, START);
    let woke = false;
    void clock.sleep(1000).then(() => (woke = true));
    await jest.advanceTimersByTimeAsync(1980);
    expect(woke).toBe(false);
    await jest.advanceTimersByTimeAsync(40);
    expect(woke).toBe(true);
    expect(clock.now()).toBe(START + 1000);
  });

  test('one who lies down later for less wakes first', async () => {
    const clock = new VirtualClock(1, START);
    const woken: string[] = [];
    void clock.sleep(1000).then(() => woken.push('long'));
    await jest.advanceTimersByTimeAsync(10);
    void clock.sleep(100).then(() => woken.push('short'));
    await jest.advanceTimersByTimeAsync(150);
    expect(woken).toEqual(['short']);
    await jest.advanceTimersByTimeAsync(900);
    expect(woken).toEqual(['short', 'long']);
  });

  test('an abort while the clock waits wakes at once', async () => {
    const clock = new VirtualClock(1, START);
    const abort = new AbortController();
    let woke = false;
    void clock.sleep(1_000_000, abort.signal).then(() => (woke = true));
    await jest.advanceTimersByTimeAsync(10);
    abort.abort();
    await jest.advanceTimersByTimeAsync(0);
    expect(woke).toBe(true);
    await jest.advanceTimersByTimeAsync(10);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('a wait longer than a timer can be is still waited for', async () => {
    const clock = new VirtualClock(1, START);
    let woke = false;
    void clock.sleep(2 ** 31 + 1000).then(() => (woke = true));
    await jest.advanceTimersByTimeAsync(2 ** 31 - 1000);
    expect(woke).toBe(false);
    await jest.advanceTimersByTimeAsync(2100);
    expect(woke).toBe(true);
  });

  test('the system clock sleeps as long as it is told', async () => {
    const clock = new SystemClock();
    let woke = false;
    void clock.sleep(1000).then(() => (woke = true));
    await jest.advanceTimersByTimeAsync(999);
    expect(woke).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    expect(woke).toBe(true);
  });

  test('the system clock sleeps for longer than a timer can be', async () => {
    const clock = new SystemClock();
    let woke = false;
    void clock.sleep(1000 * 3_600_000).then(() => (woke = true));
    await jest.advanceTimersByTimeAsync(60_000);
    expect(woke).toBe(false);
    await jest.advanceTimersByTimeAsync(1000 * 3_600_000);
    expect(woke).toBe(true);
  });

  test('the system clock sleeps without end where it is told to, until it is aborted', async () => {
    const clock = new SystemClock();
    const abort = new AbortController();
    let woke = false;
    void clock.sleep(Number.POSITIVE_INFINITY, abort.signal).then(() => (woke = true));
    await jest.advanceTimersByTimeAsync(60_000);
    expect(woke).toBe(false);
    abort.abort();
    await jest.advanceTimersByTimeAsync(0);
    expect(woke).toBe(true);
  });

  test('the system clock wakes when aborted, and leaves no timer and no listener', async () => {
    const clock = new SystemClock();
    const abort = new AbortController();
    const sleep = clock.sleep(1_000_000, abort.signal);
    abort.abort();
    await sleep;
    expect(jest.getTimerCount()).toBe(0);
    expect(getEventListeners(abort.signal, 'abort')).toHaveLength(0);
    await clock.sleep(1_000_000, abort.signal);
    const other = new AbortController();
    const short = clock.sleep(5, other.signal);
    await jest.advanceTimersByTimeAsync(5);
    await short;
    expect(getEventListeners(other.signal, 'abort')).toHaveLength(0);
  });
});

test('the system clock never goes back, and is near the wall clock', () => {
  const clock = new SystemClock();
  const times = Array.from({ length: 1000 }, () => clock.now());
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(Math.abs(clock.now() - Date.now())).toBeLessThan(60_000);
});
