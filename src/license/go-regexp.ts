/**
 * Makes a test of a regular expression in Go's syntax. What JavaScript would read otherwise is translated or refused, so that no
 * expression silently means something else; what Go itself refuses is refused.
 *
 * @throws Error saying what is wrong with it, or not supported
 */
export function goRegExp(source: string): RegExp {
  const [, flags = '', pattern = ''] = /^(?:\(\?([a-zA-Z]+)\))?(.*)$/s.exec(source) ?? [];
  if (/[^ims]/.test(flags)) throw new Error(`the flags (?${flags}) are not supported; i, m and s are`);
  const tokens = (pattern.match(TOKEN) ?? []).map((token) => translate(token, flags));
  try {
    return new RegExp(withoutEnds(tokens).join(''), flags);
  } catch (error) {
    throw new Error((error as Error).message.replace(/^Invalid regular expression: .*: /s, '').toLowerCase());
  }
}

/** An escape, a class, the beginning of a group, or any other character. */
const TOKEN = /\\(?:x[0-9A-Fa-f]{2}|.)|\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]|\(\?(?:P?<\w+>|[\w-]+[:)]|<?.)?|./gs;

/** Those of Go's escapes that mean the same in JavaScript: kinds of characters, control characters, and punctuation as it is. */
const SAME_ESCAPE = /^\\(?:[dDsSwWbBfnrtv]|x..|[^A-Za-z0-9])$/;

function translate(token: string, flags: string): string {
  switch (token[0]) {
    case '\\':
      return translateEscape(token);
    case '[':
      return translateClass(token);
    case '.':
      return flags.includes('s') ? token : ANY;
    case '(':
      if (token === '(' || token === '(?:') return token;
      if (/^\(\?P?<\w+>$/.test(token)) return token.replace('P', '');
      if (/^\(\?<?[=!]/.test(token)) throw new Error(`there is no ${token} in Go's expressions`);
      throw new Error(`${token} is not supported; flags are only at the very beginning, as in (?i)`);
    default:
      return token;
  }
}

/** All but a line's end: JavaScript's own dot knows more ends of lines than Go's. */
const ANY = String.raw`[^\n]`;

function translateEscape(token: string): string {
  if (token === '\\A') return '(?<![^])';
  if (token === '\\z') return '(?![^])';
  if (token === '\\') throw new Error('trailing backslash at the end');
  if (!SAME_ESCAPE.test(token)) throw new Error(`${token} is not supported`);
  return token;
}

function translateClass(token: string): string {
  if (token === '[') throw new Error('missing closing ]');
  if (/\[:\^?\w+:\]/.test(token)) throw new Error(`${token} is not supported; write the characters, as in [A-Za-z]`);
  for (const [escaped] of token.matchAll(/\\(?:x[0-9A-Fa-f]{2}|.)/gs)) {
    if (/\\[bB]/.test(escaped) || !SAME_ESCAPE.test(escaped))
      throw new Error(`${escaped} is not supported in ${token}`);
  }
  // A bracket that comes first is one of the characters; to JavaScript it would end the class.
  return token.replace(/^\[(\^?)\]/, String.raw`[$1\]`);
}

/**
 * Leaves out `.*` at both ends: for a search they change nothing, but make it quadratic in the length of a path, and an RPM may have
 * ten thousands of them.
 */
function withoutEnds(tokens: readonly string[]): readonly string[] {
  const isAnyRun = (at: number) =>
    tokens[at] !== undefined && /^(\.|\[\^\\n\])$/.test(tokens[at]) && tokens[at + 1] === '*';
  const from = isAnyRun(0) && !/^[?+*{]$/.test(tokens[2] ?? '') ? 2 : 0;
  const to = tokens.length - 2 >= from && isAnyRun(tokens.length - 2) ? tokens.length - 2 : tokens.length;
  return tokens.slice(from, to);
}
