import { parseCsv, type Row } from '@workspace/csv';
import { order, reverse } from '@workspace/graph';
import { all, andThen, context, err, map, ok, type Result } from '@workspace/result';
import { parseDuration } from '@workspace/units';

export interface Task {
  readonly name: string;
  readonly takes: number;
  readonly needs: readonly string[];
}

/** A task with its place in the plan. All times are milliseconds from the start of the plan. */
export interface Step extends Task {
  readonly start: number;
  readonly end: number;
  /** How much later it may end without making the whole plan late. Zero on the critical path. */
  readonly slack: number;
}

export interface Plan {
  readonly steps: readonly Step[];
  readonly takes: number;
}

/** Starts every task as soon as what it needs is done, with as many hands as that takes. */
export function schedule(tasks: readonly Task[]): Result<Plan> {
  const byName = new Map(tasks.map((task) => [task.name, task]));
  if (byName.size < tasks.length) {
    const twice = tasks.find((task) => byName.get(task.name) !== task);
    return err(`"${twice?.name}" is there twice`);
  }
  const needs = new Map(tasks.map((task) => [task.name, task.needs]));

  return map(order(needs), (names) => {
    const ends = new Map<string, number>();
    for (const name of names) {
      const task = byName.get(name)!;
      const start = Math.max(0, ...task.needs.map((need) => ends.get(need)!));
      ends.set(name, start + task.takes);
    }
    const total = Math.max(0, ...ends.values());

    // Backwards: a task must be done when the first of those waiting for it has to start.
    const waiting = reverse(needs);
    const latest = new Map<string, number>();
    for (const name of names.toReversed()) {
      const starts = waiting.get(name)!.map((next) => latest.get(next)! - byName.get(next)!.takes);
      latest.set(name, Math.min(total, ...starts));
    }

    const steps = names.map((name): Step => {
      const task = byName.get(name)!;
      const end = ends.get(name)!;
      return { ...task, start: end - task.takes, end, slack: latest.get(name)! - end };
    });
    return { steps: steps.toSorted((a, b) => a.start - b.start || a.end - b.end), takes: total };
  });
}

/** Reads the plan from CSV with the columns task, takes and needs (names with semicolons between them). */
export function readPlan(text: string): Result<Plan> {
  const tasks = andThen(parseCsv(text), (rows) => all(rows.map(readTask)));
  return andThen(tasks, schedule);
}

function readTask({ task = '', takes = '', needs = '' }: Row): Result<Task> {
  const name = task.trim();
  if (name === '') return err('a task has no name');
  return andThen(context(name, parseDuration(takes.trim())), (duration) =>
    ok({
      name,
      takes: duration,
      needs: needs
        .split(';')
        .map((need) => need.trim())
        .filter(Boolean),
    }),
  );
}
