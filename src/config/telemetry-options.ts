import type { OtlpProtocol, PropagatorName, SamplerName, SamplingRule } from './telemetry-config';

/** Milliseconds as a number, or a text in Go's syntax: `'500ms'`, `'15s'`, `'1m30s'`. */
export type DurationOption = number | string;

/** Bytes as a whole number, or a text: `'512KiB'`, `'64MiB'`, `'1GiB'`. */
export type BytesOption = number | string;

/** `silent` writes nothing. `none`, `panic`, `warning`, `verbose` and `all` are understood, too. */
export type LogLevelOption = 'silent' | 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';

export type PresetName = 'development' | 'production' | 'testing';

/** Certificates for `https:` collectors. Paths of PEM files, which must be there at start. */
export interface TlsOptions {
  /** Certificate authority that the collector's certificate is checked by. Default: those that Node trusts. */
  readonly certificate?: string;
  /** Private key of ours, where the collector asks who we are. Default: none. Goes with `clientCertificate`. */
  readonly clientKey?: string;
  /** Certificate of ours. Default: none. Goes with `clientKey`. */
  readonly clientCertificate?: string;
}

/** How to send to an OTLP collector. */
export interface OtlpOptions {
  /**
   * Where the collector is. For all signals it is the collector's root, and `/v1/traces` and so on are added over HTTP; for
   * one signal (`otlp.traces.endpoint`) it is complete as it is. User name and password in it become a header.
   * Default: `http://localhost:4318`, or `http://localhost:4317` for gRPC.
   */
  readonly endpoint?: string;
  /** Default: `grpc` to port 4317, else `http/protobuf`. */
  readonly protocol?: OtlpProtocol;
  /**
   * Sent with each request; the place for a token. A higher layer's headers replace a lower one's as a whole. Never shown.
   * Default: none.
   */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Default: `none`. `gzip` costs processor time and saves about nine tenths of the bytes; worth it across data centres. */
  readonly compression?: 'none' | 'gzip';
  /** Time for one attempt. Default: 10 s. */
  readonly timeout?: DurationOption;
  /**
   * Whether to speak in the clear where the endpoint has no scheme (`collector:4317`). Default: only to this very machine.
   */
  readonly insecure?: boolean;
  readonly tls?: TlsOptions;
}

/** OTLP for metrics. */
export interface OtlpMetricOptions extends OtlpOptions {
  /** Whether sums tell all since the start, or since the last push; `lowmemory` mixes them. Default: `cumulative`. */
  readonly temporality?: 'cumulative' | 'delta' | 'lowmemory';
}

/** How to send to Jaeger in its own protocol, which Jaeger itself has deprecated. The endpoint is `tracingEndpoint`. */
export interface JaegerOptions {
  /** For HTTP basic authentication. Default: none. */
  readonly username?: string;
  /** Never shown. Default: none. */
  readonly password?: string;
  /** Agent that takes datagrams, where there is no endpoint. Default: `localhost`. */
  readonly agentHost?: string;
  /** Default: 6832. */
  readonly agentPort?: number;
}

/** A port for the metrics alone, beside the application's own path. Given neither field, there is none. */
export interface PrometheusOptions {
  /** Address to listen on. Default: `localhost`, so that nobody else can read them. */
  readonly host?: string;
  /** Default: 9464. */
  readonly port?: number;
}

/**
 * Where spans go. A name takes its settings from the other options and from the environment; so does an object, for what it
 * leaves out, unless it has an `endpoint` of its own. Then it stands alone, so that no token meant for one collector goes to
 * another; its endpoint gets `/v1/traces` where it has no path. Two OTLP collectors are two such objects.
 */
export type TraceExporterOption =
  | 'otlp'
  | 'jaeger'
  | 'console'
  | 'file'
  | 'memory'
  | ({ readonly type: 'otlp' } & OtlpOptions)
  | ({ readonly type: 'jaeger'; readonly endpoint?: string } & JaegerOptions)
  | { readonly type: 'console' }
  | { readonly type: 'file'; readonly path?: string }
  | { readonly type: 'memory' };

/** Where metrics go; names and objects as for spans. */
export type MetricExporterOption =
  | 'otlp'
  | 'prometheus'
  | 'console'
  | 'memory'
  | ({ readonly type: 'otlp' } & OtlpMetricOptions)
  | ({ readonly type: 'prometheus' } & PrometheusOptions)
  | { readonly type: 'console' }
  | { readonly type: 'memory' };

