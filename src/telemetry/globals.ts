import {
  context,
  type MeterProvider,
  metrics,
  ProxyTracerProvider,
  propagation,
  type TextMapPropagator,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import { type LoggerProvider, logs } from '@opentelemetry/api-logs';
import { SwitchedTracerProvider } from './switched-tracer-provider';
import { spanContextManager } from './tracing/span-context-manager';

/** What is registered with the OpenTelemetry API, so that libraries that know nothing of us take part. */
export interface Providers {
  readonly tracerProvider?: TracerProvider;
  readonly meterProvider?: MeterProvider;
  readonly loggerProvider?: LoggerProvider;
  readonly propagator: TextMapPropagator;
}

/** A registration with the OpenTelemetry API. */
export interface GlobalsClaim {
  /** Whether contexts go by our manager; else somebody else's was there before. */
  readonly contextsAreOurs: boolean;
  /** Gives the registration back. */
  release(): void;
}

/** Where the OpenTelemetry API keeps what is registered with it. */
const API = Symbol.for('opentelemetry.js.api.1');
type Slot = 'context' | 'metrics' | 'propagation' | 'trace';

/** Of those who have claimed, the newest last. */
const claims: Providers[] = [];
const tracerProvider = new SwitchedTracerProvider();
/** How to take back what the API has of ours. What was there before us is not in it. */
const registered = new Map<keyof Providers, { readonly provider: unknown; withdraw(): void }>();
let contextsAreOurs = false;

/** Whether any telemetry of ours runs in this process. */
export function isClaimed(): boolean {
  return claims.length > 0;
}

/**
 * Registers providers with the OpenTelemetry API. The newest ones count; when they go, those before come back. What somebody else has registered stays.
 */
export function claimGlobals(providers: Providers): GlobalsClaim {
  if (claims.length === 0) contextsAreOurs = isFree('context') && context.setGlobalContextManager(spanContextManager);
  // An entry of its own: the same providers may be claimed twice.
  const claim = { ...providers };
  claims.push(claim);
  apply();
  return { contextsAreOurs, release: () => release(claim) };
}

function release(claim: Providers): void {
  const at = claims.indexOf(claim);
  if (at < 0) return;
  claims.splice(at, 1);
  apply();
  if (claims.length > 0 || !contextsAreOurs) return;
  context.disable();
  contextsAreOurs = false;
}

/** Has the API hold, of each kind, the newest that there is. */
function apply(): void {
  tracerProvider.current = newest('tracerProvider');
  hold('tracerProvider', tracerProvider.current && tracerProvider, {
    register: (provider) => isFree('trace') && trace.setGlobalTracerProvider(provider),
    withdraw: () => trace.disable(),
  });
  hold('meterProvider', newest('meterProvider'), {
    register: (provider) => isFree('metrics') && metrics.setGlobalMeterProvider(provider),
    withdraw: () => metrics.disable(),
  });
  hold('loggerProvider', newest('loggerProvider'), {
    register: (provider) => logs.setGlobalLoggerProvider(provider) === provider,
    withdraw: () => logs.disable(),
  });
  hold('propagator', newest('propagator'), {
    register: (propagator) => isFree('propagation') && propagation.setGlobalPropagator(propagator),
    withdraw: () => propagation.disable(),
  });
}

function hold<T>(
  kind: keyof Providers,
  provider: T | undefined,
  { register, withdraw }: { register(provider: T): boolean; withdraw(): void },
): void {
  const held = registered.get(kind);
  if (held?.provider === provider) return;
  held?.withdraw();
  registered.delete(kind);
  if (provider !== undefined && register(provider)) registered.set(kind, { provider, withdraw });
}

function newest<Kind extends keyof Providers>(kind: Kind): Providers[Kind] | undefined {
  return claims.findLast((claim) => isRegistrable(claim[kind]))?.[kind];
}

/** The API's own stand-in leads to whatever is registered: registered itself, it would lead to itself. */
function isRegistrable(provider: unknown): boolean {
  return provider !== undefined && !(provider instanceof ProxyTracerProvider);
}

/** Asked beforehand: the API complains, with a stack, of whoever comes second. */
function isFree(slot: Slot): boolean {
  return (globalThis as { [API]?: Partial<Record<Slot, unknown>> })[API]?.[slot] === undefined;
}
