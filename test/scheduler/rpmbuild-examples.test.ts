import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeTempDir, removeTempDir } from '../support/command';
import { Bench, describeEachSandbox, queryRpm } from './rpmbuild-bench';
import { MACHINE_ARCH, type TestPackage } from './rpmbuild-graph';

jest.setTimeout(120_000);

const EXAMPLES = resolve(__dirname, '../../examples/rpm');
const of = (nvr: string, rest: Partial<TestPackage> = {}): TestPackage => ({
  nvr,
  folder: join(EXAMPLES, nvr.replace(/-[^-]+-[^-]+$/, '')),
  ...rest,
});

/** The example packages in an order in which they can be built, with what their spec files say: not that programs need libraries to run. */
const PACKAGES: readonly TestPackage[] = [
  of('libunits-1.2-1', {
    rpms: ['libunits', 'libunits-devel', 'libunits-static'],
    runNeeds: { 'libunits-devel': ['libunits'], 'libunits-static': ['libunits-devel'] },
  }),
  of('libseries-0.9-2', {
    rpms: ['libseries', 'libseries-devel'],
    buildNeeds: ['libunits-devel'],
    runNeeds: { 'libseries-devel': ['libseries', 'libunits-devel'] },
  }),
  of('libplot-2.0-1', {
    rpms: ['libplot', 'libplot-devel'],
    buildNeeds: ['libseries-devel'],
    runNeeds: { 'libplot-devel': ['libplot', 'libseries-devel'] },
  }),
  of('station-rpm-macros-1-1', { arch: 'noarch' }),
  of('weather-data-2025-1', { arch: 'noarch', rpms: ['weather-data', 'weather-data-north', 'weather-data-south'] }),
  of('weather-3.1-1', {
    buildNeeds: ['libplot-devel', 'libunits-static', 'station-rpm-macros'],
    runNeeds: { weather: ['weather-data'] },
  }),
  of('weather-scripts-1.0-3', {
    arch: 'noarch',
    buildNeeds: ['weather'],
    runNeeds: { 'weather-scripts': ['weather'] },
  }),
  of('check-fails-1.0-1', { arch: 'noarch' }),
  of('check-flakes-1.0-1', { arch: 'noarch' }),
  of('licence-defect-1.0-1', { arch: 'noarch' }),
  of('render-0.4-1', { buildNeeds: ['stamp'] }),
  of('stamp-1.1-1', { buildNeeds: ['render'] }),
];
const nameOf = ({ nvr }: TestPackage) => nvr.replace(/-[^-]+-[^-]+$/, '');
const NAMES = PACKAGES.map(nameOf);

describeEachSandbox('the examples', (sandbox) => {
  let dir: string;
  let bench: Bench;
  const rpm = (file: string, arch = MACHINE_ARCH) => bench.at('rpms', arch, `${file}.${arch}.rpm`);

  beforeAll(async () => {
    dir = makeTempDir();
    bench = new Bench(dir, PACKAGES, { sandbox });
    await bench.agent.start();
    execFileSync(join(EXAMPLES, 'bootstrap'), [bench.at('rpms')]);
    const first = statSync(rpm('stamp-1.1-1')).ino;
    for (const name of NAMES) {
      const result = await bench.build(name);
      if (!result.ok) throw new Error(`${name}: ${JSON.stringify(result.failure)}`);
    }
    expect(statSync(rpm('stamp-1.1-1')).ino).not.toBe(first);
  });

  afterAll(async () => {
    await bench.stop();
    await removeTempDir(dir);
  });

  test('are all built here', () => {
    const folders = readdirSync(EXAMPLES, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect([...NAMES].sort()).toEqual(folders.map(({ name }) => name).sort());
  });

  test('make a library with a part to develop with and a static one', () => {
    expect(queryRpm(rpm('libunits-1.2-1'), '-l')).toEqual([
      '/usr/lib64/libunits.so.1',
      '/usr/lib64/libunits.so.1.2',
      expect.stringMatching(/^\/usr\/share\/licenses\/libunits/),
      expect.stringMatching(/^\/usr\/share\/licenses\/libunits.*\/LICENSE$/),
    ]);
    expect(queryRpm(rpm('libunits-devel-1.2-1'), '-l')).toEqual([
      '/usr/include/units.h',
      '/usr/lib64/libunits.so',
      '/usr/lib64/pkgconfig/units.pc',
    ]);
    expect(queryRpm(rpm('libunits-static-1.2-1'), '-l')).toEqual(['/usr/lib64/libunits.a']);
  });

  test('provide names that no spec file has', () => {
    expect(queryRpm(rpm('libseries-devel-0.9-2'), '--provides')).toContain('pkgconfig(series) = 0.9');
    expect(queryRpm(rpm('libplot-2.0-1'), '--provides')).toContain('libplot.so.2()(64bit)');
  });

  test('link a program with the libraries that were built before it', () => {
    const required = queryRpm(rpm('weather-3.1-1'), '--requires');
    for (const name of ['libplot.so.2()(64bit)', 'libseries.so.0()(64bit)', 'weather-data']) {
      expect(required).toContain(name);
    }
  });

  test('have packages for every machine, in a folder of their own', () => {
    expect(queryRpm(rpm('weather-data-north-2025-1', 'noarch'), '-l')).toContain('/usr/share/weather/north.csv');
    expect(existsSync(rpm('weather-data-south-2025-1', 'noarch'))).toBe(true);
  });

  test('have a defect of licences', () => {
    const file = rpm('licence-defect-1.0-1', 'noarch');
    expect(queryRpm(file, '--licensefiles')).toEqual([]);
    expect(queryRpm(file, '--docfiles')).toEqual([expect.stringMatching(/\/LICENSE$/)]);
    expect(queryRpm(file, '-l')).toContain('/usr/share/licenses/licence-defect/NOTICE');
  });

  test('come round their cycle: the second stamp has a manual by render', () => {
    const sizes = queryRpm(rpm('stamp-1.1-1'), '--qf', '[%{FILENAMES} %{FILESIZES}\n]');
    // Without its hash, and with a line below it.
    const manual = 'stamp\n=====\nstamp VERSION\nFills the version into what it reads.\n';
    expect(sizes).toContain(`/usr/share/stamp/manual ${manual.length}`);
  });

  test('are tested: one fails, one fails at the first attempt, the others with %check pass', async () => {
    const checks: Record<string, string> = {};
    for (const name of NAMES) {
      const result = await bench.test(name);
      checks[name] = result.ok ? (result.check ?? '?') : result.failure.reason;
    }
    expect(checks).toEqual({
      libunits: 'passed',
      libseries: 'passed',
      libplot: 'absent',
      'station-rpm-macros': 'absent',
      'weather-data': 'passed',
      weather: 'passed',
      'weather-scripts': 'passed',
      'check-fails': 'check-failed',
      'check-flakes': 'check-failed',
      'licence-defect': 'absent',
      render: 'passed',
      stamp: 'passed',
    });
    expect(await bench.test('check-flakes', { attempt: 2 })).toMatchObject({ ok: true, check: 'passed' });
    expect(await bench.test('check-fails', { attempt: 2 })).toMatchObject({ ok: false });
  });
});
