import type { BuildEvent, JobBlocked, JobFacts, LicenseChecked, RunFinished, RunStarted } from '../scheduler/events';
import type { Failure } from '../scheduler/failure';
import type { CheckEvidence, JobKind } from '../scheduler/job-kind';
import { printable } from '../util/words';

/** One attempt at a job. */
export interface AttemptView {
  readonly attempt: number;
  readonly startedAt: number;
  endedAt?: number;
  failure?: Failure;
  logPath?: string;
}

export type JobStatus =
  | 'queued'
  | 'running'
  | 'succeeded'
  | 'failed'
  | 'blocked'
  | 'cached'
  | 'delta'
  | 'ignored'
  | 'cancelled';

/** All that is known of a job. Times are milliseconds since the epoch. */
export interface JobView {
  readonly job: number;
  readonly kind: JobKind;
  readonly label: string;
  readonly node: number;
  status: JobStatus;
  reason: string;
  after?: number;
  queuedAt?: number;
  startedAt?: number;
  finishedAt?: number;
  worker?: number;
  readonly attempts: AttemptView[];
  failure?: Failure;
  /** Of a test that passed: how that is known. */
  check?: CheckEvidence;
  logPath?: string;
  files: readonly string[];
  cause?: JobBlocked['cause'];
  /** It ran, or was reused, before the run was cut down to what did not need it. */
  isLeftOut?: boolean;
}

export interface Counts {
  readonly total: number;
  readonly done: number;
  readonly running: number;
  readonly failed: number;
  readonly blocked: number;
  readonly cached: number;
}

/** What people see of a run: a fold over its events. Every display reads this. */
export class RunView {
  run: RunStarted | undefined;
  end: RunFinished | undefined;
  cancelledBecause: string | undefined;
  usedCachedImplicit = false;
  /** Whether the graph was cut down under way. */
  pruned = false;
  /** How many names were found out by asking built RPMs. */
  namesProvided = 0;
  /** By job: what came of looking at its licence files. */
  readonly licenses = new Map<number, LicenseChecked>();
  /** Time of the latest event. */
  now = 0;
  readonly jobs = new Map<number, JobView>();
  readonly running = new Set<JobView>();
  readonly nodesDone = new Map<string, number>();
  private readonly tally: Record<JobStatus, number> = {
    queued: 0,
    running: 0,
    succeeded: 0,
    failed: 0,
    blocked: 0,
    cached: 0,
    delta: 0,
    ignored: 0,
    cancelled: 0,
  };

  apply(event: BuildEvent): void {
    this.now = Math.max(this.now, event.time);
    switch (event.type) {
      case 'run-started':
        this.run = event;
        break;
      case 'job-queued':
        this.introduce(event, 'queued').queuedAt = event.time;
        break;
      case 'job-skipped': {
        const job = this.introduce(event, event.how);
        job.files = event.files;
        job.finishedAt = event.time;
        break;
      }
      case 'job-started': {
        const job = this.job(event.job);
        this.setStatus(job, 'running');
        job.startedAt = event.time;
        job.worker = event.worker;
        break;
      }
      case 'attempt-started':
        this.job(event.job).attempts.push({ attempt: event.attempt, startedAt: event.time });
        break;
      case 'attempt-failed': {
        const attempt = this.job(event.job).attempts.at(-1);
        if (attempt) Object.assign(attempt, { endedAt: event.time, failure: event.failure, logPath: event.logPath });
        break;
      }
      case 'job-finished': {
        const job = this.job(event.job);
        const cancelled = event.failure?.reason === 'cancelled';
        this.setStatus(job, event.ok ? 'succeeded' : cancelled ? 'cancelled' : 'failed');
        Object.assign(job, {
          finishedAt: event.time,
          failure: event.failure,
          check: event.check,
          logPath: event.logPath,
          files: event.files,
        });
        const attempt = job.attempts.at(-1);
        if (attempt) {
          // An agent that threw has not told how its attempt ended.
          if (attempt.endedAt === undefined) attempt.failure = event.failure;
          attempt.endedAt ??= event.time;
          attempt.logPath ??= event.logPath;
        }
        break;
      }
      case 'job-blocked': {
        const known = this.jobs.get(event.job);
        const job = known ?? this.introduce({ ...event, reason: 'blocked' }, 'blocked');
        if (known) this.setStatus(job, event.cause.kind === 'stopped' ? 'cancelled' : 'blocked');
        else if (event.cause.kind === 'stopped') this.setStatus(job, 'cancelled');
        job.cause = event.cause;
        break;
      }
      case 'node-done':
        this.nodesDone.set(event.nodeType, (this.nodesDone.get(event.nodeType) ?? 0) + 1);
        break;
      case 'cached-implicit-enabled':
        this.usedCachedImplicit = true;
        break;
      case 'job-dropped': {
        const job = this.job(event.job);
        job.isLeftOut = true;
        if (job.status !== 'queued' && job.status !== 'blocked') break;
        this.tally[job.status]--;
        this.jobs.delete(event.job);
        break;
      }
      case 'graph-pruned':
        this.pruned = true;
        break;
      case 'name-provided':
        this.namesProvided++;
        break;
      case 'license-checked':
        this.licenses.set(event.job, event);
        break;
      case 'run-cancelled':
        this.cancelledBecause = event.why;
        break;
      case 'run-finished':
        this.end = event;
        break;
      case 'notice':
        break;
    }
  }

