import { INVALID_TRACEID, type Span, TraceFlags } from '@opentelemetry/api';

/**
 * Whether a span of this process is neither sampled nor recorded. What is below it is left out as well.
 *
 * A span that has ended records no longer, but it is not left out: work that outlives it is still part of its trace. A span that stands for none decides nothing.
 */
export function isLeftOut(span: Span): boolean {
  if (span.isRecording()) return false;
  const { traceFlags, isRemote, traceId } = span.spanContext();
  // Only spans that were recorded can be asked whether they have ended.
  return (
    (traceFlags & TraceFlags.SAMPLED) === 0 &&
    isRemote !== true &&
    traceId !== INVALID_TRACEID &&
    (span as { ended?: unknown }).ended === undefined
  );
}
