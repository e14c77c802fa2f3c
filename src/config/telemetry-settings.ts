import type { OtlpProtocol, TelemetryOptions } from '../telemetry/telemetry';
import { UserError } from '../util/user-error';

/** What flags and environment say of telemetry. */
export interface TelemetrySettings {
  readonly enabled: boolean;
  readonly otlp: TelemetryOptions['otlp'];
  readonly console: boolean;
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
  return {
    enabled,
    otlp: sends
      ? {
          endpoint,
          protocol: protocol(env, endpoint),
          isTracesEndpoint: tracesEndpoint !== undefined,
          headers: headers(env, 'OTEL_EXPORTER_OTLP_TRACES_HEADERS') ?? headers(env, 'OTEL_EXPORTER_OTLP_HEADERS'),
        }
      : undefined,
    console,
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
