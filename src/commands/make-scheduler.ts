import { CyclicPlanError } from '../scheduler/plan-order';
import { type RunOptions, Scheduler } from '../scheduler/scheduler';
import { UserError } from '../util/user-error';
import { printable } from '../util/words';

/** @throws UserError that shows the circle, where the graph cannot be built */
export function makeScheduler(options: RunOptions): Scheduler {
  try {
    return new Scheduler(options);
  } catch (error) {
    if (!(error instanceof CyclicPlanError)) throw error;
    const names = shortened(error.cycle.map((node) => printable(options.graph.label(node))));
    throw new UserError(
      `the graph cannot be built, as these need each other in a circle: ${names.join(' -> ')} ` +
        '(see `spanwright graph cycles` for all circles)',
    );
  }
}

/** The ends of a long circle, and how much is between. */
function shortened(names: readonly string[]): string[] {
  const ends = 6;
  if (names.length <= 2 * ends + 1) return [...names];
  return [...names.slice(0, ends), `… ${names.length - 2 * ends} more …`, ...names.slice(-ends)];
}
