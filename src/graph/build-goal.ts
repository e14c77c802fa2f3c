import {
  ALL_GOAL,
  findGoal,
  goalMembers,
  PACKAGES_TO_BUILD_GOAL,
  reachable,
  subgraph,
  unsolvedImplicitNodes,
  withExtraLayers,
  withGoal,
} from './goals';
import type { Graph } from './graph';
import type { NodeId } from './node';
import { type PackageLists, type ResolvedLists, resolveLists } from './package-lists';
import { PackageLookup } from './package-lookup';

/** What is to be built of a toolkit graph: the graph to use, the goal in it, and the lists as its nodes. */
export interface BuildGoal {
  readonly graph: Graph;
  /** Undefined where the graph has no goal: then everything. */
  readonly goal: NodeId | undefined;
  readonly lists: ResolvedLists;
  /** Whether the graph was cut down to what was asked for. */
  readonly pruned: boolean;
  /** Names that kept it from being cut down: only a build may turn out to provide them. */
  readonly unsolved: readonly NodeId[];
}

/**
 * Adds the goal `PackagesToBuild` and cuts the graph down to it. Where something below it is known only by a name that a
 * build may turn out to provide, the whole graph is needed to find the provider, and the goal is the graph's own, `ALL`.
 *
 * @throws UserError where a listed name is not in the graph
 */
export function prepareBuildGoal(
  graph: Graph,
  lists: PackageLists,
  { extraLayers, cachedImplicitWillDo }: { readonly extraLayers: number; readonly cachedImplicitWillDo: boolean },
): BuildGoal {
  const lookup = new PackageLookup(graph);
  const resolved = resolveLists(graph, lookup, lists);
  const members = withExtraLayers(graph, goalMembers(lookup, resolved.builds, resolved.tests), extraLayers);
  const all = withGoal(graph, PACKAGES_TO_BUILD_GOAL, members);
  const unsolved = unsolvedImplicitNodes(all.graph, all.goal, cachedImplicitWillDo);
  if (unsolved.length > 0) {
    return { graph: all.graph, goal: findGoal(all.graph, ALL_GOAL), lists: resolved, pruned: false, unsolved };
  }
  const part = subgraph(all.graph, reachable(all.graph, all.goal));
  const { graph: withAll, goal } = withGoal(part.graph, ALL_GOAL, goalMembers(new PackageLookup(part.graph), [], []));
  return { graph: withAll, goal, lists: renumbered(resolved, part.numberOf), pruned: true, unsolved };
}

/** The lists in the smaller graph; what is not in it is dropped. */
function renumbered(lists: ResolvedLists, numberOf: ReadonlyMap<NodeId, NodeId>): ResolvedLists {
  const map = (nodes: Iterable<NodeId>) => [...nodes].flatMap((node) => numberOf.get(node) ?? []);
  return {
    ...lists,
    builds: map(lists.builds),
    tests: map(lists.tests),
    rebuild: new Set(map(lists.rebuild)),
    ignore: new Set(map(lists.ignore)),
  };
}
