import { kindAt } from './fields';
import { TELEMETRY_FIELDS, type TelemetryPath } from './telemetry-fields';
import { Layer, type TelemetryFindings } from './telemetry-layers';
import { type Kind, OTEL_SWITCH, OTEL_TIMEOUT, otelMilliseconds, RATIO, whole } from './value-kinds';

/** A variable of the environment that telemetry reads. */
export interface TelemetryVariable {
  readonly name: string;
  readonly meaning: string;
  /** Where neither it nor anything else says so. */
  readonly default: string;
}

interface Variable extends TelemetryVariable {
  readonly path: TelemetryPath;
  /** Default: as the option is read. */
  readonly kind?: Kind<unknown>;
  /** Whether it is meant to be there beside a more special one, which wins without a word. */
  readonly isGeneral?: boolean;
}

/** A queue's length in spans, as bytes: a span of ordinary size takes about this much. */
const BYTES_PER_SPAN = 1024;

const SPANS_AS_BYTES: Kind<number> = {
  fromText: (text, refuse) => {
    const spans = whole(1).fromText(text, refuse);
    return spans && spans * BYTES_PER_SPAN;
  },
  fromValue: (_, refuse) => refuse('expected a text'),
};

const SIGNALS = [
  { infix: '', below: 'otlp', suffix: '', otherwise: undefined },
  { infix: 'TRACES_', below: 'otlp.traces', suffix: ' For traces alone.', otherwise: 'as for all signals' },
  { infix: 'METRICS_', below: 'otlp.metrics', suffix: ' For metrics alone.', otherwise: 'as for all signals' },
  { infix: 'LOGS_', below: 'otlp.logs', suffix: ' For logs alone.', otherwise: 'as for all signals' },
] as const;

const OTLP_VARIABLES = SIGNALS.flatMap(({ infix, below, suffix, otherwise }): Variable[] => {
  const variable = (
    name: string,
    field:
      | 'endpoint'
      | 'protocol'
      | 'headers'
      | 'compression'
      | 'timeout'
      | 'insecure'
      | `tls.${'certificate' | 'clientKey' | 'clientCertificate'}`,
    meaning: string,
    standard: string,
    kind?: Kind<unknown>,
  ): Variable => ({
    name: `OTEL_EXPORTER_OTLP_${infix}${name}`,
    path: `${below}.${field}`,
    meaning: `${meaning}${suffix}`,
    default: otherwise ?? standard,
    kind,
  });
  const endpoint =
    infix === ''
      ? 'OTLP collector. Over HTTP, `/v1/traces` and so on are added.'
      : 'OTLP collector, complete as it is: nothing is added. For metrics and logs it also switches OTLP on.';
  return [
    variable('ENDPOINT', 'endpoint', endpoint, '`http://localhost:4318`, or `http://localhost:4317` for gRPC'),
    variable(
      'PROTOCOL',
      'protocol',
      '`grpc`, `http/protobuf` or `http/json`.',
      '`grpc` to port 4317, else `http/protobuf`',
    ),
    variable('HEADERS', 'headers', 'Headers for the collector: `key=value,key=value`, percent-encoded.', 'none'),
    variable('COMPRESSION', 'compression', '`none` or `gzip`.', '`none`'),
    variable('TIMEOUT', 'timeout', 'Milliseconds for one attempt; 0 is no limit.', '10000', OTEL_TIMEOUT),
    variable('CERTIFICATE', 'tls.certificate', 'PEM file to check an `https:` collector by.', 'what Node trusts'),
    variable('CLIENT_KEY', 'tls.clientKey', 'PEM file with our key, where the collector asks who we are.', 'none'),
    variable('CLIENT_CERTIFICATE', 'tls.clientCertificate', 'PEM file with our certificate.', 'none'),
    variable(
      'INSECURE',
      'insecure',
      'Whether to speak in the clear where the endpoint has no scheme.',
      '`true` to this machine, else `false`',
      OTEL_SWITCH,
    ),
  ];
});

