import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OtlpTarget } from '../../../src/config/telemetry-config';
import { createHttpSender } from '../../../src/telemetry/export/http-sender';
import { OtlpJsonEncoder } from '../../../src/telemetry/export/otlp-json';
import { OtlpProtobufEncoder } from '../../../src/telemetry/export/otlp-protobuf';
import type { Sender, SendResult } from '../../../src/telemetry/export/span-sink';
import { UserError } from '../../../src/util/user-error';
import { OtlpCollector } from '../../support/otlp-collector';
import { encodeAnswer } from './otlp-messages';
import { RandomSpans } from './random-spans';
import { selfSigned } from './self-signed';
import { never, runToItsEnd, targetOf } from './senders';

const BODY = Buffer.from('spans');
const toClose: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

function senderTo(endpoint: string, over: Partial<OtlpTarget> = {}): Sender {
  const sender = createHttpSender(targetOf(endpoint, over));
  toClose.push(() => sender.close());
  return sender;
}

/** An HTTP server whose connections never end by themselves. */
async function serve(answer: RequestListener, tls?: ServerOptions): Promise<{ server: Server; url: string }> {
  const server = tls ? createTlsServer(tls, answer) : createServer(answer);
  server.keepAliveTimeout = 0;
  await listen(server);
  toClose.push(() => server.closeAllConnections());
  return { server, url: `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces` };
}

