import type { MetricAttributes } from './instruments';

/** A place in the tree that {@link SeriesTable} walks for a set of attributes. */
interface Step<S> {
  series: S | undefined;
  next: Map<unknown, Step<S>> | undefined;
}

/** Ways to write the attributes of one series (order of keys, 200 or '200') that are kept for each series, on average. */
const SPELLINGS_PER_SERIES = 4;

/**
 * The series of one instrument, found by their attributes.
 *
 * Found in two ways. A tree has a step for each value (and for each key, where the keys are not declared), so that finding a known
 * series sorts nothing, writes no text and allocates nothing. What the tree does not know is written as text, in one order and
 * with numbers and strings alike, because `200` and `'200'` would be one line twice in Prometheus' formats; then the tree learns
 * that way to write it. Both are bounded. Beyond the limit everything is counted in one series, which says so.
 */
export class SeriesTable<S> {
  /** In the order in which they came to be, the overflow series among them. */
  readonly list: S[] = [];
  private readonly byText = new Map<string, S>();
  private readonly root: Step<S> = { series: undefined, next: undefined };
  private spellings = 0;
  private overflow: S | undefined;

  /**
   * @param labels keys that count, or undefined for whatever comes
   * @param limit series at the most, the overflow series included
   * @param create makes a series
   * @param onOverflow told once, when the limit is met
   */
  constructor(
    private readonly labels: readonly string[] | undefined,
    private readonly limit: number,
    private readonly create: (attributes: MetricAttributes) => S,
    private readonly onOverflow: () => void,
  ) {}

  at(given?: MetricAttributes | null): S {
    const attributes = given ?? NONE;
    let step: Step<S> | undefined = this.root;
    const { labels } = this;
    if (labels !== undefined) {
      for (let i = 0; i < labels.length && step !== undefined; i++)
        step = step.next?.get(attributes[labels[i] as string]);
    } else {
      for (const key in attributes) {
        step = step.next?.get(key)?.next?.get(attributes[key]);
        if (step === undefined) break;
      }
    }
    return step?.series ?? this.resolve(attributes);
  }

  private resolve(attributes: MetricAttributes): S {
    const own: Record<string, string | number | boolean> = {};
    let isPlain = true;
    for (const key of this.labels ?? Object.keys(attributes).sort()) {
      const value: unknown = attributes[key];
      if (value === undefined || value === null) continue;
      const isPrimitive = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
      isPlain &&= isPrimitive;
      own[key] = isPrimitive ? value : asText(value);
    }
    const text = JSON.stringify(Object.entries(own).map(([key, value]) => [key, String(value)]));
    let series = this.byText.get(text);
    if (series === undefined) {
      if (this.byText.size >= this.limit - 1) return this.overflowing();
      series = this.create(Object.freeze(own));
      this.byText.set(text, series);
      this.list.push(series);
    }
    // An object as a value would be a new step each time.
    if (isPlain && this.spellings < this.limit * SPELLINGS_PER_SERIES) this.learn(attributes, series);
    return series;
  }

  private learn(attributes: MetricAttributes, series: S): void {
    let step = this.root;
    const go = (by: unknown) => {
      step.next ??= new Map();
      const to = step.next.get(by) ?? { series: undefined, next: undefined };
      step.next.set(by, to);
      step = to;
    };
    if (this.labels !== undefined) {
      for (const label of this.labels) go(attributes[label]);
    } else {
      for (const key in attributes) {
        go(key);
        go(attributes[key]);
      }
    }
    step.series = series;
    this.spellings++;
  }

  private overflowing(): S {
    if (this.overflow === undefined) {
      this.overflow = this.create(Object.freeze({ 'otel.metric.overflow': true }));
      this.list.push(this.overflow);
      this.onOverflow();
    }
    return this.overflow;
  }
}

const NONE: MetricAttributes = Object.freeze({});

/** What is no value of an attribute, but came all the same. */
function asText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? typeof value;
  } catch {
    return typeof value;
  }
}
