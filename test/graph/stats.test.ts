import { readGraph } from '../../src/graph/formats/read-graph';
import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { type NodeId, NodeState, NodeType } from '../../src/graph/node';
import { graphStats } from '../../src/graph/stats';
import { Plan } from '../../src/scheduler/plan';
import { describeWithSharedData, graphOf, sharedData } from '../support/graphs';

const PREFIXES: Readonly<Record<string, NodeType>> = {
  run: NodeType.LocalRun,
  build: NodeType.LocalBuild,
  test: NodeType.Test,
  goal: NodeType.Goal,
};

/** A package graph: `build:zlib@a.src.rpm -> run:gcc` is the build node of zlib, made from a.src.rpm, needing gcc. */
function packagesOf(...edges: readonly string[]): Graph {
  const builder = new GraphBuilder();
  const nodes = new Map<string, NodeId>();
  const nodeNamed = (text: string): NodeId => {
    const known = nodes.get(text);
    if (known !== undefined) return known;
    const [, prefix = '', name = '', srpmPath] = /^(\w+):([^@]+)(?:@(.+))?$/.exec(text) ?? [];
    const type = PREFIXES[prefix] as NodeType;
    const isWork = type === NodeType.LocalBuild || type === NodeType.Test;
    const node = builder.addNode({ type, state: isWork ? NodeState.Build : NodeState.Meta, name, srpmPath });
    nodes.set(text, node);
    return node;
  };
  for (const edge of edges) {
    const [dependent = '', dependency = ''] = edge.split(' -> ');
    builder.addDependency(nodeNamed(dependent), nodeNamed(dependency));
  }
  return builder.build();
}

function chainOf(length: number): Graph {
  const builder = new GraphBuilder();
  builder.addPlainNodes(length, NodeType.LocalBuild, NodeState.Build);
  for (let node = 1; node < length; node++) builder.addDependency(node, node - 1);
  return builder.build();
}

describe('counts', () => {
  test('nodes are counted by type and by state, and a type that no node has is left out', () => {
    const stats = graphStats(graphOf('app -> lib; meta:all -> app test:app; test:app -> app'));

    expect(stats).toMatchObject({ nodes: 4, edges: 4 });
    expect(stats.types).toEqual({ LocalBuild: 2, PureMeta: 1, Test: 1 });
    expect(stats.states).toEqual({ Meta: 1, Build: 3 });
  });

  test('all build nodes of one SRPM are one build and all its tests one test', () => {
    const stats = graphStats(
      packagesOf(
        'run:a -> build:a@a.src.rpm',
        'run:a-devel -> build:a-devel@a.src.rpm',
        'test:a@a.src.rpm -> build:a@a.src.rpm',
        'test:a-devel@a.src.rpm -> build:a-devel@a.src.rpm',
        'build:b@b.src.rpm -> run:a',
      ),
    );

    expect(stats).toMatchObject({ builds: 2, tests: 1 });
  });

  test('each command is a build or a test of its own', () => {
    expect(graphStats(graphOf('a -> b; test:a -> a; test:b -> b'))).toMatchObject({ builds: 2, tests: 2 });
  });

  test('the node with most dependents and the one with most dependencies are found, goals left out', () => {
    const graph = packagesOf(
      'goal:ALL -> run:a',
      'goal:ALL -> run:b',
      'goal:ALL -> run:c',
      'goal:ALL -> run:d',
      'run:b -> run:a',
      'run:c -> run:a',
      'run:c -> run:b',
      'run:d -> run:b',
      'run:d -> run:c',
      'run:d -> run:a',
    );
    const { mostNeeded, mostNeeding } = graphStats(graph);

    expect([graph.field(mostNeeded?.node as NodeId, 'name'), mostNeeded?.degree]).toEqual(['a', 3]);
    expect([graph.field(mostNeeding?.node as NodeId, 'name'), mostNeeding?.degree]).toEqual(['d', 3]);
  });

  test('an empty graph has no depth, no path and no peaks', () => {
    expect(graphStats(new GraphBuilder().build())).toEqual({
      nodes: 0,
      edges: 0,
      types: {},
      states: {},
      builds: 0,
      tests: 0,
      depth: 0,
      widestLevel: { level: 0, nodes: 0 },
      criticalPath: [],
      parallelism: undefined,
      mostNeeded: undefined,
      mostNeeding: undefined,
      knots: 0,
    });
  });
});

