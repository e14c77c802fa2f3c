import type { Attributes } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';

/** A recorded span with a few attributes takes about this much of the heap, without its texts. */
const SPAN_BYTES = 1024;
const PART_BYTES = 128;

/** About how many bytes of the heap a span holds. Made to bound a buffer, not to be exact. */
export function roughSize(span: ReadableSpan): number {
  let bytes = SPAN_BYTES + span.name.length + textLength(span.attributes);
  for (const { attributes } of span.events) bytes += PART_BYTES + textLength(attributes);
  for (const { attributes } of span.links) bytes += PART_BYTES + textLength(attributes);
  return bytes;
}

function textLength(attributes: Attributes | undefined): number {
  let length = 0;
  for (const key in attributes) {
    const value = attributes[key];
    if (typeof value === 'string') length += value.length;
    else if (Array.isArray(value)) for (const each of value) length += typeof each === 'string' ? each.length : 8;
  }
  return length;
}
