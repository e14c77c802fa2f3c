import { appendFileSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { makeTempDir, removeTempDir } from '../support/command';
import { PackageTree } from './content-run';

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => removeTempDir(dir));

const CHAIN = 'app -> lib; lib -> core; other';
const ALL = ['app', 'core', 'lib', 'other'];
const builtOf = (lines: readonly string[]) =>
  lines.filter((line) => line.endsWith(' built')).map((line) => line.split(' ')[0]);

async function builtTree(notation = CHAIN): Promise<PackageTree> {
  const tree = new PackageTree(dir, notation);
  await tree.run();
  return tree;
}

describe('what a package is made from', () => {
  test('is kept in mind once it is built: the second run builds nothing', async () => {
    const tree = new PackageTree(dir, CHAIN);
    const first = await tree.run();
    expect(builtOf(first.lines)).toEqual(ALL);
    expect(first.reasons.core).toBe('none of its 1 RPMs is on disk');
    const second = await tree.run();
    expect(second.lines).toEqual(ALL.map((name) => `${name} cached`));
    expect(second.reasons.core).toBe('all of its 1 RPMs are on disk, and nothing that it is made from has changed');
  });

  test('has changed where its spec has, without another version, and what needs the new RPM is built too', async () => {
    const tree = await builtTree();
    tree.write('specs/core/core.spec', 'makes something else\n');
    const { lines, reasons } = await tree.run();
    expect(lines).toEqual(['app cached', 'core built', 'lib built', 'other cached']);
    expect(reasons.core).toBe('its spec changed');
    expect(reasons.lib).toBe('core.rpm, which it needs, changed');
    expect(builtOf((await tree.run()).lines)).toEqual([]);
  });

  test('has not changed where its files were only touched', async () => {
    const tree = await builtTree();
    const later = Date.now() / 1000 + 1000;
    for (const name of ['specs/core/core.spec', 'rpms/core.rpm', 'srpms/core.src.rpm'])
      utimesSync(tree.path(name), later, later);
    expect(builtOf((await tree.run()).lines)).toEqual([]);
  });

  test('has changed where the same number of bytes was written at the same time of change', async () => {
    const tree = await builtTree();
    const spec = tree.path('specs/core/core.spec');
    const past = new Date('2020-01-01');
    utimesSync(spec, past, past);
    await tree.run();
    writeFileSync(spec, readFileSync(spec, 'utf8').replace('makes', 'Makes'));
    utimesSync(spec, past, past);
    expect((await tree.run()).reasons.core).toBe('its spec changed');
  });

  test.each<[string, (tree: PackageTree) => void, string]>([
    ['a source is new', (tree) => tree.write('specs/core/fix.patch', '+'), 'its source fix.patch is new'],
    [
      'a source below a folder changes',
      (tree) => tree.write('specs/core/conf/a.conf', '2'),
      'its source conf/a.conf changed',
    ],
    ['a source goes', (tree) => rmSync(tree.path('specs/core/conf/a.conf')), 'its source conf/a.conf is gone'],
    ['one of its RPMs goes', (tree) => rmSync(tree.path('rpms/core.rpm')), 'none of its 1 RPMs is on disk'],
    ['somebody else writes its RPM', (tree) => tree.write('rpms/core.rpm', 'x'), 'core.rpm is not as it was made'],
  ])('is told where %s', async (_, change, reason) => {
    const tree = new PackageTree(dir, CHAIN);
    tree.write('specs/core/conf/a.conf', '1');
    await tree.run();
    // The SRPM of these trees says nothing of its files: without it, all that lies in the folder counts.
    rmSync(tree.path('srpms/core.src.rpm'));
    await tree.run();
    change(tree);
    expect((await tree.run()).reasons.core).toBe(reason);
  });

  test('may lie beside other specs, which are other packages', async () => {
    const tree = await builtTree();
    tree.write('specs/core/another.spec', 'Name: another');
    expect(builtOf((await tree.run()).lines)).toEqual([]);
  });

  test('is its SRPM where there is no spec to look at', async () => {
    const tree = new PackageTree(dir, 'app', false);
    await tree.run();
    rmSync(tree.path('specs'), { recursive: true });
    expect((await tree.run()).lines).toEqual(['app cached']);
    tree.write('srpms/app.src.rpm', 'packed anew, with another spec');
    const { reasons } = await tree.run({ dryRun: true });
    expect(reasons.app).toBe('its SRPM changed');
  });

  test('includes packages from elsewhere, and prebuilt ones only by name', async () => {
    const tree = new PackageTree(dir, 'app -> remote:glibc prebuilt:gcc');
    await tree.run();
    tree.write('cache/gcc.rpm', 'rebuilt since');
    expect((await tree.run()).lines).toEqual(['app cached']);
    tree.write('cache/glibc.rpm', 'another');
    expect((await tree.run()).reasons.app).toBe('glibc.rpm, which it needs, changed');
  });

  test.each([
    ['app -> tool', 'app -> prebuilt:tool'],
    ['app -> prebuilt:tool', 'app -> tool'],
  ])('has not changed where only the stand-in of a circle is another: %s, then %s', async (then, now) => {
    await new PackageTree(dir, 'tool').run();
    await new PackageTree(dir, then).run();
    expect(builtOf((await new PackageTree(dir, now).run()).lines)).toEqual([]);
  });

  test('includes what its dependencies need to be installed, and nothing that they need to be built', async () => {
    const tree = new PackageTree(dir, 'app -> tool; tool => data; tool -> compiler');
    await tree.run();
    tree.write('specs/data/data.spec', 'makes other data\n');
    expect((await tree.run()).reasons.app).toBe('data.rpm, which it needs, changed');
    tree.write('specs/compiler/compiler.spec', 'makes another compiler\n');
    expect((await tree.run()).lines).toEqual(['app cached', 'compiler built', 'data cached', 'tool built']);
  });
});

