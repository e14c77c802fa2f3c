import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRpmContent } from '../../src/rpm/rpm-content';
import { makeTempDir, removeTempDir } from '../support/command';
import { HAS_RPMBUILD } from '../support/rpm';

const withRpmbuild = HAS_RPMBUILD ? describe : describe.skip;

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => removeTempDir(dir));

const SPEC = `Name: sample
Version: 1.0
Release: 1
Summary: s
License: MIT
BuildArch: noarch
Source0: a.txt
%description
d
%install
mkdir -p %{buildroot}/usr/share/sample
cp %{SOURCE0} %{buildroot}/usr/share/sample/a.txt
%files
/usr/share/sample
`;

/** Builds both RPMs of a spec and a source, at a time and on a host of its own. */
function build(name: string, { spec = SPEC, source = 'hello\n', at = 1_700_000_000 } = {}) {
  const top = join(dir, name);
  const specFile = join(dir, 'sample.spec');
  writeFileSync(specFile, spec);
  writeFileSync(join(dir, 'a.txt'), source);
  utimesSync(join(dir, 'a.txt'), at, at);
  const defines = { _topdir: top, _sourcedir: dir, _buildhost: `host${at}`, use_source_date_epoch_as_buildtime: '1' };
  const { status, stderr } = spawnSync(
    'rpmbuild',
    ['-ba', specFile, ...Object.entries(defines).flatMap(([key, value]) => ['--define', `${key} ${value}`])],
    { env: { ...process.env, SOURCE_DATE_EPOCH: String(at) }, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`rpmbuild failed: ${stderr}`);
  const only = (folder: string) => join(folder, readdirSync(folder)[0] as string);
  return { rpm: only(join(top, 'RPMS/noarch')), srpm: only(join(top, 'SRPMS')) };
}

withRpmbuild('what an RPM holds', () => {
  test('is the same whenever and wherever it was built, though its bytes are not', () => {
    const [one, two] = [build('one'), build('two', { at: 1_700_009_999 })];
    for (const kind of ['rpm', 'srpm'] as const) {
      expect(readFileSync(one[kind]).equals(readFileSync(two[kind]))).toBe(false);
      expect(readRpmContent(one[kind])?.id).toMatch(/^[\w-]{22}$/);
      expect(readRpmContent(one[kind])?.id).toBe(readRpmContent(two[kind])?.id);
    }
  });

  test.each<[string, Parameters<typeof build>[1]]>([
    ['a file', { source: 'bye\n' }],
    ['its release', { spec: SPEC.replace('Release: 1', 'Release: 2') }],
    ['a requirement', { spec: SPEC.replace('Summary', 'Requires: bash\nSummary') }],
    ['a script', { spec: SPEC.replace('%files', '%post\ntrue\n%files') }],
    ['the mode of a file', { spec: SPEC.replace('%files\n', '%files\n%attr(0700,root,root) ') }],
  ])('is another where %s changes', (_, change) => {
    expect(readRpmContent(build('two', change).rpm)?.id).not.toBe(readRpmContent(build('one').rpm)?.id);
  });

  test('of a source RPM is told file by file', () => {
    const { srpm, rpm } = build('one');
    const digest = spawnSync('sha256sum', [join(dir, 'a.txt')], { encoding: 'utf8' }).stdout.split(' ')[0];
    expect(readRpmContent(srpm)?.sources?.get('a.txt')).toBe(digest);
    expect([...(readRpmContent(srpm)?.sources?.keys() ?? [])].sort()).toEqual(['a.txt', 'sample.spec']);
    expect(readRpmContent(rpm)?.sources).toBeUndefined();
  });

  test('cannot be told where a part of it is missing or there is more', () => {
    const { rpm } = build('one');
    const whole = readFileSync(rpm);
    for (const bytes of [whole.length - 1, 3000, 500, 120, 96, 95, 4, 0]) {
      writeFileSync(rpm, whole);
      truncateSync(rpm, bytes);
      expect([bytes, readRpmContent(rpm)]).toEqual([bytes, undefined]);
    }
    writeFileSync(rpm, Buffer.concat([whole, Buffer.from('x')]));
    expect(readRpmContent(rpm)).toBeUndefined();
  });

  test('a damaged header harms nobody', () => {
    const { rpm } = build('one');
    const whole = readFileSync(rpm);
    for (let at = 96; at < Math.min(whole.length, 6000); at += 23) {
      const damaged = Buffer.from(whole);
      damaged[at] = 0xff;
      writeFileSync(rpm, damaged);
      expect(() => readRpmContent(rpm)).not.toThrow();
    }
  });
});

test('what is no RPM holds nothing that could be told', () => {
  const file = join(dir, 'x.rpm');
  for (const content of ['', 'text', 'x'.repeat(5000)]) {
    writeFileSync(file, content);
    expect(readRpmContent(file)).toBeUndefined();
  }
});

test('a file that is not there is said so', () => {
  expect(() => readRpmContent(join(dir, 'none.rpm'))).toThrow('ENOENT');
});
