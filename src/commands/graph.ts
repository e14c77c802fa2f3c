import { basename, dirname, relative } from 'node:path';
import type { FlagSpec, FlagValues } from '../config/flags';
import { cycleIn, findKnots } from '../graph/cycles';
import { subgraph } from '../graph/goals';
import type { Adjacency, Graph } from '../graph/graph';
import { NODE_TYPE_NAMES, type NodeId, NodeType } from '../graph/node';
import { specNameOf } from '../graph/package-lookup';
import { encode, type GraphFormat, readGraph, writeGraph } from '../graph/read-graph';
import { type DegreePeak, type GraphStats, graphStats, jobLabel } from '../graph/stats';
import { JobTable } from '../scheduler/job-table';
import { CyclicPlanError, Plan } from '../scheduler/plan';
import { UserError } from '../util/user-error';
import type { Command, CommandIo } from './command';

const JSON_FLAG: FlagSpec = {
  kind: 'bool',
  name: 'json',
  help: 'Print JSON for programs in place of text for people.',
};

const NAMES_NOTE = [
  'A node is named by its id (JSON), its number, its friendly name (zlib-1.3.1-1-RUN<Meta>), its package, its SRPM file or',
  'its spec. The first of these kinds that fits decides, and all nodes that it fits are meant. `zlib.spec` is always a spec.',
];

/** The commands that look at a graph and build nothing. */
export const GRAPH_COMMANDS: readonly Command[] = [
  {
    spec: {
      name: 'spanwright graph stats',
      summary: 'Measures a graph: its nodes, builds, depth, critical path and parallelism.',
      arguments: ['FILE'],
      flags: [JSON_FLAG],
      notes: [
        'Depth and levels leave goals out. The critical path is a longest chain of builds, each counted as 1; tests do not',
        'count in it. Parallelism is builds by critical path: more workers than that do not help a build of equal jobs.',
      ],
    },
    run: stats,
  },
  {
    spec: {
      name: 'spanwright graph cycles',
      summary: 'Shows where nodes need each other in a circle. Exits with 1 if there is such a circle.',
      arguments: ['FILE'],
      flags: [JSON_FLAG],
      notes: [
        'A knot is a set of nodes that all need each other. Of each, a shortest cycle through one of its nodes is shown.',
      ],
    },
    run: cycles,
  },
  {
    spec: {
      name: 'spanwright graph path',
      summary: 'Shows a shortest chain of dependencies by which one node needs another. Exits with 1 if there is none.',
      arguments: ['FILE', 'FROM', 'TO'],
      flags: [],
      notes: NAMES_NOTE,
    },
    run: path,
  },
  {
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
  },
  {
    spec: {
      name: 'spanwright graph convert',
      summary: 'Writes a graph, or a part of it, in another format.',
      arguments: ['FILE'],
      flags: [
        {
          kind: 'enum',
          name: 'to',
          values: ['toolkit-dot', 'json', 'dot'],
          required: true,
          help: "The format: the toolkit's DOT, JSON, or plain DOT to draw with Graphviz.",
        },
        {
          kind: 'string',
          name: 'output',
          required: true,
          help: 'File to write, gzipped if it ends in .gz; - is stdout.',
        },
        {
          kind: 'string',
          name: 'only',
          placeholder: 'NODE',
          help: 'Keep only this node and what it needs. The nodes kept are numbered anew.',
        },
        {
          kind: 'int',
          name: 'depth',
          placeholder: 'N',
          help: 'With --only: keep only what it needs by at most N steps. Default: no limit.',
        },
        {
          kind: 'bool',
          name: 'lossy',
          help: "Write the toolkit's DOT even where the graph has commands, which it cannot hold.",
        },
      ],
      notes: NAMES_NOTE,
    },
    run: convert,
  },
];

function stats(flags: FlagValues, io: CommandIo): number {
  const file = argument(flags, 0);
  const graph = readGraph(file);
  const measured = graphStats(graph);
  io.stdout.write(flags.bool('json') ? statsJson(graph, file, measured) : statsText(graph, file, measured));
  return 0;
}