/** Where log records go; names and objects as for spans. */
export type LogExporterOption =
  | 'otlp'
  | 'console'
  | 'memory'
  | ({ readonly type: 'otlp' } & OtlpOptions)
  | { readonly type: 'console' }
  | { readonly type: 'memory' };

/**
 * What an application says of its telemetry, in code or in a JSON file. Every field may be left out. What is said higher up
 * wins: defaults < preset < code < file < environment < flags.
 *
 * @example
 * const options: TelemetryOptions = {
 *   serviceName: 'orders',
 *   tracingEndpoint: 'http://collector:4318',
 *   traceSampleRate: 0.1,
 *   metricsInterval: '15s',
 *   resourceAttributes: { 'cluster.name': 'prod', 'pod.name': process.env.POD_NAME },
 * };
 */
export interface TelemetryOptions {
  /** One of the guide's three configurations, as the lowest layer of all. Default: none. */
  readonly preset?: PresetName;
  /** JSON file with further options: the whole file, or its `telemetry` section. Default: none. Not in a file itself. */
  readonly configFile?: string;
  /** False switches everything off: nothing is started, and no global of OpenTelemetry is touched. Default: true. */
  readonly enabled?: boolean;

  /** `service.name`. Wins over a `service.name` among `resourceAttributes` of the same layer. Default: `container-kit`. */
  readonly serviceName?: string;
  /** `service.version`. Default: `dev`. */
  readonly serviceVersion?: string;
  /** `deployment.environment.name`; chooses the console where it is `development` and `tracingEndpoint` is `''`. Default: `development`. */
  readonly environment?: string;
  /**
   * Said of every span, metric and log record. Those of the layers are put together, key by key. What is undefined or empty
   * was not said. Default: none, beside what is detected.
   */
  readonly resourceAttributes?: Readonly<Record<string, string | undefined>>;

  /** Whether spans are made. Default: true. With `metricsEnabled` false as well, all telemetry is off, logs included. */
  readonly tracingEnabled?: boolean;
  /**
   * Where spans go. A path that ends in `/api/traces` is Jaeger's own protocol (deprecated); everything else is OTLP, by gRPC
   * to port 4317, and gets `/v1/traces` where it has no path. `''` prints spans to standard error where `environment` is
   * `development`, and elsewhere means the default: OTLP at `http://localhost:4318`.
   */
  readonly tracingEndpoint?: string;
  /**
   * Share of traces that are kept, 0 to 1, where no caller has decided already (`parentbased_traceidratio`). `sampling` of the
   * same layer wins over it. Default: all.
   */
  readonly traceSampleRate?: number;

  /** Whether metrics are counted. Default: true. */
  readonly metricsEnabled?: boolean;
  /** Where people find Prometheus; shown by the health endpoint, and nothing is sent there. Default: none. */
  readonly metricsEndpoint?: string;
  /** Time between two pushes of metrics. Prometheus asks by its own clock. Default: 15 s. */
  readonly metricsInterval?: DurationOption;
  /** Time that one push may take; never longer than the interval. Default: 30 s. */
  readonly metricsTimeout?: DurationOption;
  /** Where the application serves its metrics. Default: `/metrics`. */
  readonly metricsPath?: string;
  /**
   * Series of one instrument at the most, from 2 on; further ones are counted together. Each costs memory here and in
   * Prometheus. Default: 2000.
   */
  readonly cardinalityLimit?: number;

  /** Where each signal goes; `[]` is nowhere. The names alone decide: an endpoint of an exporter that is not named is not used. */
  readonly exporters?: {
    /**
     * Default: as `tracingEndpoint`, an OTLP endpoint and `spansFile` say; where none of them is given, OTLP at
     * `http://localhost:4318`.
     */
    readonly traces?: readonly TraceExporterOption[];
    /** Default: `['prometheus']`, and `otlp` where `otlp.metrics.endpoint` is given. */
    readonly metrics?: readonly MetricExporterOption[];
    /** Default: none, or `['otlp']` where `otlp.logs.endpoint` is given. */
    readonly logs?: readonly LogExporterOption[];
  };
  /** OTLP collectors: for all signals, and for one signal what is different. */
  readonly otlp?: OtlpOptions & {
    readonly traces?: OtlpOptions;
    readonly metrics?: OtlpMetricOptions;
    readonly logs?: OtlpOptions;
  };
  readonly jaeger?: JaegerOptions;
  readonly prometheus?: PrometheusOptions;
  /** File for spans in the OTLP file format, for the `file` exporter; given without `exporters.traces`, it chooses that exporter. Default: none. */
  readonly spansFile?: string;

