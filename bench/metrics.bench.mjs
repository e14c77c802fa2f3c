// What it costs to count and to measure, pre-bound and by three attributes, beside OpenTelemetry's API with the same attributes;
// and what a scrape of many series costs, beside OpenTelemetry's own serializer. CPU time, medians of interleaved rounds.
import { createRequire } from 'node:module';
import { interleaved, median, table } from './support.mjs';

const require = createRequire(import.meta.url);
const { INSTRUMENTS, TOOL_SECONDS } = require('../dist/telemetry/metrics/instruments.js');
const { MetricRegistry } = require('../dist/telemetry/metrics/metric-registry.js');
const { PrometheusText } = require('../dist/telemetry/metrics/prometheus-text.js');
const { RegistryMetricProducer } = require('../dist/telemetry/metrics/registry-metric-producer.js');
const { PrometheusSerializer } = require('@opentelemetry/exporter-prometheus');
const { MeterProvider, MetricReader } = require('@opentelemetry/sdk-metrics');

class Reader extends MetricReader {
  async onForceFlush() {}
  async onShutdown() {}
}

const shown = (value) => (typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(1) : value);

const CALLS = 400_000;
const ROUNDS = 15;
const labels = ['http.method', 'http.route', 'http.status_code'];
// Made anew for each call, as an application does; the values are those of a few routes.
const routes = ['/api/tools', '/api/tools/:tool', '/health', '/metrics'];
const attributesOf = (i) => ({ 'http.method': 'GET', 'http.route': routes[i & 3], 'http.status_code': 200 });
// Durations from 10 µs to 100 s, so that no bucket is guessed by the processor.
const durations = Float64Array.from({ length: 4096 }, (_, i) => 10 ** (-5 + 7 * (((i * 2654435761) % 4096) / 4096)));

const provider = new MeterProvider({ readers: [new Reader()] });
const meter = provider.getMeter('bench');
const advice = { explicitBucketBoundaries: [...TOOL_SECONDS] };
const api = {
  counter: meter.createCounter('api_counter'),
  bareCounter: meter.createCounter('api_bare_counter'),
  histogram: meter.createHistogram('api_histogram', { advice }),
};
const define = (name, rest) => ({ name, unit: 's', description: '', ...rest });
const registry = new MetricRegistry();
const ours = {
  counter: registry.counter(define('our_counter', { labels })),
  openCounter: registry.counter(define('our_open_counter')),
  histogram: registry.histogram(define('our_histogram', { labels, buckets: TOOL_SECONDS })),
  openHistogram: registry.histogram(define('our_open_histogram', { buckets: TOOL_SECONDS })),
};
const off = new MetricRegistry({ enabled: false });
const boundCounter = ours.counter.bind(attributesOf(0));
const boundHistogram = ours.histogram.bind(attributesOf(0));
const disabledHistogram = off.histogram(define('off')).bind();
const sampled = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };

/** CPU nanoseconds of one call. */
function timed(body) {
  return () => {
    const before = process.cpuUsage();
    body();
    const { user, system } = process.cpuUsage(before);
    return ((user + system) * 1000) / CALLS;
  };
}

