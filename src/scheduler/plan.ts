import type { Graph } from '../graph/graph';
import { type NodeId, NodeState, NodeType } from '../graph/node';
import { JobQueue } from './job-queue';
import { JobTable } from './job-table';
import { CyclicPlanError, chainCosts, isTestOf, topologicalOrder } from './plan-order';

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
  /** A goal that the run may be cut down to under way; what it needs takes part too. */
  readonly laterGoal?: NodeId;
  /**
   * Expected cost of each job, in any one unit; decides the order. Default: 1 for every job.
   */
  readonly cost?: (job: JobId, jobs: JobTable) => number;
  /** `fifo` is there to be compared with. Default: `critical-path`. */
  readonly order?: 'critical-path' | 'fifo';
  /** Nodes that are ready, but kept back until {@link Plan.releaseHeld}. Default: none. */
  readonly holdBack?: (graph: Graph, node: NodeId) => boolean;
  /** Told of each node that orders others but runs nothing, when it is done. Default: nobody. */
  readonly onNodeDone?: (node: NodeId) => void;
}

export interface AdoptOptions {
  readonly goal?: NodeId;
  readonly gone?: Iterable<NodeId>;
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
  private current: Graph;
  private status: Uint8Array;
  /** How many dependencies of a node are not met yet. */
  private unmet: Int32Array;
  /** How many nodes of a job still wait. */
  private readonly waitingNodes: Int32Array;
  private readonly chainCosts: Float64Array;
  /** By job: what the queue goes by, the cost of the chain or (fifo) when it came. */
  private readonly urgency: Float64Array;
  private readonly queue: JobQueue;
  private readonly unlockedJobs: JobId[] = [];
  private unlockedAt = 0;
  private held: NodeId[] = [];
  private released = false;
  private unresolvedNodes: NodeId[] = [];
  private readonly settled: NodeId[] = [];
  /** By node: 0 none, job + 1, or -(node + 1). Only made when something fails. */
  private causes: Int32Array | undefined;
  /** By job: the job whose end unlocked it, or -1. */
  private readonly unlockers: Int32Array;
  private readonly running = new Set<JobId>();
  private readonly leftOut = new Set<NodeId>();
  private finishing = -1;
  private arrivals = 0;
  private doneNodes = 0;

  /**
   * @throws CyclicPlanError where the nodes, or the jobs they form, need each other in a circle
   */
  constructor(
    graph: Graph,
    private readonly options: PlanOptions = {},
  ) {
    this.current = graph;
    const included =
      options.goal === undefined ? undefined : reachableFrom(graph, options.goal, options.laterGoal ?? options.goal);
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
    const order = topologicalOrder(graph, this.jobs, (node) => this.status[node] === Status.Waiting);
    this.chainCosts = chainCosts(graph, this.jobs, order, options.cost);
    this.urgency = options.order === 'fifo' ? new Float64Array(this.jobs.count) : this.chainCosts;
    this.queue = new JobQueue(this.urgency, this.jobs);
  }

  /** The graph as it is now. */
  get graph(): Graph {
    return this.current;
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
    while (this.unlockedAt < this.unlockedJobs.length) {
      const job = this.unlockedJobs[this.unlockedAt++] as JobId;
      if (this.isIncluded(this.jobs.firstNodeOf(job))) return job;
    }
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
    const job = this.queue.pop(fits);
    if (job !== undefined) this.running.add(job);
    return job;
  }

  get queuedCount(): number {
    return this.queue.size;
  }

