import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { UserError } from '../util/user-error';
import { printable } from '../util/words';
import type { RunTool, ToolOutput } from './run-tool';

/** What an RPM's header tells of the package and its files. */
export interface RpmContents {
  readonly rpmPath: string;
  /** The name of the package, without version. */
  readonly name: string;
  /** The License tag as it stands in the header. */
  readonly licenseTag: string;
  /** All files but folders. */
  readonly files: readonly string[];
  /** Files marked `%doc`. */
  readonly docs: readonly string[];
  /** Files marked `%license`. */
  readonly licenses: readonly string[];
}

/** An RPM that rpm could not read, and why not. */
export interface UnreadableRpm {
  readonly rpmPath: string;
  readonly problem: string;
}

export interface RpmReaderOptions {
  readonly runTool: RunTool;
  /** How many rpm processes run at a time, over all calls. Default: two for each processor, as the toolkit has it */
  readonly parallel?: number;
}

/** Far fewer than 126: rpm's exit code is the number of RPMs it could not read, and 126 and 127 must keep their own meaning. */
const MOST_TOGETHER = 50;
/** So that one process with large RPMs does not hold all others up. */
const GROUPS_PER_PROCESS = 4;

/**
 * Reads what is in RPMs by `rpm -qp`. A process is asked about several RPMs, and several processes run at a time.
 *
 * No chroot: a query reads the RPM's header and nothing else. It runs no scriptlet, expands no macro of the package, and with
 * `--nosignature` opens no database, so there is nothing that another root would keep it from.
 */
export class RpmReader {
  private readonly runTool: RunTool;
  private readonly parallel: number;
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  private missing: UserError | undefined;

  constructor({ runTool, parallel = 2 * availableParallelism() }: RpmReaderOptions) {
    this.runTool = runTool;
    this.parallel = Math.max(1, parallel);
  }

  /**
   * What is in each RPM, in the order of the paths. One that cannot be read is told of and stops no other.
   *
   * @param onRead told each time how many more RPMs have been read
   * @throws UserError where there is no rpm
   */
  async read(
    rpmPaths: readonly string[],
    onRead: (count: number) => void = () => {},
  ): Promise<(RpmContents | UnreadableRpm)[]> {
    const size = Math.min(MOST_TOGETHER, Math.ceil(rpmPaths.length / (this.parallel * GROUPS_PER_PROCESS)));
    const groups: (readonly string[])[] = [];
    for (let at = 0; at < rpmPaths.length; at += size) groups.push(rpmPaths.slice(at, at + size));
    const read = groups.map(async (group) => {
      const contents = await this.readGroup(group);
      onRead(group.length);
      return contents;
    });
    return (await Promise.all(read)).flat();
  }

  private async readGroup(rpmPaths: readonly string[]): Promise<(RpmContents | UnreadableRpm)[]> {
    const output = await this.query(rpmPaths);
    const packages = parsePackages(output.stdout);
    if (output.code === 0 && packages.length === rpmPaths.length)
      return packages.map((contents, i) => ({ ...contents, rpmPath: rpmPaths[i] as string }));
    const [rpmPath, ...others] = rpmPaths as [string, ...string[]];
    if (others.length === 0) return [{ rpmPath, problem: whyNot(output) }];
    // Which of them failed cannot be told from the output.
    return (await Promise.all(rpmPaths.map((path) => this.readGroup([path])))).flat();
  }

  private async query(rpmPaths: readonly string[]): Promise<ToolOutput> {
    while (this.running >= this.parallel) await new Promise<void>((wake) => this.waiting.push(wake));
    this.running++;
    try {
      if (this.missing) throw this.missing;
      // Without these two, rpm takes a path for a pattern, and a text file for a list of RPMs to read instead.
      const asIs = ['--noglob', '--nomanifest'];
      const paths = rpmPaths.map((path) => resolve(path));
      const output = await this.runTool(['rpm', '-qp', '--nosignature', ...asIs, '--queryformat', QUERY, ...paths]);
      if (output.code !== 126 && output.code !== 127) return output;
      this.missing = new UserError(
        output.code === 127
          ? 'there is no rpm here to look into RPMs; install it (package rpm), and see that it is in PATH'
          : 'rpm cannot be started: permission denied',
      );
      throw this.missing;
    } finally {
      this.running--;
      this.waiting.shift()?.();
    }
  }
}

/** A line for the package, then one for each file: its kind, then its texts, with tabs between. */
const QUERY = [
  String.raw`package\t%{NAME}\t%{LICENSE}\n`,
  String.raw`[file\t%{FILEFLAGS}\t%{FILEMODES}\t%{FILENAMES}\n]`,
].join('');

/** Bits of rpm's file flags. */
const DOC = 1 << 1;
const LICENSE = 1 << 7;

const FILE_TYPE = 0o170000;
const FOLDER = 0o040000;

type Package = { -readonly [K in keyof RpmContents]: RpmContents[K] extends readonly string[] ? string[] : string };

function parsePackages(stdout: string): Package[] {
  const packages: Package[] = [];
  for (const line of stdout.split('\n')) {
    const [kind, first = '', second = '', ...rest] = line.split('\t');
    if (kind === 'package') {
      const licenseTag = [second, ...rest].join('\t');
      packages.push({ rpmPath: '', name: first, licenseTag, files: [], docs: [], licenses: [] });
    }
    const current = packages.at(-1);
    if (kind !== 'file' || !current) continue;
    const path = rest.join('\t');
    const flags = Number(first);
    if ((Number(second) & FILE_TYPE) !== FOLDER) current.files.push(path);
    if (flags & DOC) current.docs.push(path);
    if (flags & LICENSE) current.licenses.push(path);
  }
  return packages;
}

function whyNot({ code, stderr }: ToolOutput): string {
  const first = /^error: (.*)/m.exec(stderr)?.[1];
  if (first) return printable(first.trim());
  return code === undefined ? 'rpm was ended by a signal' : 'it is not an RPM';
}
