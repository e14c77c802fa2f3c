import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readBuiltFiles } from '../../src/scheduler/agents/built-files';
import { withTempDir } from '../support/command';

const filesOf = (output: string) =>
  withTempDir((dir) => {
    writeFileSync(join(dir, 'out'), output);
    return readBuiltFiles(join(dir, 'out'));
  });

test.each<[string, string, string[]]>([
  ['is the list of what was built', '/o/a-1.rpm,/o/a-doc-1.rpm', ['/o/a-1.rpm', '/o/a-doc-1.rpm']],
  ['may name one', '/o/a-1.rpm', ['/o/a-1.rpm']],
  ['may have anything above it', 'building\nb.rpm\n/o/a.rpm', ['/o/a.rpm']],
  ['may end with a newline', 'noise\n/o/a.rpm,/o/b.rpm\n', ['/o/a.rpm', '/o/b.rpm']],
  ['may end as Windows ends lines', '/o/a.rpm,/o/b.rpm\r\n', ['/o/a.rpm', '/o/b.rpm']],
  ['may have blanks around its commas', ' /o/a.rpm , /o/b.rpm ', ['/o/a.rpm', '/o/b.rpm']],
  ['may have blanks in its names', '/o/my rpms/a.rpm', ['/o/my rpms/a.rpm']],
  ['may have commas too many', ',/o/a.rpm,,/o/b.rpm,', ['/o/a.rpm', '/o/b.rpm']],
  ['names each file once', '/o/a.rpm,/o/a.rpm', ['/o/a.rpm']],
  ['keeps paths as they are written', 'RPMS/a.rpm,../b.rpm', ['RPMS/a.rpm', '../b.rpm']],
  ['may be empty', 'noise\n\n', []],
  ['may be all there is not', '', []],
  ['that is no list of RPMs tells of nothing', '/o/a.rpm\nall is well', []],
  ['that is no list of RPMs tells of nothing, nor with a newline', 'all is well\n', []],
])('the last line of the output %s', async (_, output, files) => {
  expect(await filesOf(output)).toEqual(files);
});

test('a list is found below a flood, and one longer than what is read at a time is whole', async () => {
  const long = Array.from(
    { length: 6000 },
    (_, i) => `/usr/src/azl/RPMS/noarch/texlive-collection-${i}-9.svn1.noarch.rpm`,
  );
  const flood = 'compiling\n'.repeat(100_000);
  expect(await filesOf(`${flood}${long.join(',')}`)).toEqual(long);
  expect(await filesOf(`${flood}${long.join(',')}\n`)).toEqual(long);
});

test('names of several bytes a character are whole wherever the output is cut in two by reading it', async () => {
  for (let shift = 0; shift < 4; shift++) {
    const path = `/o/${'ü€🦀'.repeat(9000)}${'x'.repeat(shift)}.rpm`;
    expect(await filesOf(`noise\n${path}`)).toEqual([path]);
  }
});

test('a line beyond all measure is no list', async () => {
  expect(await filesOf(`${'x'.repeat(5 << 20)}.rpm`)).toEqual([]);
});

test('no output tells of nothing', () => {
  expect(readBuiltFiles('/nowhere/at/all')).toEqual([]);
});
