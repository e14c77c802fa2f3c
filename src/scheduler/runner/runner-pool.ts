import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../util/user-error';
import { type ProgramRequest, Runner, type RunningProgram } from './runner';

/**
 * Kills the process groups it has been told of when its stdin closes, which happens when we are gone, whatever the reason, and
 * removes the folder of scripts ($1). One line a change: `+ group` or `- group`.
 */
const WATCHDOG = `
trap : TERM INT HUP QUIT
groups=' '
while read -r change group; do
  case $change in
    +) groups="$groups$group " ;;
    -) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -9 "-$group"; done
rm -rf -- "$1"
`;

/** More are made when they are wanted. */
const MOST_WARM = 64;

/**
 * Runners, as many as there are programs at a time. Runners that are idle are used again.
 */
export class RunnerPool {
  private readonly idle: Runner[] = [];
  private readonly all = new Set<Runner>();
  private watchdog: ChildProcess | undefined;
  private scriptDir: string | undefined;
  private serial = 0;

  /** Makes runners ahead, best while this process is still small: starting one takes the longer the larger we are. */
  warmUp(count: number): void {
    while (this.idle.length < Math.min(count, MOST_WARM)) this.idle.push(this.make());
  }

  start(request: ProgramRequest): RunningProgram {
    let runner = this.idle.pop();
    while (runner?.gone) runner = this.idle.pop();
    return (runner ?? this.make()).start(request);
  }

  /** Ends every runner, and with them all that still runs. The pool may be used again. */
  stop(): void {
    for (const runner of this.all) runner.stop();
    this.all.clear();
    this.idle.length = 0;
    this.watchdog?.stdin?.end();
    this.watchdog = undefined;
    this.removeScripts();
  }

  /** Also where a second signal ends us at once: what is in memory stays there else. */
  private readonly removeScripts = (): void => {
    process.off('exit', this.removeScripts);
    if (this.scriptDir) rmSync(this.scriptDir, { recursive: true, force: true });
    this.scriptDir = undefined;
  };

  private make(): Runner {
    if (!this.scriptDir) {
      this.scriptDir = makeScriptDir();
      process.once('exit', this.removeScripts);
    }
    this.watchdog ??= startWatchdog(this.scriptDir);
    const { watchdog } = this;
    const runner = new Runner(
      join(this.scriptDir, `${++this.serial}.sh`),
      (free) => this.idle.push(free),
      (gone) => {
        if (this.all.delete(gone)) watchdog.stdin?.write(`- ${gone.pid}\n`);
      },
    );
    this.all.add(runner);
    watchdog.stdin?.write(`+ ${runner.pid}\n`);
    return runner;
  }
}

/** In memory where the system has a place for that: a long command is written there each time it is started. */
function makeScriptDir(): string {
  for (const place of ['/dev/shm', tmpdir()]) {
    try {
      return mkdtempSync(join(place, 'spanwright-runners-'));
    } catch {
      // Not on this system, or not for us.
    }
  }
  throw new UserError(`cannot make a folder in ${tmpdir()}`);
}

function startWatchdog(scriptDir: string): ChildProcess {
  const child = spawn('/bin/sh', ['-c', WATCHDOG, 'watchdog', scriptDir], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without a watchdog the build is the same; it is only missed if we are killed.
  child.on('error', () => {});
  child.stdin?.on('error', () => {});
  return child;
}
