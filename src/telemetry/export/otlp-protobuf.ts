import { types } from 'node:util';
import type { Link } from '@opentelemetry/api';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace-base';
import { type Attributes, groupSpans, isInt64, type Resource, type Scope, spanFlags } from './otlp-spans';
import { ProtobufWriter, varintSize } from './protobuf-writer';
import type { SpanEncoder } from './span-sink';

// Field numbers of opentelemetry-proto v1, each with its wire type in the low bits.
const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;
const field = (number: number, wireType: number) => (number << 3) | wireType;

const REQUEST = { resourceSpans: field(1, DELIMITED) };
const RESOURCE_SPANS = {
  resource: field(1, DELIMITED),
  scopeSpans: field(2, DELIMITED),
  schemaUrl: field(3, DELIMITED),
};
const RESOURCE = { attributes: field(1, DELIMITED) };
const SCOPE_SPANS = { scope: field(1, DELIMITED), spans: field(2, DELIMITED), schemaUrl: field(3, DELIMITED) };
const SCOPE = {
  name: field(1, DELIMITED),
  version: field(2, DELIMITED),
  attributes: field(3, DELIMITED),
  droppedAttributesCount: field(4, VARINT),
};
const SPAN = {
  traceId: field(1, DELIMITED),
  spanId: field(2, DELIMITED),
  traceState: field(3, DELIMITED),
  parentSpanId: field(4, DELIMITED),
  name: field(5, DELIMITED),
  kind: field(6, VARINT),
  startTime: field(7, FIXED64),
  endTime: field(8, FIXED64),
  attributes: field(9, DELIMITED),
  droppedAttributesCount: field(10, VARINT),
  events: field(11, DELIMITED),
  droppedEventsCount: field(12, VARINT),
  links: field(13, DELIMITED),
  droppedLinksCount: field(14, VARINT),
  status: field(15, DELIMITED),
  flags: field(16, FIXED32),
};
const EVENT = {
  time: field(1, FIXED64),
  name: field(2, DELIMITED),
  attributes: field(3, DELIMITED),
  droppedAttributesCount: field(4, VARINT),
};
const LINK = {
  traceId: field(1, DELIMITED),
  spanId: field(2, DELIMITED),
  traceState: field(3, DELIMITED),
  attributes: field(4, DELIMITED),
  droppedAttributesCount: field(5, VARINT),
  flags: field(6, FIXED32),
};
const STATUS = { message: field(2, DELIMITED), code: field(3, VARINT) };
const KEY_VALUE = { key: field(1, DELIMITED), value: field(2, DELIMITED) };
const ANY_VALUE = {
  string: field(1, DELIMITED),
  bool: field(2, VARINT),
  int: field(3, VARINT),
  double: field(4, FIXED64),
  array: field(5, DELIMITED),
  keyValueList: field(6, DELIMITED),
  bytes: field(7, DELIMITED),
};
const LIST = { values: field(1, DELIMITED) };

const TYPICAL_SPAN_BYTES = 256;

/**
 * Spans to OTLP protobuf, straight from the SDK's objects into one buffer. Repeated fields of protobuf can be written one
 * after the other, so a request is its pieces laid end to end.
 */
export class OtlpProtobufEncoder implements SpanEncoder {
  readonly contentType = 'application/x-protobuf';
  private readonly writer = new ProtobufWriter();
  /** Resource and scope are the same for thousands of spans: each is written once, and then copied. */
  private readonly resources = new WeakMap<Resource, Buffer>();
  private readonly scopes = new WeakMap<Scope, Buffer>();

  encode(spans: readonly ReadableSpan[]): Buffer {
    const { writer } = this;
    writer.reset();
    const room = varintSize(spans.length * TYPICAL_SPAN_BYTES);
    for (const [resource, scopes] of groupSpans(spans)) {
      const resourceSpans = writer.open(REQUEST.resourceSpans, room);
      this.resource(resource);
      for (const [scope, group] of scopes) {
        const scopeSpans = writer.open(RESOURCE_SPANS.scopeSpans, room);
        this.scope(scope);
        for (const span of group) this.span(span);
        writer.close(scopeSpans, room);
      }
      writer.close(resourceSpans, room);
    }
    return writer.copy();
  }

  request(pieces: readonly Buffer[]): Buffer {
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  }

  private resource(resource: Resource): void {
    const { writer } = this;
    const known = this.resources.get(resource);
    if (known) return writer.raw(known);
    const from = writer.position;
    const start = writer.open(RESOURCE_SPANS.resource, 2);
    this.attributes(RESOURCE.attributes, resource.attributes);
    writer.close(start, 2);
    if (resource.schemaUrl) writer.text(RESOURCE_SPANS.schemaUrl, resource.schemaUrl);
    // What is still being detected is missing from this one.
    if (!resource.asyncAttributesPending) this.resources.set(resource, writer.copy(from));
  }

