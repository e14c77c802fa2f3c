import { messageOf } from '../tracing/record-error';
import type { InstrumentDefinition, InstrumentKind, MetricAttributes } from './instruments';
import { SeriesTable } from './series-table';

/** The span that a measurement belongs to: what OpenTelemetry calls a span context. */
export interface ExemplarContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

/** One measurement with the trace that it came from. */
export interface Exemplar {
  readonly value: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly context: ExemplarContext;
}

export interface MetricRegistryOptions {
  /** False: every instrument is there and does nothing. Default: true. */
  readonly enabled?: boolean;
  /** Series of one instrument at the most, the overflow series included. Default: 2000. */
  readonly cardinalityLimit?: number;
  /** Told once for each instrument and kind of problem. Default: nobody. */
  readonly onProblem?: (message: string) => void;
  /** Milliseconds since the epoch. Default: the machine's clock. */
  readonly now?: () => number;
}

const SAMPLED = 1;
const DEFAULT_CARDINALITY_LIMIT = 2000;
/** The edges that OpenTelemetry's SDK takes where none are given; made for milliseconds. */
const DEFAULT_BUCKETS = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000];
/** For durations in seconds, which the edges above would put into the first bucket, all of them. */
const DEFAULT_SECONDS = [0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const NAME = /^[a-z][\w./-]{0,254}$/i;

type Refuse = (value: unknown) => void;
const IGNORE = () => {};

/** A counter with its attributes decided: to add to it costs a few nanoseconds and allocates nothing. */
export class CounterSeries {
  value = 0;

  constructor(
    readonly attributes: MetricAttributes,
    readonly createdAt: number,
    private readonly refuse: Refuse,
  ) {}

  /** @param value a number from 0 up; anything else is ignored, and said once */
  add(value: number): void {
    if (Number.isFinite(value) && value >= 0) this.value += value;
    else this.refuse(value);
  }
}

/** A counter that can fall, with its attributes decided. */
export class UpDownCounterSeries {
  value = 0;

  constructor(
    readonly attributes: MetricAttributes,
    readonly createdAt: number,
    private readonly refuse: Refuse,
  ) {}

  add(value: number): void {
    if (Number.isFinite(value)) this.value += value;
    else this.refuse(value);
  }
}

/** A gauge with its attributes decided. It has no value, and is not shown, until one is recorded. */
export class GaugeSeries {
  value = Number.NaN;

  constructor(
    readonly attributes: MetricAttributes,
    readonly createdAt: number,
    private readonly refuse: Refuse,
  ) {}

  record(value: number): void {
    if (Number.isFinite(value)) this.value = value;
    else this.refuse(value);
  }
}

/** Where in {@link HistogramSeries.cells} things are: the buckets come last. */
export const SUM = 0;
export const MIN = 1;
export const MAX = 2;
export const BUCKETS = 3;

const EXEMPLAR_EVERY = 16;

/** A histogram with its attributes decided: to record costs a few nanoseconds and allocates nothing. */
export class HistogramSeries {
  /** Sum, least and greatest value, then how many there were in each bucket; the last is for what is above all edges. */
  readonly cells: Float64Array;
  private exemplars: (Exemplar | undefined)[] | undefined;

  constructor(
    readonly attributes: MetricAttributes,
    readonly createdAt: number,
    private readonly edges: Float64Array,
    private readonly refuse: Refuse,
    private readonly now: () => number,
  ) {
    this.cells = new Float64Array(BUCKETS + edges.length + 1);
    this.cells[MIN] = Number.POSITIVE_INFINITY;
    this.cells[MAX] = Number.NEGATIVE_INFINITY;
  }

  /**
   * @param value a number from 0 up, in the instrument's unit; anything else is ignored, and said once
   * @param context the span that was measured; where it is sampled, this measurement becomes the exemplar of its bucket if that has none, or
   *   one in sixteen: keeping one costs more than all the rest
   */
  record(value: number, context?: ExemplarContext): void {
    if (!(Number.isFinite(value) && value >= 0)) {
      this.refuse(value);
      return;
    }
    const { cells, edges } = this;
    cells[SUM]! += value;
    if (value < cells[MIN]!) cells[MIN] = value;
    if (value > cells[MAX]!) cells[MAX] = value;
    let low = 0;
    let high = edges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value > edges[middle]!) low = middle + 1;
      else high = middle;
    }
    const count = ++cells[BUCKETS + low]!;
    if (context === undefined || (context.traceFlags & SAMPLED) === 0) return;
    if (count % EXEMPLAR_EVERY === 0 || this.exemplars?.[low] === undefined) this.keep(low, value, context);
  }

  /** A late exemplar of a bucket. */
  exemplar(bucket: number): Exemplar | undefined {
    return this.exemplars?.[bucket];
  }

  get hasExemplars(): boolean {
    return this.exemplars !== undefined;
  }

  private keep(bucket: number, value: number, { traceId, spanId, traceFlags }: ExemplarContext): void {
    this.exemplars ??= new Array<undefined>(this.edges.length + 1).fill(undefined);
    // Copied, because a span context may be the span itself, with all that it holds.
    this.exemplars[bucket] = { value, at: this.now(), context: { traceId, spanId, traceFlags } };
  }
}

