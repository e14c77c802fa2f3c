import { type Context, context, type Span, type Tracer, trace } from '@opentelemetry/api';
import { Claims } from '../../util/claims';
import { spanIn } from './span-scope';

/** The tracing of this process, as a decorated method meets it: decorators run long before, and far from, any injector. */
export interface ActiveTracing {
  readonly tracer: Tracer;
  active(): Context;
  /** Calls `method` with `self` and `args`, in a context. */
  run(inContext: Context, method: (...args: never[]) => unknown, self: unknown, args: ArrayLike<unknown>): unknown;
  /** Whether a parent that does not record always means that its children do not either: then nobody need be asked. */
  readonly unsampledParentIsFinal: boolean;
  /** Whether no trace ever begins here: the sampler records only what somebody upstream wants recorded. */
  readonly rootsAreNeverSampled?: boolean;
}

type Mode = 'unclaimed' | 'off' | 'on';

let mode: Mode = 'unclaimed';
let own: ActiveTracing | undefined;
const claims = new Claims<ActiveTracing | undefined>(() => {
  own = claims.newest;
  mode = claims.isEmpty ? 'unclaimed' : own ? 'on' : 'off';
});

/** Where the OpenTelemetry API keeps what is registered with it. */
const API = Symbol.for('opentelemetry.js.api.1');
type ApiGlobal = { [API]?: { trace?: unknown } };

/**
 * The tracing to use now, or undefined. Called on every call of every decorated method, so it is a few nanoseconds where there is none.
 *
 * Where nobody has started our telemetry, an SDK that is registered with the OpenTelemetry API is used; an application may
 * have our decorators and its own SDK.
 */
export function activeTracing(): ActiveTracing | undefined {
  if (mode === 'on') return own;
  if (mode === 'off') return undefined;
  return (globalThis as ApiGlobal)[API]?.trace === undefined ? undefined : registeredTracing;
}

/**
 * Makes this the tracing of the process, or, without one, switches tracing off: then an SDK that somebody registered is not looked for.
 *
 * @returns gives the claim back
 */
export function claimTracing(tracing: ActiveTracing | undefined): () => void {
  return claims.claim(tracing);
}

/** For contexts that somebody else's manager keeps. */
export const CONTEXTS_BY_API: Pick<ActiveTracing, 'active' | 'run'> = {
  active: () => context.active(),
  run: (inContext, method, self, args) => context.with(inContext, () => Reflect.apply(method, self, args)),
};

/** By way of whatever is registered with the API. Nothing is known of its sampler, so it is asked each time. */
const registeredTracing: ActiveTracing = {
  ...CONTEXTS_BY_API,
  get tracer() {
    return trace.getTracer('spanwright');
  },
  unsampledParentIsFinal: false,
  rootsAreNeverSampled: false,
};

/** The span that a piece of work of ours is in, or undefined. */
export function currentSpan(): Span | undefined {
  const tracing = activeTracing();
  return tracing && spanIn(tracing.active());
}
