import { closeSync, fsyncSync, openSync, realpathSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describeSystemError, UserError } from './user-error';

let serial = 0;

/**
 * Writes a whole file or nothing: beside its place first, then renamed over it. A reader never sees half a file, and a full
 * disk leaves the old one as it was. A link stays a link, and a pipe or device is written to as it is.
 *
 * @param options.sync wait until it is on the disk, so that it outlives a power cut too. Default: true
 * @throws UserError naming the path when it cannot be written
 */
export function writeFileAtomically(
  path: string,
  content: string | Uint8Array | Iterable<Uint8Array>,
  { sync = true }: { readonly sync?: boolean } = {},
): void {
  const chunks =
    typeof content === 'string' ? [Buffer.from(content)] : content instanceof Uint8Array ? [content] : content;
  try {
    const existing = statSync(path, { throwIfNoEntry: false });
    if (existing && !existing.isFile() && !existing.isDirectory()) writeChunks(path, chunks, false);
    else replace(existing ? realpathSync(path) : path, chunks, sync);
  } catch (error) {
    // What the system says is about the path. Anything else comes from whoever makes the content.
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new UserError(`cannot write ${path}: ${describeSystemError(error)}`);
  }
}

function replace(path: string, chunks: Iterable<Uint8Array>, sync: boolean): void {
  const beside = join(dirname(path), `.${process.pid}.${serial++}.tmp`);
  try {
    writeChunks(beside, chunks, sync);
    renameSync(beside, path);
  } catch (error) {
    try {
      rmSync(beside, { force: true });
    } catch {
      // Where it could not be made, there is nothing to remove.
    }
    throw error;
  }
}

function writeChunks(path: string, chunks: Iterable<Uint8Array>, sync: boolean): void {
  const fd = openSync(path, 'w');
  try {
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
    }
    if (sync) fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
