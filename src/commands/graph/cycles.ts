import { existsSync } from 'node:fs';
import type { FlagValues } from '../../config/flags';
import { cycleIn, findKnots } from '../../graph/cycles/cycles';
import type { KnotReport } from '../../graph/cycles/knot-report';
import { type CycleFix, resolveCycles, UnresolvableCyclesError } from '../../graph/cycles/resolve-cycles';
import { readGraph } from '../../graph/formats/read-graph';
import type { Graph } from '../../graph/graph';
import { NODE_TYPE_NAMES, type NodeId, NodeType } from '../../graph/node';
import { jobLabel } from '../../graph/stats';
import { JobTable } from '../../scheduler/job-table';
import { Plan } from '../../scheduler/plan';
import { CyclicPlanError } from '../../scheduler/plan-order';
import type { Command, CommandIo } from '../command';
import { abridged, argument, count, JSON_FLAG, nameOf, number, printable, toJson } from './show';

export const GRAPH_CYCLES_COMMAND: Command = {
  spec: {
    name: 'spanwright graph cycles',
    summary: 'Shows where nodes need each other in a circle. Exits with 1 if there is such a circle.',
    arguments: ['FILE'],
    flags: [JSON_FLAG],
    notes: [
      'A knot is a set of nodes that all need each other. Of each, a shortest cycle through one of its nodes is shown. Then it is told how a build',
      'resolves them: run nodes become one, and builds are cut loose from packages whose RPMs are all on disk. Where that does not do, the fewest',
      'RPM files are named that would.',
    ],
  },
  run: cycles,
};

/** Nodes that all need each other, and one cycle among them, whose last node is its first again. */
interface Knot {
  readonly nodes: readonly NodeId[];
  readonly cycle: readonly NodeId[];
  readonly name: (graph: Graph, node: NodeId) => string;
}

function cycles(flags: FlagValues, io: CommandIo): number {
  const file = argument(flags, 0);
  const graph = readGraph(file);
  const knots = knotsOf(graph);
  const jobs = JobTable.of(graph);
  if (flags.bool('json')) {
    io.stdout.write(toJson({ file, knots: knots.map((knot) => knotJson(graph, jobs, knot)), ...resolutionOf(graph) }));
  } else if (knots.length === 0) {
    io.stdout.write('no cycles\n');
  } else {
    const blocks = knots.map((knot, i) => `knot ${i + 1}: ${knotText(graph, jobs, knot)}`);
    io.stdout.write(`${[count(knots.length, 'knot'), ...blocks, resolutionText(graph)].join('\n\n')}\n`);
  }
  return knots.length === 0 ? 0 : 1;
}

interface Resolution {
  readonly fixes: readonly CycleFix[];
  /** Knots that a build could not resolve. */
  readonly stuck: readonly KnotReport[];
  readonly message?: string;
}

function resolutionOf(graph: Graph): Resolution {
  try {
    return { fixes: resolveCycles(graph, { isOnDisk: existsSync }).fixes, stuck: [] };
  } catch (error) {
    if (!(error instanceof UnresolvableCyclesError)) throw error;
    return { fixes: [], stuck: error.knots, message: error.message };
  }
}

function resolutionText(graph: Graph): string {
  const { fixes, message } = resolutionOf(graph);
  if (message !== undefined) return `A build is refused: ${message}`;
  const ofKind = (kind: CycleFix['kind']) => count(fixes.filter((fix) => fix.kind === kind).length, 'fix');
  return `A build resolves them: ${ofKind('run-only')} of run nodes that become one, ${ofKind('prebuilt')} by RPMs on disk.`;
}

function knotsOf(graph: Graph): Knot[] {
  const knots = findKnots(graph);
  if (knots.length === 0) return knotOfJobs(graph);
  return knots.map((nodes) => ({ nodes, cycle: cycleIn(graph, buildFirst(graph, nodes)), name: nameOf }));
}

/** What keeps a build from starting is a cycle through a build: let that be the one to show. */
function buildFirst(graph: Graph, knot: readonly NodeId[]): readonly NodeId[] {
  const build = knot.find((node) => graph.types[node] === NodeType.LocalBuild);
  return build === undefined ? knot : [build, ...knot];
}

/** Nodes may be without a cycle where the jobs that they form are not, and such a graph cannot be built either. */
function knotOfJobs(graph: Graph): Knot[] {
  try {
    new Plan(graph);
    return [];
  } catch (error) {
    if (!(error instanceof CyclicPlanError)) throw error;
    const { cycle } = error;
    const name = (_: Graph, node: NodeId) =>
      graph.isWork(node) ? printable(jobLabel(graph, node)) : nameOf(graph, node);
    return [{ nodes: [...new Set(cycle.slice(0, -1))], cycle, name }];
  }
}

function buildsOf(graph: Graph, jobs: JobTable, nodes: Iterable<NodeId>): Set<number> {
  const builds = new Set<number>();
  for (const node of nodes) if (graph.types[node] === NodeType.LocalBuild) builds.add(jobs.jobOf(node));
  return builds;
}

function typesOf(graph: Graph, nodes: readonly NodeId[]): Record<string, number> {
  const types: Record<string, number> = {};
  for (const node of nodes) {
    const name = NODE_TYPE_NAMES[graph.type(node)] as string;
    types[name] = (types[name] ?? 0) + 1;
  }
  return types;
}

function knotJson(graph: Graph, jobs: JobTable, { nodes, cycle, name }: Knot): unknown {
  return {
    size: nodes.length,
    types: typesOf(graph, nodes),
    builds: buildsOf(graph, jobs, nodes).size,
    cycle: cycle.map((node) => ({ node, label: name(graph, node) })),
    nodes,
  };
}

function knotText(graph: Graph, jobs: JobTable, { nodes, cycle, name }: Knot): string {
  const types = typesOf(graph, nodes);
  const builds = buildsOf(graph, jobs, nodes).size;
  const kinds = Object.entries(types).map(([type, nodesOfType]) => `${type} ${number(nodesOfType)}`);
  const without = types.LocalRun === nodes.length ? 'only run nodes' : 'no builds';
  const what = builds > 0 ? `a build cycle of ${count(builds, 'build')}` : without;
  const labels = abridged(cycle.map((node) => name(graph, node)));
  return `${count(nodes.length, 'node')} (${kinds.join(', ')}), ${what}\n  ${labels.join(' -> ')}`;
}
