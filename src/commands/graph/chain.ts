import type { Adjacency, Graph } from '../../graph/graph';
import { type NodeId, NodeType } from '../../graph/node';
import { nameOf } from './show';

/** A shortest chain along edges from any of these nodes to a wanted one, at least one step long. */
export function shortestChain(
  { offsets, targets }: Adjacency,
  from: readonly NodeId[],
  wanted: (node: NodeId) => boolean,
): NodeId[] | undefined {
  const cameFrom = new Int32Array(offsets.length - 1).fill(-1);
  for (const node of from) cameFrom[node] = node;
  const queue = [...from];
  for (const node of queue) {
    for (const next of targets.subarray(offsets[node], offsets[node + 1])) {
      if (wanted(next)) return [...chainBack(cameFrom, node), next];
      if (cameFrom[next] !== -1) continue;
      cameFrom[next] = node;
      queue.push(next);
    }
  }
  return undefined;
}

function chainBack(cameFrom: Int32Array, end: NodeId): NodeId[] {
  const chain = [end];
  for (let node = end; cameFrom[node] !== node; ) {
    node = cameFrom[node] as NodeId;
    chain.push(node);
  }
  return chain.reverse();
}

export function chainText(graph: Graph, chain: readonly NodeId[]): string {
  const rows = chain.map((node, i) => [
    i === 0 ? 'from' : edgeKind(graph, chain[i - 1] as NodeId, node),
    nameOf(graph, node),
  ]);
  return rows.map(([kind, name]) => `${(kind as string).padEnd(15)}${name}\n`).join('');
}

/** Why one node needs another: in the words of spec files, where they have one. */
export function edgeKind(graph: Graph, dependent: NodeId, dependency: NodeId): string {
  switch (graph.type(dependent)) {
    case NodeType.LocalBuild:
      return graph.hasPackage(dependent) && !graph.command(dependent) ? 'BuildRequires' : 'needs';
    case NodeType.LocalRun:
      return graph.type(dependency) === NodeType.LocalBuild ? 'built by' : 'Requires';
    case NodeType.Test:
      return 'test';
    case NodeType.Goal:
      return 'goal';
    default:
      return 'needs';
  }
}
