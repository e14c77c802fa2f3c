import { err, ok, type Result } from '@workspace/result';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

const UNITS = [
  ['h', HOUR],
  ['m', MINUTE],
  ['s', SECOND],
  ['ms', 1],
] as const;

/** Reads "90s", "45m" or "1h30m" as milliseconds. */
export function parseDuration(text: string): Result<number> {
  if (!/^(\d+(ms|s|m|h))+$/.test(text)) return err(`"${text}" is not a duration such as 45m or 1h30m`);
  let total = 0;
  for (const [, digits, unit] of text.matchAll(/(\d+)(ms|s|m|h)/g)) {
    const size = UNITS.find(([name]) => name === unit)?.[1] ?? 0;
    total += Number(digits) * size;
  }
  return ok(total);
}

/** Writes milliseconds the way {@link parseDuration} reads them, without parts that are zero. */
export function formatDuration(milliseconds: number): string {
  let rest = Math.round(milliseconds);
  let text = '';
  for (const [name, size] of UNITS) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${name}`;
    rest -= count * size;
  }
  return text || '0s';
}
