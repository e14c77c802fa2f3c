import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../util/user-error';
import { type ProgramRequest, Runner, type RunningProgram } from './runner';

/**
 * Kills the process groups it has been told of when its stdin closes, which happens when we are gone, whatever the reason, and
 * removes the folders of scripts and of outputs. One line a change: `+ group` or `- group`.
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
rm -rf -- "$@"
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
  private folders: Folders | undefined;
  private outputs = 0;
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

  /** A new path for a file or folder that is of no use when we are gone, and is removed then, whatever ends us. */
  outputPath(name: string): string {
    if (!this.folders) this.warmUp(1);
    return join((this.folders as Folders).outputs, `${name}-${++this.outputs}`);
  }

  /** Ends every runner, and with them all that still runs. The pool may be used again. */
  stop(): void {
    for (const runner of this.all) runner.stop();
    this.all.clear();
    this.idle.length = 0;
    this.watchdog?.stdin?.end();
    this.watchdog = undefined;
    this.removeFolders();
  }

  /** Also where a second signal ends us at once: what is in memory stays there else. */
  private readonly removeFolders = (): void => {
    process.off('exit', this.removeFolders);
    for (const folder of Object.values(this.folders ?? {})) rmSync(folder, { recursive: true, force: true });
    this.folders = undefined;
  };

  private make(): Runner {
    if (!this.folders) {
      // Scripts in memory where the system has a place for that: a long command is written there each time it is started.
      this.folders = { scripts: makeFolder('runners', '/dev/shm', tmpdir()), outputs: makeFolder('outputs', tmpdir()) };
      process.once('exit', this.removeFolders);
    }
    this.watchdog ??= startWatchdog(this.folders);
    const { watchdog } = this;
    const runner = new Runner(
      join(this.folders.scripts, `${++this.serial}.sh`),
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

interface Folders {
  readonly scripts: string;
  /** For what programs print, which may be much. */
  readonly outputs: string;
}

/** In the first place where that can be done. */
function makeFolder(name: string, ...places: readonly string[]): string {
  for (const place of places) {
    try {
      return mkdtempSync(join(place, `spanwright-${name}-`));
    } catch {
      // Not on this system, or not for us.
    }
  }
  throw new UserError(`cannot make a folder in ${tmpdir()}`);
}

function startWatchdog({ scripts, outputs }: Folders): ChildProcess {
  const child = spawn('/bin/sh', ['-c', WATCHDOG, 'watchdog', scripts, outputs], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without a watchdog the build is the same; it is only missed if we are killed.
  child.on('error', () => {});
  child.stdin?.on('error', () => {});
  return child;
}
