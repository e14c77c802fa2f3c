import { basename } from 'node:path';
import type { Graph } from '../../graph/graph';
import { type NodeId, NodeState, NodeType, PACKAGE_FIELDS } from '../../graph/node';
import type { JobTable } from '../job-table';
import { ExpectedRpms } from './expected-rpms';
import { ignoredDecision, missingReason } from './reasons';
import type { Decision, RebuildRule } from './rebuild-rule';

export interface FreshnessOptions {
  /** How many layers of dependents are rebuilt after a rebuilt package; 0: none. Default: all. */
  readonly maxCascadingRebuilds?: number;
  /** Never reuse what is on disk. Default: false. */
  readonly noCache?: boolean;
  /** Nodes (build or test) that the user wants rebuilt, or rerun. */
  readonly rebuild?: ReadonlySet<NodeId>;
  /** Nodes (build or test) that the user wants left alone. A package of which an RPM is missing is built all the same. */
  readonly ignore?: ReadonlySet<NodeId>;
  /** Asks whether a file is there. Default: the disk. */
  readonly exists?: (path: string) => boolean;
}

/** What is known of a node when everything it needs is: whether its job must run, what it passes on, and why. */
interface Verdict {
  readonly build: boolean;
  readonly fresh: number;
  readonly reason: string;
  /** The toolkit's words for it, where it has some. */
  readonly notice?: string;
  /** The node whose rebuild is behind it. */
  readonly origin: NodeId;
}

const NOBODY = -1;

const Outcome = { Reused: 0, LeftAlone: 1, Built: 2 } as const;

/**
 * The toolkit's rule: a package is rebuilt when one of its RPM files is not on disk, when the user says so, or when something
 * it needs is fresh.
 *
 * Freshness counts layers. A package that had to be rebuilt has the greatest freshness, `maxCascadingRebuilds`. Each hop onto
 * an installed package (a run node) takes one off, and 0 rebuilds nothing. So what needs a package of freshness 1 is rebuilt, and
 * is itself of freshness 0:
 *
 *     a.build ◄── a.run ◄── b.build ◄── b.run ◄── c.build     with at most one cascading rebuild
 *     1           1         0           0         0
 *     missing:              needs what            needs nothing
 *     built                 is fresh: built       fresh: reused
 *
 * The toolkit judges the nodes of one SRPM by whichever it meets first. Here they are judged together: what one of them asks for is
 * done, and the freshest need of any of them counts.
 */
export class FreshnessRule implements RebuildRule {
  private readonly max: number;
  private readonly rpms: ExpectedRpms;
  private freshness: Float64Array;
  /** By node: the node whose rebuild made it fresh, or {@link NOBODY}. */
  private origins: Int32Array;
  /** By node of a build or test: what became of it. */
  private readonly outcomes: Uint8Array;
  private readonly wanted: ReadonlySet<string>;

  constructor(
    private graph: Graph,
    private readonly jobs: JobTable,
    private readonly options: FreshnessOptions = {},
  ) {
    this.max = options.maxCascadingRebuilds ?? Number.POSITIVE_INFINITY;
    this.rpms = new ExpectedRpms(graph, options.exists);
    this.freshness = new Float64Array(graph.size);
    this.origins = new Int32Array(graph.size).fill(NOBODY);
    this.outcomes = new Uint8Array(graph.size);
    const builds = [...(options.rebuild ?? [])].filter((node) => graph.types[node] !== NodeType.Test);
    this.wanted = new Set(builds.map((node) => packageRecord(graph, node)));
  }

  adopt(graph: Graph): void {
    this.graph = graph;
    this.rpms.adopt(graph);
    if (graph.size <= this.freshness.length) return;
    const freshness = new Float64Array(graph.size);
    freshness.set(this.freshness);
    this.freshness = freshness;
    const origins = new Int32Array(graph.size).fill(NOBODY);
    origins.set(this.origins);
    this.origins = origins;
  }

  decide(job: number): Decision {
    const { graph, jobs, options } = this;
    const members = jobs.nodesOf(job);
    const node = jobs.firstNodeOf(job);
    const isTest = jobs.isTest(job);
    const verdict = this.judge(members, isTest);
    const { build, fresh, origin } = verdict;
    for (const member of members) {
      this.freshness[member] = fresh;
      this.origins[member] = build ? node : origin;
      this.outcomes[member] = build ? Outcome.Built : Outcome.Reused;
    }
    const delta = members.some((member) => graph.states[member] === NodeState.Delta);
    const decision: Decision = build
      ? { build, reason: verdict.reason, notice: verdict.notice }
      : { build, how: delta ? 'delta' : 'cached', reason: verdict.reason, files: this.rpms.of(node) };
    if (!members.some((member) => options.ignore?.has(member))) return decision;
    const missing = isTest ? [] : this.rpms.missing(node);
    const ignored = ignoredDecision(decision, isTest ? [] : this.rpms.of(node), missing.length > 0);
    if (build && !ignored.build) {
      for (const member of members) {
        this.outcomes[member] = Outcome.LeftAlone;
        // Its RPMs are those of before, so what needs it is rebuilt on account of what made it stale.
        this.origins[member] = origin;
      }
    }
    return ignored;
  }

