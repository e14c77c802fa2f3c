import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { readJsonGraph, writeJsonGraph } from '../../src/graph/formats/json-graph';
import { formatOf, readGraph, writeGraph } from '../../src/graph/formats/read-graph';
import { readToolkitDot } from '../../src/graph/formats/toolkit-dot-reader';
import { writeToolkitDot } from '../../src/graph/formats/toolkit-dot-writer';
import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { NodeState, NodeType } from '../../src/graph/node';
import { formatDurationText, parseAmount } from '../../src/graph/quantities';
import { parseDuration } from '../../src/util/duration';
import { UserError } from '../../src/util/user-error';
import { describeWithSharedData, edgesOf, graphOf, nodeOf, sharedData, toolkitSampleGraph } from '../support/graphs';

const FILE = 'some/graph.json';
const read = (json: unknown): Graph =>
  readJsonGraph(typeof json === 'string' ? json : JSON.stringify(json), FILE, '/base');
const written = (graph: Graph): string => [...writeJsonGraph(graph)].join('');
const again = (graph: Graph): Graph => readJsonGraph(written(graph), FILE, graph.info.baseDir ?? '/base');

/** What two graphs must have in common to be the same one. */
const contentOf = (graph: Graph, withKeys = true) => ({
  info: { name: graph.info.name, meta: graph.info.meta, resources: graph.info.resources },
  records: Array.from({ length: graph.size }, (_, node) => {
    const { key, command, ...record } = graph.record(node);
    const told = command && Object.fromEntries(Object.entries(command).filter(([, value]) => value !== undefined));
    return { ...record, command: told, key: withKeys ? key : undefined };
  }),
  edges: Array.from({ length: graph.size }, (_, node) => [...graph.dependenciesOf(node)]),
});

/** The error of a graph that must not be read: the user's, in one line, with the file. */
function failureOf(json: unknown): { message: string; line: number | undefined } {
  let error: unknown;
  try {
    read(json);
  } catch (thrown) {
    error = thrown;
  }
  if (!(error instanceof UserError)) throw error ?? new Error('expected the read to fail, but it gave a graph');
  expect(error.message).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
  expect(error.message.length).toBeLessThan(400);
  expect(error.place?.file).toBe(FILE);
  const message = error.message.replace(/^some\/graph\.json(:\d+)?: /, '');
  expect(message).not.toBe(error.message);
  return { message, line: error.place?.line };
}

/** Each node in a line of its own, so that the first stands in line 2. */
const lines = (...nodes: string[]): string => `{"nodes": [\n${nodes.join(',\n')}\n]}`;

