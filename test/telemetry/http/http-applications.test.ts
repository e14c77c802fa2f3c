import 'reflect-metadata';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import {
  BadRequestException,
  type CanActivate,
  Controller,
  Get,
  HttpCode,
  Injectable,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  Param,
  ParseIntPipe,
  Post,
  RequestMethod,
  Sse,
  StreamableFile,
  UseGuards,
  VersioningType,
} from '@nestjs/common';
import { NestFactory, RouterModule } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { of } from 'rxjs';
import { Span } from '../../../src/telemetry/span.decorator';
import { TelemetryModule } from '../../../src/telemetry/telemetry.module';
import { TELEMETRY_RUNTIME, type TelemetryModuleOptions } from '../../../src/telemetry/telemetry.options';
import { ADAPTERS, type Adapter, IN_MEMORY, memorySpans, RunningApp, rootModule, sample } from '../../modules/apps';

const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const traceparent = (flags: '00' | '01') => `00-${CALLER.traceId}-${CALLER.spanId}-${flags}`;

@Injectable()
class SayNo implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@Injectable()
class Kitchen {
  @Span('kitchen.cook')
  async cook(dish: string): Promise<{ dish: string; traceId: string | undefined; team: string | undefined }> {
    await new Promise((resolve) => setImmediate(resolve));
    const span = trace.getActiveSpan()?.spanContext();
    return { dish, traceId: span?.traceId, team: propagation.getActiveBaggage()?.getEntry('team')?.value };
  }
}

@Controller('dishes')
class DishesController {
  constructor(private readonly kitchen: Kitchen) {}

  @Get('boom')
  boom(): never {
    throw new Error('burnt');
  }

  @Get('refused')
  refused(): never {
    throw new BadRequestException('not today');
  }

  @Get('secret')
  @UseGuards(SayNo)
  secret(): string {
    return 'never';
  }

  @Get('number/:n')
  number(@Param('n', ParseIntPipe) n: number): number {
    return n;
  }

  @Get('file')
  file(): StreamableFile {
    return new StreamableFile(Readable.from(['a', 'b', 'c']));
  }

  @Sse('events')
  events() {
    return of({ data: 'ready' });
  }

  /** Begins an answer, and never ends it. */
  @Get('endless')
  endless(): StreamableFile {
    const endless = new Readable({ read() {} });
    endless.push('the beginning');
    return new StreamableFile(endless);
  }

  @Post(':dish')
  @HttpCode(201)
  order(@Param('dish') dish: string) {
    return this.kitchen.cook(dish);
  }

  @Get(':dish')
  find(@Param('dish') dish: string) {
    return this.kitchen.cook(dish);
  }
}

@Controller({ path: 'drinks', version: '2' })
class DrinksController {
  @Get(':drink')
  find(@Param('drink') drink: string): string {
    return drink;
  }

  @Get('of/*')
  all(): string {
    return 'all';
  }
}

@Module({ controllers: [DrinksController] })
class DrinksModule {}

@Module({
  imports: [DrinksModule, RouterModule.register([{ path: 'bar/:bar', module: DrinksModule }])],
  controllers: [DishesController],
  providers: [Kitchen, SayNo],
})
class RestaurantModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer
      .apply((_request: unknown, response: { statusCode: number; end(text: string): void }, next: () => void) => {
        void response;
        next();
      })
      .forRoutes({ path: '*all', method: RequestMethod.ALL });
    consumer
      .apply((_request: unknown, response: { statusCode: number; end(text: string): void }) => {
        response.statusCode = 418;
        response.end('short and stout');
      })
      .forRoutes({ path: 'teapots/:pot', method: RequestMethod.GET });
  }
}

const open: { close(): Promise<unknown> }[] = [];

async function serve(adapter: Adapter, options: TelemetryModuleOptions = {}): Promise<RunningApp> {
  const app = await RunningApp.start(adapter, {
    imports: [TelemetryModule.forRoot({ ...IN_MEMORY, ...options }), RestaurantModule],
  });
  open.push(app);
  return app;
}

/** With a prefix and versions, which are said before the application is initialised. */
async function serveVersions(adapter: Adapter) {
  const root = rootModule({ imports: [TelemetryModule.forRoot(IN_MEMORY), RestaurantModule] });
  const app =
    adapter === 'express'
      ? await NestFactory.create(root, { logger: false })
      : await NestFactory.create(root, new FastifyAdapter(), { logger: false });
  app.setGlobalPrefix('api');
  app.enableVersioning({ type: VersioningType.URI });
  await app.listen(0, '127.0.0.1');
  open.push(app);
  return { url: await app.getUrl(), spans: () => memorySpans(app.get(TELEMETRY_RUNTIME, { strict: false })) };
}

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

