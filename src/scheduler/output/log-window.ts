import { type FileHandle, open } from 'node:fs/promises';

/** What is read of a file of output: all of it, or its two ends. */
export interface LogWindow {
  readonly lines: readonly string[];
  /** Where `lines` leave something out: before the line with this number, so many bytes. */
  readonly left: { readonly before: number; readonly bytes: number } | undefined;
}

const HEAD_BYTES = 256 * 1024;
const TAIL_BYTES = 4 * 1024 * 1024;

/**
 * The lines of a file; of a huge one those of its first and its last part, so that a flood of output costs no more memory than a
 * long build's. Undefined where the file is not there or cannot be read.
 */
export async function readLogWindow(
  path: string,
  headBytes = HEAD_BYTES,
  tailBytes = TAIL_BYTES,
): Promise<LogWindow | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch {
    return undefined;
  }
  try {
    const { size } = await file.stat();
    if (size <= headBytes + tailBytes) return { lines: linesOf(await read(file, 0, size)), left: undefined };
    const head = linesOf(await read(file, 0, headBytes));
    const tail = linesOf(await read(file, size - tailBytes, tailBytes));
    // Both parts are cut somewhere in a line.
    if (head.length > 1) head.pop();
    if (tail.length > 1) tail.shift();
    return { lines: [...head, ...tail], left: { before: head.length, bytes: size - headBytes - tailBytes } };
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}

async function read(file: FileHandle, from: number, bytes: number): Promise<string> {
  const buffer = Buffer.alloc(bytes);
  let length = 0;
  while (length < bytes) {
    const { bytesRead } = await file.read(buffer, length, bytes - length, from + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.toString('utf8', 0, length);
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}
