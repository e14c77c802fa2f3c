import { type BuildGoal, prepareBuildGoal } from '../../src/graph/build-goal';
import { ALL_GOAL, findGoal, PACKAGES_TO_BUILD_GOAL, withGoal } from '../../src/graph/goals';
import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { type NodeId, NodeState, NodeType } from '../../src/graph/node';
import type { PackageLists } from '../../src/graph/package-lists';
import { graphOf as commandGraph } from '../support/graphs';

const { LocalRun, LocalBuild, RemoteRun, Test, Goal, PureMeta } = NodeType;
const TYPES = { run: LocalRun, build: LocalBuild, remote: RemoteRun, test: Test, goal: Goal, meta: PureMeta } as const;
const LISTS = { packages: [], rebuildPackages: [], ignoredPackages: [], tests: [], rerunTests: [], ignoredTests: [] };

/** `app:run -> app:build; …`; a name's version stands behind `@`, an implicit remote node ends in `!`. */
function packages(notation: string): Graph {
  const plain = commandGraph(notation);
  const builder = new GraphBuilder();
  for (let node = 0; node < plain.size; node++) {
    const key = plain.field(node, 'key');
    const [, name = '', version = '1', kind = '', implicit] = /^([^:@]+)(?:@([^:]+))?:(\w+)(!)?$/.exec(key) ?? [];
    const type = TYPES[kind as keyof typeof TYPES];
    const isPackage = type !== Goal && type !== PureMeta;
    builder.addNode({
      type,
      key,
      state: type === RemoteRun ? NodeState.Unresolved : NodeState.Meta,
      implicit: implicit !== undefined,
      ...(isPackage ? { name, version, specPath: `${name}.spec` } : { goalName: name }),
    });
  }
  for (let node = 0; node < plain.size; node++) {
    for (const dependency of plain.dependenciesOf(node)) builder.addDependency(node, dependency);
  }
  return builder.build();
}

const CHAIN = `
  ALL:goal -> a:run b:run c:run loose:run a:test
  a:run -> a:build; a:test -> a:build
  b:run -> b:build; b:build -> a:run
  c:run -> c:build; c:build -> b:run
  loose:run -> loose:build`;
const prepare = (
  notation: string | Graph,
  lists: Partial<PackageLists> = {},
  options: Partial<Parameters<typeof prepareBuildGoal>[2]> = {},
) =>
  prepareBuildGoal(
    typeof notation === 'string' ? packages(notation) : notation,
    { ...LISTS, ...lists },
    { extraLayers: 0, cachedImplicitWillDo: false, ...options },
  );
const keys = (graph: Graph, nodes: Iterable<NodeId>) =>
  [...nodes]
    .map((node) => graph.field(node, 'key'))
    .filter(Boolean)
    .sort();
const everything = ({ graph }: BuildGoal) =>
  keys(
    graph,
    Array.from({ length: graph.size }, (_, node) => node),
  );
const membersOf = ({ graph }: BuildGoal, goal: string) =>
  keys(graph, graph.dependenciesOf(findGoal(graph, goal) as NodeId));

