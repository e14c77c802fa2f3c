import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readGraph } from '../../src/graph/formats/read-graph';
import { readToolkitDot } from '../../src/graph/formats/toolkit-dot-reader';
import { writeToolkitDot } from '../../src/graph/formats/toolkit-dot-writer';
import { type Graph, GraphBuilder, type NodeRecord } from '../../src/graph/graph';
import {
  NODE_STATE_NAMES,
  NODE_TYPE_NAMES,
  type NodeField,
  NodeState,
  NodeType,
  PACKAGE_FIELDS,
  PATH_FIELDS,
  type PackageField,
} from '../../src/graph/node';
import { UserError } from '../../src/util/user-error';
import { describeWithSharedData, SAMPLE, sharedData, toolkitSampleGraph } from '../support/graphs';

const FILE = 'some/graph.dot';

const written = (graph: Graph): Buffer => Buffer.concat([...writeToolkitDot(graph)]);
const read = (dot: string | Buffer): Graph => readToolkitDot(Buffer.from(dot as string), FILE);
const recordsOf = (graph: Graph): NodeRecord[] => Array.from({ length: graph.size }, (_, node) => graph.record(node));
const edgesOf = (graph: Graph): number[][] =>
  Array.from({ length: graph.size }, (_, node) => [...graph.dependenciesOf(node)].map((to) => [node, to])).flat();
const contentOf = (graph: Graph) => ({ records: recordsOf(graph), edges: edgesOf(graph) });

/** Runs a read that must fail, and checks what every failure must be: the user's, one line, placed, and quick. */
function failureOf(dot: string | Buffer, file = FILE): { message: string; line: number | undefined } {
  const bytes = Buffer.from(dot as string);
  const startedAt = performance.now();
  let error: unknown;
  try {
    readToolkitDot(bytes, file);
  } catch (thrown) {
    error = thrown;
  }
  const tookMs = performance.now() - startedAt;
  if (!(error instanceof UserError)) throw error ?? new Error('expected the read to fail, but it gave a graph');
  expect(error.message).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
  expect(error.message.length).toBeLessThan(400);
  expect(error.message).toMatch(/^some\/graph\.dot:\d+: /);
  expect(tookMs).toBeLessThan(1000);
  return { message: error.message.replace(/^some\/graph\.dot:\d+: /, ''), line: error.place?.line };
}

// An encoder of its own, from the description of the format: what the reader reads must not hang on what the writer writes.
interface GobParts {
  state?: number;
  type?: number;
  /** Null where the node has no package version. */
  pkg?: Partial<Record<PackageField, string>> | null;
  strings?: string[];
  implicit?: boolean | undefined;
  firstTypeId?: number;
}
const uint = (value: number): Buffer => {
  if (value < 128) return Buffer.from([value]);
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex');
  return Buffer.concat([Buffer.from([256 - bytes.length]), bytes]);
};
const int = (value: number): Buffer => uint(value < 0 ? (-value - 1) * 2 + 1 : value * 2);
const str = (text: string): Buffer => Buffer.concat([uint(Buffer.byteLength(text)), Buffer.from(text)]);
const message = (typeId: number, ...body: Buffer[]): Buffer => {
  const payload = Buffer.concat([int(typeId), ...body]);
  return Buffer.concat([uint(payload.length), payload]);
};
const value = (typeId: number, body: Buffer): Buffer => message(typeId, Buffer.from([0]), body);
const bool = (flag: boolean): Buffer => value(1, uint(flag ? 1 : 0));

function gobInner({ state = 2, type = 1, pkg = { name: 'p' }, strings, implicit, firstTypeId = 65 }: GobParts): Buffer {
  const structId = firstTypeId + 2;
  const parts = [bool(pkg !== null)];
  if (pkg) {
    parts.push(structDefinition(firstTypeId));
    let last = -1;
    const fields = PACKAGE_FIELDS.flatMap((field, i) => {
      const text = pkg[field];
      if (!text) return [];
      const delta = i - last;
      last = i;
      return [uint(delta), str(text)];
    });
    parts.push(message(structId, ...fields, uint(0)));
  }
  parts.push(value(2, int(state)), value(2, int(type)));
  for (const text of strings ?? ['s.src.rpm', 'r.rpm', 'p.spec', 'src', 'x86_64', 'repo', ''])
    parts.push(value(6, str(text)));
  if (implicit !== undefined || strings === undefined) parts.push(bool(implicit ?? false));
  return Buffer.concat(parts);
}
function structDefinition(firstTypeId: number): Buffer {
  const structId = firstTypeId + 2;
  const fields = ['Name', 'Version', 'Condition', 'SVersion', 'SCondition'].flatMap((name) => [
    uint(1),
    str(name),
    uint(1),
    int(6),
    uint(0),
  ]);
  const name = [uint(1), str('PackageVer'), uint(1), int(structId), uint(0)];
  return message(-structId, uint(3), uint(1), ...name, uint(1), uint(5), ...fields, uint(0), uint(0));
}
const gobOuter = (inner: Buffer, firstTypeId = 65): Buffer =>
  Buffer.concat([
    message(-firstTypeId, uint(6), uint(1), uint(2), int(firstTypeId + 1), uint(0), uint(0), uint(0)),
    structDefinition(firstTypeId),
    message(firstTypeId, uint(0), uint(inner.length), inner),
  ]);
const gob = (parts: GobParts = {}): string => gobOuter(gobInner(parts), parts.firstTypeId).toString('base64');
const dotOf = (...statements: string[]): string => `strict digraph dependency_graph {\n${statements.join('\n')}\n}`;
const nodeStatement = (name: string, base64 = gob()): string =>
  `"${name}" [\nNodeInBase64="${base64}"\nstyle=filled\n];`;

