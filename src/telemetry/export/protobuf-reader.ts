/** One field of a message. Numbers of a fixed size are given as their bytes. */
export interface ProtobufField {
  readonly number: number;
  readonly value: bigint | Buffer;
}

/**
 * The fields of a protobuf message in their order. What comes from elsewhere may be anything: at the first byte that makes
 * no sense the fields end, and nothing is thrown.
 */
export function* readFields(bytes: Buffer): Generator<ProtobufField> {
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) return undefined;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag === undefined) return;
    const number = Number(tag >> 3n);
    const wireType = Number(tag & 7n);
    if (wireType === 0) {
      const value = varint();
      if (value === undefined) return;
      yield { number, value };
      continue;
    }
    const length =
      wireType === 1 ? 8 : wireType === 5 ? 4 : wireType === 2 ? Number(varint() ?? Number.NaN) : Number.NaN;
    if (!(at + length <= bytes.length)) return;
    yield { number, value: bytes.subarray(at, at + length) };
    at += length;
  }
}

/** The last field of a number that has bytes: later ones count in protobuf. */
export function bytesOf(bytes: Buffer, number: number): Buffer | undefined {
  let found: Buffer | undefined;
  for (const field of readFields(bytes)) {
    if (field.number === number && typeof field.value !== 'bigint') found = field.value;
  }
  return found;
}

/** The last whole number of a field, signed; 0 where there is none. */
export function integerOf(bytes: Buffer, number: number): number {
  let found = 0n;
  for (const field of readFields(bytes)) {
    if (field.number === number && typeof field.value === 'bigint') found = BigInt.asIntN(64, field.value);
  }
  return Number(found);
}
