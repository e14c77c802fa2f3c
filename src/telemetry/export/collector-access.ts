import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { OtlpTarget } from '../../config/telemetry-config';
import { describeSystemError, UserError } from '../../util/user-error';
import { VERSION } from '../../util/version';
import { printable } from '../../util/words';

const SHOWN_CHARACTERS = 200;

/** How to get at a collector, checked. */
export interface CollectorAccess {
  /** Without user name and password: they are in the headers. */
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Contents of the PEM files, for `https:`. */
  readonly tls: { readonly ca?: Buffer; readonly key?: Buffer; readonly cert?: Buffer };
  /** What the collector or the system said, on one short line and without our secrets: servers like to quote requests. */
  shown(text: string): string;
}

/** @throws UserError where the endpoint is none, a header cannot be sent, or a file of the TLS settings is of no use */
export function collectorAccess({ endpoint, protocol, headers, tls }: OtlpTarget): CollectorAccess {
  const url = parseEndpoint(endpoint);
  const credentials = { username: decoded(url.username), password: decoded(url.password) };
  const isSecure = url.protocol === 'https:';
  const sent: Record<string, string> = { 'user-agent': `spanwright/${VERSION}` };
  if (credentials.username || credentials.password) {
    const pair = Buffer.from(`${credentials.username}:${credentials.password}`);
    sent.authorization = `Basic ${pair.toString('base64')}`;
  }
  for (const [name, value] of Object.entries(headers)) {
    if (!isSendable(name, value, protocol)) {
      throw new UserError(`the OTLP header '${printable(name)}' has characters that ${protocol} cannot send`);
    }
    sent[name.toLowerCase()] = value;
  }
  const secrets = [
    ...[url.username, credentials.username, url.password, credentials.password],
    // As they are and as they are written in a URL; of an `authorization`, also what comes behind its scheme.
    ...url.search.split(/[?&]/).map((pair) => pair.slice(pair.indexOf('=') + 1)),
    ...[...url.searchParams.values(), ...Object.values(sent)].flatMap((value) => [value, value.replace(/^\S+ /, '')]),
  ];
  url.username = '';
  url.password = '';
  return {
    url,
    headers: sent,
    tls: isSecure ? readTlsFiles(tls) : {},
    shown: (text) => cut(withoutSecrets(printable(text.replace(/\s+/g, ' ')).trim(), secrets)),
  };
}

function isSendable(name: string, value: string, protocol: OtlpTarget['protocol']): boolean {
  if (protocol === 'grpc') return /^[\w.-]+$/.test(name) && /^[ -~]*$/.test(value);
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

function parseEndpoint(endpoint: string): URL {
  let url: URL;
  try {
    url = new URL(endpoint);
  } catch {
    throw new UserError('the OTLP endpoint is not a URL; expected something like http://localhost:4318/v1/traces');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new UserError('the OTLP endpoint must begin with http:// or https://');
  }
  return url;
}

function readTlsFiles({ certificate, clientKey, clientCertificate }: OtlpTarget['tls']): CollectorAccess['tls'] {
  if ((clientKey === undefined) !== (clientCertificate === undefined)) {
    throw new UserError('for OTLP over TLS, a client key and a client certificate are only of use together');
  }
  const ca = certificate === undefined ? undefined : readPem('certificate', certificate);
  const key = clientKey === undefined ? undefined : readPem('client key', clientKey);
  const cert = clientCertificate === undefined ? undefined : readPem('client certificate', clientCertificate);
  // Node takes any text for a certificate to trust, and then trusts none.
  if (ca) checkPem(`certificate ${certificate}`, () => new X509Certificate(ca));
  if (key) {
    const { createSecureContext } = require('node:tls') as typeof import('node:tls');
    checkPem(`client key ${clientKey} with the client certificate ${clientCertificate}`, () =>
      createSecureContext({ key, cert }),
    );
  }
  return { ca, key, cert };
}

function readPem(what: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UserError(`cannot read the OTLP ${what} ${path}: ${describeSystemError(error)}`);
  }
}

function checkPem(what: string, use: () => unknown): void {
  try {
    use();
  } catch (error) {
    throw new UserError(`cannot use the OTLP ${what}: ${(error as Error).message}`);
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A word of one or two letters hides nothing, and would blot out half of every message. */
function withoutSecrets(text: string, secrets: readonly string[]): string {
  const longestFirst = secrets.filter((secret) => secret.length > 2).sort((a, b) => b.length - a.length);
  return longestFirst.reduce((shown, secret) => shown.replaceAll(secret, '***'), text);
}

function cut(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}
