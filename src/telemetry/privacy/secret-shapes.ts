import { REDACTED } from './redacted';
import { hideAssignments } from './secret-assignments';
import { isSecretName } from './secret-names';
import { Sign } from './secret-signs';

/** Finds one kind of secret in a text and takes it out. Linear in the length of the text, whatever is in it. */
export interface ShapeRule {
  /** The signs that a text must have for this rule to look at it; any one of them. */
  readonly wokenBy: number;
  readonly hide: (text: string) => string;
}

/** In this order: what takes out most comes first, so that no rule leaves half of what a later one would have taken. */
export const SHAPE_RULES: readonly ShapeRule[] = [
  { wokenBy: Sign.dashes, hide: hidePrivateKeys },
  { wokenBy: Sign.userInfo, hide: hideUserInfo },
  { wokenBy: Sign.scheme, hide: hideSchemes },
  { wokenBy: Sign.assignment, hide: hideAssignments },
  { wokenBy: Sign.dashes, hide: hideFlags },
  { wokenBy: Sign.longWord, hide: hideJsonWebTokens },
  { wokenBy: Sign.longWord, hide: hideTokens },
  { wokenBy: Sign.digits, hide: hideCardNumbers },
];

/** A text without what looks like a secret in it; the same text where nothing does. */
export function hideSecrets(text: string, signs: number, rules: readonly ShapeRule[] = SHAPE_RULES): string {
  let shown = text;
  for (const { wokenBy, hide } of rules) {
    if ((signs & wokenBy) !== 0) shown = hide(shown);
  }
  return shown;
}

// To the end of the text where the last line is missing: it was cut off.
const PRIVATE_KEY =
  /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/g;

function hidePrivateKeys(text: string): string {
  return text.replace(PRIVATE_KEY, REDACTED);
}

/**
 * User and password in URLs, also where the password holds an `@` or a slash, or the text ends in the middle of it. The user goes
 * too: in `https://<token>:x-oauth-basic@github.com` it is the secret.
 */
function hideUserInfo(text: string): string {
  let shown = '';
  let done = 0;
  for (let at = text.indexOf('://'); at !== -1; ) {
    const start = at + 3;
    const next = text.indexOf('://', start);
    // What is looked at ends where the next URL begins, so that nothing is looked at twice.
    const rest = text.slice(start, next === -1 ? text.length : next);
    const length = rest.search(URL_END);
    const secret = userInfoLength(length === -1 ? rest : rest.slice(0, length), length === -1 && next === -1);
    if (secret > 0) {
      shown += text.slice(done, start) + REDACTED;
      done = start + secret;
    }
    at = next;
  }
  return shown + text.slice(done);
}

