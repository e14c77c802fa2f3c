import { type Fields, type FieldsOf, type PathIn, readFields, type ValueAt, type ValuesIn } from './fields';
import type { LogLevel, OtlpProtocol, PropagatorName, SamplerName, SamplingRule } from './telemetry-config';
import type {
  JaegerOptions,
  OtlpMetricOptions,
  OtlpOptions,
  PresetName,
  PrometheusOptions,
  TelemetryOptions,
} from './telemetry-options';
import {
  ATTRIBUTES,
  alternatives,
  asObject,
  bytes,
  duration,
  ENDPOINT,
  ENDPOINT_OR_EMPTY,
  HEADERS,
  HOST,
  KEYS,
  type Kind,
  oneOf,
  PAGE,
  PATH,
  RATIO,
  READABLE_FILE,
  type Refuse,
  SECRET,
  SWITCH,
  shown,
  someOf,
  TEXT,
  URL_PATH,
  whole,
} from './value-kinds';

/** An exporter that was asked for, with the settings that are its own. */
export interface ExporterEntry<Type extends string, Own> {
  readonly type: Type;
  readonly own: Own;
}

const PROTOCOL = oneOf<OtlpProtocol>(['grpc', 'http/protobuf', 'http/json']);
const LOG_LEVEL = oneOf<LogLevel>(['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'], {
  none: 'silent',
  panic: 'fatal',
  warning: 'warn',
  verbose: 'trace',
  all: 'trace',
});

const OTLP_FIELDS = {
  endpoint: ENDPOINT,
  protocol: PROTOCOL,
  headers: HEADERS,
  compression: oneOf(['none', 'gzip']),
  timeout: duration(1),
  insecure: SWITCH,
  tls: { certificate: READABLE_FILE, clientKey: READABLE_FILE, clientCertificate: READABLE_FILE },
} satisfies FieldsOf<OtlpOptions>;

const OTLP_METRIC_FIELDS = {
  ...OTLP_FIELDS,
  temporality: oneOf(['cumulative', 'delta', 'lowmemory']),
} satisfies FieldsOf<OtlpMetricOptions>;

const JAEGER_FIELDS = {
  username: TEXT,
  password: SECRET,
  agentHost: HOST,
  agentPort: whole(1, 65_535),
} satisfies FieldsOf<JaegerOptions>;

const PROMETHEUS_FIELDS = { host: HOST, port: whole(0, 65_535) } satisfies FieldsOf<PrometheusOptions>;

const TRACE_EXPORTERS = {
  otlp: OTLP_FIELDS,
  jaeger: { endpoint: ENDPOINT, ...JAEGER_FIELDS },
  console: {},
  file: { path: PATH },
  memory: {},
};
const METRIC_EXPORTERS = { otlp: OTLP_METRIC_FIELDS, prometheus: PROMETHEUS_FIELDS, console: {}, memory: {} };
const LOG_EXPORTERS = { otlp: OTLP_FIELDS, console: {}, memory: {} };

type EntryOf<Exporters> = {
  [Type in keyof Exporters & string]: ExporterEntry<Type, ValuesIn<Exporters[Type]>>;
}[keyof Exporters & string];

export type TraceExporterEntry = EntryOf<typeof TRACE_EXPORTERS>;
export type MetricExporterEntry = EntryOf<typeof METRIC_EXPORTERS>;
export type LogExporterEntry = EntryOf<typeof LOG_EXPORTERS>;
export type OtlpValues = ValuesIn<typeof OTLP_METRIC_FIELDS>;

/** Names in the environment; names and objects in code and files. `none` alone, or an empty array, is nowhere. */
function exporterList<E extends Readonly<Record<string, Fields>>>(exporters: E): Kind<readonly EntryOf<E>[]> {
  const names = Object.keys(exporters);
  const byName = someOf(names);
  const expected = `expected ${alternatives(names)}`;
  const entry = (type: string, own: unknown) => ({ type, own }) as EntryOf<E>;
  const fromItem = (item: unknown, at: Refuse): EntryOf<E> | undefined => {
    const { type, ...rest } = typeof item === 'string' ? { type: item } : (asObject(item) ?? { type: item });
    const fields = typeof type === 'string' && Object.hasOwn(exporters, type) ? exporters[type] : undefined;
    if (fields === undefined) return at(`${expected}, got ${shown(type)}`);
    const own: Record<string, unknown> = {};
    readFields(rest, fields, (path, read) => (own[path.join('.')] = read), at);
    return entry(type as string, own);
  };
  return {
    fromText: (text, refuse) => byName.fromText(text, refuse)?.map((type) => entry(type, {})),
    fromValue: (value, refuse) => {
      const plain = new Set<string>();
      // Named twice, everything would be sent twice.
      return eachOf(value, `${expected}, in an array`, refuse, fromItem)?.filter(
        ({ type, own }) => Object.keys(own).length > 0 || (!plain.has(type) && plain.add(type)),
      );
    },
  };
}

