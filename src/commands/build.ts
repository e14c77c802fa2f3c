import type { CommandSpec, FlagValues } from '../config/flags';
import { telemetrySettings } from '../config/telemetry-settings';
import { type ColorChoice, isInteractive, useColor } from '../config/terminal';
import { ALL_GOAL, findGoal, withGoal } from '../graph/goals';
import type { Graph } from '../graph/graph';
import { type NodeId, NodeType } from '../graph/node';
import { formatOf, readGraph, writeGraph } from '../graph/read-graph';
import { resultsCsv, resultsJson } from '../report/results';
import { stateCsv } from '../report/state-csv';
import { type Display, LiveDisplay, NdjsonDisplay, PlainDisplay, QuietDisplay } from '../report/terminal';
import { textSummary } from '../report/text-summary';
import type { BuildAgent } from '../scheduler/agent';
import { CommandAgent } from '../scheduler/agents/command';
import { newRunId } from '../scheduler/run-directory';
import type { RunnerPool } from '../scheduler/runner/runner-pool';
import { writeFileAtomically } from '../util/atomic-file';
import { SystemClock } from '../util/clock';
import { shownEndpoint } from '../util/shown-endpoint';
import { UserError } from '../util/user-error';
import type { Command, CommandIo } from './command';
import { dryRun } from './dry-run';
import { exitCodeOf, type RunBuildResult, runBuild, workerCount } from './run-build';
import { leaveBehind, NOT_SYNCED, type Session, type SessionOptions, withSession } from './session';
import { ORDER_FLAG, PREVIEW_FLAGS, TELEMETRY_FLAGS } from './shared-flags';
import { SIMULATION_FLAGS, simulationFrom } from './simulation-flags';

const SPEC: CommandSpec = {
  name: 'spanwright build',
  summary: 'Builds a graph: runs the commands of its nodes, each after what it needs, the longest chains first.',
  arguments: ['graph', '[node...]'],
  flags: [
    { kind: 'int', name: 'workers', default: 0, help: 'How many builds run at a time; 0 for one per processor.' },
    {
      kind: 'enum',
      name: 'build-agent',
      values: ['command-agent', 'test-agent'],
      help: 'What builds: command-agent runs the commands, test-agent simulates. Default: command-agent where the graph has commands.',
    },
    {
      kind: 'int',
      name: 'build-attempts',
      default: 1,
      help: 'How many times to try a build, where its node does not say.',
    },
    {
      kind: 'int',
      name: 'check-attempts',
      default: 1,
      help: 'How many times to try a test, where its node does not say.',
    },
    {
      kind: 'duration',
      name: 'timeout',
      placeholder: 'DURATION',
      help: 'Time for one build, all attempts together. Default: none.',
    },
    {
      kind: 'duration',
      name: 'grace',
      default: '5s',
      placeholder: 'DURATION',
      help: 'Time from asking a command to end (TERM) to killing it.',
    },
    { kind: 'bool', name: 'stop-on-failure', help: 'Start nothing more after the first failure.' },
    ORDER_FLAG,
    ...PREVIEW_FLAGS,
    { kind: 'bool', name: 'json', help: 'Print each event as one line of JSON on stdout.' },
    { kind: 'bool', name: 'quiet', help: 'Print only what went wrong.' },
    {
      kind: 'enum',
      name: 'color',
      values: ['always', 'auto', 'never'],
      default: 'auto',
      help: 'Colours; NO_COLOR is heeded.',
    },
    {
      kind: 'string',
      name: 'output',
      placeholder: 'FILE',
      help: "Path for the graph as the build leaves it (.json or the toolkit's DOT, also .gz).",
    },
    {
      kind: 'string',
      name: 'output-build-state-csv-file',
      placeholder: 'FILE',
      help: "Path for a CSV in the toolkit's form.",
    },
    { kind: 'string', name: 'results-csv', placeholder: 'FILE', help: "Path for a copy of the run's results.csv." },
    { kind: 'string', name: 'results-json', placeholder: 'FILE', help: "Path for a copy of the run's results.json." },
    ...TELEMETRY_FLAGS,
    ...SIMULATION_FLAGS,
  ],
  notes: [
    'Nodes named after the graph are built with what they need; without any, everything is.',
    'Telemetry is on unless --no-enable-telemetry or OTEL_SDK_DISABLED=true.',
    'Exit codes: 0 all built; 1 something failed or was blocked, or bad input; 130 or 143 stopped by SIGINT or SIGTERM.',
  ],
};

