import type { Attributes, HrTime, Link, SpanContext, SpanKind, SpanStatus } from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace-base';

/** The parts of a span that may hold something secret. */
export type SpanContent = Pick<ReadableSpan, 'name' | 'attributes' | 'events' | 'links' | 'status'>;

/** A finished span with other content. Everything else is read from the span itself, which stays as it is. */
export class RedactedSpan implements ReadableSpan {
  readonly name: string;
  readonly attributes: Attributes;
  readonly events: TimedEvent[];
  readonly links: Link[];
  readonly status: SpanStatus;

  constructor(
    private readonly span: ReadableSpan,
    content: SpanContent,
  ) {
    this.name = content.name;
    this.attributes = content.attributes;
    this.events = content.events;
    this.links = content.links;
    this.status = content.status;
  }

  spanContext(): SpanContext {
    return this.span.spanContext();
  }

  get kind(): SpanKind {
    return this.span.kind;
  }

  get parentSpanContext(): SpanContext | undefined {
    return this.span.parentSpanContext;
  }

  get startTime(): HrTime {
    return this.span.startTime;
  }

  get endTime(): HrTime {
    return this.span.endTime;
  }

  get duration(): HrTime {
    return this.span.duration;
  }

  get ended(): boolean {
    return this.span.ended;
  }

  get resource(): Resource {
    return this.span.resource;
  }

  get instrumentationScope(): InstrumentationScope {
    return this.span.instrumentationScope;
  }

  get droppedAttributesCount(): number {
    return this.span.droppedAttributesCount;
  }

  get droppedEventsCount(): number {
    return this.span.droppedEventsCount;
  }

  get droppedLinksCount(): number {
    return this.span.droppedLinksCount;
  }
}