describe('levels', () => {
  test('a node is one level above the highest that it needs', () => {
    const { depth, widestLevel } = graphStats(graphOf('top -> a b c low; a -> low; b -> low; c -> low'));

    expect(depth).toBe(3);
    expect(widestLevel).toEqual({ level: 1, nodes: 3 });
  });

  test('a goal is neither part of the depth nor of any level', () => {
    const { depth, widestLevel } = graphStats(
      packagesOf('goal:ALL -> run:c', 'run:c -> goal:one', 'goal:one -> run:b', 'run:b -> run:a'),
    );

    expect(depth).toBe(3);
    expect(widestLevel).toEqual({ level: 0, nodes: 1 });
  });
});

describe('the critical path', () => {
  test('names the builds of a longest chain, the first to be built first', () => {
    const stats = graphStats(graphOf('app -> lib other; lib -> core; core -> base'));

    expect(stats.criticalPath).toEqual(['base', 'core', 'lib', 'app']);
    expect(stats.parallelism).toBe(5 / 4);
  });

  test('counts builds alone: what only orders them costs nothing', () => {
    const stats = graphStats(graphOf('a -> meta:1; meta:1 -> meta:2; meta:2 -> meta:3; meta:3 -> b; c -> d; d -> e'));

    expect(stats.criticalPath).toEqual(['e', 'd', 'c']);
  });

  test('goes through what any package of an SRPM needs, and names the SRPM', () => {
    const { criticalPath } = graphStats(
      packagesOf(
        'build:a@srpms/a.src.rpm -> run:b',
        'run:b -> build:b@srpms/b.src.rpm',
        // The build of b waits for c, though not for the sake of the package that a needs.
        'build:b-devel@srpms/b.src.rpm -> build:c@srpms/c.src.rpm',
      ),
    );

    expect(criticalPath).toEqual(['c.src.rpm', 'b.src.rpm', 'a.src.rpm']);
  });

  test("a package's test neither counts nor follows the package's own build", () => {
    const { criticalPath } = graphStats(
      packagesOf(
        'build:late@late.src.rpm -> test:a@a.src.rpm',
        'test:a@a.src.rpm -> build:a@a.src.rpm',
        'test:a@a.src.rpm -> build:tool@tool.src.rpm',
        'build:a@a.src.rpm -> build:x@x.src.rpm',
        'build:x@x.src.rpm -> build:y@y.src.rpm',
        'build:y@y.src.rpm -> build:z@z.src.rpm',
        'build:last@last.src.rpm -> build:late@late.src.rpm',
        'build:end@end.src.rpm -> build:last@last.src.rpm',
        'build:finish@finish.src.rpm -> build:end@end.src.rpm',
      ),
    );

    // By way of the test's own build it would be z, y, x, a, late, last, end, finish.
    expect(criticalPath).toEqual(['tool', 'late', 'last', 'end', 'finish'].map((name) => `${name}.src.rpm`));
  });
});

describe('cycles', () => {
  test('a cyclic graph has knots, and neither depth nor critical path', () => {
    expect(graphStats(graphOf('a -> b; b -> a; c -> d; d -> c; e -> a; f'))).toMatchObject({
      knots: 2,
      builds: 6,
      depth: undefined,
      widestLevel: undefined,
      criticalPath: undefined,
      parallelism: undefined,
    });
  });

  test('SRPMs that need each other through different packages leave a depth, but no critical path', () => {
    const stats = graphStats(
      packagesOf('build:a1@a.src.rpm -> build:b1@b.src.rpm', 'build:b2@b.src.rpm -> build:a2@a.src.rpm'),
    );

    expect(stats).toMatchObject({ knots: 0, depth: 2, criticalPath: undefined, parallelism: undefined });
  });
});

