import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { readGraph, writeGraph } from '../../src/graph/formats/read-graph';
import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { NodeState, NodeType } from '../../src/graph/node';
import { type CommandOptions, type CommandResult, type RunningCommand, runCommand, startCommand } from './command';

/** Flags to change: a text sets one, true gives one without a value, undefined leaves a required one out. */
export type FlagChanges = Readonly<Record<string, string | true | undefined>>;

/** A folder with everything that the scheduler's required flags name, and runs of the scheduler in it. */
export class ToolkitRun {
  readonly rpmDir: string;
  readonly logsDir: string;
  readonly outputFile: string;
  readonly csvFile: string;

  constructor(
    readonly dir: string,
    /** The graph, or where it is. */
    graph: Graph | string,
    private readonly worker: string = fakeWorker(dir),
  ) {
    for (const name of ['rpms', 'toolchain', 'cache', 'logs', 'work', 'srpms'])
      mkdirSync(this.path(name), { recursive: true });
    for (const name of ['worker.tar.gz', 'local.repo']) writeFileSync(this.path(name), '');
    this.rpmDir = this.path('rpms');
    this.logsDir = this.path('logs');
    this.outputFile = this.path('built.dot');
    this.csvFile = this.path('state.csv');
    if (typeof graph === 'string') copyFileSync(graph, this.input(graph));
    else writeGraph(graph, this.input(), 'toolkit-dot');
    this.graphFile = this.input(typeof graph === 'string' ? graph : '');
  }

  readonly graphFile: string;

  path(name: string): string {
    return join(this.dir, name);
  }

  flags(changes: FlagChanges = {}): string[] {
    const all: FlagChanges = {
      input: this.graphFile,
      output: this.outputFile,
      'output-build-state-csv-file': this.csvFile,
      'work-dir': this.path('work'),
      'worker-tar': this.path('worker.tar.gz'),
      'repo-file': this.path('local.repo'),
      'rpm-dir': this.rpmDir,
      'toolchain-rpms-dir': this.path('toolchain'),
      'srpm-dir': this.path('srpms'),
      'cache-dir': this.path('cache'),
      'build-logs-dir': this.logsDir,
      'dist-tag': '.azl3',
      'distro-release-version': '3.0.20260428',
      'distro-build-number': '20260428.1',
      'build-agent': 'chroot-agent',
      'build-agent-program': this.worker,
      'license-check-mode': 'none',
      workers: '2',
      ...changes,
    };
    return Object.entries(all).flatMap(([name, value]) =>
      value === undefined ? [] : [value === true ? `--${name}` : `--${name}=${value}`],
    );
  }

  run(changes: FlagChanges = {}, options: Partial<CommandOptions> = {}): Promise<CommandResult> {
    return runCommand('scheduler', this.flags(changes), { cwd: this.dir, ...options });
  }

  start(changes: FlagChanges = {}, options: Partial<CommandOptions> = {}): RunningCommand {
    return startCommand('scheduler', this.flags(changes), { cwd: this.dir, ...options });
  }

  csv(): string {
    return readFileSync(this.csvFile, 'utf8');
  }

  output(): Graph {
    return readGraph(this.outputFile);
  }

  private input(like = ''): string {
    return this.path(like.endsWith('.gz') ? 'graph.dot.gz' : 'graph.dot');
  }
}

/**
 * The stand-in for the toolkit's worker: compiled from the shared tools where they and a compiler are here, for it starts in a
 * millisecond; else the script beside this file, which does the same.
 */
export function fakeWorker(dir: string): string {
  const source = resolve(__dirname, '../../../shared/tools/fake_worker.c');
  const program = join(dir, 'fake-worker');
  if (!existsSync(program) && existsSync(source)) spawnSync('cc', ['-O1', '-o', program, source]);
  return existsSync(program) ? program : join(__dirname, 'fake-worker.cjs');
}

/**
 * A worker of one's own, in shell. It finds `$srpm` (the SRPM's file name), `$name` (the package's name), `$log`, and `$check`,
 * which is 1 in tests. Everything else is up to the script.
 */
export function shellWorker(dir: string, script: string, name = 'worker.sh'): string {
  const program = join(dir, name);
  writeFileSync(
    program,
    `#!/bin/sh
check=0
for word in "$@"; do
  case "$word" in
    --input=*) srpm="\${word##*/}";;
    --base-package-name=*) name="\${word#*=}";;
    --log-file=*) log="\${word#*=}";;
    --run-check) check=1;;
  esac
done
${script}
`,
  );
  chmodSync(program, 0o755);
  return program;
}

export interface SamplePackage {
  /** Packages it needs to be built. `cached:x` comes from the cache; what is no package of the graph, nobody provides. */
  readonly needs?: readonly string[];
  /** Packages it needs to be installed. */
  readonly requires?: readonly string[];
  readonly test?: boolean;
  /** Further packages of the same SRPM. */
  readonly also?: readonly string[];
}

