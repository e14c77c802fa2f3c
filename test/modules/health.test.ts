import 'reflect-metadata';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Controller, Get } from '@nestjs/common';
import { HealthCheck, type HealthCheckResult, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { HealthModule } from '../../src/health/health.module';
import { TelemetryHealthIndicator } from '../../src/health/telemetry.health';
import { TelemetryModule } from '../../src/telemetry/telemetry.module';
import type { TelemetryModuleOptions } from '../../src/telemetry/telemetry.options';
import { TelemetryService } from '../../src/telemetry/telemetry.service';
import type { TelemetryStatus } from '../../src/telemetry/telemetry-status';
import { OtlpCollector } from '../support/otlp-collector';
import { ADAPTERS, IN_MEMORY, RunningApp } from './apps';

const SECRETS = ['s3cret-password', 's3cret-token', 's3cret-query'];

@Controller()
class ReadyController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly telemetry: TelemetryHealthIndicator,
  ) {}

  @Get('ready')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    return this.health.check([() => this.telemetry.isHealthy('telemetry')]);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const sums = ({ made, exported, queued, spooled, dropped }: TelemetryStatus['tracing']['exporters'][number]) => [
  made,
  exported + queued + spooled + Object.values(dropped).reduce((sum, count) => sum + count, 0),
];

