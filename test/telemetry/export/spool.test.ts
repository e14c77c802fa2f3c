import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Spool, type SpoolOptions } from '../../../src/telemetry/export/spool';
import { filesIn, ManualTimers, tempFolder, until } from './sinks';

const HOUR_MS = 3_600_000;
const A_LOT = 1_000_000;

let folder: ReturnType<typeof tempFolder>;
let timers: ManualTimers;
const spools: SpoolUser[] = [];
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = tempFolder();
  timers = new ManualTimers();
});

afterEach(() => {
  for (const { spool } of spools.splice(0)) spool.close();
  for (const child of children.splice(0)) child.kill('SIGKILL');
  folder.remove();
});

/** A spool, and what became of the spans that went there. */
class SpoolUser {
  readonly spool: Spool;
  readonly problems: string[] = [];
  readonly dropped: Record<string, number> = {};
  adopted = 0;

  constructor(options: Partial<SpoolOptions> = {}) {
    const limits = { maxBytes: 1_000_000, maxAgeMs: HOUR_MS };
    this.spool = new Spool({ directory: folder.path, format: 'protobuf', ...limits, timers, ...options });
    this.spool.open({
      adopted: (spans) => {
        this.adopted += spans;
      },
      dropped: (spans, reason) => {
        this.dropped[reason] = (this.dropped[reason] ?? 0) + spans;
      },
      problem: (message) => this.problems.push(message),
    });
    spools.push(this);
  }

  /** @returns how many are on disk now */
  append(...texts: string[]): number {
    return this.spool.append(texts.map((text) => pieceOf(text)));
  }

  take(maxSpans = A_LOT): string | undefined {
    return this.spool
      .take(maxSpans, A_LOT)
      ?.pieces.map(({ bytes }) => bytes.toString())
      .join(' ');
  }

  /** Takes and removes all that is there. */
  drain(): string[] {
    const all: string[] = [];
    for (let text = this.take(); text !== undefined; text = this.take()) {
      all.push(...text.split(' '));
      this.spool.remove();
    }
    return all;
  }
}

/** One that does nothing any more when it is left alone. */
const mortal = () => new SpoolUser({ timers: new ManualTimers() });

/** A piece of three spans. */
const pieceOf = (text: string) => ({ count: 3, bytes: Buffer.from(text), size: Buffer.byteLength(text) });

const segments = () => filesIn(folder.path).filter((path) => path.endsWith('.spans'));

/** Leaves the spool's files as a process leaves them that is killed. */
function kill(user: SpoolUser, pid = 2 ** 30, start?: string): void {
  for (const path of new Set(segments().map(dirname))) {
    const [, ownStart, ...rest] = basename(path).split('-');
    renameSync(path, join(folder.path, [pid, start ?? ownStart, ...rest].join('-')));
  }
  spools.splice(spools.indexOf(user), 1);
}

test('gives back what it was given, oldest first, as much at a time as is asked for', () => {
  const user = new SpoolUser();
  expect(user.append('a', 'b', 'c')).toBe(3);
  expect(user.append('d')).toBe(1);
  expect(user.spool.isEmpty).toBe(false);
  expect(user.take(7)).toBe('a b');
  user.spool.remove();
  expect(user.take(2)).toBe('c');
  user.spool.remove();
  user.append('e');
  expect(user.drain()).toEqual(['d', 'e']);
  expect(user.spool).toMatchObject({ isEmpty: true, bytes: 0 });
  expect(filesIn(folder.path)).toEqual([]);
});

test('a batch has no more bytes than asked for, unless one piece alone has', () => {
  const user = new SpoolUser();
  user.append('aaaa', 'bbbb', 'cccccccc', 'd');
  const sizes: number[] = [];
  for (let batch = user.spool.take(A_LOT, 6); batch; batch = user.spool.take(A_LOT, 6)) {
    sizes.push(batch.size);
    user.spool.remove();
  }
  expect(sizes).toEqual([4, 4, 8, 1]);
});