async function listen(server: TcpServer, port = 0): Promise<number> {
  await once(server.listen(port, '127.0.0.1'), 'listening');
  toClose.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

/** A server that answers every request alike. */
function answering(status: number, headers: IncomingHttpHeaders = {}, body: string | Buffer = '') {
  return serve(
    (request, response) => void request.resume().on('end', () => response.writeHead(status, headers).end(body)),
  );
}

async function sendOnce(endpoint: string, over?: Partial<OtlpTarget>, spans = 10): Promise<SendResult> {
  return senderTo(endpoint, over).send(BODY, spans, never);
}

describe('a collector', () => {
  let collector: OtlpCollector;
  beforeAll(async () => {
    collector = await OtlpCollector.start();
  });
  afterAll(() => collector.stop());
  beforeEach(() => {
    collector.behaviour = 'accept';
    collector.spans.length = 0;
  });

  test.each([
    ['http/protobuf', 'none', new OtlpProtobufEncoder()],
    ['http/protobuf', 'gzip', new OtlpProtobufEncoder()],
    ['http/json', 'none', new OtlpJsonEncoder()],
    ['http/json', 'gzip', new OtlpJsonEncoder()],
  ] as const)('gets the spans as %s, compression %s', async (protocol, compression, encoder) => {
    const sender = senderTo(`${collector.httpEndpoint}/v1/traces`, { protocol, compression });
    const random = new RandomSpans(3);
    const spans = random.spans(40);
    const body = encoder.request([encoder.encode(spans.slice(0, 10)), encoder.encode(spans.slice(10))]);
    expect(await sender.send(body, spans.length, never)).toEqual({ kind: 'sent', rejected: 0 });
    const ids = (all: readonly { spanId: string }[]) => all.map(({ spanId }) => spanId).sort();
    expect(ids(collector.spans)).toEqual(ids(spans.map((span) => span.spanContext())));
  });

  test('that is overloaded is to be tried again, and one that refuses the content is not', async () => {
    const sender = senderTo(`${collector.httpEndpoint}/v1/traces`);
    collector.behaviour = 'refuse';
    expect(await sender.send(Buffer.alloc(0), 0, never)).toMatchObject({
      kind: 'retry',
      message: '503 Service Unavailable',
    });
    collector.behaviour = 'accept';
    expect(await sender.send(Buffer.from('not protobuf'), 1, never)).toMatchObject({
      kind: 'refused',
      message: '400 Bad Request',
    });
  });

  test('that hangs is left alone when its time is over', async () => {
    collector.behaviour = 'hang';
    const result = await sendOnce(`${collector.httpEndpoint}/v1/traces`, { timeoutMs: 50 });
    expect(result).toEqual({ kind: 'retry', message: 'no answer within 50 ms' });
  });
});

test('a request has the headers, the query, and the credentials of its endpoint', async () => {
  let seen: IncomingMessage | undefined;
  const { url } = await serve((request, response) => {
    seen = request;
    request.resume().on('end', () => response.end());
  });
  const endpoint = `${url.replace('http://', 'http://ada:l%40ve%3Alace@')}?token=a%20b&x=1`;
  await sendOnce(endpoint, { headers: { 'X-Tenant': 'blue', 'Content-Type': 'text/plain' } });
  expect(seen).toMatchObject({ method: 'POST', url: '/v1/traces?token=a%20b&x=1' });
  expect(seen?.headers).toMatchObject({
    'x-tenant': 'blue',
    'content-type': 'application/x-protobuf',
    'content-length': String(BODY.length),
    authorization: `Basic ${Buffer.from('ada:l@ve:lace').toString('base64')}`,
    'user-agent': expect.stringMatching(/^spanwright\/\d/),
  });
  await sendOnce(endpoint, { headers: { Authorization: 'Bearer mine', 'user-agent': 'me' }, protocol: 'http/json' });
  expect(seen?.headers).toMatchObject({
    authorization: 'Bearer mine',
    'user-agent': 'me',
    'content-type': 'application/json',
  });
});

test.each([
  ...[200, 202, 204].map((status) => [status, 'sent'] as const),
  ...[429, 502, 503, 504].map((status) => [status, 'retry'] as const),
  ...[300, 307, 400, 401, 403, 404, 408, 413, 500, 501, 505].map((status) => [status, 'refused'] as const),
])('status %i is %s', async (status, kind) => {
  const { url } = await answering(status);
  expect(await sendOnce(url)).toMatchObject({ kind });
});

test('a redirect is not followed', async () => {
  let requests = 0;
  const { url } = await serve((request, response) => {
    requests++;
    request.resume().on('end', () => response.writeHead(308, { location: request.url }).end());
  });
  expect(await sendOnce(url)).toEqual({
    kind: 'refused',
    message: '308 Permanent Redirect: redirects are not followed',
  });
  expect(requests).toBe(1);
});

test.each([
  ['7', 7000, 7000],
  ['0', 0, 0],
  ['9'.repeat(400), 86_400_000, 86_400_000],
  [new Date(Date.now() + 3_600_000).toUTCString(), 3_000_000, 3_600_000],
  ['Fri, 01 Jan 1999 00:00:00 GMT', 0, 0],
])('Retry-After: %s is handed on', async (header, least, most) => {
  const { url } = await answering(429, { 'retry-after': header });
  const { retryAfterMs } = (await sendOnce(url)) as { retryAfterMs: number };
  expect(retryAfterMs).toBeGreaterThanOrEqual(least);
  expect(retryAfterMs).toBeLessThanOrEqual(most);
});

test.each(['soon', '-5', '1.5', ''])('Retry-After: %s is nothing', async (header) => {
  const { url } = await answering(503, { 'retry-after': header });
  expect(await sendOnce(url)).toEqual({ kind: 'retry', message: '503 Service Unavailable' });
});

const PROTOBUF = 'application/x-protobuf';
const partial = (rejected: number | string, errorMessage = '') =>
  encodeAnswer('ExportResponse', { partialSuccess: { rejected, errorMessage } });
test.each([
  ['protobuf', PROTOBUF, partial(3, 'too old'), { rejected: 3, message: 'too old' }],
  ['protobuf without rejections', PROTOBUF, partial(0, 'careful'), { rejected: 0, message: 'careful' }],
  ['protobuf with more than there were', PROTOBUF, partial('9223372036854775807'), { rejected: 10 }],
  ['protobuf with less than none', PROTOBUF, partial(-4), { rejected: 0 }],
  ['protobuf without a type', undefined, partial(2), { rejected: 2 }],
  ['protobuf that breaks off', PROTOBUF, partial(3, 'too old').subarray(0, 6), { rejected: 0 }],
  [
    'JSON',
    'application/json; charset=utf-8',
    '{"partialSuccess":{"rejectedSpans":"4","errorMessage":"no"}}',
    { rejected: 4, message: 'no' },
  ],
  ['JSON of metrics', 'application/json', '{"partialSuccess":{"rejectedDataPoints":5}}', { rejected: 5 }],
  ['JSON that is none', 'application/json', '{"partialSuccess":{"rejec', { rejected: 0 }],
  [
    'JSON of something else',
    'application/json',
    '{"partialSuccess":{"rejectedSpans":"many"},"x":[null]}',
    { rejected: 0 },
  ],
  ['JSON null', 'application/json', 'null', { rejected: 0 }],
  ['a page', 'text/html', '<p>\n\u0006\u0008\u0003</p>', { rejected: 0 }],
])('a partial success is read: %s', async (_, contentType, body, expected) => {
  const { url } = await answering(200, contentType === undefined ? {} : { 'content-type': contentType }, body);
  expect(await sendOnce(url)).toEqual({ kind: 'sent', ...expected });
});

test.each([
  [
    'protobuf',
    PROTOBUF,
    encodeAnswer('Status', { code: 3, message: 'no such tenant' }),
    '400 Bad Request: no such tenant',
  ],
  ['JSON', 'application/json', '{"code":3,"message":"no such tenant"}', '400 Bad Request: no such tenant'],
  ['text', 'text/plain', 'no\r\n\tsuch  tenant\n', '400 Bad Request: no such tenant'],
  ['control characters', 'text/plain', '\u001b[31mred\u0007', '400 Bad Request: red?'],
  ['nothing', 'text/plain', '', '400 Bad Request'],
  ['a long page', 'text/html', 'x'.repeat(5000), `400 Bad Request: ${'x'.repeat(183)}…`],
])('what the collector says is shown: %s', async (_, contentType, body, message) => {
  const { url } = await answering(400, { 'content-type': contentType }, body);
  expect(await sendOnce(url)).toEqual({ kind: 'refused', message });
});

test('a collector that quotes the request does not make us show its secrets', async () => {
  const { url } = await serve((request, response) => {
    const { authorization = '', 'x-api-key': key } = request.headers;
    const decoded = Buffer.from(authorization.split(' ')[1] ?? '', 'base64');
    request.resume().on('end', () => response.writeHead(400).end(`${request.url} ${authorization} ${decoded} ${key}`));
  });
  const endpoint = `${url.replace('http://', 'http://ada:love%3Alace@')}?token=s3cr%20et`;
  const result = (await sendOnce(endpoint, { headers: { 'x-api-key': 'k3yk3y' } })) as { message: string };
  expect(result.message).toMatch(/^400 Bad Request: \/v1\/traces\?token=\*\*\* \*\*\* \*\*\*:\*\*\* \*\*\*$/);
});

test('an endless answer is read for as long as it can matter', async () => {
  const { server, url } = await serve((_, response) => {
    response.writeHead(500);
    const more = () => void (response.destroyed || response.write('x'.repeat(65_536), more));
    more();
  });
  const cut = new Promise((resolve) => server.once('connection', (socket: Socket) => socket.once('close', resolve)));
  expect(await sendOnce(url)).toMatchObject({ kind: 'refused' });
  await cut;
});

const DECISIONS = [
  [200, 'sent'],
  [503, 'retry'],
  [400, 'refused'],
] as const;
test('when its status is known, an answer that hangs or breaks off changes nothing', async () => {
  const results = DECISIONS.map(async ([status, kind]) => {
    const headers = { 'content-length': 100 };
    const hanging = await serve((_, response) => void response.writeHead(status, headers).write('x'));
    const cutting = await serve((_, response) => {
      response.writeHead(status, headers).write('x', () => response.socket?.resetAndDestroy());
    });
    // Time enough for the status to arrive on a busy machine.
    expect(await sendOnce(hanging.url, { timeoutMs: 2000 })).toMatchObject({ kind });
    expect(await sendOnce(cutting.url)).toMatchObject({ kind });
  });
  await Promise.all(results);
});

test('an answer before the request is through counts, and the rest is not sent', async () => {
  const { server, url } = await serve((_, response) => response.writeHead(413).end('too large'));
  const cut = new Promise((resolve) => server.once('connection', (socket: Socket) => socket.once('close', resolve)));
  const result = await senderTo(url).send(Buffer.alloc(30_000_000), 1, never);
  expect(result).toEqual({ kind: 'refused', message: expect.stringMatching(/^413 .* Too Large: too large$/) });
  await cut;
});

describe('without a collector', () => {
  test('a refused connection is to be tried again', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    const message = `connect ECONNREFUSED 127.0.0.1:${port}`;
    expect(await sendOnce(`http://127.0.0.1:${port}/`)).toEqual({ kind: 'retry', message });
    expect(await sendOnce(`http://localhost:${port}/`)).toMatchObject({
      kind: 'retry',
      message: expect.stringContaining(message),
    });
  });

  test('so is a name that is not known', async () => {
    expect(await sendOnce('http://no-such-host.invalid/')).toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('no-such-host.invalid'),
    });
  });

  test.each([
    ['a reset', (socket: Socket) => socket.resetAndDestroy()],
    ['an end', (socket: Socket) => socket.end()],
    ['another language', (socket: Socket) => socket.end('220 smtp.example.com ESMTP\r\n')],
  ])('so is %s in the place of an answer', async (_, end) => {
    const port = await listen(
      createTcpServer((socket) => socket.on('error', () => {}).once('data', () => end(socket))),
    );
    expect(await sendOnce(`http://127.0.0.1:${port}/`)).toMatchObject({ kind: 'retry', message: /./ });
  });
});

