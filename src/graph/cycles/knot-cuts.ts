import { basename } from 'node:path';
import type { Graph } from '../graph';
import { type NodeId, NodeType } from '../node';
import { type Cuts, cheapestCuts } from './cheapest-cuts';
import { type CuttableGraph, NO_GROUP } from './cut-components';
import type { SrpmFiles } from './srpm-files';

/** A dependency of a build that would be cut, were RPM files on disk that are not. */
export interface BreakingNeed {
  /** File name of the SRPM whose build needs the package, or the label of the node that does. */
  readonly dependent: string;
  /** Name of the package, or of the meta node that stands for several. */
  readonly dependency: string;
  /** File name of the SRPM that it comes from; a meta node's packages may come from several. */
  readonly srpms: readonly string[];
  /** Paths of the RPMs of these SRPMs that are not on disk, sorted. */
  readonly missing: readonly string[];
  /** The nodes of the dependency: the LocalBuild nodes that have it … */
  readonly builds: readonly NodeId[];
  /** … and the LocalRun or PureMeta node. */
  readonly node: NodeId;
}

/** Searches that end before the whole of a large knot was looked at: a cycle is short by then, if perhaps not shortest. */
const CYCLE_LIMIT = 5e6;

/** Finds what would break a knot. */
export class KnotCuts {
  private readonly missingOf = new Map<string, readonly string[]>();
  /** By node: its number within the knot that is looked at, or -1. */
  private readonly local: Int32Array;

  constructor(
    private readonly graph: Graph,
    private readonly files: SrpmFiles,
    private readonly places: Uint32Array,
  ) {
    this.local = new Int32Array(graph.size).fill(-1);
  }

  /** How many RPM files are missing for a dependency to be cut; undefined where it cannot be, whatever is on disk. */
  costOf(dependent: NodeId, dependency: NodeId): number | undefined {
    if (this.graph.types[dependent] !== NodeType.LocalBuild) return undefined;
    const srpms = this.srpmsBehind(dependency);
    return srpms.length === 0 ? undefined : this.missing(srpms).length;
  }

  /** @param nodes in the order in which they are to be told */
  ofKnot(nodes: readonly NodeId[]): { cycle: NodeId[]; breakBy: BreakingNeed[]; isFewest: boolean } {
    for (const [i, node] of nodes.entries()) this.local[node] = i;
    const knot = this.edgesIn(nodes);
    const cycle = shortestBuildCycle(knot).map((i) => nodes[i] as NodeId);
    const { breakBy, isFewest } = this.breakBy(nodes, knot);
    for (const node of nodes) this.local[node] = -1;
    return { cycle, breakBy, isFewest };
  }

  /** First the SRPMs whose files are fewest, then the fewest dependencies on them: their other dependents may go on waiting. */
  private breakBy(nodes: readonly NodeId[], knot: LocalEdges): { breakBy: BreakingNeed[]; isFewest: boolean } {
    const sources = new Numbers<string>();
    const bySource = this.cuttable(knot, nodes, (_, node) => sources.of(this.srpmsBehind(node).join('\n')));
    const srpmsOf = sources.keys.map((key) => key.split('\n'));
    const providers = cheapestCuts({ ...bySource, costs: srpmsOf.map((srpms) => this.missing(srpms).length) });
    if (providers === undefined) return { breakBy: [], isFewest: true };
    const chosen = new Set(providers.groups.flatMap((group) => srpmsOf[group] as string[]));
    const keys = new Numbers<string>();
    const needs: { builds: NodeId[]; node: NodeId }[] = [];
    const byNeed = this.cuttable(knot, nodes, (build, node) => {
      if (!this.srpmsBehind(node).every((srpm) => chosen.has(srpm))) return NO_GROUP;
      const group = keys.of(`${this.graph.srpmPath(build) || build}\n${node}`);
      needs[group] ??= { builds: [], node };
      needs[group].builds.push(build);
      return group;
    });
    const cuts = cheapestCuts({ ...byNeed, costs: needs.map(() => 1) }) as Cuts;
    const breakBy = cuts.groups.map((group) => this.need(needs[group] as { builds: NodeId[]; node: NodeId }));
    // Where meta nodes stand for several SRPMs, a file may have been counted for more than one of them.
    const isFewest = providers.areCheapest && srpmsOf.every((srpms) => srpms.length === 1);
    return { breakBy, isFewest };
  }