  nodeDone(node: NodeId): void {
    const type = this.graph.types[node];
    // Packages from elsewhere are never fresh, and nothing needs a goal.
    if (type === NodeType.RemoteRun || type === NodeType.Goal) return;
    const { fresh, origin } = this.judge([node], false);
    this.freshness[node] = fresh;
    this.origins[node] = origin === node ? this.builtAs(node) : origin;
  }

  /** The build behind an installed package, where there is one in this run. */
  private builtAs(node: NodeId): NodeId {
    const build = this.graph
      .dependenciesOf(node)
      .find((dependency) => this.graph.types[dependency] === NodeType.LocalBuild);
    const origin = build === undefined ? NOBODY : (this.origins[build] as NodeId);
    return origin === NOBODY ? node : origin;
  }

  jobDone(job: number): void {
    this.rpms.lookAgain(this.jobs.firstNodeOf(job));
  }

  private judge(members: ArrayLike<NodeId> & Iterable<NodeId>, isTest: boolean): Verdict {
    const { max, graph, options } = this;
    const node = members[0] as NodeId;
    for (const member of members) {
      if (isTest ? !options.rebuild?.has(member) : !this.isWanted(member)) continue;
      const notice = `SRPM (${describeRecord(graph, member)}) will be rebuilt due to user request.`;
      const reason = isTest ? 'the user wants it rerun' : 'the user wants it rebuilt';
      return { build: true, fresh: max, reason, notice, origin: node };
    }
    const missing = this.rpms.missing(node);
    if (missing.length > 0) {
      const expected = this.rpms.of(node);
      const notice =
        missing.length < expected.length
          ? `SRPM (${basename(graph.srpmPath(node))}) will be rebuilt due to partially missing components: [${missing.join(' ')}]`
          : undefined;
      return { build: true, fresh: max, reason: missingReason(expected, missing), notice, origin: node };
    }
    if (options.noCache) return { build: true, fresh: max, reason: 'the cache is off', origin: node };
    return this.inherited(members, isTest);
  }

  /** The user names builds; the installed package of the same record, and what stands in for it, go with them. */
  private isWanted(node: NodeId): boolean {
    if (this.wanted.size === 0 || !this.graph.hasPackage(node)) return false;
    return this.wanted.has(packageRecord(this.graph, node));
  }

  private inherited(members: Iterable<NodeId>, isTest: boolean): Verdict {
    const { graph } = this;
    let fresh = 0;
    let demanding: NodeId | undefined;
    let ofPackage: number = Outcome.Reused;
    for (const member of members) {
      for (const dependency of graph.dependenciesOf(member)) {
        const type = graph.types[dependency];
        if (isTest && type === NodeType.LocalBuild)
          ofPackage = Math.max(ofPackage, this.outcomes[dependency] as number);
        const of = this.freshness[dependency] as number;
        if (of <= 0) continue;
        demanding ??= dependency;
        fresh = Math.max(fresh, type === NodeType.LocalRun ? of - 1 : of);
      }
    }
    if (ofPackage !== Outcome.Reused) {
      const reason =
        ofPackage === Outcome.Built
          ? 'its package has been rebuilt'
          : 'its package is ignored, but no longer up to date';
      return { build: true, fresh: this.max, reason, origin: NOBODY };
    }
    if (demanding !== undefined) {
      return { build: true, fresh, reason: this.freshReason(demanding), origin: this.origins[demanding] as NodeId };
    }
    const node = [...members][0] as NodeId;
    const reason = isTest
      ? 'its package is reused, and nothing it needs is fresh'
      : `all of its ${this.rpms.of(node).length} RPMs are on disk, and nothing it needs is fresh`;
    return { build: false, fresh, reason, origin: NOBODY };
  }

  private freshReason(dependency: NodeId): string {
    const { graph } = this;
    const origin = this.origins[dependency] as NodeId;
    const needed = nameOf(graph, dependency);
    if (origin === NOBODY) return `${needed}, which it needs, has been rebuilt`;
    if (!graph.isWork(origin)) return `${nameOf(graph, origin)}, which it needs, is missing or is to be rebuilt`;
    const rebuilt = graph.label(origin);
    const isItsOwn =
      graph.srpmPath(origin) === graph.srpmPath(dependency) || graph.types[dependency] === NodeType.PureMeta;
    return isItsOwn
      ? `${rebuilt}, which it needs, has been rebuilt`
      : `${rebuilt}, which ${needed} needs in turn, has been rebuilt`;
  }
}

/** What a person knows a dependency by. */
function nameOf(graph: Graph, node: NodeId): string {
  const rpm = graph.rpmPath(node);
  return rpm === '' ? graph.friendlyName(node) : basename(rpm);
}

/** Name and version conditions in one text: nodes of the same package version have the same. */
function packageRecord(graph: Graph, node: NodeId): string {
  return PACKAGE_FIELDS.map((field) => graph.field(node, field)).join('\n');
}

/** As the toolkit prints it. */
function describeRecord(graph: Graph, node: NodeId): string {
  const [name, version, condition, sVersion, sCondition] = PACKAGE_FIELDS.map((field) => graph.field(node, field));
  return `${name}:C:'${condition}'V:'${version}',C2:'${sCondition}'V2:'${sVersion}'`;
}
