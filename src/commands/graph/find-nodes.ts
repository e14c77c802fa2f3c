import { basename } from 'node:path';
import type { Graph } from '../../graph/graph';
import type { NodeId } from '../../graph/node';
import { specNameOf } from '../../graph/package-lookup';
import { UserError } from '../../util/user-error';
import { printable } from './show';

export const NAMES_NOTE = [
  'A node is named by its id (JSON), its number, its friendly name (zlib-1.3.1-1-RUN<Meta>), its package, its SRPM file or',
  'its spec. The first of these kinds that fits decides, and all nodes that it fits are meant. `zlib.spec` is always a spec.',
];

/** What a person may call a node by, the most exact first. */
const NAMINGS: readonly ((graph: Graph, node: NodeId) => string)[] = [
  (graph, node) => graph.field(node, 'key'),
  (_, node) => String(node),
  (graph, node) => graph.friendlyName(node),
  (graph, node) => graph.field(node, 'name'),
  (graph, node) => basename(graph.srpmPath(node)),
  specNameOf,
  (graph, node) => basename(graph.field(node, 'specPath')),
];

/**
 * All nodes that a name means; see {@link NAMES_NOTE}.
 *
 * @throws UserError with similar names, where it means none
 */
export function findNodes(graph: Graph, name: string, file: string): NodeId[] {
  for (const naming of name === '' ? [] : NAMINGS) {
    const found: NodeId[] = [];
    for (let node = 0; node < graph.size; node++) if (naming(graph, node) === name) found.push(node);
    if (found.length > 0) return found;
  }
  const similar = similarNames(graph, name).map(printable);
  const hint = similar.length > 0 ? `; similar: ${similar.join(', ')}` : '';
  throw new UserError(`no node, package, SRPM or spec is called '${printable(name)}'${hint}`, { file });
}

/** Likening takes the square of a name's length; no name is longer than this by a slip of the hand. */
const LONGEST_LIKENED_NAME = 200;

/** Up to three names that are few edits away from this one, or begin like it; the nearest first. */
function similarNames(graph: Graph, name: string): string[] {
  if (name.length > LONGEST_LIKENED_NAME) return [];
  const wanted = name.toLowerCase();
  const limit = Math.min(Math.max(2, Math.floor(wanted.length / 3)), wanted.length - 1);
  const distances = new Map<string, number>();
  for (const naming of NAMINGS) {
    for (let node = 0; node < graph.size; node++) {
      const candidate = naming(graph, node);
      if (candidate === '' || candidate === String(node) || distances.has(candidate)) continue;
      distances.set(candidate, distanceTo(candidate.toLowerCase(), wanted, limit));
    }
  }
  return [...distances]
    .filter(([, distance]) => distance <= limit)
    .sort(([a, near], [b, far]) => near - far || a.length - b.length || (a < b ? -1 : 1))
    .slice(0, 3)
    .map(([candidate]) => candidate);
}

/** A name's beginning counts as a name, but one edit further away. */
function distanceTo(candidate: string, wanted: string, limit: number): number {
  const whole = editDistance(wanted, candidate, limit);
  if (whole <= 1 || candidate.length <= wanted.length) return whole;
  return Math.min(whole, 1 + editDistance(wanted, candidate.slice(0, wanted.length), limit));
}

/** How many letters to put in, take out or change to make one text the other; Infinity where it is more than the limit. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    if (Math.min(...next) > limit) return Number.POSITIVE_INFINITY;
    row = next;
  }
  return row[b.length] as number;
}
