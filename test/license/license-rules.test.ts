import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LicenseRules } from '../../src/license/license-rules';
import { UserError } from '../../src/util/user-error';
import { makeTempDir, removeTempDir } from '../support/command';
import { describeWithSharedData, sharedData } from '../support/graphs';
import { NAMES, rulesOf } from './rules-of';

describeWithSharedData("by the toolkit's own files", () => {
  const NAME_FILE = sharedData('toolkit/license_file_names.json');
  const EXCEPTION_FILE = sharedData('toolkit/license_file_exceptions.json');
  let rules: LicenseRules;
  beforeAll(() => {
    rules = LicenseRules.read(NAME_FILE, EXCEPTION_FILE);
  });
  const isLicense = (path: string) => rules.looksLikeLicense('pkg', path);

  test.each(['copying', 'license', 'licence', 'notice', 'copyright', 'artistic', 'bsd', 'gpl', 'cc0', 'mit.txt'])(
    '%s is a licence in each of its spellings, marked so or not',
    (name) => {
      const upper = name.toUpperCase();
      const odd = [...name].map((char, i) => (i % 2 ? char.toUpperCase() : char)).join('');
      const behind = ['.txt', '.mypkg.txt', '-mypkg', '-mypkg-1.2', '.MYPKG', '_MYPKG'];
      const variants = [name, upper, odd, ...behind.flatMap((end) => [name + end, upper + end]), `mypkg-${upper}`];
      for (const folder of ['/usr/share/licenses/pkg', '/usr/share/doc/pkg', '/usr/share/licenses/pkg/sub']) {
        expect(variants.filter((variant) => !isLicense(`${folder}/${variant}`))).toEqual([]);
      }
    },
  );

  test.each(['AUTHORS', 'CONTRIBUTORS', 'README', 'CREDITS'])('%s is none, whatever it is like', (name) => {
    const variants = [name, `${name}.txt`, `sub/${name}-1.0`, `${name}.license`, name.toLowerCase()];
    for (const folder of ['', '/usr/share/licenses/pkg/', '/usr/share/doc/pkg/'])
      expect(variants.filter((variant) => isLicense(folder + variant))).toEqual([]);
  });

  test('MIT is one only where the file has that very name', () => {
    for (const yes of ['MIT', '/usr/share/licenses/pkg/MIT', '/usr/share/doc/pkg/MIT', '/opt/README/MIT'])
      expect([yes, isLicense(yes)]).toEqual([yes, true]);
    for (const no of ['MIT_other', 'other_MIT', '/usr/share/licenses/pkg/MIT-file', 'mit'])
      expect([no, isLicense(no)]).toEqual([no, false]);
  });

  test('the folder of licences makes no licence, but a folder in it does', () => {
    for (const yes of ['LICENSES/random_file', 'licenses/random_file', 'sub/COPYING', 'COPYING'])
      expect([yes, isLicense(`/usr/share/licenses/pkg/${yes}`)]).toEqual([yes, true]);
    for (const no of ['', '/', '/pkg', '/pkg/', '/pkg/file', '/pkg-1.2/file', '/other/file'])
      expect([no, isLicense(`/usr/share/licenses${no}`)]).toEqual([no, false]);
    expect(isLicense('/')).toBe(false);
    expect(isLicense('/path/to/LICENSE')).toBe(true);
  });

  test("a package's own name in that folder makes no licence either, with a version behind it or without", () => {
    for (const folder of ['bsdtar', 'bsdtar-3.7']) {
      expect(rules.looksLikeLicense('bsdtar', `/usr/share/licenses/${folder}/file`)).toBe(false);
      expect(rules.looksLikeLicense('bsdtar', `/usr/share/licenses/${folder}/COPYING`)).toBe(true);
    }
  });

  test("of all licence files of the distribution no more are missed than the toolkit's 1.9 %", () => {
    const { TestDataEntries: files } = JSON.parse(
      readFileSync(sharedData('toolkit/all_licenses_20240522.json'), 'utf8'),
    ) as { readonly TestDataEntries: readonly { readonly Pkg: string; readonly Path: string }[] };
    const missed = files.filter(({ Pkg, Path }) => !rules.looksLikeLicense(Pkg, Path));
    expect(files.length).toBeGreaterThan(3400);
    expect((missed.length * 100) / files.length).toBeLessThan(1.95);
    // More would be found by rules that take anything for a licence.
    expect(missed.length).toBeGreaterThan(0);
  });

  test('exceptions are for one package, and for the paths that they match', () => {
    const page = '/usr/share/man/man7/gpl.7.gz';
    expect(rules.isExcepted('gcc', page)).toBe(true);
    expect(rules.isExcepted('gcc-devel', page)).toBe(false);
    expect(rules.isExcepted('gcc', `/opt${page}`)).toBe(false);
    expect(rules.isExcepted('tar', '/usr/share/doc/tar-1.35/tar.html/GNU-Free-Documentation-License.html')).toBe(true);
    expect(rules.isExcepted('openssl-devel', '/usr/share/man/man3/NOTICEREF_free.3ossl.gz')).toBe(true);
  });
});

