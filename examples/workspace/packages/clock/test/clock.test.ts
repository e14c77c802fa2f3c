import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { err, ok } from '@workspace/result';
import { HOUR, MINUTE } from '@workspace/units';
import { formatTimeOfDay, ManualClock, parseTimeOfDay, timeOfDay, withDeadline } from '../src/index.js';

test('a manual clock moves only when told to', () => {
  const clock = new ManualClock(new Date(2024, 11, 24, 9, 58, 30));
  assert.equal(timeOfDay(clock), 9 * HOUR + 58 * MINUTE);
  clock.advance(2 * MINUTE);
  assert.equal(timeOfDay(clock), 10 * HOUR);
});

test('times of day are read', () => {
  assert.deepEqual(parseTimeOfDay('9:30'), ok(9 * HOUR + 30 * MINUTE));
  assert.deepEqual(parseTimeOfDay('00:00'), ok(0));
  for (const text of ['', 'noon', '24:00', '12:60', '12.30']) {
    assert.deepEqual(parseTimeOfDay(text), err(`"${text}" is not a time of day such as 9:30`));
  }
});

test('times of day are written, past midnight too', () => {
  assert.equal(formatTimeOfDay(9 * HOUR + 5 * MINUTE), '09:05');
  assert.equal(formatTimeOfDay(25 * HOUR + 15 * MINUTE), '01:15 +1d');
});

test('a deadline stops the wait for work that hangs', async () => {
  const hangs = new Promise<never>(() => {});
  await assert.rejects(withDeadline(hangs, 10, 'reading'), { message: 'reading took longer than 10ms' });
});

// This test is flaky on purpose, so that the build has something to try again.
//
// It makes the mistake that real flaky tests make: it takes for granted that the work is done within
// a fixed time. The first time, caches are cold and that is not so; the next time it is. To have this
// happen every time and on every machine, the "cold cache" here is the number of the attempt, which
// the scheduler gives to each command it starts.
test('work in time beats the deadline', async () => {
  const coldCache = process.env.SPANWRIGHT_ATTEMPT === '1';
  const work = sleep(coldCache ? 400 : 1, 'done');
  assert.equal(await withDeadline(work, 200, 'the work'), 'done');
});
