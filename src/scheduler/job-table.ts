import type { Graph } from '../graph/graph';
import { type NodeId, NodeType } from '../graph/node';

/**
 * Which nodes are one job. All build nodes of one SRPM are one build, and all its test nodes one test; a command is a job of
 * its own. Jobs are numbered by their first node.
 */
export class JobTable {
  private constructor(
    readonly count: number,
    /** By node: its job, or -1. */
    private readonly jobs: Int32Array,
    /** Nodes of job j: `members[offsets[j]] … members[offsets[j+1]-1]`. */
    private readonly offsets: Uint32Array,
    private readonly members: Uint32Array,
    private readonly tests: Uint8Array,
  ) {}

  static of(graph: Graph, included?: Uint8Array): JobTable {
    const jobs = new Int32Array(graph.size).fill(-1);
    const bySrpm = [new Map<string, number>(), new Map<string, number>()] as const;
    let count = 0;
    let nodes = 0;
    for (let node = 0; node < graph.size; node++) {
      if ((included && included[node] === 0) || !graph.isWork(node)) continue;
      nodes++;
      const srpm = graph.srpmPath(node);
      if (srpm === '') {
        jobs[node] = count++;
        continue;
      }
      const known = bySrpm[graph.types[node] === NodeType.Test ? 1 : 0];
      let job = known.get(srpm);
      if (job === undefined) {
        job = count++;
        known.set(srpm, job);
      }
      jobs[node] = job;
    }
    const offsets = new Uint32Array(count + 1);
    for (const job of jobs) if (job >= 0) offsets[job + 1]!++;
    for (let job = 0; job < count; job++) offsets[job + 1]! += offsets[job] as number;
    const fill = offsets.slice(0, count);
    const members = new Uint32Array(nodes);
    const tests = new Uint8Array(count);
    for (let node = 0; node < graph.size; node++) {
      const job = jobs[node] as number;
      if (job < 0) continue;
      members[fill[job]!++] = node;
      if (graph.types[node] === NodeType.Test) tests[job] = 1;
    }
    return new JobTable(count, jobs, offsets, members, tests);
  }

  /** The node's job, or -1 where there is nothing to run, as for each node that was added under way. */
  jobOf(node: NodeId): number {
    return this.jobs[node] ?? -1;
  }

  nodesOf(job: number): Uint32Array {
    return this.members.subarray(this.offsets[job], this.offsets[job + 1]);
  }

  /** The node that stands for the job. */
  firstNodeOf(job: number): NodeId {
    return this.members[this.offsets[job] as number] as NodeId;
  }

  isTest(job: number): boolean {
    return this.tests[job] === 1;
  }

  /** By job: how many nodes it has; the caller's own copy. */
  nodeCounts(): Int32Array {
    const counts = new Int32Array(this.count);
    for (let job = 0; job < this.count; job++) {
      counts[job] = (this.offsets[job + 1] as number) - (this.offsets[job] as number);
    }
    return counts;
  }
}
