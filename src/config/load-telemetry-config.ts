import { resolve } from 'node:path';
import { UserError } from '../util/user-error';
import { count } from '../util/words';
import { resolveTelemetry } from './resolve-telemetry';
import type { TelemetryConfig } from './telemetry-config';
import { layerOfFile } from './telemetry-file';
import { layerOfFlags, readTelemetryFlags, type TelemetryFlags } from './telemetry-flags';
import {
  highest,
  type Layer,
  Layers,
  layerOfOptions,
  type Said,
  TelemetryFindings,
  textOfPath,
} from './telemetry-layers';
import type { TelemetryOptions } from './telemetry-options';
import { telemetryPresets } from './telemetry-presets';
import { layerOfEnvironment } from './telemetry-variables';

/** Where the config of telemetry comes from. */
export interface TelemetrySources {
  /** What the code says. Default: nothing. */
  readonly options?: TelemetryOptions;
  /** JSON file, where neither flag nor environment names one. Default: `options.configFile`. */
  readonly file?: string;
  /** Default: the environment of the process. Give `{}` to be left alone by it. */
  readonly env?: NodeJS.ProcessEnv;
  /** The arguments of the application (`process.argv.slice(2)`), or what was found in them. Default: none. */
  readonly flags?: readonly string[] | TelemetryFlags;
}

/**
 * Reads, checks and freezes the config of telemetry. What is said higher up wins:
 *
 *     defaults < preset < code < file < environment < flags
 *
 * - Options are laid over each other one by one; so are resource attributes. Headers and lists are replaced as a whole.
 * - Of several variables for one thing, OpenTelemetry's own wins over the guide's, and that over its other names; a note says so.
 * - An environment variable that is empty was not set. `CONTAINER_KIT_TRACING_ENABLED=true` wins over `tracingEnabled: false`
 *   in code.
 * - `OTEL_SDK_DISABLED=true` wins over everything, flags included. Where telemetry is off, by this, by `enabled: false` or
 *   because neither spans nor metrics are wanted, nobody complains of anything else, and `enabled` is false.
 *
 * @throws UserError naming everything that is wrong at once: the variable, flag, option, or file and line, what was expected,
 *   and what was found unless it may be a secret
 * @example
 * const config = loadTelemetryConfig({ options: { preset: 'production', serviceName: 'orders' }, flags: process.argv.slice(2) });
 */
export function loadTelemetryConfig(sources: TelemetrySources = {}): TelemetryConfig {
  const findings = new TelemetryFindings();
  const layers = gather(sources, findings);
  const config = resolveTelemetry(layers, findings);
  const problems = config.enabled ? findings.all : layers.get('sdkDisabled') === true ? [] : findings.aboutSwitches;
  if (problems.length > 0) throw new UserError(message(problems));
  return frozen(config);
}

function gather(
  { options = {}, file, env = process.env, flags = {} }: TelemetrySources,
  findings: TelemetryFindings,
): Layers {
  const given = isArgv(flags) ? readTelemetryFlags(flags) : flags;
  const code = layerOfOptions('code', options, (path) => `option ${textOfPath(path)}`, findings);
  const environment = layerOfEnvironment(env, findings);
  const byFlag = given.telemetryConfig ? { path: resolve(given.telemetryConfig), by: '--telemetry-config' } : undefined;
  const byCode = file ? { path: resolve(file), by: 'file' } : fileOf(code);
  const named = byFlag ?? fileOf(environment) ?? byCode;
  const layers = [
    code,
    named && layerOfFile(named.path, named.by, findings),
    environment,
    layerOfFlags(given, findings),
  ];
  const spoken = layers.filter((layer) => layer !== undefined);
  const preset: Said<keyof typeof telemetryPresets> | undefined = highest(
    ...spoken.map((layer) => layer.find('preset')),
  );
  if (preset === undefined) return new Layers(spoken);
  const nameOf = () => `preset ${preset.value}`;
  return new Layers([layerOfOptions('preset', telemetryPresets[preset.value], nameOf, findings), ...spoken]);
}

function fileOf(layer: Layer): { path: string; by: string } | undefined {
  const said = layer.find('configFile');
  return said && { path: said.value, by: said.by };
}

function isArgv(flags: readonly string[] | TelemetryFlags): flags is readonly string[] {
  return Array.isArray(flags);
}

function message(problems: readonly string[]): string {
  if (problems.length === 1) return problems[0] as string;
  return [`${count(problems.length, 'setting')} of telemetry are wrong:`, ...problems].join('\n  ');
}

/** Frozen through and through. What the caller handed in stays as it was. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  const copy = Array.isArray(value)
    ? value.map(frozen)
    : Object.fromEntries(Object.entries(value).map(([key, item]) => [key, frozen(item)]));
  return Object.freeze(copy) as T;
}
