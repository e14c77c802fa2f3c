import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describeSystemError, UserError } from '../util/user-error';

/**
 * The spec files in a folder and the folders below it, sorted by path. Folders that begin with a dot are left out.
 *
 * @throws UserError where there is none
 */
export function specFilesIn(folder: string): string[] {
  const found = walk(folder);
  if (found.length === 0)
    throw new UserError('there is no spec file in this folder, nor in those below it', { file: folder });
  return found.sort();
}

function walk(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name.startsWith('.') ? [] : walk(path);
      return entry.name.endsWith('.spec') ? [path] : [];
    });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`cannot look for spec files: ${describeSystemError(error)}`, { file: folder });
  }
}
