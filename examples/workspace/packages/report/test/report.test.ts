import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Plan, schedule } from '@workspace/plan';
import { HOUR, MINUTE } from '@workspace/units';
import { renderBar } from '../src/bars.js';
import { renderCsv, renderReport } from '../src/index.js';

const result = schedule([
  { name: 'roast', takes: HOUR, needs: [] },
  { name: 'gravy', takes: 15 * MINUTE, needs: [] },
  { name: 'carve, serve', takes: HOUR, needs: ['roast', 'gravy'] },
]);
assert.ok(result.ok);
const dinner: Plan = result.value;

test('the report has a table, bars and the critical path', () => {
  assert.equal(
    renderReport(dinner, 17 * HOUR, 16),
    [
      '3 tasks in 2h: start at 17:00, done at 19:00.',
      '',
      'Task          Start  End    Takes  Slack',
      'gravy         17:00  17:15    15m    45m  ▒▒······',
      'roast         17:00  18:00     1h         ████████',
      'carve, serve  18:00  19:00     1h                 ████████',
      '',
      'Critical path: roast → carve, serve',
      '',
    ].join('\n'),
  );
});

test('the CSV has a line for each step', () => {
  assert.equal(
    renderCsv(dinner, 23 * HOUR),
    [
      'task,start,end,slack',
      'gravy,23:00,23:15,45m',
      'roast,23:00,00:00 +1d,0s',
      '"carve, serve",00:00 +1d,01:00 +1d,0s',
      '',
    ].join('\n'),
  );
});

test('even the shortest step has a bar', () => {
  const [gravy] = dinner.steps;
  assert.ok(gravy);
  assert.equal(renderBar({ ...gravy, takes: 0, end: gravy.start, slack: 0 }, dinner, 4), '█');
});

test('an empty plan is done when it starts', () => {
  const report = renderReport({ steps: [], takes: 0 }, 9 * HOUR);
  assert.match(report, /^0 tasks in 0s: start at 09:00, done at 09:00\.\n/);
  assert.match(report, /Critical path: none\n$/);
});