describe('connections', () => {
  test('are kept and used again', async () => {
    const { server, url } = await answering(200);
    let connections = 0;
    server.on('connection', () => connections++);
    const sender = senderTo(url);
    for (let i = 0; i < 5; i++) expect(await sender.send(BODY, 1, never)).toMatchObject({ kind: 'sent' });
    expect(connections).toBe(1);
  });

  test('those that the collector gave up while they were idle are replaced at once', async () => {
    const answered = new WeakSet<Socket>();
    const waiting: ServerResponse[] = [];
    const { server, url } = await serve((request, response) => {
      if (answered.has(request.socket)) return void request.socket.resetAndDestroy();
      answered.add(request.socket);
      request.resume().on('end', () => {
        // Two requests at a time make two connections.
        waiting.push(response);
        if (waiting.length !== 1) for (const each of waiting) each.end();
      });
    });
    let connections = 0;
    server.on('connection', () => connections++);
    const sender = senderTo(url);
    await Promise.all([sender.send(BODY, 1, never), sender.send(BODY, 1, never)]);
    expect(connections).toBe(2);
    expect(await sender.send(BODY, 1, never)).toEqual({ kind: 'sent', rejected: 0 });
    expect(connections).toBe(3);
  });

  test('a collector that gives up new ones too is to be tried again later', async () => {
    let requests = 0;
    const { url } = await serve((request, response) => {
      if (++requests > 1) return void request.socket.resetAndDestroy();
      request.resume().on('end', () => response.end());
    });
    const sender = senderTo(url);
    await sender.send(BODY, 1, never);
    expect(await sender.send(BODY, 1, never)).toMatchObject({ kind: 'retry', message: /ECONNRESET|hang up/ });
    expect(requests).toBe(3);
  });
});

