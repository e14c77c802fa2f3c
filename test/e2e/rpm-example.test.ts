import { spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { makeTempDir, removeTempDir, runCommand } from '../support/command';
import { readOtlpFile } from '../support/otlp-collector';

const ROOT = resolve(__dirname, '../..');
const NEEDED = ['rpmbuild', 'gcc', 'pkgconf'];
const missing = NEEDED.filter((program) => spawnSync(program, ['--version']).status !== 0);
const describeHere = missing.length === 0 ? describe : describe.skip;
const where = missing.length === 0 ? '' : ` (skipped: not here: ${missing.join(', ')})`;

jest.setTimeout(90_000);

/** A checkout with nothing in it but the example, in a folder whose name is hard on scripts. */
class Station {
  readonly dir = makeTempDir();
  readonly checkout = join(this.dir, 'a checkout');
  /** Where it is run from. */
  readonly cwd = join(this.dir, 'station');

  constructor() {
    mkdirSync(this.cwd);
    cpSync(join(ROOT, 'examples/rpm'), join(this.checkout, 'examples/rpm'), { recursive: true });
    symlinkSync(join(ROOT, 'dist'), join(this.checkout, 'dist'));
  }

  spec(path: string): string {
    return join(this.checkout, 'examples/rpm', path);
  }

  at(path: string): string {
    return join(this.cwd, path);
  }

  read(path: string): string {
    return readFileSync(this.at(path), 'utf8');
  }

  /** Runs `examples/rpm/run`. */
  run(...args: readonly string[]): Promise<Ended> {
    return ended(this.spec('run'), ['--workers', '2', ...args], this.cwd);
  }

  /** By job, `stamp` or `stamp (test)`: what came of it in the last run. */
  jobs(): Record<string, Job> {
    const { jobs } = JSON.parse(this.read('.spanwright/runs/latest/results.json')) as { jobs: Job[] };
    return Object.fromEntries(
      jobs.map((job) => [`${packageOf(job.label)}${job.kind === 'test' ? ' (test)' : ''}`, job]),
    );
  }

  /** Names of the jobs of the last run that came to this. */
  which(status: string): string[] {
    return Object.entries(this.jobs()).flatMap(([name, job]) => (job.status === status ? [name] : []));
  }

  rpms(): string[] {
    return ['noarch', ARCH].flatMap((arch) => readdirSync(this.at(`.spanwright/rpms/${arch}`))).sort();
  }

  rpm(name: string): string {
    const found = this.rpms().find((file) => packageOf(file) === name) ?? name;
    return this.at(`.spanwright/rpms/${found.includes('.noarch.') ? 'noarch' : ARCH}/${found}`);
  }

  query(name: string, ...args: readonly string[]): string[] {
    const { stdout, stderr } = spawnSync('rpm', ['-qp', ...args, this.rpm(name)], { encoding: 'utf8' });
    return (stdout + stderr).trim().split('\n');
  }

  end(): Promise<void> {
    return removeTempDir(this.dir);
  }
}

interface Job {
  readonly label: string;
  readonly kind: string;
  readonly status: string;
  readonly reason: string;
  readonly error: string | null;
  readonly rootCause: string | null;
  readonly flaky: boolean;
  readonly logPath: string | null;
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const ARCH = spawnSync('rpm', ['--eval', '%{_target_cpu}'], { encoding: 'utf8' }).stdout?.trim() ?? '';
/** `libunits-devel` of `libunits-devel-1.2-1.x86_64.rpm`. */
const packageOf = (file: string) => basename(file).replace(/-[^-]+-[^-]+$/, '');

function ended(program: string, args: readonly string[], cwd: string, uid?: number): Promise<Ended> {
  const child = spawn(program, args, { cwd, uid, gid: uid, env: { PATH: process.env.PATH, HOME: cwd } });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (chunk) => (text[name] += chunk));
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', (code) => done({ code, ...text }));
  });
}

