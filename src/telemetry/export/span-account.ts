import type { DropReason, SpanCounts } from './span-sink';

/** Where a span can be, once it was made. */
export type SpanPlace = 'queued' | 'spooled' | 'exported' | DropReason;

/** Counts the spans of one exporter by where they are. They come in once and then only move, so it always balances. */
export class SpanAccount {
  private made = 0;
  private readonly at: Record<SpanPlace, number> = {
    queued: 0,
    spooled: 0,
    exported: 0,
    'queue-full': 0,
    rejected: 0,
    'too-old': 0,
    shutdown: 0,
    unreadable: 0,
  };

  enter(place: SpanPlace, spans: number): void {
    this.made += spans;
    this.at[place] += spans;
  }

  move(from: 'queued' | 'spooled', to: SpanPlace, spans: number): void {
    this.at[from] -= spans;
    this.at[to] += spans;
  }

  get counts(): SpanCounts {
    const { queued, spooled, exported, ...dropped } = this.at;
    return { made: this.made, exported, queued, spooled, dropped };
  }
}
