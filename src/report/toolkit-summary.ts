import type { JobBlocked } from '../scheduler/events';
import { describeFailure } from '../scheduler/failure';
import type { LogLevel } from '../util/toolkit-logger';
import { unreachable } from '../util/unreachable';
import { compareTexts, failedLogs, type JobView, type RunView } from './run-view';

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
  // What the graph was cut off from counts no more, as there; what failed is told all the same.
  const jobs = view.sortedJobs().filter((job) => !job.isLeftOut || hasFailed(job));
  const builds = jobs.filter((job) => job.kind === 'build');
  const tests = jobs.filter((job) => job.kind === 'test');
  return {
    prebuilt: builds.filter((job) => job.status === 'cached'),
    prebuiltDelta: builds.filter((job) => job.status === 'delta'),
    skippedTests: tests.filter((job) => job.status === 'cached' || job.status === 'delta'),
    // The toolkit counts what the user ignores as built.
    built: builds.filter((job) => job.status === 'succeeded' || job.status === 'ignored'),
    passedTests: tests.filter((job) => job.status === 'succeeded' || job.status === 'ignored'),
    blocked: builds.filter(isUnfinished),
    blockedTests: tests.filter(isUnfinished),
    failed: builds.filter(hasFailed),
    failedTests: tests.filter(hasFailed),
  };
}

/** A job that was told to end while it ran has failed; one whose turn never came has not. */
export function hasFailed(job: JobView): boolean {
  return job.status === 'failed' || (job.status === 'cancelled' && job.startedAt !== undefined);
}

export function isUnfinished(job: JobView): boolean {
  return ['blocked', 'queued', 'running', 'cancelled'].includes(job.status) && !hasFailed(job);
}

/** What the summary tells beside what came of the jobs. */
export interface SummaryFacts {
  /** RPMs that were rebuilt although they belong to the toolchain, and their SRPMs. */
  readonly rpmConflicts?: readonly string[];
  readonly srpmConflicts?: readonly string[];
  /** SRPMs whose RPMs have issues with their licence files. Default: as the view has been told. */
  readonly licenseWarnings?: readonly string[];
  readonly licenseErrors?: readonly string[];
  /** Where these issues are told one by one. */
  readonly licenseSummaryFile?: string;
}

/**
 * The toolkit's summary: its block of numbers, the lists behind them, and the block again. Below its lists are ours: what was flaky, which
 * tests were not told of, and why packages were blocked.
 */
export function toolkitSummary(view: RunView, facts: SummaryFacts = {}): SummaryLine[] {
  const summary = new Summary(view, facts);
  return [...summary.numbers(), ...summary.lists(), ...summary.ownLists(), ...summary.numbers()];
}

/** Of a list within a line so many are named, and the others counted. */
const MOST_NAMED = 3;

class Summary {
  private readonly classes: ToolkitClasses;
  private readonly rpmConflicts: readonly string[];
  private readonly srpmConflicts: readonly string[];
  private readonly licenseWarnings: readonly string[];
  private readonly licenseErrors: readonly string[];

  constructor(
    private readonly view: RunView,
    private readonly facts: SummaryFacts,
  ) {
    const checked = [...view.licenses.values()];
    const labels = (which: 'hasWarnings' | 'hasErrors') =>
      checked.filter((entry) => entry[which]).map((entry) => entry.label);
    this.classes = classify(view);
    this.rpmConflicts = sorted(facts.rpmConflicts ?? []);
    this.srpmConflicts = sorted(facts.srpmConflicts ?? []);
    this.licenseWarnings = sorted(facts.licenseWarnings ?? labels('hasWarnings'));
    this.licenseErrors = sorted(facts.licenseErrors ?? labels('hasErrors'));
  }

  numbers(): SummaryLine[] {
    const { classes } = this;
    const number = (label: string, count: number, level: LogLevel = 'info'): SummaryLine => ({
      level: count > 0 ? level : 'info',
      text: `${`Number of ${label}:`.padEnd(39)}${count}`,
    });
    return [
      { level: 'info', text: '---------------------------' },
      { level: 'info', text: '--------- Summary ---------' },
      { level: 'info', text: '---------------------------' },
      number('prebuilt SRPMs', classes.prebuilt.length),
      number('prebuilt delta SRPMs', classes.prebuiltDelta.length),
      number('skipped SRPMs tests', classes.skippedTests.length),
      number('built SRPMs', classes.built.length),
      number('passed SRPMs tests', classes.passedTests.length),
      number('unresolved dependencies', this.view.end?.unresolved.length ?? 0, 'error'),
      number('blocked SRPMs', classes.blocked.length, 'error'),
      number('blocked SRPMs tests', classes.blockedTests.length, 'error'),
      number('failed SRPMs', classes.failed.length, 'error'),
      number('failed SRPMs tests', classes.failedTests.length, 'error'),
      number('SRPMs with license errors', this.licenseErrors.length, 'error'),
      number('SRPMs with license warnings', this.licenseWarnings.length, 'warning'),
      number('toolchain RPM conflicts', this.rpmConflicts.length, 'error'),
      number('toolchain SRPM conflicts', this.srpmConflicts.length, 'error'),
    ];
  }

