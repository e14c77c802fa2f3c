import type { Graph } from '../graph/graph';
import { NODE_TYPE_NAMES, type NodeId, NodeState, NodeType } from '../graph/node';
import { type Clock, SystemClock } from '../util/clock';
import type { BuildAgent, BuildResult, JobKind } from './agent';
import type { BuildEvent, BuildListener, JobFacts, RunFinished } from './events';
import type { Failure } from './failure';
import { directDependencies } from './job-dependencies';
import type { JobTable } from './job-table';
import { type JobId, Plan } from './plan';
import { ALWAYS_BUILD, type RebuildRule } from './rebuild/rebuild-rule';
import { ResourcePool } from './resource-pool';
import { WorkerSlots } from './worker-slots';

export interface RunOptions {
  readonly graph: Graph;
  readonly agent: BuildAgent;
  /** How many jobs run at a time. */
  readonly workers: number;
  /** Names the run in events, spans and folders. */
  readonly runId: string;
  /** Only what this node needs is built. Default: every node. */
  readonly goal?: NodeId;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** True where the clock is a simulation's. Default: false. */
  readonly simulated?: boolean;
  /** Makes the rule that says whether to build. Default: build everything. */
  readonly rebuild?: (graph: Graph, jobs: JobTable) => RebuildRule;
  readonly listeners?: readonly BuildListener[];
  /** Start nothing more after the first failure. Default: false, go on with all that does not need it. */
  readonly stopOnFailure?: boolean;
  /**
   * Whether a failed check of a package counts as a failure, of the run and of what needs it. Tests that could not be run always
   * do. Default: true.
   */
  readonly failOnTestFailure?: boolean;
  /** Expected cost of a job, in milliseconds or any other unit. Default: 1. */
  readonly cost?: (job: JobId, jobs: JobTable, graph: Graph) => number;
  /** `fifo` is there to be compared with. Default: `critical-path`. */
  readonly order?: 'critical-path' | 'fifo';
  /**
   * Keep packages from the cache that stand for names found only after a build (implicit ones) until nothing else can go on:
   * a build might provide the name. Default: false.
   */
  readonly holdCachedImplicit?: boolean;
  /** Amounts of named resources that running jobs share. Default: none is limited. */
  readonly resources?: Readonly<Record<string, number>>;
  /** Variables for every child process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What a run leaves behind, beside its events. */
export interface RunOutcome {
  readonly runId: string;
  readonly status: RunFinished['status'];
  /** The graph with the states that builds and tests have now. */
  readonly graph: Graph;
}

/**
 * Runs a graph's jobs on workers. One run, one scheduler.
 *
 * All state changes here, in one thread of control: `advance` hands out what can go on, and each result comes back to it.
 *
 *     advance ─► decide unlocked jobs ─► hand queued jobs to idle workers ─► all idle and nothing queued?
 *        ▲                                        │                             │ release held nodes, once
 *        └────────────── result ◄── agent ◄───────┘                             └ else the run is over
 */
export class Scheduler {
  private readonly clock: Clock;
  private readonly plan: Plan;
  private readonly rule: RebuildRule;
  private readonly slots: WorkerSlots;
  private readonly resources: ResourcePool;
  private readonly states: Uint8Array;
  private readonly abort = new AbortController();
  private readonly failedJobs = new Set<JobId>();
  private stopping = false;
  private cancelled = false;
  private advancing = false;
  private failed = false;
  private ended = false;
  private over: (() => void) | undefined;
  private crash: (bug: unknown) => void = () => {};

  /** @throws CyclicPlanError where jobs need each other in a circle */
  constructor(private readonly options: RunOptions) {
    const { graph } = options;
    this.clock = options.clock ?? new SystemClock();
    this.states = graph.states.slice();
    this.slots = new WorkerSlots(options.workers);
    this.resources = new ResourcePool(options.resources ?? {});
    const cost = options.cost;
    this.plan = new Plan(graph, {
      goal: options.goal,
      order: options.order,
      cost: cost && ((job, jobs) => cost(job, jobs, graph)),
      holdBack: options.holdCachedImplicit
        ? (node) => graph.isImplicit(node) && graph.states[node] === NodeState.Cached
        : undefined,
      onNodeDone: (node) => this.nodeDone(node),
    });
    this.rule = (options.rebuild ?? (() => ALWAYS_BUILD))(graph, this.plan.jobs);
  }

  /** The jobs of this run, by number. */
  get jobs(): JobTable {
    return this.plan.jobs;
  }

  /** Builds. Resolves when nothing runs any more, whatever came of it; rejects only if the agent cannot be started. */
  async run(): Promise<RunOutcome> {
    const { agent } = this.options;
    this.emitRunStarted();
    try {
      await agent.start?.();
      await new Promise<void>((resolve, reject) => {
        this.over = resolve;
        this.crash = reject;
        this.plan.start();
        this.advance();
      });
    } finally {
      await this.stopAgent();
    }
    return this.finish();
  }

