import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import type { FlagValues } from '../config/flags';
import { telemetrySettings } from '../config/telemetry-settings';
import { type ColorChoice, useColor } from '../config/terminal';
import { type BuildGoal, prepareBuildGoal } from '../graph/build-goal';
import { formatOf, readGraph, writeGraph } from '../graph/read-graph';
import { remainingGraph } from '../graph/remaining-graph';
import { analysisLines } from '../report/analysis-text';
import type { RunView } from '../report/run-view';
import { stateCsv } from '../report/state-csv';
import { logToolkitEvent } from '../report/toolkit-log';
import { classify, toolkitSummary } from '../report/toolkit-summary';
import { ProvidesQuery } from '../rpm/provides';
import type { BuildAgent } from '../scheduler/agent';
import { ChrootAgent } from '../scheduler/agents/chroot';
import { FreshnessRule } from '../scheduler/rebuild/freshness';
import { newRunId } from '../scheduler/run-directory';
import type { RunnerPool } from '../scheduler/runner/runner-pool';
import { runToolWith } from '../scheduler/runner/runner-tool';
import type { RunOptions } from '../scheduler/scheduler';
import { writeFileAtomically } from '../util/atomic-file';
import { shownEndpoint } from '../util/shown-endpoint';
import { type LogLevel, ToolkitLogger } from '../util/toolkit-logger';
import { describeSystemError, UserError } from '../util/user-error';
import type { Command } from './command';
import { dryRun } from './dry-run';
import { type RunBuildResult, runBuild, workerCount } from './run-build';
import { SCHEDULER_SPEC } from './scheduler-flags';
import { type Session, type SessionOptions, withSession } from './session';
import { simulationFrom } from './simulation-flags';

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
    try {
      return await new SchedulerCommand(flags, log).run();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      log.log('fatal', error.message);
      return 1;
    } finally {
      log.close();
    }
  },
};