function statsJson(graph: Graph, file: string, measured: GraphStats): string {
  const { depth, widestLevel, criticalPath, parallelism, mostNeeded, mostNeeding, knots, ...counts } = measured;
  const peak = (of: DegreePeak | undefined) => of && { ...of, label: nameOf(graph, of.node) };
  return toJson({
    file,
    ...counts,
    depth: depth ?? null,
    widestLevel: widestLevel ?? null,
    criticalPath: criticalPath ? { length: criticalPath.length, builds: criticalPath } : null,
    parallelism: parallelism ?? null,
    mostNeeded: peak(mostNeeded) ?? null,
    mostNeeding: peak(mostNeeding) ?? null,
    knots,
  });
}

function statsText(graph: Graph, file: string, measured: GraphStats): string {
  const { types, states, criticalPath } = measured;
  const shape = table([...sizeRows(measured), ...orderRows(measured), ...peakRows(graph, measured)]);
  const blocks = [printable(file), shape, countTable('type', types), countTable('state', states)];
  if (criticalPath?.length) {
    const labels = abridged(criticalPath.map(printable));
    blocks.push(['critical path', ...labels.map((label) => `  ${label}`)].join('\n'));
  }
  return `${blocks.join('\n\n')}\n`;
}

function sizeRows({ nodes, edges, builds, tests }: GraphStats): string[][] {
  return [
    ['nodes', number(nodes)],
    ['edges', number(edges)],
    ['builds', number(builds), 'one for each SRPM or command'],
    ['tests', number(tests), 'one for each SRPM or command'],
  ];
}

function orderRows({ depth, widestLevel, criticalPath, parallelism, knots }: GraphStats): string[][] {
  const why = knots > 0 ? 'undefined: the graph has cycles' : 'undefined: its builds wait for each other';
  const row = (name: string, value: number | undefined, remark: string) =>
    value === undefined ? [name, '-', why] : [name, number(value), remark];
  return [
    row('depth', depth, 'nodes on a longest chain, goals left out'),
    row('widest level', widestLevel?.nodes, `nodes, on level ${widestLevel?.level}`),
    row('critical path', criticalPath?.length, 'builds in a row, each counted as 1'),
    ['parallelism', parallelism?.toFixed(1) ?? '-', 'builds / critical path'],
  ];
}

function peakRows(graph: Graph, { mostNeeded, mostNeeding, knots, criticalPath }: GraphStats): string[][] {
  const row = (name: string, of: DegreePeak | undefined, what: string) =>
    of ? [name, number(of.degree), `${what} of ${nameOf(graph, of.node)} (node ${of.node})`] : [name, '0', what];
  return [
    row('most needed', mostNeeded, 'dependents'),
    row('most needing', mostNeeding, 'dependencies'),
    ['knots', number(knots), criticalPath ? '' : 'see spanwright graph cycles'],
  ];
}

function countTable(what: string, counts: Readonly<Record<string, number>>): string {
  return table([[what, 'nodes'], ...Object.entries(counts).map(([name, count]) => [name, number(count)])]);
}

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
    io.stdout.write(toJson({ file, knots: knots.map((knot) => knotJson(graph, jobs, knot)) }));
  } else if (knots.length === 0) {
    io.stdout.write('no cycles\n');
  } else {
    const blocks = knots.map((knot, i) => `knot ${i + 1}: ${knotText(graph, jobs, knot)}`);
    io.stdout.write(`${[count(knots.length, 'knot'), ...blocks].join('\n\n')}\n`);
  }
  return knots.length === 0 ? 0 : 1;
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

function path(flags: FlagValues, io: CommandIo): number {
  const file = argument(flags, 0);
  const [fromName, toName] = [argument(flags, 1), argument(flags, 2)];
  const graph = readGraph(file);
  const from = findNodes(graph, fromName, file);
  const to = new Set(findNodes(graph, toName, file));
  const chain = shortestChain(graph.dependencies, from, (node) => to.has(node));
  if (chain) {
    io.stdout.write(chainText(graph, chain));
    return 0;
  }
  const sources = new Set(from);
  const opposite = shortestChain(graph.dependencies, [...to], (node) => sources.has(node));
  const hint = opposite ? `, but ${printable(toName)} needs ${printable(fromName)}` : '';
  io.stdout.write(`${printable(fromName)} does not need ${printable(toName)}${hint}\n`);
  return 1;
}

