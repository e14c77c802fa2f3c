import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileIdentities, type Identity } from '../../src/scheduler/rebuild/file-identities';
import { FingerprintStore } from '../../src/scheduler/rebuild/fingerprint-store';
import { makeTempDir, removeTempDir } from '../support/command';

let dir: string;
let file: string;
beforeEach(() => {
  dir = makeTempDir();
  file = join(dir, 'file');
  writeFileSync(file, 'content');
});
afterEach(() => removeTempDir(dir));

const storePath = () => join(dir, 'store.ndjson');

/** One run that looks at files, and what it had to read. */
function look(now = () => Date.now() + 10_000) {
  const read: string[] = [];
  const store = FingerprintStore.open(storePath());
  const identities = new FileIdentities(store, (path) => void read.push(path), now);
  return { store, identities, read };
}

const idOf = (identity: Identity) => ('id' in identity ? identity.id : identity.problem);

test('a file is read once in a run, and in later runs only when it has changed', async () => {
  const first = look();
  await first.identities.learn([file, file]);
  first.identities.of(file);
  expect(first.read).toEqual([file]);
  first.store.flush();

  const second = look();
  await second.identities.learn([file]);
  expect(second.read).toEqual([]);
  expect(second.identities.of(file)).toEqual(first.identities.of(file));

  writeFileSync(file, 'CONTENT');
  const third = look();
  expect(idOf(third.identities.of(file))).not.toBe(idOf(first.identities.of(file)));
  expect(third.read).toEqual([file]);
});

test('read at once or later, it has the same identity', async () => {
  for (const size of [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1]) {
    writeFileSync(file, Buffer.alloc(size, 7));
    const later = look().identities;
    await later.learn([file]);
    expect(look().identities.lookNow(file)).toEqual(later.of(file));
  }
});

test('a file that has only just been written is read again next time: it might change within the same tick', () => {
  const first = look(Date.now);
  first.identities.of(file);
  first.store.flush();
  const second = look();
  second.identities.of(file);
  expect(second.read).toEqual([file]);
});

test('a time of change that somebody has set back deceives nobody', () => {
  const past = new Date('2020-01-01');
  utimesSync(file, past, past);
  const first = look();
  const before = idOf(first.identities.of(file));
  first.store.flush();
  writeFileSync(file, 'CONTENT');
  utimesSync(file, past, past);
  expect(idOf(look().identities.of(file))).not.toBe(before);
});

test('what cannot be looked at is told apart from what is missing', () => {
  const { identities } = look();
  mkdirSync(join(dir, 'folder'));
  expect(identities.of(join(dir, 'folder'))).toEqual({ problem: 'is not a file', isMissing: false });
  expect(identities.of(join(dir, 'none'))).toEqual({ problem: 'no such file or directory', isMissing: true });
  expect(identities.of(join(file, 'below'))).toEqual({ problem: 'is not a directory', isMissing: true });
});

test('what was forgotten is looked at anew', async () => {
  const { identities } = look();
  await identities.learn([file]);
  rmSync(file);
  expect(idOf(identities.of(file))).toMatch(/^[\w-]{22}$/);
  identities.forget([file]);
  expect(idOf(identities.of(file))).toBe('no such file or directory');
});
