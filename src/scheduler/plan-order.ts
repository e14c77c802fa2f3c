import type { Graph } from '../graph/graph';
import { type NodeId, NodeType } from '../graph/node';
import type { JobTable } from './job-table';

/** The nodes of a circle of dependencies, each needing the next; the last is the first one again, or a node of the same job. */
export class CyclicPlanError extends Error {
  override readonly name = 'CyclicPlanError';

  constructor(readonly cycle: readonly NodeId[]) {
    super(`nodes ${cycle.join(' -> ')} need each other in a circle`);
  }
}

/** Whether this is the test of the package that the other node builds: it waits for the build to be ready, not to be done. */
export function isTestOf(graph: Graph, test: NodeId, build: NodeId): boolean {
  if (graph.types[test] !== NodeType.Test || graph.types[build] !== NodeType.LocalBuild) return false;
  const srpm = graph.srpmPath(build);
  return srpm !== '' && srpm === graph.srpmPath(test);
}

/**
 * Dependencies before dependents, and the nodes of a job side by side. What does not wait counts as met.
 *
 * @throws CyclicPlanError where some would wait for ever
 */
export function topologicalOrder(graph: Graph, jobs: JobTable, waits: (node: NodeId) => boolean): Uint32Array {
  const waiting = jobs.nodeCounts();
  const unmet = new Int32Array(graph.size).fill(-1);
  let total = 0;
  for (let node = 0; node < graph.size; node++) {
    const job = jobs.jobOf(node);
    if (!waits(node)) {
      if (job >= 0) waiting[job]!--;
      continue;
    }
    total++;
    unmet[node] = 0;
    for (const dependency of graph.dependenciesOf(node)) if (waits(dependency)) unmet[node]!++;
  }
  const order = new Uint32Array(total);
  let length = 0;
  const ready = (node: NodeId) => {
    const job = jobs.jobOf(node);
    if (job < 0) order[length++] = node;
    else if (--waiting[job]! === 0) {
      for (const member of jobs.nodesOf(job)) if (unmet[member] === 0) order[length++] = member;
    }
  };
  for (let node = 0; node < graph.size; node++) if (unmet[node] === 0) ready(node);
  const { offsets, targets } = graph.dependents;
  for (let at = 0; at < length; at++) {
    const node = order[at] as number;
    for (let i = offsets[node] as number; i < (offsets[node + 1] as number); i++) {
      const dependent = targets[i] as number;
      if (unmet[dependent]! > 0 && --unmet[dependent]! === 0) ready(dependent);
    }
  }
  if (length < total) throw new CyclicPlanError(findCycle(graph, jobs, order.subarray(0, length), waits));
  return order;
}

/** For each job the cost of the longest chain of jobs that starts with it, from the far end backwards. */
export function chainCosts(
  graph: Graph,
  jobs: JobTable,
  order: Uint32Array,
  cost: (job: number, jobs: JobTable) => number = () => 1,
): Float64Array {
  const { offsets, targets } = graph.dependents;
  const remaining = new Float64Array(graph.size);
  const ofJob = new Float64Array(jobs.count);
  const longestBehind = (node: NodeId): number => {
    let longest = 0;
    for (let i = offsets[node] as number; i < (offsets[node + 1] as number); i++) {
      const dependent = targets[i] as number;
      if ((remaining[dependent] as number) > longest && !isTestOf(graph, dependent, node)) {
        longest = remaining[dependent] as number;
      }
    }
    return longest;
  };
  for (let i = order.length - 1; i >= 0; ) {
    const node = order[i] as number;
    const job = jobs.jobOf(node);
    if (job < 0) {
      remaining[node] = longestBehind(node);
      i--;
      continue;
    }
    // The nodes of a job stand side by side in the order.
    const members = jobs.nodesOf(job);
    let longest = 0;
    for (const member of members) longest = Math.max(longest, longestBehind(member));
    ofJob[job] = longest + cost(job, jobs);
    for (const member of members) remaining[member] = ofJob[job] as number;
    i -= members.length;
  }
  return ofJob;
}

/** Walks from job to job, or node to node, along dependencies that never became ready, until one comes up again. */
function findCycle(graph: Graph, jobs: JobTable, ordered: Uint32Array, waits: (node: NodeId) => boolean): NodeId[] {
  const done = new Uint8Array(graph.size);
  for (const node of ordered) done[node] = 1;
  const stuck = (node: NodeId) => waits(node) && done[node] === 0;
  let node = 0;
  while (!stuck(node)) node++;
  const seenAt = new Map<number, number>();
  const path: NodeId[] = [];
  for (;;) {
    const job = jobs.jobOf(node);
    const id = job < 0 ? -node - 1 : job;
    const seen = seenAt.get(id);
    if (seen !== undefined) return [...path.slice(seen), node];
    seenAt.set(id, path.length);
    path.push(node);
    const members = job < 0 ? [node] : jobs.nodesOf(job);
    let next: NodeId | undefined;
    for (const member of members) next ??= graph.dependenciesOf(member).find(stuck);
    if (next === undefined)
      throw new Error(`Internal error: expected a dependency that keeps node ${node} from being ready, found none`);
    node = next;
  }
}
