import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** What an RPM is, whenever and wherever it was packed. */
export interface RpmContent {
  /** The same for two RPMs that would install the same: names, versions, requirements, scripts, and the digest of every file. */
  readonly id: string;
  /** Digests by file name, of source RPMs and with SHA-256 digests only. */
  readonly sources: ReadonlyMap<string, string> | undefined;
}

const LEAD_BYTES = 96;
const LEAD_MAGIC = 0xedabeedb;
const HEADER_MAGIC = 0x8eade801;
const INTRO_BYTES = 16;
const ENTRY_BYTES = 16;
const Tag = {
  SignatureSize: 1000,
  SignatureLongSize: 270,
  SourceRpm: 1044,
  FileDigests: 1035,
  BaseNames: 1117,
  FileDigestAlgorithm: 5011,
} as const;
const SHA256 = 8;

/**
 * Tags that differ from one build of the same to the next: the region that holds all others, when and where it was built, the times,
 * inodes and devices of its files, the id of its source RPM's bytes, the spec with the build machine's paths filled in (as it was written,
 * it is among the files), and digests and sizes of the compressed payload, which holds these times too.
 */
const VOLATILE = new Set([63, 1006, 1007, 1034, 1094, 1095, 1096, 1146, 5092, 5097, 5099, 5112, 5113]);

interface Entry {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  readonly data: Buffer;
}

/**
 * Reads what an RPM holds from its header, without its payload: as fast for half a gigabyte as for a kilobyte, and without `rpm`.
 *
 * @returns undefined where the file is no RPM, or not a whole one
 * @throws what the system says where it cannot be read
 */
export function readRpmContent(path: string): RpmContent | undefined {
  const fd = openSync(path, 'r');
  try {
    const fileBytes = fstatSync(fd).size;
    const lead = bytesAt(fd, 0, LEAD_BYTES);
    if (lead?.readUInt32BE(0) !== LEAD_MAGIC) return undefined;
    const signature = readHeader(fd, LEAD_BYTES, fileBytes);
    if (!signature) return undefined;
    const start = (signature.end + 7) & ~7;
    const header = readHeader(fd, start, fileBytes);
    if (!header || fileBytes !== start + sizeIn(signature.entries)) return undefined;
    return contentOf(header.entries);
  } finally {
    closeSync(fd);
  }
}

function contentOf(entries: readonly Entry[]): RpmContent {
  const hash = createHash('sha256');
  const lasting = entries.filter(({ tag }) => !VOLATILE.has(tag)).sort((a, b) => a.tag - b.tag);
  for (const { tag, type, count, data } of lasting)
    hash.update(`${tag} ${type} ${count} ${data.length}\n`).update(data);
  const id = hash.digest('base64url').slice(0, 22);
  const isSource = !entries.some(({ tag }) => tag === Tag.SourceRpm);
  const find = (wanted: number) => entries.find(({ tag }) => tag === wanted);
  const algorithm = find(Tag.FileDigestAlgorithm)?.data;
  if (!isSource || algorithm?.length !== 4 || algorithm.readUInt32BE(0) !== SHA256) return { id, sources: undefined };
  const names = textsOf(find(Tag.BaseNames));
  const digests = textsOf(find(Tag.FileDigests));
  return { id, sources: new Map(names.map((name, i) => [name, digests[i] ?? ''])) };
}

/** How many bytes the header and the payload have together. */
function sizeIn(signature: readonly Entry[]): number {
  for (const { tag, data } of signature) {
    if (tag === Tag.SignatureSize && data.length >= 4) return data.readUInt32BE(0);
    if (tag === Tag.SignatureLongSize && data.length >= 8) return Number(data.readBigUInt64BE(0));
  }
  return Number.NaN;
}

function readHeader(
  fd: number,
  at: number,
  fileBytes: number,
): { readonly entries: Entry[]; readonly end: number } | undefined {
  const intro = bytesAt(fd, at, INTRO_BYTES);
  if (intro?.readUInt32BE(0) !== HEADER_MAGIC) return undefined;
  const count = intro.readUInt32BE(8);
  const storeBytes = intro.readUInt32BE(12);
  const size = count * ENTRY_BYTES + storeBytes;
  // Before room is made for it: a damaged header may claim anything.
  if (at + INTRO_BYTES + size > fileBytes) return undefined;
  const body = bytesAt(fd, at + INTRO_BYTES, size);
  if (!body) return undefined;
  const store = body.subarray(count * ENTRY_BYTES);
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    const [tag, type, offset, items] = [0, 4, 8, 12].map((field) => body.readUInt32BE(i * ENTRY_BYTES + field)) as [
      number,
      number,
      number,
      number,
    ];
    const end = endOf(store, type, offset, items);
    if (end === undefined) return undefined;
    entries.push({ tag, type, count: items, data: store.subarray(offset, end) });
  }
  return { entries, end: at + INTRO_BYTES + size };
}

/** Bytes of one item, by type: char, int8, int16, int32, int64; texts (6, 8, 9) end with a zero byte; 7 is bytes. */
const ITEM_BYTES: Readonly<Record<number, number>> = { 0: 0, 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1 };

function endOf(store: Buffer, type: number, offset: number, items: number): number | undefined {
  const bytes = ITEM_BYTES[type];
  if (bytes !== undefined) {
    const end = offset + bytes * items;
    return end <= store.length ? end : undefined;
  }
  let end = offset;
  for (let i = 0; i < items; i++) {
    const zero = store.indexOf(0, end);
    if (zero < 0) return undefined;
    end = zero + 1;
  }
  return end;
}

function textsOf(entry: Entry | undefined): string[] {
  return entry ? entry.data.toString('utf8').split('\0').slice(0, entry.count) : [];
}

function bytesAt(fd: number, at: number, length: number): Buffer | undefined {
  const buffer = Buffer.allocUnsafe(length);
  let got = 0;
  while (got < length) {
    const read = readSync(fd, buffer, got, length - got, at + got);
    if (read === 0) return undefined;
    got += read;
  }
  return buffer;
}
