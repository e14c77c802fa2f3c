/** Numbers from 0 to 1, the same for the same seed. */
export function chanceFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Choices that follow from a seed. */
export class Dice {
  private readonly next: () => number;

  constructor(seed: number) {
    this.next = chanceFrom(seed);
  }

  is(probability: number): boolean {
    return this.next() < probability;
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  some<T>(from: readonly T[], atMost: number): T[] {
    const left = [...from];
    const count = this.below(atMost + 1);
    return Array.from({ length: Math.min(count, left.length) }, () => left.splice(this.below(left.length), 1)[0] as T);
  }

  one<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  /** Some words, with a blank or more between. */
  words(from: readonly string[], atMost: number): string {
    return this.some(from, atMost).join(this.is(0.5) ? ' ' : ' \t ');
  }
}
