import { clip, Excerpt, plain } from './excerpt';
import { kindOf, type LineKind, unwrap } from './log-lines';
import { type LogWindow, readLogWindow } from './log-window';

/** What a build's output tells of why it failed. */
export interface RelevantLines {
  /** In the order of the output, `… 214 lines …` where some are left out. */
  readonly lines: readonly string[];
  /** The one line that tells most; undefined where none stands out. */
  readonly telling: string | undefined;
}

export interface RelevantLinesOptions {
  /** How many lines at most, those included that say how many are left out. Default: 30. */
  readonly max?: number;
}

/**
 * Picks from a build's output the lines that tell why it failed: the first error with a little context, the command that had it,
 * the last error, the target that was not made, and what rpmbuild says at its end. Nothing is told twice.
 *
 * Where no line speaks of an error, the last lines are taken.
 */
export function relevantLines(
  output: readonly string[] | LogWindow,
  options: RelevantLinesOptions = {},
): RelevantLines {
  const window = isWindow(output) ? output : { lines: output, left: undefined };
  return new Selection(window, Math.max(1, options.max ?? 30)).result();
}

/** The same of a file. Undefined where it is not there or empty. */
export async function readRelevantLines(
  path: string,
  options: RelevantLinesOptions = {},
): Promise<RelevantLines | undefined> {
  const window = await readLogWindow(path);
  return window && window.lines.length > 0 ? relevantLines(window, options) : undefined;
}

function isWindow(output: readonly string[] | LogWindow): output is LogWindow {
  return 'lines' in output;
}

/** So far before the failing step its cause is looked for, and the command that had it. */
const NEAR = 400;
const TELLING_CHARACTERS = 200;

class Selection {
  private readonly texts: string[] = [];
  private readonly kinds: LineKind[] = [];
  /** Lines that the toolkit's worker program itself calls errors. */
  private readonly workersErrors: number[] = [];
  private readonly excerpt: Excerpt;

  constructor({ lines, left }: LogWindow, max: number) {
    let before = 0;
    for (const [number, raw] of lines.entries()) {
      if (number === left?.before) before = this.texts.length;
      for (const { text, isWorkersError } of unwrap(raw)) {
        if (isWorkersError) this.workersErrors.push(this.texts.length);
        this.texts.push(text);
        this.kinds.push(kindOf(text));
      }
    }
    this.excerpt = new Excerpt(this.texts, max, left && { before, bytes: left.bytes });
  }

  /** What tells most is chosen first, as there may not be room for all. */
  result(): RelevantLines {
    const { start, end } = this.failingPhase();
    const step = this.first('consequence', start, end);
    const cause = this.causeBefore(step ?? end, start);
    if (cause !== undefined) this.choose(...this.withContext(cause));
    this.choose(...this.verdictFrom(end));
    this.choose(this.commandBefore(cause ?? step ?? end, start), step);
    const lastCause = this.last('cause', start, end);
    if (lastCause !== undefined) this.choose(...this.withContext(lastCause));
    this.choose(...this.workersErrors.slice(-3), this.last('consequence', start, end));
    this.choose(...this.all('cause', start, end).slice(0, 100));
    if (cause === undefined && this.workersErrors.length === 0) this.choose(...this.endOf(step ?? end));
    return { lines: this.excerpt.render(), telling: this.telling(cause, step, end) };
  }

  private choose(...lines: readonly (number | undefined)[]): void {
    const found = lines.filter((i) => i !== undefined);
    this.excerpt.add(found, (i) => this.kinds[i] !== 'other');
  }

  /**
   * The part of the output in which it went wrong: from where rpmbuild starts its last section, to where it says how that ended.
   * Errors in sections that ended well did no harm.
   */
  private failingPhase(): { start: number; end: number } {
    let start = 0;
    for (let i = 0; i < this.texts.length; i++) {
      if (/^Executing\(%\w+\)/.test(this.text(i))) start = i;
      else if (this.kinds[i] === 'verdict') return { start, end: i };
    }
    return { start, end: this.texts.length };
  }

  private causeBefore(end: number, start: number): number | undefined {
    const near = this.all('cause', Math.max(start, end - NEAR), end);
    return (
      this.causeOfTarget(end, near) ??
      near[0] ??
      this.last('cause', start, end) ??
      this.first('cause', end, this.texts.length) ??
      this.last('suspect', Math.max(start, end - NEAR), end)
    );
  }

