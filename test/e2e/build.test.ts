import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { VERSION } from '../../src/util/version';
import {
  type CommandOptions,
  eventually,
  isAlive,
  makeTempDir,
  type RunningCommand,
  removeTempDir,
  runCommand,
  startCommand,
} from '../support/command';

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => removeTempDir(dir));

interface Node {
  readonly id: string | number;
  readonly [field: string]: unknown;
}

const graphOf = (...nodes: readonly Node[]) => {
  writeFileSync(join(dir, 'graph.json'), JSON.stringify({ name: 'sample', nodes }, null, 1));
  return 'graph.json';
};
const spanwright = (args: readonly string[], options: Partial<CommandOptions> = {}) =>
  runCommand('spanwright', args, { cwd: dir, ...options });
const build = (args: readonly string[] = [], options?: Partial<CommandOptions>) =>
  spanwright(['build', 'graph.json', ...args], options);
const startBuild = (args: readonly string[] = []): RunningCommand =>
  startCommand('spanwright', ['build', 'graph.json', ...args], { cwd: dir });

const read = (name: string) => readFileSync(join(dir, name), 'utf8');
const here = (name: string) => existsSync(join(dir, name));
const lines = (text: string) => text.split('\n').filter(Boolean);
const pidIn = (name: string) => Number(read(name));

interface Results {
  readonly status: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly jobs: readonly Readonly<Record<string, string | number | null>>[];
}
const results = (run = 'latest') => JSON.parse(read(`.spanwright/runs/${run}/results.json`)) as Results;
const statuses = (of = results()) => Object.fromEntries(of.jobs.map(({ label, status }) => [label, status]));
const job = (label: string) => results().jobs.find((each) => each.label === label);
const events = (ndjson: string) => lines(ndjson).map((line) => JSON.parse(line) as Record<string, unknown>);