/** A shortest chain along edges from any of these nodes to a wanted one, at least one step long. */
function shortestChain(
  { offsets, targets }: Adjacency,
  from: readonly NodeId[],
  wanted: (node: NodeId) => boolean,
): NodeId[] | undefined {
  const cameFrom = new Int32Array(offsets.length - 1).fill(-1);
  for (const node of from) cameFrom[node] = node;
  const queue = [...from];
  for (const node of queue) {
    for (const next of targets.subarray(offsets[node], offsets[node + 1])) {
      if (wanted(next)) return [...chainBack(cameFrom, node), next];
      if (cameFrom[next] !== -1) continue;
      cameFrom[next] = node;
      queue.push(next);
    }
  }
  return undefined;
}

function chainBack(cameFrom: Int32Array, end: NodeId): NodeId[] {
  const chain = [end];
  for (let node = end; cameFrom[node] !== node; ) {
    node = cameFrom[node] as NodeId;
    chain.push(node);
  }
  return chain.reverse();
}

function chainText(graph: Graph, chain: readonly NodeId[]): string {
  const rows = chain.map((node, i) => [
    i === 0 ? 'from' : edgeKind(graph, chain[i - 1] as NodeId, node),
    nameOf(graph, node),
  ]);
  return rows.map(([kind, name]) => `${(kind as string).padEnd(15)}${name}\n`).join('');
}

/** Why one node needs another: in the words of spec files, where they have one. */
function edgeKind(graph: Graph, dependent: NodeId, dependency: NodeId): string {
  switch (graph.type(dependent)) {
    case NodeType.LocalBuild:
      return graph.hasPackage(dependent) && !graph.command(dependent) ? 'BuildRequires' : 'needs';
    case NodeType.LocalRun:
      return graph.type(dependency) === NodeType.LocalBuild ? 'built by' : 'Requires';
    case NodeType.Test:
      return 'test';
    case NodeType.Goal:
      return 'goal';
    default:
      return 'needs';
  }
}

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

function convert(flags: FlagValues, io: CommandIo): number {
  const file = argument(flags, 0);
  const to = flags.string('to') as GraphFormat;
  const output = flags.string('output');
  const graph = partOf(readGraph(file), flags, file);
  const hasCommands = graph.types.some((_, node) => graph.command(node) !== undefined);
  if (to === 'toolkit-dot' && hasCommands && !flags.bool('lossy')) {
    const message =
      "the graph has commands, which the toolkit's DOT cannot hold; write JSON, or give --lossy to lose them";
    throw new UserError(message, { file });
  }
  if (output === '-') {
    for (const chunk of encode(graph, to)) io.stdout.write(chunk);
    return 0;
  }
  writeGraph(graph, output, to);
  io.stderr.write(`${printable(output)}: ${count(graph.size, 'node')}, ${count(graph.edgeCount, 'edge')}\n`);
  if (to === 'json' && hasCommands && relative(dirname(file), dirname(output)) !== '') {
    io.stderr.write(
      `note: commands run in the folder of their graph file, which is not that of ${printable(file)} any more\n`,
    );
  }
  return 0;
}

/** The part of a graph that `--only` and `--depth` ask for. */
function partOf(graph: Graph, flags: FlagValues, file: string): Graph {
  const only = flags.optionalString('only');
  const depth = flags.optionalNumber('depth');
  if (depth !== undefined) {
    if (depth < 0) throw new UserError(`flag '--depth': expected a number from 0 on, got ${depth}`);
    if (only === undefined) throw new UserError('--depth counts steps from a node: give --only NODE too');
  }
  if (only === undefined) return graph;
  return subgraph(graph, withinSteps(graph, findNodes(graph, only, file), depth)).graph;
}

/** The nodes and what they need by so many steps, ascending. */
function withinSteps(graph: Graph, nodes: readonly NodeId[], steps = graph.size): NodeId[] {
  const found = new Set(nodes);
  let frontier: readonly NodeId[] = nodes;
  for (let step = 0; step < steps && frontier.length > 0; step++) {
    const next: NodeId[] = [];
    for (const node of frontier) {
      for (const dependency of graph.dependenciesOf(node)) {
        if (found.has(dependency)) continue;
        found.add(dependency);
        next.push(dependency);
      }
    }
    frontier = next;
  }
  return [...found].sort((a, b) => a - b);
}

