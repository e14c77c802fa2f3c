import type { JobView, RunView } from './run-view';

/** Where a run's time went. Times are milliseconds. */
export interface RunAnalysis {
  readonly wallMs: number;
  /** Sum of the time that jobs held a worker. */
  readonly workMs: number;
  /** How many workers were busy on average. */
  readonly parallelism: number;
  /** Busy share of each worker, from worker 1 on. */
  readonly utilisation: readonly number[];
  /** The chain of jobs, each made ready by the one before, that ended last. */
  readonly criticalPath: readonly JobView[];
  /** Time that the jobs of this chain ran, and that they waited for a worker. */
  readonly criticalRunMs: number;
  readonly criticalWaitMs: number;
  readonly slowest: readonly JobView[];
}

/** Works out where a run's time went. A run without a finished job gives empty lists. */
export function analyse(view: RunView, slowestCount = 5): RunAnalysis {
  const ran = [...view.jobs.values()].filter((job) => job.startedAt !== undefined && job.finishedAt !== undefined);
  const startedAt = view.run?.time ?? 0;
  const wallMs = Math.max(0, (view.end?.time ?? view.now) - startedAt);
  const busy = new Array<number>(view.run?.workers ?? 0).fill(0);
  let workMs = 0;
  for (const job of ran) {
    const ms = durationOf(job);
    workMs += ms;
    if (job.worker !== undefined && job.worker <= busy.length) busy[job.worker - 1]! += ms;
  }
  const criticalPath = chainTo(view, lastOf(ran));
  const criticalRunMs = sum(criticalPath.map(durationOf));
  const criticalWaitMs = sum(criticalPath.map((job) => (job.startedAt ?? 0) - (job.queuedAt ?? job.startedAt ?? 0)));
  return {
    wallMs,
    workMs,
    parallelism: wallMs > 0 ? workMs / wallMs : 0,
    utilisation: busy.map((ms) => (wallMs > 0 ? ms / wallMs : 0)),
    criticalPath,
    criticalRunMs,
    criticalWaitMs,
    slowest: ran.sort((a, b) => durationOf(b) - durationOf(a) || a.job - b.job).slice(0, slowestCount),
  };
}

/** Milliseconds the job held its worker, back-off included; 0 where it has not run to its end. */
export function durationOf(job: JobView): number {
  return job.startedAt === undefined || job.finishedAt === undefined ? 0 : job.finishedAt - job.startedAt;
}

function lastOf(jobs: readonly JobView[]): JobView | undefined {
  let last: JobView | undefined;
  for (const job of jobs) if (!last || (job.finishedAt ?? 0) > (last.finishedAt ?? 0)) last = job;
  return last;
}

function chainTo(view: RunView, last: JobView | undefined): JobView[] {
  const chain: JobView[] = [];
  for (let job = last; job; job = job.after === undefined ? undefined : view.jobs.get(job.after)) {
    if (job.startedAt !== undefined) chain.push(job);
  }
  return chain.reverse();
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
