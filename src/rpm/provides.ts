import type { Provide } from '../graph/provided-names';
import type { RunTool } from './run-tool';

export interface ProvidesQueryOptions {
  readonly runTool: RunTool;
  /** How many processes ask at a time. Default: 2. */
  readonly parallel?: number;
  /** Told once of each RPM that could not be asked. */
  readonly onProblem?: (message: string) => void;
}

/** So many RPMs are asked about one by one; more share a process, and are told apart only where one of them has a wanted name. */
const MOST_ALONE = 16;
/** So many complaints are passed on. */
const MOST_PROBLEMS = 5;
/** Few enough for a command line, and for the exit code of rpm, which counts failures: 127 must mean that there is no rpm. */
const MOST_TOGETHER = 100;

/**
 * Asks built RPMs what they provide, files and names alike, by `rpm -qlPp`: only those who are asked about, and only for the names that
 * are wanted. Several processes ask at a time.
 */
export class ProvidesQuery {
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  private toolIsMissing = false;
  private problems = 0;

  constructor(private readonly options: ProvidesQueryOptions) {}

  /**
   * What of the wanted names each RPM provides; RPMs that provide none of them are left out.
   *
   * @param signal once it is aborted nobody wants to know any more: no further process is started, and what goes wrong is not told
   */
  async ask(
    rpms: readonly string[],
    isWanted: (name: string) => boolean,
    signal?: AbortSignal,
  ): Promise<Map<string, readonly Provide[]>> {
    const answers = new Map<string, readonly Provide[]>();
    const groups = rpms.length <= MOST_ALONE ? rpms.map((rpm) => [rpm]) : split(rpms, this.groupSize(rpms.length));
    await Promise.all(groups.map((group) => this.askGroup(group, isWanted, answers, signal)));
    return answers;
  }

  private groupSize(count: number): number {
    return Math.min(MOST_TOGETHER, Math.ceil(count / (this.options.parallel ?? 2)));
  }

  private async askGroup(
    rpms: readonly string[],
    isWanted: (name: string) => boolean,
    answers: Map<string, readonly Provide[]>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const found = (await this.query(rpms, signal)).filter(({ name }) => isWanted(name));
    if (found.length === 0) return;
    if (rpms.length === 1) answers.set(rpms[0] as string, found);
    else
      await Promise.all(
        split(rpms, Math.ceil(rpms.length / 2)).map((half) => this.askGroup(half, isWanted, answers, signal)),
      );
  }

  private async query(rpms: readonly string[], signal: AbortSignal | undefined): Promise<Provide[]> {
    if (this.toolIsMissing) return [];
    await this.turn();
    try {
      // The wait may have been long.
      if (this.toolIsMissing || signal?.aborted) return [];
      const { code, stdout, stderr } = await this.options.runTool(['rpm', '-qlPp', ...rpms]);
      if (code !== 0 && !signal?.aborted) this.tell(code, rpms, stderr);
      return parseProvides(stdout);
    } finally {
      this.running--;
      this.waiting.shift()?.();
    }
  }

  private tell(code: number | undefined, rpms: readonly string[], stderr: string): void {
    const { onProblem = () => {} } = this.options;
    if (code === 127) {
      if (!this.toolIsMissing)
        onProblem('there is no `rpm` to ask built RPMs what they provide: dynamic dependencies stay as they are');
      this.toolIsMissing = true;
      return;
    }
    if (++this.problems > MOST_PROBLEMS) return;
    const what = rpms.length === 1 ? rpms[0] : `some of ${rpms.length} RPMs`;
    const last = this.problems === MOST_PROBLEMS ? '; what else cannot be asked is not told' : '';
    onProblem(
      `cannot ask ${what} what it provides: ${stderr.trim().split('\n')[0] || `rpm ended with ${code ?? 'a signal'}`}${last}`,
    );
  }

  private async turn(): Promise<void> {
    while (this.running >= (this.options.parallel ?? 2)) await new Promise<void>((wake) => this.waiting.push(wake));
    this.running++;
  }
}

/** Reads lines such as `/usr/bin/m4`, `libz.so.1()(64bit)` and `pkgconfig(zlib) = 1.3.2`. */
export function parseProvides(text: string): Provide[] {
  const provides: Provide[] = [];
  for (const line of text.split('\n')) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed === '(contains no files)') continue;
    const versioned = /^(\S+)\s*(<=|>=|<|>|=)\s*(\S+)$/.exec(trimmed);
    provides.push(
      versioned
        ? { name: versioned[1] as string, condition: versioned[2] as string, version: versioned[3] as string }
        : { name: trimmed, condition: '', version: '' },
    );
  }
  return provides;
}

function split<T>(items: readonly T[], size: number): T[][] {
  const groups: T[][] = [];
  for (let at = 0; at < items.length; at += size) groups.push(items.slice(at, at + size));
  return groups;
}
