import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describeSystemError, UserError } from '../util/user-error';

/** A new name for a run: when it started, to the second, and a few random digits. Names sort by time. */
export function newRunId(now: Date): string {
  return `${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}-${randomBytes(3).toString('hex')}`;
}

/** The folder that one run leaves behind, and the names of what is in it. */
export class RunDirectory {
  readonly path: string;
  readonly events: string;
  readonly spans: string;
  readonly perfetto: string;
  readonly logs: string;
  readonly resultsJson: string;
  readonly resultsCsv: string;
  /** The graph as the run left it. */
  readonly graph: string;

  private constructor(
    readonly runsDir: string,
    readonly runId: string,
  ) {
    this.path = join(runsDir, runId);
    this.events = join(this.path, 'events.ndjson');
    this.spans = join(this.path, 'spans.otlp.jsonl');
    this.perfetto = join(this.path, 'trace.perfetto.json');
    this.logs = join(this.path, 'logs');
    this.resultsJson = join(this.path, 'results.json');
    this.resultsCsv = join(this.path, 'results.csv');
    this.graph = join(this.path, 'graph.json');
  }

  /** @throws UserError when it cannot be made */
  static create(runsDir: string, runId: string): RunDirectory {
    const directory = new RunDirectory(runsDir, runId);
    try {
      mkdirSync(directory.path, { recursive: true });
    } catch (error) {
      throw new UserError(`cannot make the run's folder ${directory.path}: ${describeSystemError(error)}`);
    }
    directory.markLatest();
    return directory;
  }

  /** `latest` leads to the newest run. A convenience: where links cannot be made, there is none. */
  private markLatest(): void {
    const beside = join(this.runsDir, `.latest-${this.runId}`);
    try {
      symlinkSync(this.runId, beside);
      renameSync(beside, join(this.runsDir, 'latest'));
    } catch {
      rmSync(beside, { force: true });
    }
  }
}

/** Names of the runs in a folder, oldest first. */
export function listRuns(runsDir: string): string[] {
  try {
    return readdirSync(runsDir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  } catch {
    return [];
  }
}

/** Name of the newest run; '' where no link says so. Names alone tell runs apart by the second only. */
export function latestRun(runsDir: string): string {
  try {
    return readlinkSync(join(runsDir, 'latest'));
  } catch {
    return '';
  }
}
