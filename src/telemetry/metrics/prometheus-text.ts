import type { Attributes } from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import {
  type DataPoint,
  DataPointType,
  type HistogramMetricData,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import type { Exemplar } from './metric-registry';
import type { HistogramValue } from './registry-metric-producer';

/** Prometheus' text format 0.0.4, or OpenMetrics 1.0, which has exemplars. */
export type PrometheusFormat = 'text' | 'openmetrics';

export const CONTENT_TYPES: Readonly<Record<PrometheusFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

export interface PrometheusTextOptions {
  /** Whether each series says which scope made it, as `otel_scope_name` and `otel_scope_version`. Default: false. */
  readonly scopeLabels?: boolean;
  /** Told once for each metric that cannot be shown as it is. Default: nobody. */
  readonly onProblem?: (message: string) => void;
}

type FamilyType = 'counter' | 'gauge' | 'histogram';

/** All that is shown under one name, from whatever scopes. */
interface Family {
  readonly name: string;
  readonly type: FamilyType;
  readonly unit: string;
  readonly description: string;
  readonly parts: { readonly metric: MetricData; readonly scope: InstrumentationScope }[];
}

/** What OpenMetrics calls the units that are part of a name. */
const UNIT_WORDS: Readonly<Record<string, string>> = { s: 'seconds', By: 'bytes', '%': 'percent', '1': 'ratio' };

/**
 * Writes metrics as Prometheus reads them. Names stay as they are, but for dots, which become underscores, and counters, which
 * end in `_total`.
 *
 * Our own, beside OpenTelemetry's `PrometheusSerializer`, because that one writes neither OpenMetrics nor exemplars, puts the same
 * name twice into one answer when two scopes use it (which the format forbids), and takes several times as long:
 * here the labels of a series are written once, and kept as long as its attributes live.
 */
export class PrometheusText {
  private readonly labels = new WeakMap<Attributes, string>();
  private readonly edges = new WeakMap<readonly number[], Record<PrometheusFormat, readonly string[]>>();
  private readonly names = new Map<string, string>();
  private readonly said = new Set<string>();

  constructor(private readonly options: PrometheusTextOptions = {}) {}

  write({ resource, scopeMetrics }: ResourceMetrics, format: PrometheusFormat): string {
    let out = targetInfo(this.labelsOf(resource.attributes), format);
    for (const family of this.familiesOf(scopeMetrics, format)) out += this.writeFamily(family, format);
    return format === 'openmetrics' ? `${out}# EOF\n` : out;
  }

  private familiesOf(scopeMetrics: ResourceMetrics['scopeMetrics'], format: PrometheusFormat): Iterable<Family> {
    const families = new Map<string, Family>();
    for (const { scope, metrics } of scopeMetrics) {
      for (const metric of metrics) {
        const type = familyType(metric);
        const { name: given, unit, description } = metric.descriptor;
        if (type === undefined) {
          this.sayOnce(`metric ${given} has exponential buckets, which Prometheus' text formats cannot show`);
          continue;
        }
        const name = this.familyName(given, type, format);
        const family = families.get(name);
        if (family === undefined) families.set(name, { name, type, unit, description, parts: [{ metric, scope }] });
        else if (family.type === type) family.parts.push({ metric, scope });
        else
          this.sayOnce(
            `metric ${given} is not shown to Prometheus: ${name} is there as a ${family.type}, this is a ${type}`,
          );
      }
    }
    return families.values();
  }

  private familyName(given: string, type: FamilyType, format: PrometheusFormat): string {
    const name = this.legalName(given);
    if (type !== 'counter') return name;
    // In OpenMetrics the family goes without the suffix that its samples have.
    const base = name.endsWith('_total') ? name.slice(0, -'_total'.length) : name;
    return format === 'openmetrics' ? base : `${base}_total`;
  }

  private writeFamily({ name, type, unit, description, parts }: Family, format: PrometheusFormat): string {
    const isOpenMetrics = format === 'openmetrics';
    const sample = isOpenMetrics && type === 'counter' ? `${name}_total` : name;
    const unitWord = UNIT_WORDS[unit];
    let head = `# TYPE ${name} ${type}\n`;
    if (isOpenMetrics && unitWord && name.endsWith(`_${unitWord}`)) head += `# UNIT ${name} ${unitWord}\n`;
    if (description !== '') {
      const help = isOpenMetrics ? escaped(description) : description.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
      head = isOpenMetrics ? `${head}# HELP ${name} ${help}\n` : `# HELP ${name} ${help}\n${head}`;
    }
    let lines = '';
    const seen = new Set<string>();
    for (const { metric, scope } of parts) {
      const edges = this.edgesOf(metric, format);
      const scopeLabels = this.options.scopeLabels ? scopeText(scope) : '';
      for (const point of metric.dataPoints) {
        const labels = joined(this.labelsOf(point.attributes), scopeLabels);
        if (seen.has(labels)) {
          this.sayOnce(`metric ${sample}{${labels}} is there twice; Prometheus is shown the first only`);
          continue;
        }
        seen.add(labels);
        if (metric.dataPointType === DataPointType.HISTOGRAM) {
          const { value } = point as DataPoint<HistogramValue>;
          lines += writeHistogram(name, labels, value, edges, isOpenMetrics);
        } else {
          lines += `${labels === '' ? sample : `${sample}{${labels}}`} ${numeral(point.value as number)}\n`;
        }
      }
    }
    return lines === '' ? '' : head + lines;
  }

  /** The edges of a histogram as `le` writes them, up to `+Inf`, with all that follows them. */
  private edgesOf(metric: MetricData, format: PrometheusFormat): readonly string[] {
    const boundaries = (metric as HistogramMetricData).dataPoints[0]?.value.buckets?.boundaries;
    if (boundaries === undefined) return [];
    let known = this.edges.get(boundaries);
    if (known === undefined) {
      const finite = boundaries.filter((edge) => edge !== Number.POSITIVE_INFINITY);
      const ended = (numerals: readonly string[]) => [...numerals, '+Inf'].map((edge) => `${edge}"} `);
      known = { text: ended(finite.map(String)), openmetrics: ended(finite.map(openMetricsNumeral)) };
      this.edges.set(boundaries, known);
    }
    return known[format];
  }

  /** `a="b",c="d"`. The SDK and our registry keep the same object for the same series, so most are written once. */
  private labelsOf(attributes: Attributes): string {
    const known = this.labels.get(attributes);
    if (known !== undefined) return known;
    const names: string[] = [];
    const values: string[] = [];
    for (const key in attributes) {
      const value = attributes[key];
      if (value === undefined || value === null) continue;
      const name = this.legalName(key);
      const own = escaped(typeof value === 'object' ? JSON.stringify(value) : String(value));
      const there = names.indexOf(name);
      if (there === -1) {
        names.push(name);
        values.push(own);
      } else {
        // Two keys that become one label: it has both values, as OpenTelemetry's rules for Prometheus have it.
        values[there] += `;${own}`;
      }
    }
    let text = '';
    for (let i = 0; i < names.length; i++) text += `${i === 0 ? '' : ','}${names[i]}="${values[i]}"`;
    this.labels.set(attributes, text);
    return text;
  }

  private legalName(given: string): string {
    let name = this.names.get(given);
    if (name === undefined) {
      name = legal(given);
      if (this.names.size < MAX_NAMES) this.names.set(given, name);
    }
    return name;
  }

  private sayOnce(message: string): void {
    if (this.said.has(message) || this.said.size >= MAX_SAID) return;
    this.said.add(message);
    this.options.onProblem?.(message);
  }
}

/** Names of metrics and keys of attributes that are kept as Prometheus writes them. */
const MAX_NAMES = 10_000;
/** A message can name a series, and of these there can be many. */
const MAX_SAID = 100;

/**
 * The format that the one who asks likes better, by its `Accept` header. Text, where it says nothing that we know.
 */
export function formatFor(accept: string | undefined): PrometheusFormat {
  let text = 0;
  let openMetrics = 0;
  for (const range of (accept ?? '').toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const given = (name: string) => parameters.find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1);
    const quality = Number(given('q') ?? 1);
    if (Number.isNaN(quality)) continue;
    const version = given('version');
    if (type === 'application/openmetrics-text' && (version === undefined || version === '1.0.0')) {
      openMetrics = Math.max(openMetrics, quality);
    } else if (type === 'text/plain') {
      text = Math.max(text, quality);
    }
  }
  return openMetrics > 0 && openMetrics >= text ? 'openmetrics' : 'text';
}

