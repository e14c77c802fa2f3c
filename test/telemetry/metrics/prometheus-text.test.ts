import { spawnSync } from 'node:child_process';
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationType, MeterProvider, MetricReader, type ResourceMetrics } from '@opentelemetry/sdk-metrics';
import { GuideMetrics } from '../../../src/telemetry/metrics/guide-metrics';
import { MetricRegistry } from '../../../src/telemetry/metrics/metric-registry';
import { measureProcess } from '../../../src/telemetry/metrics/process-metrics';
import { formatFor, PrometheusText } from '../../../src/telemetry/metrics/prometheus-text';
import { RegistryMetricProducer } from '../../../src/telemetry/metrics/registry-metric-producer';
import { sampleLines } from './scrape';

const define = (name: string, more: object = {}) => ({ name, unit: '', description: '', ...more });

class Reader extends MetricReader {
  protected async onForceFlush() {}
  protected async onShutdown() {}
}

/** Our registry, and meters of OpenTelemetry, collected into one. */
function setUp() {
  const problems: string[] = [];
  const onProblem = (message: string) => problems.push(message);
  const registry = new MetricRegistry({ onProblem, now: () => 1_700_000_000_123 });
  const producer = new RegistryMetricProducer(registry, { scope: { name: 'ours' } });
  const reader = new Reader({ metricProducers: [producer] });
  const resource = resourceFromAttributes({ 'service.name': 'shop', 'host.name': 'h"1' });
  const provider = new MeterProvider({ resource, readers: [reader] });
  const text = new PrometheusText({ onProblem });
  const collect = async (): Promise<ResourceMetrics> => (await reader.collect()).resourceMetrics;
  return { registry, provider, problems, text, collect, onProblem };
}

test('the text format, whole', async () => {
  const { registry, text, collect } = setUp();
  registry
    .counter(define('tool_execution_total', { description: 'Back\\slash and\nline.', labels: ['tool.name'] }))
    .add(3, { 'tool.name': 'a"b\\c\nd' });
  registry.upDownCounter(define('session.active')).add(-2);
  registry
    .histogram(define('wait_seconds', { unit: 's', description: 'Waiting.', buckets: [0.00005, 1] }))
    .record(0.5, { q: 1 });
  expect(text.write(await collect(), 'text')).toBe(
    [
      '# HELP target_info Where these metrics come from.',
      '# TYPE target_info gauge',
      'target_info{service_name="shop",host_name="h\\"1"} 1',
      '# HELP tool_execution_total Back\\\\slash and\\nline.',
      '# TYPE tool_execution_total counter',
      'tool_execution_total{tool_name="a\\"b\\\\c\\nd"} 3',
      '# TYPE session_active gauge',
      'session_active -2',
      '# HELP wait_seconds Waiting.',
      '# TYPE wait_seconds histogram',
      'wait_seconds_bucket{q="1",le="0.00005"} 0',
      'wait_seconds_bucket{q="1",le="1"} 1',
      'wait_seconds_bucket{q="1",le="+Inf"} 1',
      'wait_seconds_sum{q="1"} 0.5',
      'wait_seconds_count{q="1"} 1',
      '',
    ].join('\n'),
  );
});

