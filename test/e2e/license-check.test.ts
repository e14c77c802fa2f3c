import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildRpms, describeWithRpmbuild } from '../license/built-rpms';
import { NAMES } from '../license/rules-of';
import { type CommandResult, makeTempDir, removeTempDir, runCommand } from '../support/command';

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
  writeFileSync(join(dir, 'names.json'), JSON.stringify(NAMES));
});
afterEach(() => removeTempDir(dir));

const check = (...args: readonly string[]): Promise<CommandResult> =>
  runCommand('spanwright', ['license-check', '--name-file=names.json', ...args], { cwd: dir });

const FINE = { name: 'fine', files: { '/usr/share/licenses/fine/COPYING': '%license' } } as const;
const DOC = { name: 'doc', files: { '/usr/share/doc/doc/COPYING': '%doc' } } as const;
const FILE = { name: 'file', files: { '/usr/share/licenses/file/COPYING': '' } } as const;
const TWICE = {
  name: 'twice',
  license: 'GPLv2+',
  files: { '/usr/share/licenses/twice/COPYING': '%license', '/usr/share/doc/twice/COPYING': '%doc' },
} as const;

/** RPMs in a folder `RPMS/noarch` of the test's own. */
function rpmsOf(...packages: Parameters<typeof buildRpms>[1][number][]): void {
  mkdirSync(join(dir, 'RPMS/noarch'), { recursive: true });
  for (const [i, rpm] of buildRpms(dir, packages).entries())
    renameSync(rpm, join(dir, 'RPMS/noarch', `${packages[i]?.name}.rpm`));
}

describeWithRpmbuild('license-check', () => {
  test('a folder is gone through; errors make it fail, and both files are left', async () => {
    rpmsOf(FINE, DOC, FILE, TWICE);
    const files = ['--results-file=new/results.json', '--summary-file=other/summary.txt'];
    const { code, stdout, stderr } = await check('RPMS', ...files);
    expect(stdout).toBe(
      [
        'WARN: (twice.rpm) has license warnings:',
        '\tduplicated license files:',
        '\t\t/usr/share/doc/twice/COPYING',
        'ERROR: (doc.rpm) has license errors:',
        '\tbad %doc files:',
        '\t\t/usr/share/doc/doc/COPYING',
        'ERROR: (file.rpm) has license errors:',
        '\tbad general file:',
        '\t\t/usr/share/licenses/file/COPYING',
        '',
      ].join('\n'),
    );
    expect(stderr).toMatch(
      /Checked 4\/4 rpms \(100%\)\nFound 2 packages with license errors\nFound 1 packages with non-fatal license issues\nLicense check failed\n$/,
    );
    expect(code).toBe(1);
    expect(readFileSync(join(dir, 'other/summary.txt'), 'utf8')).toBe(stdout);
    const rpmPath = (name: string) => join(dir, `RPMS/noarch/${name}.rpm`);
    expect(JSON.parse(readFileSync(join(dir, 'new/results.json'), 'utf8'))).toEqual([
      { RpmPath: rpmPath('doc'), PackageName: 'doc', BadDocs: ['/usr/share/doc/doc/COPYING'] },
      { RpmPath: rpmPath('file'), PackageName: 'file', BadFiles: ['/usr/share/licenses/file/COPYING'] },
      { RpmPath: rpmPath('twice'), PackageName: 'twice', DuplicatedDocs: ['/usr/share/doc/twice/COPYING'] },
    ]);
  });

  test.each([
    ['fatal', 0, 'License check completed with warnings\n'],
    ['pedantic', 1, 'License check failed\n'],
    ['warn', 0, 'License check completed with warnings\n'],
    ['none', 0, 'License check mode is set to (none), skipping license check\n'],
  ])('a duplicate in mode %s: exit code %d', async (mode, expected, last) => {
    rpmsOf(TWICE, FINE);
    const { code, stderr } = await check(`--mode=${mode}`, 'RPMS');
    expect([code, stderr.slice(-last.length)]).toEqual([expected, last]);
  });

  test('a bad file is a warning in mode warn, and the results do not depend on the mode', async () => {
    rpmsOf(FILE);
    const { code, stdout } = await check('--mode=warn', 'RPMS', '--results-file=results.json');
    expect([code, stdout]).toEqual([
      0,
      'WARN: (file.rpm) has license warnings:\n\tbad general file:\n\t\t/usr/share/licenses/file/COPYING\n',
    ]);
    expect(JSON.parse(readFileSync(join(dir, 'results.json'), 'utf8'))).toMatchObject([{ PackageName: 'file' }]);
  });

  test("the toolkit's own flags do, and RPMs named twice are checked once", async () => {
    rpmsOf(FINE);
    writeFileSync(join(dir, 'exceptions.json'), '{"GlobalExceptionsRegexList": ["^/usr/share/doc/"]}');
    mkdirSync(join(dir, 'more'));
    renameSync(buildRpms(dir, [DOC])[0] as string, join(dir, 'more/doc.rpm'));
    const unused = ['--build-dir=none', '--dist-tag=.azl3', '--worker-tar=none.tar.gz'];
    const dirs = ['--rpm-dirs=RPMS', '--rpm-dirs', 'more'];
    const found = await check('--exception-file=exceptions.json', ...unused, ...dirs, 'more/doc.rpm');
    expect(found).toMatchObject({ code: 0, stdout: 'No license issues found\n' });
    expect(found.stderr).toContain('Checked 2/2 rpms (100%)\n');
  });

  test('an RPM that cannot be read fails the check, and the others are checked', async () => {
    rpmsOf(FINE, DOC);
    writeFileSync(join(dir, 'RPMS/broken.rpm'), 'no RPM');
    const { code, stdout, stderr } = await check('RPMS');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ERROR: \(broken\.rpm\) could not be checked:\n\tit is not an RPM\nERROR: \(doc\.rpm\)/);
    expect(stderr).toMatch(/Found 1 packages with license errors\nCould not check 1 RPM\nLicense check failed\n$/);
  });

  test('--spdx adds warnings of its own, which change nothing else', async () => {
    rpmsOf(TWICE);
    const without = await check('RPMS');
    const { code, stdout } = await check('RPMS', '--spdx');
    expect(code).toBe(without.code);
    expect(stdout.startsWith(without.stdout)).toBe(true);
    expect(stdout.slice(without.stdout.length)).toBe(
      "WARN: (twice.rpm) has SPDX warnings:\n\tLicense tag:\n\t\t'GPLv2+' is not an SPDX expression: 'GPLv2+' is not on SPDX's list\n",
    );
  });

  test('progress is told in tenths', async () => {
    rpmsOf(...Array.from({ length: 120 }, (_, i) => ({ ...FINE, name: `p${i}` })));
    const { stderr } = await check('RPMS');
    const percents = [...stderr.matchAll(/^Checked \d+\/120 rpms \((\d+)%\)$/gm)].map(([, percent]) => Number(percent));
    // As the toolkit does it: what comes after the last full tenth is not told.
    expect(percents.at(-1)).toBeGreaterThan(90);
    expect(percents.length).toBeLessThanOrEqual(10);
    for (const [i, percent] of percents.entries()) expect(percent - (percents[i - 1] ?? 0)).toBeGreaterThanOrEqual(10);
  });
});

