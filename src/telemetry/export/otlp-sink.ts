import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { ExportConfig, OtlpTarget } from '../../config/telemetry-config';
import { encodeSpans } from './encode-spans';
import { createGrpcSender } from './grpc-sender';
import { createHttpSender } from './http-sender';
import { OtlpJsonEncoder } from './otlp-json';
import { OtlpProtobufEncoder } from './otlp-protobuf';
import type { SinkTimers } from './sink-timers';
import { SpanDelivery } from './span-delivery';
import type { Piece } from './span-queue';
import type { EncodedSpans, Sender, SinkStatus, SpanEncoder, SpanSink } from './span-sink';
import { splitSpans } from './split-spans';
import { Spool } from './spool';

/** The second request is on its way while the collector works on the first. */
const REQUESTS_AT_A_TIME = 2;

export interface OtlpSinkOptions {
  readonly encoder: SpanEncoder;
  readonly sender: Sender;
  readonly config: ExportConfig;
  /** Where the sender sends to. Credentials and query are not shown, and not written anywhere. */
  readonly endpoint: string;
  /** Told once of each problem. */
  readonly onProblem: (message: string) => void;
  /** Default: the system's. */
  readonly timers?: SinkTimers;
  /** 0 to 1, for the jitter. Default: `Math.random`. */
  readonly random?: () => number;
}

/** An encoded piece, weighed. */
export interface EncodedPiece extends EncodedSpans, Piece {}

/**
 * Sends spans to an OTLP collector. They are encoded as they come, as that takes a quarter of the memory and leaves nothing to
 * do at the end; and wait until the collector has them. {@link SpanDelivery} says how, {@link Spool} what is on disk.
 */
export class OtlpSink implements SpanSink {
  private readonly delivery: SpanDelivery<EncodedPiece>;
  private ended: Promise<void> | undefined;

  constructor(private readonly options: OtlpSinkOptions) {
    const { encoder, sender, config, endpoint, onProblem, timers, random } = options;
    this.delivery = new SpanDelivery<EncodedPiece>({
      exporter: 'otlp',
      endpoint: new URL(endpoint).origin,
      config,
      concurrency: REQUESTS_AT_A_TIME,
      send: ({ pieces, count }, signal) =>
        sender.send(encoder.request(pieces.map(({ bytes }) => bytes)), count, signal),
      split: (piece) => {
        const halves = splitSpans(encoder, piece);
        return halves && [weighed(halves[0]), weighed(halves[1])];
      },
      store: config.spool && createSpool(config.spool, options),
      onProblem,
      timers,
      random,
    });
  }

  get status(): SinkStatus {
    return this.delivery.status;
  }

  accept(spans: readonly ReadableSpan[]): void {
    const { encoder, config } = this.options;
    const limits = { maxSpans: config.maxBatchSpans, maxBytes: config.maxBatchBytes };
    const { pieces, unreadable } = encodeSpans(encoder, spans, limits);
    this.delivery.giveUp(unreadable, 'unreadable');
    for (const piece of pieces) this.delivery.add(weighed(piece));
  }

  flush(timeoutMs: number): Promise<void> {
    return this.delivery.flush(timeoutMs);
  }

  shutdown(timeoutMs: number): Promise<void> {
    this.ended ??= this.delivery.shutdown(timeoutMs).then(() => this.options.sender.close());
    return this.ended;
  }
}

/** @throws UserError where the endpoint is none, a header cannot be sent, or a file of the TLS settings is of no use */
export function createOtlpSink(
  target: OtlpTarget,
  config: ExportConfig,
  onProblem: (message: string) => void,
): OtlpSink {
  return new OtlpSink({
    encoder: target.protocol === 'http/json' ? new OtlpJsonEncoder() : new OtlpProtobufEncoder(),
    sender: target.protocol === 'grpc' ? createGrpcSender(target) : createHttpSender(target),
    config,
    endpoint: target.endpoint,
    onProblem,
  });
}

function weighed({ count, bytes }: EncodedSpans): EncodedPiece {
  return { count, bytes, size: bytes.length };
}

/** A folder for each collector: what was meant for one is never sent to another, also when the configuration changes. */
function createSpool(
  { directory, maxBytes, maxAgeMs }: NonNullable<ExportConfig['spool']>,
  { encoder, endpoint, timers }: OtlpSinkOptions,
): Spool {
  const { origin, host, pathname } = new URL(endpoint);
  const hash = createHash('sha256').update(origin + pathname);
  const name = `${host.replace(/[^\w.-]+/g, '-')}-${hash.digest('hex').slice(0, 8)}`;
  return new Spool({
    directory: join(directory, name),
    format: encoder.contentType === 'application/json' ? 'json' : 'protobuf',
    maxBytes,
    maxAgeMs,
    timers,
  });
}
