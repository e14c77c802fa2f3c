import type { ExportConfig } from '../../config/telemetry-config';
import { BackOff } from './back-off';
import { ExportNotes } from './export-notes';
import { type SinkTimers, systemTimers } from './sink-timers';
import { SpanAccount } from './span-account';
import { type Batch, type Entry, entryOf, type Piece, SpanQueue, type Trial } from './span-queue';
import type { DropReason, SendResult, SinkStatus } from './span-sink';

/** What waits in memory goes to disk in portions of this size, with other work between them. */
const PORTION_BYTES = 1024 * 1024;
/** A collector that has not answered for so long counts as down: what waits behind goes to disk. */
const SLOW_ANSWER_MS = 2000;

/** Pieces on disk, oldest first. */
export interface PieceStore<P extends Piece> {
  /** Bytes on disk. */
  readonly bytes: number;
  /** Whether it holds nothing that can be sent. */
  readonly isEmpty: boolean;
  /** Finds what earlier processes left, then and later. */
  open(events: PieceStoreEvents): void;
  /** Never throws. @returns how many of the pieces, from the first on, are on disk now */
  append(pieces: readonly P[]): number;
  /** The oldest pieces, as {@link SpanQueue.take} does; undefined also while others that were taken are under way. */
  take(maxSpans: number, maxBytes: number): StoredBatch<P> | undefined;
  /** Forgets what was taken. */
  remove(batch: StoredBatch<P>): void;
  /** Lets what was taken be taken again. */
  putBack(batch: StoredBatch<P>): void;
  close(): void;
}

export interface PieceStoreEvents {
  /** Spans of an earlier process are here now. */
  adopted(spans: number): void;
  /** Spans are not here any more. */
  dropped(spans: number, reason: DropReason): void;
  /** To be told. */
  problem(message: string): void;
}

export interface StoredBatch<P extends Piece> extends Piece {
  readonly pieces: readonly P[];
}

export interface DeliveryOptions<P extends Piece> {
  /** Kind of exporter, for the status. */
  readonly exporter: string;
  /** Scheme, host and port. */
  readonly endpoint?: string;
  readonly config: ExportConfig;
  /** Sends one request. A rejection counts as `retry`. */
  send(batch: Piece & { readonly pieces: readonly P[] }, signal: AbortSignal): Promise<SendResult>;
  /** One piece in two, or undefined where it holds but one span. */
  split(piece: P): readonly [P, P] | undefined;
  /** Requests at a time while the collector answers. */
  readonly concurrency: number;
  readonly store?: PieceStore<P>;
  readonly onProblem: (message: string) => void;
  readonly timers?: SinkTimers;
  /** 0 to 1, for the jitter. */
  readonly random?: () => number;
}

interface Attempt<P extends Piece> {
  readonly batch: Batch<P>;
  /** Set where the batch lies on disk meanwhile. */
  readonly stored?: StoredBatch<P>;
  readonly startedAt: number;
  /** Made after the end had begun. */
  readonly isLast: boolean;
}

interface Waiter {
  /** Pieces up to this serial are waited for. */
  readonly until: number;
  done(): void;
}

/**
 * Brings pieces to a collector and loses none without counting it. What it cannot bring now waits in memory, or on disk where
 * there is a store, for as long as it takes.
 *
 *     idle ──add──► gathering ──enough, or the delay is over──► sending ──sent──► idle, or on with the next
 *                       ▲                                        │    │
 *                       │                                      retry  refused ──► its halves, until the guilty spans are alone
 *                       │                                        ▼
 *                       └───────────── back-off over ◄── failing: what waits goes to disk, one attempt at a time
 *
 * Two requests are under way at a time where so much waits; one of them carries what lies on disk. A failed batch goes back
 * to where it was, before all that is younger.
 */
export class SpanDelivery<P extends Piece> {
  private readonly account = new SpanAccount();
  private readonly queue = new SpanQueue<P>();
  private readonly underWay = new Set<Attempt<P>>();
  private readonly abort = new AbortController();
  private readonly timers: SinkTimers;
  private readonly backOff: BackOff;
  private readonly notes: ExportNotes;

  /** What waits is to be sent although it is less than a whole batch. */
  private isDue = false;
  private cancelGathering: (() => void) | undefined;
  private pumping: NodeJS.Immediate | undefined;
  private writing: NodeJS.Immediate | undefined;

