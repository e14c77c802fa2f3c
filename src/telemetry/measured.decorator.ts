import { type Context, context } from '@opentelemetry/api';
import { activeMetrics, metricsGeneration } from './metrics/active-metrics';
import type { MetricAttributes } from './metrics/instruments';
import type { MetricRegistry } from './metrics/metric-registry';
import type { ActiveTracing } from './tracing/active-tracing';
import { disguise } from './tracing/disguise';
import { followResult, type PendingCall } from './tracing/follow-result';
import { errorType } from './tracing/record-error';
import { monotonicNow } from './tracing/span-clock';
import { spanIn } from './tracing/span-scope';

/** What `@Counted` and `@Timed` take beside a name. */
export interface MeasuredOptions {
  /** Shown beside the metric. Default: a sentence with the method's name. */
  readonly description?: string;
  /** Fixed attributes of the series. Default: `code.function.name`, with the class and the method. */
  readonly attributes?: MetricAttributes;
}

export interface TimedOptions extends MeasuredOptions {
  /** Upper edges of the buckets, in seconds, ascending. Default: from 0.1 ms to 5 min. */
  readonly buckets?: readonly number[];
}

// biome-ignore lint/suspicious/noExplicitAny: any method at all
type Method = (this: any, ...args: any[]) => any;
/** Told of each call when its result is there. `error` is there when it failed; `caller` is where the call was made, which may not be where its result comes from. */
type Observe = (seconds: number, failed: boolean, error: unknown, caller: Context) => void;

const CALL_SECONDS = [
  0.0001, 0.0003, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
] as const;

/**
 * Counts the calls of a method when their results are there, with `outcome` `success` or `error` and, of errors, `error.type`.
 *
 * @param name of the counter, such as `orders_total`; default: `method_calls_total`
 * @example
 * ```ts
 * @Counted('orders_total')
 * async place(order: Order): Promise<Receipt> { … }
 * ```
 */
export function Counted(name = 'method_calls_total', options: MeasuredOptions = {}): MethodDecorator {
  return measure('@Counted', options, (registry, description, fixed) => {
    const counter = registry.counter({ name, unit: '{call}', description: description('Calls of'), integer: true });
    const succeeded = counter.bind({ ...fixed, outcome: 'success' });
    return (_seconds, failed, error) => {
      if (failed) counter.bind({ ...fixed, outcome: 'error', 'error.type': errorType(error) }).add(1);
      else succeeded.add(1);
    };
  });
}

/**
 * Measures how long calls of a method take, until their results are there, in a histogram in seconds, with `outcome` `success` or `error`.
 *
 * @param name of the histogram, such as `order_duration_seconds`; default: `method_duration_seconds`
 * @example
 * ```ts
 * @Timed('order_duration_seconds', { buckets: [0.01, 0.1, 1] })
 * async place(order: Order): Promise<Receipt> { … }
 * ```
 */
export function Timed(name = 'method_duration_seconds', options: TimedOptions = {}): MethodDecorator {
  return measure('@Timed', options, (registry, description, fixed) => {
    const buckets = options.buckets ?? CALL_SECONDS;
    const histogram = registry.histogram({
      name,
      unit: 's',
      description: description('Duration of calls of'),
      buckets,
    });
    const succeeded = histogram.bind({ ...fixed, outcome: 'success' });
    const gone = histogram.bind({ ...fixed, outcome: 'error' });
    return (seconds, failed, _error, caller) =>
      (failed ? gone : succeeded).record(seconds, spanIn(caller)?.spanContext());
  });
}

type Bind = (registry: MetricRegistry, description: (what: string) => string, fixed: MetricAttributes) => Observe;

function measure(decorator: string, { description, attributes }: MeasuredOptions, bind: Bind): MethodDecorator {
  return (target, key, descriptor: PropertyDescriptor) => {
    if (typeof descriptor?.value !== 'function')
      throw new TypeError(`${decorator} belongs on a method, and ${String(key)} is not one`);
    const original = descriptor.value as Method;
    const owner = typeof target === 'function' ? target.name : target.constructor.name;
    const label = `${owner}.${String(key)}`;
    const fixed = attributes ?? { 'code.function.name': label };
    let observe: Observe | undefined;
    let boundIn = -1;
    const replacement = function (this: unknown): unknown {
      if (boundIn !== metricsGeneration()) {
        const registry = activeMetrics();
        boundIn = metricsGeneration();
        observe = registry?.enabled ? bind(registry, (what) => description ?? `${what} ${label}.`, fixed) : undefined;
      }
      // biome-ignore lint/complexity/noArguments: a rest parameter would change `length`, and costs more
      const args = arguments;
      if (observe === undefined) return original.apply(this, args as never);
      const call = new MeasuredCall(observe);
      let result: unknown;
      try {
        result = original.apply(this, args as never);
      } catch (error) {
        call.fail(error);
        throw error;
      }
      return followResult(result, call);
    };
    descriptor.value = disguise(replacement, original);
  };
}

/** Contexts as they are, where there is no tracing. */
const AS_IT_IS: Pick<ActiveTracing, 'active' | 'run'> = {
  active: () => context.active(),
  run: (_context, method, self, args) => Reflect.apply(method, self, args),
};

class MeasuredCall implements PendingCall {
  readonly context: Context = context.active();
  readonly active = AS_IT_IS as ActiveTracing;
  private readonly startedAt = monotonicNow();
  private over = false;

  constructor(private readonly observe: Observe) {}

  succeed(): void {
    this.end(false, undefined);
  }

  fail(error: unknown): void {
    this.end(true, error);
  }

  cancel(): void {
    this.end(false, undefined);
  }

  /** Work that nobody started was not done, and is not measured. */
  abandon(): void {
    this.over = true;
  }

  again(): PendingCall {
    return new MeasuredCall(this.observe);
  }

  private end(failed: boolean, error: unknown): void {
    if (this.over) return;
    this.over = true;
    this.observe((monotonicNow() - this.startedAt) / 1000, failed, error, this.context);
  }
}
