import { count } from '../../util/words';
import type { DropReason } from './span-sink';

/**
 * What is told of an exporter's troubles: an outage once, with a sum at its end; spans that cannot be sent because of what is
 * in them once for good.
 */
export class ExportNotes {
  private readonly said = new Set<DropReason>();
  /** Dropped since all was last in order. */
  private lost = 0;

  /** @param collector as it may be shown */
  constructor(
    private readonly collector: string,
    private readonly onProblem: (message: string) => void,
  ) {}

  failing(message: string): void {
    this.say(`cannot send spans to ${this.collector}: ${message}; trying again until it works`);
  }

  dropped(spans: number, reason: DropReason, why = 'it did not say why'): void {
    this.lost += spans;
    if (this.said.has(reason)) return;
    this.said.add(reason);
    const words: Record<DropReason, string> = {
      'queue-full': `the queue of spans for ${this.collector} is full; what does not fit is dropped until it takes them again`,
      rejected: `${this.collector} does not take some spans: ${why}; they are dropped`,
      'too-old': `spans waited too long for ${this.collector}, and were dropped`,
      unreadable: `some spans for ${this.collector} cannot be encoded or read back, and are dropped`,
      shutdown: `${count(spans, 'span')} could not be sent to ${this.collector} before the end, and were dropped`,
    };
    this.say(words[reason]);
  }

  inOrder(): void {
    const outage = (['queue-full', 'too-old'] as const).filter((reason) => this.said.delete(reason));
    if (outage.length > 0) this.say(`${this.collector} takes spans again; ${count(this.lost, 'span')} were dropped`);
    this.lost = 0;
  }

  say(message: string): void {
    try {
      this.onProblem(message);
    } catch {
      // Spans are not lost because nobody can be told.
    }
  }
}
