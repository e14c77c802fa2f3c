import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readGraph, writeGraph } from '../../src/graph/formats/read-graph';
import type { Graph } from '../../src/graph/graph';
import { makeTempDir, removeTempDir, runCommand } from '../support/command';
import { describeWithSharedData, sharedData, toolkitSampleGraph } from '../support/graphs';

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => removeTempDir(dir));

const read = (name: string) => readFileSync(join(dir, name));
const convert = (file: string, to: string, output: string, ...more: string[]) =>
  runCommand('spanwright', ['graph', 'convert', file, '--to', to, '--output', output, ...more], { cwd: dir });

/** Everything of a graph but its keys, which the toolkit's form cannot hold. */
const contents = (graph: Graph) =>
  Array.from({ length: graph.size }, (_, node) => {
    const { key: _key, ...record } = graph.record(node);
    return { ...record, needs: [...graph.dependenciesOf(node)] };
  });

const COMMANDS = {
  name: 'sample',
  resources: { memory: 1024 },
  nodes: [
    {
      id: 'app',
      type: 'LocalBuild',
      state: 'Build',
      command: ['make', 'ä "quoted" \\'],
      attempts: 2,
      timeout: '90s',
      dependencies: ['lib'],
    },
    {
      id: 'lib',
      type: 'LocalBuild',
      state: 'UpToDate',
      shell: 'make',
      cwd: 'lib',
      env: { A: 'b' },
      inputs: ['x'],
      outputs: ['y'],
      resources: { memory: 512 },
    },
    { id: 'app:test', type: 'Test', state: 'BuildError', shell: 'make test', dependencies: ['app'] },
    { id: 'all', type: 'PureMeta', state: 'Meta', dependencies: ['app', 'app:test'] },
  ],
};

describe('a graph of the toolkit', () => {
  beforeEach(() => writeGraph(toolkitSampleGraph(), join(dir, 'graph.dot'), 'toolkit-dot'));

  test('goes to JSON and back without loss', async () => {
    const there = await convert('graph.dot', 'json', 'graph.json');
    const back = await convert('graph.json', 'toolkit-dot', 'again.dot');
    expect([there.code, there.stdout, back.code, back.stdout]).toEqual([0, '', 0, '']);
    expect(contents(readGraph(join(dir, 'again.dot')))).toEqual(contents(toolkitSampleGraph()));
    expect(read('again.dot').equals(read('graph.dot'))).toBe(true);
    expect(there.stderr).toBe('graph.json: 14 nodes, 12 edges\n');
  });

  test('is written as it was read', async () => {
    await convert('graph.dot', 'toolkit-dot', 'again.dot');
    expect(read('again.dot').equals(read('graph.dot'))).toBe(true);
  });

  test('may be read and written gzipped', async () => {
    await convert('graph.dot', 'toolkit-dot', 'packed.dot.gz');
    expect(gunzipSync(read('packed.dot.gz')).equals(read('graph.dot'))).toBe(true);
    await convert('packed.dot.gz', 'json', 'packed.json.gz');
    await convert('packed.json.gz', 'toolkit-dot', 'again.dot');
    expect(read('again.dot').equals(read('graph.dot'))).toBe(true);
  });

  test('may be told by its content, whatever its name', async () => {
    await convert('graph.dot', 'json', 'graph.json');
    copyFileSync(join(dir, 'graph.json'), join(dir, 'disguised.dot'));
    copyFileSync(join(dir, 'graph.dot'), join(dir, 'disguised.json'));
    await convert('disguised.dot', 'toolkit-dot', 'one.dot');
    await convert('disguised.json', 'toolkit-dot', 'two.dot');
    expect([read('one.dot'), read('two.dot')].map((bytes) => bytes.equals(read('graph.dot')))).toEqual([true, true]);
  });

  test('goes to stdout whole', async () => {
    const { code, stdout, stderr } = await convert('graph.dot', 'toolkit-dot', '-');
    expect([code, stderr, stdout]).toEqual([0, '', read('graph.dot').toString()]);
  });

  test('goes to plain DOT with every node and edge', async () => {
    const { code } = await convert('graph.dot', 'dot', 'plain.dot');
    const text = read('plain.dot').toString();
    expect([code, text.match(/ -> /g)?.length, text.includes('NodeInBase64')]).toEqual([0, 12, false]);
    expect(text).toMatch(/^digraph [\s\S]*\}\n?$/);
  });

  test('is cut down to a node and what it needs', async () => {
    await convert('graph.dot', 'json', 'part.json', '--only', 'B');
    const nodes = (JSON.parse(read('part.json').toString()) as { nodes: { name: string; type: string }[] }).nodes;
    expect(nodes.map(({ name, type }) => `${name} ${type}`).sort()).toEqual(
      ['B LocalBuild', 'B LocalRun', 'C LocalBuild', 'C LocalRun', 'D RemoteRun', 'D RemoteRun'].sort(),
    );
    const near = await convert('graph.dot', 'json', 'near.json', '--only', 'B', '--depth', '0');
    expect(near.stderr).toBe('near.json: 2 nodes, 1 edge\n');
  });

  test.each([
    [
      'an output that cannot be written',
      ['graph.dot', '--to=json', '--output=none/x.json'],
      'cannot write none/x.json: no such file or directory',
    ],
    [
      'a form that there is not',
      ['graph.dot', '--to=xml', '--output=x'],
      "enum value must be one of toolkit-dot,json,dot, got 'xml'",
    ],
    ['no form', ['graph.dot', '--output=x'], 'required flag --to not provided'],
    ['no output', ['graph.dot', '--to=json'], 'required flag --output not provided'],
    ['no file', ['--to=json', '--output=x'], "required argument 'FILE' not provided"],
    [
      'a node that is not there',
      ['graph.dot', '--to=json', '--output=x', '--only=zzzzzz'],
      "graph.dot: no node, package, SRPM or spec is called 'zzzzzz'",
    ],
  ])('is not converted with %s', async (_, args, message) => {
    const { code, stdout, stderr } = await runCommand('spanwright', ['graph', 'convert', ...args], { cwd: dir });
    expect([code, stdout, stderr]).toEqual([1, '', `spanwright: error: ${message}, try --help\n`]);
    expect(readdirSync(dir)).toEqual(['graph.dot']);
  });
});

