import type { FlagValues } from '../../config/flags';
import { readGraph } from '../../graph/formats/read-graph';
import type { Graph } from '../../graph/graph';
import { type NodeId, NodeType } from '../../graph/node';
import { jobLabel } from '../../graph/stats';
import { JobTable } from '../../scheduler/job-table';
import { UserError } from '../../util/user-error';
import type { Command, CommandIo } from '../command';
import { chainText, edgeKind, shortestChain } from './chain';
import { findNodes, NAMES_NOTE } from './find-nodes';
import { argument, count, nameOf, number, printable } from './show';

export const GRAPH_WHY_COMMAND: Command = {
  spec: {
    name: 'spanwright graph why',
    summary: 'Shows who needs a node, by kind of dependency, and a chain that leads to it from a goal.',
    arguments: ['FILE', 'NODE'],
    flags: [
      { kind: 'int', name: 'most', placeholder: 'N', default: 20, help: 'How many dependents of each kind to list.' },
    ],
    notes: NAMES_NOTE,
  },
  run: why,
};

function why(flags: FlagValues, io: CommandIo): number {
  const file = argument(flags, 0);
  const most = flags.number('most');
  if (most < 0) throw new UserError(`flag '--most': expected a number from 0 on, got ${most}`);
  const graph = readGraph(file);
  const nodes = findNodes(graph, argument(flags, 1), file);
  const groups = directDependents(graph, nodes);
  const names = nodes.map((node) => `${nameOf(graph, node)} (node ${node})`);
  const blocks = [
    listed(names, Math.max(most, 1)).join('\n'),
    groups.length === 0 ? 'nothing else needs it' : transitiveText(graph, nodes),
    ...groups.map((group) => groupText(group, most)),
    ...chainFromAbove(graph, nodes),
  ];
  io.stdout.write(`${blocks.join('\n\n')}\n`);
  return 0;
}

/** Dependents of one kind. Nodes of one job have one label. */
interface DependentGroup {
  readonly kind: string;
  nodes: number;
  readonly labels: Set<string>;
}

function directDependents(graph: Graph, nodes: readonly NodeId[]): DependentGroup[] {
  const own = new Set(nodes);
  const groups = new Map<string, DependentGroup>();
  const counted = new Set<string>();
  for (const node of nodes) {
    for (const dependent of graph.dependentsOf(node)) {
      const kind = edgeKind(graph, dependent, node);
      if (own.has(dependent) || counted.has(`${dependent} ${kind}`)) continue;
      counted.add(`${dependent} ${kind}`);
      const group = groups.get(kind) ?? { kind, nodes: 0, labels: new Set<string>() };
      groups.set(kind, group);
      group.nodes++;
      group.labels.add(graph.isWork(dependent) ? printable(jobLabel(graph, dependent)) : nameOf(graph, dependent));
    }
  }
  return [...groups.values()].sort((a, b) => b.nodes - a.nodes);
}

function groupText({ kind, nodes, labels }: DependentGroup, most: number): string {
  const noun = kind === 'BuildRequires' ? 'build' : kind === 'test' ? 'test' : undefined;
  const inNodes = noun === undefined || labels.size === nodes ? '' : ` (${count(nodes, 'node')})`;
  const head = noun === undefined ? count(nodes, 'node') : `${count(labels.size, noun)}${inNodes}`;
  return [`${kind}: ${head}`, ...listed([...labels], most).map((label) => `  ${label}`)].join('\n');
}

function listed(items: readonly string[], most: number): string[] {
  if (items.length <= most) return [...items];
  return [...items.slice(0, most), `and ${number(items.length - most)} more`];
}

function transitiveText(graph: Graph, nodes: readonly NodeId[]): string {
  const { builds, tests } = transitiveDependents(graph, nodes);
  return `needed, directly or not, by ${count(builds, 'build')} and ${count(tests, 'test')}`;
}

/** How many jobs cannot be done before these nodes. A job waits for what any of its nodes needs. */
function transitiveDependents(graph: Graph, nodes: readonly NodeId[]): { builds: number; tests: number } {
  const jobs = JobTable.of(graph);
  const seen = new Uint8Array(graph.size);
  const found = new Set<number>();
  const stack: NodeId[] = [];
  const visit = (node: NodeId) => {
    if (seen[node] === 1) return;
    seen[node] = 1;
    stack.push(node);
  };
  nodes.forEach(visit);
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    for (const dependent of graph.dependentsOf(node)) {
      const job = jobs.jobOf(dependent);
      if (job < 0) visit(dependent);
      else if (!found.has(job)) {
        found.add(job);
        jobs.nodesOf(job).forEach(visit);
      }
    }
  }
  for (const node of nodes) found.delete(jobs.jobOf(node));
  const tests = [...found].filter((job) => jobs.isTest(job)).length;
  return { builds: found.size - tests, tests };
}

/** A shortest chain to one of these nodes from a goal or, where no goal needs them, from a node that nothing needs. */
function chainFromAbove(graph: Graph, nodes: readonly NodeId[]): string[] {
  const { dependents } = graph;
  const own = new Set(nodes);
  const isGoal = (node: NodeId) => graph.types[node] === NodeType.Goal;
  const isRoot = (node: NodeId) => dependents.offsets[node] === dependents.offsets[node + 1] && !own.has(node);
  const fromGoal = shortestChain(dependents, nodes, isGoal);
  const chain = fromGoal ?? shortestChain(dependents, nodes, isRoot);
  if (!chain) return [];
  const top = fromGoal ? 'a goal' : 'a node that nothing needs';
  return [`a shortest chain from ${top}:\n${chainText(graph, chain.reverse()).trimEnd()}`];
}
