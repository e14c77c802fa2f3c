import type { Graph } from '../graph';
import { type NodeId, NodeType } from '../node';
import { versionedNameOf } from '../node-text';
import { type PackageEntry, PackageLookup } from '../package-lookup';
import { type VersionedName, versionedNameText } from './versions';

/** A look-up that the two orders of versions answer differently. */
export interface VersionDifference {
  readonly wanted: VersionedName;
  /** The node that the toolkit's order chooses; undefined where nothing satisfies. */
  readonly toolkit: NodeId | undefined;
  /** The node that rpm's order chooses. */
  readonly rpm: NodeId | undefined;
}

/**
 * The look-ups that rpm's order of versions answers otherwise than the toolkit's: the highest version of each name, and what would satisfy
 * each package from elsewhere. Each name is looked up once for each way in which its version is wanted.
 */
export function versionDifferences(
  graph: Graph,
  [toolkit, rpm]: readonly [PackageLookup, PackageLookup] = [new PackageLookup(graph), new PackageLookup(graph, 'rpm')],
): VersionDifference[] {
  const differences: VersionDifference[] = [];
  const seen = new Set<string>();
  for (const wanted of lookUps(graph)) {
    const text = versionedNameText(wanted);
    if (seen.has(text)) continue;
    seen.add(text);
    const [a, b] = [nodeOf(toolkit.bestMatch(wanted)), nodeOf(rpm.bestMatch(wanted))];
    if (a !== b) differences.push({ wanted, toolkit: a, rpm: b });
  }
  return differences;
}

/** The differences in words, at most so many of them. */
export function describeVersionDifferences(
  graph: Graph,
  differences: readonly VersionDifference[],
  limit = 10,
): string[] {
  if (differences.length === 0) return [];
  const text = (node: NodeId | undefined) => (node === undefined ? 'nothing' : describe(graph, node));
  const lines = differences
    .slice(0, limit)
    .map(
      (difference) =>
        `\t${inWords(difference.wanted)}: ${text(difference.rpm)} by rpm's order, ${text(difference.toolkit)} by the toolkit's`,
    );
  const more = differences.length - limit;
  return [
    `rpm's order of versions chooses another package than the toolkit's for ${differences.length} of the look-ups in this graph:`,
    ...lines,
    ...(more > 0 ? [`\t...and ${more} more`] : []),
  ];
}

/** `zlib >= 1.2, < 2`. */
function inWords({ name, condition, version, sCondition, sVersion }: VersionedName): string {
  const half = (c: string, v: string) => (v === '' ? '' : ` ${c || '='} ${v}`);
  const [first, second] = [half(condition, version), half(sCondition, sVersion)];
  return `${name}${first}${first && second && ','}${second}`;
}

function describe(graph: Graph, node: NodeId): string {
  const from = graph.type(node) === NodeType.RemoteRun ? ' from elsewhere' : '';
  return `'${inWords(versionedNameOf(graph, node))}'${from}`;
}

function* lookUps(graph: Graph): Generator<VersionedName> {
  const anyVersion = { version: '', condition: '', sVersion: '', sCondition: '' };
  for (let node = 0; node < graph.size; node++) {
    if (!graph.hasPackage(node)) continue;
    const wanted = versionedNameOf(graph, node);
    yield { ...anyVersion, name: wanted.name };
    if (graph.type(node) === NodeType.RemoteRun) yield wanted;
  }
}

function nodeOf(entry: PackageEntry | undefined): NodeId | undefined {
  return entry?.run ?? entry?.build ?? entry?.test;
}