  /** Failed attempts since the last that succeeded. */
  private failures = 0;
  /** Whatever it is sent, the collector refuses it: there is no use in searching for guilty spans. */
  private refusesAll = false;
  private isHealthy = true;
  private lastSuccessAt: number | undefined;
  private lastError: { readonly at: number; readonly message: string } | undefined;

  private readonly waiters = new Set<Waiter>();
  private ended: Promise<void> | undefined;
  private isStopping = false;
  /** The collector was well when the end began: a failure then may be worth another attempt. */
  private isHopeful = false;
  private hasGivenUp = false;
  private isClosed = false;

  constructor(private readonly options: DeliveryOptions<P>) {
    const { exporter, endpoint = exporter, config: limits, onProblem, timers = systemTimers } = options;
    this.timers = timers;
    this.notes = new ExportNotes(endpoint, onProblem);
    this.backOff = new BackOff({ limits, timers, random: options.random ?? Math.random, onOver: () => this.pump() });
    options.store?.open({
      adopted: (spans) => {
        this.account.enter('spooled', spans);
        this.pumpSoon();
      },
      dropped: (spans, reason) => this.drop('spooled', spans, reason),
      problem: (message) => this.notes.say(message),
    });
  }

  get status(): SinkStatus {
    const { exporter, endpoint, store } = this.options;
    return {
      exporter,
      endpoint,
      ...this.account.counts,
      queuedBytes: this.bytesInMemory,
      spooledBytes: store?.bytes ?? 0,
      lastSuccessAt: this.lastSuccessAt,
      lastError: this.lastError,
      healthy: this.isHealthy,
    };
  }

  add(piece: P): void {
    if (this.isClosed) return this.account.enter('shutdown', piece.count);
    this.account.enter('queued', piece.count);
    this.queue.push(piece);
    while (this.bytesInMemory > this.options.config.maxQueueBytes && !this.writePortion()) {
      if (this.queue.dropLast()) return this.drop('queued', piece.count, 'queue-full');
      break;
    }
    this.gather();
    if (this.isStopping) this.isDue = true;
    if (!this.isDue && !this.hasWholeBatch) return;
    if (this.mustWrite) this.writeSoon();
    else this.pumpSoon();
  }

  /** Counts spans that never became a piece. */
  giveUp(spans: number, reason: DropReason): void {
    if (spans === 0) return;
    this.account.enter('queued', spans);
    this.drop('queued', spans, reason);
  }

  flush(timeoutMs: number): Promise<void> {
    return this.settled(timeoutMs, false);
  }

  shutdown(timeoutMs: number): Promise<void> {
    this.ended ??= this.end(timeoutMs);
    return this.ended;
  }

  private async end(timeoutMs: number): Promise<void> {
    this.isHopeful = this.lastSuccessAt !== undefined && this.failures === 0;
    this.isStopping = true;
    await this.settled(timeoutMs, true);
    this.close();
  }