const URL_END = /[\s"'<>`]/;
/** A user without a password that is this long is a token: `https://<token>@github.com`. */
const MIN_TOKEN = 16;

/** How much of a URL behind `://` is user and password; 0 where there is only a user, or nobody. */
function userInfoLength(rest: string, endsText: boolean): number {
  const colon = rest.indexOf(':');
  const slash = rest.search(/[/?#]/);
  const authorityEnd = slash === -1 ? rest.length : slash;
  const at = rest.lastIndexOf('@', authorityEnd);
  if (colon === -1 || colon > authorityEnd) return at >= MIN_TOKEN ? at : 0;
  if (at > colon) return at;
  if (rest.startsWith('[')) return 0;
  // Behind the colon is a port, or a password that goes on behind a slash or was cut off.
  if (/^\d{0,5}(?:,|$)/.test(rest.slice(colon + 1, authorityEnd))) return 0;
  const later = rest.indexOf('@', authorityEnd);
  if (later !== -1) return later;
  return endsText && slash === -1 ? rest.length : 0;
}

const SCHEME = /\b(bearer|basic)((?:[ \t]|%20){1,8})([\w.~+/=-]{6,})/gi;

/** What follows `bearer` in sentences and in challenges. */
const NOT_A_BEARER =
  /^(?:tokens?|auth|authentication|authorization|credentials?|scheme|header|format|prefix|realm=|error=|scope=)(?![\w.~+/-])/i;

function hideSchemes(text: string): string {
  return text.replace(SCHEME, (all: string, scheme: string, gap: string, credentials: string) => {
    const isSecret =
      scheme.toLowerCase() === 'basic' ? isUserAndPassword(credentials) : !NOT_A_BEARER.test(credentials);
    return isSecret ? `${scheme}${gap}${REDACTED}` : all;
  });
}

/** `user:password` in base64, as the scheme has it; `Basic information` is not. */
function isUserAndPassword(base64: string): boolean {
  const decoded = Buffer.from(base64.slice(0, 512), 'base64').toString('latin1');
  return decoded.includes(':') && !CONTROL.test(decoded);
}

const CONTROL = /[^\u0020-\u007e\u0080-\u00ff]/;

const FLAG = /(^|\s)--([a-z][\w-]{0,63})([ \t]{1,4})("[^"]*"?|'[^']*'?|(?!-)\S+)/gi;

/** `--password hunter2`; with `=`, it is an assignment. */
function hideFlags(text: string): string {
  return text.replace(FLAG, (all: string, before: string, name: string, gap: string) =>
    isSecretName(name) ? `${before}--${name}${gap}${REDACTED}` : all,
  );
}

function hideJsonWebTokens(text: string): string {
  let shown = '';
  let done = 0;
  for (let at = text.indexOf('eyJ'); at !== -1; ) {
    const headerEnd = wordEnd(text, at);
    let end = headerEnd;
    if (text[headerEnd] === '.' && !/[A-Za-z0-9]/.test(text[at - 1] ?? '') && isJson(text.slice(at, headerEnd))) {
      for (let parts = 1; parts < 5 && text[end] === '.'; parts++) end = wordEnd(text, end + 1);
      shown += text.slice(done, at) + REDACTED;
      done = end;
    }
    // Another beginning within the same word would end at the same place.
    at = text.indexOf('eyJ', end);
  }
  return shown + text.slice(done);
}

function wordEnd(text: string, from: number): number {
  let end = from;
  while (end < text.length && /[\w-]/.test(text[end] as string)) end++;
  return end;
}

function isJson(base64url: string): boolean {
  return Buffer.from(base64url.slice(0, 2048), 'base64url').toString('latin1').includes('":');
}

/** Tokens that whoever issues them marks with a beginning of its own. Bounded, so that no beginning is followed far. */
const TOKEN = new RegExp(
  `(?<![A-Za-z0-9])(?:${[
    // AWS access keys
    '(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])',
    // GitHub, GitLab
    'gh[opsur]_[A-Za-z0-9]{10,255}',
    'github_pat_\\w{10,255}',
    'gl(?:agent|cbt|dt|ffct|ft|imt|oas|pat|ptt|rt|soat)-[\\w.-]{10,255}',
    // Slack
    'xox[a-z]-[\\w-]{10,255}',
    'xapp-[\\w-]{10,255}',
    'hooks\\.slack\\.com/(?:services|workflows|triggers)/[\\w/-]{10,255}',
    // Stripe
    '[rs]k_(?:live|test)_\\w{10,255}',
    'whsec_[\\w+/=]{10,255}',
    // npm, PyPI, Docker
    'npm_[A-Za-z0-9]{20,255}',
    'pypi-[\\w-]{20,255}',
    'dckr_(?:pat|oat)_[\\w-]{20,255}',
    // Google
    'AIza[\\w-]{30,60}',
    'GOCSPX-[\\w-]{10,60}',
    'ya29\\.[\\w.-]{10,255}',
    // Azure: client secrets, DevOps
    '[\\w~.-]{3}[78]Q~[\\w~.-]{31,34}',
    '[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}',
    // OpenAI and Anthropic, Hugging Face, SendGrid, Vault, DigitalOcean, Shopify, Grafana
    'sk-[\\w-]{20,255}',
    'hf_[A-Za-z0-9]{20,255}',
    'SG\\.[\\w-]{16,32}\\.[\\w-]{16,64}',
    'hv[bs]\\.[\\w-]{20,255}',
    'do[opr]_v1_[a-f0-9]{20,64}',
    'shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{20,32}',
    'gl(?:c|sa)_[\\w+/=]{20,255}',
  ].join('|')})`,
  'g',
);

function hideTokens(text: string): string {
  return text.replace(TOKEN, REDACTED);
}

// Whole, in fours, or as American Express groups them; not a piece of an id or of a fraction.
const CARD_NUMBER =
  /(?<![\w.-])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{4,5})(?![\w-]|\.\w)/g;

function hideCardNumbers(text: string): string {
  return text.replace(CARD_NUMBER, (number) => (isCardNumber(number.replaceAll(/\D/g, '')) ? REDACTED : number));
}

/** The lengths that there are, by how the number begins. Times in milliseconds, micro- or nanoseconds begin with 1. */
const ISSUERS = /^(?:4(?:\d{12}|\d{15}|\d{18})|2[2-7]\d{14}|3[47]\d{13}|3[0689]\d{12,17}|35\d{14,17}|[56]\d{12,18})$/;

export function isCardNumber(digits: string): boolean {
  if (!ISSUERS.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits.at(-1 - i));
    const doubled = digit * 2;
    if (i % 2 === 0) sum += digit;
    else sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
