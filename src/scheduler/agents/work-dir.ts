import { lstatSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { BuildContext, BuildRequest } from '../agent';

/**
 * A folder below which the worker can make the package's chroot: the common one, or, where the chroot is there already, a new one below
 * it. The worker refuses a chroot that is there. One may be left by an attempt with `--no-cleanup` or by a run that was killed; it is
 * never removed, as it may hold mounts of the host's folders.
 *
 * @throws where the folder cannot be made
 */
export function freeWorkDir(workDir: string, request: BuildRequest, context: BuildContext): string {
  const chroot = chrootName(request);
  if (!isThere(join(workDir, chroot))) return workDir;
  for (let n = request.attempt; ; n++) {
    const other = join(workDir, `attempt-${n}`);
    if (isThere(join(other, chroot))) continue;
    mkdirSync(other, { recursive: true });
    context.emit({
      type: 'notice',
      time: context.clock.now(),
      level: 'warning',
      message: `The chroot ${join(workDir, chroot)} is there already, left by an earlier attempt or run: attempt ${request.attempt} of ${request.label} uses ${join(other, chroot)}`,
    });
    return other;
  }
}

/** The worker's name for the chroot of a package, and of its tests. */
function chrootName({ graph, node, kind }: BuildRequest): string {
  return `${basename(graph.srpmPath(node), '.src.rpm')}${kind === 'test' ? '_TEST_BUILD' : ''}`;
}

/** Also a link that leads nowhere. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