/** Numbers that are always the same ones. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

describe('the toolkit’s DOT, written', () => {
  test('the sample graph has the shape of the format: header, nodes, a blank line, edges, no last line end', () => {
    const lines = written(toolkitSampleGraph()).toString().split('\n');
    expect(lines.slice(0, 3)).toEqual([
      'strict digraph dependency_graph {',
      '// Node definitions.',
      '"A-1-RUN<Meta> (ID=0,TYPE=Run,STATE=Meta)" [',
    ]);
    expect(lines[3]).toMatch(/^NodeInBase64="[A-Za-z0-9+/]+={0,2}"$/);
    expect(lines.slice(4, 8)).toEqual(['SRPM="A.src.rpm"', 'fillcolor=aquamarine', 'style=filled', '];']);
    expect(lines.slice(-15, -12)).toEqual([
      '',
      '// Edge definitions.',
      '"A-1-RUN<Meta> (ID=0,TYPE=Run,STATE=Meta)" -> "A-1-BUILD<Build> (ID=4,TYPE=Build,STATE=Build)";',
    ]);
    expect(lines.at(-1)).toBe('}');
  });

  test('names follow the toolkit: a remote node shows its versions only where there are two', () => {
    const names = [
      ...written(toolkitSampleGraph())
        .toString()
        .matchAll(/^"(.*)" \[$/gm),
    ].map(([, name]) => name);
    expect(names.slice(8)).toEqual([
      'D--REMOTE<Unresolved> (ID=8,TYPE=Remote,STATE=Unresolved)',
      'D-,<=2-REMOTE<Unresolved> (ID=9,TYPE=Remote,STATE=Unresolved)',
      'D--REMOTE<Unresolved> (ID=10,TYPE=Remote,STATE=Unresolved)',
      'D--REMOTE<Unresolved> (ID=11,TYPE=Remote,STATE=Unresolved)',
      'D--REMOTE<Unresolved> (ID=12,TYPE=Remote,STATE=Unresolved)',
      'D->6,<7-REMOTE<Unresolved> (ID=13,TYPE=Remote,STATE=Unresolved)',
    ]);
  });

  test('goals, meta, test and prebuilt nodes are named and coloured as the toolkit does', () => {
    const builder = new GraphBuilder();
    const pkg = { name: 'p', version: '1' };
    builder.addNode({ type: NodeType.Goal, state: NodeState.Meta, goalName: 'test', srpmPath: '<NO_SRPM_PATH>' });
    builder.addNode({ type: NodeType.PureMeta, state: NodeState.Meta });
    builder.addNode({ type: NodeType.Test, state: NodeState.Build, ...pkg });
    builder.addNode({ type: NodeType.Test, state: NodeState.UpToDate, ...pkg });
    builder.addNode({ type: NodeType.PreBuilt, state: NodeState.UpToDate, ...pkg });
    builder.addNode({ type: NodeType.LocalBuild, state: NodeState.UpToDate, ...pkg });
    builder.addNode({ type: NodeType.LocalBuild, state: NodeState.BuildError, ...pkg });
    builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Delta, ...pkg });
    builder.addNode({ type: NodeType.RemoteRun, state: NodeState.Cached, ...pkg });
    builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Build, ...pkg });
    builder.addNode({ type: NodeType.RemoteRun, state: NodeState.Unresolved, ...pkg });
    const text = written(builder.build()).toString();
    const nodes = [...text.matchAll(/^"(.*)" \[\n.*\nSRPM=(.*)\nfillcolor=(.*)\nstyle=filled\n\];/gm)];
    expect(nodes.map(([, name, srpm, color]) => [name, srpm, color])).toEqual([
      ['test (ID=0,TYPE=Goal,STATE=Meta)', '<NO_SRPM_PATH>', 'deeppink'],
      ['Meta(1) (ID=1,TYPE=PureMeta,STATE=Meta)', '""', 'aquamarine'],
      ['p-1-TEST<Build> (ID=2,TYPE=Test,STATE=Build)', '""', 'gold4'],
      ['p-1-TEST<UpToDate> (ID=3,TYPE=Test,STATE=UpToDate)', '""', 'lime'],
      ['p-1-PREBUILT<UpToDate> (ID=4,TYPE=PreBuilt,STATE=UpToDate)', '""', 'greenyellow'],
      ['p-1-BUILD<UpToDate> (ID=5,TYPE=Build,STATE=UpToDate)', '""', 'forestgreen'],
      ['p-1-BUILD<BuildError> (ID=6,TYPE=Build,STATE=BuildError)', '""', 'darkorange'],
      ['p-1-BUILD<Delta> (ID=7,TYPE=Build,STATE=Delta)', '""', 'gold4'],
      ['p--REMOTE<Cached> (ID=8,TYPE=Remote,STATE=Cached)', '""', 'darkorchid'],
      ['p-1-BUILD<Build> (ID=9,TYPE=Build,STATE=Build)', '""', 'gold'],
      ['p--REMOTE<Unresolved> (ID=10,TYPE=Remote,STATE=Unresolved)', '""', 'crimson'],
    ]);
  });

  test('a node’s gob is the toolkit’s, byte for byte', () => {
    // Of D up to 2 in the toolkit's reference graph.
    const reference = [
      'Cv+BBgEC/4QAAABX/4UDAQEKUGFja2FnZVZlcgH/hgABBQEETmFtZQEMAAEHVmVyc2lvbgEMAAEJQ29uZGl0aW9uAQwAAQhT',
      'VmVyc2lvbgEMAAEKU0NvbmRpdGlvbgEMAAAA/9v/ggD/1gMCAAFX/4UDAQEKUGFja2FnZVZlcgH/hgABBQEETmFtZQEMAAEH',
      'VmVyc2lvbgEMAAEJQ29uZGl0aW9uAQwAAQhTVmVyc2lvbgEMAAEKU0NvbmRpdGlvbgEMAAAADf+GAQFEAwEyAQI8PQADBAAI',
      'AwQACBIMAA91cmw6Ly9ELnNyYy5ycG0ODAALdXJsOi8vRC5ycG0PDAAMdXJsOi8vRC5zcGVjDwwADHVybDovL0Qvc3JjLwwM',
      'AAl0ZXN0X2FyY2gMDAAJdGVzdF9yZXBvAwwAAAMCAAA=',
    ].join('');
    expect(
      written(toolkitSampleGraph())
        .toString()
        .match(/NodeInBase64="(.*)"/g)?.[SAMPLE.DUpTo2],
    ).toBe(`NodeInBase64="${reference}"`);
  });

  test('every type in every state is written and read back as it was', () => {
    const builder = new GraphBuilder();
    for (const type of Object.values(NodeType).slice(1)) {
      for (const state of Object.values(NodeState).slice(1)) {
        builder.addNode({ type, state, implicit: (type + state) % 2 === 0, name: 'n', version: '1' });
        builder.addNode({ type, state, hasPackage: false });
        builder.addNode({ type, state, hasPackage: true });
      }
    }
    const graph = builder.build();
    expect(contentOf(read(written(graph)))).toEqual(contentOf(graph));
  });

  test('an empty graph is written and read back', () => {
    const again = read(written(new GraphBuilder().build()));
    expect([again.size, again.edgeCount]).toEqual([0, 0]);
  });

  test('a graph larger than any of the writer’s chunks is whole', () => {
    const builder = new GraphBuilder();
    const long = 'x'.repeat(1000);
    for (let i = 0; i < 3000; i++) {
      builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Build, name: `${long}${i}`, version: '1' });
      for (let d = 1; d <= Math.min(i, 3); d++) builder.addDependency(i, i - d);
    }
    const graph = builder.build();
    const chunks = [...writeToolkitDot(graph)];
    expect(chunks.length).toBeGreaterThan(5);
    expect(contentOf(read(Buffer.concat(chunks)))).toEqual(contentOf(graph));
  });
});

describe('texts of nodes', () => {
  const roundTrip = (record: Partial<NodeRecord>): NodeRecord => {
    const builder = new GraphBuilder();
    const other = builder.addNode({ type: NodeType.PureMeta, state: NodeState.Meta });
    builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Build, name: 'p', ...record });
    builder.addDependency(1, other);
    const graph = builder.build();
    const again = read(written(graph));
    expect(contentOf(again)).toEqual(contentOf(graph));
    return again.record(1);
  };

  test.each([
    ['double quotes', 'say "hi"'],
    ['a quote at either end', '"quoted"'],
    ['UTF-8 of every length', 'zażółć-日本語-👩‍💻'],
    ['marks of DOT', '{ a -> b; [c=d], // e /* f */ } # g'],
    ['angle brackets', '<b>'],
    ['single backslashes', 'C:\\dir\\file'],
    ['blanks and tabs', ' a\tb '],
    ['a line end', 'a\nb'],
    ['a NUL byte', 'a\0b'],
    ['300 characters', 'long-'.repeat(60)],
    ...[126, 127, 128, 129, 255, 256, 65_535, 65_536].map((length): [string, string] => [
      `${length} bytes`,
      'x'.repeat(length),
    ]),
  ])('%s come through a name and every path', (_, text) => {
    const record = Object.fromEntries([...PACKAGE_FIELDS, ...PATH_FIELDS].map((field) => [field, text]));
    const back = roundTrip(record);
    for (const field of [...PACKAGE_FIELDS, ...PATH_FIELDS]) expect(back[field as NodeField]).toBe(text);
  });

  test('an SRPM path that ends in a backslash comes through', () => {
    expect(roundTrip({ srpmPath: 'C:\\srpms\\' }).srpmPath).toBe('C:\\srpms\\');
  });

  test('a backslash before a quote comes through', () => {
    expect(roundTrip({ name: 'a\\"b', srpmPath: 'a\\"b' }).name).toBe('a\\"b');
  });

  test('an SRPM path that only looks like DOT’s <…> comes through', () => {
    expect(roundTrip({ srpmPath: '<a> -> <b>' }).srpmPath).toBe('<a> -> <b>');
    expect(roundTrip({ srpmPath: '<<>' }).srpmPath).toBe('<<>');
  });

  test('random texts of awkward characters come through', () => {
    const random = seeded(7);
    const letters = [
      '"',
      '\\',
      '<',
      '>',
      ' ',
      '\n',
      ';',
      '-',
      '=',
      ']',
      '}',
      '/',
      '*',
      '#',
      'é',
      '漢',
      '💥',
      'a',
      '0',
      '.',
      '_',
    ];
    const failed: string[] = [];
    for (let i = 0; i < 500; i++) {
      const text = Array.from({ length: 1 + random(6) }, () => letters[random(letters.length)]).join('');
      const builder = new GraphBuilder();
      builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Build, name: text, version: text, srpmPath: text });
      builder.addNode({ type: NodeType.Goal, state: NodeState.Meta, goalName: text });
      builder.addDependency(1, 0);
      const graph = builder.build();
      try {
        expect(contentOf(read(written(graph)))).toEqual(contentOf(graph));
      } catch {
        failed.push(text);
      }
    }
    expect(failed).toEqual([]);
  });
});

