/** Whether a text fits one of the patterns, in which `*` stands for any run of characters. */
export function globs(patterns: readonly string[]): (text: string) => boolean {
  const expressions = patterns.map((pattern) => {
    const parts = pattern.split(/\*+/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${parts.join('.*')}$`, 's');
  });
  return (text) => expressions.some((expression) => expression.test(text));
}
