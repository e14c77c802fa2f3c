/** Lines in a box, each in its middle, as the toolkit prints what must not be overlooked. */
export function messageBox(lines: readonly string[]): string[] {
  const width = Math.max(0, ...lines.map(columns));
  const edge = '═'.repeat(width + 2);
  const boxed = lines.map((line) => {
    const room = width - columns(line);
    const before = Math.floor(room / 2);
    return `║ ${' '.repeat(before)}${line}${' '.repeat(room - before)} ║`;
  });
  return [`╔${edge}╗`, ...boxed, `╚${edge}╝`];
}

function columns(text: string): number {
  return [...text].length;
}
