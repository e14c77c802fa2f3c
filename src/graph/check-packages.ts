import { count } from '../util/words';
import { subgraph } from './goals';
import type { Graph } from './graph';
import type { NodeId } from './node';
import { PackageLookup } from './package-lookup';
import type { VersionOrder } from './versions/versions';

/** Something about a graph that a person may want to read. */
export interface GraphNotice {
  readonly level: 'debug' | 'warning';
  readonly message: string;
}

export interface CheckedPackages {
  /** The same graph where nothing had to be dropped. */
  readonly graph: Graph;
  readonly lookup: PackageLookup;
  /** Numbers of the old graph's nodes in the new one; undefined where it is the same. */
  readonly numberOf: ReadonlyMap<NodeId, NodeId> | undefined;
  readonly notices: readonly GraphNotice[];
}

/** More is not read by anybody. */
const MAX_NAMED = 5;

/**
 * The graph as the toolkit takes it: without builds that nothing installs and nothing tests (parts of a circle that a sub-graph left behind),
 * and with a word about nodes that cannot be found by name.
 */
export function checkPackages(graph: Graph, order: VersionOrder = 'toolkit'): CheckedPackages {
  const lookup = new PackageLookup(graph, order);
  const notices: GraphNotice[] = lookup.leftOut
    .slice(0, MAX_NAMED)
    .map(({ why }) => ({ level: 'warning', message: `Left out of the search by name: ${why}` }));
  const more = lookup.leftOut.length - MAX_NAMED;
  if (more > 0)
    notices.push({ level: 'warning', message: `Left out of the search by name: ${count(more, 'more node')}` });
  const orphans = new Set<NodeId>();
  for (const { build, run, test } of lookup.entries()) {
    if (build !== undefined && run === undefined && test === undefined) orphans.add(build);
  }
  if (orphans.size === 0) return { graph, lookup, numberOf: undefined, notices };
  for (const node of orphans) {
    notices.push({
      level: 'debug',
      message: `Lookup for ${graph.field(node, 'name')} has neither a run node nor a test node. Lost in a cycle fix? Removing it`,
    });
  }
  const kept = Array.from({ length: graph.size }, (_, node) => node).filter((node) => !orphans.has(node));
  const part = subgraph(graph, kept);
  return { ...part, lookup: new PackageLookup(part.graph, order), notices };
}
