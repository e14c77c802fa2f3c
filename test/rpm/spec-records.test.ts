import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type PackageRecord, versionText } from '../../src/graph/grapher/package-record';
import { specNoticeText } from '../../src/rpm/spec-notice';
import { recordsFromSpecs, type SpecRecordsOptions } from '../../src/rpm/spec-records';
import { makeTempDir, removeTempDir } from '../support/command';
import { errorOf } from '../support/graph-command';
import { specText, testWithRpmspec, toolsOfThisMachine } from '../support/rpm';

const runTool = toolsOfThisMachine();
let folder: string;

beforeEach(() => {
  folder = makeTempDir();
});

afterEach(() => removeTempDir(folder));

function file(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** Always for x86_64, whatever this machine is. */
function read(specs: readonly string[], options: SpecRecordsOptions = {}) {
  return recordsFromSpecs(specs, { rpmDir: '/rpms', srpmDir: '/srpms', arch: 'x86_64', ...options }, runTool);
}

const texts = (records: readonly PackageRecord[], field: 'Requires' | 'BuildRequires' | 'TestRequires') =>
  records[0]?.[field].map(versionText);

testWithRpmspec('each name that each RPM of a spec provides is a record, with the paths of its files', async () => {
  const spec = file(
    'SPECS/lib/lib.spec',
    specText(
      'lib',
      ['Epoch: 2', 'Provides: virtual = 3', 'Requires: /bin/sh', 'Requires: far >= 1', 'Requires: far < 2'].join('\n'),
      [
        '%package devel',
        'Summary: For a test.',
        'Requires: lib%{?_isa} = %{epoch}:%{version}-%{release}',
        '%description devel',
        'For a test.',
        '%package doc',
        'Summary: For a test.',
        'BuildArch: noarch',
        '%description doc',
        'For a test.',
        '%package empty',
        'Summary: Has no files, and is not built.',
        '%description empty',
        'For a test.',
        '%files',
        '%files devel',
        '%files doc',
        '',
      ].join('\n'),
    ),
  );
  const { records, notices } = await read([spec], { defines: { dist: '.t1' } });
  expect(
    records.map(({ Provides, RpmPath, Architecture, Requires }) => [
      versionText(Provides),
      RpmPath,
      Architecture,
      Requires.map(versionText).join(' and '),
    ]),
  ).toEqual([
    ['lib = 2:1.0-1.t1', '/rpms/x86_64/lib-1.0-1.t1.x86_64.rpm', 'x86_64', '/bin/sh and far >= 1, < 2'],
    ['lib(x86-64) = 2:1.0-1.t1', '/rpms/x86_64/lib-1.0-1.t1.x86_64.rpm', 'x86_64', '/bin/sh and far >= 1, < 2'],
    ['virtual = 3', '/rpms/x86_64/lib-1.0-1.t1.x86_64.rpm', 'x86_64', '/bin/sh and far >= 1, < 2'],
    ['lib-devel = 2:1.0-1.t1', '/rpms/x86_64/lib-devel-1.0-1.t1.x86_64.rpm', 'x86_64', 'lib(x86-64) = 2:1.0-1.t1'],
    [
      'lib-devel(x86-64) = 2:1.0-1.t1',
      '/rpms/x86_64/lib-devel-1.0-1.t1.x86_64.rpm',
      'x86_64',
      'lib(x86-64) = 2:1.0-1.t1',
    ],
    ['lib-doc = 2:1.0-1.t1', '/rpms/noarch/lib-doc-1.0-1.t1.noarch.rpm', 'noarch', ''],
  ]);
  for (const record of records) {
    expect(record).toMatchObject({
      SrpmPath: '/srpms/lib-1.0-1.t1.src.rpm',
      SpecPath: spec,
      SourceDir: dirname(spec),
      IsToolchain: false,
      RunTests: false,
      TestRequires: [],
    });
  }
  expect(notices).toEqual([]);
});

testWithRpmspec('what the build needs and what %check needs are told apart', async () => {
  const tags = [
    'BuildRequires: gcc >= 4',
    'BuildRequires: (make and sed)',
    '%if 0%{?with_check}',
    'BuildRequires: expect',
    '%endif',
  ];
  const spec = file('a.spec', specText('a', tags.join('\n'), '%check\nmake check\n%files\n'));
  const { records } = await read([spec]);
  expect(texts(records, 'BuildRequires')).toEqual(['make', 'sed', 'gcc >= 4']);
  expect(texts(records, 'TestRequires')).toEqual(['make', 'sed', 'expect', 'gcc >= 4']);
  expect(records.every(({ RunTests }) => RunTests)).toBe(true);
});

testWithRpmspec('a %check that its own conditions leave out is none, nor is a word of that kind', async () => {
  const condition = file('a.spec', specText('a', '', '%if 0\n%check\nmake check\n%endif\n%files\n'));
  const word = file('b.spec', specText('b', '', '%build\nmake check\n%files\n'));
  const { records } = await read([condition, word]);
  expect(records.map(({ Provides, RunTests }) => [Provides.Name, RunTests])).toEqual([
    ['a', false],
    ['a(x86-64)', false],
    ['b', false],
    ['b(x86-64)', false],
  ]);
});

testWithRpmspec('files beside a spec, macros, and a file of macros are there when it is read', async () => {
  file('c/more.inc', 'Provides: included\n');
  const spec = file(
    'c/c.spec',
    specText('c', 'Source0: more.inc\n%include %{SOURCE0}\nProvides: %{one}, %{two_words}'),
  );
  const macrosFile = file('macros', '%two_words two = 2\n');
  const { records } = await read([spec], { defines: { one: 'one' }, macrosFile });
  expect(records.map(({ Provides }) => versionText(Provides))).toEqual(
    expect.arrayContaining(['included', 'one', 'two = 2']),
  );
});

testWithRpmspec('without folders, RPMs are where rpmbuild puts them', async () => {
  const spec = file('a.spec', specText('a', ''));
  const { records } = await read([spec], { rpmDir: undefined, srpmDir: undefined, defines: { _topdir: '/top' } });
  expect([records[0]?.RpmPath, records[0]?.SrpmPath]).toEqual([
    '/top/RPMS/x86_64/a-1.0-1.x86_64.rpm',
    '/top/SRPMS/a-1.0-1.src.rpm',
  ]);
});

testWithRpmspec('the files that rpmbuild makes are those of the records', async () => {
  const sub =
    '%package doc\nSummary: For a test.\nBuildArch: noarch\n%description doc\nFor a test.\n%files\n%files doc\n';
  const spec = file('a.spec', specText('a', 'Epoch: 3', sub));
  const defines = { _topdir: folder, dist: '.t1' };
  const { records } = await read([spec], { rpmDir: undefined, srpmDir: undefined, arch: undefined, defines });
  const built = await runTool(['rpmbuild', '-ba', '--define', `_topdir ${folder}`, '--define', 'dist .t1', spec]);
  expect(built).toMatchObject({ code: 0 });
  const files = new Set(records.flatMap(({ RpmPath, SrpmPath }) => [RpmPath, SrpmPath]));
  expect([...files].filter((path) => existsSync(path))).toHaveLength(3);
  expect(files.size).toBe(3);
});

testWithRpmspec('a source package that leaves sources out is called so', async () => {
  const { records } = await read([file('a.spec', specText('a', 'Source0: blob.bin\nNoSource: 0'))]);
  expect(records[0]?.SrpmPath).toBe('/srpms/a-1.0-1.nosrc.rpm');
});

testWithRpmspec(
  'specs that are for other architectures, or build nothing, are left out, and it is said why',
  async () => {
    const specs = [
      file('arm.spec', specText('arm', 'ExclusiveArch: aarch64')),
      file('not-x86.spec', specText('not-x86', 'ExcludeArch: x86_64')),
      file('anywhere.spec', specText('anywhere', 'BuildArch: noarch\nExclusiveArch: aarch64 noarch')),
      file('nothing.spec', specText('nothing', '', '')),
    ];
    const { records, notices } = await read(specs);
    expect(records.map(({ Provides }) => Provides.Name)).toEqual(['anywhere']);
    expect(notices.map(specNoticeText)).toEqual([
      `${specs[0]}: left out: the spec is not for x86_64`,
      `${specs[1]}: left out: the spec is not for x86_64`,
      `${specs[3]}: left out: the spec has no %files, and so builds no RPM`,
    ]);
  },
);

testWithRpmspec('records are in the order of the specs, however many are read at a time', async () => {
  const names = ['e', 'd', 'c', 'b', 'a'];
  const specs = names.map((name) => file(`${name}.spec`, specText(name, 'BuildArch: noarch')));
  const { records } = await read(specs, { parallel: 3 });
  expect(records.map(({ Provides }) => Provides.Name)).toEqual(names);
});

testWithRpmspec('what rpmspec finds odd is passed on once', async () => {
  const { notices } = await read([file('a.spec', specText('a', '# as %{name} says'))]);
  expect(notices).toHaveLength(1);
  expect(specNoticeText(notices[0] as never)).toMatch(
    /a\.spec: Macro expanded in comment on line \d+: %\{name\} says$/,
  );
});

testWithRpmspec('a spec that cannot be read is named, with the line and what rpmspec says of it', async () => {
  const unknownTag = file('a.spec', 'Name: a\nVersion: 1\nColour: blue\n');
  expect(await errorOf(read([unknownTag]))).toBe(`${unknownTag}:3: rpmspec cannot read it: Unknown tag: Colour: blue`);
  const noTags = file('b.spec', 'Name: b\nVersion: 1\nRelease: 1\n%description\n');
  expect(await errorOf(read([noTags]))).toBe(
    `${noTags}: rpmspec cannot read it: Summary field must be present in package: (main package); ` +
      'License field must be present in package: (main package)',
  );
  const missing = join(folder, 'c.spec');
  expect(await errorOf(read([missing]))).toBe(
    `${missing}: rpmspec cannot read it: Unable to open ${missing}: No such file or directory`,
  );
});

testWithRpmspec('of several specs that cannot be read the first is explained, and the others are named', async () => {
  const specs = ['c', 'fine', 'b', 'a'].map((name) =>
    file(`${name}.spec`, name === 'fine' ? specText(name, '') : `Name: ${name}\nColour: blue\n`),
  );
  expect(await errorOf(read(specs, { parallel: 4 }))).toBe(
    `${specs[0]}:2: rpmspec cannot read it: Unknown tag: Colour: blue (and 2 more specs cannot be read: b.spec, a.spec)`,
  );
});

testWithRpmspec('a dependency that the graph cannot hold names the spec and the package', async () => {
  const spec = file('a.spec', specText('a', 'Requires: (b if c else d)'));
  expect(await errorOf(read([spec]))).toBe(
    `${spec}: package a: the graph cannot hold '(b if c else d)': it has more than one operator`,
  );
});

test('where there is no rpmspec, that is said, and what to do', async () => {
  const nothing = async () => ({ code: 127, stdout: '', stderr: '' });
  expect(await errorOf(recordsFromSpecs(['a.spec'], {}, nothing))).toBe(
    'cannot ask rpmspec for its settings: there is no rpmspec here; install it (package rpm, or rpm-build), and see that it is in PATH',
  );
});
