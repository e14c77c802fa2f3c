import { readFileSync } from 'node:fs';
import { cycleIn, findKnots, isAcyclic, shortestPath, toolkitCycleText } from '../../src/graph/cycles/cycles';
import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { type NodeId, NodeState, NodeType } from '../../src/graph/node';
import { packagesOf } from '../scheduler/package-graph';
import { describeWithSharedData, graphOf, nodeOf, sharedData } from '../support/graphs';

const keysOf = (graph: Graph, nodes: readonly NodeId[] | undefined) => nodes?.map((node) => graph.field(node, 'key'));

describe('findKnots', () => {
  test('a graph without cycles has no knots', () => {
    expect(findKnots(graphOf('a -> b c; b -> d; c -> d'))).toEqual([]);
  });

  test('a node that needs itself is a knot of one', () => {
    const graph = graphOf('a -> b; b -> b c');

    expect(findKnots(graph).map((knot) => keysOf(graph, knot))).toEqual([['b']]);
  });

  test('knots come largest first, each with its nodes ascending, and without the nodes that only lead to or from them', () => {
    const graph = graphOf('in -> x; x -> y; y -> x out; c -> a; a -> b; b -> c; out -> far');
    const knots = findKnots(graph);

    expect(knots.map((knot) => keysOf(graph, knot))).toEqual([
      ['c', 'a', 'b'],
      ['x', 'y'],
    ]);
    for (const knot of knots) expect(knot).toEqual([...knot].sort((a, b) => a - b));
  });

  test('two cycles that share a node are one knot', () => {
    expect(findKnots(graphOf('a -> b; b -> a c; c -> b'))).toHaveLength(1);
  });
});

test('with only some dependencies followed, what only the others tie together is no knot', () => {
  const graph = graphOf('a -> b; b -> a c; c -> d; d -> c; e -> e');
  const without = (...keys: string[]) => findKnots(graph, (node) => !keys.includes(graph.field(node, 'key')));

  expect(without('d').map((knot) => keysOf(graph, knot))).toEqual([['a', 'b'], ['e']]);
  expect(without('a', 'e').map((knot) => keysOf(graph, knot))).toEqual([['c', 'd']]);
});

test('a cycle in the toolkit words is told against the dependencies', () => {
  const { graph, at } = packagesOf('a => b; b => a');

  expect(toolkitCycleText(graph, [at('a'), at('b'), at('a')])).toBe(
    '{a-1-1-RUN<Meta>} --> {b-1-1-RUN<Meta>} --> {a-1-1-RUN<Meta>}',
  );
  expect(toolkitCycleText(graph, [at('a'), at('build:a')])).toBe('{a-1-1-BUILD<Build>} --> {a-1-1-RUN<Meta>}');
});

describe('cycleIn', () => {
  test('gives a shortest cycle through the first node of the knot, which comes again at its end', () => {
    const graph = graphOf('a -> b; b -> c; c -> d a; d -> a');

    expect(keysOf(graph, cycleIn(graph, findKnots(graph)[0] as NodeId[]))).toEqual(['a', 'b', 'c', 'a']);
  });

  test('a node that needs itself is a cycle of one step', () => {
    const graph = graphOf('a -> a b; b -> a');

    expect(keysOf(graph, cycleIn(graph, [nodeOf(graph, 'a')]))).toEqual(['a', 'a']);
  });

  test('nodes that are no knot are a bug of the caller', () => {
    const graph = graphOf('a -> b');

    expect(() => cycleIn(graph, [0, 1])).toThrow(/^Internal error: expected a cycle/);
  });
});

describe('shortestPath', () => {
  test('takes the fewest steps', () => {
    const graph = graphOf('a -> b c; b -> d; d -> e; c -> e');
    const path = shortestPath(graph, nodeOf(graph, 'a'), (node) => node === nodeOf(graph, 'e'));

    expect(keysOf(graph, path)).toEqual(['a', 'c', 'e']);
  });

  test('there is none to a node that is not needed', () => {
    const graph = graphOf('a -> b; c -> b');

    expect(shortestPath(graph, nodeOf(graph, 'a'), (node) => node === nodeOf(graph, 'c'))).toBeUndefined();
  });

  test('the node it starts from counts as wanted only where a cycle leads back to it', () => {
    const graph = graphOf('a -> b; c -> d; d -> c');
    const [a, c] = [nodeOf(graph, 'a'), nodeOf(graph, 'c')];

    expect(shortestPath(graph, a, (node) => node === a)).toBeUndefined();
    expect(
      keysOf(
        graph,
        shortestPath(graph, c, (node) => node === c),
      ),
    ).toEqual(['c', 'd', 'c']);
  });

  test('goes around nodes that are not allowed', () => {
    const graph = graphOf('a -> b; b -> z; a -> c; c -> d; d -> z');
    const isWanted = (node: NodeId) => node === nodeOf(graph, 'z');

    const path = shortestPath(graph, nodeOf(graph, 'a'), isWanted, (node) => node !== nodeOf(graph, 'b'));

    expect(keysOf(graph, path)).toEqual(['a', 'c', 'd', 'z']);
  });
});

