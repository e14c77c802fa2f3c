/** A graph some of whose edges can be cut, a group at a time. */
export interface CuttableGraph {
  /** The edges of node i are `offsets[i] … offsets[i+1]-1`, an index into `targets` and `groups`. */
  readonly offsets: Uint32Array;
  readonly targets: Uint32Array;
  /** Of each edge: its group, or {@link NO_GROUP} where it cannot be cut. */
  readonly groups: Int32Array;
  /** What it costs to cut a group; more than 0. */
  readonly costs: readonly number[];
  /** 1 at nodes that no cycle may hold; other cycles may stay. */
  readonly work: Uint8Array;
}

export const NO_GROUP = -1;

/** Which nodes of a graph need each other, while groups are cut and joined again. */
export class CutComponents {
  /** By node: its component when {@link knotted} was last asked. */
  readonly component: Int32Array;
  /** How many edges were looked at so far: what the time goes into. */
  edgesSeen = 0;
  private readonly size: number;
  // Room for the search, made once: it runs thousands of times.
  private readonly index: Int32Array;
  private readonly low: Int32Array;
  private readonly nextEdge: Uint32Array;

  constructor(private readonly graph: CuttableGraph) {
    this.size = graph.offsets.length - 1;
    this.component = new Int32Array(this.size);
    this.index = new Int32Array(this.size);
    this.low = new Int32Array(this.size);
    this.nextEdge = new Uint32Array(this.size);
  }

  /** One work node of each component in which it stands on a cycle. Tarjan's algorithm, as in findKnots, but on edges that come and go. */
  knotted(cut: Uint8Array): number[] {
    const { offsets, targets, groups, work } = this.graph;
    const { size, component } = this;
    const { index, low, nextEdge } = this;
    index.fill(-1);
    const stack: number[] = [];
    const path: number[] = [];
    const found: number[] = [];
    let count = 0;
    let components = 0;
    component.fill(-1);
    this.edgesSeen += targets.length + size;
    for (let root = 0; root < size; root++) {
      if (index[root] !== -1) continue;
      path.push(root);
      while (path.length > 0) {
        const node = path[path.length - 1] as number;
        if (index[node] === -1) {
          index[node] = low[node] = count++;
          nextEdge[node] = offsets[node] as number;
          stack.push(node);
        }
        const edge = nextEdge[node] as number;
        if (edge < (offsets[node + 1] as number)) {
          nextEdge[node] = edge + 1;
          const group = groups[edge] as number;
          if (group !== NO_GROUP && cut[group] === 1) continue;
          const target = targets[edge] as number;
          if (index[target] === -1) path.push(target);
          else if (component[target] === -1) low[node] = Math.min(low[node] as number, index[target] as number);
          continue;
        }
        path.pop();
        const parent = path[path.length - 1];
        if (parent !== undefined) low[parent] = Math.min(low[parent] as number, low[node] as number);
        if (low[node] !== index[node]) continue;
        const first = stack.lastIndexOf(node);
        const members = stack.splice(first);
        for (const member of members) component[member] = components;
        components++;
        const worker = members.find((member) => work[member] === 1);
        if (worker !== undefined && (members.length > 1 || this.needsItself(worker, cut))) found.push(worker);
      }
    }
    return found;
  }

  /** Groups on a shortest cycle through a node, which there must be one of. */
  groupsOfCycle(start: number, cut: Uint8Array): number[] {
    const { offsets, targets, groups } = this.graph;
    const cameBy = new Map<number, { from: number; edge: number }>();
    const queue = [start];
    for (const node of queue) {
      const end = offsets[node + 1] as number;
      this.edgesSeen += end - (offsets[node] as number);
      for (let edge = offsets[node] as number; edge < end; edge++) {
        const group = groups[edge] as number;
        const target = targets[edge] as number;
        if ((group !== NO_GROUP && cut[group] === 1) || cameBy.has(target)) continue;
        cameBy.set(target, { from: node, edge });
        if (target !== start) {
          queue.push(target);
          continue;
        }
        const found = new Set<number>();
        for (let at = start; ; ) {
          const step = cameBy.get(at) as { from: number; edge: number };
          found.add(groups[step.edge] as number);
          at = step.from;
          if (at === start) break;
        }
        found.delete(NO_GROUP);
        return [...found];
      }
    }
    throw new Error(`Internal error: expected a cycle through node ${start}, found none`);
  }

  private needsItself(node: number, cut: Uint8Array): boolean {
    const { offsets, targets, groups } = this.graph;
    for (let edge = offsets[node] as number; edge < (offsets[node + 1] as number); edge++) {
      const group = groups[edge] as number;
      if (targets[edge] === node && (group === NO_GROUP || cut[group] === 0)) return true;
    }
    return false;
  }
}
