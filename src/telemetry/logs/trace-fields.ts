import { context, isSpanContextValid, type SpanContext, trace } from '@opentelemetry/api';

/** What ties a log line to a span, by the names that log viewers look for. */
export interface TraceFields {
  /** 32 hexadecimal digits. */
  readonly trace_id: string;
  /** 16 hexadecimal digits. */
  readonly span_id: string;
  /** Two hexadecimal digits: `01` where the trace is recorded, `00` where it is not. */
  readonly trace_flags: string;
}

/** Those of the active span; undefined where there is none. */
export function traceFields(): TraceFields | undefined {
  const span = trace.getSpanContext(context.active());
  return span && isSpanContextValid(span) ? fieldsOf(span) : undefined;
}

function fieldsOf({ traceId, spanId, traceFlags }: SpanContext): TraceFields {
  return { trace_id: traceId, span_id: spanId, trace_flags: (traceFlags & 0xff).toString(16).padStart(2, '0') };
}
