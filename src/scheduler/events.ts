import type { Failure } from './failure';
import type { CheckEvidence, JobKind } from './job-kind';

/*
 * Everything that can happen in a run, in one list. The journal writes it down, RunView folds it, telemetry counts it.
 * Times are milliseconds since the epoch by the run's clock. A job's facts come with the first event about it, so that a
 * journal can be read without the graph.
 */
export type BuildEvent =
  | RunStarted
  | JobQueued
  | JobSkipped
  | JobStarted
  | AttemptStarted
  | AttemptFailed
  | JobFinished
  | JobBlocked
  | NodeDone
  | NameProvided
  | GraphPruned
  | LicenseChecked
  | JobDropped
  | CachedImplicitEnabled
  | RunCancelled
  | RunFinished
  | Notice;

/** The graph is read and planned; nothing has started yet. */
export interface RunStarted {
  readonly type: 'run-started';
  readonly time: number;
  readonly runId: string;
  readonly graph: string;
  readonly nodes: number;
  readonly edges: number;
  /** Jobs under the goal. */
  readonly builds: number;
  readonly tests: number;
  readonly workers: number;
  readonly agent: string;
  /** Times are those of a simulation, not of the machine. */
  readonly simulated: boolean;
  /** Expected cost of the longest chain of jobs, and of all jobs, in ms or (unit costs) in jobs. */
  readonly expectedCriticalPath: number;
  readonly expectedWork: number;
}

/** What a job is; the same in each event that introduces one. */
export interface JobFacts {
  readonly job: number;
  readonly kind: JobKind;
  readonly label: string;
  readonly node: number;
  /** Why it is built, or not. */
  readonly reason: string;
  /** The job whose end made this one ready; undefined where it was ready from the start. */
  readonly after?: number;
}

/** All that the job needs is done; it waits for a worker. */
export interface JobQueued extends JobFacts {
  readonly type: 'job-queued';
  readonly time: number;
  /** Expected cost of the longest chain of jobs that starts with this one. */
  readonly priority: number;
}

/** The job need not run: its results are there, or the user ignores it. */
export interface JobSkipped extends JobFacts {
  readonly type: 'job-skipped';
  readonly time: number;
  readonly how: 'cached' | 'delta' | 'ignored';
  readonly files: readonly string[];
}

/** A worker has taken the job. */
export interface JobStarted {
  readonly type: 'job-started';
  readonly time: number;
  readonly job: number;
  readonly worker: number;
}

/** Each attempt, the first too. */
export interface AttemptStarted {
  readonly type: 'attempt-started';
  readonly time: number;
  readonly job: number;
  readonly attempt: number;
}

/** An attempt failed; `retryInMs` is there when another follows. */
export interface AttemptFailed {
  readonly type: 'attempt-failed';
  readonly time: number;
  readonly job: number;
  readonly attempt: number;
  readonly attempts: number;
  readonly failure: Failure;
  readonly logPath?: string;
  readonly retryInMs?: number;
}

/** The worker is free again. */
export interface JobFinished {
  readonly type: 'job-finished';
  readonly time: number;
  readonly job: number;
  readonly worker: number;
  readonly ok: boolean;
  readonly failure?: Failure;
  /** Of a test that passed: how that is known. */
  readonly check?: CheckEvidence;
  readonly logPath?: string;
  readonly files: readonly string[];
}

/** The job will never run, because of another job's failure or of something that nobody provides. */
export interface JobBlocked {
  readonly type: 'job-blocked';
  readonly time: number;
  readonly job: number;
  readonly kind: JobKind;
  readonly label: string;
  readonly node: number;
  readonly cause:
    | { readonly kind: 'job'; readonly job: number; readonly label: string }
    | { readonly kind: 'unresolved'; readonly node: number; readonly label: string }
    /** The run stopped before the job's turn came. */
    | { readonly kind: 'stopped' };
}

/** A node with nothing to run is done. Only for those that stand for a package from elsewhere, and goals. */
export interface NodeDone {
  readonly type: 'node-done';
  readonly time: number;
  readonly node: number;
  readonly nodeType: string;
  readonly label: string;
}

/** A built RPM turned out to provide a name that nobody was known to. */
export interface NameProvided {
  readonly type: 'name-provided';
  readonly time: number;
  readonly node: number;
  /** What was wanted. */
  readonly label: string;
  /** The package that provides it. */
  readonly provider: string;
  /** Path of its RPM. */
  readonly rpm: string;
}

/** All names below what was asked for are known now: nothing else is built any more. */
export interface GraphPruned {
  readonly type: 'graph-pruned';
  readonly time: number;
  /** How many nodes are left. */
  readonly nodes: number;
}

/** The job is no longer needed. If it waited it will never run; if it runs or is done it counts no more. */
export interface JobDropped {
  readonly type: 'job-dropped';
  readonly time: number;
  readonly job: number;
  readonly label: string;
}

/** Nothing else can go on: packages from the cache may now stand for names that a build might have provided. */
export interface CachedImplicitEnabled {
  readonly type: 'cached-implicit-enabled';
  readonly time: number;
}

/** No further job starts, and running ones are asked to end. */
export interface RunCancelled {
  readonly type: 'run-cancelled';
  readonly time: number;
  readonly why: string;
}

export interface RunFinished {
  readonly type: 'run-finished';
  readonly time: number;
  readonly status: 'succeeded' | 'failed' | 'cancelled';
  /** What nobody provides, though something needs it. */
  readonly unresolved: readonly UnresolvedName[];
}

export interface UnresolvedName {
  readonly label: string;
  readonly neededBy: readonly string[];
  /** Packages that may provide it, the likeliest first, with what keeps each from it. */
  readonly couldComeFrom?: readonly string[];
}

/** The licence files of a job's RPMs have been looked at. */
export interface LicenseChecked {
  readonly type: 'license-checked';
  readonly time: number;
  readonly startedAt: number;
  readonly job: number;
  readonly label: string;
  /** RPMs that were looked at. */
  readonly rpms: number;
  readonly hasWarnings: boolean;
  readonly hasErrors: boolean;
}

/** Something a person should read. */
export interface Notice {
  readonly type: 'notice';
  readonly time: number;
  readonly level: 'debug' | 'info' | 'warning' | 'error';
  readonly message: string;
}

/** Told of every event, in order. What it throws does not reach the run. */
export type BuildListener = (event: BuildEvent) => void;