describe('reading', () => {
  test('every field of a node and of a graph is read', () => {
    const graph = read({
      $schema: 'https://example.org/graph.schema.json',
      name: 'everything',
      meta: { made: ['by', 'hand'] },
      resources: { cpu: 4, memory: '2GiB' },
      nodes: [
        { id: 'lib', shell: 'make lib' },
        {
          id: 'app',
          type: 'Test',
          state: 'UpToDate',
          implicit: true,
          dependencies: ['lib'],
          command: ['make', 'app'],
          cwd: 'app',
          env: { CC: 'cc' },
          inputs: ['a.c'],
          outputs: ['a.o'],
          timeout: '1h30m',
          attempts: 3,
          resources: { cpu: 0.5, memory: '512MiB' },
          name: 'app-name',
          version: '1',
          condition: '>=',
          sVersion: '2',
          sCondition: '<',
          srpmPath: 's',
          rpmPath: 'r',
          specPath: 'p',
          sourceDir: 'd',
          architecture: 'a',
          sourceRepo: 'o',
          goalName: 'g',
        },
      ],
    });
    expect(graph.info).toEqual({
      name: 'everything',
      meta: { made: ['by', 'hand'] },
      baseDir: '/base',
      resources: { cpu: 4, memory: 2 ** 31 },
    });
    expect(contentOf(graph).records[1]).toEqual({
      key: 'app',
      type: NodeType.Test,
      state: NodeState.UpToDate,
      implicit: true,
      hasPackage: true,
      name: 'app-name',
      version: '1',
      condition: '>=',
      sVersion: '2',
      sCondition: '<',
      srpmPath: 's',
      rpmPath: 'r',
      specPath: 'p',
      sourceDir: 'd',
      architecture: 'a',
      sourceRepo: 'o',
      goalName: 'g',
      command: {
        command: ['make', 'app'],
        cwd: 'app',
        env: { CC: 'cc' },
        inputs: ['a.c'],
        outputs: ['a.o'],
        timeoutMs: 5_400_000,
        attempts: 3,
        resources: { cpu: 0.5, memory: 2 ** 29 },
      },
    });
    expect(graph.command(0)).toMatchObject({ shell: 'make lib' });
    expect(edgesOf(graph)).toEqual(['app -> lib']);
  });

  test('a node with a command is a build, one without only orders others', () => {
    const graph = read({ nodes: [{ id: 'c', command: ['true'] }, { id: 's', shell: 'true' }, { id: 'nothing' }] });
    expect(contentOf(graph).records.map(({ type, state, hasPackage }) => [type, state, hasPackage])).toEqual([
      [NodeType.LocalBuild, NodeState.Build, false],
      [NodeType.LocalBuild, NodeState.Build, false],
      [NodeType.PureMeta, NodeState.Meta, false],
    ]);
    expect([0, 1, 2].map((node) => graph.isWork(node))).toEqual([true, true, false]);
    expect(graph.command(2)).toBeUndefined();
  });

  test('a test waits to be run as a build does', () => {
    expect(read({ nodes: [{ id: 't', type: 'Test', shell: 'x' }] }).state(0)).toBe(NodeState.Build);
  });

  test('dependencies may name nodes before and after, twice, and be given as edges too', () => {
    const graph = read({
      nodes: [{ id: 'a', dependencies: ['c', 'b', 'c'] }, { id: 'b', dependencies: ['c'] }, { id: 'c' }],
      edges: [
        ['a', 'b'],
        ['c', 'a'],
      ],
    });
    expect(edgesOf(graph)).toEqual(['a -> b', 'a -> c', 'b -> c', 'c -> a']);
  });

  test('ids may be numbers, and 2 is the same node as "2"', () => {
    const shell = 'x';
    const graph = read({
      nodes: [
        { id: 10, shell },
        { id: 2, shell, dependencies: [10] },
        { id: -3, shell, dependencies: ['2', 10] },
      ],
    });
    expect(edgesOf(graph)).toEqual(['2 -> 10', '-3 -> 10', '-3 -> 2']);
  });

  test('a number for an id names a command, for other nodes it only says where they stand', () => {
    const graph = read({ nodes: [{ id: 3, shell: 'x' }, { id: 4, type: 'Goal', goalName: 'all' }, { id: '5' }] });
    expect([0, 1, 2].map((node) => graph.label(node))).toEqual(['3', 'all', '5']);
  });

  test('ids that JavaScript objects have of themselves are ids like others', () => {
    const graph = read(
      lines(
        '{"id": "__proto__"}',
        '{"id": "constructor", "dependencies": ["__proto__", "toString"]}',
        '{"id": "toString"}',
      ),
    );
    expect(edgesOf(graph)).toEqual(['constructor -> __proto__', 'constructor -> toString']);
  });

  test('a graph of no nodes is read', () => {
    expect(read({ nodes: [] }).size).toBe(0);
  });

  test.each([
    ['90s', 90_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['250ms', 250],
    ['1.5s', 1500],
    ['100us', 0.1],
    ['100µs', 0.1],
  ])('a timeout of %s is %d ms', (timeout, ms) => {
    expect(read({ nodes: [{ id: 'a', shell: 'x', timeout }] }).command(0)?.timeoutMs).toBeCloseTo(ms, 9);
  });

  test.each([
    [3, 3],
    ['3', 3],
    [0.25, 0.25],
    ['7B', 7],
    ['2KiB', 2048],
    ['1.5MiB', 1_572_864],
    ['2GiB', 2 ** 31],
    ['3TiB', 3 * 2 ** 40],
    [0, 0],
  ])('an amount of %p is %d', (amount, value) => {
    expect(parseAmount(amount)).toBe(value);
    const graph = read({ resources: { x: amount }, nodes: [{ id: 'a', shell: 'x', resources: { x: amount } }] });
    expect(graph.info.resources).toEqual({ x: value });
    expect(graph.command(0)?.resources).toEqual({ x: value });
  });

  test('100,000 nodes are read within two seconds', () => {
    const nodes = Array.from({ length: 100_000 }, (_, i) => ({
      id: `n${i}`,
      shell: 'x',
      dependencies: i ? [`n${i >> 1}`] : [],
    }));
    const text = JSON.stringify({ nodes });
    const startedAt = performance.now();
    const graph = read(text);
    expect(performance.now() - startedAt).toBeLessThan(2000);
    expect([graph.size, graph.edgeCount]).toEqual([100_000, 99_999]);
  });
});

describe('a graph that is wrong', () => {
  const ok = '{"id": "ok"}';

  test.each([
    [
      'an unknown dependency',
      lines(ok, '{"id": "a", "dependencies": ["x"]}'),
      3,
      'node "a" names "x", which is not in the graph',
    ],
    ['an id twice', lines('{"id": "a"}', ok, '{"id": "a"}'), 4, 'node "a" is defined twice'],
    ['a number and a text that are one id', lines('{"id": 7}', ok, '{"id": "7"}'), 4, 'node "7" is defined twice'],
    [
      'both a command and a shell line',
      lines(ok, '{"id": "a", "command": ["x"], "shell": "x"}'),
      3,
      'node "a" has both a command and a shell line',
    ],
    [
      'a command on a RemoteRun',
      lines(ok, '{"id": "a", "type": "RemoteRun", "command": ["x"]}'),
      3,
      'node "a" has a command, but a RemoteRun runs nothing',
    ],
    [
      'a shell line on a Goal',
      lines(ok, '{"id": "a", "type": "Goal", "shell": "x"}'),
      3,
      'node "a" has a command, but a Goal runs nothing',
    ],
    ['an unknown type', lines(ok, '{"id": "a", "type": "Build"}'), 3, 'node "a": type '],
    ['the type that stands for none', lines(ok, '{"id": "a", "type": "Unknown"}'), 3, 'node "a": type '],
    ['an unknown state', lines(ok, '{"id": "a", "state": "Done"}'), 3, 'node "a": state '],
    ['an unknown property', lines(ok, '{"id": "a", "depends": []}'), 3, 'depends'],
    ['an empty command', lines(ok, '{"id": "a", "command": []}'), 3, 'node "a": command '],
    ['an empty shell line', lines(ok, '{"id": "a", "shell": ""}'), 3, 'node "a": shell '],
    ['a command that is a text', lines(ok, '{"id": "a", "command": "make"}'), 3, 'node "a": command '],
    ['a number among arguments', lines(ok, '{"id": "a", "command": ["x", 1]}'), 3, 'node "a": command.1 '],
    ['a timeout of no form', lines(ok, '{"id": "a", "shell": "x", "timeout": "5 min"}'), 3, 'node "a": timeout '],
    ['a timeout below nothing', lines(ok, '{"id": "a", "shell": "x", "timeout": "-5m"}'), 3, 'node "a": timeout '],
    ['a timeout that is a number', lines(ok, '{"id": "a", "shell": "x", "timeout": 5}'), 3, 'node "a": timeout '],
    ['a timeout of nothing', lines(ok, '{"id": "a", "shell": "x", "timeout": "0s"}'), 3, 'node "a": the timeout 0s'],
    ['no attempts', lines(ok, '{"id": "a", "shell": "x", "attempts": 0}'), 3, 'node "a": attempts '],
    ['half an attempt', lines(ok, '{"id": "a", "shell": "x", "attempts": 1.5}'), 3, 'node "a": attempts '],
    [
      'a size of no form',
      lines(ok, '{"id": "a", "shell": "x", "resources": {"memory": "2 GB"}}'),
      3,
      'node "a": resources.memory ',
    ],
    [
      'a negative size',
      lines(ok, '{"id": "a", "shell": "x", "resources": {"memory": -1}}'),
      3,
      'node "a": resources.memory ',
    ],
    ['an environment of numbers', lines(ok, '{"id": "a", "shell": "x", "env": {"A": 1}}'), 3, 'node "a": env.A '],
    ['dependencies that are no list', lines(ok, '{"id": "a", "dependencies": "ok"}'), 3, 'node "a": dependencies '],
    ['an id with quotes and braces', lines(ok, '{"id": "a\\"}{", "depends": []}'), 3, 'node "a\\"}{": '],
    ['a pattern for an id', lines(ok, '{"id": "a.*", "depends": []}'), 3, 'node "a.*": '],
  ])('%s is reported with node and line', (_, json, line, words) => {
    const failure = failureOf(json);
    expect(failure.message).toContain(words);
    expect(failure.line).toBe(line);
  });

  test.each([
    ['a list', [], 'the graph must be object'],
    ['no nodes', {}, "required property 'nodes'"],
    ['an unknown property of the graph', { nodes: [], targets: [] }, 'targets'],
    ['nodes that are no list', { nodes: {} }, 'nodes must be array'],
    ['a node that is a text', { nodes: ['a'] }, 'nodes.0 must be object'],
    ['a node that is a number', { nodes: [{ id: 'a' }, 5] }, 'nodes.1 must be object'],
    ['a node that is null', { nodes: [null] }, 'nodes.0 must be object'],
    ['a node that is a list', { nodes: [[]] }, 'nodes.0 must be object'],
    ['a node without an id', { nodes: [{ id: 'a' }, { shell: 'x' }] }, "nodes.1 must have required property 'id'"],
    ['an id that is a fraction', { nodes: [{ id: 1.5 }] }, 'id must be string,integer'],
    ['an edge of three', { nodes: [{ id: 'a' }], edges: [['a', 'a', 'a']] }, 'edges.0'],
    ['an edge of one', { nodes: [{ id: 'a' }], edges: [['a']] }, 'edges.0'],
    [
      'an edge from nowhere',
      { nodes: [{ id: 'a' }], edges: [['x', 'a']] },
      'an edge names "x", which is not in the graph',
    ],
    [
      'an edge to nowhere',
      { nodes: [{ id: 'a' }], edges: [['a', 'x']] },
      'an edge names "x", which is not in the graph',
    ],
    ['a capacity of no form', { nodes: [], resources: { memory: 'much' } }, 'resources.memory '],
    ['a negative capacity', { nodes: [], resources: { memory: -1 } }, 'resources.memory '],
    ['meta that is a text', { nodes: [], meta: 'x' }, 'meta must be object'],
  ])('%s is reported', (_, json, words) => {
    expect(failureOf(json).message).toContain(words);
  });

  test('an edge that names no node is reported with its line', () => {
    expect(failureOf('{"nodes": [{"id": "a"}],\n"edges": [\n["a", "a"],\n["a", "x"]]}').line).toBe(4);
  });

  test('an unknown property is named in one line, whatever is in its name', () => {
    expect(failureOf(lines('{"id": "a", "x\\ny\\u001b": 1}')).message).toContain('node "a"');
    expect(failureOf(lines('{"id": "a", "shell": "x", "env": {"x\\ny": 1}}')).message).toContain('node "a"');
  });

  test('a node with a shell line and a command of nothing does not let the rest pass unread', () => {
    expect(failureOf(lines('{"id": "a", "command": null, "shell": "x"}')).message).toContain('node "a"');
    expect(
      failureOf(lines('{"id": "a", "command": null, "shell": "x"}', '{"id": "b", "dependencies": 5}')).message,
    ).toMatch(/node "[ab]"/);
  });

  test.each([
    ['a word that is none', '{"nodes": [\n{"id": nope}\n\n\n]}', 2],
    ['a comma too many', '{"nodes": [\n{"id": "a"},\n]}\n\n', 3],
    ['a comma too few', '{"nodes": [\n{"id": "a"}\n{"id": "b"}\n\n]}', 3],
    ['a line end in a text', '{"nodes": [\n{"id": "a\n"}\n\n]}', 2],
    ['a cut-off file', '{"nodes": [\n{"id": "a"},\n{"id":', 3],
    ['something after the graph', '{"nodes": []}\n\nmore\n\n', 3],
    ['a comment', '{\n// a comment\n"nodes": []\n}\n\n\n', 2],
    ['single quotes', "{\n\n'nodes': []\n}\n\n\n", 3],
  ])('%s is reported as bad JSON, with the line', (_, text, line) => {
    const failure = failureOf(text);
    expect(failure.message).toMatch(/^not valid JSON: /);
    expect(failure.line).toBe(line);
  });

  test('bad JSON far into a big file is reported with its line', () => {
    const nodes = Array.from({ length: 10_000 }, (_, i) => `{"id": "n${i}"}`);
    nodes[7000] = '{"id": undefined}';
    expect(failureOf(lines(...nodes)).line).toBe(7002);
  });

  test('a file cut off at any letter is reported', () => {
    const whole = written(graphOf('app -> lib util; lib -> core; test:app -> app'));
    for (let length = 0; length < whole.trimEnd().length; length++) failureOf(whole.slice(0, length));
  });
});

describe('writing', () => {
  test('a graph of commands comes back equal', () => {
    const graph = read({
      name: 'g',
      meta: { deep: [{ er: null }] },
      resources: { gpu: 2, memory: '1GiB' },
      nodes: [
        { id: 'a', shell: 'x "y" \\ é\n', cwd: '..', env: { 'A b': '' }, inputs: ['i'], outputs: ['o'], attempts: 2 },
        { id: 'b', command: ['x', '', 'é'], timeout: '1h1m1s', dependencies: ['a', 'c'], resources: { gpu: 1 } },
        { id: 'c', type: 'Test', shell: 'y', timeout: '90s', state: 'BuildError' },
        { id: 'd', type: 'Goal', goalName: 'all', dependencies: ['b', 'c', 'a'] },
        { id: 'e', implicit: true, name: '', type: 'RemoteRun', state: 'Cached' },
      ],
    });
    expect(contentOf(again(graph))).toEqual(contentOf(graph));
  });

  test('an empty graph comes back equal', () => {
    const graph = new GraphBuilder().build();
    expect(contentOf(again(graph))).toEqual(contentOf(graph));
  });

  test('what is written is JSON with one node in a line', () => {
    const text = written(graphOf('app -> lib; test:app -> app'));
    expect(
      text
        .split('\n')
        .slice(1, -2)
        .map((line) => JSON.parse(line.replace(/,$/, '')).id),
    ).toEqual(['app', 'lib', 'test:app']);
    expect(JSON.parse(text).nodes).toHaveLength(3);
  });

  test('a second write gives the same bytes', () => {
    const first = written(graphOf('app -> lib util; lib -> core; test:app -> app; meta:all -> test:app'));
    expect(written(read(first))).toBe(first);
  });

  test('toolkit nodes have their numbers for ids, and every field comes back', () => {
    const graph = toolkitSampleGraph();
    expect(JSON.parse(written(graph)).nodes.map((node: { id: unknown }) => node.id)).toEqual([...Array(14).keys()]);
    expect(contentOf(again(graph), false)).toEqual(contentOf(graph, false));
  });

  test('a toolkit graph keeps the names that people see', () => {
    const graph = toolkitSampleGraph();
    const labels = (of: Graph) => Array.from({ length: of.size }, (_, node) => of.label(node));
    expect(labels(graph)[4]).toBe('A.src.rpm');
    expect(labels(again(graph))).toEqual(labels(graph));
  });

  test('a node without an id of its own never takes that of another', () => {
    const builder = new GraphBuilder();
    builder.addGraph(graphOf('1 -> 2; 2'));
    builder.addNode({ type: NodeType.Goal, state: NodeState.Meta, goalName: 'all' });
    builder.addDependency(2, 0);
    const graph = builder.build();
    expect(contentOf(again(graph), false)).toEqual(contentOf(graph, false));
  });

  test.each([1, 90, 999, 1000, 1500, 60_000, 61_000, 3_600_000, 5_400_000, 0.1, 0.001, 356_400_000, 1e-6])(
    'a timeout of %d ms is written in a form that is read as the same',
    (timeoutMs) => {
      const text = formatDurationText(timeoutMs);
      expect(parseDuration(text)).toBe(timeoutMs);
      const builder = new GraphBuilder();
      builder.addNode({
        type: NodeType.LocalBuild,
        state: NodeState.Build,
        key: 'a',
        command: { shell: 'x', timeoutMs },
      });
      expect(again(builder.build()).command(0)?.timeoutMs).toBe(timeoutMs);
    },
  );
});

describe('DOT and JSON', () => {
  const toDot = (graph: Graph): Buffer => Buffer.concat([...writeToolkitDot(graph)]);

  test('the sample graph is the same DOT before and after a stay in JSON', () => {
    const dot = toDot(toolkitSampleGraph());
    expect(toDot(again(readToolkitDot(dot, 'x'))).toString()).toBe(dot.toString());
  });

  test('nodes without a package, and with one that has no name, are told apart in JSON too', () => {
    const builder = new GraphBuilder();
    builder.addNode({ type: NodeType.RemoteRun, state: NodeState.Cached, hasPackage: true });
    builder.addNode({ type: NodeType.RemoteRun, state: NodeState.Cached, hasPackage: false });
    const dot = toDot(builder.build());
    expect(toDot(again(readToolkitDot(dot, 'x'))).equals(dot)).toBe(true);
  });

  describeWithSharedData('of real graphs', () => {
    test.each(['azurelinux-3.0-core.dot', 'azurelinux-3.0-specs-cached.dot.gz'])('%s is the same', (name) => {
      const bytes = readFileSync(sharedData(name));
      const graph = readToolkitDot(name.endsWith('.gz') ? gunzipSync(bytes) : bytes, name);
      const before = toDot(graph);
      expect(toDot(again(graph)).equals(before)).toBe(true);
    });

    test.each(['toolkit/cycle_before.dot', 'toolkit/cycle_after.dot'])(
      '%s, of the older layout, is the same',
      (name) => {
        const graph = readToolkitDot(readFileSync(sharedData(name)), name);
        expect(toDot(again(graph)).equals(toDot(graph))).toBe(true);
      },
    );
  });
});

describe('graph files', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'graph-files-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const fileOf = (name: string, content: string | Buffer): string => {
    const file = join(folder, name);
    writeFileSync(file, content);
    return file;
  };
  const failureOfFile = (file: string): string => {
    try {
      readGraph(file);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      expect((error as UserError).message).not.toContain('\n');
      expect((error as UserError).message.startsWith(`${file}:`)).toBe(true);
      return (error as UserError).message.slice(file.length);
    }
    throw new Error('expected the read to fail, but it gave a graph');
  };
  const json = '\n {"nodes": [{"id": "a", "shell": "x"}]}';

  test.each([
    ['JSON', Buffer.from(json)],
    ['JSON after a byte order mark', Buffer.from(`\uFEFF${json}`)],
    ['gzipped JSON', gzipSync(json)],
    ['gzipped JSON after a byte order mark', gzipSync(`\uFEFF${json}`)],
  ])('%s is known by its content, whatever the name', (_, bytes) => {
    const graph = readGraph(fileOf('graph.dot', bytes));
    expect(graph.field(0, 'key')).toBe('a');
    expect(graph.info.baseDir).toBe(folder);
  });

  test.each([
    ['DOT', (dot: Buffer) => dot],
    ['gzipped DOT', (dot: Buffer) => gzipSync(dot)],
  ])('%s is known by its content, whatever the name', (_, make) => {
    const dot = Buffer.concat([...writeToolkitDot(toolkitSampleGraph())]);
    expect(readGraph(fileOf('graph.json', make(dot))).size).toBe(14);
  });

  test('a missing file, a folder and an empty file are told apart', () => {
    expect(failureOfFile(join(folder, 'none'))).toBe(': cannot read the graph: no such file or directory');
    expect(failureOfFile(folder)).toBe(': cannot read the graph: is a directory, not a file');
    expect(failureOfFile(fileOf('empty', ''))).toBe(': the file is empty; expected a graph');
  });

  test('a gzip file cut off anywhere is reported', () => {
    const whole = gzipSync(json);
    for (let length = 2; length < whole.length; length++) {
      expect(failureOfFile(fileOf('g.gz', whole.subarray(0, length)))).toMatch(/^: cannot unpack the gzip file/);
    }
  });

  test('a gzip file of nothing is reported', () => {
    failureOfFile(fileOf('g.gz', gzipSync('')));
  });

  test('the name of a file says what is written into it', () => {
    expect(['a.json', 'a.json.gz', 'a.dot', 'a.dot.gz', 'json', 'a.jsonx'].map(formatOf)).toEqual([
      'json',
      'json',
      'toolkit-dot',
      'toolkit-dot',
      'toolkit-dot',
      'toolkit-dot',
    ]);
  });

  test.each(['g.json', 'g.json.gz', 'g.dot', 'g.dot.gz'])('%s is written and read again', (name) => {
    const file = join(folder, name);
    writeGraph(toolkitSampleGraph(), file, formatOf(name));
    expect(readFileSync(file)[0] === 0x1f).toBe(name.endsWith('.gz'));
    expect(contentOf(readGraph(file), false).records).toEqual(contentOf(toolkitSampleGraph(), false).records);
  });

  test('a graph for people has a line for each node and dependency', () => {
    const file = join(folder, 'people.dot');
    writeGraph(graphOf('app -> lib; lib'), file, 'dot');
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('label="app"');
    expect(text).toContain('n0 -> n1');
  });

  test('errors in a JSON file name the file and the line', () => {
    expect(failureOfFile(fileOf('g', '{"nodes": [\n{"id": "a", "dependencies": ["b"]}]}'))).toMatch(
      /^:2: node "a" names "b"/,
    );
  });
});

describe('the notation of tests', () => {
  test('names become builds, tests and meta nodes, numbered as they are named', () => {
    const graph = graphOf('app -> lib util; lib -> core\n test:app -> app; meta:all -> test:app; alone');
    expect(edgesOf(graph)).toEqual([
      'app -> lib',
      'app -> util',
      'lib -> core',
      'test:app -> app',
      'meta:all -> test:app',
    ]);
    expect([...graph.types].map((type) => type)).toEqual([1, 1, 1, 1, 7, 5, 1]);
    expect(nodeOf(graph, 'test:app')).toBe(4);
    expect(() => graphOf('a b -> c')).toThrow('notation');
    expect(() => graphOf('a ->')).toThrow('notation');
  });
});
