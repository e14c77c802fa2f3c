import { BinaryHeap } from './binary-heap';

const MAX_TIMER_MS = 2 ** 30;

/** Where time comes from. A run asks nobody else, so that a simulation and a test can tell it the time. */
export interface Clock {
  /** Milliseconds since the epoch, with fractions. */
  now(): number;
  /** Resolves after `ms`, or at once when the signal aborts: whoever waits asks the signal why it woke. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The machine's clock: monotonic within a process, anchored at the wall clock when the process started. */
export class SystemClock implements Clock {
  now(): number {
    return performance.timeOrigin + performance.now();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const until = performance.now() + ms;
      let timer: NodeJS.Timeout;
      // A timer counts 24 days at most, and takes more for none at all.
      const wait = () => {
        const left = until - performance.now();
        timer = left > MAX_TIMER_MS ? setTimeout(wait, MAX_TIMER_MS) : setTimeout(done, left);
      };
      wait();
      signal?.addEventListener('abort', done, { once: true });
    });
  }
}

interface Sleeper {
  readonly at: number;
  readonly serial: number;
  cancelled: boolean;
  wake(): void;
}

/**
 * A clock of discrete events. Its time stands still while anything happens and jumps to the next sleeper's moment when
 * nothing more does, so a simulation's times are exact however slow the machine is. With a finite speed-up it waits for the
 * wall clock (divided by the speed-up) before each jump, so that a person can watch.
 */
export class VirtualClock implements Clock {
  private current: number;
  private serial = 0;
  private immediate: NodeJS.Immediate | undefined;
  private timer: NodeJS.Timeout | undefined;
  private readonly startedAt = performance.now();
  private readonly origin: number;
  private readonly sleepers = new BinaryHeap<Sleeper>((a, b) => a.at - b.at || a.serial - b.serial);

  /**
   * @param speedup how many virtual milliseconds pass in one of the wall clock; `Infinity` waits for nothing
   * @param start the first moment, in milliseconds since the epoch
   */
  constructor(
    private readonly speedup = Number.POSITIVE_INFINITY,
    start = Date.now(),
  ) {
    this.origin = start;
    this.current = start;
  }

  now(): number {
    return this.current;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const abort = () => {
        sleeper.cancelled = true;
        resolve();
        this.arm();
      };
      const sleeper: Sleeper = {
        at: this.current + Math.max(0, ms),
        serial: this.serial++,
        cancelled: false,
        wake: () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.sleepers.push(sleeper);
      this.arm();
    });
  }

  /** Looks for the next moment, but only after every promise that is settled now has run its course. */
  private arm(): void {
    clearTimeout(this.timer);
    this.immediate ??= setImmediate(() => {
      this.immediate = undefined;
      while (this.sleepers.peek()?.cancelled) this.sleepers.pop();
      const next = this.sleepers.peek();
      if (next === undefined) return;
      const dueInMs = (next.at - this.origin) / this.speedup - (performance.now() - this.startedAt);
      if (dueInMs > 1) {
        this.timer = setTimeout(() => this.arm(), Math.min(dueInMs, 2 ** 30));
        return;
      }
      this.sleepers.pop();
      this.current = Math.max(this.current, next.at);
      next.wake();
      this.arm();
    });
  }
}