test('what is under way is not given out a second time, and again when it comes back', () => {
  const user = new SpoolUser();
  user.append('a', 'b');
  expect(user.take(3)).toBe('a');
  expect(user.take()).toBeUndefined();
  expect(user.spool.isEmpty).toBe(false);
  user.spool.putBack();
  expect(user.drain()).toEqual(['a', 'b']);
});

test('only its owner can read the files', () => {
  new SpoolUser({ directory: join(folder.path, 'deep', 'spool') }).append('a');
  const [file] = filesIn(folder.path) as [string];
  expect(statSync(file).mode & 0o777).toBe(0o600);
  for (const path of [dirname(file), dirname(dirname(file))]) expect(statSync(path).mode & 0o777).toBe(0o700);
});

describe('limits', () => {
  const text = (i: number) => `${i}`.padEnd(1000, '.');

  test('when it is full the oldest segment goes, and its spans are counted', () => {
    const user = new SpoolUser({ maxBytes: 20_000 });
    for (let i = 0; i < 100; i++) {
      user.append(text(i));
      expect(user.spool.bytes).toBeLessThanOrEqual(20_000);
    }
    const left = user.drain();
    expect(left.length).toBeGreaterThan(10);
    expect(left).toEqual(Array.from({ length: left.length }, (_, i) => text(100 - left.length + i)));
    expect(user.dropped).toEqual({ 'queue-full': (100 - left.length) * 3 });
  });

  test('what is under way stays, also when it is the oldest', () => {
    const user = new SpoolUser({ maxBytes: 20_000 });
    for (let i = 0; i < 15; i++) user.append(text(i));
    expect(user.take(3)).toBe(text(0));
    for (let i = 15; i < 100; i++) user.append(text(i));
    user.spool.putBack();
    const left = user.drain();
    expect(left[0]).toBe(text(0));
    expect(left.at(-1)).toBe(text(99));
    expect(user.dropped).toEqual({ 'queue-full': (100 - left.length) * 3 });
  });

  test('a piece that is larger than all of it is not taken', () => {
    const user = new SpoolUser({ maxBytes: 5000 });
    expect(user.append('a', 'x'.repeat(6000), 'b')).toBe(1);
    expect(user.drain()).toEqual(['a']);
  });

  test('spans that wait too long are given up, those of a segment together and those of its beginning alone', async () => {
    const user = new SpoolUser();
    user.append('old');
    await timers.advance(HOUR_MS - 10);
    user.append('new', 'newer');
    await timers.advance(20);
    expect(user.take(3)).toBe('new');
    expect(user.dropped).toEqual({ 'too-old': 3 });
    await timers.advance(HOUR_MS);
    // Its end decides when it comes.
    expect(user.dropped).toEqual({ 'too-old': 3 });
    user.spool.putBack();
    expect(user.drain()).toEqual([]);
    expect(user.dropped).toEqual({ 'too-old': 9 });
    expect(segments()).toEqual([]);
  });

  test('what is under way does not become too old before it comes back', async () => {
    const user = new SpoolUser({ maxBytes: 20_000 });
    for (let i = 0; i < 6; i++) user.append(text(i));
    expect(user.take(3)).toBe(text(0));
    await timers.advance(HOUR_MS + 1);
    user.append('new');
    expect(user.dropped).toEqual({ 'too-old': 12 });
    user.spool.putBack();
    expect(user.drain()).toEqual(['new']);
    expect(user.dropped).toEqual({ 'too-old': 18 });
  });
});

