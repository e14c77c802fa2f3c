import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { type CommandSpec, NodeState, NodeType } from '../../src/graph/node';
import { makeTempDir, removeTempDir } from '../support/command';
import { type Asked, runUnderRule } from './content-run';

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => removeTempDir(dir));

interface Command extends CommandSpec {
  readonly needs?: readonly string[];
}

function graphOfCommands(commands: Readonly<Record<string, Command>>): Graph {
  const builder = new GraphBuilder({ baseDir: dir });
  const nodes = new Map<string, number>();
  for (const [key, { needs, ...command }] of Object.entries(commands)) {
    const type = key.startsWith('test:') ? NodeType.Test : NodeType.LocalBuild;
    const node = builder.addNode({
      type,
      state: NodeState.Build,
      key,
      command: { command: ['make', key], ...command },
    });
    nodes.set(key, node);
    for (const need of needs ?? []) builder.addDependency(node, nodes.get(need) as number);
  }
  return builder.build();
}

const write = (path: string, content: string) => {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), content);
};

/** A command writes to each of its outputs the first line of each of its inputs; an output that ends in a slash is a folder. */
function run(commands: Readonly<Record<string, Command>>, asked: Asked = {}) {
  const graph = graphOfCommands(commands);
  return runUnderRule(
    graph,
    join(dir, '.spanwright/fingerprints.ndjson'),
    async ({ node }) => {
      const { inputs = [], outputs = [], cwd = '.' } = graph.command(node) as CommandSpec;
      const lines = inputs
        .filter((input) => input.includes('.'))
        .map((input) => readFileSync(resolve(dir, cwd, input), 'utf8').split('\n')[0]);
      for (const output of outputs)
        write(output.endsWith('/') ? `${output}file` : output, `${graph.label(node)} ${lines.join(' ')}`);
      return { ok: true, builtFiles: outputs };
    },
    asked,
  );
}

const LINKED = {
  a: { inputs: ['a.c'], outputs: ['a.o'] },
  b: { inputs: ['b.c'], outputs: ['b.o'] },
  app: { needs: ['a', 'b'], inputs: [], outputs: ['app'] },
};

describe('a command', () => {
  beforeEach(() => {
    write('a.c', 'one\n');
    write('b.c', 'two\n');
  });

  test('is not run again while nothing that it is made from changes', async () => {
    const first = await run(LINKED);
    expect(first.lines).toEqual(['a built', 'app built', 'b built']);
    expect(first.reasons.a).toBe('its output a.o is not there');
    const { lines, reasons } = await run(LINKED);
    expect(lines).toEqual(['a cached', 'app cached', 'b cached']);
    expect(reasons.a).toBe('its outputs are there, and nothing that it is made from has changed');
  });

  test('runs again where an input changes, and what needs it where its output changes', async () => {
    await run(LINKED);
    write('a.c', 'another\n');
    const { lines, reasons } = await run(LINKED);
    expect(lines).toEqual(['a built', 'app built', 'b cached']);
    expect(reasons.a).toBe('its input a.c changed');
    expect(reasons.app).toBe('a, which it needs, changed');
  });

  test('that makes the same output keeps what needs it from running', async () => {
    await run(LINKED);
    write('a.c', 'one\n// a remark\n');
    expect((await run(LINKED)).lines).toEqual(['a built', 'app cached', 'b cached']);
  });

  test.each<[string, Partial<Command>, string]>([
    ['its words change', { command: ['make', '-j2', 'a'] }, 'its command changed'],
    ['it becomes a line of shell', { command: undefined, shell: 'make a' }, 'its command changed'],
    ['a variable is new', { env: { CFLAGS: '-O2' } }, 'its variable CFLAGS is new'],
    ['it has another input', { inputs: ['a.c', 'b.c'] }, 'its input b.c is new'],
    ['it has no such input any more', { inputs: [] }, 'its input a.c is gone'],
  ])('runs again where %s', async (_, change, reason) => {
    await run({ a: LINKED.a });
    const { reasons } = await run({ a: { ...LINKED.a, ...change } });
    expect(reasons.a).toBe(reason);
    expect((await run({ a: { ...LINKED.a, ...change } })).lines).toEqual(['a cached']);
  });

  test('does not run again for another limit of time, attempts or memory', async () => {
    await run({ a: LINKED.a });
    const { lines } = await run({ a: { ...LINKED.a, timeoutMs: 5, attempts: 3, resources: { memory: 9 } } });
    expect(lines).toEqual(['a cached']);
  });

  test('runs again where an output is gone, or another than it made', async () => {
    await run({ a: LINKED.a });
    write('a.o', 'tampered with');
    expect((await run({ a: LINKED.a })).reasons.a).toBe('a.o is not as it was made');
    rmSync(join(dir, 'a.o'));
    expect((await run({ a: LINKED.a })).reasons.a).toBe('its output a.o is not there');
  });

  test('runs again where a script may no longer be run', async () => {
    await run({ a: LINKED.a });
    chmodSync(join(dir, 'a.c'), 0o755);
    expect((await run({ a: LINKED.a })).reasons.a).toBe('its input a.c changed');
  });

  test('that names no outputs always runs, and says why; what needs it goes by what it is made from', async () => {
    const commands = { check: { inputs: ['a.c'] }, app: { needs: ['check'], inputs: [], outputs: ['app'] } };
    await run(commands);
    const { lines, reasons } = await run(commands);
    expect(lines).toEqual(['app cached', 'check built']);
    expect(reasons.check).toBe('it names no outputs, so it always runs');
    write('a.c', 'another\n');
    expect((await run(commands)).reasons.app).toBe('check, which it needs, changed');
  });

  test('that names no inputs always runs, and says what to do', async () => {
    const commands = { a: { outputs: ['a.o'] } };
    await run(commands);
    expect((await run(commands)).reasons.a).toBe(
      'it names no inputs, so nobody can tell whether they changed ("inputs": [] says that it has none)',
    );
  });

  test('that is a test needs no outputs: that it passed is one', async () => {
    const commands = { 'test:a': { inputs: ['a.c'] } };
    expect((await run(commands, { failing: ['test:a'] })).lines).toEqual(['test:a built']);
    expect((await run(commands)).lines).toEqual(['test:a built']);
    expect((await run(commands)).lines).toEqual(['test:a cached']);
    write('a.c', 'another\n');
    expect((await run(commands)).reasons['test:a']).toBe('its input a.c changed');
  });

  test('sees what a command before it has written, although that names no such output', async () => {
    const commands = {
      generate: { inputs: ['a.c'], outputs: ['generate.stamp', 'generated.h'] },
      app: { needs: ['generate'], inputs: ['generated.h'], outputs: ['app'] },
    };
    const silent = { ...commands, generate: { ...commands.generate, outputs: ['generate.stamp'] } };
    await run(commands);
    await run(silent);
    write('a.c', 'another\n');
    const graph = graphOfCommands(silent);
    const { lines, reasons } = await runUnderRule(
      graph,
      join(dir, '.spanwright/fingerprints.ndjson'),
      async ({ label }) => {
        if (label === 'generate') write('generated.h', 'newly generated');
        write(label === 'generate' ? 'generate.stamp' : 'app', 'the same');
        return { ok: true, builtFiles: [] };
      },
    );
    expect(lines).toEqual(['app built', 'generate built']);
    expect(reasons.app).toBe('its input generated.h changed (and 1 more)');
  });

  test('that is in two folders of the same graph is two commands', async () => {
    mkdirSync(join(dir, 'x'));
    const at = (cwd: string) => ({ a: { inputs: [], outputs: ['a.o'], cwd } });
    await run(at('.'));
    write('x/a.o', 'from elsewhere');
    expect((await run(at('x'))).reasons.a).toBe('nothing is known of an earlier run of it');
    expect((await run(at('.'))).lines).toEqual(['a cached']);
  });
});

