import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { EncodedSpans } from './span-sink';

export type SpoolFormat = 'protobuf' | 'json';

const MAGIC = Buffer.from('swspans1');
const FORMATS: readonly SpoolFormat[] = ['protobuf', 'json'];

/*
 * A segment, all numbers little-endian:
 *
 *   header  magic 8 · format 1 · unused 7 · made at, ms f64 · read up to u32 · its complement u32
 *   record  bytes u32 · spans u32 · written at, ms f64 · CRC-32 of the bytes u32 · CRC-32 of these 20 u32 · the bytes
 */
export const HEADER_BYTES = 32;
const FORMAT = 8;
const MADE_AT = 16;
const READ_UP_TO = 24;
const RECORD_BYTES = 24;

/** What a piece takes on disk, in a segment that is there. */
export function recordSize({ bytes }: EncodedSpans): number {
  return RECORD_BYTES + bytes.length;
}

interface RecordHeader {
  readonly length: number;
  readonly spans: number;
  readonly writtenAt: number;
  readonly crc: number;
}

export interface SegmentPart {
  readonly pieces: readonly EncodedSpans[];
  /** Where the next part begins. */
  readonly end: number;
  /** Spans in front of the pieces that were passed over, for good. */
  readonly unreadable: number;
  readonly tooOld: number;
}

/**
 * A file with encoded spans. It is written from end to end and read from end to end, once; how far it was read is kept in it.
 * Whatever a killed process or a broken disk leaves of it can be read up to there.
 */
export class SpoolSegment {
  private fd: number | undefined;

  private constructor(
    readonly path: string,
    readonly format: SpoolFormat,
    readonly madeAt: number,
    /** Bytes of the file. */
    public size: number,
    /** Spans that were not read yet. */
    public spans: number,
    /** Where the next part to read begins. */
    private readAt: number,
    /** When its last record was written. */
    public lastAt: number,
  ) {}

  /** @throws what the system says */
  static create(path: string, format: SpoolFormat, now: number): SpoolSegment {
    const header = Buffer.alloc(HEADER_BYTES);
    MAGIC.copy(header);
    header.writeUInt8(FORMATS.indexOf(format), FORMAT);
    header.writeDoubleLE(now, MADE_AT);
    putReadUpTo(header, HEADER_BYTES, READ_UP_TO);
    const segment = new SpoolSegment(path, format, now, HEADER_BYTES, 0, HEADER_BYTES, now);
    segment.fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      writeAll(segment.fd, header, 0);
    } catch (error) {
      segment.delete();
      throw error;
    }
    return segment;
  }

  /**
   * Opens what an earlier process wrote.
   *
   * @returns the segment, with the number of spans in a last record that is cut off; or undefined where it is none
   * @throws what the system says
   */
  static open(path: string): { readonly segment: SpoolSegment; readonly unreadable: number } | undefined {
    const fd = openSync(path, constants.O_RDWR);
    try {
      const { size } = fstatSync(fd);
      const header = readBytes(fd, 0, HEADER_BYTES);
      const format = readFormat(header);
      if (format === undefined) return undefined;
      const madeAt = header.readDoubleLE(MADE_AT);
      const start = readUpTo(header, size);
      const segment = new SpoolSegment(path, format, madeAt, start, 0, start, madeAt);
      return { segment, unreadable: segment.findRecords(fd, size) };
    } finally {
      closeSync(fd);
    }
  }

  /** @returns undefined where it is no segment, or cannot be read */
  static formatOf(path: string): SpoolFormat | undefined {
    try {
      const fd = openSync(path, constants.O_RDONLY);
      try {
        return readFormat(readBytes(fd, 0, HEADER_BYTES));
      } finally {
        closeSync(fd);
      }
    } catch {
      return undefined;
    }
  }

  get isEmpty(): boolean {
    return this.spans === 0;
  }

  /** @returns how many of the pieces are in the file now, and what the system said about the next one */
  append(pieces: readonly EncodedSpans[], now: number): { readonly written: number; readonly error?: unknown } {
    const bytes = Buffer.concat(pieces.flatMap((piece) => [recordHeader(piece, now), piece.bytes]));
    let at = 0;
    let trouble: { readonly error: unknown } | undefined;
    try {
      while (at < bytes.length) at += writeSync(this.open(), bytes, at, bytes.length - at, this.size + at);
    } catch (error) {
      trouble = { error };
    }
    let written = 0;
    let size = 0;
    for (const piece of pieces) {
      if (size + recordSize(piece) > at) break;
      size += recordSize(piece);
      this.spans += piece.count;
      written++;
    }
    this.size += size;
    if (written > 0) this.lastAt = now;
    // A part of a record is only cut off for the sake of the disk: the next one is written over it.
    if (at > size) this.cutOff();
    return { written, ...trouble };
  }

  /**
   * The next pieces. They are read again until {@link goOn}; what is passed over is not.
   *
   * @param notBefore older ones are passed over, in milliseconds since the epoch
   * @throws what the system says
   */
  read(maxSpans: number, maxBytes: number, notBefore: number): SegmentPart {
    const pieces: EncodedSpans[] = [];
    const passedOver = { unreadable: 0, tooOld: 0 };
    let spans = 0;
    let bytes = 0;
    let at = this.readAt;
    while (at < this.size) {
      const record = readRecordHeader(this.open(), at);
      const isTooOld = record !== undefined && record.writtenAt < notBefore;
      const content = record && !isTooOld ? this.contentOf(record, at) : undefined;
      if (record && content) {
        if (pieces.length > 0 && (spans + record.spans > maxSpans || bytes + record.length > maxBytes)) break;
        pieces.push({ count: record.spans, bytes: content });
        spans += record.spans;
        bytes += record.length;
      } else {
        if (pieces.length > 0) break;
        // Its records were whole when they were found. Where one has no header any more, nobody knows where the next one begins.
        const left = record?.spans ?? this.spans;
        this.spans -= left;
        passedOver[isTooOld ? 'tooOld' : 'unreadable'] += left;
        this.readAt = record ? endOf(record, at) : this.size;
      }
      at = record ? endOf(record, at) : this.size;
    }
    return { pieces, end: at, ...passedOver };
  }

  /**
   * Goes on behind a part that was read. It is never read again, by nobody.
   *
   * @throws what the system says
   */
  goOn({ pieces, end }: SegmentPart): void {
    this.readAt = end;
    this.spans -= pieces.reduce((sum, { count }) => sum + count, 0);
    const progress = Buffer.alloc(8);
    putReadUpTo(progress, end, 0);
    writeAll(this.open(), progress, READ_UP_TO);
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
  }

  delete(): void {
    try {
      this.close();
      rmSync(this.path, { force: true });
    } catch {
      // Whoever finds it finds also how far it was read.
    }
  }

  private cutOff(): void {
    try {
      ftruncateSync(this.open(), this.size);
    } catch {
      // It is passed over where it cannot be read.
    }
  }

  private contentOf({ length, crc }: RecordHeader, at: number): Buffer | undefined {
    const content = readBytes(this.open(), at + RECORD_BYTES, length);
    return content.length === length && crc32(content) === crc ? content : undefined;
  }

  private open(): number {
    this.fd ??= openSync(this.path, constants.O_RDWR);
    return this.fd;
  }

  /** Goes through the records, as far as they are whole. */
  private findRecords(fd: number, fileSize: number): number {
    for (;;) {
      const record = readRecordHeader(fd, this.size);
      if (record === undefined) return 0;
      const end = endOf(record, this.size);
      if (end > fileSize) return record.spans;
      this.size = end;
      this.spans += record.spans;
      this.lastAt = record.writtenAt;
    }
  }
}

