import type { Graph } from '../graph';
import { type NodeId, NodeType } from '../node';
import { compareVersions, parseVersion } from '../versions/versions';

/** Of one package version: the toolkit's grapher makes its nodes in this order. */
const TYPE_ORDER: readonly NodeType[] = [
  NodeType.LocalRun,
  NodeType.LocalBuild,
  NodeType.Test,
  NodeType.PreBuilt,
  NodeType.RemoteRun,
  NodeType.PureMeta,
  NodeType.Goal,
];

/**
 * The nodes by name (or the id that a person gave), version and type, nodes without a name last: the order in which the toolkit's grapher
 * numbers what it makes. Their own numbers count only where all else is equal, so that a graph is searched alike however its file is sorted.
 */
export function contentOrder(graph: Graph): Uint32Array {
  const { ranks, count } = nameRanks(graph);
  const starts = new Uint32Array(count + 1);
  for (const rank of ranks) starts[rank + 1]!++;
  for (let rank = 0; rank < count; rank++) starts[rank + 1]! += starts[rank] as number;
  const order = new Uint32Array(graph.size);
  const fill = starts.slice();
  for (let node = 0; node < graph.size; node++) order[fill[ranks[node] as number]!++] = node;
  // The last rank is that of nodes without a name: nothing tells them apart but their numbers, which they are in the order of.
  for (let rank = 0; rank < count - 1; rank++) {
    const [start, end] = [starts[rank] as number, starts[rank + 1] as number];
    if (end - start > 1) order.subarray(start, end).sort((a, b) => compareNamesakes(graph, a, b));
  }
  return order;
}

/** For each node the place of its name among all names. */
function nameRanks(graph: Graph): { ranks: Uint32Array; count: number } {
  const { columns, strings } = graph.parts;
  const { name, key } = columns;
  const texts = new Uint32Array(graph.size);
  for (let node = 0; node < graph.size; node++) {
    const type = graph.types[node];
    if (type === NodeType.Goal || type === NodeType.PureMeta) continue;
    texts[node] = name?.[node] || key?.[node] || 0;
  }
  const used = [...new Set(texts)].filter((text) => text !== 0);
  used.sort((a, b) => ((strings[a] as string) < (strings[b] as string) ? -1 : 1));
  const rankOf = new Uint32Array(strings.length);
  used.forEach((text, rank) => {
    rankOf[text] = rank;
  });
  rankOf[0] = used.length;
  return { ranks: texts.map((text) => rankOf[text] as number), count: used.length + 1 };
}

function compareNamesakes(graph: Graph, a: NodeId, b: NodeId): number {
  const [versionA, versionB] = [graph.field(a, 'version'), graph.field(b, 'version')];
  return (
    (versionA === versionB ? 0 : compareVersions(parseVersion(versionA), parseVersion(versionB))) ||
    compareTexts(versionA, versionB) ||
    TYPE_ORDER.indexOf(graph.type(a)) - TYPE_ORDER.indexOf(graph.type(b)) ||
    compareTexts(graph.field(a, 'srpmPath'), graph.field(b, 'srpmPath')) ||
    compareTexts(graph.field(a, 'rpmPath'), graph.field(b, 'rpmPath')) ||
    a - b
  );
}

function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
