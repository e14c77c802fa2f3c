import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Graph } from '../../../graph/graph';
import type { NodeId } from '../../../graph/node';
import { readRpmContent } from '../../../rpm/rpm-content';
import { describeSystemError } from '../../../util/user-error';
import type { Failure } from '../../failure';
import { makeFolder } from './rpmbuild-scratch';

/** A package as a spec file and the folder of its sources. */
export interface SpecSource {
  readonly specPath: string;
  readonly sourceDir: string;
}

/** The spec file and sources of a node, where the graph names them and they are there. */
export function specSourceOf(graph: Graph, node: NodeId): SpecSource | undefined {
  const specPath = graph.field(node, 'specPath');
  const sourceDir = graph.field(node, 'sourceDir');
  return specPath !== '' && sourceDir !== '' && existsSync(specPath) && existsSync(sourceDir)
    ? { specPath: resolve(specPath), sourceDir: resolve(sourceDir) }
    : undefined;
}

/**
 * Whether an SRPM must be packed: it is not there, the spec file or a file beside its sources is as new as it is or newer, or it
 * holds another text of one of them. Times alone do not tell: a file that is put back to what it was may have its old time.
 * A rebuild rule that looks at SRPMs sees a changed spec file only when the SRPM has been packed again.
 */
export function isSrpmStale(srpmPath: string, { specPath, sourceDir }: SpecSource): boolean {
  const packed = statSync(srpmPath, { throwIfNoEntry: false })?.mtimeMs;
  if (packed === undefined) return true;
  const names = readdirSync(sourceDir, { withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [entry.name] : [],
  );
  const files = [specPath, ...names.map((name) => join(sourceDir, name))];
  const isNewer = (path: string) => (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) >= packed;
  return files.some(isNewer) || holdsOthers(srpmPath, files);
}

function holdsOthers(srpmPath: string, files: readonly string[]): boolean {
  // An old rpm, or a damaged file, does not tell.
  const held = readRpmContent(srpmPath)?.sources;
  if (!held) return false;
  return files.some((path) => {
    const digest = held.get(basename(path));
    return digest !== undefined && existsSync(path) && digest !== sha256(path);
  });
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Puts the SRPM that `rpmbuild -bs` left in a folder into its place, whole or not at all. */
export function placeSrpm(from: string, srpmPath: string, specPath: string): Failure | undefined {
  const made = readdirSync(from).filter((name) => name.endsWith('.src.rpm'));
  const name = basename(srpmPath);
  if (!made.includes(name)) {
    const message = `${specPath} makes ${made.join(', ') || 'no SRPM'}, the graph says ${name}: make the graph again from the spec files`;
    return { reason: 'could-not-start', message };
  }
  try {
    makeFolder(dirname(srpmPath), 'folder of SRPMs');
    renameSync(join(from, name), srpmPath);
    return undefined;
  } catch (error) {
    return { reason: 'could-not-start', message: `cannot write ${srpmPath}: ${describeSystemError(error)}` };
  }
}
