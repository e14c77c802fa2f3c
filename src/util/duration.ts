const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Milliseconds of a duration in Go's syntax (`90m`, `1h30m`, `1.5s`, `0`), or undefined where the text is none or is longer than Go can
 * count: 292 years.
 */
export function parseDuration(text: string): number | undefined {
  const sign = text.startsWith('-') ? -1 : 1;
  const rest = text.replace(/^[+-]/, '');
  if (rest === '0') return 0;
  let total = 0;
  let end = 0;
  for (const { index, 0: part, 1: amount, 2: unit } of rest.matchAll(PART)) {
    if (index !== end) return undefined;
    end = index + part.length;
    total += Number(amount) * (UNIT_MS[unit as string] as number);
  }
  return end === 0 || end < rest.length || total >= MAX_MS ? undefined : sign * total;
}

/** A signed 64-bit number of nanoseconds ends here. */
const MAX_MS = 2 ** 63 / 1e6;

const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy;

/** A duration as Go prints it, which the toolkit's worker reads: `99h0m0s`, `1.5s`, `250ms`. */
export function formatGoDuration(ms: number): string {
  // In whole nanoseconds, as Go counts, so that nothing is rounded up to sixty seconds later.
  const total = Math.round(Math.abs(ms) * 1e6);
  const sign = ms < 0 && total > 0 ? '-' : '';
  const parts = (nanoseconds: number, unit: number, digits: number) => trimZeros((nanoseconds / unit).toFixed(digits));
  if (total === 0) return '0s';
  if (total < 1e3) return `${sign}${total}ns`;
  if (total < 1e6) return `${sign}${parts(total, 1e3, 3)}µs`;
  if (total < 1e9) return `${sign}${parts(total, 1e6, 6)}ms`;
  const hours = Math.floor(total / 3.6e12);
  const minutes = Math.floor((total % 3.6e12) / 6e10);
  const head = `${hours ? `${hours}h` : ''}${hours || minutes ? `${minutes}m` : ''}`;
  return `${sign}${head}${parts(total % 6e10, 1e9, 9)}s`;
}

/** A duration for people: `0.42s`, `12.3s`, `4m07s`, `2h05m`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 0.995) return `${seconds.toFixed(2)}s`;
  if (seconds < 59.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  const pad = (n: number) => String(n).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}m${pad(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h${pad(Math.floor((whole % 3600) / 60))}m`;
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
