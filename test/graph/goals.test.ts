import { readGraph } from '../../src/graph/formats/read-graph';
import { readToolkitDot } from '../../src/graph/formats/toolkit-dot-reader';
import { writeToolkitDot } from '../../src/graph/formats/toolkit-dot-writer';
import {
  ALL_GOAL,
  findGoal,
  goalMembers,
  reachable,
  subgraph,
  unsolvedImplicitNodes,
  withExtraLayers,
  withGoal,
} from '../../src/graph/goals';
import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { type NodeId, NodeState, NodeType } from '../../src/graph/node';
import { PackageLookup } from '../../src/graph/package-lookup';
import {
  describeWithSharedData,
  edgesOf,
  graphOf,
  nodeOf,
  SAMPLE,
  sharedData,
  toolkitSampleGraph,
} from '../support/graphs';

const s = SAMPLE;
const { LocalRun, LocalBuild, RemoteRun, Test, Goal, PureMeta } = NodeType;
const names = (graph: Graph, nodes: readonly NodeId[]) => nodes.map((node) => graph.field(node, 'key'));

/** `app:run -> app:build; …`, each name ending in its node's type. */
function packages(notation: string, state: Record<string, [NodeState, boolean]> = {}): Graph {
  const graph = graphOf(notation);
  const builder = new GraphBuilder();
  const types = { run: LocalRun, build: LocalBuild, remote: RemoteRun, test: Test, goal: Goal, meta: PureMeta };
  for (let node = 0; node < graph.size; node++) {
    const key = graph.field(node, 'key');
    const [name = '', kind = ''] = key.split(':');
    const type = types[kind as keyof typeof types];
    const [nodeState, implicit] = state[key] ?? [NodeState.Meta, false];
    const isPackage = type !== Goal && type !== PureMeta;
    builder.addNode({
      type,
      state: nodeState,
      implicit,
      key,
      ...(isPackage ? { name, version: '1' } : { goalName: name }),
    });
  }
  for (let node = 0; node < graph.size; node++) {
    for (const dependency of graph.dependenciesOf(node)) builder.addDependency(node, dependency);
  }
  return builder.build();
}

describe('what a node reaches', () => {
  test('from A nine nodes of the sample graph, from C 3-4 five', () => {
    expect(reachable(toolkitSampleGraph(), s.ARun)).toEqual(
      [s.ARun, s.ABuild, s.BRun, s.BBuild, s.C33Run, s.C33Build, s.DBelow1, s.DUpTo2, s.DIs3].sort((a, b) => a - b),
    );
    expect(reachable(toolkitSampleGraph(), s.C34Run)).toEqual([
      s.C34Run,
      s.C34Build,
      s.DFrom4,
      s.DAbove5,
      s.DBetween6And7,
    ]);
  });

  test('a leaf reaches itself, and cycles end', () => {
    expect(reachable(toolkitSampleGraph(), s.DIs3)).toEqual([s.DIs3]);
    expect(reachable(graphOf('a -> b; b -> c; c -> a; d -> a'), 1)).toEqual([0, 1, 2]);
  });

  test('a chain of 200,000 is walked to its end', () => {
    const builder = new GraphBuilder();
    builder.addPlainNodes(200_000, LocalBuild, NodeState.Build);
    for (let i = 1; i < 200_000; i++) builder.addDependency(i - 1, i);
    expect(reachable(builder.build(), 0)).toHaveLength(200_000);
  });
});

describe('the sub-graph', () => {
  test('of B has B, C 3-3 and what they need, and the dependencies among them', () => {
    const graph = toolkitSampleGraph();
    const { graph: part, numberOf } = subgraph(graph, reachable(graph, s.BRun));
    expect(part.size).toBe(6);
    expect(edgesOf(part)).toEqual([
      'B-2-RUN<Meta> -> B-2-BUILD<Build>',
      'B-2-RUN<Meta> -> D-,<=2-REMOTE<Unresolved>',
      'C-3-3-RUN<Meta> -> C-3-3-BUILD<Build>',
      'C-3-3-RUN<Meta> -> D--REMOTE<Unresolved>',
      'B-2-BUILD<Build> -> C-3-3-RUN<Meta>',
    ]);
    for (const node of [s.BRun, s.BBuild, s.C33Run, s.C33Build, s.DUpTo2, s.DIs3]) {
      expect(part.record(numberOf.get(node) as NodeId)).toEqual(graph.record(node));
    }
    expect(numberOf.has(s.ARun)).toBe(false);
  });

  test('numbers its nodes in the order given, and leaves out dependencies that lead outside', () => {
    const graph = graphOf('app -> lib; lib -> core; core -> sys');
    const { graph: part } = subgraph(graph, [nodeOf(graph, 'core'), nodeOf(graph, 'lib')]);
    expect(names(part, [0, 1])).toEqual(['core', 'lib']);
    expect(edgesOf(part)).toEqual(['lib -> core']);
    expect(part.command(1)).toEqual({ command: ['make', 'lib'] });
  });

  test('can be written and read', () => {
    const graph = toolkitSampleGraph();
    const { graph: part } = subgraph(graph, reachable(graph, s.C33Run));
    const again = readToolkitDot(Buffer.concat([...writeToolkitDot(part)]), 'x');
    expect(edgesOf(again)).toEqual([
      'C-3-3-RUN<Meta> -> C-3-3-BUILD<Build>',
      'C-3-3-RUN<Meta> -> D--REMOTE<Unresolved>',
    ]);
  });
});

