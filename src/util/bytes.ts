const UNIT_BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** Whole bytes of a size such as `64MiB`, `1.5GiB` or `4096`, or undefined where the text is none. */
export function parseBytes(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB|TiB)?$/.exec(text) ?? [];
  if (amount === undefined) return undefined;
  const bytes = Math.round(Number(amount) * (UNIT_BYTES[unit ?? 'B'] as number));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
