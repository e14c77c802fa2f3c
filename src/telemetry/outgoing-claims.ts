import type { MeterProvider, TracerProvider } from '@opentelemetry/api';
import { traceOutgoing } from './http/outgoing';

interface Claim {
  readonly tracerProvider: TracerProvider;
  readonly meterProvider: MeterProvider | undefined;
}

/** The newest last. */
const claims: Claim[] = [];
let stop: (() => void) | undefined;
let inForce: Claim | undefined;

/**
 * Has the process's outgoing requests traced, once, however many ask for it: `http` and `fetch` belong to the process, and a request that is traced twice has two spans. The newest
 * providers count; when they go, those before come back.
 *
 * @returns gives the claim back
 */
export function claimOutgoing(tracerProvider: TracerProvider, meterProvider: MeterProvider | undefined): () => void {
  const claim = { tracerProvider, meterProvider };
  claims.push(claim);
  apply();
  return () => {
    const at = claims.indexOf(claim);
    if (at < 0) return;
    claims.splice(at, 1);
    apply();
  };
}

function apply(): void {
  const newest = claims.at(-1);
  if (newest === inForce) return;
  stop?.();
  inForce = newest;
  stop = newest && traceOutgoing(newest.tracerProvider, newest.meterProvider);
}
