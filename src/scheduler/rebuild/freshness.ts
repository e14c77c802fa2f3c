import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { Graph } from '../../graph/graph';
import { type NodeId, NodeState, NodeType } from '../../graph/node';
import type { JobTable } from '../job-table';
import type { Decision, RebuildRule } from './rebuild-rule';

export interface FreshnessOptions {
  /** How many layers of dependents are rebuilt after a rebuilt package; 0: none. Default: all. */
  readonly maxCascadingRebuilds?: number;
  /** Never reuse what is on disk. Default: false. */
  readonly noCache?: boolean;
  /** Nodes (build or test) that the user wants rebuilt, or rerun. */
  readonly rebuild?: ReadonlySet<NodeId>;
  /** Nodes (build or test) that the user wants left alone. */
  readonly ignore?: ReadonlySet<NodeId>;
  /** Asks whether a file is there. Default: the disk. */
  readonly exists?: (path: string) => boolean;
}

/**
 * The toolkit's rule: a package is rebuilt when one of its RPM files is not on disk, when the user says so, or when something
 * it needs is fresh.
 *
 * Freshness counts layers. A package that had to be rebuilt has the greatest freshness, `maxCascadingRebuilds`. Each hop onto
 * an installed package (a run node) takes one off; at 0 nothing is passed on.
 */
export class FreshnessRule implements RebuildRule {
  private readonly max: number;
  private readonly freshness: Float64Array;
  /** By node of a build or test: whether its results were reused. */
  private readonly reused: Uint8Array;
  /** By SRPM: which of its RPMs are not on disk. Asked once, and again after the SRPM has been built. */
  private readonly missing = new Map<string, readonly string[]>();
  private readonly rpmsBySrpm = new Map<string, readonly string[]>();
  private readonly exists: (path: string) => boolean;

  constructor(
    private readonly graph: Graph,
    private readonly jobs: JobTable,
    private readonly options: FreshnessOptions = {},
  ) {
    this.max = options.maxCascadingRebuilds ?? Number.POSITIVE_INFINITY;
    this.exists = options.exists ?? existsSync;
    this.freshness = new Float64Array(graph.size);
    this.reused = new Uint8Array(graph.size);
    const paths = new Map<string, Set<string>>();
    for (let node = 0; node < graph.size; node++) {
      const srpm = graph.srpmPath(node);
      if (srpm === '') continue;
      let of = paths.get(srpm);
      if (!of) {
        of = new Set();
        paths.set(srpm, of);
      }
      const rpm = graph.rpmPath(node);
      if (rpm !== '') of.add(rpm);
    }
    for (const [srpm, of] of paths) this.rpmsBySrpm.set(srpm, [...of]);
  }

  decide(job: number): Decision {
    const { graph, jobs, options } = this;
    const members = jobs.nodesOf(job);
    const node = jobs.firstNodeOf(job);
    const decision = this.decideNode(node, members);
    const ignored = members.some((member) => options.ignore?.has(member));
    const { fresh, reason, build } = decision;
    for (const member of members) {
      this.freshness[member] = fresh;
      this.reused[member] = build ? 0 : 1;
    }
    if (ignored) return { build: false, how: 'ignored', reason: 'the user ignores it', files: [] };
    if (build) return { build, reason };
    const delta = members.some((member) => graph.states[member] === NodeState.Delta);
    return { build, how: delta ? 'delta' : 'cached', reason, files: this.expectedRpms(node) };
  }

  nodeDone(node: NodeId): void {
    if (this.graph.types[node] === NodeType.RemoteRun || this.graph.types[node] === NodeType.Goal) return;
    this.freshness[node] = this.decideNode(node, [node]).fresh;
  }

  jobDone(job: number): void {
    this.missing.delete(this.graph.srpmPath(this.jobs.firstNodeOf(job)));
  }

  private decideNode(node: NodeId, members: Iterable<NodeId>): { build: boolean; fresh: number; reason: string } {
    const { max, options } = this;
    for (const member of members) {
      if (options.rebuild?.has(member)) return { build: true, fresh: max, reason: 'the user wants it rebuilt' };
    }
    const missing = this.missingRpms(node);
    if (missing.length > 0) {
      const expected = this.expectedRpms(node).length;
      const reason =
        missing.length === expected
          ? `none of its ${expected} RPMs is on disk`
          : `${missing.length} of its ${expected} RPMs are missing: ${missing.map((path) => basename(path)).join(' ')}`;
      return { build: true, fresh: max, reason };
    }
    if (options.noCache) return { build: true, fresh: max, reason: 'the cache is off' };
    return this.inherited(node);
  }

  private inherited(node: NodeId): { build: boolean; fresh: number; reason: string } {
    const { graph } = this;
    const isTest = graph.types[node] === NodeType.Test;
    let fresh = 0;
    let freshest: NodeId | undefined;
    let builtNow: NodeId | undefined;
    for (const dependency of graph.dependenciesOf(node)) {
      const type = graph.types[dependency];
      if (type === NodeType.RemoteRun) continue;
      if (isTest && type === NodeType.LocalBuild && this.reused[dependency] === 0) builtNow = dependency;
      const of = this.freshness[dependency] as number;
      if (of <= 0) continue;
      freshest ??= dependency;
      fresh = Math.max(fresh, type === NodeType.LocalRun ? of - 1 : of);
    }
    if (freshest !== undefined) {
      return { build: true, fresh, reason: `${graph.label(freshest)}, which it needs, has been rebuilt` };
    }
    if (builtNow !== undefined) return { build: true, fresh, reason: 'its package has been rebuilt' };
    const count = this.expectedRpms(node).length;
    return { build: false, fresh, reason: `all of its ${count} RPMs are on disk, and nothing it needs is fresh` };
  }

  private expectedRpms(node: NodeId): readonly string[] {
    return this.rpmsBySrpm.get(this.graph.srpmPath(node)) ?? [];
  }

  private missingRpms(node: NodeId): readonly string[] {
    const srpm = this.graph.srpmPath(node);
    if (srpm === '') return [];
    let missing = this.missing.get(srpm);
    if (missing === undefined) {
      missing = this.expectedRpms(node).filter((path) => !this.exists(path));
      this.missing.set(srpm, missing);
    }
    return missing;
  }
}
