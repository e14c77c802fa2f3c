import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { type NodeId, NodeState, NodeType } from '../../src/graph/node';

export type Ending = 'done' | 'failed' | 'blocked';

/**
 * How each node of a graph must end, worked out the slow and plain way: by asking each node for what it needs. The nodes of one
 * SRPM and kind end together; a package's test needs its build to be ready, not to be done.
 */
export function expectedEndings(graph: Graph, fails: (node: NodeId) => boolean): Ending[] {
  const nodes = Array.from({ length: graph.size }, (_, node) => node);
  const sameJob = (a: NodeId, b: NodeId) =>
    a === b ||
    (graph.isWork(a) &&
      graph.types[a] === graph.types[b] &&
      graph.srpmPath(a) !== '' &&
      graph.srpmPath(a) === graph.srpmPath(b));
  const isTestOf = (test: NodeId, build: NodeId) =>
    graph.types[test] === NodeType.Test &&
    graph.types[build] === NodeType.LocalBuild &&
    graph.srpmPath(test) !== '' &&
    graph.srpmPath(test) === graph.srpmPath(build);
  const known = new Map<NodeId, Ending>();
  const ending = (node: NodeId): Ending => {
    const before = known.get(node);
    if (before) return before;
    const members = nodes.filter((other) => sameJob(node, other));
    const isMet = members.every((member) =>
      [...graph.dependenciesOf(member)].every((need) =>
        isTestOf(member, need) ? ending(need) !== 'blocked' : ending(need) === 'done',
      ),
    );
    const isBlocked = !isMet || graph.states[node] === NodeState.Unresolved;
    const ends = isBlocked ? 'blocked' : graph.isWork(node) && members.some(fails) ? 'failed' : 'done';
    for (const member of members) known.set(member, ends);
    return ends;
  };
  return nodes.map(ending);
}

/** Random numbers in [0, 1): the same seed gives the same ones. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A random graph of packages, some of more than one build node, some with tests, a few in need of what nobody provides. Nodes are
 * numbered in a random order.
 */
export function randomPackages(random: () => number, packages: number): Graph {
  const records: Parameters<GraphBuilder['addNode']>[0][] = [];
  const needs: [number, number][] = [];
  const runs: number[] = [];
  const add = (record: (typeof records)[number], ...dependencies: number[]) => {
    const index = records.push(record) - 1;
    for (const dependency of dependencies) needs.push([index, dependency]);
    return index;
  };
  const some = (most: number) =>
    runs.length === 0
      ? []
      : Array.from({ length: Math.floor(random() * (most + 1)) }, () => runs[Math.floor(random() * runs.length)]!);
  for (let i = 0; i < packages; i++) {
    const srpmPath = `p${i}.src.rpm`;
    const wants = some(3);
    if (random() < 0.03) wants.push(add({ type: NodeType.RemoteRun, state: NodeState.Unresolved, name: `lost${i}` }));
    const own: number[] = [];
    for (let part = 0; part < 1 + Math.floor(random() * 2.3); part++) {
      const name = `p${i}-${part}`;
      const build = add({ type: NodeType.LocalBuild, state: NodeState.Build, name, srpmPath }, ...wants, ...some(1));
      own.push(add({ type: NodeType.LocalRun, state: NodeState.Meta, name, srpmPath }, build, ...some(1)));
      if (i % 3 === 0) add({ type: NodeType.Test, state: NodeState.Build, name, srpmPath }, build, ...some(2));
    }
    runs.push(...own);
  }
  const numbers = records.map((_, index) => index);
  for (let i = numbers.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [numbers[i], numbers[j]] = [numbers[j]!, numbers[i]!];
  }
  const builder = new GraphBuilder();
  const byNumber: typeof records = [];
  for (const [index, record] of records.entries()) byNumber[numbers[index]!] = record;
  for (const record of byNumber) builder.addNode(record);
  for (const [dependent, dependency] of needs) builder.addDependency(numbers[dependent]!, numbers[dependency]!);
  return builder.build();
}
