import { classifyRpm } from '../../src/license/classify-rpm';
import type { RpmContents } from '../../src/rpm/rpm-files';
import { NAMES, rulesOf } from './rules-of';

const rpm = (contents: Partial<RpmContents>): RpmContents => ({
  rpmPath: '/rpms/pkg.rpm',
  name: 'pkg',
  licenseTag: 'MIT',
  files: [],
  docs: [],
  licenses: [],
  ...contents,
});

const NOTHING = { badDocs: [], badFiles: [], duplicatedDocs: [], spdxFindings: [] };

test("the toolkit's example: of six files one is a bad document, two are bad files and one is there twice", async () => {
  const contents = rpm({
    name: 'testpkg',
    files: [
      '/some/random/file',
      '/usr/share/docs/testpkg/doc.txt',
      '/usr/share/docs/testpkg/COPYING',
      '/usr/share/licenses/testpkg/other_misplaced_2',
      '/usr/share/licenses/testpkg/misplaced',
      '/usr/share/docs/testpkg/licenses/duplicated',
    ],
    docs: [
      '/usr/share/docs/testpkg/doc.txt',
      '/usr/share/docs/testpkg/COPYING',
      '/usr/share/licenses/testpkg/other_misplaced_2',
      '/usr/share/licenses/testpkg/other_misplaced',
      '/usr/share/docs/testpkg/licenses/duplicated',
    ],
    licenses: ['/usr/share/licenses/testpkg/duplicated'],
  });
  expect(classifyRpm(contents, await rulesOf())).toEqual({
    rpmPath: '/rpms/pkg.rpm',
    packageName: 'testpkg',
    badDocs: ['/usr/share/docs/testpkg/COPYING'],
    badFiles: ['/usr/share/licenses/testpkg/misplaced', '/usr/share/licenses/testpkg/other_misplaced_2'],
    duplicatedDocs: ['/usr/share/docs/testpkg/licenses/duplicated'],
    spdxFindings: [],
  });
});

test.each([
  ['/d/COPYING', ['COPYING'], true],
  ['/d/COPYING', ['COPYING.LIB'], true],
  ['/d/COPYING', ['mypkg-COPYING-2'], true],
  ['/d/copying', ['COPYING'], false],
  ['/d/COPYING.LIB', ['COPYING'], false],
  ['/d/COPYING.wrong', ['COPYING', 'COPYING.LIB'], false],
  ['/d/COPYING', [], false],
])('%s among the licences %j is a duplicate: %s', async (doc, licenses, isDuplicate) => {
  const folder = '/usr/share/licenses/pkg';
  const findings = classifyRpm(
    rpm({ docs: [doc], licenses: licenses.map((name) => `${folder}/${name}`) }),
    await rulesOf(),
  );
  expect(findings).toMatchObject(
    isDuplicate ? { badDocs: [], duplicatedDocs: [doc] } : { badDocs: [doc], duplicatedDocs: [] },
  );
});

test('a file in the folder of licences must be marked, wherever it lies there; one beside that folder need not', async () => {
  const files = ['/usr/share/licenses/pkg/COPYING', '/usr/share/licenses/OTHER/x', '/usr/share/licenses/y'];
  const beside = ['/usr/share/licenses-of-others/x', '/opt/usr/share/licenses/x'];
  const findings = classifyRpm(rpm({ files: [...files, ...beside], licenses: [files[0] as string] }), await rulesOf());
  expect(findings).toMatchObject({ ...NOTHING, badFiles: files.slice(1) });
});

test('what is excepted is no finding of any kind', async () => {
  const contents = rpm({
    files: ['/usr/share/licenses/pkg/x', '/usr/share/licenses/pkg/LICENSE'],
    docs: ['/doc/COPYING', '/doc/LICENSE'],
    licenses: ['/usr/share/licenses/pkg/LICENSE'],
  });
  const ofPackage = (name: string) => ({ PkgExceptions: [{ PackageName: name, IgnoredFilesRegexList: ['.'] }] });
  expect(classifyRpm(contents, await rulesOf(NAMES, ofPackage('pkg')))).toMatchObject(NOTHING);
  expect(classifyRpm(contents, await rulesOf(NAMES, { GlobalExceptionsRegexList: ['.'] }))).toMatchObject(NOTHING);
  expect(classifyRpm(contents, await rulesOf(NAMES, ofPackage('other')))).toMatchObject({
    badDocs: ['/doc/COPYING'],
    badFiles: ['/usr/share/licenses/pkg/x'],
    duplicatedDocs: ['/doc/LICENSE'],
  });
});

test('each list is sorted', async () => {
  const findings = classifyRpm(
    rpm({
      files: ['/usr/share/licenses/z', '/usr/share/licenses/a'],
      docs: ['/z/NOTICE', '/z/COPYING', '/a/NOTICE', '/a/COPYING'],
      licenses: ['/usr/share/licenses/pkg/COPYING'],
    }),
    await rulesOf(),
  );
  expect(findings).toMatchObject({
    badDocs: ['/a/NOTICE', '/z/NOTICE'],
    badFiles: ['/usr/share/licenses/a', '/usr/share/licenses/z'],
    duplicatedDocs: ['/a/COPYING', '/z/COPYING'],
  });
});
