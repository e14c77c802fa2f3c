import { ValueType } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type DataPoint,
  type HistogramMetricData,
  InMemoryMetricExporter,
  MeterProvider,
  type MetricData,
  PeriodicExportingMetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { MetricRegistry } from '../../../src/telemetry/metrics/metric-registry';
import { temporalityOf } from '../../../src/telemetry/metrics/otlp-metric-exporter';
import { RegistryMetricProducer } from '../../../src/telemetry/metrics/registry-metric-producer';
import { sampleLines } from './scrape';

const SECOND = 1000;
const START = 1_700_000_000_000;
const scope = { name: 'shop', version: '1.2.3' };
const define = (name: string, more: object = {}) => ({ name, unit: '', description: '', ...more });

/** A registry and its producers, with a clock that the test sets. */
function setUp() {
  const clock = { now: START };
  const now = () => clock.now;
  const registry = new MetricRegistry({ now });
  const producer = (temporality: 'cumulative' | 'delta' | 'lowmemory' = 'cumulative') =>
    new RegistryMetricProducer(registry, { scope, now, temporality: (type) => temporalityOf(temporality, type) });
  return { clock, registry, producer };
}

async function metricsOf(producer: RegistryMetricProducer): Promise<Map<string, MetricData>> {
  const { resourceMetrics, errors } = await producer.collect();
  expect(errors).toEqual([]);
  const all = resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
  return new Map(all.map((metric) => [metric.descriptor.name, metric]));
}

/** What is in a point, with times as seconds since the start. */
function shown({ startTime, endTime, attributes, value }: DataPoint<unknown>) {
  const seconds = ([whole, nanos]: readonly [number, number]) => whole + nanos / 1e9 - START / SECOND;
  return { from: seconds(startTime), to: seconds(endTime), attributes, value };
}

const points = (metric: MetricData | undefined) => (metric?.dataPoints as DataPoint<unknown>[] | undefined)?.map(shown);

test('totals go from the creation of each series to now, under the scope of the service', async () => {
  const { clock, registry, producer } = setUp();
  const counter = registry.counter(define('c', { unit: '{order}', description: 'Orders.', integer: true }));
  counter.add(1, { shop: 'a' });
  clock.now += 10 * SECOND;
  counter.add(2, { shop: 'b' });
  clock.now += 5 * SECOND;
  const { resourceMetrics } = await producer().collect();
  expect(resourceMetrics.scopeMetrics.map((one) => one.scope)).toEqual([scope]);
  const [metric] = resourceMetrics.scopeMetrics[0]!.metrics;
  expect(metric).toMatchObject({
    descriptor: { name: 'c', unit: '{order}', description: 'Orders.', valueType: ValueType.INT },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    isMonotonic: true,
  });
  expect(points(metric)).toEqual([
    { from: 0, to: 15, attributes: { shop: 'a' }, value: 1 },
    { from: 10, to: 15, attributes: { shop: 'b' }, value: 2 },
  ]);
});

test('differences follow on each other without gap or overlap, and what did not change is not sent again', async () => {
  const { clock, registry, producer } = setUp();
  const counter = registry.counter(define('c'));
  const delta = producer('delta');
  const idle = counter.bind({ shop: 'idle' });
  counter.add(3, { shop: 'a' });
  clock.now += 10 * SECOND;
  expect(points((await metricsOf(delta)).get('c'))).toEqual([
    { from: 0, to: 10, attributes: { shop: 'idle' }, value: 0 },
    { from: 0, to: 10, attributes: { shop: 'a' }, value: 3 },
  ]);
  clock.now += 10 * SECOND;
  expect(await metricsOf(delta)).toEqual(new Map());
  counter.add(4, { shop: 'a' });
  clock.now += 5 * SECOND;
  counter.add(1, { shop: 'new' });
  clock.now += 5 * SECOND;
  idle.add(2);
  expect(points((await metricsOf(delta)).get('c'))).toEqual([
    { from: 20, to: 30, attributes: { shop: 'idle' }, value: 2 },
    { from: 20, to: 30, attributes: { shop: 'a' }, value: 4 },
    { from: 25, to: 30, attributes: { shop: 'new' }, value: 1 },
  ]);
});

test('each reader has differences of its own', async () => {
  const { clock, registry, producer } = setUp();
  const counter = registry.counter(define('c')).bind();
  const [one, other, total] = [producer('delta'), producer('delta'), producer()];
  const values = async (from: RegistryMetricProducer) =>
    points((await metricsOf(from)).get('c'))?.map(({ value }) => value);
  counter.add(1);
  clock.now += SECOND;
  expect(await values(one)).toEqual([1]);
  counter.add(2);
  clock.now += SECOND;
  expect(await values(one)).toEqual([2]);
  expect(await values(other)).toEqual([3]);
  expect(await values(total)).toEqual([3]);
});

