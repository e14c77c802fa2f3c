import { availableParallelism } from 'node:os';
import { constants, monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks';
import { getHeapSpaceStatistics } from 'node:v8';
import { GC_TYPES, INSTRUMENTS } from './instruments';
import type { MetricRegistry } from './metric-registry';

/** Milliseconds between two looks at how late the event loop is. */
const DELAY_RESOLUTION_MS = 10;
/** What is measured "since the last time" is measured anew after this long; who asks earlier gets the same again. */
const WINDOW_MS = 1000;

const GC_KINDS: Readonly<Record<number, (typeof GC_TYPES)[number]>> = {
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb',
};

interface GcEntry {
  readonly duration: number;
  readonly detail?: { readonly kind?: number };
}

/**
 * Measures Node and this process: event loop, garbage collection, heap, memory, processors. By OpenTelemetry's conventions, and
 * from the same readings by the names of the guide.
 *
 * Our own, in place of `@opentelemetry/instrumentation-runtime-node`: that one counts only the first of the collections it is
 * told of at a time (of 35 it saw 22), and starts its windows anew for each reader, so that of two exporters each sees a part.
 *
 * @returns ends it; nothing of it keeps the process alive
 */
export function measureProcess(registry: MetricRegistry): () => void {
  if (!registry.enabled) return () => {};
  const ends: (() => void)[] = [];
  const observe: Add = (instrument, read) => ends.push(registry.observe(instrument, read));
  ends.push(eventLoopDelay(observe), collections(registry));
  eventLoopUse(observe);
  memory(observe);
  processors(observe);
  resources(observe);
  return () => {
    for (const end of ends.splice(0)) end();
  };
}

type Add = (...parts: Parameters<MetricRegistry['observe']>) => void;

function eventLoopDelay(add: Add): () => void {
  const histogram = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  histogram.enable();
  const delays = atMostEvery(WINDOW_MS, () => {
    if (histogram.count === 0) return undefined;
    const { min, max, mean, stddev } = histogram;
    const percentiles = { p50: histogram.percentile(50), p90: histogram.percentile(90), p99: histogram.percentile(99) };
    histogram.reset();
    return { min, max, mean, stddev, ...percentiles };
  });
  for (const [instrument, part] of [
    [INSTRUMENTS.eventLoopDelayMin, 'min'],
    [INSTRUMENTS.eventLoopDelayMax, 'max'],
    [INSTRUMENTS.eventLoopDelayMean, 'mean'],
    [INSTRUMENTS.eventLoopDelayStddev, 'stddev'],
    [INSTRUMENTS.eventLoopDelayP50, 'p50'],
    [INSTRUMENTS.eventLoopDelayP90, 'p90'],
    [INSTRUMENTS.eventLoopDelayP99, 'p99'],
  ] as const) {
    add(instrument, (observe) => {
      const nanoseconds = delays()?.[part];
      if (nanoseconds !== undefined && Number.isFinite(nanoseconds)) observe(nanoseconds / 1e9);
    });
  }
  return () => histogram.disable();
}

function eventLoopUse(add: Add): void {
  let before = performance.eventLoopUtilization();
  const utilization = atMostEvery(WINDOW_MS, () => {
    const now = performance.eventLoopUtilization();
    const since = performance.eventLoopUtilization(now, before);
    before = now;
    return since.utilization;
  });
  add(INSTRUMENTS.eventLoopUtilization, (observe) => observe(utilization()));
  add(INSTRUMENTS.eventLoopTime, (observe) => {
    const { active, idle } = performance.eventLoopUtilization();
    observe(active / 1000, { 'nodejs.eventloop.state': 'active' });
    observe(idle / 1000, { 'nodejs.eventloop.state': 'idle' });
  });
}

function collections(registry: MetricRegistry): () => void {
  const semantic = registry.histogram(INSTRUMENTS.gcDuration);
  const guide = registry.histogram(INSTRUMENTS.systemGcDuration);
  const observer = new PerformanceObserver((list) => {
    for (const { duration, detail } of list.getEntries() as GcEntry[]) {
      const attributes = { 'v8js.gc.type': GC_KINDS[detail?.kind ?? 0] };
      semantic.record(duration / 1000, attributes);
      guide.record(duration / 1000, attributes);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return () => observer.disconnect();
}

function memory(add: Add): void {
  add(INSTRUMENTS.processMemory, (observe) => observe(process.memoryUsage.rss()));
  add(INSTRUMENTS.systemMemory, (observe) => observe(process.memoryUsage.rss()));
  for (const [instrument, part] of [
    [INSTRUMENTS.heapUsed, 'space_used_size'],
    [INSTRUMENTS.heapSpaceSize, 'space_size'],
    [INSTRUMENTS.heapSpaceAvailable, 'space_available_size'],
    [INSTRUMENTS.heapSpacePhysical, 'physical_space_size'],
  ] as const) {
    add(instrument, (observe) => {
      for (const space of getHeapSpaceStatistics()) observe(space[part], { 'v8js.heap.space.name': space.space_name });
    });
  }
}

function processors(add: Add): void {
  const count = availableParallelism();
  let before = { at: performance.now(), usage: process.cpuUsage() };
  const shares = atMostEvery(WINDOW_MS, () => {
    const now = { at: performance.now(), usage: process.cpuUsage() };
    // In microseconds, of all processors.
    const passed = Math.max(1, (now.at - before.at) * 1000 * count);
    const user = (now.usage.user - before.usage.user) / passed;
    const system = (now.usage.system - before.usage.system) / passed;
    before = now;
    return { user, system };
  });
  add(INSTRUMENTS.processCpuTime, (observe) => {
    const { user, system } = process.cpuUsage();
    observe(user / 1e6, { 'cpu.mode': 'user' });
    observe(system / 1e6, { 'cpu.mode': 'system' });
  });
  add(INSTRUMENTS.processCpuUtilization, (observe) => {
    const { user, system } = shares();
    observe(user, { 'cpu.mode': 'user' });
    observe(system, { 'cpu.mode': 'system' });
  });
  add(INSTRUMENTS.systemCpu, (observe) => {
    const { user, system } = shares();
    observe(100 * (user + system));
  });
}

function resources(add: Add): void {
  // A type that is gone is at zero, and does not stay at what it was.
  const known = new Set<string>();
  add(INSTRUMENTS.activeResources, (observe) => {
    const counts = new Map<string, number>();
    for (const type of process.getActiveResourcesInfo()) counts.set(type, (counts.get(type) ?? 0) + 1);
    for (const type of counts.keys()) known.add(type);
    for (const type of known) observe(counts.get(type) ?? 0, { 'v8js.resource.type': type });
  });
  add(INSTRUMENTS.systemGoroutines, (observe) => observe(process.getActiveResourcesInfo().length));
}

/** Reads anew when the last reading is old enough. So two exporters that ask one after the other are told the same. */
function atMostEvery<T>(ms: number, read: () => T): () => T {
  let last: { readonly at: number; readonly value: T } | undefined;
  return () => {
    const at = performance.now();
    if (last === undefined || at - last.at >= ms) last = { at, value: read() };
    return last.value;
  };
}
