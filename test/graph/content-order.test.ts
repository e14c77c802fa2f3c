import { contentOrder } from '../../src/graph/cycles/content-order';
import { type Graph, GraphBuilder, type NodeRecord } from '../../src/graph/graph';
import { graphFromRecords } from '../../src/graph/grapher/grapher';
import { readPackageRecords } from '../../src/graph/grapher/read-records';
import { NodeState, NodeType } from '../../src/graph/node';
import { describeWithSharedData, graphOf, sharedData } from '../support/graphs';

const orderOf = (...records: Omit<NodeRecord, 'state'>[]) => {
  const builder = new GraphBuilder();
  for (const record of records) builder.addNode({ ...record, state: NodeState.Meta });
  return [...contentOrder(builder.build())];
};
const run = (name: string, version = '1') => ({ type: NodeType.LocalRun, name, version });

test('nodes come by name, whatever their numbers', () => {
  expect(orderOf(run('b'), run('a'), run('A'), run('a-b'))).toEqual([2, 1, 3, 0]);
});

test('of one name they come by version, as versions compare', () => {
  expect(orderOf(run('a', '1:1'), run('a', '3-10'), run('a', '3-9'))).toEqual([2, 1, 0]);
});

test('of one version the run node is before the build node, and that before the test', () => {
  const kinds = [NodeType.Test, NodeType.LocalBuild, NodeType.LocalRun];
  expect(orderOf(...kinds.map((type) => ({ type, name: 'a', version: '1' })))).toEqual([2, 1, 0]);
});

test('nodes of commands come by the ids that people gave', () => {
  const graph: Graph = graphOf('b; c; a');
  expect([...contentOrder(graph)]).toEqual([2, 0, 1]);
});

test('goals and meta nodes come last, by number, as nothing else tells them apart', () => {
  const goal = { type: NodeType.Goal, goalName: 'ALL' };
  expect(orderOf({ type: NodeType.PureMeta }, goal, { type: NodeType.PureMeta }, run('z'))).toEqual([3, 0, 1, 2]);
});

describeWithSharedData('the packages of Azure Linux', () => {
  test('are numbered by the toolkit in this order', () => {
    const { graph } = graphFromRecords(readPackageRecords(sharedData('specreader-SPECS.json.gz')));
    const isLocal = (node: number) => graph.type(node) !== NodeType.RemoteRun && graph.type(node) !== NodeType.Goal;
    const local = [...contentOrder(graph)].filter(isLocal);

    expect(local.every((node, i) => node === i)).toBe(true);
    expect(local).toHaveLength(29_537);
  });
});
