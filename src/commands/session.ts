import type { TelemetrySettings } from '../config/telemetry-settings';
import { RunDirectory } from '../scheduler/run-directory';
import { RunnerPool } from '../scheduler/runner/runner-pool';
import type { SchedulerTelemetry } from '../scheduler/scheduler.telemetry';
import type { Telemetry, TelemetryOptions } from '../telemetry/telemetry';
import { SystemClock } from '../util/clock';
import { UserError } from '../util/user-error';
import { VERSION } from '../util/version';

export interface SessionOptions {
  readonly runId: string;
  readonly settings: TelemetrySettings;
  readonly serviceName: string;
  /** Where runs leave their folders; undefined: this run leaves none. */
  readonly runsDir: string | undefined;
  readonly mainAttributes: Readonly<Record<string, string | number | boolean>>;
  readonly onProblem: (message: string) => void;
}

/**
 * What surrounds one run of a command from its first moment to its last: the run's folder and its trace. It is there before
 * the graph is read, so that a run which fails on its graph leaves a trace too.
 */
export class Session {
  readonly directory: RunDirectory | undefined;
  readonly tracing: SchedulerTelemetry | undefined;
  private readonly telemetry: Telemetry | undefined;
  private closed: Promise<void> | undefined;

  constructor(readonly options: SessionOptions) {
    const { settings, runId, runsDir } = options;
    this.directory = runsDir === undefined ? undefined : RunDirectory.create(runsDir, runId);
    if (!settings.enabled || (!this.directory && !settings.otlp && !settings.console)) return;
    // Loaded here: a run without telemetry must not pay for it.
    const { startTelemetry } = require('../telemetry/telemetry') as typeof import('../telemetry/telemetry');
    const { SchedulerTelemetry } =
      require('../scheduler/scheduler.telemetry') as typeof import('../scheduler/scheduler.telemetry');
    const telemetryOptions: TelemetryOptions = {
      serviceName: settings.serviceName ?? options.serviceName,
      serviceVersion: VERSION,
      buildId: runId,
      resourceAttributes: settings.resourceAttributes,
      otlp: settings.otlp,
      spansFile: this.directory?.spans,
      console: settings.console,
      sampling: settings.sampling,
      limits: settings.limits,
      parent: settings.parent,
      onProblem: (message) => options.onProblem(`telemetry: ${message}`),
    };
    this.telemetry = startTelemetry(telemetryOptions);
    this.tracing = new SchedulerTelemetry(
      this.telemetry,
      runId,
      { 'scheduler.version': VERSION, ...options.mainAttributes },
      performance.timeOrigin,
    );
  }

  /** Ends the trace, at a moment of the run's own clock. */
  end(endedAt: number): void {
    this.tracing?.end(endedAt);
  }

  /** Sends what is left of the trace, and ends it if it has not ended. A second call waits for the same end. */
  close(): Promise<void> {
    this.end(new SystemClock().now());
    this.closed ??= this.telemetry?.shutdown() ?? Promise.resolve();
    return this.closed;
  }
}

/** Lends a command runners. */
export async function withRunners<T>(use: (runners: RunnerPool) => Promise<T>): Promise<T> {
  const runners = new RunnerPool();
  try {
    return await use(runners);
  } finally {
    runners.stop();
  }
}

/**
 * Lends a command a session and runners, and ends both whatever comes of it. What ends the command before or beside its run is on the
 * trace.
 */
export async function withSession<T>(
  options: SessionOptions,
  use: (session: Session, runners: RunnerPool) => Promise<T>,
): Promise<T> {
  const session = new Session(options);
  try {
    return await withRunners((runners) => use(session, runners));
  } catch (error) {
    session.tracing?.recordError(error);
    throw error;
  } finally {
    await session.close();
  }
}

/** For what is made from the journal, and can be again: not worth the wait for the disk. */
export const NOT_SYNCED = { sync: false } as const;

/** What a run leaves for later must not change what came of it: where it cannot be written, that is said. */
export function leaveBehind(write: () => void, session: Session): void {
  try {
    write();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    session.options.onProblem(error.message);
  }
}