describe('the gob inside a node', () => {
  const sample: GobParts = {
    state: NodeState.Cached,
    type: NodeType.RemoteRun,
    pkg: { name: 'lib(x)', version: '2', condition: '>=', sVersion: '3', sCondition: '<' },
    strings: ['s', 'r', 'p', 'd', 'a', 'o', 'g'],
    implicit: true,
  };
  const sampleRecord = {
    type: NodeType.RemoteRun,
    state: NodeState.Cached,
    hasPackage: true,
    implicit: true,
    name: 'lib(x)',
    version: '2',
    condition: '>=',
    sVersion: '3',
    sCondition: '<',
    srpmPath: 's',
    rpmPath: 'r',
    specPath: 'p',
    sourceDir: 'd',
    architecture: 'a',
    sourceRepo: 'o',
    goalName: 'g',
  };

  test.each([64, 65, 66, 70, 127, 128, 300])('any numbering of its types is accepted: from %i on', (firstTypeId) => {
    expect(read(dotOf(nodeStatement('n', gob({ ...sample, firstTypeId })))).record(0)).toEqual(sampleRecord);
  });

  test('a node without a package has none', () => {
    const { name, version, condition, sVersion, sCondition, ...expected } = sampleRecord;
    const graph = read(dotOf(nodeStatement('n', gob({ ...sample, pkg: null }))));
    expect(graph.record(0)).toEqual({ ...expected, hasPackage: false });
  });

  test('the older layout, without RPM path and implicit flag, is recognised', () => {
    const older = gob({ ...sample, strings: ['s', 'p', 'd', 'a', 'o', 'g'], implicit: undefined });
    const { rpmPath, implicit, ...expected } = sampleRecord;
    expect(read(dotOf(nodeStatement('n', older))).record(0)).toEqual(expected);
  });

  test.each([
    ['five texts', { strings: ['1', '2', '3', '4', '5'] }],
    ['seven texts and no flag', { strings: ['1', '2', '3', '4', '5', '6', '7'] }],
    ['eight texts', { strings: ['1', '2', '3', '4', '5', '6', '7', '8'], implicit: true }],
    ['six texts and a flag', { strings: ['1', '2', '3', '4', '5', '6'], implicit: true }],
  ])('%s are no layout', (_, parts) => {
    expect(failureOf(dotOf(nodeStatement('n', gob(parts)))).message).toMatch(/^node "n": NodeInBase64: /);
  });

  test.each([
    [0, 2, 'type 0'],
    [8, 2, 'type 8'],
    [-1, 2, 'type -1'],
    [2 ** 40, 2, 'type 1099511627776'],
    [1, 0, 'state 0'],
    [1, 8, 'state 8'],
    [1, -5, 'state -5'],
  ])('type %i in state %i is reported with the node', (type, state, what) => {
    const { message, line } = failureOf(dotOf('', nodeStatement('n', gob({ type, state }))));
    expect(message).toBe(`node "n" has the unknown ${what}`);
    expect(line).toBe(3);
  });

  test('a struct field that the toolkit does not have is reported', () => {
    const struct = message(67, uint(6), str('x'), uint(0));
    const inner = Buffer.concat([bool(true), struct, value(2, int(2)), value(2, int(1))]);
    expect(failureOf(dotOf(nodeStatement('n', gobOuter(inner).toString('base64')))).message).toContain('unknown field');
  });

  test.each([
    ['longer than its message', 1],
    ['shorter than its message, as if of the older layout', -9],
  ])('an inner stream that says it is %s is reported', (_, more) => {
    const inner = gobInner(sample);
    const outer = message(65, uint(0), uint(inner.length + more), inner);
    expect(failureOf(dotOf(nodeStatement('n', outer.toString('base64')))).message).toContain('cut off');
  });

  test.each([
    [
      'a text',
      (inner: Buffer) =>
        Buffer.concat([inner.subarray(0, -9), message(6, uint(0), uint(3), Buffer.from('go')), bool(true)]),
    ],
    [
      'the package’s name',
      () => Buffer.concat([bool(true), message(67, uint(1), uint(9), Buffer.from('lib')), bool(true)]),
    ],
  ])('%s that says it is longer than its message is reported, and does not take in what follows', (_, damage) => {
    const dot = dotOf(nodeStatement('n', gobOuter(damage(gobInner(sample))).toString('base64')));
    expect(failureOf(dot).message).toContain('a gob string is cut off');
  });

  test('gob cut off at any byte is reported, never read', () => {
    const whole = Buffer.from(gob(sample), 'base64');
    for (let length = 0; length < whole.length; length++) {
      const { message } = failureOf(dotOf(nodeStatement('n', whole.subarray(0, length).toString('base64'))));
      expect(message).toMatch(/^node "n"/);
    }
  });

  test('an inner stream cut off at any byte, in an outer one that is whole, is the user’s error or an older node', () => {
    const inner = gobInner(sample);
    const olderEnds: number[] = [];
    for (let length = 0; length < inner.length; length++) {
      const dot = dotOf(nodeStatement('n', gobOuter(inner.subarray(0, length)).toString('base64')));
      try {
        read(dot);
        olderEnds.push(length);
      } catch {
        failureOf(dot);
      }
    }
    // Six texts and then nothing is just what an older toolkit wrote.
    expect(olderEnds).toEqual([inner.length - value(6, str('g')).length - bool(true).length]);
  });

  test('base64 cut off at any letter is reported, never read', () => {
    const whole = gob(sample);
    for (let length = 0; length < whole.length; length++) {
      failureOf(dotOf(nodeStatement('n', whole.slice(0, length))));
    }
  });

  test.each([
    ['a letter that is none', (text: string) => `!${text.slice(1)}`],
    ['a blank in it', (text: string) => `${text.slice(0, 8)} ${text.slice(9)}`],
    ['padding in the middle', (text: string) => `${text.slice(0, 8)}====${text.slice(8)}`],
    ['too little padding', (text: string) => text.replace(/=+$/, '')],
    ['nothing', () => ''],
    ['only padding', () => '===='],
  ])('base64 with %s is reported', (_, damage) => {
    const padded = gob({ pkg: { name: 'p' } });
    expect(padded).toMatch(/=$/);
    expect(failureOf(dotOf(nodeStatement('n', damage(padded)))).message).toContain('not valid base64');
  });

  test('base64 of the URL alphabet is not the toolkit’s and is reported', () => {
    const text = gob();
    expect(text).toContain('/');
    expect(failureOf(dotOf(nodeStatement('n', text.replaceAll('/', '_').replaceAll('+', '-')))).message).toContain(
      'not valid base64',
    );
  });
});

