import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readdirSync, readFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Processes that a test has heard of, ended after it whatever became of it. */
const known = new Set<number>();

interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** Dead, and only waiting for its parent to take note. */
  readonly isZombie: boolean;
}

function processes(): ProcessFacts[] {
  const all: ProcessFacts[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // The name in parentheses may hold anything, parentheses too.
      const [state, parent, group] = readFileSync(`/proc/${name}/stat`, 'utf8').split(/.*\) /s)[1]?.split(' ') ?? [];
      all.push({ pid: Number(name), parent: Number(parent), group: Number(group), isZombie: state === 'Z' });
    } catch {
      // It has ended meanwhile.
    }
  }
  return all;
}

export function childrenOf(pid: number): number[] {
  return processes().flatMap((other) => (other.parent === pid && !other.isZombie ? [other.pid] : []));
}

/** What is alive of these processes and of the process groups they lead. */
export function survivors(pids: readonly number[]): number[] {
  return processes().flatMap(({ pid, group, isZombie }) =>
    !isZombie && (pids.includes(pid) || pids.includes(group)) ? [pid] : [],
  );
}

/** Waits until neither the processes nor their groups are there any more; resolves with what is left when time is up. */
export async function leftAfter(pids: readonly number[], ms: number): Promise<number[]> {
  const deadline = performance.now() + ms;
  for (;;) {
    const left = survivors(pids);
    if (left.length === 0 || performance.now() > deadline) return left;
    await sleep(20);
  }
}

/** For `afterEach`: ends, by their ids, what a failed test has left. */
export function endKnown(): void {
  for (const pid of survivors([...known])) process.kill(pid, 'SIGKILL');
  known.clear();
}

/** A named pipe through which a command tells the test something, so that nobody needs to guess when. */
export class Mailbox {
  private constructor(readonly path: string) {}

  static make(dir: string, name: string): Mailbox {
    const path = join(dir, name);
    const { status, stderr } = spawnSync('mkfifo', [path], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`mkfifo ${path}: ${stderr}`);
    return new Mailbox(path);
  }

  /** The next message. The reader waits for a writer, and the writer for a reader. */
  async next(): Promise<string> {
    return (await readFile(this.path, 'utf8')).trim();
  }

  /** The next messages as process ids. What they name is ended after the test. */
  async nextPids(): Promise<number[]> {
    const pids = (await this.next()).split(/\s+/).map(Number);
    for (const pid of pids) known.add(pid);
    return pids;
  }

  /** Lets a command go on that waits with `read`. */
  async tell(text: string): Promise<void> {
    const file = await open(this.path, 'w');
    await file.write(`${text}\n`);
    await file.close();
  }

  /** Wakes whoever still waits for the other end. */
  close(): void {
    closeSync(openSync(this.path, constants.O_RDWR | constants.O_NONBLOCK));
  }
}

/** A line of /proc/PID/status, in kilobytes: `VmHWM` is the most memory the process ever had. */
export function statusKilobytes(pid: number, field: string): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  if (!found) throw new Error(`no ${field} in the status of process ${pid}`);
  return Number(found[1]);
}

export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** A small disk of its own below `dir`, or undefined where we may not mount one. */
export function mountSmallDisk(
  dir: string,
  options: string,
): { remount(options: string): void; unmount(): void } | undefined {
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir]).status !== 0) return undefined;
  return {
    remount: (changed) => void spawnSync('mount', ['-o', `remount,${changed}`, dir]),
    unmount: () => void spawnSync('umount', ['-l', dir]),
  };
}
