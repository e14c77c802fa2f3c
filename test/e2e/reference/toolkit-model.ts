import type { Graph } from '../../../src/graph/graph';
import { aim, ListError, partBelow, resolveLists, type Target } from './model-goal';
import {
  connect,
  lookupTable,
  type ModelNode,
  NodeState,
  NodeType,
  reachable,
  readModel,
  recordOf,
} from './model-graph';
import { intervalOf, overlap, type Wish } from './versions';

export interface ModelFlags {
  readonly packages?: string;
  readonly rebuild?: string;
  readonly ignored?: string;
  readonly tests?: string;
  readonly rerunTests?: string;
  readonly ignoredTests?: string;
  readonly extraLayers?: number;
  /** Default: without end. */
  readonly maxCascadingRebuilds?: number;
  readonly noCache?: boolean;
  readonly stopOnFailure?: boolean;
  readonly optimizeWithCachedImplicit?: boolean;
  /** Packages that the image config asks for, its kernels among them. */
  readonly image?: readonly Wish[];
}

export interface ModelWorld {
  readonly isOnDisk: (rpm: string) => boolean;
  /** SRPMs, by file name, whose builds and tests fail. */
  readonly fails?: ReadonlySet<string>;
  /** SRPMs whose `%check` fails. */
  readonly failsCheck?: ReadonlySet<string>;
  /** SRPMs whose test cannot even be run. */
  readonly failsTest?: ReadonlySet<string>;
  /** Whether the worker names the RPMs that it has made. Default: it names none. */
  readonly namesRpms?: boolean;
  /** What an RPM provides, a line each, as `name` or `name = version`. Default: nothing. */
  readonly provides?: (rpm: string) => readonly string[];
  /**
   * Our difference: what is ignored is built all the same where RPMs of it are missing, and its RPMs are asked what they provide.
   * Default: false, as the toolkit does.
   */
  readonly ignoresAsHelpSays?: boolean;
  /** A number from 0 to 1 each time that the toolkit leaves something to chance. Default: always 0. */
  readonly chance?: () => number;
}

export interface ModelOutcome {
  /** `Package,IsTest,State,Blockers`, sorted; none where the toolkit writes no CSV. */
  readonly rows: readonly string[];
  readonly exitCode: number;
  /** Whether the graph was cut down to what is wanted before anything was built. */
  readonly pruned: boolean;
  /** Whether it was cut down to that later, as names had been found out. */
  readonly cutUnderWay: boolean;
  readonly counts: Readonly<Record<Count, number>>;
  /** What went wrong with the lists, where that is what ended it. */
  readonly listError?: string;
}

export type Count =
  | 'prebuilt'
  | 'delta'
  | 'skippedTests'
  | 'built'
  | 'passedTests'
  | 'unresolved'
  | 'blocked'
  | 'blockedTests'
  | 'failed'
  | 'failedTests';

interface Recorded {
  readonly available: boolean;
  readonly cached: boolean;
  readonly delta: boolean;
  readonly freshness: number;
}

interface Request {
  readonly nodes: readonly ModelNode[];
  readonly useCache: boolean;
  readonly freshness: number;
  readonly delta: boolean;
}

const fileName = (path: string) => path.split('/').at(-1) as string;

function groupBy<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return [...groups.values()];
}

/**
 * What the toolkit's scheduler makes of a graph: written from its description, plain and slow, one thing after the other. What the
 * toolkit leaves to chance (which result comes first, which node of an SRPM speaks for it) is left to `world.chance`.
 *
 * It does not know what to do about circles that names found out under way may close.
 */
export function toolkitOutcome(graph: Graph, flags: ModelFlags, world: ModelWorld): ModelOutcome {
  const nodes = readModel(graph);
  try {
    const { packages = '', rebuild = '', ignored = '', tests = '', rerunTests = '', ignoredTests = '', image } = flags;
    const builds = resolveLists(nodes, 'build', { wanted: packages, forced: rebuild, ignored, image });
    const checks = resolveLists(nodes, 'test', { wanted: tests, forced: rerunTests, ignored: ignoredTests, image });
    const target = aim(nodes, builds.wanted, checks.wanted, {
      extraLayers: flags.extraLayers ?? 0,
      cachedImplicitWillDo: !!flags.optimizeWithCachedImplicit && !flags.noCache,
    });
    return new Model(target, flags, world, { builds, checks }).run();
  } catch (error) {
    if (!(error instanceof ListError)) throw error;
    return { rows: [], exitCode: 1, pruned: false, cutUnderWay: false, counts: NO_COUNTS, listError: error.message };
  }
}

