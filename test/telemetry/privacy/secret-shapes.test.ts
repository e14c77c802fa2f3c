import { hideSecrets, isCardNumber, SHAPE_RULES } from '../../../src/telemetry/privacy/secret-shapes';
import { signsOf } from '../../../src/telemetry/privacy/secret-signs';

const shown = (text: string) => hideSecrets(text, signsOf(text));

/** Made up here, so that no scanner takes this file for a leak. */
const token = (prefix: string, length: number) => prefix + 'q7Rz9kLm2X'.repeat(30).slice(0, length);
const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = `${base64url({ alg: 'HS256' })}.${base64url({ sub: '1' })}.${'s_-'.repeat(14)}`;
const pem = (kind: string, end = `\n-----END ${kind}-----`) => `-----BEGIN ${kind}-----\nMIIEvQIBADAN\nBgkqhkiG${end}`;

const SECRETS: readonly (readonly [string, string])[] = [
  // Schemes
  ['Bearer abc.def', 'Bearer [REDACTED]'],
  ['sent bearer  a1b2c3 to it', 'sent bearer  [REDACTED] to it'],
  ['Bearer%20a1b2c3', 'Bearer%20[REDACTED]'],
  ['Basic dXNlcjpwYXNz', 'Basic [REDACTED]'],
  [`Basic ${Buffer.from('jürgen:пароль').toString('base64')}`, 'Basic [REDACTED]'],
  // Tokens
  [jwt, '[REDACTED]'],
  [`in the middle ${jwt} of it`, 'in the middle [REDACTED] of it'],
  [`base64-${jwt}`, 'base64-[REDACTED]'],
  [`cut off ${jwt.slice(0, 40)}`, 'cut off [REDACTED]'],
  [`${base64url({ alg: 'none' })}.${base64url({ sub: '1' })}.`, '[REDACTED]'],
  ['AKIAIOSFODNN7EXAMPLE', '[REDACTED]'],
  ['key AKIAIOSFODNN7EXAMPLE, region eu', 'key [REDACTED], region eu'],
  ...[
    token('ghp_', 36),
    token('gho_', 36),
    token('ghs_', 20),
    token('github_pat_', 82),
    token('glpat-', 20),
    token(`xox${'b'}-123456789012-`, 24),
    token(`sk_${'live'}_`, 24),
    token(`rk_${'test'}_`, 24),
    token('whsec_', 32),
    token('npm_', 36),
    token('pypi-', 60),
    token('dckr_pat_', 27),
    token('AIza', 35),
    token('GOCSPX-', 28),
    token('ya29.', 60),
    token('abc8Q~', 34),
    `${'x1'.repeat(38)}AZDOa1b2`,
    token('sk-', 48),
    token('sk-ant-api03-', 90),
    token('hf_', 34),
    `${token('SG.', 22)}.${token('', 43)}`,
    token('hvs.', 30),
    token('glsa_', 32),
  ].map((secret) => [`login with ${secret}`, 'login with [REDACTED]'] as const),
  [token('https://hooks.slack.com/services/T01/B01/', 24), 'https://[REDACTED]'],
  // Private keys
  [pem('PRIVATE KEY'), '[REDACTED]'],
  [`a ${pem('RSA PRIVATE KEY')} b ${pem('EC PRIVATE KEY')} c`, 'a [REDACTED] b [REDACTED] c'],
  [pem('PGP PRIVATE KEY BLOCK'), '[REDACTED]'],
  [`cut off ${pem('OPENSSH PRIVATE KEY', '')}`, 'cut off [REDACTED]'],
  [JSON.stringify({ pem: pem('PRIVATE KEY') }), '{"pem":"[REDACTED]"}'],
  // URLs
  ['postgres://app:hunter2@db:5432/shop', 'postgres://[REDACTED]@db:5432/shop'],
  ['redis://:hunter2@cache', 'redis://[REDACTED]@cache'],
  ['mongodb+srv://u:p@ss@host/db', 'mongodb+srv://[REDACTED]@host/db'],
  ['amqp://u:p/w@host', 'amqp://[REDACTED]@host'],
  [token('https://', 40).concat('@github.com/a'), 'https://[REDACTED]@github.com/a'],
  ['cut off postgres://app:hunt', 'cut off postgres://[REDACTED]'],
  ['https://x:y@a/?to=https://u:v@b', 'https://[REDACTED]@a/?to=https://[REDACTED]@b'],
  ['"http://u:p@a" and <http://u:p@b>', '"http://[REDACTED]@a" and <http://[REDACTED]@b>'],
  ['/cb?code=a1b2&state=7#access_token=z&b=2', '/cb?code=[REDACTED]&state=7#access_token=[REDACTED]&b=2'],
  ['https://e.com/a?page=2&key=a%2Fb&size=10', 'https://e.com/a?page=2&key=[REDACTED]&size=10'],
  ['https://b/x?sv=2020&sig=abc%3D&se=1', 'https://b/x?sv=2020&sig=[REDACTED]&se=1'],
  [
    'https://s3/x?X-Amz-Date=1&X-Amz-Credential=AK/1&X-Amz-Signature=ab',
    'https://s3/x?X-Amz-Date=1&X-Amz-Credential=[REDACTED]&X-Amz-Signature=[REDACTED]',
  ],
  ['/a?user%5Bpassword%5D=x&b[token]=y', '/a?user%5Bpassword%5D=[REDACTED]&b[token]=[REDACTED]'],
  // Assignments
  ['password=hunter2', 'password=[REDACTED]'],
  ["WHERE name = 'a' AND password = 'it''s' LIMIT 1", "WHERE name = 'a' AND password = '[REDACTED]''s' LIMIT 1"],
  ['Server=a;User Id=b;Password=c d;Database=e', 'Server=a;User Id=b;Password=[REDACTED] d;Database=e'],
  ['Driver=a;Pwd={b};Database=c', 'Driver=a;Pwd=[REDACTED];Database=c'],
  ['AccountName=a;AccountKey=k+/k==;EndpointSuffix=b', 'AccountName=a;AccountKey=[REDACTED];EndpointSuffix=b'],
  ['host=a user=b password=c dbname=d', 'host=a user=b password=[REDACTED] dbname=d'],
  ['jdbc:mysql://h/d?user=a&password=b', 'jdbc:mysql://h/d?user=a&password=[REDACTED]'],
  ['password= token="x" y', 'password= [REDACTED]" y'],
  ['export API_KEY="a b" X=1', 'export API_KEY="[REDACTED]" X=1'],
  ['{"user":"a","password":"b\\"c","n":1}', '{"user":"a","password":"[REDACTED]","n":1}'],
  ['{"password": 1234, "token": null}', '{"password": [REDACTED], "token": null}'],
  ['{"cookies":["a=b","c=d"],"n":1}', '{"cookies":[REDACTED],"n":1}'],
  ['{"body":"{\\"token\\":\\"a\\",\\"n\\":1}"}', '{"body":"{\\"token\\":\\"[REDACTED]\\",\\"n\\":1}"}'],
  ['{"password":"cut off', '{"password":"[REDACTED]'],
  ["{ user: 'a', clientSecret: 'b' }", "{ user: 'a', clientSecret: '[REDACTED]' }"],
  ['Cookie: a=b; c=d\nHost: e', 'Cookie: [REDACTED]\nHost: e'],
  ['x-api-key: abc', 'x-api-key: [REDACTED]'],
  ['Authorization: Digest username="a", response="b"', 'Authorization: [REDACTED]'],
  [`curl -H "Cookie: a=b; c=d" http://e`, 'curl -H "Cookie: [REDACTED]" http://e'],
  ['docker login --username a --password hunter2 --tls', 'docker login --username a --password [REDACTED] --tls'],
  ["run --api-key 'a b' --force", 'run --api-key [REDACTED] --force'],
  ['run --token=abc x', 'run --token=[REDACTED] x'],
  // Cards
  ['4111111111111111', '[REDACTED]'],
  ['paid with 4111 1111 1111 1111.', 'paid with [REDACTED].'],
  ['paid with 5555-5555-5555-4444', 'paid with [REDACTED]'],
  ['paid with 3782 822463 10005', 'paid with [REDACTED]'],
  ['/cards/6011111111111117/charge', '/cards/[REDACTED]/charge'],
];

