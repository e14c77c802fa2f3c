import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LicenseChecker } from '../../src/license/license-checker';
import { makeTempDir, removeTempDir } from '../support/command';
import { toolsOfThisMachine } from '../support/rpm';
import { buildRpms, describeWithRpmbuild } from './built-rpms';
import { rulesOf } from './rules-of';

const runTool = toolsOfThisMachine();

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => removeTempDir(dir));

describeWithRpmbuild('real RPMs are checked', () => {
  test('with all kinds of findings, and none', async () => {
    const rpms = buildRpms(dir, [
      {
        name: 'good',
        files: {
          '/usr/share/licenses/good': '%dir',
          '/usr/share/licenses/good/COPYING': '%license',
          '/usr/share/doc/good/README.licence': '%doc',
          '/usr/share/doc/good/manual': '%doc',
        },
      },
      {
        name: 'bad',
        files: {
          '/usr/share/licenses/bad': '%dir',
          '/usr/share/licenses/bad/COPYING': '%license',
          '/usr/share/licenses/bad/UNMARKED': '',
          '/usr/share/doc/bad/NOTICE': '%doc',
          '/usr/share/doc/bad/COPYING': '%doc',
          '/opt/LICENSE': '',
        },
      },
    ]);
    const broken = join(dir, 'broken.rpm');
    writeFileSync(broken, 'no RPM');
    const counts: number[] = [];
    const checker = new LicenseChecker({ runTool, rules: await rulesOf() });
    const findings = await checker.check([...rpms, broken], (count) => counts.push(count));
    const nothing = { badDocs: [], badFiles: [], duplicatedDocs: [], spdxFindings: [] };
    expect(findings).toEqual([
      { ...nothing, rpmPath: rpms[0], packageName: 'good' },
      {
        ...nothing,
        rpmPath: rpms[1],
        packageName: 'bad',
        badDocs: ['/usr/share/doc/bad/NOTICE'],
        badFiles: ['/usr/share/licenses/bad/UNMARKED'],
        duplicatedDocs: ['/usr/share/doc/bad/COPYING'],
      },
      { ...nothing, rpmPath: broken, packageName: undefined, problem: 'it is not an RPM' },
    ]);
    expect(counts.reduce((a, b) => a + b)).toBe(3);
  });

  test('against SPDX, where that is asked for', async () => {
    const rpms = buildRpms(dir, [
      { name: 'old', license: 'GPLv2+', files: { '/usr/share/licenses/old/COPYING': '%license' } },
      { name: 'other', license: 'MIT', files: { '/usr/share/licenses/other/COPYING.LIB': '%license' } },
    ]);
    const rules = await rulesOf();
    const [old, other] = await new LicenseChecker({ runTool, rules, spdx: true }).check(rpms);
    expect(old?.spdxFindings).toMatchObject([{ kind: 'not-spdx', tag: 'GPLv2+' }]);
    expect(other?.spdxFindings).toMatchObject([{ kind: 'not-in-tag', license: 'LGPL' }]);
    expect((await new LicenseChecker({ runTool, rules }).check(rpms))[0]?.spdxFindings).toEqual([]);
  });
});

test('without an rpm program that is said, not told as findings', async () => {
  const checker = new LicenseChecker({
    runTool: (argv) => runTool(argv, { env: { PATH: '/nowhere' } }),
    rules: await rulesOf(),
  });
  await expect(checker.check(['/a.rpm'])).rejects.toThrow('there is no rpm here to look into RPMs');
});