  private need({ builds, node }: { builds: NodeId[]; node: NodeId }): BreakingNeed {
    const { graph } = this;
    const srpms = this.srpmsBehind(node);
    return {
      dependent: graph.label(builds[0] as NodeId),
      dependency: graph.field(node, 'name') || graph.label(node),
      srpms: srpms.map((srpm) => basename(srpm)),
      missing: this.missing(srpms),
      builds: [...builds].sort((a, b) => a - b),
      node,
    };
  }

  private srpmsBehind(node: NodeId): readonly string[] {
    const runs = this.files.runsBehind(node) ?? [];
    return runs.length === 1
      ? [this.graph.srpmPath(runs[0] as NodeId)]
      : [...new Set(runs.map((run) => this.graph.srpmPath(run)))].sort();
  }

  private missing(srpms: readonly string[]): readonly string[] {
    const key = srpms.join('\n');
    let missing = this.missingOf.get(key);
    if (missing === undefined) {
      missing = [...new Set(srpms.flatMap((srpm) => this.files.missingOf(srpm)))].sort();
      this.missingOf.set(key, missing);
    }
    return missing;
  }

  private cuttable(
    knot: LocalEdges,
    nodes: readonly NodeId[],
    groupOf: (build: NodeId, dependency: NodeId) => number,
  ): Omit<CuttableGraph, 'costs'> {
    const groups = new Int32Array(knot.targets.length).fill(NO_GROUP);
    for (const [i, build] of nodes.entries()) {
      for (let edge = knot.offsets[i] as number; edge < (knot.offsets[i + 1] as number); edge++) {
        const dependency = nodes[knot.targets[edge] as number] as NodeId;
        if (this.costOf(build, dependency) !== undefined) groups[edge] = groupOf(build, dependency);
      }
    }
    return { ...knot, groups };
  }

  /** The dependencies within a knot, but for those that can be cut as it is. */
  private edgesIn(nodes: readonly NodeId[]): LocalEdges {
    const { graph, local, places } = this;
    const offsets = new Uint32Array(nodes.length + 1);
    const targets: number[] = [];
    for (const [i, node] of nodes.entries()) {
      const inside = [...graph.dependenciesOf(node)].filter((other) => local[other] !== -1);
      inside.sort((a, b) => (places[a] as number) - (places[b] as number));
      for (const other of inside) if (this.costOf(node, other) !== 0) targets.push(local[other] as number);
      offsets[i + 1] = targets.length;
    }
    return { offsets, targets: Uint32Array.from(targets), work: Uint8Array.from(nodes, (node) => +graph.isWork(node)) };
  }
}

interface LocalEdges {
  readonly offsets: Uint32Array;
  readonly targets: Uint32Array;
  readonly work: Uint8Array;
}

/** Numbers keys as they come. */
class Numbers<K> {
  readonly keys: K[] = [];
  private readonly numbers = new Map<K, number>();

  of(key: K): number {
    let number = this.numbers.get(key);
    if (number === undefined) {
      number = this.keys.push(key) - 1;
      this.numbers.set(key, number);
    }
    return number;
  }
}

function shortestBuildCycle({ offsets, targets, work }: LocalEdges): number[] {
  const size = work.length;
  const cameFrom = new Int32Array(size);
  let shortest: number[] = [];
  let edgesSeen = 0;
  for (let start = 0; start < size; start++) {
    if (work[start] === 0) continue;
    if (shortest.length > 0 && edgesSeen > CYCLE_LIMIT) break;
    cameFrom.fill(-1);
    edgesSeen += size;
    const queue = [start];
    search: for (const node of queue) {
      for (let edge = offsets[node] as number; edge < (offsets[node + 1] as number); edge++) {
        edgesSeen++;
        const target = targets[edge] as number;
        if (target !== start && cameFrom[target] !== -1) continue;
        cameFrom[target] = node;
        if (target !== start) {
          queue.push(target);
          continue;
        }
        const cycle = [start];
        for (let at = node; at !== start; at = cameFrom[at] as number) cycle.push(at);
        cycle.push(start);
        if (shortest.length === 0 || cycle.length < shortest.length) shortest = cycle.reverse();
        break search;
      }
    }
  }
  return shortest;
}
