import type { HrTime } from '@opentelemetry/api';
import { toNanoseconds } from './otlp-spans';

const INITIAL_BYTES = 64 * 1024;
/** A buffer that one huge span made grow further is let go. */
const KEPT_BYTES = 4 * 1024 * 1024;

/** From this length on the one call into the engine costs less than going through the characters here. */
const LONG_TEXT = 64;

const HEX_DIGITS = new Uint8Array(128);
for (let digit = 0; digit < 16; digit++) {
  const character = digit.toString(16);
  HEX_DIGITS[character.charCodeAt(0)] = digit;
  HEX_DIGITS[character.toUpperCase().charCodeAt(0)] = digit;
}

/** Seconds up to here (the year 2116) times 5^9 are exact in a double. */
const EXACT_SECONDS = Math.floor(Number.MAX_SAFE_INTEGER / 5 ** 9);

/**
 * Writes protobuf messages into one buffer that is used again and again. A `tag` is the field number and wire type; it is one
 * byte up to field 15. A message within a message is written between {@link open} and {@link close}: room for its length is
 * left in front, and filled in when it is known.
 */
export class ProtobufWriter {
  private bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  private view = viewOf(this.bytes);
  private at = 0;

  /** Where the next byte goes. */
  get position(): number {
    return this.at;
  }

  /** Starts over. What a thrown error left half written is gone. */
  reset(): void {
    this.at = 0;
    if (this.bytes.length <= KEPT_BYTES) return;
    this.bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    this.view = viewOf(this.bytes);
  }

  /** A copy of what was written from a position on. */
  copy(from = 0): Buffer {
    return Buffer.from(this.bytes.subarray(from, this.at));
  }

  /**
   * @param room bytes that the length will probably take; a wrong guess costs moving the message
   * @returns what {@link close} wants to know
   */
  open(tag: number, room: number): number {
    this.reserve(1 + room);
    this.bytes[this.at] = tag;
    this.at += 1 + room;
    return this.at;
  }

  close(start: number, room: number): void {
    const length = this.at - start;
    const needed = varintSize(length);
    if (needed !== room) {
      this.reserve(needed);
      this.bytes.copyWithin(start - room + needed, start, this.at);
      this.at += needed - room;
    }
    this.putVarint(start - room, length);
  }

  /** Bytes that are a complete field already. */
  raw(field: Uint8Array): void {
    this.reserve(field.length);
    this.bytes.set(field, this.at);
    this.at += field.length;
  }

  /** Also what is not text although its type says so: JavaScript callers get away with much before it comes here. */
  text(tag: number, text: string): void {
    if (typeof text !== 'string') text = String(text ?? '');
    const length = text.length;
    if (length >= LONG_TEXT) return this.longText(tag, text);
    this.reserve(2 + length);
    const { bytes } = this;
    let at = this.at + 2;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return this.longText(tag, text);
      bytes[at++] = code;
    }
    bytes[this.at] = tag;
    bytes[this.at + 1] = length;
    this.at = at;
  }

  bytesField(tag: number, value: Uint8Array): void {
    this.reserve(6 + value.length);
    this.bytes[this.at] = tag;
    this.at = this.putVarint(this.at + 1, value.length);
    this.bytes.set(value, this.at);
    this.at += value.length;
  }

  /** An id in hexadecimal digits, as bytes. */
  hex(tag: number, id: string): void {
    const size = id.length >> 1;
    this.reserve(6 + size);
    const { bytes } = this;
    bytes[this.at] = tag;
    let at = this.putVarint(this.at + 1, size);
    for (let i = 0; i < size; i++) {
      const high = HEX_DIGITS[id.charCodeAt(2 * i)] as number;
      bytes[at++] = (high << 4) | (HEX_DIGITS[id.charCodeAt(2 * i + 1)] as number);
    }
    this.at = at;
  }

  /** A count, a kind, a code: 0 to 2^32-1. Zero is what an absent field means, and is left out. */
  uint32(tag: number, value: number): void {
    if (value === 0) return;
    this.reserve(6);
    this.bytes[this.at] = tag;
    this.at = this.putVarint(this.at + 1, value >>> 0);
  }

  bool(tag: number, value: boolean): void {
    this.reserve(2);
    this.bytes[this.at++] = tag;
    this.bytes[this.at++] = value ? 1 : 0;
  }

  /** @param value whole, and within 64 bits */
  int64(tag: number, value: number): void {
    this.reserve(11);
    const { bytes } = this;
    bytes[this.at] = tag;
    let at = this.at + 1;
    if (value >= 0 && value <= 0xffffffff) {
      this.at = this.putVarint(at, value);
      return;
    }
    // Both keep the two's complement of a negative number.
    let low = value >>> 0;
    let high = Math.floor(value / 2 ** 32) >>> 0;
    while (high > 0 || low > 0x7f) {
      bytes[at++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    bytes[at++] = low;
    this.at = at;
  }

  double(tag: number, value: number): void {
    this.reserve(9);
    this.bytes[this.at] = tag;
    this.view.setFloat64(this.at + 1, value, true);
    this.at += 9;
  }

  /** @param tag may take more than one byte */
  fixed32(tag: number, value: number): void {
    this.reserve(9);
    const at = this.putVarint(this.at, tag);
    this.view.setUint32(at, value, true);
    this.at = at + 4;
  }

  /** Nanoseconds since the epoch. */
  time(tag: number, time: HrTime): void {
    const [seconds, nanos] = time;
    this.reserve(9);
    this.bytes[this.at] = tag;
    if (seconds >= 0 && seconds <= EXACT_SECONDS && nanos >= 0 && nanos < 2 ** 32) {
      // 10^9 is 5^9 times 2^9: the first product is exact, the second only shifts.
      const units = Math.trunc(seconds) * 5 ** 9;
      const low = (units % 2 ** 23) * 2 ** 9 + nanos;
      this.view.setUint32(this.at + 1, low, true);
      this.view.setUint32(this.at + 5, Math.floor(units / 2 ** 23) + Math.floor(low / 2 ** 32), true);
    } else {
      this.view.setBigUint64(this.at + 1, toNanoseconds(time), true);
    }
    this.at += 9;
  }

  private longText(tag: number, text: string): void {
    this.reserve(6 + 3 * text.length);
    const { bytes } = this;
    const room = varintSize(text.length);
    const start = this.at + 1 + room;
    // A lone surrogate, which UTF-8 has no place for, becomes U+FFFD.
    const length = bytes.write(text, start);
    const needed = varintSize(length);
    if (needed !== room) bytes.copyWithin(this.at + 1 + needed, start, start + length);
    bytes[this.at] = tag;
    this.at = this.putVarint(this.at + 1, length) + length;
  }

  /** @returns the position behind it */
  private putVarint(at: number, value: number): number {
    const { bytes } = this;
    while (value > 0x7f) {
      bytes[at++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    bytes[at++] = value;
    return at;
  }

  private reserve(size: number): void {
    const needed = this.at + size;
    if (needed > this.bytes.length) this.grow(needed);
  }

  private grow(needed: number): void {
    const bytes = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length));
    this.bytes.copy(bytes, 0, 0, this.at);
    this.bytes = bytes;
    this.view = viewOf(bytes);
  }
}

/** Bytes that a length takes. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  return 5;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
