import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readGraph, writeGraph } from '../../src/graph/formats/read-graph';
import { type Graph, GraphBuilder, type NodeRecord } from '../../src/graph/graph';
import { NodeState, NodeType } from '../../src/graph/node';
import { errorOf, graphCommand } from '../support/graph-command';
import { describeWithSharedData, sharedData, toolkitSampleGraph } from '../support/graphs';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'spanwright-graph-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function fileOf(graph: Graph, name = 'graph.dot'): string {
  const file = join(folder, name);
  writeGraph(graph, file, 'toolkit-dot');
  return file;
}

function jsonFile(content: unknown): string {
  const file = join(folder, 'graph.json');
  writeFileSync(file, JSON.stringify(content));
  return file;
}

const commands = (nodes: Readonly<Record<string, readonly string[]>>) =>
  jsonFile({
    nodes: Object.entries(nodes).map(([id, dependencies]) => ({ id, dependencies, command: ['make', id] })),
  });

const local = (type: NodeType, name: string, srpm: string): NodeRecord => ({
  type,
  state: type === NodeType.LocalRun ? NodeState.Meta : NodeState.Build,
  name,
  version: '1.0-1',
  srpmPath: `/srpms/${srpm}-1.0-1.src.rpm`,
  rpmPath: `/rpms/${name}-1.0-1.rpm`,
  specPath: `/specs/${srpm}/${srpm}.spec`,
});

/*
 *   ALL ─► app run ─► app build ─► zlib-devel run ─► zlib-devel build
 *    │                  ▲   │            │
 *    │                  │   └► gcc       ▼
 *    └───────────► app test ────────► zlib run ─► zlib build
 */
function packages(): Graph {
  const builder = new GraphBuilder();
  const add = (record: NodeRecord) => builder.addNode(record);
  const appRun = add(local(NodeType.LocalRun, 'app', 'app'));
  const appBuild = add(local(NodeType.LocalBuild, 'app', 'app'));
  const appTest = add(local(NodeType.Test, 'app', 'app'));
  const zlibRun = add(local(NodeType.LocalRun, 'zlib', 'zlib'));
  const zlibBuild = add(local(NodeType.LocalBuild, 'zlib', 'zlib'));
  const develRun = add(local(NodeType.LocalRun, 'zlib-devel', 'zlib'));
  const develBuild = add(local(NodeType.LocalBuild, 'zlib-devel', 'zlib'));
  const gcc = add({ type: NodeType.RemoteRun, state: NodeState.Cached, name: 'gcc' });
  const all = add({ type: NodeType.Goal, state: NodeState.Meta, goalName: 'ALL' });
  for (const [dependent, dependency] of [
    [all, appRun],
    [all, appTest],
    [appRun, appBuild],
    [appTest, appBuild],
    [appTest, zlibRun],
    [appBuild, develRun],
    [appBuild, gcc],
    [develRun, develBuild],
    [develRun, zlibRun],
    [zlibRun, zlibBuild],
  ] as const) {
    builder.addDependency(dependent, dependency);
  }
  return builder.build();
}

/** app's build needs its own package, by way of lib's; two run nodes need each other beside them. */
function cyclicPackages(): Graph {
  const builder = new GraphBuilder();
  for (const name of ['app', 'lib']) {
    builder.addNode(local(NodeType.LocalRun, name, name));
    builder.addNode(local(NodeType.LocalBuild, name, name));
  }
  for (const name of ['x', 'y']) builder.addNode(local(NodeType.LocalRun, name, 'xy'));
  for (const [dependent, dependency] of [
    [0, 1],
    [1, 2],
    [2, 3],
    [3, 0],
    [4, 5],
    [5, 4],
  ] as const) {
    builder.addDependency(dependent, dependency);
  }
  return builder.build();
}

/** No node needs itself, but each of two SRPMs has a package that needs one of the other's. */
function entangledSrpms(): Graph {
  const builder = new GraphBuilder();
  for (const [name, srpm] of [
    ['a1', 'a'],
    ['a2', 'a'],
    ['b1', 'b'],
    ['b2', 'b'],
  ] as const) {
    builder.addNode(local(NodeType.LocalBuild, name, srpm));
  }
  builder.addDependency(0, 2);
  builder.addDependency(3, 1);
  return builder.build();
}

