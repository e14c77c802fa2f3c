import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { EndedReply, RunnerMessage, RunnerReply } from './protocol';

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** The program was not started, and why: an error code such as `ENOENT`, with the path where it is a file's. */
  readonly error?: string;
  /** The runner died; whatever was left of the program has been killed. */
  readonly runnerLost?: boolean;
}

/** A program that a runner has been told to start. */
export interface RunningProgram {
  readonly end: Promise<ProgramEnd>;
  /** Signals the program's process group. Does nothing when it has ended. */
  kill(signal: NodeJS.Signals): void;
}

export interface ProgramRequest {
  readonly argv: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdout?: string;
  readonly stderr?: string;
}

export interface RunnerPoolOptions {
  /** How many runners. One starts about a thousand programs a second; more than the processors have no use. Default: 1. */
  readonly size?: number;
  /** The compiled runner. Default: the one beside this file. */
  readonly program?: string;
}

interface Pending {
  resolve(end: ProgramEnd): void;
  pid?: number;
}

/**
 * Starts programs through runner processes: see `runner-process.ts` for why. A runner that dies takes its programs with it
 * (their groups are killed, and they end as lost) and is replaced when it is next wanted.
 */
export class RunnerPool {
  private readonly runners: (Runner | undefined)[];
  private readonly program: string;
  private serial = 0;

  constructor({ size = 1, program = join(__dirname, 'runner-process.js') }: RunnerPoolOptions = {}) {
    this.runners = new Array(Math.max(1, size)).fill(undefined);
    this.program = program;
  }

  /** Starts the runners now, while this process is still small. They start by themselves otherwise. */
  warmUp(): void {
    for (let i = 0; i < this.runners.length; i++) this.runner(i);
  }

  start(request: ProgramRequest): RunningProgram {
    let least = this.runner(0);
    for (let i = 1; i < this.runners.length && least.load > 0; i++) {
      const other = this.runner(i);
      if (other.load < least.load) least = other;
    }
    return least.start(++this.serial, request);
  }

  /** Ends the runners, and with them all that still runs. */
  async stop(): Promise<void> {
    await Promise.all(this.runners.map((runner) => runner?.stop()));
    this.runners.fill(undefined);
  }

  private runner(index: number): Runner {
    let runner = this.runners[index];
    if (runner === undefined || runner.gone) {
      runner = new Runner(this.program);
      this.runners[index] = runner;
    }
    return runner;
  }
}

class Runner {
  gone = false;
  private readonly child: ChildProcess;
  private readonly pending = new Map<number, Pending>();
  private readonly exited: Promise<void>;
  private rest = '';

  constructor(program: string) {
    // Detached, so that a Ctrl-C at the terminal reaches the coordinator alone, which then ends the programs in order.
    this.child = spawn(process.execPath, ['--max-semi-space-size=1', program], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    this.exited = new Promise((resolve) => {
      const lost = () => {
        this.lose();
        resolve();
      };
      this.child.once('exit', lost);
      this.child.once('error', lost);
    });
    this.child.stdin?.on('error', () => this.lose());
    this.child.stdout?.setEncoding('utf8');
    this.child.stdout?.on('data', (text: string) => this.read(text));
  }

  get load(): number {
    return this.pending.size;
  }

  start(id: number, request: ProgramRequest): RunningProgram {
    const end = new Promise<ProgramEnd>((resolve) => this.pending.set(id, { resolve }));
    this.send({ start: id, ...request });
    return {
      end,
      kill: (signal) => {
        if (this.pending.has(id)) this.send({ kill: id, signal });
      },
    };
  }

  stop(): Promise<void> {
    this.child.stdin?.end();
    return this.exited;
  }

  private send(message: RunnerMessage): void {
    this.child.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  private read(text: string): void {
    this.rest += text;
    for (let end = this.rest.indexOf('\n'); end >= 0; end = this.rest.indexOf('\n')) {
      const reply = JSON.parse(this.rest.slice(0, end)) as RunnerReply;
      this.rest = this.rest.slice(end + 1);
      if ('started' in reply) {
        const pending = this.pending.get(reply.started);
        if (pending) pending.pid = reply.pid;
      } else this.ended(reply);
    }
  }

  private ended({ ended, code, signal, error }: EndedReply): void {
    const pending = this.pending.get(ended);
    this.pending.delete(ended);
    pending?.resolve({ code, signal, error });
  }

  private lose(): void {
    if (this.gone) return;
    this.gone = true;
    for (const { pid, resolve } of this.pending.values()) {
      if (pid !== undefined) {
        try {
          process.kill(-pid, 'SIGKILL');
        } catch {
          // It ended with its runner.
        }
      }
      resolve({ code: null, signal: null, runnerLost: true });
    }
    this.pending.clear();
  }
}
