import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { OtlpProtobufEncoder } from '../../../src/telemetry/export/otlp-protobuf';
import { decodeRequest } from './otlp-messages';
import { RandomSpans } from './random-spans';

const encoder = new OtlpProtobufEncoder();
const random = new RandomSpans(1);

function bySdk(spans: readonly ReadableSpan[]): Record<string, unknown> {
  return decodeRequest(ProtobufTraceSerializer.serializeRequest([...spans]) as Uint8Array);
}

function expectAsSdk(...spans: ReadableSpan[]): void {
  expect(decodeRequest(encoder.encode(spans))).toEqual(bySdk(spans));
}

function namesIn(request: Buffer): string[] {
  const { resourceSpans } = decodeRequest(request) as {
    resourceSpans: { scopeSpans: { spans: { name: string }[] }[] }[];
  };
  return resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans.map(({ name }) => name)));
}

test.each([1, 2, 3])('random spans decode to what the SDK writes (seed %i)', (seed) => {
  const spans = new RandomSpans(seed);
  for (let round = 0; round < 25; round++) expectAsSdk(...spans.spans(round));
});

test('spans of the SDK itself decode to what the SDK writes', () => {
  const finished = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'sdk' }),
    spanProcessors: [new SimpleSpanProcessor(finished)],
    spanLimits: { attributeCountLimit: 3, eventCountLimit: 1, linkCountLimit: 1 },
  });
  const tracer = provider.getTracer('tracer', '1.0', { schemaUrl: 'https://example.com/1' });
  const other = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8), traceFlags: 0, isRemote: true };
  const span = tracer.startSpan('operation', {
    attributes: { a: 1, b: 'two', c: [3.5], d: 4 },
    links: [{ context: other }],
  });
  span.addLink({ context: other }).addEvent('first', { x: true }).addEvent('second').recordException(new Error('oh'));
  span.setStatus({ code: 2, message: 'failed' }).end();
  expect(finished.getFinishedSpans()[0]).toMatchObject({ droppedAttributesCount: 1, droppedEventsCount: 2 });
  expectAsSdk(...finished.getFinishedSpans());
});

test('a text of any length is framed right, in one byte a character or in several', () => {
  const plain = random.span({ events: [], links: [] });
  const lengths = [...Array(300).keys(), 5461, 5462, 16_381, 16_382, 16_383, 16_384, 16_385];
  for (const length of lengths) {
    for (const character of ['x', 'é', '語', '\ud800']) {
      const text = character.repeat(length);
      expectAsSdk({ ...plain, name: text, attributes: { text, [text]: [text] }, status: { code: 2, message: text } });
    }
  }
});

test('a text of megabytes is framed right', () => {
  expectAsSdk(random.span({ name: 'x'.repeat(2 ** 21), attributes: { text: 'é'.repeat(2 ** 20) } }));
});

test('ten thousand attributes and a nest of lists arrive', () => {
  const attributes = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`key ${i}`, i - 5000]));
  expectAsSdk(random.span({ attributes }));
  let list: unknown[] = [];
  for (let depth = 0; depth < 40; depth++) list = [list, depth];
  expectAsSdk(random.span({ attributes: { list } as never }));
});

test('a span that was kept although its trace is not sampled is written with the flags it has', () => {
  const context = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8), traceFlags: 0 };
  const decoded = decodeRequest(
    encoder.encode([random.span({ spanContext: () => context, parentSpanContext: undefined })]),
  );
  expect(decoded).toMatchObject({ resourceSpans: [{ scopeSpans: [{ spans: [{ flags: 0x100 }] }] }] });
});

test('pieces laid end to end are one request with all spans', () => {
  const all = random.spans(50);
  const pieces = [all.slice(0, 1), [], all.slice(1, 20), all.slice(20)].map((spans) => encoder.encode(spans));
  expect(namesIn(encoder.request(pieces)).sort()).toEqual(namesIn(encoder.encode(all)).sort());
  expect(encoder.request([])).toHaveLength(0);
});

test('a piece stays as it is when more is encoded', () => {
  const first = encoder.encode(random.spans(20));
  const before = Buffer.from(first);
  encoder.encode([random.span({ name: 'y'.repeat(6_000_000) })]);
  encoder.encode(random.spans(20));
  expect(first.equals(before)).toBe(true);
});

test('a span that throws leaves nothing behind in what is encoded next', () => {
  const impossible = random.span();
  Object.defineProperty(impossible, 'links', {
    get: () => {
      throw new Error('no links');
    },
  });
  expect(() => encoder.encode([random.span(), impossible])).toThrow('no links');
  expectAsSdk(...random.spans(3));
});

test('a name that is no text is written as text', () => {
  const names = [42, null, undefined, { toString: () => 'of its own' }];
  const spans = names.map((name) => random.span({ name: name as unknown as string }));
  expect(spans.flatMap((span) => namesIn(encoder.encode([span])))).toEqual(['42', '', '', 'of its own']);
});

test.each([
  ['before the epoch', [-1, 5], '0'],
  ['not a number', [Number.NaN, 0], '0'],
  ['for ever', [Number.POSITIVE_INFINITY, 0], '0'],
  ['with parts of a nanosecond', [1_700_000_000, 12.75], '1700000000000000012'],
  ['with a second among its nanoseconds', [1_700_000_000, 1_000_000_000], '1700000001000000000'],
  ['with nanoseconds to take away', [1_700_000_000, -1], '1699999999999999999'],
  ['in 2116, where a double becomes too coarse', [4_611_686_019, 999_999_999], '4611686019999999999'],
  ['in 2554, at the end of 64 bits', [18_446_744_073, 709_551_615], '18446744073709551615'],
])('a time %s is exact, or zero', (_, time, expected) => {
  const decoded = decodeRequest(encoder.encode([random.span({ startTime: time as [number, number] })]));
  expect(decoded).toMatchObject({ resourceSpans: [{ scopeSpans: [{ spans: [{ startTimeUnixNano: expected }] }] }] });
});

test('what a resource does not know yet is in the spans that come after it does', async () => {
  let found: (host: string) => void = () => {};
  const host = new Promise<string>((resolve) => {
    found = resolve;
  });
  const resource = resourceFromAttributes({ 'service.name': 'waiting', 'host.name': host });
  const span = random.span({ resource });
  const attributes = () =>
    decodeRequest(encoder.encode([span])) as { resourceSpans: { resource: { attributes: { key: string }[] } }[] };
  const keys = () => attributes().resourceSpans[0]?.resource.attributes.map(({ key }) => key);
  expect(keys()).toEqual(['service.name']);
  found('here');
  await resource.waitForAsyncAttributes?.();
  expect(keys()).toEqual(['service.name', 'host.name']);
});
