import {
  type Context,
  context,
  ROOT_CONTEXT,
  SamplingDecision,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  TraceFlags,
  type Tracer,
  type TracerOptions,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import { isTracingSuppressed } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type { IdGenerator, Sampler, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { SpanLimitsConfig } from '../../config/telemetry-config';
import { RecordedSpan, type SpanOrigin } from './recorded-span';
import { randomIds } from './span-ids';
import { SpanScope, spanIn } from './span-scope';

export interface SpanTracerOptions {
  readonly resource: Resource;
  readonly sampler: Sampler;
  /** Whether children of a span that is sampled here are sampled without asking. */
  readonly sampledParentIsFinal: boolean;
  readonly limits: SpanLimitsConfig;
  readonly processor: Pick<SpanProcessor, 'onStart' | 'onEnd'>;
  /** Default: random. */
  readonly ids?: IdGenerator;
}

/** Makes tracers; the same one for the same name and version. */
export class SpanTracerProvider implements TracerProvider {
  private readonly tracers = new Map<string, SpanTracer>();

  constructor(private readonly options: SpanTracerOptions) {}

  getTracer(name: string, version?: string, options?: TracerOptions): Tracer {
    const key = `${name}@${version ?? ''}:${options?.schemaUrl ?? ''}`;
    const known = this.tracers.get(key);
    if (known) return known;
    const tracer = new SpanTracer(this.options, { name, version, schemaUrl: options?.schemaUrl });
    this.tracers.set(key, tracer);
    return tracer;
  }
}

const NOT_TRACED = trace.wrapSpanContext({
  traceId: '00000000000000000000000000000000',
  spanId: '0000000000000000',
  traceFlags: TraceFlags.NONE,
});

/** A tracer as the API describes it, over {@link RecordedSpan}. */
class SpanTracer implements Tracer {
  private readonly origin: SpanOrigin;
  private readonly ids: IdGenerator;

  constructor(
    private readonly options: SpanTracerOptions,
    scope: SpanOrigin['scope'],
  ) {
    const { resource, limits, processor } = options;
    this.origin = { resource, limits, processor, scope };
    this.ids = options.ids ?? randomIds;
  }

  startSpan(name: string, options: SpanOptions = {}, parent: Context = context.active()): Span {
    if (isTracingSuppressed(parent)) return NOT_TRACED;
    const within = options.root ? trace.deleteSpan(parent) : parent;
    const parentSpan = spanIn(within);
    const kind = options.kind ?? SpanKind.INTERNAL;
    const { sampledParentIsFinal, sampler } = this.options;
    const spanId = this.ids.generateSpanId();

    // The way nearly all spans go.
    if (parentSpan instanceof RecordedSpan && sampledParentIsFinal) {
      const parentIds = parentSpan.spanContext();
      if (parentIds.traceFlags & TraceFlags.SAMPLED)
        return new RecordedSpan(
          this.origin,
          name,
          { traceId: parentIds.traceId, spanId, traceFlags: TraceFlags.SAMPLED, traceState: parentIds.traceState },
          parentIds,
          kind,
          options.startTime,
          options.attributes,
          undefined,
          options.links,
          within,
        );
    }
    const given = parentSpan?.spanContext();
    const parentIds = given && trace.isSpanContextValid(given) ? given : undefined;
    const traceId = parentIds?.traceId ?? this.ids.generateTraceId();
    const decision = sampler.shouldSample(within, traceId, name, kind, options.attributes ?? {}, options.links ?? []);
    const ids: SpanContext = {
      traceId,
      spanId,
      traceFlags: decision.decision === SamplingDecision.RECORD_AND_SAMPLED ? TraceFlags.SAMPLED : TraceFlags.NONE,
      traceState: decision.traceState ?? parentIds?.traceState,
    };
    if (decision.decision === SamplingDecision.NOT_RECORD) return trace.wrapSpanContext(ids);
    return new RecordedSpan(
      this.origin,
      name,
      ids,
      parentIds,
      kind,
      options.startTime,
      options.attributes,
      decision.attributes,
      options.links,
      within,
    );
  }

  startActiveSpan<F extends (span: Span) => unknown>(name: string, fn: F): ReturnType<F>;
  startActiveSpan<F extends (span: Span) => unknown>(name: string, options: SpanOptions, fn: F): ReturnType<F>;
  startActiveSpan<F extends (span: Span) => unknown>(
    name: string,
    options: SpanOptions,
    of: Context,
    fn: F,
  ): ReturnType<F>;
  startActiveSpan(name: string, ...rest: unknown[]): unknown {
    const fn = rest.pop() as (span: Span) => unknown;
    const [options, of] = rest as [SpanOptions?, Context?];
    const parent = of ?? context.active() ?? ROOT_CONTEXT;
    const span = this.startSpan(name, options, parent);
    return context.with(SpanScope.of(parent, span), fn, undefined, span);
  }
}
