import { fixDeltaPaths } from '../graph/delta-paths';
import type { Graph } from '../graph/graph';
import { likelyProviders } from '../graph/likely-providers';
import { NODE_TYPE_NAMES, type NodeId, NodeState, NodeType } from '../graph/node';
import { type Clock, SystemClock } from '../util/clock';
import type { BuildAgent, BuildResult } from './agent';
import { DynamicDependencies, type DynamicDependencyOptions } from './dynamic-dependencies';
import type { BuildEvent, BuildListener, JobFacts, LicenseChecked, RunFinished } from './events';
import type { Failure } from './failure';
import { directDependencies } from './job-dependencies';
import type { JobKind } from './job-kind';
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
  /** Asks built RPMs for names that nobody is known to provide. Default: such names stay as they are. */
  readonly dynamicDependencies?: DynamicDependencyOptions;
  /** Looks at what a job made or reused, beside the run and not in its way: the run's end waits for it, nothing else does. */
  readonly inspect?: (job: InspectedJob) => Promise<LicenseChecked | undefined>;
  /** Amounts of named resources that running jobs share. Default: none is limited. */
  readonly resources?: Readonly<Record<string, number>>;
  /** Variables for every child process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A job whose files are there, built or reused. */
export interface InspectedJob {
  readonly job: JobId;
  readonly label: string;
  readonly files: readonly string[];
}

/** What a run leaves behind, beside its events. */
export interface RunOutcome {
  readonly runId: string;
  readonly status: RunFinished['status'];
  /** The graph as it is now, with the states of builds and tests. Nodes have the numbers that events use. */
  readonly graph: Graph;
  /** Nodes that took part to the end; the others were cut off, or another stands for them. */
  readonly nodes: readonly NodeId[];
  /** Why the run could not go on, where it is that. */
  readonly gaveUpBecause?: string;
}

/** A job that has ended well, and what it made or reused. */
interface SettledJob {
  readonly job: JobId;
  readonly files: readonly string[];
}

/**
 * Runs a graph's jobs on workers. One run, one scheduler.
 *
 * All state changes here, in one thread of control: `advance` hands out what can go on, and each result comes back to it.
 *
 *     advance ─► decide unlocked jobs ─► hand queued jobs to idle workers ─► all idle and nothing queued?
 *        ▲                │ reused                │                             │ release held nodes, once
 *        │                ▼                       ▼                             └ else the run is over
 *        └── settle ◄── its files ◄── result ◄── agent
 *             └ waits while RPMs are asked for names that are still wanted
 */
export class Scheduler {
  private readonly clock: Clock;
  private readonly plan: Plan;
  private readonly rule: RebuildRule;
  private readonly slots: WorkerSlots;
  private readonly resources: ResourcePool;
  private readonly states = new Map<NodeId, NodeState>();
  private readonly dynamic: DynamicDependencies | undefined;
  private goal: NodeId | undefined;
  /** How many answers are waited for before jobs that are done count as done. */
  private settling = 0;
  private readonly inspections = new Set<Promise<void>>();
  private readonly abort = new AbortController();
  private readonly failedJobs = new Set<JobId>();
  private stopping = false;
  private gaveUpBecause: string | undefined;
  private cancelled = false;
  private advancing = false;
  private ended = false;
  private over: (() => void) | undefined;
  private crash: (bug: unknown) => void = () => {};

  /** @throws CyclicPlanError where jobs need each other in a circle */
  constructor(private readonly options: RunOptions) {
    const { graph } = options;
    this.clock = options.clock ?? new SystemClock();
    this.goal = options.goal;
    this.slots = new WorkerSlots(options.workers);
    this.resources = new ResourcePool(options.resources ?? {});
    const cost = options.cost;
    this.plan = new Plan(graph, {
      goal: options.goal,
      laterGoal: options.dynamicDependencies?.requested,
      order: options.order,
      cost: cost && ((job, jobs) => cost(job, jobs, graph)),
      holdBack: options.holdCachedImplicit
        ? (now, node) => now.isImplicit(node) && now.states[node] === NodeState.Cached
        : undefined,
      onNodeDone: (node) => this.nodeDone(node),
    });
    this.rule = (options.rebuild ?? (() => ALWAYS_BUILD))(graph, this.plan.jobs);
    this.dynamic = options.dynamicDependencies && this.watchNames(options.dynamicDependencies);
  }

