import type { Context } from '@opentelemetry/api';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base';

/** A span that was started and not ended. */
export interface SpanLeak {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Where: the frames of the stack, innermost first, without those of the libraries. */
  readonly stack: readonly string[];
}

/** Remembers each span from its start to its end, with the stack that started it. Costs a stack for each span: for tests, and for hunting leaks. */
export class SpanLeaks implements SpanProcessor {
  private readonly open = new Map<string, SpanLeak>();

  onStart(span: ReadableSpan, _parent: Context): void {
    const { traceId, spanId } = span.spanContext();
    this.open.set(spanId, { name: span.name, traceId, spanId, startedAt: Date.now(), stack: callers() });
  }

  onEnd(span: ReadableSpan): void {
    this.open.delete(span.spanContext().spanId);
  }

  /** Those that are open now, the oldest first. */
  get list(): readonly SpanLeak[] {
    return [...this.open.values()];
  }

  reset(): void {
    this.open.clear();
  }

  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}

/** One level up from the file's own folder is telemetry/: whose frames tell the reader nothing. */
const OURS = __dirname.replace(/[\\/]testing$/, '');

function callers(): string[] {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 40;
  const { stack = '' } = new Error('here');
  Error.stackTraceLimit = stackTraceLimit;
  return stack
    .split('\n')
    .slice(1)
    .map((line) => line.trim().replace(/^at /, ''))
    .filter((frame) => !frame.includes(OURS) && !frame.includes('node:') && !frame.includes('node_modules'));
}
