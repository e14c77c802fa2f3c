import { accessSync, closeSync, constants, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Clock } from '../../util/clock';
import { describeSystemError } from '../../util/user-error';
import type { Failure } from '../failure';
import type { ProgramEnd, ProgramRequest } from './runner';
import type { RunnerPool } from './runner-pool';

export interface RunProgramOptions {
  /** Aborts when the program must end. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** The signal that asks the process group to end. */
  readonly askToEnd: NodeJS.Signals;
  /** Milliseconds from asking to killing. */
  readonly graceMs: number;
}

/** Runs a program to its end; asked to stop, first asks its process group to end and then kills it. */
export async function runProgram(
  pool: RunnerPool,
  request: ProgramRequest,
  options: RunProgramOptions,
): Promise<ProgramEnd> {
  const { signal, clock, askToEnd, graceMs } = options;
  if (signal.aborted) return { code: null, signal: askToEnd };
  const program = pool.start(request);
  let grace: AbortController | undefined;
  const stop = () => {
    program.kill(askToEnd);
    grace = new AbortController();
    const { signal: ended } = grace;
    void clock.sleep(graceMs, ended).then(() => {
      if (!ended.aborted) program.kill('SIGKILL');
    });
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await program.end;
  } finally {
    grace?.abort();
    signal.removeEventListener('abort', stop);
  }
}

/** What a program's end means, or undefined where it succeeded. */
export function failureOf(
  end: ProgramEnd,
  request: ProgramRequest,
  aborted: boolean,
  tail: () => readonly string[],
): Failure | undefined {
  if (end.runnerLost) return { reason: 'runner-lost' };
  if (aborted) return { reason: 'cancelled' };
  if (end.signal !== null) return { reason: 'killed', signal: end.signal, tail: tail() };
  if (end.code === 0) return undefined;
  // These two codes are what a shell says when it cannot start a program, and what a program may say itself.
  const isShellCode = end.code === 126 || end.code === 127;
  const message =
    whyNotWritable(request.stdout) ??
    whyNotWritable(request.stderr) ??
    (isShellCode ? whyNotStarted(request) : undefined);
  if (message) return { reason: 'could-not-start', message };
  return { reason: 'exit-non-zero', exitCode: end.code ?? -1, tail: tail() };
}

/** A program is not started when its output cannot be opened. This learns why, in good words; undefined where it can be. */
function whyNotWritable(path: string | undefined): string | undefined {
  if (path === undefined || existsSync(path)) return undefined;
  try {
    closeSync(openSync(path, 'a'));
    return undefined;
  } catch (error) {
    return `cannot write ${path}: ${describeSystemError(error)}`;
  }
}

function whyNotStarted({ argv, cwd, env }: ProgramRequest): string | undefined {
  const program = argv[0] as string;
  const folders = program.includes('/') ? [cwd ?? '.'] : (env?.PATH ?? process.env.PATH ?? '').split(':');
  const candidates = folders.map((folder) => resolve(cwd ?? '.', folder, program)).filter((path) => existsSync(path));
  if (candidates.length === 0) return `${program}: no such program`;
  return candidates.some(isExecutable) ? undefined : `${program}: permission denied (is it an executable file?)`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The last lines of a file, reading no more of it than `maxBytes`; empty where there is no such file. */
export function lastLines(path: string, maxLines: number, maxBytes = 64 * 1024): string[] {
  const { text, whole } = endOfFile(path, maxBytes);
  const lines = text.split('\n');
  if (!whole) lines.shift();
  if (lines.at(-1) === '') lines.pop();
  return lines.slice(-maxLines);
}

function endOfFile(path: string, maxBytes: number): { text: string; whole: boolean } {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return { text: '', whole: true };
  }
  try {
    const { size } = fstatSync(fd);
    const start = Math.max(0, size - maxBytes);
    const buffer = Buffer.alloc(Math.min(size, maxBytes));
    const length = readSync(fd, buffer, 0, buffer.length, start);
    return { text: buffer.toString('utf8', 0, length), whole: start === 0 };
  } finally {
    closeSync(fd);
  }
}