function targetInfo(labels: string, format: PrometheusFormat): string {
  if (labels === '') return '';
  const [family, type] = format === 'openmetrics' ? ['target', 'info'] : ['target_info', 'gauge'];
  const help = `# HELP ${family} Where these metrics come from.\n`;
  const kind = `# TYPE ${family} ${type}\n`;
  return `${format === 'openmetrics' ? kind + help : help + kind}target_info{${labels}} 1\n`;
}

function writeHistogram(
  name: string,
  labels: string,
  value: HistogramValue,
  edges: readonly string[],
  isOpenMetrics: boolean,
): string {
  const prefix = `${name}_bucket{${labels === '' ? '' : `${labels},`}le="`;
  const { counts } = value.buckets;
  const exemplarOf = isOpenMetrics ? value.exemplar : undefined;
  let lines = '';
  let below = 0;
  for (let bucket = 0; bucket < edges.length; bucket++) {
    below += counts[bucket] ?? 0;
    lines += prefix + edges[bucket] + below;
    const exemplar = exemplarOf?.(bucket);
    lines += exemplar === undefined ? '\n' : ` # ${exemplarText(exemplar)}\n`;
  }
  const braces = labels === '' ? '' : `{${labels}}`;
  if (value.sum !== undefined) lines += `${name}_sum${braces} ${numeral(value.sum)}\n`;
  return `${lines}${name}_count${braces} ${value.count}\n`;
}

