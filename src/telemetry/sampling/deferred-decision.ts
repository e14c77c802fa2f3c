import type { SpanContext } from '@opentelemetry/api';

const deferred = new WeakSet<SpanContext>();

/**
 * Notes that a caller sent its ids and left it to us whether to sample, as B3 allows. OpenTelemetry's flags cannot say so: to them,
 * not decided is not sampled, and the traces of such callers would be lost.
 */
export function deferDecision(caller: SpanContext): void {
  deferred.add(caller);
}

/** Whether a caller left the decision to us. */
export function isDecisionDeferred(caller: SpanContext): boolean {
  return deferred.has(caller);
}