/** Flags whose work is not there yet. Ignoring them would be a lie. */
const UNSUPPORTED = ['image-config-file', 'enable-cpu-prof', 'enable-mem-prof', 'enable-trace'];

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
    const reserved = this.reservedRpms();
    if (flags.bool('dry-run')) return this.preview();
    return withSession(this.sessionOptions(), async (session, runners) => {
      this.announce(session);
      // Before the graph is read: we are small now.
      if (flags.string('build-agent') !== 'test-agent') runners.warmUp(this.workers);
      const goal = this.readGoal();
      const result = await this.build(session, runners, goal);
      return this.report(result, reserved);
    });
  }

  private check(): void {
    const { flags } = this;
    for (const name of UNSUPPORTED) {
      if (flags.bool(name) || flags.string(name)) throw new UserError(`--${name} is not supported yet`);
    }
    for (const name of ['build-attempts', 'check-attempts']) {
      const value = flags.number(name);
      if (value <= 0) throw new UserError(`Value in --${name} must be greater than zero. Found ${value}.`);
    }
    const mode = flags.string('license-check-mode');
    if (mode === 'none') return;
    for (const kind of ['name', 'exception']) {
      if (!flags.string(`license-check-${kind}-file`)) {
        throw new UserError(`License check mode is set to '${mode}', but no license ${kind} file was provided.`);
      }
    }
    throw new UserError(`the licence check (mode '${mode}') is not supported yet; use --license-check-mode=none`);
  }

  private async preview(): Promise<number> {
    const goal = this.readGoal();
    const { graph, goal: node } = goal;
    return dryRun(
      { graph, goal: node, workers: this.workers, rebuild: this.rebuildRule(goal), order: this.order() },
      process.stdout,
    );
  }

  private order(): 'critical-path' | 'fifo' {
    return this.flags.string('order') as 'critical-path' | 'fifo';
  }

  private rebuildRule({ lists }: BuildGoal): RunOptions['rebuild'] {
    const { flags } = this;
    return (graph, jobs) =>
      new FreshnessRule(graph, jobs, {
        maxCascadingRebuilds: flags.number('max-cascading-rebuilds'),
        noCache: flags.bool('no-cache'),
        rebuild: lists.rebuild,
        ignore: lists.ignore,
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

  private readGoal(): BuildGoal {
    const { flags, log } = this;
    let goal: BuildGoal;
    try {
      const graph = readGraph(flags.string('input'));
      goal = prepareBuildGoal(
        graph,
        {
          packages: flags.words('packages'),
          rebuildPackages: flags.words('rebuild-packages'),
          ignoredPackages: flags.words('ignored-packages'),
          tests: flags.words('tests'),
          rerunTests: flags.words('rerun-tests'),
          ignoredTests: flags.words('ignored-tests'),
        },
        {
          extraLayers: flags.number('extra-layers'),
          cachedImplicitWillDo: flags.bool('optimize-with-cached-implicit') && !flags.bool('no-cache'),
        },
      );
    } catch (error) {
      if (error instanceof UserError && error.place?.file !== undefined) {
        throw new UserError(`Failed to read DOT graph with error: ${error.message}`);
      }
      throw error;
    }
    const { unknownIgnored } = goal.lists;
    if (unknownIgnored.length > 0) {
      log.warn(`The following ignored items matched neither a spec nor a package name: [${unknownIgnored.join(' ')}]`);
    }
    this.logPruning(goal);
    return goal;
  }

  private logPruning({ pruned, unsolved, graph }: BuildGoal): void {
    const { log } = this;
    if (pruned) return log.info('Successfully created solvable subgraph');
    log.warn(`Found ${unsolved.length} unsolved implicit nodes, cannot optimize subgraph yet...`);
    for (const node of unsolved.slice(0, 5)) log.warn(`\tUnsolvable node: ${graph.friendlyName(node)}`);
    if (unsolved.length > 5) log.warn(`\t...and ${unsolved.length - 5} more`);
    log.warn('Could not create solvable subgraph, forcing full package build');
  }

  private build(session: Session, runners: RunnerPool, goal: BuildGoal): Promise<RunBuildResult> {
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
      agent: simulation?.agent ?? this.chrootAgent(session, runners),
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
      failOnTestFailure: false,
      // A simulation makes no RPMs, so none can turn out to provide an implicit name: nothing to wait for.
      holdCachedImplicit: !simulated,
      dynamicDependencies: simulated ? undefined : this.dynamicDependencies(runners, goal),
      rebuild: this.rebuildRule(goal),
      buildGraphAttributes: this.buildGraphAttributes(goal),
      exitCodeOf: () => 1,
      onEvent: (event, view) => logToolkitEvent(log, view, event, flags.bool('explain')),
    });
  }

  private dynamicDependencies(runners: RunnerPool, { requested }: BuildGoal): RunOptions['dynamicDependencies'] {
    const query = new ProvidesQuery({
      runTool: runToolWith(runners),
      parallel: availableParallelism(),
      onProblem: (message) => this.log.warn(message),
    });
    return { ask: (rpms, isWanted) => query.ask(rpms, isWanted), isOnDisk: existsSync, requested };
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
        otlpEndpoint: session.options.settings.otlp && flags.optionalString('otlp-endpoint'),
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

  private report({ outcome, view, jobs, signal }: RunBuildResult, reserved: ReadonlySet<string>): number {
    const { flags, log } = this;
    const conflicts = toolchainConflicts(view, reserved);
    for (const { level, text } of toolkitSummary(view, conflicts)) log.log(level, text);
    for (const line of analysisLines(view)) log.info(line);
    const written = [
      this.attempt(() =>
        writeFileAtomically(flags.string('output-build-state-csv-file'), stateCsv(outcome.graph, jobs, view)),
      ),
      this.attempt(() =>
        writeGraph(
          remainingGraph(outcome.graph, outcome.nodes),
          flags.string('output'),
          formatOf(flags.string('output')),
        ),
      ),
    ];
    const errors: string[] = [];
    if (signal) errors.push(`stopped by ${signal}`);
    else if (outcome.status !== 'succeeded') errors.push('could not build all packages');
    if (conflicts.rpmConflicts.length > 0) {
      errors.push(
        "toolchain packages rebuilt. See build summary for details. Use 'ALLOW_TOOLCHAIN_REBUILDS=y' to suppress this error if rebuilds were expected",
      );
    }
    if (errors.length > 0) {
      const file = flags.string('log-file');
      log.log(
        'fatal',
        `Unable to build package graph.\nFor details see the build summary section above${file ? ` and the build log '${file}'` : ''}.\nError: ${errors.join('\n')}.`,
      );
    }
    if (errors.length === 0 && flags.bool('no-cleanup')) {
      log.warn(`ATTENTION! --no-cleanup was given: the build chroots were left in ${flags.string('work-dir')}`);
    }
    return errors.length > 0 || written.includes(false) ? 1 : 0;
  }

  /** A report that cannot be written must not keep the others from being written. */
  private attempt(write: () => void): boolean {
    try {
      write();
      return true;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.log.error(error.message);
      return false;
    }
  }

  private reservedRpms(): ReadonlySet<string> {
    const path = this.flags.string('toolchain-manifest');
    if (!path || this.flags.bool('allow-toolchain-rebuilds')) return new Set();
    try {
      const lines = readFileSync(path, 'utf8').split('\n');
      return new Set(lines.map((line) => basename(line.trim())).filter(Boolean));
    } catch (error) {
      throw new UserError(`unable to read toolchain manifest file '${path}': ${describeSystemError(error)}.`);
    }
  }
}

function toolchainConflicts(view: RunView, reserved: ReadonlySet<string>) {
  const rpms = new Set<string>();
  const srpms = new Set<string>();
  for (const job of reserved.size > 0 ? classify(view).built : []) {
    for (const path of job.files) {
      if (!reserved.has(basename(path))) continue;
      rpms.add(basename(path));
      srpms.add(job.label);
    }
  }
  return { rpmConflicts: [...rpms], srpmConflicts: [...srpms] };
}

function logLevel(name: string): LogLevel {
  return name === 'warn' ? 'warning' : (name as LogLevel);
}
