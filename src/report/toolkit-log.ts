import { basename } from 'node:path';
import type { BuildEvent } from '../scheduler/events';
import { describeFailure, failureTail } from '../scheduler/failure';
import type { LogLevel, ToolkitLogger } from '../util/toolkit-logger';
import type { RunView } from './run-view';

/** Tells a run in the toolkit's own lines. Reads the view, which has seen the event already. */
export function logToolkitEvent(log: ToolkitLogger, view: RunView, event: BuildEvent, explain: boolean): void {
  const job = 'job' in event ? view.jobs.get(event.job) : undefined;
  switch (event.type) {
    case 'run-started':
      return log.info(`Building ${event.nodes} nodes with ${event.workers} workers`);
    case 'job-started':
      return log.info(`${job?.kind === 'test' ? 'Testing' : 'Building'}: ${job?.label}`);
    case 'job-skipped':
      logSkipped(log, event.kind, event.label, event.how, event.files);
      return explainJob(log, event.label, event.reason, explain);
    case 'attempt-failed': {
      if (event.retryInMs === undefined) return;
      const what = job?.kind === 'test' ? 'Test' : 'Build';
      return log.warn(
        `${what} for '${job?.label}' failed ${event.attempt} times, retrying up to ${event.attempts} times.`,
      );
    }
    case 'job-finished': {
      const isTest = job?.kind === 'test';
      if (event.ok)
        log.info(
          isTest
            ? `Tested: ${job?.label}`
            : `Built: ${job?.label} -> [${event.files.map((path) => basename(path)).join(' ')}]`,
        );
      else if (isTest && event.failure?.reason === 'check-failed') log.warn(`Failed test: ${job?.label}`);
      else {
        const failure = event.failure;
        const tail = failure ? failureTail(failure) : [];
        if (tail.length > 0) log.warn(`Last ${tail.length} lines of its output:`);
        for (const line of tail) log.warn(line);
        log.error(
          `Failed to build ${job?.label}, error: ${failure ? describeFailure(failure) : 'unknown'}, for details see: ${event.logPath ?? 'no log'}`,
        );
      }
      return logActive(log, view);
    }
    case 'node-done':
      return log.debug(`Processed node ${event.label}`);
    case 'cached-implicit-enabled':
      return log.warn('Enabling cached packages to satisfy unresolved dynamic dependencies.');
    case 'run-cancelled':
      return log.error(`Stopping build: ${event.why}`);
    case 'run-finished':
      if (event.status === 'succeeded') log.info('All packages built');
      else if (event.status === 'failed') log.error('could not build all packages');
      return;
    case 'notice':
      return log.log(event.level as LogLevel, event.message);
    case 'job-queued':
      return explainJob(log, event.label, event.reason, explain);
    case 'job-blocked':
    case 'attempt-started':
      return;
  }
}

/** Says why, to whom asked for it or reads the debug log. */
function explainJob(log: ToolkitLogger, label: string, reason: string, explain: boolean): void {
  log.log(explain ? 'info' : 'debug', `Reason for ${label}: ${reason}`);
}

function logSkipped(log: ToolkitLogger, kind: string, label: string, how: string, files: readonly string[]): void {
  const names = files.map((path) => basename(path)).join(' ');
  if (how === 'ignored' && kind === 'build') {
    log.warn(`Ignored build for '${label}' per user request. RPMs expected to be present: [${names}]`);
  } else if (how === 'ignored') log.warn(`Ignored test for '${label}' per user request.`);
  else if (kind === 'test') log.info(`Skipped test: ${label}`);
  else log.info(`Prebuilt: ${label} -> [${names}]`);
}

function logActive(log: ToolkitLogger, view: RunView): void {
  const running = [...view.running];
  const names = (kind: string) => running.filter((job) => job.kind === kind).map((job) => job.label);
  const builds = names('build');
  log.info(`${builds.length} currently active build(s): [${builds.join(' ')}].`);
  if (!view.run?.tests) return;
  const tests = names('test');
  log.info(`${tests.length} currently active test(s): [${tests.join(' ')}].`);
}
