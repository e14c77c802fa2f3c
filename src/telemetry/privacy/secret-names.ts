/**
 * How a name ends that says its value is secret. The words are looked at without what separates them, so `client_secret`,
 * `clientSecret` and `CLIENTSECRET` are one.
 */
const SECRET_ENDING = new RegExp(
  `(?:${[
    'authorization|cookies?|passw(?:or)?ds?|passphrases?|passcode|secrets?|token|credentials?',
    '(?:api|private|access|secret|shared|signing|encryption|master|account|subscription|functions|ssh)keys?',
    '(?:auth|user|db|database|smtp|mail|redis|mysql|pg|root|admin|login|ftp)pass',
    '(?:access|amz|goog|hub)signature|(?:amz|goog)credential|basicauth|connectionstring|cardnumber|connectsid|sessid|jsessionid',
  ].join('|')})$`,
);

/** Too short to be told by how a longer word ends. */
const SECRET_WORDS = new Set(['pwd', 'jwt', 'cvv', 'cvc']);

/** What may stand behind a secret's name and leaves it one: `password.value`, `token_new`, `password_hash`, `cookie.0`. */
const TAILS = new Set(
  'value raw plain plaintext base64 encoded hash old new current previous confirm confirmation repeat'.split(' '),
);

/** What is directly below one of these is secret, whatever it is called: `http.request.cookies.sid`, `secrets.DB_URL`. */
const CONTAINERS = new Set(['cookie', 'cookies', 'secrets', 'credentials', 'passwords']);

/** Parameters of URLs that carry a secret, beside the names that are secret everywhere. */
const SECRET_PARAMETERS = new Set(
  'key sig signature code auth otp ticket assertion samlresponse awsaccesskeyid appkey hmac pw pass sid'.split(' '),
);

const SEPARATOR = /[.[\]/:]|%5[BD]/i;
const WORD = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g;

/**
 * Whether a name says that its value is secret: of an attribute, a header, a field, a variable. Case and separators do not
 * matter. The last words decide: `http.request.header.x-api-key` is secret, `token_count` and `sampling.prompt_tokens` are not.
 */
export function isSecretName(name: string): boolean {
  const segments = name.split(SEPARATOR).filter((segment) => segment !== '');
  const words = lastWords(segments);
  while (words.length > 1 && isTail(words.at(-1) as string)) words.pop();
  if (SECRET_WORDS.has(words.at(-1) ?? '') || SECRET_ENDING.test(words.join(''))) return true;
  return CONTAINERS.has((segments.at(-2) ?? '').toLowerCase());
}

/** The same for a parameter in the query or fragment of a URL, where `key`, `sig` and `code` are secret too. */
export function isSecretParameter(name: string): boolean {
  return SECRET_PARAMETERS.has(name.toLowerCase()) || isSecretName(name);
}

/** In lower case. A key may be as long as whoever sends it likes, and its end suffices. */
function lastWords(segments: readonly string[]): string[] {
  return segments
    .slice(-4)
    .flatMap((segment) => segment.slice(-128).match(WORD) ?? [])
    .map((word) => word.toLowerCase());
}

function isTail(word: string): boolean {
  return TAILS.has(word) || /^\d/.test(word);
}
