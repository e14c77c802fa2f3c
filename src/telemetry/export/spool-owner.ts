import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { hostname } from 'node:os';

/** Folders of processes elsewhere are theirs for as long as they are touched this often. */
export const TOUCHED_EVERY_MS = 15_000;
const LEFT_ALONE_AFTER_MS = 60_000;

/** Who a folder of a spool belongs to. It is its name, so that renaming the folder hands it over, to one new owner only. */
export interface SpoolOwner {
  readonly pid: number;
  /** Process ids are used again; with when it started, one names a process for good. */
  readonly startedAt: string;
  /** Where the process id means something. */
  readonly machine: string;
}

const OWNED = /^(\d+)-(\w+)-([0-9a-f]{8})-[0-9a-f]{12}$/;
const LEFT = /^left-[0-9a-f]{12}$/;

let own: SpoolOwner | undefined;

/** This process. */
export function ownSpoolOwner(): SpoolOwner {
  own ??= { pid: process.pid, startedAt: processStart(process.pid) ?? ownStart(), machine: thisMachine() };
  return own;
}

/** A name that nobody else has. */
export function folderName(owner: SpoolOwner | undefined): string {
  const random = randomBytes(6).toString('hex');
  return owner ? `${owner.pid}-${owner.startedAt}-${owner.machine}-${random}` : `left-${random}`;
}

/** Whether a folder of that name was left by a process that is gone, or by one that has ended its telemetry. */
export function isLeft(path: string, name: string, now: number): boolean {
  if (LEFT.test(name)) return true;
  const [, pid, startedAt, machine] = OWNED.exec(name) ?? [];
  if (pid === undefined) return false;
  if (machine === ownSpoolOwner().machine) {
    if (!processExists(Number(pid))) return true;
    const actual = processStart(Number(pid));
    if (actual !== undefined) return actual !== startedAt;
    if (Number(pid) === process.pid) return startedAt !== ownSpoolOwner().startedAt;
  }
  return now - statSync(path).mtimeMs > LEFT_ALONE_AFTER_MS;
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** In ticks since the machine started; undefined where the system has no such file. `gone` is dead, though not yet buried. */
function processStart(pid: number): string | undefined {
  try {
    // The program's name in parentheses may hold anything, parentheses too.
    const facts = readFileSync(`/proc/${pid}/stat`, 'utf8').split(/.*\) /s)[1]?.split(' ') ?? [];
    return facts[0] === 'Z' || facts[0] === 'X' ? 'gone' : facts[19];
  } catch {
    return undefined;
  }
}

function ownStart(): string {
  return Math.round(performance.timeOrigin).toString();
}

/** Containers share neither the process ids nor, as a rule, the host's name; a restart of the machine makes it another one. */
function thisMachine(): string {
  const facts = [
    hostname(),
    attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
    attempt(() => readlinkSync('/proc/self/ns/pid')),
  ];
  return createHash('sha256').update(facts.join('\n')).digest('hex').slice(0, 8);
}

function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
