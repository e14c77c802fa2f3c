/** Spans that were made ready for sending together, and stay together. */
export interface Piece {
  /** Spans. */
  readonly count: number;
  /** Bytes, of which there may be so many in the queue and in a request. */
  readonly size: number;
}

/** What waits: a piece, or several that go together. */
export interface Entry<P extends Piece> extends Piece {
  readonly pieces: readonly P[];
  /** Those that came later have higher ones. */
  readonly serial: number;
  /** Set on a part of a request that was refused: it goes alone, so that the guilty span is found. */
  readonly trial?: Trial;
}

/** Entries that go into one request. */
export interface Batch<P extends Piece> extends Piece {
  readonly entries: readonly Entry<P>[];
  readonly pieces: readonly P[];
}

/** The search for what made a collector refuse a request. All parts of the request share one. */
export interface Trial {
  refusedInARow: number;
  /** More in a row are not due to a few bad spans. */
  readonly mostInARow: number;
}

/** An entry of some pieces. */
export function entryOf<P extends Piece>(pieces: readonly P[], facts: Pick<Entry<P>, 'serial' | 'trial'>): Entry<P> {
  return { ...weightOf(pieces), pieces, serial: facts.serial, trial: facts.trial };
}

export function weightOf(pieces: readonly Piece[]): Piece {
  let count = 0;
  let size = 0;
  for (const piece of pieces) {
    count += piece.count;
    size += piece.size;
  }
  return { count, size };
}

/** What waits in memory, oldest first. */
export class SpanQueue<P extends Piece> {
  private entries: (Entry<P> | undefined)[] = [];
  private head = 0;
  private serial = 0;
  private spans = 0;
  private bytes = 0;

  /** Spans. */
  get count(): number {
    return this.spans;
  }

  /** Bytes. */
  get size(): number {
    return this.bytes;
  }

  /** Serial of the piece that came last, whether it is still here or not. */
  get lastSerial(): number {
    return this.serial;
  }

  get first(): Entry<P> | undefined {
    return this.entries[this.head];
  }

  push(piece: P): void {
    this.serial++;
    this.entries.push({ pieces: [piece], count: piece.count, size: piece.size, serial: this.serial });
    this.weigh(piece, 1);
  }

  /** Takes away the piece that was pushed last, where it is still here. @returns whether it was */
  dropLast(): boolean {
    const last = this.entries[this.entries.length - 1];
    if (last?.serial !== this.serial) return false;
    this.entries.pop();
    this.weigh(last, -1);
    return true;
  }

  /** A batch of the oldest, as large as it may be; of one entry, even where that is larger. */
  take(maxSpans: number, maxBytes: number): Batch<P> | undefined {
    const first = this.shift();
    if (first === undefined) return undefined;
    const entries = [first];
    let { count, size } = first;
    for (let next = this.first; !first.trial && next && !next.trial; next = this.first) {
      if (count + next.count > maxSpans || size + next.size > maxBytes) break;
      this.shift();
      entries.push(next);
      count += next.count;
      size += next.size;
    }
    return { entries, pieces: entries.flatMap(({ pieces }) => pieces), count, size };
  }

  /** Puts back what was taken, before all that is younger. */
  putBack(entries: readonly Entry<P>[]): void {
    const [first] = entries;
    if (first === undefined) return;
    let place = this.head;
    for (let entry = this.entries[place]; entry && entry.serial < first.serial; entry = this.entries[place]) place++;
    if (place === this.head && this.head >= entries.length) {
      this.head -= entries.length;
      entries.forEach((entry, i) => {
        this.entries[this.head + i] = entry;
      });
    } else {
      this.entries = this.entries.slice(this.head, place).concat(entries, this.entries.slice(place));
      this.head = 0;
    }
    for (const entry of entries) this.weigh(entry, 1);
  }

  private shift(): Entry<P> | undefined {
    const entry = this.entries[this.head];
    if (entry === undefined) return undefined;
    this.entries[this.head++] = undefined;
    if (this.head === this.entries.length || (this.head > 1024 && this.head * 2 > this.entries.length)) {
      this.entries = this.entries.slice(this.head);
      this.head = 0;
    }
    this.weigh(entry, -1);
    return entry;
  }

  private weigh({ count, size }: Piece, sign: 1 | -1): void {
    this.spans += sign * count;
    this.bytes += sign * size;
  }
}