function readFormat(header: Buffer): SpoolFormat | undefined {
  const isOurs = header.length === HEADER_BYTES && header.subarray(0, MAGIC.length).equals(MAGIC);
  return isOurs ? FORMATS[header.readUInt8(FORMAT)] : undefined;
}

function recordHeader({ bytes, count }: EncodedSpans, now: number): Buffer {
  const header = Buffer.alloc(RECORD_BYTES);
  header.writeUInt32LE(bytes.length, 0);
  header.writeUInt32LE(count, 4);
  header.writeDoubleLE(now, 8);
  header.writeUInt32LE(crc32(bytes), 16);
  header.writeUInt32LE(crc32(header.subarray(0, 20)), 20);
  return header;
}

function readRecordHeader(fd: number, at: number): RecordHeader | undefined {
  const header = readBytes(fd, at, RECORD_BYTES);
  if (header.length < RECORD_BYTES || crc32(header.subarray(0, 20)) !== header.readUInt32LE(20)) return undefined;
  return {
    length: header.readUInt32LE(0),
    spans: header.readUInt32LE(4),
    writtenAt: header.readDoubleLE(8),
    crc: header.readUInt32LE(16),
  };
}

function endOf({ length }: RecordHeader, at: number): number {
  return at + RECORD_BYTES + length;
}

function putReadUpTo(buffer: Buffer, position: number, at: number): void {
  buffer.writeUInt32LE(position, at);
  buffer.writeUInt32LE(~position >>> 0, at + 4);
}

/** Where in doubt, everything is read again: twice is better than never. */
function readUpTo(header: Buffer, size: number): number {
  const position = header.readUInt32LE(READ_UP_TO);
  const isSure = ~position >>> 0 === header.readUInt32LE(READ_UP_TO + 4);
  return isSure && position >= HEADER_BYTES && position <= size ? position : HEADER_BYTES;
}

/** As many of the bytes as there are. */
function readBytes(fd: number, position: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  let at = 0;
  while (at < length) {
    const read = readSync(fd, buffer, at, length - at, position + at);
    if (read === 0) break;
    at += read;
  }
  return buffer.subarray(0, at);
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
}
