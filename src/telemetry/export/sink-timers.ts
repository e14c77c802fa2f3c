const MAX_TIMER_MS = 2 ** 31 - 1;

/** Time, as sinks need it; a test brings its own. */
export interface SinkTimers {
  /** Milliseconds since the epoch. */
  now(): number;
  /**
   * Calls back once. The process may end before, unless somebody waits for it.
   *
   * @returns what cancels it
   */
  after(ms: number, call: () => void, somebodyWaits?: boolean): () => void;
}

export const systemTimers: SinkTimers = {
  now: () => Date.now(),
  after(ms, call, somebodyWaits = false) {
    const timer = setTimeout(call, Math.min(ms, MAX_TIMER_MS));
    if (!somebodyWaits) timer.unref();
    return () => clearTimeout(timer);
  },
};
