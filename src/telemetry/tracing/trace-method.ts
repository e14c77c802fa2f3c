import {
  type Attributes,
  type AttributeValue,
  type Context,
  diag,
  INVALID_SPAN_CONTEXT,
  type Span,
  type SpanOptions,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { isAttributeValue } from '@opentelemetry/core';
import { isLeftOut } from '../sampling/left-out';
import { type ActiveTracing, activeTracing } from './active-tracing';
import { disguise } from './disguise';
import { followResult, type PendingCall } from './follow-result';
import { messageOf, recordError } from './record-error';
import { SpanScope, spanIn } from './span-scope';

/** What `@Span` takes beside a name: OpenTelemetry's own options, and two of ours. */
export interface MethodSpanOptions extends SpanOptions {
  /**
   * Makes attributes of the result: of the value that a promise resolves to, of the last value of an Observable, of what a generator returns or, where it returns
   * nothing, gave last. What it throws is recorded on the span and goes no further.
   */
  // biome-ignore lint/suspicious/noExplicitAny: the result is whatever the method returns
  readonly onResult?: (result: any) => Pick<SpanOptions, 'attributes'> | undefined;
  /**
   * The last argument is a callback, `(error, result) => …`, and the span ends when it is called. Default: false.
   */
  readonly callback?: boolean;
}

export type SpanOptionsOf<Args extends unknown[]> = MethodSpanOptions | ((...args: Args) => MethodSpanOptions);

/** Whether the methods of one class are traced now; see `TelemetryService.instrumentation`. */
export interface Gate {
  open: boolean;
}

/** An argument that becomes an attribute. */
export interface ParameterAttribute {
  readonly index: number;
  readonly key: string;
}

/** How one method is traced. */
export interface MethodTracing {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: the arguments are the method's
  readonly options?: SpanOptionsOf<any[]>;
  readonly parameters?: readonly ParameterAttribute[];
  readonly gate?: Gate;
  /** Told when the result of a call is there, also of one whose span is not recorded; not called for traced methods that are skipped. */
  readonly onEnd?: (failed: boolean, error: unknown) => void;
}

// biome-ignore lint/suspicious/noExplicitAny: any method at all
type Method = (this: any, ...args: any[]) => any;

/**
 * A function that calls the method inside a span and is like it in everything else: its name, length, properties and metadata, its `this`, and what it
 * returns.
 */
export function traceMethod<T extends Method>(original: T, tracing: MethodTracing): T {
  const { gate } = tracing;
  const options = typeof tracing.options === 'function' ? undefined : tracing.options;
  const mayBeRoot = options?.root === true;

  // A method of an object: a function by itself would have a `prototype`.
  const { replacement } = {
    replacement(this: unknown): unknown {
      const active = activeTracing();
      // biome-ignore lint/complexity/noArguments: a rest parameter would change `length`, and costs more
      if (active === undefined || (gate !== undefined && !gate.open)) return original.apply(this, arguments as never);
      const parent = active.active();
      if (active.unsampledParentIsFinal && !mayBeRoot) {
        const parentSpan = spanIn(parent);
        if (parentSpan === undefined ? active.rootsAreNeverSampled : isLeftOut(parentSpan))
          // biome-ignore lint/complexity/noArguments: as above
          return original.apply(this, arguments as never);
      }
      // biome-ignore lint/complexity/noArguments: as above
      return callInSpan(active, parent, original, this, arguments, tracing);
    },
  };
  return disguise(replacement as T, original);
}

function callInSpan(
  active: ActiveTracing,
  parent: Context,
  original: Method,
  self: unknown,
  args: ArrayLike<unknown>,
  tracing: MethodTracing,
): unknown {
  const call = new SpanCall(active, parent, args, tracing);
  if (!call.span.isRecording() && tracing.onEnd === undefined) return active.run(call.context, original, self, args);
  if (call.options?.callback !== true || !endWithCallback(args, call, parent))
    return callThrough(call, original, self, args);
  try {
    return active.run(call.context, original, self, args);
  } catch (error) {
    call.fail(error);
    throw error;
  }
}

/**
 * Runs work in a span, by the same rules as a traced method.
 *
 * @param work is given the span
 */
export function runInSpan<T>(active: ActiveTracing, tracing: MethodTracing, work: (span: Span) => T): T {
  const given: unknown[] = [];
  const parent = active.active();
  const call = new SpanCall(active, parent, given, tracing);
  given.push(call.span);
  return callThrough(call, work, undefined, given) as T;
}

function callThrough(call: SpanCall, method: Method, self: unknown, args: ArrayLike<unknown>): unknown {
  let result: unknown;
  try {
    result = call.active.run(call.context, method, self, args);
  } catch (error) {
    call.fail(error);
    throw error;
  }
  return followResult(result, call);
}

/** A call with its span. */
class SpanCall implements PendingCall {
  readonly span: Span;
  readonly context: Context;
  readonly options: MethodSpanOptions | undefined;
  private ended = false;

  constructor(
    readonly active: ActiveTracing,
    private readonly parent: Context,
    private readonly args: ArrayLike<unknown>,
    private readonly tracing: MethodTracing,
  ) {
    const { name, options, parameters } = tracing;
    let given: MethodSpanOptions | undefined;
    let problem: string | undefined;
    if (parameters === undefined && typeof options !== 'function') given = options;
    else ({ given, problem } = optionsFor(tracing, args));
    try {
      this.span = active.tracer.startSpan(name, given, parent);
    } catch (error) {
      given = undefined;
      problem = messageOf(error);
      this.span = startPlainSpan(active.tracer, name, parent);
    }
    if (problem !== undefined) this.span.addEvent('span.options.failed', { 'exception.message': problem });
    this.options = given;
    this.context = this.span === NO_SPAN ? parent : SpanScope.of(parent, this.span);
  }

  succeed(value: unknown): void {
    if (this.ended) return;
    if (this.options?.onResult) this.describe(this.options.onResult, value);
    this.cancel();
  }

  fail(error: unknown): void {
    if (this.ended) return;
    recordError(this.span, error);
    this.end(true, error);
  }

  cancel(): void {
    if (!this.ended) this.end(false, undefined);
  }

  get remains(): Pick<PendingCall, 'abandon'> {
    return remainsOf(this.span);
  }

  abandon(at: number): void {
    this.remains.abandon(at);
  }

  again(): PendingCall {
    return new SpanCall(this.active, this.parent, this.args, this.tracing);
  }

  private end(failed: boolean, error: unknown): void {
    this.ended = true;
    try {
      this.span.end();
    } catch (problem) {
      diag.error(`Span ${this.tracing.name} could not be handed on: ${messageOf(problem)}`);
    }
    this.tracing.onEnd?.(failed, error);
  }

  private describe(onResult: NonNullable<MethodSpanOptions['onResult']>, value: unknown): void {
    try {
      const attributes = onResult(value)?.attributes;
      if (attributes) this.span.setAttributes(attributes);
    } catch (error) {
      recordError(this.span, error);
    }
  }
}

/** Where no span can be made. */
const NO_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/** For when a span with the options cannot be made; where it is not the options, but a processor that throws, the work goes on without. */
function startPlainSpan(tracer: Tracer, name: string, parent: Context): Span {
  try {
    return tracer.startSpan(name, undefined, parent);
  } catch (error) {
    diag.error(`Span ${name} could not be started: ${messageOf(error)}`);
    return NO_SPAN;
  }
}

function remainsOf(span: Span): Pick<PendingCall, 'abandon'> {
  return {
    abandon(at) {
      if (span.isRecording()) span.end(at);
    },
  };
}

/** A user's function that throws costs its attributes, not the call. */
function optionsFor(
  { options, parameters }: MethodTracing,
  args: ArrayLike<unknown>,
): { given: MethodSpanOptions | undefined; problem?: string } {
  const attributes = parameters && argumentAttributes(parameters, args);
  try {
    const given = (typeof options === 'function' ? Reflect.apply(options, undefined, args) : options) ?? undefined;
    return { given: attributes ? { ...given, attributes: { ...attributes, ...given?.attributes } } : given };
  } catch (error) {
    return { given: attributes && { attributes }, problem: messageOf(error) };
  }
}

/** Texts, numbers and truth values as they are, lists of them too; of anything else, its JSON. */
function argumentAttributes(parameters: readonly ParameterAttribute[], args: ArrayLike<unknown>): Attributes {
  const attributes: Attributes = {};
  for (const { index, key } of parameters) {
    const value: unknown = args[index];
    if (value !== undefined && value !== null) attributes[key] = attributeOf(value);
  }
  return attributes;
}

function attributeOf(value: unknown): AttributeValue {
  try {
    if (isAttributeValue(value)) return value;
    return typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? typeof value);
  } catch {
    // Circular, or with properties that throw.
    return typeof value;
  }
}

/** What the callback does belongs to the caller's span. @returns whether there is a callback */
function endWithCallback(args: { length: number; [at: number]: unknown }, call: PendingCall, caller: Context): boolean {
  const last = args.length - 1;
  const callback: unknown = args[last];
  if (typeof callback !== 'function') return false;
  const replacement = function (this: unknown, error: unknown, ...results: unknown[]): unknown {
    if (error !== undefined && error !== null) call.fail(error);
    else call.succeed(results[0]);
    return call.active.run(caller, callback as never, this, [error, ...results]);
  };
  args[last] = replacement;
  try {
    disguise(replacement, callback as Method);
  } catch {
    // A callback that does not let itself be looked at.
  }
  return true;
}