  readonly sampling?: {
    /** Default: `parentbased_always_on`. A sampler without `ratio` beside it keeps everything it may. */
    readonly sampler?: SamplerName;
    /** 0 to 1. Alone, it is `traceSampleRate`. Default: 1. */
    readonly ratio?: number;
    /** Ratios for spans of some names; the first that fits counts. Default: none. */
    readonly rules?: readonly SamplingRule[];
    /**
     * Keep the spans of a trace that the sampler left out, when one of them ends with an error. They are recorded until
     * then, which costs what a recorded span costs. Default: false.
     */
    readonly keepErrors?: boolean;
    /** Keep them when the local root took longer than this, at the same price. Default: never. */
    readonly keepSlowerThan?: DurationOption;
  };
  /** What a span may hold; the rest is cut and counted. */
  readonly limits?: {
    /** Default: 128. */
    readonly attributeCountLimit?: number;
    /** Characters; longer texts are cut. Default: 4096. OpenTelemetry's default is no limit: one stack trace fills a queue. */
    readonly attributeValueLengthLimit?: number;
    /** Default: 128. */
    readonly eventCountLimit?: number;
    /** Default: 128. */
    readonly linkCountLimit?: number;
    /** Default: 128. */
    readonly attributePerEventCountLimit?: number;
    /** Default: 128. */
    readonly attributePerLinkCountLimit?: number;
  };
  /** How finished spans wait and travel. */
  readonly export?: {
    /** Encoded spans that wait in memory, for each exporter. More outlives longer outages. Default: 64 MiB. */
    readonly maxQueueBytes?: BytesOption;
    /** Spans in one request at the most. Default: 2048. */
    readonly maxBatchSpans?: number;
    /** Bytes in one request at the most. Default: 4 MiB less 64 KiB, as gRPC collectors take 4 MiB; never more than the queue. */
    readonly maxBatchBytes?: BytesOption;
    /** How long a finished span waits at the most. Default: 1 s; OpenTelemetry's is 5 s. */
    readonly scheduleDelay?: DurationOption;
    /** Upper bound of the time for one attempt to send spans, whatever `otlp.timeout` says. Default: none. */
    readonly timeout?: DurationOption;
    /** Time for sending everything when the application stops. Default: 5 s. Keep it below the patience of whoever stops you. */
    readonly shutdownTimeout?: DurationOption;
    /** First wait after a failed attempt; it doubles, with jitter. Default: 500 ms. */
    readonly initialBackoff?: DurationOption;
    /** Longest wait. Default: 5 s. */
    readonly maxBackoff?: DurationOption;
    /** Keeps on disk what does not fit into memory while a collector is down, and what is left at the end. */
    readonly spool?: {
      /** Default: none, and nothing is written to disk. */
      readonly directory?: string;
      /** Default: 256 MiB. */
      readonly maxBytes?: BytesOption;
      /** Older spans are given up. Default: 24 h. */
      readonly maxAge?: DurationOption;
    };
  };
  /** What is hidden before anything leaves the process. */
  readonly redaction?: {
    /** Default: true. */
    readonly enabled?: boolean;
    /** Attribute keys that are hidden beside the built-in ones; `*` stands for any run of characters. Default: none. */
    readonly deny?: readonly string[];
    /** Attribute keys that are let through although a built-in rule names them. Default: none. */
    readonly allow?: readonly string[];
  };
  /** How trace context travels between services; `[]` is not at all. Default: `['tracecontext', 'baggage']`. */
  readonly propagators?: readonly PropagatorName[];
  /** Least level that the application's logger writes. Default: `info`. */
  readonly logLevel?: LogLevelOption;
  /** Least level of OpenTelemetry's own diagnostics, on standard error. Default: `info`. */
  readonly diagnosticLogLevel?: LogLevelOption;
}
