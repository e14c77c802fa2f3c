import type { BuildAgent } from './agent';

/** Injection token of {@link SchedulerModuleOptions}. */
export const SCHEDULER_OPTIONS = Symbol('SCHEDULER_OPTIONS');

/** How an application's builds are run. */
export interface SchedulerModuleOptions {
  /** How many jobs of one build run at a time. More than the processors helps only jobs that wait. Default: one per processor. */
  readonly workers?: number;
  /**
   * What builds a job. Default: an agent that runs each node's command, with a log file per attempt.
   * Give your own to build on other machines, or to simulate.
   */
  readonly agent?: BuildAgent;
  /** How many times to try a build, where its node does not say. Default: 1. */
  readonly buildAttempts?: number;
  /** How many times to try a test, where its node does not say. Default: 1. */
  readonly checkAttempts?: number;
  /** Milliseconds for one job, all attempts together, where its node does not say. Default: no limit. */
  readonly timeoutMs?: number;
  /** Milliseconds from asking a command to end (TERM) to killing its process group. Default: 5000. */
  readonly graceMs?: number;
  /**
   * Folder in which each run leaves a folder of its own, with its journal and logs. They are never removed for you.
   * Default: `.spanwright/runs` below the working directory.
   */
  readonly runsDir?: string;
}

/** What one call of `build` may ask for, beside the module's options. */
export interface BuildOptions {
  /** The node to build, with what it needs. Default: everything. */
  readonly goal?: number;
  /** Default: the module's. */
  readonly workers?: number;
  /** Start nothing more after the first failure. Default: false. */
  readonly stopOnFailure?: boolean;
  /** Whether failed tests fail the run and block what needs them. Default: true. */
  readonly failOnTestFailure?: boolean;
  /** Told of every event, in order; what it throws does not reach the run. A `RunView` makes a picture of them. */
  readonly onEvent?: (event: import('./events').BuildEvent) => void;
  /** Cancels the build: running jobs are asked to end, and the promise resolves with status `cancelled`. */
  readonly signal?: AbortSignal;
}
