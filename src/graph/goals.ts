import { UserError } from '../util/user-error';
import { type Graph, GraphBuilder } from './graph';
import { type NodeId, NodeState, NodeType } from './node';
import type { PackageLookup } from './package-lookup';

/** The goal that a toolkit graph comes with: everything. */
export const ALL_GOAL = 'ALL';
/** The goal that the scheduler adds: what the user asked for. */
export const PACKAGES_TO_BUILD_GOAL = 'PackagesToBuild';

export function findGoal(graph: Graph, name: string): NodeId | undefined {
  for (let node = 0; node < graph.size; node++) {
    if (graph.type(node) === NodeType.Goal && graph.field(node, 'goalName') === name) return node;
  }
  return undefined;
}

/**
 * What a goal of these builds and tests must point to: the packages' run nodes and the tests; with neither, all of the graph's.
 *
 * @param onMissing told of each build that nothing installs. Default: such are passed over
 */
export function goalMembers(
  lookup: PackageLookup,
  builds: readonly NodeId[],
  tests: readonly NodeId[],
  onMissing: (build: NodeId) => void = () => {},
): NodeId[] {
  const members = new Set<NodeId>();
  const all = (of: 'run' | 'test') => {
    for (const entry of lookup.entries()) if (entry[of] !== undefined) members.add(entry[of]);
  };
  if (builds.length === 0) all('run');
  for (const build of builds) {
    const run = lookup.entryOf(build)?.run;
    if (run !== undefined) members.add(run);
    else onMissing(build);
  }
  if (tests.length === 0) all('test');
  for (const test of tests) members.add(test);
  return [...members].sort((a, b) => a - b);
}

/**
 * The members, and around them so many layers of packages and tests that depend on them. Walking towards dependents, each run or test
 * node ends a layer; goals are passed by.
 */
export function withExtraLayers(graph: Graph, members: readonly NodeId[], layers: number): NodeId[] {
  const found = new Set(members);
  const expanded = new Set<NodeId>();
  let frontier = [...members];
  for (let layer = 0; layer < layers; layer++) {
    const next: NodeId[] = [];
    const stack = frontier.filter((node) => !expanded.has(node));
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (expanded.has(node)) continue;
      expanded.add(node);
      for (const dependent of graph.dependentsOf(node)) {
        const type = graph.type(dependent);
        if (type === NodeType.Goal) continue;
        if (type === NodeType.LocalRun || type === NodeType.Test) {
          if (!found.has(dependent)) {
            found.add(dependent);
            next.push(dependent);
          }
        } else stack.push(dependent);
      }
    }
    frontier = next;
  }
  return [...found].sort((a, b) => a - b);
}

/**
 * The graph with one more node: a goal that needs the members. The other nodes keep their numbers.
 *
 * @throws UserError where the graph has a goal of that name
 */
export function withGoal(graph: Graph, goalName: string, members: readonly NodeId[]): { graph: Graph; goal: NodeId } {
  if (findGoal(graph, goalName) !== undefined) {
    throw new UserError(
      `can't have two goal nodes named ${goalName}: the graph has one already. Was it left by a build? Give the graph that it was made from.`,
    );
  }
  const builder = new GraphBuilder(graph.info);
  builder.addGraph(graph);
  const goal = builder.addNode({
    type: NodeType.Goal,
    state: NodeState.Meta,
    goalName,
    srpmPath: '<NO_SRPM_PATH>',
    rpmPath: '<NO_RPM_PATH>',
    sourceRepo: '<NO_SOURCE_REPO>',
  });
  for (const member of members) builder.addDependency(goal, member);
  return { graph: builder.build(), goal };
}

/** Nodes that keep a part of the graph from standing alone: names that only a build may turn out to provide. */
export function unsolvedImplicitNodes(graph: Graph, root: NodeId, cachedWillDo: boolean): NodeId[] {
  return reachable(graph, root).filter((node) => {
    if (!graph.isImplicit(node)) return false;
    const state = graph.state(node);
    return state === NodeState.Unresolved || (state === NodeState.Cached && !cachedWillDo);
  });
}

/** What a node needs, directly or not, and the node itself, ascending. */
export function reachable(graph: Graph, root: NodeId): NodeId[] {
  const seen = new Uint8Array(graph.size);
  seen[root] = 1;
  const stack = [root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    for (const dependency of graph.dependenciesOf(node)) {
      if (seen[dependency] === 0) {
        seen[dependency] = 1;
        stack.push(dependency);
      }
    }
  }
  const nodes: NodeId[] = [];
  for (let node = 0; node < graph.size; node++) if (seen[node] === 1) nodes.push(node);
  return nodes;
}

/** A graph of just these nodes, numbered anew in their order, and the dependencies among them. */
export function subgraph(
  graph: Graph,
  nodes: readonly NodeId[],
): { graph: Graph; numberOf: ReadonlyMap<NodeId, NodeId> } {
  const builder = new GraphBuilder(graph.info);
  const numberOf = new Map<NodeId, NodeId>();
  for (const node of nodes) numberOf.set(node, builder.addNode(graph.record(node)));
  for (const node of nodes) {
    for (const dependency of graph.dependenciesOf(node)) {
      const target = numberOf.get(dependency);
      if (target !== undefined) builder.addDependency(numberOf.get(node) as NodeId, target);
    }
  }
  return { graph: builder.build(), numberOf };
}