describe('stopping', () => {
  async function hanging(): Promise<{ url: string; asked: Promise<void>; left: Promise<unknown> }> {
    let reached: () => void = () => {};
    const asked = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const { server, url } = await serve((request) => void request.resume().on('end', reached));
    const left = new Promise((resolve) => server.once('connection', (socket: Socket) => socket.once('close', resolve)));
    return { url, asked, left };
  }

  test('an abort ends a request under way, and cuts its connection', async () => {
    const { url, asked, left } = await hanging();
    const abort = new AbortController();
    const result = senderTo(url).send(BODY, 1, abort.signal);
    await asked;
    abort.abort();
    expect(await result).toEqual({ kind: 'retry', message: 'stopped before the collector answered' });
    await left;
  });

  test('an abort that came before sends nothing', async () => {
    let requests = 0;
    const { url } = await serve(() => requests++);
    for (const compression of ['none', 'gzip'] as const) {
      expect(await senderTo(url, { compression }).send(BODY, 1, AbortSignal.abort())).toMatchObject({ kind: 'retry' });
    }
    expect(requests).toBe(0);
  });

  test('closing ends requests under way, and takes no more', async () => {
    const { url, asked, left } = await hanging();
    const sender = senderTo(url);
    const result = sender.send(BODY, 1, never);
    await asked;
    sender.close();
    expect(await result).toEqual({ kind: 'retry', message: 'the sender was closed' });
    await left;
    expect(await sender.send(BODY, 1, never)).toMatchObject({ kind: 'retry' });
    sender.close();
  });
});

