import { type Graph, GraphBuilder, type NodeRecord } from '../../src/graph/graph';
import {
  NODE_STATE_NAMES,
  NODE_TYPE_NAMES,
  NodeState,
  NodeType,
  PACKAGE_FIELDS,
  PATH_FIELDS,
} from '../../src/graph/node';
import { edgesOf, graphOf, nodeOf, toolkitSampleGraph } from '../support/graphs';

const plain = (count: number): GraphBuilder => {
  const builder = new GraphBuilder();
  builder.addPlainNodes(count, NodeType.LocalBuild, NodeState.Build);
  return builder;
};
const one = (record: NodeRecord): Graph => {
  const builder = new GraphBuilder();
  builder.addNode(record);
  return builder.build();
};

describe('dependencies', () => {
  test('are ascending whatever the order they came in, and each is there once', () => {
    const builder = plain(6);
    for (const [dependent, dependency] of [
      [3, 5],
      [0, 4],
      [3, 1],
      [0, 2],
      [3, 5],
      [0, 4],
      [3, 0],
      [0, 4],
    ] as const) {
      builder.addDependency(dependent, dependency);
    }
    const graph = builder.build();
    expect(Array.from({ length: 6 }, (_, node) => [...graph.dependenciesOf(node)])).toEqual([
      [2, 4],
      [],
      [],
      [0, 1, 5],
      [],
      [],
    ]);
    expect(graph.edgeCount).toBe(5);
  });

  test('have their dependents, ascending too', () => {
    const graph = graphOf('c -> a b; d -> a; b -> a; a');
    const dependents = (key: string) =>
      [...graph.dependentsOf(nodeOf(graph, key))].map((node) => graph.field(node, 'key'));
    expect(dependents('a')).toEqual(['c', 'b', 'd']);
    expect(dependents('b')).toEqual(['c']);
    expect(dependents('c')).toEqual([]);
  });

  test('of a node on itself are kept', () => {
    const builder = plain(2);
    builder.addDependency(1, 1);
    const graph = builder.build();
    expect([...graph.dependenciesOf(1)]).toEqual([1]);
    expect([...graph.dependentsOf(1)]).toEqual([1]);
  });

  test('of a graph without any are empty', () => {
    const graph = plain(3).build();
    expect(graph.edgeCount).toBe(0);
    expect([...graph.dependenciesOf(2)]).toEqual([]);
    expect([...graph.dependentsOf(0)]).toEqual([]);
  });

  test('and dependents are what a simple model says, on random graphs', () => {
    let state = 12345;
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % below;
    };
    for (let round = 0; round < 200; round++) {
      const size = 1 + random(40);
      const builder = plain(size);
      const dependencies = Array.from({ length: size }, () => new Set<number>());
      const dependents = Array.from({ length: size }, () => new Set<number>());
      for (let i = random(300); i > 0; i--) {
        const [from, to] = [random(size), random(size)];
        builder.addDependency(from, to);
        dependencies[from]?.add(to);
        dependents[to]?.add(from);
      }
      const graph = builder.build();
      const ascending = (set: Set<number>) => [...set].sort((a, b) => a - b);
      expect(Array.from({ length: size }, (_, node) => [...graph.dependenciesOf(node)])).toEqual(
        dependencies.map(ascending),
      );
      expect(Array.from({ length: size }, (_, node) => [...graph.dependentsOf(node)])).toEqual(
        dependents.map(ascending),
      );
    }
  });

  test.each([
    [0, 2],
    [2, 0],
    [-1, 0],
    [0, -1],
  ])('from node %d to node %d of two nodes cannot be', (dependent, dependency) => {
    const builder = plain(2);
    expect(() => {
      builder.addDependency(dependent, dependency);
      builder.build();
    }).toThrow('Internal error');
  });

  test('may be added before their nodes are', () => {
    const builder = new GraphBuilder();
    builder.addDependency(1, 0);
    builder.addPlainNodes(2, NodeType.LocalBuild, NodeState.Build);
    expect([...builder.build().dependenciesOf(1)]).toEqual([0]);
  });
});