  private scope(scope: Scope): void {
    const { writer } = this;
    const known = this.scopes.get(scope);
    if (known) return writer.raw(known);
    const from = writer.position;
    const start = writer.open(SCOPE_SPANS.scope, 1);
    writer.text(SCOPE.name, scope.name);
    if (scope.version) writer.text(SCOPE.version, scope.version);
    if (scope.attributes) this.attributes(SCOPE.attributes, scope.attributes);
    writer.uint32(SCOPE.droppedAttributesCount, scope.droppedAttributesCount ?? 0);
    writer.close(start, 1);
    if (scope.schemaUrl) writer.text(SCOPE_SPANS.schemaUrl, scope.schemaUrl);
    this.scopes.set(scope, writer.copy(from));
  }

  private span(span: ReadableSpan): void {
    const { writer } = this;
    const start = writer.open(SCOPE_SPANS.spans, 2);
    const { traceId, spanId, traceState, traceFlags } = span.spanContext();
    const parent = span.parentSpanContext;
    writer.hex(SPAN.traceId, traceId);
    writer.hex(SPAN.spanId, spanId);
    if (traceState) writer.text(SPAN.traceState, traceState.serialize());
    if (parent?.spanId) writer.hex(SPAN.parentSpanId, parent.spanId);
    writer.text(SPAN.name, span.name);
    // OTLP counts from one: its zero is a kind that nobody gave.
    writer.uint32(SPAN.kind, span.kind == null ? 0 : span.kind + 1);
    writer.time(SPAN.startTime, span.startTime);
    writer.time(SPAN.endTime, span.endTime);
    this.attributes(SPAN.attributes, span.attributes);
    writer.uint32(SPAN.droppedAttributesCount, span.droppedAttributesCount);
    for (const event of span.events) this.event(event);
    writer.uint32(SPAN.droppedEventsCount, span.droppedEventsCount);
    for (const link of span.links) this.link(link);
    writer.uint32(SPAN.droppedLinksCount, span.droppedLinksCount);
    this.status(span.status);
    writer.fixed32(SPAN.flags, spanFlags(traceFlags, parent?.isRemote));
    writer.close(start, 2);
  }

  private event({ name, time, attributes, droppedAttributesCount }: TimedEvent): void {
    const { writer } = this;
    const start = writer.open(SPAN.events, 1);
    writer.time(EVENT.time, time);
    writer.text(EVENT.name, name);
    if (attributes) this.attributes(EVENT.attributes, attributes);
    writer.uint32(EVENT.droppedAttributesCount, droppedAttributesCount ?? 0);
    writer.close(start, 1);
  }

  private link({ context, attributes, droppedAttributesCount }: Link): void {
    const { writer } = this;
    const start = writer.open(SPAN.links, 1);
    writer.hex(LINK.traceId, context.traceId);
    writer.hex(LINK.spanId, context.spanId);
    if (context.traceState) writer.text(LINK.traceState, context.traceState.serialize());
    if (attributes) this.attributes(LINK.attributes, attributes);
    writer.uint32(LINK.droppedAttributesCount, droppedAttributesCount ?? 0);
    writer.fixed32(LINK.flags, spanFlags(context.traceFlags, context.isRemote));
    writer.close(start, 1);
  }

  private status({ code, message }: ReadableSpan['status']): void {
    const { writer } = this;
    const start = writer.open(SPAN.status, 1);
    if (message) writer.text(STATUS.message, message);
    writer.uint32(STATUS.code, code);
    writer.close(start, 1);
  }

  private attributes(tag: number, attributes: Attributes): void {
    for (const key in attributes) {
      if (Object.hasOwn(attributes, key)) this.attribute(tag, key, attributes[key]);
    }
  }

  private attribute(tag: number, key: string, value: unknown): void {
    const { writer } = this;
    const start = writer.open(tag, 1);
    writer.text(KEY_VALUE.key, key);
    this.value(KEY_VALUE.value, value);
    writer.close(start, 1);
  }

  /** Null, undefined and what OTLP has no type for become a value that is not set. */
  private value(tag: number, value: unknown): void {
    const { writer } = this;
    const start = writer.open(tag, 1);
    switch (typeof value) {
      case 'string':
        writer.text(ANY_VALUE.string, value);
        break;
      case 'number':
        if (isInt64(value)) writer.int64(ANY_VALUE.int, value);
        else writer.double(ANY_VALUE.double, value);
        break;
      case 'boolean':
        writer.bool(ANY_VALUE.bool, value);
        break;
      case 'object':
        if (value !== null) this.compound(value);
    }
    writer.close(start, 1);
  }

  private compound(value: object): void {
    const { writer } = this;
    if (types.isUint8Array(value)) return writer.bytesField(ANY_VALUE.bytes, value);
    const isArray = Array.isArray(value);
    const start = writer.open(isArray ? ANY_VALUE.array : ANY_VALUE.keyValueList, 1);
    if (isArray) for (const item of value) this.value(LIST.values, item);
    else this.attributes(LIST.values, value as Attributes);
    writer.close(start, 1);
  }
}
