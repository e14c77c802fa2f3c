import type { AnyValue } from '@opentelemetry/api-logs';
import type { LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord } from '@opentelemetry/sdk-logs';
import type { ExportConfig } from '../../config/telemetry-config';
import { within } from '../../util/within';
import { count } from '../../util/words';
import { systemTimers } from '../export/sink-timers';
import { SpanAccount } from '../export/span-account';
import type { Sender, SendResult, SinkStatus } from '../export/span-sink';

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
  /** Its rule is that of spans: what came in is somewhere. */
  private readonly account = new SpanAccount();
  private healthy = true;
  private hasRoom = true;
  private lastSuccessAt: number | undefined;
  private lastError: SinkStatus['lastError'];
  private cancelTimer: (() => void) | undefined;
  private sending: Promise<void> | undefined;
  /** Ends a back-off early. */
  private hurry: () => void = () => {};
  private readonly stop = new AbortController();
  private ended: Promise<void> | undefined;

  constructor(private readonly options: LogPipeOptions) {}

  get status(): SinkStatus {
    return {
      ...this.account.counts,
      exporter: 'otlp',
      endpoint: this.options.endpoint,
      queuedBytes: this.queuedBytes,
      spooledBytes: 0,
      lastSuccessAt: this.lastSuccessAt,
      lastError: this.lastError,
      healthy: this.healthy,
    };
  }

  onEmit(record: ReadWriteLogRecord): void {
    const { maxQueueBytes, maxBatchSpans, scheduleDelayMs } = this.options.limits;
    if (this.ended) return this.account.enter('shutdown', 1);
    const bytes = weightOf(record);
    if (this.queuedBytes + bytes > maxQueueBytes) {
      if (this.hasRoom) this.options.onProblem('logs: too many wait to be sent; further ones are dropped');
      this.hasRoom = false;
      return this.account.enter('queue-full', 1);
    }
    this.account.enter('queued', 1);
    this.queue.push({ record, bytes });
    this.queuedBytes += bytes;
    if (this.queue.length >= maxBatchSpans) this.send();
    // Waiting keeps no process alive: whoever wants its last records sent shuts telemetry down.
    else this.cancelTimer ??= systemTimers.after(scheduleDelayMs, () => this.send());
  }

  /** Resolves when all that is here is sent or given up, or the time is over. Never rejects. */
  async flush(timeoutMs: number): Promise<void> {
    this.send();
    this.hurry();
    await within(timeoutMs, async () => this.sending);
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
    this.cancelTimer?.();
    this.options.sender.close();
    this.account.move('queued', 'shutdown', this.queue.splice(0).length);
    this.queuedBytes = 0;
    const lost = this.account.counts.dropped.shutdown;
    if (lost > 0) this.options.onProblem(`logs: ${count(lost, 'record')} could not be sent before the end`);
  }

  private send(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    this.sending ??= this.drain().finally(() => {
      this.sending = undefined;
      // What came when all was sent, but before anybody could see it.
      if (this.queue.length > 0 && !this.stop.signal.aborted) this.send();
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
      else this.account.move('queued', 'unreadable', 1);
      return;
    }
    const { sender, limits } = this.options;
    for (let backoffMs = limits.initialBackoffMs; ; backoffMs = Math.min(backoffMs * 2, limits.maxBackoffMs)) {
      if (this.stop.signal.aborted) return this.account.move('queued', 'shutdown', records.length);
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
      this.account.move('queued', 'rejected', records);
      this.fail(`${this.options.endpoint} refuses them: ${result.message}`);
      return;
    }
    this.account.move('queued', 'exported', records - result.rejected);
    this.account.move('queued', 'rejected', result.rejected);
    this.lastSuccessAt = Date.now();
    if (result.rejected > 0) {
      const words = `${this.options.endpoint} rejected ${count(result.rejected, 'record')}`;
      this.fail(result.message ? `${words}: ${result.message}` : words);
    } else this.healthy = true;
  }

  private fail(message: string): void {
    this.lastError = { at: Date.now(), message };
    if (this.healthy) this.options.onProblem(`logs: ${message}`);
    this.healthy = false;
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = systemTimers.after(ms, resolve);
      this.hurry = () => {
        cancel();
        resolve();
      };
    });
  }
}

const RECORD_BYTES = 128;
const VALUE_BYTES = 8;
const MAX_VALUES = 1000;

/** Near enough for a bound: characters count for bytes, and what comes after a thousand values is not looked at. */
function weightOf({ body, attributes }: ReadableLogRecord): number {
  let bytes = RECORD_BYTES;
  const values: AnyValue[] = [body, attributes];
  for (let i = 0; i < values.length && i < MAX_VALUES; i++) {
    const value = values[i];
    bytes += VALUE_BYTES;
    if (typeof value === 'string' || value instanceof Uint8Array) bytes += value.length;
    else if (Array.isArray(value)) values.push(...value.slice(0, MAX_VALUES));
    else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value)) {
        bytes += key.length;
        values.push(item);
      }
    }
  }
  return bytes;
}
