import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Graph } from '../../src/graph/graph';
import { NODE_STATE_NAMES, NODE_TYPE_NAMES, NodeState, NodeType } from '../../src/graph/node';
import { VERSION } from '../../src/util/version';
import { eventually, isAlive, makeTempDir, removeTempDir, runCommand, startCommand } from '../support/command';
import { describeWithSharedData, sharedData } from '../support/graphs';
import {
  packageGraph,
  placeRpms,
  type SamplePackage,
  shellWorker,
  stateRows,
  ToolkitRun,
} from '../support/toolkit-run';

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => removeTempDir(dir));

const srpm = (name: string) => `${name}-1.0-1.src.rpm`;
const rpmsDir = () => join(dir, 'rpms');
const PASS = 'echo "CHECK DONE $name. EXIT STATUS 0" > "$log"';

/** A run of these packages with a worker in shell; by default one that builds nothing and passes. */
function packages(graph: Readonly<Record<string, SamplePackage>>, worker = PASS): ToolkitRun {
  return new ToolkitRun(dir, packageGraph(graph, rpmsDir()), shellWorker(dir, worker));
}

/** Log lines without their levels and times. */
const messages = (stderr: string) =>
  stderr
    .split('\n')
    .filter(Boolean)
    .map((line) => line.replace(/^[A-Z]{4}\[\d{4}\]\[scheduler\] /, ''));

/** The entries of one list of the summary. */
function listed(stderr: string, title: string): string[] {
  const lines = messages(stderr);
  const start = lines.indexOf(title) + 1;
  if (start === 0) return [];
  const rest = lines.slice(start);
  return rest.slice(
    0,
    rest.findIndex((line) => !line.startsWith('--> ')),
  );
}

const states = (graph: Graph) => {
  const of: Record<string, string> = {};
  for (let node = 0; node < graph.size; node++) {
    if (graph.isWork(node))
      of[`${NODE_TYPE_NAMES[graph.type(node)]} ${graph.field(node, 'name')}`] = NODE_STATE_NAMES[
        graph.state(node)
      ] as string;
  }
  return of;
};

const touch = (path: string) => {
  mkdirSync(resolve(path, '..'), { recursive: true });
  writeFileSync(path, '');
};
const rpmOf = (name: string) => join(rpmsDir(), `x86_64/${name}-1.0-1.x86_64.rpm`);
const started = (stderr: string) => messages(stderr).filter((line) => /^(Building|Testing): /.test(line));

const REQUIRED = [
  'input',
  'output',
  'output-build-state-csv-file',
  'work-dir',
  'worker-tar',
  'repo-file',
  'rpm-dir',
  'toolchain-rpms-dir',
  'srpm-dir',
  'cache-dir',
  'build-logs-dir',
  'dist-tag',
  'distro-release-version',
  'distro-build-number',
  'build-agent',
];
const OPTIONAL = [
  ...['build-agent-program', 'workers', 'build-attempts', 'check-attempts', 'extra-layers', 'max-cascading-rebuilds'],
  ...['no-cache', 'no-cleanup', 'stop-on-failure', 'optimize-with-cached-implicit', 'allow-toolchain-rebuilds'],
  ...['toolchain-manifest', 'image-config-file', 'base-dir', 'packages', 'rebuild-packages', 'ignored-packages'],
  ...['tests', 'rerun-tests', 'ignored-tests', 'rpmmacros-file', 'versions-macro-file', 'use-ccache', 'ccache-dir'],
  ...['ccache-config', 'max-cpu', 'timeout', 'license-check-mode', 'license-check-name-file'],
  ...['license-check-exception-file', 'license-results-file', 'license-summary-file', 'log-level', 'log-file'],
  ...['log-color', 'enable-cpu-prof', 'cpu-prof-file', 'enable-mem-prof', 'mem-prof-file', 'enable-trace'],
  ...['trace-file', 'timestamp-file', 'enable-telemetry', 'otlp-endpoint'],
];

