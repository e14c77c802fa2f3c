import { type SpanOptionsOf, traceMethod } from './tracing/trace-method';
import { addParameterAttribute, parameterAttributes, settleTracing, spanName } from './tracing/traced-methods';

/** Fits methods of any result that take these arguments, and may take more. */
// biome-ignore lint/suspicious/noExplicitAny: any further arguments, any result
type MethodDecoratorFor<Args extends unknown[]> = <Method extends (...args: [...Args, ...any[]]) => any>(
  target: object,
  key: PropertyKey,
  descriptor: TypedPropertyDescriptor<Method>,
) => void;

/**
 * Runs each call of the method in a span of its own, which ends when the result is really there: a value now, a promise when it settles, an Observable with its
 * subscription, a generator when it is done. The method stays what it was: its name, metadata and `this`, synchronous if it was so, the same promise object.
 *
 * - **name**: default `Class.method`.
 * - **options**: OpenTelemetry's `SpanOptions` with `onResult` and `callback`, or a function of the method's arguments that makes them. It is not asked where
 *   telemetry is off, or the parent is not recorded and so decides for its children. What it throws is noted on the span and goes no further.
 *
 * What the method throws is recorded, and thrown on unchanged. Without telemetry a call costs a few nanoseconds more.
 *
 * @throws TypeError when it is not on a method
 * @example
 * ```ts
 * @Span('order.place', (order: Order) => ({ attributes: { 'order.id': order.id } }))
 * async place(order: Order): Promise<Receipt> { … }
 * ```
 */
// biome-ignore lint/suspicious/noExplicitAny: as OpenTelemetry decorators of this name have it
export function Span<Args extends any[]>(options?: SpanOptionsOf<Args>): MethodDecoratorFor<Args>;
// biome-ignore lint/suspicious/noExplicitAny: as above
export function Span<Args extends any[]>(name?: string, options?: SpanOptionsOf<Args>): MethodDecoratorFor<Args>;
export function Span(
  // biome-ignore lint/suspicious/noExplicitAny: as above
  nameOrOptions?: string | SpanOptionsOf<any[]>,
  // biome-ignore lint/suspicious/noExplicitAny: as above
  maybeOptions?: SpanOptionsOf<any[]>,
  // biome-ignore lint/suspicious/noExplicitAny: as above
): MethodDecoratorFor<any[]> {
  const name = typeof nameOrOptions === 'string' ? nameOrOptions : undefined;
  const options = typeof nameOrOptions === 'string' ? maybeOptions : (nameOrOptions ?? maybeOptions);
  return (target, key, descriptor) => {
    if (typeof descriptor?.value !== 'function')
      throw new TypeError(`@Span belongs on a method, and ${String(key)} is not one`);
    descriptor.value = traceMethod(descriptor.value, {
      name: name ?? spanName(className(target), key),
      options,
      parameters: parameterAttributes(target, key),
    });
    settleTracing(target, key);
  };
}

/**
 * Makes an argument an attribute of the method's span, whichever of `@Span`, `@Traced` and the module's `instrument` made it. Texts, numbers and truth values are
 * taken as they are, of anything else its JSON; `undefined` and `null` are left out. Secrets are redacted like everywhere else.
 *
 * @param key name of the attribute, such as `order.id`
 * @example
 * ```ts
 * @Span()
 * cancel(@SpanAttribute('order.id') id: string): Promise<void> { … }
 * ```
 */
export function SpanAttribute(key: string): ParameterDecorator {
  return (target, method, index) => {
    if (method === undefined)
      throw new TypeError('@SpanAttribute belongs on a parameter of a method, not of the constructor');
    addParameterAttribute(target, method, { index, key });
  };
}

/** `target` is the prototype, or of a static method the class. */
function className(target: object): string {
  return typeof target === 'function' ? target.name : target.constructor.name;
}
