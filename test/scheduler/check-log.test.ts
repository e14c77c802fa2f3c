import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CheckResult, readCheckResult } from '../../src/scheduler/agents/check-log';
import { withTempDir } from '../support/command';

const resultOf = (log: string): Promise<CheckResult> =>
  withTempDir((dir) => {
    const path = join(dir, 'a.test.log');
    writeFileSync(path, log);
    return readCheckResult(path);
  });

/** So much of a file is read at a time. */
const CHUNK = 64 * 1024;
const failedWith = (status: string) => ({
  reason: 'check-failed',
  message: `package test failed: %check ended with exit status ${status}`,
});

test('a marker with status 0 says that the tests passed', async () => {
  expect(await resultOf('make check\n====== CHECK DONE a. EXIT STATUS 0\nmore\n')).toBe('passed');
});

test('a log without a marker says nothing of the tests', async () => {
  expect(await resultOf('building\n')).toBe('absent');
  expect(await resultOf('')).toBe('absent');
  expect(await resultOf('CHECK\nDONE EXIT STATUS 1\n')).toBe('absent');
});

test.each(['1', '2', '127', '255'])('a marker with status %s says that they failed, and how', async (status) => {
  expect(await resultOf(`====== CHECK DONE a. EXIT STATUS ${status}\n`)).toEqual(failedWith(status));
});

test('a marker without a status is no success', async () => {
  expect(await resultOf('====== CHECK DONE a.\n')).toMatchObject({ reason: 'check-failed' });
});

test('the first marker counts', async () => {
  expect(await resultOf('CHECK DONE a. EXIT STATUS 0\nCHECK DONE a. EXIT STATUS 1\n')).toBe('passed');
  expect(await resultOf('CHECK DONE a. EXIT STATUS 3\nCHECK DONE a. EXIT STATUS 0\n')).toEqual(failedWith('3'));
});

test("a marker within a line of the worker's log counts", async () => {
  const wrapped = (status: number) =>
    `time="2026-04-28T10:00:00Z" level=debug msg="====== CHECK DONE a. EXIT STATUS ${status}"\n`;
  expect(await resultOf(wrapped(0))).toBe('passed');
  expect(await resultOf(wrapped(1))).toEqual(failedWith('1'));
});

test('a marker at the end of the log needs no line end', async () => {
  expect(await resultOf('CHECK DONE a. EXIT STATUS 0')).toBe('passed');
  expect(await resultOf('CHECK DONE a. EXIT STATUS 4')).toEqual(failedWith('4'));
});

test('a marker is found behind lines of any length', async () => {
  expect(await resultOf(`${'x'.repeat(3 << 20)} CHECK DONE a. EXIT STATUS 1\n`)).toEqual(failedWith('1'));
  expect(await resultOf(`${'x'.repeat(3 << 20)}\nCHECK DONE a. EXIT STATUS 0\n`)).toBe('passed');
});

test('a line with a marker may go on for any length', async () => {
  expect(await resultOf(`CHECK DONE a. EXIT STATUS 0 ${'x'.repeat(3 << 20)}\n`)).toBe('passed');
  expect(await resultOf(`CHECK DONE a. EXIT STATUS 9 ${'x'.repeat(3 << 20)}\n`)).toEqual(failedWith('9'));
});

test('a marker is found wherever the log is cut in two by reading it', async () => {
  const marker = '====== CHECK DONE a. EXIT STATUS 1';
  for (let split = 0; split <= marker.length; split++) {
    const log = `${'x'.repeat(CHUNK - split)}${marker}\n`;
    expect({ split, result: await resultOf(log) }).toEqual({ split, result: failedWith('1') });
  }
});

test('a log that cannot be read is an error, not a test that passed or failed', () =>
  withTempDir(async (dir) => {
    const path = join(dir, 'none.log');
    expect(await readCheckResult(path)).toEqual({
      reason: 'check-unknown',
      message: `failed to open log file (${path}) while checking package test results: no such file or directory`,
    });
    expect(await readCheckResult(dir)).toMatchObject({ reason: 'check-unknown' });
  }));
