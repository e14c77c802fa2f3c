import assert from 'node:assert/strict';
import { test } from 'node:test';
import { err, ok } from '@workspace/result';
import { formatDuration, HOUR, MINUTE, parseDuration, SECOND } from '../src/index.js';

test('durations are read in any unit and in several', () => {
  assert.deepEqual(parseDuration('250ms'), ok(250));
  assert.deepEqual(parseDuration('90s'), ok(90 * SECOND));
  assert.deepEqual(parseDuration('1h30m'), ok(HOUR + 30 * MINUTE));
});

test('anything else is refused by name', () => {
  for (const text of ['', 'soon', '10', '1.5h', '1h soon', '-5m']) {
    assert.deepEqual(parseDuration(text), err(`"${text}" is not a duration such as 45m or 1h30m`));
  }
});

test('durations are written without their zeroes', () => {
  assert.equal(formatDuration(0), '0s');
  assert.equal(formatDuration(250), '250ms');
  assert.equal(formatDuration(90 * SECOND), '1m30s');
  assert.equal(formatDuration(2 * HOUR), '2h');
});

test('what is written can be read back', () => {
  for (const duration of [1, 999, SECOND, 61 * SECOND, 3 * HOUR + 7, 100 * HOUR]) {
    assert.deepEqual(parseDuration(formatDuration(duration)), ok(duration));
  }
});
