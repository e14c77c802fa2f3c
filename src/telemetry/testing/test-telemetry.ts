import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { count } from '../../util/words';
import type { MemorySink } from '../export/memory-sink';
import type { MetricAttributes } from '../metrics/instruments';
import {
  BUCKETS,
  type CounterSeries,
  HistogramSeries,
  Observed,
  type ObservedSeries,
} from '../metrics/metric-registry';
import type { TelemetryRuntime } from '../telemetry-runtime';
import { SpanAssertion } from './span-assertion';
import type { SpanLeak, SpanLeaks } from './span-leaks';

type AnySeries = Pick<CounterSeries, 'attributes' | 'value'> | ObservedSeries | HistogramSeries;

/**
 * What the code under test left behind. Spans are there as soon as they have ended.
 *
 * @example
 * ```ts
 * await cats.find('7');
 * telemetry.expectSpan('CatsService.find').toHaveAttributes({ 'cat.id': '7' }).toBeChildOf('CatsController.find');
 * telemetry.expectNoLeaks();
 * ```
 */
export class TestTelemetry {
  constructor(
    private readonly runtime: TelemetryRuntime,
    private readonly sink: MemorySink,
    private readonly leaks: SpanLeaks,
  ) {}

  /** Ended spans, in the order of their ends, as exporters get them: redacted. */
  get spans(): readonly ReadableSpan[] {
    this.runtime.pipeline?.handOver();
    return this.sink.spans;
  }

  /** Their names. */
  get spanNames(): readonly string[] {
    return this.spans.map(({ name }) => name);
  }

  /**
   * The one ended span of that name.
   *
   * @throws Error when there is none, or more than one
   */
  span(name: string): ReadableSpan {
    const found = this.spans.filter((span) => span.name === name);
    if (found.length === 1) return found[0] as ReadableSpan;
    const others = this.spanNames.length === 0 ? 'No span has ended.' : `Ended: ${this.spanNames.join(', ')}.`;
    const open =
      this.openSpans.length === 0 ? '' : ` Still open: ${this.openSpans.map((leak) => leak.name).join(', ')}.`;
    throw new Error(`expected one span '${name}', found ${found.length}. ${others}${open}`);
  }

  /** As {@link span}, for saying what it should be like. */
  expectSpan(name: string): SpanAssertion {
    return new SpanAssertion(this.span(name), this.spans);
  }

  /** @throws Error when a span of that name has ended */
  expectNoSpan(name: string): void {
    const found = this.spans.filter((span) => span.name === name);
    if (found.length > 0) throw new Error(`expected no span '${name}', found ${found.length}`);
  }

  /** Spans that were started and not ended, each with where it was started. */
  get openSpans(): readonly SpanLeak[] {
    return this.leaks.list;
  }

  /** @throws Error that names each span that was started and never ended, and where */
  expectNoLeaks(): void {
    const { openSpans } = this;
    if (openSpans.length === 0) return;
    const lines = openSpans.map(({ name, stack }) => `  ${name}, started at ${stack[0] ?? 'an unknown place'}`);
    throw new Error(`${count(openSpans.length, 'span')} never ended:\n${lines.join('\n')}`);
  }

  /**
   * The value of a metric's series now: of a counter or gauge its value, of a histogram how often it was recorded. Attributes that are not given are not compared; several series that fit are
   * added up. `undefined` where there is none.
   */
  metric(name: string, attributes: MetricAttributes = {}): number | undefined {
    const instrument = [...this.runtime.metrics.registry.instruments].find(
      ({ definition }) => definition.name === name,
    );
    if (!instrument) return undefined;
    const wanted = Object.entries(attributes);
    const all: readonly AnySeries[] = instrument instanceof Observed ? instrument.read() : instrument.series;
    const series = all.filter((each) => wanted.every(([key, value]) => each.attributes[key] === value));
    return series.length === 0 ? undefined : series.reduce((sum, each) => sum + currentValue(each), 0);
  }

  /** Forgets the spans, open ones too. Metrics go on counting: they are cumulative. */
  reset(): void {
    this.runtime.pipeline?.handOver();
    this.sink.reset();
    this.leaks.reset();
  }
}

function currentValue(series: AnySeries): number {
  if (!(series instanceof HistogramSeries)) return series.value;
  return series.cells.subarray(BUCKETS).reduce((sum, count) => sum + count, 0);
}
