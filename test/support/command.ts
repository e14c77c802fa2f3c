import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const COMMANDS = { spanwright: 'cli.js', scheduler: 'scheduler-cli.js' } as const;
export type CommandName = keyof typeof COMMANDS;

/** Variables of our own surroundings that would change what a command prints or sends. */
const NOT_HANDED_ON = /^(OTEL_|TRACEPARENT|TRACESTATE|BAGGAGE|NO_COLOR|FORCE_COLOR|NODE_OPTIONS|BREAK|FAIL)/;

export interface CommandOptions {
  /** Where the command runs, and leaves its `.spanwright`. */
  readonly cwd: string;
  /** On top of our own environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What the command reads on stdin. Default: nothing. */
  readonly input?: string;
}

export interface CommandResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From starting it to the end of its output. */
  readonly ms: number;
}

const running = new Set<RunningCommand>();

/** Runs a built command to its end, as a user would. */
export function runCommand(
  name: CommandName,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  return startCommand(name, args, options).end;
}

/** Starts a built command and lets the test meddle with it. {@link withTempDir} ends what a failed test leaves running. */
export function startCommand(name: CommandName, args: readonly string[], options: CommandOptions): RunningCommand {
  const program = resolve(__dirname, '../../dist', COMMANDS[name]);
  const env: NodeJS.ProcessEnv = {};
  for (const [key, value] of Object.entries({ ...process.env, ...options.env })) {
    if (value !== undefined && (options.env?.[key] !== undefined || !NOT_HANDED_ON.test(key))) env[key] = value;
  }
  const child = spawn(process.execPath, [program, ...args], { cwd: options.cwd, env, stdio: 'pipe' });
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input ?? '');
  return new RunningCommand(child);
}

export class RunningCommand {
  stdout = '';
  stderr = '';
  readonly end: Promise<CommandResult>;
  private readonly startedAt = performance.now();
  private readonly waiting = new Set<() => void>();
  private ended = false;

  constructor(readonly child: ChildProcess) {
    running.add(this);
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8').on('data', (text: string) => {
        this[name] += text;
        for (const wake of [...this.waiting]) wake();
      });
    }
    this.end = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        running.delete(this);
        this.ended = true;
        for (const wake of [...this.waiting]) wake();
        const { stdout, stderr } = this;
        resolve({ code, signal, stdout, stderr, ms: performance.now() - this.startedAt });
      });
    });
  }

  /** Resolves when what the command has printed so far, on stdout or stderr, matches; rejects if it ends without. */
  waitForLine(pattern: RegExp): Promise<RegExpMatchArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.stdout.match(pattern) ?? this.stderr.match(pattern);
        if (!found && !this.ended) return;
        this.waiting.delete(look);
        if (found) resolve(found);
        else reject(new Error(`the command ended without printing ${pattern}:\n${this.stdout}${this.stderr}`));
      };
      this.waiting.add(look);
      look();
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

/** Lends a test a folder of its own, and takes it away with all that still runs. */
export async function withTempDir<T>(use: (dir: string) => T | Promise<T>): Promise<T> {
  const dir = makeTempDir();
  try {
    return await use(dir);
  } finally {
    await removeTempDir(dir);
  }
}

/** A new folder, by its real path. For `beforeEach`; {@link removeTempDir} belongs into `afterEach`. */
export function makeTempDir(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), 'spanwright-e2e-')));
}

export async function removeTempDir(dir: string): Promise<void> {
  for (const command of running) {
    command.kill('SIGKILL');
    await command.end;
  }
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
}

/** Resolves as soon as something is so that nobody tells us of, such as that a process is gone. */
export async function eventually(isSo: () => boolean, what: string, withinMs = 10_000): Promise<void> {
  const givenUpAt = performance.now() + withinMs;
  while (!isSo()) {
    if (performance.now() > givenUpAt) throw new Error(`not so after ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Whether a process runs. One that has ended and is only waited for by nobody does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return !existsSync('/proc/self');
  }
}
