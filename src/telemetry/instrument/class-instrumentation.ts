import type { InstrumentedKind } from '../telemetry.options';
import { currentSpan } from '../tracing/active-tracing';
import type { MethodSpanOptions, SpanOptionsOf } from '../tracing/trace-method';
import { isSettledFor, propertiesOf, traceProperty } from '../tracing/traced-methods';
import type { Class } from './class-origins';
import { MethodSwitch } from './instrument-registry';
import { isJobProcessor, isLifecycle, kindOfMethod, shownKind } from './nest-kinds';
import { continueJobTrace, jobSpanOptions } from './queue-job';

/** Methods that were traced for some application of this process. Another one finds them so, and holds the same switch. */
const switches = new WeakMap<object, Map<PropertyKey, MethodSwitch>>();

/** Which methods of a class are wanted. */
export interface WantedMethods {
  readonly kind: InstrumentedKind;
  /** Whether this method, which `owner` has, is to be traced. */
  wants(key: PropertyKey, owner: object, kind: InstrumentedKind): boolean;
}

/**
 * Traces the wanted methods on the prototype of a class. Those that have `@Span`, `@Traced` or `@Untraced` are left as they are.
 *
 * @returns the switches of the methods that are traced, by their names
 */
export function instrumentClass(type: Class, { kind, wants }: WantedMethods): Map<string, MethodSwitch> {
  const { prototype } = type;
  const known = switches.get(prototype) ?? new Map<PropertyKey, MethodSwitch>();
  switches.set(prototype, known);
  const found = new Map<string, MethodSwitch>();
  for (const [key, owner] of propertiesOf(prototype)) {
    const method: unknown = Object.getOwnPropertyDescriptor(owner, key)?.value;
    if (typeof method !== 'function' || isLifecycle(key)) continue;
    const kindOfThis = kindOfMethod(type, key, method) ?? kind;
    if (!wants(key, known.has(key) ? prototype : owner, kindOfThis)) continue;
    const itsSwitch = known.get(key) ?? traced(type, owner, key, kindOfThis);
    if (itsSwitch === undefined) continue;
    known.set(key, itsSwitch);
    found.set(String(key), itsSwitch);
  }
  return found;
}

function traced(type: Class, owner: object, key: PropertyKey, kind: InstrumentedKind): MethodSwitch | undefined {
  const { prototype, name } = type;
  const inherited = switches.get(owner)?.get(key);
  if (inherited !== undefined) return inherited;
  if (isSettledFor(prototype, owner, key)) return undefined;
  const itsSwitch = new MethodSwitch();
  const { gate } = itsSwitch;
  if (!traceProperty(prototype, owner, key, name, { options: optionsFor(type, key, kind), gate })) return undefined;
  if (isJobProcessor(type, key)) {
    const property = Object.getOwnPropertyDescriptor(prototype, key) as PropertyDescriptor;
    Object.defineProperty(prototype, key, { ...property, value: continueJobTrace(property.value, gate) });
  }
  return itsSwitch;
}

// biome-ignore lint/suspicious/noExplicitAny: the arguments are the method's
function optionsFor(type: Class, key: PropertyKey, kind: InstrumentedKind): SpanOptionsOf<any[]> {
  const shown = shownKind(kind);
  if (isJobProcessor(type, key)) return jobSpanOptions(shown);
  if (kind === 'crons') return () => cronSpanOptions(shown);
  return { attributes: { 'nest.kind': shown } };
}

/** A run of a job that is on a schedule is a trace of its own, whatever was going on when it was scheduled. Called by hand, it is linked to the caller. */
function cronSpanOptions(kind: string): MethodSpanOptions {
  const caller = currentSpan();
  return {
    root: true,
    attributes: { 'nest.kind': kind },
    links: caller && [{ context: caller.spanContext() }],
  };
}
