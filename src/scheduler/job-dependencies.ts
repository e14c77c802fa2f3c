import type { Graph } from '../graph/graph';
import { type NodeId, NodeType } from '../graph/node';
import type { JobTable } from './job-table';

/**
 * The jobs that a job needs directly: those behind its own dependencies, with collections (meta nodes) opened up.
 * What a needed package needs in turn to be installed is not direct.
 */
export function directDependencies(graph: Graph, jobs: JobTable, job: number): number[] {
  const found = new Set<number>();
  const opened = new Set<NodeId>();
  const stack: NodeId[] = [];
  // Pushed one by one: a job may need more than a call may have arguments.
  for (const node of jobs.nodesOf(job)) for (const dependency of graph.dependenciesOf(node)) stack.push(dependency);
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    const other = jobs.jobOf(node);
    if (other >= 0) {
      if (other !== job) found.add(other);
      continue;
    }
    if (opened.has(node)) continue;
    opened.add(node);
    const onlyBuilds = graph.types[node] === NodeType.LocalRun;
    for (const next of graph.dependenciesOf(node)) {
      if (!onlyBuilds || jobs.jobOf(next) >= 0) stack.push(next);
    }
  }
  return [...found].sort((a, b) => a - b);
}

/**
 * The RPMs to install before a package can be built: those of its dependencies and of all that these need to be installed,
 * but not of what they need to be built.
 */
export class InstallList {
  private readonly seen: Uint32Array;
  private round = 0;

  constructor(private readonly graph: Graph) {
    this.seen = new Uint32Array(graph.size);
  }

  of(node: NodeId): string[] {
    const { graph, seen } = this;
    const round = ++this.round;
    const own = graph.rpmPath(node);
    const paths = new Set<string>();
    const stack: NodeId[] = [node];
    seen[node] = round;
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      for (const dependency of graph.dependenciesOf(at)) {
        if (seen[dependency] === round) continue;
        seen[dependency] = round;
        if (graph.types[dependency] === NodeType.LocalBuild) continue;
        const path = graph.rpmPath(dependency);
        if (path !== '' && path !== own) paths.add(path);
        stack.push(dependency);
      }
    }
    return [...paths].sort();
  }
}