describe.each(ADAPTERS)('the health of telemetry on %s', (adapter) => {
  let app: RunningApp;
  let said: string[];
  let stderr: jest.SpyInstance;

  beforeEach(() => {
    said = [];
    stderr = jest.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  });

  afterEach(async () => {
    await app.close();
    stderr.mockRestore();
  });

  async function start(options: TelemetryModuleOptions): Promise<void> {
    const imports = [TelemetryModule.forRoot({ ...IN_MEMORY, ...options }), HealthModule, TerminusModule];
    app = await RunningApp.start(adapter, { imports, controllers: [ReadyController] });
  }

  async function ask(): Promise<TelemetryStatus> {
    const { status, text, headers } = await app.fetch('/health/telemetry');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    expect(headers.get('cache-control')).toBe('no-store');
    return JSON.parse(text);
  }

  async function ready(): Promise<{ status: number; details: Record<string, unknown> }> {
    const { status, text } = await app.fetch('/ready');
    return { status, details: JSON.parse(text).details.telemetry };
  }

  const toCollector = (endpoint: string): TelemetryModuleOptions => ({
    exporters: { traces: [{ type: 'otlp', endpoint, protocol: 'grpc' }], metrics: ['prometheus'] },
    export: { scheduleDelay: 10, initialBackoff: 10, maxBackoff: 20, shutdownTimeout: 200 },
  });

  test('is healthy, and the account adds up', async () => {
    const collector = await OtlpCollector.start();
    try {
      await start({
        ...toCollector(collector.grpcEndpoint),
        serviceVersion: '2.1.0',
        environment: 'production',
        traceSampleRate: 1,
        metricsEndpoint: 'http://prometheus:9090',
      });
      const telemetry = app.get(TelemetryService);
      for (let index = 0; index < 300; index++) telemetry.tracing.startSpan('one').end();
      const before = await ask();
      expect(before.tracing.exporters.map(sums)).toEqual([[expect.any(Number), before.tracing.exporters[0]?.made]]);
      await telemetry.flush();
      await app.scrape();
      const status = await ask();
      expect(status).toMatchObject({
        status: 'healthy',
        service: { name: 'shop', version: '2.1.0', environment: 'production' },
        tracing: {
          enabled: true,
          exporter: 'otlp',
          endpoint: collector.grpcEndpoint,
          sampleRate: 1,
          lastExportAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
          droppedSpans: 0,
        },
        metrics: {
          enabled: true,
          exporter: 'prometheus',
          path: '/metrics',
          lastScrapeAt: expect.stringMatching(/Z$/),
          prometheusUrl: 'http://prometheus:9090',
        },
        uptimeSeconds: expect.any(Number),
      });
      expect(status.tracing).not.toHaveProperty('lastExportError');
      expect(status.metrics.instruments).toBeGreaterThan(10);
      const [made, accounted] = sums(status.tracing.exporters[0] as never);
      expect(made).toBe(accounted);
      expect(status.tracing.exportedSpans + status.tracing.queuedSpans).toBe(made);
      expect(status.tracing.exportedSpans).toBe(collector.spans.length);
      expect(collector.spans.length).toBeGreaterThanOrEqual(300);
      expect(await ready()).toMatchObject({ status: 200, details: { status: 'up', telemetry: 'healthy' } });
    } finally {
      await collector.stop();
    }
  });

  test('with a collector that is not there is degraded, still 200, and whoever asks whether to take traffic hears yes', async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    await start(toCollector(endpoint));
    const telemetry = app.get(TelemetryService);
    telemetry.tracing.startSpan('one').end();
    await telemetry.flush(300);
    const status = await ask();
    expect(status).toMatchObject({
      status: 'degraded',
      tracing: { endpoint, exportedSpans: 0, lastExportError: expect.stringMatching(/\S/) },
    });
    expect(status.tracing.queuedSpans).toBeGreaterThanOrEqual(1);
    expect(status.tracing).not.toHaveProperty('lastExportAt');
    const answer = await ready();
    expect(answer).toMatchObject({ status: 200, details: { status: 'up', telemetry: 'degraded' } });
    expect(answer.details.lastExportError).toBe(status.tracing.lastExportError);
  });

  test('is healthy again when the collector is', async () => {
    const collector = await OtlpCollector.start();
    try {
      collector.behaviour = 'refuse';
      await start(toCollector(collector.grpcEndpoint));
      const telemetry = app.get(TelemetryService);
      telemetry.tracing.startSpan('one').end();
      await telemetry.flush(300);
      expect((await ask()).status).toBe('degraded');
      collector.behaviour = 'accept';
      await telemetry.flush(5000);
      expect(await ask()).toMatchObject({ status: 'healthy', tracing: { exportedSpans: collector.spans.length } });
    } finally {
      await collector.stop();
    }
  });

  test('shows no credentials, wherever they are', async () => {
    const port = await freePort();
    await start({
      exporters: {
        traces: [
          {
            type: 'otlp',
            endpoint: `http://user:s3cret-password@127.0.0.1:${port}/v1/traces?key=s3cret-query`,
            headers: { authorization: 'Bearer s3cret-token' },
          },
          {
            type: 'jaeger',
            endpoint: `http://127.0.0.1:${port}/api/traces`,
            username: 'u',
            password: 's3cret-password',
          },
        ],
        metrics: [
          {
            type: 'otlp',
            endpoint: `http://user:s3cret-password@127.0.0.1:${port}/v1/metrics?key=s3cret-query`,
            headers: { 'x-api-key': 's3cret-token' },
          },
        ],
      },
      metricsEndpoint: 'http://admin:s3cret-password@prometheus:9090/?token=s3cret-query',
      export: { initialBackoff: 10, maxBackoff: 20, shutdownTimeout: 100 },
    });
    const telemetry = app.get(TelemetryService);
    telemetry.tracing.startSpan('one').end();
    await telemetry.flush(200);
    const { text } = await app.fetch('/health/telemetry');
    expect(JSON.parse(text)).toMatchObject({
      status: 'degraded',
      tracing: { exporter: 'otlp,jaeger', endpoint: `http://127.0.0.1:${port}` },
    });
    const everything = text + (await app.fetch('/ready')).text + said.join('');
    for (const secret of SECRETS) expect(everything).not.toContain(secret);
    expect(everything).not.toMatch(/user:|admin:/);
  });

  test('of what is switched off is disabled, and up', async () => {
    await start({ enabled: false });
    const status = await ask();
    expect(status).toMatchObject({
      status: 'disabled',
      tracing: { enabled: false, exporter: 'none', exportedSpans: 0, exporters: [] },
      metrics: { enabled: false, exporter: 'none', instruments: 0 },
    });
    expect(status.metrics).not.toHaveProperty('path');
    expect(await ready()).toMatchObject({ status: 200, details: { status: 'up', telemetry: 'disabled' } });
  });

  test.each<[TelemetryModuleOptions, Partial<TelemetryStatus['tracing']>]>([
    [{ traceSampleRate: 0.25 }, { sampler: 'parentbased_traceidratio', sampleRate: 0.25 }],
    [{ sampling: { sampler: 'always_off' } }, { sampler: 'always_off', sampleRate: 0 }],
    [{}, { sampler: 'parentbased_always_on', sampleRate: 1 }],
    [{ tracingEnabled: false }, { enabled: false }],
  ])('tells how %j samples', async (options, expected) => {
    await start(options);
    expect((await ask()).tracing).toMatchObject(expected);
  });
});