test('histograms: totals with least and greatest, differences by bucket', async () => {
  const { clock, registry, producer } = setUp();
  const histogram = registry.histogram(define('h', { buckets: [1, 10] })).bind();
  const [total, delta] = [producer(), producer('delta')];
  expect(points((await metricsOf(total)).get('h'))?.[0]?.value as object).toEqual({
    buckets: { boundaries: [1, 10], counts: [0, 0, 0] },
    count: 0,
    sum: 0,
  });
  histogram.record(0.5);
  histogram.record(20);
  clock.now += SECOND;
  const first = { buckets: { boundaries: [1, 10], counts: [1, 0, 1] }, count: 2, sum: 20.5, min: 0.5, max: 20 };
  expect(points((await metricsOf(delta)).get('h'))?.[0]?.value).toEqual(first);
  histogram.record(5);
  clock.now += SECOND;
  const metric = (await metricsOf(delta)).get('h') as HistogramMetricData;
  expect(metric.aggregationTemporality).toBe(AggregationTemporality.DELTA);
  expect(points(metric)).toEqual([
    {
      from: 1,
      to: 2,
      attributes: {},
      value: { buckets: { boundaries: [1, 10], counts: [0, 1, 0] }, count: 1, sum: 5 },
    },
  ]);
  expect(await metricsOf(delta)).toEqual(new Map());
  expect(points((await metricsOf(total)).get('h'))?.[0]?.value).toMatchObject({
    buckets: { counts: [1, 1, 1] },
    count: 3,
    sum: 25.5,
    min: 0.5,
    max: 20,
  });
});

test.each([
  ['cumulative', { counter: 'CUMULATIVE', open: 'CUMULATIVE', read: 'CUMULATIVE', histogram: 'CUMULATIVE' }],
  ['delta', { counter: 'DELTA', open: 'CUMULATIVE', read: 'DELTA', histogram: 'DELTA' }],
  ['lowmemory', { counter: 'DELTA', open: 'CUMULATIVE', read: 'CUMULATIVE', histogram: 'DELTA' }],
] as const)('%s is kept to by kind, and what can fall is always a total', async (temporality, expected) => {
  const { clock, registry, producer } = setUp();
  registry.counter(define('counter')).add(1);
  const open = registry.upDownCounter(define('open')).bind();
  open.add(5);
  registry.histogram(define('histogram')).record(1);
  let read = 0;
  registry.observe({ ...define('read'), kind: 'counter' }, (observe) => {
    read += 10;
    observe(read);
  });
  registry.gauge(define('level')).record(7);
  const from = producer(temporality);
  await from.collect();
  open.add(-2);
  registry.counter(define('counter')).add(2);
  registry.histogram(define('histogram')).record(2);
  clock.now += SECOND;
  const metrics = await metricsOf(from);
  const kinds = Object.keys(expected).map((name) => [
    name,
    AggregationTemporality[metrics.get(name)!.aggregationTemporality],
  ]);
  expect(Object.fromEntries(kinds)).toEqual(expected);
  expect(points(metrics.get('open'))?.[0]?.value).toBe(3);
  expect(points(metrics.get('level'))?.[0]?.value).toBe(7);
  expect(points(metrics.get('read'))?.[0]?.value).toBe(expected.read === 'DELTA' ? 10 : 20);
  expect(points(metrics.get('counter'))?.[0]?.value).toBe(expected.counter === 'DELTA' ? 2 : 3);
});

test('a clock that was set back gives no point that ends before it starts', async () => {
  const { clock, registry, producer } = setUp();
  registry.counter(define('c')).add(1);
  clock.now -= 60 * SECOND;
  expect(points((await metricsOf(producer())).get('c'))).toMatchObject([{ from: -60, to: -60, value: 1 }]);
});

test('half of something counted in whole numbers is not handed over as an integer', async () => {
  const { registry, producer } = setUp();
  registry.counter(define('c', { integer: true })).add(1.5);
  expect(points((await metricsOf(producer())).get('c'))?.[0]?.value).toBe(1);
});

describe('with readers of OpenTelemetry', () => {
  const resource = resourceFromAttributes({ 'service.name': 'shop' });

  test('its metrics and those made by the API arrive together, with the provider’s resource', async () => {
    const { registry, producer } = setUp();
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, metricProducers: [producer()] });
    const provider = new MeterProvider({ resource, readers: [reader] });
    registry.counter(define('ours_total')).add(1, { a: 1 });
    provider.getMeter('library').createCounter('theirs_total').add(2);
    await provider.forceFlush();
    const [metrics] = exporter.getMetrics() as [ResourceMetrics];
    expect(metrics.resource.attributes).toEqual({ 'service.name': 'shop' });
    expect(
      metrics.scopeMetrics.map((one) => [one.scope.name, one.metrics.map((metric) => metric.descriptor.name)]),
    ).toEqual([
      ['library', ['theirs_total']],
      ['shop', ['ours_total']],
    ]);
    await provider.shutdown();
  });

  test('its PrometheusExporter and its serializer show them', async () => {
    const { registry, producer } = setUp();
    const exporter = new PrometheusExporter({ preventServerStart: true, metricProducers: [producer()] });
    const provider = new MeterProvider({ resource, readers: [exporter] });
    registry.counter(define('ours_total')).add(1, { 'tool.name': 'a' });
    registry.histogram(define('h', { buckets: [1] })).record(0.5);
    const { resourceMetrics } = await exporter.collect();
    const text = new PrometheusSerializer('', false, undefined, true, true).serialize(resourceMetrics);
    expect(sampleLines(text)).toEqual([
      'ours_total{tool_name="a"} 1',
      'h_count 1',
      'h_sum 0.5',
      'h_bucket{le="1"} 1',
      'h_bucket{le="+Inf"} 1',
    ]);
    await provider.shutdown();
  });
});
