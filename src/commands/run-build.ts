import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import type { TelemetrySettings } from '../config/telemetry-settings';
import type { Graph } from '../graph/graph';
import type { NodeId } from '../graph/node';
import { perfettoTrace } from '../report/perfetto';
import { RunView } from '../report/run-view';
import type { BuildAgent } from '../scheduler/agent';
import { stackAgents } from '../scheduler/agent-stack';
import type { RetryPolicy } from '../scheduler/agents/retrying';
import { costFrom, DurationHistory, type Durations } from '../scheduler/durations';
import type { BuildEvent } from '../scheduler/events';
import type { JobTable } from '../scheduler/job-table';
import { Journal } from '../scheduler/journal';
import { capacitiesFor } from '../scheduler/resource-pool';
import { RunDirectory } from '../scheduler/run-directory';
import type { RunOptions, RunOutcome } from '../scheduler/scheduler';
import type { SchedulerTelemetry } from '../scheduler/scheduler.telemetry';
import type { Telemetry, TelemetryOptions } from '../telemetry/telemetry';
import { writeFileAtomically } from '../util/atomic-file';
import { type Clock, SystemClock } from '../util/clock';
import { UserError } from '../util/user-error';
import { VERSION } from '../util/version';
import { makeScheduler } from './make-scheduler';

/** Number of workers that 0, or less, stands for. */
export function workerCount(asked: number): number {
  return asked > 0 ? asked : availableParallelism();
}

export interface SessionOptions {
  readonly runId: string;
  readonly settings: TelemetrySettings;
  readonly serviceName: string;
  /** Where runs leave their folders; undefined: this run leaves none. */
  readonly runsDir: string | undefined;
  readonly mainAttributes: Readonly<Record<string, string | number | boolean>>;
  readonly onProblem: (message: string) => void;
}

/**
 * What surrounds one run of a command from its first moment to its last: the run's folder and its trace. It is there before
 * the graph is read, so that a run which fails on its graph leaves a trace too.
 */
export class Session {
  readonly directory: RunDirectory | undefined;
  readonly tracing: SchedulerTelemetry | undefined;
  private readonly telemetry: Telemetry | undefined;
  private closed: Promise<void> | undefined;

  constructor(readonly options: SessionOptions) {
    const { settings, runId, runsDir } = options;
    this.directory = runsDir === undefined ? undefined : RunDirectory.create(runsDir, runId);
    if (!settings.enabled || (!this.directory && !settings.otlp && !settings.console)) return;
    // Loaded here: a run without telemetry must not pay for it.
    const { startTelemetry } = require('../telemetry/telemetry') as typeof import('../telemetry/telemetry');
    const { SchedulerTelemetry } =
      require('../scheduler/scheduler.telemetry') as typeof import('../scheduler/scheduler.telemetry');
    const telemetryOptions: TelemetryOptions = {
      serviceName: settings.serviceName ?? options.serviceName,
      serviceVersion: VERSION,
      buildId: runId,
      resourceAttributes: settings.resourceAttributes,
      otlp: settings.otlp,
      spansFile: this.directory?.spans,
      console: settings.console,
      sampling: settings.sampling,
      limits: settings.limits,
      parent: settings.parent,
      onProblem: (message) => options.onProblem(`telemetry: ${message}`),
    };
    this.telemetry = startTelemetry(telemetryOptions);
    this.tracing = new SchedulerTelemetry(
      this.telemetry,
      runId,
      { 'scheduler.version': VERSION, ...options.mainAttributes },
      performance.timeOrigin,
    );
  }

  /** Ends the trace, at a moment of the run's own clock. */
  end(endedAt: number): void {
    this.tracing?.end(endedAt);
  }

  /** Sends what is left of the trace, and ends it if it has not ended. A second call waits for the same end. */
  close(): Promise<void> {
    this.end(new SystemClock().now());
    this.closed ??= this.telemetry?.shutdown() ?? Promise.resolve();
    return this.closed;
  }
}

export interface RunBuildOptions
  extends Pick<
    RunOptions,
    'goal' | 'rebuild' | 'stopOnFailure' | 'failOnTestFailure' | 'order' | 'holdCachedImplicit' | 'simulated'
  > {
  readonly session: Session;
  readonly graph: Graph;
  readonly agent: BuildAgent;
  readonly policy: (job: { kind: 'build' | 'test'; graph: Graph; node: NodeId }) => RetryPolicy;
  readonly workers: number;
  readonly clock?: Clock;
  /** How long jobs take, where the caller knows. Default: what earlier runs in the same folder took. */
  readonly durations?: Durations;
  readonly buildGraphAttributes?: Readonly<Record<string, string | number | boolean>>;
  /** What a second signal ends the process with. */
  readonly exitCodeOf: (signal: 'SIGINT' | 'SIGTERM') => number;
  /** Told of each event after the view has seen it. */
  readonly onEvent: (event: BuildEvent, view: RunView) => void;
}

