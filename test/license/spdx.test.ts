import type { SpdxFinding } from '../../src/license/findings';
import { spdxFindings } from '../../src/license/spdx';

function findings(licenseTag: string, ...licenses: readonly string[]): SpdxFinding[] {
  const paths = licenses.map((name) => (name.startsWith('/') ? name : `/usr/share/licenses/pkg/${name}`));
  return spdxFindings({ rpmPath: '/r/pkg.rpm', name: 'pkg', licenseTag, files: paths, docs: [], licenses: paths });
}

test.each([
  'MIT',
  'GPL-2.0-or-later',
  'MIT AND (Apache-2.0 OR BSD-3-Clause)',
  'GPL-3.0-or-later WITH GCC-exception-3.1 AND LGPL-2.1+',
  'LicenseRef-Fedora-Public-Domain',
  'mit-0'.toUpperCase(),
])('%s is an SPDX expression', (tag) => {
  expect(findings(tag)).toEqual([]);
});

test.each([
  ['GPLv2+', "'GPLv2+' is not on SPDX's list"],
  ['Public Domain', "'Public' is not on SPDX's list"],
  ['MIT and BSD', "'BSD' is not on SPDX's list"],
  ['(MIT AND ASL 2.0)', "'ASL' is not on SPDX's list"],
  ['ORACLE', "'ORACLE' is not on SPDX's list"],
  ['MIT, Apache-2.0', "',' has no place in one"],
  ['MIT / X11', "'/' has no place in one"],
  ['Foo_1', "'_' has no place in one"],
  ['MIT AND', 'licences are joined by AND, OR and WITH, and grouped by parentheses'],
  ['MIT Apache-2.0', 'licences are joined by AND, OR and WITH, and grouped by parentheses'],
  ['(MIT', 'licences are joined by AND, OR and WITH, and grouped by parentheses'],
  ['(none)', 'there is none'],
  ['', 'there is none'],
])('%j is not: %s', (tag, why) => {
  expect(findings(tag, 'COPYING.LIB')).toEqual([{ kind: 'not-spdx', tag, why }]);
});

test('what would drive a terminal does not get into a finding', () => {
  expect(findings('\u001b[31mred')).toEqual([
    { kind: 'not-spdx', tag: 'red', why: expect.not.stringContaining('\u001b') },
  ]);
});

test.each([
  ['MIT', ['COPYING', 'LICENSE', 'NOTICE', 'LICENSE.libfoo', 'MIT', 'LICENSE.MIT.txt']],
  ['LGPL-2.1-or-later', ['COPYING.LIB', 'COPYING.LESSER', 'COPYING.LGPLv2.1', 'COPYINGLIB']],
  ['LGPL-3.0-only', ['COPYING.GPL']],
  ['GPL-2.0-only OR BSD-2-Clause', ['GPL-2', 'gpl2.txt', 'LICENSE.BSD', 'bsd3.txt']],
  ['Apache-2.0 WITH LLVM-exception', ['LICENSE-APACHE', 'LICENSES/Apache-2.0.txt', 'LICENSES/LLVM-exception.txt']],
  ['X11', ['LICENSE.MIT']],
  ['LicenseRef-Old-BSD', ['LICENSE.BSD']],
  ['CC0-1.0', ['CC0', 'LICENSES/readme of these.txt', 'LICENSES/unknown.txt']],
])('the licence files of %s fit: %j', (tag, files) => {
  expect(findings(tag, ...files)).toEqual([]);
});

test.each([
  ['MIT', 'COPYING.LIB', 'LGPL'],
  ['MIT', 'LICENSE-APACHE', 'APACHE'],
  ['GPL-2.0-only', 'COPYING.LESSER', 'LGPL'],
  ['GPL-2.0-only', 'LICENSE.BSD', 'BSD'],
  ['MIT', 'gplv3.txt', 'GPL'],
  ['MIT', 'LICENSES/Apache-2.0.txt', 'Apache-2.0'],
  ['MIT', 'Apache-2.0.txt', 'APACHE'],
  ['BSD-2-Clause', 'LICENSES/BSD-3-Clause.txt', 'BSD-3-Clause'],
])('to the tag %s a file %s does not fit', (tag, name, license) => {
  const file = `/usr/share/licenses/pkg/${name}`;
  expect(findings(tag, 'COPYING', name)).toEqual([{ kind: 'not-in-tag', tag, file, license }]);
});

test("a package's name says nothing of its licences", () => {
  expect(findings('MIT', '/usr/share/licenses/bsd-games/COPYING', '/usr/share/licenses/gpl/LICENSE')).toEqual([]);
});
