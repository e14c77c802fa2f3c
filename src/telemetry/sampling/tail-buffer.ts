import { SpanStatusCode } from '@opentelemetry/api';
import { hrTimeToMilliseconds } from '@opentelemetry/core';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { SamplingConfig } from '../../config/telemetry-config';
import { type KeptBecause, keptSpan } from './kept-span';
import { LocalTrace, TraceQueue } from './local-trace';
import { RecentMap } from './recent-map';
import { roughSize } from './rough-size';

export interface TailBufferOptions {
  /** Bytes, roughly, of spans about which nothing is decided. Default: 32 MiB. */
  readonly maxBytes?: number;
  /** Local traces about which nothing is decided. Default: 10,000. */
  readonly maxTraces?: number;
  /** How long a local trace may go without its root's end, in milliseconds. Default: ten minutes. */
  readonly maxAgeMs?: number;
  /** Spans that have started and not ended, as far as they are remembered. Default: 100,000. */
  readonly maxOpenSpans?: number;
  /** Ended spans that are remembered for the sake of children that start later. Default: 20,000. */
  readonly maxEndedSpans?: number;
  /** Milliseconds of a clock that only goes forward. Default: the process's. */
  readonly now?: () => number;
}

const NOTHING: readonly ReadableSpan[] = [];

/**
 * Holds spans that are recorded but not sampled until it is known whether their local trace matters: a span of this process without a
 * parent here, its root, and all that is below. Two requests of one distributed trace are two local traces.
 *
 *     undecided ─ a span ends with an error ────────────────► kept: 'error'
 *         │  │
 *         │  └─── its root takes longer than the limit ─────► kept: 'slow'
 *         ├────── its root ends, nothing of that kind ──────► left out ────┐
 *         └────── too old, or too much is held: oldest first ► given up ───┴─ an error after all ─► kept: 'error'
 *
 * What ends later goes the way of its trace. Of one that was left out or given up, an error still gets out, and what ends behind it;
 * of one that was given up, also a root that took too long.
 * The root of a kept trace, or the span that was the reason where the root has already gone, says why, by `sampling.kept`.
 *
 * It has no timer: time is looked at whenever a span starts or ends.
 */
export class TailBuffer {
  private readonly keepErrors: boolean;
  private readonly slowMs: number;
  private readonly maxBytes: number;
  private readonly maxTraces: number;
  private readonly maxAgeMs: number;
  private readonly now: () => number;

  /** To which local trace a span belongs. */
  private readonly open: RecentMap<string, LocalTrace>;
  private readonly ended: RecentMap<string, LocalTrace>;
  private readonly undecided = new TraceQueue();
  private heldBytes = 0;
  private heldSpans = 0;
  private lost = 0;
  /** To be handed out by the next call that can. */
  private ready: ReadableSpan[] = [];

  constructor(config: Pick<SamplingConfig, 'keepErrors' | 'keepSlowerThanMs'>, options: TailBufferOptions = {}) {
    this.keepErrors = config.keepErrors;
    this.slowMs = config.keepSlowerThanMs ?? Number.POSITIVE_INFINITY;
    this.maxBytes = options.maxBytes ?? 32 * 2 ** 20;
    this.maxTraces = options.maxTraces ?? 10_000;
    this.maxAgeMs = options.maxAgeMs ?? 600_000;
    this.now = options.now ?? (() => performance.now());
    this.open = new RecentMap(options.maxOpenSpans ?? 100_000);
    this.ended = new RecentMap(options.maxEndedSpans ?? 20_000);
  }

  /** Spans that are held now. */
  get held(): number {
    return this.heldSpans;
  }

  /** Spans that were lost because their trace was given up, or was too long ago to be remembered. */
  get discarded(): number {
    return this.lost;
  }

  /**
   * Takes note of a recorded, unsampled span that starts.
   *
   * @param isLocalRoot whether it has no parent, or one in another process
   */
  start(spanId: string, parentSpanId: string | undefined, isLocalRoot: boolean): void {
    const parent = isLocalRoot || parentSpanId === undefined ? undefined : this.traceOf(parentSpanId);
    this.open.set(spanId, parent ?? this.begin(spanId));
  }

