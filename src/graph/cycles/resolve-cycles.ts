import { UserError } from '../../util/user-error';
import type { Graph, NodeRecord } from '../graph';
import { type NodeId, NodeState, NodeType } from '../node';
import { contentOrder } from './content-order';
import { CycleSearch } from './cycle-search';
import { isAcyclic, toolkitCycleText } from './cycles';
import { EditableEdges } from './editable-edges';
import { findStuckKnots, type KnotReport, knotsMessage } from './knot-report';
import { SrpmFiles } from './srpm-files';

/** How one cycle was taken away. Node numbers are those of the graph that came out; nodes of the one that went in keep theirs. */
export interface CycleFix {
  /**
   * - `run-only`: nothing in the cycle is built. Its nodes no longer need each other; who needed one of them now needs all, by way of a PureMeta node.
   * - `prebuilt`: a build now uses RPMs that are on disk already, which a PreBuilt node stands for.
   */
  readonly kind: 'run-only' | 'prebuilt';
  /** The cycle as it was found: each node needs the next, the last is the first again. */
  readonly cycle: readonly NodeId[];
  /** The node that was made. */
  readonly node: NodeId;
  /** The LocalRun node that the PreBuilt node is a clone of. */
  readonly original?: NodeId;
  /** The LocalBuild nodes, all of one SRPM, that need the PreBuilt node instead of the original. */
  readonly builds?: readonly NodeId[];
}

export interface ResolveCyclesOptions {
  /** Whether an RPM that a node names is there. Asked at most once for each path. */
  isOnDisk(rpmPath: string): boolean;
}

/** Cycles are left that neither collapse nor can be cut with what is on disk. Tells all of them. */
export class UnresolvableCyclesError extends UserError {
  /** Largest first. */
  readonly knots: readonly KnotReport[];

  constructor(knots: readonly KnotReport[]) {
    super(knotsMessage(knots));
    this.knots = knots;
  }
}

/**
 * Takes all cycles out of a graph by the toolkit's rules: a cycle of run nodes collapses, and a cycle through a build is cut where all RPMs of the
 * SRPM that the build waits for are on disk.
 *
 * Cycles are taken in the order in which a depth-first search meets them, nodes and dependencies by name and version, as in the toolkit's own
 * numbering. The result is the same for the same graph, and its nodes' numbers hardly matter.
 *
 * @returns the very same graph where it has no cycles
 * @throws UnresolvableCyclesError telling every knot of cycles that is left
 *
 * @example
 * ```ts
 * const { graph, fixes } = resolveCycles(readGraph('graph.dot'), { isOnDisk: existsSync });
 * ```
 */
export function resolveCycles(
  graph: Graph,
  options: ResolveCyclesOptions,
): { readonly graph: Graph; readonly fixes: readonly CycleFix[] } {
  if (isAcyclic(graph)) return { graph, fixes: [] };
  return new CycleResolver(graph, (path) => options.isOnDisk(path)).resolve();
}

class CycleResolver {
  private readonly edges: EditableEdges;
  private readonly places: Uint32Array;
  private readonly files: SrpmFiles;
  private readonly made: NodeRecord[] = [];
  private readonly fixes: CycleFix[] = [];
  /** By place: the meta node that the place became a member of last. */
  private readonly metaOf = new Map<number, number>();

  constructor(
    private readonly graph: Graph,
    isOnDisk: (rpmPath: string) => boolean,
  ) {
    const order = contentOrder(graph);
    this.edges = new EditableEdges(graph, order);
    this.places = new Uint32Array(graph.size);
    for (const [place, node] of order.entries()) this.places[node] = place;
    this.files = new SrpmFiles(graph, isOnDisk);
  }

  resolve(): { graph: Graph; fixes: CycleFix[] } {
    const search = new CycleSearch(this.edges);
    for (let cycle = search.next(); cycle !== undefined; cycle = search.next()) {
      const holdsWork = cycle.some((place) => this.isWork(place));
      if (!holdsWork) this.collapse(cycle);
      else if (!this.cut(cycle)) throw this.stuckAt(cycle);
    }
    const { added, removed } = this.edges.changes();
    const graph = this.graph.patched({ add: this.made, addEdges: added, removeEdges: removed });
    return { graph, fixes: this.fixes };
  }

  private stuckAt(cycle: readonly number[]): Error {
    const knots = findStuckKnots(this.graph, this.files, this.places);
    if (knots.length > 0) return new UnresolvableCyclesError(knots);
    return new Error(`Internal error: expected a knot that nothing can cut, as at ${this.nodesOf(cycle)}, found none`);
  }

  private collapse(cycle: readonly number[]): void {
    const { edges } = this;
    const members = new Set(cycle);
    const dependents = new Set<number>();
    for (const member of members) {
      for (const dependent of edges.dependentsOf(member)) {
        edges.remove(dependent, member);
        if (!members.has(dependent)) dependents.add(dependent);
      }
    }
    this.made.push({ type: NodeType.PureMeta, state: NodeState.Meta });
    const node = edges.addNode(dependents, members);
    for (const member of members) this.metaOf.set(member, node);
    this.fixes.push({ kind: 'run-only', cycle: this.nodesOf(cycle), node });
  }