describe('nodes', () => {
  test('know all that they were made of', () => {
    const texts = Object.fromEntries(
      [...PACKAGE_FIELDS, ...PATH_FIELDS, 'key'].map((field) => [field, `the ${field}`]),
    );
    const record: NodeRecord = {
      type: NodeType.Test,
      state: NodeState.Delta,
      implicit: true,
      hasPackage: true,
      command: { shell: 'x' },
      ...texts,
    };
    expect(one(record).record(0)).toEqual(record);
  });

  test('have empty texts where they were given none, also where others have some', () => {
    const graph = graphOf('a');
    expect(graph.field(0, 'key')).toBe('a');
    expect(graph.field(0, 'srpmPath')).toBe('');
    expect(toolkitSampleGraph().field(9, 'version')).toBe('');
    expect(toolkitSampleGraph().field(9, 'sVersion')).toBe('2');
  });

  test('have a package where they have a name, unless it is said', () => {
    const base = { type: NodeType.LocalRun, state: NodeState.Meta };
    expect(one({ ...base }).hasPackage(0)).toBe(false);
    expect(one({ ...base, name: 'p' }).hasPackage(0)).toBe(true);
    expect(one({ ...base, name: '' }).hasPackage(0)).toBe(true);
    expect(one({ ...base, name: 'p', hasPackage: false }).hasPackage(0)).toBe(false);
    expect(one({ ...base, hasPackage: true }).hasPackage(0)).toBe(true);
  });

  test('are work where there is something to run', () => {
    const work = Object.values(NodeType).filter((type) => one({ type, state: NodeState.Build }).isWork(0));
    expect(work.map((type) => NODE_TYPE_NAMES[type])).toEqual(['LocalBuild', 'Test']);
  });

  test('have no path where the toolkit wrote that they have none', () => {
    const base = { type: NodeType.LocalRun, state: NodeState.Meta };
    const graph = one({ ...base, srpmPath: '<NO_SRPM_PATH>', rpmPath: '<NO_RPM_PATH>' });
    expect([graph.srpmPath(0), graph.rpmPath(0)]).toEqual(['', '']);
    expect(graph.field(0, 'srpmPath')).toBe('<NO_SRPM_PATH>');
    expect(one({ ...base, srpmPath: '/a/b.src.rpm' }).srpmPath(0)).toBe('/a/b.src.rpm');
  });

  test.each<[Partial<NodeRecord> & { type: NodeType }, string]>([
    [{ type: NodeType.LocalBuild, key: 'mine', srpmPath: '/a/b.src.rpm' }, 'mine'],
    [{ type: NodeType.LocalBuild, srpmPath: '/a/b.src.rpm', name: 'b' }, 'b.src.rpm'],
    [{ type: NodeType.Test, srpmPath: '/a/b.src.rpm', name: 'b' }, 'b.src.rpm'],
    [{ type: NodeType.LocalRun, srpmPath: '/a/b.src.rpm', name: 'b', version: '1' }, 'b-1-RUN<Build>'],
    [{ type: NodeType.LocalBuild, srpmPath: '<NO_SRPM_PATH>', name: 'b', version: '1' }, 'b-1-BUILD<Build>'],
    [{ type: NodeType.Goal, goalName: 'ALL', name: 'no' }, 'ALL'],
    [{ type: NodeType.PureMeta }, 'Meta(0)'],
    [{ type: NodeType.PreBuilt, name: 'b', version: '1-2' }, 'b-1-2-PREBUILT<Build>'],
    [{ type: NodeType.RemoteRun, name: 'b', version: '1', condition: '>=' }, 'b--REMOTE<Build>'],
    [
      { type: NodeType.RemoteRun, name: 'b', version: '1', condition: '>', sVersion: '2', sCondition: '<' },
      'b->1,<2-REMOTE<Build>',
    ],
    [{ type: NodeType.Unknown }, 'Unknown(0)'],
  ])('%j is labelled %s', (record, label) => {
    expect(one({ state: NodeState.Build, ...record }).label(0)).toBe(label);
  });

  test('have the names of the toolkit’s numbers', () => {
    expect(NODE_TYPE_NAMES).toEqual([
      'Unknown',
      'LocalBuild',
      'LocalRun',
      'Goal',
      'RemoteRun',
      'PureMeta',
      'PreBuilt',
      'Test',
    ]);
    expect(NODE_STATE_NAMES).toEqual([
      'Unknown',
      'Meta',
      'Build',
      'UpToDate',
      'Unresolved',
      'Cached',
      'BuildError',
      'Delta',
    ]);
    NODE_TYPE_NAMES.forEach((name, number) => void expect(NodeType[name]).toBe(number));
    NODE_STATE_NAMES.forEach((name, number) => void expect(NodeState[name]).toBe(number));
  });
});

describe('a graph with other states', () => {
  test('is the same but for them, and the first graph stays as it was', () => {
    const graph = toolkitSampleGraph();
    const states = graph.states.map((state) => (state === NodeState.Unresolved ? NodeState.Cached : state));
    const after = graph.withStates(states);
    expect([8, 13, 0].map((node) => after.state(node))).toEqual([NodeState.Cached, NodeState.Cached, NodeState.Meta]);
    expect([8, 13, 0].map((node) => graph.state(node))).toEqual([
      NodeState.Unresolved,
      NodeState.Unresolved,
      NodeState.Meta,
    ]);
    expect(after.size).toBe(14);
    expect(after.record(13)).toEqual({ ...graph.record(13), state: NodeState.Cached });
    expect([...after.dependenciesOf(3)]).toEqual([...graph.dependenciesOf(3)]);
    expect([...after.dependentsOf(13)]).toEqual([3]);
    expect(after.friendlyName(13)).toBe('D->6,<7-REMOTE<Cached>');
  });

  test('keeps commands and what belongs to the graph', () => {
    const builder = new GraphBuilder({ name: 'g' });
    builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Build, key: 'a', command: { shell: 'x' } });
    const after = builder.build().withStates(Uint8Array.of(NodeState.UpToDate));
    expect([after.info.name, after.command(0), after.field(0, 'key')]).toEqual(['g', { shell: 'x' }, 'a']);
  });
});