describe('graph stats', () => {
  test('prints a table whose numbers stand in one column', async () => {
    const file = fileOf(packages());
    const { code, stdout } = await graphCommand('stats', file);

    expect(code).toBe(0);
    expect(stdout).toBe(`${file}

nodes            9
edges           10
builds           2  one for each SRPM or command
tests            1  one for each SRPM or command
depth            5  nodes on a longest chain, goals left out
widest level     3  nodes, on level 0
critical path    2  builds in a row, each counted as 1
parallelism    1.0  builds / critical path
most needed      2  dependents of app-1.0-1-BUILD<Build> (node 1)
most needing     2  dependencies of app-1.0-1-BUILD<Build> (node 1)
knots            0

type        nodes
LocalBuild      3
LocalRun        3
Goal            1
RemoteRun       1
Test            1

state   nodes
Meta        4
Build       4
Cached      1

critical path
  zlib-1.0-1.src.rpm
  app-1.0-1.src.rpm
`);
  });

  test('with --json it prints the same for programs', async () => {
    const file = fileOf(packages());
    const { code, stdout } = await graphCommand('stats', file, '--json');

    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      file,
      nodes: 9,
      edges: 10,
      types: { LocalBuild: 3, LocalRun: 3, Goal: 1, RemoteRun: 1, Test: 1 },
      states: { Meta: 4, Build: 4, Cached: 1 },
      builds: 2,
      tests: 1,
      depth: 5,
      widestLevel: { level: 0, nodes: 3 },
      criticalPath: { length: 2, builds: ['zlib-1.0-1.src.rpm', 'app-1.0-1.src.rpm'] },
      parallelism: 1,
      mostNeeded: { node: 1, degree: 2, label: 'app-1.0-1-BUILD<Build>' },
      mostNeeding: { node: 1, degree: 2, label: 'app-1.0-1-BUILD<Build>' },
      knots: 0,
    });
  });

  test('of a cyclic graph it says what is undefined and why', async () => {
    const file = fileOf(cyclicPackages());
    const text = (await graphCommand('stats', file)).stdout;
    const json = JSON.parse((await graphCommand('stats', file, '--json')).stdout);

    expect(text).toMatch(/^depth +- {2}undefined: the graph has cycles$/m);
    expect(text).toMatch(/^knots +2 {2}see spanwright graph cycles$/m);
    expect(json).toMatchObject({ depth: null, widestLevel: null, criticalPath: null, parallelism: null, knots: 2 });
  });

  test('where SRPMs wait for each other, though no nodes do, it points to the command that shows it', async () => {
    const { stdout } = await graphCommand('stats', fileOf(entangledSrpms()));

    expect(stdout).toMatch(/^critical path +- {2}undefined: its builds wait for each other$/m);
    expect(stdout).toMatch(/^knots +0 {2}see spanwright graph cycles$/m);
  });

  test('of a long critical path the two ends are shown', async () => {
    const nodes = Array.from({ length: 100 }, (_, i) => [`n${i}`, i === 0 ? [] : [`n${i - 1}`]] as const);
    const { stdout } = await graphCommand('stats', commands(Object.fromEntries(nodes)));

    expect(stdout).toContain('critical path\n  n0\n  n1\n');
    expect(stdout).toContain('  n29\n  … 40 more …\n  n70\n');
    expect(stdout.endsWith('  n99\n')).toBe(true);
  });

  test('a file that is no graph is refused in one line', async () => {
    const file = join(folder, 'x.dot');
    writeFileSync(file, 'hello');

    expect(await errorOf(graphCommand('stats', file))).toMatch(/^\S+x\.dot:1: expected a toolkit graph[^\n]*$/);
  });
});