describe('over TLS', () => {
  const server = selfSigned();
  const client = selfSigned();
  let dir: string;
  const file = (name: string) => join(dir, name);
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'spanwright-tls-'));
    const files = {
      'server.pem': server.cert,
      'client.pem': client.cert,
      'client.key': client.key,
      'other.key': selfSigned().key,
      'none.pem': 'no PEM',
    };
    for (const [name, content] of Object.entries(files)) writeFileSync(file(name), content);
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  const ok = (_: IncomingMessage, response: ServerResponse) => void response.end();

  test('a collector with a certificate that is trusted gets the spans', async () => {
    const { url } = await serve(ok, server);
    expect(await sendOnce(url, { tls: { certificate: file('server.pem') } })).toEqual({ kind: 'sent', rejected: 0 });
    expect(await sendOnce(url)).toEqual({ kind: 'retry', message: expect.stringContaining('self-signed certificate') });
  });

  test('a client shows its certificate', async () => {
    const { url } = await serve(ok, { ...server, requestCert: true, rejectUnauthorized: true, ca: client.cert });
    const tls = {
      certificate: file('server.pem'),
      clientKey: file('client.key'),
      clientCertificate: file('client.pem'),
    };
    expect(await sendOnce(url, { tls })).toEqual({ kind: 'sent', rejected: 0 });
    expect(await sendOnce(url, { tls: { certificate: file('server.pem') } })).toMatchObject({ kind: 'retry' });
  });

  test.each([
    [
      'is not there',
      { certificate: 'gone.pem' },
      /^cannot read the OTLP certificate .*gone\.pem: no such file or directory$/,
    ],
    [
      'is a folder',
      { clientKey: '.', clientCertificate: 'client.pem' },
      /^cannot read the OTLP client key .*: is a directory, not a file$/,
    ],
    ['is no PEM', { certificate: 'none.pem' }, /^cannot use the OTLP certificate .*none\.pem: /],
    [
      'does not fit the other',
      { clientKey: 'other.key', clientCertificate: 'client.pem' },
      /^cannot use the OTLP client key .*other\.key with the client certificate .*client\.pem: /,
    ],
    ['is alone', { clientKey: 'client.key' }, /only of use together$/],
  ])('a file that %s is an error at once', (_, names, message) => {
    const tls = Object.fromEntries(Object.entries(names).map(([key, name]) => [key, file(name)]));
    const make = () => createHttpSender(targetOf('https://127.0.0.1/', { tls }));
    expect(make).toThrow(UserError);
    expect(make).toThrow(message);
  });
});

test.each([
  ['an endpoint that is no URL', { endpoint: '//user:pass@' }, /^the OTLP endpoint is not a URL/],
  ['an endpoint of another kind', { endpoint: 'ftp://user:pass@host/' }, /^the OTLP endpoint must begin with/],
  [
    'a header that cannot be sent',
    { headers: { 'x-key': 'pass\n' } },
    /^the OTLP header 'x-key' has characters that http\/protobuf cannot send$/,
  ],
  ['the name of a header', { headers: { 'x key': 'pass' } }, /^the OTLP header 'x key' has/],
])('%s is an error at once, without secrets', (_, over, message) => {
  const make = () => createHttpSender(targetOf('http://127.0.0.1/', over));
  expect(make).toThrow(UserError);
  expect(make).toThrow(message);
  expect(make).not.toThrow(/pass/);
});

test('a process with an idle sender exits by itself', async () => {
  const { server, url } = await answering(200);
  let open = 0;
  server.on('connection', (socket) => {
    open++;
    socket.on('close', () => open--);
  });
  const program = `
    const { createHttpSender } = require('./src/telemetry/export/http-sender.ts');
    const sender = createHttpSender(${JSON.stringify(targetOf(url))});
    sender.send(Buffer.from('x'), 1, new AbortController().signal).then(({ kind }) => console.log(kind));
  `;
  expect(await runToItsEnd(program)).toBe('sent\n');
});

test('our requests are not traced where http is', async () => {
  const headers: IncomingHttpHeaders[] = [];
  const { url } = await serve((request, response) => {
    headers.push(request.headers);
    request.resume().on('end', () => response.end());
  });
  const program = `
    const { context, propagation, trace } = require('@opentelemetry/api');
    const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks');
    const { W3CTraceContextPropagator } = require('@opentelemetry/core');
    const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
    const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
    const exporter = new InMemorySpanExporter();
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    new HttpInstrumentation().enable();
    const { get } = require('node:http');
    const { createHttpSender } = require('./src/telemetry/export/http-sender.ts');
    const sender = createHttpSender(${JSON.stringify(targetOf(url))});
    trace.getTracer('test').startActiveSpan('work', async (span) => {
      await sender.send(Buffer.from('x'), 1, new AbortController().signal);
      console.log(exporter.getFinishedSpans().length);
      await new Promise((resolve) => get(${JSON.stringify(url)}, (response) => response.resume().on('end', resolve)));
      console.log(exporter.getFinishedSpans().length);
    });
  `;
  expect(await runToItsEnd(program)).toBe('0\n1\n');
  expect(headers.map(({ traceparent }) => traceparent)).toEqual([undefined, expect.stringMatching(/^00-/)]);
});
