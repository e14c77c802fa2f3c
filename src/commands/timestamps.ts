import { type JobView, jobName, type RunView } from '../report/run-view';
import { writeFileAtomically } from '../util/atomic-file';
import { UserError } from '../util/user-error';

/** A stretch of time, and what it consisted of. Times are milliseconds since the epoch. */
export interface TimedStep {
  readonly name: string;
  readonly startedAt: number;
  /** Undefined where it had not ended. */
  readonly endedAt: number | undefined;
  readonly steps: readonly TimedStep[];
}

/** What a command knows of the time around the run itself. */
export interface AroundTheRun {
  /** When the command began; milliseconds since the epoch. */
  readonly startedAt: number;
  /** When the graph was read and the goal found. */
  readonly graphReadAt: number;
  /** How long the reports took, in milliseconds. */
  readonly reportingMs: number;
}

/** The steps of a run: reading the graph, building (each package and test, with its attempts where there were several), reporting. */
export function timestampTree(view: RunView, { startedAt, graphReadAt, reportingMs }: AroundTheRun): TimedStep {
  const builtFrom = view.run?.time ?? graphReadAt;
  const builtTo = view.end?.time ?? Math.max(view.now, builtFrom);
  const jobs = [...view.jobs.values()].filter((job) => job.startedAt !== undefined);
  return {
    name: 'scheduler',
    startedAt: Math.min(startedAt, builtFrom),
    endedAt: builtTo + reportingMs,
    steps: [
      { name: 'read graph', startedAt, endedAt: graphReadAt, steps: [] },
      { name: 'build packages', startedAt: builtFrom, endedAt: builtTo, steps: jobs.map(stepOfJob) },
      { name: 'write reports', startedAt: builtTo, endedAt: builtTo + reportingMs, steps: [] },
    ],
  };
}

function stepOfJob(job: JobView): TimedStep {
  const attempts = job.attempts.length > 1 ? job.attempts : [];
  return {
    name: jobName(job),
    startedAt: job.startedAt as number,
    endedAt: job.finishedAt,
    steps: attempts.map(({ attempt, startedAt, endedAt }) => ({
      name: `attempt ${attempt}`,
      startedAt,
      endedAt,
      steps: [],
    })),
  };
}

const STARTED = 0;
const STOPPED = 1;

interface Line {
  readonly time: number;
  readonly record: Readonly<Record<string, unknown>>;
}

/**
 * The steps as the toolkit's tools write their `--timestamp-file`: a JSON object a line, one where a step starts and one where it ends, in the
 * order of time; `ParentID` says what a step is part of. Its own readers take names apart at `/` and tell a step's parts by their names, so
 * names have none and differ.
 */
export function timestampLines(root: TimedStep): string {
  const lines: Line[] = [];
  let nextId = 0;
  const write = (step: TimedStep, name: string, parent: number): void => {
    const id = nextId++;
    const { startedAt, endedAt } = step;
    const record = (type: number, end: number | undefined) => ({
      EventType: type,
      ID: id,
      Name: name,
      StartTime: new Date(startedAt).toISOString(),
      EndTime: end === undefined ? null : new Date(end).toISOString(),
      ElapsedSeconds: end === undefined ? 0 : (end - startedAt) / 1000,
      ParentID: parent,
    });
    lines.push({ time: startedAt, record: record(STARTED, undefined) });
    const names = new Map<string, number>();
    for (const part of step.steps) {
      const plain = part.name.replaceAll('/', '_');
      const times = (names.get(plain) ?? 0) + 1;
      names.set(plain, times);
      write(part, times === 1 ? plain : `${plain} (${times})`, id);
    }
    if (endedAt !== undefined) lines.push({ time: endedAt, record: record(STOPPED, endedAt) });
  };
  write(root, root.name, -1);
  // Of what happens at one moment, a step stands before its parts and ends behind them: the order is stable.
  lines.sort((a, b) => a.time - b.time);
  return lines.map(({ record }) => `${JSON.stringify(record)}\n`).join('');
}

/** Writes the file of a run's times. Where it cannot be written, that is a warning: it must not change what came of the build. */
export function writeTimestamps(
  file: string,
  view: RunView,
  around: AroundTheRun,
  warn: (message: string) => void,
): void {
  try {
    writeFileAtomically(file, timestampLines(timestampTree(view, around)));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    warn(error.message);
  }
}
