import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Client,
  type ClientUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { isTracingSuppressed } from '@opentelemetry/core';
import type { OtlpTarget } from '../../../src/config/telemetry-config';
import { createGrpcSender } from '../../../src/telemetry/export/grpc-sender';
import { OtlpProtobufEncoder } from '../../../src/telemetry/export/otlp-protobuf';
import type { Sender, SendResult } from '../../../src/telemetry/export/span-sink';
import { UserError } from '../../../src/util/user-error';
import { OtlpCollector } from '../../support/otlp-collector';
import { encodeAnswer } from './otlp-messages';
import { RandomSpans } from './random-spans';
import { selfSigned } from './self-signed';
import { never, runToItsEnd, targetOf } from './senders';

const BODY = Buffer.from('spans');
const EXPORT_TRACES = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const toClose: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
});

function grpcTarget(endpoint: string, over: Partial<OtlpTarget> = {}): OtlpTarget {
  return targetOf(endpoint, { protocol: 'grpc', ...over });
}

function senderTo(endpoint: string, over?: Partial<OtlpTarget>, method?: string): Sender {
  const sender = createGrpcSender(grpcTarget(endpoint, over), method === undefined ? {} : { method });
  toClose.push(() => sender.close());
  return sender;
}

function sendOnce(endpoint: string, over?: Partial<OtlpTarget>): Promise<SendResult> {
  return senderTo(endpoint, over).send(BODY, 10, never);
}

type Call = ServerUnaryCall<Buffer, Buffer>;
type Answer = (call: Call, callback: sendUnaryData<Buffer>) => void;

interface Serving {
  readonly port?: number;
  readonly credentials?: ServerCredentials;
  readonly method?: string;
  readonly options?: ServerOptions;
}

async function serve(
  answer: Answer,
  serving: Serving = {},
): Promise<{ endpoint: string; port: number; stop: () => Promise<void> }> {
  const asIs = (bytes: Buffer) => bytes;
  const server = new Server(serving.options);
  const method = {
    path: serving.method ?? EXPORT_TRACES,
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  } as const;
  server.addService({ Export: method }, { Export: answer });
  const credentials = serving.credentials ?? ServerCredentials.createInsecure();
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${serving.port ?? 0}`, credentials, (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  const stop = () =>
    new Promise<void>((resolve) => {
      server.tryShutdown(() => resolve());
      server.forceShutdown();
    });
  toClose.push(stop);
  return { endpoint: serving.credentials ? `https://localhost:${port}` : `http://127.0.0.1:${port}`, port, stop };
}

const accept: Answer = (_, callback) => callback(null, Buffer.alloc(0));

/** Answers each call with a status. */
function failing(code: status, details = '', grpcStatus?: Buffer): Answer {
  const metadata = new Metadata();
  if (grpcStatus) metadata.set('grpc-status-details-bin', grpcStatus);
  return (_, callback) => callback({ code, details, metadata } as ServiceError);
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

  test.each(['none', 'gzip'] as const)('gets the spans, compression %s', async (compression) => {
    const encoder = new OtlpProtobufEncoder();
    const spans = new RandomSpans(3).spans(40);
    const body = encoder.request([encoder.encode(spans.slice(0, 10)), encoder.encode(spans.slice(10))]);
    const sender = senderTo(collector.grpcEndpoint, { compression });
    expect(await sender.send(body, spans.length, never)).toEqual({ kind: 'sent', rejected: 0 });
    const ids = (all: readonly { spanId: string }[]) => all.map(({ spanId }) => spanId).sort();
    expect(ids(collector.spans)).toEqual(ids(spans.map((span) => span.spanContext())));
  });

  test('that is overloaded is to be tried again, and one that refuses the content is not', async () => {
    const sender = senderTo(collector.grpcEndpoint);
    collector.behaviour = 'refuse';
    expect(await sender.send(BODY, 1, never)).toEqual({ kind: 'retry', message: 'UNAVAILABLE: refused' });
    collector.behaviour = 'accept';
    expect(await sender.send(BODY, 1, never)).toEqual({ kind: 'refused', message: 'INVALID_ARGUMENT: malformed' });
  });

  test('that hangs is left alone when its time is over, and asked again the next time', async () => {
    const sender = senderTo(collector.grpcEndpoint, { timeoutMs: 2000 });
    collector.behaviour = 'hang';
    expect(await sender.send(Buffer.alloc(0), 0, never)).toEqual({
      kind: 'retry',
      message: 'no answer within 2000 ms',
    });
    collector.behaviour = 'accept';
    expect(await sender.send(Buffer.alloc(0), 0, never)).toEqual({ kind: 'sent', rejected: 0 });
  });
});

