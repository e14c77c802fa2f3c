import assert from 'node:assert/strict';
import { test } from 'node:test';
import { err } from '@workspace/result';
import { MINUTE } from '@workspace/units';
import { readPlan } from '../src/index.js';

function planOf(...lines: string[]) {
  const result = readPlan(['task,takes,needs', ...lines].join('\n'));
  assert.ok(result.ok, result.ok ? '' : result.error);
  return result.value;
}

test('a task starts when the last of its needs is done', () => {
  const { steps, takes } = planOf('serve,5m,roast; gravy', 'roast,1h,', 'gravy,20m,stock', 'stock,10m,');
  const times = steps.map(({ name, start, end }) => [name, start / MINUTE, end / MINUTE]);
  assert.deepEqual(times, [
    ['stock', 0, 10],
    ['roast', 0, 60],
    ['gravy', 10, 30],
    ['serve', 60, 65],
  ]);
  assert.equal(takes, 65 * MINUTE);
});

test('slack is what is left to the critical path', () => {
  const { steps } = planOf('serve,5m,roast;gravy', 'roast,1h,', 'gravy,20m,stock', 'stock,10m,');
  const slack = Object.fromEntries(steps.map((step) => [step.name, step.slack / MINUTE]));
  assert.deepEqual(slack, { stock: 30, roast: 0, gravy: 30, serve: 0 });
});

test('no tasks take no time', () => {
  assert.deepEqual(planOf(), { steps: [], takes: 0 });
});

test('mistakes in the plan are explained', () => {
  const mistakes: [string, string][] = [
    ['roast,soon,', 'roast: "soon" is not a duration such as 45m or 1h30m'],
    ['roast,1h,oven', '"roast" needs "oven", which is not there'],
    ['roast,1h,roast', 'there is a cycle: roast → roast'],
    ['roast,1h,\nroast,2h,', '"roast" is there twice'],
    [',1h,', 'a task has no name'],
    ['roast,1h', 'line 2: not 3 fields as in the header, but 2'],
  ];
  for (const [line, error] of mistakes) {
    assert.deepEqual(readPlan(`task,takes,needs\n${line}`), err(error));
  }
});
