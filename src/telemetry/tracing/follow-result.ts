import { types } from 'node:util';
import type { Context } from '@opentelemetry/api';
import { Observable, Subscriber } from 'rxjs';
import type { ActiveTracing } from './active-tracing';
import { monotonicNow, wallTime } from './span-clock';

/** One call that is under way, and what to do when its result is there. */
export interface PendingCall {
  /** In which lazy work runs: with the call's span as the active one. */
  readonly context: Context;
  readonly active: ActiveTracing;
  succeed(value: unknown): void;
  fail(error: unknown): void;
  /** Nobody wants the rest: an Observable was unsubscribed from. */
  cancel(): void;
  /** It was never started, or left half-way. `at` is when the method returned or the last step was made, in milliseconds since the epoch. */
  abandon(at: number): void;
  /**
   * What is kept to be told so. It must not lead to the result, by way of the arguments say: then that would never be collected. Default: the call.
   */
  readonly remains?: Pick<PendingCall, 'abandon'>;
  /** The same work once more: a further subscription. */
  again(): PendingCall;
}

type AnyFunction = (...args: unknown[]) => unknown;

/**
 * Ends the span when the result is really there, and hands the result back: the very same object, but for an Observable, which comes back as a view of
 * itself.
 *
 * | result | the span ends |
 * |---|---|
 * | a value | now |
 * | a promise | when it settles |
 * | another thenable, such as a query that runs when it is awaited | when whoever awaits it has its answer; it is not started by us |
 * | an Observable | with its subscription; each further subscription has a span of its own |
 * | a generator, an async iterator | when it is done, throws, or is told to return |
 *
 * Something lazy that nobody ever starts ends its span, with the time of the call's return, when it is collected. What cannot be watched, such as a frozen
 * thenable, is a value.
 */
export function followResult(result: unknown, call: PendingCall): unknown {
  if (result === null || (typeof result !== 'object' && typeof result !== 'function')) {
    call.succeed(result);
    return result;
  }
  try {
    if (types.isPromise(result)) return followPromise(result, call);
    const lazy = result as { then?: unknown; subscribe?: unknown; pipe?: unknown; next?: unknown; connect?: unknown };
    const { then } = lazy;
    if (typeof then === 'function') {
      if (mayWait(lazy)) return followThenable(lazy, then as AnyFunction, call);
    } else if (typeof lazy.subscribe === 'function' && typeof lazy.pipe === 'function') {
      if (!isMeetingPlace(lazy)) return followObservable(result as Subscribable, call);
    } else if (isIterator(lazy) && mayWait(lazy)) {
      return followIterator(lazy as unknown as Stepper, call);
    }
  } catch {
    // An object whose properties throw, or cannot be defined, is a value like any other.
  }
  call.succeed(result);
  return result;
}

/**
 * Listening to a promise counts as handling its rejection: one that nobody else handles is on the span, but raises no `unhandledRejection`. The other way,
 * a promise of our own, would be another object.
 */
function followPromise(promise: Promise<unknown>, call: PendingCall): unknown {
  if (promise.then !== nativeThen && mayBeLazy(promise)) return followThenable(promise, promise.then as never, call);
  nativeThen.call(
    promise,
    (value) => call.succeed(value),
    (error) => call.fail(error),
  );
  return promise;
}

const nativeThen = Promise.prototype.then;

/** A class that overrides `then` may start its work there. Not so one promise with a `then` of its own: `await` does not look at it. */
function mayBeLazy(promise: Promise<unknown>): boolean {
  return !isNative(promise.then, 'then') && !isNative(promise.constructor, 'Promise');
}

/** Also of another realm. What `bind` makes is native too, but has another name. */
function isNative(method: unknown, name: string): boolean {
  return (
    typeof method === 'function' &&
    method.name === name &&
    Function.prototype.toString.call(method).includes('[native code]')
  );
}

/**
 * The thenable's own `then` stands in until it is first asked, then everything is as it was: one that resolves to itself, as a server does that is ready, is asked
 * for `then` again.
 */
function followThenable(thenable: object, original: AnyFunction, call: PendingCall): unknown {
  const { active } = call;
  const before = Object.getOwnPropertyDescriptor(thenable, 'then');
  let asked = false;
  const then = function (this: unknown, ...handlers: unknown[]): unknown {
    const isOther = this !== thenable && !types.isProxy(thenable);
    if (asked || isOther || !handlers.slice(0, 2).every(isHandler)) return Reflect.apply(original, this, handlers);
    asked = true;
    noLongerWaits(thenable);
    if (Object.getOwnPropertyDescriptor(thenable, 'then')?.value === then) {
      if (before) Object.defineProperty(thenable, 'then', before);
      else Reflect.deleteProperty(thenable, 'then');
    }
    const [onFulfilled, onRejected, ...others] = handlers as [AnyFunction?, AnyFunction?];
    // What the caller does next belongs to the caller's span, not to ours.
    const caller = active.active();
    const fulfilled = function (this: unknown, ...values: unknown[]) {
      call.succeed(values[0]);
      return onFulfilled ? active.run(caller, onFulfilled, this, values) : values[0];
    };
    const rejected = function (this: unknown, ...errors: unknown[]) {
      call.fail(errors[0]);
      if (onRejected) return active.run(caller, onRejected, this, errors);
      throw errors[0];
    };
    try {
      return active.run(call.context, original as never, this, [fulfilled, rejected, ...others]);
    } catch (error) {
      call.fail(error);
      throw error;
    }
  };
  override(thenable, 'then', then);
  watch(thenable, call);
  return thenable;
}

/** Others call a step of theirs `then`, too, and give it something else. */
function isHandler(handler: unknown): boolean {
  return handler === undefined || handler === null || typeof handler === 'function';
}

