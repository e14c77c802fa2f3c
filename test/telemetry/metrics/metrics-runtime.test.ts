import { createServer } from 'node:http';
import { metrics } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MetricService } from 'nestjs-otel';
import type { MetricExporterConfig, TelemetryConfig } from '../../../src/config/telemetry-config';
import { INSTRUMENTS } from '../../../src/telemetry/metrics/instruments';
import { type MetricsRuntime, startMetrics } from '../../../src/telemetry/metrics/metrics-runtime';
import { OtlpMetricsCollector } from '../../support/otlp-metrics-collector';
import { runToItsEnd } from '../export/senders';
import { metricsConfig, otlp } from './config';
import { sampleLines, valueIn } from './scrape';

const resource = resourceFromAttributes({ 'service.name': 'shop', 'service.version': '1.2.3' });
/** A test that waits for this long has gone wrong. */
const LONG_MS = 60_000;
/** For a process of its own, which has the sources to compile; less than what an exporter would wait for. */
const CHILD_MS = 30_000;

let collector: OtlpMetricsCollector;
let problems: string[];
const running: MetricsRuntime[] = [];

beforeEach(async () => {
  problems = [];
  collector = await OtlpMetricsCollector.start();
});

afterEach(async () => {
  collector.behaviour = 'accept';
  await Promise.all(running.splice(0).map((runtime) => runtime.shutdown(LONG_MS)));
  await collector.stop();
});

function start(config: TelemetryConfig): MetricsRuntime {
  const runtime = startMetrics(config, resource, (message) => problems.push(message));
  running.push(runtime);
  return runtime;
}

const withExporters = (...exporters: MetricExporterConfig[]) => start(metricsConfig(exporters));
const httpTarget = () => `${collector.httpEndpoint}/v1/metrics`;
const order = { name: 'orders_total', unit: '{order}', description: 'Orders.', integer: true };