describe('the command', () => {
  test('tells what it can do', async () => {
    const { code, stdout, stderr } = await spanwright(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    for (const name of ['build', 'report', 'graph stats', 'graph cycles', 'graph path', 'graph why', 'graph convert'])
      expect(stdout).toMatch(new RegExp(`^  ${name} +[A-Z]`, 'm'));
  });

  test('says so on stderr, and fails, where it is not told what to do', async () => {
    const { code, stdout, stderr } = await spanwright([]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^usage: spanwright <command>/);
  });

  test('prints its version', async () => {
    expect(await spanwright(['--version'])).toMatchObject({ code: 0, stdout: `${VERSION}\n`, stderr: '' });
  });

  test.each([
    [['nonsense'], "spanwright: error: unknown command 'nonsense', try --help\n"],
    [['graph', 'nonsense'], "spanwright: error: unknown command 'graph nonsense', try --help\n"],
    [['build'], "spanwright: error: required argument 'graph' not provided, try --help\n"],
    [['build', 'g.json', '--nonsense'], "spanwright: error: unknown long flag '--nonsense', try --help\n"],
    [['report', 'a', 'b'], 'spanwright: error: unexpected b, try --help\n'],
    [
      ['build', 'g.json', '--json', '--quiet'],
      'spanwright: error: --json and --quiet exclude each other, try --help\n',
    ],
    [
      ['build', 'g.json', '--build-attempts=0'],
      'spanwright: error: Value in --build-attempts must be greater than zero., try --help\n',
    ],
  ])('refuses %j in one line', async (args, message) => {
    expect(await spanwright(args)).toMatchObject({ code: 1, stdout: '', stderr: message });
  });

  test.each(['build', 'report', 'graph stats', 'graph cycles', 'graph path', 'graph why', 'graph convert'])(
    '`%s --help` explains every flag, and does nothing else',
    async (name) => {
      const { code, stdout, stderr } = await spanwright([...name.split(' '), '--help']);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(new RegExp(`^usage: spanwright ${name}`));
      expect(readdirSync(dir)).toEqual([]);
    },
  );
});

describe('a build', () => {
  test('runs each command after those it needs', async () => {
    graphOf(
      { id: 'app', shell: 'echo app >> order', dependencies: ['util', 'lib'] },
      { id: 'lib', shell: 'echo lib >> order', dependencies: ['core'] },
      { id: 'util', shell: 'echo util >> order', dependencies: ['lib'] },
      { id: 'core', shell: 'echo core >> order' },
      { id: 'all', dependencies: ['app'] },
    );
    const { code, stdout, stderr } = await build(['--workers', '4']);
    expect(lines(read('order'))).toEqual(['core', 'lib', 'util', 'app']);
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toMatch(/^Building 4 builds and 0 tests of 5 nodes with 4 workers \(command-agent\), run \S+\n/);
    expect(stderr).toMatch(/^\[4\/4\] built app \d+\.\d+s$/m);
    expect(stderr).toMatch(/^Succeeded: 4 succeeded of 4 in /m);
  });

  test('takes the longest chain first, or, if told so, what is ready first', async () => {
    graphOf(
      { id: 'alone', shell: 'echo alone >> order' },
      { id: 'end', shell: 'echo end >> order', dependencies: ['start'] },
      { id: 'start', shell: 'echo start >> order' },
    );
    await build(['--workers', '1', '--order', 'fifo', '--runs-dir', 'first']);
    await build(['--workers', '1', '--runs-dir', 'second']);
    const order = lines(read('order'));
    expect(order.slice(0, 3)).toEqual(['alone', 'start', 'end']);
    expect(order[3]).toBe('start');
  });

  test('knows from the last run what takes long, and starts with that', async () => {
    graphOf({ id: 'quick', shell: 'echo quick >> order' }, { id: 'slow', shell: 'sleep 0.2; echo slow >> order' });
    await build(['--workers', '1']);
    await build(['--workers', '1']);
    expect(lines(read('order'))).toEqual(['quick', 'slow', 'slow', 'quick']);
    expect(JSON.parse(read('.spanwright/runs/durations.json'))).toEqual({
      'build:quick': expect.any(Number),
      'build:slow': expect.any(Number),
    });
  });

  test('is not put off by a damaged history of durations', async () => {
    graphOf({ id: 'a', shell: 'true' });
    mkdirSync(join(dir, '.spanwright/runs'), { recursive: true });
    writeFileSync(join(dir, '.spanwright/runs/durations.json'), 'null');
    const { code, stderr } = await build();
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(0);
  });

  test('runs as many at a time as there are workers', async () => {
    // Each waits for the other: they end only if they run together.
    const meet = (me: string, other: string) => `echo > ${me}; while [ ! -e ${other} ]; do sleep 0.01; done`;
    graphOf({ id: 'a', shell: meet('a', 'b'), timeout: '20s' }, { id: 'b', shell: meet('b', 'a'), timeout: '20s' });
    expect(await build(['--workers', '2'])).toMatchObject({ code: 0 });
  });

  test('keeps within the resources that the graph has', async () => {
    const alone = 'mkdir lock && sleep 0.05 && rmdir lock';
    const nodes = ['a', 'b', 'c'].map((id) => ({ id, shell: alone, resources: { memory: '6GiB' } }));
    writeFileSync(join(dir, 'graph.json'), JSON.stringify({ resources: { memory: '8GiB' }, nodes }));
    expect(await build(['--workers', '3'])).toMatchObject({ code: 0 });
  });

  test('gives a shell line to the shell, and a command to nobody', async () => {
    graphOf(
      { id: 'shell', shell: 'echo "$WORD" | tr a-z A-Z > shell.out', env: { WORD: 'through a pipe' } },
      { id: 'argv', command: ['sh', '-c', 'echo "$0|$1" > argv.out', '$WORD', '* ; "'] },
    );
    expect(await build()).toMatchObject({ code: 0 });
    expect([read('shell.out'), read('argv.out')]).toEqual(['THROUGH A PIPE\n', '$WORD|* ; "\n']);
  });

  test('runs commands where the graph lies, in their own folder and with their own variables', async () => {
    mkdirSync(join(dir, 'sub/inner'), { recursive: true });
    writeFileSync(
      join(dir, 'sub/graph.json'),
      JSON.stringify({
        nodes: [
          { id: 'plain', shell: 'pwd > plain.out; echo "$OUTER" >> plain.out' },
          {
            id: 'inner',
            shell: 'pwd > out; echo "$OUTER $MINE $SPANWRIGHT_ATTEMPT" >> out',
            cwd: 'inner',
            env: { MINE: 'mine' },
          },
        ],
      }),
    );
    expect(await spanwright(['build', 'sub/graph.json'], { env: { OUTER: 'outer' } })).toMatchObject({ code: 0 });
    expect(read('sub/plain.out')).toBe(`${dir}/sub\nouter\n`);
    expect(read('sub/inner/out')).toBe(`${dir}/sub/inner\nouter mine 1\n`);
    expect(here('.spanwright/runs/latest')).toBe(true);
  });

  test('hands each command all of our environment, names that no shell knows too', async () => {
    graphOf({ id: 'a', command: ['env'], env: { 'mine.too': 'yes' } });
    await build([], { env: { 'a.b-c': 'x y', PLAIN: "it's" } });
    expect(lines(read('.spanwright/runs/latest/logs/a.1.log'))).toEqual(
      expect.arrayContaining(['a.b-c=x y', "PLAIN=it's", 'mine.too=yes']),
    );
  });

  test('is none the slower for workers that have nothing to do', async () => {
    graphOf({ id: 'a', shell: 'true' });
    const { code, ms } = await build(['--workers', '2000']);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(5000);
  });

  test('hands each command the trace it is part of', async () => {
    graphOf({ id: 'a', shell: 'echo "$TRACEPARENT" > trace' });
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    await build([], { env: { TRACEPARENT: `00-${trace}-00f067aa0ba902b7-01` } });
    expect(read('trace')).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01\n$`));
  });

  test('does not let a command wait for what nobody types', async () => {
    graphOf({ id: 'a', shell: 'cat; echo done' });
    expect(await build(['--timeout', '20s'], { input: 'typed' })).toMatchObject({ code: 0 });
    expect(read('.spanwright/runs/latest/logs/a.1.log')).toBe('done\n');
  });

  test('of named nodes builds these and what they need', async () => {
    graphOf(
      { id: 'a', shell: 'true' },
      { id: 'b', shell: 'true', dependencies: ['a'] },
      { id: 'c', shell: 'true' },
      { id: 'd', shell: 'true' },
    );
    expect(await build(['b', 'c'])).toMatchObject({ code: 0 });
    expect(statuses()).toEqual({ a: 'succeeded', b: 'succeeded', c: 'succeeded' });
    expect(await build(['zz'])).toMatchObject({
      code: 1,
      stderr: 'spanwright: error: graph.json: there is no node "zz", try --help\n',
    });
  });

  test('of named nodes whose ids are numbers leaves a graph that can be read', async () => {
    graphOf({ id: 1, shell: 'true' }, { id: 2, shell: 'true' }, { id: 3, shell: 'true' });
    await build(['1', '3', '--output', 'out.json']);
    const { code, stderr } = await spanwright(['graph', 'stats', 'out.json']);
    expect([code, stderr]).toEqual([0, '']);
  });

  test('of a graph without commands is refused with what to do instead', async () => {
    graphOf({ id: 'a', type: 'LocalBuild' });
    const { code, stderr } = await build();
    expect(stderr).toMatch(
      /^spanwright: error: graph\.json: no node has a command to run; use --build-agent test-agent .*\n$/,
    );
    expect(code).toBe(1);
    expect(await build(['--build-agent', 'test-agent'])).toMatchObject({ code: 0 });
  });

  test('of an empty graph has nothing to do', async () => {
    writeFileSync(join(dir, 'graph.json'), '{"nodes":[]}');
    expect(await build(['--build-agent', 'test-agent'])).toMatchObject({ code: 0 });
  });

  test('--dry-run prints the order and the reasons, and runs nothing', async () => {
    graphOf({ id: 'b', shell: 'echo > ran', dependencies: ['a'] }, { id: 'a', shell: 'echo > ran' });
    const { code, stdout } = await build(['--dry-run']);
    expect(lines(stdout).map((line) => line.replace(/:.*/, ''))).toEqual([
      'would build  a',
      'would build  b',
      '2 would be built or tested, 0 reused, 0 blocked',
    ]);
    expect([code, here('ran'), here('.spanwright')]).toEqual([0, false, false]);
  });

  test('--explain says why each is built', async () => {
    graphOf({ id: 'a', shell: 'true' });
    expect((await build(['--explain'])).stderr).toMatch(/^ {2}a: to be built, as /m);
  });
});

describe('a command that fails', () => {
  const failing = () =>
    graphOf(
      { id: 'root', shell: 'for i in 1 2 3; do echo "line $i"; done; exit 3' },
      { id: 'mid', shell: 'true', dependencies: ['root'] },
      { id: 'top', type: 'Test', shell: 'true', dependencies: ['mid'] },
      { id: 'free', shell: 'true' },
    );

  test('blocks what needs it, with its name as the cause, and nothing else', async () => {
    failing();
    const { code, stderr } = await build();
    expect(code).toBe(1);
    expect(statuses()).toEqual({ root: 'failed', mid: 'blocked', top: 'blocked', free: 'succeeded' });
    expect([job('mid')?.rootCause, job('top')?.rootCause, job('root')?.rootCause]).toEqual(['root', 'root', null]);
    expect(job('root')).toMatchObject({ error: 'exit status 3', errorReason: 'exit-non-zero', attempts: 1 });
    expect(stderr).toMatch(
      /failed root \S+: exit status 3\n {4}\| line 1\n {4}\| line 2\n {4}\| line 3\n {4}log: \.spanwright\/runs\/\S+\/logs\/root\.1\.log\n/,
    );
    expect(stderr).toMatch(/^Failed: 1 succeeded, 1 failed, 2 blocked of 4 in /m);
    expect(stderr).toMatch(/^ {2}blocked mid by root, which failed$/m);
  });

  test('as a test fails the build, and blocks what needs it', async () => {
    graphOf({ id: 'a:test', type: 'Test', shell: 'false' }, { id: 'b', shell: 'true', dependencies: ['a:test'] });
    expect(await build()).toMatchObject({ code: 1 });
    expect(statuses()).toEqual({ 'a:test': 'failed', b: 'blocked' });
  });

  test('stops the build if the user says so: what runs ends, nothing more starts', async () => {
    graphOf(
      { id: 'bad', shell: 'false' },
      { id: 'x', shell: 'true' },
      { id: 'y', shell: 'true', dependencies: ['bad'] },
    );
    expect(await build(['--stop-on-failure', '--workers', '1', '--order', 'fifo'])).toMatchObject({ code: 1 });
    expect(statuses()).toEqual({ bad: 'failed', x: 'cancelled', y: 'blocked' });
  });

  test('is tried again as often as its node says, and each attempt has a log', async () => {
    graphOf({ id: 'flaky', attempts: 2, shell: 'echo "attempt $SPANWRIGHT_ATTEMPT"; [ "$SPANWRIGHT_ATTEMPT" = 2 ]' });
    const { code, stderr } = await build();
    expect(code).toBe(0);
    expect([1, 2].map((attempt) => read(`.spanwright/runs/latest/logs/flaky.${attempt}.log`))).toEqual([
      'attempt 1\n',
      'attempt 2\n',
    ]);
    expect(job('flaky')).toMatchObject({ status: 'succeeded', attempts: 2 });
    expect(stderr).toMatch(/retry flaky attempt 1 of 2 failed: exit status 1, again in 1\.0s/);
    expect(stderr).toMatch(/^ {2}flaky {3}flaky succeeded at attempt 2$/m);
  });

  test('is tried again as often as --build-attempts and --check-attempts say', async () => {
    graphOf({ id: 'a', shell: 'false' }, { id: 't', type: 'Test', shell: 'false' });
    await build(['--build-attempts', '2', '--workers', '2']);
    expect([job('a')?.attempts, job('t')?.attempts]).toEqual([2, 1]);
  });

  test.each([
    [
      'an input is not there',
      { inputs: ['none.txt'], shell: 'echo > ran' },
      'input none.txt does not exist',
      'input-missing',
    ],
    [
      'its output is not there',
      { outputs: ['none.txt'], shell: 'true' },
      'the command succeeded but did not write its output none.txt',
      'output-missing',
    ],
    [
      'its folder is not there',
      { cwd: 'none', shell: 'true' },
      'could not start: the working directory none does not exist',
      'could-not-start',
    ],
    ['its folder is a file', { cwd: 'graph.json', shell: 'true' }, /^could not start: /, 'could-not-start'],
    [
      'its program is not there',
      { command: ['no-such-program-here'] },
      /^could not start: no-such-program-here: no such program/,
      'could-not-start',
    ],
    [
      'its program is not executable',
      { command: ['./graph.json'] },
      /^could not start: \.\/graph\.json: permission denied/,
      'could-not-start',
    ],
    ['it kills itself', { shell: 'kill -9 $$' }, 'killed by SIGKILL', 'killed'],
  ])('because %s says that', async (_, node, error, reason) => {
    graphOf({ id: 'a', ...node });
    const { code, stderr } = await build();
    expect(job('a')).toMatchObject({ status: 'failed', errorReason: reason });
    if (typeof error === 'string') expect(job('a')?.error).toBe(error);
    else expect(job('a')?.error).toMatch(error);
    expect(stderr).not.toContain('    at ');
    expect([code, here('ran')]).toEqual([1, false]);
  });

  test('because its argument is too long says so', async () => {
    graphOf({ id: 'a', command: ['echo', 'x'.repeat(3_000_000)] });
    const { code, stderr } = await build();
    expect(stderr).toMatch(/argument list( is)? too long/i);
    expect(code).toBe(1);
  });

  test('because its folder cannot be entered does nothing in another', async () => {
    writeFileSync(join(dir, 'file'), '');
    graphOf({ id: 'clean', shell: 'echo > ran', cwd: 'file' });
    expect(await build()).toMatchObject({ code: 1 });
    expect(here('ran')).toBe(false);
  });

  test('with all of its process group is told as killed, not as a fault of ours', async () => {
    graphOf({ id: 'a', shell: 'kill -9 0' }, { id: 'b', shell: 'true' });
    await build(['--workers', '1']);
    expect(job('a')).toMatchObject({
      status: 'failed',
      error: 'killed together with the runner process that started it',
    });
    expect(job('b')).toMatchObject({ status: 'succeeded' });
  });

  test('shows no more than the last of its output', async () => {
    graphOf({ id: 'a', shell: 'seq 1 100000; exit 1' });
    const { stderr } = await build();
    const shown = [...stderr.matchAll(/^ {4}\| (\d+)$/gm)].map(([, line]) => Number(line));
    expect(shown).toEqual(Array.from({ length: 20 }, (_, i) => 99_981 + i));
  });
});

describe('a command whose time is up', () => {
  test('is asked to end', async () => {
    graphOf({ id: 'a', timeout: '300ms', shell: 'trap "echo asked; exit 0" TERM; sleep 600 & wait' });
    const { code, stderr } = await build();
    expect(stderr).toContain('after 1/1 attempts, the build exceeded the maximum time of 300ms');
    expect(read('.spanwright/runs/latest/logs/a.1.log')).toBe('asked\n');
    expect(job('a')).toMatchObject({ status: 'failed', errorReason: 'timeout' });
    expect(code).toBe(1);
  });

  test('is killed where it does not heed that', async () => {
    graphOf({ id: 'a', shell: 'trap "" TERM; echo $$ > pid; sleep 600' });
    const { code, ms } = await build(['--timeout', '300ms', '--grace', '200ms']);
    expect(job('a')).toMatchObject({ status: 'failed', errorReason: 'timeout' });
    expect(ms).toBeLessThan(10_000);
    expect(isAlive(pidIn('pid'))).toBe(false);
    expect(code).toBe(1);
  });

  test('leaves no child behind that did not heed it', async () => {
    graphOf({ id: 'a', timeout: '300ms', shell: '(trap "" TERM; exec sleep 600) & echo $! > pid; wait' });
    await build(['--grace', '200ms']);
    const pid = pidIn('pid');
    try {
      await eventually(() => !isAlive(pid), 'the child is gone', 2000);
    } finally {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    }
  });

  test('may be one with more time than a timer of Node can count', async () => {
    graphOf({ id: 'a', shell: 'sleep 0.1', timeout: '1000h' });
    const { code, stderr } = await build();
    expect(stderr).not.toContain('Warning');
    expect(code).toBe(0);
  });
});

describe('what a build prints', () => {
  const some = () => graphOf({ id: 'a', shell: 'echo noise' }, { id: 'b', shell: 'false', dependencies: ['a'] });

  test('--json is one event a line on stdout, and nothing on stderr', async () => {
    some();
    const { code, stdout, stderr } = await build(['--json']);
    const told = events(stdout);
    expect(stderr).toBe('');
    expect([told[0]?.type, told.at(-1)?.type]).toEqual(['run-started', 'run-finished']);
    expect(told.map(({ type }) => type)).toEqual(expect.arrayContaining(['job-queued', 'job-started', 'job-finished']));
    expect(stdout).toBe(read('.spanwright/runs/latest/events.ndjson'));
    expect(code).toBe(1);
  });

  test('--quiet is only what went wrong', async () => {
    some();
    const { stdout, stderr } = await build(['--quiet']);
    expect(stdout).toBe('');
    expect(lines(stderr)).toEqual([
      expect.stringMatching(/failed b \S+: exit status 1$/),
      expect.stringMatching(/^ {4}log: /),
    ]);
    graphOf({ id: 'a', shell: 'true' });
    expect(await build(['--quiet'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });

  test.each([
    ['always', {}, true],
    ['always', { NO_COLOR: '1' }, true],
    ['auto', { NO_COLOR: '1' }, false],
    ['auto', {}, false],
    ['never', {}, false],
  ])('--color=%s with %j in the environment', async (choice, env, colored) => {
    some();
    const { stderr } = await build([`--color=${choice}`], { env });
    expect(stderr.includes('\u001b[')).toBe(colored);
  });

  test('may be read by nobody', async () => {
    graphOf(...Array.from({ length: 30 }, (_, i) => ({ id: `n${i}`, shell: `echo >> ran` })));
    const command = startBuild(['--json']);
    command.child.stdout?.destroy();
    const { code, stderr } = await command.end;
    expect(stderr).not.toContain('    at ');
    expect(lines(`${read('ran')}`.replaceAll('\n', 'x\n'))).toHaveLength(30);
    expect(code).toBe(0);
  });
});

describe('what a build leaves', () => {
  const some = () =>
    graphOf(
      { id: 'a', shell: 'true' },
      { id: 'b', shell: 'false', dependencies: ['a'] },
      { id: 'c', shell: 'true', dependencies: ['b'] },
      { id: 't', type: 'Test', shell: 'true', dependencies: ['a'] },
    );

  test('the folder of the run, and a link to the newest', async () => {
    some();
    await build();
    const first = readlinkSync(join(dir, '.spanwright/runs/latest'));
    await build();
    const second = readlinkSync(join(dir, '.spanwright/runs/latest'));
    expect(second).not.toBe(first);
    expect(readdirSync(join(dir, '.spanwright/runs')).sort()).toEqual(
      [first, second, 'durations.json', 'latest'].sort(),
    );
    expect(readdirSync(join(dir, '.spanwright/runs', second)).sort()).toEqual(
      [
        'events.ndjson',
        'graph.json',
        'logs',
        'results.csv',
        'results.json',
        'spans.otlp.jsonl',
        'trace.perfetto.json',
      ].sort(),
    );
    expect(readdirSync(join(dir, '.spanwright/runs', second, 'logs')).sort()).toEqual([
      'a.1.log',
      'b.1.log',
      't.1.log',
    ]);
    const trace = JSON.parse(read(`.spanwright/runs/${second}/trace.perfetto.json`)) as { traceEvents: unknown[] };
    expect(trace.traceEvents.length).toBeGreaterThan(3);
    for (const line of lines(read(`.spanwright/runs/${second}/spans.otlp.jsonl`)))
      expect(JSON.parse(line)).toHaveProperty('resourceSpans');
  });

  test('logs apart for ids that would have the same file name', async () => {
    graphOf(
      { id: 'a/b', shell: 'echo first' },
      { id: 'a:b', shell: 'echo second' },
      { id: '../../up', shell: 'echo third' },
    );
    await build();
    const logs = join(dir, '.spanwright/runs/latest/logs');
    const texts = readdirSync(logs).map((name) => readFileSync(join(logs, name), 'utf8'));
    expect(texts.sort()).toEqual(['first\n', 'second\n', 'third\n']);
  });

  test('results in JSON and CSV, of which copies can be had', async () => {
    some();
    await build(['--results-json', 'r.json', '--results-csv', 'r.csv']);
    expect([read('r.json'), read('r.csv')]).toEqual(
      ['results.json', 'results.csv'].map((name) => read(`.spanwright/runs/latest/${name}`)),
    );
    const found = results();
    expect(found).toMatchObject({ graph: 'sample', agent: 'command-agent', status: 'failed' });
    expect(found.counts).toMatchObject({ total: 4, done: 3, failed: 1, blocked: 1 });
    expect(lines(read('r.csv')).map((line) => line.split(',').slice(0, 3).join(','))).toEqual([
      'label,kind,status',
      'a,build,succeeded',
      'b,build,failed',
      'c,build,blocked',
      't,test,succeeded',
    ]);
  });

  test('the graph with its states', async () => {
    some();
    await build(['--output', 'out.json', '--output-build-state-csv-file', 'state.csv']);
    const { name, nodes } = JSON.parse(read('out.json')) as { name: string; nodes: Node[] };
    expect(name).toBe('sample');
    expect(Object.fromEntries(nodes.map(({ id, state }) => [id, state]))).toEqual({
      a: 'UpToDate',
      b: 'BuildError',
      c: 'Build',
      t: 'UpToDate',
    });
    expect(nodes.map(({ shell, dependencies }) => [shell, dependencies])).toEqual([
      ['true', undefined],
      ['false', ['a']],
      ['true', ['b']],
      ['true', ['a']],
    ]);
    expect(read('state.csv')).toBe(
      'Package,State,Blocker,IsTest\na,Built,,0\nb,Failed,,0\nc,Failed,b-FAIL ,0\nt,Built,,1\n',
    );
  });

  test('a graph of commands is not written in a form that loses them without a word', async () => {
    some();
    const { code, stderr } = await build(['--output', 'out.dot']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^spanwright: error: .*out\.dot.*command/m);
  });

  test('no more than asked for, where a file cannot be written; and that is an error', async () => {
    graphOf({ id: 'a', shell: 'true' });
    const { code, stderr } = await build(['--output', 'none/out.json', '--results-csv', 'r.csv']);
    expect(stderr).toMatch(/^spanwright: error: cannot write none\/out\.json: no such file or directory$/m);
    expect([code, here('r.csv')]).toEqual([1, true]);
  });

  test('no trace where telemetry is off, but results all the same', async () => {
    graphOf({ id: 'a', shell: 'true' });
    await build(['--no-enable-telemetry']);
    await build([], { env: { OTEL_SDK_DISABLED: 'true' } });
    for (const run of readdirSync(join(dir, '.spanwright/runs')).filter((name) => /^\d/.test(name)))
      expect(readdirSync(join(dir, '.spanwright/runs', run)).sort()).toEqual([
        'graph.json',
        'logs',
        'results.csv',
        'results.json',
      ]);
  });

  test('its other reports, where a command has removed the folder of the run', async () => {
    graphOf({ id: 'clean', shell: 'rm -rf .spanwright' });
    const { code, stderr } = await build(['--output', 'out.json']);
    expect(stderr).toMatch(/^Succeeded: 1 succeeded of 1 /m);
    expect(here('out.json')).toBe(true);
    expect(code).toBe(0);
  });
});

describe('a report', () => {
  const some = async () => {
    graphOf(
      { id: 'a', shell: 'true' },
      { id: 'b', shell: 'false', dependencies: ['a'] },
      { id: 'c', shell: 'true', dependencies: ['b'] },
    );
    await build();
    return readlinkSync(join(dir, '.spanwright/runs/latest'));
  };
  const report = (...args: string[]) => spanwright(['report', ...args]);

  test('tells the newest run, and each format is what the run has left', async () => {
    const run = await some();
    const text = await report();
    expect(text).toMatchObject({ code: 0, stderr: '' });
    expect(text.stdout).toMatch(new RegExp(`^Run ${run} of sample, command-agent\n`));
    expect(text.stdout).toMatch(/^Failed: 1 succeeded, 1 failed, 1 blocked of 3 in /m);
    for (const [format, file] of [
      ['json', 'results.json'],
      ['csv', 'results.csv'],
      ['perfetto', 'trace.perfetto.json'],
    ] as const)
      expect((await report('--format', format)).stdout).toBe(read(`.spanwright/runs/latest/${file}`));
  });

  test('tells a run by its id, its folder or its journal', async () => {
    const run = await some();
    const all = await Promise.all(
      [run, `.spanwright/runs/${run}`, `.spanwright/runs/${run}/events.ndjson`].map((name) =>
        report(name, '--format', 'csv'),
      ),
    );
    for (const { stdout, code } of all)
      expect([stdout, code]).toEqual([read('.spanwright/runs/latest/results.csv'), 0]);
  });

  test('tells the newest of runs that began within one second', async () => {
    const newest = await some();
    const runs = join(dir, '.spanwright/runs');
    const other = newest.replace(/[^-]+$/, 'zzzzzz');
    cpSync(join(runs, newest), join(runs, other), { recursive: true });
    const journal = join(runs, other, 'events.ndjson');
    writeFileSync(journal, readFileSync(journal, 'utf8').replaceAll(newest, other));
    expect((await report()).stdout).toMatch(new RegExp(`^Run ${newest} `));
  });

  test('passes over a run that failed on its graph', async () => {
    const run = await some();
    writeFileSync(join(dir, 'graph.json'), '{');
    expect(await build()).toMatchObject({ code: 1 });
    expect((await report()).stdout).toMatch(new RegExp(`^Run ${run} `));
  });

  test('tells a run whose journal was cut off as far as it goes', async () => {
    await some();
    const journal = read('.spanwright/runs/latest/events.ndjson');
    const told = lines(journal);
    const cut = told.findIndex((line) => line.includes('job-started')) + 1;
    const half = (told[cut] as string).slice(0, 20);
    writeFileSync(join(dir, 'cut.ndjson'), `${told.slice(0, cut).join('\n')}\n${half}`);
    const { code, stdout, stderr } = await report('cut.ndjson');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Unfinished: 0 succeeded of 3 in /m);
    const json = JSON.parse((await report('cut.ndjson', '--format', 'json')).stdout) as Results;
    expect(json.status).toBe('unfinished');
    expect(statuses(json)).toEqual({ a: 'running' });
  });

  test.each([
    ['is empty', '', /the journal has no beginning/],
    ['is none', 'hello\nworld\n', /:1: this line of the journal is damaged/],
    [
      'has a hole in it',
      '{"type":"run-started","time":1}\n{"type":"jo\n{"type":"run-finished","time":2}\n',
      /:2: this line of the journal is damaged/,
    ],
    ['has lost its beginning', '{"type":"job-started","time":1,"job":7,"worker":1}\n', /journal/],
    ['holds a value that is no event', 'null\n{"type":"run-started","time":1}\n', /journal/],
  ])('of a journal that %s is refused in one line', async (_, journal, message) => {
    writeFileSync(join(dir, 'events.ndjson'), journal);
    const { code, stdout, stderr } = await report('events.ndjson');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^spanwright: error: .*\n$/);
    expect(stderr).toMatch(message);
  });

  test('of no run says so', async () => {
    expect(await report()).toMatchObject({
      code: 1,
      stderr: 'spanwright: error: there are no runs in .spanwright/runs; see --runs-dir, try --help\n',
    });
    expect(await report('zz')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no run zz in .spanwright/runs'),
    });
    expect(await report('--list')).toMatchObject({ code: 0, stdout: '' });
  });

  test('may be read in part', async () => {
    graphOf(...Array.from({ length: 1500 }, (_, i) => ({ id: `node-with-a-long-name-${i}`, type: 'LocalBuild' })));
    await build(['--build-agent', 'test-agent', '--quiet']);
    const command = startCommand('spanwright', ['report', '--format', 'json'], { cwd: dir });
    command.child.stdout?.once('data', () => command.child.stdout?.destroy());
    const { stderr } = await command.end;
    expect(stderr).toBe('');
  });
});

describe('signals', () => {
  const waiting = (shell: string) =>
    graphOf(
      { id: 'a', shell },
      { id: 'b', shell: 'true', dependencies: ['a'] },
      { id: 'c', shell: 'echo > c.ran', dependencies: ['a'] },
    );

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s asks what runs to end, reports, and exits with %d', async (signal, exitCode) => {
    waiting('echo $$ > pid; echo > up; exec sleep 600');
    const command = startBuild(['--output', 'out.json']);
    await eventually(() => here('up'), 'the command runs');
    command.kill(signal);
    const { code, stderr } = await command.end;
    expect(code).toBe(exitCode);
    expect(stderr).toContain(
      `Stopping: received ${signal}; running builds are asked to end (once more to stop at once)\n`,
    );
    expect([isAlive(pidIn('pid')), here('c.ran'), here('out.json')]).toEqual([false, false, true]);
    expect(events(read('.spanwright/runs/latest/events.ndjson')).at(-1)).toMatchObject({
      type: 'run-finished',
      status: 'cancelled',
    });
  });

  test('what a signal has kept from being built is not said to be blocked by a failure', async () => {
    waiting('echo > up; exec sleep 600');
    const command = startBuild();
    await eventually(() => here('up'), 'the command runs');
    command.kill('SIGINT');
    const { stderr } = await command.end;
    expect(stderr).not.toContain('which failed');
    expect(stderr).toMatch(/^Cancelled: 0 succeeded, 3 not built, as the run stopped of 3 in /m);
    expect(statuses()).toEqual({ a: 'cancelled', b: 'cancelled', c: 'cancelled' });
  });

  test('what does not heed SIGINT is killed after its grace', async () => {
    waiting('trap "" TERM; echo $$ > pid; echo > up; sleep 600');
    const command = startBuild(['--grace', '200ms']);
    await eventually(() => here('up'), 'the command runs');
    command.kill('SIGINT');
    expect(await command.end).toMatchObject({ code: 130 });
    expect(isAlive(pidIn('pid'))).toBe(false);
  });

  test('a second SIGINT ends all at once', async () => {
    waiting('trap "" TERM; echo $$ > pid; echo > up; sleep 600');
    const command = startBuild(['--grace', '10m']);
    await eventually(() => here('up'), 'the command runs');
    command.kill('SIGINT');
    await command.waitForLine(/Stopping: received SIGINT/);
    command.kill('SIGINT');
    expect(await command.end).toMatchObject({ code: 130 });
    await eventually(() => !isAlive(pidIn('pid')), 'the command is gone');
  });

  test('SIGINT while a command waits for its next attempt ends the wait', async () => {
    graphOf({ id: 'a', shell: 'false', attempts: 9 });
    const command = startBuild();
    await command.waitForLine(/attempt 2 of 9 failed.*again in 2\.0s/);
    command.kill('SIGINT');
    expect(await command.end).toMatchObject({ code: 130 });
    expect(job('a')).toMatchObject({ status: 'cancelled', attempts: 2 });
  });

  test('a build that is killed takes its commands with it, and can be reported on', async () => {
    waiting('echo $$ > pid; echo > up; exec sleep 600');
    const command = startBuild();
    await eventually(() => here('up'), 'the command runs');
    await eventually(
      () => read('.spanwright/runs/latest/events.ndjson').includes('job-started'),
      'that is in the journal',
    );
    command.kill('SIGKILL');
    await command.end;
    await eventually(() => !isAlive(pidIn('pid')), 'the command is gone');
    const { code, stdout } = await spanwright(['report']);
    expect(stdout).toMatch(/^Unfinished: /m);
    expect(code).toBe(0);
  });
});

describe('the example of a workspace', () => {
  const root = resolve(__dirname, '../..');
  const copy = () => {
    const workspace = join(dir, 'examples/workspace');
    cpSync(join(root, 'examples/workspace'), workspace, {
      recursive: true,
      filter: (path) => !/\/workspace\/(build|\.spanwright)$/.test(path),
    });
    symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
    return 'examples/workspace/graph.json';
  };
  const WORKSPACE_MS = 90_000;

  test(
    'is built whole, and one of its tests is flaky',
    async () => {
      const { code, stderr } = await spanwright(['build', copy(), '--workers', '2']);
      expect(stderr).toMatch(/^Succeeded: 34 succeeded of 34 in /m);
      expect(stderr).toMatch(/flaky {3}clock:test succeeded at attempt 2$/m);
      expect(code).toBe(0);
      expect(new Set(Object.values(statuses()))).toEqual(new Set(['succeeded']));
    },
    WORKSPACE_MS,
  );

  test(
    'with a broken package is built as far as nothing needs that',
    async () => {
      const { code, stderr } = await spanwright(['build', copy(), 'table:pack', 'units:test', '--workers', '2'], {
        env: { BREAK: 'table' },
      });
      expect(stderr).toContain('failed  table:test: exit status 1');
      expect(statuses()).toMatchObject({
        'table:compile': 'succeeded',
        'table:test': 'failed',
        'table:pack': 'blocked',
        'units:test': 'succeeded',
      });
      expect(job('table:pack')?.rootCause).toBe('table:test');
      expect(code).toBe(1);
    },
    WORKSPACE_MS,
  );
});