/** What somebody says on a connection, word for word, and what comes back until it is closed. */
async function say(app: RunningApp, text: string): Promise<string> {
  const { hostname, port } = new URL(app.url);
  const socket = connect(Number(port), hostname);
  socket.end(text);
  let answer = '';
  for await (const chunk of socket.setEncoding('utf8')) answer += chunk;
  return answer;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

describe.each(ADAPTERS)('a request to %s', (adapter) => {
  test.each([
    ['/dishes/soup', 200, 'http.GET /dishes/:dish', '/dishes/:dish'],
    ['/dishes/soup?token=hunter2', 200, 'http.GET /dishes/:dish', '/dishes/:dish'],
    ['/dishes/number/7', 200, 'http.GET /dishes/number/:n', '/dishes/number/:n'],
    ['/dishes/number/seven', 400, 'http.GET /dishes/number/:n', '/dishes/number/:n'],
    ['/dishes/refused', 400, 'http.GET /dishes/refused', '/dishes/refused'],
    ['/dishes/secret', 403, 'http.GET /dishes/secret', '/dishes/secret'],
    ['/dishes/file', 200, 'http.GET /dishes/file', '/dishes/file'],
    ['/nothing/here', 404, 'http.GET unmatched', undefined],
  ])('%s, answered by %i, is a server span that is no error: %s', async (path, status, name, route) => {
    const app = await serve(adapter);
    expect((await app.fetch(path)).status).toBe(status);
    const span = await app.span(name);
    expect(span.kind).toBe(SpanKind.SERVER);
    expect(span.status).toEqual({ code: SpanStatusCode.UNSET });
    expect(span.parentSpanContext).toBeUndefined();
    expect(span.attributes).toMatchObject({
      'http.request.method': 'GET',
      'http.method': 'GET',
      'url.path': path.split('?')[0],
      'url.scheme': 'http',
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(app.url).port),
      'client.address': '127.0.0.1',
      'http.response.status_code': status,
      'http.status_code': status,
      'network.protocol.version': '1.1',
    });
    expect(span.attributes['http.route']).toBe(route);
    expect(JSON.stringify(app.spans.map(({ attributes }) => attributes))).not.toContain('hunter2');
  });

  test('that fails in the handler is an error', async () => {
    const app = await serve(adapter);
    expect((await app.fetch('/dishes/boom')).status).toBe(500);
    const span = await app.span('http.GET /dishes/boom');
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
    expect(span.attributes).toMatchObject({ 'error.type': '500', 'http.response.status_code': 500 });
  });

  test('that a middleware answers has the status of that answer', async () => {
    const app = await serve(adapter);
    expect((await app.fetch('/teapots/7')).status).toBe(418);
    await until(() => app.spans.length > 0);
    expect(app.spans[0]?.attributes['http.response.status_code']).toBe(418);
    expect(app.spans[0]?.name).not.toContain('teapots/7');
  });

  test('with HEAD is named for it', async () => {
    const app = await serve(adapter);
    expect((await app.fetch('/dishes/soup', { method: 'HEAD' })).status).toBe(200);
    expect((await app.span('http.HEAD /dishes/:dish')).attributes['http.response.status_code']).toBe(200);
  });

  test('with a method that hardly anybody knows is one of the others', async () => {
    const app = await serve(adapter);
    expect(await say(app, 'PURGE /dishes/soup HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toMatch(/ 404 /);
    const span = await app.span('http._OTHER unmatched');
    expect(span.attributes).toMatchObject({
      'http.request.method': '_OTHER',
      'http.request.method_original': 'PURGE',
    });
  });

  test('whose answer comes as events ends when they do', async () => {
    const app = await serve(adapter);
    expect((await app.fetch('/dishes/events')).text).toContain('data: ready');
    expect((await app.span('http.GET /dishes/events')).attributes['http.response.status_code']).toBe(200);
  });

  test('that the client gives up in the middle of the answer is aborted, and has no status', async () => {
    const app = await serve(adapter);
    const request = httpRequest(`${app.url}/dishes/endless`).on('error', () => {});
    request.end();
    const [response] = await once(request, 'response');
    await once(response, 'data');
    expect(app.spans).toEqual([]);
    request.destroy();
    const span = await app.span('http.GET /dishes/endless');
    expect(span.attributes['error.type']).toBe('aborted');
    expect(span.attributes).not.toHaveProperty('http.response.status_code');
    expect(
      sample(await app.scrape(), 'http_requests_total', { http_route: '/dishes/endless', status_code: '499' }),
    ).toBe(1);
  });

  test('belongs to the trace of a caller who has it sampled', async () => {
    const app = await serve(adapter);
    const headers = { traceparent: traceparent('01'), baggage: 'team=red' };
    const { text } = await app.fetch('/dishes/soup', { headers });
    expect(JSON.parse(text)).toEqual({ dish: 'soup', traceId: CALLER.traceId, team: 'red' });
    const server = await app.span('http.GET /dishes/:dish');
    expect(server.parentSpanContext).toMatchObject({ spanId: CALLER.spanId, isRemote: true });
    expect(server.spanContext().traceId).toBe(CALLER.traceId);
    const cook = await app.span('kitchen.cook');
    expect(cook.parentSpanContext?.spanId).toBe(server.spanContext().spanId);
  });

  test('of a caller who does not have it sampled leaves no span, and the handler is in his trace', async () => {
    const app = await serve(adapter);
    const { text } = await app.fetch('/dishes/soup', { headers: { traceparent: traceparent('00') } });
    expect(JSON.parse(text).traceId).toBe(CALLER.traceId);
    await app.fetch('/dishes/secret');
    await app.span('http.GET /dishes/secret');
    expect(app.spans.map(({ name }) => name)).toEqual(['http.GET /dishes/secret']);
    expect(sample(await app.scrape(), 'http_requests_total', { http_route: '/dishes/:dish' })).toBe(1);
  });

  test.each([
    ['garbage', 'zz-yy'],
    ['all zeros', `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`],
    ['a version that is not', `ff-${CALLER.traceId}-${CALLER.spanId}-01`],
    ['much too long', 'a'.repeat(10_000)],
  ])('whose traceparent is %s begins a trace of its own', async (_what, bad) => {
    const app = await serve(adapter);
    expect((await app.fetch('/dishes/soup', { headers: { traceparent: bad } })).status).toBe(200);
    const span = await app.span('http.GET /dishes/:dish');
    expect(span.parentSpanContext).toBeUndefined();
    expect(span.spanContext().traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
  });

  test('is not believed where it says that it comes from elsewhere', async () => {
    const app = await serve(adapter);
    const headers = {
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'for=203.0.113.9;host=evil.example;proto=https',
    };
    await app.fetch('/dishes/soup', { headers });
    const { attributes } = await app.span('http.GET /dishes/:dish');
    expect(attributes).toMatchObject({ 'client.address': '127.0.0.1', 'url.scheme': 'http' });
    expect(JSON.stringify(attributes)).not.toMatch(/evil|203\.0/);
  });

  test('with a path and headers that are out of all bounds leaves attributes within the limits', async () => {
    const app = await serve(adapter, { limits: { attributeValueLengthLimit: 100 } });
    const path = `/${'p'.repeat(5000)}`;
    await app.fetch(path, { headers: { 'user-agent': 'u'.repeat(5000), authorization: 'Bearer hunter2' } });
    const { attributes } = await app.span('http.GET unmatched');
    expect(String(attributes['url.path'])).toHaveLength(100);
    expect(String(attributes['user_agent.original'])).toHaveLength(100);
    expect(JSON.stringify(attributes)).not.toContain('hunter2');
  });

  test('to a path that is ignored leaves nothing', async () => {
    const app = await serve(adapter, { http: { ignorePaths: ['/dishes/f*', '/metrics'] } });
    expect((await app.fetch('/dishes/file?x=1')).text).toBe('abc');
    await app.fetch('/dishes/secret');
    await app.span('http.GET /dishes/secret');
    expect(app.spans).toHaveLength(1);
    const lines = await app.scrape();
    expect(sample(lines, 'http_requests_total')).toBe(1);
  });

  test('has its prefix, its version and the path of its module in the route', async () => {
    const { url, spans } = await serveVersions(adapter);
    expect(await (await fetch(`${url}/api/v2/bar/7/drinks/tea`)).text()).toBe('tea');
    expect(await (await fetch(`${url}/api/v2/bar/7/drinks/of/a/b`)).text()).toBe('all');
    await until(() => spans().length === 2);
    const [tea, all] = spans().map(({ name }) => name);
    expect(tea).toBe('http.GET /api/v2/bar/:bar/drinks/:drink');
    expect(all).toMatch(/^http\.GET \/api\/v2\/bar\/:bar\/drinks\/of\/.*\*/);
  });

  test('where nothing is recorded leaves nothing, and its metrics are counted', async () => {
    const app = await serve(adapter, { sampling: { sampler: 'always_off' } });
    await app.fetch('/dishes/soup');
    await app.fetch('/dishes/soup', { headers: { traceparent: traceparent('01') } });
    expect(sample(await app.scrape(), 'http_requests_total', { http_route: '/dishes/:dish' })).toBe(2);
    expect(app.spans).toEqual([]);
  });
});

describe.each(ADAPTERS)('many requests to %s', (adapter) => {
  test('at the same time, over connections that are kept, keep their traces apart', async () => {
    const app = await serve(adapter);
    const ids = Array.from({ length: 200 }, (_, at) => (at + 1).toString(16).padStart(32, '0'));
    const answers = await Promise.all(
      ids.map(async (traceId) => {
        const headers = { traceparent: `00-${traceId}-${CALLER.spanId}-01`, baggage: `team=${traceId}` };
        return JSON.parse((await app.fetch(`/dishes/${traceId}`, { headers })).text);
      }),
    );
    expect(answers).toEqual(ids.map((id) => ({ dish: id, traceId: id, team: id })));
    await until(() => app.spans.length === 400);
    for (const id of ids) {
      const [cook, server] = app.spans.filter((span) => span.spanContext().traceId === id);
      expect([cook?.name, server?.name]).toEqual(['kitchen.cook', 'http.GET /dishes/:dish']);
      expect(cook?.parentSpanContext?.spanId).toBe(server?.spanContext().spanId);
    }
  });

  test('on one connection are a span each', async () => {
    const app = await serve(adapter);
    const one = 'GET /dishes/soup HTTP/1.1\r\nhost: x\r\n\r\n';
    const last = 'GET /dishes/secret HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';
    expect((await say(app, `${one}${one}${last}`)).match(/HTTP\/1\.1 \d+/g)).toEqual([
      'HTTP/1.1 200',
      'HTTP/1.1 200',
      'HTTP/1.1 403',
    ]);
    await app.span('http.GET /dishes/secret');
    const servers = app.spans.filter(({ kind }) => kind === SpanKind.SERVER);
    expect(servers.map(({ name }) => name)).toEqual([
      'http.GET /dishes/:dish',
      'http.GET /dishes/:dish',
      'http.GET /dishes/secret',
    ]);
    expect(new Set(servers.map((span) => span.spanContext().traceId)).size).toBe(3);
  });

  test('for paths that are not there are one series', async () => {
    const app = await serve(adapter);
    for (let at = 0; at < 1000; at += 50)
      await Promise.all(Array.from({ length: 50 }, (_, more) => app.fetch(`/scan/${at + more}.php`)));
    const lines = await app.scrape();
    const series = lines.filter((line) => line.startsWith('http_requests_total{'));
    expect(series).toHaveLength(1);
    expect(sample(series, 'http_requests_total', { http_route: 'unmatched', status_code: '404' })).toBe(1000);
    expect(sample(lines, 'http_request_duration_seconds_count', { http_route: 'unmatched' })).toBe(1000);
    const semantic = { http_response_status_code: '404' };
    expect(sample(lines, 'http_server_request_duration_count', semantic)).toBe(1000);
    // The scrape is itself under way.
    expect(sample(lines, 'http_server_active_requests', { http_request_method: 'GET' })).toBe(1);
  });
});

test("what Fastify's inject asks is a server span like any other", async () => {
  const app = await NestFactory.create<NestFastifyApplication>(
    rootModule({ imports: [TelemetryModule.forRoot(IN_MEMORY), RestaurantModule] }),
    new FastifyAdapter(),
    { logger: false },
  );
  await app.init();
  open.push(app);
  const { statusCode, body } = await app.inject({ url: '/dishes/soup', headers: { traceparent: traceparent('01') } });
  expect([statusCode, JSON.parse(body).traceId]).toEqual([200, CALLER.traceId]);
  const spans = () => memorySpans(app.get(TELEMETRY_RUNTIME, { strict: false }));
  await until(() => spans().length === 2);
  expect(spans().map(({ name }) => name)).toEqual(['kitchen.cook', 'http.GET /dishes/:dish']);
  expect(spans()[1]?.parentSpanContext?.spanId).toBe(CALLER.spanId);
});
