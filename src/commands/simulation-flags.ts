import type { FlagSpec } from '../config/flag-spec';
import type { FlagValues } from '../config/flags';
import type { BuildAgent } from '../scheduler/agent';
import { SimulatedAgent } from '../scheduler/agents/simulated';
import { SimulatedDurations } from '../scheduler/durations';
import { type Clock, VirtualClock } from '../util/clock';
import { UserError } from '../util/user-error';

/** Flags of test-agent, the agent that simulates. */
export const SIMULATION_FLAGS: readonly FlagSpec[] = [
  {
    kind: 'existing-file',
    name: 'simulated-durations',
    placeholder: 'FILE',
    help: 'Build times for test-agent, in seconds by SRPM. Without it no time passes.',
  },
  {
    kind: 'bool',
    name: 'simulated-tests',
    help: 'Let tests take the time that the file gives them, and a worker while it passes. Else they take none.',
  },
  {
    kind: 'number',
    name: 'simulated-speedup',
    default: 1,
    help: 'How much faster than real time simulated builds pass; inf for at once.',
  },
  {
    kind: 'number',
    name: 'simulated-failure-rate',
    default: 0,
    help: 'Probability, 0 to 1, that an attempt of test-agent fails.',
  },
  { kind: 'int', name: 'simulated-seed', default: 1, help: 'Decides which simulated attempts fail.' },
];

/** What the simulation flags ask for. */
export interface Simulation {
  readonly agent: BuildAgent;
  /** There where simulated time passes. */
  readonly clock: Clock | undefined;
  readonly durations: SimulatedDurations | undefined;
}

/** @throws UserError where a value makes no sense, or the file of durations is wrong */
export function simulationFrom(flags: FlagValues): Simulation {
  const speedup = flags.number('simulated-speedup');
  const failureRate = flags.number('simulated-failure-rate');
  if (speedup <= 0) throw new UserError('Value in --simulated-speedup must be greater than zero.');
  if (failureRate < 0 || failureRate > 1)
    throw new UserError('Value in --simulated-failure-rate must lie between 0 and 1.');
  const file = flags.optionalString('simulated-durations');
  const durations = file === undefined ? undefined : SimulatedDurations.read(file);
  const withTests = flags.bool('simulated-tests');
  const agent = new SimulatedAgent({
    durationMs:
      durations && (({ kind, label }) => (kind === 'test' && !withTests ? 0 : (durations.of(kind, label) ?? 0))),
    failureRate,
    seed: flags.number('simulated-seed'),
  });
  return { agent, clock: durations && new VirtualClock(speedup), durations };
}