/** What differs from run to run, and from machine to machine, gone. */
function masked(text: string): string[] {
  return text.split('\n').map((line) =>
    line
      .replace(/\S*\.spanwright\//g, '.spanwright/')
      .replace(/\d{8}-\d{6}-[0-9a-f]{6}/g, 'RUN')
      .replace(/rpm-tmp\.\w+/g, 'rpm-tmp.X')
      .replace(/\b\d+(\.\d+)? ?m?s\b/g, 'TIME')
      .replace(/^\[ *\d+\/\d+\]/, '[N]')
      .replace(/of \d+ nodes/, 'of N nodes')
      .replaceAll(ARCH, 'ARCH')
      .trimEnd(),
  );
}

/** The output that the page shows for a command, a line each; `…` stands for lines left out. */
const page = readFileSync(join(ROOT, 'docs/packages.md'), 'utf8');
function shownAfter(command: string): string[] {
  const at = page.indexOf(`\n${command}\n`);
  const [, block] = /\n```(?:text|csv)?\n(.*?)\n```/s.exec(page.slice(page.indexOf('```', at) + 3)) ?? [];
  if (at < 0 || block === undefined) throw new Error(`docs/packages.md shows no output of: ${command}`);
  return masked(block.replaceAll('x86_64', ARCH)).filter((line) => line !== '' && line !== '…');
}

const ALL_RPMS = [
  ...['check-fails', 'check-flakes', 'libplot', 'libplot-devel', 'libseries', 'libseries-devel', 'libunits'],
  ...['libunits-devel', 'libunits-static', 'licence-defect', 'render', 'stamp', 'station-rpm-macros', 'weather'],
  ...['weather-data', 'weather-data-north', 'weather-data-south', 'weather-scripts'],
];

describeHere(`the example of packages${where}`, () => {
  let station: Station;
  let first: Ended;

  beforeAll(async () => {
    station = new Station();
    first = await station.run('--check-attempts', '2');
  });
  afterAll(() => station.end());

  test('is built by one command, as its page shows', () => {
    expect(first.code).toBe(0);
    expect(first.stderr).toMatch(/^Succeeded: 20 succeeded, 1 failed of 21 in /m);
    expect(masked(first.stderr)).toEqual(
      expect.arrayContaining(shownAfter('examples/rpm/run --workers 2 --check-attempts 2')),
    );
    // What is told of a failed test begins with it.
    expect(first.stderr).not.toContain('brp-');
    expect(station.which('failed')).toEqual(['check-fails (test)']);
    expect(station.jobs()['check-flakes (test)']).toMatchObject({ status: 'succeeded', flaky: true });
    expect(readFileSync(station.jobs()['check-fails (test)']?.logPath ?? '', 'utf8')).toContain(
      'the answer is 41, not 42',
    );
  });

  test('leaves RPMs, whole ones and nothing else, that hold what their spec files say', () => {
    expect(station.rpms().map(packageOf)).toEqual(ALL_RPMS);
    expect(readdirSync(station.at('.spanwright/rpms')).sort()).toEqual(expect.arrayContaining(['noarch', ARCH].sort()));
    for (const folder of ['.spanwright/rpms', '.spanwright/work']) {
      expect(readdirSync(station.at(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
    }
    expect(station.query('libunits-devel', '-l')).toEqual(
      expect.arrayContaining(['/usr/include/units.h', expect.stringMatching(/pkgconfig\/units\.pc$/)]),
    );
    expect(station.query('libseries-devel', '--provides')).toContain('pkgconfig(series) = 0.9');
    const required = station.query('weather', '--requires');
    expect(required).toEqual(
      expect.arrayContaining(['libplot.so.2()(64bit)', 'libseries.so.0()(64bit)', 'weather-data']),
    );
    // By render: the manual that bootstrap makes has a hash, and no line below its heading.
    const manual = 'stamp\n=====\nstamp VERSION\nFills the version into what it reads.\n';
    expect(station.query('stamp', '--qf', '[%{FILENAMES} %{FILESIZES}\n]')).toContain(
      `/usr/share/stamp/manual ${manual.length}`,
    );
  });

  test('leaves a report, a graph, a trace to look at and spans', async () => {
    const runs = '.spanwright/runs/latest';
    expect((await runCommand('spanwright', ['report'], { cwd: station.cwd })).stdout).toMatch(
      /^Succeeded: 20 succeeded, 1 failed of 21 in /m,
    );
    const { nodes } = JSON.parse(station.read(`${runs}/graph.json`)) as { nodes: { name?: string; state: string }[] };
    expect(nodes.filter(({ name }) => name === 'pkgconfig(series)').map(({ state }) => state)).not.toContain(
      'Unresolved',
    );
    const { traceEvents } = JSON.parse(station.read(`${runs}/trace.perfetto.json`)) as {
      traceEvents: { name: string; cat?: string }[];
    };
    expect(
      traceEvents
        .filter(({ cat }) => cat === 'build')
        .map(({ name }) => packageOf(name))
        .sort(),
    ).toEqual(
      ['check-fails', 'check-flakes', 'libplot', 'libseries', 'libunits', 'licence-defect', 'render', 'stamp'].concat([
        'station-rpm-macros',
        'weather',
        'weather-data',
        'weather-scripts',
      ]),
    );
    const spans = readOtlpFile(station.at(`${runs}/spans.otlp.jsonl`));
    expect(spans.filter(({ name }) => name === 'scheduler.build.LocalBuild')).toHaveLength(12);
  });

  test('is reused the second time, but for the test that failed', async () => {
    const before = station.rpms().map((file) => statSync(station.rpm(packageOf(file))).ino);
    const { code, stderr } = await station.run();
    expect(code).toBe(0);
    expect(station.which('failed')).toEqual(['check-fails (test)']);
    expect(station.which('succeeded')).toEqual([]);
    expect(station.jobs()['check-fails (test)']?.reason).toBe('it failed when it was last run');
    expect(masked(stderr)).toEqual(expect.arrayContaining(shownAfter('examples/rpm/run --workers 2')));
    expect(station.rpms().map((file) => statSync(station.rpm(packageOf(file))).ino)).toEqual(before);
  });

  test('is still reused when a spec file is touched, or gets a remark that ends up in no RPM', async () => {
    const later = Date.now() / 1000 + 60;
    utimesSync(station.spec('weather-data/weather-data.spec'), later, later);
    await station.run();
    expect(station.which('succeeded')).toEqual([]);
    appendFileSync(station.spec('libunits/libunits.spec'), '# A remark.\n');
    await station.run();
    expect(station.which('succeeded')).toEqual(['libunits', 'libunits (test)']);
    expect(station.jobs().libunits?.reason).toBe('its spec changed');
  });

  test('is built as far as a change of one spec reaches, of the same version', async () => {
    const spec = station.spec('libplot/libplot.spec');
    writeFileSync(spec, readFileSync(spec, 'utf8').replace('Plots of series, drawn in text', 'Plots of series'));
    const dry = await station.run('--dry-run');
    expect(dry.code).toBe(0);
    expect(masked(dry.stdout)).toEqual(expect.arrayContaining(shownAfter('examples/rpm/run --dry-run')));
    const { stderr } = await station.run('--explain');
    expect(masked(stderr)).toEqual(expect.arrayContaining(shownAfter('examples/rpm/run --workers 2 --explain')));
    expect(station.which('succeeded')).toEqual(['libplot', 'weather', 'weather (test)']);
    expect(station.query('libplot', '--qf', '%{SUMMARY}')).toEqual(['Plots of series']);
  });

  test('is built as far as a change of a source reaches: what comes out the same goes no further', async () => {
    appendFileSync(
      station.spec('libunits/units.c'),
      '\ndouble units_feet(double metres) { return metres / 0.3048; }\n',
    );
    await station.run();
    expect(station.which('succeeded').filter((name) => !name.endsWith('(test)'))).toEqual(
      expect.arrayContaining(['libplot', 'libseries', 'libunits', 'weather']),
    );
    for (const name of ['render', 'stamp', 'weather-data', 'check-fails', 'licence-defect'])
      expect(station.jobs()[name]?.status).toBe('cached');
  });

  describe('with one build broken', () => {
    const source = () => station.spec('libseries/series.c');
    let broken: Ended;
    let before: number;

    beforeAll(async () => {
      before = statSync(station.rpm('libseries')).ino;
      renameSync(source(), `${source()}.right`);
      writeFileSync(source(), `#error "not today"\n${readFileSync(`${source()}.right`, 'utf8')}`);
      broken = await station.run('--output-build-state-csv-file', 'state.csv');
    });

    test('says what failed, in which line, and what that blocks, as its page shows', () => {
      expect(broken.code).toBe(1);
      const shown = shownAfter('examples/rpm/run --workers 2 --output-build-state-csv-file state.csv');
      expect(masked(broken.stderr)).toEqual(expect.arrayContaining(shown));
      expect(broken.stderr).toMatch(/^ {4}\| \+ gcc .* -c series\.c$/m);
      expect(broken.stderr).toContain('series.c:1:2: error: #error "not today"');
      expect(broken.stderr).toContain('blocked libplot-2.0-1.src.rpm by libseries-0.9-2.src.rpm, which failed');
      expect(station.which('blocked')).toEqual([
        ...['libplot', 'weather', 'weather (test)', 'weather-scripts', 'weather-scripts (test)'],
      ]);
      for (const name of station.which('blocked'))
        expect(station.jobs()[name]?.rootCause).toBe('libseries-0.9-2.src.rpm');
    });

    test('leaves the table and the trace of it, and the RPMs that were there', () => {
      expect(station.read('state.csv').split('\n')).toEqual(expect.arrayContaining(shownAfter('cat state.csv')));
      const spans = readOtlpFile(station.at('.spanwright/runs/latest/spans.otlp.jsonl'));
      const failed = spans.filter(({ name, status }) => name === 'scheduler.build.LocalBuild' && status.code === 2);
      expect(failed).toHaveLength(1);
      expect(station.rpms().map(packageOf)).toEqual(ALL_RPMS);
      expect(statSync(station.rpm('libseries')).ino).toBe(before);
    });

    test('and mended, builds that package alone, though the mended file has its old time', async () => {
      renameSync(`${source()}.right`, source());
      expect((await station.run()).code).toBe(0);
      expect(station.which('succeeded')).toEqual(['libseries', 'libseries (test)']);
      expect(station.which('blocked')).toEqual([]);
    });
  });

  test('fails for its failing test where that is asked', async () => {
    const { code, stderr } = await station.run('check-fails', '--fail-on-test-failure');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Failed: 0 succeeded, 1 reused, 1 failed of 2 in /m);
    expect((await station.run('check-fails')).code).toBe(0);
  });

  test('has two defects of licences, and one that is right as it is', async () => {
    const files = ['--name-file', station.spec('licence-names.json')];
    const check = (...more: readonly string[]) =>
      runCommand('spanwright', ['license-check', '.spanwright/rpms', ...files, ...more], { cwd: station.cwd });
    expect((await check()).stdout).toContain('ERROR: (weather-data-2025-1.noarch.rpm) has license errors:');
    const { code, stdout } = await check('--exception-file', station.spec('licence-exceptions.json'));
    expect(code).toBe(1);
    const shown = shownAfter(
      'spanwright license-check .spanwright/rpms --name-file examples/rpm/licence-names.json --exception-file examples/rpm/licence-exceptions.json',
    );
    // Where documents lie is told by the machine's macros.
    const plain = (line: string) => line.replace(/\/doc\/([a-z-]+?)(-[\d.]+)?\//, '/doc/$1/').trim();
    expect(masked(stdout).map(plain).filter(Boolean)).toEqual(shown.map(plain));
  });
});

describeHere(`the example, one package of it, without a sandbox${where}`, () => {
  let station: Station;
  beforeAll(() => {
    station = new Station();
  });
  afterAll(() => station.end());

  test('is built until it is known who provides what it needs, and then cut down to that', async () => {
    const { code, stderr } = await station.run('weather', '--sandbox', 'none');
    expect([code, /^Succeeded: .*$/m.exec(stderr)?.[0]]).toEqual([
      0,
      expect.stringMatching(/ [1-9]\d* not needed of 13 in /),
    ]);
    const built = station.which('succeeded');
    expect(built).toEqual(expect.arrayContaining(['libplot', 'libseries', 'libunits', 'weather', 'weather (test)']));
    expect(built).not.toContain('weather-scripts');
    const events = station.read('.spanwright/runs/latest/events.ndjson');
    expect(
      [...events.matchAll(/"label":"(pkgconfig[^-]*)--REMOTE.*?"provider":"([a-z-]+?)-\d/g)].map(([, a, b]) => [a, b]),
    ).toEqual([
      ['pkgconfig(series)', 'libseries-devel'],
      ['pkgconfig(plot)', 'libplot-devel'],
    ]);
    expect(events).toContain('"type":"graph-pruned"');
  });

  test('the next time that is known from the start', async () => {
    const { stderr } = await station.run('weather', '--sandbox', 'none');
    expect(stderr).toMatch(/^Building 6 builds and 1 test of /m);
    expect(stderr).toMatch(/^Succeeded: 0 succeeded, 7 reused of 7 in /m);
  });

  const asRoot = process.getuid?.() === 0 && missing.length === 0;
  (asRoot ? test : test.skip)(
    `by an ordinary user${asRoot ? '' : ' (skipped: only root can become one)'}`,
    async () => {
      const NOBODY = 65_534;
      const folder = join(station.dir, 'of nobody');
      mkdirSync(folder);
      chownSync(folder, NOBODY, NOBODY);
      chmodSync(station.dir, 0o755);
      const { code, stderr } = await ended(
        station.spec('run'),
        ['check-flakes', 'render', '--workers', '2'],
        folder,
        NOBODY,
      );
      expect(stderr).toMatch(/^Succeeded: \d succeeded, 1 failed of \d in /m);
      expect(code).toBe(0);
      expect(statSync(join(folder, `.spanwright/rpms/${ARCH}/render-0.4-1.${ARCH}.rpm`)).uid).toBe(NOBODY);
    },
  );
});

describeHere(`the example, built by scheduler${where}`, () => {
  let station: Station;
  beforeAll(() => {
    station = new Station();
  });
  afterAll(() => station.end());

  test('fails for its licence where such defects are fatal, and leaves what was found and its spans', async () => {
    for (const folder of ['rpms', 'toolchain', 'cache', 'logs']) mkdirSync(station.at(folder));
    writeFileSync(station.at('empty'), '');
    const rpms = station.at('rpms');
    expect((await ended(station.spec('bootstrap'), [rpms, '.x1'], station.cwd)).code).toBe(0);
    const folders = ['--rpm-dir', rpms, '--srpm-dir', station.at('srpms'), '--dist-tag', '.x1'];
    const graph = ['from-specs', station.spec(''), '--output', 'graph.dot', '--host-provides', '--no-tests'];
    const made = await runCommand('spanwright', ['graph', ...graph, ...folders], { cwd: station.cwd });
    expect([made.code, made.stderr]).toEqual([0, expect.stringContaining('circles of dependencies resolved: 1')]);
    const { code, stderr } = await runCommand(
      'scheduler',
      [
        ...['--input=graph.dot', '--output=built.dot', '--output-build-state-csv-file=state.csv', '--work-dir=work'],
        ...['--worker-tar=empty', '--repo-file=empty', '--toolchain-rpms-dir=toolchain', '--cache-dir=cache'],
        ...['--build-logs-dir=logs', '--distro-release-version=1', '--distro-build-number=1', ...folders],
        ...['--build-agent=rpmbuild-agent', '--workers=2', '--packages=licence-defect weather-data station-rpm-macros'],
        ...['--license-check-mode=fatal', `--license-check-name-file=${station.spec('licence-names.json')}`],
        `--license-check-exception-file=${station.spec('licence-exceptions.json')}`,
        ...['--license-results-file=licences.json', '--license-summary-file=licences.txt', '--enable-telemetry'],
      ],
      { cwd: station.cwd },
    );
    expect(code).toBe(1);
    expect(stderr).toContain('license check failed for some packages');
    expect(JSON.parse(station.read('licences.json'))).toEqual([
      {
        RpmPath: join(rpms, 'noarch/licence-defect-1.0-1.x1.noarch.rpm'),
        PackageName: 'licence-defect',
        BadDocs: [expect.stringMatching(/^\/usr\/share\/doc\/.*\/LICENSE$/)],
        BadFiles: ['/usr/share/licenses/licence-defect/NOTICE'],
      },
    ]);
    expect(station.read('licences.txt')).toContain('ERROR: (licence-defect-1.0-1.x1.noarch.rpm) has license errors:');
    expect(station.read('state.csv')).toContain('licence-defect-1.0-1.x1.src.rpm,Built,,0\n');
    const checks = readOtlpFile(station.at('.spanwright/runs/latest/spans.otlp.jsonl')).filter(
      ({ name }) => name === 'scheduler.license_check',
    );
    expect(
      checks.map(({ attributes }) => [attributes['package.name'], attributes['license.has_errors']]).sort(),
    ).toEqual([
      ['licence-defect-1.0-1.x1.src.rpm', true],
      ['station-rpm-macros-1-1.x1.src.rpm', false],
      ['weather-data-2025-1.x1.src.rpm', false],
    ]);
  });
});
