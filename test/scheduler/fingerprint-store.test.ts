import { appendFileSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FingerprintStore } from '../../src/scheduler/rebuild/fingerprint-store';
import { makeTempDir, removeTempDir } from '../support/command';

let dir: string;
let path: string;
beforeEach(() => {
  dir = makeTempDir();
  path = join(dir, 'state/fingerprints.ndjson');
});
afterEach(() => removeTempDir(dir));

const stamp = { size: 1, modified: 2.5, changed: 3.5, inode: 4 };

function put(store: FingerprintStore, ...jobs: string[]) {
  for (const job of jobs) store.put(job, { needs: `of ${job}` });
  store.flush();
}

test('what was put is there for the next run, and the last of a job counts', () => {
  const store = FingerprintStore.open(path);
  put(store, 'a', 'b');
  store.put('a', { needs: 'newer' });
  store.remember('/file', stamp, { id: 'x', sources: 'a\t1' });
  store.flush();
  const next = FingerprintStore.open(path);
  expect(next.fingerprintOf('a')).toEqual({ needs: 'newer' });
  expect(next.fingerprintOf('b')).toEqual({ needs: 'of b' });
  expect(next.fingerprintOf('c')).toBeUndefined();
  expect(next.identityOf('/file', stamp)).toEqual({ id: 'x', sources: 'a\t1' });
});

test.each(['size', 'modified', 'changed', 'inode'] as const)('a file of another %s is not the file it was', (field) => {
  const store = FingerprintStore.open(path);
  store.remember('/file', stamp, { id: 'x' });
  expect(store.identityOf('/file', { ...stamp, [field]: 9 })).toBeUndefined();
  expect(store.identityOf('/file', stamp)).toEqual({ id: 'x' });
});

test('cut off at any byte, it keeps every line before the cut, and takes new ones', () => {
  put(FingerprintStore.open(path), 'a');
  put(FingerprintStore.open(path), 'b');
  const whole = readFileSync(path);
  const endOfA = whole.indexOf('"b"') - '{"job":'.length;
  for (let bytes = endOfA; bytes < whole.length; bytes++) {
    writeFileSync(path, whole);
    truncateSync(path, bytes);
    put(FingerprintStore.open(path), 'c');
    const after = FingerprintStore.open(path);
    expect(after.fingerprintOf('a')).toEqual({ needs: 'of a' });
    expect(after.fingerprintOf('c')).toEqual({ needs: 'of c' });
    expect([undefined, 'of b']).toContain(after.fingerprintOf('b')?.needs);
  }
});

test('lines that are not ours are passed over, and so are those of another version', () => {
  mkdirSync(join(dir, 'state'));
  const lines = [
    '{"store":"spanwright fingerprints","version":999}',
    '{"job":"old","made":{"needs":"x"}}',
    '{"store":"spanwright fingerprints","version":1}',
    'null',
    '17',
    '"text"',
    '[]',
    '{"job":"odd","made":null}',
    '{"job":"odd","made":{"needs":7}}',
    '{"file":"/odd","stamp":"x","id":"y"}',
    '\u0000\u0000\u0000',
    '{"job":"fine","made":{"needs":"x"}}',
  ];
  writeFileSync(path, lines.join('\n'));
  const store = FingerprintStore.open(path);
  expect(['old', 'odd', 'fine'].map((job) => store.fingerprintOf(job)?.needs)).toEqual([undefined, undefined, 'x']);
});

test('two runs may write at the same time: nothing is torn, and of one job the last writer counts', () => {
  const [one, two] = [FingerprintStore.open(path), FingerprintStore.open(path)];
  for (let i = 0; i < 50; i++) {
    put(one, `one ${i}`);
    put(two, `two ${i}`);
    one.put('both', { needs: `one ${i}` });
    one.flush();
    two.put('both', { needs: `two ${i}` });
    two.flush();
  }
  const after = FingerprintStore.open(path);
  for (let i = 0; i < 50; i++) {
    expect(after.fingerprintOf(`one ${i}`)).toBeDefined();
    expect(after.fingerprintOf(`two ${i}`)).toBeDefined();
  }
  expect(after.fingerprintOf('both')).toEqual({ needs: 'two 49' });
});

test('it is written anew when most of its lines no longer count, and loses nothing', () => {
  const store = FingerprintStore.open(path);
  for (let i = 0; i < 2000; i++) store.put(`job ${i % 10}`, { needs: `${i}` });
  store.flush();
  const before = readFileSync(path).length;
  // Another run has the store open while it is written anew.
  const other = FingerprintStore.open(path);
  expect(readFileSync(path).length).toBeLessThan(before / 10);
  put(other, 'late');
  const after = FingerprintStore.open(path);
  expect(after.fingerprintOf('job 3')).toEqual({ needs: '1993' });
  expect(after.fingerprintOf('late')).toEqual({ needs: 'of late' });
});

test('what is put soon is written before long, once', async () => {
  const store = FingerprintStore.open(path);
  store.put('a', { needs: 'x' });
  store.flushSoon();
  store.put('b', { needs: 'y' });
  store.flushSoon();
  await new Promise((resolve) => setImmediate(resolve));
  expect(readFileSync(path, 'utf8').trim().split('\n')).toHaveLength(3);
});

test('a disk that takes no more is said once', () => {
  const problems: string[] = [];
  const store = FingerprintStore.open(path, (problem) => problems.push(problem));
  mkdirSync(join(dir, 'state'));
  symlinkSync('/dev/full', path);
  put(store, 'a');
  put(store, 'b');
  expect(problems).toEqual([
    expect.stringMatching(
      /^cannot keep fingerprints in .*: no space left on device; what is built now will be built again next time$/,
    ),
  ]);
});

test('what is no file is not read, for it may have no end', () => {
  const problems: string[] = [];
  FingerprintStore.open('/dev/zero', (problem) => problems.push(problem));
  expect(problems).toEqual(['cannot read the fingerprints in /dev/zero: it is not a file']);
});

test('what is only appended to stays readable for people', () => {
  put(FingerprintStore.open(path), 'build /srpms/a.src.rpm');
  appendFileSync(path, '');
  expect(readFileSync(path, 'utf8')).toBe(
    '\n{"store":"spanwright fingerprints","version":1}\n{"job":"build /srpms/a.src.rpm","made":{"needs":"of build /srpms/a.src.rpm"}}\n',
  );
});