describe('graph cycles', () => {
  test('a graph without cycles is good', async () => {
    expect(await graphCommand('cycles', fileOf(packages()))).toEqual({ code: 0, stdout: 'no cycles\n', stderr: '' });
  });

  test('each knot is shown with its kinds of nodes and a cycle, and the exit code is 1', async () => {
    const { code, stdout } = await graphCommand('cycles', fileOf(cyclicPackages()));

    expect(code).toBe(1);
    expect(stdout).toBe(`2 knots

knot 1: 4 nodes (LocalRun 2, LocalBuild 2), a build cycle of 2 builds
  app-1.0-1-BUILD<Build> -> lib-1.0-1-RUN<Meta> -> lib-1.0-1-BUILD<Build> -> app-1.0-1-RUN<Meta> -> app-1.0-1-BUILD<Build>

knot 2: 2 nodes (LocalRun 2), only run nodes
  x-1.0-1-RUN<Meta> -> y-1.0-1-RUN<Meta> -> x-1.0-1-RUN<Meta>

A build is refused: unfixable circular dependency in dependency graph ({app-1.0-1-BUILD<Build>} --> {app-1.0-1-RUN<Meta>} --> {lib-1.0-1-BUILD<Build>} --> {lib-1.0-1-RUN<Meta>} --> {app-1.0-1-BUILD<Build>})
What is on disk breaks none of the cycles of a knot:
knot 1: 4 nodes of app-1.0-1.src.rpm, lib-1.0-1.src.rpm
  app (build) needs lib, lib (build) needs app
  it would be broken by 1 more RPM file on disk (the fewest that would do):
    app-1.0-1.src.rpm needs lib of lib-1.0-1.src.rpm; missing: lib-1.0-1.rpm
`);
  });

  test('with --json it prints the same for programs', async () => {
    const good = await graphCommand('cycles', fileOf(packages()), '--json');
    const bad = await graphCommand('cycles', fileOf(cyclicPackages()), '--json');

    expect([good.code, JSON.parse(good.stdout).knots]).toEqual([0, []]);
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.stdout).knots[1]).toEqual({
      size: 2,
      types: { LocalRun: 2 },
      builds: 0,
      cycle: [
        { node: 4, label: 'x-1.0-1-RUN<Meta>' },
        { node: 5, label: 'y-1.0-1-RUN<Meta>' },
        { node: 4, label: 'x-1.0-1-RUN<Meta>' },
      ],
      nodes: [4, 5],
    });
  });

  test('commands are called by their ids', async () => {
    const { stdout } = await graphCommand('cycles', commands({ a: ['b'], b: ['c'], c: ['a'] }));

    expect(stdout).toContain('a build cycle of 3 builds\n  a -> b -> c -> a\n');
  });

  test('SRPMs that need each other through different packages are a cycle, though their nodes are none', async () => {
    const { code, stdout } = await graphCommand('cycles', fileOf(entangledSrpms()));

    expect(code).toBe(1);
    expect(stdout).toContain('a-1.0-1.src.rpm -> b-1.0-1.src.rpm -> a-1.0-1.src.rpm');
  });

  test('of a long cycle the two ends are shown, and with --json all of it', async () => {
    const builder = new GraphBuilder();
    for (let i = 0; i < 1000; i++) {
      builder.addNode(local(NodeType.LocalRun, `n${i}`, 'n'));
      builder.addDependency(i, (i + 1) % 1000);
    }
    const file = fileOf(builder.build());

    expect((await graphCommand('cycles', file)).stdout).toContain('n29-1.0-1-RUN<Meta> -> … 941 more … -> n971-1.0-1');
    expect(JSON.parse((await graphCommand('cycles', file, '--json')).stdout).knots[0].cycle).toHaveLength(1001);
  });
});