  /** Of several errors, the first about the target that make could not make. Other targets may have been on their way. */
  private causeOfTarget(step: number, near: readonly number[]): number | undefined {
    const target = /\[(?:.*: )?(?:\S*\/)?([^\s/\]]+?)(?:\.\w+)?\] Error/.exec(this.text(step))?.[1];
    if (target === undefined || target.length < 2) return undefined;
    return near.find((i) => this.text(i).includes(`${target}.`));
  }

  /** What rpmbuild says at its end. It says most of it twice. */
  private verdictFrom(end: number): number[] {
    const found: number[] = [];
    const texts = new Set<string>();
    for (let i = end; i < this.texts.length && found.length < 12; i++) {
      const text = this.text(i);
      if (text === '') continue;
      if (this.kinds[i] !== 'verdict' && !(/^\s/.test(text) && i > end)) break;
      if (!this.excerpt.has(i) && !texts.has(plain(text))) found.push(i);
      texts.add(plain(text));
    }
    // A heading with nothing below it.
    if (found.length > 0 && this.text(found.at(-1) as number).startsWith('RPM build errors:')) found.pop();
    return found;
  }

  /** The command that had the error: of a compiler's error the one that names its file, else the last one before it. */
  private commandBefore(at: number, start: number): number | undefined {
    if (RPMS_OWN.test(this.text(at))) return undefined;
    const file = /^(?:\S*\/)?([^\s/:]+\.\w+):\d+/.exec(this.text(at))?.[1];
    let latest: number | undefined;
    for (let i = at - 1; i >= Math.max(start, at - NEAR); i--) {
      // Below it ninja repeats the command, whatever that looks like.
      if (/^FAILED: \S/.test(this.text(i)) && i < at - 1) return i + 1;
      if (this.kinds[i] !== 'command') continue;
      if (file === undefined || this.text(i).includes(file)) return i;
      latest ??= i;
    }
    return latest;
  }

  /** An error with the lines that belong to it. */
  private withContext(at: number): number[] {
    const found = [at];
    const traceback = this.tracebackOf(at);
    for (let i = at - 1; i >= Math.max(0, traceback ?? at - 3); i--) {
      if (traceback === undefined && !INTRODUCTION.test(this.text(i))) break;
      found.unshift(i);
    }
    const isHalf = HALF.test(this.text(at));
    for (let i = at + 1; i < this.texts.length && i <= at + (isHalf ? 6 : 4); i++) {
      if (isHalf && this.text(i) === '') continue;
      const isOtherHalf = isHalf && found.at(-1) === at;
      if (!isOtherHalf && !CONTINUATION.test(this.text(i))) break;
      found.push(i);
    }
    return found;
  }

  /** Where the Python traceback starts whose last line this is. Of a long one only the last calls are shown. */
  private tracebackOf(at: number): number | undefined {
    for (let i = at - 1; i >= Math.max(0, at - 60); i--) {
      if (this.text(i).startsWith('Traceback (most recent')) return Math.max(i, at - 7);
      if (!/^\s/.test(this.text(i))) return undefined;
    }
    return undefined;
  }

  /** The last lines with anything on them. */
  private endOf(end: number): number[] {
    const found: number[] = [];
    for (let i = end - 1; i >= 0 && found.length < 15; i--) if (this.text(i) !== '') found.unshift(i);
    return found;
  }

  private telling(cause: number | undefined, step: number | undefined, end: number): string | undefined {
    const isCause = cause !== undefined && this.kinds[cause] === 'cause';
    const verdict = this.kinds[end] === 'verdict' ? end : undefined;
    const best = this.testSummary() ?? (isCause ? cause : (this.workersErrors[0] ?? cause ?? step ?? verdict));
    if (best === undefined) return undefined;
    const text = this.text(best)
      .trim()
      .replace(/^E {3,}/, '');
    if (!HALF.test(text)) return clip(text, TELLING_CHARACTERS);
    const next = this.texts.slice(best + 1, best + 4).find((line) => line !== '');
    return clip(`${text} ${next?.trim() ?? ''}`.trim(), TELLING_CHARACTERS);
  }

  /** pytest names each failed test with what was wrong. */
  private testSummary(): number | undefined {
    const found = this.texts.findIndex((text) => /^FAILED \S+(?:::\S+)? - /.test(text));
    return found < 0 ? undefined : found;
  }

  private text(i: number): string {
    return this.texts[i] ?? '';
  }

  private all(kind: LineKind, from: number, to: number): number[] {
    const found: number[] = [];
    for (let i = from; i < Math.min(to, this.kinds.length); i++) if (this.kinds[i] === kind) found.push(i);
    return found;
  }

  private first(kind: LineKind, from: number, to: number): number | undefined {
    for (let i = from; i < Math.min(to, this.kinds.length); i++) if (this.kinds[i] === kind) return i;
    return undefined;
  }

  private last(kind: LineKind, from: number, to: number): number | undefined {
    for (let i = Math.min(to, this.kinds.length) - 1; i >= from; i--) if (this.kinds[i] === kind) return i;
    return undefined;
  }
}

/** Lines that say where an error is before it is told. */
const INTRODUCTION =
  /: [Ii]n (?:static )?(?:(?:member )?function|constructor|destructor|lambda|instantiation|copy)|: At (?:top level|global scope)|^In file included from |^\s+from \S+:\d+|^File "[^"]+", line \d+|^>? {3,}[A-Za-z_@]/;
/** Lines that go on with the error before them: source lines, carets, lists. */
const CONTINUATION = /^\s+\S|^\s*\d* \||^(?:E|>|#) {2,}|^(?:At|Call Stack) /;
/** Lines that say only where, or what kind; the next says what. */
const HALF = /:$|^CMake Error at |^error\[/;
/** What rpmbuild finds fault with itself: no command had the error. */
const RPMS_OWN =
  /^error: (?:Installed \(|File |Directory |Failed build |line \d|Bad (?!exit)|Empty |Macro |Unable |Could not |Missing )/;
