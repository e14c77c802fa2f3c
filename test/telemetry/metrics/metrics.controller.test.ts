import { type CallHandler, type INestApplication, Module, type NestInterceptor } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { emptyResource } from '@opentelemetry/resources';
import { map } from 'rxjs';
import type { TelemetryConfig } from '../../../src/config/telemetry-config';
import { metricsController } from '../../../src/telemetry/metrics/metrics.controller';
import { METRICS_RUNTIME } from '../../../src/telemetry/metrics/metrics.options';
import { type MetricsRuntime, startMetrics } from '../../../src/telemetry/metrics/metrics-runtime';
import { metricsConfig } from './config';
import { sampleLines } from './scrape';

/** What many applications have, and what a scrape must not meet. */
class Envelope implements NestInterceptor {
  intercept(_: unknown, next: CallHandler) {
    return next.handle().pipe(map((data) => ({ data })));
  }
}

const PLATFORMS = { express: () => new ExpressAdapter(), fastify: () => new FastifyAdapter() };

describe.each(Object.entries(PLATFORMS))('on %s', (_, adapter) => {
  let app: INestApplication;
  let runtime: MetricsRuntime;

  async function serve(config: TelemetryConfig, path = '/metrics'): Promise<string> {
    runtime = startMetrics(config, emptyResource(), () => {});
    @Module({ controllers: [metricsController(path)], providers: [{ provide: METRICS_RUNTIME, useValue: runtime }] })
    class Served {}
    const testing = await Test.createTestingModule({ imports: [Served] }).compile();
    app = testing.createNestApplication(adapter() as ExpressAdapter, { logger: false });
    app.useGlobalInterceptors(new Envelope());
    await app.listen(0, '127.0.0.1');
    return app.getUrl();
  }

  afterEach(async () => {
    await app.close();
    await runtime.shutdown(1000);
  });

  test('serves the text format, and OpenMetrics to whoever asks for it', async () => {
    const url = await serve(metricsConfig([{ type: 'prometheus' }]));
    runtime.registry.counter({ name: 'orders_total', unit: '', description: '' }).add(1, { shop: 'größe' });
    const text = await fetch(`${url}/metrics`);
    expect([text.status, text.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    expect(sampleLines(await text.text())).toContain('orders_total{shop="größe"} 1');
    const accept = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5';
    const open = await fetch(`${url}/metrics`, { headers: { accept } });
    expect(open.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(await open.text()).toMatch(/# EOF\n$/);
    expect(runtime.lastScrapeAt).toEqual(expect.any(Number));
  });

  test('serves at the path that it was made for', async () => {
    const url = await serve(metricsConfig([{ type: 'prometheus' }]), '/internal/prometheus');
    expect((await fetch(`${url}/internal/prometheus`)).status).toBe(200);
    expect((await fetch(`${url}/metrics`)).status).toBe(404);
  });

  test.each([
    ['metrics are switched off', { ...metricsConfig([{ type: 'prometheus' }]), enabled: false }],
    ["metrics are not served: there is no exporter 'prometheus'", metricsConfig([{ type: 'memory' }])],
  ])('says plainly: %s', async (reason, config) => {
    const answer = await fetch(`${await serve(config)}/metrics`);
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
      404,
      'text/plain; charset=utf-8',
      `${reason}\n`,
    ]);
  });

  test('says so, once they are stopped', async () => {
    const url = await serve(metricsConfig([{ type: 'prometheus' }]));
    await runtime.shutdown(1000);
    const answer = await fetch(`${url}/metrics`);
    expect([answer.status, await answer.text()]).toEqual([503, 'the metrics cannot be read: metrics are stopped\n']);
  });
});
