import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GraphBuilder } from '../../src/graph/graph';
import { makeTempDir, removeTempDir, runCommand } from '../support/command';
import { packageGraph, type SamplePackage, shellWorker, ToolkitRun } from '../support/toolkit-run';

/* What the flags of the toolkit's scheduler do, and how its command line is written: one test for each habit. */

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => removeTempDir(dir));

const PASS = 'echo "CHECK DONE $name. EXIT STATUS 0" > "$log"';
const CHAIN = { a: { test: true }, b: { needs: ['a'], test: true }, c: { needs: ['b'] }, other: { test: true } };
const packages = (graph: Readonly<Record<string, SamplePackage>> = CHAIN, worker = PASS) =>
  new ToolkitRun(dir, packageGraph(graph, join(dir, 'rpms')), shellWorker(dir, worker));
const lines = (stderr: string) =>
  stderr
    .split('\n')
    .filter(Boolean)
    .map((line) => line.replace(/^[A-Z]{4}\[\d{4}\]\[scheduler\] /, ''));
/** Names of the packages, as they were started. */
const started = (kind: 'Building' | 'Testing', stderr: string) =>
  lines(stderr).flatMap((line) =>
    line.startsWith(`${kind}: `) ? [line.slice(kind.length + 2).replace(/-1\.0.*/, '')] : [],
  );
const write = (name: string, content: unknown) => {
  writeFileSync(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content));
  return join(dir, name);
};
const scheduler = (...args: string[]) => runCommand('scheduler', args, { cwd: dir });

describe('the command line', () => {
  test.each([
    [
      'nothing',
      [],
      /^scheduler: error: required flag --input not provided, nor --output, .*--build-agent, try --help\n$/,
    ],
    ['an argument', ['x'], /^scheduler: error: unexpected x, try --help\n$/],
    ['a short flag', ['-x'], /^scheduler: error: unknown short flag '-x', try --help\n$/],
    [
      'a flag that begins with a dash as a value',
      ['--workers', '-1'],
      /^scheduler: error: expected argument for flag '--workers', try --help\n$/,
    ],
    ['@ alone', ['@'], /^scheduler: error: expected @ file to expand arguments from, try --help\n$/],
    [
      'a file of arguments that is not there',
      ['@none'],
      /^scheduler: error: failed to open arguments file "none": no such file or directory, try --help\n$/,
    ],
  ])('with %s is refused', async (_, args, expected) => {
    const { code, stdout, stderr } = await scheduler(...args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(expected);
  });

  test.each([['--help'], ['--help-long'], ['-h'], ['--workers=many', '--help']])(
    '%s helps, and that is no failure',
    async (...args) => {
      const { code, stdout, stderr } = await scheduler(...args);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^usage: scheduler --input=/);
    },
  );

  test('the version is told before what is wrong behind it', async () => {
    const { code, stdout } = await scheduler('--version', '--nonsense');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+/)]);
  });

  test('may stand in a file, one argument a line, beside remarks', async () => {
    const run = packages();
    write(
      'args',
      `# what the build needs\n${run.flags({ packages: undefined, tests: undefined }).join('\r\n')}\n--packages\na b\n--tests=a\n`,
    );
    const { code, stderr } = await scheduler('@args', '--no-stop-on-failure');
    expect(started('Building', stderr)).toEqual(['a', 'b']);
    expect(code).toBe(0);
  });

  test.each([
    ['8h', 0],
    ['1h30m', 0],
    ['1.5h', 0],
    ['90', 1],
    ['1d', 1],
    ['9999999h', 1],
  ])('--timeout=%s ends with %d', async (timeout, expected) => {
    expect((await packages({ a: {} }).run({ timeout })).code).toBe(expected);
  });

  test.each(['0x1', '0b1', '1', '1_0', '18446744073709551615'])(
    '--max-cascading-rebuilds=%s is a number',
    async (value) => {
      expect((await packages({ a: {} }).run({ 'max-cascading-rebuilds': value })).code).toBe(0);
    },
  );
});

