import 'reflect-metadata';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request as requestHttp, Server, type ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { createServer as createHttps, request as requestHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Controller, Get } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { SpanStatusCode, trace } from '@opentelemetry/api';
import { loadTelemetryConfig } from '../../../src/config/load-telemetry-config';
import type { TelemetryOptions } from '../../../src/config/telemetry-options';
import { RequestMetrics } from '../../../src/telemetry/http/http-metrics';
import { HttpServerTracing } from '../../../src/telemetry/http/http-server-tracing';
import { BUCKETS, HistogramSeries } from '../../../src/telemetry/metrics/metric-registry';
import { TelemetryModule } from '../../../src/telemetry/telemetry.module';
import { TELEMETRY_RUNTIME } from '../../../src/telemetry/telemetry.options';
import { TelemetryRuntime } from '../../../src/telemetry/telemetry-runtime';
import { IN_MEMORY, memorySpans, rootModule } from '../../modules/apps';
import { selfSigned } from '../export/self-signed';

const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

type Answering = (request: IncomingMessage, response: ServerResponse) => void;

/** A server with nothing but Node between it and us, and what it leaves behind. */
class WatchedServer {
  readonly runtime: TelemetryRuntime;
  readonly tracing: HttpServerTracing;

  private constructor(
    readonly server: Server,
    options: TelemetryOptions,
  ) {
    const exporters = { traces: ['memory'], metrics: ['prometheus'], logs: [] } as const;
    this.runtime = new TelemetryRuntime(loadTelemetryConfig({ options: { exporters, ...options }, env: {} }));
    const { tracing, propagator, metrics } = this.runtime;
    this.tracing = new HttpServerTracing({ tracing, propagator, metrics: new RequestMetrics(metrics.registry) });
    this.tracing.attach(server);
  }

