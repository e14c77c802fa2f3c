import { setTimeout as sleep } from 'node:timers/promises';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import {
  AggregationTemporality,
  InstrumentType,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import type { OtlpTarget } from '../../config/telemetry-config';
import { createGrpcSender } from '../export/grpc-sender';
import { createHttpSender } from '../export/http-sender';
import type { Sender } from '../export/span-sink';
import { messageOf } from '../tracing/record-error';

/** How counts are sent: since the start, or since the last time; `lowmemory` is whichever needs no memory of the last. */
export type Temporality = 'cumulative' | 'delta' | 'lowmemory';

/** How an exporter of metrics is doing. Holds no credentials. */
export interface MetricExporterStatus {
  /** `otlp`, `prometheus`, `console` or `memory`. */
  readonly exporter: string;
  /** Scheme, host and port. */
  readonly endpoint?: string;
  /** Milliseconds since the epoch. */
  readonly lastSuccessAt?: number;
  readonly lastError?: { readonly at: number; readonly message: string };
}

export interface OtlpMetricExporterOptions {
  readonly target: OtlpTarget;
  readonly temporality: Temporality;
  /** Milliseconds for one export, all attempts together. */
  readonly timeoutMs: number;
  /** Told when an export fails after one that did not, and when differences are given up. */
  readonly onProblem: (message: string) => void;
}

const EXPORT_METRICS = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 5000;
/** Bytes of differences that wait for a collector that is down. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/** A request that was not taken. */
interface Unsent {
  readonly body: Buffer;
  readonly points: number;
}

/**
 * Sends metrics to a collector, by the ways that spans take too. The encoding is OpenTelemetry's.
 *
 * An export that fails is tried again for as long as its time allows. What was sent as a difference since the last time is lost
 * with its request, so requests that hold differences wait for the next export, up to a bound; totals need not, as the next
 * ones include them.
 *
 * To the reader every export is a success: a failure would go on to the error handler of the whole process, and is in
 * {@link status} already.
 */
export class OtlpMetricExporter implements PushMetricExporter {
  private readonly sender: Sender;
  private readonly waiting: Unsent[] = [];
  private readonly stop = new AbortController();
  private readonly ending = new AbortController();
  private isHealthy = true;
  private saidDropped = false;
  private ongoing: Promise<void> = Promise.resolve();
  private lastSuccessAt: number | undefined;
  private lastError: MetricExporterStatus['lastError'];

  /** @throws UserError where the endpoint is none, a header cannot be sent, or a file of the TLS settings is of no use */
  constructor(private readonly options: OtlpMetricExporterOptions) {
    const { target } = options;
    this.sender =
      target.protocol === 'grpc' ? createGrpcSender(target, { method: EXPORT_METRICS }) : createHttpSender(target);
  }

  get status(): MetricExporterStatus {
    const { lastSuccessAt, lastError } = this;
    return { exporter: 'otlp', endpoint: new URL(this.options.target.endpoint).origin, lastSuccessAt, lastError };
  }

  selectAggregationTemporality(type: InstrumentType): AggregationTemporality {
    return temporalityOf(this.options.temporality, type);
  }

  export(metrics: ResourceMetrics, done: (result: ExportResult) => void): void {
    this.ongoing = this.ongoing
      .then(() => this.deliver(metrics))
      .catch((error) => this.failed(messageOf(error)))
      .then(() => done({ code: ExportResultCode.SUCCESS }));
  }

  async forceFlush(): Promise<void> {
    await this.ongoing;
  }

  /** From now on an export is tried once: whoever stops does not want to wait for a collector to come back. */
  beginShutdown(): void {
    this.ending.abort();
  }

  /** Gives up what is under way. Nothing keeps the process alive afterwards. */
  async shutdown(): Promise<void> {
    this.stop.abort();
    this.sender.close();
  }

  private async deliver(metrics: ResourceMetrics): Promise<void> {
    const all = this.waiting.splice(0);
    const end = new AbortController();
    const abort = () => end.abort();
    const timer = setTimeout(abort, this.options.timeoutMs).unref();
    this.stop.signal.addEventListener('abort', abort);
    if (this.stop.signal.aborted) abort();
    try {
      all.push(this.encode(metrics));
      while (all.length > 0) {
        if (!(await this.send(all[0] as Unsent, end.signal))) break;
        all.shift();
      }
    } finally {
      clearTimeout(timer);
      this.stop.signal.removeEventListener('abort', abort);
      if (this.options.temporality !== 'cumulative') this.keep(all);
    }
  }

  /** @returns whether it is done with: taken, or refused for good */
  private async send({ body, points }: Unsent, signal: AbortSignal): Promise<boolean> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, MAX_PAUSE_MS)) {
      const result = await this.sender.send(body, points, signal);
      if (result.kind === 'sent') {
        this.succeeded();
        if (result.rejected > 0) this.failed(`${result.rejected} data points were rejected: ${result.message ?? ''}`);
        return true;
      }
      this.failed(result.message);
      if (result.kind === 'refused') return true;
      const waiting = AbortSignal.any([signal, this.ending.signal]);
      try {
        const ms = result.retryAfterMs ?? pauseMs * (0.8 + 0.4 * Math.random());
        await sleep(ms, undefined, { signal: waiting, ref: false });
      } catch {
        return false;
      }
    }
  }

  private encode(metrics: ResourceMetrics): Unsent {
    const { JsonMetricsSerializer, ProtobufMetricsSerializer } =
      require('@opentelemetry/otlp-transformer') as typeof import('@opentelemetry/otlp-transformer');
    const isJson = this.options.target.protocol === 'http/json';
    const bytes = (isJson ? JsonMetricsSerializer : ProtobufMetricsSerializer).serializeRequest(metrics);
    if (bytes === undefined) throw new Error('the metrics could not be encoded');
    let points = 0;
    for (const scope of metrics.scopeMetrics) for (const { dataPoints } of scope.metrics) points += dataPoints.length;
    return { body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), points };
  }

  private keep(unsent: readonly Unsent[]): void {
    this.waiting.push(...unsent);
    let bytes = this.waiting.reduce((sum, { body }) => sum + body.length, 0);
    while (bytes > MAX_WAITING_BYTES) {
      bytes -= this.waiting.shift()?.body.length ?? bytes;
      if (!this.saidDropped) this.options.onProblem('metrics that waited for their collector are given up: too many');
      this.saidDropped = true;
    }
  }

  private succeeded(): void {
    this.lastSuccessAt = Date.now();
    this.isHealthy = true;
  }

  private failed(message: string): void {
    this.lastError = { at: Date.now(), message };
    if (this.isHealthy) this.options.onProblem(`metrics could not be sent to ${this.status.endpoint}: ${message}`);
    this.isHealthy = false;
  }
}

/** What OpenTelemetry's specification wants of the three. What can fall is never sent as a difference. */
export function temporalityOf(preference: Temporality, type: InstrumentType): AggregationTemporality {
  const { DELTA, CUMULATIVE } = AggregationTemporality;
  switch (type) {
    case InstrumentType.COUNTER:
    case InstrumentType.HISTOGRAM:
      return preference === 'cumulative' ? CUMULATIVE : DELTA;
    case InstrumentType.OBSERVABLE_COUNTER:
      return preference === 'delta' ? DELTA : CUMULATIVE;
    default:
      return CUMULATIVE;
  }
}
