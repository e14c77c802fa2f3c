const SLOTS = 1024;
const MAX_LENGTH = 256;

/**
 * Some of the texts that were found clean. Spans say the same few things over and over, and knowing a text again is much cheaper
 * than reading it. A text has one slot and the latest one has it: the memory is bounded, and nothing needs to be thrown out.
 */
export class SeenTexts {
  private readonly slots: string[] = new Array<string>(SLOTS).fill('');

  has(text: string): boolean {
    return this.slots[slotOf(text)] === text;
  }

  add(text: string): void {
    if (text.length <= MAX_LENGTH) this.slots[slotOf(text)] = text;
  }
}

/** Texts that share a slot only cost time. */
function slotOf(text: string): number {
  const { length } = text;
  const middle = text.charCodeAt(length >> 1);
  return (length * 31 + text.charCodeAt(1) * 17 + middle * 131 + text.charCodeAt(length - 1) * 7) & (SLOTS - 1);
}