interface Subscribable {
  subscribe(observer: { next(value: unknown): void; error(error: unknown): void; complete(): void }): {
    unsubscribe(): void;
  };
}

/**
 * A Subject or a connectable is a place where others write; no method's work ends with it. What `pipe` makes of a Subject is one by its class, but has an
 * operator.
 */
function isMeetingPlace({
  next,
  connect,
  operator,
}: {
  next?: unknown;
  connect?: unknown;
  operator?: unknown;
}): boolean {
  return (typeof next === 'function' && !operator) || typeof connect === 'function';
}

function followObservable(source: Subscribable, call: PendingCall): unknown {
  const { active } = call;
  let first = true;
  const traced = new Observable<unknown>((subscriber) => {
    const caller = active.active();
    if (first) noLongerWaits(view);
    const own = first ? call : call.again();
    first = false;
    let last: unknown;
    let ended = false;
    const end = (how: () => void) => {
      if (ended) return;
      ended = true;
      how();
    };
    const tell = (method: 'next' | 'error' | 'complete', ...values: unknown[]) =>
      active.run(caller, subscriber[method] as never, subscriber, values);
    const inner = new Subscriber<unknown>({
      next(value: unknown) {
        last = value;
        tell('next', value);
      },
      error(error: unknown) {
        end(() => own.fail(error));
        tell('error', error);
      },
      complete() {
        end(() => own.succeed(last));
        tell('complete');
      },
    });
    // Before it subscribes: a source that emits at once, and without end, must see that the consumer has enough.
    subscriber.add(inner);
    subscriber.add(() => end(() => own.cancel()));
    try {
      subscriber.add(active.run(own.context, source.subscribe as never, source, [inner]) as never);
    } catch (error) {
      end(() => own.fail(error));
      throw error;
    }
  });
  const view = viewOf(source, traced.subscribe.bind(traced));
  watch(view, call);
  return view;
}

/** The methods of an Observable that are about whoever subscribes; all others are for the source itself, which may have private fields. */
const OF_THE_VIEW: ReadonlySet<PropertyKey> = new Set<PropertyKey>([
  'constructor',
  'pipe',
  'lift',
  'forEach',
  'toPromise',
  '@@observable',
  (Symbol as { observable?: symbol }).observable ?? '@@observable',
]);

function viewOf(source: object, subscribe: unknown): object {
  return new Proxy(source, {
    get(target, key) {
      if (key === 'subscribe') return subscribe;
      const value: unknown = Reflect.get(target, key, target);
      const isMethod = typeof value === 'function' && !Object.hasOwn(target, key);
      return isMethod && !OF_THE_VIEW.has(key) ? value.bind(target) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}

interface Stepper {
  next: AnyFunction;
  return?: AnyFunction;
  throw?: AnyFunction;
}

/** Something that makes a new generator for each loop over it, as a database's cursor does, is no iterator itself, although it may have a `next`. */
function isIterator(value: { next?: unknown }): boolean {
  if (types.isGeneratorObject(value)) return true;
  if (typeof value.next !== 'function') return false;
  const asyncIterator = (value as { [Symbol.asyncIterator]?: unknown })[Symbol.asyncIterator];
  return typeof asyncIterator === 'function' && !types.isGeneratorFunction(asyncIterator);
}

function followIterator(iterator: Stepper, call: PendingCall): unknown {
  const { active } = call;
  let ended = false;
  let last: unknown;
  const end = (how: () => void) => {
    if (ended) return;
    ended = true;
    noLongerWaits(iterator);
    how();
  };
  const stepped = (step: unknown) => {
    entry.at = now();
    const { done, value } = readStep(step);
    if (done) end(() => call.succeed(value === undefined ? last : value));
    else last = value;
  };
  const failed = (error: unknown) => end(() => call.fail(error));
  for (const name of ['next', 'return', 'throw'] as const) {
    const original = iterator[name];
    if (typeof original !== 'function') continue;
    override(iterator, name, function (this: unknown, ...args: unknown[]): unknown {
      if (ended) return Reflect.apply(original, this, args);
      let step: unknown;
      try {
        step = active.run(call.context, original as never, this, args);
      } catch (error) {
        failed(error);
        throw error;
      }
      if (types.isPromise(step)) nativeThen.call(step, stepped, failed);
      else stepped(step);
      return step;
    });
  }
  const entry = watch(iterator, call);
  return iterator;
}

function readStep(step: unknown): { done?: unknown; value?: unknown } {
  try {
    const { done, value } = (step ?? {}) as { done?: unknown; value?: unknown };
    return { done, value };
  } catch {
    return {};
  }
}

/** @throws where the object is frozen */
function override(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false });
}

function now(): number {
  return wallTime(monotonicNow());
}

interface Abandoned {
  readonly call: Pick<PendingCall, 'abandon'>;
  at: number;
}

/** Lazy results that nobody started. */
const abandoned = new FinalizationRegistry<Abandoned>(({ call, at }) => {
  try {
    call.abandon(at);
  } catch {
    // Thrown here, it would end the process.
  }
});

/** How many calls wait for one object. */
const waiting = new WeakMap<object, number>();
/** Nested calls hand the same one on. Beyond that it is something kept, which calls return again and again and nobody awaits. */
const MAX_WAITING = 32;

function mayWait(lazy: object): boolean {
  return (waiting.get(lazy) ?? 0) < MAX_WAITING;
}

function watch(lazy: object, call: PendingCall): Abandoned {
  const entry = { call: call.remains ?? call, at: now() };
  waiting.set(lazy, (waiting.get(lazy) ?? 0) + 1);
  abandoned.register(lazy, entry, lazy);
  return entry;
}

function noLongerWaits(lazy: object): void {
  waiting.delete(lazy);
  abandoned.unregister(lazy);
}
