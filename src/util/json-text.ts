import { UserError } from './user-error';
import { printable } from './words';

/** The way to a value: keys of objects, indexes of arrays. */
export type JsonPath = readonly (string | number)[];

/**
 * Reads JSON that a person wrote.
 *
 * @throws UserError naming the file and the line where the text stops being JSON
 */
export function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    const what = printable(message.replaceAll(/\s+/g, ' ')).slice(0, 160);
    throw new UserError(`not valid JSON: ${what}`, { file, line: lineAt(text, placeOfError(message, text)) });
  }
}

/** The lines on which the values of a valid JSON text begin, 1-based; JSON.parse keeps none. */
export class JsonLines {
  private readonly lines = new Map<string, number>();

  constructor(text: string) {
    const way: (string | number)[] = [];
    let line = 1;
    let from = 0;
    let key: string | undefined;
    for (const { 0: token, index } of text.matchAll(TOKEN)) {
      for (let i = text.indexOf('\n', from); i >= 0 && i < index; i = text.indexOf('\n', i + 1)) line++;
      from = index;
      const top = way.length - 1;
      if (token === ':') way[top] = JSON.parse(key as string) as string;
      else if (token === ',') {
        if (typeof way[top] === 'number') (way[top] as number)++;
      } else if (token === '}' || token === ']') way.pop();
      else {
        // A key is recorded like a value, under the key before it; the first record of a place is the right one.
        key = token;
        const place = placeOf(way);
        if (!this.lines.has(place)) this.lines.set(place, line);
        if (token === '{') way.push(BEFORE_FIRST_KEY);
        if (token === '[') way.push(0);
      }
    }
  }

  /** The line of the value, or of the nearest one around it. */
  of(path: JsonPath): number {
    for (let length = path.length; length > 0; length--) {
      const line = this.lines.get(placeOf(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return 1;
  }
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s"{}[\]:,]+/g;

/** A word that no path asks for. */
const BEFORE_FIRST_KEY = '\u0000';

function placeOf(path: JsonPath): string {
  return JSON.stringify(path);
}

/** Some of JSON.parse's messages tell the position, some quote the text around it, and the rest are about the end. */
function placeOfError(message: string, text: string): number {
  const position = /position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return Number(position);
  const [, token, cut, quoted] =
    /^Unexpected token '(.)', (\.\.\.)?"(.*)"(?:\.\.\.)? is not valid JSON$/su.exec(message) ?? [];
  const start = quoted === undefined ? -1 : text.indexOf(quoted);
  if (start < 0) return text.length;
  return start + Math.max(0, (quoted as string).indexOf(token as string, cut ? 10 : 0));
}

/** The line that a place in a text is on, 1-based. */
export function lineAt(text: string, at: number): number {
  let line = 1;
  for (let i = text.indexOf('\n'); i >= 0 && i < at; i = text.indexOf('\n', i + 1)) line++;
  return line;
}