const RULE_FIELDS = { span: TEXT, ratio: RATIO };

const SAMPLING_RULES: Kind<readonly SamplingRule[]> = {
  fromText: (_, refuse) => refuse('expected an array'),
  fromValue: (value, refuse) =>
    eachOf(value, 'expected an array of { span, ratio }', refuse, (item, at) => {
      const rule: Record<string, unknown> = {};
      let isRefused = false;
      readFields(
        item,
        RULE_FIELDS,
        ([name], read) => (rule[name as string] = read),
        (reason, below) => {
          isRefused = true;
          return at(reason, below);
        },
      );
      const { span, ratio } = rule as Partial<SamplingRule>;
      if (span !== undefined && ratio !== undefined) return { span, ratio };
      return isRefused ? undefined : at('expected both a span and a ratio');
    }),
};

/** Reads the items of an array; undefined where one was refused. */
function eachOf<T>(
  value: unknown,
  expected: string,
  refuse: Refuse,
  read: (item: unknown, at: Refuse) => T | undefined,
): readonly T[] | undefined {
  if (!Array.isArray(value)) return refuse(`${expected}, got ${shown(value)}`);
  const items = value.map((item, index) => read(item, (reason, below = []) => refuse(reason, [index, ...below])));
  return items.every((item) => item !== undefined) ? items : undefined;
}

/** Every option, and how it is read. */
export const OPTION_FIELDS = {
  preset: oneOf<PresetName>(['development', 'production', 'testing']),
  configFile: PATH,
  enabled: SWITCH,
  serviceName: TEXT,
  serviceVersion: TEXT,
  environment: TEXT,
  resourceAttributes: ATTRIBUTES,
  tracingEnabled: SWITCH,
  tracingEndpoint: ENDPOINT_OR_EMPTY,
  traceSampleRate: RATIO,
  metricsEnabled: SWITCH,
  metricsEndpoint: PAGE,
  metricsInterval: duration(1),
  metricsTimeout: duration(1),
  metricsPath: URL_PATH,
  cardinalityLimit: whole(2),
  exporters: {
    traces: exporterList(TRACE_EXPORTERS),
    metrics: exporterList(METRIC_EXPORTERS),
    logs: exporterList(LOG_EXPORTERS),
  },
  otlp: { ...OTLP_FIELDS, traces: OTLP_FIELDS, metrics: OTLP_METRIC_FIELDS, logs: OTLP_FIELDS },
  jaeger: JAEGER_FIELDS,
  prometheus: PROMETHEUS_FIELDS,
  spansFile: PATH,
  sampling: {
    sampler: oneOf<SamplerName>([
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ]),
    ratio: RATIO,
    rules: SAMPLING_RULES,
    keepErrors: SWITCH,
    keepSlowerThan: duration(0),
  },
  limits: {
    attributeCountLimit: whole(0),
    attributeValueLengthLimit: whole(0),
    eventCountLimit: whole(0),
    linkCountLimit: whole(0),
    attributePerEventCountLimit: whole(0),
    attributePerLinkCountLimit: whole(0),
  },
  export: {
    maxQueueBytes: bytes(1),
    maxBatchSpans: whole(1),
    maxBatchBytes: bytes(1),
    scheduleDelay: duration(0),
    timeout: duration(1),
    shutdownTimeout: duration(0),
    initialBackoff: duration(1),
    maxBackoff: duration(1),
    spool: { directory: PATH, maxBytes: bytes(1), maxAge: duration(1, Number.MAX_SAFE_INTEGER) },
  },
  redaction: { enabled: SWITCH, deny: KEYS, allow: KEYS },
  propagators: someOf<PropagatorName>(['tracecontext', 'baggage', 'b3', 'b3multi', 'jaeger']),
  logLevel: LOG_LEVEL,
  diagnosticLogLevel: LOG_LEVEL,
} satisfies FieldsOf<TelemetryOptions>;

/** What only the environment can say. */
export const ENVIRONMENT_FIELDS = {
  sdkDisabled: SWITCH,
  /** What it means depends on the sampler, so it is read later. */
  samplerArgument: TEXT,
};

export const TELEMETRY_FIELDS = { ...OPTION_FIELDS, ...ENVIRONMENT_FIELDS };

export type TelemetryPath = PathIn<typeof TELEMETRY_FIELDS>;
export type TelemetryValue<P extends TelemetryPath> = ValueAt<typeof TELEMETRY_FIELDS, P>;
