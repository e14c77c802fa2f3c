import {
  context,
  type MeterProvider,
  metrics,
  propagation,
  type TextMapPropagator,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import { type LoggerProvider, logs } from '@opentelemetry/api-logs';
import { spanContextManager } from './tracing/span-context-manager';

/** What is registered with the OpenTelemetry API, so that libraries that know nothing of us take part. */
export interface Providers {
  readonly tracerProvider?: TracerProvider;
  readonly meterProvider?: MeterProvider;
  readonly loggerProvider?: LoggerProvider;
  readonly propagator: TextMapPropagator;
}

type ProviderKind = keyof Providers;

interface Claim {
  readonly providers: Providers;
  /** Those that the API took: what was there before us is not ours to remove. */
  taken: ReadonlySet<ProviderKind>;
}

const claims: Claim[] = [];
let contextsAreOurs = false;

/** A registration with the OpenTelemetry API. */
export interface GlobalsClaim {
  /** Whether contexts go by our manager; else somebody else's was there before. */
  readonly contextsAreOurs: boolean;
  /** Gives the registration back. */
  release(): void;
}

/**
 * Registers providers with the OpenTelemetry API. The newest ones count; when they go, those before come back. What somebody else has registered stays.
 */
export function claimGlobals(providers: Providers): GlobalsClaim {
  const before = claims.at(-1);
  if (before) withdraw(before);
  else contextsAreOurs = context.setGlobalContextManager(spanContextManager);
  const claim: Claim = { providers, taken: new Set() };
  claims.push(claim);
  register(claim);
  return { contextsAreOurs, release: () => release(claim) };
}

function release(claim: Claim): void {
  const at = claims.indexOf(claim);
  if (at < 0) return;
  claims.splice(at, 1);
  withdraw(claim);
  const before = claims.at(-1);
  if (before) {
    if (at === claims.length) register(before);
  } else if (contextsAreOurs) {
    context.disable();
    contextsAreOurs = false;
  }
}

function register(claim: Claim): void {
  const { tracerProvider, meterProvider, loggerProvider, propagator } = claim.providers;
  const taken = new Set<ProviderKind>();
  if (propagation.setGlobalPropagator(propagator)) taken.add('propagator');
  if (tracerProvider && trace.setGlobalTracerProvider(tracerProvider)) taken.add('tracerProvider');
  if (meterProvider && metrics.setGlobalMeterProvider(meterProvider)) taken.add('meterProvider');
  if (loggerProvider && logs.setGlobalLoggerProvider(loggerProvider) === loggerProvider) taken.add('loggerProvider');
  claim.taken = taken;
}

function withdraw({ taken }: Claim): void {
  if (taken.has('propagator')) propagation.disable();
  if (taken.has('tracerProvider')) trace.disable();
  if (taken.has('meterProvider')) metrics.disable();
  if (taken.has('loggerProvider')) logs.disable();
}
