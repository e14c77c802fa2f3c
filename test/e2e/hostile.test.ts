import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { encode } from '../../src/graph/formats/read-graph';
import { type CommandResult, makeTempDir, removeTempDir, runCommand } from '../support/command';
import { toolkitSampleGraph } from '../support/graphs';
import { packageGraph, ToolkitRun } from '../support/toolkit-run';

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => removeTempDir(dir));

const SLOWEST_MS = 5000;
const sample = () => Buffer.concat([...encode(toolkitSampleGraph(), 'toolkit-dot')]).toString();
const firstNode = (text: string) => /NodeInBase64="([^"]+)"/.exec(text)?.[1] as string;
/** The sample graph with the gob of its first node changed. */
const withGob = (change: (gob: Buffer) => Buffer) => {
  const text = sample();
  const encoded = firstNode(text);
  return text.replace(encoded, change(Buffer.from(encoded, 'base64')).toString('base64'));
};
/** The sample graph with the int values of state (first) or type (second) of its first node changed. */
const withInt = (which: 0 | 1, value: number) =>
  withGob((gob) => {
    const changed = Buffer.from(gob);
    let at = -1;
    for (let i = 0; i <= which; i++) at = changed.indexOf(Buffer.from([0x03, 0x04, 0x00]), at + 1);
    changed[at + 3] = value * 2;
    return changed;
  });
const json = (value: unknown) => JSON.stringify(value);
const command = (id: string, ...dependencies: string[]) => ({ id, shell: 'echo ran >> ran', dependencies });

function random(length: number): Buffer {
  let state = 12345;
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return state >>> 24;
    }),
  );
}