const HARMLESS = [
  '',
  'GET /api/orders/:orderId',
  'SELECT * FROM users WHERE token = $1 AND id = ?',
  "UPDATE t SET name = 'a' WHERE id = 5",
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'the bearer token is missing, use Bearer authentication',
  'WWW-Authenticate: Bearer realm="api", error="invalid_token"',
  'Basic information about the Basic configuration',
  'password: must be longer than 8 characters',
  'Unexpected token: } in JSON at position 12',
  "Access denied for user 'a'@'b' (using password: YES)",
  'if (token === undefined || secret != x || password => y) {}',
  'password=',
  'token=""',
  'secret=null',
  '{"credentials": {"user": "a"}}',
  '{"token":null,"password":undefined,"secrets":{"name":"a"}}',
  'http://localhost:3000/a@b?x=c@d',
  'https://example.com:8443',
  'ssh://git@github.com/a/b.git',
  'mongodb://a:27017,b:27017/db',
  'http://[::1]:3000/a@b',
  'redis://cache:6379',
  'mailto:someone@example.com',
  'node@sha256:9b4a1b6b1b0f0f1c4c6f8e0d9c5a9c3b1b2a3c4d5e6f708192a3b4c5d6e7f809',
  '/a?page=2&sort=key&q=secret#token',
  '00-4111111111111111aaaaaaaaaaaaaaaa-4111111111111111-01',
  '4bf92f3577b34da6a3ce929d0e0e4736',
  '00000000000000004111111111111111',
  '8a7d6c5e-1b2a-4c3d-9e8f-001122334455',
  '01HZX5Q8Y7N3M2K1J0H9G8F7E6',
  'keyJsonMapper.toJson',
  'eyJpZCI6MTIzfQ',
  'sk-SK and ghp_ and AKIA and xox',
  '-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----',
  '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
  'npm install --save-dev --registry http://r',
  'git commit --author someone',
  '1700000000123',
  '1700000000123456',
  '1700000000123456789',
  '0.4111111111111111',
  '4111111111111112',
  '2025-11-20 12 30 45 123456',
  'v4111111111111111',
  'größe 😀',
];