/** Finds series by their attributes. */
interface Table<S> {
  readonly list: readonly S[];
  at(attributes?: MetricAttributes): S;
}

/** What is common to the instruments: their definition, and the table of their series. */
class Instrument<S> {
  constructor(
    readonly definition: InstrumentDefinition,
    protected readonly table: Table<S>,
  ) {}

  /** All series there are, in the order in which they came to be. */
  get series(): readonly S[] {
    return this.table.list;
  }

  /**
   * The series with these attributes; it is there from now on. Keep it: using it costs a tenth of looking it up each time.
   * Beyond the limit of series it is the overflow series.
   */
  bind(attributes?: MetricAttributes): S {
    return this.table.at(attributes);
  }
}

/** Counts what only grows. */
export class Counter extends Instrument<CounterSeries> {
  add(value: number, attributes?: MetricAttributes): void {
    this.table.at(attributes).add(value);
  }
}

/** Counts what grows and falls, such as open sessions. */
export class UpDownCounter extends Instrument<UpDownCounterSeries> {
  add(value: number, attributes?: MetricAttributes): void {
    this.table.at(attributes).add(value);
  }
}

/** Sorts measurements into buckets. */
export class Histogram extends Instrument<HistogramSeries> {
  constructor(
    definition: InstrumentDefinition,
    table: Table<HistogramSeries>,
    /** The buckets' upper edges. */
    readonly edges: readonly number[],
  ) {
    super(definition, table);
  }

  record(value: number, attributes?: MetricAttributes, context?: ExemplarContext): void {
    this.table.at(attributes).record(value, context);
  }
}

/** Holds the latest value. */
export class Gauge extends Instrument<GaugeSeries> {
  record(value: number, attributes?: MetricAttributes): void {
    this.table.at(attributes).record(value);
  }
}

/** Takes a value that was read. */
export type Observe = (value: number, attributes?: MetricAttributes) => void;

export class ObservedSeries {
  value = 0;
  /** In which reading it was last seen. What is not seen in one is not shown then. */
  reading = 0;

  constructor(
    readonly attributes: MetricAttributes,
    readonly createdAt: number,
  ) {}
}

/** Reads values when somebody collects, instead of being told of each change. */
export class Observed extends Instrument<ObservedSeries> {
  readonly readers = new Set<(observe: Observe) => void>();
  private reading = 0;

  constructor(
    definition: InstrumentDefinition,
    table: Table<ObservedSeries>,
    private readonly refuse: Refuse,
  ) {
    super(definition, table);
  }

  /** Calls the readers, and gives the series that they gave a value. */
  read(): readonly ObservedSeries[] {
    const reading = ++this.reading;
    const observe: Observe = (value, attributes) => {
      if (!Number.isFinite(value)) {
        this.refuse(value);
        return;
      }
      const series = this.table.at(attributes);
      series.value = value;
      series.reading = reading;
    };
    for (const reader of this.readers) reader(observe);
    return this.series.filter((series) => series.reading === reading);
  }
}

