import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';

/** Why a span was given up. */
export type DropReason =
  /** The queue was full, and there is no spool, or it is full too. */
  | 'queue-full'
  /** The collector said that it will not take it, now or later. */
  | 'rejected'
  /** It waited on disk for too long. */
  | 'too-old'
  /** The process stopped before it could be sent, and there is no spool. */
  | 'shutdown'
  /** It could not be encoded, or its place on disk could not be read back. */
  | 'unreadable';

/**
 * What became of every span that one exporter was handed. It always balances:
 * `made = exported + queued + spooled + sum of dropped`.
 * `made` counts what a spool brought along from an earlier process, too.
 */
export interface SpanCounts {
  readonly made: number;
  readonly exported: number;
  /** In memory: waiting, or on their way. */
  readonly queued: number;
  /** On disk. */
  readonly spooled: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
}

/** How an exporter is doing. Holds no credentials. */
export interface SinkStatus extends SpanCounts {
  /** `otlp`, `jaeger`, `console`, `file` or `memory`. */
  readonly exporter: string;
  /** Scheme, host and port; no user, path or query. */
  readonly endpoint?: string;
  readonly queuedBytes: number;
  readonly spooledBytes: number;
  /** Milliseconds since the epoch. */
  readonly lastSuccessAt?: number;
  readonly lastError?: { readonly at: number; readonly message: string };
  /** False after a failed attempt, until one succeeds. */
  readonly healthy: boolean;
}

/** Where finished spans go. One for each exporter; each has its own queue, so that a dead one holds up no other. */
export interface SpanSink {
  readonly status: SinkStatus;
  /** Takes finished spans, already redacted. Never throws and never waits. */
  accept(spans: readonly ReadableSpan[]): void;
  /** Resolves when all that was accepted is sent, given up, or the time is over. Never rejects. */
  flush(timeoutMs: number): Promise<void>;
  /** Flushes, then frees everything: afterwards nothing of it keeps the process alive. Never rejects; a second call waits for the same end. */
  shutdown(timeoutMs: number): Promise<void>;
}

/** Spans as bytes, in pieces that can be put together to requests. */
export interface EncodedSpans {
  readonly count: number;
  /** Complete on its own; several of them can be put into one request by {@link SpanEncoder.request}. */
  readonly bytes: Buffer;
}

/** A format for requests. */
export interface SpanEncoder {
  readonly contentType: 'application/x-protobuf' | 'application/json';
  /** @throws what a span with impossible content may cause; the caller then tries one span at a time */
  encode(spans: readonly ReadableSpan[]): Buffer;
  /** The body of one request of pieces that `encode` made. */
  request(pieces: readonly Buffer[]): Buffer;
}

/** What came of one request. */
export type SendResult =
  | {
      readonly kind: 'sent' /** Spans that the collector took the request but not them. */;
      readonly rejected: number;
      readonly message?: string;
    }
  /** Try again later: refused connection, timeout, 429, 502, 503, 504, UNAVAILABLE … */
  | {
      readonly kind: 'retry';
      readonly message: string /** What the collector asked for. */;
      readonly retryAfterMs?: number;
    }
  /** Never try again: 400, INVALID_ARGUMENT … */
  | { readonly kind: 'refused'; readonly message: string };

/** A way to a collector. */
export interface Sender {
  /** Sends one request body. Never rejects. Ends with `retry` when the signal aborts or its own timeout is over. */
  send(body: Buffer, spans: number, signal: AbortSignal): Promise<SendResult>;
  /** Closes connections; nothing keeps the process alive afterwards. */
  close(): void;
}
