import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describeSystemError } from '../../util/user-error';
import { type SinkTimers, systemTimers } from './sink-timers';
import type { PieceStore, PieceStoreEvents, StoredBatch } from './span-delivery';
import type { Piece } from './span-queue';
import type { EncodedSpans } from './span-sink';
import { folderName, isLeft, ownSpoolOwner, TOUCHED_EVERY_MS } from './spool-owner';
import { HEADER_BYTES, recordSize, type SegmentPart, type SpoolFormat, SpoolSegment } from './spool-segment';

/** A segment is removed as a whole: small ones lose less when the spool is full, large ones are fewer files. */
const SEGMENT_BYTES = 4 * 1024 * 1024;
const SEGMENTS_AT_LEAST = 8;
/** What the system says when it is short of something else than disk. */
const TEMPORARY: ReadonlySet<string> = new Set(['EAGAIN', 'EINTR', 'EMFILE', 'ENFILE', 'ENOMEM']);
/** How long a disk that failed is left alone. */
const DISK_PAUSE_MS = 1000;

export interface SpoolOptions {
  /** For one exporter. Several processes can share it. */
  readonly directory: string;
  readonly format: SpoolFormat;
  /** For this process, with what it took over from others. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  readonly timers?: SinkTimers;
}

type StoredPiece = EncodedSpans & Piece;

interface TakenPart extends StoredBatch<StoredPiece> {
  readonly segment: SpoolSegment;
  readonly part: SegmentPart;
}

/**
 * Spans on disk, for a collector that is down and for a process that ends meanwhile.
 *
 *     DIRECTORY/<process>/0000000001.spans …      written by that process only, oldest first
 *     DIRECTORY/left-<random>/…                   left by one that ended in order
 *
 * Each process has a folder of its own, and takes over those of processes that are gone, by renaming them. One with spans in
 * another format is left for a process that sends that format, until they are too old.
 *
 * Writes go to the system's cache, and are not waited for beyond that: they outlive the process, also one that is killed, but
 * not a power cut. What a collector has taken is removed afterwards; a process that is killed in between makes the next one
 * send that request again.
 */
export class Spool implements PieceStore<StoredPiece> {
  private readonly timers: SinkTimers;
  /** Oldest first. */
  private segments: SpoolSegment[] = [];
  /** Ours, those too that were another's. */
  private readonly folders = new Set<string>();
  /** Where new segments go. */
  private folder: string | undefined;
  private current: SpoolSegment | undefined;
  private taken: TakenPart | undefined;
  private serial = 0;
  private brokenUntil = 0;
  private saidBroken = false;
  private readonly saidFormats = new Set<SpoolFormat>();
  private events: PieceStoreEvents | undefined;
  private cancelTouch: (() => void) | undefined;

  constructor(private readonly options: SpoolOptions) {
    this.timers = options.timers ?? systemTimers;
  }

  get bytes(): number {
    return this.segments.reduce((sum, { size }) => sum + size, 0);
  }

  get isEmpty(): boolean {
    return this.segments.every((segment) => segment.isEmpty);
  }

