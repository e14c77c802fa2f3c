import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RpmReader } from '../../src/rpm/rpm-files';
import type { RunTool } from '../../src/rpm/run-tool';
import { UserError } from '../../src/util/user-error';
import { buildRpms, describeWithRpmbuild } from '../license/built-rpms';
import { makeTempDir, removeTempDir } from '../support/command';
import { toolsOfThisMachine } from '../support/rpm';

const runTool = toolsOfThisMachine();

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => removeTempDir(dir));

/** A tool that keeps count of how many run at a time, and of how many RPMs each is asked about. */
function counted(tool: RunTool): RunTool & { readonly groups: number[]; most: number } {
  let running = 0;
  const run: RunTool = async (argv, options) => {
    counting.most = Math.max(counting.most, ++running);
    counting.groups.push(argv.filter((word) => word.startsWith('/')).length);
    try {
      return await tool(argv, options);
    } finally {
      running--;
    }
  };
  const counting = Object.assign(run, { groups: [] as number[], most: 0 });
  return counting;
}

describeWithRpmbuild('rpm tells what is in an RPM', () => {
  test('name, License tag, files without folders, documentation and licences', async () => {
    const [rpm] = buildRpms(dir, [
      {
        name: 'two-words',
        license: 'MIT AND (Apache-2.0 OR BSD-3-Clause)',
        files: {
          '/opt/folder': '%dir',
          '/opt/program': '',
          '/usr/share/doc/two-words/READ ME': '%doc',
          '/usr/share/licenses/two-words': '%dir',
          '/usr/share/licenses/two-words/COPYING': '%license',
        },
      },
    ]) as [string];
    expect(await new RpmReader({ runTool }).read([rpm])).toEqual([
      {
        rpmPath: rpm,
        name: 'two-words',
        licenseTag: 'MIT AND (Apache-2.0 OR BSD-3-Clause)',
        files: ['/opt/program', '/usr/share/doc/two-words/READ ME', '/usr/share/licenses/two-words/COPYING'],
        docs: ['/usr/share/doc/two-words/READ ME'],
        licenses: ['/usr/share/licenses/two-words/COPYING'],
      },
    ]);
  });

  test('an RPM without files', async () => {
    const rpms = buildRpms(dir, [{ name: 'empty', files: {} }]);
    expect(await new RpmReader({ runTool }).read(rpms)).toMatchObject([{ name: 'empty', files: [], docs: [] }]);
  });

  test('a path that looks like a pattern, a flag or a list is that path', async () => {
    const [a, b] = buildRpms(dir, [
      { name: 'a', files: {} },
      { name: 'b', files: {} },
    ]) as [string, string];
    const odd = ['*.rpm', '[ab] {x,y}.rpm', '-v.rpm', 'b\tc.rpm'].map((name) => join(dir, name));
    for (const path of odd) copyFileSync(b, path);
    copyFileSync(a, join(dir, 'z.rpm'));
    expect(await new RpmReader({ runTool }).read(odd)).toMatchObject(odd.map((rpmPath) => ({ rpmPath, name: 'b' })));
  });

  test('RPMs that cannot be read are told of, and the others are read, all in order', async () => {
    const [a, b] = buildRpms(dir, [
      { name: 'a', files: {} },
      { name: 'b', files: { '/opt/b': '' } },
    ]) as [string, string];
    const bad = (name: string) => join(dir, name);
    writeFileSync(bad('text.rpm'), 'no RPM at all\n');
    // Left to itself, rpm reads a text file as a list of RPMs, and tells of those.
    writeFileSync(bad('list.rpm'), `${a}\n`);
    writeFileSync(bad('cut.rpm'), readFileSync(b).subarray(0, 300));
    mkdirSync(bad('folder.rpm'));
    const rpms = [bad('none.rpm'), a, bad('text.rpm'), bad('list.rpm'), b, bad('cut.rpm'), bad('folder.rpm'), a];
    const read = await new RpmReader({ runTool, parallel: 1 }).read(rpms);
    expect(read.map(({ rpmPath }) => rpmPath)).toEqual(rpms);
    expect(read.map((one) => ('problem' in one ? one.problem : one.name))).toEqual([
      expect.stringMatching(/^open of .*none\.rpm failed: No such file or directory$/),
      'a',
      'it is not an RPM',
      'it is not an RPM',
      'b',
      expect.stringContaining('cut.rpm'),
      expect.stringContaining('Is a directory'),
      'a',
    ]);
  });

  test('several are asked for by one process, and no more processes run than may, over all calls', async () => {
    const rpms = buildRpms(
      dir,
      Array.from({ length: 60 }, (_, i) => ({ name: `p${i}`, files: { [`/opt/p${i}`]: '' } as const })),
    );
    const tool = counted(runTool);
    const reader = new RpmReader({ runTool: tool, parallel: 3 });
    const read: number[] = [];
    const [one, other] = await Promise.all([reader.read(rpms, (count) => read.push(count)), reader.read(rpms)]);
    expect(one.map((contents) => 'name' in contents && contents.name)).toEqual(rpms.map((_, i) => `p${i}`));
    expect(other).toEqual(one);
    expect(tool.most).toBe(3);
    expect(tool.groups).toEqual(Array(24).fill(5));
    expect(read).toEqual(Array(12).fill(5));
  });

  test('so few are asked for together that the number of unreadable ones is never taken for a missing rpm', async () => {
    const tool = counted(async () => ({ code: 0, stdout: '', stderr: '' }));
    await new RpmReader({ runTool: tool, parallel: 1 }).read(Array.from({ length: 1000 }, (_, i) => `/none/${i}.rpm`));
    expect(Math.max(...tool.groups)).toBeLessThan(126);
  });
});

test('without an rpm program that is said, and nothing more is tried', async () => {
  const tool = counted((argv) => runTool(argv, { env: { PATH: '/nowhere' } }));
  const reader = new RpmReader({ runTool: tool, parallel: 1 });
  const reading = reader.read(['/a.rpm', '/b.rpm', '/c.rpm']);
  await expect(reading).rejects.toThrow(UserError);
  await expect(reading).rejects.toThrow('there is no rpm here to look into RPMs; install it');
  await expect(reader.read(['/d.rpm'])).rejects.toThrow('there is no rpm here');
  expect(tool.groups).toHaveLength(1);
});

test('an rpm that tells of fewer RPMs than it was asked about is asked about each, and a path may hold a tab', async () => {
  const text = 'package\ta\tMIT\nfile\t2\t33188\t/doc/a\tb\n';
  const tool = counted(async (argv) => ({ code: 0, stdout: argv.includes('/a.rpm') ? text : '', stderr: '' }));
  const rpms = ['/none.rpm', '/a.rpm', ...Array.from({ length: 6 }, (_, i) => `/${i}.rpm`)];
  const read = await new RpmReader({ runTool: tool, parallel: 1 }).read(rpms);
  expect(read.slice(0, 2)).toEqual([
    { rpmPath: '/none.rpm', problem: 'it is not an RPM' },
    { rpmPath: '/a.rpm', name: 'a', licenseTag: 'MIT', files: ['/doc/a\tb'], docs: ['/doc/a\tb'], licenses: [] },
  ]);
  expect(tool.groups.slice(0, 4)).toEqual([2, 2, 2, 2]);
});

test('no RPMs are no work', async () => {
  const tool = counted(runTool);
  expect(await new RpmReader({ runTool: tool }).read([])).toEqual([]);
  expect(tool.groups).toEqual([]);
});