  /** The graph as it is now. */
  get graph(): Graph {
    return this.plan.graph;
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
      await this.rule.prepare?.();
      await new Promise<void>((resolve, reject) => {
        this.over = resolve;
        this.crash = reject;
        this.plan.start();
        this.advance();
      });
    } finally {
      await this.stopAgent();
    }
    while (this.inspections.size > 0 && !this.cancelled) await this.unlessCancelled(Promise.all(this.inspections));
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
      process.emitWarning(`the agent ${agent.name} could not stop: ${messageOf(error)}`);
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
    if (this.slots.busyCount === 0 && this.settling === 0 && (this.stopping || this.plan.queuedCount === 0))
      this.over();
  }

  private decideUnlocked(): void {
    const reused: SettledJob[] = [];
    for (let job = this.plan.takeUnlocked(); job !== undefined; job = this.plan.takeUnlocked()) {
      if (this.stopping) continue;
      const decision = this.rule.decide(job);
      const facts = this.facts(job, decision.reason);
      if (decision.build) {
        if (decision.notice) this.notice('info', decision.notice);
        this.emit({ type: 'job-queued', time: this.clock.now(), priority: this.plan.criticalPathOf(job), ...facts });
        this.plan.enqueue(job);
        continue;
      }
      this.inspect(job, decision.files);
      this.emit({ type: 'job-skipped', time: this.clock.now(), how: decision.how, files: decision.files, ...facts });
      this.setStates(job, NodeState.UpToDate);
      if (this.asksAbout(decision.files)) reused.push({ job, files: decision.files });
      else this.plan.finish(job);
    }
    if (reused.length > 0) this.settle(reused);
  }

  /**
   * What needs these jobs may go on: at once, or when their RPMs have been asked for names that are still wanted. Jobs that are settled
   * together are asked about together.
   */
  private settle(jobs: readonly SettledJob[], before?: Promise<void>): void {
    const files = jobs.flatMap(({ files }) => files);
    const ask = this.asksAbout(files) ? this.dynamic : undefined;
    const settleNow = () => {
      for (const { job } of jobs) this.plan.finish(job);
    };
    if (!before && !ask) return settleNow();
    this.settling++;
    const learnThenSettle = async () => {
      const provides = await this.answerOf(files, ask, before);
      if (provides) ask?.learn(files, provides);
      this.settling--;
      settleNow();
      this.advance();
    };
    learnThenSettle().catch((bug) => this.crash(bug));
  }

  /** Who cannot answer does not end the run: the names stay open. */
  private async answerOf(files: readonly string[], ask: DynamicDependencies | undefined, before?: Promise<void>) {
    try {
      await before;
      return ask && (await this.unlessCancelled(ask.ask(files, this.abort.signal)));
    } catch (error) {
      this.notice('warning', `cannot learn what was built: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** Undefined where the run is cancelled first: who was asked may never answer, and that must not keep the run from ending. */
  private async unlessCancelled<T>(answer: Promise<T>): Promise<T | undefined> {
    const { signal } = this.abort;
    let giveUp = () => {};
    const cancelled = new Promise<undefined>((resolve) => {
      giveUp = () => resolve(undefined);
      if (signal.aborted) giveUp();
      else signal.addEventListener('abort', giveUp);
    });
    try {
      return await Promise.race([answer, cancelled]);
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  private asksAbout(files: readonly string[]): boolean {
    return !this.stopping && files.length > 0 && (this.dynamic?.areWanted ?? false);
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
    const { agent } = this.options;
    const { graph } = this;
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
      env: { SPANWRIGHT_BUILD_ID: this.options.runId, ...this.options.env },
      emit: (event: BuildEvent) => this.emit(event),
    };
    // In a function of its own, as an agent may throw before it gives a promise.
    const build = async () => agent.build(request, context);
    build()
      .catch((error): BuildResult => {
        const message = `Internal error: the agent ${agent.name} threw: ${messageOf(error)}`;
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
      check: result.ok ? result.check : undefined,
      logPath: result.logPath,
      files: result.ok ? result.builtFiles : [],
    });
    const told = this.rule.jobDone(job, result) ?? undefined;
    if (result.ok || this.isHarmless(result.failure)) {
      // The toolkit calls a package's tests done whatever came of them.
      this.setStates(job, result.ok ? NodeState.UpToDate : NodeState.BuildError);
      const files = result.ok ? result.builtFiles : [];
      this.inspect(job, files);
      this.fixDeltaPaths(job, files);
      this.settle([{ job, files }], told);
    } else {
      told?.catch((error) =>
        this.notice('warning', `cannot keep in mind what came of ${this.labelOf(job)}: ${messageOf(error)}`),
      );
      this.failedJobs.add(job);
      this.setStates(job, NodeState.BuildError);
      const blocked = this.plan.fail(job);
      // A build that was told to end is not to blame: what needs it is stopped, as all the rest is.
      if (!this.cancelled || result.failure.reason !== 'cancelled') this.announceBlocked(blocked);
      else for (const other of blocked) this.emit({ ...this.blockedFacts(other), cause: { kind: 'stopped' } });
      if (this.options.stopOnFailure && !this.stopping) {
        this.stopping = true;
        this.notice('error', 'Stopping build');
      }
    }
    this.advance();
  }

  /** Tests that ran and failed; not tests that could not be run. */
  private isHarmless(failure: Failure): boolean {
    return failure.reason === 'check-failed' && this.options.failOnTestFailure === false;
  }

  private isStuck(): boolean {
    return !this.stopping && this.settling === 0 && this.slots.busyCount === 0 && this.plan.queuedCount === 0;
  }

  private releaseHeld(): boolean {
    if (!this.plan.releaseHeld()) return false;
    this.dynamic?.refresh();
    this.emit({ type: 'cached-implicit-enabled', time: this.clock.now() });
    return true;
  }

  private finish(): RunOutcome {
    if (!this.stopping) {
      this.announceBlocked(this.plan.giveUp());
      const forgotten = this.plan.forgotten();
      if (forgotten.length > 0) {
        throw new Error(
          `Internal error: expected every node to be done or blocked at the end, found ${forgotten.length} that wait for nothing, such as ${this.graph.friendlyName(forgotten[0] as NodeId)}`,
        );
      }
    }
    const { graph } = this;
    let complete = true;
    for (let job = 0; job < this.plan.jobs.count; job++) {
      const node = this.plan.jobs.firstNodeOf(job);
      if (this.plan.isDone(node) || !this.plan.isIncluded(node)) continue;
      complete = false;
      if (this.failedJobs.has(job) || this.plan.causeOf(node)) continue;
      this.emit({ ...this.blockedFacts(job), cause: { kind: 'stopped' } });
    }
    const providersOf = this.plan.unresolved.length > 0 ? likelyProviders(graph) : () => [];
    const unresolved = this.plan.unresolved.map((node) => ({
      label: graph.friendlyName(node),
      // One SRPM may have several nodes that need it.
      neededBy: [
        ...new Set(
          [...graph.dependentsOf(node)]
            .filter((other) => graph.types[other] !== NodeType.Goal)
            .map((other) => graph.label(other)),
        ),
      ],
      couldComeFrom: providersOf(node),
    }));
    const goalReached = this.goal === undefined ? complete : this.plan.isDone(this.goal);
    const failed =
      !goalReached || [...this.failedJobs].some((job) => !this.plan.wasLeftOut(this.plan.jobs.firstNodeOf(job)));
    const status = this.cancelled ? 'cancelled' : failed ? 'failed' : 'succeeded';
    this.ended = true;
    this.emit({ type: 'run-finished', time: this.clock.now(), status, unresolved });
    const states = graph.states.slice();
    for (const [node, state] of this.states) states[node] = state;
    const nodes = Array.from({ length: graph.size }, (_, node) => node).filter((node) => !this.plan.wasLeftOut(node));
    const { gaveUpBecause } = this;
    return { runId: this.options.runId, status, graph: graph.withStates(states), nodes, gaveUpBecause };
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
            : { kind: 'unresolved', node: cause.node, label: this.graph.friendlyName(cause.node) },
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
    const type = this.graph.types[node] as NodeType;
    // Run and meta nodes are the mortar between builds: thousands of them, each done with what it needs.
    if (type === NodeType.LocalRun || type === NodeType.PureMeta) return;
    const label = this.graph.friendlyName(node);
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
    return this.graph.label(this.plan.jobs.firstNodeOf(job));
  }

  private wanted(job: JobId): Readonly<Record<string, number>> | undefined {
    return this.graph.command(this.plan.jobs.firstNodeOf(job))?.resources;
  }

  private setStates(job: JobId, state: NodeState): void {
    for (const node of this.plan.jobs.nodesOf(job)) this.states.set(node, state);
  }

  private watchNames(options: DynamicDependencyOptions): DynamicDependencies {
    const { plan } = this;
    const now = () => this.clock.now();
    return new DynamicDependencies(plan, options, {
      provided: (node, provider, rpm) => {
        const [label, by] = [plan.graph.friendlyName(node), plan.graph.friendlyName(provider)];
        this.emit({ type: 'name-provided', time: now(), node, label, provider: by, rpm });
      },
      refused: (message) => this.notice('warning', message),
      cycleBroken: (message) => this.notice('info', message),
      graphChanged: (graph) => this.rule.adopt?.(graph),
      blocked: (jobs) => this.announceBlocked(jobs),
      pruned: (dropped) => {
        this.goal = options.requested;
        for (const job of dropped) this.emit({ type: 'job-dropped', time: now(), job, label: this.labelOf(job) });
        this.emit({ type: 'graph-pruned', time: now(), nodes: plan.includedCount });
      },
    });
  }

  /** A package whose RPM was to come from a delta, and was built after all: what needs it must install what was built. */
  private fixDeltaPaths(job: JobId, files: readonly string[]): void {
    const { plan, graph } = this;
    if (files.length === 0 || !plan.jobs.nodesOf(job).some((node) => graph.states[node] === NodeState.Delta)) return;
    const fixed = fixDeltaPaths(graph, files);
    if (!fixed.ok) return this.giveUp(fixed.message);
    if (fixed.graph === graph) return;
    this.rule.adopt?.(fixed.graph);
    plan.adopt(fixed.graph);
  }

  /** What must not be gone on with. What runs is let end. */
  private giveUp(why: string): void {
    this.gaveUpBecause ??= why;
    this.stopping = true;
    this.notice('error', why);
  }

  private inspect(job: JobId, files: readonly string[]): void {
    const { inspect } = this.options;
    if (!inspect || files.length === 0) return;
    const looked: Promise<void> = inspect({ job, label: this.labelOf(job), files })
      .then(
        // The answer may come when the run was cancelled and nobody waits for it any more.
        (event) => event && !this.ended && this.emit(event),
        (error) => this.notice('error', `cannot look at the files of ${this.labelOf(job)}: ${messageOf(error)}`),
      )
      .then(() => void this.inspections.delete(looked));
    this.inspections.add(looked);
  }

  private notice(level: 'info' | 'warning' | 'error', message: string): void {
    this.emit({ type: 'notice', time: this.clock.now(), level, message });
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
        process.emitWarning(`a build listener threw: ${messageOf(error)}`);
      }
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