  lists(): SummaryLine[] {
    const { classes } = this;
    const seeSummary = `for details see: ${this.facts.licenseSummaryFile ?? 'no file'}`;
    return [
      ...list('Prebuilt SRPMs:', labelsOf(classes.prebuilt)),
      ...list(
        'Skipped SRPMs (i.e., delta mode is on, packages are already available in a repo):',
        labelsOf(classes.prebuiltDelta),
      ),
      ...list('Skipped SRPMs tests:', labelsOf(classes.skippedTests)),
      ...list('Built SRPMs:', labelsOf(classes.built)),
      ...list('Passed SRPMs tests:', labelsOf(classes.passedTests)),
      ...list('Unresolved dependencies:', this.unresolved(), 'error'),
      ...list('Blocked SRPMs:', labelsOf(classes.blocked), 'error'),
      ...list('Blocked SRPMs tests:', labelsOf(classes.blockedTests), 'error'),
      ...list(`SRPMs with non-fatal license issues, ${seeSummary}`, this.licenseWarnings, 'warning'),
      ...list(`SRPMs with fatal license issues, ${seeSummary}`, this.licenseErrors, 'error'),
      ...list('RPM conflicts with toolchain:', this.rpmConflicts, 'error'),
      ...list('SRPM conflicts with toolchain:', this.srpmConflicts, 'error'),
      ...list(
        'Failed SRPMs:',
        classes.failed.map((job) => failed(job, true)),
        'error',
      ),
      ...list(
        'Failed SRPMs tests:',
        classes.failedTests.map((job) => failed(job, false)),
        'error',
      ),
    ];
  }

  ownLists(): SummaryLine[] {
    const flaky = this.view.flakyJobs();
    const ofKind = (kind: JobView['kind']) => flaky.filter((job) => job.kind === kind).map(flakyEntry);
    return [
      ...list('Flaky SRPMs (built at a later attempt):', ofKind('build'), 'warning'),
      ...list('Flaky SRPMs tests (passed at a later attempt):', ofKind('test'), 'warning'),
      ...list('SRPMs tests without a check marker in their log:', labelsOf(this.view.untoldChecks()), 'warning'),
      ...list('Causes of blocked SRPMs:', this.blockers(), 'error'),
      ...this.unexplained(),
    ];
  }

  /** Unlike the toolkit's list, this says who needs each name, and where it could come from. */
  private unresolved(): string[] {
    return [...(this.view.end?.unresolved ?? [])]
      .sort((a, b) => compareTexts(a.label, b.label))
      .map(({ label, neededBy, couldComeFrom = [] }) => {
        const needed = neededBy.length === 0 ? '' : ` , needed by: ${named(sorted(new Set(neededBy)))}`;
        return `${label}${needed}${couldComeFrom.length === 0 ? '' : `; could come from: ${named(couldComeFrom)}`}`;
      });
  }

  /** What is at the root of it, the worst first, with what it blocks. */
  private blockers(): string[] {
    const byCause = new Map<string, string[]>();
    for (const job of this.classes.blocked) {
      if (!job.cause) continue;
      const root = describeCause(job.cause);
      byCause.set(root, [...(byCause.get(root) ?? []), job.label]);
    }
    return [...byCause]
      .sort(([a, left], [b, right]) => right.length - left.length || compareTexts(a, b))
      .map(([root, blocked]) => `${root}, blocks ${blocked.length}: ${named(blocked)}`);
  }

  /** The toolkit prints a tree of nodes here. As each blocked job has its cause, there is nothing to find in one; but silence would be wrong. */
  private unexplained(): SummaryLine[] {
    const { classes, view } = this;
    const explained =
      view.end?.status !== 'failed' ||
      view.end.unresolved.length > 0 ||
      [classes.failed, classes.failedTests, classes.blocked, classes.blockedTests].some((jobs) => jobs.length > 0);
    return explained ? [] : [{ level: 'error', text: 'Detected a blocked build despite no obvious failures.' }];
  }
}

function list(title: string, entries: readonly string[], level: LogLevel = 'info'): SummaryLine[] {
  if (entries.length === 0) return [];
  return [title, ...entries.map((entry) => `--> ${entry}`)].map((text) => ({ level, text }));
}

function describeCause(cause: JobBlocked['cause']): string {
  switch (cause.kind) {
    case 'job':
      return `${cause.label} , which failed`;
    case 'unresolved':
      return `${cause.label} , which nobody provides`;
    case 'stopped':
      return 'the end of the run';
    default:
      return unreachable(cause);
  }
}

function labelsOf(jobs: readonly JobView[]): string[] {
  return jobs.map((job) => job.label);
}

function failed(job: JobView, withError: boolean): string {
  const error = withError && job.failure ? ` error: ${describeFailure(job.failure)},` : '';
  return `${job.label} ,${error} for details see: ${job.logPath ?? 'no log'}`;
}

function flakyEntry(job: JobView): string {
  const logs = failedLogs(job);
  const details = logs.length > 0 ? `, for details see: ${logs.join(' ')}` : '';
  return `${job.label} , attempt ${job.attempts.length}${details}`;
}

function named(names: readonly string[]): string {
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  return `${names.slice(0, MOST_NAMED).join(', ')}${more}`;
}

function sorted(names: Iterable<string>): string[] {
  return [...names].sort(compareTexts);
}