test('an exception for all packages is one for each, and those of a package that is named twice add up', async () => {
  const rules = await rulesOf(NAMES, {
    PkgExceptions: [
      { PackageName: 'a', IgnoredFilesRegexList: ['/LICENSE', '.*GLOB1'] },
      { PackageName: 'b', IgnoredFilesRegexList: ['.*GLOB2'] },
      { PackageName: 'a', IgnoredFilesRegexList: ['more'] },
    ],
    GlobalExceptionsRegexList: ['.*GLOB3'],
  });
  const excepted = (name: string) =>
    ['/LICENSE', '/GLOB1', '/GLOB2', '/GLOB3', '/more', '/other'].filter((path) => rules.isExcepted(name, path));
  expect(excepted('a')).toEqual(['/LICENSE', '/GLOB1', '/GLOB3', '/more']);
  expect(excepted('b')).toEqual(['/GLOB2', '/GLOB3']);
  expect(excepted('neither')).toEqual(['/GLOB3']);
});

test('rules that take anything for a licence do not take the folder for one', async () => {
  const rules = await rulesOf({ FuzzyLicenseNamesRegexList: ['.*'] });
  const paths = ['/usr/share/licenses/', '/usr/share/licenses/a', '/usr/share/licenses/a/x', '/x'];
  expect(paths.map((path) => rules.looksLikeLicense('a', path))).toEqual([false, false, true, true]);
});

test('without a file of exceptions there are none, and lists that are not there are empty', async () => {
  expect((await rulesOf()).isExcepted('a', '/COPYING')).toBe(false);
  const none = await rulesOf({}, { PkgExceptions: null });
  expect(none.looksLikeLicense('a', 'COPYING')).toBe(false);
  expect(none.isExcepted('a', '/COPYING')).toBe(false);
});

describe('a file that cannot be used is refused, naming file and line', () => {
  let dir: string;
  beforeEach(() => {
    dir = makeTempDir();
  });
  afterEach(() => removeTempDir(dir));

  function messageOf(names: string, exceptions?: string): string {
    const nameFile = join(dir, 'n.json');
    const exceptionFile = join(dir, 'e.json');
    writeFileSync(nameFile, names);
    if (exceptions !== undefined) writeFileSync(exceptionFile, exceptions);
    try {
      LicenseRules.read(nameFile, exceptions === undefined ? undefined : exceptionFile);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      return (error as Error).message.replaceAll(`${dir}/`, '');
    }
    throw new Error('it was not refused');
  }

  test.each([
    ['{\n"a": nonsense\n}', /^n\.json:2: failed to read license names file \(n\.json\): not valid JSON: \S/],
    ['[1]', /^n\.json:1: failed to read license names file \(n\.json\): it all must be an object$/],
    ['3', /^n\.json:1: failed to read license names file \(n\.json\): it all must be an object$/],
    [
      '{\n"SkipLicenseNamesRegexList": "x"}',
      /^n\.json:2: failed to read license names file \(n\.json\): SkipLicenseNamesRegexList must be a list$/,
    ],
    [
      '{"FuzzyLicenseNamesRegexList": [\n"a",\n7]}',
      /^n\.json:3: failed to read license names file \(n\.json\): FuzzyLicenseNamesRegexList\.1 must be a text$/,
    ],
    [
      '{"FuzzyLicenseNamesRegexList": [\n"a",\n".*["]}',
      /^n\.json:3: failed to compile regex for license names \(\.\*\[\): missing closing \]$/,
    ],
    ['{"VerbatimLicenseNamesRegexList": [".*["]}', /failed to compile regex for license names \(\.\*\[\)/],
    ['{"SkipLicenseNamesRegexList": [".*["]}', /failed to compile regex for license names \(\.\*\[\)/],
  ])('names: %j', (names, message) => {
    expect(messageOf(names)).toMatch(message);
  });

  test.each([
    ['nonsense', /^e\.json:1: failed to read license exceptions file \(e\.json\): not valid JSON: \S/],
    ['{"PkgExceptions": [1]}', /e\.json\): PkgExceptions\.0 must be an object$/],
    [
      '{"PkgExceptions": [\n{"PackageName": "a",\n"IgnoredFilesRegexList": ["("]}]}',
      /^e\.json:3: failed to compile regex for ignored files \(\(\): unterminated group$/,
    ],
    [
      '{\n"GlobalExceptionsRegexList": ["a(?=b)"]}',
      /^e\.json:2: failed to compile regex for global ignored files \(a\(\?=b\)\): there is no \(\?= in Go's expressions$/,
    ],
  ])('exceptions: %j', (exceptions, message) => {
    expect(messageOf('{}', exceptions)).toMatch(message);
  });

  test('a file that is not there', () => {
    expect(() => LicenseRules.read(join(dir, 'none.json'))).toThrow(
      `failed to read license names file (${dir}/none.json): no such file or directory`,
    );
    writeFileSync(join(dir, 'n.json'), '{}');
    expect(() => LicenseRules.read(join(dir, 'n.json'), join(dir, 'none.json'))).toThrow(
      `failed to read license exceptions file (${dir}/none.json): no such file or directory`,
    );
  });
});