test('a call has the headers, and the credentials of its endpoint', async () => {
  let seen: Metadata | undefined;
  const { endpoint } = await serve((call, callback) => {
    seen = call.metadata;
    accept(call, callback);
  });
  const headers = { 'X-Tenant': 'blue', 'trace-bin': Buffer.of(1, 255).toString('base64') };
  await sendOnce(endpoint.replace('http://', 'http://ada:l%40ve@'), { headers });
  expect(seen?.getMap()).toMatchObject({
    'x-tenant': 'blue',
    'trace-bin': Buffer.of(1, 255),
    authorization: `Basic ${Buffer.from('ada:l@ve').toString('base64')}`,
    'user-agent': expect.stringMatching(/^spanwright\/\d/),
  });
  await sendOnce(endpoint.replace('http://', 'http://ada:love@'), { headers: { Authorization: 'Bearer mine' } });
  expect(seen?.get('authorization')).toEqual(['Bearer mine']);
});

test('our calls are not traced where gRPC is', async () => {
  const { endpoint } = await serve(accept);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  toClose.push(() => context.disable());
  // Where an instrumentation of gRPC would ask.
  const original = Client.prototype.makeUnaryRequest as (...args: unknown[]) => ClientUnaryCall;
  const suppressed: boolean[] = [];
  const spy = jest.spyOn(Client.prototype, 'makeUnaryRequest').mockImplementation(function (
    this: Client,
    ...args: unknown[]
  ) {
    suppressed.push(isTracingSuppressed(context.active()));
    return original.apply(this, args);
  } as never);
  toClose.push(() => spy.mockRestore());
  expect(await sendOnce(endpoint)).toMatchObject({ kind: 'sent' });
  expect(suppressed).toEqual([true]);
});

test('another signal has another method', async () => {
  const method = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';
  const { endpoint } = await serve(accept, { method });
  expect(await senderTo(endpoint, {}, method).send(BODY, 1, never)).toMatchObject({ kind: 'sent' });
  expect(await sendOnce(endpoint)).toMatchObject({
    kind: 'refused',
    message: expect.stringMatching(/^UNIMPLEMENTED: /),
  });
});

const TRY_AGAIN = ['CANCELLED', 'DEADLINE_EXCEEDED', 'ABORTED', 'OUT_OF_RANGE', 'UNAVAILABLE', 'DATA_LOSS'];
const codes = Object.keys(status).filter(
  (name) => Number.isNaN(Number(name)) && name !== 'OK',
) as (keyof typeof status)[];
test.each(codes)('status %s is retried as OTLP says', async (name) => {
  const { endpoint } = await serve(failing(status[name], 'so it is'));
  expect(await sendOnce(endpoint)).toEqual({
    kind: TRY_AGAIN.includes(name) ? 'retry' : 'refused',
    message: `${name}: so it is`,
  });
});

const retryInfo = (seconds: number, nanos: number) =>
  encodeAnswer('Status', {
    code: 8,
    message: 'slow down',
    details: [
      { typeUrl: 'type.googleapis.com/google.rpc.DebugInfo', value: Buffer.of(1, 2, 3) },
      {
        typeUrl: 'type.googleapis.com/google.rpc.RetryInfo',
        value: encodeAnswer('RetryInfo', { retryDelay: { seconds, nanos } }),
      },
    ],
  });
test.each([
  ['RESOURCE_EXHAUSTED with a delay', 'RESOURCE_EXHAUSTED', retryInfo(2, 500_000_000), 'retry', 2500],
  ['RESOURCE_EXHAUSTED with a delay of zero', 'RESOURCE_EXHAUSTED', retryInfo(0, 0), 'retry', 0],
  [
    'RESOURCE_EXHAUSTED with details of another kind',
    'RESOURCE_EXHAUSTED',
    encodeAnswer('Status', { code: 8 }),
    'refused',
    undefined,
  ],
  [
    'RESOURCE_EXHAUSTED with details that break off',
    'RESOURCE_EXHAUSTED',
    retryInfo(2, 0).subarray(0, 30),
    'refused',
    undefined,
  ],
  ['UNAVAILABLE with a delay', 'UNAVAILABLE', retryInfo(30, 0), 'retry', 30_000],
  ['INVALID_ARGUMENT with a delay', 'INVALID_ARGUMENT', retryInfo(30, 0), 'refused', undefined],
] as const)('the wait that the collector asks for is handed on: %s', async (_, name, details, kind, retryAfterMs) => {
  const { endpoint } = await serve(failing(status[name], 'slow down', details));
  expect(await sendOnce(endpoint)).toEqual({ kind, message: `${name}: slow down`, retryAfterMs });
});

test('a request that is too large for the collector is refused', async () => {
  const { endpoint } = await serve(accept, { options: { 'grpc.max_receive_message_length': 1000 } });
  const result = await senderTo(endpoint).send(Buffer.alloc(2000), 1, never);
  expect(result).toMatchObject({ kind: 'refused', message: expect.stringMatching(/^RESOURCE_EXHAUSTED: /) });
});

