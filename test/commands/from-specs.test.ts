import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { encode, readGraph } from '../../src/graph/formats/read-graph';
import type { Graph } from '../../src/graph/graph';
import { NODE_STATE_NAMES, type NodeId, NodeState, NodeType } from '../../src/graph/node';
import { graphFromSpecFolder } from '../../src/rpm/package-graph';
import { Plan } from '../../src/scheduler/plan';
import { makeTempDir, removeTempDir } from '../support/command';
import { errorOf, graphCommand } from '../support/graph-command';
import { describeWithSharedData, sharedData } from '../support/graphs';
import { specText, testWithRpmspec, toolsOfThisMachine } from '../support/rpm';

const runTool = toolsOfThisMachine();
let folder: string;
let output: string;

beforeEach(() => {
  folder = makeTempDir();
  output = join(folder, 'graph.json');
});

afterEach(() => removeTempDir(folder));

function file(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** Two specs: an application with a test, and a library that it is built with. */
function writeSpecs(): string {
  file(
    'SPECS/app/app.spec',
    specText('app', 'BuildRequires: lib-devel, far-tool, pkgconfig(lib) >= 1\nRequires: lib', '%check\ntrue\n%files\n'),
  );
  file(
    'SPECS/lib/lib.spec',
    specText(
      'lib',
      'BuildRequires: far-tool',
      '%package devel\nSummary: For a test.\nRequires: lib\n%description devel\nFor a test.\n%files\n%files devel\n',
    ),
  );
  return join(folder, 'SPECS');
}

function fromSpecs(...words: readonly string[]) {
  const folders = ['--rpm-dir', join(folder, 'RPMS'), '--srpm-dir', join(folder, 'SRPMS'), '--arch', 'x86_64'];
  return graphCommand('from-specs', ...words, '--output', output, ...folders);
}

function nodeNamed(graph: Graph, type: NodeType, name: string): NodeId {
  const node = [...graph.types.keys()].find((one) => graph.types[one] === type && graph.field(one, 'name') === name);
  if (node === undefined) throw new Error(`no node '${name}' of type ${type}`);
  return node;
}

const stateOf = (graph: Graph, name: string) =>
  NODE_STATE_NAMES[graph.state(nodeNamed(graph, NodeType.RemoteRun, name))];

testWithRpmspec('a folder of spec files becomes a graph whose builds wait for each other', async () => {
  const { code, stdout, stderr } = await fromSpecs(writeSpecs());
  expect([code, stdout]).toEqual([0, '']);
  expect(stderr).toBe(
    [
      `${output}: 17 nodes, 38 edges; 2 specs, 3 RPMs`,
      'known only once packages are built: pkgconfig(lib) >= 1',
      'provided by nobody: far-tool',
      '',
    ].join('\n'),
  );
  const graph = readGraph(output);
  const build = nodeNamed(graph, NodeType.LocalBuild, 'app');
  expect(graph.srpmPath(build)).toBe(join(folder, 'SRPMS/app-1.0-1.src.rpm'));
  expect(graph.rpmPath(build)).toBe(join(folder, 'RPMS/x86_64/app-1.0-1.x86_64.rpm'));
  expect([...graph.dependenciesOf(build)]).toContain(nodeNamed(graph, NodeType.LocalRun, 'lib-devel'));
  const plan = new Plan(graph);
  expect(plan.jobs.jobOf(build)).toBe(plan.jobs.jobOf(nodeNamed(graph, NodeType.LocalBuild, 'app(x86-64)')));
});

testWithRpmspec('the same graph is made in memory for a build of the folder', async () => {
  const specs = writeSpecs();
  await fromSpecs(specs, '--assume-provided', 'far-*');
  const made = await graphFromSpecFolder(
    specs,
    { rpmDir: join(folder, 'RPMS'), srpmDir: join(folder, 'SRPMS'), arch: 'x86_64', assumeProvided: ['far-*'] },
    runTool,
  );
  expect(Buffer.concat([...encode(made.graph, 'json')]).toString()).toBe(readFileSync(output, 'utf8'));
  expect(made.assumed.map((node) => made.graph.field(node, 'name'))).toEqual(['far-tool']);
  expect(made.unresolved.map((node) => made.graph.field(node, 'name'))).toEqual(['pkgconfig(lib)']);
});

testWithRpmspec('names that are assumed to be provided are Cached, and are named', async () => {
  const { stderr } = await fromSpecs(writeSpecs(), '--assume-provided', 'far-tool pkgconfig(*)');
  expect(stderr).toContain('regarded as there: far-tool, pkgconfig(lib) >= 1\n');
  expect(stderr).not.toContain('provided by nobody');
  const graph = readGraph(output);
  expect([stateOf(graph, 'far-tool'), stateOf(graph, 'pkgconfig(lib)')]).toEqual(['Cached', 'Cached']);
  expect(graph.isImplicit(nodeNamed(graph, NodeType.RemoteRun, 'pkgconfig(lib)'))).toBe(false);
});

testWithRpmspec('what this machine has counts where that is asked for', async () => {
  const specs = file('a.spec', specText('a', 'BuildRequires: /bin/sh, no-such-thing'));
  await fromSpecs(specs);
  expect(stateOf(readGraph(output), '/bin/sh')).toBe('Unresolved');
  await fromSpecs(specs, '--host-provides');
  const graph = readGraph(output);
  expect([stateOf(graph, '/bin/sh'), stateOf(graph, 'no-such-thing')]).toEqual(['Cached', 'Unresolved']);
});

testWithRpmspec('tests are left out with --no-tests, and macros reach the spec', async () => {
  const spec = file('a.spec', specText('a', 'Provides: %{extra}', '%check\ntrue\n%files\n'));
  const macros = file('macros', '%extra with = 2\n');
  await fromSpecs(spec, '--dist-tag', '.t1', '--define', '_gpg_name=me extra=of-define');
  const graph = readGraph(output);
  expect([...graph.types].filter((type) => type === NodeType.Test)).toHaveLength(3);
  expect(graph.field(nodeNamed(graph, NodeType.LocalRun, 'a'), 'version')).toBe('1.0-1.t1');
  expect(nodeNamed(graph, NodeType.LocalRun, 'of-define')).toBeGreaterThanOrEqual(0);
  await fromSpecs(spec, '--no-tests', '--macros', macros);
  const untested = readGraph(output);
  expect([...untested.types]).not.toContain(NodeType.Test);
  expect(nodeNamed(untested, NodeType.LocalRun, 'with')).toBeGreaterThanOrEqual(0);
});

describe('circles of dependencies', () => {
  const writeCircle = () => {
    file('SPECS/egg.spec', specText('egg', 'BuildRequires: hen\nBuildArch: noarch'));
    file('SPECS/hen.spec', specText('hen', 'BuildRequires: egg\nBuildArch: noarch'));
    return join(folder, 'SPECS');
  };

  testWithRpmspec('are cut where an RPM is on disk', async () => {
    file('RPMS/noarch/hen-1.0-1.noarch.rpm', '');
    const { stderr } = await fromSpecs(writeCircle());
    expect(stderr).toContain('circles of dependencies resolved: 1\n');
    const graph = readGraph(output);
    expect(graph.rpmPath(nodeNamed(graph, NodeType.PreBuilt, 'hen'))).toBe(
      join(folder, 'RPMS/noarch/hen-1.0-1.noarch.rpm'),
    );
  });

  testWithRpmspec('are cut where an RPM is said to be on disk', async () => {
    await fromSpecs(writeCircle(), '--assume-on-disk', '/not/this/one */egg-*');
    const graph = readGraph(output);
    expect(graph.state(nodeNamed(graph, NodeType.PreBuilt, 'egg'))).toBe(NodeState.UpToDate);
  });

  testWithRpmspec('are an error where no RPM is on disk, and nothing is written', async () => {
    const message = await errorOf(fromSpecs(writeCircle()));
    expect(message).toContain('egg');
    expect(message).toContain('hen');
    expect(existsSync(output)).toBe(false);
  });

  testWithRpmspec('are left in where that is asked for', async () => {
    const { code, stderr } = await fromSpecs(writeCircle(), '--no-resolve-cycles');
    expect([code, stderr]).toEqual([0, `${output}: 5 nodes, 6 edges; 2 specs, 2 RPMs\n`]);
  });
});

testWithRpmspec('each notice is printed', async () => {
  const specs = ['b', 'a'].map((name) => file(`${name}.spec`, specText(name, 'BuildArch: noarch\nProvides: both')));
  specs.push(file('arm.spec', specText('arm', 'ExclusiveArch: aarch64')));
  const { stderr } = await fromSpecs(...specs);
  expect(stderr.split('\n').slice(0, 2)).toEqual([
    `note: ${specs[2]}: left out: the spec is not for x86_64`,
    'note: both is provided by b-1.0-1.noarch.rpm and a-1.0-1.noarch.rpm; the first is taken',
  ]);
});

testWithRpmspec('the graph goes to stdout where that is the output', async () => {
  const { stdout } = await graphCommand(
    'from-specs',
    file('a.spec', specText('a', '')),
    '--output',
    '-',
    '--to',
    'json',
  );
  expect(JSON.parse(stdout).nodes[0]).toMatchObject({ type: 'LocalRun', name: 'a' });
});

test('inputs that are not there, or hold no specs, are refused', async () => {
  const missing = join(folder, 'none');
  expect(await errorOf(fromSpecs(missing))).toBe(`${missing}: cannot read this input: no such file or directory`);
  expect(await errorOf(fromSpecs(folder))).toBe(
    `${folder}: there is no spec file in this folder, nor in those below it`,
  );
  expect(await errorOf(fromSpecs(file('a.spec', ''), '--define', 'dist'))).toBe(
    "flag '--define': expected NAME=VALUE, got 'dist'",
  );
});

test('the toolchain of specs.json is regarded as on disk', async () => {
  const record = (name: string, needs: string) => ({
    Provides: { Name: name },
    SrpmPath: `/s/${name}.src.rpm`,
    RpmPath: `/r/${name}.rpm`,
    SpecPath: `/specs/${name}.spec`,
    BuildRequires: [{ Name: needs }],
    IsToolchain: name === 'hen',
  });
  const specs = file('specs.json', JSON.stringify({ Repo: [record('egg', 'hen'), record('hen', 'egg')] }));
  await fromSpecs(specs);
  const graph = readGraph(output);
  expect(graph.state(nodeNamed(graph, NodeType.PreBuilt, 'hen'))).toBe(NodeState.UpToDate);
});

describeWithSharedData('the specs.json of Azure Linux', () => {
  test("becomes the toolkit's graph", async () => {
    const specs = sharedData('specreader-SPECS.json.gz');
    output = join(folder, 'graph.dot');
    const { stderr } = await fromSpecs(specs, '--assume-on-disk', '/azl/build/toolchain_rpms/*');
    expect(stderr).toContain(
      `${output}: 30,167 nodes, 275,370 edges; 1,538 specs, 4,585 RPMs\ncircles of dependencies resolved: 110\n`,
    );
    const [made, toolkits] = [readGraph(output), readGraph(sharedData('azurelinux-3.0-specs.dot.gz'))];
    const nodes = [...made.types.keys()];
    expect(nodes.filter((node) => !isSameNode(made, toolkits, node))).toEqual([]);
  });
});

function isSameNode(a: Graph, b: Graph, node: NodeId): boolean {
  const text = (graph: Graph) => JSON.stringify([graph.record(node), ...graph.dependenciesOf(node)]);
  return text(a) === text(b);
}
