import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const CHUNK_BYTES = 64 * 1024;
/** The largest packages there are have lists of half a megabyte. */
const MOST_BYTES = 4 * 1024 * 1024;

/**
 * What a worker program says that it has built: the last line of its output, RPMs with commas between. Anything may stand above. Paths
 * are as the worker wrote them.
 *
 * One newline at the very end is forgiven; the toolkit takes it for an empty list. A last line that is no list of RPMs tells of nothing.
 */
export function readBuiltFiles(stdout: string): string[] {
  const files = lastLine(stdout)
    .split(',')
    .map((path) => path.trim())
    .filter((path) => path !== '');
  return files.every((path) => path.endsWith('.rpm')) ? [...new Set(files)] : [];
}

/** The last line of a file, whether a newline ends it or not. Empty where there is no such file. */
function lastLine(path: string): string {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    let at = fstatSync(fd).size;
    let bytes = Buffer.alloc(0);
    while (at > 0 && bytes.length < MOST_BYTES) {
      const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, at));
      at -= chunk.length;
      readSync(fd, chunk, 0, chunk.length, at);
      bytes = Buffer.concat([chunk, bytes]);
      // A newline within the last byte only ends the line.
      const newline = bytes.subarray(0, -1).lastIndexOf('\n');
      if (newline >= 0) return bytes.toString('utf8', newline + 1);
    }
    return at > 0 ? '' : bytes.toString('utf8');
  } finally {
    closeSync(fd);
  }
}