describe('graph path', () => {
  test('a shortest chain is printed, one node a line, with the kind of each step', async () => {
    expect(await graphCommand('path', fileOf(packages()), 'ALL', 'zlib-1.0-1-BUILD<Build>')).toEqual({
      code: 0,
      stdout: `from           ALL
goal           app-1.0-1-TEST<Build>
test           zlib-1.0-1-RUN<Meta>
built by       zlib-1.0-1-BUILD<Build>
`,
      stderr: '',
    });
  });

  test('run nodes require and build nodes build-require', async () => {
    const { stdout } = await graphCommand('path', fileOf(packages()), 'app-1.0-1-RUN<Meta>', 'zlib');

    expect(stdout.match(/^\S.{13}/gm)?.map((kind) => kind.trim())).toEqual([
      'from',
      'built by',
      'BuildRequires',
      'Requires',
    ]);
  });

  test.each([
    ['its number', '7'],
    ['its friendly name', 'gcc--REMOTE<Cached>'],
    ['its package', 'gcc'],
  ])('a node is found by %s', async (_, name) => {
    const { stdout } = await graphCommand('path', fileOf(packages()), '1', name);

    expect(stdout).toBe('from           app-1.0-1-BUILD<Build>\nBuildRequires  gcc--REMOTE<Cached>\n');
  });

  test.each(['zlib-1.0-1.src.rpm', 'zlib.spec'])('%s means every node of it, and the nearest counts', async (name) => {
    const { stdout } = await graphCommand('path', fileOf(packages()), 'app-1.0-1-BUILD<Build>', name);

    expect(stdout).toBe('from           app-1.0-1-BUILD<Build>\nBuildRequires  zlib-devel-1.0-1-RUN<Meta>\n');
  });

  test('a chain may start at any node that the first name means', async () => {
    const { stdout } = await graphCommand('path', fileOf(packages()), 'app', 'gcc');

    expect(stdout).toMatch(/^from +app-1\.0-1-BUILD<Build>\nBuildRequires +gcc/);
  });

  test("a command's id comes before a node's number", async () => {
    const { stdout } = await graphCommand('path', commands({ a: ['0'], b: [], '0': ['b'] }), 'a', '0');

    expect(stdout).toBe('from           a\nneeds          0\n');
  });

  test('what a graph file gives an id is called by it, whatever else it says of the node', async () => {
    const file = jsonFile({
      nodes: [
        { id: 'all', dependencies: ['app'] },
        { id: 'app', name: 'application', version: '2', command: ['make'], dependencies: ['lib'] },
        { id: 'lib', command: ['make', 'lib'] },
      ],
    });
    const { stdout } = await graphCommand('path', file, 'all', 'lib');

    expect(stdout).toBe('from           all\nneeds          app\nneeds          lib\n');
  });

  test('where there is no chain it says so, and whether there is one the other way round', async () => {
    const file = fileOf(packages());

    expect(await graphCommand('path', file, 'gcc', 'zlib')).toEqual({
      code: 1,
      stdout: 'gcc does not need zlib\n',
      stderr: '',
    });
    expect((await graphCommand('path', file, 'zlib', 'app')).stdout).toBe(
      'zlib does not need app, but app needs zlib\n',
    );
  });

  test('a node does not need itself, unless by a cycle', async () => {
    expect((await graphCommand('path', fileOf(packages()), 'gcc', 'gcc')).code).toBe(1);
    expect((await graphCommand('path', fileOf(cyclicPackages()), 'x', 'x')).code).toBe(0);
  });

  test('an unknown name is answered with up to three that are like it, the most alike first', async () => {
    const file = fileOf(packages());

    expect(await errorOf(graphCommand('path', file, 'zlob', 'app'))).toBe(
      `${file}: no node, package, SRPM or spec is called 'zlob'; similar: zlib, zlib.spec, zlib-devel`,
    );
    expect(await errorOf(graphCommand('path', file, 'app', 'systemd'))).toBe(
      `${file}: no node, package, SRPM or spec is called 'systemd'`,
    );
    expect(await errorOf(graphCommand('path', file, 'app', ''))).toMatch(/is called ''$/);
  });

  test('a name too long for a slip of the hand is not likened to others', async () => {
    const file = commands({ ['n'.repeat(300)]: [] });

    expect(await errorOf(graphCommand('path', file, 'n'.repeat(299), '0'))).toMatch(/n'$/);
  });

  test('a name that would break the line is printed without its line ends', async () => {
    const { stdout } = await graphCommand('path', commands({ 'a\n\u001b[2J': ['b'], b: [] }), '0', 'b');

    expect(stdout).toBe('from           a??[2J\nneeds          b\n');
  });
});

describe('graph why', () => {
  test('dependents are grouped by kind, counted, and a chain from a goal leads to the node', async () => {
    expect(await graphCommand('why', fileOf(packages()), 'zlib')).toEqual({
      code: 0,
      stdout: `zlib-1.0-1-RUN<Meta> (node 3)
zlib-1.0-1-BUILD<Build> (node 4)

needed, directly or not, by 1 build and 1 test

test: 1 test
  app-1.0-1.src.rpm

Requires: 1 node
  zlib-devel-1.0-1-RUN<Meta>

a shortest chain from a goal:
from           ALL
goal           app-1.0-1-TEST<Build>
test           zlib-1.0-1-RUN<Meta>
`,
      stderr: '',
    });
  });

  test('the nodes of one SRPM are one entry', async () => {
    const builder = new GraphBuilder();
    const tool = builder.addNode(local(NodeType.LocalRun, 'tool', 'tool'));
    for (const name of ['p', 'q', 'r']) {
      builder.addDependency(builder.addNode(local(NodeType.LocalBuild, name, 'many')), tool);
    }
    const { stdout } = await graphCommand('why', fileOf(builder.build()), 'tool');

    expect(stdout).toContain('BuildRequires: 1 build (3 nodes)\n  many-1.0-1.src.rpm\n\n');
  });

  test('a build that waits for what another node of its SRPM needs is counted', async () => {
    const builder = new GraphBuilder();
    const low = builder.addNode(local(NodeType.LocalBuild, 'low', 'low'));
    const lib = builder.addNode(local(NodeType.LocalBuild, 'lib', 'lib'));
    const devel = builder.addNode(local(NodeType.LocalBuild, 'lib-devel', 'lib'));
    const app = builder.addNode(local(NodeType.LocalBuild, 'app', 'app'));
    builder.addDependency(lib, low);
    builder.addDependency(app, devel);
    const { stdout } = await graphCommand('why', fileOf(builder.build()), 'low');

    expect(stdout).toContain('needed, directly or not, by 2 builds and 0 tests');
  });

  test('--most bounds each list and says how many more there are', async () => {
    const users = Array.from({ length: 30 }, (_, i) => [`user${i}`, ['lib']] as const);
    const file = commands({ lib: [], ...Object.fromEntries(users) });
    const byDefault = await graphCommand('why', file, 'lib');
    const two = await graphCommand('why', file, 'lib', '--most', '2');
    const none = await graphCommand('why', file, 'lib', '--most=0');

    expect(byDefault.stdout).toContain('needs: 30 nodes\n  user0\n');
    expect(byDefault.stdout).toContain('  user19\n  and 10 more\n');
    expect(two.stdout).toContain('needs: 30 nodes\n  user0\n  user1\n  and 28 more\n\n');
    expect(none.stdout).toContain('needs: 30 nodes\n  and 30 more\n\n');
    expect(await errorOf(graphCommand('why', file, 'lib', '--most=-1'))).toBe(
      "flag '--most': expected a number from 0 on, got -1",
    );
  });

  test('without a goal the chain comes from a node that nothing needs', async () => {
    const { stdout } = await graphCommand('why', commands({ app: ['lib'], lib: ['core'], core: [] }), 'core');

    expect(stdout).toContain(
      'a shortest chain from a node that nothing needs:\nfrom           app\nneeds          lib\nneeds          core\n',
    );
  });

  test("a package's own nodes do not count among those that need it", async () => {
    const { stdout } = await graphCommand('why', fileOf(packages()), 'app');

    expect(stdout).toContain('\n\nneeded, directly or not, by 0 builds and 0 tests\n\ngoal: 1 node\n  ALL\n');
  });

  test('a dependent that needs several of the nodes is counted once', async () => {
    const builder = new GraphBuilder();
    const [lib, devel, app] = ['lib', 'lib-devel', 'app'].map((name) =>
      builder.addNode(local(NodeType.LocalRun, name, name === 'app' ? 'app' : 'lib')),
    ) as [number, number, number];
    builder.addDependency(app, lib);
    builder.addDependency(app, devel);
    const { stdout } = await graphCommand('why', fileOf(builder.build()), 'lib.spec');

    expect(stdout).toContain('Requires: 1 node\n  app-1.0-1-RUN<Meta>\n');
  });

  test('a package whose test is all that needs it has no chain to it', async () => {
    const builder = new GraphBuilder();
    const build = builder.addNode(local(NodeType.LocalBuild, 'app', 'app'));
    builder.addDependency(builder.addNode(local(NodeType.Test, 'app', 'app')), build);
    const { stdout } = await graphCommand('why', fileOf(builder.build()), 'app');

    expect(stdout.endsWith('\n\nnothing else needs it\n')).toBe(true);
  });

  test('a node that nothing needs is said to be so', async () => {
    const { code, stdout } = await graphCommand('why', commands({ app: ['lib'], lib: [] }), 'app');

    expect([code, stdout]).toEqual([0, 'app (node 0)\n\nnothing else needs it\n']);
  });
});

describe('graph convert', () => {
  test("the toolkit's DOT goes to JSON and back unchanged, and the ids are the node numbers", async () => {
    const file = fileOf(toolkitSampleGraph());
    const [json, back] = [join(folder, 'out.json'), join(folder, 'back.dot')];
    const { code, stdout, stderr } = await graphCommand('convert', file, '--to', 'json', '--output', json);
    await graphCommand('convert', json, '--to', 'toolkit-dot', '--output', back);

    expect([code, stdout, stderr]).toEqual([0, '', `${json}: 14 nodes, 12 edges\n`]);
    const { nodes } = JSON.parse(readFileSync(json, 'utf8')) as { nodes: { id: number }[] };
    expect(nodes.map(({ id }) => id)).toEqual(Array.from({ length: 14 }, (_, id) => id));
    expect(readFileSync(back)).toEqual(readFileSync(file));
  });

  test('a graph that was converted to JSON is spoken of as before', async () => {
    const json = join(folder, 'out.json');
    const file = fileOf(packages());
    await graphCommand('convert', file, '--to', 'json', '--output', json);

    for (const [command, ...names] of [
      ['path', 'ALL', 'zlib'],
      ['why', 'zlib'],
    ] as const) {
      const [before, after] = [
        await graphCommand(command, file, ...names),
        await graphCommand(command, json, ...names),
      ];
      expect(after).toEqual(before);
    }
    const stats = await graphCommand('stats', json);
    expect(stats.stdout).toContain('critical path\n  zlib-1.0-1.src.rpm\n');
  });

  test('- writes to stdout and says nothing else', async () => {
    const file = fileOf(packages());
    const { stdout, stderr } = await graphCommand('convert', file, '--to', 'toolkit-dot', '--output', '-');

    expect(stdout).toBe(readFileSync(file, 'utf8'));
    expect(stderr).toBe('');
  });

  test('a name that ends in .gz is gzipped', async () => {
    const file = fileOf(packages());
    const output = join(folder, 'out.dot.gz');
    await graphCommand('convert', file, '--to', 'toolkit-dot', '--output', output);

    expect(gunzipSync(readFileSync(output))).toEqual(readFileSync(file));
  });

  test('dot is for Graphviz: short labels, nothing encoded', async () => {
    const { stdout } = await graphCommand('convert', fileOf(packages()), '--to', 'dot', '--output', '-');

    expect(stdout).toMatch(/^digraph spanwright \{/);
    expect(stdout).toContain('[label="app-1.0-1.src.rpm"');
    expect(stdout).toContain('n8 -> n0\n');
    expect(stdout).not.toContain('NodeInBase64');
  });

  test('--only keeps a node and what it needs', async () => {
    const output = join(folder, 'part.dot');
    await graphCommand('convert', fileOf(packages()), '--to=toolkit-dot', `--output=${output}`, '--only', 'zlib-devel');
    const part = readGraph(output);

    expect(Array.from({ length: part.size }, (_, node) => part.friendlyName(node))).toEqual([
      'zlib-1.0-1-RUN<Meta>',
      'zlib-1.0-1-BUILD<Build>',
      'zlib-devel-1.0-1-RUN<Meta>',
      'zlib-devel-1.0-1-BUILD<Build>',
    ]);
    expect(part.edgeCount).toBe(3);
  });

  test.each([
    [0, ['app']],
    [1, ['app', 'lib', 'tool']],
    [2, ['app', 'lib', 'tool', 'core']],
  ])('--depth %d keeps so many layers', async (depth, kept) => {
    const file = commands({ app: ['lib', 'tool'], lib: ['core'], tool: [], core: ['base'], base: [], other: ['app'] });
    const { stdout } = await graphCommand('convert', file, '--to=json', '--output=-', '--only=app', `--depth=${depth}`);

    expect((JSON.parse(stdout) as { nodes: { id: string }[] }).nodes.map(({ id }) => id)).toEqual(kept);
  });

  test('--depth without --only, or below 0, is refused', async () => {
    const file = fileOf(packages());
    const base = ['convert', file, '--to=dot', '--output=-'] as const;

    expect(await errorOf(graphCommand(...base, '--depth=1'))).toMatch(/^--depth counts steps from a node/);
    expect(await errorOf(graphCommand(...base, '--only=app', '--depth=-1'))).toMatch(/expected a number from 0 on/);
  });

  test("commands are not lost to the toolkit's DOT unless --lossy allows it", async () => {
    const file = commands({ app: ['lib'], lib: [] });
    const output = join(folder, 'out.dot');
    const words = ['convert', file, '--to=toolkit-dot', `--output=${output}`] as const;

    expect(await errorOf(graphCommand(...words))).toMatch(/has commands, which the toolkit's DOT cannot hold.*--lossy/);
    expect(existsSync(output)).toBe(false);
    expect((await graphCommand(...words, '--lossy')).code).toBe(0);
    expect(readGraph(output).size).toBe(2);
  });

  test('commands that leave the folder of their graph file are pointed out', async () => {
    const file = commands({ app: [] });
    const elsewhere = mkdtempSync(join(folder, 'elsewhere-'));
    const there = await graphCommand('convert', file, '--to=json', `--output=${join(elsewhere, 'a.json')}`);
    const beside = await graphCommand('convert', file, '--to=json', `--output=${join(folder, 'a.json')}`);

    expect(there.stderr).toMatch(/\nnote: commands run in the folder of their graph file/);
    expect(beside.stderr).not.toContain('note:');
  });

  test('a file that cannot be written leaves nothing behind', async () => {
    const output = join(folder, 'no-such-folder', 'out.json');
    const message = await errorOf(graphCommand('convert', fileOf(packages()), '--to=json', `--output=${output}`));

    expect(message).toBe(`cannot write ${output}: no such file or directory`);
  });
});

describeWithSharedData('on the graphs of Azure Linux', () => {
  test.each(['toolkit/test_graph_reference.dot', 'azurelinux-3.0-core-cached.dot'])(
    '%s goes to JSON and back byte for byte',
    async (name) => {
      const [json, back] = [join(folder, 'out.json'), join(folder, 'back.dot')];
      await graphCommand('convert', sharedData(name), '--to=json', `--output=${json}`);
      await graphCommand('convert', json, '--to=toolkit-dot', `--output=${back}`);

      expect(readFileSync(back).equals(readFileSync(sharedData(name)))).toBe(true);
    },
  );

  test('the packages that most others need have the published numbers of dependents', async () => {
    const file = sharedData('azurelinux-3.0-specs.dot.gz');

    expect((await graphCommand('why', file, 'm4.spec')).stdout).toContain('by 1,390 builds and');
    expect((await graphCommand('why', file, 'libtool.spec')).stdout).toContain('by 1,270 builds and');
  });

  test('a graph whose cycles the toolkit has resolved has none', async () => {
    expect(await graphCommand('cycles', sharedData('azurelinux-3.0.dot.gz'))).toMatchObject({
      code: 0,
      stdout: 'no cycles\n',
    });
  });
});
