import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { type NodeId, NodeState, NodeType } from '../../src/graph/node';

/**
 * A graph of commands in one line: `graphOf('app -> lib util; lib -> core; test:app -> app')`.
 *
 * Nodes are numbered as they are first named, and their keys are their names. A name is a LocalBuild, with the prefix `test:`
 * a Test, with `meta:` a PureMeta, which runs nothing. Semicolons and line ends part statements; a name alone is a node alone.
 */
export function graphOf(notation: string): Graph {
  const builder = new GraphBuilder();
  const nodes = new Map<string, NodeId>();
  const nodeNamed = (key: string): NodeId => {
    const known = nodes.get(key);
    if (known !== undefined) return known;
    const node = key.startsWith('meta:')
      ? builder.addNode({ type: NodeType.PureMeta, state: NodeState.Meta, key })
      : builder.addNode({
          type: key.startsWith('test:') ? NodeType.Test : NodeType.LocalBuild,
          state: NodeState.Build,
          key,
          command: { command: ['make', key] },
        });
    nodes.set(key, node);
    return node;
  };
  for (const statement of notation.split(/[;\n]/)) {
    const [dependent, dependencies, ...rest] = statement.split('->').map((side) => side.trim().split(/\s+/));
    const [key = '', ...others] = dependent as string[];
    if (key === '' && !dependencies) continue;
    if (key === '' || others.length > 0 || rest.length > 0 || dependencies?.[0] === '') {
      throw new Error(`not in the notation of graphOf: '${statement.trim()}'`);
    }
    const node = nodeNamed(key);
    for (const dependency of dependencies ?? []) builder.addDependency(node, nodeNamed(dependency));
  }
  return builder.build();
}

/** The first node of a key or, where nodes have none, of a friendly name. */
export function nodeOf(graph: Graph, key: string): NodeId {
  for (let node = 0; node < graph.size; node++) {
    if (graph.field(node, 'key') === key || graph.friendlyName(node) === key) return node;
  }
  throw new Error(`no node '${key}' in the graph`);
}

/** Edges as the keys (or friendly names) of their ends, in the order of the nodes. */
export function edgesOf(graph: Graph): string[] {
  const name = (node: NodeId) => graph.field(node, 'key') || graph.friendlyName(node);
  return Array.from({ length: graph.size }, (_, node) =>
    [...graph.dependenciesOf(node)].map((dependency) => `${name(node)} -> ${name(dependency)}`),
  ).flat();
}

/** Numbers of the sample graph's nodes; C33 is C 3-3, C34 is C 3-4, the rest of D's names is its condition. */
export const SAMPLE = {
  ARun: 0,
  BRun: 1,
  C33Run: 2,
  C34Run: 3,
  ABuild: 4,
  BBuild: 5,
  C33Build: 6,
  C34Build: 7,
  DBelow1: 8,
  DUpTo2: 9,
  DIs3: 10,
  DFrom4: 11,
  DAbove5: 12,
  DBetween6And7: 13,
} as const;

/** The 14 nodes and 12 dependencies that the toolkit's own tests work on, and that its reference DOT file holds. */
export function toolkitSampleGraph(): Graph {
  const builder = new GraphBuilder();
  const local = [
    ['A', '1'],
    ['B', '2'],
    ['C', '3-3'],
    ['C', '3-4'],
  ] as const;
  const paths = (name: string, prefix = '') => ({
    name,
    srpmPath: `${prefix}${name}.src.rpm`,
    rpmPath: `${prefix}${name}.rpm`,
    specPath: `${prefix}${name}.spec`,
    sourceDir: `${prefix}${name}/src/`,
    architecture: 'test_arch',
    sourceRepo: 'test_repo',
  });
  for (const [name, version] of local) {
    builder.addNode({ type: NodeType.LocalRun, state: NodeState.Meta, ...paths(name), version });
  }
  for (const [name, version] of local) {
    builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Build, ...paths(name), version });
  }
  for (const wish of [
    { condition: '<', version: '1' },
    { sCondition: '<=', sVersion: '2' },
    { condition: '=', version: '3' },
    { condition: '>=', version: '4' },
    { condition: '>', version: '5' },
    { condition: '>', version: '6', sCondition: '<', sVersion: '7' },
  ]) {
    builder.addNode({ type: NodeType.RemoteRun, state: NodeState.Unresolved, ...paths('D', 'url://'), ...wish });
  }
  const s = SAMPLE;
  for (const [dependent, dependency] of [
    [s.ARun, s.ABuild],
    [s.ABuild, s.BRun],
    [s.ARun, s.DBelow1],
    [s.BRun, s.BBuild],
    [s.BBuild, s.C33Run],
    [s.BRun, s.DUpTo2],
    [s.C33Run, s.C33Build],
    [s.C33Run, s.DIs3],
    [s.C34Run, s.C34Build],
    [s.C34Run, s.DFrom4],
    [s.C34Run, s.DAbove5],
    [s.C34Run, s.DBetween6And7],
  ] as const) {
    builder.addDependency(dependent, dependency);
  }
  return builder.build();
}

/** Path of a file in the folder of large real graphs, which is not part of this repository. */
export function sharedData(name: string): string {
  return resolve(__dirname, '../../../shared/data', name);
}

/** A `describe` for tests that read {@link sharedData}; where that folder is missing, they are skipped, and it is said so. */
export function describeWithSharedData(title: string, tests: () => void): void {
  if (existsSync(sharedData('.'))) {
    describe(title, tests);
    return;
  }
  test.skip(`${title} (skipped: the shared data folder is not here)`, () => {});
}