describe('a builder', () => {
  test('grows: 5,000 nodes keep their texts, those that came late and those that had them first', () => {
    const builder = new GraphBuilder();
    for (let i = 0; i < 5000; i++) {
      // The first path comes after the arrays have grown twice.
      builder.addNode({
        type: NodeType.LocalBuild,
        state: NodeState.Build,
        key: `n${i}`,
        ...(i >= 2500 ? { srpmPath: `s${i}` } : {}),
        ...(i === 4999 ? { name: 'last', implicit: true } : {}),
      });
      for (let d = 1; d <= 3 && d <= i; d++) builder.addDependency(i, i - d);
    }
    const graph = builder.build();
    expect([graph.size, graph.edgeCount]).toEqual([5000, 3 * 5000 - 6]);
    for (const node of [0, 1, 1023, 1024, 2047, 2048, 2499, 2500, 4095, 4096, 4999]) {
      expect(graph.field(node, 'key')).toBe(`n${node}`);
      expect(graph.field(node, 'srpmPath')).toBe(node >= 2500 ? `s${node}` : '');
      expect(graph.hasPackage(node)).toBe(node === 4999);
      expect([...graph.dependenciesOf(node)]).toEqual([node - 3, node - 2, node - 1].filter((d) => d >= 0));
    }
    expect(graph.field(4999, 'name')).toBe('last');
  });

  test('numbers nodes from 0, and plain ones with the rest', () => {
    const builder = new GraphBuilder();
    expect(builder.addNode({ type: NodeType.Goal, state: NodeState.Meta, goalName: 'g' })).toBe(0);
    builder.addPlainNodes(3000, NodeType.Test, NodeState.Build);
    expect(builder.addNode({ type: NodeType.Goal, state: NodeState.Meta, goalName: 'h' })).toBe(3001);
    expect(builder.size).toBe(3002);
    const graph = builder.build();
    expect([graph.type(0), graph.type(1), graph.type(3000), graph.type(3001)]).toEqual([3, 7, 7, 3]);
    expect([graph.field(0, 'goalName'), graph.field(1, 'goalName'), graph.field(3001, 'goalName')]).toEqual([
      'g',
      '',
      'h',
    ]);
  });

  test('that goes on after a graph was built does not change it', () => {
    const builder = plain(2);
    builder.addDependency(0, 1);
    const before = builder.build();
    const added = builder.addNode({ type: NodeType.Goal, state: NodeState.Meta, key: 'late', command: { shell: 'x' } });
    builder.addDependency(1, added);
    expect([before.size, before.edgeCount, [...before.dependenciesOf(1)].length]).toEqual([2, 1, 0]);
    const after = builder.build();
    expect([after.size, after.edgeCount]).toEqual([3, 2]);
    expect(after.field(added, 'key')).toBe('late');
  });

  test('takes in a whole graph behind what it has, and only the dependencies that are wanted', () => {
    const graph = graphOf('app -> lib; lib -> core; app -> core');
    const builder = plain(2);
    builder.addGraph(graph, (dependent, dependency) => !(dependent === 0 && dependency === 2));
    const both = builder.build();
    expect([2, 3, 4].map((node) => both.field(node, 'key'))).toEqual(['app', 'lib', 'core']);
    expect(edgesOf(both)).toEqual(['app -> lib', 'lib -> core']);
    expect(both.command(3)).toEqual({ command: ['make', 'lib'] });
  });

  test('keeps commands at their nodes, others have none', () => {
    const builder = new GraphBuilder();
    builder.addPlainNodes(3, NodeType.LocalBuild, NodeState.Build);
    builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Build, command: { shell: 'x' } });
    const graph = builder.build();
    expect([0, 2, 3].map((node) => graph.command(node)?.shell)).toEqual([undefined, undefined, 'x']);
    expect(plain(1).build().command(0)).toBeUndefined();
  });
});

test('200,000 nodes and a million dependencies are built and turned round within two seconds', () => {
  const size = 200_000;
  const startedAt = performance.now();
  const builder = new GraphBuilder();
  for (let i = 0; i < size; i++)
    builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Build, key: `node-${i}` });
  for (let i = 0; i < size; i++) {
    for (let d = 1; d <= 5; d++) builder.addDependency(i, (i * 7 + d * 13_001) % size);
  }
  const graph = builder.build();
  const [target] = graph.dependenciesOf(0);
  expect([...graph.dependentsOf(target as number)]).toContain(0);
  expect(performance.now() - startedAt).toBeLessThan(2000);
  expect([graph.size, graph.edgeCount]).toEqual([size, 5 * size]);
});