  /**
   * Takes a recorded, unsampled span that has ended.
   *
   * @returns what is to be exported now, of this trace and of others
   */
  add(span: ReadableSpan, isLocalRoot: boolean): readonly ReadableSpan[] {
    const { spanId } = span.spanContext();
    const trace = this.traceOf(spanId) ?? forgottenTrace(isLocalRoot ? spanId : undefined);
    this.open.delete(spanId);
    this.ended.set(spanId, trace);

    const isRoot = trace.rootId === spanId;
    if (trace.because !== undefined) this.ready.push(isRoot ? keptSpan(span, trace.because) : span);
    else {
      const because = this.reasonToKeep(span, isRoot, trace);
      if (because !== undefined) this.keep(trace, because, span, isRoot);
      else if (trace.state === 'undecided' && !isRoot) this.hold(trace, span);
      else if (trace.state === 'undecided') this.leaveOut(trace);
      else if (trace.state === 'given-up') this.lost += 1;
    }
    if (isRoot) trace.rootEnded = true;
    this.giveUpWhatIsTooMuch();
    return this.takeReady();
  }

  /** Gives up all that is undecided, as nothing more will end. */
  end(): readonly ReadableSpan[] {
    while (this.undecided.oldest) this.giveUp(this.undecided.oldest);
    return this.takeReady();
  }

  private traceOf(spanId: string): LocalTrace | undefined {
    return this.open.get(spanId) ?? this.ended.get(spanId);
  }

  private begin(rootId: string): LocalTrace {
    const trace = new LocalTrace(rootId, this.now());
    this.undecided.add(trace);
    this.giveUpWhatIsTooMuch();
    return trace;
  }

  private reasonToKeep(span: ReadableSpan, isRoot: boolean, trace: LocalTrace): KeptBecause | undefined {
    if (this.keepErrors && span.status.code === SpanStatusCode.ERROR) return 'error';
    const isSlow = isRoot ? hrTimeToMilliseconds(span.duration) > this.slowMs : this.isSlowAlready(trace);
    return isSlow ? 'slow' : undefined;
  }

  /** A root that has not ended by now will have taken too long when it does. */
  private isSlowAlready(trace: LocalTrace): boolean {
    return trace.state === 'undecided' && this.now() - trace.startedAt > this.slowMs;
  }

  private keep(trace: LocalTrace, because: KeptBecause, span: ReadableSpan, isRoot: boolean): void {
    this.release(trace, because);
    this.ready.push(isRoot || trace.rootEnded ? keptSpan(span, because) : span);
  }

  private release(trace: LocalTrace, because: KeptBecause): void {
    // One by one: as arguments, they could be too many for the stack.
    for (const span of this.decide(trace, 'kept')) this.ready.push(span);
    trace.because = because;
  }

  private leaveOut(trace: LocalTrace): void {
    this.decide(trace, 'left-out');
  }

  private giveUp(trace: LocalTrace): void {
    if (this.isSlowAlready(trace)) this.release(trace, 'slow');
    else this.lost += this.decide(trace, 'given-up').length;
  }

  /** @returns the spans that were held */
  private decide(trace: LocalTrace, state: 'kept' | 'left-out' | 'given-up'): readonly ReadableSpan[] {
    const { spans, bytes } = trace;
    if (trace.state === 'undecided') this.undecided.remove(trace);
    this.heldSpans -= spans.length;
    this.heldBytes -= bytes;
    trace.state = state;
    trace.spans = [];
    trace.bytes = 0;
    return spans;
  }

  private hold(trace: LocalTrace, span: ReadableSpan): void {
    const bytes = roughSize(span);
    trace.spans.push(span);
    trace.bytes += bytes;
    this.heldSpans += 1;
    this.heldBytes += bytes;
  }

  private giveUpWhatIsTooMuch(): void {
    let { oldest } = this.undecided;
    while (oldest && this.isTooMuch(oldest)) {
      this.giveUp(oldest);
      oldest = this.undecided.oldest;
    }
  }

  private isTooMuch(oldest: LocalTrace): boolean {
    if (this.undecided.size > this.maxTraces || this.heldBytes > this.maxBytes) return true;
    return this.now() - oldest.startedAt > this.maxAgeMs;
  }

  private takeReady(): readonly ReadableSpan[] {
    if (this.ready.length === 0) return NOTHING;
    const spans = this.ready;
    this.ready = [];
    return spans;
  }
}

/** Stands for the trace of a span that nobody knows any more. */
function forgottenTrace(rootId: string | undefined): LocalTrace {
  const trace = new LocalTrace(rootId, 0);
  trace.state = 'given-up';
  trace.rootEnded = rootId === undefined;
  return trace;
}
