import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolveCycles } from '../graph/cycles/resolve-cycles';
import type { Graph } from '../graph/graph';
import { NodeType } from '../graph/node';
import { firstProviders, tieToProviders, wantedNames } from '../graph/provided-names';
import { remainingGraph } from '../graph/remaining-graph';
import { ProvidesQuery } from '../rpm/provides';
import type { RunTool } from '../rpm/run-tool';
import { UserError } from '../util/user-error';

/**
 * Ties names that only built RPMs provide to the packages whose RPMs, left by an earlier run, provide them. So the order is right from
 * the start, a run for some packages builds no others, and who is blocked by a failure is told by which.
 *
 * An RPM of the same name, version and release is taken to provide what it did. What no RPM on disk provides stays open for the run
 * to find out, and so does all of it where it would close a circle that nothing can cut.
 */
export async function withKnownNames(
  graph: Graph,
  runTool: RunTool,
  onProblem: (message: string) => void,
): Promise<Graph> {
  const wanted = wantedNames(graph, () => true);
  if (wanted.size === 0) return graph;
  const rpms = rpmsOnDisk(graph);
  const query = new ProvidesQuery({ runTool, parallel: availableParallelism(), onProblem });
  const provides = await query.ask(rpms, (name) => wanted.has(name));
  const names = firstProviders(graph, wanted, rpms, provides);
  if (names.length === 0) return graph;
  try {
    const tied = tieToProviders(graph, names);
    const gone = new Set(tied.gone);
    const nodes = Array.from({ length: tied.graph.size }, (_, node) => node).filter((node) => !gone.has(node));
    return resolveCycles(remainingGraph(tied.graph, nodes), { isOnDisk: existsSync }).graph;
  } catch (error) {
    if (error instanceof UserError) return graph;
    throw error;
  }
}

function rpmsOnDisk(graph: Graph): string[] {
  const rpms = new Set<string>();
  for (let node = 0; node < graph.size; node++) {
    if (graph.types[node] === NodeType.LocalRun && graph.rpmPath(node) !== '') rpms.add(graph.rpmPath(node));
  }
  return [...rpms].filter((rpm) => existsSync(rpm));
}
