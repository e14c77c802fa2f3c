import { createHash } from 'node:crypto';
import { type Context, ROOT_CONTEXT, type Span, type SpanOptions, TraceFlags, trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  type IdGenerator,
  type ReadableSpan,
  type Sampler,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import type { SamplingConfig } from '../../../src/config/telemetry-config';
import { createSampler } from '../../../src/telemetry/sampling/sampler';
import { TailBuffer, type TailBufferOptions } from '../../../src/telemetry/sampling/tail-buffer';

export const ALL: SamplingConfig = { sampler: 'parentbased_always_on', ratio: 1, rules: [], keepErrors: false };
export const NONE: SamplingConfig = { ...ALL, sampler: 'parentbased_always_off' };

/** Ids that look random and are the same in every run. */
export function traceIds(count: number): string[] {
  return Array.from({ length: count }, (_, index) =>
    createHash('sha256').update(`trace ${index}`).digest('hex').slice(0, 32),
  );
}

/** A trace that a `traceidratio` of 0.1 takes, and one that even 0.9 does not. */
export const TAKEN = '00000000000000000000000000000001';
export const NOT_TAKEN = 'ffffffff000000000000000000000000';

class Ids implements IdGenerator {
  private spans = 0;
  constructor(private readonly traces: string[]) {}
  generateTraceId(): string {
    return this.traces.shift() ?? createHash('sha256').update(`more ${this.spans}`).digest('hex').slice(0, 32);
  }
  generateSpanId(): string {
    this.spans += 1;
    return this.spans.toString(16).padStart(16, '0');
  }
}

export type Outcome = 'sampled' | 'recorded' | 'left out';

/** A process with OpenTelemetry's own SDK, our sampler, and our tail where the config asks for one. */
export class Service {
  readonly exported: ReadableSpan[] = [];
  readonly tail: TailBuffer;
  private readonly provider: BasicTracerProvider;

  constructor(
    config: SamplingConfig,
    options: { traces?: string[]; tail?: TailBufferOptions; sampler?: Sampler } = {},
  ) {
    this.tail = new TailBuffer(config, options.tail);
    this.provider = new BasicTracerProvider({
      sampler: options.sampler ?? createSampler(config),
      idGenerator: new Ids(options.traces ?? []),
      spanProcessors: [this.processor()],
    });
  }

  start(name: string, parent: Span | Context = ROOT_CONTEXT, options: SpanOptions = {}): Span {
    const context = 'spanContext' in parent ? trace.setSpan(ROOT_CONTEXT, parent) : parent;
    return this.provider.getTracer('test').startSpan(name, options, context);
  }

  outcome(name: string, parent?: Span | Context): Outcome {
    return outcomeOf(this.start(name, parent));
  }

  /** Names of what was exported, in that order. */
  get names(): string[] {
    return this.exported.map(({ name }) => name);
  }

  private processor(): SpanProcessor {
    const isLocalRoot = ({ parentSpanContext: parent }: ReadableSpan) =>
      parent === undefined || parent.isRemote === true;
    const isSampled = (span: ReadableSpan) => (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0;
    return {
      onStart: (span) => {
        if (!isSampled(span)) {
          this.tail.start(span.spanContext().spanId, span.parentSpanContext?.spanId, isLocalRoot(span));
        }
      },
      onEnd: (span) => {
        this.exported.push(...(isSampled(span) ? [span] : this.tail.add(span, isLocalRoot(span))));
      },
      forceFlush: async () => undefined,
      shutdown: async () => undefined,
    };
  }
}

export function outcomeOf(span: Span): Outcome {
  if (span.spanContext().traceFlags & TraceFlags.SAMPLED) return 'sampled';
  return span.isRecording() ? 'recorded' : 'left out';
}

/** The context of a request that came with this caller's ids. */
export function calledBy(traceId: string, traceFlags: TraceFlags): Context {
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId: 'b7ad6b7169203331', traceFlags, isRemote: true });
}
