import assert from 'node:assert/strict';
import { test } from 'node:test';
import { all, andThen, context, err, map, ok, type Result } from '../src/index.js';

const half = (n: number): Result<number> => (n % 2 === 0 ? ok(n / 2) : err(`${n} is odd`));

test('andThen carries on until something fails', () => {
  assert.deepEqual(andThen(half(12), half), ok(3));
  assert.deepEqual(andThen(andThen(half(12), half), half), err('3 is odd'));
});

test('andThen does not run after a failure', () => {
  andThen(err('early'), () => assert.fail('it ran'));
});

test('map changes values and leaves failures alone', () => {
  assert.deepEqual(map(half(8), String), ok('4'));
  assert.deepEqual(map(half(7), String), err('7 is odd'));
});

test('context is put before the error', () => {
  assert.deepEqual(context('line 3', half(5)), err('line 3: 5 is odd'));
  assert.deepEqual(context('line 3', half(6)), ok(3));
});

test('all stops at the first failure', () => {
  assert.deepEqual(all([half(2), half(4)]), ok([1, 2]));
  assert.deepEqual(all([half(2), half(3), half(5)]), err('3 is odd'));
});
