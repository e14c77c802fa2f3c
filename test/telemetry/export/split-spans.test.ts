import { OtlpJsonEncoder } from '../../../src/telemetry/export/otlp-json';
import { OtlpProtobufEncoder } from '../../../src/telemetry/export/otlp-protobuf';
import type { EncodedSpans } from '../../../src/telemetry/export/span-sink';
import { splitSpans } from '../../../src/telemetry/export/split-spans';
import { decodeJsonRequest, decodeRequest } from './otlp-messages';
import { RandomSpans } from './random-spans';

const formats = [
  ['protobuf', new OtlpProtobufEncoder(), decodeRequest],
  ['JSON', new OtlpJsonEncoder(), decodeJsonRequest],
] as const;

/** Each span with all that is around it, as text. */
function flat(request: Record<string, unknown>): string[] {
  const list = (value: unknown) => value as Record<string, unknown>[];
  return list(request.resourceSpans).flatMap(({ scopeSpans, ...ofResource }) =>
    list(scopeSpans).flatMap(({ spans, ...ofScope }) =>
      list(spans).map((span) => JSON.stringify([ofResource, ofScope, span])),
    ),
  );
}

describe.each(formats)('%s', (_, encoder, decode) => {
  test('the halves hold all spans once, in their order, with their resources and scopes', () => {
    const random = new RandomSpans(11);
    for (let count = 2; count < 40; count += 3) {
      const bytes = encoder.request([encoder.encode(random.spans(count)), encoder.encode(random.spans(1))]);
      const [first, second] = splitSpans(encoder, { bytes }) as readonly [EncodedSpans, EncodedSpans];
      expect([first.count, second.count]).toEqual([(count + 1) >> 1, (count + 2) >> 1]);
      expect([...flat(decode(first.bytes)), ...flat(decode(second.bytes))]).toEqual(flat(decode(bytes)));
      expect(flat(decode(encoder.request([first.bytes, second.bytes])))).toEqual(flat(decode(bytes)));
    }
  });

  test('one span, or none, has no halves', () => {
    const random = new RandomSpans(12);
    expect(splitSpans(encoder, { bytes: encoder.encode(random.spans(1)) })).toBeUndefined();
    expect(splitSpans(encoder, { bytes: encoder.encode([]) })).toBeUndefined();
  });
});

test('halves of halves end with single spans', () => {
  const encoder = new OtlpProtobufEncoder();
  let parts: EncodedSpans[] = [{ count: 9, bytes: encoder.encode(new RandomSpans(13).spans(9)) }];
  for (let round = 0; round < 4; round++) parts = parts.flatMap((part) => splitSpans(encoder, part) ?? [part]);
  expect(parts.map(({ count }) => count)).toEqual(new Array(9).fill(1));
});
