import { type DynamicModule, Global, Module } from '@nestjs/common';
import { context, propagation, type SpanContext, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';
import { InstrumentExplorer } from '../../../src/telemetry/instrument/instrument.explorer';
import { MessageExplorer } from '../../../src/telemetry/messages/message.explorer';
import { createPropagator } from '../../../src/telemetry/propagation';
import {
  TELEMETRY_OPTIONS,
  TELEMETRY_RUNTIME,
  type TelemetryModuleOptions,
} from '../../../src/telemetry/telemetry.options';
import { type ActiveTracing, claimTracing } from '../../../src/telemetry/tracing/active-tracing';
import { spanContextManager } from '../../../src/telemetry/tracing/span-context-manager';
import { SpanTracerProvider } from '../../../src/telemetry/tracing/span-tracer';

@Global()
@Module({})
class ExplorersModule {}

/** Tracing of this process whose spans a test can look at. */
export class Recorder {
  readonly ended: ReadableSpan[] = [];
  /** What people were told. */
  readonly told: string[] = [];
  readonly tracing: ActiveTracing;
  private readonly release: () => void;

  constructor({ sampled = true } = {}) {
    const provider = new SpanTracerProvider({
      resource: resourceFromAttributes({}),
      sampler: new ParentBasedSampler({ root: sampled ? new AlwaysOnSampler() : new AlwaysOffSampler() }),
      sampledParentIsFinal: true,
      limits: {
        attributeCountLimit: 128,
        attributeValueLengthLimit: 4096,
        eventCountLimit: 128,
        linkCountLimit: 128,
        attributePerEventCountLimit: 128,
        attributePerLinkCountLimit: 128,
      },
      processor: { onStart() {}, onEnd: (span) => void this.ended.push(span) },
    });
    this.tracing = {
      tracer: provider.getTracer('test'),
      active: () => spanContextManager.active(),
      run: (inContext, method, self, args) => spanContextManager.run(inContext, method, self, args),
      unsampledParentIsFinal: true,
    };
    context.setGlobalContextManager(spanContextManager.enable());
    propagation.setGlobalPropagator(createPropagator(['tracecontext', 'baggage']));
    trace.setGlobalTracerProvider(provider);
    this.release = claimTracing(this.tracing);
  }

  stop(): void {
    this.release();
    trace.disable();
    propagation.disable();
    context.disable();
  }

  /** What `TelemetryModule` brings of these options; `isOn: false` is an application whose telemetry is off. */
  explorers(options: TelemetryModuleOptions, { isOn = true } = {}): DynamicModule {
    return {
      module: ExplorersModule,
      providers: [
        { provide: TELEMETRY_OPTIONS, useValue: options },
        {
          provide: TELEMETRY_RUNTIME,
          useValue: { tracing: isOn ? this.tracing : undefined, tell: (message: string) => this.told.push(message) },
        },
        InstrumentExplorer,
        MessageExplorer,
      ],
    };
  }

  /** Runs work below a root span of this name. */
  async within<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    return this.tracing.tracer.startActiveSpan(name, async (span) => {
      try {
        return await work();
      } finally {
        span.end();
      }
    });
  }

  names(): string[] {
    return this.ended.map(({ name }) => name);
  }

  /** The only span of this name, and of this kind where it is given. */
  span(name: string, kind?: SpanKind): ReadableSpan {
    const found = this.ended.filter((span) => span.name === name && (kind === undefined || span.kind === kind));
    if (found.length !== 1) throw new Error(`${found.length} spans ${name}, among ${this.names().join(', ')}`);
    return found[0] as ReadableSpan;
  }

  /** The spans as a tree, an indented line for each, in the order of their starts: `name [kind] !error`. */
  tree(): string[] {
    const ids = new Set(this.ended.map((span) => span.spanContext().spanId));
    const lines: string[] = [];
    const ordered = [...this.ended].sort((a, b) => startOf(a) - startOf(b));
    const write = (parentId: string | undefined, indent: string) => {
      for (const span of ordered) {
        const parent = span.parentSpanContext?.spanId;
        if ((parent !== undefined && ids.has(parent) ? parent : undefined) !== parentId) continue;
        const kind = span.kind === SpanKind.INTERNAL ? '' : ` ${SpanKind[span.kind]?.toLowerCase()}`;
        const error = span.status.code === SpanStatusCode.ERROR ? ` !${span.attributes['error.type']}` : '';
        lines.push(`${indent}${span.name}${kind}${error}`);
        write(span.spanContext().spanId, `${indent}  `);
      }
    };
    write(undefined, '');
    return lines;
  }

  /** Resolves when a span of this name has ended. */
  async ending(name: string): Promise<ReadableSpan> {
    for (;;) {
      const found = this.ended.find((span) => span.name === name);
      if (found) return found;
      await new Promise(setImmediate);
    }
  }
}

export const REMOTE: SpanContext = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: 1,
};

function startOf({ startTime: [seconds, nanoseconds] }: ReadableSpan): number {
  return seconds * 1e9 + nanoseconds;
}
