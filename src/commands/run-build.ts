import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
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
import type { RunOptions, RunOutcome, Scheduler } from '../scheduler/scheduler';
import { writeFileAtomically } from '../util/atomic-file';
import { type Clock, SystemClock } from '../util/clock';
import { makeScheduler } from './make-scheduler';
import { leaveBehind, NOT_SYNCED, type Session } from './session';

/** Number of workers that 0, or less, stands for. */
export function workerCount(asked: number): number {
  return asked > 0 ? asked : availableParallelism();
}

export interface RunBuildOptions
  extends Pick<
    RunOptions,
    | 'goal'
    | 'rebuild'
    | 'stopOnFailure'
    | 'failOnTestFailure'
    | 'order'
    | 'holdCachedImplicit'
    | 'dynamicDependencies'
    | 'inspect'
    | 'simulated'
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
    ...(tracing ? [tracing.listenerFor(() => scheduler.graph, options.buildGraphAttributes)] : []),
    (event: BuildEvent) => {
      view.apply(event);
      onEvent(event, view);
    },
    ...(journal ? [journal.listener] : []),
    ...(history && !options.simulated ? [history.listener] : []),
  ];
  const scheduler: Scheduler = makeScheduler({
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
