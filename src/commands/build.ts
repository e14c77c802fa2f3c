import { basename, dirname, join, resolve } from 'node:path';
import type { FlagValues } from '../config/flags';
import { telemetrySettings } from '../config/telemetry-settings';
import { type ColorChoice, isInteractive, useColor } from '../config/terminal';
import { formatOf, writeGraph } from '../graph/formats/read-graph';
import { remainingGraph } from '../graph/remaining-graph';
import { resultsCsv, resultsJson } from '../report/results';
import { stateCsv } from '../report/state-csv';
import { type Display, LiveDisplay, NdjsonDisplay, PlainDisplay, QuietDisplay } from '../report/terminal';
import { textSummary } from '../report/text-summary';
import type { BuildAgent } from '../scheduler/agent';
import { CommandAgent } from '../scheduler/agents/command';
import { newRunId, type RunDirectory } from '../scheduler/run-directory';
import type { RunnerPool } from '../scheduler/runner/runner-pool';
import { runToolWith } from '../scheduler/runner/runner-tool';
import type { RunOptions } from '../scheduler/scheduler';
import { writeFileAtomically } from '../util/atomic-file';
import { SystemClock } from '../util/clock';
import { shownEndpoint } from '../util/shown-endpoint';
import { UserError } from '../util/user-error';
import { BUILD_SPEC } from './build-flags';
import { agentFor, type BuildTarget, readBuildTarget } from './build-target';
import type { Command, CommandIo } from './command';
import { dryRun } from './dry-run';
import {
  dynamicDependencies,
  fingerprintsFileIn,
  type RebuildRuleName,
  rebuildRule,
  rpmbuildAgent,
} from './package-run';
import { exitCodeOf, type RunBuildResult, runBuild, workerCount } from './run-build';
import { leaveBehind, NOT_SYNCED, type Session, type SessionOptions, withRunners, withSession } from './session';
import { simulationFrom } from './simulation-flags';
import { definitions } from './spec-flags';

/** `spanwright build`. */
export const BUILD_COMMAND: Command = {
  spec: BUILD_SPEC,
  run: (flags, io) => new BuildCommand(flags, io).run(),
};

class BuildCommand {
  private readonly workers: number;

  constructor(
    private readonly flags: FlagValues,
    private readonly io: CommandIo,
  ) {
    this.workers = workerCount(flags.number('workers'));
  }

  async run(): Promise<number> {
    this.check();
    const { flags } = this;
    if (flags.bool('dry-run')) return withRunners((runners) => this.preview(runners));
    return withSession(this.sessionOptions(), async (session, runners) => {
      // Before the graph is read: we are small now.
      if (flags.string('build-agent') !== 'test-agent') runners.warmUp(this.workers);
      const target = await this.target(runners);
      const result = await this.build(session, runners, target);
      return this.report(session, result);
    });
  }

  private async preview(runners: RunnerPool): Promise<number> {
    const target = await this.target(runners);
    const { graph, goal } = target;
    const rebuild = this.rebuildRule(target, true);
    return dryRun({ graph, goal, workers: this.workers, order: this.order(), rebuild }, this.io.stdout);
  }

  private target(runners: RunnerPool): Promise<BuildTarget> {
    return readBuildTarget(this.flags, runToolWith(runners), (message) => this.io.stderr.write(`note: ${message}\n`));
  }

  private check(): void {
    for (const name of ['build-attempts', 'check-attempts']) {
      if (this.flags.number(name) <= 0) throw new UserError(`Value in --${name} must be greater than zero.`);
    }
    if (this.flags.bool('json') && this.flags.bool('quiet'))
      throw new UserError('--json and --quiet exclude each other');
  }

  private sessionOptions(): SessionOptions {
    const { flags, io } = this;
    const settings = telemetrySettings({
      enable: flags.given.has('enable-telemetry') ? flags.bool('enable-telemetry') : undefined,
      endpoint: flags.optionalString('otlp-endpoint'),
      byDefault: true,
    });
    return {
      runId: newRunId(new Date()),
      settings,
      serviceName: 'spanwright',
      runsDir: flags.string('runs-dir'),
      mainAttributes: {
        'scheduler.workers': this.workers,
        'scheduler.build_agent': agentFor(flags),
      },
      onProblem: (message) => io.stderr.write(`spanwright: warning: ${message}\n`),
    };
  }

  private async build(session: Session, runners: RunnerPool, target: BuildTarget): Promise<RunBuildResult> {
    const { flags, workers } = this;
    const { graph, goal, kind } = target;
    this.checkOutput(target);
    const simulated = target.agent === 'test-agent';
    const simulation = simulated ? simulationFrom(flags) : undefined;
    const clock = simulation?.clock ?? new SystemClock();
    const display = this.display(() => clock.now());
    const { onProblem } = session.options;
    const isPackages = target.agent === 'rpmbuild-agent';
    try {
      return await runBuild({
        session,
        graph,
        goal,
        agent:
          simulation?.agent ?? (isPackages ? this.packageAgent(session, runners) : this.commandAgent(session, runners)),
        policy: ({ kind: job, node }) => {
          const spec = graph.command(node);
          const timeoutMs = spec?.timeoutMs ?? flags.optionalNumber('timeout');
          return {
            attempts: spec?.attempts ?? flags.number(job === 'test' ? 'check-attempts' : 'build-attempts'),
            timeoutMs,
          };
        },
        workers,
        clock,
        simulated: simulation?.clock !== undefined,
        durations: simulation?.durations,
        order: this.order(),
        rebuild: this.rebuildRule(target, simulated),
        holdCachedImplicit: isPackages,
        dynamicDependencies: isPackages
          ? dynamicDependencies(runners, target.requested, 'toolkit', onProblem)
          : undefined,
        stopOnFailure: flags.bool('stop-on-failure'),
        failOnTestFailure: flags.given.has('fail-on-test-failure')
          ? flags.bool('fail-on-test-failure')
          : kind === 'commands',
        buildGraphAttributes: {
          'scheduler.build_attempts': flags.number('build-attempts'),
          'scheduler.check_attempts': flags.number('check-attempts'),
          'scheduler.stop_on_failure': flags.bool('stop-on-failure'),
        },
        exitCodeOf,
        onEvent: (event, view) => display.onEvent(event, view),
      });
    } finally {
      display.stop();
    }
  }

