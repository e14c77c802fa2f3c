import { fixDeltaPaths } from '../../src/graph/delta-paths';
import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { NodeState, NodeType } from '../../src/graph/node';

const { LocalBuild, LocalRun, RemoteRun } = NodeType;

function graphWith(
  ...runs: { name: string; rpmPath: string; state?: NodeState; type?: NodeType; implicit?: boolean }[]
) {
  const builder = new GraphBuilder({ name: 'g' });
  for (const { state = NodeState.Meta, type = LocalRun, ...record } of runs) {
    const srpmPath = '/srpms/lib.src.rpm';
    builder.addNode({ type, state, version: '1', srpmPath, ...record });
  }
  return builder.build();
}

const delta = { name: 'lib', rpmPath: '/cache/lib-1.rpm', state: NodeState.Delta };
const paths = (graph: Graph) => Array.from({ length: graph.size }, (_, node) => graph.rpmPath(node));

function fixed(graph: Graph, ...built: string[]): Graph {
  const result = fixDeltaPaths(graph, built);
  if (!result.ok) throw new Error(result.message);
  return result.graph;
}

test('an installed delta package gets the path of the RPM that was built, and stays what it is', () => {
  const graph = graphWith(delta, { name: 'lib-devel', rpmPath: '/cache/lib-devel-1.rpm', state: NodeState.Delta });
  const after = fixed(graph, '/rpms/x86_64/lib-1.rpm');
  expect(paths(after)).toEqual(['/rpms/x86_64/lib-1.rpm', '/cache/lib-devel-1.rpm']);
  expect(after.record(0)).toEqual({ ...graph.record(0), rpmPath: '/rpms/x86_64/lib-1.rpm' });
  expect(after.info).toEqual(graph.info);
  expect(paths(graph)).toEqual(['/cache/lib-1.rpm', '/cache/lib-devel-1.rpm']);
});

test('every name that the RPM provides gets the new path', () => {
  const graph = graphWith(delta, { ...delta, name: 'lib(x86-64)' });
  expect(paths(fixed(graph, '/rpms/lib-1.rpm'))).toEqual(['/rpms/lib-1.rpm', '/rpms/lib-1.rpm']);
});

test('build nodes keep the path that they were found by', () => {
  const graph = graphWith(delta, { ...delta, type: LocalBuild });
  expect(paths(fixed(graph, '/rpms/lib-1.rpm'))).toEqual(['/rpms/lib-1.rpm', '/cache/lib-1.rpm']);
});

test('where nothing changes the graph is the same', () => {
  const graph = graphWith(delta, { name: 'other', rpmPath: '/rpms/other-1.rpm' });
  for (const built of [[], ['/cache/lib-1.rpm'], ['/rpms/other-1.rpm'], ['/rpms/stranger-1.rpm']]) {
    expect(fixed(graph, ...built)).toBe(graph);
  }
});

test('another package that has the RPM under another path is an error that names both paths', () => {
  const graph = graphWith({ name: 'lib', rpmPath: '/old/lib-1.rpm' });
  expect(fixDeltaPaths(graph, ['/rpms/lib-1.rpm'])).toEqual({
    ok: false,
    message:
      "non-delta run node 'lib-1-RUN<Meta>' has unexpected path '/old/lib-1.rpm' (expected non-delta path of '/rpms/lib-1.rpm')",
  });
});

test('names that only a build reveals keep their path in the cache', () => {
  const cached = { name: 'pkgconfig(lib)', rpmPath: '/cache/lib-1.rpm', implicit: true, state: NodeState.Cached };
  const graph = graphWith({ ...cached, type: RemoteRun });
  expect(fixed(graph, '/rpms/lib-1.rpm')).toBe(graph);
});

test('a remote package that a local one stands in for is left alone', () => {
  const remote = { name: 'lib', rpmPath: '/cache/lib-1.rpm', type: RemoteRun, state: NodeState.Cached };
  const graph = graphWith(remote, { ...delta });
  expect(paths(fixed(graph, '/rpms/lib-1.rpm'))).toEqual(['/cache/lib-1.rpm', '/rpms/lib-1.rpm']);
});
