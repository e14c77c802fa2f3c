import { availableParallelism } from 'node:os';
import type { FlagValues } from '../config/flags';
import { telemetrySettings } from '../config/telemetry-settings';
import { type ColorChoice, useColor } from '../config/terminal';
import { type BuildGoal } from '../graph/build-goal';
import { logToolkitEvent } from '../report/toolkit-log';
import type { BuildAgent } from '../scheduler/agent';
import { ChrootAgent } from '../scheduler/agents/chroot';
import { newRunId } from '../scheduler/run-directory';
import type { RunnerPool } from '../scheduler/runner/runner-pool';
import { runToolWith } from '../scheduler/runner/runner-tool';
import type { RunOptions } from '../scheduler/scheduler';
import { shownEndpoint } from '../util/shown-endpoint';
import { type LogLevel, ToolkitLogger } from '../util/toolkit-logger';
import { UserError } from '../util/user-error';
import type { Command } from './command';
import { dryRun } from './dry-run';
import { LicenseInspection } from './license-inspection';
import {
  dynamicDependencies,
  fingerprintsFileIn,
  type RebuildRuleName,
  rebuildRule,
  rpmbuildAgent,
} from './package-run';
import { startProfiling } from './profiling';
import { type RunBuildResult, runBuild, workerCount } from './run-build';
import { SCHEDULER_SPEC } from './scheduler-flags';
import { readBuildGoal, versionOrderOf } from './scheduler-goal';
import { reportRun, reservedRpms } from './scheduler-report';
import { type Session, type SessionOptions, withSession } from './session';
import { simulationFrom } from './simulation-flags';
import { writeTimestamps } from './timestamps';

/** The toolkit scheduler's command. Every handled failure is exit code 1, a signal too, as it is there. */
export const SCHEDULER_COMMAND: Command = {
  spec: SCHEDULER_SPEC,
  async run(flags) {
    const log = new ToolkitLogger({
      name: 'scheduler',
      level: logLevel(flags.string('log-level')),
      file: flags.optionalString('log-file'),
      color: useColor(flags.string('log-color') as ColorChoice, process.stderr),
    });
    const profiling = startProfiling(flags, (message) => log.warn(message));
    try {
      return await new SchedulerCommand(flags, log).run();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      log.log('fatal', error.message);
      return 1;
    } finally {
      await profiling.stop();
      log.close();
    }
  },
};

class SchedulerCommand {
  private readonly workers: number;

  constructor(
    private readonly flags: FlagValues,
    private readonly log: ToolkitLogger,
  ) {
    this.workers = workerCount(flags.number('workers'));
  }

  async run(): Promise<number> {
    const { flags, log } = this;
    this.check();
    if (flags.number('workers') <= 0)
      log.debug(`No worker count supplied, discovered ${availableParallelism()} logical CPUs.`);
    const reserved = reservedRpms(flags);
    if (flags.bool('dry-run')) return this.preview();
    return withSession(this.sessionOptions(), async (session, runners) => {
      this.announce(session);
      // Before the graph is read: we are small now.
      if (flags.string('build-agent') !== 'test-agent') runners.warmUp(this.workers);
      const licenses = LicenseInspection.from(flags, runToolWith(runners));
      const goal = readBuildGoal(flags, log);
      const graphReadAt = Date.now();
      const result = await this.build(session, runners, goal, licenses);
      const reportingFrom = performance.now();
      const exitCode = reportRun(result, flags, log, { reserved, licenses });
      this.leaveTimestamps(result, graphReadAt, performance.now() - reportingFrom);
      return exitCode;
    });
  }

  private check(): void {
    const { flags } = this;
    for (const name of ['build-attempts', 'check-attempts']) {
      const value = flags.number(name);
      if (value <= 0) throw new UserError(`Value in --${name} must be greater than zero. Found ${value}.`);
    }
    LicenseInspection.checkFlags(flags);
  }

  private async preview(): Promise<number> {
    const goal = readBuildGoal(this.flags, this.log);
    const { graph, goal: node } = goal;
    return dryRun(
      { graph, goal: node, workers: this.workers, rebuild: this.rebuildRule(goal, true), order: this.order() },
      process.stdout,
    );
  }