export interface RunBuildResult {
  readonly outcome: RunOutcome;
  readonly view: RunView;
  readonly jobs: JobTable;
  /** The signal that cancelled the run. */
  readonly signal: 'SIGINT' | 'SIGTERM' | undefined;
}

/**
 * Runs a graph as a command does: with a journal and a trace in the run's folder, with signals heeded.
 *
 * The first SIGINT or SIGTERM starts nothing more, ends what runs, and lets the run finish its reports; the second ends at once.
 * Signals stay heeded until the process ends, so that one which comes while the reports are written does not cut them off.
 */
export async function runBuild(options: RunBuildOptions): Promise<RunBuildResult> {
  const { session, graph, onEvent } = options;
  const { directory, tracing } = session;
  const clock = options.clock ?? new SystemClock();
  const view = new RunView();
  const history =
    directory && !options.durations ? new DurationHistory(join(dirname(directory.path), 'durations.json')) : undefined;
  const journal =
    directory && session.options.settings.enabled
      ? new Journal(directory.events, session.options.onProblem)
      : undefined;
  const listeners = [
    ...(tracing ? [tracing.listenerFor(graph, options.buildGraphAttributes)] : []),
    (event: BuildEvent) => {
      view.apply(event);
      onEvent(event, view);
    },
    ...(journal ? [journal.listener] : []),
    ...(history && !options.simulated ? [history.listener] : []),
  ];
  const scheduler = makeScheduler({
    ...options,
    runId: session.options.runId,
    clock,
    agent: stackAgents(options.agent, { policy: options.policy }, tracing),
    cost: costsOf(graph, options.durations ?? history),
    listeners,
    resources: capacitiesFor(graph, options.workers),
    env: tracing?.environment,
  });
  const signals = heedSignals((signal) => scheduler.cancel(`received ${signal}`), options.exitCodeOf);
  try {
    const outcome = await scheduler.run();
    if (journal && directory) {
      leaveBehind(() => writeFileAtomically(directory.perfetto, perfettoTrace(view), NOT_SYNCED), session);
    }
    leaveBehind(() => history?.save(), session);
    return { outcome, view, jobs: scheduler.jobs, signal: signals.received };
  } finally {
    journal?.close();
    session.end(clock.now());
  }
}

function costsOf(graph: Graph, durations: Durations | undefined): RunOptions['cost'] {
  if (!durations) return undefined;
  let cost: ReturnType<typeof costFrom> | undefined;
  const nameOf = (job: number, jobs: JobTable) =>
    ({ kind: jobs.isTest(job) ? 'test' : 'build', label: graph.label(jobs.firstNodeOf(job)) }) as const;
  return (job, jobs) => {
    cost ??= costFrom(
      durations,
      Array.from({ length: jobs.count }, (_, other) => nameOf(other, jobs)),
    );
    const { kind, label } = nameOf(job, jobs);
    return cost(kind, label);
  };
}

/** For what is made from the journal, and can be again: not worth the wait for the disk. */
export const NOT_SYNCED = { sync: false } as const;

/** What a run leaves for later must not change what came of it: where it cannot be written, that is said. */
export function leaveBehind(write: () => void, session: Session): void {
  try {
    write();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    session.options.onProblem(error.message);
  }
}

function heedSignals(
  onFirst: (signal: 'SIGINT' | 'SIGTERM') => void,
  exitCode: (signal: 'SIGINT' | 'SIGTERM') => number,
) {
  const state = { received: undefined as 'SIGINT' | 'SIGTERM' | undefined };
  const heed = (signal: 'SIGINT' | 'SIGTERM') => {
    // The runners' stdin closes with us, and they kill what they have started.
    if (state.received) process.exit(exitCode(state.received));
    state.received = signal;
    onFirst(signal);
  };
  process.on('SIGINT', heed).on('SIGTERM', heed);
  return state;
}

/** What a shell expects of a program that a signal ended. */
export function exitCodeOf(signal: 'SIGINT' | 'SIGTERM'): number {
  return signal === 'SIGINT' ? 130 : 143;
}
