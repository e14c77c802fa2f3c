/**
 * A test for names by patterns in which `*` stands for any run of characters. Linear in the length of the name, which may come from
 * outside, however many stars there are.
 */
export function globs(patterns: readonly string[]): (name: string) => boolean {
  const parts = patterns.map((pattern) => pattern.split('*'));
  return (name) => parts.some((literals) => matches(name, literals));
}

/** Each literal at its first place behind the one before it: if that does not fit, no later place would. */
function matches(name: string, literals: readonly string[]): boolean {
  const first = literals[0] as string;
  if (literals.length === 1) return name === first;
  const last = literals.at(-1) as string;
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let from = first.length;
  for (const literal of literals.slice(1, -1)) {
    const at = name.indexOf(literal, from);
    if (at === -1) return false;
    from = at + literal.length;
  }
  return from <= name.length - last.length;
}
