import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomically } from '../../src/util/atomic-file';
import { UserError } from '../../src/util/user-error';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'atomic-file-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);

function failureOf(file: string, content: Parameters<typeof writeFileAtomically>[1] = 'x'): unknown {
  try {
    writeFileAtomically(file, content);
  } catch (error) {
    return error;
  }
  throw new Error('expected the write to fail');
}

test.each<[string, Parameters<typeof writeFileAtomically>[1], string]>([
  ['a text', 'zażółć', 'zażółć'],
  ['nothing', '', ''],
  ['bytes', Buffer.from('abc'), 'abc'],
  ['a part of a larger buffer', Buffer.from('abcdef').subarray(2, 4), 'cd'],
  ['chunks', [Buffer.from('a'), new Uint8Array(0), Buffer.from('b')], 'ab'],
  ['no chunks', [], ''],
])('%s is written whole', (_, content, expected) => {
  writeFileAtomically(path('f'), content);
  expect(readFileSync(path('f'), 'utf8')).toBe(expected);
  expect(readdirSync(folder)).toEqual(['f']);
});

test('a larger file is replaced, and nothing of it is left', () => {
  writeFileSync(path('f'), 'x'.repeat(10_000));
  writeFileAtomically(path('f'), 'short');
  expect(readFileSync(path('f'), 'utf8')).toBe('short');
});

test('40 MB in many chunks are written whole', () => {
  const chunk = Buffer.alloc(2 ** 20, 'y');
  writeFileAtomically(
    path('f'),
    Array.from({ length: 40 }, () => chunk),
  );
  expect(lstatSync(path('f')).size).toBe(40 * 2 ** 20);
});

test('while it is written, a reader sees the old file', () => {
  writeFileSync(path('f'), 'old');
  const seen: string[] = [];
  writeFileAtomically(
    path('f'),
    (function* () {
      yield Buffer.from('new ');
      seen.push(readFileSync(path('f'), 'utf8'));
      yield Buffer.from('file');
      seen.push(readFileSync(path('f'), 'utf8'));
    })(),
  );
  expect(seen).toEqual(['old', 'old']);
  expect(readFileSync(path('f'), 'utf8')).toBe('new file');
});

test('when making the content fails midway, the old file stays and nothing lies beside it', () => {
  writeFileSync(path('f'), 'old');
  const broken = (function* () {
    yield Buffer.from('half');
    throw new UserError('the graph is wrong');
  })();
  expect(failureOf(path('f'), broken)).toEqual(new UserError('the graph is wrong'));
  expect(readFileSync(path('f'), 'utf8')).toBe('old');
  expect(readdirSync(folder)).toEqual(['f']);
});

test('a bug in what makes the content is not called the user’s error', () => {
  const buggy = (function* (): Generator<Uint8Array> {
    yield Buffer.from('half');
    throw new TypeError('x is undefined');
  })();
  expect(failureOf(path('f'), buggy)).toBeInstanceOf(TypeError);
  expect(readdirSync(folder)).toEqual([]);
});

test('a missing folder is reported with the path, and is not made', () => {
  const error = failureOf(path('none/f'));
  expect(error).toBeInstanceOf(UserError);
  expect((error as Error).message).toBe(`cannot write ${path('none/f')}: no such file or directory`);
  expect(readdirSync(folder)).toEqual([]);
});

test('a folder in the place of the file is reported, and stays as it is', () => {
  mkdirSync(path('dir'));
  writeFileSync(path('dir/inside'), 'x');
  const error = failureOf(path('dir'));
  expect(error).toBeInstanceOf(UserError);
  expect((error as Error).message).toBe(`cannot write ${path('dir')}: is a directory, not a file`);
  expect(readdirSync(folder)).toEqual(['dir']);
  expect(readdirSync(path('dir'))).toEqual(['inside']);
});

test('an empty folder in the place of the file stays too', () => {
  mkdirSync(path('dir'));
  expect(failureOf(path('dir'))).toBeInstanceOf(UserError);
  expect(lstatSync(path('dir')).isDirectory()).toBe(true);
  expect(readdirSync(folder)).toEqual(['dir']);
});

test('a file in the place of the folder is reported', () => {
  writeFileSync(path('file'), 'x');
  expect((failureOf(path('file/f')) as Error).message).toBe(`cannot write ${path('file/f')}: is not a directory`);
});

test('two writers in one process do not get into each other’s way', () => {
  writeFileAtomically(
    path('f'),
    (function* () {
      yield Buffer.from('outer');
      writeFileAtomically(path('f'), 'inner');
      expect(readFileSync(path('f'), 'utf8')).toBe('inner');
    })(),
  );
  expect(readFileSync(path('f'), 'utf8')).toBe('outer');
  expect(readdirSync(folder)).toEqual(['f']);
});

test('a name as long as a file system allows is written', () => {
  const name = 'n'.repeat(255);
  writeFileAtomically(path(name), 'x');
  expect(readFileSync(path(name), 'utf8')).toBe('x');
});

test('a name longer than that is reported', () => {
  expect((failureOf(path('n'.repeat(256))) as Error).message).toContain('file name too long');
});

test('a symbolic link stays one, and the file behind it is written', () => {
  writeFileSync(path('target'), 'old');
  symlinkSync('target', path('link'));
  writeFileAtomically(path('link'), 'new');
  expect(lstatSync(path('link')).isSymbolicLink()).toBe(true);
  expect(readFileSync(path('target'), 'utf8')).toBe('new');
});

// As root, a device such as /dev/stdout would be replaced for the whole machine; a pipe shows it without harm.
test('a pipe or device is written to, and not replaced by a file', () => {
  expect(spawnSync('mkfifo', [path('pipe')]).status).toBe(0);
  const reader = openSync(path('pipe'), constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    writeFileAtomically(path('pipe'), 'through');
    expect(lstatSync(path('pipe')).isFIFO()).toBe(true);
    const bytes = Buffer.alloc(100);
    expect(bytes.toString('utf8', 0, readSync(reader, bytes))).toBe('through');
  } finally {
    closeSync(reader);
  }
});
