import type { Graph } from '../graph/graph';
import type { NodeId } from '../graph/node';
import type { Clock } from '../util/clock';
import type { BuildEvent } from './events';
import type { Failure } from './failure';
import type { CheckEvidence, JobKind } from './job-kind';

/** One job handed to an agent. */
export interface BuildRequest {
  readonly job: number;
  readonly kind: JobKind;
  readonly graph: Graph;
  /** The node that stands for the job. */
  readonly node: NodeId;
  /** What people call it: an SRPM's file name, or the id of a command. */
  readonly label: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** How many there may be. Default: 1. */
  readonly attempts?: number;
  /** 1 … number of workers. */
  readonly worker: number;
  /** When the job must be over, all attempts together, by the run's clock. Undefined: no limit. */
  readonly deadline: number | undefined;
  /** Jobs this one needs directly. */
  readonly dependsOn: readonly number[];
}

/** What an agent may use while it builds. */
export interface BuildContext {
  readonly clock: Clock;
  /** Aborts when the build must end: the run is cancelled, or its time is up. The agent ends its processes and then returns. */
  readonly signal: AbortSignal;
  /** Variables for every child process: trace context, build id, attempt. */
  readonly env: Readonly<Record<string, string>>;
  emit(event: BuildEvent): void;
}

/** What came of a build. A failure is a value; an agent that throws has a bug. */
export type BuildResult = BuildSuccess | BuildFailure;

export interface BuildSuccess {
  readonly ok: true;
  /** Paths of what was built, as the agent knows them. */
  readonly builtFiles: readonly string[];
  /** Of a test: how it is known that it passed. */
  readonly check?: CheckEvidence;
  readonly logPath?: string;
}

export interface BuildFailure {
  readonly ok: false;
  readonly failure: Failure;
  readonly logPath?: string;
}

/**
 * Builds one job at a time per worker. Behaviour is added by wrapping: an agent that retries, traces or caches holds another.
 *
 * `start` is called once before the first build, `stop` once after the last, also after a failed `start`.
 */
export interface BuildAgent {
  readonly name: string;
  start?(): Promise<void>;
  build(request: BuildRequest, context: BuildContext): Promise<BuildResult>;
  stop?(): Promise<void>;
}