/** What a person may call a node by, the most exact first. */
const NAMINGS: readonly ((graph: Graph, node: NodeId) => string)[] = [
  (graph, node) => graph.field(node, 'key'),
  (_, node) => String(node),
  (graph, node) => graph.friendlyName(node),
  (graph, node) => graph.field(node, 'name'),
  (graph, node) => basename(graph.srpmPath(node)),
  specNameOf,
  (graph, node) => basename(graph.field(node, 'specPath')),
];

/**
 * All nodes that a name means; see {@link NAMES_NOTE}.
 *
 * @throws UserError with similar names, where it means none
 */
function findNodes(graph: Graph, name: string, file: string): NodeId[] {
  for (const naming of name === '' ? [] : NAMINGS) {
    const found: NodeId[] = [];
    for (let node = 0; node < graph.size; node++) if (naming(graph, node) === name) found.push(node);
    if (found.length > 0) return found;
  }
  const similar = similarNames(graph, name).map(printable);
  const hint = similar.length > 0 ? `; similar: ${similar.join(', ')}` : '';
  throw new UserError(`no node, package, SRPM or spec is called '${printable(name)}'${hint}`, { file });
}

/** Likening takes the square of a name's length; no name is longer than this by a slip of the hand. */
const LONGEST_LIKENED_NAME = 200;

/** Up to three names that are few edits away from this one, or begin like it; the nearest first. */
function similarNames(graph: Graph, name: string): string[] {
  if (name.length > LONGEST_LIKENED_NAME) return [];
  const wanted = name.toLowerCase();
  const limit = Math.min(Math.max(2, Math.floor(wanted.length / 3)), wanted.length - 1);
  const distances = new Map<string, number>();
  for (const naming of NAMINGS) {
    for (let node = 0; node < graph.size; node++) {
      const candidate = naming(graph, node);
      if (candidate === '' || candidate === String(node) || distances.has(candidate)) continue;
      distances.set(candidate, distanceTo(candidate.toLowerCase(), wanted, limit));
    }
  }
  return [...distances]
    .filter(([, distance]) => distance <= limit)
    .sort(([a, near], [b, far]) => near - far || a.length - b.length || (a < b ? -1 : 1))
    .slice(0, 3)
    .map(([candidate]) => candidate);
}

/** A name's beginning counts as a name, but one edit further away. */
function distanceTo(candidate: string, wanted: string, limit: number): number {
  const whole = editDistance(wanted, candidate, limit);
  if (whole <= 1 || candidate.length <= wanted.length) return whole;
  return Math.min(whole, 1 + editDistance(wanted, candidate.slice(0, wanted.length), limit));
}

/** How many letters to put in, take out or change to make one text the other; Infinity where it is more than the limit. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    if (Math.min(...next) > limit) return Number.POSITIVE_INFINITY;
    row = next;
  }
  return row[b.length] as number;
}

/** A node's name as its author or the toolkit gave it. */
function nameOf(graph: Graph, node: NodeId): string {
  return printable((isToolkits(graph, node) && graph.friendlyName(node)) || graph.label(node));
}

function isToolkits(graph: Graph, node: NodeId): boolean {
  if (graph.command(node)) return false;
  const key = graph.field(node, 'key');
  if (graph.hasPackage(node) || key === '') return true;
  // A toolkit graph that was converted to JSON has its numbers for ids.
  const type = graph.type(node);
  return key === String(node) && (type === NodeType.Goal || type === NodeType.PureMeta);
}

const ABRIDGED_ENDS = 30;

/** All of a list a person can read; of a longer one its two ends. */
function abridged(items: readonly string[]): readonly string[] {
  const left = items.length - 2 * ABRIDGED_ENDS;
  if (left <= 1) return items;
  return [...items.slice(0, ABRIDGED_ENDS), `… ${number(left)} more …`, ...items.slice(-ABRIDGED_ENDS)];
}

/** Rows of a name, a number and a remark, one below the other. */
function table(rows: readonly (readonly string[])[]): string {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const [names, numbers] = [width(0), width(1)];
  return rows
    .map(([name = '', value = '', remark = '']) =>
      `${name.padEnd(names)}  ${value.padStart(numbers)}  ${remark}`.trimEnd(),
    )
    .join('\n');
}

function argument(flags: FlagValues, at: number): string {
  return flags.positional[at] as string;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

function count(value: number, what: string): string {
  return `${number(value)} ${what}${value === 1 ? '' : 's'}`;
}

/** Names come from files; none may break a line or drive the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
