import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { RunTool } from '../../../rpm/run-tool';
import { describeSystemError } from '../../../util/user-error';
import type { Failure } from '../../failure';

/** When to write the repository's index, so that dnf and tdnf can install what was built. */
export type CreateRepo = 'auto' | 'always' | 'never';

/**
 * Moves RPMs, which lie in a folder by architecture, into the folder of RPMs on the same disk. Each is there whole or not at
 * all; none is there before all of the package are built.
 *
 * @returns their paths, or the failure
 */
export function placeRpms(from: string, rpmDir: string): string[] | Failure {
  const names = readdirSync(from, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.rpm'));
  const placed: string[] = [];
  for (const name of names.sort()) {
    const path = join(rpmDir, name);
    try {
      mkdirSync(dirname(path), { recursive: true });
      renameSync(join(from, name), path);
    } catch (error) {
      return { reason: 'output-missing', path: `${path} (${describeSystemError(error)})` };
    }
    placed.push(path);
  }
  return placed;
}

/** @throws Error where it cannot be written though it was asked for, or the program is there and failed */
export async function createRepository(rpmDir: string, when: CreateRepo, runTool: RunTool): Promise<void> {
  if (when === 'never') return;
  const argv = ['createrepo_c', '--quiet', '--update', '--excludes', '*/.spanwright-*', rpmDir];
  const { code, stderr } = await runTool(argv);
  if (code === 0 || (when === 'auto' && code === 127)) return;
  const why = code === 127 ? 'createrepo_c is not installed' : stderr.trim().split('\n').at(-1);
  throw new Error(`cannot index the RPMs in ${rpmDir}: ${why}`);
}