test('OpenMetrics, whole, with exemplars', async () => {
  const { registry, text, collect } = setUp();
  const span = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
  registry.counter(define('tool_execution_total', { description: 'Says "so".' })).add(3, { a: 1 });
  const histogram = registry.histogram(define('wait_seconds', { unit: 's', buckets: [0.00005, 0.0001, 1, 2.5, 1e6] }));
  histogram.record(0.5, undefined, span);
  histogram.record(3e6, undefined, span);
  expect(text.write(await collect(), 'openmetrics')).toBe(
    [
      '# TYPE target info',
      '# HELP target Where these metrics come from.',
      'target_info{service_name="shop",host_name="h\\"1"} 1',
      '# TYPE tool_execution counter',
      '# HELP tool_execution Says \\"so\\".',
      'tool_execution_total{a="1"} 3',
      '# TYPE wait_seconds histogram',
      '# UNIT wait_seconds seconds',
      'wait_seconds_bucket{le="5e-05"} 0',
      'wait_seconds_bucket{le="0.0001"} 0',
      'wait_seconds_bucket{le="1.0"} 1 # {trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331"} 0.5 1700000000.123',
      'wait_seconds_bucket{le="2.5"} 1',
      'wait_seconds_bucket{le="1e+06"} 1',
      'wait_seconds_bucket{le="+Inf"} 2 # {trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331"} 3000000 1700000000.123',
      'wait_seconds_sum 3000000.5',
      'wait_seconds_count 2',
      '# EOF',
      '',
    ].join('\n'),
  );
});

test('says the same of OpenTelemetry’s own instruments as its own serializer', async () => {
  const { provider, text, collect } = setUp();
  const meter = provider.getMeter('library');
  meter.createCounter('requests').add(2, { 'http.route': '/a', ok: true });
  meter.createUpDownCounter('open').add(-1);
  const histogram = meter.createHistogram('size', { advice: { explicitBucketBoundaries: [1, 10] } });
  for (const value of [0.5, 5, 50]) histogram.record(value, { x: 1 });
  meter.createObservableGauge('level').addCallback((result) => result.observe(0.25, { tank: 'a' }));
  const metrics = await collect();
  const theirs = new PrometheusSerializer('', false, undefined, true, true).serialize(metrics);
  const ours = sampleLines(text.write(metrics, 'text')).filter((line) => !line.startsWith('target_info'));
  expect(ours.length).toBe(8);
  expect(ours.sort()).toEqual(sampleLines(theirs).sort());
});

test('one name from two scopes is one family; what is there twice in it is shown once', async () => {
  const { registry, provider, text, collect, problems } = setUp();
  registry.counter(define('orders_total', { description: 'Ours.' })).add(1, { shop: 'a' });
  provider.getMeter('one').createCounter('orders').add(2, { shop: 'b' });
  provider.getMeter('two').createCounter('orders.total').add(3, { shop: 'a' });
  const written = text.write(await collect(), 'text');
  expect(written.match(/# TYPE orders_total counter/g)).toHaveLength(1);
  expect(sampleLines(written).filter((line) => line.startsWith('orders'))).toEqual([
    'orders_total{shop="b"} 2',
    'orders_total{shop="a"} 3',
  ]);
  expect(problems).toEqual(['metric orders_total{shop="a"} is there twice; Prometheus is shown the first only']);
});

test('a name that is two kinds at once is shown as the first, and it is said so once', async () => {
  const { registry, provider, text, collect, problems } = setUp();
  provider.getMeter('library').createUpDownCounter('queue').add(2);
  registry.histogram(define('queue')).record(1);
  for (const format of ['text', 'text', 'openmetrics'] as const) {
    expect(sampleLines(text.write(await collect(), format)).slice(1)).toEqual(['queue 2']);
  }
  expect(problems).toEqual(['metric queue is not shown to Prometheus: queue is there as a gauge, this is a histogram']);
});

test('names and labels become legal ones, and two that become the same share a label', async () => {
  const { registry, provider, text, collect } = setUp();
  provider
    .getMeter('library')
    .createCounter('a-b/c..d')
    .add(1, { '1st': 'x', 'http.route': '/a', http_route: '/b', ä: 'y' });
  registry.gauge(define('e')).record(1, { '': 'empty', __x__: 'under' });
  expect(sampleLines(text.write(await collect(), 'text')).slice(1)).toEqual([
    'a_b_c_d_total{_1st="x",http_route="/a;/b",_="y"} 1',
    'e{_="empty",_x_="under"} 1',
  ]);
});

test('exponential buckets are left out, and it is said so', async () => {
  const problems: string[] = [];
  const reader = new Reader({ aggregationSelector: () => ({ type: AggregationType.EXPONENTIAL_HISTOGRAM }) });
  const provider = new MeterProvider({ readers: [reader] });
  provider.getMeter('library').createHistogram('h').record(1);
  const text = new PrometheusText({ onProblem: (message) => problems.push(message) });
  const { resourceMetrics } = await reader.collect();
  expect(sampleLines(text.write(resourceMetrics, 'text'))).toEqual([expect.stringMatching(/^target_info/)]);
  expect(problems).toEqual([expect.stringContaining('exponential buckets')]);
});

test('scopes are shown where they are asked for', async () => {
  const { provider, collect } = setUp();
  provider.getMeter('library', '2.0').createCounter('c').add(1, { a: 1 });
  const lines = sampleLines(new PrometheusText({ scopeLabels: true }).write(await collect(), 'text'));
  expect(lines).toContain('c_total{a="1",otel_scope_name="library",otel_scope_version="2.0"} 1');
});

test('numbers of every size are written so that Prometheus can read them', async () => {
  const { provider, text, collect } = setUp();
  const gauge = provider.getMeter('library').createGauge('g');
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e21, 1e-9, -0.5]) {
    gauge.record(value, { value: String(value) });
  }
  expect(sampleLines(text.write(await collect(), 'text')).map((line) => line.split(' ')[1])).toEqual(
    expect.arrayContaining(['NaN', '+Inf', '-Inf', '1e+21', '1e-9', '-0.5']),
  );
});

