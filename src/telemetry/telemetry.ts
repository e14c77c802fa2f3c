import { hostname } from 'node:os';
import {
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type TextMapPropagator,
  type Tracer,
} from '@opentelemetry/api';
import {
  CompositePropagator,
  setGlobalErrorHandler,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ConsoleSpanExporter,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { shownEndpoint } from '../util/shown-endpoint';
import { UserError } from '../util/user-error';
import { OtlpFileSpanProcessor } from './otlp-file-span-processor';

/** How spans travel to a collector. */
export type OtlpProtocol = 'grpc' | 'http/protobuf' | 'http/json';

export interface TelemetryOptions {
  /** `service.name`. Default: `spanwright`. */
  readonly serviceName?: string;
  readonly serviceVersion: string;
  /** Names this build in the resource, on each span and in the baggage handed to child processes. */
  readonly buildId: string;
  /** Further resource attributes; these win over our own. */
  readonly resourceAttributes?: Readonly<Record<string, string>>;
  /** Where spans are sent. Default: nowhere. */
  readonly otlp?: {
    readonly endpoint: string;
    readonly protocol: OtlpProtocol;
    /** Whether the endpoint is complete, or wants `/v1/traces` behind it (HTTP). */
    readonly isTracesEndpoint: boolean;
    readonly headers?: Readonly<Record<string, string>>;
  };
  /** File for the spans in the OTLP file format. Default: none. */
  readonly spansFile?: string;
  /** Print spans to stderr. Default: false. */
  readonly console?: boolean;
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

/** Beyond this many waiting spans the SDK drops. A build of the full Azure Linux graph makes about 15,000. */
const MAX_QUEUED_SPANS = 131_072;

const propagator = new CompositePropagator({
  propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
});

/**
 * Starts a tracer of our own. Globals are left alone, so a Nest application that has its own SDK keeps it.
 *
 * @throws UserError where the endpoint is not one
 */
export function startTelemetry(options: TelemetryOptions): Telemetry {
  const problems = new Set<string>();
  const report = (error: unknown) => {
    const message = problemText(error);
    if (problems.size === 0) options.onProblem?.(message);
    problems.add(message);
  };
  setGlobalErrorHandler(report);

  const processors: SpanProcessor[] = [];
  if (options.spansFile) processors.push(new OtlpFileSpanProcessor(options.spansFile, report));
  if (options.otlp) processors.push(batch(otlpExporter(options.otlp)));
  if (options.console) processors.push(batch(consoleToStderr()));
  const provider = new BasicTracerProvider({
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
    spanProcessors: processors,
    // A build may need any number of others; the SDK's default of 128 links would cut the list of some.
    spanLimits: { linkCountLimit: 1024 },
  });

  const rootContext = withBuildId(parentContext(options.parent ?? {}), options.buildId);
  // The same for every span, and dear to write out: done once.
  const baggage = injected(new W3CBaggagePropagator(), rootContext);
  const traceContext = new W3CTraceContextPropagator();
  let ended: Promise<void> | undefined;
  return {
    tracer: provider.getTracer('spanwright', options.serviceVersion),
    rootContext,
    environment: (of) => ({ ...baggage, ...injected(traceContext, of) }),
    shutdown: () => {
      ended ??= within(options.shutdownTimeoutMs ?? 3000, provider.shutdown(), report);
      return ended;
    },
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

function batch(exporter: SpanExporter): SpanProcessor {
  return new BatchSpanProcessor(exporter, {
    maxQueueSize: MAX_QUEUED_SPANS,
    maxExportBatchSize: 2048,
    scheduledDelayMillis: 500,
    exportTimeoutMillis: 10_000,
  });
}

function otlpExporter(otlp: NonNullable<TelemetryOptions['otlp']>): SpanExporter {
  const { protocol, headers } = otlp;
  const url = endpointUrl(otlp);
  // Loaded here: each is heavy, and at most one is wanted.
  switch (protocol) {
    case 'grpc': {
      const { OTLPTraceExporter } =
        require('@opentelemetry/exporter-trace-otlp-grpc') as typeof import('@opentelemetry/exporter-trace-otlp-grpc');
      const { Metadata } = require('@grpc/grpc-js') as typeof import('@grpc/grpc-js');
      const metadata = new Metadata();
      for (const [key, value] of Object.entries(headers ?? {})) metadata.set(key, value);
      return new OTLPTraceExporter({ url, metadata });
    }
    case 'http/json': {
      const { OTLPTraceExporter } =
        require('@opentelemetry/exporter-trace-otlp-http') as typeof import('@opentelemetry/exporter-trace-otlp-http');
      return new OTLPTraceExporter({ url, headers: { ...headers } });
    }
    default: {
      const { OTLPTraceExporter } =
        require('@opentelemetry/exporter-trace-otlp-proto') as typeof import('@opentelemetry/exporter-trace-otlp-proto');
      return new OTLPTraceExporter({ url, headers: { ...headers } });
    }
  }
}

function endpointUrl({ endpoint, protocol, isTracesEndpoint }: NonNullable<TelemetryOptions['otlp']>): string {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(endpoint) ? endpoint : `http://${endpoint}`;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new UserError('the OTLP endpoint is not a URL; expected something like http://localhost:4317');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new UserError(`the OTLP endpoint '${shownEndpoint(endpoint)}' must begin with http:// or https://`);
  }
  if (protocol === 'grpc') return url.origin;
  if (isTracesEndpoint) return url.href;
  return new URL('v1/traces', url.href.endsWith('/') ? url.href : `${url.href}/`).href;
}

/** The SDK's console exporter prints to stdout, which belongs to the command's answer. */
function consoleToStderr(): SpanExporter {
  const exporter = new ConsoleSpanExporter();
  const { Console } = require('node:console') as typeof import('node:console');
  const stderr = new Console(process.stderr, process.stderr);
  return {
    export: (spans, done) => {
      const log = console.dir;
      console.dir = stderr.dir.bind(stderr);
      try {
        exporter.export(spans, done);
      } finally {
        console.dir = log;
      }
    },
    shutdown: () => exporter.shutdown(),
  };
}

async function within(ms: number, work: Promise<void>, report: (error: unknown) => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      report(new Error(`the last spans could not be sent within ${ms} ms`));
      resolve();
    }, ms);
  });
  await Promise.race([work.catch(report), late]);
  clearTimeout(timer);
}

function problemText(error: unknown): string {
  if (Array.isArray(error)) return problemText(error[0]);
  if (error instanceof Error) return error.message;
  return String(error);
}
