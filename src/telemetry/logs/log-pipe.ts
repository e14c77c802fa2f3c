import type { AnyValue } from '@opentelemetry/api-logs';
import type { LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord } from '@opentelemetry/sdk-logs';
import type { ExportConfig } from '../../config/telemetry-config';
import { count } from '../../util/words';
import type { DropReason, Sender, SendResult, SinkStatus } from '../export/span-sink';

export interface LogPipeOptions {
  /** Fit to be shown. */
  readonly endpoint: string;
  readonly sender: Sender;
  /** The body of one request; redacted. */
  readonly encode: (records: readonly ReadableLogRecord[]) => Buffer;
  readonly limits: ExportConfig;
  /** Told when something begins to go wrong, and again only after it went well in between. */
  readonly onProblem: (message: string) => void;
}

/** A record, and about how many bytes it takes. */
interface Waiting {
  readonly record: ReadableLogRecord;
  readonly bytes: number;
}

/**
 * Sends log records to a collector, in batches and in order. What cannot be sent now waits in memory, up to a number of bytes; what
 * finds no room is dropped, counted, and said once.
 *
 *     gathering ──batch full, delay over, flush──► sending ──sent or refused──► gathering
 *                                                   │   ▲
 *                                         try later ▼   │ back-off over, flush
 *                                                  waiting
 *
 *     end ──► sending, until the deadline ──► ended; what is left is dropped
 */
export class LogPipe implements LogRecordProcessor {
  private readonly queue: Waiting[] = [];
  private queuedBytes = 0;
  private made = 0;
  private exported = 0;
  private readonly dropped: Record<DropReason, number> = {
    'queue-full': 0,
    rejected: 0,
    'too-old': 0,
    shutdown: 0,
    unreadable: 0,
  };
  private healthy = true;
  private hasRoom = true;
  private lastSuccessAt: number | undefined;
  private lastError: SinkStatus['lastError'];
  private timer: NodeJS.Timeout | undefined;
  private sending: Promise<void> | undefined;
  /** Ends a back-off early. */
  private hurry: () => void = () => {};
  private readonly stop = new AbortController();
  private ended: Promise<void> | undefined;

  constructor(private readonly options: LogPipeOptions) {}

  get status(): SinkStatus {
    const gone = Object.values(this.dropped).reduce((sum, some) => sum + some, this.exported);
    return {
      exporter: 'otlp',
      endpoint: this.options.endpoint,
      made: this.made,
      exported: this.exported,
      queued: this.made - gone,
      spooled: 0,
      dropped: { ...this.dropped },
      queuedBytes: this.queuedBytes,
      spooledBytes: 0,
      lastSuccessAt: this.lastSuccessAt,
      lastError: this.lastError,
      healthy: this.healthy,
    };
  }

  onEmit(record: ReadWriteLogRecord): void {
    const { maxQueueBytes, maxBatchSpans, scheduleDelayMs } = this.options.limits;
    this.made++;
    if (this.ended) return this.drop('shutdown', 1);
    const bytes = weightOf(record);
    if (this.queuedBytes + bytes > maxQueueBytes) {
      if (this.hasRoom) this.options.onProblem('logs: too many wait to be sent; further ones are dropped');
      this.hasRoom = false;
      return this.drop('queue-full', 1);
    }
    this.queue.push({ record, bytes });
    this.queuedBytes += bytes;
    if (this.queue.length >= maxBatchSpans) this.send();
    // Waiting keeps no process alive: whoever wants its last records sent shuts telemetry down.
    else this.timer ??= setTimeout(() => this.send(), scheduleDelayMs).unref();
  }

  /** Resolves when all that is here is sent or given up, or the time is over. Never rejects. */
  async flush(timeoutMs: number): Promise<void> {
    this.send();
    this.hurry();
    await within(timeoutMs, this.sending);
  }

  /** Flushes, then gives up what is left. Never rejects; a second call waits for the same end. */
  end(timeoutMs: number): Promise<void> {
    this.ended ??= this.finish(timeoutMs);
    return this.ended;
  }

  forceFlush(options?: { timeoutMillis?: number }): Promise<void> {
    return this.flush(options?.timeoutMillis ?? this.options.limits.shutdownTimeoutMs);
  }

