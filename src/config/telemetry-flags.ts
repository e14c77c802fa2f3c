import { kindAt } from './fields';
import { OPTION_FIELDS, type TelemetryPath } from './telemetry-fields';
import { Layer, type TelemetryFindings } from './telemetry-layers';
import { shown } from './value-kinds';

/** What the flags of an application say of telemetry. Fields that are undefined or empty were not given. */
export interface TelemetryFlags {
  /** `--enable-telemetry`, `--no-enable-telemetry`: everything off; or on, with spans. `OTEL_SDK_DISABLED=true` wins. */
  readonly enableTelemetry?: boolean;
  /** `--otlp-endpoint`: spans are made, and go to this OTLP collector, beside whatever other exporter was asked for. */
  readonly otlpEndpoint?: string;
  /** `--service-name` */
  readonly serviceName?: string;
  /** `--trace-sample-rate`: 0 to 1. */
  readonly traceSampleRate?: string;
  /** `--log-level`: as `logLevel`. */
  readonly logLevel?: string;
  /** `--telemetry-config`: path of a JSON file. */
  readonly telemetryConfig?: string;
  /** Flags of ours that were given wrongly, and why. They are told with everything else that is wrong. */
  readonly problems?: readonly { readonly flag: string; readonly reason: string }[];
}

const TEXT_FLAGS = {
  '--otlp-endpoint': 'otlpEndpoint',
  '--service-name': 'serviceName',
  '--trace-sample-rate': 'traceSampleRate',
  '--log-level': 'logLevel',
  '--telemetry-config': 'telemetryConfig',
} as const satisfies Readonly<Record<string, keyof TelemetryFlags>>;

/**
 * Finds the flags of telemetry among the arguments of an application. All other arguments belong to the application and are
 * passed over; `--` ends the flags; the last of several counts.
 *
 * @param argv without program and script: `process.argv.slice(2)`
 */
export function readTelemetryFlags(argv: readonly string[]): TelemetryFlags {
  const problems: { flag: string; reason: string }[] = [];
  const flags: { -readonly [K in keyof TelemetryFlags]: TelemetryFlags[K] } = { problems };
  for (const [index, word] of argv.entries()) {
    if (word === '--') break;
    const [, name = '', equals] = /^(--[^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === '--enable-telemetry' || name === '--no-enable-telemetry') {
      if (equals !== undefined && equals !== 'true' && equals !== 'false') {
        problems.push({ flag: name, reason: `expected true or false, got ${shown(equals)}` });
      } else flags.enableTelemetry = (name === '--enable-telemetry') === (equals !== 'false');
    } else if (Object.hasOwn(TEXT_FLAGS, name)) {
      const value = equals ?? argv[index + 1];
      if (value === undefined || (equals === undefined && value.startsWith('--'))) {
        problems.push({ flag: name, reason: 'expected a value' });
      } else flags[TEXT_FLAGS[name as keyof typeof TEXT_FLAGS]] = value;
    }
  }
  return flags;
}

/** What the flags say, as a layer. */
export function layerOfFlags(flags: TelemetryFlags, findings: TelemetryFindings): Layer {
  const layer = new Layer('flags');
  for (const { flag, reason } of flags.problems ?? []) findings.refuse(flag, reason);
  if (flags.enableTelemetry !== undefined) {
    const by = flags.enableTelemetry ? '--enable-telemetry' : '--no-enable-telemetry';
    layer.say('enabled', flags.enableTelemetry, by);
    if (flags.enableTelemetry) layer.say('tracingEnabled', true, by);
  }
  say('otlp.endpoint', '--otlp-endpoint');
  say('serviceName', '--service-name');
  say('traceSampleRate', '--trace-sample-rate');
  say('logLevel', '--log-level');
  if (layer.find('otlp.endpoint')) layer.say('tracingEnabled', true, '--otlp-endpoint');
  return layer;

  function say(path: TelemetryPath, flag: Exclude<keyof typeof TEXT_FLAGS, '--telemetry-config'>): void {
    const text = flags[TEXT_FLAGS[flag]];
    if (!text) return;
    const value = kindAt(OPTION_FIELDS, path).fromText(text, (reason) => findings.refuse(flag, reason, path));
    if (value !== undefined) layer.say(path, value, flag);
  }
}
