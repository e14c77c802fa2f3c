import type { HrTime, TimeInput } from '@opentelemetry/api';

/** How far the wall clock may run away from ours before we follow it. */
const MAX_DRIFT_MS = 5;
const CHECK_INTERVAL_MS = 1000;

let anchoredAt = performance.now();
let offset = Date.now() - anchoredAt;

/** Milliseconds of a clock that only goes forward. */
export function monotonicNow(): number {
  return performance.now();
}

/**
 * What the wall clock says now, in milliseconds since the epoch, to a fraction of a microsecond; `monotonic` is what {@link monotonicNow} has just said. The wall clock
 * is looked at once a second only; when it was set, or the machine slept, times jump with it, but a span's duration does not.
 */
export function wallTime(monotonic: number): number {
  if (monotonic - anchoredAt > CHECK_INTERVAL_MS) {
    const actual = Date.now() - monotonic;
    if (Math.abs(actual - offset) > MAX_DRIFT_MS) offset = actual;
    anchoredAt = monotonic;
  }
  return monotonic + offset;
}

/** Milliseconds since the epoch as seconds and nanoseconds. */
export function hrTimeOf(milliseconds: number): HrTime {
  const seconds = Math.floor(milliseconds / 1000);
  // Rounded to what the number can hold: beyond that its digits are noise.
  const nanoseconds = Math.round((milliseconds - seconds * 1000) * 1e4) * 100;
  return nanoseconds === 1e9 ? [seconds + 1, 0] : [seconds, nanoseconds];
}

/** Milliseconds since the epoch of a time that a user gives: the API takes four kinds. What is no time, such as an invalid date, is now. */
export function millisecondsOf(time: TimeInput): number {
  const given = Array.isArray(time) ? time[0] * 1000 + time[1] / 1e6 : time instanceof Date ? time.getTime() : time;
  const now = performance.now();
  if (!Number.isFinite(given)) return wallTime(now);
  // A number this small is a reading of performance.now(), of some time ago: not one to look at the wall clock by.
  return typeof time === 'number' && time <= now ? wallTime(now) - (now - time) : given;
}