describe('DOT as others write it', () => {
  const a = gob({ pkg: { name: 'a' } });
  const b = gob({ pkg: { name: 'b' } });
  const c = gob({ pkg: { name: 'c' } });
  const namesAndEdges = (dot: string) => {
    const graph = read(dot);
    return {
      names: recordsOf(graph).map((record) => record.name),
      edges: edgesOf(graph).map((pair) => pair.join('>')),
    };
  };
  const abc = { names: ['a', 'b', 'c'], edges: ['0>1', '1>2'] };
  const plain = [`a [NodeInBase64="${a}"]`, `b [NodeInBase64="${b}"]`, `c [NodeInBase64="${c}"]`];

  test.each([
    ['as it is', dotOf(...plain, 'a -> b', 'b -> c')],
    ['with semicolons', dotOf(`${plain.join(';')};;`, 'a -> b; b -> c;')],
    ['with a chain of edges', dotOf(...plain, 'a -> b -> c')],
    ['with edge attributes', dotOf(...plain, 'a -> b -> c [color=red, weight=2; style="x"]')],
    ['with every edge twice', dotOf(...plain, 'a -> b -> c', 'a -> b', 'b -> c;')],
    ['in one line', dotOf(...plain, 'a -> b -> c').replaceAll('\n', ' ')],
    ['with CR LF', dotOf(...plain, 'a -> b', 'b -> c').replaceAll('\n', '\r\n')],
    ['with comments', dotOf('// x "', '/* a -> b [ " */', '# c -> "a', ...plain, 'a -> /* ; */ b // x', 'b -> c')],
    ['with quoted ids', dotOf(...plain, '"a" -> "b" -> "c"')],
    [
      'with defaults for nodes and edges',
      dotOf('graph [rankdir=LR]; node [shape=box]', 'edge []', 'rankdir=LR', ...plain, 'a -> b -> c'),
    ],
    ['without strict and name', dotOf(...plain, 'a -> b -> c').replace('strict digraph dependency_graph', 'digraph')],
    ['with a quoted name', dotOf(...plain, 'a -> b -> c').replace('dependency_graph', '"my graph"')],
    ['in capitals', dotOf(...plain, 'a -> b -> c').replace('strict digraph', 'STRICT DiGraph')],
    [
      'with attributes in any order, with commas, in several lists',
      dotOf(
        `a [style=filled,NodeInBase64="${a}",SRPM="x ] ; } -> y"]`,
        `b [SRPM=<NO_SRPM_PATH>;"NodeInBase64"="${b}";fillcolor="#fff"]`,
        `c [style=filled] [unknown=1.5] [NodeInBase64="${c}"]`,
        'a -> b -> c',
      ),
    ],
    ['with a blank after the last brace', `${dotOf(...plain, 'a -> b -> c')}\n// the end\n`],
    ['without blanks where none are needed', `digraph{${plain.join(';').replaceAll(' [', '[')}a->b;b->c}`],
  ])('is read %s', (_, dot) => {
    expect(namesAndEdges(dot)).toEqual(abc);
  });

  test('a comment ends at the first end mark after its start mark', () => {
    expect(namesAndEdges(dotOf('/*/ a -> b " */', ...plain, 'a -> b -> c'))).toEqual(abc);
  });

  test('an edge may name a node before it is defined', () => {
    expect(namesAndEdges(dotOf('a -> b -> c', ...plain))).toEqual(abc);
  });

  test('a byte order mark does not matter', () => {
    expect(namesAndEdges(`\uFEFF${dotOf(...plain, 'a -> b -> c')}`)).toEqual(abc);
  });

  test('names with escaped quotes, angle brackets and UTF-8 tell nodes apart', () => {
    const names = ['x\\"y', 'two backslashes: \\\\', '<x>', '日本', '日本語', 'a -> b', ''];
    const graph = read(
      dotOf(
        ...names.map((name) => nodeStatement(name)),
        ...names.slice(1).map((name, i) => `"${names[i]}" -> "${name}"`),
      ),
    );
    expect(edgesOf(graph)).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 4],
      [4, 5],
      [5, 6],
    ]);
  });

  test('nodes are numbered as they appear, whatever ids their names claim', () => {
    const graph = read(
      dotOf(nodeStatement('x (ID=7,TYPE=Build,STATE=Build)', a), nodeStatement('y (ID=0,TYPE=Build,STATE=Build)', b)),
    );
    expect(recordsOf(graph).map((record) => record.name)).toEqual(['a', 'b']);
  });
});