class DisabledCounterSeries extends CounterSeries {
  override add(): void {}
}
class DisabledUpDownCounterSeries extends UpDownCounterSeries {
  override add(): void {}
}
class DisabledHistogramSeries extends HistogramSeries {
  override record(): void {}
}
class DisabledGaugeSeries extends GaugeSeries {
  override record(): void {}
}

const DISABLED_COUNTER = new DisabledCounterSeries({}, 0, IGNORE);
const DISABLED_UP_DOWN_COUNTER = new DisabledUpDownCounterSeries({}, 0, IGNORE);
const DISABLED_HISTOGRAM = new DisabledHistogramSeries({}, 0, new Float64Array(), IGNORE, Date.now);
const DISABLED_GAUGE = new DisabledGaugeSeries({}, 0, IGNORE);

/** A table that gives one series for whatever is asked, and shows none. */
function only<S>(series: S): Table<S> {
  return { list: [], at: () => series };
}

type ObservedKind = Exclude<InstrumentKind, 'histogram'>;

/** A definition whose kind is clear from the method that it is given to. */
type Described<Kind extends InstrumentKind> = Omit<InstrumentDefinition, 'kind'> & { readonly kind?: Kind };

export type AnyInstrument = Counter | UpDownCounter | Histogram | Gauge | Observed;

/**
 * The instruments of a process, made to be written to often: see {@link CounterSeries} and {@link HistogramSeries}. It knows
 * nothing of exporters; a `RegistryMetricProducer` hands its series to OpenTelemetry whenever a reader collects.
 *
 * Nothing here throws. A value that cannot be, a name that cannot be, a second instrument of another kind under one name, and
 * more series than the limit are each said once, and the work goes on.
 *
 * @example
 * ```ts
 * const orders = registry.counter({ name: 'orders_total', unit: '{order}', description: 'Orders taken.', labels: ['shop'] });
 * const here = orders.bind({ shop: 'main street' });
 * here.add(1);
 * ```
 */
export class MetricRegistry {
  readonly enabled: boolean;
  readonly cardinalityLimit: number;
  private readonly byName = new Map<string, AnyInstrument>();
  private readonly said = new Set<string>();
  private readonly onProblem: (message: string) => void;
  private readonly now: () => number;
  private ignored = 0;

  constructor(options: MetricRegistryOptions = {}) {
    this.enabled = options.enabled ?? true;
    this.cardinalityLimit = options.cardinalityLimit ?? DEFAULT_CARDINALITY_LIMIT;
    this.onProblem = options.onProblem ?? IGNORE;
    this.now = options.now ?? Date.now;
  }

  get instruments(): Iterable<AnyInstrument> {
    return this.byName.values();
  }

  get instrumentCount(): number {
    return this.byName.size;
  }

  /** How many values were ignored because they cannot be. */
  get ignoredValues(): number {
    return this.ignored;
  }

  /** Makes a counter, or gives the one there is under that name. */
  counter(definition: Described<'counter'>): Counter {
    const own = { ...definition, kind: 'counter' } as const;
    return this.register(
      own,
      Counter,
      (refuse) =>
        new Counter(
          own,
          this.table(own, (attributes, at) => new CounterSeries(attributes, at, refuse)),
        ),
      () => new Counter(own, only(DISABLED_COUNTER)),
    );
  }

  /** Makes a counter that can fall, or gives the one there is under that name. */
  upDownCounter(definition: Described<'up-down-counter'>): UpDownCounter {
    const own = { ...definition, kind: 'up-down-counter' } as const;
    return this.register(
      own,
      UpDownCounter,
      (refuse) =>
        new UpDownCounter(
          own,
          this.table(own, (attributes, at) => new UpDownCounterSeries(attributes, at, refuse)),
        ),
      () => new UpDownCounter(own, only(DISABLED_UP_DOWN_COUNTER)),
    );
  }

  /**
   * Makes a histogram, or gives the one there is under that name. Without `buckets` it has OpenTelemetry's usual ones, which
   * are made for milliseconds; with the unit `s`, some for seconds.
   */
  histogram(definition: Described<'histogram'>): Histogram {
    const own = { ...definition, kind: 'histogram' } as const;
    const buckets = own.buckets ?? (own.unit === 's' ? DEFAULT_SECONDS : DEFAULT_BUCKETS);
    const edges = [...new Set(buckets)].filter((edge) => Number.isFinite(edge)).sort((a, b) => a - b);
    const cellEdges = Float64Array.from(edges);
    return this.register(
      own,
      Histogram,
      (refuse) => {
        const create = (attributes: MetricAttributes, at: number) =>
          new HistogramSeries(attributes, at, cellEdges, refuse, this.now);
        return new Histogram(own, this.table(own, create), edges);
      },
      () => new Histogram(own, only(DISABLED_HISTOGRAM), edges),
    );
  }

