import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describeSystemError, UserError } from './user-error';

let serial = 0;

/**
 * Writes a whole file or nothing: beside its place first, then renamed over it. A reader never sees half a file, and a full
 * disk leaves the old one as it was.
 *
 * @throws UserError naming the path when it cannot be written
 */
export function writeFileAtomically(path: string, content: string | Uint8Array | Iterable<Uint8Array>): void {
  const beside = join(dirname(path), `.${basename(path)}.${process.pid}.${serial++}.tmp`);
  try {
    const fd = openSync(beside, 'w');
    try {
      if (typeof content === 'string') writeAll(fd, Buffer.from(content));
      else if (content instanceof Uint8Array) writeAll(fd, content);
      else for (const chunk of content) writeAll(fd, chunk);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    if (error instanceof UserError) throw error;
    throw new UserError(`cannot write ${path}: ${describeSystemError(error)}`);
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