describe('the lists', () => {
  test('are parted by any blanks', async () => {
    const { stderr } = await packages().run({ packages: '  a\t other\n b ', tests: 'a' });
    expect(started('Building', stderr).sort()).toEqual(['a', 'b', 'other']);
  });

  test('that are empty, or blank, ask for everything', async () => {
    const { stderr } = await packages().run({ packages: '', 'rebuild-packages': ' ', tests: '\t' });
    expect(started('Building', stderr).sort()).toEqual(['a', 'b', 'c', 'other']);
    expect(started('Testing', stderr).sort()).toEqual(['a', 'b', 'other']);
  });

  test('tell every name that nobody knows, each wrapping text on a line of its own', async () => {
    const { code, stderr } = await packages().run({ packages: 'nosuch a', 'rebuild-packages': 'neither' });
    expect(stderr).toMatch(/^FATA\[\d{4}\]\[scheduler\] Failed to generate package list with error:\n/);
    expect(lines(stderr)).toEqual([
      'Failed to generate package list with error:',
      'failed to find nodes for the packages from the build list:',
      'failed to find package (nosuch) in the dependency graph',
      'failed to find nodes for the packages from the re-built list:',
      'failed to find package (neither) in the dependency graph',
    ]);
    expect(code).toBe(1);
  });

  test('of rebuilds alone restrict the build to themselves', async () => {
    const { stderr } = await packages().run({ 'rebuild-packages': 'other', tests: 'other' });
    expect(started('Building', stderr)).toEqual(['other']);
  });
});

describe('--image-config-file', () => {
  const config = (system: object) => write('image.json', { SystemConfigs: [{ Name: 'Standard', ...system }] });

  test('adds the packages of the image that are made here, and their tests', async () => {
    write('list.json', { packages: ['a', 'glibc'] });
    const image = config({
      PackageLists: ['list.json'],
      Packages: ['b >= 1.0'],
      KernelOptions: { _remark: 'c', default: 'kernel' },
    });
    const { code, stderr } = await packages().run({ 'image-config-file': image, 'log-level': 'debug' });
    expect(started('Building', stderr)).toEqual(['a', 'b']);
    expect(started('Testing', stderr)).toEqual(['a', 'b']);
    for (const name of ['glibc', 'kernel']) expect(stderr).toContain(`Found external package to filter out: ${name}:`);
    expect(code).toBe(0);
  });

  test('adds to the other lists', async () => {
    const image = config({ Packages: ['other'] });
    const { stderr } = await packages().run({ 'image-config-file': image, packages: 'a', tests: 'a' });
    expect(started('Building', stderr).sort()).toEqual(['a', 'other']);
    expect(started('Testing', stderr).sort()).toEqual(['a', 'other']);
  });

  test('takes its lists from --base-dir', async () => {
    const image = config({ PackageLists: ['list.json'] });
    const run = packages();
    write('logs/list.json', { packages: ['a'] });
    const { stderr } = await run.run({ 'image-config-file': image, 'base-dir': join(dir, 'logs'), tests: 'a' });
    expect(started('Building', stderr)).toEqual(['a']);
  });

  test('that is wrong ends the run, and says where', async () => {
    const image = config({ Packages: ['a', 'b =='] });
    const { code, stderr } = await packages().run({ 'image-config-file': image });
    expect(lines(stderr)).toEqual([
      'Failed to generate package list with error:',
      'failed to extract packages from the image config, error:',
      `${image}:1: packages list entry "b ==" does not match the '[name][optional_condition][optional_version]' format`,
    ]);
    expect(code).toBe(1);
  });
});

