import { type Args, type Command, help, parseArgs } from '@workspace/args';
import { type Clock, parseTimeOfDay, timeOfDay, withDeadline } from '@workspace/clock';
import { readPlan } from '@workspace/plan';
import { renderCsv, renderReport } from '@workspace/report';
import { andThen, map, ok, type Result } from '@workspace/result';

const COMMAND: Command = {
  name: 'when',
  summary: 'Says when a plan of tasks will be done, and which of them must not be late.',
  operands: '<plan.csv>',
  options: {
    start: { value: '<time>', summary: 'when the first task starts, such as 9:30 (default: now)' },
    csv: { summary: 'print the schedule as CSV' },
    help: { summary: 'print this help' },
  },
};

const READ_DEADLINE = 10_000;

/** What the program needs of the world around it, so that tests can stand in for it. */
export interface World {
  readonly clock: Clock;
  read(file: string): Promise<string>;
  print(text: string): void;
  complain(text: string): void;
}

/** Runs the program and returns its exit code. */
export async function run(argv: readonly string[], world: World): Promise<number> {
  const args = parseArgs(COMMAND, argv);
  if (args.ok && args.value.flags.has('help')) {
    world.print(help(COMMAND));
    return 0;
  }
  const file = args.ok ? args.value.operands[0] : undefined;
  if (!args.ok || file === undefined || args.value.operands.length > 1) {
    world.complain(`when: ${args.ok ? 'give it one plan' : args.error}\n\n${help(COMMAND)}`);
    return 2;
  }
  try {
    const text = await withDeadline(world.read(file), READ_DEADLINE, `reading ${file}`);
    const report = answer(args.value, text, world.clock);
    if (report.ok) world.print(report.value);
    else world.complain(`when: ${report.error}\n`);
    return report.ok ? 0 : 1;
  } catch (error) {
    world.complain(`when: ${error instanceof Error ? error.message : error}\n`);
    return 1;
  }
}

function answer({ flags, values }: Args, text: string, clock: Clock): Result<string> {
  const given = values.get('start');
  const start = given === undefined ? ok(timeOfDay(clock)) : parseTimeOfDay(given);
  const render = flags.has('csv') ? renderCsv : renderReport;
  return andThen(start, (from) => map(readPlan(text), (plan) => render(plan, from)));
}