describe('a file that is wrong', () => {
  const n = nodeStatement('n');

  test.each([
    ['an empty file', '', 1, 'expected a toolkit graph'],
    ['blanks only', ' \n\n ', 3, 'expected a toolkit graph'],
    ['another language', '<html>\n</html>', 1, 'expected a toolkit graph'],
    ['an undirected graph', 'graph g {\n}', 1, 'expected a toolkit graph'],
    ['no brace', 'digraph g\n', 2, "expected '{'"],
    ['an undefined node of an edge', dotOf(n, '"n" -> "m";'), 6, 'an edge names the node "m"'],
    ['an undefined node that begins an edge', dotOf(n, '', '"m" -> "n";'), 7, 'an edge names the node "m"'],
    ['a node defined twice', dotOf(n, n), 6, 'node "n" is defined twice, first at line 2'],
    ['a node without attributes', dotOf(n, 'm;'), 6, 'node "m" has no NodeInBase64 attribute'],
    ['a node without the attribute', dotOf('m [\nSRPM="x"\n]'), 2, 'node "m" has no NodeInBase64 attribute'],
    ['an unclosed quote', dotOf(n, '"n -> n'), 6, 'not closed'],
    ['an unclosed <', dotOf(n, '"n" -> "n" [x=<a<b>'), 6, 'not closed'],
    ['an edge to nowhere', dotOf(n, '"n" -> ;'), 6, 'expected a node after ->'],
    ['an attribute without a value', dotOf('"n" [x]'), 2, 'expected = after'],
    ['an attribute without a name', dotOf('"n" [="x"]'), 2, 'expected an attribute'],
    ['an attribute with a mark for a value', dotOf('"n" [x=]'), 2, "expected an attribute's value"],
    ['a subgraph', dotOf(n, 'subgraph cluster { "n" }'), 6, 'subgraph'],
    ['a second graph', `${dotOf(n)}\ndigraph more {}`, 7, 'expected the end of the file'],
    ['a mark where a node should be', dotOf(n, ']'), 6, "expected a node or an edge, found ']'"],
    ['an unclosed comment', dotOf(n, '/* }'), 7, 'cut off'],
    ['a byte that is not DOT', dotOf(n, '\u0001'), 6, 'this is not a DOT file'],
  ])('%s is reported with its line', (_, dot, line, words) => {
    const failure = failureOf(dot);
    expect(failure.message).toContain(words);
    expect(failure.line).toBe(line);
  });

  test('a wrong node in the middle of a file is reported with the line of its name', () => {
    const good = Array.from({ length: 50 }, (_, i) => nodeStatement(`n${i}`));
    good[30] = nodeStatement('bad one', 'AAAA');
    const { message, line } = failureOf(dotOf(...good));
    expect(message).toMatch(/^node "bad one": NodeInBase64: /);
    expect(line).toBe(2 + 30 * 4);
  });

  test('a name with line ends and terminal codes is shown in one line, without them', () => {
    expect(failureOf(dotOf('"a\n\u001b[31mb\u0000\u0085" [x=y]')).message).toContain('"a?b??"');
  });

  test('a very long name is shown shortened', () => {
    const { message } = failureOf(dotOf(`"${'x'.repeat(100_000)}" [x=y]`));
    expect(message.length).toBeLessThan(250);
  });

  const MB10 = 10 * 2 ** 20;
  test.each([
    ['a NodeInBase64 of 10 MB of wrong letters', () => dotOf(nodeStatement('n', '!'.repeat(MB10)))],
    ['a NodeInBase64 of 10 MB of zero bytes', () => dotOf(nodeStatement('n', 'A'.repeat(MB10)))],
    ['a NodeInBase64 of 10 MB of gob messages of one byte', () => dotOf(nodeStatement('n', 'AQEB'.repeat(MB10 / 4)))],
    ['a 10 MB name without a definition', () => dotOf(`"${'x'.repeat(MB10)}"`)],
    ['10 MB of backslashes in a quote that is not closed', () => dotOf(`"${'\\'.repeat(MB10)}"x`)],
    ['10 MB of escaped quotes in a quote that is not closed', () => dotOf(`"${'\\"'.repeat(MB10 / 2)}`)],
    ['10 MB of <', () => dotOf(`x [a=${'<'.repeat(MB10)}`)],
    ['10 MB of [', () => dotOf('['.repeat(MB10))],
    ['10 MB of blanks', () => `digraph {${' '.repeat(MB10)}`],
    ['10 MB of line ends', () => `digraph {${'\n'.repeat(MB10)}x`],
    ['10 MB of commas among attributes', () => dotOf(`x [${','.repeat(MB10)}`)],
    ['10 MB of lists of attributes', () => dotOf(`x ${'[]'.repeat(MB10 / 2)}`)],
    ['10 MB of an unclosed comment', () => dotOf(`/*${'*'.repeat(MB10)}`)],
    ['10 MB of one word', () => 'x'.repeat(MB10)],
  ])('%s are reported within a second', (_, make) => {
    failureOf(make());
  });

  test('a 10 MB text in a good node is read and written again', () => {
    const builder = new GraphBuilder();
    const big = 'x'.repeat(MB10);
    builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Build, name: 'n', version: '1', sourceDir: big });
    const again = read(written(builder.build()));
    expect(again.field(0, 'sourceDir') === big).toBe(true);
  });

  test('a file cut off at any byte is reported', () => {
    const whole = written(toolkitSampleGraph());
    for (let length = 0; length < whole.length; length += 37) failureOf(whole.subarray(0, length));
    failureOf(whole.subarray(0, whole.length - 1));
  });

  test('a file cut off is reported with the line where it ends', () => {
    const whole = written(toolkitSampleGraph()).toString();
    const cut = whole.slice(0, whole.indexOf('fillcolor', 2000) + 'fillcolor='.length);
    expect(failureOf(cut)).toEqual({
      message: "the file ends within a node's attributes; it is cut off",
      line: cut.split('\n').length,
    });
  });

  test('a cut-off file is called cut off, wherever in the graph it ends', () => {
    const whole = written(toolkitSampleGraph());
    const otherWords = new Set<string>();
    for (let length = whole.indexOf('{') + 1; length < whole.length; length++) {
      const { message } = failureOf(whole.subarray(0, length));
      if (!message.includes('cut off')) otherWords.add(message.replace(/".*"/, '"…"').replace(/line \d+/, 'line …'));
    }
    expect([...otherWords]).toEqual([]);
  });

  test('whatever bytes are changed, the graph is read or the error is the user’s', () => {
    const random = seeded(20260428);
    const reference = written(toolkitSampleGraph());
    let readAnyway = 0;
    for (let i = 0; i < 2000; i++) {
      const bytes = mutated(reference, random, i);
      try {
        const graph = readToolkitDot(bytes, FILE);
        readAnyway++;
        // What has been read can be written and read again.
        expect(graph.size).toBeLessThanOrEqual(14);
        expect(contentOf(read(written(graph)))).toEqual(contentOf(graph));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        failureOf(bytes);
      }
    }
    // Neither all were refused nor all accepted: the changes do reach the gob.
    expect(readAnyway).toBeGreaterThan(50);
    expect(readAnyway).toBeLessThan(1900);
  });
});

