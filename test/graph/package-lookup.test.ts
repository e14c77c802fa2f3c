import { readGraph } from '../../src/graph/formats/read-graph';
import { type Graph, GraphBuilder, type NodeRecord } from '../../src/graph/graph';
import { type NodeId, NodeState, NodeType } from '../../src/graph/node';
import { PackageLookup, specNameOf } from '../../src/graph/package-lookup';
import { UserError } from '../../src/util/user-error';
import { describeWithSharedData, SAMPLE, sharedData, toolkitSampleGraph } from '../support/graphs';

const wish = (name: string, condition = '', version = '', sCondition = '', sVersion = '') => ({
  name,
  condition,
  version,
  sCondition,
  sVersion,
});
const graphOfNodes = (...records: (Partial<NodeRecord> & { type: NodeType })[]): Graph => {
  const builder = new GraphBuilder();
  for (const record of records) builder.addNode({ state: NodeState.Meta, ...record });
  return builder.build();
};
const { LocalRun, LocalBuild, RemoteRun, Test, PreBuilt, Goal, PureMeta } = NodeType;

describe('the best match in the sample graph', () => {
  const lookup = new PackageLookup(toolkitSampleGraph());

  test.each<[string, ReturnType<typeof wish>, NodeId | undefined]>([
    ['A', wish('A'), SAMPLE.ARun],
    ['C is its highest version', wish('C'), SAMPLE.C34Run],
    ['C > 3-3', wish('C', '>', '3-3'), SAMPLE.C34Run],
    ['C < 3-4', wish('C', '<', '3-4'), SAMPLE.C33Run],
    ['C = 3-3', wish('C', '=', '3-3'), SAMPLE.C33Run],
    ['C = 3 leaves the release open', wish('C', '=', '3'), SAMPLE.C34Run],
    ['C > 3-4 is not there', wish('C', '>', '3-4'), undefined],
    ['D = 1 is the higher of < 1 and <= 2', wish('D', '', '1'), SAMPLE.DUpTo2],
    ['D = 2.1 lies between all', wish('D', '', '2.1'), undefined],
    ['D >= 1, < 3', wish('D', '>=', '1', '<', '3'), SAMPLE.DUpTo2],
    ['D >= 2, < 3', wish('D', '>=', '2', '<', '3'), SAMPLE.DUpTo2],
    ['D >= 2, <= 3', wish('D', '>=', '2', '<=', '3'), SAMPLE.DIs3],
    ['D in any version is the one with the highest lower bound', wish('D'), SAMPLE.DBetween6And7],
    ['D >= 7 is not the one below 7', wish('D', '>=', '7'), SAMPLE.DAbove5],
    ['A with only a second condition that it meets', wish('A', '', '', '=', '1'), SAMPLE.ARun],
    ['A with only a second condition that it does not meet', wish('A', '', '', '=', '2'), undefined],
    ['an unknown name', wish('nothing'), undefined],
    ['a name that objects have', wish('constructor'), undefined],
  ])('%s', (_, wanted, node) => {
    expect(lookup.bestMatch(wanted)?.run).toBe(node);
  });

  test('a wish that nothing can meet is an error', () => {
    expect(() => lookup.bestMatch(wish('D', '<', '3', '>', '3'))).toThrow('overlap');
  });

  test('a run node and its build node are one entry', () => {
    const { interval, ...nodes } = lookup.bestMatch(wish('B')) ?? { interval: undefined };
    expect(nodes).toEqual({ run: SAMPLE.BRun, build: SAMPLE.BBuild });
  });

  test('every node is found by its own version, exactly', () => {
    const graph = toolkitSampleGraph();
    for (let node = 0; node < graph.size; node++) {
      const entry = lookup.entryOf(node);
      expect(graph.type(node) === LocalBuild ? entry?.build : entry?.run).toBe(node);
    }
  });
});