test.each([
  [undefined, 'text'],
  ['', 'text'],
  ['*/*', 'text'],
  ['text/html, */*;q=0.8', 'text'],
  ['application/openmetrics-text', 'openmetrics'],
  ['application/openmetrics-text; version=1.0.0; charset=utf-8', 'openmetrics'],
  ['Application/OpenMetrics-Text;Version=1.0.0', 'openmetrics'],
  ['application/openmetrics-text;version=0.0.1', 'text'],
  ['application/openmetrics-text;q=0', 'text'],
  ['text/plain, application/openmetrics-text;q=0.5', 'text'],
  // What Prometheus 2 and 3 send.
  [
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    'openmetrics',
  ],
  [
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
    'openmetrics',
  ],
])('for the header Accept: %s, the answer is %s', (accept, expected) => {
  expect(formatFor(accept)).toBe(expected);
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

(hasPromtool ? test : test.skip)('promtool finds nothing wrong with a scrape, but one name of the guide', async () => {
  const { registry, provider, text, collect } = setUp();
  const end = measureProcess(registry);
  const metrics = new GuideMetrics(registry);
  metrics.registerTool('analyze');
  metrics.recordToolExecution('build "it"', 0.2, new RangeError('no'));
  metrics.recordPipelineExecution('deploy', 3, 12);
  metrics.recordPipelineStage('deploy', 'push', 4, 'timeout');
  metrics.recordSessionCreation('interactive');
  metrics.recordSessionDuration('interactive', 90);
  metrics.recordHttpRequest('GET', '/api/tools/:tool', 503, 0.02);
  provider.getMeter('library').createCounter('orders', { description: 'Orders.' }).add(1, { shop: 'a\nb' });
  const scrape = text.write(await collect(), 'text');
  end();
  const { stdout, stderr, status } = spawnSync('promtool', ['check', 'metrics'], { input: scrape, encoding: 'utf8' });
  expect(stdout).toBe('');
  expect(stderr.trim().split('\n')).toEqual([
    'system_goroutines_count non-histogram and non-summary metrics should not have "_count" suffix',
  ]);
  expect(status).toBe(3);
  // And it would say so.
  const broken = spawnSync('promtool', ['check', 'metrics'], { input: `${scrape}${scrape}`, encoding: 'utf8' });
  expect(broken.stderr).toContain('error while linting');
});