const NO_COUNTS: Readonly<Record<Count, number>> = {
  prebuilt: 0,
  delta: 0,
  skippedTests: 0,
  built: 0,
  passedTests: 0,
  unresolved: 0,
  blocked: 0,
  blockedTests: 0,
  failed: 0,
  failedTests: 0,
};

function expectedRpms(nodes: Iterable<ModelNode>): Map<string, string[]> {
  const expected = new Map<string, string[]>();
  for (const { srpm, rpm } of nodes)
    if (srpm !== '' && rpm !== '') expected.set(srpm, [...new Set([...(expected.get(srpm) ?? []), rpm])]);
  return expected;
}

class Model {
  private readonly recorded = new Map<ModelNode, Recorded>();
  private readonly active: Request[] = [];
  private readonly failures = new Map<ModelNode, Request>();
  private useCachedImplicit = false;
  private cutUnderWay = false;
  private readonly wasPruned: boolean;
  /** By SRPM: the RPMs that the graph at hand, cut down or not, has of it. */
  private expected: ReadonlyMap<string, readonly string[]>;
  private readonly max: number;
  private readonly chance: () => number;

  constructor(
    private target: Target,
    private readonly flags: ModelFlags,
    private readonly world: ModelWorld,
    private readonly lists: Record<'builds' | 'checks', ReturnType<typeof resolveLists>>,
  ) {
    this.max = flags.maxCascadingRebuilds ?? Number.POSITIVE_INFINITY;
    this.chance = world.chance ?? (() => 0);
    this.expected = expectedRpms(target.nodes);
    this.wasPruned = target.pruned;
  }

  run(): ModelOutcome {
    let ready = this.leaves();
    for (;;) {
      this.active.push(...this.requestsFor(ready));
      if (this.active.length === 0) {
        if (this.useCachedImplicit) return this.outcome(1);
        this.useCachedImplicit = true;
        ready = this.leaves();
        continue;
      }
      const request = this.draw(this.active);
      const failed = this.record(request);
      if (failed && this.flags.stopOnFailure) return { ...this.outcome(1), rows: [], counts: NO_COUNTS };
      if (!failed) this.learnFrom(request);
      ready = failed ? [] : this.unblockedBy(request);
      const building = this.active.some(({ nodes: [node] }) => node?.type === NodeType.LocalBuild);
      if (this.isAvailable(this.target.goal) && !building) return this.outcome(0);
    }
  }

  private draw<T>(from: T[]): T {
    return from.splice(Math.floor(this.chance() * from.length), 1)[0] as T;
  }

  private shuffled<T>(items: Iterable<T>): T[] {
    const left = [...items];
    return Array.from({ length: left.length }, () => this.draw(left));
  }

  private isAvailable(node: ModelNode): boolean {
    return this.recorded.get(node)?.available ?? false;
  }

  private isUnblocked(node: ModelNode): boolean {
    return [...node.needs].every((dependency) => this.isAvailable(dependency));
  }

  private leaves(): ModelNode[] {
    return [...reachable([this.target.goal])].filter(
      (node) =>
        node.needs.size === 0 &&
        !this.recorded.has(node) &&
        node.state !== NodeState.Unresolved &&
        (this.useCachedImplicit || !node.implicit || node.state !== NodeState.Cached),
    );
  }

  private unblockedBy({ nodes }: Request): ModelNode[] {
    const dependents = new Set(nodes.flatMap((node) => [...node.neededBy]));
    return [...dependents].filter((node) => this.target.nodes.has(node) && this.isUnblocked(node));
  }

  private requestsFor(ready: readonly ModelNode[]): Request[] {
    const order = this.shuffled(ready);
    const of = (type: NodeType) =>
      groupBy(
        order.filter((node) => node.type === type),
        ({ srpm }) => srpm,
      );
    const others = order.filter(({ type }) => type !== NodeType.LocalBuild && type !== NodeType.Test);
    const requests = others.map((node) =>
      this.request([node], this.lists.builds.forced, !this.flags.noCache, node.state === NodeState.Delta),
    );
    for (const group of of(NodeType.LocalBuild)) {
      if (this.isTaken(group)) continue;
      const delta = group.some(({ state }) => state === NodeState.Delta);
      const build = this.request(group, this.lists.builds.forced, !this.flags.noCache, delta);
      requests.push(build);
      const test = this.partnerOf(build);
      if (test) requests.push(test);
    }
    for (const group of of(NodeType.Test)) {
      if (this.isTaken(group)) continue;
      const srpm = (group[0] as ModelNode).srpm;
      const isBuild = ([node]: readonly ModelNode[]) => node?.type === NodeType.LocalBuild && node.srpm === srpm;
      const active = [...this.active, ...requests].find(({ nodes }) => isBuild(nodes));
      const done = [...this.recorded].find(([node]) => isBuild([node]))?.[1].cached ?? false;
      requests.push(this.request(group, this.lists.checks.forced, active?.useCache ?? done, false));
    }
    return requests;
  }