/** A toolkit graph of packages, each at version 1.0-1, and the goal of all of them. RPMs lie in `rpmDir`. */
export function packageGraph(packages: Readonly<Record<string, SamplePackage>>, rpmDir: string): Graph {
  const builder = new GraphBuilder();
  const runs = new Map<string, number>();
  const tests: number[] = [];
  const remotes = new Map<string, number>();
  const record = (spec: string, name: string) => ({
    name,
    version: '1.0-1',
    srpmPath: `/srpms/${spec}-1.0-1.src.rpm`,
    rpmPath: join(rpmDir, `x86_64/${name}-1.0-1.x86_64.rpm`),
    specPath: `/specs/${spec}/${spec}.spec`,
    sourceDir: `/specs/${spec}`,
    architecture: 'x86_64',
    sourceRepo: '<LOCAL_REPO>',
  });
  const builds = new Map<string, number[]>();
  for (const [spec, { also = [], test }] of Object.entries(packages)) {
    for (const name of [spec, ...also]) {
      const run = builder.addNode({ type: NodeType.LocalRun, state: NodeState.Meta, ...record(spec, name) });
      const build = builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Build, ...record(spec, name) });
      builder.addDependency(run, build);
      runs.set(name, run);
      builds.set(spec, [...(builds.get(spec) ?? []), build]);
    }
    if (!test) continue;
    const node = builder.addNode({
      type: NodeType.Test,
      state: NodeState.Build,
      ...record(spec, spec),
      rpmPath: '<NO_RPM_PATH>',
    });
    builder.addDependency(node, (builds.get(spec) as number[])[0] as number);
    tests.push(node);
  }
  const provider = (name: string): number => {
    const known = runs.get(name) ?? remotes.get(name);
    if (known !== undefined) return known;
    const cached = name.startsWith('cached:');
    const bare = cached ? name.slice('cached:'.length) : name;
    const node = builder.addNode({
      type: NodeType.RemoteRun,
      state: cached ? NodeState.Cached : NodeState.Unresolved,
      name: bare,
      implicit: /\(.*\)|^\//.test(bare),
      rpmPath: cached ? `/cache/${bare}.rpm` : '<NO_RPM_PATH>',
      srpmPath: '<NO_SRPM_PATH>',
      sourceRepo: '<NO_SOURCE_REPO>',
    });
    remotes.set(name, node);
    return node;
  };
  for (const [spec, { needs = [], requires = [] }] of Object.entries(packages)) {
    for (const build of builds.get(spec) ?? []) for (const name of needs) builder.addDependency(build, provider(name));
    for (const name of requires) builder.addDependency(runs.get(spec) as number, provider(name));
  }
  const goal = builder.addNode({
    type: NodeType.Goal,
    state: NodeState.Meta,
    goalName: 'ALL',
    srpmPath: '<NO_SRPM_PATH>',
    rpmPath: '<NO_RPM_PATH>',
    sourceRepo: '<NO_SOURCE_REPO>',
  });
  for (const node of [...runs.values(), ...tests]) builder.addDependency(goal, node);
  return builder.build();
}

/** A graph like the one in the file, whose RPMs lie below a folder instead of below `/azl`, as empty files. */
export function placeRpms(graphFile: string, dir: string): Graph {
  const graph = readGraph(graphFile);
  const builder = new GraphBuilder(graph.info);
  for (let node = 0; node < graph.size; node++) {
    const record = graph.record(node);
    const rpm = record.rpmPath ?? '';
    if (!rpm.startsWith('/azl')) {
      builder.addNode(record);
      continue;
    }
    const rpmPath = join(dir, rpm);
    mkdirSync(dirname(rpmPath), { recursive: true });
    writeFileSync(rpmPath, '');
    builder.addNode({ ...record, rpmPath });
  }
  for (let node = 0; node < graph.size; node++)
    for (const dependency of graph.dependenciesOf(node)) builder.addDependency(node, dependency);
  return builder.build();
}

export interface StateRow {
  readonly package: string;
  readonly state: string;
  readonly blockers: readonly string[];
  readonly isTest: boolean;
}

/** The rows of a build-state CSV. Package names have no commas, so splitting will do. */
export function stateRows(csv: string): StateRow[] {
  const [head, ...lines] = csv.split('\n').filter(Boolean);
  if (head !== 'Package,State,Blocker,IsTest') throw new Error(`not the header of a build-state CSV: ${head}`);
  return lines.map((line) => {
    const [name = '', state = '', blockers = '', isTest = ''] = line.split(',');
    return { package: name, state, blockers: blockers.split(' ').filter(Boolean), isTest: isTest === '1' };
  });
}

/** A build-state CSV in the form of the golden files: `Package,IsTest,State,Blockers`, sorted, blockers without duplicates. */
export function normalized(csv: string): string[] {
  return stateRows(csv)
    .map((row) =>
      [row.package, row.isTest ? '1' : '0', row.state, [...new Set(row.blockers)].sort().join(' ')].join(','),
    )
    .sort();
}