describe('the command line', () => {
  const refusal = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await runCommand('scheduler', args, { cwd: dir });
    expect(stdout).toBe('');
    expect(code).toBe(1);
    return stderr;
  };
  const refusalOf = (changes: Record<string, string | true | undefined>) => refusal(packages({ a: {} }).flags(changes));

  test('--help names every flag of the toolkit', async () => {
    const { code, stdout, stderr } = await runCommand('scheduler', ['--help'], { cwd: dir });
    const named = [...stdout.matchAll(/^ +(?:-h, )?--(?:\[no-\])?([a-z-]+)/gm)].map(([, name]) => name);
    expect([code, stderr]).toEqual([0, '']);
    expect(named).toEqual(expect.arrayContaining(['help', 'version', ...REQUIRED, ...OPTIONAL]));
    for (const name of REQUIRED) expect(stdout.split('\n')[0]).toContain(`--${name}=`);
  });

  test('--version prints the version', async () => {
    const { code, stdout, stderr } = await runCommand('scheduler', ['--version'], { cwd: dir });
    expect([code, stdout, stderr]).toEqual([0, `${VERSION}\n`, '']);
  });

  test.each(REQUIRED)('without --%s nothing starts', async (name) => {
    expect(await refusalOf({ [name]: undefined })).toBe(
      `scheduler: error: required flag --${name} not provided, try --help\n`,
    );
  });

  test.each<[string, Record<string, string | true>, string]>([
    ['a flag that nobody knows', { nonsense: true }, "unknown long flag '--nonsense'"],
    ['a negation of what is no switch', { 'no-input': true }, "unknown long flag '--no-input'"],
    [
      'a build agent that there is not',
      { 'build-agent': 'x' },
      "enum value must be one of test-agent,chroot-agent,rpmbuild-agent, got 'x'",
    ],
    ['an empty choice', { 'log-color': '' }, "enum value must be one of always,auto,never, got ''"],
    ['an input that is not there', { input: 'none.dot' }, "path 'none.dot' does not exist"],
    ['an input that is a folder', { input: 'rpms' }, "'rpms' is a directory"],
    ['an empty path of an existing file', { 'repo-file': '' }, "path '' does not exist"],
    ['a folder that is not there', { 'cache-dir': 'none' }, "path 'none' does not exist"],
    ['a folder that is a file', { 'rpm-dir': 'graph.dot' }, "'graph.dot' is a file"],
    ['an optional file that is not there', { 'toolchain-manifest': 'none' }, "path 'none' does not exist"],
    ['workers that are no number', { workers: 'many' }, "flag '--workers': expected a whole number, got 'many'"],
    ['a negative number of layers', { 'max-cascading-rebuilds': '-1' }, 'expected a whole number from 0 to'],
    [
      'a number of layers beyond 64 bits',
      { 'max-cascading-rebuilds': '18446744073709551616' },
      'expected a whole number',
    ],
    ['a timeout without a unit', { timeout: '90' }, "flag '--timeout': expected a duration such as 8h, 90m or 1h30m"],
  ])('%s is refused', async (_, changes, message) => {
    const stderr = await refusalOf(changes);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^scheduler: error: .*, try --help\n$/);
  });

  test('a flag given twice is refused', async () => {
    const run = packages({ a: {} });
    expect(await refusal([...run.flags(), '--workers=1'])).toBe(
      "scheduler: error: flag 'workers' cannot be repeated, try --help\n",
    );
  });

  test('a word that belongs to no flag is refused', async () => {
    expect(await refusal([...packages({ a: {} }).flags(), 'more'])).toBe(
      'scheduler: error: unexpected more, try --help\n',
    );
  });

  test('a flag at the end without its value is refused', async () => {
    expect(await refusal([...packages({ a: {} }).flags({ workers: undefined }), '--workers'])).toBe(
      "scheduler: error: expected argument for flag '--workers', try --help\n",
    );
  });

  test.each<[string, Record<string, string | true | undefined>, string]>([
    [
      'no attempts at builds',
      { 'build-attempts': '0' },
      'Value in --build-attempts must be greater than zero. Found 0.',
    ],
    [
      'a licence check without its names',
      { 'license-check-mode': undefined },
      "License check mode is set to 'fatal', but no license name file was provided.",
    ],
    [
      'a licence check without its exceptions',
      { 'license-check-mode': 'warn', 'license-check-name-file': 'local.repo' },
      "License check mode is set to 'warn', but no license exception file was provided.",
    ],
    [
      'a chroot agent without a program',
      { 'build-agent-program': undefined },
      'Unable to initialize build agent, error: ',
    ],
  ])('%s: said in the words of the toolkit', async (_, changes, message) => {
    const stderr = await refusalOf(changes);
    expect(stderr).toContain(`FATA[0000][scheduler] ${message}`);
  });

  test('a licence check whose files make no sense is refused before anything is built', async () => {
    expect(
      await refusalOf({
        'license-check-mode': 'pedantic',
        'license-check-name-file': 'local.repo',
        'license-check-exception-file': 'local.repo',
      }),
    ).toContain('local.repo:1: failed to read license names file (local.repo)');
  });

  test('values may stand behind their flags, and switches may be negated', async () => {
    const run = packages({ a: {}, b: {} }, 'exit 1');
    const apart = run
      .flags({ 'no-stop-on-failure': true, 'no-no-cache': true, 'no-use-ccache': true, workers: '1' })
      .flatMap((word) => (/^--[a-z-]+=./.test(word) ? word.split(/=(.*)/s).slice(0, 2) : [word]));
    const { code, stderr } = await runCommand('scheduler', apart, { cwd: dir });
    expect(started(stderr).sort()).toEqual([`Building: ${srpm('a')}`, `Building: ${srpm('b')}`]);
    expect(code).toBe(1);
  });

  test.each([
    ['one a line', '\n'],
    ['one a line as Windows ends them', '\r\n'],
  ])('arguments may come from a file, %s', async (_, end) => {
    const run = packages({ a: {} });
    const file = join(dir, 'arguments');
    writeFileSync(file, ['# all of them', ...run.flags(), ''].join(end));
    const { code, stderr } = await runCommand('scheduler', [`@${file}`], { cwd: dir });
    expect(stderr).toContain(`Building: ${srpm('a')}`);
    expect(code).toBe(0);
  });

  test('a file of arguments that is not there is refused', async () => {
    expect(await refusal(['@none'])).toBe(
      'scheduler: error: failed to open arguments file "none": no such file or directory, try --help\n',
    );
  });

  test('flags for what the toolkit ignores are taken', async () => {
    const { code } = await packages({ a: {} }).run({
      'timestamp-file': 'times',
      'cpu-prof-file': 'cpu',
      'mem-prof-file': 'mem',
      'trace-file': 'trace',
      'base-dir': '.',
    });
    expect(code).toBe(0);
  });
});

