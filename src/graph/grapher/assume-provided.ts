import type { Graph, NodeRecord } from '../graph';
import { type NodeId, NodeState, NodeType } from '../node';
import { versionedNameOf } from '../node-text';
import type { VersionedName } from '../versions/versions';

/**
 * How a name is there that nobody in the graph provides:
 * - `settled`: nothing else will provide it.
 * - `until-built`: a package that turns out to provide it once it is built goes first, and the name waits to see whether there is one.
 */
export type Provision = 'settled' | 'until-built';

/** Nodes that stand for what nobody in the graph provides, and nobody elsewhere yet. */
export function unresolvedNodes(graph: Graph): NodeId[] {
  const nodes: NodeId[] = [];
  for (let node = 0; node < graph.size; node++) {
    if (graph.types[node] === NodeType.RemoteRun && graph.states[node] === NodeState.Unresolved) nodes.push(node);
  }
  return nodes;
}

/**
 * The graph with some unresolved names regarded as there: their nodes become Cached, without a file. A name that is settled is not implicit any
 * more, or its dependents would wait for some package to turn out to provide it.
 */
export function assumeProvided(
  graph: Graph,
  provisionOf: (wish: VersionedName) => Provision | undefined,
): { readonly graph: Graph; readonly assumed: readonly NodeId[] } {
  const replace = new Map<NodeId, NodeRecord>();
  for (const node of unresolvedNodes(graph)) {
    const provision = provisionOf(versionedNameOf(graph, node));
    if (!provision) continue;
    const implicit = provision === 'until-built' && graph.isImplicit(node);
    replace.set(node, { ...graph.record(node), state: NodeState.Cached, implicit });
  }
  return { graph: replace.size === 0 ? graph : graph.patched({ replace }), assumed: [...replace.keys()] };
}
