export type Align = 'left' | 'right';

/** How many characters wide the text is: "crème brûlée" is 12, an emoji is 1. */
export function width(text: string): number {
  return Array.from(text.normalize('NFC')).length;
}

/** Fills up with spaces to the given width. Text that is wider already stays as it is. */
export function pad(text: string, to: number, align: Align = 'left'): string {
  const space = ' '.repeat(Math.max(0, to - width(text)));
  return align === 'left' ? text + space : space + text;
}

/** Cuts to the given width; an ellipsis shows where. */
export function truncate(text: string, to: number): string {
  if (width(text) <= to) return text;
  const kept = Array.from(text.normalize('NFC')).slice(0, Math.max(0, to - 1));
  return `${kept.join('').trimEnd()}…`;
}

/** Breaks at spaces so that no line is wider than asked, unless a single word is. */
export function wrap(text: string, to: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter(Boolean)) {
    if (line === '') line = word;
    else if (width(line) + 1 + width(word) <= to) line += ` ${word}`;
    else {
      lines.push(line);
      line = word;
    }
  }
  if (line !== '') lines.push(line);
  return lines;
}

/** "1 task", "3 tasks". */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
