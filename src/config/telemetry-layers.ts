import type { JsonPath } from '../util/json-text';
import type { UserError } from '../util/user-error';
import { readFields } from './fields';
import { OPTION_FIELDS, type TelemetryPath, type TelemetryValue } from './telemetry-fields';

/** The layers, lowest first: what is said in a later one wins. */
export const LAYER_ORDER = ['preset', 'code', 'file', 'environment', 'flags'] as const;
export type LayerName = (typeof LAYER_ORDER)[number];

/** Something that somebody said of telemetry. */
export interface Said<T = unknown> {
  readonly value: T;
  /** Who: the variable, the flag, the option, the file with its line. Begins messages. */
  readonly by: string;
  /** Place of its layer in {@link LAYER_ORDER}. */
  readonly rank: number;
}

/** What one layer says. */
export class Layer {
  readonly rank: number;
  private readonly said = new Map<TelemetryPath, Said>();

  constructor(name: LayerName) {
    this.rank = LAYER_ORDER.indexOf(name);
  }

  say(path: TelemetryPath, value: unknown, by: string): void {
    this.said.set(path, { value, by, rank: this.rank });
  }

  find<P extends TelemetryPath>(path: P): Said<TelemetryValue<P>> | undefined {
    return this.said.get(path) as Said<TelemetryValue<P>> | undefined;
  }
}

/** What all layers say. */
export class Layers {
  /** @param layers lowest first */
  constructor(readonly layers: readonly Layer[]) {}

  /** The highest layer's word. */
  find<P extends TelemetryPath>(path: P): Said<TelemetryValue<P>> | undefined {
    return this.layers.findLast((layer) => layer.find(path))?.find(path);
  }

  get<P extends TelemetryPath>(path: P): TelemetryValue<P> | undefined {
    return this.find(path)?.value;
  }
}

/** The word of the highest layer; of several in the same layer, the first. */
export function highest<T>(...said: readonly (Said<T> | undefined)[]): Said<T> | undefined {
  let best: Said<T> | undefined;
  for (const candidate of said) if (candidate && (!best || candidate.rank > best.rank)) best = candidate;
  return best;
}

/** What is wrong with what was said, and what is to be told at start. */
export class TelemetryFindings {
  private readonly problems: { readonly text: string; readonly decidesWhetherOn: boolean }[] = [];
  private readonly refused = new Set<string>();
  private readonly remarks = new Set<string>();

  /** @param path the option that it is about; none where it is about the source itself */
  refuse(by: string, reason: string, path?: string): undefined {
    this.problems.push({ text: `${by}: ${reason}`, decidesWhetherOn: path === undefined || SWITCHES.has(path) });
    if (path !== undefined) this.refused.add(path);
    return undefined;
  }

  /** For a source that could not be read at all. */
  refuseAs(error: UserError): undefined {
    this.problems.push({ text: error.message, decidesWhetherOn: true });
    return undefined;
  }

  note(text: string): void {
    this.remarks.add(text);
  }

  /** Whether a value for this option was refused: what would follow from its absence is then not worth telling. */
  hasRefused(path: TelemetryPath): boolean {
    return this.refused.has(path);
  }

  get notes(): readonly string[] {
    return [...this.remarks];
  }

  get all(): readonly string[] {
    return this.problems.map(({ text }) => text);
  }

  /** Those that leave open whether telemetry was to be on. */
  get aboutSwitches(): readonly string[] {
    return this.problems.filter(({ decidesWhetherOn }) => decidesWhetherOn).map(({ text }) => text);
  }
}

const SWITCHES: ReadonlySet<string> = new Set<TelemetryPath>([
  'preset',
  'configFile',
  'enabled',
  'sdkDisabled',
  'tracingEnabled',
  'metricsEnabled',
]);

/**
 * Reads an options object, as it stands in code or in a file.
 *
 * @param nameOf what messages call the option at a path
 */
export function layerOfOptions(
  name: LayerName,
  options: unknown,
  nameOf: (path: JsonPath) => string,
  findings: TelemetryFindings,
): Layer {
  const layer = new Layer(name);
  readFields(
    options,
    OPTION_FIELDS,
    (path, value) => layer.say(path.join('.') as TelemetryPath, value, nameOf(path)),
    (reason, path = []) => findings.refuse(nameOf(path), reason, path.join('.')),
  );
  return layer;
}

/** `exporters.traces[1].endpoint`. */
export function textOfPath(path: JsonPath): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : `${index > 0 ? '.' : ''}${step}`))
    .join('');
}