  private checkOutput({ kind }: BuildTarget): void {
    const output = this.flags.optionalString('output');
    if (kind === 'commands' && output !== undefined && formatOf(output) === 'toolkit-dot') {
      throw new UserError(
        `--output ${output}: the graph has commands, which the toolkit's DOT cannot hold; name a .json file`,
      );
    }
  }

  private rebuildRule({ kind }: BuildTarget, dryRun: boolean): RunOptions['rebuild'] {
    const { flags, io } = this;
    const byDefault = kind === 'commands' || flags.string('build-agent') === 'test-agent' ? 'always' : 'content';
    const macros = flags.optionalString('macros');
    return rebuildRule({
      rule: (flags.optionalString('rebuild-rule') as RebuildRuleName | undefined) ?? byDefault,
      noCache: flags.bool('no-cache'),
      fingerprintsFile: fingerprintsFileIn(flags.string('runs-dir')),
      settings: {
        'the dist tag': flags.string('dist-tag'),
        'the macros of --define': flags.words('define').sort().join(' '),
      },
      settingFiles: macros === undefined ? {} : { [`the macro file ${basename(macros)}`]: macros },
      dryRun,
      onProblem: (message) => io.stderr.write(`spanwright: warning: ${message}\n`),
    });
  }

  private packageAgent(session: Session, runners: RunnerPool): BuildAgent {
    const { flags } = this;
    const macros = flags.optionalString('macros');
    return rpmbuildAgent(
      flags,
      runners,
      {
        rpmDir: resolve(flags.string('rpm-dir')),
        logsDir: directoryOf(session).logs,
        workDir: join(dirname(resolve(flags.string('rpm-dir'))), 'work'),
      },
      {
        defines: definitions(flags.words('define')),
        macroFiles: macros === undefined ? [] : [macros],
        graceMs: flags.number('grace'),
      },
    );
  }

  private commandAgent(session: Session, runners: RunnerPool): BuildAgent {
    return new CommandAgent({ runners, logsDir: directoryOf(session).logs, graceMs: this.flags.number('grace') });
  }

  private display(now: () => number): Display {
    const { flags, io } = this;
    if (flags.bool('json')) return new NdjsonDisplay(io.stdout);
    const options = { stream: io.stderr, color: this.color(), now, explain: flags.bool('explain') };
    if (flags.bool('quiet')) return new QuietDisplay(options);
    return isInteractive(io.stderr) ? new LiveDisplay(options) : new PlainDisplay(options);
  }

  private color(): boolean {
    return useColor(this.flags.string('color') as ColorChoice, this.io.stderr);
  }

  private order(): 'critical-path' | 'fifo' {
    return this.flags.string('order') as 'critical-path' | 'fifo';
  }

  private report(session: Session, { outcome, view, jobs, signal }: RunBuildResult): number {
    const { flags, io } = this;
    const say = (line: string) => io.stderr.write(`${line}\n`);
    const { directory } = session;
    const left = remainingGraph(outcome.graph, outcome.nodes);
    if (!flags.bool('json') && !flags.bool('quiet')) {
      for (const line of textSummary(view, this.color())) say(line);
      if (directory && session.tracing)
        say(`Trace: ${directory.perfetto} (open it at https://ui.perfetto.dev), and all of the run: ${directory.path}`);
      else if (directory) say(`Results: ${directory.path}`);
      const { otlp } = session.options.settings;
      if (otlp) say(`Trace ${session.tracing?.traceId} sent to ${shownEndpoint(otlp.endpoint)}`);
    }
    if (directory) {
      leaveBehind(() => writeGraph(left, directory.graph, 'json'), session);
      leaveBehind(() => writeFileAtomically(directory.resultsJson, resultsJson(view), NOT_SYNCED), session);
      leaveBehind(() => writeFileAtomically(directory.resultsCsv, resultsCsv(view), NOT_SYNCED), session);
    }
    const asked = (flag: string) => flags.optionalString(flag);
    const writes: [string | undefined, (file: string) => void][] = [
      [asked('output'), (file) => writeGraph(left, file, formatOf(file))],
      [asked('output-build-state-csv-file'), (file) => writeFileAtomically(file, stateCsv(outcome.graph, jobs, view))],
      [asked('results-csv'), (file) => writeFileAtomically(file, resultsCsv(view))],
      [asked('results-json'), (file) => writeFileAtomically(file, resultsJson(view))],
    ];
    let wroteAll = true;
    for (const [file, write] of writes) {
      if (file === undefined) continue;
      try {
        write(file);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        say(`spanwright: error: ${error.message}`);
        wroteAll = false;
      }
    }
    if (signal) return exitCodeOf(signal);
    return outcome.status === 'succeeded' && wroteAll ? 0 : 1;
  }
}

function directoryOf({ directory }: Session): RunDirectory {
  if (!directory) throw new Error('Internal error: expected a folder for logs, found none');
  return directory;
}
