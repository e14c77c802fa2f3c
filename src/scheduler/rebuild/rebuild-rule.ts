import type { Graph } from '../../graph/graph';
import type { NodeId } from '../../graph/node';
import type { BuildResult } from '../agent';

/** Whether to run a job at all, and why. */
export type Decision =
  | {
      readonly build: true;
      readonly reason: string;
      /** What the toolkit logs at this point, where it logs something. */
      readonly notice?: string;
    }
  | {
      readonly build: false;
      readonly how: 'cached' | 'delta' | 'ignored';
      readonly reason: string;
      readonly files: readonly string[];
    };

/**
 * Decides whether to build. It knows nothing of the order: it is asked about each job once, when everything the job needs
 * has been decided and is done.
 */
export interface RebuildRule {
  /** Told before anything is decided; may look at the disk in its own time. */
  prepare?(): Promise<void>;
  /**
   * The graph has changed under way. Nodes keep their numbers and jobs; some have new dependencies, new nodes stand behind the
   * last, and none of these is a job.
   */
  adopt?(graph: Graph): void;
  decide(job: number): Decision;
  /** A node that runs nothing is done. */
  nodeDone(node: NodeId): void;
  /** A job that was to be built has ended, well or not. What needs it waits for what this gives. */
  jobDone(job: number, result: BuildResult): void | Promise<void>;
}

/** Builds everything. */
export const ALWAYS_BUILD: RebuildRule = {
  decide: () => ({ build: true, reason: 'no rebuild rule is on: always built' }),
  nodeDone: () => {},
  jobDone: () => {},
};