  /** Hurries, and waits until all that is here now is sent or given up, but not longer than the time. */
  private settled(timeoutMs: number, isLastChance: boolean): Promise<void> {
    if (this.isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const waiter: Waiter = {
        until: isLastChance ? Number.POSITIVE_INFINITY : this.queue.lastSerial,
        done: () => {
          cancel();
          this.waiters.delete(waiter);
          resolve();
        },
      };
      const cancel = this.timers.after(timeoutMs, waiter.done, true);
      this.waiters.add(waiter);
      // A wait of our own choice can be cut short; one that the collector asked for only when there is no later.
      if (isLastChance || !this.backOff.wasAskedFor) this.backOff.end();
      this.isDue = this.queue.count > 0;
      this.pump();
      this.tellWaiters();
    });
  }

  private close(): void {
    this.isClosed = true;
    this.cancelGathering?.();
    this.backOff.end();
    clearImmediate(this.pumping);
    clearImmediate(this.writing);
    // Who does not answer now comes too late.
    this.abort.abort();
    for (const attempt of this.underWay) this.putBack(attempt);
    this.underWay.clear();
    this.writeAll();
    const left = this.queue.count;
    if (left > 0) this.drop('queued', left, 'shutdown');
    while (this.queue.take(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY) !== undefined);
    this.options.store?.close();
    for (const waiter of [...this.waiters]) waiter.done();
  }

  // Sending

  private get bytesInMemory(): number {
    let bytes = this.queue.size;
    for (const { batch, stored } of this.underWay) if (!stored) bytes += batch.size;
    return bytes;
  }

  private get hasWholeBatch(): boolean {
    const { maxBatchSpans, maxBatchBytes } = this.options.config;
    return this.queue.count >= maxBatchSpans || this.queue.size >= maxBatchBytes;
  }

  private gather(): void {
    this.cancelGathering ??= this.timers.after(this.options.config.scheduleDelayMs, () => {
      this.cancelGathering = undefined;
      this.isDue = this.queue.count > 0;
      if (this.mustWrite) this.writeSoon();
      this.pump();
    });
  }

  /** Not within `add`: who ends a span does not wait for a request to be made. */
  private pumpSoon(): void {
    if (this.backOff.isOn || this.isClosed) return;
    this.pumping ??= setImmediate(() => {
      this.pumping = undefined;
      this.pump();
    }).unref();
  }

  private pump(): void {
    for (let next = this.next(); next !== undefined; next = this.next()) {
      this.attempt(next).catch((error) =>
        this.notes.say(`Internal error: an attempt to send spans ended with ${error}`),
      );
    }
    if (this.queue.count > 0) return;
    this.isDue = false;
    this.cancelGathering?.();
    this.cancelGathering = undefined;
  }

  private next(): Attempt<P> | undefined {
    const { store, concurrency, config } = this.options;
    if (this.isClosed || this.hasGivenUp || this.backOff.isOn) return undefined;
    if (this.underWay.size >= (this.failures > 0 ? 1 : concurrency)) return undefined;
    const facts = { startedAt: this.timers.now(), isLast: this.isStopping };
    const stored = store?.take(config.maxBatchSpans, config.maxBatchBytes);
    if (stored) return { ...facts, stored, batch: { ...stored, entries: [] } };
    const fromMemory = [...this.underWay].some((attempt) => !attempt.stored);
    if (!this.hasWholeBatch && (fromMemory || !this.isDue)) return undefined;
    const batch = this.queue.take(config.maxBatchSpans, config.maxBatchBytes);
    return batch && { ...facts, batch };
  }

  private async attempt(attempt: Attempt<P>): Promise<void> {
    this.underWay.add(attempt);
    let result: SendResult;
    try {
      result = await this.options.send(attempt.batch, this.abort.signal);
    } catch (error) {
      result = { kind: 'retry', message: String(error) };
    }
    if (this.isClosed) return;
    this.underWay.delete(attempt);
    if (result.kind === 'sent') this.sent(attempt, result);
    else {
      this.isHealthy = false;
      this.lastError = { at: this.timers.now(), message: result.message };
      if (result.kind === 'refused') this.refused(attempt, result.message);
      else this.failed(attempt, result);
    }
    this.pump();
    this.tellWaiters();
  }

  private sent(attempt: Attempt<P>, { rejected, message }: SendResult & { kind: 'sent' }): void {
    const { batch, stored } = attempt;
    const place = stored ? 'spooled' : 'queued';
    const refused = Math.min(batch.count, rejected);
    this.account.move(place, 'exported', batch.count - refused);
    if (refused > 0) this.drop(place, refused, 'rejected', message);
    if (stored) this.options.store?.remove(stored);
    const trial = batch.entries[0]?.trial;
    if (trial) trial.refusedInARow = 0;
    this.isHealthy = true;
    this.lastSuccessAt = this.timers.now();
    this.failures = 0;
    this.refusesAll = false;
    this.backOff.end();
    if (this.bytesInMemory <= this.options.config.maxQueueBytes / 2) this.notes.inOrder();
  }

  private failed(attempt: Attempt<P>, { message, retryAfterMs }: SendResult & { kind: 'retry' }): void {
    this.putBack(attempt);
    this.isDue = this.queue.count > 0;
    if (this.failures === 0) this.notes.failing(message);
    // Two requests that fail together are one failure.
    if (!this.backOff.isOn) this.failures++;
    if (this.isStopping) {
      if (!attempt.isLast) return;
      this.hasGivenUp = this.writeAll() || !this.isHopeful;
      if (this.hasGivenUp) return this.releaseWaiters();
    }
    this.backOff.begin(this.failures, retryAfterMs);
    if (this.mustWrite) this.writeSoon();
  }

  /**
   * A request may be refused for one span in it, or for its size. So its halves are tried, and theirs. Where only refusals
   * follow each other it is not due to a span, and no further request is split until one is accepted.
   */
  private refused(attempt: Attempt<P>, message: string): void {
    // Who refuses is there.
    this.failures = 0;
    const { batch, stored } = attempt;
    const { serial, trial = trialOf(batch) } = batch.entries[0] ?? { serial: 0 };
    trial.refusedInARow++;
    this.refusesAll ||= trial.refusedInARow > trial.mostInARow;
    const halves = this.refusesAll ? undefined : this.halve(batch.pieces);
    if (halves) {
      // The halves are not on disk.
      if (stored) this.account.move('spooled', 'queued', batch.count);
      this.queue.putBack(halves.map((half) => entryOf(half, { serial, trial })));
      this.isDue = true;
    } else {
      this.drop(stored ? 'spooled' : 'queued', batch.count, 'rejected', message);
    }
    if (stored) this.options.store?.remove(stored);
  }

  private halve(pieces: readonly P[]): readonly (readonly P[])[] | undefined {
    const half = pieces.length >> 1;
    if (half > 0) return [pieces.slice(0, half), pieces.slice(half)];
    return this.options.split(pieces[0] as P)?.map((piece) => [piece]);
  }

  private putBack({ batch, stored }: Attempt<P>): void {
    if (stored) this.options.store?.putBack(stored);
    else this.queue.putBack(batch.entries);
  }

  // To disk

  /** While a collector is down, what waits is on disk soon: a process that is killed then loses only the last moment. */
  private get mustWrite(): boolean {
    if (!this.options.store) return false;
    const longAgo = this.timers.now() - SLOW_ANSWER_MS;
    return this.failures > 0 || [...this.underWay].some(({ startedAt }) => startedAt <= longAgo);
  }

  private writeSoon(): void {
    this.writing ??= setImmediate(() => {
      this.writing = undefined;
      if (this.isClosed || !this.mustWrite) return;
      if (this.writePortion()) this.writeSoon();
      this.pump();
      this.tellWaiters();
    }).unref();
  }

  /** @returns whether memory holds nothing that waits any more */
  private writeAll(): boolean {
    while (this.writePortion());
    return this.queue.count === 0;
  }

  /** @returns whether anything was written */
  private writePortion(): boolean {
    const { store } = this.options;
    const batch = store && this.queue.take(Number.POSITIVE_INFINITY, PORTION_BYTES);
    if (!batch) return false;
    const written = store.append(batch.pieces);
    for (const piece of batch.pieces.slice(0, written)) this.account.move('queued', 'spooled', piece.count);
    this.queue.putBack(without(batch.entries, written));
    return written > 0;
  }

  // Waiting for it

  private tellWaiters(): void {
    if (this.waiters.size === 0 || this.options.store?.isEmpty === false) return;
    let oldest = this.queue.first?.serial;
    for (const { batch } of this.underWay) {
      const serial = batch.entries[0]?.serial ?? 0;
      oldest = Math.min(oldest ?? serial, serial);
    }
    for (const waiter of [...this.waiters]) if (oldest === undefined || oldest > waiter.until) waiter.done();
  }

  private releaseWaiters(): void {
    for (const waiter of [...this.waiters]) waiter.done();
  }

  private drop(from: 'queued' | 'spooled', spans: number, reason: DropReason, why?: string): void {
    this.account.move(from, reason, spans);
    this.notes.dropped(spans, reason, why);
  }
}

function trialOf({ count }: Piece): Trial {
  return { refusedInARow: 0, mostInARow: Math.ceil(Math.log2(count)) + 1 };
}

/** What is left of the entries without their first pieces. */
function without<P extends Piece>(entries: readonly Entry<P>[], pieces: number): Entry<P>[] {
  let gone = pieces;
  return entries.flatMap((entry) => {
    const left = entry.pieces.slice(Math.max(0, gone));
    gone -= entry.pieces.length;
    return left.length > 0 ? [entryOf(left, entry)] : [];
  });
}
