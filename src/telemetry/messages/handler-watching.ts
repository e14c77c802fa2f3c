import { type ActiveTracing, activeTracing } from '../tracing/active-tracing';
import { disguise } from '../tracing/disguise';
import { followResult, type PendingCall } from '../tracing/follow-result';
import { HandledMessage } from './watched-work';

// biome-ignore lint/suspicious/noExplicitAny: any method at all
type Method = (this: any, ...args: any[]) => any;

/** Methods that are watched. They stay so, as without a message that is being handled nothing is done. */
const watched = new WeakMap<object, Set<PropertyKey>>();

/**
 * Tells the message that is being handled by whom, what the handler throws, and when it is done. Exception filters make an answer of an error, and the server, whose span it is, is only
 * given that.
 */
export function watchHandler(owner: object, key: PropertyKey): void {
  replaceOnce(
    owner,
    key,
    (handler) =>
      function (this: unknown, ...args: unknown[]): unknown {
        const active = activeTracing();
        const message = active && HandledMessage.in(active.active());
        if (active === undefined || !message?.span.isRecording() || !message.join()) return handler.apply(this, args);
        message.span.setAttribute('code.function.name', `${this?.constructor.name}.${String(key)}`);
        let result: unknown;
        try {
          result = handler.apply(this, args);
        } catch (error) {
          message.note(error);
          throw error;
        }
        return followResult(result, new Handling(active, message));
      },
  );
}

/** Nest's own exception filters are where errors of guards and pipes come to, too. */
export function watchFilter(filter: unknown): void {
  const { prototype } = filter as { prototype: object };
  replaceOnce(
    prototype,
    'catch',
    (original) =>
      function (this: unknown, ...args: unknown[]): unknown {
        const active = activeTracing();
        const message = active && HandledMessage.in(active.active());
        message?.note(args[0]);
        return original.apply(this, args);
      },
  );
}

function replaceOnce(owner: object, key: PropertyKey, make: (original: Method) => Method): void {
  const known = watched.get(owner) ?? new Set();
  watched.set(owner, known);
  const property = Object.getOwnPropertyDescriptor(owner, key);
  if (known.has(key) || typeof property?.value !== 'function' || property.configurable === false) return;
  known.add(key);
  Object.defineProperty(owner, key, { ...property, value: disguise(make(property.value), property.value) });
}

/** The handler's part of a message. */
class Handling implements PendingCall {
  constructor(
    readonly active: ActiveTracing,
    private readonly message: HandledMessage,
  ) {}

  get context() {
    return this.message.context;
  }

  succeed(): void {
    this.message.handled();
  }

  fail(error: unknown): void {
    this.message.note(error);
  }

  cancel(): void {
    this.message.handled();
  }

  abandon(): void {
    // Its span is the message's, which ends all the same.
  }

  again(): PendingCall {
    return this;
  }
}
