import { type HrTime, ValueType } from '@opentelemetry/api';
import { type InstrumentationScope, millisToHrTime } from '@opentelemetry/core';
import { emptyResource, type Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type CollectionResult,
  type DataPoint,
  DataPointType,
  InstrumentType,
  type MetricData,
  type MetricDescriptor,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import type { MetricAttributes } from './instruments';
import {
  type AnyInstrument,
  BUCKETS,
  type Counter,
  type Exemplar,
  type Gauge,
  Histogram,
  type HistogramSeries,
  MAX,
  type MetricRegistry,
  MIN,
  Observed,
  SUM,
  type UpDownCounter,
} from './metric-registry';

export interface RegistryMetricProducerOptions {
  /** Whose metrics these are: the name and version of the service. */
  readonly scope: InstrumentationScope;
  /** Only for whoever collects from the producer itself; a reader takes its provider's. Default: an empty one. */
  readonly resource?: Resource;
  /** What the exporter behind the reader wants. Default: everything cumulative. */
  readonly temporality?: (type: InstrumentType) => AggregationTemporality;
  /** Milliseconds since the epoch. Default: the machine's clock. */
  readonly now?: () => number;
}

/** The value of a histogram's point, with the exemplars that OpenTelemetry's own type has no place for. */
export interface HistogramValue {
  readonly buckets: { boundaries: number[]; counts: number[] };
  readonly count: number;
  readonly sum: number;
  readonly min?: number;
  readonly max?: number;
  /** The latest exemplar of a bucket; undefined where there are none at all. */
  readonly exemplar?: (bucket: number) => Exemplar | undefined;
}

/** What is common to series of every kind. */
interface AnySeries {
  readonly attributes: MetricAttributes;
  readonly createdAt: number;
}

/**
 * Hands the series of a {@link MetricRegistry} to one reader of OpenTelemetry, which exports them beside what the application
 * made through OpenTelemetry's API.
 *
 * Each reader needs a producer of its own: what is handed over as a difference depends on what that reader had last.
 *
 * @example
 * ```ts
 * const producer = new RegistryMetricProducer(registry, { scope: { name: 'shop' } });
 * const reader = new PeriodicExportingMetricReader({ exporter, metricProducers: [producer] });
 * ```
 */
export class RegistryMetricProducer implements MetricProducer {
  private readonly descriptors = new WeakMap<AnyInstrument, MetricDescriptor>();
  /** What the reader had last, of what it gets as differences. */
  private readonly lastValues = new Map<AnySeries, number>();
  private readonly lastCells = new Map<AnySeries, Float64Array>();
  private lastCollection = 0;
  private readonly scope: InstrumentationScope;
  private readonly resource: Resource;
  private readonly temporality: (type: InstrumentType) => AggregationTemporality;
  private readonly now: () => number;

  constructor(
    private readonly registry: MetricRegistry,
    options: RegistryMetricProducerOptions,
  ) {
    this.scope = options.scope;
    this.resource = options.resource ?? emptyResource();
    this.temporality = options.temporality ?? (() => AggregationTemporality.CUMULATIVE);
    this.now = options.now ?? Date.now;
  }

  async collect(): Promise<CollectionResult> {
    const at = this.now();
    const metrics: MetricData[] = [];
    for (const instrument of this.registry.instruments) {
      const metric = this.metricOf(instrument, at);
      if (metric.dataPoints.length > 0) metrics.push(metric);
    }
    this.lastCollection = at;
    const scopeMetrics = metrics.length > 0 ? [{ scope: this.scope, metrics }] : [];
    return { resourceMetrics: { resource: this.resource, scopeMetrics }, errors: [] };
  }

  private metricOf(instrument: AnyInstrument, at: number): MetricData {
    const descriptor = this.descriptorOf(instrument);
    if (instrument instanceof Histogram) return this.histogram(instrument, descriptor, at);
    if (instrument.definition.kind === 'gauge') return this.gauge(instrument as Gauge | Observed, descriptor, at);
    return this.sum(instrument as Counter | UpDownCounter | Observed, descriptor, at);
  }

  private gauge(instrument: Gauge | Observed, descriptor: MetricDescriptor, at: number): MetricData {
    const end = millisToHrTime(at);
    const series = instrument instanceof Observed ? instrument.read() : instrument.series;
    const dataPoints = [...series]
      .filter(({ value }) => !Number.isNaN(value))
      .map((one) => this.point(one, this.number(one.value, descriptor), end, at, false));
    const aggregationTemporality = AggregationTemporality.CUMULATIVE;
    return { descriptor, aggregationTemporality, dataPointType: DataPointType.GAUGE, dataPoints };
  }

  private sum(instrument: Counter | UpDownCounter | Observed, descriptor: MetricDescriptor, at: number): MetricData {
    const isMonotonic = instrument.definition.kind === 'counter';
    const isObserved = instrument instanceof Observed;
    const aggregationTemporality = this.temporality(sumType(isMonotonic, isObserved));
    const isDelta = aggregationTemporality === AggregationTemporality.DELTA;
    const end = millisToHrTime(at);
    const dataPoints: DataPoint<number>[] = [];
    for (const series of isObserved ? instrument.read() : instrument.series) {
      const last = this.lastValues.get(series);
      // What did not change is not sent as a difference of nothing; but that it is there at all is told once, at zero.
      if (isDelta && last === series.value) continue;
      const value = isDelta ? series.value - (last ?? 0) : series.value;
      if (isDelta) this.lastValues.set(series, series.value);
      dataPoints.push(this.point(series, this.number(value, descriptor), end, at, isDelta));
    }
    return { descriptor, aggregationTemporality, dataPointType: DataPointType.SUM, isMonotonic, dataPoints };
  }

  private histogram(instrument: Histogram, descriptor: MetricDescriptor, at: number): MetricData {
    const aggregationTemporality = this.temporality(InstrumentType.HISTOGRAM);
    const isDelta = aggregationTemporality === AggregationTemporality.DELTA;
    const end = millisToHrTime(at);
    const boundaries = instrument.edges as number[];
    const dataPoints: DataPoint<HistogramValue>[] = [];
    for (const series of instrument.series) {
      const last = isDelta ? this.lastCells.get(series) : undefined;
      const value = histogramValue(series, boundaries, last);
      if (last !== undefined && value.count === 0) continue;
      if (isDelta) this.lastCells.set(series, series.cells.slice());
      dataPoints.push(this.point(series, value, end, at, isDelta));
    }
    return { descriptor, aggregationTemporality, dataPointType: DataPointType.HISTOGRAM, dataPoints };
  }

  private point<T>(series: AnySeries, value: T, endTime: HrTime, at: number, isDelta: boolean): DataPoint<T> {
    const from = isDelta ? Math.max(series.createdAt, this.lastCollection) : series.createdAt;
    // The wall clock may have been set back since.
    return { startTime: millisToHrTime(Math.min(from, at)), endTime, attributes: series.attributes, value };
  }

  /** An integer for OTLP: half of one is an error there, and would lose the whole request. */
  private number(value: number, { valueType }: MetricDescriptor): number {
    return valueType === ValueType.INT ? Math.trunc(value) : value;
  }

  private descriptorOf(instrument: AnyInstrument): MetricDescriptor {
    const known = this.descriptors.get(instrument);
    if (known !== undefined) return known;
    const { name, description, unit, integer } = instrument.definition;
    const descriptor = { name, description, unit, valueType: integer ? ValueType.INT : ValueType.DOUBLE };
    this.descriptors.set(instrument, descriptor);
    return descriptor;
  }
}

function histogramValue(series: HistogramSeries, boundaries: number[], last: Float64Array | undefined): HistogramValue {
  const { cells } = series;
  const counts = new Array<number>(boundaries.length + 1);
  let count = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    const cell = BUCKETS + bucket;
    const here = cells[cell]! - (last?.[cell] ?? 0);
    counts[bucket] = here;
    count += here;
  }
  return {
    buckets: { boundaries, counts },
    count,
    sum: cells[SUM]! - (last?.[SUM] ?? 0),
    // Least and greatest are known since the start. Of a part of the time since, they are not.
    ...(count > 0 && last === undefined && { min: cells[MIN]!, max: cells[MAX]! }),
    ...(series.hasExemplars && { exemplar: (bucket: number) => series.exemplar(bucket) }),
  };
}

function sumType(isMonotonic: boolean, isObserved: boolean): InstrumentType {
  if (isMonotonic) return isObserved ? InstrumentType.OBSERVABLE_COUNTER : InstrumentType.COUNTER;
  return isObserved ? InstrumentType.OBSERVABLE_UP_DOWN_COUNTER : InstrumentType.UP_DOWN_COUNTER;
}