  private leaveTimestamps({ view }: RunBuildResult, graphReadAt: number, reportingMs: number): void {
    const file = this.flags.optionalString('timestamp-file');
    if (file === undefined) return;
    const around = { startedAt: performance.timeOrigin, graphReadAt, reportingMs };
    writeTimestamps(file, view, around, (message) => this.log.warn(message));
  }

  private order(): 'critical-path' | 'fifo' {
    return this.flags.string('order') as 'critical-path' | 'fifo';
  }

  private rebuildRule({ lists }: BuildGoal, dryRun = false): RunOptions['rebuild'] {
    const { flags, log } = this;
    const files = { rpmmacros: 'rpmmacros-file', versions: 'versions-macro-file' };
    const settingFiles = Object.entries(files).flatMap(([name, flag]) => {
      const path = flags.optionalString(flag);
      return path === undefined ? [] : [[`the ${name} macro file`, path] as const];
    });
    return rebuildRule({
      rule: flags.string('rebuild-rule') as RebuildRuleName,
      lists,
      noCache: flags.bool('no-cache'),
      maxCascadingRebuilds: flags.number('max-cascading-rebuilds'),
      fingerprintsFile: fingerprintsFileIn(flags.string('runs-dir')),
      settings: {
        'the dist tag': flags.string('dist-tag'),
        'the release version of the distribution': flags.string('distro-release-version'),
        'the build number of the distribution': flags.string('distro-build-number'),
      },
      settingFiles: Object.fromEntries(settingFiles),
      dryRun: dryRun || flags.string('build-agent') === 'test-agent',
      onProblem: (message) => log.warn(message),
    });
  }

  private sessionOptions(): SessionOptions {
    const { flags, log, workers } = this;
    const settings = telemetrySettings({
      enable: flags.given.has('enable-telemetry') ? flags.bool('enable-telemetry') : undefined,
      endpoint: flags.optionalString('otlp-endpoint'),
      byDefault: false,
    });
    return {
      runId: newRunId(new Date()),
      settings,
      serviceName: 'azurelinux-toolkit',
      runsDir: settings.enabled ? flags.string('runs-dir') : undefined,
      mainAttributes: { 'scheduler.workers': workers, 'scheduler.build_agent': flags.string('build-agent') },
      onProblem: (message) => log.warn(message),
    };
  }

  private announce({ options, tracing, directory }: Session): void {
    const { otlp } = options.settings;
    if (otlp) this.log.info(`Telemetry initialized with endpoint: ${shownEndpoint(otlp.endpoint)}`);
    if (tracing) this.log.debug(`Trace ${tracing.traceId}, files in ${directory?.path ?? 'no folder'}`);
  }

  private build(
    session: Session,
    runners: RunnerPool,
    goal: BuildGoal,
    licenses: LicenseInspection | undefined,
  ): Promise<RunBuildResult> {
    const { flags, log, workers } = this;
    const { graph } = goal;
    const simulated = flags.string('build-agent') === 'test-agent';
    const simulation = simulated ? simulationFrom(flags) : undefined;
    const durations = simulation?.durations;
    const timeoutMs = flags.number('timeout');
    return runBuild({
      session,
      graph,
      goal: goal.goal,
      agent: simulation?.agent ?? this.agent(session, runners),
      policy: ({ kind }) => ({
        attempts: flags.number(kind === 'test' ? 'check-attempts' : 'build-attempts'),
        timeoutMs,
      }),
      workers,
      clock: simulation?.clock,
      simulated: durations !== undefined,
      durations,
      order: this.order(),
      stopOnFailure: flags.bool('stop-on-failure'),
      failOnTestFailure: flags.bool('fail-on-test-failure'),
      inspect: licenses && !simulated ? (job) => licenses.inspect(job) : undefined,
      // A simulation makes no RPMs, so none can turn out to provide an implicit name: nothing to wait for.
      holdCachedImplicit: !simulated,
      dynamicDependencies: simulated
        ? undefined
        : dynamicDependencies(runners, goal.requested, versionOrderOf(flags), (message) => log.warn(message)),
      rebuild: this.rebuildRule(goal),
      buildGraphAttributes: this.buildGraphAttributes(goal),
      exitCodeOf: () => 1,
      onEvent: (event, view) => logToolkitEvent(log, view, event, flags.bool('explain')),
    });
  }