  /**
   * Goes on with a graph that has changed under way: nodes keep their numbers, some have other dependencies, new ones stand behind the last
   * and none of these is a job. What was done stays done, and a job that was unlocked stays so. Everything else is counted anew, so that
   * nothing that could go on is forgotten.
   *
   * @param goal where only what this node needs is to be done from now on
   * @param gone nodes that nothing needs any more and that are not to be done
   * @returns jobs that are no longer needed, whatever they were but failed, and jobs that are blocked now
   */
  adopt(
    graph: Graph,
    { goal, gone = [] }: AdoptOptions = {},
  ): { readonly dropped: JobId[]; readonly blocked: JobId[] } {
    this.current = graph;
    this.growTo(graph.size);
    for (const node of gone) this.leaveOut(node);
    const dropped = goal === undefined ? [] : this.excludeAllBut(reachableFrom(graph, goal));
    const waits = (node: NodeId) => this.status[node] === Status.Unresolved || this.status[node] === Status.Held;
    this.unresolvedNodes = this.unresolvedNodes.filter((node) => this.keepsWaiting(node));
    this.held = this.held.filter((node) => this.keepsWaiting(node));
    for (let node = 0; node < graph.size; node++) {
      // It was taken for a leaf, and has become something else.
      if (waits(node) && !this.isLeafThatWaits(node)) this.status[node] = Status.Waiting;
    }
    const ready = this.countAnew();
    for (const node of ready.nodes) this.nodeReady(node);
    for (const job of ready.jobs) this.unlock(job);
    this.settle();
    return { dropped, blocked: this.blockAnew() };
  }

