import type { Plan, Step } from '@workspace/plan';

/** A bar that shows when in the plan the step is: solid on the critical path, then dots for slack. */
export function renderBar(step: Step, plan: Plan, columns: number): string {
  const column = (time: number) => (plan.takes === 0 ? 0 : Math.round((time / plan.takes) * columns));
  const from = column(step.start);
  const to = Math.max(from + 1, column(step.end));
  const bar = step.slack === 0 ? '█' : '▒';
  return ' '.repeat(from) + bar.repeat(to - from) + '·'.repeat(Math.max(0, column(step.end + step.slack) - to));
}
