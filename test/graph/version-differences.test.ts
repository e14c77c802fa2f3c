import { readGraph } from '../../src/graph/formats/read-graph';
import { GraphBuilder, type NodeRecord } from '../../src/graph/graph';
import { NodeState, NodeType } from '../../src/graph/node';
import { describeVersionDifferences, versionDifferences } from '../../src/graph/versions/version-differences';
import { describeWithSharedData, sharedData, toolkitSampleGraph } from '../support/graphs';

const { LocalRun, RemoteRun } = NodeType;
const graphOf = (...records: (Partial<NodeRecord> & { type?: NodeType })[]) => {
  const builder = new GraphBuilder();
  for (const record of records) builder.addNode({ type: LocalRun, state: NodeState.Meta, name: 'p', ...record });
  return builder.build();
};
const choices = (...records: Parameters<typeof graphOf>) =>
  versionDifferences(graphOf(...records)).map(({ wanted, toolkit, rpm }) => [
    `${wanted.name}${wanted.condition}${wanted.version}`,
    toolkit,
    rpm,
  ]);

test.each([
  ['a release candidate beside the release', '1.0', '1.0~rc1', 0],
  ['a snapshot beside the next release', '1.0.1', '1.0^git1', 0],
  ['letters beside digits', '1.9', '1.a', 0],
])('of %s rpm takes the higher one', (_, higher, lower, rpm) => {
  expect(choices({ version: higher }, { version: lower })).toEqual([['p', 1, rpm]]);
});

test('where both agree nothing is told', () => {
  expect(choices({ version: '1.0' }, { version: '1.1' }, { version: '2:0' })).toEqual([]);
  expect(versionDifferences(toolkitSampleGraph())).toEqual([]);
});

test('a wish that only one of the orders meets by a local package is told, once', () => {
  const remote = { type: RemoteRun, condition: '>=', version: '1.0' };
  expect(choices({ version: '1.0~rc1' }, remote, remote)).toEqual([
    ['p', 0, 1],
    ['p>=1.0', 0, 1],
  ]);
  const exact = { type: RemoteRun, condition: '<', version: '1.0' };
  expect(choices({ version: '1.0~rc1' }, exact, exact)).toEqual([['p<1.0', 1, 0]]);
});

test('what is told is bounded', () => {
  const graph = graphOf(
    ...Array.from({ length: 12 }, (_, i) => [
      { name: `p${i}`, version: '1' },
      { name: `p${i}`, version: '1~rc' },
    ]).flat(),
  );
  const lines = describeVersionDifferences(graph, versionDifferences(graph));
  expect(lines).toHaveLength(12);
  expect(lines[0]).toBe(
    "rpm's order of versions chooses another package than the toolkit's for 12 of the look-ups in this graph:",
  );
  expect(lines[1]).toBe("\tp0: 'p0 = 1' by rpm's order, 'p0 = 1~rc' by the toolkit's");
  expect(lines.at(-1)).toBe('\t...and 2 more');
  expect(describeVersionDifferences(graph, [])).toEqual([]);
});

describeWithSharedData('the real graphs', () => {
  // There, a spec's macro was not expanded, and the toolkit takes its letters for a high version.
  test.each<[string, number, string[], string[]]>([
    ['azurelinux-3.0-core.dot', 0, [], []],
    ['azurelinux-3.0-specs.dot.gz', 4, ['pkgconfig(gio-2.0)'], ['%{glib2_version}']],
    ['azurelinux-3.0.dot.gz', 10, ['hdf5(x86-64)', 'pkgconfig(gio-2.0)'], ['%{_hdf5_version}', '%{glib2_version}']],
  ])('%s: %d look-ups', (name, count, wanted, chosen) => {
    const graph = readGraph(sharedData(name));
    const differences = versionDifferences(graph);
    const sorted = (texts: string[]) => [...new Set(texts)].sort();
    expect(differences).toHaveLength(count);
    expect(sorted(differences.map((difference) => difference.wanted.name))).toEqual(wanted);
    expect(sorted(differences.map(({ toolkit }) => graph.field(toolkit as number, 'version')))).toEqual(chosen);
  });
});
