import { formatTimeOfDay } from '@workspace/clock';
import { formatCsv } from '@workspace/csv';
import type { Plan } from '@workspace/plan';
import { renderTable } from '@workspace/table';
import { plural } from '@workspace/text';
import { formatDuration } from '@workspace/units';
import { renderBar } from './bars.js';

/** For people: what happens when, and what must not be late. */
export function renderReport(plan: Plan, start: number, barColumns = 32): string {
  const table = renderTable(
    [
      { title: 'Task', max: 24 },
      { title: 'Start' },
      { title: 'End' },
      { title: 'Takes', align: 'right' },
      { title: 'Slack', align: 'right' },
      { title: '' },
    ],
    plan.steps.map((step) => [
      step.name,
      formatTimeOfDay(start + step.start),
      formatTimeOfDay(start + step.end),
      formatDuration(step.takes),
      step.slack === 0 ? '' : formatDuration(step.slack),
      renderBar(step, plan, barColumns),
    ]),
  );
  const tasks = plural(plan.steps.length, 'task');
  const done = `done at ${formatTimeOfDay(start + plan.takes)}`;
  const critical = plan.steps.filter((step) => step.slack === 0).map((step) => step.name);
  return [
    `${tasks} in ${formatDuration(plan.takes)}: start at ${formatTimeOfDay(start)}, ${done}.`,
    '',
    table,
    `Critical path: ${critical.join(' → ') || 'none'}`,
    '',
  ].join('\n');
}

/** For spreadsheets. */
export function renderCsv(plan: Plan, start: number): string {
  return formatCsv(
    ['task', 'start', 'end', 'slack'],
    plan.steps.map((step) => ({
      task: step.name,
      start: formatTimeOfDay(start + step.start),
      end: formatTimeOfDay(start + step.end),
      slack: formatDuration(step.slack),
    })),
  );
}