describe('large graphs', () => {
  const ring = (length: number): Graph => {
    const builder = new GraphBuilder();
    builder.addPlainNodes(length, NodeType.LocalBuild, NodeState.Build);
    for (let node = 0; node < length; node++) builder.addDependency(node, (node + 1) % length);
    return builder.build();
  };

  test('a ring of 200,000 nodes is one knot and one cycle', () => {
    const graph = ring(200_000);
    const knots = findKnots(graph);

    expect(knots.map((knot) => knot.length)).toEqual([200_000]);
    const cycle = cycleIn(graph, knots[0] as NodeId[]);
    expect(cycle).toHaveLength(200_001);
    expect([cycle[0], cycle[1], cycle[199_999], cycle[200_000]]).toEqual([0, 1, 199_999, 0]);
  });
});

const SIZE = 9;

/** A graph with any edges, cycles and self-needs among them; the same for the same seed. */
function randomGraph(seed: number): Graph {
  let state = seed;
  const random = (limit: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const builder = new GraphBuilder();
  builder.addPlainNodes(SIZE, NodeType.LocalBuild, NodeState.Build);
  for (let i = random(2 * SIZE); i > 0; i--) builder.addDependency(random(SIZE), random(SIZE));
  return builder.build();
}

/** Steps, at least one, from each node to each other, by trying every node as a way-point. */
function distancesOf(graph: Graph): number[][] {
  const nodes = Array.from({ length: SIZE }, (_, node) => node);
  const steps = nodes.map((from) => nodes.map((to) => (graph.dependenciesOf(from).includes(to) ? 1 : Infinity)));
  const between = (from: NodeId, to: NodeId) => steps[from]?.[to] as number;
  for (const via of nodes) {
    for (const from of nodes) {
      const row = steps[from] as number[];
      for (const to of nodes) row[to] = Math.min(between(from, to), between(from, via) + between(via, to));
    }
  }
  return steps;
}

function naiveKnots(steps: readonly number[][]): NodeId[][] {
  const between = (from: NodeId, to: NodeId) => steps[from]?.[to] as number;
  const knots = new Map<string, NodeId[]>();
  for (let node = 0; node < SIZE; node++) {
    const knot = steps
      .map((_, other) => other)
      .filter((other) => between(node, other) + between(other, node) < Infinity);
    if (knot.length > 0) knots.set(knot.join(), knot);
  }
  return [...knots.values()].sort((a, b) => b.length - a.length || (a[0] as number) - (b[0] as number));
}

function expectPath(graph: Graph, path: readonly NodeId[] | undefined, from: NodeId, to: NodeId, steps: number): void {
  if (steps === Infinity) {
    expect(path).toBeUndefined();
    return;
  }
  expect([path?.[0], path?.at(-1), path?.length]).toEqual([from, to, steps + 1]);
  for (const [i, node] of (path ?? []).slice(1).entries()) {
    expect(graph.dependenciesOf(path?.[i] as NodeId)).toContain(node);
  }
}

describe('on random graphs', () => {
  const graphs = Array.from({ length: 300 }, (_, seed) => randomGraph(seed + 1));

  test('the knots are the sets of nodes that reach each other', () => {
    let found = 0;
    for (const graph of graphs) {
      const knots = findKnots(graph);
      found += knots.length;
      expect(knots).toEqual(naiveKnots(distancesOf(graph)));
      expect(isAcyclic(graph)).toBe(knots.length === 0);
    }
    expect(found).toBeGreaterThan(100);
  });

  test('each path is a chain of dependencies, and none is shorter', () => {
    for (const graph of graphs) {
      for (const [from, row] of distancesOf(graph).entries()) {
        for (const [to, steps] of row.entries()) {
          const path = shortestPath(graph, from, (node) => node === to);
          expectPath(graph, path, from, to, steps);
        }
      }
    }
  });

  test('the cycle of a knot is as short as its first node has one', () => {
    for (const graph of graphs) {
      const steps = distancesOf(graph);
      for (const knot of findKnots(graph)) {
        const start = knot[0] as NodeId;
        expectPath(graph, cycleIn(graph, knot), start, start, steps[start]?.[start] as number);
      }
    }
  });
});

describeWithSharedData('the core of Azure Linux before its cycles were resolved', () => {
  test('has one knot of 312 nodes', () => {
    const { nodes, edges } = JSON.parse(readFileSync(sharedData('azurelinux-3.0-core-raw.json'), 'utf8')) as {
      nodes: { type: keyof typeof NodeType; state: keyof typeof NodeState }[];
      edges: [number, number][];
    };
    const builder = new GraphBuilder();
    for (const { type, state } of nodes) builder.addNode({ type: NodeType[type], state: NodeState[state] });
    for (const [dependent, dependency] of edges) builder.addDependency(dependent, dependency);

    expect(findKnots(builder.build()).map((knot) => knot.length)).toEqual([312]);
  });
});
