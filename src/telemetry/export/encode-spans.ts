import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { EncodedSpans, SpanEncoder } from './span-sink';

export interface PieceLimits {
  readonly maxSpans: number;
  readonly maxBytes: number;
}

export interface EncodedPieces {
  readonly pieces: readonly EncodedSpans[];
  /** Spans that cannot be encoded. */
  readonly unreadable: number;
}

/** Encodes spans in pieces within the limits; a single span may be larger. One that cannot be encoded takes no other along. */
export function encodeSpans(encoder: SpanEncoder, spans: readonly ReadableSpan[], limits: PieceLimits): EncodedPieces {
  const pieces: EncodedSpans[] = [];
  let unreadable = 0;
  const encode = (some: readonly ReadableSpan[]): void => {
    const bytes = some.length > 0 ? attempt(encoder, some) : undefined;
    if (bytes && (bytes.length <= limits.maxBytes || some.length === 1)) {
      pieces.push({ count: some.length, bytes });
    } else if (some.length > 1) {
      const half = some.length >> 1;
      encode(some.slice(0, half));
      encode(some.slice(half));
    } else {
      unreadable += some.length;
    }
  };
  if (spans.length <= limits.maxSpans) encode(spans);
  else for (let at = 0; at < spans.length; at += limits.maxSpans) encode(spans.slice(at, at + limits.maxSpans));
  return { pieces, unreadable };
}

function attempt(encoder: SpanEncoder, spans: readonly ReadableSpan[]): Buffer | undefined {
  try {
    return encoder.encode(spans);
  } catch {
    return undefined;
  }
}
