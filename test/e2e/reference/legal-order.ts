import type { Graph } from '../../../src/graph/graph';
import { type NodeId, NodeState, NodeType } from '../../../src/graph/node';
import type { BuildEvent } from '../../../src/scheduler/events';
import type { JobTable } from '../../../src/scheduler/job-table';

/** Jobs that were started, or taken for up to date, before everything that they need was there. There should be none. */
export function startedTooEarly(graph: Graph, jobs: JobTable, events: readonly BuildEvent[]): string[] {
  const settled = new Set<number>();
  const there = new Set<NodeId>();
  const isThere = (node: NodeId): boolean => {
    if (there.has(node)) return true;
    const job = jobs.jobOf(node);
    const is = job >= 0 ? settled.has(job) : graph.state(node) !== NodeState.Unresolved && needsOf(node).every(isThere);
    if (is) there.add(node);
    return is;
  };
  const needsOf = (node: NodeId) => [...graph.dependenciesOf(node)];
  const early: string[] = [];
  const check = (job: number) => {
    for (const node of jobs.nodesOf(job))
      for (const need of needsOf(node)) {
        // A test makes the package itself, beside the build.
        const isOwnBuild = jobs.isTest(job) && graph.type(need) === NodeType.LocalBuild;
        if (!isOwnBuild && !isThere(need))
          early.push(`${graph.friendlyName(node)} did not wait for ${graph.friendlyName(need)}`);
      }
  };
  for (const event of events) {
    if (event.type === 'job-started' || event.type === 'job-skipped') check(event.job);
    if (event.type === 'job-skipped') settled.add(event.job);
    if (event.type === 'job-finished' && (event.ok || event.failure?.reason === 'check-failed')) settled.add(event.job);
  }
  return early;
}