describe('layers around a goal', () => {
  test.each([
    [0, [s.C33Run]],
    [1, [s.BRun, s.C33Run]],
    [2, [s.ARun, s.BRun, s.C33Run]],
    [3, [s.ARun, s.BRun, s.C33Run]],
    [100, [s.ARun, s.BRun, s.C33Run]],
  ])('%i around C 3-3', (layers, expected) => {
    expect(withExtraLayers(toolkitSampleGraph(), [s.C33Run], layers)).toEqual([...expected].sort((a, b) => a - b));
  });

  test('tests end a layer as packages do, goals are passed by, all others are walked through', () => {
    const graph = packages(`
      lib:run -> lib:build
      app:build -> lib:run; app:run -> app:build
      lib:test -> lib:run
      all:goal -> lib:run; top:run -> all:goal
      knot:meta -> lib:run; other:remote -> knot:meta; far:run -> other:remote
      site:run -> app:run; suite:test -> far:run`);
    const around = (layers: number) => names(graph, withExtraLayers(graph, [nodeOf(graph, 'lib:run')], layers)).sort();
    expect(around(0)).toEqual(['lib:run']);
    expect(around(1)).toEqual(['app:run', 'far:run', 'lib:run', 'lib:test']);
    expect(around(2)).toEqual(['app:run', 'far:run', 'lib:run', 'lib:test', 'site:run', 'suite:test']);
  });

  test('members that depend on one another are not counted twice, and their layers join', () => {
    const graph = packages(
      'b:build -> a:run; b:run -> b:build; c:build -> b:run; c:run -> c:build; d:build -> c:run; d:run -> d:build',
    );
    const of = (...keys: string[]) => keys.map((key) => nodeOf(graph, key));
    expect(names(graph, withExtraLayers(graph, of('a:run', 'b:run'), 1)).sort()).toEqual(['a:run', 'b:run', 'c:run']);
    expect(names(graph, withExtraLayers(graph, of('a:run', 'c:run'), 1)).sort()).toEqual([
      'a:run',
      'b:run',
      'c:run',
      'd:run',
    ]);
    expect(names(graph, withExtraLayers(graph, of('a:run', 'c:run'), 2)).sort()).toEqual([
      'a:run',
      'b:run',
      'c:run',
      'd:run',
    ]);
  });

  test('a cycle of dependents ends', () => {
    const graph = packages('a:run -> b:build; b:build -> a:run; c:run -> a:run');
    expect(names(graph, withExtraLayers(graph, [nodeOf(graph, 'a:run')], 5)).sort()).toEqual(['a:run', 'c:run']);
  });

  test('no members have no layers', () => {
    expect(withExtraLayers(toolkitSampleGraph(), [], 3)).toEqual([]);
  });
});

describe('the members of a goal', () => {
  const graph = packages(`
    a:run -> a:build; a:test -> a:build
    b:run -> b:build; b:build -> a:run r:remote; b:test -> b:build
    loose:build -> a:run
    m:meta -> a:run; all:goal -> a:run`);
  const lookup = new PackageLookup(graph);
  const members = (builds: string[], tests: string[]) =>
    names(
      graph,
      goalMembers(
        lookup,
        builds.map((key) => nodeOf(graph, key)),
        tests.map((key) => nodeOf(graph, key)),
      ),
    ).sort();

  test('no builds stand for all packages, local and remote; no tests stand for all tests', () => {
    expect(members([], [])).toEqual(['a:run', 'a:test', 'b:run', 'b:test', 'r:remote']);
    expect(members(['b:build'], [])).toEqual(['a:test', 'b:run', 'b:test']);
    expect(members([], ['a:test'])).toEqual(['a:run', 'a:test', 'b:run', 'r:remote']);
  });

  test('builds stand for the packages that they make, tests for themselves, each once', () => {
    expect(members(['b:build', 'b:build'], ['a:test', 'a:test'])).toEqual(['a:test', 'b:run']);
  });

  test('a build that nothing installs adds nothing', () => {
    expect(members(['loose:build'], ['a:test'])).toEqual(['a:test']);
  });

  test('of the sample graph are its four packages and six remote nodes', () => {
    const sample = toolkitSampleGraph();
    expect(goalMembers(new PackageLookup(sample), [], [])).toEqual([0, 1, 2, 3, 8, 9, 10, 11, 12, 13]);
  });

  describeWithSharedData('of a real graph', () => {
    test('are all of its run, remote and test nodes, as the toolkit’s own goal says', () => {
      const full = readGraph(sharedData('azurelinux-3.0.dot.gz'));
      const expected = [...full.types.keys()].filter((node) =>
        ([LocalRun, RemoteRun, Test] as NodeType[]).includes(full.type(node)),
      );
      const found = new Set(goalMembers(new PackageLookup(full), [], []));
      expect(expected.length).toBe(18_320 + 1323 + 10_018);
      expect(expected.filter((node) => !found.has(node)).map((node) => full.friendlyName(node))).toEqual([]);
      expect(found.size).toBe(expected.length);
      // The goal ALL was made before cycles were resolved: some of its edges now lead to the meta nodes that took these in.
      const viaMeta = new Set<NodeId>();
      const stack = [...full.dependenciesOf(findGoal(full, ALL_GOAL) as NodeId)];
      for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
        if (full.type(node) === PureMeta) stack.push(...full.dependenciesOf(node));
        else viaMeta.add(node);
      }
      expect([...viaMeta].filter((node) => !found.has(node))).toEqual([]);
      expect(expected.filter((node) => !viaMeta.has(node))).toEqual([]);
    });
  });
});

