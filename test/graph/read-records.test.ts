import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { readPackageRecords } from '../../src/graph/grapher/read-records';
import { UserError } from '../../src/util/user-error';
import { makeTempDir, removeTempDir } from '../support/command';

let folder: string;
let file: string;

beforeEach(() => {
  folder = makeTempDir();
  file = join(folder, 'specs.json');
});

afterEach(() => removeTempDir(folder));

const version = (Name: string) => ({ Name, Version: '1', Condition: '=', SVersion: '', SCondition: '' });

const whole = () => ({
  Provides: version('lib'),
  SrpmPath: '/srpms/lib.src.rpm',
  RpmPath: '/rpms/lib.rpm',
  SourceDir: '/specs',
  SpecPath: '/specs/lib.spec',
  Architecture: 'x86_64',
  Requires: [version('far')],
  BuildRequires: [version('gcc'), version('make')],
  TestRequires: [],
  IsToolchain: true,
  RunTests: false,
});

function errorOf(content: unknown): string {
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  try {
    readPackageRecords(file);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error('expected an error, found none');
}

test('records are read as they are, gzipped or not', () => {
  const text = JSON.stringify({ Repo: [whole()] });
  writeFileSync(file, text);
  expect(readPackageRecords(file)).toEqual([whole()]);
  writeFileSync(`${file}.gz`, gzipSync(text));
  expect(readPackageRecords(`${file}.gz`)).toEqual([whole()]);
});

test('lists that are null, and fields that are left out, are empty; fields that nobody knows are passed by', () => {
  const { Provides, SrpmPath, RpmPath } = whole();
  writeFileSync(
    file,
    JSON.stringify({ Repo: [{ Provides: { Name: 'lib' }, SrpmPath, RpmPath, Requires: null, License: 'MIT' }] }),
  );
  expect(readPackageRecords(file)).toEqual([
    {
      Provides: { ...Provides, Version: '', Condition: '' },
      SrpmPath,
      RpmPath,
      SourceDir: '',
      SpecPath: '',
      Architecture: '',
      Requires: [],
      BuildRequires: [],
      TestRequires: [],
      IsToolchain: false,
      RunTests: false,
    },
  ]);
});

test.each([
  [{ Requires: 'far' }, 'Requires: expected a list, found "far"'],
  [{ Requires: [version('a'), 'b'] }, 'Requires[1]: expected an object, found "b"'],
  [{ BuildRequires: [{ ...version('a'), Version: 2 }] }, 'BuildRequires[0].Version: expected a text, found 2'],
  [{ Provides: undefined }, 'Provides: expected an object, found nothing'],
  [{ Provides: version('') }, 'Provides.Name: expected a name, found ""'],
  [{ SrpmPath: '' }, 'SrpmPath: expected a path, found ""'],
  [{ RpmPath: null }, 'RpmPath: expected a text, found null'],
  [{ RunTests: 'yes' }, 'RunTests: expected true or false, found "yes"'],
])('a record with %j is refused by its number and field', (change, message) => {
  expect(errorOf({ Repo: [whole(), { ...whole(), ...change }] })).toBe(`${file}: record 1: ${message}`);
});

test('what is not a list of packages is refused', () => {
  const expected = `${file}: expected the toolkit's list of packages, {"Repo": [record, …]}, but there is no list "Repo"`;
  expect([errorOf([]), errorOf({ nodes: [] }), errorOf('null')]).toEqual([expected, expected, expected]);
  expect(errorOf({ Repo: [7] })).toBe(`${file}: record 0: the record: expected an object, found 7`);
  expect(errorOf('{"Repo":\n[}')).toMatch(/specs\.json:2: not valid JSON: /);
});

test('a file that is missing, or not gzip as it says, is refused', () => {
  expect(() => readPackageRecords(join(folder, 'none'))).toThrow(
    /none: cannot read the list of packages: no such file/,
  );
  writeFileSync(file, Buffer.from([0x1f, 0x8b, 1, 2, 3]));
  expect(() => readPackageRecords(file)).toThrow(/specs\.json: cannot unpack the gzip file: /);
});