test('a folder without RPMs is no error', async () => {
  mkdirSync(join(dir, 'empty'));
  const { code, stdout, stderr } = await check('empty');
  expect([code, stdout, stderr]).toEqual([0, 'No license issues found\n', 'No rpms found in (empty)\n']);
});

test.each([
  [[], /^spanwright: error: nothing to check: name RPMs or folders, or give --rpm-dirs, try --help\n$/],
  [['none.rpm'], /^spanwright: error: none\.rpm: no such file or directory, try --help\n$/],
  [['--rpm-dirs=none'], /^spanwright: error: path 'none' does not exist, try --help\n$/],
  [['--mode=', '.'], /^spanwright: error: enum value must be one of none,warn,pedantic,fatal, got '', try --help\n$/],
  [['--exception-file=none', '.'], /^spanwright: error: path 'none' does not exist, try --help\n$/],
])('%j is refused', async (args, message) => {
  const { code, stderr } = await check(...args);
  expect(stderr).toMatch(message);
  expect(code).toBe(1);
});

test('bad rules are refused before anything is looked at', async () => {
  writeFileSync(join(dir, 'names.json'), '{\n"FuzzyLicenseNamesRegexList": ["("]\n}');
  const { code, stderr } = await check('.', '--results-file=results.json');
  expect(stderr).toBe(
    'spanwright: error: names.json:2: failed to compile regex for license names ((): unterminated group, try --help\n',
  );
  expect(code).toBe(1);
  expect(existsSync(join(dir, 'results.json'))).toBe(false);
});

test('without an rpm program that is said', async () => {
  writeFileSync(join(dir, 'a.rpm'), 'x');
  const { code, stderr } = await runCommand('spanwright', ['license-check', '--name-file=names.json', 'a.rpm'], {
    cwd: dir,
    env: { PATH: '/nowhere' },
  });
  expect(stderr).toBe(
    'spanwright: error: there is no rpm here to look into RPMs; install it (package rpm), and see that it is in PATH, try --help\n',
  );
  expect(code).toBe(1);
});
