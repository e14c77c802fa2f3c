import { shownEndpoint } from '../util/shown-endpoint';
import { UserError } from '../util/user-error';
import { loadTelemetryConfig } from './load-telemetry-config';
import type { OtlpProtocol, OtlpTarget, SamplingConfig, SpanLimitsConfig } from './telemetry-config';

/** What flags and environment say of telemetry. */
export interface TelemetrySettings {
  readonly enabled: boolean;
  readonly otlp: OtlpTarget | undefined;
  readonly console: boolean;
  readonly sampling: SamplingConfig | undefined;
  readonly limits: Partial<SpanLimitsConfig>;
  readonly serviceName: string | undefined;
  readonly resourceAttributes: Readonly<Record<string, string>>;
  /** Trace context of whoever started us. */
  readonly parent: Readonly<Record<string, string>>;
}

export interface TelemetryFlags {
  /** Undefined where the flag was not given. */
  readonly enable?: boolean;
  readonly endpoint?: string;
  /** Whether telemetry is on where nothing is said. */
  readonly byDefault: boolean;
}

/**
 * Flags before environment. An endpoint, by flag or environment, switches telemetry on; `OTEL_SDK_DISABLED=true` switches it
 * off whatever else is said.
 *
 * @throws UserError naming the variable that is wrong
 */
export function telemetrySettings(flags: TelemetryFlags, env: NodeJS.ProcessEnv = process.env): TelemetrySettings {
  const exporters = (env.OTEL_TRACES_EXPORTER || 'otlp').split(',').map((name) => name.trim());
  const disabled = env.OTEL_SDK_DISABLED?.toLowerCase() === 'true';
  const tracesEndpoint = flags.endpoint ? undefined : env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || undefined;
  const endpoint = flags.endpoint || tracesEndpoint || env.OTEL_EXPORTER_OTLP_ENDPOINT || undefined;
  const console = exporters.includes('console');
  const enabled = !disabled && (flags.enable ?? (flags.byDefault || endpoint !== undefined || console));
  const sends = endpoint !== undefined && (flags.endpoint !== undefined || exporters.includes('otlp'));
  if (!enabled) return OFF;
  const common = commonSettings(env);
  return {
    enabled,
    otlp: sends
      ? {
          ...common.target,
          ...target(endpoint, protocol(env, endpoint), tracesEndpoint !== undefined),
          headers:
            headers(env, 'OTEL_EXPORTER_OTLP_TRACES_HEADERS') ?? headers(env, 'OTEL_EXPORTER_OTLP_HEADERS') ?? {},
        }
      : undefined,
    console,
    sampling: common.sampling,
    limits: common.limits,
    serviceName: env.OTEL_SERVICE_NAME || undefined,
    resourceAttributes: resourceAttributes(env),
    parent: parentContext(env),
  };
}

/** Where telemetry is off, nobody looks at the other variables, right or wrong. */
const OFF: TelemetrySettings = {
  enabled: false,
  otlp: undefined,
  console: false,
  sampling: undefined,
  limits: {},
  serviceName: undefined,
  resourceAttributes: {},
  parent: {},
};

function protocol(env: NodeJS.ProcessEnv, endpoint: string): OtlpProtocol {
  const name = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL
    ? 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'
    : 'OTEL_EXPORTER_OTLP_PROTOCOL';
  const value = env[name];
  // The toolkit speaks gRPC; 4318 is the port that is set aside for HTTP.
  if (!value) return /^([a-z]+:\/\/)?[^/]*:4318(\/|$)/i.test(endpoint) ? 'http/protobuf' : 'grpc';
  if (value === 'grpc' || value === 'http/protobuf' || value === 'http/json') return value;
  throw new UserError(`${name}: expected grpc, http/protobuf or http/json, got '${value}'`);
}

