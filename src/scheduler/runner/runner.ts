import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';

/** What to start. */
export interface ProgramRequest {
  /** Program and arguments; no shell looks at them. */
  readonly argv: readonly string[];
  readonly cwd?: string;
  /** Set on top of our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Files for the program's output; both may be the same. Left out: thrown away. */
  readonly stdout?: string;
  readonly stderr?: string;
}

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The runner died; whatever was left of the program has been killed. */
  readonly runnerLost?: boolean;
}

/** A program that a runner has been told to start. */
export interface RunningProgram {
  readonly end: Promise<ProgramEnd>;
  /** Signals the program's process group. Does nothing when it has ended. */
  kill(signal: NodeJS.Signals): void;
}

/**
 * A signal so soon after the start may meet the runner's shell before the program is there, which catches it. It is sent once
 * more, if the program has not ended meanwhile.
 */
const YOUNG_MS = 1000;
const AGAIN_AFTER_MS = 250;

/** Longer scripts go through a file: some shells read a pipe one byte at a time. */
const MAX_PIPED_SCRIPT = 2048;

/**
 * A runner: a small process that starts programs for us, one at a time. It is a plain shell, as small a process as there is on
 * every machine; docs/decisions/0002-runner-process.md says why not Node.
 *
 * The runner leads a session and process group of its own, and what it starts stays in it: so one signal reaches all of a
 * program's processes. The runner itself outlives SIGTERM and SIGINT.
 *
 *     idle ──start──► busy ──the program ends──► idle
 *                      │ └──kill, then the end─► retired (its group is killed, for what may be left in it)
 *                      └──────────the shell dies──────────► lost (the same, and the program ends as lost)
 */
export class Runner {
  private readonly child: ChildProcess;
  private resolve: ((end: ProgramEnd) => void) | undefined;
  private signalled: NodeJS.Signals | undefined;
  private startedAt = 0;
  private dead = false;
  private rest = '';

  /**
   * @param scriptFile a file of this runner's own, for long scripts
   * @param onIdle told when a program has ended and the next may come
   * @param onGone told when no other program can be started, and nothing is left in the group
   */
  constructor(
    private readonly scriptFile: string,
    private readonly onIdle: (runner: Runner) => void,
    private readonly onGone: (runner: Runner) => void,
  ) {
    this.child = spawn('/bin/sh', [], { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
    this.child.once('exit', () => this.lose());
    this.child.once('error', () => this.lose());
    this.child.stdin?.on('error', () => this.lose());
    this.child.stdout?.setEncoding('utf8');
    this.child.stdout?.on('data', (text: string) => this.read(text));
    // Caught, not ignored: a program would inherit what is ignored.
    this.child.stdin?.write('trap : TERM INT HUP QUIT\n');
  }

  /** Number of the process, and of its group. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  get gone(): boolean {
    return this.dead;
  }

  start(request: ProgramRequest): RunningProgram {
    const end = new Promise<ProgramEnd>((resolve) => {
      this.resolve = resolve;
    });
    this.startedAt = performance.now();
    let script = scriptFor(request);
    if (script.length > MAX_PIPED_SCRIPT) {
      writeFileSync(this.scriptFile, script);
      script = `. ${quoteWord(this.scriptFile)}`;
    }
    // Not in the file: when we hear the status, the shell must have read all of it, for we may write the next.
    this.child.stdin?.write(`${script}; echo $?\n`);
    return {
      end,
      kill: (signal) => {
        if (!this.resolve) return;
        this.signalled = signal;
        this.killGroup(signal);
        if (performance.now() - this.startedAt < YOUNG_MS) {
          setTimeout(() => {
            if (this.resolve && !this.dead) this.killGroup(signal);
          }, AGAIN_AFTER_MS).unref();
        }
      },
    };
  }

  /** Ends the runner, and with it all that is left in its group. */
  stop(): void {
    this.retire();
  }

  private read(text: string): void {
    this.rest += text;
    for (let end = this.rest.indexOf('\n'); end >= 0; end = this.rest.indexOf('\n')) {
      const line = this.rest.slice(0, end);
      this.rest = this.rest.slice(end + 1);
      this.ended(Number(line));
    }
  }

  private ended(status: number): void {
    const resolve = this.resolve;
    this.resolve = undefined;
    if (this.signalled) this.retire();
    else this.onIdle(this);
    resolve?.(endFromStatus(status));
  }

  private lose(): void {
    this.retire();
    const resolve = this.resolve;
    this.resolve = undefined;
    if (this.signalled === 'SIGKILL') resolve?.({ code: null, signal: 'SIGKILL' });
    else resolve?.({ code: null, signal: null, runnerLost: true });
  }

  private retire(): void {
    if (this.dead) return;
    this.dead = true;
    this.killGroup('SIGKILL');
    this.onGone(this);
  }

  private killGroup(signal: NodeJS.Signals): void {
    if (this.child.pid === undefined) return;
    try {
      process.kill(-this.child.pid, signal);
    } catch {
      // The group has just ended.
    }
  }
}

/** Variables of our own environment that some shells (dash) do not hand on, as no shell could name them. */
const UNKNOWN_TO_SHELLS = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) => (isShellName(name) ? [] : [[name, value ?? '']])),
) as Readonly<Record<string, string>>;

/** A piece of shell that starts the program. Every word is quoted: the shell interprets none of it. */
function scriptFor({ argv, cwd, env, stdout, stderr }: ProgramRequest): string {
  const words = argv.map(quoteWord).join(' ');
  const variables = Object.entries({ ...UNKNOWN_TO_SHELLS, ...env });
  const exported = variables
    .filter(([name]) => isShellName(name))
    .map(([name, value]) => `${name}=${quoteWord(value)}`);
  const others = variables.filter(([name]) => !isShellName(name)).map(([name, value]) => quoteWord(`${name}=${value}`));
  const program = others.length > 0 ? `env ${others.join(' ')} ${words}` : words;
  const out = quoteWord(stdout ?? '/dev/null');
  const err = stderr === stdout ? '2>&1' : `2>${quoteWord(stderr ?? '/dev/null')}`;
  const steps = [
    ...(cwd === undefined ? [] : [`cd ${quoteWord(cwd)}`]),
    ...(exported.length > 0 ? [`export ${exported.join(' ')}`] : []),
    `exec ${program}`,
  ];
  return `( ${steps.join(' && ')} ) </dev/null >${out} ${err}`;
}

/** Within single quotes a shell interprets nothing but the quote itself. */
function quoteWord(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function isShellName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

const SIGNALS: Readonly<Record<number, NodeJS.Signals>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL',
  5: 'SIGTRAP',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  10: 'SIGUSR1',
  11: 'SIGSEGV',
  12: 'SIGUSR2',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
  24: 'SIGXCPU',
  25: 'SIGXFSZ',
  31: 'SIGSYS',
};

/** A shell says 128 + n for signal n. A program that exits with such a code itself is taken for killed: it means to say so. */
function endFromStatus(status: number): ProgramEnd {
  const signal = SIGNALS[status - 128];
  return signal ? { code: null, signal } : { code: status, signal: null };
}
