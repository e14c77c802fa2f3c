const UNIT_BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** `2`, `"512MiB"`: an amount of a resource as a number, sizes in bytes. The schema has checked the form. */
export function parseAmount(amount: number | string): number {
  if (typeof amount === 'number') return amount;
  const [, value, unit] = /^([0-9.]+)([A-Za-z]*)$/.exec(amount) ?? [];
  return Number(value) * (UNIT_BYTES[unit ?? ''] ?? 1);
}

/** Milliseconds in the shortest form that `parseDuration` reads back as the same. */
export function formatDurationText(ms: number): string {
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000}h`;
  if (ms % 60_000 === 0) return `${ms / 60_000}m`;
  if (ms % 1000 === 0) return `${ms / 1000}s`;
  return `${ms}ms`;
}
