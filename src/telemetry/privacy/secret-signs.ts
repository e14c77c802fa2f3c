/**
 * What in a text may belong to a secret. Each sign is cheap to see and common enough in harmless texts; it only wakes the
 * rules that look closely.
 */
export const Sign = {
  none: 0,
  /** `=`, or a colon before or behind a space or a quote. */
  assignment: 1,
  /** `@`, or a colon in the middle of a word, as in the address of a database that was cut off before its `@`. */
  userInfo: 2,
  /** Two dashes. */
  dashes: 4,
  /** A word that ends in r or c, as Bearer and Basic do, with something behind it. */
  scheme: 8,
  /** A word of 16 characters or more that is not a hexadecimal id. */
  longWord: 16,
  /** 13 digits or more, in groups or not. */
  digits: 32,
} as const;

const MIN_LONG_WORD = 16;
const MIN_DIGITS = 13;

const HEX = 1;
const DIGIT = 2;
const LETTER = 3;
const DASH = 4;
const BLANK = 5;
const COLON = 6;
const EQUALS = 7;
const AT = 8;

const KINDS = new Uint8Array(128);
function mark(kind: number, characters: string): void {
  for (const character of characters) KINDS[character.charCodeAt(0)] = kind;
}
mark(LETTER, 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_');
mark(HEX, 'abcdefABCDEF');
mark(DIGIT, '0123456789');
mark(DASH, '-');
mark(BLANK, ' \t%');
mark(COLON, ':');
mark(EQUALS, '=');
mark(AT, '@');

const SPACE = 32;
const LOWER_C = 99;
const LOWER_R = 114;

/**
 * Everything that {@link Sign} names and the text has, in one pass. It runs for every text of every span, and nearly all end
 * here: a regular expression for the same takes three times as long.
 */
export function signsOf(text: string): number {
  let signs: number = Sign.none;
  let wordLength = 0;
  let isWord = false;
  let digits = 0;
  const { length } = text;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    const kind = code < 128 ? KINDS[code] : 0;
    if (kind === LETTER) {
      wordLength++;
      isWord = true;
      digits = 0;
      continue;
    }
    if (kind === HEX) {
      wordLength++;
      digits = 0;
      continue;
    }
    if (kind === DIGIT) {
      wordLength++;
      if (++digits === MIN_DIGITS) signs |= Sign.digits;
      continue;
    }
    if (kind === DASH) {
      wordLength++;
      if (text.charCodeAt(i - 1) === code) signs |= Sign.dashes;
      continue;
    }
    if (isWord && wordLength >= MIN_LONG_WORD) signs |= Sign.longWord;
    wordLength = 0;
    isWord = false;
    if (kind === BLANK) {
      const before = text.charCodeAt(i - 1) | SPACE;
      if (before === LOWER_R || before === LOWER_C) signs |= Sign.scheme;
      if (code !== SPACE) digits = 0;
      continue;
    }
    digits = 0;
    if (kind === EQUALS) signs |= Sign.assignment;
    else if (kind === AT) signs |= Sign.userInfo;
    else if (kind === COLON) signs |= signsOfColon(text, i);
  }
  if (isWord && wordLength >= MIN_LONG_WORD) signs |= Sign.longWord;
  return signs;
}

const SLASH = 47;

function signsOfColon(text: string, at: number): number {
  const before = text.charCodeAt(at - 1);
  const after = text.charCodeAt(at + 1);
  if (after === SPACE || isQuote(after) || isQuote(before)) return Sign.assignment;
  const kind = after < 128 ? KINDS[after] : 0;
  return before === SLASH || after === SLASH || kind === DIGIT ? Sign.none : Sign.userInfo;
}

/** A backslash stands before a quote in JSON within JSON. */
function isQuote(code: number): boolean {
  return code === 34 || code === 39 || code === 96 || code === 92;
}