  /** Starts nothing more and asks running builds to end. The run then ends as usual. A second call does nothing. */
  cancel(why: string): void {
    if (this.cancelled || this.ended) return;
    this.cancelled = true;
    this.stopping = true;
    this.emit({ type: 'run-cancelled', time: this.clock.now(), why });
    this.abort.abort();
    this.advance();
  }

  /** An agent that cannot stop does not change what came of the run, and does not hide why it could not start. */
  private async stopAgent(): Promise<void> {
    const { agent } = this.options;
    try {
      await agent.stop?.();
    } catch (error) {
      process.emitWarning(
        `the agent ${agent.name} could not stop: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  private advance(): void {
    // Results may arrive while jobs are handed out: the outer call sees them.
    if (this.advancing || !this.over) return;
    this.advancing = true;
    do {
      this.decideUnlocked();
      this.handOut();
    } while (this.isStuck() && this.releaseHeld());
    this.advancing = false;
    if (this.slots.busyCount === 0 && (this.stopping || this.plan.queuedCount === 0)) this.over();
  }

  private decideUnlocked(): void {
    for (let job = this.plan.takeUnlocked(); job !== undefined; job = this.plan.takeUnlocked()) {
      if (this.stopping) continue;
      const decision = this.rule.decide(job);
      const facts = this.facts(job, decision.reason);
      if (decision.build) {
        this.emit({ type: 'job-queued', time: this.clock.now(), priority: this.plan.criticalPathOf(job), ...facts });
        this.plan.enqueue(job);
        continue;
      }
      this.emit({ type: 'job-skipped', time: this.clock.now(), how: decision.how, files: decision.files, ...facts });
      this.setStates(job, NodeState.UpToDate);
      this.plan.finish(job);
    }
  }

  private handOut(): void {
    const fits = (job: JobId) => this.resources.fits(this.wanted(job));
    while (!this.stopping && this.slots.hasIdle) {
      const job = this.plan.next(this.options.resources ? fits : undefined);
      if (job === undefined) return;
      this.start(job);
    }
  }

  private start(job: JobId): void {
    const { graph, agent } = this.options;
    const worker = this.slots.take();
    this.resources.take(this.wanted(job));
    this.emit({ type: 'job-started', time: this.clock.now(), job, worker });
    const request = {
      job,
      kind: this.kindOf(job),
      graph,
      node: this.plan.jobs.firstNodeOf(job),
      label: this.labelOf(job),
      attempt: 1,
      worker,
      deadline: undefined,
      dependsOn: directDependencies(graph, this.plan.jobs, job),
    };
    const context = {
      clock: this.clock,
      signal: this.abort.signal,
      env: this.options.env ?? {},
      emit: (event: BuildEvent) => this.emit(event),
    };
    // In a function of its own, as an agent may throw before it gives a promise.
    const build = async () => agent.build(request, context);
    build()
      .catch((error): BuildResult => {
        const message = `Internal error: the agent ${agent.name} threw: ${error instanceof Error ? error.message : String(error)}`;
        return { ok: false, failure: { reason: 'agent-error', message } };
      })
      .then((result) => this.finished(job, worker, result))
      .catch((bug) => this.crash(bug));
  }

  private finished(job: JobId, worker: number, result: BuildResult): void {
    this.slots.giveBack(worker);
    this.resources.giveBack(this.wanted(job));
    this.emit({
      type: 'job-finished',
      time: this.clock.now(),
      job,
      worker,
      ok: result.ok,
      failure: result.ok ? undefined : result.failure,
      logPath: result.logPath,
      files: result.ok ? result.builtFiles : [],
    });
    this.rule.jobDone(job);
    if (result.ok || this.isHarmless(result.failure)) {
      // The toolkit calls a package's tests done whatever came of them.
      this.setStates(job, result.ok ? NodeState.UpToDate : NodeState.BuildError);
      this.plan.finish(job);
    } else {
      this.failed = true;
      this.failedJobs.add(job);
      this.setStates(job, NodeState.BuildError);
      const blocked = this.plan.fail(job);
      // A build that was told to end is not to blame: what needs it is stopped, as all the rest is.
      if (!this.cancelled || result.failure.reason !== 'cancelled') this.announceBlocked(blocked);
      else for (const other of blocked) this.emit({ ...this.blockedFacts(other), cause: { kind: 'stopped' } });
      if (this.options.stopOnFailure) this.stopping = true;
    }
    this.advance();
  }

  /** Tests that ran and failed; not tests that could not be run. */
  private isHarmless(failure: Failure): boolean {
    return failure.reason === 'check-failed' && this.options.failOnTestFailure === false;
  }

  private isStuck(): boolean {
    return !this.stopping && this.slots.busyCount === 0 && this.plan.queuedCount === 0;
  }

  private releaseHeld(): boolean {
    if (!this.plan.releaseHeld()) return false;
    this.emit({ type: 'cached-implicit-enabled', time: this.clock.now() });
    return true;
  }

  private finish(): RunOutcome {
    const { graph } = this.options;
    if (!this.stopping) this.announceBlocked(this.plan.giveUp());
    let complete = true;
    for (let job = 0; job < this.plan.jobs.count; job++) {
      const node = this.plan.jobs.firstNodeOf(job);
      if (this.plan.isDone(node)) continue;
      complete = false;
      if (this.failedJobs.has(job) || this.plan.causeOf(node)) continue;
      this.emit({ ...this.blockedFacts(job), cause: { kind: 'stopped' } });
    }
    const unresolved = this.plan.unresolved.map((node) => ({
      label: graph.friendlyName(node),
      neededBy: [...graph.dependentsOf(node)]
        .filter((other) => graph.types[other] !== NodeType.Goal)
        .map((other) => graph.label(other)),
    }));
    const goalReached = this.options.goal === undefined ? complete : this.plan.isDone(this.options.goal);
    const status = this.cancelled ? 'cancelled' : this.failed || !goalReached ? 'failed' : 'succeeded';
    this.ended = true;
    this.emit({ type: 'run-finished', time: this.clock.now(), status, unresolved });
    return { runId: this.options.runId, status, graph: graph.withStates(this.states) };
  }

  private announceBlocked(jobs: readonly JobId[]): void {
    for (const job of jobs) {
      const cause = this.plan.causeOf(this.plan.jobs.firstNodeOf(job));
      if (!cause) throw new Error(`Internal error: expected a cause for the blocked job ${job}, found none`);
      this.emit({
        ...this.blockedFacts(job),
        cause:
          cause.kind === 'job'
            ? { kind: 'job', job: cause.job, label: this.labelOf(cause.job) }
            : { kind: 'unresolved', node: cause.node, label: this.options.graph.friendlyName(cause.node) },
      });
    }
  }

  private blockedFacts(job: JobId) {
    const node = this.plan.jobs.firstNodeOf(job);
    return {
      type: 'job-blocked',
      time: this.clock.now(),
      job,
      kind: this.kindOf(job),
      label: this.labelOf(job),
      node,
    } as const;
  }

  private nodeDone(node: NodeId): void {
    this.rule.nodeDone(node);
    const type = this.options.graph.types[node] as NodeType;
    // Run and meta nodes are the mortar between builds: thousands of them, each done with what it needs.
    if (type === NodeType.LocalRun || type === NodeType.PureMeta) return;
    const label = this.options.graph.friendlyName(node);
    this.emit({ type: 'node-done', time: this.clock.now(), node, nodeType: NODE_TYPE_NAMES[type] as string, label });
  }

  private facts(job: JobId, reason: string): JobFacts {
    return {
      job,
      kind: this.kindOf(job),
      label: this.labelOf(job),
      node: this.plan.jobs.firstNodeOf(job),
      reason,
      after: this.plan.unlockerOf(job),
    };
  }

  private kindOf(job: JobId): JobKind {
    return this.plan.jobs.isTest(job) ? 'test' : 'build';
  }

  private labelOf(job: JobId): string {
    return this.options.graph.label(this.plan.jobs.firstNodeOf(job));
  }

  private wanted(job: JobId): Readonly<Record<string, number>> | undefined {
    return this.options.graph.command(this.plan.jobs.firstNodeOf(job))?.resources;
  }

  private setStates(job: JobId, state: NodeState): void {
    for (const node of this.plan.jobs.nodesOf(job)) this.states[node] = state;
  }

  private emitRunStarted(): void {
    const { graph, workers, runId, agent, simulated } = this.options;
    const { jobs } = this.plan;
    let tests = 0;
    let work = 0;
    let critical = 0;
    for (let job = 0; job < jobs.count; job++) {
      if (jobs.isTest(job)) tests++;
      work += this.options.cost?.(job, jobs, graph) ?? 1;
      critical = Math.max(critical, this.plan.criticalPathOf(job));
    }
    this.emit({
      type: 'run-started',
      time: this.clock.now(),
      runId,
      graph: graph.info.name ?? '',
      nodes: graph.size,
      edges: graph.edgeCount,
      builds: jobs.count - tests,
      tests,
      workers,
      agent: agent.name,
      simulated: simulated ?? false,
      expectedCriticalPath: critical,
      expectedWork: work,
    });
  }

  /** Watching must not change the build: what a listener throws is its own affair. */
  private emit(event: BuildEvent): void {
    for (const listener of this.options.listeners ?? []) {
      try {
        listener(event);
      } catch (error) {
        process.emitWarning(`a build listener threw: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}