describe('what every package is built with', () => {
  test('is told by its name when it changes', async () => {
    const tree = new PackageTree(dir, 'app; test:app');
    tree.write('macros', '%foo 1');
    const settingFiles = { 'the macro file macros': tree.path('macros') };
    const settings = { 'the dist tag': '.azl3' };
    await tree.run({ settings, settingFiles });
    expect(builtOf((await tree.run({ settings, settingFiles })).lines)).toEqual([]);
    tree.write('macros', '%foo 2');
    expect((await tree.run({ settings, settingFiles })).reasons.app).toBe('the macro file macros changed');
    expect((await tree.run({ settings: { 'the dist tag': '.azl4' }, settingFiles })).reasons.app).toBe(
      'the dist tag changed',
    );
  });

  test('several changes are counted', async () => {
    const tree = new PackageTree(dir, 'app');
    await tree.run({ settings: { 'the dist tag': '.azl3' } });
    tree.write('specs/app/app.spec', 'makes another');
    const { reasons } = await tree.run({ settings: { 'the dist tag': '.azl4' } });
    expect(reasons.app).toBe('its spec changed (and 1 more)');
  });
});

describe('early end', () => {
  test('a package that comes out the same keeps what needs it from being built', async () => {
    const tree = await builtTree();
    appendFileSync(tree.path('specs/core/core.spec'), '# a remark\n');
    expect((await tree.run()).lines).toEqual(['app cached', 'core built', 'lib cached', 'other cached']);
  });

  test('of two RPMs, only the one that changed counts', async () => {
    const tree = new PackageTree(dir, 'app -> lib; lib/devel; tool -> lib/devel');
    await tree.run();
    tree.write('rpms/lib-devel.rpm', 'tampered with');
    // The build puts it right again, so that in the end nothing has changed for anybody.
    expect((await tree.run()).lines).toEqual(['app cached', 'lib built', 'tool cached']);
  });
});

