import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pad, plural, truncate, width, wrap } from '../src/index.js';

test('width counts characters, not code units', () => {
  assert.equal(width('creme brulee'), 12);
  assert.equal(width('cre\u0300me bru\u0302le\u0301e'), 12);
  assert.equal(width('🥔'), 1);
});

test('pad fills on the side away from the text', () => {
  assert.equal(pad('ab', 4), 'ab  ');
  assert.equal(pad('ab', 4, 'right'), '  ab');
  assert.equal(pad('abcde', 4), 'abcde');
});

test('truncate keeps what fits and marks the cut', () => {
  assert.equal(truncate('peel', 4), 'peel');
  assert.equal(truncate('peel potatoes', 6), 'peel…');
  assert.equal(truncate('potatoes', 6), 'potat…');
});

test('wrap breaks at spaces and never inside a word', () => {
  assert.deepEqual(wrap('when will it all be done', 10), ['when will', 'it all be', 'done']);
  assert.deepEqual(wrap('a Yorkshire pudding', 5), ['a', 'Yorkshire', 'pudding']);
  assert.deepEqual(wrap('  ', 5), []);
});

test('plural knows one from many', () => {
  assert.equal(plural(1, 'task'), '1 task');
  assert.equal(plural(0, 'task'), '0 tasks');
  assert.equal(plural(2, 'dish', 'dishes'), '2 dishes');
});
