import { isSecretName, isSecretParameter } from '../../../src/telemetry/privacy/secret-names';

const SECRET = [
  'authorization',
  'Authorization',
  'http.request.header.authorization',
  'proxy-authorization',
  'HTTP_PROXY_AUTHORIZATION',
  'cookie',
  'set-cookie',
  'http.response.header.set_cookie',
  'http.request.header.cookie.0',
  'http.request.cookies.theme',
  'session cookie',
  'sessionCookies',
  'connect.sid',
  'JSESSIONID',
  'PHPSESSID',
  'password',
  'PASSWORD',
  'user.password',
  'userPassword',
  'db_password',
  'dbpassword',
  'password2',
  'password.value',
  'password_hash',
  'newPassword',
  'password_confirmation',
  'passwd',
  'pwd',
  'ssh.passphrase',
  'secret',
  'client_secret',
  'clientSecret',
  'CLIENTSECRET',
  'secrets.DATABASE_URL',
  'token',
  'auth.token',
  'access_token',
  'accessToken',
  'ACCESS-TOKEN',
  'refresh_token',
  'id_token',
  'x-csrf-token',
  'x-amz-security-token',
  'token_new',
  'api key',
  'api_key',
  'apikey',
  'apiKey',
  'APIKey',
  'x-api-key',
  'X-API-KEY',
  'XAPIKey',
  'private key',
  'privateKey',
  'aws_secret_access_key',
  'azure.storage.account_key',
  'SharedAccessKey',
  'ocp-apim-subscription-key',
  'credentials',
  'aws.credentials.profile',
  'registry.credential',
  'basic_auth',
  'smtp.auth.pass',
  'connection_string',
  'ConnectionString',
  'jwt',
  'card.number',
  'card.cvc',
  'user[password]',
  'user%5Bpassword%5D',
];

const HARMLESS = [
  '',
  '...',
  'author',
  'authority',
  'authorized',
  'authorization_url',
  'cicd.pipeline.name',
  'cicd.pipeline.run.id',
  'cicd.pipeline.task.run.url.full',
  'code.function.name',
  'cookie_consent',
  'compass',
  'exception.message',
  'gen_ai.usage.input_tokens',
  'http.route',
  'k8s.secret.name',
  'key',
  'keyboard',
  'messaging.kafka.message.key',
  'monkey',
  'parsing.tokenizer',
  'passenger',
  'password_policy',
  'pipeline.stage',
  'process.pid',
  'public_key',
  'sampling.prompt_tokens',
  'secret.name',
  'secretary',
  'session.id',
  'session_id',
  'mcp.session.id',
  'signature',
  'test.pass',
  'token.type',
  'token_count',
  'token_endpoint',
  'tokenizer',
  'tokens_used',
  'tool.name',
  'url.full',
];

test.each(SECRET)('%p names a secret', (name) => {
  expect(isSecretName(name)).toBe(true);
});

test.each(HARMLESS)('%p names none', (name) => {
  expect(isSecretName(name)).toBe(false);
});

test.each([
  'key',
  'sig',
  'Signature',
  'code',
  'password',
  'X-Amz-Signature',
  'X-Amz-Credential',
  'X-Amz-Security-Token',
])('as a parameter, %p carries a secret', (name) => {
  expect(isSecretParameter(name)).toBe(true);
});

test.each(['page', 'q', 'id', 'keyword', 'X-Amz-Date', 'state', 'grant_type', 'zip_code'])(
  'as a parameter, %p carries none',
  (name) => {
    expect(isSecretParameter(name)).toBe(false);
  },
);

test('a name of a megabyte is decided by its end', () => {
  expect(isSecretName(`${'a.'.repeat(500_000)}password`)).toBe(true);
  expect(isSecretName(`password${'.a'.repeat(500_000)}`)).toBe(false);
});
