import { readFields } from './protobuf-reader';
import { ProtobufWriter } from './protobuf-writer';
import type { EncodedSpans, SpanEncoder } from './span-sink';

/**
 * Two halves of what an encoder encoded, without the spans it came from: they are long gone when a collector refuses a
 * request for one of them.
 *
 * @returns undefined where there is but one span, or none can be found
 */
export function splitSpans(
  { contentType }: Pick<SpanEncoder, 'contentType'>,
  { bytes }: Pick<EncodedSpans, 'bytes'>,
): readonly [EncodedSpans, EncodedSpans] | undefined {
  return contentType === 'application/json'
    ? halves(jsonSpans(bytes), writeJson)
    : halves(protobufSpans(bytes), writeProtobuf);
}

/** A span, with the message around it and the one around that. */
interface PlacedSpan<T> {
  readonly resourceSpans: T;
  readonly scopeSpans: T;
  readonly span: T;
}

function halves<T>(spans: readonly PlacedSpan<T>[], write: (spans: readonly PlacedSpan<T>[]) => Buffer) {
  if (spans.length < 2) return undefined;
  const half = spans.length >> 1;
  const piece = (some: readonly PlacedSpan<T>[]): EncodedSpans => ({ count: some.length, bytes: write(some) });
  return [piece(spans.slice(0, half)), piece(spans.slice(half))] as const;
}

// Field numbers of opentelemetry-proto v1. All the fields in ResourceSpans and ScopeSpans have a length.
const RESOURCE_SPANS = 1;
const SCOPE_SPANS = 2;
const SPAN = 2;
const tagOf = (field: number) => (field << 3) | 2;

function protobufSpans(body: Buffer): PlacedSpan<Buffer>[] {
  return inside(body, RESOURCE_SPANS).flatMap((resourceSpans) =>
    inside(resourceSpans, SCOPE_SPANS).flatMap((scopeSpans) =>
      inside(scopeSpans, SPAN).map((span) => ({ resourceSpans, scopeSpans, span })),
    ),
  );
}

function inside(message: Buffer, field: number): Buffer[] {
  const found: Buffer[] = [];
  for (const { number, value } of readFields(message)) {
    if (number === field && typeof value !== 'bigint') found.push(value);
  }
  return found;
}

function writeProtobuf(spans: readonly PlacedSpan<Buffer>[]): Buffer {
  const writer = new ProtobufWriter();
  const around = (message: Buffer, without: number) => {
    for (const { number, value } of readFields(message)) {
      if (number !== without && typeof value !== 'bigint') writer.bytesField(tagOf(number), value);
    }
  };
  for (const ofResource of runsOf(spans, 'resourceSpans')) {
    const resourceSpans = writer.open(tagOf(RESOURCE_SPANS), 4);
    around(ofResource[0].resourceSpans, SCOPE_SPANS);
    for (const ofScope of runsOf(ofResource, 'scopeSpans')) {
      const scopeSpans = writer.open(tagOf(SCOPE_SPANS), 4);
      around(ofScope[0].scopeSpans, SPAN);
      for (const { span } of ofScope) writer.bytesField(tagOf(SPAN), span);
      writer.close(scopeSpans, 4);
    }
    writer.close(resourceSpans, 4);
  }
  return writer.copy();
}

type Json = Readonly<Record<string, unknown>>;

function jsonSpans(body: Buffer): PlacedSpan<Json>[] {
  const list = (value: unknown) => (value ?? []) as Json[];
  return list(JSON.parse(body.toString()).resourceSpans).flatMap((resourceSpans) =>
    list(resourceSpans.scopeSpans).flatMap((scopeSpans) =>
      list(scopeSpans.spans).map((span) => ({ resourceSpans, scopeSpans, span })),
    ),
  );
}

function writeJson(spans: readonly PlacedSpan<Json>[]): Buffer {
  const resourceSpans = runsOf(spans, 'resourceSpans').map((ofResource) => ({
    ...ofResource[0].resourceSpans,
    scopeSpans: runsOf(ofResource, 'scopeSpans').map((ofScope) => ({
      ...ofScope[0].scopeSpans,
      spans: ofScope.map(({ span }) => span),
    })),
  }));
  return Buffer.from(JSON.stringify({ resourceSpans }));
}

type Run<T> = [PlacedSpan<T>, ...PlacedSpan<T>[]];

/** Neighbours that lie in the same message, together. */
function runsOf<T>(spans: readonly PlacedSpan<T>[], around: 'resourceSpans' | 'scopeSpans'): Run<T>[] {
  const runs: Run<T>[] = [];
  for (const span of spans) {
    const run = runs.at(-1);
    if (run && run[0][around] === span[around]) run.push(span);
    else runs.push([span]);
  }
  return runs;
}
