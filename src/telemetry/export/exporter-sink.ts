import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode, suppressTracing } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { ExportConfig } from '../../config/telemetry-config';
import { within } from '../../util/within';
import { printable } from '../../util/words';
import { roughSize } from '../sampling/rough-size';
import { messageOf } from '../tracing/record-error';
import { type SinkTimers, systemTimers } from './sink-timers';
import { SpanDelivery } from './span-delivery';
import type { Piece } from './span-queue';
import type { SendResult, SinkStatus, SpanSink } from './span-sink';

const EXPORT_TIMEOUT_MS = 10_000;
/** For an exporter to close its connections. */
const CLOSE_TIMEOUT_MS = 500;
/** What an exporter sends must not be traced: it would be exported in turn. */
const UNTRACED = suppressTracing(ROOT_CONTEXT);

export interface ExporterSinkOptions {
  /** Kind of exporter, for the status. */
  readonly exporter: string;
  /** Scheme, host and port. */
  readonly endpoint?: string;
  /** Makes the exporter, with the first spans; and another one after one that did not answer: what it waits for may never end. */
  readonly create: () => SpanExporter;
  /** The queue's bytes are those that `sizeOf` says. The spool is not used: there are no encoded spans to put there. */
  readonly config: ExportConfig;
  /** Milliseconds for one call of `export`. Default: 10,000. */
  readonly timeoutMs?: number;
  /** Bytes that a span counts for. Default: about what it takes of the heap. */
  readonly sizeOf?: (span: ReadableSpan) => number;
  /** Whether what an exporter says about a batch will not change with time. Default: never. */
  readonly isFinal?: (message: string) => boolean;
  /** Told once of each problem. */
  readonly onProblem: (message: string) => void;
  /** Default: the system's. */
  readonly timers?: SinkTimers;
  /** 0 to 1, for the jitter. Default: `Math.random`. */
  readonly random?: () => number;
}

interface SpanPiece extends Piece {
  readonly spans: readonly ReadableSpan[];
}

/**
 * Sends spans by any exporter of OpenTelemetry, one batch at a time. What such an exporter gives up is kept here and tried
 * again, and it is not waited for longer than the time.
 */
export class ExporterSink implements SpanSink {
  private readonly delivery: SpanDelivery<SpanPiece>;
  private exporter: SpanExporter | undefined;
  private ended: Promise<void> | undefined;

  constructor(private readonly options: ExporterSinkOptions) {
    const { exporter, endpoint, config, onProblem, timers, random } = options;
    this.delivery = new SpanDelivery<SpanPiece>({
      exporter,
      endpoint,
      config,
      concurrency: 1,
      send: ({ pieces }, signal) =>
        this.send(
          pieces.flatMap(({ spans }) => spans),
          signal,
        ),
      split: ({ spans }) => {
        const half = spans.length >> 1;
        return half === 0 ? undefined : [this.weighed(spans.slice(0, half)), this.weighed(spans.slice(half))];
      },
      onProblem,
      timers,
      random,
    });
  }

  get status(): SinkStatus {
    return this.delivery.status;
  }

  accept(spans: readonly ReadableSpan[]): void {
    const { maxBatchSpans, maxBatchBytes } = this.options.config;
    let from = 0;
    let size = 0;
    spans.forEach((span, i) => {
      const bytes = this.sizeOf(span);
      if (i > from && (i - from >= maxBatchSpans || size + bytes > maxBatchBytes)) {
        this.delivery.add({ spans: spans.slice(from, i), count: i - from, size });
        from = i;
        size = 0;
      }
      size += bytes;
    });
    const rest = spans.slice(from);
    if (rest.length > 0) this.delivery.add({ spans: rest, count: rest.length, size });
  }

  flush(timeoutMs: number): Promise<void> {
    return this.delivery.flush(timeoutMs);
  }

  shutdown(timeoutMs: number): Promise<void> {
    this.ended ??= this.delivery
      .shutdown(timeoutMs)
      .then(() => within(CLOSE_TIMEOUT_MS, async () => this.exporter?.shutdown()));
    return this.ended;
  }

  private send(spans: ReadableSpan[], signal: AbortSignal): Promise<SendResult> {
    const { create, timeoutMs = EXPORT_TIMEOUT_MS, timers = systemTimers } = this.options;
    return new Promise((resolve) => {
      const end = (result: SendResult) => {
        cancel();
        signal.removeEventListener('abort', stop);
        resolve(result);
      };
      const retire = (message: string) => {
        const { exporter } = this;
        this.exporter = undefined;
        void within(CLOSE_TIMEOUT_MS, async () => exporter?.shutdown());
        end({ kind: 'retry', message });
      };
      const stop = () => retire('stopped before the exporter answered');
      const cancel = timers.after(timeoutMs, () => retire(`no answer within ${timeoutMs} ms`));
      signal.addEventListener('abort', stop);
      try {
        this.exporter ??= create();
        const { exporter } = this;
        context.with(UNTRACED, () => exporter.export(spans, (result) => end(this.read(result))));
      } catch (error) {
        end(this.read({ code: ExportResultCode.FAILED, error: error as Error }));
      }
    });
  }

  private read({ code, error }: ExportResult): SendResult {
    if (code === ExportResultCode.SUCCESS) return { kind: 'sent', rejected: 0 };
    const message = printable(messageOf(error ?? 'it did not say why'));
    return { kind: this.options.isFinal?.(message) ? 'refused' : 'retry', message };
  }

  private sizeOf(span: ReadableSpan): number {
    const { sizeOf = roughSize } = this.options;
    return sizeOf(span);
  }

  private weighed(spans: readonly ReadableSpan[]): SpanPiece {
    return { spans, count: spans.length, size: spans.reduce((sum, span) => sum + this.sizeOf(span), 0) };
  }
}