describe('large graphs', () => {
  test('a chain of a million builds is measured', () => {
    const { depth, criticalPath, parallelism, widestLevel } = graphStats(chainOf(1_000_000));

    expect(depth).toBe(1_000_000);
    expect(criticalPath).toHaveLength(1_000_000);
    expect(parallelism).toBe(1);
    expect(widestLevel).toEqual({ level: 0, nodes: 1 });
  });

  test('a million nodes that one node needs are measured', () => {
    const builder = new GraphBuilder();
    builder.addPlainNodes(1_000_001, NodeType.LocalBuild, NodeState.Build);
    for (let node = 1; node <= 1_000_000; node++) builder.addDependency(0, node);

    expect(graphStats(builder.build())).toMatchObject({
      depth: 2,
      widestLevel: { level: 0, nodes: 1_000_000 },
      mostNeeding: { node: 0, degree: 1_000_000 },
      parallelism: 500_000.5,
    });
  });
});

/** Numbers from 0 up to a limit, the same for the same seed. */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function randomDag(seed: number): Graph {
  const random = randomNumbers(seed);
  const builder = new GraphBuilder();
  const size = 1 + random(14);
  for (let node = 0; node < size; node++) {
    const isBuild = random(3) > 0;
    const type = isBuild ? NodeType.LocalBuild : NodeType.PureMeta;
    builder.addNode({ type, state: NodeState.Build, key: `n${node}`, srpmPath: isBuild ? `${random(8)}.src.rpm` : '' });
  }
  for (let i = random(30); i > 0; i--) {
    const [a, b] = [random(size), random(size)];
    if (a !== b) builder.addDependency(Math.max(a, b), Math.min(a, b));
  }
  return builder.build();
}

function longestChain(graph: Graph, node: NodeId): number {
  return 1 + Math.max(0, ...[...graph.dependenciesOf(node)].map((dependency) => longestChain(graph, dependency)));
}

/** The critical path as the scheduler's plan has it; undefined where it refuses the graph. */
function plannedPath(graph: Graph): number | undefined {
  try {
    const plan = new Plan(graph);
    return Math.max(0, ...Array.from({ length: plan.jobs.count }, (_, job) => plan.criticalPathOf(job)));
  } catch {
    return undefined;
  }
}

test('on random graphs the depth is that of the longest chain, and the critical path that of the plan', () => {
  let refused = 0;
  for (let seed = 1; seed <= 500; seed++) {
    const graph = randomDag(seed);
    const stats = graphStats(graph);
    const nodes = Array.from({ length: graph.size }, (_, node) => node);
    const planned = plannedPath(graph);

    expect([seed, stats.depth]).toEqual([seed, Math.max(...nodes.map((node) => longestChain(graph, node)))]);
    expect([seed, stats.criticalPath?.length]).toEqual([seed, planned]);
    if (planned === undefined) refused++;
  }
  expect(refused).toBeGreaterThan(50);
  expect(refused).toBeLessThan(450);
});

describeWithSharedData('the graphs of Azure Linux', () => {
  test.each([
    ['azurelinux-3.0-core.dot', 715, 2903, 105, 60, 151, 23, 4.57],
    ['azurelinux-3.0-core-cached.dot', 715, 2903, 105, 60, 151, 23, 4.57],
    ['azurelinux-3.0-specs.dot.gz', 30167, 275370, 1538, 137, 1416, 42, 36.62],
    ['azurelinux-3.0.dot.gz', 48111, 409464, 3062, 137, 2267, 42, 72.9],
  ])(
    '%s has the shape that was published for it',
    (name, nodes, edges, builds, depth, width, critical, parallelism) => {
      const stats = graphStats(readGraph(sharedData(name)));

      expect(stats).toMatchObject({ nodes, edges, builds, depth, knots: 0, widestLevel: { nodes: width } });
      expect(stats.criticalPath).toHaveLength(critical);
      expect(stats.parallelism).toBeCloseTo(parallelism, 2);
    },
  );

  test('the full graph has the published degrees', () => {
    const { mostNeeded, mostNeeding } = graphStats(readGraph(sharedData('azurelinux-3.0.dot.gz')));

    expect([mostNeeded?.degree, mostNeeding?.degree]).toEqual([15000, 186]);
  });
});