describe('--version-order', () => {
  /** Two versions of p, of which the toolkit takes the release candidate for the later one. */
  const candidates = () => {
    const graph = packageGraph({ final: {}, candidate: {} }, join(dir, 'rpms'));
    const builder = new GraphBuilder(graph.info);
    for (let node = 0; node < graph.size; node++) {
      const record = graph.record(node);
      const version = { final: '2.0', candidate: '2.0~rc1' }[record.name ?? ''];
      builder.addNode(version === undefined ? record : { ...record, name: 'p', version });
    }
    for (let node = 0; node < graph.size; node++) {
      for (const dependency of graph.dependenciesOf(node)) builder.addDependency(node, dependency);
    }
    return new ToolkitRun(dir, builder.build(), shellWorker(dir, PASS));
  };

  test.each([
    [undefined, 'candidate'],
    ['toolkit', 'candidate'],
    ['rpm', 'final'],
  ])('%s: the highest version is the %s', async (order, expected) => {
    const { stderr } = await candidates().run({ packages: 'p', 'version-order': order });
    expect(started('Building', stderr)).toEqual([expected]);
    expect(stderr.includes("rpm's order of versions chooses another package than the toolkit's")).toBe(order === 'rpm');
  });
});

describe('what else a run leaves', () => {
  test('--timestamp-file holds a line for the start and one for the end of each step', async () => {
    const { code } = await packages().run({ packages: 'b', tests: 'a', 'timestamp-file': join(dir, 'times.jsonl') });
    const records = readFileSync(join(dir, 'times.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const ended = records.filter(({ EventType }) => EventType === 1);
    const nameOf = new Map(records.map(({ ID, Name }) => [ID, Name]));
    expect(ended.map(({ Name, ParentID }) => `${nameOf.get(ParentID) ?? '-'}: ${Name}`).sort()).toEqual([
      '-: scheduler',
      'build packages: a-1.0-1.src.rpm',
      'build packages: a-1.0-1.src.rpm (test)',
      'build packages: b-1.0-1.src.rpm',
      'scheduler: build packages',
      'scheduler: read graph',
      'scheduler: write reports',
    ]);
    expect(records).toHaveLength(2 * ended.length);
    const times = records.map(({ EventType, StartTime, EndTime }) => Date.parse(EventType === 0 ? StartTime : EndTime));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(code).toBe(0);
  });

  test('--timestamp-file that cannot be written changes nothing of the build', async () => {
    const { code, stderr } = await packages({ a: {} }).run({ 'timestamp-file': join(dir, 'none', 'times') });
    expect(stderr).toContain(`cannot write ${join(dir, 'none', 'times')}`);
    expect(code).toBe(0);
  });

  test('profiles are written, each into its own file', async () => {
    const { code, stderr } = await packages().run({
      'enable-cpu-prof': true,
      'cpu-prof-file': join(dir, 'cpu'),
      'enable-mem-prof': true,
      'mem-prof-file': join(dir, 'mem'),
      'enable-trace': true,
      'trace-file': join(dir, 'trace'),
    });
    const read = (name: string) => JSON.parse(readFileSync(join(dir, name), 'utf8'));
    expect(read('cpu').nodes.length).toBeGreaterThan(0);
    expect(read('mem').head.callFrame.functionName).toBe('(root)');
    expect(read('trace').traceEvents.length).toBeGreaterThan(0);
    expect(stderr).not.toContain('profil');
    expect(code).toBe(0);
  });

  test('a profile without a file is a warning, and the build goes on', async () => {
    const { code, stderr } = await packages({ a: {} }).run({ 'enable-mem-prof': true });
    expect(stderr).toContain('Could not start profiling: --enable-mem-prof needs --mem-prof-file');
    expect(code).toBe(0);
  });
});

test('a graph that a build has left is refused, as it has the goal already', async () => {
  const run = packages();
  await run.run({ packages: 'a', tests: 'a' });
  const { code, stderr } = await run.run({ input: run.outputFile });
  expect(stderr).toContain("can't have two goal nodes named PackagesToBuild");
  expect(code).toBe(1);
});

test('a graph that cannot be read is told with the place', async () => {
  const run = packages();
  const broken = write('broken.dot', 'strict digraph dependency_graph {\n"a" [\n');
  const { code, stderr } = await run.run({ input: broken });
  expect(lines(stderr)[0]).toBe('Failed to read DOT graph with error:');
  expect(lines(stderr)[1]).toContain(broken);
  expect(code).toBe(1);
});
