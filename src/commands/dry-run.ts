import { jobName, RunView } from '../report/run-view';
import { SimulatedAgent } from '../scheduler/agents/simulated';
import type { BuildEvent } from '../scheduler/events';
import type { RunOptions } from '../scheduler/scheduler';
import { VirtualClock } from '../util/clock';
import { printable } from '../util/words';
import { makeScheduler } from './make-scheduler';

/**
 * Goes through a run without building anything and prints what it would do, in order, with the reason for each.
 *
 * @returns the exit code: 0 where everything could be built, as far as that is known, else 1
 */
export async function dryRun(
  options: Omit<RunOptions, 'agent' | 'runId' | 'listeners' | 'clock'>,
  out: NodeJS.WritableStream,
): Promise<number> {
  const view = new RunView();
  const lines: string[] = [];
  let open = 0;
  const listener = (event: BuildEvent) => {
    view.apply(event);
    if (event.type === 'job-started') {
      const job = view.jobs.get(event.job);
      if (job) lines.push(`would ${job.kind === 'test' ? 'test' : 'build'}  ${printable(job.label)}: ${job.reason}`);
    } else if (event.type === 'job-skipped') {
      lines.push(`would ${event.how === 'ignored' ? 'ignore' : 'reuse'} ${jobName(event)}: ${event.reason}`);
    } else if (event.type === 'job-blocked') {
      const { cause } = event;
      const isOpen = cause.kind === 'unresolved' && scheduler.graph.isImplicit(cause.node);
      if (isOpen) open++;
      const how = isOpen ? 'not known' : 'blocked';
      const by = cause.kind === 'stopped' ? 'the end of the run' : printable(cause.label);
      const why = isOpen ? 'which only built RPMs can tell' : 'which nobody provides';
      lines.push(`${how.padEnd(11)} ${jobName(event)}: by ${by}, ${why}`);
    }
  };
  const scheduler = makeScheduler({
    ...options,
    agent: new SimulatedAgent(),
    clock: new VirtualClock(),
    runId: 'dry-run',
    listeners: [listener],
  });
  const { status } = await scheduler.run();
  const { cached, blocked } = view.counts;
  const notKnown = open > 0 ? `, ${open} not known` : '';
  lines.push(
    `${view.countOf('succeeded')} would be built or tested, ${cached} reused, ${blocked - open} blocked${notKnown}`,
  );
  out.write(`${lines.join('\n')}\n`);
  return status === 'succeeded' || (open > 0 && blocked === open) ? 0 : 1;
}