/** OpenTelemetry's variables that mean the same to the commands and to an application. */
const COMMON_VARIABLES = [
  'OTEL_TRACES_SAMPLER',
  'OTEL_TRACES_SAMPLER_ARG',
  'OTEL_EXPORTER_OTLP_COMPRESSION',
  'OTEL_EXPORTER_OTLP_TRACES_COMPRESSION',
  'OTEL_EXPORTER_OTLP_TIMEOUT',
  'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT',
  'OTEL_EXPORTER_OTLP_CERTIFICATE',
  'OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE',
  'OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE',
  'OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE',
  'OTEL_EXPORTER_OTLP_CLIENT_KEY',
  'OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY',
] as const;
const VALUE_LENGTH = ['OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT', 'OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT'] as const;

/** @throws UserError naming the variables that are wrong */
function commonSettings(env: NodeJS.ProcessEnv): {
  target: OtlpTarget;
  sampling: SamplingConfig;
  limits: Partial<SpanLimitsConfig>;
} {
  const names = [...COMMON_VARIABLES, ...VALUE_LENGTH];
  const { tracing } = loadTelemetryConfig({
    env: Object.fromEntries(names.map((name) => [name, env[name]])),
    options: { exporters: { traces: ['otlp'], metrics: [], logs: [] } },
  });
  const [exporter] = tracing.exporters;
  if (exporter?.type !== 'otlp') throw new Error('Internal error: asked for OTLP, and got another exporter');
  const { attributeValueLengthLimit } = tracing.limits;
  return {
    target: exporter.target,
    sampling: tracing.sampling,
    // Texts of a build, such as why it failed, are left whole where nobody asks for less.
    limits: VALUE_LENGTH.some((name) => env[name]) ? { attributeValueLengthLimit } : {},
  };
}

function target(
  endpoint: string,
  protocol: OtlpProtocol,
  isComplete: boolean,
): Pick<OtlpTarget, 'endpoint' | 'protocol'> {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(endpoint) ? endpoint : `http://${endpoint}`;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new UserError('the OTLP endpoint is not a URL; expected something like http://localhost:4317');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new UserError(`the OTLP endpoint '${shownEndpoint(endpoint)}' must begin with http:// or https://`);
  if (protocol === 'grpc') return { endpoint: url.origin, protocol };
  if (isComplete) return { endpoint: url.href, protocol };
  return { endpoint: new URL('v1/traces', url.href.endsWith('/') ? url.href : `${url.href}/`).href, protocol };
}

/** `OTEL_SERVICE_NAME` goes before a `service.name` among the attributes. */
function resourceAttributes(env: NodeJS.ProcessEnv): Record<string, string> {
  const attributes = pairs(env, 'OTEL_RESOURCE_ATTRIBUTES') ?? {};
  if (env.OTEL_SERVICE_NAME) delete attributes['service.name'];
  return attributes;
}

/** Checked here, as gRPC's own complaint tells the value. */
function headers(env: NodeJS.ProcessEnv, name: string): Record<string, string> | undefined {
  const found = pairs(env, name);
  for (const [key, value] of Object.entries(found ?? {})) {
    if (!/^[0-9a-z_.-]+$/i.test(key))
      throw new UserError(`${name}: a header's name holds a character that is not allowed`);
    if (!/^[ -~]*$/.test(value))
      throw new UserError(`${name}: the value of ${key} holds a character that is not allowed`);
  }
  return found;
}

/** `key=value,key=value`, percent-encoded. */
function pairs(env: NodeJS.ProcessEnv, name: string): Record<string, string> | undefined {
  const text = env[name];
  if (!text) return undefined;
  const found: Record<string, string> = {};
  for (const pair of text.split(',')) {
    if (pair.trim() === '') continue;
    const equals = pair.indexOf('=');
    if (equals <= 0) throw new UserError(`${name}: expected key=value pairs separated by commas`);
    try {
      found[decodeURIComponent(pair.slice(0, equals).trim())] = decodeURIComponent(pair.slice(equals + 1).trim());
    } catch {
      throw new UserError(`${name}: a value is not correctly percent-encoded`);
    }
  }
  return found;
}

function parentContext(env: NodeJS.ProcessEnv): Record<string, string> {
  const carrier: Record<string, string> = {};
  for (const name of ['traceparent', 'tracestate', 'baggage']) {
    const value = env[name.toUpperCase()];
    if (value) carrier[name] = value;
  }
  return carrier;
}