describe('what a run says and leaves', () => {
  const mixed = () =>
    packages(
      {
        bash: { needs: ['zlib'], test: true, also: ['bash-doc'] },
        broken: {},
        lost: { needs: ['nobody'] },
        poor: { test: true },
        ready: { requires: ['cached:far'] },
        victim: { needs: ['broken'], test: true },
        zlib: { test: true },
      },
      `if [ $check = 1 ]; then
         case $name in poor) status=3;; *) status=0;; esac
         echo "CHECK DONE $name. EXIT STATUS $status" > "$log"
         exit 0
       fi
       echo building > "$log"
       if [ $name = broken ]; then echo "on stdout"; echo "on stderr" >&2; exit 7; fi
       printf "%s" "$RPMS/x86_64/$name-1.0-1.x86_64.rpm"`,
    );

  test('the summary is in the labels and the order of the toolkit, the numbers twice and the lists between', async () => {
    const run = mixed();
    const { stderr } = await run.run({}, { env: { RPMS: rpmsDir() } });
    const lines = messages(stderr);
    const first = lines.indexOf('---------------------------');
    const last = lines.findLastIndex((line) => line.startsWith('Number of toolchain SRPM conflicts:'));
    const numbers = [
      '---------------------------',
      '--------- Summary ---------',
      '---------------------------',
      'Number of prebuilt SRPMs:              0',
      'Number of prebuilt delta SRPMs:        0',
      'Number of skipped SRPMs tests:         0',
      'Number of built SRPMs:                 4',
      'Number of passed SRPMs tests:          2',
      'Number of unresolved dependencies:     1',
      'Number of blocked SRPMs:               2',
      'Number of blocked SRPMs tests:         1',
      'Number of failed SRPMs:                1',
      'Number of failed SRPMs tests:          1',
      'Number of SRPMs with license errors:   0',
      'Number of SRPMs with license warnings: 0',
      'Number of toolchain RPM conflicts:     0',
      'Number of toolchain SRPM conflicts:    0',
    ];
    const log = (name: string) => join(run.logsDir, `${name}.log`);
    expect(lines.slice(first, last + 1)).toEqual([
      ...numbers,
      'Built SRPMs:',
      ...['bash', 'poor', 'ready', 'zlib'].map((name) => `--> ${srpm(name)}`),
      'Passed SRPMs tests:',
      ...['bash', 'zlib'].map((name) => `--> ${srpm(name)}`),
      'Unresolved dependencies:',
      `--> nobody--REMOTE<Unresolved> , needed by: ${srpm('lost')}`,
      'Blocked SRPMs:',
      ...['lost', 'victim'].map((name) => `--> ${srpm(name)}`),
      'Blocked SRPMs tests:',
      `--> ${srpm('victim')}`,
      'Failed SRPMs:',
      `--> ${srpm('broken')} , error: exit status 7, for details see: ${log(srpm('broken'))}`,
      'Failed SRPMs tests:',
      `--> ${srpm('poor')} , for details see: ${log(`${srpm('poor')}.test`)}`,
      'Causes of blocked SRPMs:',
      `--> ${srpm('broken')} , which failed, blocks 1: ${srpm('victim')}`,
      `--> nobody--REMOTE<Unresolved> , which nobody provides, blocks 1: ${srpm('lost')}`,
      ...numbers,
    ]);
    expect(stderr).toContain('ERRO[0000][scheduler] Number of failed SRPMs:                1\n');
    expect(stderr).toContain('INFO[0000][scheduler] Number of toolchain RPM conflicts:     0\n');
  });

  test('progress is told in the lines of the toolkit', async () => {
    const run = mixed();
    const { code, stdout, stderr } = await run.run({ 'log-level': 'debug' }, { env: { RPMS: rpmsDir() } });
    const lines = messages(stderr);
    expect(stdout).toBe('');
    expect(lines).toEqual(
      expect.arrayContaining([
        'Successfully created solvable subgraph',
        expect.stringMatching(/^Building \d+ nodes with 2 workers$/),
        `Building: ${srpm('zlib')}`,
        `Built: ${srpm('zlib')} -> [zlib-1.0-1.x86_64.rpm]`,
        `Testing: ${srpm('zlib')}`,
        `Tested: ${srpm('zlib')}`,
        `Failed test: ${srpm('poor')}`,
        `Failed to build ${srpm('broken')}, error: exit status 7, for details see: ${join(run.logsDir, `${srpm('broken')}.log`)}`,
        '0 currently active build(s): [].',
        '0 currently active test(s): [].',
        'Processed node far--REMOTE<Cached>',
        'Unable to build package graph.',
        'For details see the build summary section above.',
        'Error: could not build all packages.',
      ]),
    );
    expect(stderr).toMatch(/WARN\[\d{4}\]\[scheduler\] Failed test: poor/);
    expect(stderr).toMatch(/ERRO\[\d{4}\]\[scheduler\] Failed to build broken/);
    expect(stderr).toMatch(/FATA\[\d{4}\]\[scheduler\] Unable to build package graph\./);
    expect(lines).not.toContain('All packages built');
    expect(code).toBe(1);
  });

  test('the last lines of a failed worker are shown', async () => {
    const { stderr } = await mixed().run({}, { env: { RPMS: rpmsDir() } });
    expect(stderr).toMatch(/WARN\[\d{4}\]\[scheduler\] on stderr\n/);
    expect(stderr).toMatch(/WARN\[\d{4}\]\[scheduler\] on stdout\n/);
  });

  test('the CSV tells of every package and test, and what stood in the way', async () => {
    const run = mixed();
    await run.run({}, { env: { RPMS: rpmsDir() } });
    expect(run.csv()).toBe(
      `Package,State,Blocker,IsTest
bash-1.0-1.src.rpm,Built,,0
bash-1.0-1.src.rpm,Built,,1
broken-1.0-1.src.rpm,Failed,,0
lost-1.0-1.src.rpm,Failed,,0
poor-1.0-1.src.rpm,Built,,0
poor-1.0-1.src.rpm,Failed,,1
ready-1.0-1.src.rpm,Built,,0
victim-1.0-1.src.rpm,Failed,broken-1.0-1.src.rpm-FAIL ,0
victim-1.0-1.src.rpm,Failed,victim-1.0-1.src.rpm-UNBUILT ,1
zlib-1.0-1.src.rpm,Built,,0
zlib-1.0-1.src.rpm,Built,,1
`,
    );
  });

  test('the graph is written with the new states of builds and tests', async () => {
    const run = mixed();
    await run.run({}, { env: { RPMS: rpmsDir() } });
    expect(states(run.output())).toEqual({
      'LocalBuild bash': 'UpToDate',
      'LocalBuild bash-doc': 'UpToDate',
      'LocalBuild broken': 'BuildError',
      'LocalBuild lost': 'Build',
      'LocalBuild poor': 'UpToDate',
      'LocalBuild ready': 'UpToDate',
      'LocalBuild victim': 'Build',
      'LocalBuild zlib': 'UpToDate',
      'Test bash': 'UpToDate',
      'Test poor': 'BuildError',
      'Test victim': 'Build',
      'Test zlib': 'UpToDate',
    });
  });

  test('a run in which all went well says so and exits with 0', async () => {
    const run = packages({ a: {}, b: { needs: ['a'] } });
    const { code, stderr } = await run.run();
    expect(messages(stderr)).toContain('All packages built');
    expect(stderr).not.toContain('FATA');
    expect(code).toBe(0);
    expect(states(run.output())).toEqual({ 'LocalBuild a': 'UpToDate', 'LocalBuild b': 'UpToDate' });
  });

  test('without telemetry nothing is left but what was asked for', async () => {
    const run = packages({ a: {} });
    const before = readdirSync(dir);
    await run.run();
    expect(readdirSync(dir).sort()).toEqual([...before, 'built.dot', 'state.csv'].sort());
  });

  test('the log file has what stderr leaves out', async () => {
    const run = packages({ a: {} });
    const { stderr } = await run.run({ 'log-level': 'error', 'log-file': 'run.log' });
    expect(stderr).toBe('');
    const log = readFileSync(run.path('run.log'), 'utf8');
    expect(log).toMatch(/^time="[^"]+" level=info msg="Building: a-1\.0-1\.src\.rpm"$/m);
    expect(log).toMatch(/^time="[^"]+" level=debug msg="/m);
  });

  test('a failed run names its log file', async () => {
    const { stderr } = await packages({ a: {} }, 'exit 1').run({ 'log-file': 'run.log' });
    expect(stderr).toContain("see the build summary section above and the build log 'run.log'.\n");
  });

  test.each([
    ['--log-color=always', { 'log-color': 'always' }, {}, true],
    ['a pipe', {}, {}, false],
    ['--log-color=never', { 'log-color': 'never' }, {}, false],
  ] as const)('colours with %s', async (_, flags, env, colored) => {
    const { stderr } = await packages({ a: {} }).run(flags, { env });
    expect(stderr.includes('\u001b[')).toBe(colored);
  });

  test('a CSV that cannot be written is an error, and the graph is written all the same', async () => {
    const run = packages({ a: {} });
    const { code, stderr } = await run.run({ 'output-build-state-csv-file': 'none/state.csv' });
    expect(stderr).toMatch(/ERRO\[\d{4}\]\[scheduler\] cannot write none\/state\.csv: no such file or directory\n/);
    expect(code).toBe(1);
    expect(states(run.output())).toEqual({ 'LocalBuild a': 'UpToDate' });
  });

  test('a graph that cannot be written is an error, and the CSV is written all the same', async () => {
    const run = packages({ a: {} });
    const { code, stderr } = await run.run({ output: 'none/built.dot' });
    expect(stderr).toMatch(/ERRO\[\d{4}\]\[scheduler\] cannot write none\/built\.dot: no such file or directory\n/);
    expect(code).toBe(1);
    expect(stateRows(run.csv())).toHaveLength(1);
  });
});

