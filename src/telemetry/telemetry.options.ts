import type { FactoryProvider, ModuleMetadata } from '@nestjs/common';
import type { TracerProvider } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { TelemetryOptions } from '../config/telemetry-options';
import type { TraceLoggerOptions } from './logs/trace-logger.options';

/** Injection token of the checked, frozen `TelemetryConfig`. */
export const TELEMETRY_CONFIG = Symbol('TELEMETRY_CONFIG');
/** Injection token of {@link TelemetryModuleOptions}. */
export const TELEMETRY_OPTIONS = Symbol('TELEMETRY_OPTIONS');
/** Injection token of the running `TelemetryRuntime`. */
export const TELEMETRY_RUNTIME = Symbol('TELEMETRY_RUNTIME');

/** Kinds of things that Nest knows of. */
export type InstrumentedKind =
  | 'controllers'
  | 'providers'
  | 'guards'
  | 'pipes'
  | 'interceptors'
  | 'filters'
  | 'gateways'
  | 'resolvers'
  | 'crons'
  | 'events'
  | 'queues'
  | 'messages';

/** Which classes are traced although nothing is written on them. */
export interface InstrumentOptions {
  /** Kinds to trace. Default: all. */
  readonly kinds?: readonly InstrumentedKind[];
  /**
   * Names of classes to trace; `*` stands for any run of characters. A name without one also reaches a library's class, and objects that a factory made.
   * Default: all classes of the application. What `@nestjs/*` and this package bring is never traced.
   */
  readonly include?: readonly string[];
  /** Names of classes (`CatsService`) or methods (`CatsService.find`) to leave alone. Default: none. */
  readonly exclude?: readonly string[];
}

/** What `TelemetryModule.forRoot` takes. */
export interface TelemetryModuleOptions extends TelemetryOptions {
  /**
   * Trace the application's classes without annotations: found by Nest's own container, traced on their prototypes; nothing is wrapped in a Proxy. `true` is all of
   * them. Costs a span for each call; restrict it where a method is called thousands of times in a request. Default: false.
   */
  readonly instrument?: boolean | InstrumentOptions;
  /** A server span and metrics for each HTTP request, Express or Fastify. Default: true. */
  readonly http?: boolean | HttpOptions;
  /** Server spans for messages, WebSocket events and GraphQL operations, and trace context in messages that are sent. Default: true. */
  readonly messages?: boolean;
  /** How the `TraceLogger` that is injected writes. Default: as Nest's own, at the configured level. */
  readonly logger?: TraceLoggerOptions;
  /** Trace outgoing requests of `http`, `https` and `fetch`, and send the trace context along. Default: true. */
  readonly outgoing?: boolean;
  /** Serve the metrics at `metricsPath`. Default: true. */
  readonly serveMetrics?: boolean;
  /** CPU, memory and network of the whole machine, by way of nestjs-otel. Default: false. */
  readonly hostMetrics?: boolean;
  /**
   * Take this tracer provider, the OpenTelemetry SDK's for example, instead of starting one. What it makes is then its own to sample, redact and export.
   * Default: ours.
   */
  readonly tracerProvider?: TracerProvider;
  /** Told of each span beside our own exporters. Default: none. */
  readonly spanProcessors?: readonly SpanProcessor[];
  /** The program's arguments, for the flags that set telemetry. They are read only when handed over here. Default: none. */
  readonly argv?: readonly string[];
  /** What is taken for the environment. Default: the process's; `{}` where it is to have no say. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface HttpOptions {
  /** Paths that make no span and no metrics, such as `/health/*`; `*` stands for any run of characters. Default: none. */
  readonly ignorePaths?: readonly string[];
}

/** Options that are worked out when the application starts. */
export interface TelemetryModuleAsyncOptions
  extends Pick<ModuleMetadata, 'imports'>,
    Pick<TelemetryModuleOptions, 'serveMetrics' | 'metricsPath' | 'hostMetrics'> {
  readonly inject?: FactoryProvider['inject'];
  // biome-ignore lint/suspicious/noExplicitAny: the injected values are whatever `inject` names
  readonly useFactory: (...injected: any[]) => TelemetryModuleOptions | Promise<TelemetryModuleOptions>;
}
