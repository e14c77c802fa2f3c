import { UserError } from '../util/user-error';
import { checkPackages, type GraphNotice } from './check-packages';
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
import { versionedNameOf } from './node-text';
import { type PackageLists, type ResolvedLists, resolveLists } from './package-lists';
import type { PackageLookup } from './package-lookup';
import { type VersionOrder, versionedNameText } from './versions/versions';

/** What is to be built of a toolkit graph: the graph to use, the goal in it, and the lists as its nodes. */
export interface BuildGoal {
  readonly graph: Graph;
  /** Undefined where the graph has no goal: then everything. */
  readonly goal: NodeId | undefined;
  readonly lists: ResolvedLists;
  /** Whether the graph was cut down to what was asked for. */
  readonly pruned: boolean;
  /** Where it was not: the goal of what was asked for. The graph can be cut down to it when the names below are known. */
  readonly requested: NodeId | undefined;
  /** Names that kept it from being cut down: only a build may turn out to provide them. */
  readonly unsolved: readonly NodeId[];
  /** What a person should know of the graph and the names. */
  readonly notices: readonly GraphNotice[];
}

export interface BuildGoalOptions {
  /** How many layers of packages that depend on those asked for to build too; none where it is negative. */
  readonly extraLayers: number;
  /** Whether cached packages may stand for implicit names. */
  readonly cachedImplicitWillDo: boolean;
  /** Default: the toolkit's. */
  readonly versionOrder?: VersionOrder;
}

/**
 * Adds the goal `PackagesToBuild` and cuts the graph down to it. Where something below it is known only by a name that a
 * build may turn out to provide, the whole graph is needed to find the provider, and the goal is the graph's own, `ALL`.
 *
 * @throws UserError where a listed name is not in the graph
 */
export function prepareBuildGoal(given: Graph, lists: PackageLists, options: BuildGoalOptions): BuildGoal {
  const { extraLayers, cachedImplicitWillDo, versionOrder } = options;
  const { graph, lookup, notices: found } = checkPackages(given, versionOrder);
  const resolved = resolveLists(graph, lookup, lists);
  const notices = [...found, ...resolved.notices];
  const members = withExtraLayers(graph, membersOf(graph, lookup, resolved), extraLayers);
  const all = withGoal(graph, PACKAGES_TO_BUILD_GOAL, members);
  const unsolved = unsolvedImplicitNodes(all.graph, all.goal, cachedImplicitWillDo);
  if (unsolved.length > 0) {
    const goal = findGoal(all.graph, ALL_GOAL);
    return { graph: all.graph, goal, lists: resolved, pruned: false, requested: all.goal, unsolved, notices };
  }
  const part = subgraph(all.graph, reachable(all.graph, all.goal));
  const checked = checkPackages(part.graph, versionOrder);
  const { graph: withAll, goal } = withGoal(checked.graph, ALL_GOAL, goalMembers(checked.lookup, [], []));
  const numberOf = (node: NodeId) => {
    const inPart = part.numberOf.get(node);
    return checked.numberOf && inPart !== undefined ? checked.numberOf.get(inPart) : inPart;
  };
  return {
    graph: withAll,
    goal,
    lists: renumbered(resolved, numberOf),
    pruned: true,
    requested: undefined,
    unsolved,
    notices: [...notices, ...checked.notices],
  };
}

function membersOf(graph: Graph, lookup: PackageLookup, { builds, tests }: ResolvedLists): NodeId[] {
  return goalMembers(lookup, builds, tests, (build) => {
    const missing = versionedNameText(versionedNameOf(graph, build));
    throw new UserError(
      `failed to connect goal node '${PACKAGES_TO_BUILD_GOAL}' to packages: failed to find all goal nodes with strict=true (missing ${missing})`,
    );
  });
}

/** The lists in the smaller graph; what is not in it is dropped. */
function renumbered(lists: ResolvedLists, numberOf: (node: NodeId) => NodeId | undefined): ResolvedLists {
  const map = (nodes: Iterable<NodeId>) => [...nodes].flatMap((node) => numberOf(node) ?? []);
  return {
    ...lists,
    builds: map(lists.builds),
    tests: map(lists.tests),
    rebuild: new Set(map(lists.rebuild)),
    ignore: new Set(map(lists.ignore)),
  };
}
