import { unsolvedImplicitNodes } from '../../src/graph/goals';
import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { assumeProvided, unresolvedNodes } from '../../src/graph/grapher/assume-provided';
import { NODE_STATE_NAMES, NodeState, NodeType } from '../../src/graph/node';

/** A package that needs these names, which nobody provides. */
function packageNeeding(...names: readonly string[]): Graph {
  const builder = new GraphBuilder();
  const app = builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Build, name: 'app' });
  for (const name of names) {
    const implicit = /[(/]/.test(name);
    builder.addDependency(
      app,
      builder.addNode({
        type: NodeType.RemoteRun,
        state: NodeState.Unresolved,
        name,
        implicit,
        sourceRepo: '<NO_SOURCE_REPO>',
      }),
    );
  }
  return builder.build();
}

const states = (graph: Graph) =>
  [...graph.types.keys()].map((node) => [
    graph.field(node, 'name'),
    NODE_STATE_NAMES[graph.state(node)],
    graph.isImplicit(node),
  ]);

test('names that are regarded as there become Cached, and keep their texts and dependents', () => {
  const graph = packageNeeding('gcc', '/bin/sh', 'pkgconfig(x)', 'far');
  const provisions = { gcc: 'settled', '/bin/sh': 'settled', 'pkgconfig(x)': 'until-built', app: 'settled' } as const;
  const { graph: assumed, assumed: nodes } = assumeProvided(
    graph,
    ({ name }) => provisions[name as keyof typeof provisions],
  );
  expect(states(assumed)).toEqual([
    ['app', 'Build', false],
    ['gcc', 'Cached', false],
    ['/bin/sh', 'Cached', false],
    ['pkgconfig(x)', 'Cached', true],
    ['far', 'Unresolved', false],
  ]);
  expect(nodes).toEqual([1, 2, 3]);
  expect([...assumed.dependenciesOf(0)]).toEqual([1, 2, 3, 4]);
  expect(assumed.field(2, 'sourceRepo')).toBe('<NO_SOURCE_REPO>');
  expect(unresolvedNodes(assumed)).toEqual([4]);
});

test('only a name that some package may still turn out to provide is waited for', () => {
  const { graph } = assumeProvided(packageNeeding('/bin/sh', 'pkgconfig(x)'), ({ name }) =>
    name === '/bin/sh' ? 'settled' : 'until-built',
  );
  expect(unsolvedImplicitNodes(graph, 0, false)).toEqual([2]);
});

test('a graph of which nothing is regarded as there stays the same', () => {
  const graph = packageNeeding('gcc');
  expect(assumeProvided(graph, () => undefined)).toEqual({ graph, assumed: [] });
  expect(assumeProvided(graph, () => undefined).graph).toBe(graph);
});
