import type { Graph } from '../graph/graph';
import { type NodeId, NodeState, NodeType } from '../graph/node';
import { JobQueue } from './job-queue';
import { JobTable } from './job-table';

/** Number of a job within one plan: one thing to run, which may stand for several nodes of the graph. */
export type JobId = number;

/**
 * Why a job or node will never be done: the job whose failure is the root of it, or the node that nobody provides.
 * The first failure to reach a node keeps it: later ones tend to follow from the same cause.
 */
export type RootCause =
  | { readonly kind: 'job'; readonly job: JobId }
  | { readonly kind: 'node'; readonly node: NodeId };

export interface PlanOptions {
  /** Only what this node needs takes part. Default: every node. */
  readonly goal?: NodeId;
  /**
   * Expected cost of each job, in any one unit; decides the order. Default: 1 for every job.
   */
  readonly cost?: (job: JobId, jobs: JobTable) => number;
  /** `fifo` is there to be compared with. Default: `critical-path`. */
  readonly order?: 'critical-path' | 'fifo';
  /** Nodes that are ready, but kept back until {@link Plan.releaseHeld}. Default: none. */
  readonly holdBack?: (node: NodeId) => boolean;
  /** Told of each node that orders others but runs nothing, when it is done. Default: nobody. */
  readonly onNodeDone?: (node: NodeId) => void;
}

const Status = { Excluded: 0, Waiting: 1, Held: 2, Done: 3, Failed: 4, Blocked: 5, Unresolved: 6 } as const;

/**
 * What is left to do, and in which order. The plan has no clock, no process and no disk.
 *
 *     waiting ──all needs met──► unlocked ──enqueue──► queued ──next──► (running) ──finish──► done
 *        │                          └───────────────finish (nothing to run)──────────────────► done
 *        └──a need failed──► blocked                                     └──fail──► failed
 *
 * A node with nothing to run is done the moment its needs are, and never waits for a worker. A job is unlocked when the last
 * of its nodes is. The tests of a package are unlocked with its build, not after it: they build the package themselves.
 *
 * Each dependency is counted down once, so a whole run costs O((n + e) log n).
 */
export class Plan {
  readonly jobs: JobTable;
  private readonly status: Uint8Array;
  /** How many dependencies of a node are not met yet. */
  private readonly unmet: Int32Array;
  /** How many nodes of a job still wait. */
  private readonly waitingNodes: Int32Array;
  private readonly chainCosts: Float64Array;
  /** By job: what the queue goes by, the cost of the chain or (fifo) when it came. */
  private readonly urgency: Float64Array;
  private readonly queue: JobQueue;
  private readonly unlockedJobs: JobId[] = [];
  private unlockedAt = 0;
  private readonly held: NodeId[] = [];
  private released = false;
  private readonly unresolvedNodes: NodeId[] = [];
  private readonly settled: NodeId[] = [];
  /** By node: 0 none, job + 1, or -(node + 1). Only made when something fails. */
  private causes: Int32Array | undefined;
  /** By job: the job whose end unlocked it, or -1. */
  private readonly unlockers: Int32Array;
  private finishing = -1;
  private arrivals = 0;
  private doneNodes = 0;

  /**
   * @throws CyclicPlanError where the nodes, or the jobs they form, need each other in a circle
   */
  constructor(
    readonly graph: Graph,
    private readonly options: PlanOptions = {},
  ) {
    const included = options.goal === undefined ? undefined : reachableFrom(graph, options.goal);
    this.jobs = JobTable.of(graph, included);
    this.status = new Uint8Array(graph.size);
    this.unmet = new Int32Array(graph.size);
    this.waitingNodes = this.jobs.nodeCounts();
    this.unlockers = new Int32Array(this.jobs.count).fill(-1);
    const { offsets } = graph.dependencies;
    for (let node = 0; node < graph.size; node++) {
      if (included && included[node] === 0) continue;
      this.status[node] = Status.Waiting;
      this.unmet[node] = (offsets[node + 1] as number) - (offsets[node] as number);
    }
    this.chainCosts = this.criticalPaths();
    this.urgency = options.order === 'fifo' ? new Float64Array(this.jobs.count) : this.chainCosts;
    this.queue = new JobQueue(this.urgency, this.jobs);
  }