test.each([
  [
    { rejected: 3, errorMessage: 'too old' },
    { rejected: 3, message: 'too old' },
  ],
  [
    { rejected: 0, errorMessage: 'careful' },
    { rejected: 0, message: 'careful' },
  ],
  [{ rejected: '9223372036854775807' }, { rejected: 10 }],
])('a partial success is read: %j', async (partialSuccess, expected) => {
  const { endpoint } = await serve((_, callback) => callback(null, encodeAnswer('ExportResponse', { partialSuccess })));
  expect(await sendOnce(endpoint)).toEqual({ kind: 'sent', ...expected });
});

test('an answer that is not protobuf is one without rejections', async () => {
  const { endpoint } = await serve((_, callback) => callback(null, Buffer.from('\n\u0006ok')));
  expect(await sendOnce(endpoint)).toEqual({ kind: 'sent', rejected: 0 });
});

test('what the collector says is shown on one short line, without secrets', async () => {
  const { endpoint } = await serve((call, callback) =>
    failing(status.UNAUTHENTICATED, `no\n${call.metadata.get('x-api-key')} ${'x'.repeat(300)}`)(call, callback),
  );
  const result = await sendOnce(endpoint, { headers: { 'x-api-key': 'k3yk3y' } });
  expect(result).toEqual({ kind: 'refused', message: expect.stringMatching(/^UNAUTHENTICATED: no \*\*\* x+…$/) });
  expect((result as { message: string }).message).toHaveLength(201);
});

describe('when the collector is not there', () => {
  test('the first request after it came up gets through', async () => {
    const { endpoint, port, stop } = await serve(accept);
    await stop();
    const sender = senderTo(endpoint);
    for (let i = 0; i < 6; i++) {
      const result = await sender.send(BODY, 1, never);
      expect(result).toEqual({ kind: 'retry', message: expect.stringMatching(/^UNAVAILABLE: .*ECONNREFUSED/) });
    }
    await serve(accept, { port });
    expect(await sender.send(BODY, 1, never)).toEqual({ kind: 'sent', rejected: 0 });
  });

  test('many at a time do not hold up each other, nor what comes after', async () => {
    const { endpoint, port, stop } = await serve(accept);
    await stop();
    const sender = senderTo(endpoint);
    const sendFive = async () =>
      (await Promise.all([1, 2, 3, 4, 5].map(() => sender.send(BODY, 1, never)))).map(({ kind }) => kind);
    expect(new Set(await sendFive())).toEqual(new Set(['retry']));
    await serve(accept, { port });
    expect(new Set(await sendFive())).toEqual(new Set(['sent']));
  });

  test('a restart between two requests is not noticed', async () => {
    const { endpoint, port, stop } = await serve(accept);
    const sender = senderTo(endpoint);
    expect(await sender.send(BODY, 1, never)).toMatchObject({ kind: 'sent' });
    await stop();
    await serve(accept, { port });
    expect(await sender.send(BODY, 1, never)).toMatchObject({ kind: 'sent' });
  });

  test('a connection that is cut in the middle is to be tried again', async () => {
    let reached: () => void = () => {};
    const asked = new Promise<void>((resolve) => {
      reached = resolve;
    });
    let hangs = true;
    const { port } = await serve((call, callback) => (hangs ? reached() : accept(call, callback)));
    const sockets: Socket[] = [];
    const proxy = createTcpServer((socket) => {
      const onward = connect(port, '127.0.0.1').on('error', () => {});
      socket
        .on('error', () => {})
        .pipe(onward)
        .pipe(socket);
      sockets.push(socket, onward);
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    toClose.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => proxy.close(resolve));
    });
    const sender = senderTo(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    const result = sender.send(BODY, 1, never);
    await asked;
    sockets[0]?.resetAndDestroy();
    expect(await result).toMatchObject({ kind: 'retry' });
    hangs = false;
    expect(await sender.send(BODY, 1, never)).toMatchObject({ kind: 'sent' });
  });

  test.each([
    ['INTERNAL_ERROR', constants.NGHTTP2_INTERNAL_ERROR],
    ['PROTOCOL_ERROR', constants.NGHTTP2_PROTOCOL_ERROR],
    ['ENHANCE_YOUR_CALM', constants.NGHTTP2_ENHANCE_YOUR_CALM],
    ['CANCEL', constants.NGHTTP2_CANCEL],
  ])('a stream that is reset without a status is to be tried again: %s', async (_, code) => {
    const server = createHttp2Server();
    server.on('stream', (stream) => stream.on('error', () => {}).close(code));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    toClose.push(() => server.close());
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await sendOnce(endpoint)).toMatchObject({ kind: 'retry' });
  });

  test('a server of another kind is to be tried again', async () => {
    const server = createTcpServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end('220 smtp.example.com ESMTP\r\n'),
    );
    await once(server.listen(0, '127.0.0.1'), 'listening');
    toClose.push(() => new Promise((resolve) => server.close(resolve)));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await sendOnce(endpoint)).toMatchObject({ kind: 'retry', message: expect.stringMatching(/^UNAVAILABLE: /) });
  });
});