describe('the worker program', () => {
  const RECORD = `printf '%s\\n' "$@" > "$RECORDS/$srpm.$check.args"; env > "$RECORDS/$srpm.$check.env"; ${PASS}`;
  const records = (name: string) =>
    readFileSync(join(dir, 'records', name), 'utf8')
      .split('\n')
      .filter(Boolean);
  const recording = (flags: Record<string, string | true> = {}, env: Record<string, string> = {}) => {
    mkdirSync(join(dir, 'records'));
    const run = packages(
      {
        a: { test: true, requires: ['cached:far'] },
        b: { needs: ['a'], also: ['b-libs'] },
        c: { needs: ['b', 'b-libs'] },
      },
      RECORD,
    );
    return run.run(flags, { env: { RECORDS: join(dir, 'records'), ...env } });
  };

  test('is told all about a package', async () => {
    await recording({ timeout: '8h', 'max-cpu': '4', 'log-level': 'warn' });
    const args = records(`${srpm('c')}.0.args`);
    const timeout = args.find((arg) => arg.startsWith('--timeout=')) as string;
    expect(timeout).toMatch(/^--timeout=(8h0m0s|7h59m59(\.\d+)?s)$/);
    expect(args).toEqual([
      `--input=/srpms/${srpm('c')}`,
      `--work-dir=${dir}/work`,
      `--worker-tar=${dir}/worker.tar.gz`,
      `--repo-file=${dir}/local.repo`,
      `--rpm-dir=${dir}/rpms`,
      `--toolchain-rpms-dir=${dir}/toolchain`,
      `--srpm-dir=${dir}/srpms`,
      `--cache-dir=${dir}/cache`,
      '--base-package-name=c',
      '--dist-tag=.azl3',
      '--distro-release-version=3.0.20260428',
      '--distro-build-number=20260428.1',
      `--log-file=${dir}/logs/${srpm('c')}.log`,
      '--log-level=warn',
      '--out-arch=x86_64',
      '--max-cpu=4',
      timeout,
      `--install-package=${rpmOf('b')}`,
      `--install-package=${rpmOf('b-libs')}`,
    ]);
  });

  test('is told of a test, which has a log of its own', async () => {
    await recording();
    const [build, test] = ['0', '1'].map((check) => records(`${srpm('a')}.${check}.args`)) as [string[], string[]];
    expect(build).not.toContain('--run-check');
    expect(build).toContain(`--log-file=${dir}/logs/${srpm('a')}.log`);
    expect(test).toContain('--run-check');
    expect(test).toContain(`--log-file=${dir}/logs/${srpm('a')}.test.log`);
    expect(test).toContain(
      '--timeout=99h0m0s'.replace('99h0m0s', (test.find((arg) => arg.startsWith('--timeout=')) as string).slice(10)),
    );
  });

  test('gets the flags that only it understands', async () => {
    await recording({
      'rpmmacros-file': `${dir}/local.repo`,
      'versions-macro-file': `${dir}/worker.tar.gz`,
      'no-cleanup': true,
      'use-ccache': true,
      'ccache-dir': '/ccache',
      'ccache-config': '/ccache.json',
    });
    expect(records(`${srpm('b')}.0.args`)).toEqual(
      expect.arrayContaining([
        `--rpmmacros-file=${dir}/local.repo`,
        `--versions-macro-file=${dir}/worker.tar.gz`,
        '--no-cleanup',
        '--use-ccache',
        '--ccache-root-dir=/ccache',
        '--ccache-config=/ccache.json',
      ]),
    );
  });

  test('does not get flags that were not given', async () => {
    await recording();
    const args = records(`${srpm('b')}.0.args`).map((arg) => arg.replace(/=.*/, ''));
    for (const flag of [
      'rpmmacros-file',
      'versions-macro-file',
      'no-cleanup',
      'run-check',
      'use-ccache',
      'ccache-root-dir',
      'ccache-config',
      'otlp-endpoint',
      'enable-telemetry',
    ])
      expect(args).not.toContain(`--${flag}`);
  });

  test('installs what its dependencies need to run, but not what they need to be built', async () => {
    await recording();
    const installed = (name: string) =>
      records(`${srpm(name)}.0.args`).flatMap((arg) => arg.split('--install-package=').slice(1));
    expect(installed('b')).toEqual(['/cache/far.rpm', rpmOf('a')]);
    expect(installed('c')).toEqual([rpmOf('b'), rpmOf('b-libs')]);
    expect(installed('a')).toEqual([]);
  });

  test('has the environment of the scheduler, without trace context where there is no telemetry', async () => {
    await recording({}, { MARK: 'seen' });
    const env = records(`${srpm('a')}.0.env`);
    expect(env).toContain('MARK=seen');
    expect(env.filter((line) => line.startsWith('TRACEPARENT'))).toEqual([]);
  });

  test('with telemetry gets the trace that the scheduler was called in', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    await recording({ 'enable-telemetry': true }, { TRACEPARENT: `00-${trace}-00f067aa0ba902b7-01` });
    expect(records(`${srpm('a')}.0.env`).find((line) => line.startsWith('TRACEPARENT='))).toMatch(
      new RegExp(`^TRACEPARENT=00-${trace}-[0-9a-f]{16}-01$`),
    );
    expect(readdirSync(join(dir, '.spanwright/runs/latest'))).toEqual(
      expect.arrayContaining(['events.ndjson', 'spans.otlp.jsonl', 'trace.perfetto.json']),
    );
  });

  test.each([
    [
      'without a newline at its end is the list of what was built',
      "printf 'noise\\n/o/a-1.rpm,/o/a-doc-1.rpm'",
      'a-1.rpm a-doc-1.rpm',
    ],
    ['with a newline at its end is that list, too', "printf '/o/a-1.rpm\\n'", 'a-1.rpm'],
    ['on stderr tells of nothing', "printf '/o/a-1.rpm' >&2", ''],
    ['that is not there tells of nothing', 'true', ''],
    ['may follow a flood of output', "seq 1 200000; printf '/o/a-1.rpm'", 'a-1.rpm'],
  ])('a last line of output %s', async (_, script, files) => {
    const { code, stderr } = await packages({ a: {} }, script).run();
    expect(stderr).toContain(`Built: ${srpm('a')} -> [${files}]\n`);
    expect(code).toBe(0);
  });

  test('that fails after a flood of output that tells nothing is shown with no more than its last lines', async () => {
    const { stderr } = await packages({ a: {} }, 'seq -f "line %.0f" 1 5000; exit 1').run();
    const shown = messages(stderr).filter((line) => /^line \d+$/.test(line));
    expect(shown).toEqual(Array.from({ length: 10 }, (_, i) => `line ${4991 + i}`));
  });

  test.each([
    ['passes with status 0', 'echo "= CHECK DONE a. EXIT STATUS 0" > "$log"', 'Tested: '],
    ['fails with another status', 'echo "= CHECK DONE a. EXIT STATUS 1" > "$log"', 'Failed test: '],
    [
      'is decided by the first marker',
      'printf "CHECK DONE a. EXIT STATUS 0\\nCHECK DONE a. EXIT STATUS 1\\n" > "$log"',
      'Tested: ',
    ],
    [
      'passes where tests were left out, and is told apart',
      'echo nothing > "$log"',
      'Tested: ',
      ' (its log has no check marker: %check did not run)',
    ],
  ])('a test %s', async (_, script, line, remark = '') => {
    const run = packages({ a: { test: true } }, script);
    const { code, stderr } = await run.run();
    expect(stderr).toContain(`${line}${srpm('a')}${remark}\n`);
    const passed = line === 'Tested: ';
    expect(listed(stderr, 'Passed SRPMs tests:')).toEqual(passed ? [`--> ${srpm('a')}`] : []);
    expect(stateRows(run.csv()).find(({ isTest }) => isTest)?.state).toBe(passed ? 'Built' : 'Failed');
    expect(code).toBe(0);
  });

  test('a test whose log is not there is an error, not a test that passed or failed', async () => {
    const { code, stderr } = await packages({ a: { test: true } }, 'rm -f "$log"').run();
    expect(stderr).toMatch(/Failed to build a-1\.0-1\.src\.rpm, error: failed to open log file \(.*\) while checking/);
    expect(code).toBe(1);
  });

  test('that fails while it tests is told as a failed test', async () => {
    const { stderr } = await packages({ a: { test: true } }, `[ $check = 0 ] || exit 9; ${PASS}`).run();
    expect(stderr).toMatch(
      /ERRO\[\d{4}\]\[scheduler\] Failed to build a-1\.0-1\.src\.rpm, error: exit status 9, for details see: .*\.test\.log\n/,
    );
    expect(listed(stderr, 'Failed SRPMs tests:')).toHaveLength(1);
  });

  test.each([
    ['is not there', 'nowhere', /Failed to build a-1\.0-1\.src\.rpm, error: could not start: .*no such program/],
    ['is not executable', 'local.repo', /error: could not start: .*permission denied/],
    ['is a folder', 'rpms', /error: could not start: .*permission denied/],
  ])('that %s fails each build, and is not tried again', async (_, program, message) => {
    const run = packages({ a: {} });
    const { code, stderr } = await run.run({ 'build-agent-program': run.path(program), 'build-attempts': '3' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('retrying');
    expect(code).toBe(1);
    expect(stateRows(run.csv())).toEqual([{ package: srpm('a'), state: 'Failed', blockers: [], isTest: false }]);
  });

  test('is tried again, after a wait, as often as it may be', async () => {
    const run = packages({ a: {} }, `echo x >> "${dir}/tries"; [ $(wc -l < "${dir}/tries") -ge 2 ]`);
    const { code, stderr, ms } = await run.run({ 'build-attempts': '2' });
    expect(messages(stderr)).toContain(`Build for '${srpm('a')}' failed 1 times, retrying up to 2 times.`);
    expect(stderr).toContain(`Built: ${srpm('a')} -> []\n`);
    expect(ms).toBeGreaterThan(1000);
    expect(code).toBe(0);
  });

  test('has its tests tried again as often as they may be', async () => {
    const script = `[ $check = 1 ] || exit 0; echo x >> "${dir}/tries"; echo "CHECK DONE a. EXIT STATUS 1" > "$log"`;
    const { code, stderr } = await packages({ a: { test: true } }, script).run({ 'check-attempts': '2' });
    expect(messages(stderr)).toContain(`Test for '${srpm('a')}' failed 1 times, retrying up to 2 times.`);
    expect(readFileSync(join(dir, 'tries'), 'utf8')).toBe('x\nx\n');
    expect(stderr).toContain(`Failed test: ${srpm('a')}\n`);
    expect(code).toBe(0);
  });

  test('is ended with its children when its time is up', async () => {
    const run = packages({ slow: {}, next: { needs: ['slow'] } }, `echo "$$" > "${dir}/pid"; sleep 600; echo never`);
    const { code, stderr, ms } = await run.run({ timeout: '400ms' });
    expect(stderr).toMatch(
      /Failed to build slow-1\.0-1\.src\.rpm, error: after 1\/1 attempts, the build exceeded the maximum time of 400ms/,
    );
    expect(code).toBe(1);
    expect(ms).toBeLessThan(20_000);
    expect(isAlive(Number(readFileSync(join(dir, 'pid'), 'utf8')))).toBe(false);
    expect(stateRows(run.csv()).map(({ package: name, blockers }) => [name, blockers])).toEqual([
      [srpm('next'), [`${srpm('slow')}-FAIL`]],
      [srpm('slow'), []],
    ]);
  });

  test('leaves no child behind that did not heed the signal', async () => {
    // What a shell starts in the background ignores SIGINT.
    const run = packages({ slow: {} }, `sleep 600 & echo "$!" > "${dir}/pid"; wait`);
    await run.run({ timeout: '400ms' });
    const pid = Number(readFileSync(join(dir, 'pid'), 'utf8'));
    try {
      await eventually(() => !isAlive(pid), 'the child of the worker is gone', 2000);
    } finally {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    }
  });

  test('has one limit of time for all attempts', async () => {
    const run = packages({ slow: {} }, 'sleep 0.2; exit 1');
    const { stderr, ms } = await run.run({ timeout: '700ms', 'build-attempts': '9' });
    expect(stderr).toMatch(/error: after 1\/9 attempts, the build exceeded the maximum time of 700ms/);
    expect(ms).toBeLessThan(10_000);
  });

  test('may be given more time than a timer of Node can count', async () => {
    const { code, stderr } = await packages({ a: {} }, 'sleep 0.1').run({ timeout: '1000h' });
    expect(stderr).not.toContain('Warning');
    expect(stderr).not.toContain('exceeded the maximum time');
    expect(code).toBe(0);
  });
});

describe('lists of packages', () => {
  const chain = () =>
    packages({ a: { test: true }, b: { needs: ['a'], test: true }, c: { needs: ['b'] }, other: { test: true } });
  const onDisk = (...names: string[]) => {
    for (const name of names) touch(rpmOf(name));
  };
  const builds = (stderr: string) =>
    started(stderr)
      .filter((line) => line.startsWith('Building'))
      .map((line) => line.slice(10))
      .sort();
  const tests = (stderr: string) =>
    started(stderr)
      .filter((line) => line.startsWith('Testing'))
      .map((line) => line.slice(9))
      .sort();

  test('--packages builds these and what they need', async () => {
    const { code, stderr } = await chain().run({ packages: ' b ', tests: 'a' });
    expect(builds(stderr)).toEqual([srpm('a'), srpm('b')]);
    expect(tests(stderr)).toEqual([srpm('a')]);
    expect(code).toBe(0);
  });

  test('--packages is split at blanks of any kind', async () => {
    const { stderr } = await chain().run({ packages: 'a\n\tother  ', tests: 'a' });
    expect(builds(stderr)).toEqual([srpm('a'), srpm('other')]);
  });

  test('what is on disk is not built', async () => {
    const run = chain();
    onDisk('a', 'b', 'c', 'other');
    const { code, stderr } = await run.run();
    expect(started(stderr)).toEqual([]);
    expect(stderr).toContain(`Prebuilt: ${srpm('a')} -> [a-1.0-1.x86_64.rpm]\n`);
    expect(stderr).toContain(`Skipped test: ${srpm('a')}\n`);
    expect(listed(stderr, 'Prebuilt SRPMs:')).toHaveLength(4);
    expect(listed(stderr, 'Skipped SRPMs tests:')).toHaveLength(3);
    expect(stateRows(run.csv()).map(({ state, isTest }) => [state, isTest])).toEqual(
      Array(4).fill(['PreBuilt', false]),
    );
    expect(code).toBe(0);
  });

  test('--no-cache builds it nonetheless', async () => {
    const run = chain();
    onDisk('a', 'b', 'c', 'other');
    expect(builds((await run.run({ 'no-cache': true })).stderr)).toHaveLength(4);
  });

  test('--rebuild-packages builds these and carries on to what needs them, no further than allowed', async () => {
    const run = chain();
    onDisk('a', 'b', 'c', 'other');
    const rebuilt = async (layers: string) =>
      builds((await run.run({ packages: 'c', 'rebuild-packages': 'a', 'max-cascading-rebuilds': layers })).stderr);
    expect(await rebuilt('0')).toEqual([srpm('a')]);
    expect(await rebuilt('1')).toEqual([srpm('a'), srpm('b')]);
    expect(await rebuilt('18446744073709551615')).toEqual([srpm('a'), srpm('b'), srpm('c')]);
  });

  test('--rerun-tests runs a test whose package is not rebuilt', async () => {
    const run = chain();
    onDisk('a', 'b', 'c', 'other');
    const { stderr } = await run.run({ 'rerun-tests': 'a' });
    expect(builds(stderr)).toEqual([]);
    expect(tests(stderr)).toEqual([srpm('a')]);
  });

  test('--ignored-packages and --ignored-tests leave these alone though what they need was rebuilt, and count them as done', async () => {
    const run = chain();
    onDisk('a', 'b', 'c', 'other');
    const { code, stderr } = await run.run({
      packages: 'a b c other',
      'rebuild-packages': 'a',
      'ignored-packages': 'b',
      'ignored-tests': 'a',
    });
    expect(builds(stderr)).toEqual([srpm('a'), srpm('c')]);
    expect(tests(stderr)).toEqual([srpm('b')]);
    expect(stderr).toContain(
      `Ignored build for '${srpm('b')}' per user request. RPMs expected to be present: [b-1.0-1.x86_64.rpm]\n`,
    );
    expect(stderr).toContain(`Ignored test for '${srpm('a')}' per user request.\n`);
    expect(code).toBe(0);
  });

  test('--ignored-packages builds what is not on disk all the same, as its help says', async () => {
    const { code, stderr } = await chain().run({ 'ignored-packages': 'a', 'ignored-tests': 'b' });
    expect(builds(stderr)).toEqual([srpm('a'), srpm('b'), srpm('c'), srpm('other')]);
    expect(tests(stderr)).toEqual([srpm('a'), srpm('other')]);
    expect(code).toBe(0);
  });

  test('names to ignore that nobody knows are told and passed over', async () => {
    const { code, stderr } = await chain().run({ 'ignored-packages': 'zz a yy' });
    expect(stderr).toContain('The following ignored items matched neither a spec nor a package name: [zz yy]\n');
    expect(code).toBe(0);
  });

  test.each<[string, Record<string, string>, string[]]>([
    [
      'to build',
      { packages: 'a zz' },
      [
        'Failed to generate package list with error:',
        'failed to find nodes for the packages from the build list:',
        'failed to find package (zz) in the dependency graph',
      ],
    ],
    [
      'to rebuild',
      { 'rebuild-packages': 'zz' },
      [
        'Failed to generate package list with error:',
        'failed to find nodes for the packages from the re-built list:',
        'failed to find package (zz) in the dependency graph',
      ],
    ],
    [
      'to test',
      { tests: 'c' },
      [
        'Failed to generate tests list with error:',
        "found package (c) but it doesn't have a package of the expected type",
      ],
    ],
    [
      'to ignore and to rebuild',
      { 'ignored-packages': 'a b', 'rebuild-packages': 'a' },
      ["can't ignore and force a re-build of a package at the same time. Abusing packages: (a)"],
    ],
  ])('a name %s that makes no sense ends the run before it begins', async (_, flags, parts) => {
    const run = chain();
    const { code, stderr } = await run.run(flags);
    expect(stderr).toMatch(/^FATA\[\d{4}\]\[scheduler\] /);
    for (const part of parts) expect(stderr).toContain(part);
    expect(code).toBe(1);
    expect([existsSync(run.csvFile), existsSync(run.outputFile)]).toEqual([false, false]);
  });

  test('--extra-layers adds what depends on the packages', async () => {
    const run = chain();
    expect(builds((await run.run({ packages: 'a', tests: 'a', 'extra-layers': '1' })).stderr)).toEqual([
      srpm('a'),
      srpm('b'),
    ]);
  });

  test('the output graph is cut down to what was asked for', async () => {
    const run = chain();
    await run.run({ packages: 'a', tests: 'a' });
    const graph = run.output();
    const goals = Array.from({ length: graph.size }, (_, node) => graph.field(node, 'goalName')).filter(Boolean);
    expect(states(graph)).toEqual({ 'LocalBuild a': 'UpToDate', 'Test a': 'UpToDate' });
    expect(goals.sort()).toEqual(['ALL', 'PackagesToBuild']);
  });
});

describe('names that only a build may turn out to provide', () => {
  const graph = { a: {}, b: { needs: ['lib.so()(64bit)'] }, c: { needs: ['cached:pkgconfig(x)'] } };

  test('keep the graph whole, and that is told', async () => {
    const { code, stderr } = await packages(graph).run({ packages: 'b' });
    expect(messages(stderr)).toEqual(
      expect.arrayContaining([
        'Found 1 unsolved implicit nodes, cannot optimize subgraph yet...',
        '\tUnsolvable node: lib.so()(64bit)--REMOTE<Unresolved>',
        'Could not create solvable subgraph, forcing full package build',
        'Enabling cached packages to satisfy unresolved dynamic dependencies.',
      ]),
    );
    expect(listed(stderr, 'Blocked SRPMs:')).toEqual([`--> ${srpm('b')}`]);
    expect(listed(stderr, 'Built SRPMs:')).toEqual([`--> ${srpm('a')}`, `--> ${srpm('c')}`]);
    expect(code).toBe(1);
  });
});

describe('toolchain packages', () => {
  const toolchain = (flags: Record<string, string | true>) => {
    const run = packages({ a: {}, b: {} }, 'printf "/out/$name-1.0-1.x86_64.rpm"');
    writeFileSync(run.path('manifest'), 'x/a-1.0-1.x86_64.rpm\nunused.rpm\n');
    return run.run({ 'toolchain-manifest': run.path('manifest'), ...flags });
  };

  test('that are rebuilt fail the run, and are listed', async () => {
    const { code, stderr } = await toolchain({});
    expect(listed(stderr, 'RPM conflicts with toolchain:')).toEqual(['--> a-1.0-1.x86_64.rpm']);
    expect(listed(stderr, 'SRPM conflicts with toolchain:')).toEqual([`--> ${srpm('a')}`]);
    expect(stderr).toMatch(/Number of toolchain RPM conflicts: {5}1\n/);
    expect(stderr).toContain("Use 'ALLOW_TOOLCHAIN_REBUILDS=y' to suppress this error if rebuilds were expected");
    expect(listed(stderr, 'Built SRPMs:')).toHaveLength(2);
    expect(code).toBe(1);
  });

  test('may be rebuilt if the user says so', async () => {
    const { code, stderr } = await toolchain({ 'allow-toolchain-rebuilds': true });
    expect(stderr).toMatch(/Number of toolchain RPM conflicts: {5}0\n/);
    expect(code).toBe(0);
  });
});

describe('what stops a run', () => {
  const waiting = (more = '') =>
    packages(
      { a: { test: true }, b: {}, next: { needs: ['a'] } },
      `echo "$$" > "${dir}/$name.pid"; ${more} sleep 600 & wait $!`,
    );
  const pids = () => ['a', 'b'].map((name) => Number(readFileSync(join(dir, `${name}.pid`), 'utf8')));

  test('--stop-on-failure starts nothing more, ends in order and reports', async () => {
    const run = packages({ bad: {}, b: {}, c: {}, d: { needs: ['b'] } }, '[ $name != bad ]');
    const { code, stderr } = await run.run({ 'stop-on-failure': true, workers: '1', packages: 'bad b c d' });
    const after = messages(stderr).slice(messages(stderr).findIndex((line) => line.startsWith('Failed to build bad')));
    expect(after.filter((line) => line.startsWith('Building: '))).toEqual([]);
    expect(stateRows(run.csv())).toHaveLength(4);
    expect(stateRows(run.csv()).find(({ package: name }) => name === srpm('bad'))?.state).toBe('Failed');
    expect(states(run.output())['LocalBuild bad']).toBe('BuildError');
    expect(stderr).toContain('--------- Summary ---------');
    expect(code).toBe(1);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends the workers, and the run still reports', async (signal) => {
    const run = packages(
      { a: { test: true }, b: {}, next: { needs: ['a'] } },
      `echo "$$" > "${dir}/$name.pid"; echo > "${dir}/$name.up"; exec sleep 600`,
    );
    const command = run.start();
    await eventually(() => ['a', 'b'].every((name) => existsSync(join(dir, `${name}.up`))), 'both workers run');
    command.kill(signal);
    const { code, stderr } = await command.end;
    expect(code).toBe(1);
    expect(messages(stderr)).toContain(`Stopping build: received ${signal}`);
    expect(stderr).toContain(`Error: stopped by ${signal}.`);
    expect(pids().map(isAlive)).toEqual([false, false]);
    expect(stderr).toContain('Number of built SRPMs:                 0\n');
    expect(listed(stderr, 'Blocked SRPMs:')).toEqual([`--> ${srpm('next')}`]);
    expect(listed(stderr, 'Failed SRPMs:').map((line) => line.split(' ')[1])).toEqual([srpm('a'), srpm('b')]);
    expect(stateRows(run.csv()).map(({ state }) => state)).toEqual(['Failed', 'Failed', 'Failed', 'Failed']);
    expect(Object.keys(states(run.output()))).toHaveLength(4);
  });

  test('a second signal ends a run at once whose workers do not heed the first', async () => {
    const run = packages({ a: {} }, `trap "" INT; echo "$$" > "${dir}/a.pid"; echo > "${dir}/a.up"; sleep 600`);
    const command = run.start();
    await eventually(() => existsSync(join(dir, 'a.up')), 'the worker runs');
    command.kill('SIGINT');
    await command.waitForLine(/Stopping build/);
    command.kill('SIGINT');
    const { code } = await command.end;
    const pid = Number(readFileSync(join(dir, 'a.pid'), 'utf8'));
    await eventually(() => !isAlive(pid), 'the worker is gone');
    // The command knows two exit codes.
    expect(code).toBe(1);
  });

  test('a scheduler that is killed takes its workers with it', async () => {
    const run = waiting();
    const command = run.start();
    await eventually(
      () =>
        ['a', 'b'].every(
          (name) => existsSync(join(dir, `${name}.pid`)) && readFileSync(join(dir, `${name}.pid`), 'utf8') !== '',
        ),
      'both workers run',
    );
    command.kill('SIGKILL');
    await command.end;
    await eventually(() => pids().every((pid) => !isAlive(pid)), 'the workers are gone');
  });

  test('a reader of stderr that goes away does not stop the build', async () => {
    const run = packages({ a: {}, b: { needs: ['a'] }, c: { needs: ['b'] } });
    const command = startCommand('scheduler', run.flags(), { cwd: dir });
    command.child.stderr?.destroy();
    const { code } = await command.end;
    expect(stateRows(run.csv()).map(({ state }) => state)).toEqual(['Built', 'Built', 'Built']);
    expect(code).toBe(0);
  });

  test('a folder of the run that goes away costs no more than what would be in it', async () => {
    const run = packages({ a: {} }, `rm -rf "${dir}/.spanwright"`);
    const { code, stderr } = await run.run({ 'enable-telemetry': true });
    expect(stderr).toContain('Number of built SRPMs:                 1\n');
    expect(existsSync(run.csvFile)).toBe(true);
    expect(existsSync(run.outputFile)).toBe(true);
    expect(code).toBe(0);
  });
});

describe('previews', () => {
  test('--dry-run tells what would be built, in which order and why, and touches nothing', async () => {
    const run = packages({ a: { test: true }, b: { needs: ['a'] } }, `echo ran > "${dir}/ran"`);
    const { code, stdout } = await run.run({ 'dry-run': true });
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        `would build  ${srpm('a')}: none of its 1 RPMs is on disk`,
        `would build  ${srpm('b')}: none of its 1 RPMs is on disk`,
        expect.stringMatching(/^would test {2}a-1\.0-1\.src\.rpm: /),
        '3 would be built or tested, 0 reused, 0 blocked',
      ]),
    );
    expect(lines.findIndex((line) => line.includes(srpm('a')))).toBeLessThan(
      lines.findIndex((line) => line.includes(srpm('b'))),
    );
    expect(code).toBe(0);
    expect([run.csvFile, run.outputFile, run.path('ran'), run.path('.spanwright')].filter(existsSync)).toEqual([]);
  });

  test('--dry-run tells what would be reused and what is blocked', async () => {
    const run = packages({ a: {}, b: { needs: ['nobody'] } });
    touch(rpmOf('a'));
    const { code, stdout } = await run.run({ 'dry-run': true });
    expect(stdout).toContain(`would reuse ${srpm('a')}: all of its 1 RPMs are on disk`);
    expect(stdout).toMatch(/^blocked +b-1\.0-1\.src\.rpm: by nobody--REMOTE<Unresolved>, which nobody provides$/m);
    expect(stdout).toContain('0 would be built or tested, 1 reused, 1 blocked\n');
    expect(code).toBe(1);
  });

  test('--explain says why each is built', async () => {
    const { stderr } = await packages({ a: {} }).run({ explain: true });
    expect(messages(stderr)).toContain(`Reason for ${srpm('a')}: none of its 1 RPMs is on disk`);
  });
});