describe('where what was asked for can stand alone', () => {
  test('the graph is cut down to it, and has both goals', () => {
    const goal = prepare(CHAIN, { packages: ['b'], tests: ['a'] });
    expect(goal).toMatchObject({ pruned: true, requested: undefined, unsolved: [], notices: [] });
    expect(everything(goal)).toEqual(['a:build', 'a:run', 'a:test', 'b:build', 'b:run']);
    expect(membersOf(goal, PACKAGES_TO_BUILD_GOAL)).toEqual(['a:test', 'b:run']);
    expect(membersOf(goal, ALL_GOAL)).toEqual(['a:run', 'a:test', 'b:run']);
    expect(goal.goal).toBe(findGoal(goal.graph, ALL_GOAL));
  });

  test('the lists are nodes of the smaller graph', () => {
    const goal = prepare(CHAIN, { rebuildPackages: ['b'], ignoredPackages: ['a', 'c'], tests: ['a'] });
    expect(keys(goal.graph, goal.lists.rebuild)).toEqual(['b:build']);
    expect(keys(goal.graph, goal.lists.ignore)).toEqual(['a:build']);
    expect(keys(goal.graph, goal.lists.tests)).toEqual(['a:test']);
  });

  test('no list asks for everything', () => {
    expect(everything(prepare(CHAIN))).toHaveLength(9);
  });

  test.each([
    [0, ['a:test', 'b:run']],
    [1, ['a:test', 'b:run', 'c:run']],
    [9, ['a:test', 'b:run', 'c:run']],
    [-1, ['a:test', 'b:run']],
  ])('%i layers around it are asked for too', (extraLayers, members) => {
    expect(
      membersOf(prepare(CHAIN, { packages: ['b'], tests: ['a'] }, { extraLayers }), PACKAGES_TO_BUILD_GOAL),
    ).toEqual(members);
  });

  test('the packages of an image are asked for, and leave out what is made elsewhere', () => {
    const wish = (name: string) => ({ name, condition: '', version: '', sCondition: '', sVersion: '' });
    const goal = prepare(CHAIN, { imagePackages: [wish('a'), wish('glibc')] });
    expect(everything(goal)).toEqual(['a:build', 'a:run', 'a:test']);
    expect(goal.notices.map(({ message }) => message)).toEqual([expect.stringContaining('glibc')]);
  });
});

describe('where a name stands below it that only a build may turn out to provide', () => {
  const IMPLICIT = `${CHAIN}; b:build -> x:remote!`;

  test('the whole graph is kept, and the goal is its own', () => {
    const goal = prepare(IMPLICIT, { packages: ['b'], tests: ['a'] });
    expect(goal.pruned).toBe(false);
    expect(everything(goal)).toHaveLength(11);
    expect(goal.goal).toBe(findGoal(goal.graph, ALL_GOAL));
    expect(membersOf(goal, PACKAGES_TO_BUILD_GOAL)).toEqual(['a:test', 'b:run']);
    expect(goal.requested).toBe(findGoal(goal.graph, PACKAGES_TO_BUILD_GOAL));
    expect(keys(goal.graph, goal.unsolved)).toEqual(['x:remote!']);
  });

  test('and not below what was asked for, the graph is cut down', () => {
    expect(prepare(IMPLICIT, { packages: ['a'], tests: ['a'] }).pruned).toBe(true);
  });
});

describe('what makes no sense', () => {
  test('is a graph that has the goal already, such as one that a build left', () => {
    expect(() => prepare(withGoal(packages(CHAIN), PACKAGES_TO_BUILD_GOAL, []).graph)).toThrow(
      "can't have two goal nodes named PackagesToBuild",
    );
  });

  test('is to build what nothing installs', () => {
    expect(() => prepare('ALL:goal -> a:test; a:test -> a:build', { packages: ['a'] })).toThrow(
      "failed to find all goal nodes with strict=true (missing a:C:''V:'1',C2:''V2:''",
    );
  });
});

test('a build that nothing installs and nothing tests is left out, before names are looked up', () => {
  const notation = `${CHAIN}; lost:build -> a:run`;
  const goal = prepare(notation);
  expect(everything(goal)).not.toContain('lost:build');
  expect(goal.notices).toEqual([{ level: 'debug', message: expect.stringContaining('Lookup for lost') }]);
  expect(() => prepare(notation, { packages: ['lost'] })).toThrow(
    'failed to find package (lost) in the dependency graph',
  );
});

test('the order of versions decides which of two packages is meant', () => {
  const notation = `
    ALL:goal -> p@1.0:run p@1.0~rc1:run
    p@1.0:run -> p@1.0:build; p@1.0~rc1:run -> p@1.0~rc1:build`;
  const wish = { name: 'p', condition: '', version: '', sCondition: '', sVersion: '' };
  const members = (versionOrder: 'toolkit' | 'rpm') =>
    membersOf(prepare(notation, { imagePackages: [wish] }, { versionOrder }), PACKAGES_TO_BUILD_GOAL);
  expect([members('toolkit'), members('rpm')]).toEqual([['p@1.0~rc1:run'], ['p@1.0:run']]);
});
