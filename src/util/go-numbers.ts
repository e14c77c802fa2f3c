/** A whole number as Go's command lines take one: `8`, `-1`, `1e3`, `2.0`. Undefined where the text is none, or has a fraction. */
export function parseWholeNumber(text: string): number | undefined {
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value + 0 : undefined;
}

const UINT64_LIMIT = 1n << 64n;
const PREFIX_OF_BASE = { '0x': /^0x/i, '0b': /^0b/i, '0o': /^0o?/i } as const;

/** An unsigned 64-bit number in Go's syntax: `18`, `0x12`, `0b10010`, `0o22` or `022`, `1_000`; no sign. */
export function parseUint64(text: string): bigint | undefined {
  const base = /^0x/i.test(text) ? '0x' : /^0b/i.test(text) ? '0b' : /^0[o_\d]/i.test(text) ? '0o' : '';
  const rest = base === '' ? text : text.replace(PREFIX_OF_BASE[base], '');
  // An underline parts two digits, or the prefix from the first.
  if (!/^_?[\da-f]+(?:_[\da-f]+)*$/i.test(rest) || (base === '' && rest.startsWith('_'))) return undefined;
  const digits = rest.replaceAll('_', '');
  const known = { '': /^\d+$/, '0x': /^[\da-f]+$/i, '0b': /^[01]+$/, '0o': /^[0-7]+$/ }[base];
  if (!known.test(digits)) return undefined;
  const value = BigInt(base + digits);
  return value < UINT64_LIMIT ? value : undefined;
}