  /** Unlocks everything that needs nothing. Call once, first. */
  start(): void {
    // Found first and told then: unlocking a build readies its tests, which must not be told a second time.
    const ready: NodeId[] = [];
    for (let node = 0; node < this.graph.size; node++) {
      if (this.status[node] === Status.Waiting && this.unmet[node] === 0) ready.push(node);
    }
    for (const node of ready) this.nodeReady(node);
    this.settle();
  }

  /** The next job whose needs are met and that nobody has taken yet: the caller finishes it at once or enqueues it. */
  takeUnlocked(): JobId | undefined {
    if (this.unlockedAt < this.unlockedJobs.length) return this.unlockedJobs[this.unlockedAt++];
    this.unlockedJobs.length = 0;
    this.unlockedAt = 0;
    return undefined;
  }

  /** The job is to be run when its turn comes. */
  enqueue(job: JobId): void {
    if (this.options.order === 'fifo') this.urgency[job] = -this.arrivals++;
    this.queue.push(job);
  }

  /** Takes the most urgent queued job, or the most urgent that `fits`. */
  next(fits?: (job: JobId) => boolean): JobId | undefined {
    return this.queue.pop(fits);
  }

  get queuedCount(): number {
    return this.queue.size;
  }

  /** The job is done: what needs it may go on. */
  finish(job: JobId): void {
    this.finishing = job;
    for (const node of this.jobs.nodesOf(job)) this.nodeDone(node);
    this.settle();
    this.finishing = -1;
  }

  /**
   * The job has failed for good. Everything that needs it is blocked.
   *
   * @returns the jobs that this blocks, which were not blocked before
   */
  fail(job: JobId): JobId[] {
    for (const node of this.jobs.nodesOf(job)) this.status[node] = Status.Failed;
    return this.block(this.jobs.nodesOf(job), job + 1);
  }

  /** Lets go of the nodes that were held back; false if there were none. */
  releaseHeld(): boolean {
    const released = this.held.splice(0);
    if (released.length > 0) this.released = true;
    for (const node of released) {
      if (this.status[node] === Status.Held) this.nodeDone(node);
    }
    this.settle();
    return released.length > 0;
  }

  /**
   * Nothing more will happen: blocks what waits for nodes that nobody provides.
   *
   * @returns the jobs that this blocks
   */
  giveUp(): JobId[] {
    const blocked: JobId[] = [];
    for (const node of [...this.unresolvedNodes, ...this.held]) {
      for (const job of this.block([node], -(node + 1))) blocked.push(job);
    }
    return blocked;
  }

  isDone(node: NodeId): boolean {
    return this.status[node] === Status.Done;
  }

  isIncluded(node: NodeId): boolean {
    return this.status[node] !== Status.Excluded;
  }

  /** How many nodes are done. */
  get doneCount(): number {
    return this.doneNodes;
  }

  /** Nodes that somebody needs and nobody provides. */
  get unresolved(): readonly NodeId[] {
    return this.unresolvedNodes;
  }

  causeOf(node: NodeId): RootCause | undefined {
    const cause = this.causes?.[node] ?? 0;
    if (cause === 0) return undefined;
    return cause > 0 ? { kind: 'job', job: cause - 1 } : { kind: 'node', node: -cause - 1 };
  }

  /** The job whose end unlocked this one; undefined where it was not waiting for any. */
  unlockerOf(job: JobId): JobId | undefined {
    const unlocker = this.unlockers[job] as number;
    return unlocker < 0 ? undefined : unlocker;
  }