function exemplarText({ value, at, context }: Exemplar): string {
  return `{trace_id="${context.traceId}",span_id="${context.spanId}"} ${numeral(value)} ${at / 1000}`;
}

function familyType(metric: MetricData): FamilyType | undefined {
  switch (metric.dataPointType) {
    case DataPointType.SUM:
      return metric.isMonotonic ? 'counter' : 'gauge';
    case DataPointType.GAUGE:
      return 'gauge';
    case DataPointType.HISTOGRAM:
      return 'histogram';
    default:
      return undefined;
  }
}

function scopeText({ name, version }: InstrumentationScope): string {
  return joined(`otel_scope_name="${escaped(name)}"`, version ? `otel_scope_version="${escaped(version)}"` : '');
}

function joined(a: string, b: string): string {
  if (a === '') return b;
  return b === '' ? a : `${a},${b}`;
}

/** A name of a metric or label, from whatever it is called. */
function legal(name: string): string {
  const plain = name.replace(/[^a-zA-Z0-9]+/g, '_');
  return /^[0-9]/.test(plain) || plain === '' ? `_${plain}` : plain;
}

function escaped(text: string): string {
  return /["\\\n]/.test(text) ? text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : text;
}

function numeral(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}

/** An edge as OpenMetrics wants it: as Go writes it, and never like a whole number. `0.00005` is `5e-05`, `1` is `1.0`. */
function openMetricsNumeral(value: number): string {
  const exponent = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  if (exponent < -4 || exponent >= 6) {
    const [digits, power = ''] = value.toExponential().split('e');
    return `${digits}e${power[0]}${power.slice(1).padStart(2, '0')}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
