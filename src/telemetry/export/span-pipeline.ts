import { type SpanContext, TraceFlags } from '@opentelemetry/api';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { within } from '../../util/within';
import type { SpanSink } from './span-sink';

/** Spans that are handed on at a time: enough to be quick, few enough to hold up nobody for long. */
const HANDFUL = 256;
/** How long less than a handful waits. */
const GATHER_MS = 100;

/** Keeps spans that the sampler left out, where their trace turns out to matter. */
export interface Tail {
  start(spanId: string, parentSpanId: string | undefined, isLocalRoot: boolean): void;
  /** What is to be exported now that this span has ended. */
  add(span: ReadableSpan, isLocalRoot: boolean): readonly ReadableSpan[];
  /** What is to be exported of what is undecided, as nothing more will end. */
  end(): readonly ReadableSpan[];
}

export interface SpanPipelineOptions {
  readonly sinks: readonly SpanSink[];
  /** Hides secrets. Called once for each span, whatever the number of exporters. */
  readonly redact: (span: ReadableSpan) => ReadableSpan;
  readonly tail?: Tail;
  /** Processors of the application. What they throw goes no further. */
  readonly others?: readonly SpanProcessor[];
}

/**
 * From the end of a span to the exporters' queues. Ending a span only puts it on a list; redaction and encoding follow for a handful at a time.
 *
 *     onEnd ─► handful ─► redaction ─► each sink's queue
 */
export class SpanPipeline implements SpanProcessor {
  private gathered: ReadableSpan[] = [];
  private timer: NodeJS.Timeout | undefined;
  private ended: Promise<void> | undefined;

  constructor(private readonly options: SpanPipelineOptions) {}

  get sinks(): readonly SpanSink[] {
    return this.options.sinks;
  }

  onStart(...given: Parameters<SpanProcessor['onStart']>): void {
    const { others, tail } = this.options;
    if (tail !== undefined) {
      const [span] = given;
      const { spanId, traceFlags } = span.spanContext();
      const parent = (span as unknown as ReadableSpan).parentSpanContext;
      if ((traceFlags & TraceFlags.SAMPLED) === 0) tail.start(spanId, parent?.spanId, isLocalRoot(parent));
    }
    if (others !== undefined) for (const other of others) guarded(() => other.onStart(...given));
  }

  onEnd(span: ReadableSpan): void {
    const { tail, others } = this.options;
    if (others !== undefined) for (const other of others) guarded(() => other.onEnd(span));
    if (span.spanContext().traceFlags & TraceFlags.SAMPLED) this.gather(span);
    else if (tail !== undefined) {
      for (const kept of tail.add(span, isLocalRoot(span.parentSpanContext))) this.gather(kept);
    }
  }

  /** Puts what was gathered into the exporters' queues now. */
  handOver(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.gathered.length === 0) return;
    const { sinks, redact } = this.options;
    const spans = this.gathered.map(redact);
    this.gathered = [];
    for (const sink of sinks) sink.accept(spans);
  }

  async forceFlush(timeoutMs = 5000): Promise<void> {
    this.handOver();
    const { sinks, others = [] } = this.options;
    await Promise.all([
      ...sinks.map((sink) => sink.flush(timeoutMs)),
      ...others.map((other) => within(timeoutMs, () => other.forceFlush())),
    ]);
  }

  shutdown(timeoutMs = 5000): Promise<void> {
    this.ended ??= this.end(timeoutMs);
    return this.ended;
  }

  private async end(timeoutMs: number): Promise<void> {
    const { sinks, tail, others = [] } = this.options;
    for (const kept of tail?.end() ?? []) this.gather(kept);
    this.handOver();
    await Promise.all([
      ...sinks.map((sink) => sink.shutdown(timeoutMs)),
      ...others.map((other) => within(timeoutMs, () => other.shutdown())),
    ]);
    // What ends later is still counted: the sinks drop it as `shutdown`.
    this.handOver();
  }

  private gather(span: ReadableSpan): void {
    this.gathered.push(span);
    if (this.gathered.length >= HANDFUL) this.handOver();
    else this.timer ??= setTimeout(() => this.handOver(), GATHER_MS).unref();
  }
}

function isLocalRoot(parent: SpanContext | undefined): boolean {
  return parent === undefined || parent.isRemote === true;
}

function guarded(call: () => void): void {
  try {
    call();
  } catch {
    // Somebody else's processor: its faults are not the application's.
  }
}
