import type { Graph } from '../graph';
import type { NodeId } from '../node';

/** Whether no node needs itself, however far around. O(n + e), without the dependents. */
export function isAcyclic(graph: Graph): boolean {
  const { offsets, targets } = graph.dependencies;
  const dependentsLeft = new Uint32Array(graph.size);
  for (const target of targets) dependentsLeft[target]!++;
  const ready: NodeId[] = [];
  for (let node = 0; node < graph.size; node++) if (dependentsLeft[node] === 0) ready.push(node);
  let taken = 0;
  for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
    taken++;
    for (let edge = offsets[node] as number; edge < (offsets[node + 1] as number); edge++) {
      const target = targets[edge] as NodeId;
      if (--dependentsLeft[target]! === 0) ready.push(target);
    }
  }
  return taken === graph.size;
}

/**
 * Strongly connected components of more than one node, or of one that needs itself: each is a knot of cycles. Largest first,
 * the nodes of each ascending. Tarjan's algorithm without recursion: O(n + e).
 *
 * @param follows which dependencies count. Default: all
 */
export function findKnots(graph: Graph, follows?: (dependent: NodeId, dependency: NodeId) => boolean): NodeId[][] {
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
        if (follows !== undefined && !follows(node, target)) continue;
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
      const needsItself = () => graph.dependenciesOf(node).includes(node) && (follows?.(node, node) ?? true);
      if (members.length > 1 || needsItself()) knots.push(members.sort((a, b) => a - b));
    }
  }
  return knots.sort((a, b) => b.length - a.length || (a[0] as number) - (b[0] as number));
}

/** A cycle in the toolkit's words, which tell it against the dependencies: `{a} --> {b} --> {a}` where b needs a, and a needs b. */
export function toolkitCycleText(graph: Graph, cycle: readonly NodeId[]): string {
  return cycle
    .map((node) => `{${graph.friendlyName(node)}}`)
    .reverse()
    .join(' --> ');
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