  private agent(session: Session, runners: RunnerPool): BuildAgent {
    const { flags } = this;
    if (flags.string('build-agent') === 'chroot-agent') return this.chrootAgent(session, runners);
    const folders = {
      rpmDir: flags.string('rpm-dir'),
      logsDir: flags.string('build-logs-dir'),
      workDir: flags.string('work-dir'),
    };
    const macroFiles = ['rpmmacros-file', 'versions-macro-file'].flatMap((flag) => flags.optionalString(flag) ?? []);
    const defines = {
      distro_release_version: flags.string('distro-release-version'),
      mariner_build_number: flags.string('distro-build-number'),
    };
    return rpmbuildAgent(flags, runners, folders, { defines, macroFiles });
  }

  private chrootAgent(session: Session, runners: RunnerPool): BuildAgent {
    const { flags } = this;
    const program = flags.string('build-agent-program');
    if (!program)
      throw new UserError(
        'Unable to initialize build agent, error: --build-agent=chroot-agent needs --build-agent-program',
      );
    return new ChrootAgent({
      runners,
      worker: {
        program,
        workDir: flags.string('work-dir'),
        workerTar: flags.string('worker-tar'),
        repoFile: flags.string('repo-file'),
        rpmDir: flags.string('rpm-dir'),
        toolchainRpmsDir: flags.string('toolchain-rpms-dir'),
        srpmDir: flags.string('srpm-dir'),
        cacheDir: flags.string('cache-dir'),
        buildLogsDir: flags.string('build-logs-dir'),
        distTag: flags.string('dist-tag'),
        distroReleaseVersion: flags.string('distro-release-version'),
        distroBuildNumber: flags.string('distro-build-number'),
        logLevel: flags.string('log-level'),
        maxCpu: flags.string('max-cpu'),
        timeoutMs: flags.number('timeout'),
        rpmmacrosFile: flags.optionalString('rpmmacros-file'),
        versionsMacroFile: flags.optionalString('versions-macro-file'),
        noCleanup: flags.bool('no-cleanup'),
        useCcache: flags.bool('use-ccache'),
        ccacheDir: flags.optionalString('ccache-dir'),
        ccacheConfig: flags.optionalString('ccache-config'),
        // Only where it was asked for by flag: a worker program that knows no telemetry refuses the flags. Others read the environment.
        otlpEndpoint:
          flags.given.has('enable-telemetry') && session.options.settings.otlp
            ? flags.optionalString('otlp-endpoint')
            : undefined,
      },
    });
  }

  private buildGraphAttributes({ lists }: BuildGoal) {
    const { flags } = this;
    return {
      'scheduler.build_attempts': flags.number('build-attempts'),
      'scheduler.check_attempts': flags.number('check-attempts'),
      'scheduler.extra_layers': flags.number('extra-layers'),
      'scheduler.stop_on_failure': flags.bool('stop-on-failure'),
      'scheduler.can_use_cache': !flags.bool('no-cache'),
      'scheduler.optimize_with_cached_implicit': flags.bool('optimize-with-cached-implicit'),
      'scheduler.allow_toolchain_rebuilds': flags.bool('allow-toolchain-rebuilds'),
      'packages.to_build_count': flags.words('packages').length,
      'packages.to_rebuild_count': flags.words('rebuild-packages').length,
      'packages.ignored_count': flags.words('ignored-packages').length,
      'packages.resolved_count': lists.builds.length,
      'tests.to_run_count': flags.words('tests').length,
      'tests.to_rerun_count': flags.words('rerun-tests').length,
      'tests.ignored_count': flags.words('ignored-tests').length,
    };
  }
}

function logLevel(name: string): LogLevel {
  return name === 'warn' ? 'warning' : (name as LogLevel);
}