  /** The job is done: what needs it may go on. */
  finish(job: JobId): void {
    this.running.delete(job);
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
    this.running.delete(job);
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

  /** Nodes that wait although nothing keeps them from being done. There are none, ever: this is to be asked at the end. */
  forgotten(): NodeId[] {
    const nodes: NodeId[] = [];
    for (let node = 0; node < this.graph.size; node++) if (this.status[node] === Status.Waiting) nodes.push(node);
    return nodes;
  }

  /** Whether the node stands for a package from elsewhere that is not used yet: it may still be tied to something that was built. */
  isOpen(node: NodeId): boolean {
    const status = this.status[node];
    return status === Status.Waiting || status === Status.Held || status === Status.Unresolved;
  }

  /** Jobs that could never be unlocked in this graph, as they need each other in a circle; undefined where there are none. */
  circleIn(graph: Graph): CyclicPlanError | undefined {
    try {
      topologicalOrder(graph, this.jobs, (node) => node >= this.status.length || this.isOpen(node));
      return undefined;
    } catch (error) {
      if (error instanceof CyclicPlanError) return error;
      throw error;
    }
  }

  isDone(node: NodeId): boolean {
    return this.status[node] === Status.Done;
  }

  /** Whether held nodes have been let go. */
  get hasReleased(): boolean {
    return this.released;
  }

  /** How many nodes take part. */
  get includedCount(): number {
    let count = 0;
    for (const status of this.status) if (status !== Status.Excluded) count++;
    return count;
  }

  /** Whether the node took part once and was taken out under way. */
  wasLeftOut(node: NodeId): boolean {
    return this.leftOut.has(node);
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

  private growTo(size: number): void {
    const known = this.status.length;
    if (size === known) return;
    const [status, unmet] = [new Uint8Array(size), new Int32Array(size)];
    status.set(this.status);
    unmet.set(this.unmet);
    status.fill(Status.Waiting, known);
    this.status = status;
    this.unmet = unmet;
    if (this.causes) {
      const causes = new Int32Array(size);
      causes.set(this.causes);
      this.causes = causes;
    }
  }

  /** @returns the jobs that were known and have not failed */
  private excludeAllBut(needed: Uint8Array): JobId[] {
    const dropped: JobId[] = [];
    for (let node = 0; node < this.graph.size; node++) {
      if (needed[node] === 1 || this.status[node] === Status.Excluded) continue;
      const job = this.jobs.jobOf(node);
      // A job is needed if one of its nodes is.
      if (job >= 0 && this.jobs.nodesOf(job).some((member) => needed[member] === 1)) continue;
      if (job >= 0 && node === this.jobs.firstNodeOf(job)) {
        this.queue.remove(job);
        // Nobody has heard of a job that never was unlocked; one that failed has done so all the same.
        const isKnown = this.waitingNodes[job] === 0 || this.status[node] === Status.Blocked;
        if (isKnown && this.status[node] !== Status.Failed) dropped.push(job);
      }
      this.leaveOut(node);
      // What runs goes on to its end.
      if (this.running.has(job)) this.status[node] = Status.Waiting;
    }
    return dropped;
  }

  private leaveOut(node: NodeId): void {
    this.status[node] = Status.Excluded;
    this.leftOut.add(node);
  }

  private isLeafThatWaits(node: NodeId): boolean {
    const { graph } = this;
    if (graph.states[node] === NodeState.Unresolved) return true;
    return !this.released && (this.options.holdBack?.(this.graph, node) ?? false);
  }

  private keepsWaiting(node: NodeId): boolean {
    return this.status[node] !== Status.Excluded && this.isLeafThatWaits(node);
  }

  /** Counts what each waiting node still needs. @returns what needs nothing more, and was not found to before */
  private countAnew(): { readonly nodes: NodeId[]; readonly jobs: JobId[] } {
    const { graph, jobs } = this;
    const ready: NodeId[] = [];
    const waiting = new Int32Array(jobs.count);
    for (let node = 0; node < graph.size; node++) {
      if (this.status[node] !== Status.Waiting) continue;
      let unmet = 0;
      for (const dependency of graph.dependenciesOf(node)) if (!this.isMet(node, dependency)) unmet++;
      this.unmet[node] = unmet;
      const job = jobs.jobOf(node);
      if (job >= 0) waiting[job]! += unmet > 0 ? 1 : 0;
      else if (unmet === 0) ready.push(node);
    }
    const unlocked: JobId[] = [];
    for (let job = 0; job < jobs.count; job++) {
      if (this.waitingNodes[job] === 0) continue;
      if (!jobs.nodesOf(job).every((node) => this.status[node] === Status.Waiting)) continue;
      this.waitingNodes[job] = waiting[job] as number;
      if (waiting[job] === 0) unlocked.push(job);
    }
    return { nodes: ready, jobs: unlocked };
  }

  private isMet(node: NodeId, dependency: NodeId): boolean {
    if (this.status[dependency] === Status.Done) return true;
    return isTestOf(this.graph, node, dependency) && this.waitingNodes[this.jobs.jobOf(dependency)] === 0;
  }

  /** A node may have been tied to what will never be there. */
  private blockAnew(): JobId[] {
    const blocked: JobId[] = [];
    for (let node = 0; node < this.graph.size && this.causes; node++) {
      const status = this.status[node];
      if (status !== Status.Failed && status !== Status.Blocked) continue;
      const cause = status === Status.Failed ? this.jobs.jobOf(node) + 1 : (this.causes[node] as number);
      for (const job of this.block([node], cause)) blocked.push(job);
    }
    return blocked;
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
    } else if (!this.released && this.options.holdBack?.(this.graph, node)) {
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
        if (isTestOf(this.graph, dependent, node)) this.countDown(dependent);
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
        if (!isTestOf(this.graph, dependent, node)) this.countDown(dependent);
      }
    }
  }

  private countDown(node: NodeId): void {
    if (--this.unmet[node]! === 0 && this.status[node] === Status.Waiting) this.nodeReady(node);
  }

  private block(from: Iterable<NodeId>, cause: number): JobId[] {
    this.causes ??= new Int32Array(this.graph.size);
    const blocked: JobId[] = [];
    const stack: NodeId[] = [...from];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      for (const dependent of this.graph.dependentsOf(node)) {
        if (this.status[dependent] !== Status.Waiting) continue;
        // A build that failed was ready once, and that is all its test needs of it.
        if (this.status[node] === Status.Failed && isTestOf(this.graph, dependent, node)) continue;
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
}

function reachableFrom(graph: Graph, ...goals: NodeId[]): Uint8Array {
  const seen = new Uint8Array(graph.size);
  const stack = [...goals];
  for (const goal of goals) seen[goal] = 1;
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    for (const dependency of graph.dependenciesOf(node)) {
      if (seen[dependency] === 1) continue;
      seen[dependency] = 1;
      stack.push(dependency);
    }
  }
  return seen;
}
