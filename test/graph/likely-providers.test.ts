import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { readGraph } from '../../src/graph/formats/read-graph';
import { GraphBuilder } from '../../src/graph/graph';
import { likelyProviders } from '../../src/graph/likely-providers';
import { NodeState, NodeType } from '../../src/graph/node';
import { describeWithSharedData, sharedData } from '../support/graphs';

function askedOf(wanted: string, packages: readonly string[]): string[] {
  const builder = new GraphBuilder();
  for (const text of packages) {
    const [name, version = ''] = text.split(' ');
    const srpmPath = `/srpms/${name}.src.rpm`;
    builder.addNode({ type: NodeType.LocalRun, state: NodeState.Meta, name, version, srpmPath });
  }
  const node = builder.addNode({ type: NodeType.RemoteRun, state: NodeState.Unresolved, name: wanted, implicit: true });
  return likelyProviders(builder.build())(node);
}

describe('a name that nobody provides could come from', () => {
  test.each([
    ['zlib', ['zlib 1.2'], ['zlib 1.2 (zlib.src.rpm)']],
    [
      'pkgconfig(zlib)',
      ['zlib 1', 'zlib-devel 1', 'other 1'],
      ['zlib-devel 1 (zlib-devel.src.rpm)', 'zlib 1 (zlib.src.rpm)'],
    ],
    ['pkgconfig(libfoo-2.0)', ['foo-devel'], ['foo-devel (foo-devel.src.rpm)']],
    ['cmake(Foo)', ['foo-devel 3'], ['foo-devel 3 (foo-devel.src.rpm)']],
    ['perl(A::B::C)', ['perl-A 1', 'perl-A-B 1'], ['perl-A-B 1 (perl-A-B.src.rpm)', 'perl-A 1 (perl-A.src.rpm)']],
    ['python3dist(requests)', ['python3-requests 2'], ['python3-requests 2 (python3-requests.src.rpm)']],
    ['/usr/bin/make', ['make 4'], ['make 4 (make.src.rpm)']],
    ['libz.so.1()(64bit)', ['libz-libs 1', 'z 1'], ['libz-libs 1 (libz-libs.src.rpm)', 'z 1 (z.src.rpm)']],
    ['pkgconfig(zlib)', ['bash 5'], []],
  ])('%s, with %j in the graph: %j', (wanted, packages, expected) => {
    expect(askedOf(wanted, packages)).toEqual(expected);
  });

  test('three packages at most', () => {
    expect(askedOf('zlib', ['zlib 1', 'zlib 2', 'zlib 3', 'zlib 4'])).toHaveLength(3);
  });
});

describeWithSharedData('the names of the whole distribution', () => {
  test('lead to the package that is known to provide them three times in four', () => {
    const graph = readGraph(sharedData('azurelinux-3.0.dot.gz'));
    const { hints } = JSON.parse(readFileSync(sharedData('implicit-hints.json'), 'utf8')) as {
      hints: Record<string, { rpm: string }>;
    };
    const providersOf = likelyProviders(graph);
    let [asked, right] = [0, 0];
    for (let node = 0; node < graph.size; node++) {
      const hint = graph.type(node) === NodeType.RemoteRun ? hints[graph.field(node, 'name')] : undefined;
      if (!hint) continue;
      asked++;
      if (providersOf(node).some((text) => basename(hint.rpm).startsWith(`${text.split(' ')[0]}-`))) right++;
    }
    expect(asked).toBeGreaterThan(800);
    expect(right / asked).toBeGreaterThan(0.75);
  });
});
