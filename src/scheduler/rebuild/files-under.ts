import { type Dirent, readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describeSystemError } from '../../util/user-error';

/** A folder with more files than this is no input: looking through it would take longer than most builds. */
export const MOST_FILES = 100_000;

/** Folders that change whenever anybody looks at them. */
const LEFT_OUT = new Set(['.git', '.spanwright']);

export interface FolderContent {
  readonly files: readonly string[];
  /** Links that lead to no file, and where they lead. */
  readonly links: readonly (readonly [path: string, target: string])[];
  /** Why it could not be looked through, with the path. */
  readonly problem?: string;
}

/** All files below a folder, at any depth, but for `.git` and `.spanwright`. Folders behind links are not followed. */
export function filesUnder(folder: string): FolderContent {
  const files: string[] = [];
  const links: (readonly [string, string])[] = [];
  const open = [folder];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    let entries: Dirent[];
    try {
      entries = readdirSync(at, { withFileTypes: true });
    } catch (error) {
      return { files, links, problem: `${at}: ${describeSystemError(error)}` };
    }
    for (const entry of entries) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) {
        if (!LEFT_OUT.has(entry.name)) open.push(path);
      } else if (entry.isSymbolicLink() && !leadsToFile(path)) {
        links.push([path, readlinkSync(path)]);
      } else if (entry.isFile() || entry.isSymbolicLink()) {
        files.push(path);
      }
      if (files.length > MOST_FILES) return { files, links, problem: `${folder}: has more than ${MOST_FILES} files` };
    }
  }
  return { files, links };
}

function leadsToFile(link: string): boolean {
  try {
    return statSync(link).isFile();
  } catch {
    // It leads nowhere, in a circle, or to where we may not look.
    return false;
  }
}