  shutdown(): Promise<void> {
    return this.end(this.options.limits.shutdownTimeoutMs);
  }

  private async finish(timeoutMs: number): Promise<void> {
    await this.flush(timeoutMs);
    this.stop.abort();
    this.hurry();
    await this.sending;
    clearTimeout(this.timer);
    this.options.sender.close();
    this.drop('shutdown', this.queue.splice(0).length);
    this.queuedBytes = 0;
    const lost = this.dropped.shutdown;
    if (lost > 0) this.options.onProblem(`logs: ${count(lost, 'record')} could not be sent before the end`);
  }

  private send(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.sending ??= this.drain().finally(() => {
      this.sending = undefined;
    });
  }

  private async drain(): Promise<void> {
    // Whoever emits a record has not let go of it yet, and does not wait for its way out.
    await Promise.resolve();
    while (this.queue.length > 0 && !this.stop.signal.aborted) {
      const batch = this.nextBatch();
      await this.sendBatch(batch.map(({ record }) => record));
      this.queuedBytes -= batch.reduce((sum, { bytes }) => sum + bytes, 0);
      this.hasRoom = true;
    }
  }

  private nextBatch(): Waiting[] {
    const { maxBatchSpans, maxBatchBytes } = this.options.limits;
    let taken = 0;
    let bytes = 0;
    for (const waiting of this.queue.slice(0, maxBatchSpans)) {
      bytes += waiting.bytes;
      if (taken > 0 && bytes > maxBatchBytes) break;
      taken++;
    }
    return this.queue.splice(0, taken);
  }

  private async sendBatch(records: readonly ReadableLogRecord[]): Promise<void> {
    let body: Buffer;
    try {
      body = this.options.encode(records);
    } catch {
      // One of them is to blame, and only that one is given up.
      if (records.length > 1) for (const record of records) await this.sendBatch([record]);
      else this.drop('unreadable', 1);
      return;
    }
    const { sender, limits } = this.options;
    for (let backoffMs = limits.initialBackoffMs; ; backoffMs = Math.min(backoffMs * 2, limits.maxBackoffMs)) {
      if (this.stop.signal.aborted) return this.drop('shutdown', records.length);
      const result = await sender.send(body, records.length, this.stop.signal);
      if (result.kind !== 'retry') return this.conclude(result, records.length);
      if (!this.stop.signal.aborted) {
        this.fail(`cannot send to ${this.options.endpoint}: ${result.message}`);
        await this.pause(result.retryAfterMs ?? backoffMs * (0.5 + Math.random() / 2));
      }
    }
  }

  private conclude(result: Exclude<SendResult, { kind: 'retry' }>, records: number): void {
    if (result.kind === 'refused') {
      this.drop('rejected', records);
      this.fail(`${this.options.endpoint} refuses them: ${result.message}`);
      return;
    }
    this.exported += records - result.rejected;
    this.drop('rejected', result.rejected);
    this.lastSuccessAt = Date.now();
    if (result.rejected > 0) {
      const words = `${this.options.endpoint} rejected ${count(result.rejected, 'record')}`;
      this.fail(result.message ? `${words}: ${result.message}` : words);
    } else this.healthy = true;
  }

  private drop(reason: DropReason, records: number): void {
    this.dropped[reason] += records;
  }

  private fail(message: string): void {
    this.lastError = { at: Date.now(), message };
    if (this.healthy) this.options.onProblem(`logs: ${message}`);
    this.healthy = false;
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      this.hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function within(ms: number, work: Promise<void> | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    void work?.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

const RECORD_BYTES = 128;
const MAX_DEPTH = 8;

function weightOf({ body, attributes }: ReadableLogRecord): number {
  return RECORD_BYTES + bytesOf(body, 0) + bytesOf(attributes, 0);
}

/** Near enough for a bound: characters count for bytes. */
function bytesOf(value: AnyValue, depth: number): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return 8;
  if (value instanceof Uint8Array) return value.length;
  let bytes = 8;
  for (const [key, item] of Object.entries(value)) bytes += key.length + bytesOf(item as AnyValue, depth + 1);
  return bytes;
}
