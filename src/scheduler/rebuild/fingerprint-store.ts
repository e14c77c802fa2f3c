import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeFileAtomically } from '../../util/atomic-file';
import { describeSystemError, UserError } from '../../util/user-error';
import type { FileStamp, IdentityCache, Known } from './file-identities';
import type { Fingerprint } from './fingerprint';

/** A line of the file: what it is, what a job was made from, or what a file holds. */
type Line = { readonly store: string; readonly version: number } | JobLine | FileLine;

interface JobLine {
  readonly job: string;
  readonly made: Fingerprint;
}

interface FileLine extends Known {
  readonly file: string;
  readonly stamp: readonly number[];
}

const STORE = 'spanwright fingerprints';
/** To be raised whenever a fingerprint of before would no longer be right; what was known is then forgotten. */
const VERSION = 1;
/** A file is written anew when fewer of its lines than this share still count. */
const LIVE_SHARE = 0.5;
const FEW_LINES = 1000;

/**
 * What jobs were made from when they last ended well, and what files held when they were last read: one file, one JSON object a line,
 * the last one of a job or file counts.
 *
 * It is only ever appended to, each batch in one write, so a killed run costs at most the line it was writing, which the next reader
 * passes over. Two runs may write at the same time. Where a line is lost, something is built once more; nothing is taken for built that is not.
 */
export class FingerprintStore implements IdentityCache {
  private readonly jobs = new Map<string, Fingerprint>();
  private readonly files = new Map<string, FileLine>();
  private pending: Line[] = [];
  private scheduled = false;
  private failed = false;

  private constructor(
    readonly path: string,
    private readonly onProblem: (message: string) => void,
  ) {}

  /** A file that is not there is an empty store, one that cannot be read too, and that is said. */
  static open(path: string, onProblem: (message: string) => void = () => {}): FingerprintStore {
    const store = new FingerprintStore(path, onProblem);
    const lines = store.load();
    const live = store.jobs.size + store.files.size;
    if (lines > FEW_LINES && live < lines * LIVE_SHARE) store.compact();
    return store;
  }

  fingerprintOf(job: string): Fingerprint | undefined {
    return this.jobs.get(job);
  }

  put(job: string, made: Fingerprint): void {
    this.jobs.set(job, made);
    this.pending.push({ job, made });
  }

  identityOf(path: string, stamp: FileStamp): Known | undefined {
    const known = this.files.get(path);
    if (!known || stampText(known.stamp) !== stampText(numbersOf(stamp))) return undefined;
    return known.sources === undefined ? { id: known.id } : { id: known.id, sources: known.sources };
  }

  remember(path: string, stamp: FileStamp, identity: Known): void {
    const line = { file: path, stamp: numbersOf(stamp), ...identity };
    this.files.set(path, line);
    this.pending.push(line);
  }

  /** Writes what is new before the next turn of the event loop, however often it is called before that. */
  flushSoon(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  /** Writes what is new. A disk that takes no more must not stop the build: it is said once. */
  flush(): void {
    if (this.pending.length === 0 || this.failed) return;
    const lines = this.pending;
    this.pending = [];
    try {
      mkdirSync(dirname(this.path), { recursive: true });
      // Opened each time: another run may have put a new file in its place.
      const fd = openSync(this.path, 'a');
      try {
        // The line end in front parts it from a line that was cut off.
        const bytes = Buffer.from(`\n${[headLine(), ...lines].map((line) => JSON.stringify(line)).join('\n')}\n`);
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      this.failed = true;
      this.onProblem(
        `cannot keep fingerprints in ${this.path}: ${describeSystemError(error)}; what is built now will be built again next time`,
      );
    }
  }

  /** Reads the file once more, for another run may have added to it, and leaves the last line of each job and file. */
  private compact(): void {
    this.jobs.clear();
    this.files.clear();
    this.load();
    const lines: Line[] = [headLine(), ...this.files.values()];
    for (const [job, made] of this.jobs) lines.push({ job, made });
    try {
      writeFileAtomically(this.path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''), { sync: false });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      // A store that stays as long as it is works as well.
    }
  }

  /** @returns how many lines there are */
  private load(): number {
    let text: string;
    try {
      const found = statSync(this.path);
      if (!found.isFile() && !found.isDirectory()) throw new Error('it is not a file');
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.onProblem(`cannot read the fingerprints in ${this.path}: ${describeSystemError(error)}`);
      }
      return 0;
    }
    let lines = 0;
    // Lines of a version that we do not know count for nothing, wherever they stand: two versions may share a file.
    let isOurs = false;
    for (const json of text.split('\n')) {
      if (json === '') continue;
      const line = parsed(json);
      if (!line) continue;
      if ('store' in line) isOurs = line.store === STORE && line.version === VERSION;
      else lines++;
      if (!isOurs) continue;
      if ('job' in line) this.jobs.set(line.job, line.made);
      else if ('file' in line) this.files.set(line.file, line);
    }
    return lines;
  }
}

function headLine(): Line {
  return { store: STORE, version: VERSION };
}

/** Undefined for what is no line of ours: one that was cut off, or that something else has written. */
function parsed(json: string): Line | undefined {
  let line: Partial<Record<string, unknown>>;
  try {
    line = JSON.parse(json) as typeof line;
  } catch {
    return undefined;
  }
  if (typeof line !== 'object' || line === null) return undefined;
  if (typeof line.store === 'string') return line as Line;
  if (typeof line.job === 'string') {
    const made = line.made;
    const isFine =
      typeof made === 'object' && made !== null && Object.values(made).every((section) => typeof section === 'string');
    return isFine ? (line as Line) : undefined;
  }
  return typeof line.file === 'string' && Array.isArray(line.stamp) && typeof line.id === 'string'
    ? (line as Line)
    : undefined;
}

function numbersOf({ size, modified, changed, inode }: FileStamp): readonly number[] {
  return [size, modified, changed, inode];
}

function stampText(stamp: readonly number[]): string {
  return stamp.join(' ');
}