/**
 * Of several variables for one option, the first wins: OpenTelemetry's own, then the guide's, then the names that the
 * guide's program had besides.
 */
const VARIABLES: readonly Variable[] = [
  {
    name: 'OTEL_SDK_DISABLED',
    path: 'sdkDisabled',
    meaning: '`true` switches all telemetry off, whatever else is said.',
    default: '`false`',
    kind: OTEL_SWITCH,
  },
  {
    name: 'SPANWRIGHT_TELEMETRY_PRESET',
    path: 'preset',
    meaning: 'One of the guide’s configurations below everything else: `development`, `production` or `testing`.',
    default: 'none',
  },
  {
    name: 'SPANWRIGHT_CONFIG',
    path: 'configFile',
    meaning: 'JSON file with options: the whole file, or its `telemetry` section.',
    default: 'none',
  },
  { name: 'CONTAINER_KIT_CONFIG', path: 'configFile', meaning: 'The same.', default: 'none' },

  { name: 'OTEL_SERVICE_NAME', path: 'serviceName', meaning: 'Name of the service.', default: '`container-kit`' },
  {
    name: 'CONTAINER_KIT_SERVICE_NAME',
    path: 'serviceName',
    meaning: 'Name of the service.',
    default: '`container-kit`',
  },
  { name: 'CONTAINER_KIT_VERSION', path: 'serviceVersion', meaning: 'Version of the service.', default: '`dev`' },
  { name: 'CONTAINER_KIT_SERVICE_VERSION', path: 'serviceVersion', meaning: 'The same.', default: '`dev`' },
  { name: 'CONTAINER_KIT_ENV', path: 'environment', meaning: 'Deployment environment.', default: '`development`' },
  { name: 'CONTAINER_KIT_ENVIRONMENT', path: 'environment', meaning: 'The same.', default: '`development`' },
  {
    name: 'OTEL_RESOURCE_ATTRIBUTES',
    path: 'resourceAttributes',
    meaning: 'Attributes of everything that is sent: `key=value,key=value`, percent-encoded.',
    default: 'none',
  },

  {
    name: 'CONTAINER_KIT_TRACING_ENABLED',
    path: 'tracingEnabled',
    meaning: 'Whether spans are made. With metrics off as well, all telemetry is off.',
    default: '`true`',
  },
  { name: 'CONTAINER_KIT_OTEL_ENABLED', path: 'tracingEnabled', meaning: 'The same.', default: '`true`' },
  {
    name: 'CONTAINER_KIT_METRICS_ENABLED',
    path: 'metricsEnabled',
    meaning: 'Whether metrics are counted.',
    default: '`true`',
  },
  { name: 'CONTAINER_KIT_TELEMETRY_ENABLED', path: 'metricsEnabled', meaning: 'The same.', default: '`true`' },

  {
    name: 'OTEL_TRACES_EXPORTER',
    path: 'exporters.traces',
    meaning:
      'Where spans go: `otlp`, `jaeger`, `console` (standard error), `file`, `memory`, several separated by commas, or `none`.',
    default: '`otlp`, unless an endpoint or a file says otherwise',
  },
  {
    name: 'OTEL_METRICS_EXPORTER',
    path: 'exporters.metrics',
    meaning: 'Where metrics go: `otlp`, `prometheus`, `console` (standard error), `memory`, several, or `none`.',
    default: '`prometheus`',
  },
  {
    name: 'OTEL_LOGS_EXPORTER',
    path: 'exporters.logs',
    meaning: 'Where log records go: `otlp`, `console` (standard error), `memory`, several, or `none`.',
    default: '`none`',
  },
  ...OTLP_VARIABLES,
  {
    name: 'CONTAINER_KIT_OTEL_HEADERS',
    path: 'otlp.headers',
    meaning: 'Headers for the OTLP collector, as `OTEL_EXPORTER_OTLP_HEADERS`.',
    default: 'none',
  },
  {
    name: 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE',
    path: 'otlp.metrics.temporality',
    meaning: '`cumulative`, `delta` or `lowmemory`.',
    default: '`cumulative`',
  },

  {
    name: 'OTEL_EXPORTER_JAEGER_ENDPOINT',
    path: 'tracingEndpoint',
    meaning:
      'Where spans go. A path that ends in `/api/traces` is Jaeger’s own protocol (deprecated), everything else OTLP.',
    default: '`http://localhost:14268/api/traces` for `jaeger`',
  },
  {
    name: 'CONTAINER_KIT_OTEL_ENDPOINT',
    path: 'tracingEndpoint',
    meaning: 'The same.',
    default: '`http://localhost:4318`',
  },
  {
    name: 'OTEL_EXPORTER_JAEGER_USER',
    path: 'jaeger.username',
    meaning: 'User at the Jaeger collector.',
    default: 'none',
  },
  { name: 'OTEL_EXPORTER_JAEGER_PASSWORD', path: 'jaeger.password', meaning: 'Password for it.', default: 'none' },
  {
    name: 'OTEL_EXPORTER_JAEGER_AGENT_HOST',
    path: 'jaeger.agentHost',
    meaning: 'Jaeger agent that takes datagrams, where there is no endpoint.',
    default: '`localhost`',
  },
  { name: 'OTEL_EXPORTER_JAEGER_AGENT_PORT', path: 'jaeger.agentPort', meaning: 'Its port.', default: '6832' },

  {
    name: 'OTEL_EXPORTER_PROMETHEUS_HOST',
    path: 'prometheus.host',
    meaning: 'Address of a port for metrics alone.',
    default: '`localhost`, where the port is given',
  },
  {
    name: 'OTEL_EXPORTER_PROMETHEUS_PORT',
    path: 'prometheus.port',
    meaning: 'Port for metrics alone, beside the application’s own path.',
    default: '9464, where the host is given',
  },
  { name: 'CONTAINER_KIT_TELEMETRY_PORT', path: 'prometheus.port', meaning: 'The same.', default: 'none' },
  {
    name: 'OTEL_EXPORTER_PROMETHEUS_ENDPOINT',
    path: 'metricsEndpoint',
    meaning: 'Where people find Prometheus; shown by the health endpoint. Nothing is sent there.',
    default: 'none',
  },
  {
    name: 'OTEL_METRIC_EXPORT_INTERVAL',
    path: 'metricsInterval',
    meaning: 'Milliseconds between two pushes of metrics.',
    default: '15000',
    kind: otelMilliseconds(1),
  },
  {
    name: 'CONTAINER_KIT_METRICS_INTERVAL',
    path: 'metricsInterval',
    meaning: 'The same as a duration: `15s`, `1m30s`, `500ms`.',
    default: '`15s`',
  },
  {
    name: 'OTEL_METRIC_EXPORT_TIMEOUT',
    path: 'metricsTimeout',
    meaning: 'Milliseconds that one push may take; never longer than the interval. 0 is no limit but that.',
    default: '30000',
    kind: OTEL_TIMEOUT,
  },

  {
    name: 'OTEL_TRACES_SAMPLER',
    path: 'sampling.sampler',
    meaning:
      'Which traces are kept: `always_on`, `always_off`, `traceidratio`, or one of these after `parentbased_`. Wins over the rate below.',
    default: '`parentbased_always_on`',
  },
  {
    name: 'OTEL_TRACES_SAMPLER_ARG',
    path: 'samplerArgument',
    meaning: 'Share of traces, 0 to 1, of the sampler above where it is a ratio.',
    default: '1',
  },
  {
    name: 'CONTAINER_KIT_TRACE_SAMPLE_RATE',
    path: 'traceSampleRate',
    meaning: 'Share of traces that are kept, 0 to 1, where no caller has decided already.',
    default: '1',
  },
  {
    name: 'SPANWRIGHT_TELEMETRY_KEEP_ERRORS',
    path: 'sampling.keepErrors',
    meaning: 'Whether traces with errors are kept though the sampler left them out.',
    default: '`false`',
  },
  {
    name: 'SPANWRIGHT_TELEMETRY_KEEP_SLOWER_THAN',
    path: 'sampling.keepSlowerThan',
    meaning: 'Traces that take longer are kept though the sampler left them out: `2s`.',
    default: 'none',
  },

  {
    name: 'OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT',
    path: 'limits.attributeValueLengthLimit',
    meaning: 'Characters of an attribute; longer texts are cut.',
    default: '4096',
  },
  {
    name: 'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT',
    path: 'limits.attributeValueLengthLimit',
    meaning: 'The same, where it does not say.',
    default: '4096',
    isGeneral: true,
  },
  {
    name: 'OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT',
    path: 'limits.attributeCountLimit',
    meaning: 'Attributes of a span.',
    default: '128',
  },
  {
    name: 'OTEL_ATTRIBUTE_COUNT_LIMIT',
    path: 'limits.attributeCountLimit',
    meaning: 'The same, where it does not say.',
    default: '128',
    isGeneral: true,
  },
  { name: 'OTEL_SPAN_EVENT_COUNT_LIMIT', path: 'limits.eventCountLimit', meaning: 'Events of a span.', default: '128' },
  { name: 'OTEL_SPAN_LINK_COUNT_LIMIT', path: 'limits.linkCountLimit', meaning: 'Links of a span.', default: '128' },
  {
    name: 'OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT',
    path: 'limits.attributePerEventCountLimit',
    meaning: 'Attributes of an event.',
    default: '128',
  },
  {
    name: 'OTEL_LINK_ATTRIBUTE_COUNT_LIMIT',
    path: 'limits.attributePerLinkCountLimit',
    meaning: 'Attributes of a link.',
    default: '128',
  },

  {
    name: 'OTEL_BSP_SCHEDULE_DELAY',
    path: 'export.scheduleDelay',
    meaning: 'Milliseconds that a finished span waits at the most before it is sent.',
    default: '1000',
    kind: otelMilliseconds(0),
  },
  {
    name: 'OTEL_BSP_MAX_QUEUE_SIZE',
    path: 'export.maxQueueBytes',
    meaning: `Spans that wait in memory. The queue is bounded in bytes: each counts as ${BYTES_PER_SPAN}.`,
    default: '65536, which is 64 MiB',
    kind: SPANS_AS_BYTES,
  },
  {
    name: 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
    path: 'export.maxBatchSpans',
    meaning: 'Spans in one request at the most. Not more than the queue holds, where both are given.',
    default: '2048',
  },
  {
    name: 'OTEL_BSP_EXPORT_TIMEOUT',
    path: 'export.timeout',
    meaning: 'Upper bound, in milliseconds, of the time for one attempt to send spans; 0 is none.',
    default: 'none',
    kind: OTEL_TIMEOUT,
  },
  {
    name: 'SPANWRIGHT_TELEMETRY_SHUTDOWN_TIMEOUT',
    path: 'export.shutdownTimeout',
    meaning: 'Time for sending everything when the application stops.',
    default: '`5s`',
  },
  {
    name: 'SPANWRIGHT_TELEMETRY_SPOOL_DIR',
    path: 'export.spool.directory',
    meaning: 'Directory that keeps spans while a collector is down, also when the application ends.',
    default: 'none',
  },
  {
    name: 'SPANWRIGHT_TELEMETRY_SPOOL_MAX_BYTES',
    path: 'export.spool.maxBytes',
    meaning: 'Size of it at the most.',
    default: '`256MiB`',
  },
  {
    name: 'SPANWRIGHT_TELEMETRY_SPOOL_MAX_AGE',
    path: 'export.spool.maxAge',
    meaning: 'Older spans are given up.',
    default: '`24h`',
  },
  {
    name: 'SPANWRIGHT_TELEMETRY_FILE',
    path: 'spansFile',
    meaning: 'File for spans, in the OTLP file format. Alone, it replaces the collector.',
    default: 'none',
  },

  {
    name: 'SPANWRIGHT_TELEMETRY_REDACT_KEYS',
    path: 'redaction.deny',
    meaning: 'Attribute keys that are hidden beside the built-in ones: `user.*,iban`.',
    default: 'none',
  },
  {
    name: 'SPANWRIGHT_TELEMETRY_ALLOW_KEYS',
    path: 'redaction.allow',
    meaning: 'Attribute keys that are let through although a built-in rule names them.',
    default: 'none',
  },
  {
    name: 'OTEL_PROPAGATORS',
    path: 'propagators',
    meaning: 'How trace context travels: `tracecontext`, `baggage`, `b3`, `b3multi`, `jaeger`, several, or `none`.',
    default: '`tracecontext,baggage`',
  },
  {
    name: 'CONTAINER_KIT_LOG_LEVEL',
    path: 'logLevel',
    meaning: 'Least level that the application’s logger writes.',
    default: '`info`',
  },
  {
    name: 'OTEL_LOG_LEVEL',
    path: 'diagnosticLogLevel',
    meaning: 'Least level of OpenTelemetry’s own diagnostics.',
    default: '`info`',
  },
];

