import { basename } from 'node:path';
import type { BuildEvent } from '../scheduler/events';
import { describeFailure, failureTail } from '../scheduler/failure';
import type { LogLevel, ToolkitLogger } from '../util/toolkit-logger';
import { failedLogs, isFlaky, type JobView, type RunView } from './run-view';

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
      const { failure } = event;
      const tail = failure ? failureTail(failure) : [];
      if (tail.length > 0) log.warn(`Relevant lines of the output of ${job?.label}:`);
      for (const line of tail) log.warn(line);
      if (event.ok) {
        if (!isTest) log.info(`Built: ${job?.label} -> [${event.files.map((path) => basename(path)).join(' ')}]`);
        else if (event.check !== 'absent') log.info(`Tested: ${job?.label}`);
        else log.warn(`Tested: ${job?.label} (its log has no check marker: %check did not run)`);
        if (job && isFlaky(job)) logFlaky(log, job);
      } else if (isTest && failure?.reason === 'check-failed') log.warn(`Failed test: ${job?.label}`);
      else {
        log.error(
          `Failed to build ${job?.label}, error: ${failure ? describeFailure(failure) : 'unknown'}, for details see: ${event.logPath ?? 'no log'}`,
        );
      }
      return logActive(log, view);
    }
    case 'node-done':
      return log.debug(`Processed node ${event.label}`);
    case 'name-provided':
      return log.info(`Satisfying unresolved dynamic dependency (${event.label}) with (${event.provider})`);
    case 'graph-pruned':
      return log.info('Created solvable subgraph with new implicit provide information');
    case 'license-checked':
      if (event.hasErrors) log.error(`'${event.label}' has fatal license issues`);
      else if (event.hasWarnings) log.warn(`'${event.label}' has non-fatal license issues`);
      return;
    case 'job-dropped':
      return log.debug(`No longer needed: ${event.label}`);
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

function logFlaky(log: ToolkitLogger, job: JobView): void {
  const what = job.kind === 'test' ? 'test' : 'build';
  const logs = failedLogs(job);
  log.warn(
    `Flaky ${what}: ${job.label} failed and then succeeded at attempt ${job.attempts.length}${logs.length > 0 ? `, for details see: ${logs.join(' ')}` : ''}`,
  );
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
