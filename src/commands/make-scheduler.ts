import { CyclicPlanError } from '../scheduler/plan';
import { type RunOptions, Scheduler } from '../scheduler/scheduler';
import { UserError } from '../util/user-error';

/** @throws UserError that shows the circle, where the graph cannot be built */
export function makeScheduler(options: RunOptions): Scheduler {
  try {
    return new Scheduler(options);
  } catch (error) {
    if (!(error instanceof CyclicPlanError)) throw error;
    const names = error.cycle.map((node) => options.graph.label(node));
    throw new UserError(
      `the graph cannot be built, as these need each other in a circle: ${names.join(' -> ')} ` +
        '(see `spanwright graph cycles` for all circles)',
    );
  }
}
