import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import { OtlpJsonEncoder } from '../../../src/telemetry/export/otlp-json';
import { OtlpProtobufEncoder } from '../../../src/telemetry/export/otlp-protobuf';
import { decodeJsonRequest, decodeRequest } from './otlp-messages';
import { RandomSpans } from './random-spans';

const encoder = new OtlpJsonEncoder();
const protobuf = new OtlpProtobufEncoder();

function attributesOf(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString()).resourceSpans[0].scopeSpans[0].spans[0].attributes;
}

test.each([11, 12, 13])('random spans say in JSON what they say in protobuf (seed %i)', (seed) => {
  const random = new RandomSpans(seed);
  for (let round = 0; round < 20; round++) {
    const spans = random.spans(round);
    expect(decodeJsonRequest(encoder.encode(spans))).toEqual(decodeRequest(protobuf.encode(spans)));
  }
});

test('ordinary attributes are written as the SDK writes them, but whole numbers as text', () => {
  const attributes = { text: 'größe', yes: true, half: 0.5, list: ['a', 'b'], bytes: Uint8Array.of(1, 255) as never };
  const span = new RandomSpans(1).span({ attributes });
  const bySdk = attributesOf(JsonTraceSerializer.serializeRequest([span]) as Uint8Array);
  expect(attributesOf(encoder.encode([span]))).toEqual(bySdk);
  const withInteger = new RandomSpans(1).span({ attributes: { integer: 2 ** 60 } });
  expect(attributesOf(encoder.encode([withInteger]))).toEqual([
    { key: 'integer', value: { intValue: '1152921504606846976' } },
  ]);
});

test('numbers that JSON has no word for do not make a collector refuse the request', () => {
  const attributes = { ratio: Number.NaN, most: Number.POSITIVE_INFINITY, least: Number.NEGATIVE_INFINITY, huge: 1e21 };
  expect(attributesOf(encoder.encode([new RandomSpans(1).span({ attributes })]))).toEqual([
    { key: 'ratio', value: { doubleValue: 'NaN' } },
    { key: 'most', value: { doubleValue: 'Infinity' } },
    { key: 'least', value: { doubleValue: '-Infinity' } },
    { key: 'huge', value: { doubleValue: 1e21 } },
  ]);
});

test('half a surrogate pair is not left for the reader to stumble over', () => {
  const text = encoder
    .encode([new RandomSpans(1).span({ name: 'a\ud83d', attributes: { '\udc00': '\ud83d\ude00' } })])
    .toString();
  expect(text).not.toMatch(/\\ud[89a-f]/i);
  expect(text).toContain('"a\ufffd"');
  expect(text).toContain('😀');
});

test('pieces are joined to one request with all spans', () => {
  const random = new RandomSpans(2);
  const all = random.spans(30);
  const pieces = [all.slice(0, 1), [], all.slice(1, 12), all.slice(12)].map((spans) => encoder.encode(spans));
  const { resourceSpans } = JSON.parse(encoder.request(pieces).toString());
  expect(resourceSpans).toEqual(pieces.flatMap((piece) => JSON.parse(piece.toString()).resourceSpans));
  expect(encoder.request(pieces.slice(0, 1))).toEqual(pieces[0]);
  for (const empty of [[], [encoder.encode([])], [encoder.encode([]), encoder.encode([])]]) {
    expect(encoder.request(empty).toString()).toBe('{"resourceSpans":[]}');
  }
});
