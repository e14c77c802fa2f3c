import assert from 'node:assert/strict';
import { test } from 'node:test';
import { err, ok } from '@workspace/result';
import { order, reverse } from '../src/index.js';

const graphOf = (needs: Record<string, string[]>) => new Map(Object.entries(needs));

test('everything comes after what it needs', () => {
  const diamond = graphOf({ serve: ['roast', 'gravy'], gravy: ['stock'], roast: ['stock'], stock: [] });
  assert.deepEqual(order(diamond), ok(['stock', 'roast', 'gravy', 'serve']));
});

test('what is in order already stays in order', () => {
  assert.deepEqual(order(graphOf({ b: [], a: [], d: ['b'], c: ['a'] })), ok(['b', 'a', 'd', 'c']));
});

test('a cycle is spelled out, without the way to it', () => {
  const graph = graphOf({ eat: ['fry'], fry: ['peel'], peel: ['wash'], wash: ['fry'] });
  assert.deepEqual(order(graph), err('there is a cycle: fry → peel → wash → fry'));
  assert.deepEqual(order(graphOf({ a: ['a'] })), err('there is a cycle: a → a'));
});

test('a need that is not there is named', () => {
  assert.deepEqual(order(graphOf({ gravy: ['stock'] })), err('"gravy" needs "stock", which is not there'));
});

test('reverse turns every need around', () => {
  const graph = graphOf({ gravy: ['stock'], soup: ['stock'], stock: [] });
  assert.deepEqual(Object.fromEntries(reverse(graph)), { gravy: [], soup: [], stock: ['gravy', 'soup'] });
});