describe('the test agent', () => {
  test('builds nothing, and all is well', async () => {
    const run = packages({ a: { test: true }, b: { needs: ['a'] } }, `echo ran > "${dir}/ran"`);
    const { code } = await run.run({ 'build-agent': 'test-agent' });
    expect(stateRows(run.csv()).map(({ state }) => state)).toEqual(['Built', 'Built', 'Built']);
    expect(existsSync(run.path('ran'))).toBe(false);
    expect(code).toBe(0);
  });
});

describeWithSharedData('the core graph', () => {
  test('each worker installs the closure of its dependencies', async () => {
    mkdirSync(join(dir, 'records'));
    const worker = shellWorker(dir, `[ $check = 1 ] || printf '%s\\n' "$@" > "$RECORDS/$srpm"; ${PASS}`);
    const run = new ToolkitRun(dir, placeRpms(sharedData('azurelinux-3.0-core-cached.dot'), dir), worker);
    await run.run({ 'no-cache': true }, { env: { RECORDS: join(dir, 'records') } });
    const graph = run.output();
    // Worked out anew, by recursion: all that is reachable without going through a build.
    const closure = (name: string) => {
      const node = Array.from({ length: graph.size }, (_, i) => i).find(
        (i) => graph.type(i) === NodeType.LocalBuild && graph.field(i, 'name') === name,
      ) as number;
      const found = new Set<number>();
      const visit = (at: number) => {
        for (const next of graph.dependenciesOf(at)) {
          if (found.has(next) || graph.type(next) === NodeType.LocalBuild) continue;
          found.add(next);
          visit(next);
        }
      };
      visit(node);
      const paths = new Set([...found].map((i) => graph.field(i, 'rpmPath')));
      for (const none of ['', '<NO_RPM_PATH>', graph.field(node, 'rpmPath')]) paths.delete(none);
      return { srpm: basename(graph.field(node, 'srpmPath')), paths: [...paths].sort() };
    };
    for (const name of ['zlib', 'openssl-devel', 'python3']) {
      const { srpm, paths } = closure(name);
      const installed = readFileSync(join(dir, 'records', srpm), 'utf8')
        .split('\n')
        .flatMap((arg) => arg.split('--install-package=').slice(1));
      expect([name, installed.sort()]).toEqual([name, paths]);
      expect(new Set(installed).size).toBe(installed.length);
    }
    expect(closure('python3').paths.length).toBeGreaterThan(20);
  });

  const oracle = resolve(__dirname, '../../../shared/tools/toolkit_dot.py');
  const hasPython = existsSync(oracle) && spawnSync('python3', ['--version']).status === 0;
  (hasPython ? test : test.skip)("the output graph is read by another reader of the toolkit's format", async () => {
    const run = new ToolkitRun(dir, sharedData('azurelinux-3.0-core-cached.dot'));
    await run.run({}, { env: { FAIL: 'zlib-1.3.2-1.azl3.src.rpm' } });
    const { stdout, status } = spawnSync('python3', [oracle, 'decode', run.outputFile], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    expect(status).toBe(0);
    const decoded = JSON.parse(stdout) as { nodes: { type: string; state: string; name?: string }[]; edges: unknown[] };
    const graph = run.output();
    expect(decoded.nodes).toHaveLength(graph.size);
    expect(decoded.edges).toHaveLength(graph.edgeCount);
    expect(decoded.nodes.map(({ state }) => state)).toEqual(
      Array.from(graph.states, (state) => NODE_STATE_NAMES[state]),
    );
    const work = decoded.nodes.filter(({ type }) => type === 'LocalBuild' || type === 'Test');
    const count = (state: string) => work.filter((node) => node.state === state).length;
    const all = Array.from(graph.states.keys()).filter((node) => graph.isWork(node));
    expect(count('BuildError')).toBeGreaterThan(1);
    expect(count('UpToDate') + count('BuildError') + count('Build')).toBe(all.length);
    expect(count('UpToDate')).toBe(all.filter((node) => graph.state(node) === NodeState.UpToDate).length);
  });
});