describe('a goal', () => {
  test('is found by its name, and by that alone', () => {
    const graph = packages('ALL:goal -> a:run; x:run -> a:run; other:goal -> a:run');
    expect(findGoal(graph, 'ALL')).toBe(nodeOf(graph, 'ALL:goal'));
    expect(findGoal(graph, 'other')).toBe(nodeOf(graph, 'other:goal'));
    expect(findGoal(graph, 'x')).toBeUndefined();
    expect(findGoal(graph, '')).toBeUndefined();
    expect(findGoal(new GraphBuilder().build(), 'ALL')).toBeUndefined();
  });

  test('is added behind the nodes that were there, which keep their numbers', () => {
    const before = toolkitSampleGraph();
    const { graph, goal } = withGoal(before, 'test', [s.C34Run, s.ARun, s.ARun]);
    expect(goal).toBe(14);
    expect([...graph.dependenciesOf(goal)]).toEqual([s.ARun, s.C34Run]);
    expect(before.size).toBe(14);
    for (let node = 0; node < before.size; node++) {
      expect(graph.record(node)).toEqual(before.record(node));
      expect([...graph.dependenciesOf(node)]).toEqual([...before.dependenciesOf(node)]);
    }
  });

  test('is written as the toolkit writes one', () => {
    const { graph, goal } = withGoal(new GraphBuilder().build(), 'test', []);
    expect(graph.record(goal)).toEqual({
      type: Goal,
      state: NodeState.Meta,
      hasPackage: false,
      goalName: 'test',
      srpmPath: '<NO_SRPM_PATH>',
      rpmPath: '<NO_RPM_PATH>',
      sourceRepo: '<NO_SOURCE_REPO>',
    });
    expect(Buffer.concat([...writeToolkitDot(graph)]).toString()).toContain('"test (ID=0,TYPE=Goal,STATE=Meta)" [');
  });

  test('does not change what else the graph knows', () => {
    const builder = new GraphBuilder({ name: 'g', baseDir: '/base', resources: { cpu: 2 } });
    builder.addNode({ type: LocalBuild, state: NodeState.Build, key: 'a', command: { shell: 'x' } });
    const { graph } = withGoal(builder.build(), 'test', [0]);
    expect(graph.info).toEqual({ name: 'g', baseDir: '/base', resources: { cpu: 2 } });
    expect(graph.command(0)).toEqual({ shell: 'x' });
  });
});

describe('nodes that keep a part of the graph from standing alone', () => {
  const states = {
    'u:remote': [NodeState.Unresolved, true],
    'c:remote': [NodeState.Cached, true],
    'plain:remote': [NodeState.Unresolved, false],
    'far:remote': [NodeState.Unresolved, true],
    'self:run': [NodeState.Meta, true],
  } as Record<string, [NodeState, boolean]>;
  const graph = packages(
    'a:run -> a:build; a:build -> u:remote c:remote plain:remote self:run; b:run -> c:remote plain:remote; z:run -> far:remote',
    states,
  );
  const unsolved = (from: string, cachedWillDo: boolean) =>
    names(graph, unsolvedImplicitNodes(graph, nodeOf(graph, from), cachedWillDo));

  test('are implicit ones that are unresolved, or cached where that will not do', () => {
    expect(unsolved('a:run', false)).toEqual(['u:remote', 'c:remote']);
    expect(unsolved('a:run', true)).toEqual(['u:remote']);
    expect(unsolved('b:run', false)).toEqual(['c:remote']);
    expect(unsolved('b:run', true)).toEqual([]);
  });

  test('count the node itself', () => {
    expect(unsolved('far:remote', true)).toEqual(['far:remote']);
  });
});
