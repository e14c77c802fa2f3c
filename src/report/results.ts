import { describeFailure } from '../scheduler/failure';
import { analyse, durationOf } from './analysis';
import { type AttemptView, isFlaky, type JobView, type RunView } from './run-view';
import { csvField } from './state-csv';

/** One attempt at a job. */
export interface AttemptResult {
  readonly attempt: number;
  readonly startedAt: string | null;
  readonly durationMs: number | null;
  readonly error: string | null;
  readonly errorReason: string | null;
  /** Each attempt has a log of its own, where it has one. */
  readonly logPath: string | null;
}

/** What came of one job, in plain values: a row of `results.csv` and an entry of `results.json`. */
export interface JobResult {
  readonly label: string;
  readonly kind: string;
  readonly status: string;
  readonly reason: string;
  readonly durationMs: number;
  /** From being ready to being started. */
  readonly waitMs: number;
  readonly attempts: number;
  readonly worker: number | null;
  readonly error: string | null;
  readonly errorReason: string | null;
  /** The failure or missing package at the root of a job that was blocked. */
  readonly rootCause: string | null;
  readonly logPath: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** Of a test that passed: `passed` by its log, or `absent`, where the log says nothing of it. */
  readonly check: string | null;
  /** It failed, and then succeeded. */
  readonly flaky: boolean;
}

export function jobResult(job: JobView): JobResult {
  return {
    label: job.label,
    kind: job.kind,
    status: job.status,
    reason: job.reason,
    durationMs: round(durationOf(job)),
    waitMs: round((job.startedAt ?? job.queuedAt ?? 0) - (job.queuedAt ?? 0)),
    attempts: job.attempts.length,
    worker: job.worker ?? null,
    error: job.failure ? describeFailure(job.failure) : null,
    errorReason: job.failure?.reason ?? null,
    rootCause: job.cause && job.cause.kind !== 'stopped' ? job.cause.label : job.cause ? 'the run stopped' : null,
    logPath: job.logPath ?? null,
    startedAt: isoTime(job.startedAt),
    finishedAt: isoTime(job.finishedAt),
    check: job.check ?? null,
    flaky: isFlaky(job),
  };
}

function attemptResult({ attempt, startedAt, endedAt, failure, logPath }: AttemptView): AttemptResult {
  return {
    attempt,
    startedAt: isoTime(startedAt),
    durationMs: endedAt === undefined ? null : round(endedAt - startedAt),
    error: failure ? describeFailure(failure) : null,
    errorReason: failure?.reason ?? null,
    logPath: logPath ?? null,
  };
}

/** All jobs of a run as CSV, sorted by name. */
export function resultsCsv(view: RunView): string {
  const columns = [
    'label',
    'kind',
    'status',
    'durationMs',
    'waitMs',
    'attempts',
    'worker',
    'error',
    'errorReason',
    'rootCause',
    'logPath',
    'startedAt',
    'finishedAt',
    'reason',
    'check',
    'flaky',
  ] as const satisfies readonly (keyof JobResult)[];
  const rows = view.sortedJobs().map((job) => {
    const result = jobResult(job);
    return columns.map((column) => csvField(String(result[column] ?? ''))).join(',');
  });
  return `${[columns.join(','), ...rows].join('\n')}\n`;
}

/** A whole run as JSON: what it was, what came of it, where its time went, and each job. */
export function resultsJson(view: RunView): string {
  const analysis = analyse(view);
  const { counts, run, end } = view;
  const document = {
    runId: run?.runId,
    graph: run?.graph,
    agent: run?.agent,
    simulated: run?.simulated,
    status: end?.status ?? 'unfinished',
    startedAt: isoTime(run?.time),
    finishedAt: isoTime(end?.time),
    counts,
    wallMs: round(analysis.wallMs),
    workMs: round(analysis.workMs),
    workers: run?.workers,
    parallelism: round(analysis.parallelism, 1000),
    workerUtilisation: analysis.utilisation.map((share) => round(share, 1000)),
    criticalPath: {
      runMs: round(analysis.criticalRunMs),
      waitMs: round(analysis.criticalWaitMs),
      jobs: analysis.criticalPath.map(({ label, kind }) => ({ label, kind })),
    },
    unresolved: end?.unresolved ?? [],
    flaky: view.flakyJobs().map(({ label, kind, attempts }) => ({ label, kind, attempts: attempts.length })),
    jobs: view.sortedJobs().map((job) => ({ ...jobResult(job), eachAttempt: job.attempts.map(attemptResult) })),
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

function isoTime(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

function round(value: number, parts = 10): number {
  return Math.round(value * parts) / parts;
}