  open(events: PieceStoreEvents): void {
    this.events = events;
    try {
      mkdirSync(this.options.directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      this.sayBroken(error);
    }
    this.adopt();
    this.touchLater();
  }

  append(pieces: readonly StoredPiece[]): number {
    const now = this.timers.now();
    if (now < this.brokenUntil) return 0;
    this.expire(now);
    let written = 0;
    try {
      while (written < pieces.length) {
        const run = this.runOf(pieces, written);
        if (run.length === 0) break;
        const result = this.segmentFor(run, now).append(run, now);
        written += result.written;
        if ('error' in result) throw result.error;
      }
      if (written > 0) this.saidBroken = false;
    } catch (error) {
      this.brokenUntil = now + DISK_PAUSE_MS;
      this.sayBroken(error);
    }
    return written;
  }

  take(maxSpans: number, maxBytes: number): StoredBatch<StoredPiece> | undefined {
    if (this.taken) return undefined;
    const now = this.timers.now();
    this.expire(now);
    for (const segment of [...this.segments]) {
      try {
        const part = segment.read(maxSpans, maxBytes, now - this.options.maxAgeMs);
        this.tell(part.unreadable, 'unreadable');
        this.tell(part.tooOld, 'too-old');
        if (part.pieces.length > 0) {
          const pieces = part.pieces.map((piece) => ({ ...piece, size: piece.bytes.length }));
          const total = (of: 'count' | 'size') => pieces.reduce((sum, piece) => sum + piece[of], 0);
          this.taken = { segment, part, pieces, count: total('count'), size: total('size') };
          return this.taken;
        }
        this.forget(segment);
      } catch (error) {
        if (TEMPORARY.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
        this.giveUp(segment, 'unreadable');
      }
    }
    return undefined;
  }

  remove(): void {
    const { taken } = this;
    this.taken = undefined;
    if (!taken || !this.segments.includes(taken.segment)) return;
    try {
      taken.segment.goOn(taken.part);
    } catch {
      // Only the next process would have read how far we came.
    }
    if (taken.segment.isEmpty) this.forget(taken.segment);
  }

  putBack(): void {
    const { taken } = this;
    this.taken = undefined;
    if (taken && !this.segments.includes(taken.segment)) this.tell(taken.count, 'unreadable');
  }

  close(): void {
    this.cancelTouch?.();
    for (const segment of this.segments) segment.close();
    for (const folder of this.folders) {
      try {
        if (this.hasSegments(folder)) renameSync(folder, join(this.options.directory, folderName(undefined)));
        else rmdirSync(folder);
      } catch {
        // Its owner's end is seen also by its name.
      }
    }
    this.segments = [];
    this.folders.clear();
  }

  // Writing

  /** Pieces that go into one segment, for which there is room now. */
  private runOf(pieces: readonly StoredPiece[], from: number): readonly StoredPiece[] {
    let size = HEADER_BYTES;
    let end = from;
    for (; end < pieces.length; end++) {
      size += recordSize(pieces[end] as StoredPiece);
      if ((end > from && size > this.segmentBytes) || !this.makeRoom(size)) break;
    }
    return pieces.slice(from, end);
  }

  private get segmentBytes(): number {
    return Math.min(SEGMENT_BYTES, Math.floor(this.options.maxBytes / SEGMENTS_AT_LEAST));
  }

  private makeRoom(bytes: number): boolean {
    while (this.bytes + bytes > this.options.maxBytes) {
      const oldest = this.segments.find((segment) => segment !== this.taken?.segment);
      if (bytes > this.options.maxBytes || oldest === undefined) return false;
      this.giveUp(oldest, 'queue-full');
    }
    return true;
  }

  private segmentFor(run: readonly StoredPiece[], now: number): SpoolSegment {
    const bytes = run.reduce((sum, piece) => sum + recordSize(piece), 0);
    if (this.current && this.current.size + bytes <= this.segmentBytes) return this.current;
    this.current?.close();
    this.current = this.makeSegment(now);
    this.segments.push(this.current);
    return this.current;
  }

  private makeSegment(now: number): SpoolSegment {
    const make = () => {
      this.folder ??= this.makeFolder();
      this.serial++;
      const name = `${String(this.serial).padStart(10, '0')}.spans`;
      return SpoolSegment.create(join(this.folder, name), this.options.format, now);
    };
    try {
      return make();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      // Somebody tidied up.
      this.folder = undefined;
      return make();
    }
  }

  private makeFolder(): string {
    const path = join(this.options.directory, folderName(ownSpoolOwner()));
    mkdirSync(path, { recursive: true, mode: 0o700 });
    this.folders.add(path);
    return path;
  }

  private sayBroken(error: unknown): void {
    if (this.saidBroken) return;
    this.saidBroken = true;
    const { directory } = this.options;
    this.events?.problem(
      `cannot write to the spool ${directory}: ${describeSystemError(error)}; spans wait in memory instead`,
    );
  }

  // Giving up

  private expire(now: number): void {
    const tooOld = this.segments.filter(({ lastAt }) => lastAt < now - this.options.maxAgeMs);
    for (const segment of tooOld) if (segment !== this.taken?.segment) this.giveUp(segment, 'too-old');
  }

  private giveUp(segment: SpoolSegment, reason: 'queue-full' | 'too-old' | 'unreadable'): void {
    const onTheirWay = segment === this.taken?.segment ? this.taken.count : 0;
    this.tell(segment.spans - onTheirWay, reason);
    this.forget(segment);
  }

  private forget(segment: SpoolSegment): void {
    this.segments = this.segments.filter((other) => other !== segment);
    if (this.current === segment) this.current = undefined;
    segment.delete();
    const folder = dirname(segment.path);
    if (folder !== this.folder && !this.hasSegments(folder)) this.leave(folder);
  }

  private leave(folder: string): void {
    this.folders.delete(folder);
    try {
      rmdirSync(folder);
    } catch {
      // It holds something that is not ours.
    }
  }

  private segmentsIn(folder: string): SpoolSegment[] {
    return this.segments.filter(({ path }) => dirname(path) === folder);
  }

  private hasSegments(folder: string): boolean {
    return this.segmentsIn(folder).length > 0;
  }

  private tell(spans: number, reason: 'queue-full' | 'too-old' | 'unreadable'): void {
    if (spans > 0) this.events?.dropped(spans, reason);
  }

  // Taking over from others

  private adopt(): void {
    const { directory } = this.options;
    const now = this.timers.now();
    for (const name of foldersIn(directory)) {
      const path = join(directory, name);
      if (this.folders.has(path)) continue;
      try {
        if (!isLeft(path, name, now) || !this.isForUs(path, now)) continue;
        const ours = join(directory, folderName(ownSpoolOwner()));
        // First touched, then renamed: whoever sees it by its new name sees that its owner is there.
        touch(path, now);
        renameSync(path, ours);
        this.folders.add(ours);
        this.readFolder(ours, now);
      } catch {
        // Another process was quicker.
      }
    }
    this.segments.sort((a, b) => a.madeAt - b.madeAt);
    this.makeRoom(0);
  }

  /** Whether somebody has to take it over and it can be us: we send what is in it, or there is nothing left to send. */
  private isForUs(folder: string, now: number): boolean {
    const { format, maxAgeMs, directory } = this.options;
    const young = segmentFiles(folder).filter((path) => statSync(path).mtimeMs >= now - maxAgeMs);
    const formats = new Set(young.map((path) => SpoolSegment.formatOf(path)));
    if (formats.size === 0 || formats.has(format)) return true;
    for (const other of formats) {
      if (other === undefined || this.saidFormats.has(other)) continue;
      this.saidFormats.add(other);
      this.events?.problem(
        `the spool ${directory} holds spans in ${other} of an earlier process; they wait for one that sends ${other}`,
      );
    }
    return false;
  }

  private readFolder(folder: string, now: number): void {
    for (const path of segmentFiles(folder)) {
      try {
        const found = SpoolSegment.open(path);
        if (found) this.takeOver(found.segment, found.unreadable);
        else if (statSync(path).mtimeMs < now - this.options.maxAgeMs) rmSync(path);
      } catch {
        // It cannot be read now. It stays for whoever comes next.
      }
    }
    if (!this.hasSegments(folder)) this.leave(folder);
  }

  private takeOver(segment: SpoolSegment, unreadable: number): void {
    const { spans } = segment;
    if (spans + unreadable > 0) this.events?.adopted(spans + unreadable);
    this.tell(unreadable, 'unreadable');
    if (segment.format === this.options.format && !segment.isEmpty) {
      this.segments.push(segment);
    } else {
      this.tell(spans, 'too-old');
      segment.delete();
    }
  }

  /** Tells others that we are there, and looks for what they left. */
  private touchLater(): void {
    this.cancelTouch = this.timers.after(TOUCHED_EVERY_MS, () => {
      for (const folder of [...this.folders]) {
        try {
          touch(folder, this.timers.now());
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT') continue;
          // Taken away from us: it went untouched for too long, or somebody tidied up.
          for (const segment of this.segmentsIn(folder)) this.giveUp(segment, 'unreadable');
          this.folders.delete(folder);
          if (this.folder === folder) this.folder = undefined;
        }
      }
      this.adopt();
      this.touchLater();
    });
  }
}

function touch(path: string, now: number): void {
  utimesSync(path, now / 1000, now / 1000);
}

function segmentFiles(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.spans'));
  return names.sort().map((name) => join(folder, name));
}

function foldersIn(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [entry.name] : [],
    );
  } catch {
    return [];
  }
}
