import { availableParallelism } from 'node:os';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Graph } from '../graph/graph';
import { activeTelemetry } from '../telemetry/active-telemetry';
import { SystemClock } from '../util/clock';
import { VERSION } from '../util/version';
import type { BuildAgent } from './agent';
import { stackAgents } from './agent-stack';
import { CommandAgent } from './agents/command';
import { Journal } from './journal';
import { capacitiesFor } from './resource-pool';
import { newRunId, RunDirectory } from './run-directory';
import { RunnerPool } from './runner/runner-pool';
import { type RunOutcome, Scheduler } from './scheduler';
import { type BuildOptions, SCHEDULER_OPTIONS, type SchedulerModuleOptions } from './scheduler.options';
import { SchedulerTelemetry } from './scheduler.telemetry';

/**
 * Builds graphs. Several builds may run at once; each has workers of its own.
 *
 * @example
 * ```ts
 * constructor(private readonly scheduler: SchedulerService) {}
 *
 * async release() {
 *   const { status } = await this.scheduler.build(readGraph('graph.json'), { onEvent: (event) => console.error(event.type) });
 *   if (status !== 'succeeded') throw new Error('the release does not build');
 * }
 * ```
 */
@Injectable()
export class SchedulerService implements OnApplicationShutdown {
  private readonly active = new Map<Scheduler, Promise<RunOutcome>>();
  /** Shared by all builds, and kept between them. */
  private readonly runners = new RunnerPool();

  constructor(@Inject(SCHEDULER_OPTIONS) private readonly options: SchedulerModuleOptions) {}

  /**
   * Runs the graph's jobs, each after what it needs. Resolves when nothing runs any more, whatever came of it: look at `status`.
   *
   * @throws CyclicPlanError where jobs need each other in a circle
   * @throws UserError where the run's folder cannot be made
   */
  async build(graph: Graph, options: BuildOptions = {}): Promise<RunOutcome> {
    const clock = new SystemClock();
    const runId = newRunId(new Date());
    const directory = RunDirectory.create(this.options.runsDir ?? '.spanwright/runs', runId);
    const workers = options.workers ?? this.options.workers ?? availableParallelism();
    const agent = this.options.agent ?? this.commandAgent(directory, workers);
    const attributes = {
      'scheduler.version': VERSION,
      'scheduler.workers': workers,
      'scheduler.build_agent': agent.name,
    };
    const tracing = new SchedulerTelemetry(activeTelemetry(VERSION, runId), runId, attributes, clock.now());
    const journal = new Journal(directory.events, (message) => process.emitWarning(message));
    try {
      const scheduler: Scheduler = new Scheduler({
        graph,
        agent: stackAgents(agent, { policy: ({ kind, node }) => this.policy(graph, kind, node) }, tracing),
        workers,
        runId,
        clock,
        goal: options.goal,
        stopOnFailure: options.stopOnFailure,
        failOnTestFailure: options.failOnTestFailure,
        listeners: [
          tracing.listenerFor(() => scheduler.graph),
          journal.listener,
          ...(options.onEvent ? [options.onEvent] : []),
        ],
        resources: capacitiesFor(graph, workers),
        env: tracing.environment,
      });
      return await this.supervise(scheduler, options.signal);
    } catch (error) {
      tracing.recordError(error);
      throw error;
    } finally {
      journal.close();
      tracing.end(clock.now());
    }
  }

  /** Asks every running build to end, and waits for that. */
  async onApplicationShutdown(): Promise<void> {
    for (const scheduler of this.active.keys()) scheduler.cancel('the application is shutting down');
    await Promise.allSettled(this.active.values());
    this.runners.stop();
  }

  private async supervise(scheduler: Scheduler, signal: AbortSignal | undefined): Promise<RunOutcome> {
    const cancel = () => scheduler.cancel('the caller cancelled the build');
    signal?.addEventListener('abort', cancel, { once: true });
    const outcome = scheduler.run();
    this.active.set(scheduler, outcome);
    if (signal?.aborted) cancel();
    try {
      return await outcome;
    } finally {
      this.active.delete(scheduler);
      signal?.removeEventListener('abort', cancel);
    }
  }

  private policy(graph: Graph, kind: 'build' | 'test', node: number) {
    const spec = graph.command(node);
    const otherwise = kind === 'test' ? this.options.checkAttempts : this.options.buildAttempts;
    return { attempts: spec?.attempts ?? otherwise ?? 1, timeoutMs: spec?.timeoutMs ?? this.options.timeoutMs };
  }

  private commandAgent(directory: RunDirectory, workers: number): BuildAgent {
    this.runners.warmUp(workers);
    return new CommandAgent({
      runners: this.runners,
      logsDir: directory.logs,
      graceMs: this.options.graceMs,
    });
  }
}
