import { type CycleFix, cycleFixText, resolveCycles } from '../graph/cycles/resolve-cycles';
import { unsolvedImplicitNodes } from '../graph/goals';
import type { Graph } from '../graph/graph';
import type { NodeId } from '../graph/node';
import {
  firstProviders,
  type Provide,
  type ProvidedName,
  type TiedGraph,
  tieToProviders,
  wantedNames,
} from '../graph/provided-names';
import type { VersionOrder } from '../graph/versions/versions';
import { UserError } from '../util/user-error';
import type { JobId, Plan } from './plan';

export interface DynamicDependencyOptions {
  /** What of the wanted names each RPM provides, by its path. Nobody waits for the answer any more once the signal is aborted. */
  readonly ask: (
    rpms: readonly string[],
    isWanted: (name: string) => boolean,
    signal: AbortSignal,
  ) => Promise<ReadonlyMap<string, readonly Provide[]>>;
  /** Whether an RPM is there: one that is can stand in where names that are found out close a circle. */
  readonly isOnDisk: (rpm: string) => boolean;
  /**
   * The goal that was asked for, where the run goes for more because some name below it was not known. As soon as all of them are known,
   * only this is built. Default: nothing is cut.
   */
  readonly requested?: NodeId;
  /** By which rule versions are compared. Default: the toolkit's. */
  readonly versionOrder?: VersionOrder;
}

interface TiedWithoutCircles {
  readonly tied: TiedGraph;
  /** The tied graph, its circles resolved. */
  readonly graph: Graph;
  readonly fixes: readonly CycleFix[];
}

/** What the run must hear of. */
export interface DynamicDependencyListener {
  provided(node: NodeId, provider: NodeId, rpm: string): void;
  /** A name stays as it is, and why. */
  refused(message: string): void;
  cycleBroken(message: string): void;
  /** Called before the plan goes on with the graph. */
  graphChanged(graph: Graph): void;
  blocked(jobs: readonly JobId[]): void;
  pruned(dropped: readonly JobId[]): void;
}

/**
 * Dependencies that only a build can reveal. A name such as `pkgconfig(zlib)` is provided by nobody in the graph until some built RPM
 * turns out to provide it; then the node of that name becomes a name of that RPM's package, and waits for it as all else does.
 *
 *     job done ─► wanted names left? ─no─────────────────────────────────────────────► its dependents go on
 *                       └─yes─► ask its RPMs ─► tie the names ─► circles? ─► plan ─────────┘
 *
 * The job's dependents wait for the answer, so a package never meets a name half known.
 */
export class DynamicDependencies {
  private wanted: Map<string, NodeId[]>;
  private requested: NodeId | undefined;

  constructor(
    private readonly plan: Plan,
    private readonly options: DynamicDependencyOptions,
    private readonly listener: DynamicDependencyListener,
  ) {
    this.wanted = wantedNames(plan.graph, (node) => plan.isIncluded(node));
    this.requested = options.requested;
  }

  /** Whether any name is still open, so that asking an RPM could help. */
  get areWanted(): boolean {
    return this.wanted.size > 0;
  }

  ask(rpms: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, readonly Provide[]>> {
    return this.options.ask(rpms, (name) => this.wanted.has(name), signal);
  }

  /** Applies what was learnt. RPMs come in the order of their jobs: where two provide a name, the first is taken. */
  learn(rpms: readonly string[], provides: ReadonlyMap<string, readonly Provide[]>): void {
    const { plan, options } = this;
    const names = firstProviders(plan.graph, this.wanted, rpms, provides, options.versionOrder).filter(({ node }) =>
      plan.isOpen(node),
    );
    if (names.length === 0 || !this.tie(names)) return;
    this.refresh();
    this.prune();
  }

  /** To be called when nodes of packages from the cache have been let go: their names are settled then. */
  refresh(): void {
    this.wanted = wantedNames(this.plan.graph, (node) => this.plan.isOpen(node));
  }

  private tie(names: readonly ProvidedName[]): boolean {
    const { plan, listener } = this;
    const { tied, graph, fixes } = this.tieWithoutCircles(names);
    for (const rpm of tied.strangers) {
      listener.refused(
        `failed to find suitable parent node for implicit provides (${rpm}): no package of the graph has this RPM`,
      );
    }
    if (tied.ties.length === 0) return false;
    for (const fix of fixes) listener.cycleBroken(cycleFixText(graph, fix));
    for (const { node, provider, rpm } of tied.ties) listener.provided(node, provider, rpm);
    listener.graphChanged(graph);
    const { blocked } = plan.adopt(graph, { gone: tied.gone });
    listener.blocked(blocked);
    return true;
  }

  /**
   * All names at once where that closes no circle. Else each is tried beside those that closed none: never alone, as names of one RPM that
   * become one node must not become two.
   */
  private tieWithoutCircles(names: readonly ProvidedName[]): TiedWithoutCircles {
    const together = this.attempt(names);
    if (typeof together !== 'string') return together;
    const { graph } = this.plan;
    const kept: ProvidedName[] = [];
    let last: TiedWithoutCircles = { tied: { graph, gone: [], ties: [], strangers: [] }, graph, fixes: [] };
    for (const name of names) {
      const more = this.attempt([...kept, name]);
      if (typeof more === 'string') {
        this.listener.refused(
          `${graph.friendlyName(name.node)} is not tied to ${name.rpm}, which provides it, as that closes a circle: ${more}`,
        );
        continue;
      }
      kept.push(name);
      last = more;
    }
    return last;
  }

  /** @returns the circle in words where there is one that nothing resolves */
  private attempt(names: readonly ProvidedName[]): TiedWithoutCircles | string {
    const tied = tieToProviders(this.plan.graph, names);
    try {
      const { graph, fixes } = resolveCycles(tied.graph, { isOnDisk: this.options.isOnDisk });
      return this.plan.circleIn(graph) ? 'packages of one SRPM would wait for each other' : { tied, graph, fixes };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return error.message;
    }
  }

  /** Cuts the run down to what was asked for, once nothing below that is open. */
  private prune(): void {
    const { plan, listener, requested } = this;
    // Once the cache stands for names, they are as good as known.
    if (requested === undefined || unsolvedImplicitNodes(plan.graph, requested, plan.hasReleased).length > 0) return;
    this.requested = undefined;
    const { dropped, blocked } = plan.adopt(plan.graph, { goal: requested });
    listener.pruned(dropped);
    listener.blocked(blocked);
    this.refresh();
  }
}