  get counts(): Counts {
    const { tally } = this;
    const cached = tally.cached + tally.delta + tally.ignored;
    return {
      total: this.run ? this.run.builds + this.run.tests : this.jobs.size,
      done: tally.succeeded + tally.failed + cached,
      running: tally.running,
      failed: tally.failed,
      blocked: tally.blocked,
      cached,
    };
  }

  countOf(status: JobStatus): number {
    return this.tally[status];
  }

  /** Jobs by name, builds before tests: the order of every table. */
  sortedJobs(): JobView[] {
    return [...this.jobs.values()].sort(
      (a, b) => compareTexts(a.label, b.label) || compareTexts(a.kind, b.kind) || a.job - b.job,
    );
  }

  /** Tests and builds that failed once and then succeeded. */
  flakyJobs(): JobView[] {
    return this.sortedJobs().filter(isFlaky);
  }

  /** Tests that count as passed although their logs say nothing of them. */
  untoldChecks(): JobView[] {
    return this.sortedJobs().filter((job) => job.check === 'absent');
  }

  private introduce(facts: Omit<JobFacts, 'after'> & { readonly after?: number }, status: JobStatus): JobView {
    const { job, kind, label, node, reason, after } = facts;
    const view: JobView = { job, kind, label, node, reason, after, status, attempts: [], files: [] };
    this.jobs.set(job, view);
    this.tally[status]++;
    return view;
  }

  private job(id: number): JobView {
    const job = this.jobs.get(id);
    if (!job)
      throw new Error(`Internal error: expected an event that introduces job ${id} before the others, found none`);
    return job;
  }

  private setStatus(job: JobView, status: JobStatus): void {
    this.tally[job.status]--;
    this.tally[status]++;
    if (status === 'running') this.running.add(job);
    else this.running.delete(job);
    job.status = status;
  }
}

/** It failed, and then succeeded. */
export function isFlaky({ status, attempts }: JobView): boolean {
  return status === 'succeeded' && attempts.length > 1;
}

/** Logs of a job's attempts that failed. */
export function failedLogs({ attempts }: JobView): string[] {
  return attempts.flatMap(({ failure, logPath }) => (failure && logPath ? [logPath] : []));
}

/** What people call a job, fit for a terminal. A package's tests share its name, so they say what they are. */
export function jobName({ kind, label }: Pick<JobView, 'kind' | 'label'>): string {
  return printable(kind === 'test' && !/test/i.test(label) ? `${label} (test)` : label);
}

/** By UTF-16 code unit, which is the same everywhere. */
export function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