  /** Expected cost of the longest chain of jobs that starts with this one. */
  criticalPathOf(job: JobId): number {
    return this.chainCosts[job] as number;
  }

  private nodeReady(node: NodeId): void {
    const job = this.jobs.jobOf(node);
    if (job >= 0) {
      if (--this.waitingNodes[job]! === 0) this.unlock(job);
      return;
    }
    if (this.graph.states[node] === NodeState.Unresolved) {
      this.status[node] = Status.Unresolved;
      this.unresolvedNodes.push(node);
    } else if (!this.released && this.options.holdBack?.(node)) {
      this.status[node] = Status.Held;
      this.held.push(node);
    } else {
      this.nodeDone(node);
    }
  }

  private unlock(job: JobId): void {
    this.unlockedJobs.push(job);
    this.unlockers[job] = this.finishing;
    for (const node of this.jobs.nodesOf(job)) {
      if (this.graph.types[node] !== NodeType.LocalBuild) continue;
      for (const dependent of this.graph.dependentsOf(node)) {
        if (this.isTestOf(dependent, node)) this.countDown(dependent);
      }
    }
  }

  private nodeDone(node: NodeId): void {
    this.status[node] = Status.Done;
    this.doneNodes++;
    this.settled.push(node);
    if (this.options.onNodeDone && this.jobs.jobOf(node) < 0) this.options.onNodeDone(node);
  }

  /** Passes on what is done, without recursion: chains of nodes may be as long as the graph. */
  private settle(): void {
    const { offsets, targets } = this.graph.dependents;
    for (let node = this.settled.pop(); node !== undefined; node = this.settled.pop()) {
      for (let i = offsets[node] as number; i < (offsets[node + 1] as number); i++) {
        const dependent = targets[i] as number;
        if (!this.isTestOf(dependent, node)) this.countDown(dependent);
      }
    }
  }

  private countDown(node: NodeId): void {
    if (--this.unmet[node]! === 0 && this.status[node] === Status.Waiting) this.nodeReady(node);
  }

  private isTestOf(test: NodeId, build: NodeId): boolean {
    const { graph } = this;
    if (graph.types[test] !== NodeType.Test || graph.types[build] !== NodeType.LocalBuild) return false;
    const srpm = graph.srpmPath(build);
    return srpm !== '' && srpm === graph.srpmPath(test);
  }

