import type { Graph } from '../graph';
import { type NodeId, NodeType } from '../node';

const NONE: readonly never[] = [];

/** What belongs to each SRPM of a graph, and which of its RPMs are on disk. The disk is asked at most once for each path. */
export class SrpmFiles {
  private readonly rpms = new Map<string, Set<string>>();
  private readonly builds = new Map<string, NodeId[]>();
  private readonly onDisk = new Map<string, boolean>();
  /** By PureMeta node. */
  private readonly behind = new Map<NodeId, readonly NodeId[] | undefined>();

  constructor(
    private readonly graph: Graph,
    private readonly askDisk: (rpmPath: string) => boolean,
  ) {
    for (let node = 0; node < graph.size; node++) {
      const srpm = graph.srpmPath(node);
      if (srpm === '') continue;
      const rpm = graph.rpmPath(node);
      if (rpm !== '') entry(this.rpms, srpm, () => new Set<string>()).add(rpm);
      if (graph.types[node] === NodeType.LocalBuild) entry(this.builds, srpm, () => [] as NodeId[]).push(node);
    }
  }

  /** The LocalBuild nodes of an SRPM: one for each thing it provides, and one build of it is a build of all. */
  buildsOf(srpm: string): readonly NodeId[] {
    return this.builds.get(srpm) ?? NONE;
  }

  /** Paths of the RPMs that a build of the SRPM leaves. */
  rpmsOf(srpm: string): ReadonlySet<string> {
    return this.rpms.get(srpm) ?? new Set();
  }

  /** Whether all that a build of the SRPM leaves is there. Of what leaves nothing that is never so. */
  private allOnDisk(srpm: string): boolean {
    const rpms = this.rpms.get(srpm);
    if (rpms === undefined) return false;
    for (const rpm of rpms) if (!this.isOnDisk(rpm)) return false;
    return true;
  }

  missingOf(srpm: string): string[] {
    return [...this.rpmsOf(srpm)].filter((rpm) => !this.isOnDisk(rpm)).sort();
  }

  /**
   * The LocalRun nodes that a build waits for by one dependency: the node itself, or all behind a PureMeta node. Undefined where anything else is
   * waited for, or a package that leaves no RPM.
   */
  runsBehind(dependency: NodeId): readonly NodeId[] | undefined {
    const { graph, behind } = this;
    if (graph.types[dependency] === NodeType.LocalRun) {
      return this.rpms.has(graph.srpmPath(dependency)) ? [dependency] : undefined;
    }
    if (graph.types[dependency] !== NodeType.PureMeta) return undefined;
    if (!behind.has(dependency)) behind.set(dependency, this.runsBehindMeta(dependency));
    return behind.get(dependency);
  }

  /** Whether a build need not wait for a node, as all RPMs that would come of it are there. */
  canSpare(dependency: NodeId): boolean {
    return this.runsBehind(dependency)?.every((run) => this.allOnDisk(this.graph.srpmPath(run))) ?? false;
  }

  private runsBehindMeta(meta: NodeId): NodeId[] | undefined {
    const { graph } = this;
    const seen = new Set([meta]);
    const runs: NodeId[] = [];
    // A set grows while it is walked through, and meta nodes may hold each other.
    for (const node of seen) {
      if (graph.types[node] === NodeType.PureMeta) for (const member of graph.dependenciesOf(node)) seen.add(member);
      else if (this.runsBehind(node) === undefined) return undefined;
      else runs.push(node);
    }
    return runs.length === 0 ? undefined : runs.sort((a, b) => a - b);
  }

  private isOnDisk(rpm: string): boolean {
    const known = this.onDisk.get(rpm);
    if (known !== undefined) return known;
    const answer = this.askDisk(rpm);
    this.onDisk.set(rpm, answer);
    return answer;
  }
}

function entry<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
