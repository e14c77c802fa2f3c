import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildEvent } from '../../src/scheduler/events';
import { type ReceivedSpan, readOtlpFile } from '../support/otlp-collector';

/** A node of a JSON graph, as far as these tests need one. */
export interface CommandNode {
  readonly id: string;
  readonly type?: 'LocalBuild' | 'Test' | 'RemoteRun' | 'PreBuilt' | 'Goal' | 'PureMeta';
  readonly shell?: string;
  readonly command?: readonly string[];
  readonly dependencies?: readonly string[];
  readonly attempts?: number;
  readonly timeout?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
  readonly architecture?: string;
  readonly state?: string;
  readonly name?: string;
  readonly version?: string;
  readonly srpmPath?: string;
}

export function writeGraphFile(dir: string, nodes: readonly CommandNode[], name = 'graph.json'): string {
  const path = join(dir, name);
  writeFileSync(path, JSON.stringify({ nodes }));
  return path;
}

/** The folder that a run has left. */
export class RunFolder {
  constructor(readonly path: string) {}

  /** The newest run of a command that ran in `dir`. */
  static latest(dir: string, runsDir = '.spanwright/runs'): RunFolder {
    return new RunFolder(join(dir, runsDir, 'latest'));
  }

  has(name: string): boolean {
    return existsSync(join(this.path, name));
  }

  text(name: string): string {
    return readFileSync(join(this.path, name), 'utf8');
  }

  spans(): ReceivedSpan[] {
    return readOtlpFile(join(this.path, 'spans.otlp.jsonl'));
  }

  events(): BuildEvent[] {
    return this.text('events.ndjson')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as BuildEvent);
  }

  eventsOf<T extends BuildEvent['type']>(type: T): Extract<BuildEvent, { type: T }>[] {
    return this.events().filter((event): event is Extract<BuildEvent, { type: T }> => event.type === type);
  }
}

/** The only span of this name. */
export function theSpan(spans: readonly ReceivedSpan[], name: string): ReceivedSpan {
  const found = spans.filter((span) => span.name === name);
  if (found.length !== 1) throw new Error(`expected one span ${name}, found ${found.length}`);
  return found[0] as ReceivedSpan;
}

/** The span of one attempt at a build (or of a build that was reused), by the package's name. */
export function buildSpan(spans: readonly ReceivedSpan[], packageName: string, attempt = 1): ReceivedSpan {
  const found = spans.filter(
    ({ name, attributes }) =>
      name.startsWith('scheduler.build.') &&
      attributes['package.name'] === packageName &&
      (attributes['build.attempt'] ?? 1) === attempt,
  );
  if (found.length !== 1) throw new Error(`expected one span of ${packageName}#${attempt}, found ${found.length}`);
  return found[0] as ReceivedSpan;
}

export function isBuildSpan({ name }: ReceivedSpan): boolean {
  return name.startsWith('scheduler.build.');
}

/** Milliseconds since the epoch, as events have them. */
export function milliseconds(nanos: bigint): number {
  return Number(nanos) / 1e6;
}

/**
 * What holds of every trace that a run leaves, whatever came of it: one trace, no span twice, none dangling, each under the
 * right one and within its time.
 */
export function expectSoundTrace(spans: readonly ReceivedSpan[], caller = ''): void {
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
  const main = theSpan(spans, 'scheduler.main');
  const buildGraph = theSpan(spans, 'scheduler.build_graph');
  expect(main.parentSpanId).toBe(caller);
  expect(buildGraph.parentSpanId).toBe(main.spanId);
  expectWithin(buildGraph, main);
  const workers = spans.filter(({ name }) => name === 'scheduler.worker');
  for (const worker of workers) {
    expect(worker.parentSpanId).toBe(buildGraph.spanId);
    expectWithin(worker, buildGraph);
  }
  for (const span of spans.filter(isBuildSpan)) {
    if (span.attributes['build.attempt'] === undefined) {
      expect(span.parentSpanId).toBe(buildGraph.spanId);
      expectWithin(span, buildGraph);
      continue;
    }
    const worker = workers.find(({ spanId }) => spanId === span.parentSpanId);
    expect(worker?.attributes['worker.id']).toBe(span.attributes['worker.id']);
    expectWithin(span, worker as ReceivedSpan);
  }
  for (const span of spans) {
    expect(span.endTimeUnixNano).toBeGreaterThanOrEqual(span.startTimeUnixNano);
    for (const link of span.links) {
      const linked = spans.find(({ spanId }) => spanId === link.spanId);
      expect(linked?.traceId).toBe(link.traceId);
      if (linked && isOwnBuild(span, linked)) continue;
      expect(linked?.endTimeUnixNano).toBeLessThanOrEqual(span.startTimeUnixNano);
    }
    for (const { timeUnixNano } of span.events) {
      expect(timeUnixNano).toBeGreaterThanOrEqual(span.startTimeUnixNano);
      expect(timeUnixNano).toBeLessThanOrEqual(span.endTimeUnixNano);
    }
  }
}

/** A package's tests build it themselves: they run beside its build, not after it. */
function isOwnBuild(span: ReceivedSpan, linked: ReceivedSpan): boolean {
  const source = span.attributes['package.source_name'];
  return (
    span.name === 'scheduler.build.Test' && source !== undefined && linked.attributes['package.source_name'] === source
  );
}

function expectWithin(inner: ReceivedSpan, outer: ReceivedSpan): void {
  expect(inner.startTimeUnixNano).toBeGreaterThanOrEqual(outer.startTimeUnixNano);
  expect(inner.endTimeUnixNano).toBeLessThanOrEqual(outer.endTimeUnixNano);
}

/** Who depended on whom, by package names, from the links. */
export function linksByName(spans: readonly ReceivedSpan[]): Record<string, string[]> {
  const nameOf = (id: string) => String(spans.find(({ spanId }) => spanId === id)?.attributes['package.name']);
  return Object.fromEntries(
    spans
      .filter(isBuildSpan)
      .filter(({ links }) => links.length > 0)
      .map(({ attributes, links }) => [
        String(attributes['package.name']),
        links.map(({ spanId }) => nameOf(spanId)).sort(),
      ]),
  );
}

/** Variables that a build wrote down with `env`, by name. */
export function readVariables(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

export function readBaggage(text = ''): Record<string, string> {
  return readVariables(text.split(',').join('\n'));
}