  private block(from: Iterable<NodeId>, cause: number): JobId[] {
    this.causes ??= new Int32Array(this.graph.size);
    const blocked: JobId[] = [];
    const stack: NodeId[] = [...from];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      for (const dependent of this.graph.dependentsOf(node)) {
        if (this.status[dependent] !== Status.Waiting) continue;
        // A build that failed was ready once, and that is all its test needs of it.
        if (this.status[node] === Status.Failed && this.isTestOf(dependent, node)) continue;
        const job = this.jobs.jobOf(dependent);
        // A test that was unlocked with its build does not wait for it any more.
        if (job >= 0 && this.waitingNodes[job] === 0) continue;
        const members = job < 0 ? [dependent] : this.jobs.nodesOf(job);
        for (const member of members) {
          this.status[member] = Status.Blocked;
          this.causes[member] = cause;
          stack.push(member);
        }
        if (job >= 0) blocked.push(job);
      }
    }
    return blocked;
  }

  /** For each job the cost of the longest chain of jobs that starts with it, from the far end backwards. */
  private criticalPaths(): Float64Array {
    const { graph, jobs } = this;
    const order = this.topologicalOrder();
    const { offsets, targets } = graph.dependents;
    const remaining = new Float64Array(graph.size);
    const ofJob = new Float64Array(jobs.count);
    const cost = this.options.cost ?? (() => 1);
    const longestBehind = (node: NodeId): number => {
      let longest = 0;
      for (let i = offsets[node] as number; i < (offsets[node + 1] as number); i++) {
        const dependent = targets[i] as number;
        if ((remaining[dependent] as number) > longest && !this.isTestOf(dependent, node)) {
          longest = remaining[dependent] as number;
        }
      }
      return longest;
    };
    for (let i = order.length - 1; i >= 0; ) {
      const node = order[i] as number;
      const job = jobs.jobOf(node);
      if (job < 0) {
        remaining[node] = longestBehind(node);
        i--;
        continue;
      }
      // The nodes of a job stand side by side in the order.
      const members = jobs.nodesOf(job);
      let longest = 0;
      for (const member of members) longest = Math.max(longest, longestBehind(member));
      ofJob[job] = longest + cost(job, jobs);
      for (const member of members) remaining[member] = ofJob[job] as number;
      i -= members.length;
    }
    return ofJob;
  }

  /** Dependencies before dependents, and the nodes of a job side by side. */
  private topologicalOrder(): Uint32Array {
    const { graph, jobs } = this;
    const unmet = this.unmet.slice();
    const waiting = this.waitingNodes.slice();
    const { offsets, targets } = graph.dependents;
    const order = new Uint32Array(graph.size);
    let length = 0;
    let total = 0;
    const ready = (node: NodeId) => {
      const job = jobs.jobOf(node);
      if (job < 0) order[length++] = node;
      else if (--waiting[job]! === 0) for (const member of jobs.nodesOf(job)) order[length++] = member;
    };
    for (let node = 0; node < graph.size; node++) {
      if (this.status[node] !== Status.Waiting) continue;
      total++;
      if (unmet[node] === 0) ready(node);
    }
    for (let at = 0; at < length; at++) {
      const node = order[at] as number;
      for (let i = offsets[node] as number; i < (offsets[node + 1] as number); i++) {
        const dependent = targets[i] as number;
        if (--unmet[dependent]! === 0 && this.status[dependent] === Status.Waiting) ready(dependent);
      }
    }
    if (length < total) throw new CyclicPlanError(this.findCycle(order.subarray(0, length)));
    return order.subarray(0, length);
  }

  /** Walks from job to job, or node to node, along dependencies that never became ready, until one comes up again. */
  private findCycle(ordered: Uint32Array): NodeId[] {
    const { graph, jobs } = this;
    const done = new Uint8Array(graph.size);
    for (const node of ordered) done[node] = 1;
    const stuck = (node: NodeId) => this.status[node] === Status.Waiting && done[node] === 0;
    let node = 0;
    while (!stuck(node)) node++;
    const seenAt = new Map<number, number>();
    const path: NodeId[] = [];
    for (;;) {
      const job = jobs.jobOf(node);
      const id = job < 0 ? -node - 1 : job;
      const seen = seenAt.get(id);
      if (seen !== undefined) return [...path.slice(seen), node];
      seenAt.set(id, path.length);
      path.push(node);
      const members = job < 0 ? [node] : jobs.nodesOf(job);
      let next: NodeId | undefined;
      for (const member of members) next ??= graph.dependenciesOf(member).find(stuck);
      if (next === undefined)
        throw new Error(`Internal error: expected a dependency that keeps node ${node} from being ready, found none`);
      node = next;
    }
  }
}

/** The nodes of a circle of dependencies, each needing the next; the last is the first one again, or a node of the same job. */
export class CyclicPlanError extends Error {
  override readonly name = 'CyclicPlanError';

  constructor(readonly cycle: readonly NodeId[]) {
    super(`nodes ${cycle.join(' -> ')} need each other in a circle`);
  }
}

function reachableFrom(graph: Graph, goal: NodeId): Uint8Array {
  const seen = new Uint8Array(graph.size);
  seen[goal] = 1;
  const stack = [goal];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    for (const dependency of graph.dependenciesOf(node)) {
      if (seen[dependency] === 1) continue;
      seen[dependency] = 1;
      stack.push(dependency);
    }
  }
  return seen;
}