describe('after a process that was killed', () => {
  test('the next one has what it wrote, but for what it had sent', () => {
    const killed = mortal();
    killed.append('a', 'b', 'c', 'd');
    killed.take(6);
    killed.spool.remove();
    killed.take(3);
    kill(killed);
    const next = new SpoolUser();
    expect(next.adopted).toBe(6);
    expect(next.append('e')).toBe(1);
    expect(next.drain()).toEqual(['c', 'd', 'e']);
    expect(filesIn(folder.path)).toEqual([]);
  });

  test('where it is not sure what was sent, everything is sent', () => {
    const killed = mortal();
    killed.append('a', 'b');
    killed.take(3);
    killed.spool.remove();
    kill(killed);
    const [path] = segments() as [string];
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(24) ^ 1, 24);
    writeFileSync(path, bytes);
    expect(new SpoolUser().drain()).toEqual(['a', 'b']);
  });

  test('a file that is cut off anywhere gives what is whole, and counts what is known of the rest', () => {
    const killed = mortal();
    killed.append('first', 'second');
    kill(killed);
    const [path] = segments() as [string];
    const bytes = readFileSync(path);
    for (let length = bytes.length; length >= 0; length--) {
      rmSync(folder.path, { recursive: true });
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes.subarray(0, length));
      const next = new SpoolUser();
      const texts = next.drain();
      expect(['first', 'second'].slice(0, texts.length)).toEqual(texts);
      const isSecondKnown = length >= bytes.indexOf('second');
      if (length === bytes.length) expect(texts).toHaveLength(2);
      else expect(next.dropped).toEqual(isSecondKnown ? { unreadable: 3 } : expect.anything());
      expect(next.adopted).toBe(texts.length * 3 + (next.dropped.unreadable ?? 0));
      next.spool.close();
    }
  });

  test('a file in which anything is changed never gives anything that was not written', () => {
    const killed = mortal();
    killed.append('first', 'second', 'third');
    kill(killed);
    const [path] = segments() as [string];
    const bytes = readFileSync(path);
    let whole = 0;
    for (let at = 0; at < bytes.length; at++) {
      rmSync(folder.path, { recursive: true });
      mkdirSync(dirname(path), { recursive: true });
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(at) ^ 0x55, at);
      writeFileSync(path, changed);
      const next = new SpoolUser();
      const texts = next.drain();
      const dropped = Object.values(next.dropped).reduce((sum, spans) => sum + spans, 0);
      expect(['first', 'second', 'third'].filter((text) => texts.includes(text))).toEqual(texts);
      expect(next.adopted).toBe(texts.length * 3 + dropped);
      if (texts.length === 3) whole++;
      next.spool.close();
    }
    // The unused bytes, the time it was made, and how far it was read.
    expect(whole).toBeGreaterThan(8);
    expect(whole).toBeLessThan(32);
  });

  test('damage that comes while it is read costs what is damaged', () => {
    const user = new SpoolUser();
    user.append('first', 'second', 'third');
    const [path] = segments() as [string];
    const bytes = readFileSync(path);
    bytes.write('SECOND', bytes.indexOf('second'));
    writeFileSync(path, bytes);
    expect(user.drain()).toEqual(['first', 'third']);
    expect(user.dropped).toEqual({ unreadable: 3 });
    user.append('fourth', 'fifth');
    truncateSync(segments()[0] as string, 40);
    expect(user.drain()).toEqual([]);
    expect(user.dropped).toEqual({ unreadable: 9 });
  });

  test('files that are not ours are left alone, and break nothing', () => {
    const killed = mortal();
    killed.append('a');
    kill(killed);
    const [path] = segments() as [string];
    const foreign = [
      join(folder.path, 'notes.txt'),
      join(folder.path, '1-2-nothing', '0000000001.spans'),
      join(dirname(path), 'README'),
      join(dirname(path), '0000000002.spans'),
    ];
    for (const other of foreign) {
      mkdirSync(dirname(other), { recursive: true });
      writeFileSync(other, 'not ours');
    }
    mkdirSync(join(dirname(path), '0000000003.spans'));
    const next = new SpoolUser();
    expect(next.drain()).toEqual(['a']);
    next.spool.close();
    expect(filesIn(folder.path).map((name) => readFileSync(name, 'utf8'))).toEqual(foreign.map(() => 'not ours'));
  });

  test('what nobody can read any more goes when it is too old', () => {
    const killed = mortal();
    killed.append('a');
    kill(killed);
    const [path] = segments() as [string];
    writeFileSync(path, 'of a later version');
    new SpoolUser().spool.close();
    expect(segments()).toHaveLength(1);
    const longAgo = (timers.now() - 2 * HOUR_MS) / 1000;
    utimesSync(segments()[0] as string, longAgo, longAgo);
    new SpoolUser();
    expect(segments()).toEqual([]);
  });

  test('spans in another format are left for a process that sends it, until they are too old', async () => {
    const killed = mortal();
    killed.append('a');
    kill(killed);
    const json = new SpoolUser({ format: 'json' });
    json.append('b');
    expect(json.drain()).toEqual(['b']);
    expect(json.problems).toEqual([expect.stringContaining('holds spans in protobuf of an earlier process')]);
    await timers.advance(60_000);
    expect(json.problems).toHaveLength(1);
    expect(json.adopted).toBe(0);
    await timers.advance(HOUR_MS);
    expect(json.adopted).toBe(3);
    expect(json.dropped).toEqual({ 'too-old': 3 });
    expect(segments()).toEqual([]);
  });

  test('what is taken over counts against the limit', () => {
    const killed = mortal();
    for (let i = 0; i < 10; i++) killed.append(`${i}`.padEnd(60_000, '.'));
    kill(killed);
    const next = new SpoolUser({ maxBytes: 500_000 });
    expect(next.spool.bytes).toBeLessThanOrEqual(500_000);
    const { 'queue-full': dropped = 0 } = next.dropped;
    expect(dropped).toBeGreaterThan(0);
    expect(next.adopted).toBe(30);
    expect(next.drain().map((text) => Number(text[0]) * 3)[0]).toBe(dropped);
  });
});