  /** Whether the SRPM of a group is being built or tested already: the toolkit then forgets the group. */
  private isTaken([main]: readonly ModelNode[]): boolean {
    const isSame = ([node]: readonly ModelNode[]) => node?.type === main?.type && node?.srpm === main?.srpm;
    return this.active.some(({ nodes }) => isSame(nodes)) || this.recorded.has(main as ModelNode);
  }

  private partnerOf(build: Request): Request | undefined {
    const testOf = (node: ModelNode) => [...node.neededBy].find(({ type }) => type === NodeType.Test);
    if (!testOf(build.nodes[0] as ModelNode)) return undefined;
    const tests = build.nodes.flatMap((node) => {
      const test = testOf(node);
      if (!test) return [];
      test.needs.delete(node);
      node.neededBy.delete(test);
      return [test];
    });
    if (!this.isUnblocked(tests.at(-1) as ModelNode)) return undefined;
    return this.request([tests.at(-1) as ModelNode, ...tests], this.lists.checks.forced, build.useCache, false);
  }

  private request(
    group: readonly ModelNode[],
    forced: ReadonlySet<string>,
    mayUseCache: boolean,
    delta: boolean,
  ): Request {
    const main = group[0] as ModelNode;
    const nodes = [...new Set(group)];
    if (this.isMissing(main) || forced.has(main.record) || !mayUseCache)
      return { nodes, useCache: false, freshness: this.max, delta };
    let freshness = 0;
    let useCache = true;
    for (const dependency of main.needs) {
      if (dependency.type === NodeType.RemoteRun) continue;
      const fresh = this.recorded.get(dependency)?.freshness ?? 0;
      if (fresh > 0) useCache = false;
      freshness = Math.max(freshness, fresh > 0 && dependency.type === NodeType.LocalRun ? fresh - 1 : fresh);
    }
    return { nodes, useCache, freshness, delta };
  }

  private isMissing({ srpm }: ModelNode): boolean {
    return this.expected.get(srpm)?.some((rpm) => !this.world.isOnDisk(rpm)) ?? false;
  }

  private isIgnored(node: ModelNode): boolean {
    if (node.type === NodeType.Test) return this.lists.checks.ignored.has(node.record);
    if (!this.lists.builds.ignored.has(node.record)) return false;
    return !(this.world.ignoresAsHelpSays && this.isMissing(node));
  }

  /** Does what a worker would; says whether it failed. */
  private record(request: Request): boolean {
    const main = request.nodes[0] as ModelNode;
    const isTest = main.type === NodeType.Test;
    const isWork = isTest || main.type === NodeType.LocalBuild;
    const ignored = isWork && this.isIgnored(main);
    const isDone = isWork && !ignored && !request.useCache;
    const { fails, failsTest, failsCheck } = this.world;
    const name = fileName(main.srpm);
    const failed = isDone && ((fails?.has(name) ?? false) || (isTest && (failsTest?.has(name) ?? false)));
    if (failed || (isDone && isTest && failsCheck?.has(name))) this.failures.set(main, request);
    const { useCache: cached, delta, freshness } = request;
    for (const node of request.nodes) this.recorded.set(node, { available: !failed, cached, delta, freshness });
    return failed;
  }

