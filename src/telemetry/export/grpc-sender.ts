import type { Client, Metadata, ServiceError, status } from '@grpc/grpc-js';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import type { OtlpTarget } from '../../config/telemetry-config';
import { type CollectorAccess, collectorAccess } from './collector-access';
import { readPartialSuccess, readRetryDelay } from './otlp-response';
import type { Sender, SendResult } from './span-sink';

export interface GrpcSenderOptions {
  /** The method to call. Default: `/opentelemetry.proto.collector.trace.v1.TraceService/Export`. */
  readonly method?: string;
}

const EXPORT_TRACES = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

/** The codes that OTLP wants tried again. `RESOURCE_EXHAUSTED` is one only with a `RetryInfo`: a request too large stays too large. */
const TRY_AGAIN: ReadonlySet<keyof typeof status> = new Set([
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNAVAILABLE',
  'DATA_LOSS',
]);

/**
 * A stream that is reset has no status of the collector's, and grpc-js makes one up, mostly `INTERNAL`. It is as if the
 * connection had been cut, which says nothing against what was sent.
 */
const WAS_RESET = /^(Received RST_STREAM|Bandwidth exhausted)/;

const UNTRACED = suppressTracing(ROOT_CONTEXT);

type Grpc = typeof import('@grpc/grpc-js');

const STOPPED: SendResult = { kind: 'retry', message: 'stopped before the collector answered' };

const asIs = (bytes: Buffer) => bytes;

/**
 * A way to send export requests of any signal over gRPC. Loads `@grpc/grpc-js` with the first request: it is heavy.
 *
 * A channel that could not connect fails all calls until its own back-off is over, also when the collector is long back. So
 * it is thrown away: when to try is decided by whoever sends, and the next request dials at once.
 *
 * @throws UserError where the endpoint is none, a header cannot be sent, or a file of the TLS settings is of no use
 */
export function createGrpcSender(target: OtlpTarget, options: GrpcSenderOptions = {}): Sender {
  return new GrpcSender(target, collectorAccess(target), options.method ?? EXPORT_TRACES);
}

class GrpcSender implements Sender {
  private client: Client | undefined;
  private readonly unfinished = new Set<() => void>();
  private closed = false;

  constructor(
    private readonly target: OtlpTarget,
    private readonly access: CollectorAccess,
    private readonly method: string,
  ) {}

  send(body: Buffer, spans: number, signal: AbortSignal): Promise<SendResult> {
    return new Promise<SendResult>((resolve) => {
      if (signal.aborted || this.closed) return resolve(STOPPED);
      const grpc = loadGrpc();
      const client = this.connect(grpc);
      const { timeoutMs } = this.target;
      let ended: SendResult | undefined;
      const call = context.with(UNTRACED, () =>
        client.makeUnaryRequest(this.method, asIs, asIs, body, this.metadata(grpc), {}, (error, answer) => {
          clearTimeout(timer);
          signal.removeEventListener('abort', stop);
          this.unfinished.delete(stop);
          if (error) this.keepOrRetire(client, grpc, ended !== undefined);
          if (error) resolve(ended ?? this.failure(grpc, error));
          else resolve(this.success(answer ?? Buffer.alloc(0), spans));
        }),
      );
      const end = (result: SendResult) => {
        ended ??= result;
        call.cancel();
      };
      const stop = () => end(STOPPED);
      // A deadline of gRPC's own goes by the wall clock, which may be set while we wait.
      const timer = setTimeout(() => end({ kind: 'retry', message: `no answer within ${timeoutMs} ms` }), timeoutMs);
      signal.addEventListener('abort', stop);
      this.unfinished.add(stop);
    }).catch((error: Error): SendResult => ({ kind: 'retry', message: this.access.shown(error.message) }));
  }

  close(): void {
    this.closed = true;
    for (const stop of [...this.unfinished]) stop();
    this.client?.close();
    this.client = undefined;
  }

  private connect({ Client, compressionAlgorithms, credentials }: Grpc): Client {
    const { url, tls, headers } = this.access;
    const isSecure = url.protocol === 'https:';
    this.client ??= new Client(
      `${url.hostname}:${url.port || (isSecure ? 443 : 80)}`,
      isSecure ? credentials.createSsl(tls.ca, tls.key, tls.cert) : credentials.createInsecure(),
      {
        'grpc.default_compression_algorithm':
          compressionAlgorithms[this.target.compression === 'gzip' ? 'gzip' : 'identity'],
        'grpc.primary_user_agent': headers['user-agent'],
        // Whether and when to try again is not the channel's to decide, nor that of a record in the DNS.
        'grpc.enable_retries': 0,
        'grpc.service_config_disable_resolution': 1,
        'grpc.initial_reconnect_backoff_ms': 200,
        'grpc.max_reconnect_backoff_ms': 1000,
        // A channel of the application's own to the same collector has its own connection, with its own back-off.
        'grpc.use_local_subchannel_pool': 1,
      },
    );
    return this.client;
  }

  private metadata({ Metadata }: Grpc): Metadata {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(this.access.headers)) {
      metadata.set(name, name.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
    }
    return metadata;
  }

  private keepOrRetire(client: Client, { connectivityState }: Grpc, wasEnded: boolean): void {
    const isConnected = client.getChannel().getConnectivityState(false) === connectivityState.READY;
    // A peer that is gone without a word looks connected for as long as the kernel tries.
    if (isConnected && !wasEnded) return;
    if (this.client === client) this.client = undefined;
    client.close();
  }

  private success(answer: Buffer, spans: number): SendResult {
    const { rejected, message } = readPartialSuccess(answer);
    return {
      kind: 'sent',
      rejected: Math.min(rejected, spans),
      ...(message && { message: this.access.shown(message) }),
    };
  }

  private failure({ status }: Grpc, { code, details, metadata }: ServiceError): SendResult {
    const name = status[code] as keyof typeof status;
    const message = this.access.shown(`${name}: ${details}`);
    const retryInfo = metadata?.get('grpc-status-details-bin')[0];
    const retryAfterMs = Buffer.isBuffer(retryInfo) ? readRetryDelay(retryInfo) : undefined;
    const mayRecover = name === 'RESOURCE_EXHAUSTED' && retryAfterMs !== undefined;
    return TRY_AGAIN.has(name) || mayRecover || WAS_RESET.test(details)
      ? { kind: 'retry', message, retryAfterMs }
      : { kind: 'refused', message };
  }
}

function loadGrpc(): Grpc {
  return require('@grpc/grpc-js') as Grpc;
}