  /** Walks back from the dependency that closed the cycle to the first that can be spared. */
  private cut(cycle: readonly number[]): boolean {
    return this.cutAtRunNode(cycle) || this.cutAtMetaNode(cycle);
  }

  private cutAtRunNode(cycle: readonly number[]): boolean {
    const { edges, graph, places } = this;
    for (const [build, place] of this.buildNeeds(cycle)) {
      const original = edges.nodeAt(place);
      if (graph.types[original] !== NodeType.LocalRun || !this.files.canSpare(original)) continue;
      const builds = this.siblingsOf(build).filter((sibling) => edges.remove(places[sibling] as number, place));
      this.addPreBuilt(cycle, original, builds);
      return true;
    }
    return false;
  }

  /**
   * A build may need a run node by way of a meta node that stands for a run-only cycle, be it one of this run or of an earlier. The toolkit gives up
   * there. But what the build needs may be on disk all the same.
   */
  private cutAtMetaNode(cycle: readonly number[]): boolean {
    const { edges, places } = this;
    for (const [build, place] of this.buildNeeds(cycle)) {
      if (this.typeAt(place) !== NodeType.PureMeta) continue;
      if (!this.canSpareBehind(build, place)) continue;
      const buildsOf = new Map<NodeId, Set<NodeId>>();
      for (const sibling of this.siblingsOf(build)) {
        if (!this.canSpareBehind(sibling, place)) continue;
        for (const dependency of this.needsBehind(sibling, place)) {
          for (const run of this.files.runsBehind(dependency) as readonly NodeId[]) {
            buildsOf.set(run, (buildsOf.get(run) ?? new Set()).add(sibling));
          }
        }
        edges.remove(places[sibling] as number, place);
      }
      for (const [run, builds] of buildsOf) this.addPreBuilt(cycle, run, [...builds]);
      return true;
    }
    return false;
  }

  /** The dependencies of build nodes in a cycle, from the one that closed it backwards. */
  private *buildNeeds(cycle: readonly number[]): Generator<[build: NodeId, place: number]> {
    for (let i = cycle.length - 1; i >= 0; i--) {
      if (this.typeAt(cycle[i] as number) !== NodeType.LocalBuild) continue;
      yield [this.edges.nodeAt(cycle[i] as number), (cycle[i + 1] ?? cycle[0]) as number];
    }
  }

  private canSpareBehind(build: NodeId, meta: number): boolean {
    const needed = this.needsBehind(build, meta);
    return needed.length > 0 && needed.every((dependency) => this.files.canSpare(dependency));
  }

  /** The dependencies of the graph as it was for whose sake a build may need a meta node now. */
  private needsBehind(build: NodeId, meta: number): NodeId[] {
    const { edges, graph, places } = this;
    if (!edges.has(places[build] as number, meta)) return [];
    const dependencies = [...graph.dependenciesOf(build)];
    return dependencies.filter((dependency) => this.standInOf(places[dependency] as number) === meta);
  }

  /** Whom those who needed a place need now. */
  private standInOf(place: number): number {
    let at = place;
    for (let above = this.metaOf.get(at); above !== undefined; above = this.metaOf.get(at)) at = above;
    return at;
  }

  private addPreBuilt(cycle: readonly number[], original: NodeId, builds: readonly NodeId[]): void {
    const { edges, graph, places } = this;
    // The id that a person gave is one node's alone.
    const { key: _, ...record } = graph.record(original);
    this.made.push({ ...record, type: NodeType.PreBuilt, state: NodeState.UpToDate });
    const dependents = builds.map((build) => places[build] as number);
    const node = edges.addNode(dependents, []);
    this.fixes.push({ kind: 'prebuilt', cycle: this.nodesOf(cycle), node, original, builds });
  }

  /** All LocalBuild nodes that are built together with one, itself included. */
  private siblingsOf(build: NodeId): readonly NodeId[] {
    const srpm = this.graph.srpmPath(build);
    return srpm === '' ? [build] : this.files.buildsOf(srpm);
  }

  private typeAt(place: number): NodeType {
    const { graph, edges, made } = this;
    return place < graph.size ? graph.type(edges.nodeAt(place)) : (made[place - graph.size] as NodeRecord).type;
  }

  private isWork(place: number): boolean {
    const type = this.typeAt(place);
    return type === NodeType.LocalBuild || type === NodeType.Test;
  }

  private nodesOf(cycle: readonly number[]): NodeId[] {
    return [...cycle, cycle[0] as number].map((place) => this.edges.nodeAt(place));
  }
}

/** Tells of a fix in the toolkit's words. */
export function cycleFixText(graph: Graph, { cycle, original, node }: CycleFix): string {
  const about = graph.friendlyName(original ?? node);
  return `Trying to fix circular dependency found:\t${toolkitCycleText(graph, cycle)}. Successful. Updated dependency for nodes depending on '${about}'.`;
}