  /** Ties the names that RPMs turn out to provide to the packages of these, and cuts the rest off once nothing is open. */
  private learnFrom({ nodes: [main], useCache }: Request): void {
    const { provides, namesRpms } = this.world;
    if (!provides || this.cutUnderWay || main?.type !== NodeType.LocalBuild) return;
    const leftAlone = this.isIgnored(main);
    const asks = this.world.ignoresAsHelpSays
      ? leftAlone || useCache || namesRpms
      : !leftAlone && (useCache || namesRpms);
    const files = asks ? (this.expected.get(main.srpm) ?? []) : [];
    const nodes = new Set(this.target.nodes);
    let found = false;
    for (const rpm of files)
      for (const line of provides(rpm)) {
        const [name = '', version] = line.split('=').map((part) => part.trim());
        const offer = version === undefined ? { name } : { name, version, condition: '=' };
        const satisfied = [...nodes].filter(
          (node) => node.name === name && this.isOpen(node) && overlap(intervalOf(node), intervalOf(offer)),
        );
        const parent = [...nodes].find((node) => node.type === NodeType.LocalRun && node.rpm === rpm);
        if (satisfied.length === 0 || !parent) continue;
        const stand = {
          ...parent,
          condition: '',
          version: '',
          ...offer,
          implicit: true,
          record: recordOf(offer),
          needs: new Set<ModelNode>(),
          neededBy: new Set<ModelNode>(),
        };
        connect(stand, parent);
        for (const node of satisfied) {
          for (const dependent of node.neededBy) {
            dependent.needs.delete(node);
            connect(dependent, stand);
          }
          nodes.delete(node);
        }
        nodes.add(stand);
        found = true;
      }
    if (!found) return;
    const part = partBelow(this.target.wanted, this.useCachedImplicit);
    this.cutUnderWay = part !== undefined;
    this.target = part ?? { ...this.target, nodes };
    this.expected = expectedRpms(this.target.nodes);
  }

  private isOpen({ type, implicit, state }: ModelNode): boolean {
    if (!implicit || (type !== NodeType.RemoteRun && type !== NodeType.LocalRun)) return false;
    return state === NodeState.Unresolved || (state === NodeState.Cached && !this.useCachedImplicit);
  }

  private outcome(exitCode: number): ModelOutcome {
    const { rows, counts } = this.summary();
    return { rows, exitCode, pruned: this.wasPruned, cutUnderWay: this.cutUnderWay, counts };
  }

  private summary(): { rows: string[]; counts: Record<Count, number> } {
    const counts = { ...NO_COUNTS };
    const rows: string[] = [];
    const entries = [...lookupTable(this.target.nodes).values()].flat();
    for (const isTest of [false, true]) {
      const type = isTest ? NodeType.Test : NodeType.LocalBuild;
      const failed = new Map(
        [...this.failures.keys()].filter((node) => node.type === type).map((node) => [node.srpm, node]),
      );
      const groups: Record<'prebuilt' | 'delta' | 'built' | 'blocked', Map<string, ModelNode>> = {
        prebuilt: new Map(),
        delta: new Map(),
        built: new Map(),
        blocked: new Map(),
      };
      for (const node of this.shuffled(entries.flatMap((entry) => entry[isTest ? 'test' : 'build'] ?? []))) {
        const state = this.recorded.get(node);
        if (state?.cached) groups[state.delta && !isTest ? 'delta' : 'prebuilt'].set(node.srpm, node);
        else if (isTest && failed.has(node.srpm)) continue;
        else if (state?.available) groups.built.set(node.srpm, node);
        else if (!failed.has(node.srpm)) groups.blocked.set(node.srpm, node);
      }
      const row = (srpm: string, state: string, blockers: Iterable<string> = []) =>
        rows.push([fileName(srpm), isTest ? 1 : 0, state, [...new Set(blockers)].sort().join(' ')].join(','));
      for (const srpm of groups.built.keys()) row(srpm, 'Built');
      if (!isTest) for (const srpm of groups.prebuilt.keys()) row(srpm, 'PreBuilt');
      for (const srpm of groups.delta.keys()) row(srpm, 'PreBuiltDelta');
      for (const [srpm, node] of [...failed, ...groups.blocked]) {
        const blockers = [...node.needs].flatMap((dependency) => [
          ...(failed.has(dependency.srpm) ? [`${fileName(dependency.srpm)}-FAIL`] : []),
          ...(groups.blocked.has(dependency.srpm) ? [`${fileName(dependency.srpm)}-UNBUILT`] : []),
        ]);
        row(srpm, 'Failed', blockers);
      }
      counts[isTest ? 'skippedTests' : 'prebuilt'] = groups.prebuilt.size;
      counts[isTest ? 'passedTests' : 'built'] = groups.built.size;
      counts[isTest ? 'blockedTests' : 'blocked'] = groups.blocked.size;
      counts[isTest ? 'failedTests' : 'failed'] = failed.size;
      if (!isTest) counts.delta = groups.delta.size;
    }
    const open = [...this.target.nodes].filter(
      ({ type, state }) =>
        (type === NodeType.RemoteRun || type === NodeType.LocalRun) && state === NodeState.Unresolved,
    );
    counts.unresolved = new Set(open.map(({ record }) => record)).size;
    return { rows: rows.sort(), counts };
  }
}
