import { once } from 'node:events';
import { createServer } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { INSTRUMENTS } from '../../../src/telemetry/metrics/instruments';
import { MetricRegistry } from '../../../src/telemetry/metrics/metric-registry';
import { measureProcess } from '../../../src/telemetry/metrics/process-metrics';
import { linesOf, valueIn } from './scrape';

let registry: MetricRegistry;
let problems: string[];
let end: () => void;

beforeEach(() => {
  problems = [];
  registry = new MetricRegistry({ onProblem: (message) => problems.push(message) });
  end = measureProcess(registry);
});

afterEach(() => end());

/** The event loop's delay is known when its timer has run once or twice. */
const aMoment = () => new Promise((resolve) => setTimeout(resolve, 50));

test('every instrument of the process and of Node has a value, and none is out of the question', async () => {
  await aMoment();
  const lines = await linesOf(registry);
  const own = Object.values(INSTRUMENTS).filter(({ name }) => /^(system|process|nodejs|v8js)[._]/.test(name));
  expect(own.length).toBeGreaterThanOrEqual(20);
  for (const { name } of own) {
    const shown = name.replaceAll('.', '_');
    expect(lines.some((line) => line.startsWith(shown))).toBe(true);
  }
  const { rss } = process.memoryUsage();
  expect(valueIn(lines, 'system_memory_usage_bytes')).toBeGreaterThan(rss / 2);
  expect(valueIn(lines, 'system_memory_usage_bytes')).toBeLessThan(rss * 2);
  expect(valueIn(lines, 'process_memory_usage')).toBeGreaterThan(rss / 2);
  expect(valueIn(lines, 'process_cpu_time_total{cpu_mode="user"}')).toBeGreaterThan(0);
  expect(valueIn(lines, 'nodejs_eventloop_time_total{nodejs_eventloop_state="active"}')).toBeGreaterThan(0);
  expect(valueIn(lines, 'v8js_memory_heap_used{v8js_heap_space_name="old_space"}')).toBeGreaterThan(1e6);
  expect(valueIn(lines, 'nodejs_eventloop_delay_p50')).toBeGreaterThan(0);
  expect(valueIn(lines, 'nodejs_eventloop_delay_p50')).toBeLessThan(10);
  expect(problems).toEqual([]);
});

test('work shows in the processor’s share and in the use and delay of the event loop', async () => {
  await aMoment();
  const until = performance.now() + 300;
  while (performance.now() < until);
  await aMoment();
  const lines = await linesOf(registry);
  expect(valueIn(lines, 'system_cpu_usage_percent')).toBeGreaterThan(0);
  expect(valueIn(lines, 'process_cpu_utilization{cpu_mode="user"}')).toBeGreaterThan(0);
  expect(valueIn(lines, 'nodejs_eventloop_utilization')).toBeGreaterThan(0.3);
  expect(valueIn(lines, 'nodejs_eventloop_delay_max')).toBeGreaterThan(0.25);
});

test('two exporters that ask one after the other are told the same', async () => {
  await aMoment();
  const windowed = (lines: string[]) =>
    lines.filter((line) => /^(nodejs_eventloop_(delay|utilization)|process_cpu_utilization|system_cpu)/.test(line));
  const first = windowed(await linesOf(registry));
  expect(first).toHaveLength(11);
  expect(windowed(await linesOf(registry))).toEqual(first);
});

test('every garbage collection is measured, by its kind, and under both names', async () => {
  const zero = await linesOf(registry);
  for (const type of ['major', 'minor']) {
    expect(valueIn(zero, `system_gc_duration_seconds_count{v8js_gc_type="${type}"}`)).toEqual(expect.any(Number));
  }
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const count = async (name: string) => valueIn(await linesOf(registry), `${name}_count{v8js_gc_type="major"}`) ?? 0;
  const before = await count('v8js_gc_duration');
  // In one turn of the event loop, so that they are told of together.
  for (let i = 0; i < 5; i++) gc();
  // Node tells of them when it comes to it, and nobody can await that.
  for (let turn = 0; turn < 1000 && (await count('v8js_gc_duration')) < before + 5; turn++) {
    await new Promise(setImmediate);
  }
  expect(await count('v8js_gc_duration')).toBeGreaterThanOrEqual(before + 5);
  expect(await count('system_gc_duration_seconds')).toBe(await count('v8js_gc_duration'));
  expect(valueIn(await linesOf(registry), 'v8js_gc_duration_sum{v8js_gc_type="major"}')).toBeGreaterThan(0);
});

test('resources are counted by type, and a type that is gone is at zero', async () => {
  const series = 'v8js_resource_active{v8js_resource_type="TCPServerWrap"}';
  expect(valueIn(await linesOf(registry), series)).toBeUndefined();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const lines = await linesOf(registry);
  expect(valueIn(lines, series)).toBe(1);
  expect(valueIn(lines, 'system_goroutines_count')).toBeGreaterThanOrEqual(1);
  server.close();
  await once(server, 'close');
  // Its handle is let go of after the event.
  await new Promise(setImmediate);
  expect(valueIn(await linesOf(registry), series)).toBe(0);
});

test('at the end nothing is read any more', async () => {
  end();
  end();
  const lines = await linesOf(registry);
  expect(lines.filter((line) => !line.includes('_gc_'))).toEqual([]);
});

test('with metrics switched off, nothing is started', async () => {
  const off = new MetricRegistry({ enabled: false });
  const before = process.getActiveResourcesInfo();
  measureProcess(off)();
  expect(process.getActiveResourcesInfo()).toEqual(before);
  expect(off.instrumentCount).toBe(0);
});
