import type { MethodSpanOptions } from './tracing/trace-method';
import { isSettled, propertiesOf, settleTracing, traceClass, traceProperty } from './tracing/traced-methods';

/** How the methods of a class are traced. Everything of `SpanOptions` counts for each of them. */
export interface TracedOptions extends Omit<MethodSpanOptions, 'callback'> {
  /** First part of the spans' names. Default: the name of the class. */
  readonly prefix?: string;
  /** Names of the only methods to trace. Default: all. */
  readonly only?: readonly PropertyKey[];
  /** Names of methods that get no span. Default: none. `@Untraced()` on a method says the same. */
  readonly except?: readonly PropertyKey[];
  /** Whether the class's own static methods are traced. Default: true. */
  readonly statics?: boolean;
}

/**
 * Traces every method of a class, its own and those it inherits, as if each had `@Span()`. A method that has `@Span` keeps that and gets no second span.
 * Accessors, the constructor and private methods have none, nor functions that are kept in properties.
 *
 * @example
 * ```ts
 * @Traced({ except: ['ping'] })
 * @Injectable()
 * export class OrderService { … }
 * ```
 */
export function Traced(options: TracedOptions = {}): ClassDecorator {
  const { prefix, only, except, statics = true, ...spanOptions } = options;
  return (target) => {
    const how = {
      prefix,
      options: Object.keys(spanOptions).length > 0 ? spanOptions : undefined,
      includes: (key: PropertyKey) => (only?.includes(key) ?? true) && !except?.includes(key),
    };
    // A method that this class leaves out is left out for good: by-injection tracing does not bring it back.
    for (const key of propertiesOf(target.prototype).keys())
      if (!how.includes(key)) settleTracing(target.prototype, key);
    traceClass(target as unknown as { prototype: object; name: string }, how);
    if (!statics) return;
    for (const key of Reflect.ownKeys(target)) {
      // A function in a static property may be anything, a class too; methods of classes are not enumerable.
      if (!Object.prototype.propertyIsEnumerable.call(target, key) && !isSettled(target, key))
        traceProperty(target, target, key, prefix ?? target.name, how);
    }
  };
}

/**
 * No span for this method or, on a class, for any of its methods, whatever `@Traced` or the module's `instrument` say.
 *
 * @example
 * ```ts
 * @Untraced()
 * isAlive(): boolean { … }
 * ```
 */
export function Untraced(): MethodDecorator & ClassDecorator {
  return (target: object, key?: PropertyKey) => {
    if (key !== undefined) {
      settleTracing(target, key);
      return;
    }
    const { prototype } = target as { prototype: object };
    for (const name of propertiesOf(prototype).keys()) settleTracing(prototype, name);
    for (const name of Reflect.ownKeys(target)) settleTracing(target, name);
  };
}