describe('pushing to a collector', () => {
  test.each([
    ['grpc', 'none'],
    ['grpc', 'gzip'],
    ['http/protobuf', 'none'],
    ['http/protobuf', 'gzip'],
    ['http/json', 'none'],
    ['http/json', 'gzip'],
  ] as const)('over %s with compression %s, ours and those of the API arrive', async (protocol, compression) => {
    const endpoint = protocol === 'grpc' ? collector.grpcEndpoint : httpTarget();
    const runtime = withExporters(otlp(endpoint, { protocol, compression, headers: { 'x-tenant': 'blue' } }));
    runtime.registry.counter(order).add(3, { shop: 'a', till: 4 });
    runtime.registry.histogram(INSTRUMENTS.toolExecutionDuration).record(0.0003, { 'tool.name': 'analyze' });
    runtime.registry.gauge({ name: 'level', unit: '1', description: '' }).record(0.25);
    runtime.meterProvider.getMeter('library', '9').createCounter('theirs').add(1.5);
    await runtime.flush(LONG_MS);

    expect(collector.headers).toMatchObject({ 'x-tenant': 'blue' });
    const common = { resource: resource.attributes, scope: { name: 'shop', version: '1.2.3' } };
    const [orders] = collector.points('orders_total');
    expect(orders).toEqual({
      ...common,
      metric: 'orders_total',
      unit: '{order}',
      description: 'Orders.',
      kind: 'sum',
      temporality: 'cumulative',
      isMonotonic: true,
      attributes: { shop: 'a', till: 4 },
      startTimeUnixNano: expect.any(BigInt),
      timeUnixNano: expect.any(BigInt),
      value: 3,
      isInteger: true,
    });
    expect(orders!.timeUnixNano).toBeGreaterThanOrEqual(orders!.startTimeUnixNano);
    expect(collector.points('tool_execution_duration_seconds')).toMatchObject([
      {
        ...common,
        kind: 'histogram',
        count: 1,
        sum: 0.0003,
        min: 0.0003,
        max: 0.0003,
        bounds: INSTRUMENTS.toolExecutionDuration.buckets,
        counts: INSTRUMENTS.toolExecutionDuration.buckets.map((edge) => Number(edge === 0.0003)).concat(0),
      },
    ]);
    expect(collector.points('level')).toMatchObject([{ kind: 'gauge', value: 0.25, isInteger: false }]);
    expect(collector.points('theirs')).toMatchObject([{ value: 1.5, scope: { name: 'library', version: '9' } }]);
    expect(runtime.exporters).toMatchObject([
      { exporter: 'otlp', lastSuccessAt: expect.any(Number), lastError: undefined },
    ]);
    expect(problems).toEqual([]);
  });

  test('it is done at the interval, and once more at the end', async () => {
    const runtime = start(metricsConfig([otlp(httpTarget())], { intervalMs: 20, timeoutMs: 10_000 }));
    const counter = runtime.registry.counter(order).bind();
    counter.add(1);
    await collector.nextRequest();
    await collector.nextRequest();
    counter.add(1);
    await runtime.shutdown(LONG_MS);
    expect(collector.points('orders_total').at(-1)).toMatchObject({ value: 2 });
    const { requests } = collector;
    await runtime.flush(LONG_MS);
    expect(collector.requests).toBe(requests);
  });

  test('several collectors, each with its own temporality, are all told everything', async () => {
    const other = await OtlpMetricsCollector.start();
    try {
      const runtime = withExporters(otlp(httpTarget()), otlp(other.grpcEndpoint, { protocol: 'grpc' }, 'delta'));
      const counter = runtime.registry.counter(order).bind();
      for (const amount of [1, 2, 4]) {
        counter.add(amount);
        await runtime.flush(LONG_MS);
      }
      expect(collector.points('orders_total').map(({ value }) => value)).toEqual([1, 3, 7]);
      expect(other.points('orders_total').map(({ value }) => value)).toEqual([1, 2, 4]);
      const [one, two] = other.points('orders_total');
      expect(two!.startTimeUnixNano).toBe(one!.timeUnixNano);
    } finally {
      await running.pop()?.shutdown(LONG_MS);
      await other.stop();
    }
  });

  test('a collector that refuses for good is an error that is kept and said once, and nothing is thrown', async () => {
    const runtime = withExporters(
      otlp(`${collector.httpEndpoint}/v1/metrics?token=hidden`, { headers: { a: 'Bearer hush' } }),
    );
    await runtime.flush(LONG_MS);
    await runtime.flush(LONG_MS);
    expect(runtime.lastError?.message).toContain('404');
    expect(runtime.exporters).toEqual([
      {
        exporter: 'otlp',
        endpoint: collector.httpEndpoint,
        lastSuccessAt: undefined,
        lastError: { at: expect.any(Number), message: expect.stringContaining('404') },
      },
    ]);
    expect(problems).toEqual([expect.stringContaining(`metrics could not be sent to ${collector.httpEndpoint}: 404`)]);
    expect(JSON.stringify([problems, runtime.exporters])).not.toMatch(/hidden|hush/);
  });

  test('a collector that is back is told the totals, and a second outage is said again', async () => {
    const runtime = withExporters(otlp(httpTarget()));
    const counter = runtime.registry.counter(order).bind();
    for (const [behaviour, amount] of [
      ['reject', 1],
      ['accept', 2],
      ['reject', 4],
      ['accept', 8],
    ] as const) {
      collector.behaviour = behaviour;
      counter.add(amount);
      await runtime.flush(LONG_MS);
    }
    expect(collector.points('orders_total').map(({ value }) => value)).toEqual([3, 15]);
    expect(problems).toHaveLength(2);
    expect(runtime.exporters[0]?.lastSuccessAt).toBeGreaterThanOrEqual(runtime.lastError!.at);
  });

  test('differences that could not be sent are sent when the collector is back, each once', async () => {
    const runtime = start(metricsConfig([otlp(httpTarget(), {}, 'delta')], { timeoutMs: 50 }));
    const counter = runtime.registry.counter(order).bind();
    collector.behaviour = 'refuse';
    for (const amount of [1, 2]) {
      counter.add(amount);
      await runtime.flush(LONG_MS);
    }
    collector.behaviour = 'accept';
    counter.add(4);
    await runtime.flush(LONG_MS);
    expect(collector.points('orders_total').map(({ value }) => value)).toEqual([1, 2, 4]);
    await runtime.flush(LONG_MS);
    expect(collector.points('orders_total')).toHaveLength(3);
  });

  test('a file of the TLS settings that cannot be read is an error at the start', () => {
    const tls = { certificate: '/nowhere/ca.pem' };
    expect(() => withExporters(otlp('https://localhost:1/v1/metrics', { tls }))).toThrow(
      'cannot read the OTLP certificate /nowhere/ca.pem: no such file or directory',
    );
  });
});