describe('what the lookup takes in', () => {
  test('runs, builds, tests and remote nodes, and no others', () => {
    const pkg = { name: 'p', version: '1' };
    const graph = graphOfNodes(
      { type: PreBuilt, ...pkg },
      { type: Goal, ...pkg },
      { type: PureMeta, ...pkg },
      { type: Test, ...pkg },
      { type: LocalBuild, ...pkg },
      { type: LocalRun, ...pkg },
      { type: LocalRun },
    );
    const lookup = new PackageLookup(graph);
    expect([...lookup.entries()]).toHaveLength(1);
    expect(lookup.bestMatch(wish('p'))).toMatchObject({ test: 3, build: 4, run: 5 });
  });

  test.each([
    ['after', [RemoteRun, LocalRun], 1],
    ['before', [LocalRun, RemoteRun], 0],
  ] as const)('a local node is preferred to a remote one that comes %s it', (_, types, expected) => {
    const lookup = new PackageLookup(graphOfNodes(...types.map((type) => ({ type, name: 'p', version: '1' }))));
    expect(lookup.bestMatch(wish('p'))?.run).toBe(expected);
  });

  test('of several remote nodes for one version the first is kept', () => {
    const lookup = new PackageLookup(graphOfNodes({ type: RemoteRun, name: 'p' }, { type: RemoteRun, name: 'p' }));
    expect(lookup.bestMatch(wish('p'))?.run).toBe(0);
  });

  test('a higher remote version is preferred to a lower local one, as in the toolkit', () => {
    const lookup = new PackageLookup(
      graphOfNodes(
        { type: LocalRun, name: 'p', version: '1' },
        { type: RemoteRun, name: 'p', condition: '>=', version: '2' },
      ),
    );
    expect(lookup.bestMatch(wish('p'))?.run).toBe(1);
    expect(lookup.bestMatch(wish('p', '<', '2'))?.run).toBe(0);
  });

  test.each([[[3, 1, 2]], [[1, 2, 3]], [[2, 3, 1]]])(
    'the order %p in which versions come does not matter',
    (versions) => {
      const lookup = new PackageLookup(
        graphOfNodes(...versions.map((v) => ({ type: LocalRun, name: 'p', version: `${v}` }))),
      );
      expect(lookup.bestMatch(wish('p'))?.run).toBe(versions.indexOf(3));
      expect(lookup.bestMatch(wish('p', '<', '3'))?.run).toBe(versions.indexOf(2));
    },
  );

  // The toolkit tells versions apart by their text: the order of versions takes these for equal.
  test.each([
    ['with and without a release', ['1.2.3', '1.2.3-3']],
    ['with numbers beyond 64 bits', ['20230101123045', '20240101123045']],
    ['with capitals', ['1.A', '1.B']],
    ['with and without epoch 0', ['1.2', '0:1.2']],
  ])('versions %s are two packages, and each keeps its nodes', (_, versions) => {
    const graph = graphOfNodes(
      ...versions.flatMap((version) => [
        { type: LocalRun, name: 'p', version },
        { type: LocalBuild, name: 'p', version },
      ]),
    );
    const lookup = new PackageLookup(graph);
    expect(Array.from(versions, (_version, i) => lookup.entryOf(2 * i)?.run)).toEqual([0, 2]);
    expect(Array.from(versions, (_version, i) => lookup.entryOf(2 * i + 1)?.build)).toEqual([1, 3]);
  });

  test('a condition = and none are the same version', () => {
    const lookup = new PackageLookup(
      graphOfNodes(
        { type: LocalRun, name: 'p', version: '1', condition: '=' },
        { type: LocalBuild, name: 'p', version: '1' },
      ),
    );
    expect([...lookup.entries()]).toHaveLength(1);
  });

  test.each([
    ['an unknown condition', { condition: '??', version: '1' }],
    ['conditions that contradict each other', { condition: '<', version: '1', sCondition: '>', sVersion: '2' }],
    ['a condition without a version', { condition: '>=' }],
  ])('%s in a graph is the error of who made the graph, and names the package', (_, fields) => {
    let error: unknown;
    try {
      new PackageLookup(graphOfNodes({ type: RemoteRun, name: 'libwrong', ...fields }));
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toContain('libwrong');
  });

  test('4,000 versions of one name are told apart', () => {
    const graph = graphOfNodes(
      ...Array.from({ length: 4000 }, (_, i) => ({ type: LocalRun, name: 'p', version: `1.${i}` })),
    );
    const lookup = new PackageLookup(graph);
    expect(lookup.bestMatch(wish('p', '<', '1.2000'))?.run).toBe(1999);
  });
});

describe('specs', () => {
  test.each([
    ['/file/path/A.spec', 'A'],
    ['protocol://file/path/A.spec.spec', 'A.spec'],
    ['A', 'A'],
    ['dir.spec/B.txt', 'B.txt'],
    ['<NO_SPEC_PATH>', '<NO_SPEC_PATH>'],
  ])('the spec of %s is %s', (specPath, name) => {
    expect(specNameOf(graphOfNodes({ type: LocalBuild, specPath }), 0)).toBe(name);
  });

  test('all builds, or all tests, of a spec are found by its name', () => {
    const pkg = (name: string, version = '1') => ({ name, version, specPath: 'SPECS/a/a.spec' });
    const lookup = new PackageLookup(
      graphOfNodes(
        { type: LocalBuild, ...pkg('a') },
        { type: LocalRun, ...pkg('a') },
        { type: Test, ...pkg('a') },
        { type: LocalBuild, ...pkg('a-devel') },
        { type: LocalBuild, ...pkg('a', '2') },
        { type: LocalBuild, name: 'b', version: '1', specPath: 'SPECS/b/b.spec' },
      ),
    );
    expect(lookup.nodesOfSpec('a', LocalBuild)).toEqual([0, 3, 4]);
    expect(lookup.nodesOfSpec('a', Test)).toEqual([2]);
    expect(lookup.nodesOfSpec('b', Test)).toEqual([]);
    expect(lookup.nodesOfSpec('c', LocalBuild)).toEqual([]);
  });
});

describeWithSharedData('the lookup over real graphs', () => {
  test.each(['azurelinux-3.0-core.dot', 'azurelinux-3.0.dot.gz'])(
    'every package node of %s is the one found by its own version',
    (name) => {
      const graph = readGraph(sharedData(name));
      const lookup = new PackageLookup(graph);
      const lost: string[] = [];
      for (let node = 0; node < graph.size; node++) {
        const role = ({ [LocalRun]: 'run', [RemoteRun]: 'run', [LocalBuild]: 'build', [Test]: 'test' } as const)[
          graph.type(node) as number
        ];
        if (role !== undefined && lookup.entryOf(node)?.[role] !== node) lost.push(graph.friendlyName(node));
      }
      expect(lost).toEqual([]);
    },
  );
});
