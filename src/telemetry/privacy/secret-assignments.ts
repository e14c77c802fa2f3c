import { boundedMemo } from './bounded-memo';
import { REDACTED } from './redacted';
import { isSecretName, isSecretParameter } from './secret-names';

const MAX_NAME_LENGTH = 64;
const MAX_GAP = 8;

const isName = boundedMemo(isSecretName, 1024);
const isParameter = boundedMemo(isSecretParameter, 1024);

/**
 * The values of secret names in a text: in queries (`?sig=…`), connection strings (`;AccountKey=…`), SQL and shell
 * (`password = 'x'`), JSON (`"token":"x"`, also JSON within JSON), printed objects (`token: 'x'`) and headers (`Cookie: …`).
 */
export function hideAssignments(text: string): string {
  let shown = '';
  let done = 0;
  for (let at = nextOperator(text, 0); at !== -1; at = nextOperator(text, Math.max(at + 1, done))) {
    const value = secretValue(text, at, done);
    if (value === undefined) continue;
    shown += text.slice(done, value.start) + REDACTED;
    done = value.end;
  }
  return shown + text.slice(done);
}

const EQUALS = 61;
const COLON = 58;
const SLASH = 47;

function nextOperator(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === EQUALS || (code === COLON && text.charCodeAt(i + 1) !== SLASH)) return i;
  }
  return -1;
}

interface Place {
  readonly start: number;
  readonly end: number;
}

interface Name {
  readonly text: string;
  /** The character before it. */
  readonly before: string;
  readonly isQuoted: boolean;
}

function secretValue(text: string, operator: number, done: number): Place | undefined {
  const name = nameBefore(text, operator, done);
  if (name.text === '') return undefined;
  const isEquals = text.charCodeAt(operator) === EQUALS;
  const inUrl = isEquals && '?&#'.includes(name.before) && name.before !== '';
  if (!(inUrl ? isParameter(name.text) : isName(name.text))) return undefined;
  if (isEquals && COMPARISON.test(text.slice(operator - 1, operator + 2))) return undefined;

  let start = operator + 1;
  while (start - operator <= MAX_GAP && /[ \t]/.test(text[start] ?? '')) start++;
  const quoted = quotedValue(text, start);
  if (quoted !== undefined) return quoted.start === quoted.end ? undefined : quoted;
  let end = endOf(text, start, bareEnd(name, isEquals, inUrl));
  // Of `secret= token="x"`, the value of the second is not to be left behind.
  if (end > start && text.charCodeAt(end - 1) === EQUALS) end = quotedValue(text, end)?.end ?? end;
  // Of an object, its own names decide.
  if (!isEquals && text[start] === '{') return undefined;
  return NO_SECRET.test(text.slice(start, Math.min(end, start + 16))) ? undefined : { start, end };
}

/** `==`, `!=`, `<=`, `=>` … */
const COMPARISON = /[!<>=]=|=[=>~]/;

/** Nothing, a word that stands for nothing, or a place for a value in SQL. */
const NO_SECRET = /^(?:|null|nil|none|undefined|true|false|\$\d+|\?|%s)[,;)]?$/i;

const QUOTE = /["'`]/;
const BLANKS = [9, 32];
const QUOTES = [34, 39, 96];
const BACKSLASH = 92;
const SPACE = 32;

/** A table, as every character of every name in every query is looked up in it. */
const IS_NAME = new Uint8Array(128);
for (let code = 0; code < 128; code++) IS_NAME[code] = /[\w.$%[\]-]/.test(String.fromCharCode(code)) ? 1 : 0;

/** The name that ends before an operator, with or without quotes around it. */
function nameBefore(text: string, operator: number, done: number): Name {
  let i = operator - 1;
  const floor = Math.max(done, operator - MAX_NAME_LENGTH);
  while (i >= floor && BLANKS.includes(text.charCodeAt(i))) i--;
  const isQuoted = i >= floor && QUOTES.includes(text.charCodeAt(i));
  if (isQuoted) i--;
  while (isQuoted && i >= floor && text.charCodeAt(i) === BACKSLASH) i--;
  const end = i + 1;
  for (; i >= floor; i--) {
    const code = text.charCodeAt(i);
    if (IS_NAME[code] !== 1 && !(isQuoted && code === SPACE)) break;
  }
  return { text: text.slice(i + 1, end), before: text[i] ?? '', isQuoted };
}

/** What stands in quotes or brackets; to the end of the text where they are not closed, as it was cut off. */
function quotedValue(text: string, from: number): Place | undefined {
  let open = from;
  while (text[open] === '\\') open++;
  const quote = text[open] ?? '';
  if (quote === '[' && open === from) {
    const close = text.indexOf(']', open);
    return { start: from, end: close === -1 ? text.length : close + 1 };
  }
  if (!QUOTE.test(quote)) return undefined;
  const start = open + 1;
  const escapes = open - from;
  for (let close = text.indexOf(quote, start); close !== -1; close = text.indexOf(quote, close + 1)) {
    let before = close;
    while (before > start && text[before - 1] === '\\') before--;
    // In JSON within JSON, the quote that closes has as many backslashes as the one that opened.
    if (escapes === 0 ? (close - before) % 2 === 0 : close - before === escapes) return { start, end: before };
  }
  return { start, end: text.length };
}

const LINE_END = /[\r\n]/;
const URL_VALUE_END = /[\s&#"'<>`]/;
const JSON_VALUE_END = /[\s,}\]"']/;
const TEXT_VALUE_END = /[\s&;"'<>`]/;
const HEADER = /^(?:(?:proxy-)?authorization|(?:set-)?cookie|(?:[a-z]+-)+(?:key|token|secret))$/i;
const WHOLE_LINE = /(?:authorization|cookie)$/i;

/** What ends a value without quotes; undefined where there can be none, as behind the colon in `password: too short`. */
function bareEnd(name: Name, isEquals: boolean, inUrl: boolean): RegExp | undefined {
  if (inUrl) return URL_VALUE_END;
  if (isEquals && !WHOLE_LINE.test(name.text)) return TEXT_VALUE_END;
  if (!isEquals && name.isQuoted) return JSON_VALUE_END;
  if (!isEquals && !HEADER.test(name.text)) return undefined;
  // Of `-H "Cookie: …"`, the quote ends it.
  if (QUOTE.test(name.before)) return name.before === '"' ? /["\r\n]/ : /['`\r\n]/;
  return LINE_END;
}

function endOf(text: string, from: number, end: RegExp | undefined): number {
  let i = from;
  if (end !== undefined) while (i < text.length && !end.test(text[i] as string)) i++;
  return i;
}
