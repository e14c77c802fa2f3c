import { mkdirSync, mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { RunTool } from '../../../rpm/run-tool';
import { describeSystemError, UserError } from '../../../util/user-error';
import { entriesOf } from './sandbox';

const PREFIX = '.spanwright-';

/** Makes a folder, and those above it. */
export function makeFolder(path: string, what: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new UserError(`cannot make the ${what} ${path}: ${describeSystemError(error)}`);
  }
}

/** A folder for one run, below `parent`. Its name tells whose it is, so that what a killed run has left can be told from it. */
export function makeScratchFolder(parent: string, what: string): string {
  makeFolder(parent, what);
  try {
    return mkdtempSync(join(parent, `${PREFIX}${hostname()}-${process.pid}-`));
  } catch (error) {
    throw new UserError(`cannot make a folder in the ${what} ${parent}: ${describeSystemError(error)}`);
  }
}

/** Removes the scratch folders of runs on this machine that are no more. */
export async function sweepScratchFolders(parent: string, runTool: RunTool): Promise<void> {
  const ours = `${PREFIX}${hostname()}-`;
  for (const name of entriesOf(parent)) {
    const pid = name.startsWith(ours) ? Number(/^(\d+)-\w+$/.exec(name.slice(ours.length))?.[1]) : Number.NaN;
    if (pid > 0 && !isRunning(pid)) await removeTree(join(parent, name), runTool);
  }
}

/** Removes a folder, also where a build has left folders in it that may not be written to. */
export async function removeTree(path: string, runTool: RunTool): Promise<void> {
  const remove = () => rm(path, { recursive: true, force: true, maxRetries: 3 });
  try {
    await remove();
  } catch {
    await runTool(['chmod', '-R', 'u+rwX', path]);
    // What still stays is in nobody's way: names are never used twice.
    await remove().catch(() => {});
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
