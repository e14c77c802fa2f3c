import { types } from 'node:util';
import type { Link } from '@opentelemetry/api';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace-base';
import {
  type Attributes,
  type GroupedSpans,
  groupSpans,
  isInt64,
  type Scope,
  spanFlags,
  toNanoseconds,
} from './otlp-spans';
import type { SpanEncoder } from './span-sink';

/** Of ES2024: Node 20 has it, the library that we compile against has not. */
type WellFormable = string & { toWellFormed(): string };

const HEAD = '{"resourceSpans":[';
const TAIL = ']}';

/**
 * Spans to OTLP JSON. The SDK's own serializer writes `NaN` as null, and whole numbers beyond 64 bits as whole numbers; a
 * collector refuses the request for either, with every span in it. Here the first goes out by its name, and the second as a
 * floating-point number, as protobuf's rules for JSON have it.
 */
export class OtlpJsonEncoder implements SpanEncoder {
  readonly contentType = 'application/json';

  encode(spans: readonly ReadableSpan[]): Buffer {
    return Buffer.from(JSON.stringify({ resourceSpans: toResourceSpans(groupSpans(spans)) }));
  }

  request(pieces: readonly Buffer[]): Buffer {
    if (pieces.length === 1) return pieces[0] as Buffer;
    const joined: Buffer[] = [];
    for (const piece of pieces) {
      const inside = piece.subarray(HEAD.length, piece.length - TAIL.length);
      if (inside.length > 0) joined.push(COMMA, inside);
    }
    return Buffer.concat([Buffer.from(HEAD), ...joined.slice(1), Buffer.from(TAIL)]);
  }
}

const COMMA = Buffer.from(',');

function toResourceSpans(groups: GroupedSpans): unknown[] {
  return Array.from(groups, ([resource, scopes]) => ({
    resource: { attributes: toAttributes(resource.attributes), droppedAttributesCount: 0 },
    scopeSpans: Array.from(scopes, ([scope, spans]) => ({
      scope: toScope(scope),
      spans: spans.map(toSpan),
      schemaUrl: scope.schemaUrl,
    })),
    schemaUrl: resource.schemaUrl || undefined,
  }));
}

function toScope({ name, version, attributes, droppedAttributesCount }: Scope): unknown {
  return {
    name: toText(name),
    version: version && toText(version),
    ...(attributes && { attributes: toAttributes(attributes), droppedAttributesCount: droppedAttributesCount ?? 0 }),
  };
}

function toSpan(span: ReadableSpan): unknown {
  const { traceId, spanId, traceState, traceFlags } = span.spanContext();
  const parent = span.parentSpanContext;
  const { code, message } = span.status;
  return {
    traceId,
    spanId,
    parentSpanId: parent?.spanId || undefined,
    traceState: traceState?.serialize(),
    name: toText(span.name),
    // OTLP counts from one: its zero is a kind that nobody gave.
    kind: span.kind == null ? 0 : span.kind + 1,
    startTimeUnixNano: String(toNanoseconds(span.startTime)),
    endTimeUnixNano: String(toNanoseconds(span.endTime)),
    attributes: toAttributes(span.attributes),
    droppedAttributesCount: span.droppedAttributesCount,
    events: span.events.map(toEvent),
    droppedEventsCount: span.droppedEventsCount,
    status: { code, message: message && toText(message) },
    links: span.links.map(toLink),
    droppedLinksCount: span.droppedLinksCount,
    flags: spanFlags(traceFlags, parent?.isRemote),
  };
}

function toEvent({ name, time, attributes, droppedAttributesCount }: TimedEvent): unknown {
  return {
    attributes: toAttributes(attributes),
    name: toText(name),
    timeUnixNano: String(toNanoseconds(time)),
    droppedAttributesCount: droppedAttributesCount ?? 0,
  };
}

function toLink({ context, attributes, droppedAttributesCount }: Link): unknown {
  return {
    attributes: toAttributes(attributes),
    spanId: context.spanId,
    traceId: context.traceId,
    traceState: context.traceState?.serialize(),
    droppedAttributesCount: droppedAttributesCount ?? 0,
    flags: spanFlags(context.traceFlags, context.isRemote),
  };
}

function toAttributes(attributes: Attributes = {}): unknown[] {
  return Object.keys(attributes).map((key) => ({ key: toText(key), value: toValue(attributes[key]) }));
}

/** Null, undefined and what OTLP has no type for become a value that is not set. */
function toValue(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return { stringValue: toText(value) };
    case 'number':
      // 64 bits do not fit into a number of JSON, so they are text there.
      if (isInt64(value)) return { intValue: Number.isSafeInteger(value) ? String(value) : String(BigInt(value)) };
      return { doubleValue: Number.isFinite(value) ? value : String(value) };
    case 'boolean':
      return { boolValue: value };
    case 'object':
      if (value === null) return {};
      if (types.isUint8Array(value)) return { bytesValue: Buffer.from(value).toString('base64') };
      if (Array.isArray(value)) return { arrayValue: { values: Array.from(value, toValue) } };
      return { kvlistValue: { values: toAttributes(value as Attributes) } };
    default:
      return {};
  }
}

/** JSON can carry half a surrogate pair; many a reader throws on it. Also what is not text although its type says so. */
function toText(text: string): string {
  return ((typeof text === 'string' ? text : String(text ?? '')) as WellFormable).toWellFormed();
}