describe('what is not known', () => {
  test('RPMs that are there already are taken as they are, and changes from then on count', async () => {
    const tree = await builtTree();
    rmSync(tree.store);
    const { lines, reasons } = await tree.run();
    expect(builtOf(lines)).toEqual([]);
    expect(reasons.core).toBe('its RPMs are there: they are taken as built from what is there now');
    appendFileSync(tree.path('specs/core/core.spec'), '# a remark\n');
    expect((await tree.run()).reasons.core).toBe('its spec changed');
  });

  test('RPMs are not, where what they need is built in the same run and is not what it was', async () => {
    const tree = await builtTree();
    rmSync(tree.store);
    tree.write('specs/core/core.spec', 'makes something else\n');
    const later = Date.now() / 1000 + 1000;
    utimesSync(tree.path('specs/core/core.spec'), later, later);
    const { lines, reasons } = await tree.run();
    expect(lines).toEqual(['app cached', 'core built', 'lib built', 'other cached']);
    expect(reasons.lib).toBe(
      'nothing is known of how its RPMs were built, and core.rpm, which it needs, was built in this run',
    );
  });

  test('RPMs are, where what they need comes out as it was', async () => {
    const tree = await builtTree();
    rmSync(tree.store);
    const later = Date.now() / 1000 + 1000;
    utimesSync(tree.path('specs/core/core.spec'), later, later);
    expect(builtOf((await tree.run()).lines)).toEqual(['core']);
  });

  test('tests are run: RPMs that are there say nothing of them', async () => {
    const tree = await builtTree('app; test:app');
    rmSync(tree.store);
    const { lines, reasons } = await tree.run();
    expect(lines).toEqual(['app cached', 'test:app built']);
    expect(reasons['test:app']).toBe('nothing is known of an earlier run of it');
  });

  test('RPMs that are older than a spec are not', async () => {
    const tree = await builtTree();
    rmSync(tree.store);
    const later = Date.now() / 1000 + 1000;
    utimesSync(tree.path('specs/core/core.spec'), later, later);
    const { reasons } = await tree.run();
    expect(reasons.core).toBe('nothing is known of how its RPMs were built, and core.spec is newer than they are');
  });

  test('a build that failed is not taken for done when its spec is put back', async () => {
    const tree = await builtTree('app');
    const spec = readFileSync(tree.path('specs/app/app.spec'));
    tree.write('specs/app/app.spec', 'makes nonsense');
    expect(builtOf((await tree.run({ failing: ['app'] })).lines)).toEqual(['app']);
    expect(builtOf((await tree.run({ failing: ['app'] })).lines)).toEqual(['app']);
    writeFileSync(tree.path('specs/app/app.spec'), spec);
    expect((await tree.run()).lines).toEqual(['app cached']);
  });

  test('a build that failed and left another RPM is done again when its spec is put back', async () => {
    const tree = await builtTree('app');
    const spec = readFileSync(tree.path('specs/app/app.spec'));
    tree.write('specs/app/app.spec', 'makes nonsense');
    await tree.run({ failing: ['app'] });
    tree.write('rpms/app.rpm', 'half of it');
    writeFileSync(tree.path('specs/app/app.spec'), spec);
    expect((await tree.run()).reasons.app).toBe('app.rpm is not as it was made');
  });

  test('a file that we may not read is named, and its package is built', async () => {
    const tree = await builtTree('app; other');
    // As root, which tests may run as, everything can be read: so this is what the system would say to others.
    const shortIdentity = (path: string) => {
      if (path.endsWith('app.spec')) throw Object.assign(new Error('EACCES'), { code: 'EACCES' });
      return undefined;
    };
    const { lines, reasons } = await tree.run({ shortIdentity });
    expect(lines).toEqual(['app built', 'other cached']);
    expect(reasons.app).toBe(
      `nobody can tell whether it changed: ${tree.path('specs/app/app.spec')}: permission denied`,
    );
  });

  test('a macro file that cannot be read is named, and everything is built', async () => {
    const tree = await builtTree('app');
    const settingFiles = { 'the macro file': tree.path('specs') };
    expect((await tree.run({ settingFiles })).reasons.app).toBe(
      `nobody can tell whether it changed: ${tree.path('specs')}: is not a file`,
    );
  });

  test('a store whose last line was cut off costs one build and no more', async () => {
    const tree = await builtTree('app; lib');
    truncateSync(tree.store, readFileSync(tree.store).length - 20);
    appendFileSync(tree.path('specs/app/app.spec'), '# a remark\n');
    appendFileSync(tree.path('specs/lib/lib.spec'), '# a remark\n');
    await tree.run();
    expect(builtOf((await tree.run()).lines)).toEqual([]);
  });

  test('a store that cannot be written is said once, and the build goes on', async () => {
    const tree = new PackageTree(dir, 'app; lib');
    tree.write('state', 'a file where the folder should be');
    const { lines, problems } = await tree.run();
    expect(builtOf(lines)).toEqual(['app', 'lib']);
    expect(problems).toEqual([
      expect.stringMatching(/^cannot read the fingerprints in .*: is not a directory$/),
      expect.stringMatching(/^cannot keep fingerprints in .*; what is built now will be built again next time$/),
    ]);
  });
});

