import { CutComponents, type CuttableGraph, NO_GROUP } from './cut-components';

export interface Cuts {
  /** Ascending. Where `areCheapest`, each is needed: without it a cycle would be left. */
  readonly groups: readonly number[];
  /** Whether it is known that no other choice costs less. */
  readonly areCheapest: boolean;
}

/** How many edges may be looked at, about a second in a knot of hundreds of nodes, before the search for a better choice ends … */
const SEARCH_LIMIT = 1e7;
/** … and before a choice is no longer made with care, or thinned out. */
const GREEDY_LIMIT = 5e7;

/**
 * Groups to cut, at the least cost, so that no cycle through a work node is left: exact where the search comes to an end in time, else greedy.
 *
 * @returns undefined where cutting every group would leave a cycle
 */
export function cheapestCuts(graph: CuttableGraph): Cuts | undefined {
  return new CutSearch(graph).find();
}

class CutSearch {
  private readonly cut: Uint8Array;
  private readonly forbidden: Uint8Array;
  private best: number[] = [];
  private bestCost = Number.POSITIVE_INFINITY;
  private limit = GREEDY_LIMIT;
  private readonly components: CutComponents;

  constructor(private readonly graph: CuttableGraph) {
    this.cut = new Uint8Array(graph.costs.length);
    this.forbidden = new Uint8Array(graph.costs.length);
    this.components = new CutComponents(graph);
  }

  find(): Cuts | undefined {
    if (!this.cutGreedily()) return undefined;
    this.thinOut();
    this.best = this.chosen();
    this.bestCost = this.costOf(this.best);
    this.cut.fill(0);
    this.components.edgesSeen = 0;
    this.limit = SEARCH_LIMIT;
    this.branch(0);
    return { groups: this.best, areCheapest: this.components.edgesSeen <= this.limit };
  }

  /** In every component that is left, cuts the groups with most edges for their cost, until none is left. */
  private cutGreedily(): boolean {
    const { groups, costs } = this.graph;
    const { components, cut } = this;
    for (let knotted = components.knotted(cut); knotted.length > 0; knotted = components.knotted(cut)) {
      const edgesOf = new Map<number, Map<number, number>>(knotted.map((work) => [this.componentOf(work), new Map()]));
      this.eachInnerEdge((edge, component) => {
        const counts = edgesOf.get(component);
        const group = groups[edge] as number;
        if (group !== NO_GROUP && counts) counts.set(group, (counts.get(group) ?? 0) + 1);
      });
      for (const counts of edgesOf.values()) {
        if (counts.size === 0) return false;
        const worth = ([group, edges]: [number, number]) => edges / (costs[group] as number);
        const byWorth = [...counts].sort((a, b) => worth(b) - worth(a) || a[0] - b[0]);
        // Of many at a time some turn out not to be needed, but one at a time would take too long.
        const share = components.edgesSeen > this.limit ? byWorth.length : Math.ceil(byWorth.length / 1000);
        const taken = byWorth.slice(0, share);
        for (const [group] of taken) cut[group] = 1;
      }
    }
    return true;
  }

  /** Leaves out what is not needed, the dearest first. */
  private thinOut(): void {
    const { costs } = this.graph;
    const byCost = this.chosen().sort((a, b) => (costs[b] as number) - (costs[a] as number) || b - a);
    for (const group of byCost) {
      if (this.components.edgesSeen > this.limit) return;
      this.cut[group] = 0;
      if (this.components.knotted(this.cut).length > 0) this.cut[group] = 1;
    }
  }

  /** Of some cycle one group must be cut: tries each in turn, and what was tried stays uncut afterwards. */
  private branch(cost: number): void {
    const { cycle, bound } = this.lowerBound(this.bestCost - cost);
    if (cycle === undefined) {
      if (cost < this.bestCost) {
        this.best = this.chosen();
        this.bestCost = cost;
      }
      return;
    }
    if (cost + bound >= this.bestCost) return;
    const { costs } = this.graph;
    const choices = cycle.sort((a, b) => (costs[a] as number) - (costs[b] as number) || a - b);
    for (const group of choices) {
      if (this.components.edgesSeen > this.limit) break;
      this.cut[group] = 1;
      this.branch(cost + (costs[group] as number));
      this.cut[group] = 0;
      this.forbidden[group] = 1;
    }
    for (const group of choices) this.forbidden[group] = 0;
  }

  /** Cycles that share no group must each be cut on their own: what that costs at least, and the groups of the first of them. */
  private lowerBound(enough: number): { cycle: number[] | undefined; bound: number } {
    const { components } = this;
    const { costs } = this.graph;
    const cut = this.cut.slice();
    let cycle: number[] | undefined;
    let bound = 0;
    for (let knotted = components.knotted(cut); knotted.length > 0; knotted = components.knotted(cut)) {
      if (components.edgesSeen > this.limit) return { cycle: [], bound: Number.POSITIVE_INFINITY };
      const before = cut.slice();
      for (const work of knotted) {
        const all = components.groupsOfCycle(work, before);
        if (all.some((group) => cut[group] === 1)) continue;
        const open = all.filter((group) => this.forbidden[group] === 0);
        cycle ??= open;
        bound += open.reduce((least, group) => Math.min(least, costs[group] as number), Number.POSITIVE_INFINITY);
        if (bound >= enough) return { cycle, bound };
        for (const group of all) cut[group] = 1;
      }
    }
    return { cycle, bound };
  }

  private chosen(): number[] {
    return [...this.cut.keys()].filter((group) => this.cut[group] === 1);
  }

  private costOf(groups: readonly number[]): number {
    return groups.reduce((sum, group) => sum + (this.graph.costs[group] as number), 0);
  }

  private componentOf(node: number): number {
    return this.components.component[node] as number;
  }

  private eachInnerEdge(see: (edge: number, component: number) => void): void {
    const { offsets, targets, groups, work } = this.graph;
    for (let node = 0; node < work.length; node++) {
      for (let edge = offsets[node] as number; edge < (offsets[node + 1] as number); edge++) {
        const group = groups[edge] as number;
        const isCut = group !== NO_GROUP && this.cut[group] === 1;
        if (!isCut && this.componentOf(targets[edge] as number) === this.componentOf(node))
          see(edge, this.componentOf(node));
      }
    }
  }
}
