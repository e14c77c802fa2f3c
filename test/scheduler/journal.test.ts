import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuildEvent } from '../../src/scheduler/events';
import { Journal } from '../../src/scheduler/journal';
import { UserError } from '../../src/util/user-error';
import { settled } from '../support/scripted-agent';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'));
  path = join(folder, 'events.ndjson');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const notice = (time: number, message = ''): BuildEvent => ({ type: 'notice', time, level: 'info', message });

function lines(): BuildEvent[] {
  const text = readFileSync(path, 'utf8');
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as BuildEvent);
}

test('every event is a line of JSON, in order, also where its text has line ends', () => {
  const journal = new Journal(path);
  const events = [notice(1, 'two\nlines'), notice(2, 'ümläut 中'), notice(3)];
  for (const event of events) journal.listener(event);
  journal.close();
  expect(lines()).toEqual(events);
});

test('what was told is on disk before the next turn of the event loop, without being closed', async () => {
  const journal = new Journal(path);
  journal.listener(notice(1));
  journal.listener(notice(2));
  await settled();
  expect(lines()).toHaveLength(2);
  journal.listener(notice(3));
  await settled();
  expect(lines()).toHaveLength(3);
  journal.close();
});

test('more than a buffer full is written without waiting, and nothing is lost or twice', () => {
  const journal = new Journal(path);
  for (let i = 0; i < 2000; i++) journal.listener(notice(i, 'x'.repeat(100)));
  expect(statSync(path).size).toBeGreaterThan(64 * 1024);
  journal.close();
  expect(lines().map(({ time }) => time)).toEqual(Array.from({ length: 2000 }, (_, i) => i));
});

test('a journal that is there is not written over', () => {
  new Journal(path).close();
  expect(() => new Journal(path)).toThrow(UserError);
  expect(() => new Journal(path)).toThrow(/cannot write the journal .*events\.ndjson: /);
});

test('closing twice is fine', () => {
  const journal = new Journal(path);
  journal.close();
  expect(() => journal.close()).not.toThrow();
});

test('an event after the end does not end up in another file', async () => {
  const journal = new Journal(path);
  journal.close();
  const other = join(folder, 'other');
  const fd = openSync(other, 'w');
  journal.listener(notice(1));
  await settled();
  closeSync(fd);
  expect(readFileSync(other, 'utf8')).toBe('');
});