test.each(SECRETS)('%j is shown as %j', (text, expected) => {
  expect(shown(text)).toBe(expected);
});

test.each(SECRETS)('what came of %j stays as it is', (_text, expected) => {
  expect(shown(expected)).toBe(expected);
});

test.each(HARMLESS)('%j holds no secret', (text) => {
  expect(shown(text)).toBe(text);
});

test.each([
  '4222222222222',
  '4111111111111111',
  '5555555555554444',
  '2223003122003222',
  '378282246310005',
  '30569309025904',
  '6011111111111117',
  '3530111333300000',
])('%s is a card number', (digits) => {
  expect(isCardNumber(digits)).toBe(true);
  expect(isCardNumber(`${Number(digits) + 1}`)).toBe(false);
});

describe('a megabyte of what makes a rule look far', () => {
  const MEGABYTE = 1 << 20;
  const units = [
    ...['a', '1', '-', '=', ':', ' ', '"', '\\', '\\"', '[', '{', '@', '_', '\n', 'é', '\ud800'],
    ...['://', '://a:', '://a:b@', 'eyJ', 'eyJ-', 'eyJ.', 'eyJhbGciOiJIUzI1NiJ9.', '?a=', '&sig=', 'a=', 'token='],
    ...['token="', 'token=\\"', 'token=[', '"token":', '"token":"', "password: '", 'token   =   ', 'cookie: '],
    ...['authorization=', 'bearer ', 'bearer\t', 'bearer%20', 'basic   ', '--a ', '--a "', " --token '", '--token '],
    ...['-----BEGIN ', '-----BEGIN PRIVATE KEY-----', 'ghp_', 'sk-', 'AKIA', 'SG.', 'a8Q~', 'ya29.', 'glpat-.'],
    ...['hooks.slack.com/services/', '4111', '4111 ', '4111-4111-4111-4111-'],
  ];

  // A rule that looked at anything twice would look at it half a million times: hours, not milliseconds.
  test.each(units)('%j', (unit) => {
    const hostile = `${unit.repeat(Math.ceil(MEGABYTE / unit.length))}"`;
    for (const { hide } of SHAPE_RULES) expect(hide(hostile)).toMatch(/"$|REDACTED/);
    expect(signsOf(hostile)).toBeGreaterThanOrEqual(0);
  });
});