/** Files that are no graphs, and what is to be said of each. */
const BAD: readonly (readonly [string, () => string | Buffer, RegExp])[] = [
  ['an empty file', () => '', /the file is empty/],
  ['blanks alone', () => ' \n\n', /expected a toolkit graph/],
  ['random bytes', () => random(4096), /./],
  [
    'random bytes behind a good beginning',
    () => Buffer.concat([Buffer.from('strict digraph g {\n'), random(4096)]),
    /bad:\d+: /,
  ],
  ['zero bytes', () => Buffer.alloc(1 << 16), /bad:1: /],
  ['a file cut off within a node', () => sample().slice(0, 1000), /bad:\d+: .*cut off/],
  ['a file cut off before its last brace', () => sample().slice(0, -2), /bad:\d+: .*cut off/],
  ['text after the graph', () => `${sample()}\nmore`, /bad:\d+: expected the end of the file after the graph/],
  ['another DOT file', () => 'digraph g { a -> b; }', /bad:1: an edge names the node "a", which is not defined/],
  ['a node without its gob', () => 'digraph g { "a" [label=x]; }', /bad:1: node "a" has no NodeInBase64 attribute/],
  ['a gob that is cut off', () => withGob((gob) => gob.subarray(0, 60)), /bad:\d+: node "A-1-RUN.*NodeInBase64: /],
  ['a gob of noise', () => withGob(() => random(90)), /bad:\d+: node "A-1-RUN.*NodeInBase64: /],
  [
    'a gob with a length beyond all memory',
    () => withGob((gob) => Buffer.concat([Buffer.from([0xf8, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), gob])),
    /NodeInBase64: /,
  ],
  [
    'wrong base64',
    () => sample().replace(firstNode(sample()), '!!!not base64!!!'),
    /NodeInBase64: is not valid base64/,
  ],
  [
    'base64 without its end',
    () => sample().replace(firstNode(sample()), firstNode(sample()).slice(0, -3)),
    /NodeInBase64: is not valid base64/,
  ],
  [
    'ten megabytes of nothing in a node',
    () => sample().replace(firstNode(sample()), 'A'.repeat(10_000_000)),
    /NodeInBase64: /,
  ],
  ['a node of an unknown type', () => withInt(1, 9), /node "A-1-RUN.* has the unknown type 9/],
  ['a node of an unknown state', () => withInt(0, 9), /node "A-1-RUN.* has the unknown state 9/],
  [
    'a node that stands there twice',
    () => sample().replace(/("A-1-RUN[\s\S]*?\];\n)/, '$1$1'),
    /node "A-1-RUN.* is defined twice, first at line \d+/,
  ],
  [
    'an edge to nowhere',
    () => sample().replace(/\}$/, '"A-1-RUN<Meta> (ID=0,TYPE=Run,STATE=Meta)" -> "zz";\n}'),
    /an edge names the node "zz", which is not defined/,
  ],
  ['a gzip file that is cut off', () => gzipSync(sample()).subarray(0, 800), /cannot unpack the gzip file: /],
  [
    'a gzip file of noise',
    () => Buffer.concat([Buffer.from([0x1f, 0x8b]), random(500)]),
    /cannot unpack the gzip file: /,
  ],
  ['a gzip file of nothing', () => gzipSync(''), /./],
  ['JSON that is cut off', () => '{"nodes":[{"id":"a"', /bad:1: not valid JSON: /],
  ['JSON of something else', () => '[1,2,3]', /bad: the graph must be object/],
  ['JSON of nodes that are none', () => json({ nodes: [null, 3] }), /bad: nodes\.0 must be object/],
  ['JSON that is nested without end', () => '['.repeat(200_000), /not valid JSON|too deep|nested/],
  ['JSON with a field that nobody knows', () => json({ nodes: [{ id: 'a', comand: ['x'] }] }), /node "a": .*comand/],
  [
    'JSON with an id twice',
    () => json({ nodes: [{ id: 'a' }, { id: 'b' }, { id: 'a' }] }),
    /node "a" is defined twice/,
  ],
  [
    'JSON with a type that there is not',
    () => json({ nodes: [{ id: 'a', type: 'Build' }] }),
    /node "a": type .*LocalBuild/,
  ],
  [
    'JSON with an edge to nowhere',
    () => json({ nodes: [{ id: 'a', dependencies: ['constructor'] }] }),
    /node "a" names "constructor", which is not in the graph/,
  ],
  [
    'JSON with a command and a shell line',
    () => json({ nodes: [{ id: 'a', command: ['x'], shell: 'x' }] }),
    /node "a" has both a command and a shell line/,
  ],
  [
    'JSON with a zero byte in a command, which no program can be given',
    () => json({ nodes: [{ id: 'a', command: ['echo', 'a\0b'] }] }),
    /node "a": .*(zero|NUL|null|pattern)/i,
  ],
  ['JSON with an empty command', () => json({ nodes: [{ id: 'a', command: [] }] }), /node "a": command /],
];

/** The commands read graphs in one way. So these are enough for those that only look. */
const BAD_ENOUGH = [
  'an empty file',
  'random bytes',
  'a gob that is cut off',
  'wrong base64',
  'a gzip file that is cut off',
  'JSON that is cut off',
  'JSON with an id twice',
];

type Run = (file: string) => Promise<CommandResult>;
const COMMANDS: Readonly<Record<string, Run>> = {
  scheduler: (file) => new ToolkitRun(dir, toolkitSampleGraph(), '/bin/true').run({ input: file }),
  'spanwright build': (file) => runCommand('spanwright', ['build', file], { cwd: dir }),
  'spanwright graph convert': (file) =>
    runCommand('spanwright', ['graph', 'convert', file, '--to', 'json', '--output', 'converted'], { cwd: dir }),
  'spanwright graph stats': (file) => runCommand('spanwright', ['graph', 'stats', file], { cwd: dir }),
};

/** One line that says what is wrong, no stack trace, exit code 1, and soon; nothing was built or written. */
function expectRefusal(name: string, { code, stdout, stderr, ms }: CommandResult, message: RegExp): void {
  const text = stderr.replace(/^INFO.*\n/gm, '');
  const head = name === 'scheduler' ? /^(FATA\[\d{4}\]\[scheduler\]|scheduler: error:) / : /^spanwright: error: /;
  expect([name, text]).toEqual([name, expect.stringMatching(head)]);
  expect([name, text]).toEqual([name, expect.stringMatching(message)]);
  // The toolkit's own words for a graph that cannot be read have a line of their own.
  const lines = text.includes('Failed to read DOT graph with error:\n') ? 3 : 2;
  expect([name, text.split('\n').length, text.length < 700, stdout]).toEqual([name, lines, true, '']);
  expect([name, text]).toEqual([name, expect.not.stringMatching(/^ +at |Internal error/m)]);
  expect([name, text.replace(/[\t\n]/g, '')]).toEqual([name, expect.not.stringMatching(/\p{Cc}/u)]);
  expect([name, code]).toEqual([name, 1]);
  expect([name, ms < SLOWEST_MS ? 'soon' : ms]).toEqual([name, 'soon']);
  for (const file of ['converted', 'ran', 'state.csv', 'built.dot'])
    expect([name, file, existsSync(join(dir, file))]).toEqual([name, file, false]);
}

describe.each(Object.keys(COMMANDS))('%s', (name) => {
  const run = COMMANDS[name] as Run;

  const looksOnly = name.startsWith('spanwright graph');
  const bad = BAD.filter(([what]) => !looksOnly || BAD_ENOUGH.includes(what));
  test.each(bad)('refuses %s in one line', async (_, content, message) => {
    writeFileSync(join(dir, 'bad'), content());
    expectRefusal(name, await run('bad'), message);
  });

  test('refuses a file that is not there', async () => {
    expectRefusal(name, await run('none'), /none.*(no such file or directory|does not exist)/);
  });

  test('refuses a folder', async () => {
    mkdirSync(join(dir, 'folder'));
    // For `spanwright build` a folder is one of spec files.
    expectRefusal(name, await run('folder'), /folder.*(is a directory|no spec file in this folder)/);
  });

  test('refuses a socket', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(dir, 'socket'), resolve));
    try {
      expectRefusal(name, await run('socket'), /socket: cannot read the graph: /);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test('refuses a file that may not be read', async () => {
    // No mode stops root; but nobody can read what has no memory at its beginning.
    const isRoot = process.getuid?.() === 0;
    const file = isRoot ? '/proc/self/mem' : 'secret';
    if (!isRoot) {
      writeFileSync(join(dir, 'secret'), sample());
      chmodSync(join(dir, 'secret'), 0);
    }
    expectRefusal(name, await run(file), /cannot read the graph: (permission denied|EIO)/);
  });

  test('reads over ten megabytes in an attribute that only people read', async () => {
    writeFileSync(join(dir, 'large.dot'), sample().replace('SRPM="A.src.rpm"', `SRPM="${'x'.repeat(10_000_000)}"`));
    const { stderr, ms } = await run('large.dot');
    expect(stderr).not.toMatch(/large\.dot:\d+/);
    expect(stderr).not.toMatch(/^ +at /m);
    expect(ms).toBeLessThan(SLOWEST_MS);
  });
});

describe('a graph with a cycle', () => {
  const CYCLE = {
    nodes: [command('free'), command('a', 'b'), command('b', 'c'), command('c', 'a'), command('d', 'a')],
  };

  test('of commands is shown as a circle, and nothing is built', async () => {
    writeFileSync(join(dir, 'graph.json'), json(CYCLE));
    for (const more of [[], ['--dry-run']]) {
      const result = await runCommand('spanwright', ['build', 'graph.json', ...more], { cwd: dir });
      expectRefusal('spanwright build', result, /circle: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c) /);
    }
    expect(existsSync(join(dir, 'ran'))).toBe(false);
  });

  test('of commands keeps the rest from being built only where that needs it', async () => {
    writeFileSync(join(dir, 'graph.json'), json(CYCLE));
    const { code } = await runCommand('spanwright', ['build', 'graph.json', 'free'], { cwd: dir });
    expect([code, existsSync(join(dir, 'ran'))]).toEqual([0, true]);
  });

  test('of a node that needs itself is refused', async () => {
    writeFileSync(join(dir, 'graph.json'), json({ nodes: [command('a', 'a')] }));
    const result = await runCommand('spanwright', ['build', 'graph.json'], { cwd: dir });
    expectRefusal('spanwright build', result, /a -> a/);
  });

  test('of packages is shown as a circle by the scheduler, and nothing is built', async () => {
    const graph = packageGraph({ a: { needs: ['b'] }, b: { needs: ['a'] }, free: {} }, join(dir, 'rpms'));
    const run = new ToolkitRun(dir, graph, '/bin/true');
    const { code, stderr, ms } = await run.run();
    expect(stderr).toMatch(
      /^FATA\[\d{4}\]\[scheduler\] unfixable circular dependency in dependency graph \(\{.*\}\)$[\s\S]* {2}a \(build\) needs b, b \(build\) needs a$/m,
    );
    expect(stderr).not.toMatch(/^ +at |Building: /m);
    expect([code, readdirSync(join(dir, 'logs'))]).toEqual([1, []]);
    expect(ms).toBeLessThan(SLOWEST_MS);
  });

  test('of a hundred thousand nodes is found without running out of stack', async () => {
    const size = 100_000;
    const nodes = Array.from({ length: size }, (_, i) => ({
      id: `n${i}`,
      dependencies: [`n${(i + 1) % size}`],
      type: 'LocalBuild',
    }));
    writeFileSync(join(dir, 'graph.json'), json({ nodes }));
    const { code, stderr } = await runCommand('spanwright', ['build', 'graph.json', '--build-agent', 'test-agent'], {
      cwd: dir,
    });
    expect(stderr).toMatch(/^spanwright: error: the graph cannot be built/);
    expect(stderr.length).toBeLessThan(5000);
    expect(code).toBe(1);
  });

  test('can be measured and converted, and its circle is shown', async () => {
    writeFileSync(join(dir, 'graph.json'), json(CYCLE));
    const graph = (...args: string[]) => runCommand('spanwright', ['graph', ...args], { cwd: dir });
    expect(await graph('stats', 'graph.json')).toMatchObject({ code: 0, stderr: '' });
    expect(await graph('convert', 'graph.json', '--to', 'json', '--output', 'converted')).toMatchObject({ code: 0 });
    const { code, stdout } = await graph('cycles', 'graph.json');
    expect(stdout).toMatch(/a[\s\S]*b[\s\S]*c/);
    expect(code).toBe(1);
  });
});

describe('names in a graph', () => {
  test('that no file may have, or that mean something to a shell or a terminal, do no harm', async () => {
    const ids = [
      '../../../escape',
      '/etc/absolute',
      '$(touch hacked)',
      '`touch hacked`',
      '-rf',
      'a\nb',
      '\u001b[31mred',
      '__proto__',
      'constructor',
      ' ',
      'ä'.repeat(300),
    ];
    writeFileSync(join(dir, 'graph.json'), json({ nodes: ids.map((id) => ({ id, shell: 'echo ran >> ran' })) }));
    const { code, stderr } = await runCommand('spanwright', ['build', 'graph.json'], { cwd: dir });
    expect(code).toBe(0);
    expect(readdirSync(dir).sort()).toEqual(['.spanwright', 'graph.json', 'ran']);
    expect(readdirSync(join(dir, '.spanwright/runs/latest/logs'))).toHaveLength(ids.length);
    expect(stderr).not.toContain('\u001b');
  });
});

describe('places that cannot be written', () => {
  const build = (...args: string[]) => {
    writeFileSync(join(dir, 'graph.json'), json({ nodes: [command('a')] }));
    return runCommand('spanwright', ['build', 'graph.json', ...args], { cwd: dir });
  };

  test('a folder of runs that is a file is refused before anything is built', async () => {
    writeFileSync(join(dir, 'file'), '');
    expectRefusal(
      'spanwright build',
      await build('--runs-dir', 'file'),
      /file\/.*(is not a directory|file already exists)/,
    );
  });

  test('a collector that nobody runs does not fail the build', async () => {
    const { code, ms } = await build('--otlp-endpoint', 'http://127.0.0.1:9');
    expect([code, existsSync(join(dir, 'ran'))]).toEqual([0, true]);
    expect(ms).toBeLessThan(20_000);
  });

  test.each(['not a url', 'ftp://host', 'http://', 'http://host:99999'])(
    'a collector at %j is refused or does no harm',
    async (endpoint) => {
      const { code, stderr } = await build('--otlp-endpoint', endpoint);
      expect(stderr).not.toMatch(/^ +at |Internal error/m);
      expect([0, 1]).toContain(code);
    },
  );
});
