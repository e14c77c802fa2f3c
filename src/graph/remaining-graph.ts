import { ALL_GOAL, findGoal, goalMembers, subgraph, withGoal } from './goals';
import type { Graph } from './graph';
import type { NodeId } from './node';
import { PackageLookup } from './package-lookup';

/**
 * The graph that a run leaves behind: the nodes that took part to its end, numbered anew where some did not. Where the goal of everything was cut off
 * under way, a new one stands for all that is left.
 */
export function remainingGraph(graph: Graph, nodes: readonly NodeId[]): Graph {
  if (nodes.length === graph.size) return graph;
  const left = subgraph(graph, nodes).graph;
  if (findGoal(graph, ALL_GOAL) === undefined || findGoal(left, ALL_GOAL) !== undefined) return left;
  return withGoal(left, ALL_GOAL, goalMembers(new PackageLookup(left), [], [])).graph;
}
