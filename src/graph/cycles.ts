import type { Graph } from './graph';
import type { NodeId } from './node';

/**
 * Strongly connected components of more than one node, or of one that needs itself: each is a knot of cycles. Largest first,
 * the nodes of each ascending. Tarjan's algorithm without recursion: O(n + e).
 */
export function findKnots(graph: Graph): NodeId[][] {
  const { offsets, targets } = graph.dependencies;
  const index = new Int32Array(graph.size).fill(-1);
  const low = new Int32Array(graph.size);
  const onStack = new Uint8Array(graph.size);
  const nextEdge = new Uint32Array(graph.size);
  const stack: NodeId[] = [];
  const path: NodeId[] = [];
  const knots: NodeId[][] = [];
  let count = 0;
  for (let root = 0; root < graph.size; root++) {
    if (index[root] !== -1) continue;
    path.push(root);
    while (path.length > 0) {
      const node = path[path.length - 1] as NodeId;
      if (index[node] === -1) {
        index[node] = low[node] = count++;
        nextEdge[node] = offsets[node] as number;
        stack.push(node);
        onStack[node] = 1;
      }
      const edge = nextEdge[node] as number;
      if (edge < (offsets[node + 1] as number)) {
        nextEdge[node] = edge + 1;
        const target = targets[edge] as number;
        if (index[target] === -1) path.push(target);
        else if (onStack[target] === 1) low[node] = Math.min(low[node] as number, index[target] as number);
        continue;
      }
      path.pop();
      const parent = path[path.length - 1];
      if (parent !== undefined) low[parent] = Math.min(low[parent] as number, low[node] as number);
      if (low[node] !== index[node]) continue;
      const members: NodeId[] = [];
      let member: NodeId;
      do {
        member = stack.pop() as NodeId;
        onStack[member] = 0;
        members.push(member);
      } while (member !== node);
      if (members.length > 1 || graph.dependenciesOf(node).includes(node)) knots.push(members.sort((a, b) => a - b));
    }
  }
  return knots.sort((a, b) => b.length - a.length || (a[0] as number) - (b[0] as number));
}

/** A shortest cycle through the first node of a knot: each node needs the next, the last is the first again. */
export function cycleIn(graph: Graph, knot: readonly NodeId[]): NodeId[] {
  const inside = new Set(knot);
  const start = knot[0] as NodeId;
  const path = shortestPath(
    graph,
    start,
    (node) => node === start,
    (node) => inside.has(node),
  );
  if (!path) throw new Error(`Internal error: expected a cycle through node ${start}, found none`);
  return path;
}

/**
 * A shortest way along dependencies from a node to one that is wanted, at least one step long; undefined where there is none.
 */
export function shortestPath(
  graph: Graph,
  from: NodeId,
  wanted: (node: NodeId) => boolean,
  allowed: (node: NodeId) => boolean = () => true,
): NodeId[] | undefined {
  const cameFrom = new Map<NodeId, NodeId>();
  let frontier: NodeId[] = [from];
  while (frontier.length > 0) {
    const next: NodeId[] = [];
    for (const node of frontier) {
      for (const dependency of graph.dependenciesOf(node)) {
        if (wanted(dependency)) {
          const path = [dependency, node];
          for (let at = node; at !== from; at = path.at(-1) as NodeId) path.push(cameFrom.get(at) as NodeId);
          return path.reverse();
        }
        if (dependency === from || cameFrom.has(dependency) || !allowed(dependency)) continue;
        cameFrom.set(dependency, node);
        next.push(dependency);
      }
    }
    frontier = next;
  }
  return undefined;
}