/** One of four kinds of damage: flipped bits, random bytes, bytes lost or doubled; each also within the gob of one node. */
function mutated(reference: Buffer, random: (below: number) => number, i: number): Buffer {
  const damage = (bytes: Buffer): Buffer => {
    const changed = Buffer.from(bytes);
    const at = random(changed.length);
    switch (random(4)) {
      case 0:
        changed[at] = (changed[at] as number) ^ (1 << random(8));
        return changed;
      case 1:
        for (let n = 1 + random(4); n > 0; n--) changed[random(changed.length)] = random(256);
        return changed;
      case 2:
        return Buffer.concat([changed.subarray(0, at), changed.subarray(at + 1 + random(5))]);
      default:
        return Buffer.concat([changed.subarray(0, at + random(20)), changed.subarray(at)]);
    }
  };
  if (i % 2 === 0) return damage(reference);
  const text = reference.toString('latin1');
  const nodes = [...text.matchAll(/NodeInBase64="([^"]+)"/g)];
  const [, encoded = ''] = nodes[random(nodes.length)] as RegExpMatchArray;
  return Buffer.from(text.replace(encoded, damage(Buffer.from(encoded, 'base64')).toString('base64')), 'latin1');
}

describeWithSharedData('the toolkit’s own files', () => {
  const PYTHON_READER = sharedData('../tools/toolkit_dot.py');
  const hasPython = spawnSync('python3', ['--version']).status === 0;
  const whenPython = hasPython ? test : test.skip;

  interface PythonNode {
    id: number;
    type: string;
    state: string;
    name?: string;
    version?: string;
    cond?: string;
    sversion?: string;
    scond?: string;
    srpm?: string;
    rpm?: string;
    spec?: string;
    sourceDir?: string;
    arch?: string;
    sourceRepo?: string;
    goal?: string;
    implicit?: boolean;
  }
  interface PythonGraph {
    nodes: PythonNode[];
    edges: [number, number][];
  }
  const decodeWithPython = (file: string): PythonGraph => {
    const { stdout, stderr, status } = spawnSync('python3', [PYTHON_READER, 'decode', file], { maxBuffer: 2 ** 28 });
    if (status !== 0) throw new Error(`the independent reader failed: ${stderr}`);
    return JSON.parse(stdout.toString()) as PythonGraph;
  };
  /** A graph in the words of the independent reader. */
  const inItsWords = (graph: Graph): PythonGraph => ({
    nodes: Array.from({ length: graph.size }, (_, id) => {
      const f = (field: NodeField) => graph.field(id, field);
      const pkg = {
        name: f('name'),
        version: f('version'),
        cond: f('condition'),
        sversion: f('sVersion'),
        scond: f('sCondition'),
      };
      return {
        ...(graph.hasPackage(id) ? pkg : {}),
        state: NODE_STATE_NAMES[graph.state(id)] as string,
        type: NODE_TYPE_NAMES[graph.type(id)] as string,
        srpm: f('srpmPath'),
        rpm: f('rpmPath'),
        spec: f('specPath'),
        sourceDir: f('sourceDir'),
        arch: f('architecture'),
        sourceRepo: f('sourceRepo'),
        goal: f('goalName'),
        implicit: graph.isImplicit(id),
        id,
      };
    }),
    edges: edgesOf(graph) as [number, number][],
  });
  const expectSame = (ours: PythonGraph, theirs: PythonGraph) => {
    expect(ours.nodes.length).toBe(theirs.nodes.length);
    // One comparison of texts for a node: toEqual over hundreds of thousands of values would take minutes.
    const sorted = (node: PythonNode) => JSON.stringify(Object.entries(node).sort());
    const wrong = ours.nodes.findIndex((node, i) => sorted(node) !== sorted(theirs.nodes[i] as PythonNode));
    expect(wrong < 0 ? undefined : ours.nodes[wrong]).toEqual(wrong < 0 ? undefined : theirs.nodes[wrong]);
    const inOrder = (edges: [number, number][]) => [...edges].sort((x, y) => x[0] - y[0] || x[1] - y[1]).join(' ');
    expect(ours.edges.length).toBe(theirs.edges.length);
    expect(inOrder(ours.edges) === inOrder(theirs.edges)).toBe(true);
  };

  describe('the reference graph', () => {
    const file = sharedData('toolkit/test_graph_reference.dot');

    test('is written again byte for byte', () => {
      const bytes = readFileSync(file);
      expect(bytes.length).toBe(8790);
      expect(written(readToolkitDot(bytes, file)).equals(bytes)).toBe(true);
    });

    test('is what our sample graph is written as, byte for byte', () => {
      expect(written(toolkitSampleGraph()).toString()).toBe(readFileSync(file, 'utf8'));
    });

    test('holds the sample graph', () => {
      expect(contentOf(readGraph(file))).toEqual(contentOf(toolkitSampleGraph()));
    });
  });

  describe.each([
    ['azurelinux-3.0-core.dot', 'azurelinux-3.0-core.json', 715, 2903],
    ['azurelinux-3.0-core-cached.dot', 'azurelinux-3.0-core.json', 715, 2903],
    ['azurelinux-3.0-specs.dot.gz', 'azurelinux-3.0-specs.json.gz', 30_167, 275_370],
    ['azurelinux-3.0-specs-cached.dot.gz', 'azurelinux-3.0-specs.json.gz', 30_167, 275_370],
    ['azurelinux-3.0.dot.gz', 'azurelinux-3.0.json.gz', 48_111, 409_464],
  ])('%s', (name, jsonName, size, edgeCount) => {
    const cached = name.includes('cached');

    let graph: Graph;
    beforeAll(() => {
      graph = readGraph(sharedData(name));
    });

    test(`has the nodes and edges of ${jsonName}`, () => {
      const bytes = readFileSync(sharedData(jsonName));
      const json = JSON.parse((jsonName.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()) as PythonGraph;
      expect([graph.size, graph.edgeCount]).toEqual([size, edgeCount]);
      const ours = inItsWords(graph);
      const shortened = ours.nodes.map((node) => inTheFewerWordsOf(node, cached));
      const told = json.nodes.map((node) => tellTheToolkitsWay(node, cached));
      expectSame({ nodes: shortened, edges: ours.edges }, { nodes: told, edges: json.edges });
    });

    if (name.includes('core') || cached) {
      whenPython('has the nodes and edges that the independent reader finds in it', () => {
        expectSame(inItsWords(graph), decodeWithPython(sharedData(name)));
      });
    }

    if (name.includes('core') || size > 40_000) {
      test('is the same graph after it is written and read again', () => {
        expectSame(inItsWords(readToolkitDot(written(graph), name)), inItsWords(graph));
      });
    }
  });

  /** What the JSON files tell of a node, with what they leave to the reader said: conditions and the fetcher's states. */
  function tellTheToolkitsWay(node: PythonNode, cached: boolean): PythonNode {
    const { id, type, arch, srpm, spec, implicit } = node;
    const state = cached && node.state === 'Unresolved' ? 'Cached' : node.state;
    if (type === 'Goal') return { id, type, state, goal: node.name as string };
    if (type === 'PureMeta') return { id, type, state };
    const { name, version = '', sversion = '', scond = '' } = node;
    const told = { id, type, state, name: name as string, version, sversion, scond, implicit: implicit ?? false };
    if (type === 'RemoteRun') return { ...told, cond: node.cond ?? '' };
    return { ...told, arch: arch as string, srpm: `/${srpm}`, spec: `/${spec}`, rpm: node.rpm ? `/${node.rpm}` : '' };
  }

  /** Our node, cut down to what the JSON files tell. */
  function inTheFewerWordsOf(node: PythonNode, cached: boolean): PythonNode {
    const { id, type, state, name, version, sversion, scond, implicit } = node;
    if (type === 'Goal') return { id, type, state, goal: node.goal as string };
    if (type === 'PureMeta') return { id, type, state };
    const told = { id, type, state, name, version, sversion, scond, implicit } as PythonNode;
    const ending = (path: string | undefined, parts: number) => `/${path?.split('/').slice(-parts).join('/')}`;
    if (type === 'RemoteRun') {
      if (cached && state === 'Cached') expect(node.rpm).toMatch(/^\/azl\/cache\//);
      return { ...told, cond: node.cond as string };
    }
    return {
      ...told,
      arch: node.arch as string,
      srpm: ending(node.srpm, 1),
      spec: node.spec?.replace('/azl', '') as string,
      rpm: node.rpm === '<NO_RPM_PATH>' ? '' : ending(node.rpm, 2),
    };
  }

  describe('documentation graphs in the older layout', () => {
    const nodesOf = (file: string) =>
      recordsOf(readGraph(sharedData(file))).map(
        ({ type, state, name, version, condition, srpmPath, specPath, architecture }) =>
          [
            NODE_TYPE_NAMES[type],
            NODE_STATE_NAMES[state],
            name,
            condition,
            version,
            srpmPath,
            specPath,
            architecture,
          ].join(' '),
      );
    const run = (name: string, dir: string) =>
      `LocalRun Meta ${name} = 1 /path/to/${dir}/${dir}.src.rpm /path/to/${dir}/${dir}.spec noarch`;
    const build = (name: string, dir: string) => run(name, dir).replace('LocalRun Meta', 'LocalBuild Build');

    test('the graph before the cycle is resolved has its 8 nodes and 8 edges', () => {
      expect(nodesOf('toolkit/cycle_before.dot')).toEqual([
        run('A-a', 'a'),
        build('A-a', 'a'),
        run('A-b', 'a'),
        build('A-b', 'a'),
        run('B', 'b'),
        build('B', 'b'),
        run('C', 'c'),
        build('C', 'c'),
      ]);
      expect(readGraph(sharedData('toolkit/cycle_before.dot')).edgeCount).toBe(8);
    });

    test('the graph after it has a meta node more', () => {
      const graph = readGraph(sharedData('toolkit/cycle_after.dot'));
      expect([graph.size, graph.edgeCount]).toEqual([9, 8]);
      expect([...graph.types].filter((type) => type === NodeType.PureMeta)).toHaveLength(1);
      expect(recordsOf(graph).every(({ rpmPath, implicit }) => rpmPath === undefined && !implicit)).toBe(true);
    });

    test('written anew they have today’s layout and the same nodes', () => {
      const graph = readGraph(sharedData('toolkit/cycle_before.dot'));
      expect(contentOf(read(written(graph)))).toEqual(contentOf(graph));
    });
  });

  describe('what we write', () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'toolkit-dot-'));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    whenPython('is read by the independent reader with the same content', () => {
      const file = join(folder, 'core-cached.dot');
      const graph = readGraph(sharedData('azurelinux-3.0-core-cached.dot'));
      writeFileSync(file, written(graph));
      expectSame(inItsWords(graph), decodeWithPython(file));
    });

    whenPython('is what the independent writer writes, byte for byte', () => {
      const json = join(folder, 'sample.json');
      const graph = readGraph(sharedData('azurelinux-3.0-core.dot'));
      writeFileSync(json, JSON.stringify(inItsWords(graph)));
      const { stdout } = spawnSync('python3', [PYTHON_READER, 'encode', json], { maxBuffer: 2 ** 28 });
      expect(written(graph).equals(stdout)).toBe(true);
    });

    whenPython('is read by it where names hold quotes and UTF-8', () => {
      const builder = new GraphBuilder();
      builder.addNode({
        type: NodeType.LocalBuild,
        state: NodeState.Build,
        name: 'say "hi"',
        version: '日本',
        srpmPath: 'é',
      });
      builder.addNode({ type: NodeType.LocalRun, state: NodeState.Meta, name: 'b', version: '1' });
      builder.addDependency(0, 1);
      const graph = builder.build();
      const file = join(folder, 'names.dot');
      writeFileSync(file, written(graph));
      expectSame(inItsWords(graph), decodeWithPython(file));
    });
  });
});