/** `spanwright build`. */
export const BUILD_COMMAND: Command = {
  spec: SPEC,
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
    if (this.flags.bool('dry-run')) {
      const { graph, goal } = this.readGraph();
      return dryRun({ graph, goal, workers: this.workers, order: this.order() }, this.io.stdout);
    }
    return withSession(this.sessionOptions(), async (session, runners) => {
      // Before the graph is read: we are small now.
      if (this.flags.string('build-agent') !== 'test-agent') runners.warmUp(this.workers);
      const { graph, goal } = this.readGraph();
      const result = await this.build(session, runners, graph, goal);
      return this.report(session, result);
    });
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
        'scheduler.build_agent': flags.string('build-agent') || 'command-agent',
      },
      onProblem: (message) => io.stderr.write(`spanwright: warning: ${message}\n`),
    };
  }

  private readGraph(): { graph: Graph; goal: NodeId | undefined } {
    const [file, ...names] = this.flags.positional as [string, ...string[]];
    const graph = readGraph(file);
    if (names.length === 0) return { graph, goal: findGoal(graph, ALL_GOAL) };
    const members = names.map((name) => findNode(graph, name, file));
    return members.length === 1 ? { graph, goal: members[0] } : withGoal(graph, 'named on the command line', members);
  }

  private async build(
    session: Session,
    runners: RunnerPool,
    graph: Graph,
    goal: NodeId | undefined,
  ): Promise<RunBuildResult> {
    const { flags, workers } = this;
    const hasCommands = hasAnyCommand(graph);
    const simulated = flags.string('build-agent') === 'test-agent';
    if (!simulated && !hasCommands) {
      throw new UserError(
        `${flags.positional[0]}: no node has a command to run; use --build-agent test-agent to simulate a build, or \`scheduler\` for a package graph`,
      );
    }
    const output = flags.optionalString('output');
    if (hasCommands && output !== undefined && formatOf(output) === 'toolkit-dot') {
      throw new UserError(
        `--output ${output}: the graph has commands, which the toolkit's DOT cannot hold; name a .json file`,
      );
    }
    const simulation = simulated ? simulationFrom(flags) : undefined;
    const clock = simulation?.clock ?? new SystemClock();
    const display = this.display(() => clock.now());
    try {
      return await runBuild({
        session,
        graph,
        goal,
        agent: simulation?.agent ?? this.commandAgent(session, runners),
        policy: ({ kind, node }) => {
          const spec = graph.command(node);
          const timeoutMs = spec?.timeoutMs ?? flags.optionalNumber('timeout');
          return {
            attempts: spec?.attempts ?? flags.number(kind === 'test' ? 'check-attempts' : 'build-attempts'),
            timeoutMs,
          };
        },
        workers,
        clock,
        simulated: simulation?.clock !== undefined,
        durations: simulation?.durations,
        order: this.order(),
        stopOnFailure: flags.bool('stop-on-failure'),
        failOnTestFailure: hasCommands,
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

  private commandAgent(session: Session, runners: RunnerPool): BuildAgent {
    if (!session.directory) throw new Error('Internal error: expected a folder for logs, found none');
    return new CommandAgent({
      runners,
      logsDir: session.directory.logs,
      graceMs: this.flags.number('grace'),
    });
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
    if (!flags.bool('json') && !flags.bool('quiet')) {
      for (const line of textSummary(view, this.color())) say(line);
      if (directory && session.tracing)
        say(`Trace: ${directory.perfetto} (open it at https://ui.perfetto.dev), and all of the run: ${directory.path}`);
      else if (directory) say(`Results: ${directory.path}`);
      const { otlp } = session.options.settings;
      if (otlp) say(`Trace ${session.tracing?.traceId} sent to ${shownEndpoint(otlp.endpoint)}`);
    }
    if (directory) {
      leaveBehind(() => writeGraph(outcome.graph, directory.graph, 'json'), session);
      leaveBehind(() => writeFileAtomically(directory.resultsJson, resultsJson(view), NOT_SYNCED), session);
      leaveBehind(() => writeFileAtomically(directory.resultsCsv, resultsCsv(view), NOT_SYNCED), session);
    }
    const asked = (flag: string) => flags.optionalString(flag);
    const writes: [string | undefined, (file: string) => void][] = [
      [asked('output'), (file) => writeGraph(outcome.graph, file, formatOf(file))],
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

function hasAnyCommand(graph: Graph): boolean {
  for (let node = 0; node < graph.size; node++) if (graph.command(node)) return true;
  return false;
}

/** A node by its id, its goal name, or (packages) the name of its run node. */
function findNode(graph: Graph, name: string, file: string): NodeId {
  for (let node = 0; node < graph.size; node++) {
    if (graph.field(node, 'key') === name || graph.field(node, 'goalName') === name) return node;
    if (graph.type(node) === NodeType.LocalRun && graph.field(node, 'name') === name) return node;
  }
  throw new UserError(`there is no node ${JSON.stringify(name)}`, { file });
}
