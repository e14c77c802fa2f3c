import { constants } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describeSystemError } from '../../util/user-error';
import type { BuildContext, BuildRequest } from '../agent';
import { type Failure, isWorthRetrying } from '../failure';

/** Where the toolkit has the log of a package, and that of its tests. Each attempt overwrites it. */
export function logPathOf({ graph, node, kind }: BuildRequest, logsDir: string): string {
  return join(logsDir, `${basename(graph.srpmPath(node))}${kind === 'test' ? '.test' : ''}.log`);
}

/**
 * Keeps the log of a failed attempt: of tests that failed as `<srpm>-FAILED_TEST-<unix ms>.log`, as the toolkit does, and of another
 * attempt that may be followed by one as `….attempt-<n>.log`.
 *
 * @returns where the attempt's log stays
 */
export async function keepLog(
  request: BuildRequest,
  context: BuildContext,
  logPath: string,
  failure: Failure,
): Promise<string> {
  const { attempt, attempts = attempt, label } = request;
  const mayBeOverwritten = attempt < attempts && !context.signal.aborted && isWorthRetrying(failure);
  const now = context.clock.now();
  let kept: string;
  if (failure.reason === 'check-failed') kept = logPath.replace(/\.test\.log$/, `-FAILED_TEST-${Math.floor(now)}.log`);
  else if (mayBeOverwritten) kept = logPath.replace(/\.log$/, `.attempt-${attempt}.log`);
  else return logPath;
  try {
    await copyFile(logPath, kept, constants.COPYFILE_FICLONE);
  } catch (error) {
    // A worker that fails early has no log.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      const message = `cannot keep the log of attempt ${attempt} of ${label} as ${kept}: ${describeSystemError(error)}`;
      context.emit({ type: 'notice', time: now, level: 'warning', message });
    }
    return logPath;
  }
  return mayBeOverwritten ? kept : logPath;
}