  /** Makes a gauge, or gives the one there is under that name. */
  gauge(definition: Described<'gauge'>): Gauge {
    const own = { ...definition, kind: 'gauge' } as const;
    return this.register(
      own,
      Gauge,
      (refuse) =>
        new Gauge(
          own,
          this.table(own, (attributes, at) => new GaugeSeries(attributes, at, refuse)),
        ),
      () => new Gauge(own, only(DISABLED_GAUGE)),
    );
  }

  /**
   * Has values read whenever somebody collects: for a gauge what is now, for a counter all there was since the process began.
   * Several can read for one name.
   *
   * @param read is to be quick, and to wait for nothing; what it throws is said once
   * @returns ends it
   */
  observe(
    definition: InstrumentDefinition & { readonly kind: ObservedKind },
    read: (observe: Observe) => void,
  ): () => void {
    const observed = this.register(
      definition,
      Observed,
      (refuse) => {
        const table = this.table(definition, (attributes, at) => new ObservedSeries(attributes, at));
        return new Observed(definition, table, refuse);
      },
      () => new Observed(definition, only(new ObservedSeries({}, 0)), IGNORE),
    );
    const guarded = (observe: Observe) => {
      try {
        read(observe);
      } catch (error) {
        this.sayOnce(`read:${definition.name}`, `metric ${definition.name} could not be read: ${messageOf(error)}`);
      }
    };
    observed.readers.add(guarded);
    return () => void observed.readers.delete(guarded);
  }

  private register<I extends AnyInstrument>(
    definition: InstrumentDefinition,
    // biome-ignore lint/suspicious/noExplicitAny: only asked whether an instrument is one of its own
    type: new (...parts: any[]) => I,
    build: (refuse: Refuse) => I,
    disabled: () => I,
  ): I {
    if (!this.enabled) return disabled();
    const { name, kind, zeros = [] } = definition;
    if (!NAME.test(name)) {
      this.sayOnce(
        `name:${name}`,
        `metric '${name}' is not recorded: a name is a letter, then letters, digits and _ . - /`,
      );
      return disabled();
    }
    const key = name.toLowerCase();
    const there = this.byName.get(key);
    if (there !== undefined) {
      if (there instanceof type && there.definition.kind === kind) return there;
      const what = there.definition.kind;
      this.sayOnce(
        `kind:${key}`,
        `metric ${name} is there as a ${what} already; what is recorded as a ${kind} is lost`,
      );
      return disabled();
    }
    const made = build(this.refuser(definition));
    this.byName.set(key, made);
    for (const attributes of zeros) made.bind(attributes);
    return made;
  }

  private table<S>(
    { name, labels }: InstrumentDefinition,
    create: (attributes: MetricAttributes, at: number) => S,
  ): SeriesTable<S> {
    const onOverflow = () => {
      this.sayOnce(
        `overflow:${name}`,
        `metric ${name} has reached its limit of ${this.cardinalityLimit} series: further ones are counted together`,
      );
    };
    return new SeriesTable(labels, this.cardinalityLimit, (attributes) => create(attributes, this.now()), onOverflow);
  }

  private refuser({ name, kind }: InstrumentDefinition): Refuse {
    const expected = kind === 'counter' || kind === 'histogram' ? 'a finite number from 0 up' : 'a finite number';
    return (value) => {
      this.ignored++;
      const found = typeof value === 'number' ? value : `of type ${typeof value}`;
      this.sayOnce(
        `value:${name}`,
        `metric ${name}: a value is to be ${expected}, but one was ${found}, and is ignored`,
      );
    };
  }

  private sayOnce(what: string, message: string): void {
    if (this.said.has(what)) return;
    this.said.add(what);
    this.onProblem(message);
  }
}
