import { statSync } from 'node:fs';
import type { FlagValues } from '../config/flags';
import { prepareBuildGoal } from '../graph/build-goal';
import { checkPackages } from '../graph/check-packages';
import { readGraph } from '../graph/formats/read-graph';
import { ALL_GOAL, findGoal, subgraph, withGoal } from '../graph/goals';
import type { Graph } from '../graph/graph';
import { type NodeId, NodeType } from '../graph/node';
import { type PackageLists, resolveLists } from '../graph/package-lists';
import { graphFromSpecFolder, packageGraphNoticeText } from '../rpm/package-graph';
import type { RunTool } from '../rpm/run-tool';
import { UserError } from '../util/user-error';
import { withKnownNames } from './known-names';
import { withoutCycles } from './package-run';
import { packageGraphOptions, specRecordsOptions } from './spec-flags';

export type AgentName = 'command-agent' | 'rpmbuild-agent' | 'test-agent';

const NO_LISTS: PackageLists = {
  packages: [],
  rebuildPackages: [],
  ignoredPackages: [],
  tests: [],
  rerunTests: [],
  ignoredTests: [],
};

/** What `spanwright build` is to build, and with what. */
export interface BuildTarget {
  readonly kind: 'commands' | 'packages';
  readonly agent: AgentName;
  readonly graph: Graph;
  readonly goal: NodeId | undefined;
  /** The goal that was asked for, where more is built to find out who provides a name below it. */
  readonly requested?: NodeId;
}

/** Reads the graph file, or the folder of spec files, and what is wanted of it. */
export async function readBuildTarget(
  flags: FlagValues,
  runTool: RunTool,
  onNotice: (message: string) => void,
): Promise<BuildTarget> {
  const [file, ...names] = flags.positional as [string, ...string[]];
  const graph = isFolder(file) ? await readSpecFolder(flags, file, runTool, onNotice) : readGraph(file);
  const kind = hasAnyCommand(graph) ? 'commands' : 'packages';
  const agent = agentFor(flags);
  if (kind === 'packages' && agent === 'command-agent') {
    throw new UserError(
      `${file}: no node has a command to run; use --build-agent test-agent to simulate a build, rpmbuild-agent to build its packages, ` +
        'or `scheduler` for a package graph',
    );
  }
  if (kind === 'commands' && agent === 'rpmbuild-agent') {
    throw new UserError(`${file}: rpmbuild-agent builds packages, and this graph is one of commands`);
  }
  if (agent === 'rpmbuild-agent') {
    const known = await withKnownNames(withoutCycles(graph, onNotice), runTool, onNotice);
    return { kind, agent, ...packageGoal(known, names) };
  }
  if (names.length === 0) return { kind, agent, graph, goal: findGoal(graph, ALL_GOAL) };
  const members = names.map((name) => findNode(graph, name, file));
  const named =
    members.length === 1 ? { graph, goal: members[0] } : withGoal(graph, 'named on the command line', members);
  return { kind, agent, ...named };
}

export function agentFor(flags: FlagValues): AgentName {
  const asked = flags.optionalString('build-agent') as AgentName | undefined;
  return asked ?? (isFolder(flags.positional[0] as string) ? 'rpmbuild-agent' : 'command-agent');
}

/** Names of packages and specs, looked up as `scheduler --packages` does. */
function packageGoal(graph: Graph, names: readonly string[]) {
  const lists = { ...NO_LISTS, packages: names };
  const given = names.length === 0 ? graph : withoutOtherTests(graph, lists);
  const options = { extraLayers: 0, cachedImplicitWillDo: false };
  const { graph: prepared, goal, requested } = prepareBuildGoal(given, lists, options);
  return { graph: prepared, goal, requested };
}

/** Who names packages means their tests, and no others. To the lists, no test at all is every test. */
function withoutOtherTests(graph: Graph, lists: PackageLists): Graph {
  const checked = checkPackages(graph);
  const { builds } = resolveLists(checked.graph, checked.lookup, lists);
  const named = new Set(builds.map((node) => checked.graph.srpmPath(node)));
  const isWanted = (node: NodeId) => graph.type(node) !== NodeType.Test || named.has(graph.srpmPath(node));
  return subgraph(graph, Array.from({ length: graph.size }, (_, node) => node).filter(isWanted)).graph;
}

async function readSpecFolder(
  flags: FlagValues,
  folder: string,
  runTool: RunTool,
  onNotice: (message: string) => void,
): Promise<Graph> {
  const hostProvides = flags.given.has('host-provides') ? flags.bool('host-provides') : true;
  const options = { ...specRecordsOptions(flags), ...packageGraphOptions(flags), hostProvides };
  const { graph, notices } = await graphFromSpecFolder(folder, options, runTool);
  for (const notice of notices) onNotice(packageGraphNoticeText(notice));
  return graph;
}

/** What is not there is no folder: whoever reads it says so. */
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
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
