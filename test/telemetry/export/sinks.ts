import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attributes } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { ExportConfig } from '../../../src/config/telemetry-config';
import type { SinkTimers } from '../../../src/telemetry/export/sink-timers';
import type { Sender, SendResult, SinkStatus, SpanCounts } from '../../../src/telemetry/export/span-sink';
import { decodeRequest } from './otlp-messages';

const resource = resourceFromAttributes({ 'service.name': 'sinks' });
const instrumentationScope = { name: 'test' };
// Processes of one test have spans of their own.
let made = BigInt(process.pid) << 32n;

/** A span whose id nobody else has. */
export function makeSpan(attributes: Attributes = {}): ReadableSpan {
  made++;
  // An odd factor gives each its own; and such bytes are found in a datagram only where the id is.
  const spanId = BigInt.asUintN(64, made * 0x9e3779b97f4a7c15n)
    .toString(16)
    .padStart(16, '0');
  return {
    name: 'work',
    kind: 0,
    spanContext: () => ({ traceId: '1'.padStart(32, '0'), spanId, traceFlags: 1 }),
    startTime: [1_700_000_000, 0],
    endTime: [1_700_000_000, 1000],
    duration: [0, 1000],
    ended: true,
    status: { code: 0 },
    attributes,
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    resource,
    instrumentationScope,
  };
}

export function makeSpans(count: number, attributes?: Attributes): ReadableSpan[] {
  return Array.from({ length: count }, () => makeSpan(attributes));
}

/** One that no encoder can read. */
export function brokenSpan(): ReadableSpan {
  return {
    ...makeSpan(),
    get name(): string {
      throw new Error('no name');
    },
  };
}

export const idOf = (span: ReadableSpan) => span.spanContext().spanId;

export const exportConfig: ExportConfig = {
  maxQueueBytes: 1024 * 1024,
  maxBatchSpans: 10,
  maxBatchBytes: 100_000,
  scheduleDelayMs: 1000,
  shutdownTimeoutMs: 5000,
  initialBackoffMs: 500,
  maxBackoffMs: 5000,
};

/** Ids of the spans in a request in protobuf, in their order. */
export function idsIn(body: Buffer): string[] {
  const { resourceSpans } = decodeRequest(body) as {
    resourceSpans: { scopeSpans: { spans: { spanId: string }[] }[] }[];
  };
  return resourceSpans.flatMap(({ scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map(({ spanId }) => Buffer.from(spanId, 'base64').toString('hex'))),
  );
}

export class SentRequest {
  readonly ids: string[];
  isAnswered = false;

  constructor(
    readonly body: Buffer,
    readonly signal: AbortSignal,
    private readonly resolve: (result: SendResult) => void,
  ) {
    this.ids = idsIn(body);
  }

  /** The sink has done with the answer when this resolves. */
  async answer(result: SendResult): Promise<void> {
    this.isAnswered = true;
    this.resolve(result);
    await settle();
  }

  accept(rejected = 0): Promise<void> {
    return this.answer({ kind: 'sent', rejected });
  }

  fail(message = 'connection refused', retryAfterMs?: number): Promise<void> {
    return this.answer({ kind: 'retry', message, retryAfterMs });
  }

  refuse(message = '400 Bad Request'): Promise<void> {
    return this.answer({ kind: 'refused', message });
  }
}

/** A way to a collector whose answers are the test's. */
export class ScriptedSender implements Sender {
  readonly requests: SentRequest[] = [];
  isClosed = false;
  /** Answers at once, where it has an answer. */
  script: ((request: SentRequest) => SendResult | undefined) | undefined;

  send(body: Buffer, spans: number, signal: AbortSignal): Promise<SendResult> {
    return new Promise((resolve) => {
      const request = new SentRequest(body, signal, resolve);
      if (request.ids.length !== spans) throw new Error(`told ${spans} spans, got ${request.ids.length}`);
      this.requests.push(request);
      const result = this.script?.(request);
      if (!result) return;
      request.isAnswered = true;
      resolve(result);
    });
  }

  close(): void {
    this.isClosed = true;
  }

  /** The one request that waits for an answer. */
  get open(): SentRequest {
    const [first, ...more] = this.waiting;
    if (!first || more.length > 0) throw new Error(`expected one request under way, found ${this.waiting.length}`);
    return first;
  }

  get waiting(): SentRequest[] {
    return this.requests.filter(({ isAnswered }) => !isAnswered);
  }
}

/** Time that passes when the test says so. */
export class ManualTimers implements SinkTimers {
  private time = Date.now();
  private readonly timers = new Set<{ readonly at: number; call(): void }>();

  now(): number {
    return this.time;
  }

  after(ms: number, call: () => void): () => void {
    const timer = { at: this.time + ms, call };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    await settle();
    for (let next = this.nextUntil(end); next; next = this.nextUntil(end)) {
      this.timers.delete(next);
      this.time = Math.max(this.time, next.at);
      next.call();
      await settle();
    }
    this.time = end;
  }

  get count(): number {
    return this.timers.size;
  }

  private nextUntil(end: number) {
    return [...this.timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
  }
}

/** Until every promise and immediate that is due has run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise(setImmediate);
}

/** For what happens by itself in real time. */
export async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`it never came true: ${isSo}`);
    await sleep(2);
  }
}

export function expectBalance({ made, exported, queued, spooled, dropped }: SpanCounts): void {
  const gone = Object.values(dropped).reduce((sum, spans) => sum + spans, 0);
  expect(exported + queued + spooled + gone).toBe(made);
  expect(Math.min(exported, queued, spooled, ...Object.values(dropped))).toBeGreaterThanOrEqual(0);
}

/** The counts that are not zero. */
export function countsOf({ made, exported, queued, spooled, dropped }: SinkStatus): Record<string, number> {
  const all = { made, exported, queued, spooled, ...dropped };
  return Object.fromEntries(Object.entries(all).filter(([, spans]) => spans !== 0));
}

export function tempFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'spanwright-export-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Paths of all files below a folder. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