describe('what the user asks for', () => {
  test('is rebuilt, and what needs it only where it comes out otherwise', async () => {
    const tree = await builtTree();
    const { lines, reasons } = await tree.run({ rebuild: ['lib'] });
    expect(lines).toEqual(['app cached', 'core cached', 'lib built', 'other cached']);
    expect(reasons.lib).toBe('the user wants it rebuilt');
  });

  test('with the cache off everything is built, and is known afterwards', async () => {
    const tree = await builtTree();
    const { lines, reasons } = await tree.run({ noCache: true });
    expect(builtOf(lines)).toEqual(ALL);
    expect(reasons.other).toBe('the cache is off');
    expect(builtOf((await tree.run()).lines)).toEqual([]);
  });

  test('to be left alone is built only where it is missing', async () => {
    const tree = await builtTree();
    tree.write('specs/lib/lib.spec', 'makes another');
    const ignored = await tree.run({ ignore: ['lib'] });
    expect(ignored.lines).toEqual(['app cached', 'core cached', 'lib ignored', 'other cached']);
    expect(ignored.reasons.lib).toBe('the user ignores it, although its spec changed');
    rmSync(tree.path('rpms/lib.rpm'));
    expect((await tree.run({ ignore: ['lib'] })).lines).toContain('lib built');
  });

  test('a dry run tells what would be built, and keeps nothing in mind', async () => {
    const tree = await builtTree();
    tree.write('specs/core/core.spec', 'makes another');
    const before = readFileSync(tree.store, 'utf8');
    for (let times = 0; times < 2; times++) {
      expect(builtOf((await tree.run({ dryRun: true })).lines)).toEqual(['app', 'core', 'lib']);
    }
    expect(readFileSync(tree.store, 'utf8')).toBe(before);
  });
});

describe('tests of a package', () => {
  test('are not run again once they have passed', async () => {
    const tree = new PackageTree(dir, 'app; test:app -> tool');
    expect(builtOf((await tree.run()).lines)).toEqual(['app', 'test:app', 'tool']);
    const { lines, reasons } = await tree.run();
    expect(builtOf(lines)).toEqual([]);
    expect(reasons['test:app']).toBe('nothing that it is made from has changed since it passed');
  });

  test('run again where their package is built, or where only they need what changed', async () => {
    const tree = new PackageTree(dir, 'app; test:app -> tool');
    await tree.run();
    tree.write('specs/tool/tool.spec', 'makes another');
    expect((await tree.run()).lines).toEqual(['app cached', 'test:app built', 'tool built']);
    const { lines, reasons } = await tree.run({ rebuild: ['app'] });
    expect(lines).toEqual(['app built', 'test:app built', 'tool cached']);
    expect(reasons['test:app']).toBe('its package has been rebuilt');
  });

  test('run again where the user wants it', async () => {
    const tree = new PackageTree(dir, 'app; test:app');
    await tree.run();
    const { lines, reasons } = await tree.run({ rebuild: ['test:app'] });
    expect(lines).toEqual(['app cached', 'test:app built']);
    expect(reasons['test:app']).toBe('the user wants it rerun');
  });
});
