import 'reflect-metadata';
import { Controller, Get, HttpException, type INestApplication, Module, Param } from '@nestjs/common';
import { APP_INTERCEPTOR, NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { propagation, SpanKind } from '@opentelemetry/api';
import { of, throwError } from 'rxjs';
import { HttpServerTracing } from '../../../src/telemetry/http/http-server-tracing';
import { TelemetryInterceptor } from '../../../src/telemetry/telemetry.interceptor';
import { activeTracing, currentSpan } from '../../../src/telemetry/tracing/active-tracing';
import { REMOTE, Recorder } from '../instrument/recorder';

jest.setTimeout(30_000);

let recorder: Recorder;
let application: INestApplication | undefined;

beforeEach(() => {
  recorder = new Recorder();
});

afterEach(async () => {
  await application?.close();
  application = undefined;
  recorder.stop();
});

@Controller('pets')
class PetsController {
  @Get(':id')
  one(@Param('id') id: string) {
    return { id, span: currentSpan()?.spanContext().spanId };
  }
  @Get('gone/:id')
  gone() {
    return throwError(() => new HttpException('gone', 410));
  }
  @Get('broken/:id')
  async broken() {
    throw new TypeError('broken');
  }
  @Get('lazy/:id')
  lazy() {
    return of({ span: currentSpan()?.spanContext().spanId });
  }
}

@Module({ controllers: [PetsController], providers: [{ provide: APP_INTERCEPTOR, useClass: TelemetryInterceptor }] })
class AppModule {}

describe.each(['express', 'fastify'])('with %s', (platform) => {
  async function start(prepare: (app: INestApplication) => void = () => {}) {
    const options = { logger: false, abortOnError: false } as const;
    const app: INestApplication =
      platform === 'express'
        ? await NestFactory.create(AppModule, options)
        : await NestFactory.create(AppModule, new FastifyAdapter(), options);
    application = app;
    prepare(app);
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    return (path: string, headers: Record<string, string> = {}) => fetch(`${url}${path}`, { headers });
  }

  test('where nobody has a span for the request, it makes one: by the route, below the caller', async () => {
    const get = await start();
    const answer = await get('/pets/7?token=secret', { traceparent: `00-${REMOTE.traceId}-${REMOTE.spanId}-01` });
    const span = recorder.span('http.GET /pets/:id', SpanKind.SERVER);
    expect(await answer.json()).toEqual({ id: '7', span: span.spanContext().spanId });
    expect(span.parentSpanContext).toMatchObject({ spanId: REMOTE.spanId, isRemote: true });
    expect(span.attributes).toEqual({
      'http.request.method': 'GET',
      'http.method': 'GET',
      'http.route': '/pets/:id',
      'http.response.status_code': 200,
      'http.status_code': 200,
      'code.function.name': 'PetsController.one',
    });
  });

  test('the span ends with the answer, and is in error from 500 on', async () => {
    const get = await start();
    expect((await get('/pets/gone/1')).status).toBe(410);
    expect((await get('/pets/broken/1')).status).toBe(500);
    expect((await get('/pets/lazy/1')).status).toBe(200);
    expect(
      recorder.ended.map(({ name, status, attributes }) => [name, status.code, attributes['http.status_code']]),
    ).toEqual([
      ['http.GET /pets/gone/:id', 0, 410],
      ['http.GET /pets/broken/:id', 2, 500],
      ['http.GET /pets/lazy/:id', 0, 200],
    ]);
    expect(recorder.span('http.GET /pets/broken/:id').status.message).toBe('broken');
  });

  test('where there is a span, it adds the route, and makes none', async () => {
    const tracing = new HttpServerTracing({ tracing: activeTracing(), propagator: propagation as never });
    const get = await start((app) => tracing.attach(app.getHttpServer()));
    await (await get('/pets/7')).text();
    await recorder.ending('http.GET /pets/:id');
    tracing.detach();
    expect(recorder.tree()).toEqual(['http.GET /pets/:id server']);
    expect(recorder.span('http.GET /pets/:id').attributes['http.route']).toBe('/pets/:id');
  });
});

test('with tracing off it lets the request through', async () => {
  recorder.stop();
  const app = await NestFactory.create(AppModule, { logger: false });
  application = app;
  await app.listen(0, '127.0.0.1');
  expect((await fetch(`${await app.getUrl()}/pets/7`)).status).toBe(200);
  expect(recorder.names()).toEqual([]);
  recorder = new Recorder();
});