/** Every variable that `loadTelemetryConfig` reads, and no other. An empty one is as good as none. */
export const TELEMETRY_VARIABLES: readonly TelemetryVariable[] = Object.freeze(
  VARIABLES.map(({ name, meaning, default: otherwise }) => Object.freeze({ name, meaning, default: otherwise })),
);

/** What the environment says, as a layer. */
export function layerOfEnvironment(env: NodeJS.ProcessEnv, findings: TelemetryFindings): Layer {
  const layer = new Layer('environment');
  for (const { name, path, kind = kindAt(TELEMETRY_FIELDS, path), isGeneral } of VARIABLES) {
    const text = env[name];
    if (text === undefined || text.trim() === '') continue;
    const value = kind.fromText(text, (reason) => findings.refuse(name, reason, path));
    if (value === undefined) continue;
    const before = layer.find(path);
    if (before === undefined) layer.say(path, value, name);
    else if (!isGeneral && JSON.stringify(before.value) !== JSON.stringify(value)) {
      findings.note(`${name} is not used: ${before.by} says something else, and wins`);
    }
  }
  readSamplerArgument(layer, findings);
  checkBatch(layer, findings);
  return layer;
}

/** OpenTelemetry's rule for its two variables. */
function checkBatch(layer: Layer, findings: TelemetryFindings): void {
  const queue = layer.find('export.maxQueueBytes');
  const batch = layer.find('export.maxBatchSpans');
  if (!queue || !batch || batch.value * BYTES_PER_SPAN <= queue.value) return;
  const most = queue.value / BYTES_PER_SPAN;
  findings.refuse(batch.by, `expected no more than ${queue.by}, which is ${most}, got ${batch.value}`, 'export');
}

/** It is the ratio of a sampler that has one, and is not looked at for any other: OpenTelemetry's rule. */
function readSamplerArgument(layer: Layer, findings: TelemetryFindings): void {
  const argument = layer.find('samplerArgument');
  if (!argument) return;
  const sampler = layer.find('sampling.sampler');
  if (!sampler) findings.note(`${argument.by} is not used: it goes with OTEL_TRACES_SAMPLER, which is not set`);
  else if (!sampler.value.endsWith('traceidratio')) {
    findings.note(`${argument.by} is not used: the sampler ${sampler.value} takes no argument`);
  } else {
    const { by } = argument;
    const ratio = RATIO.fromText(argument.value, (reason) => findings.refuse(by, reason, 'sampling.ratio'));
    if (ratio !== undefined) layer.say('sampling.ratio', ratio, by);
  }
}
