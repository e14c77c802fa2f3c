import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Clock } from '../../util/clock';
import type { Failure } from '../failure';
import type { ProgramEnd, ProgramRequest, RunnerPool } from './runner-pool';

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
  const ended = new AbortController();
  const stop = () => {
    program.kill(askToEnd);
    void clock.sleep(graceMs, ended.signal).then(() => {
      if (!ended.signal.aborted) program.kill('SIGKILL');
    });
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await program.end;
  } finally {
    ended.abort();
    signal.removeEventListener('abort', stop);
  }
}

/** What a program's end means, or undefined where it succeeded. */
export function failureOf(
  end: ProgramEnd,
  program: string,
  aborted: boolean,
  tail: () => readonly string[],
): Failure | undefined {
  if (end.runnerLost) return { reason: 'runner-lost' };
  if (end.error !== undefined) return { reason: 'could-not-start', message: describeStartError(end.error, program) };
  if (aborted) return { reason: 'cancelled' };
  if (end.signal !== null) return { reason: 'killed', signal: end.signal, tail: tail() };
  if (end.code !== 0) return { reason: 'exit-non-zero', exitCode: end.code ?? -1, tail: tail() };
  return undefined;
}

function describeStartError(error: string, program: string): string {
  const [code, path] = error.split(/ (.*)/s);
  if (path) return `cannot open ${path}: ${code}`;
  if (code === 'ENOENT') return `${program}: no such program, or no such working directory`;
  if (code === 'EACCES') return `${program}: permission denied (is it executable?)`;
  if (code === 'E2BIG') return `${program}: the argument list is too long`;
  return `${program}: ${error}`;
}

/** The last lines of a file, reading no more of it than `maxBytes`; empty where there is no such file. */
export function lastLines(path: string, maxLines: number, maxBytes = 64 * 1024): string[] {
  const { text, whole } = endOfFile(path, maxBytes);
  const lines = text.split('\n');
  if (!whole) lines.shift();
  if (lines.at(-1) === '') lines.pop();
  return lines.slice(-maxLines);
}

/** What stands behind the last newline of a file: empty where the file ends with one. */
export function textAfterLastNewline(path: string): string {
  const { text } = endOfFile(path, 1 << 20);
  return text.slice(text.lastIndexOf('\n') + 1);
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