describe('several processes', () => {
  test('leave each other alone while they live', async () => {
    const [one, other] = [new SpoolUser(), new SpoolUser()];
    one.append('a');
    other.append('b');
    await timers.advance(HOUR_MS / 2);
    expect([one.adopted, other.adopted]).toEqual([0, 0]);
    expect([one.drain(), other.drain()]).toEqual([['a'], ['b']]);
  });

  test('take over, after a while, from one that has ended in order', async () => {
    const [one, other] = [new SpoolUser(), new SpoolUser()];
    one.append('a');
    one.spool.close();
    expect(other.adopted).toBe(0);
    await timers.advance(15_000);
    expect(other.adopted).toBe(3);
    expect(other.drain()).toEqual(['a']);
  });

  test('take over from one that is killed as soon as they look, and not from one that lives', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    children.push(child);
    await once(child, 'spawn');
    const start = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(/.*\) /s)[1]?.split(' ')[19];
    const killed = mortal();
    killed.append('a');
    const theirs = dirname(segments()[0] as string);
    const [, , ...rest] = basename(theirs).split('-');
    renameSync(theirs, join(folder.path, [child.pid, start, ...rest].join('-')));
    spools.splice(spools.indexOf(killed), 1);

    const other = new SpoolUser();
    // The process lives, although it has not touched its folder for long.
    await timers.advance(HOUR_MS / 2);
    expect(other.adopted).toBe(0);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await timers.advance(15_000);
    expect(other.drain()).toEqual(['a']);
  });

  test('take over from one that is dead, although nobody has taken note of its end', async () => {
    const killed = mortal();
    killed.append('a');
    // The shell becomes a program that does not know that it has a child.
    const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    children.push(parent);
    const [output] = (await once(parent.stdout, 'data')) as [Buffer];
    const facts = () =>
      readFileSync(`/proc/${Number(output)}/stat`, 'utf8')
        .split(/.*\) /s)[1]
        ?.split(' ') ?? [];
    await until(() => facts()[0] === 'Z');
    kill(killed, Number(output), facts()[19]);
    expect(new SpoolUser().drain()).toEqual(['a']);
  });

  test('take over from several in the order of time, and touch what they take', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const past = new ManualTimers();
      await past.advance(1000 * 'fedcba'.indexOf(name));
      const killed = new SpoolUser({ timers: past });
      killed.append(name);
      kill(killed);
    }
    const folders = () => [...new Set(segments().map(dirname))];
    for (const path of folders()) utimesSync(path, 1000, 1000);
    const next = new SpoolUser();
    expect(folders()).toHaveLength(6);
    for (const path of folders()) expect(statSync(path).mtimeMs).toBeCloseTo(timers.now(), -2);
    expect(next.drain()).toEqual(['f', 'e', 'd', 'c', 'b', 'a']);
  });

  test('take over from one whose process id is another process now', () => {
    const killed = mortal();
    killed.append('a');
    const theirs = dirname(segments()[0] as string);
    const [pid, start, ...rest] = basename(theirs).split('-');
    renameSync(theirs, join(folder.path, [pid, `${Number(start) - 1}`, ...rest].join('-')));
    spools.splice(spools.indexOf(killed), 1);
    expect(new SpoolUser().drain()).toEqual(['a']);
  });

  test('of other machines own their folders while they touch them', async () => {
    const elsewhere = mortal();
    elsewhere.append('a');
    const theirs = dirname(segments()[0] as string);
    const [, start, , random] = basename(theirs).split('-');
    const path = join(folder.path, [1, start, '0badcafe', random].join('-'));
    renameSync(theirs, path);
    spools.splice(spools.indexOf(elsewhere), 1);
    const other = new SpoolUser();
    for (let i = 0; i < 10; i++) {
      utimesSync(path, timers.now() / 1000, timers.now() / 1000);
      await timers.advance(15_000);
    }
    expect(other.adopted).toBe(0);
    await timers.advance(60_000);
    expect(other.drain()).toEqual(['a']);
  });

  test('touch their folders', async () => {
    const user = new SpoolUser();
    user.append('a');
    await timers.advance(HOUR_MS / 2);
    const { mtimeMs } = statSync(dirname(segments()[0] as string));
    expect(timers.now() - mtimeMs).toBeLessThanOrEqual(15_000);
  });
});

