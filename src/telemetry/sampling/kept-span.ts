import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';

/** Why spans are exported that were not sampled. */
export type KeptBecause = 'error' | 'slow';

/** Says on a span why its trace is there, in a view, as a span that has ended takes no more attributes. */
export function keptSpan(span: ReadableSpan, because: KeptBecause): ReadableSpan {
  return {
    name: span.name,
    kind: span.kind,
    spanContext: () => span.spanContext(),
    parentSpanContext: span.parentSpanContext,
    startTime: span.startTime,
    endTime: span.endTime,
    status: span.status,
    attributes: { ...span.attributes, 'sampling.kept': because },
    links: span.links,
    events: span.events,
    duration: span.duration,
    ended: span.ended,
    resource: span.resource,
    instrumentationScope: span.instrumentationScope,
    droppedAttributesCount: span.droppedAttributesCount,
    droppedEventsCount: span.droppedEventsCount,
    droppedLinksCount: span.droppedLinksCount,
  };
}
