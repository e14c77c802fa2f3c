import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { SpanAccount } from './span-account';
import type { SinkStatus, SpanSink } from './span-sink';

/** Keeps spans for tests to look at, until it is reset. */
export class MemorySink implements SpanSink {
  private readonly account = new SpanAccount();
  private kept: ReadableSpan[] = [];
  private isClosed = false;
  private lastSuccessAt: number | undefined;

  /** In the order in which they ended. */
  get spans(): readonly ReadableSpan[] {
    return this.kept;
  }

  /** Forgets the spans, not how many there were. */
  reset(): void {
    this.kept = [];
  }

  get status(): SinkStatus {
    const { lastSuccessAt } = this;
    return {
      exporter: 'memory',
      ...this.account.counts,
      queuedBytes: 0,
      spooledBytes: 0,
      lastSuccessAt,
      healthy: true,
    };
  }

  accept(spans: readonly ReadableSpan[]): void {
    if (this.isClosed) return this.account.enter('shutdown', spans.length);
    for (const span of spans) this.kept.push(span);
    this.account.enter('exported', spans.length);
    this.lastSuccessAt = Date.now();
  }

  async flush(): Promise<void> {}

  async shutdown(): Promise<void> {
    this.isClosed = true;
  }
}
