import { describeFailure } from '../scheduler/failure';
import type { LogLevel } from '../util/toolkit-logger';
import { compareTexts, type JobView, type RunView } from './run-view';

/** One line of the summary, and how loud it is. */
export interface SummaryLine {
  readonly level: LogLevel;
  readonly text: string;
}

/** Packages of a run in the toolkit's classes, each sorted by name. */
export interface ToolkitClasses {
  readonly prebuilt: readonly JobView[];
  readonly prebuiltDelta: readonly JobView[];
  readonly skippedTests: readonly JobView[];
  readonly built: readonly JobView[];
  readonly passedTests: readonly JobView[];
  readonly blocked: readonly JobView[];
  readonly blockedTests: readonly JobView[];
  readonly failed: readonly JobView[];
  readonly failedTests: readonly JobView[];
}

export function classify(view: RunView): ToolkitClasses {
  const jobs = view.sortedJobs();
  const builds = jobs.filter((job) => job.kind === 'build');
  const tests = jobs.filter((job) => job.kind === 'test');
  const isUnfinished = (job: JobView) =>
    ['blocked', 'queued', 'running'].includes(job.status) ||
    (job.status === 'cancelled' && job.startedAt === undefined);
  const isFailed = (job: JobView) =>
    job.status === 'failed' || (job.status === 'cancelled' && job.startedAt !== undefined);
  return {
    prebuilt: builds.filter((job) => job.status === 'cached'),
    prebuiltDelta: builds.filter((job) => job.status === 'delta'),
    skippedTests: tests.filter((job) => job.status === 'cached' || job.status === 'delta'),
    // The toolkit counts what the user ignores as built.
    built: builds.filter((job) => job.status === 'succeeded' || job.status === 'ignored'),
    passedTests: tests.filter((job) => job.status === 'succeeded' || job.status === 'ignored'),
    blocked: builds.filter(isUnfinished),
    blockedTests: tests.filter(isUnfinished),
    failed: builds.filter(isFailed),
    failedTests: tests.filter(isFailed),
  };
}

export interface SummaryFacts {
  readonly rpmConflicts: readonly string[];
  readonly srpmConflicts: readonly string[];
}

/** The toolkit's summary: its block of numbers, the lists behind them, and the block again. */
export function toolkitSummary(
  view: RunView,
  facts: SummaryFacts = { rpmConflicts: [], srpmConflicts: [] },
): SummaryLine[] {
  const classes = classify(view);
  const unresolved = (view.end?.unresolved ?? []).map(({ label }) => label).sort(compareTexts);
  const lines: SummaryLine[] = [];
  const info = (text: string) => lines.push({ level: 'info', text });
  const bad = (count: number, text: string) => lines.push({ level: count > 0 ? 'error' : 'info', text });
  const number = (label: string, count: number) => `${label.padEnd(39)}${count}`;

  const block = () => {
    info('---------------------------');
    info('--------- Summary ---------');
    info('---------------------------');
    info(number('Number of prebuilt SRPMs:', classes.prebuilt.length));
    info(number('Number of prebuilt delta SRPMs:', classes.prebuiltDelta.length));
    info(number('Number of skipped SRPMs tests:', classes.skippedTests.length));
    info(number('Number of built SRPMs:', classes.built.length));
    info(number('Number of passed SRPMs tests:', classes.passedTests.length));
    for (const [label, count] of [
      ['Number of unresolved dependencies:', unresolved.length],
      ['Number of blocked SRPMs:', classes.blocked.length],
      ['Number of blocked SRPMs tests:', classes.blockedTests.length],
      ['Number of failed SRPMs:', classes.failed.length],
      ['Number of failed SRPMs tests:', classes.failedTests.length],
      ['Number of SRPMs with license errors:', 0],
      ['Number of SRPMs with license warnings:', 0],
      ['Number of toolchain RPM conflicts:', facts.rpmConflicts.length],
      ['Number of toolchain SRPM conflicts:', facts.srpmConflicts.length],
    ] as const) {
      bad(count, number(label, count));
    }
  };
  const list = (title: string, entries: readonly string[], level: LogLevel = 'info') => {
    if (entries.length === 0) return;
    lines.push({ level, text: title });
    for (const entry of entries) lines.push({ level, text: `--> ${entry}` });
  };
  const labels = (jobs: readonly JobView[]) => jobs.map((job) => job.label);
  const details = (job: JobView, withError: boolean) => {
    const error = withError && job.failure ? ` error: ${describeFailure(job.failure)},` : '';
    return `${job.label} ,${error} for details see: ${job.logPath ?? 'no log'}`;
  };

  block();
  list('Prebuilt SRPMs:', labels(classes.prebuilt));
  list(
    'Skipped SRPMs (i.e., delta mode is on, packages are already available in a repo):',
    labels(classes.prebuiltDelta),
  );
  list('Skipped SRPMs tests:', labels(classes.skippedTests));
  list('Built SRPMs:', labels(classes.built));
  list('Passed SRPMs tests:', labels(classes.passedTests));
  list('Unresolved dependencies:', unresolvedEntries(view), 'error');
  list('Blocked SRPMs:', labels(classes.blocked), 'error');
  list('Blocked SRPMs tests:', labels(classes.blockedTests), 'error');
  list('RPM conflicts with toolchain:', [...facts.rpmConflicts].sort(compareTexts), 'error');
  list('SRPM conflicts with toolchain:', [...facts.srpmConflicts].sort(compareTexts), 'error');
  list(
    'Failed SRPMs:',
    classes.failed.map((job) => details(job, true)),
    'error',
  );
  list(
    'Failed SRPMs tests:',
    classes.failedTests.map((job) => details(job, false)),
    'error',
  );
  block();
  return lines;
}

/** Unlike the toolkit's list, this says who needs each name. */
function unresolvedEntries(view: RunView): string[] {
  return [...(view.end?.unresolved ?? [])]
    .sort((a, b) => compareTexts(a.label, b.label))
    .map(({ label, neededBy }) => {
      const shown = [...new Set(neededBy)].sort(compareTexts);
      const more = shown.length > 3 ? ` and ${shown.length - 3} more` : '';
      return shown.length === 0 ? label : `${label} , needed by: ${shown.slice(0, 3).join(', ')}${more}`;
    });
}