let sink = 0;
const contenders = {
  'the loop alone': timed(() => {
    for (let i = 0; i < CALLS; i++) sink += durations[i & 4095];
  }),
  'counter, pre-bound': timed(() => {
    for (let i = 0; i < CALLS; i++) boundCounter.add(1);
  }),
  'histogram, pre-bound': timed(() => {
    for (let i = 0; i < CALLS; i++) boundHistogram.record(durations[i & 4095]);
  }),
  'histogram, pre-bound, with an exemplar': timed(() => {
    for (let i = 0; i < CALLS; i++) boundHistogram.record(durations[i & 4095], sampled);
  }),
  'histogram, pre-bound, metrics off': timed(() => {
    for (let i = 0; i < CALLS; i++) disabledHistogram.record(durations[i & 4095]);
  }),
  'counter, 3 declared attributes': timed(() => {
    for (let i = 0; i < CALLS; i++) ours.counter.add(1, attributesOf(i));
  }),
  'histogram, 3 declared attributes': timed(() => {
    for (let i = 0; i < CALLS; i++) ours.histogram.record(durations[i & 4095], attributesOf(i));
  }),
  'counter, 3 attributes': timed(() => {
    for (let i = 0; i < CALLS; i++) ours.openCounter.add(1, attributesOf(i));
  }),
  'histogram, 3 attributes': timed(() => {
    for (let i = 0; i < CALLS; i++) ours.openHistogram.record(durations[i & 4095], attributesOf(i));
  }),
  'OpenTelemetry counter, no attributes': timed(() => {
    for (let i = 0; i < CALLS; i++) api.bareCounter.add(1);
  }),
  'OpenTelemetry counter, 3 attributes': timed(() => {
    for (let i = 0; i < CALLS; i++) api.counter.add(1, attributesOf(i));
  }),
  'OpenTelemetry histogram, 3 attributes': timed(() => {
    for (let i = 0; i < CALLS; i++) api.histogram.record(durations[i & 4095], attributesOf(i));
  }),
};
interleaved(3, contenders);
const results = interleaved(ROUNDS, contenders);
console.log(
  `CPU nanoseconds for a call, median of ${ROUNDS} rounds of ${CALLS.toLocaleString('en')} calls, Node ${process.versions.node}`,
);
table(
  ['call', 'ns', 'least', 'greatest'],
  [...results].map(([name, values]) => [name, median(values), Math.min(...values), Math.max(...values)].map(shown)),
);

const many = new MetricRegistry({ cardinalityLimit: 20_000 });
const counters = many.counter({ ...INSTRUMENTS.httpRequests });
for (let i = 0; i < 10_000; i++) {
  counters.add(i, { 'http.method': 'GET', 'http.route': `/api/${i}`, 'http.status_code': 200, status_code: 200 });
}
const histograms = new MetricRegistry({ cardinalityLimit: 20_000 });
const toolDuration = histograms.histogram({ ...INSTRUMENTS.toolExecutionDuration });
for (let i = 0; i < 1000; i++) toolDuration.record(durations[i], { 'tool.name': `tool-${i}` });

async function scrapes(from) {
  const producer = new RegistryMetricProducer(from, { scope: { name: 'bench' } });
  const text = new PrometheusText();
  const theirs = new PrometheusSerializer('', false, undefined, false, true);
  const collected = (await producer.collect()).resourceMetrics;
  const wall = (run) => () => {
    const before = performance.now();
    sink += run().length;
    return performance.now() - before;
  };
  const collecting = [];
  for (let round = 0; round < 9; round++) {
    const before = performance.now();
    await producer.collect();
    collecting.push(performance.now() - before);
  }
  const first = wall(() => new PrometheusText().write(collected, 'text'))();
  const times = interleaved(9, {
    text: wall(() => Buffer.from(text.write(collected, 'text'))),
    openmetrics: wall(() => Buffer.from(text.write(collected, 'openmetrics'))),
    theirs: wall(() => Buffer.from(theirs.serialize(collected))),
  });
  const lines = text.write(collected, 'text').split('\n').length;
  return [
    lines,
    median(collecting),
    first,
    ...['text', 'openmetrics', 'theirs'].map((name) => median(times.get(name))),
  ];
}

console.log('\nOne scrape, milliseconds');
table(
  ['', 'lines', 'collect', 'the first text', 'text', 'OpenMetrics', 'PrometheusSerializer'],
  [
    ['10,000 counters', ...(await scrapes(many)).map(shown)],
    ['1,000 histograms of 20 buckets', ...(await scrapes(histograms)).map(shown)],
  ],
);
if (sink === 0) throw new Error('nothing was measured');
