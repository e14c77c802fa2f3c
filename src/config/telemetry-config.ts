/** How spans, metrics or logs travel to an OTLP collector. */
export type OtlpProtocol = 'grpc' | 'http/protobuf' | 'http/json';

export type LogLevel = 'silent' | 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** One OTLP collector, for one signal. */
export interface OtlpTarget {
  /** Complete: over HTTP with its path (`/v1/traces` …), over gRPC the origin. */
  readonly endpoint: string;
  readonly protocol: OtlpProtocol;
  readonly headers: Readonly<Record<string, string>>;
  readonly compression: 'none' | 'gzip';
  /** Milliseconds for one attempt to send. */
  readonly timeoutMs: number;
  /** Paths of PEM files for `https:`. */
  readonly tls: {
    readonly certificate?: string;
    readonly clientKey?: string;
    readonly clientCertificate?: string;
  };
}

/** Where spans go. Several at once are fine; none is `[]`. */
export type TraceExporterConfig =
  | { readonly type: 'otlp'; readonly target: OtlpTarget }
  | {
      readonly type: 'jaeger';
      /** Thrift over HTTP; without it, datagrams go to the agent. */
      readonly endpoint?: string;
      readonly username?: string;
      readonly password?: string;
      readonly agentHost?: string;
      readonly agentPort?: number;
    }
  /** Printed to standard error, never to standard output. */
  | { readonly type: 'console' }
  /** OTLP file format: a JSON export request on each line. */
  | { readonly type: 'file'; readonly path: string }
  /** Kept in memory, for tests. */
  | { readonly type: 'memory' };

/** Where metrics go. */
export type MetricExporterConfig =
  | { readonly type: 'otlp'; readonly target: OtlpTarget; readonly temporality: 'cumulative' | 'delta' | 'lowmemory' }
  /** Scraped: at `path` of the application, and on a port of its own where `host`/`port` are given. */
  | { readonly type: 'prometheus'; readonly host?: string; readonly port?: number }
  | { readonly type: 'console' }
  | { readonly type: 'memory' };

/** Where log records go, beside where the application's logger writes them. */
export type LogExporterConfig =
  | { readonly type: 'otlp'; readonly target: OtlpTarget }
  | { readonly type: 'console' }
  | { readonly type: 'memory' };

export type SamplerName =
  | 'always_on'
  | 'always_off'
  | 'traceidratio'
  | 'parentbased_always_on'
  | 'parentbased_always_off'
  | 'parentbased_traceidratio';

/** A ratio for the spans of some names; the first rule that fits a name counts. */
export interface SamplingRule {
  /** Name of the span; `*` stands for any run of characters. */
  readonly span: string;
  /** 0 to 1. */
  readonly ratio: number;
}

export interface SamplingConfig {
  readonly sampler: SamplerName;
  /** 0 to 1; of the ratio samplers. */
  readonly ratio: number;
  readonly rules: readonly SamplingRule[];
  /** Keep the spans of a trace that the sampler left out, when one of them ends with an error. */
  readonly keepErrors: boolean;
  /** Keep them when the local root took longer, in milliseconds. */
  readonly keepSlowerThanMs?: number;
}

export interface SpanLimitsConfig {
  readonly attributeCountLimit: number;
  readonly attributeValueLengthLimit: number;
  readonly eventCountLimit: number;
  readonly linkCountLimit: number;
  readonly attributePerEventCountLimit: number;
  readonly attributePerLinkCountLimit: number;
}

/** How finished spans wait, travel and, where nothing else is left, fall off. */
export interface ExportConfig {
  /** Bytes of encoded spans that wait in memory for one exporter. */
  readonly maxQueueBytes: number;
  /** Spans in one request at the most. */
  readonly maxBatchSpans: number;
  /** Bytes in one request at the most. */
  readonly maxBatchBytes: number;
  /** Milliseconds that a finished span waits at the most before it is sent. */
  readonly scheduleDelayMs: number;
  /** Milliseconds for flushing everything when the application stops. */
  readonly shutdownTimeoutMs: number;
  /** First wait after a failed attempt; it doubles up to the maximum, with jitter. */
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  /** Where batches are kept on disk while a collector is down. Default: nowhere. */
  readonly spool?: {
    readonly directory: string;
    readonly maxBytes: number;
    readonly maxAgeMs: number;
  };
}

export interface RedactionConfig {
  readonly enabled: boolean;
  /** Attribute keys that are always removed from view, beside the built-in ones; `*` stands for any run of characters. */
  readonly deny: readonly string[];
  /** Attribute keys that are let through although a built-in rule names them. */
  readonly allow: readonly string[];
}

export type PropagatorName = 'tracecontext' | 'baggage' | 'b3' | 'b3multi' | 'jaeger';

/** What telemetry does: everything checked, and frozen. */
export interface TelemetryConfig {
  /** False: nothing is started and no global is touched. */
  readonly enabled: boolean;
  readonly serviceName: string;
  readonly serviceVersion: string;
  readonly environment: string;
  /** These win over what is detected, except `service.*` and `deployment.environment*`, which follow the fields above unless given by the user. */
  readonly resourceAttributes: Readonly<Record<string, string>>;
  readonly tracing: {
    readonly enabled: boolean;
    readonly exporters: readonly TraceExporterConfig[];
    readonly sampling: SamplingConfig;
    readonly limits: SpanLimitsConfig;
  };
  readonly metrics: {
    readonly enabled: boolean;
    readonly exporters: readonly MetricExporterConfig[];
    /** Milliseconds between two pushes. */
    readonly intervalMs: number;
    /** Milliseconds that one push may take. */
    readonly timeoutMs: number;
    /** Where the application serves them. */
    readonly path: string;
    /** Series of one instrument at the most, the overflow series included. */
    readonly cardinalityLimit: number;
    /** For people who look for Prometheus itself (`OTEL_EXPORTER_PROMETHEUS_ENDPOINT`); shown by the health endpoint. */
    readonly prometheusUrl?: string;
  };
  readonly logs: {
    /** Least level that the application's logger writes. */
    readonly level: LogLevel;
    /** Least level of OpenTelemetry's own diagnostics. */
    readonly diagnosticLevel: LogLevel;
    readonly exporters: readonly LogExporterConfig[];
  };
  readonly propagators: readonly PropagatorName[];
  readonly redaction: RedactionConfig;
  readonly export: ExportConfig;
  /** To be said once when telemetry starts: deprecations, settings that do nothing. */
  readonly notes: readonly string[];
}