describe('stopping', () => {
  async function hanging() {
    let reached: (call: Call) => void = () => {};
    const asked = new Promise<Call>((resolve) => {
      reached = resolve;
    });
    const { endpoint } = await serve((call) => reached(call));
    return { endpoint, asked };
  }

  test('an abort ends a call under way, and the collector knows', async () => {
    const { endpoint, asked } = await hanging();
    const abort = new AbortController();
    const result = senderTo(endpoint).send(BODY, 1, abort.signal);
    const cancelled = once(await asked, 'cancelled');
    abort.abort();
    expect(await result).toEqual({ kind: 'retry', message: 'stopped before the collector answered' });
    await cancelled;
  });

  test('an abort that came before sends nothing', async () => {
    let calls = 0;
    const { endpoint } = await serve(() => calls++);
    expect(await senderTo(endpoint).send(BODY, 1, AbortSignal.abort())).toMatchObject({ kind: 'retry' });
    expect(calls).toBe(0);
  });

  test('closing ends calls under way, and takes no more', async () => {
    const { endpoint, asked } = await hanging();
    const sender = senderTo(endpoint);
    const result = sender.send(BODY, 1, never);
    await asked;
    sender.close();
    expect(await result).toMatchObject({ kind: 'retry' });
    expect(await sender.send(BODY, 1, never)).toMatchObject({ kind: 'retry' });
    sender.close();
  });
});

describe('over TLS', () => {
  const server = selfSigned();
  const client = selfSigned();
  const pair = { private_key: Buffer.from(server.key), cert_chain: Buffer.from(server.cert) };
  let dir: string;
  const file = (name: string) => join(dir, name);
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'spanwright-tls-'));
    const files = { 'server.pem': server.cert, 'client.pem': client.cert, 'client.key': client.key };
    for (const [name, content] of Object.entries(files)) writeFileSync(file(name), content);
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  test('a collector with a certificate that is trusted gets the spans', async () => {
    const { endpoint } = await serve(accept, { credentials: ServerCredentials.createSsl(null, [pair]) });
    expect(await sendOnce(endpoint, { tls: { certificate: file('server.pem') } })).toEqual({
      kind: 'sent',
      rejected: 0,
    });
    expect(await sendOnce(endpoint)).toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('self-signed certificate'),
    });
  });

  test('a client shows its certificate', async () => {
    const credentials = ServerCredentials.createSsl(Buffer.from(client.cert), [pair], true);
    const { endpoint } = await serve(accept, { credentials });
    const tls = {
      certificate: file('server.pem'),
      clientKey: file('client.key'),
      clientCertificate: file('client.pem'),
    };
    expect(await sendOnce(endpoint, { tls })).toEqual({ kind: 'sent', rejected: 0 });
    expect(await sendOnce(endpoint, { tls: { certificate: file('server.pem') } })).toMatchObject({ kind: 'retry' });
  });

  test('a file that is not there is an error at once', () => {
    const make = () => createGrpcSender(grpcTarget('https://127.0.0.1', { tls: { certificate: file('gone.pem') } }));
    expect(make).toThrow(UserError);
    expect(make).toThrow(/^cannot read the OTLP certificate .*gone\.pem: no such file or directory$/);
  });
});

test.each([
  ['x-key', 'päss'],
  ['x key', 'pass'],
  ['x!key', 'pass'],
])('a header that gRPC cannot send is an error at once, without its value: %s', (name, value) => {
  const make = () => createGrpcSender(grpcTarget('http://127.0.0.1', { headers: { [name]: value } }));
  expect(make).toThrow(UserError);
  expect(make).toThrow(`the OTLP header '${name}' has characters that grpc cannot send`);
});

test('gRPC is loaded with the first request, and a process with an idle sender exits by itself', async () => {
  const { endpoint, stop } = await serve(accept);
  const program = `
    const { createGrpcSender } = require('./src/telemetry/export/grpc-sender.ts');
    const isLoaded = () => Object.keys(require.cache).some((file) => file.includes('grpc-js'));
    const sender = createGrpcSender(${JSON.stringify(grpcTarget(endpoint))});
    console.log(isLoaded());
    sender.send(Buffer.from('x'), 1, new AbortController().signal).then(({ kind }) => console.log(kind, isLoaded()));
  `;
  expect(await runToItsEnd(program)).toBe('false\nsent true\n');
  await stop();
  expect(await runToItsEnd(program)).toBe('false\nretry true\n');
});