  static async start(server: Server, options: TelemetryOptions = {}): Promise<WatchedServer> {
    const watched = new WatchedServer(server, options);
    closing.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await watched.runtime.shutdown();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return watched;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get spans() {
    return memorySpans(this.runtime);
  }

  /** What the series of a metric come to: of a histogram, how often it was recorded. */
  series(name: string): { attributes: Readonly<Record<string, unknown>>; value: number }[] {
    const found = [...this.runtime.metrics.registry.instruments].find(({ definition }) => definition.name === name);
    if (!found || !('series' in found)) throw new Error(`no metric ${name}`);
    return [...found.series].map((each) => ({
      attributes: each.attributes,
      value: each instanceof HistogramSeries ? countOf(each) : each.value,
    }));
  }
}

const countOf = ({ cells }: HistogramSeries): number => cells.subarray(BUCKETS).reduce((sum, count) => sum + count, 0);

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

const answered = (how: Answering) => createServer(how);

test('a request over TLS is of the scheme https', async () => {
  const tls = selfSigned();
  const server = createHttps(tls, (_request, response) => void response.end('hello'));
  const watched = await WatchedServer.start(server as unknown as Server);
  const request = requestHttps({ port: watched.port, host: '127.0.0.1', ca: tls.cert });
  request.end();
  const [response] = await once(request, 'response');
  expect(await text(response)).toBe('hello');
  await until(() => watched.spans.length === 1);
  expect(watched.spans[0]?.attributes['url.scheme']).toBe('https');
  expect(watched.series('http.server.request.duration')[0]?.attributes['url.scheme']).toBe('https');
  expect(watched.series('http.server.active_requests')).toEqual([
    { attributes: { 'http.request.method': 'GET', 'url.scheme': 'https' }, value: 0 },
  ]);
});

test('a listener is called with its server, its arguments, and the span active', async () => {
  const seen: unknown[] = [];
  const server = createServer();
  server.on('request', function (this: unknown, request, response) {
    seen.push(this === server, request.url, typeof response.end, trace.getActiveSpan()?.isRecording());
    response.end();
  });
  const { port } = await WatchedServer.start(server);
  await fetch(`http://127.0.0.1:${port}/cats`);
  expect(seen).toEqual([true, '/cats', 'function', true]);
});

test('what a listener throws goes where it went before', async () => {
  const server = createServer(() => {
    throw new Error('mine');
  });
  const watched = await WatchedServer.start(server);
  expect(() => server.emit('request', { headers: {}, socket: {} }, { on() {} })).toThrow('mine');
  expect(watched.spans).toEqual([]);
});

test('events other than requests are handed on as they are', async () => {
  const server = answered(() => {});
  await WatchedServer.start(server);
  const seen: unknown[] = [];
  server.on('mine', (...args) => seen.push(args));
  expect(server.emit('mine', 1, 2)).toBe(true);
  expect(server.emit('nobodys')).toBe(false);
  expect(seen).toEqual([[1, 2]]);
});

test('a server that is let go leaves no further spans, and those under way still end', async () => {
  const waiting: ServerResponse[] = [];
  const server = answered((request, response) =>
    request.url === '/wait' ? void waiting.push(response) : void response.end(),
  );
  const watched = await WatchedServer.start(server);
  const slow = fetch(`http://127.0.0.1:${watched.port}/wait`);
  await until(() => waiting.length === 1);
  watched.tracing.detach();
  await fetch(`http://127.0.0.1:${watched.port}/after`);
  expect(watched.spans).toEqual([]);
  waiting[0]?.end();
  await slow;
  await until(() => watched.spans.length === 1);
  expect(watched.spans[0]?.attributes['url.path']).toBe('/wait');
  expect(Object.hasOwn(server, 'emit') && server.emit !== Server.prototype.emit).toBe(false);
});

test('a client that goes before there is any answer leaves an aborted request, and none under way', async () => {
  const requests: IncomingMessage[] = [];
  const watched = await WatchedServer.start(answered((request) => void requests.push(request)));
  const request = requestHttp({ port: watched.port, host: '127.0.0.1', path: '/never' }).on('error', () => {});
  request.end();
  await until(() => requests.length === 1);
  expect(watched.series('http.server.active_requests').map(({ value }) => value)).toEqual([1]);
  request.destroy();
  await until(() => watched.spans.length === 1);
  expect(watched.spans[0]?.attributes).toMatchObject({ 'error.type': 'aborted' });
  expect(watched.spans[0]?.status.code).toBe(SpanStatusCode.UNSET);
  expect(watched.series('http.server.active_requests').map(({ value }) => value)).toEqual([0]);
  expect(watched.series('http_requests_total').map(({ attributes }) => attributes['http.status_code'])).toEqual([499]);
});

test('a server that fails by itself is an error, in the span and in the metrics', async () => {
  const watched = await WatchedServer.start(answered((_request, response) => void response.writeHead(503).end()));
  await fetch(`http://127.0.0.1:${watched.port}/`);
  await until(() => watched.spans.length === 1);
  expect(watched.spans[0]?.status.code).toBe(SpanStatusCode.ERROR);
  const [series] = watched.series('http.server.request.duration');
  expect(series).toMatchObject({ attributes: { 'error.type': '503', 'http.response.status_code': 503 }, value: 1 });
});

test('without tracing, metrics are still counted', async () => {
  const watched = await WatchedServer.start(
    answered((_request, response) => void response.end()),
    {
      tracingEnabled: false,
    },
  );
  await fetch(`http://127.0.0.1:${watched.port}/`);
  await until(() => watched.series('http_requests_total').length > 0);
  expect(watched.series('http_request_duration_seconds').map(({ value }) => value)).toEqual([1]);
});

test.each([
  ['example.org:8080', 'example.org', 8080],
  ['example.org', 'example.org', undefined],
  ['[::1]:81', '[::1]', 81],
  ['[::1]', '[::1]', undefined],
])('of the host %s, the address is %s and the port %s', async (host, address, port) => {
  const watched = await WatchedServer.start(answered((_request, response) => void response.end()));
  const request = requestHttp({ port: watched.port, host: '127.0.0.1', headers: { host } });
  request.end();
  await once(request, 'response');
  await until(() => watched.spans.length === 1);
  expect(watched.spans[0]?.attributes['server.address']).toBe(address);
  expect(watched.spans[0]?.attributes['server.port']).toBe(port);
});

test('a request over HTTP/2 is a span like any other', async () => {
  @Controller()
  class Root {
    @Get('cats/:id')
    find(): string {
      return 'Tom';
    }
  }
  const app = await NestFactory.create(
    rootModule({ imports: [TelemetryModule.forRoot(IN_MEMORY)], controllers: [Root] }),
    new FastifyAdapter({ http2: true } as object),
    { logger: false },
  );
  await app.listen(0, '127.0.0.1');
  closing.push(() => app.close());
  const session = connectHttp2(await app.getUrl());
  closing.push(() => session.close());
  const streams = ['/cats/1', '/cats/2'].map((path) => session.request({ ':path': path }));
  expect(await Promise.all(streams.map((stream) => text(stream)))).toEqual(['Tom', 'Tom']);
  const spans = () => memorySpans(app.get(TELEMETRY_RUNTIME, { strict: false }));
  await until(() => spans().length === 2);
  expect(spans().map(({ name }) => name)).toEqual(['http.GET /cats/:id', 'http.GET /cats/:id']);
  expect(spans()[0]?.attributes).toMatchObject({
    'network.protocol.version': '2.0',
    'http.response.status_code': 200,
    'server.address': '127.0.0.1',
  });
});
