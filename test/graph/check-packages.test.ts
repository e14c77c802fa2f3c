import { checkPackages } from '../../src/graph/check-packages';
import { readGraph } from '../../src/graph/formats/read-graph';
import { GraphBuilder, type NodeRecord } from '../../src/graph/graph';
import { NodeState, NodeType } from '../../src/graph/node';
import { describeWithSharedData, edgesOf, sharedData, toolkitSampleGraph } from '../support/graphs';

const { LocalRun, LocalBuild, RemoteRun, Test } = NodeType;
const graphOf = (records: (Partial<NodeRecord> & { type: NodeType })[], edges: [number, number][] = []) => {
  const builder = new GraphBuilder();
  for (const record of records) builder.addNode({ state: NodeState.Meta, name: 'p', version: '1', ...record });
  for (const [dependent, dependency] of edges) builder.addDependency(dependent, dependency);
  return builder.build();
};

describe('builds that nothing installs and nothing tests', () => {
  const graph = graphOf(
    [
      { type: LocalRun, name: 'a', key: 'a:run' },
      { type: LocalBuild, name: 'orphan', key: 'orphan' },
      { type: LocalBuild, name: 'a', key: 'a:build' },
      { type: LocalBuild, name: 't', key: 't:build' },
      { type: Test, name: 't', key: 't:test' },
    ],
    [
      [0, 2],
      [0, 1],
      [1, 2],
      [4, 3],
    ],
  );

  test('are dropped, with their edges; the others are numbered anew', () => {
    const { graph: checked, numberOf, notices, lookup } = checkPackages(graph);
    expect(checked.size).toBe(4);
    expect(edgesOf(checked)).toEqual(['a:run -> a:build', 't:test -> t:build']);
    expect([...(numberOf ?? [])]).toEqual([
      [0, 0],
      [2, 1],
      [3, 2],
      [4, 3],
    ]);
    expect(notices).toEqual([
      {
        level: 'debug',
        message: 'Lookup for orphan has neither a run node nor a test node. Lost in a cycle fix? Removing it',
      },
    ]);
    expect(lookup.entryOf(1)?.build).toBe(1);
  });

  test('do not include one whose only test is there', () => {
    expect(checkPackages(graph).lookup.nodesOfSpec('', LocalBuild)).toEqual([1, 2]);
  });
});

describe('nodes that cannot be found by name', () => {
  test.each([
    ['a second run node', LocalRun],
    ['a second build node', LocalBuild],
    ['a second test node', Test],
  ])('%s of one version is left out of the search, and stays in the graph', (_, type) => {
    const graph = graphOf([{ type: LocalRun }, { type: LocalBuild }, { type: Test }, { type }]);
    const { graph: same, lookup, notices } = checkPackages(graph);
    expect(same).toBe(graph);
    expect(lookup.leftOut.map(({ node }) => node)).toEqual([3]);
    expect(lookup.entryOf(0)).toMatchObject({ run: 0, build: 1, test: 2 });
    expect(notices).toEqual([
      { level: 'warning', message: expect.stringMatching(/^Left out of the search by name: p\(1,\):<ID:3 .*already/) },
    ]);
  });

  test('are not second remote nodes, nor a remote one beside a local one', () => {
    const graph = graphOf([{ type: RemoteRun }, { type: LocalRun }, { type: RemoteRun }]);
    const { lookup, notices } = checkPackages(graph);
    expect([lookup.leftOut, notices, lookup.entryOf(0)?.run]).toEqual([[], [], 1]);
  });

  test('versions that only differ in text are two', () => {
    expect(checkPackages(graphOf([{ type: LocalRun }, { type: LocalRun, version: '1.' }])).lookup.leftOut).toEqual([]);
  });

  test('are told up to five, and then counted', () => {
    const { notices } = checkPackages(graphOf(Array.from({ length: 9 }, () => ({ type: LocalRun }))));
    expect(notices).toHaveLength(6);
    expect(notices.at(-1)?.message).toBe('Left out of the search by name: 3 more nodes');
  });
});

test('a graph that is in order stays the same', () => {
  const graph = toolkitSampleGraph();
  expect(checkPackages(graph)).toMatchObject({ graph, numberOf: undefined, notices: [] });
});

describeWithSharedData('the real graphs', () => {
  test.each([
    'azurelinux-3.0-core.dot',
    'azurelinux-3.0-core-cached.dot',
    'azurelinux-3.0-specs.dot.gz',
    'azurelinux-3.0.dot.gz',
  ])('%s is in order, by either order of versions', (name) => {
    const graph = readGraph(sharedData(name));
    for (const order of ['toolkit', 'rpm'] as const) {
      const { graph: same, notices } = checkPackages(graph, order);
      expect([same === graph, notices]).toEqual([true, []]);
    }
  });
});