describe('a folder', () => {
  const commands = { a: { inputs: ['src'], outputs: ['src/out.o', 'dist/'] } };
  beforeEach(() => {
    write('src/main.c', 'one');
    write('src/deep/er/util.c', 'two');
  });

  test('that is an input counts with all of its files, but for those that commands write', async () => {
    await run(commands);
    expect((await run(commands)).lines).toEqual(['a cached']);
    write('src/deep/er/util.c', 'changed');
    expect((await run(commands)).reasons.a).toBe('its input src/deep/er/util.c changed');
    write('src/new.c', '');
    expect((await run(commands)).reasons.a).toBe('its input src/new.c is new');
    rmSync(join(dir, 'src/new.c'));
    expect((await run(commands)).reasons.a).toBe('its input src/new.c is gone');
  });

  test('that is an input leaves out what the tools keep for themselves', async () => {
    await run(commands);
    write('src/.git/index', 'x');
    write('src/.spanwright/runs/1/events.ndjson', 'x');
    expect((await run(commands)).lines).toEqual(['a cached']);
  });

  test('that is an input counts with its links, also those that lead nowhere or in a circle', async () => {
    symlinkSync('nowhere', join(dir, 'src/link'));
    symlinkSync('.', join(dir, 'src/circle'));
    symlinkSync('self', join(dir, 'src/self'));
    symlinkSync('main.c', join(dir, 'src/alias.c'));
    await run(commands);
    expect((await run(commands)).lines).toEqual(['a cached']);
    rmSync(join(dir, 'src/link'));
    symlinkSync('elsewhere', join(dir, 'src/link'));
    expect((await run(commands)).reasons.a).toBe('its input src/link changed');
  });

  test('that is an output is as it was made only while all of its files are', async () => {
    await run(commands);
    write('dist/another', 'x');
    expect((await run(commands)).reasons.a).toBe('dist is not as it was made');
    rmSync(join(dir, 'dist'), { recursive: true });
    expect((await run(commands)).reasons.a).toBe('its output dist is not there');
  });
});

test('variables are kept as digests, for they may be secrets', async () => {
  const commands = {
    a: { inputs: [], outputs: ['a.o'], env: { TOKEN: 'hunter2hunter2' }, command: ['curl', 'hunter3'] },
  };
  await run(commands);
  const store = readFileSync(join(dir, '.spanwright/fingerprints.ndjson'), 'utf8');
  expect(store).toContain('variable TOKEN');
  expect(store).not.toMatch(/hunter[23]/);
});
