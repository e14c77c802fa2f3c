import type { Graph } from '../graph';
import type { NodeId } from '../node';

/**
 * The dependencies of a graph, to be changed one by one; a row that nobody changes stays in the flat array.
 *
 * Nodes go by their *place* in an order that the caller gives; each row is ascending by place. A new node gets the next place, which is also its
 * number in the patched graph.
 */
export class EditableEdges {
  private readonly offsets: Uint32Array;
  private readonly targets: Uint32Array;
  private readonly dependentOffsets: Uint32Array;
  private readonly dependentTargets: Uint32Array;
  private readonly changed: (number[] | undefined)[];
  /** Dependents that a place got later. */
  private readonly laterDependents = new Map<number, number[]>();
  private readonly firstNew: number;
  private nextPlace: number;

  constructor(
    graph: Graph,
    private readonly order: Uint32Array,
  ) {
    const size = graph.size;
    const places = new Uint32Array(size);
    for (let place = 0; place < size; place++) places[order[place] as number] = place;
    const { offsets, targets } = graph.dependencies;
    // Two transpositions leave both ways sorted by place.
    const dependentOffsets = new Uint32Array(size + 1);
    for (const target of targets) dependentOffsets[(places[target] as number) + 1]!++;
    for (let place = 0; place < size; place++) dependentOffsets[place + 1]! += dependentOffsets[place] as number;
    const dependents = new Uint32Array(targets.length);
    const fill = dependentOffsets.slice();
    this.offsets = new Uint32Array(size + 1);
    for (let place = 0; place < size; place++) {
      const node = order[place] as number;
      const [start, end] = [offsets[node] as number, offsets[node + 1] as number];
      this.offsets[place + 1] = (this.offsets[place] as number) + end - start;
      for (let i = start; i < end; i++) dependents[fill[places[targets[i] as number] as number]!++] = place;
    }
    this.targets = new Uint32Array(targets.length);
    fill.set(this.offsets);
    for (let place = 0; place < size; place++) {
      const end = dependentOffsets[place + 1] as number;
      for (let i = dependentOffsets[place] as number; i < end; i++) {
        this.targets[fill[dependents[i] as number]!++] = place;
      }
    }
    this.dependentOffsets = dependentOffsets;
    this.dependentTargets = dependents;
    this.changed = new Array(size);
    this.firstNew = size;
    this.nextPlace = size;
  }

  /** How many places there are, new ones included. */
  get size(): number {
    return this.nextPlace;
  }

  /** The number of the node at a place. */
  nodeAt(place: number): NodeId {
    return place < this.firstNew ? (this.order[place] as NodeId) : place;
  }

  /** How many dependencies a place has. */
  degree(place: number): number {
    return this.changed[place]?.length ?? (this.offsets[place + 1] as number) - (this.offsets[place] as number);
  }

  dependency(place: number, index: number): number {
    const row = this.changed[place];
    return (row === undefined ? this.targets[(this.offsets[place] as number) + index] : row[index]) as number;
  }

  /** Index of the first dependency of a place that is not below another place. */
  lowerBound(place: number, target: number): number {
    let low = 0;
    let high = this.degree(place);
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.dependency(place, middle) < target) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  has(dependent: number, dependency: number): boolean {
    const index = this.lowerBound(dependent, dependency);
    return index < this.degree(dependent) && this.dependency(dependent, index) === dependency;
  }

  dependentsOf(place: number): number[] {
    const dependents: number[] = [];
    if (place < this.firstNew) {
      const end = this.dependentOffsets[place + 1] as number;
      for (let i = this.dependentOffsets[place] as number; i < end; i++) {
        dependents.push(this.dependentTargets[i] as number);
      }
    }
    // What was removed since is still in these lists.
    return [...dependents, ...(this.laterDependents.get(place) ?? [])].filter((other) => this.has(other, place));
  }

  /** @returns whether there was such a dependency */
  remove(dependent: number, dependency: number): boolean {
    if (!this.has(dependent, dependency)) return false;
    this.editableRow(dependent).splice(this.lowerBound(dependent, dependency), 1);
    return true;
  }

  /** A new node; its dependencies and those who depend on it are there already. */
  addNode(dependents: Iterable<number>, dependencies: Iterable<number>): number {
    const place = this.nextPlace++;
    this.changed[place] = [...dependencies].sort((a, b) => a - b);
    for (const dependency of this.changed[place]) {
      const later = this.laterDependents.get(dependency);
      if (later === undefined) this.laterDependents.set(dependency, [place]);
      else later.push(place);
    }
    const waiting = [...dependents];
    // The newest place is the highest, so rows stay ascending.
    for (const dependent of waiting) this.editableRow(dependent).push(place);
    this.laterDependents.set(place, waiting);
    return place;
  }

  /** All changes against the graph, as pairs of node numbers. */
  changes(): { added: [NodeId, NodeId][]; removed: [NodeId, NodeId][] } {
    const added: [NodeId, NodeId][] = [];
    const removed: [NodeId, NodeId][] = [];
    this.changed.forEach((row, place) => {
      if (row === undefined) return;
      const node = this.nodeAt(place);
      const before = place < this.firstNew ? this.originalRow(place) : new Uint32Array();
      let at = 0;
      for (const target of row) {
        while (at < before.length && (before[at] as number) < target)
          removed.push([node, this.nodeAt(before[at++] as number)]);
        if (before[at] === target) at++;
        else added.push([node, this.nodeAt(target)]);
      }
      for (; at < before.length; at++) removed.push([node, this.nodeAt(before[at] as number)]);
    });
    return { added, removed };
  }

  private originalRow(place: number): Uint32Array {
    return this.targets.subarray(this.offsets[place], this.offsets[place + 1]);
  }

  private editableRow(place: number): number[] {
    const known = this.changed[place];
    if (known !== undefined) return known;
    const row = [...this.originalRow(place)];
    this.changed[place] = row;
    return row;
  }
}