describe('stopping', () => {
  test.each(['grpc', 'http/protobuf'] as const)(
    'takes no longer than it may where the collector hangs (%s)',
    async (protocol) => {
      const endpoint = protocol === 'grpc' ? collector.grpcEndpoint : httpTarget();
      const runtime = withExporters(otlp(endpoint, { protocol }));
      collector.behaviour = 'hang';
      // The collector answers never, and its own timeouts are a minute: this ends by the deadline, or not at all.
      await runtime.shutdown(50);
      await runtime.shutdown(LONG_MS);
      expect(collector.requests).toBe(1);
    },
  );

  test('does not wait for a collector that is down to come back', async () => {
    const runtime = withExporters(otlp('http://127.0.0.1:1/v1/metrics'));
    await runtime.shutdown(LONG_MS);
    expect(runtime.lastError?.message).toContain('ECONNREFUSED');
  });

  test('cuts short the pause before another attempt', async () => {
    const runtime = withExporters(otlp(httpTarget()));
    collector.behaviour = 'refuse';
    const reached = collector.nextRequest();
    const flushed = runtime.flush(LONG_MS);
    await reached;
    await runtime.shutdown(LONG_MS);
    await flushed;
    expect(problems).toHaveLength(1);
  });

  test.each(['grpc', 'http/protobuf'] as const)(
    'leaves nothing behind that keeps the process alive (%s)',
    async (protocol) => {
      collector.behaviour = 'hang';
      const endpoint = protocol === 'grpc' ? collector.grpcEndpoint : httpTarget();
      const config = metricsConfig([otlp(endpoint, { protocol }), { type: 'prometheus', host: '127.0.0.1', port: 0 }]);
      const output = await runToItsEnd(`
      const { startMetrics } = require('./src/telemetry/metrics/metrics-runtime.ts');
      const { emptyResource } = require('@opentelemetry/resources');
      const runtime = startMetrics(${JSON.stringify(config)}, emptyResource(), () => {});
      runtime.ownUrl.then((url) => fetch(url)).then((answer) => answer.text()).then(async (text) => {
        await runtime.shutdown(100);
        console.log(text.includes('nodejs_eventloop_utilization'));
      });
    `);
      expect(output).toBe('true\n');
    },
    CHILD_MS,
  );

  test('is the same end for everybody, and afterwards nothing can be scraped', async () => {
    const runtime = withExporters({ type: 'prometheus', host: '127.0.0.1', port: 0 });
    const url = (await runtime.ownUrl) as string;
    await (await fetch(url)).text();
    await Promise.all([runtime.shutdown(LONG_MS), runtime.shutdown(LONG_MS), runtime.flush(LONG_MS)]);
    await expect(runtime.scrape()).rejects.toThrow('metrics are stopped');
    await expect(fetch(url)).rejects.toThrow();
  });
});