describe('a disk with problems', () => {
  test('keeps nothing, is said once, and is used again when it works', async () => {
    rmSync(folder.path, { recursive: true });
    writeFileSync(folder.path, 'in the way');
    const user = new SpoolUser({ directory: join(folder.path, 'spool') });
    for (let i = 0; i < 5; i++) {
      expect(user.append('a')).toBe(0);
      await timers.advance(1000);
    }
    expect(user.problems).toEqual([
      `cannot write to the spool ${join(folder.path, 'spool')}: is not a directory; spans wait in memory instead`,
    ]);
    expect(user.append('a')).toBe(0);
    rmSync(folder.path);
    // Not every span is a reason to bother the disk.
    expect(user.append('a')).toBe(0);
    await timers.advance(1000);
    expect(user.append('b')).toBe(1);
    expect(user.drain()).toEqual(['b']);
  });

  test('from which somebody removed everything loses what was there, and takes what comes', async () => {
    const user = new SpoolUser();
    user.append('a', 'b');
    expect(user.take(3)).toBe('a');
    rmSync(folder.path, { recursive: true });
    await timers.advance(15_000);
    expect(user.dropped).toEqual({ unreadable: 3 });
    user.spool.putBack();
    expect(user.dropped).toEqual({ unreadable: 6 });
    expect(user.append('c')).toBe(1);
    expect(user.drain()).toEqual(['c']);
  });

  test('from which a segment is gone loses that one', () => {
    const user = new SpoolUser({ maxBytes: 8000 });
    for (const name of ['a', 'b', 'c']) user.append(name.padEnd(900, '.'));
    expect(segments()).toHaveLength(3);
    rmSync(segments()[0] as string);
    expect(user.drain().map((text) => text[0])).toEqual(['b', 'c']);
    expect(user.dropped).toEqual({ unreadable: 3 });
  });

  test('with something behind the last record gives what is in front of it', () => {
    const killed = mortal();
    killed.append('a');
    kill(killed);
    appendFileSync(segments()[0] as string, 'rubbish that is longer than a header of a record');
    const next = new SpoolUser();
    expect(next.drain()).toEqual(['a']);
    expect(readdirSync(folder.path)).toEqual([]);
  });
});
