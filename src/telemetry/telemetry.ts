import { hostname } from 'node:os';
import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type TextMapPropagator,
  type Tracer,
} from '@opentelemetry/api';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ExportConfig, OtlpTarget, SamplingConfig, SpanLimitsConfig } from '../config/telemetry-config';
import { ConsoleSink } from './export/console-sink';
import { FileSink } from './export/file-sink';
import { createOtlpSink } from './export/otlp-sink';
import { SpanPipeline } from './export/span-pipeline';
import type { SpanSink } from './export/span-sink';
import { createRedactor } from './privacy/redactor';
import { createSampler, sampledParentIsFinal } from './sampling/sampler';
import { SpanTracerProvider } from './tracing/span-tracer';

export interface TelemetryOptions {
  /** `service.name`. Default: `spanwright`. */
  readonly serviceName?: string;
  readonly serviceVersion: string;
  /** Names this build in the resource, on each span and in the baggage handed to child processes. */
  readonly buildId: string;
  /** Further resource attributes; these win over our own. */
  readonly resourceAttributes?: Readonly<Record<string, string>>;
  /** Where spans are sent. Default: nowhere. */
  readonly otlp?: OtlpTarget;
  /** File for the spans in the OTLP file format. Default: none. */
  readonly spansFile?: string;
  /** Print spans to stderr. Default: false. */
  readonly console?: boolean;
  /** Which traces are recorded. Default: all, or what the parent says. */
  readonly sampling?: SamplingConfig;
  readonly limits?: Partial<SpanLimitsConfig>;
  /** `traceparent`, `tracestate` and `baggage` of whoever started us. */
  readonly parent?: Readonly<Record<string, string>>;
  /** Milliseconds that sending the last spans may take. Default: 3000. */
  readonly shutdownTimeoutMs?: number;
  /** Told, once, that spans could not be sent. Default: nobody. */
  readonly onProblem?: (message: string) => void;
}

/** A running tracer and the way to end it. */
export interface Telemetry {
  readonly tracer: Tracer;
  /** The context that the first span belongs in: the caller's trace, if there is one, and the baggage with the build id. */
  readonly rootContext: Context;
  /** The trace context as environment variables for a child process. */
  environment(of: Context): Record<string, string>;
  /** Sends what is left, within the deadline. Never rejects; a second call waits for the same end. */
  shutdown(): Promise<void>;
}

const ALL: SamplingConfig = { sampler: 'parentbased_always_on', ratio: 1, rules: [], keepErrors: false };

const LIMITS: SpanLimitsConfig = {
  attributeCountLimit: 128,
  attributeValueLengthLimit: Number.POSITIVE_INFINITY,
  eventCountLimit: 128,
  // A build may need any number of others; the usual 128 would cut the list of some.
  linkCountLimit: 1024,
  attributePerEventCountLimit: 128,
  attributePerLinkCountLimit: 128,
};

const EXPORT: ExportConfig = {
  // A build of the full Azure Linux graph makes about 15,000 spans, in 8 MiB.
  maxQueueBytes: 128 * 1024 * 1024,
  maxBatchSpans: 2048,
  maxBatchBytes: 3 * 1024 * 1024,
  scheduleDelayMs: 500,
  shutdownTimeoutMs: 3000,
  initialBackoffMs: 500,
  maxBackoffMs: 5000,
};

const propagator = new CompositePropagator({
  propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
});

/**
 * Starts a tracer for one run of a command. The API's globals are left alone: nothing else in the process is to be traced.
 *
 * @throws UserError where the endpoint is not one, or a file cannot be made
 */
export function startTelemetry(options: TelemetryOptions): Telemetry {
  const { otlp, spansFile, onProblem, sampling = ALL, shutdownTimeoutMs = EXPORT.shutdownTimeoutMs } = options;
  let isTold = false;
  const tell = (message: string) => {
    // The first problem tells what is wrong; what follows tends to follow from it.
    if (!isTold) onProblem?.(message);
    isTold = true;
  };
  const sinks: SpanSink[] = [];
  if (spansFile) sinks.push(new FileSink({ path: spansFile, overwrite: true, onProblem: tell }));
  if (otlp) sinks.push(createOtlpSink(otlp, EXPORT, tell));
  if (options.console) sinks.push(new ConsoleSink());
  const redactor = createRedactor({ enabled: true, deny: [], allow: [] });
  const pipeline = new SpanPipeline({ sinks, redact: (span) => redactor.span(span) });
  const provider = new SpanTracerProvider({
    resource: resourceFromAttributes({
      'service.name': options.serviceName ?? 'spanwright',
      'service.version': options.serviceVersion,
      'host.name': hostname(),
      'host.arch': process.arch === 'x64' ? 'amd64' : process.arch,
      'os.type': process.platform,
      'process.pid': process.pid,
      'process.runtime.name': 'nodejs',
      'process.runtime.version': process.versions.node,
      'build.id': options.buildId,
      ...options.resourceAttributes,
    }),
    sampler: createSampler(sampling),
    sampledParentIsFinal: sampledParentIsFinal(sampling),
    limits: { ...LIMITS, ...options.limits },
    processor: pipeline,
  });

  const rootContext = withBuildId(parentContext(options.parent ?? {}), options.buildId);
  // The same for every span, and dear to write out: done once.
  const baggage = injected(new W3CBaggagePropagator(), rootContext);
  const traceContext = new W3CTraceContextPropagator();
  return {
    tracer: provider.getTracer('spanwright', options.serviceVersion),
    rootContext,
    environment: (of) => ({ ...baggage, ...injected(traceContext, of) }),
    shutdown: () => pipeline.shutdown(shutdownTimeoutMs),
  };
}

/** What a propagator hands on, as environment variables. */
function injected(from: TextMapPropagator, of: Context): Record<string, string> {
  const carrier: Record<string, string> = {};
  from.inject(of, carrier, { set: (into, key, value) => (into[key.toUpperCase()] = value) });
  return carrier;
}

/** Runs a function with a span as the active one, for whatever instruments itself below it. */
export function withContext<T>(of: Context, run: () => T): T {
  return context.with(of, run);
}

function parentContext(carrier: Readonly<Record<string, string>>): Context {
  return propagator.extract(ROOT_CONTEXT, carrier, {
    get: (from, key) => from[key],
    keys: (from) => Object.keys(from),
  });
}

function withBuildId(of: Context, buildId: string): Context {
  const baggage = propagation.getBaggage(of) ?? propagation.createBaggage();
  return propagation.setBaggage(of, baggage.setEntry('build.id', { value: buildId }));
}
