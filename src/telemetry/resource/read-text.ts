import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A small file of the system, or undefined where it cannot be read or says nothing. */
export function readText(root: string, path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
