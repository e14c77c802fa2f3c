import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { KeptBecause } from './kept-span';

/** A local root, what is below it as far as it has ended and is held, and what became of them. */
export class LocalTrace {
  state: 'undecided' | 'kept' | 'left-out' | 'given-up' = 'undecided';
  /** Of one that is kept. */
  because: KeptBecause | undefined;
  rootEnded = false;
  spans: ReadableSpan[] = [];
  bytes = 0;

  /** Neighbours in a {@link TraceQueue}. */
  older: LocalTrace | undefined;
  newer: LocalTrace | undefined;

  constructor(
    readonly rootId: string | undefined,
    readonly startedAt: number,
  ) {}
}

/** Traces in the order in which they came. Any of them can leave at any time. */
export class TraceQueue {
  oldest: LocalTrace | undefined;
  size = 0;
  private newest: LocalTrace | undefined;

  add(trace: LocalTrace): void {
    trace.older = this.newest;
    if (this.newest) this.newest.newer = trace;
    else this.oldest = trace;
    this.newest = trace;
    this.size += 1;
  }

  /** @param trace one that is in the queue */
  remove(trace: LocalTrace): void {
    const { older, newer } = trace;
    if (older) older.newer = newer;
    else this.oldest = newer;
    if (newer) newer.older = older;
    else this.newest = older;
    trace.older = undefined;
    trace.newer = undefined;
    this.size -= 1;
  }
}
