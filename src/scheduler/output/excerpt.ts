/** A text said in another place is the same text. */
export function plain(text: string): string {
  return text.trim().replace(/^error: /, '');
}

export function clip(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}

/** Longer lines are cut: a compiler's command may fill a page. */
const SHOWN_CHARACTERS = 300;

/** Lines that nobody has read, in the middle of a huge output. */
export interface Unread {
  /** They would stand before the line with this number. */
  readonly before: number;
  readonly bytes: number;
}

/** Some of many lines, in their order, with a word on how many are left out between two. Never more than so many lines. */
export class Excerpt {
  private readonly chosen = new Set<number>();
  private readonly texts = new Set<string>();
  /** Texts that mean something wherever they stand; a source line with its caret does not. */
  private readonly told = new Set<string>();
  /** How many lines before each have something on them. */
  private readonly filled: Uint32Array;

  constructor(
    private readonly lines: readonly string[],
    private readonly max: number,
    private readonly unread: Unread | undefined,
  ) {
    this.filled = new Uint32Array(lines.length + 1);
    for (let i = 0; i < lines.length; i++) this.filled[i + 1] = (this.filled[i] as number) + (lines[i] === '' ? 0 : 1);
  }

  /** Whether the text of this line is among the chosen ones. */
  has(i: number): boolean {
    return this.texts.has(plain(this.lines[i] as string));
  }

  /** Takes in lines that belong together, or as many of them as there is room for. Blank lines and repeats are left out. */
  add(candidates: readonly number[], standsAlone: (i: number) => boolean): void {
    const fresh = candidates.filter(
      (i) => this.lines[i] !== '' && !this.chosen.has(i) && !this.told.has(plain(this.lines[i] as string)),
    );
    for (const group of this.fits(fresh) ? [fresh] : fresh.map((i) => [i])) {
      if (!this.fits(group)) continue;
      for (const i of group) {
        const text = plain(this.lines[i] as string);
        if (this.told.has(text)) continue;
        this.chosen.add(i);
        this.texts.add(text);
        if (standsAlone(i)) this.told.add(text);
      }
    }
  }

  render(chosen: ReadonlySet<number> = this.chosen): string[] {
    const rendered: string[] = [];
    let previous: number | undefined;
    for (const i of [...chosen].sort((a, b) => a - b)) {
      if (previous !== undefined) rendered.push(...this.between(previous, i));
      rendered.push(clip(this.lines[i] as string, SHOWN_CHARACTERS));
      previous = i;
    }
    return rendered;
  }

  private fits(more: readonly number[]): boolean {
    return this.render(new Set([...this.chosen, ...more])).length <= this.max;
  }

  /** What stands for the lines between two. A single one stands for itself, if it is not a repeat. */
  private between(previous: number, next: number): string[] {
    const { unread } = this;
    if (unread && previous < unread.before && unread.before <= next)
      return [`… ${(unread.bytes / 1e6).toFixed(1)} MB …`];
    const count = (this.filled[next] as number) - (this.filled[previous + 1] as number);
    if (count === 0) return [];
    if (count > 1) return [`… ${count.toLocaleString('en')} lines …`];
    const only = this.lines.slice(previous + 1, next).find((text) => text !== '') as string;
    return this.told.has(plain(only)) ? [] : [clip(only, SHOWN_CHARACTERS)];
  }
}