describe('scraping', () => {
  test('shows everything: the guide’s, the process’s, the API’s, those of nestjs-otel', async () => {
    const runtime = withExporters({ type: 'prometheus' });
    metrics.setGlobalMeterProvider(runtime.meterProvider);
    try {
      runtime.registry.counter(INSTRUMENTS.toolExecutions).add(1, { 'tool.name': 'analyze' });
      metrics.getMeter('app').createHistogram('api.size').record(3, { kind: 'x' });
      new MetricService().getCounter('nest_orders').add(2);
      const { contentType, body } = await runtime.scrape();
      const lines = sampleLines(body);
      expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
      expect(lines).toContain('target_info{service_name="shop",service_version="1.2.3"} 1');
      expect(lines).toContain('tool_execution_total{tool_name="analyze"} 1');
      expect(lines).toContain('api_size_sum{kind="x"} 3');
      expect(lines).toContain('nest_orders_total 2');
      expect(valueIn(lines, 'system_memory_usage_bytes')).toBeGreaterThan(1e7);
      expect(body).not.toContain('otel_scope');
      expect(runtime.lastScrapeAt).toEqual(expect.any(Number));
      expect(runtime.instrumentCount).toBeGreaterThan(15);
    } finally {
      metrics.disable();
    }
  });

  test('gives OpenMetrics with exemplars to whoever asks for it', async () => {
    const runtime = withExporters({ type: 'prometheus' });
    const span = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
    runtime.registry.histogram(INSTRUMENTS.toolExecutionDuration).record(0.2, { 'tool.name': 'a' }, span);
    const { contentType, body } = await runtime.scrape('application/openmetrics-text; version=1.0.0');
    expect(contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(body).toContain(`le="0.5"} 1 # {trace_id="${span.traceId}",span_id="${span.spanId}"} 0.2 `);
    expect(body.endsWith('# EOF\n')).toBe(true);
  });

  test('keeps the limit of series for the API’s instruments too', async () => {
    const runtime = start(metricsConfig([{ type: 'prometheus' }], { cardinalityLimit: 3 }));
    const counter = runtime.meterProvider.getMeter('app').createCounter('c');
    for (let i = 0; i < 10; i++) counter.add(1, { user: i });
    const lines = sampleLines((await runtime.scrape()).body).filter((line) => line.startsWith('c_total'));
    expect(lines).toHaveLength(3);
    expect(lines).toContain('c_total{otel_metric_overflow="true"} 8');
  });

  test('shows what can be read, where an instrument of the application throws', async () => {
    const runtime = withExporters({ type: 'prometheus' });
    runtime.registry.counter(order).add(1);
    runtime.meterProvider
      .getMeter('app')
      .createObservableGauge('broken')
      .addCallback(() => {
        throw new Error('no such device');
      });
    for (let i = 0; i < 2; i++) expect(sampleLines((await runtime.scrape()).body)).toContain('orders_total 1');
    expect(problems).toEqual(['some metrics could not be read: no such device']);
    expect(runtime.lastError?.message).toContain('no such device');
  });

  test('is there on a port of its own where one is given', async () => {
    const runtime = withExporters({ type: 'prometheus', host: '127.0.0.1', port: 0 });
    const url = (await runtime.ownUrl) as string;
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    const get = await fetch(`${url}?x=1`);
    expect([get.status, get.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    expect(await get.text()).toContain('# TYPE system_memory_usage_bytes gauge');
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(405);
    const elsewhere = await fetch(new URL('/', url));
    expect([elsewhere.status, await elsewhere.text()]).toEqual([404, 'the metrics are at /metrics\n']);
  });

  test('a port that is taken is said, and the rest goes on', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    try {
      const { port } = other.address() as { port: number };
      const runtime = withExporters({ type: 'prometheus', host: '127.0.0.1', port });
      expect(await runtime.ownUrl).toBeUndefined();
      expect(problems).toEqual([expect.stringContaining(`the metrics cannot be served at 127.0.0.1:${port}: `)]);
      expect(runtime.lastError?.message).toContain('EADDRINUSE');
      expect((await runtime.scrape()).body).toContain('system_memory_usage_bytes');
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
  });

  test('cannot be done where nobody set up an exporter for it', async () => {
    const runtime = withExporters(otlp(httpTarget()));
    expect(runtime.isScraped).toBe(false);
    await expect(runtime.scrape()).rejects.toThrow("there is no exporter 'prometheus'");
  });
});

test('in memory, they can be read at any time, and are not served', async () => {
  const runtime = withExporters({ type: 'memory' });
  runtime.registry.counter(order).add(1);
  const { scopeMetrics } = await runtime.collect();
  const names = scopeMetrics.flatMap((scope) => scope.metrics.map(({ descriptor }) => descriptor.name));
  expect(names).toContain('orders_total');
  expect(runtime.isScraped).toBe(false);
  expect(runtime.exporters).toMatchObject([{ exporter: 'memory' }]);
});

test(
  'the console exporter prints to standard error, never to standard output',
  async () => {
    const config = metricsConfig([{ type: 'console' }]);
    const output = await runToItsEnd(`
    const written = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr']) {
      process[stream].write = (chunk, encoding, done) => {
        written[stream] += chunk;
        (done ?? encoding)?.();
        return true;
      };
    }
    const { startMetrics } = require('./src/telemetry/metrics/metrics-runtime.ts');
    const { resourceFromAttributes } = require('@opentelemetry/resources');
    const runtime = startMetrics(${JSON.stringify(config)}, resourceFromAttributes({ 'service.name': 'shop' }), () => {});
    runtime.registry.counter({ name: 'orders_total', unit: '', description: '' }).add(3);
    runtime.shutdown(10_000).then(() => require('node:fs').writeSync(1, JSON.stringify(written)));
  `);
    const { stdout, stderr } = JSON.parse(output);
    expect(stderr).toMatch(/^# metrics at .*Z\n/);
    expect(sampleLines(stderr)).toContain('orders_total 3');
    expect(stdout).toBe('');
  },
  CHILD_MS,
);

describe('switched off', () => {
  test.each([
    ['telemetry', { enabled: false }],
    ['metrics', { metrics: { ...metricsConfig([]).metrics, enabled: false } }],
  ])('with %s, nothing is started and everything is there', async (_, off) => {
    const runtime = start({ ...metricsConfig([otlp(httpTarget()), { type: 'prometheus', port: 0 }]), ...off });
    const before = process.getActiveResourcesInfo().length;
    runtime.registry.counter(order).add(1);
    runtime.meterProvider.getMeter('app').createCounter('c').add(1);
    expect(runtime).toMatchObject({ enabled: false, isScraped: false, instrumentCount: 0, exporters: [] });
    expect(await runtime.ownUrl).toBeUndefined();
    await expect(runtime.scrape()).rejects.toThrow('metrics are switched off');
    await runtime.flush(LONG_MS);
    await runtime.shutdown(LONG_MS);
    expect(collector.requests).toBe(0);
    expect(process.getActiveResourcesInfo().length).toBe(before);
  });
});