describe('a graph of commands', () => {
  beforeEach(() => writeFileSync(join(dir, 'graph.json'), JSON.stringify(COMMANDS)));

  test('is written as JSON without loss', async () => {
    await convert('graph.json', 'json', 'again.json');
    await convert('again.json', 'json', 'third.json');
    const again = JSON.parse(read('again.json').toString()) as { nodes: unknown[] };
    expect(again).toEqual({
      ...COMMANDS,
      nodes: COMMANDS.nodes.map((node) => ({
        ...node,
        ...('timeout' in node ? { timeout: expect.stringMatching(/^(90s|1m30s)$/) } : {}),
      })),
    });
    expect(read('third.json').equals(read('again.json'))).toBe(true);
  });

  test('is not written in a form that loses the commands, unless the user says so', async () => {
    const { code, stderr } = await convert('graph.json', 'toolkit-dot', 'graph.dot');
    expect(stderr).toMatch(/^spanwright: error: graph\.json: the graph has commands, .*--lossy.*\n$/);
    expect([code, readdirSync(dir)]).toEqual([1, ['graph.json']]);
    expect(await convert('graph.json', 'toolkit-dot', 'graph.dot', '--lossy')).toMatchObject({ code: 0 });
    expect(readGraph(join(dir, 'graph.dot')).size).toBe(4);
  });
});

describe('the example graph that the package carries', () => {
  test('goes to JSON and back without loss', async () => {
    const example = resolve(__dirname, '../../examples/azurelinux-core.dot.gz');
    await convert(example, 'json', 'core.json');
    await convert('core.json', 'toolkit-dot', 'core.dot');
    await convert('core.dot', 'json', 'again.json');
    expect(read('again.json').equals(read('core.json'))).toBe(true);
    expect(contents(readGraph(join(dir, 'core.dot')))).toEqual(contents(readGraph(example)));
  });
});

describeWithSharedData('the files of the toolkit', () => {
  test('its reference graph is written byte for byte as the toolkit wrote it', async () => {
    await convert(sharedData('toolkit/test_graph_reference.dot'), 'toolkit-dot', 'out.dot');
    expect(read('out.dot').equals(readFileSync(sharedData('toolkit/test_graph_reference.dot')))).toBe(true);
    await convert(sharedData('toolkit/test_graph_reference.dot'), 'json', 'out.json');
    await convert('out.json', 'toolkit-dot', 'back.dot');
    expect(read('back.dot').equals(read('out.dot'))).toBe(true);
  });

  test.each(['cycle_before.dot', 'cycle_after.dot'])('its graph %s, in an older form, is read', async (name) => {
    const { code, stderr } = await convert(sharedData(`toolkit/${name}`), 'json', 'out.json');
    expect(stderr).toMatch(/^out\.json: [89] nodes, 8 edges\n$/);
    expect(code).toBe(0);
  });

  test('its default graph of 30,167 nodes goes to JSON', async () => {
    const { code, stderr } = await convert(sharedData('azurelinux-3.0-specs.dot.gz'), 'json', 'specs.json.gz');
    expect([code, stderr]).toEqual([0, 'specs.json.gz: 30,167 nodes, 275,370 edges\n']);
  });
});
