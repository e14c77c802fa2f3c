import { basename } from 'node:path';
import { findKnots } from './cycles/cycles';
import type { Graph } from './graph';
import { NODE_STATE_NAMES, NODE_TYPE_NAMES, type NodeId, NodeType } from './node';

/** A node that many others, or that needs many others. */
export interface DegreePeak {
  readonly node: NodeId;
  readonly degree: number;
}

/** The shape of a graph in numbers. */
export interface GraphStats {
  readonly nodes: number;
  readonly edges: number;
  /** How many nodes are of each type and state, by name, without the ones that are none. */
  readonly types: Readonly<Record<string, number>>;
  readonly states: Readonly<Record<string, number>>;
  /** Builds to run: all build nodes of one SRPM are one, and each command is one. */
  readonly builds: number;
  readonly tests: number;
  /** Nodes on a longest chain of dependencies, goals left out. Undefined in a cyclic graph. */
  readonly depth: number | undefined;
  /** The level of most nodes; level 0 needs nothing, each node is one above the highest it needs. Undefined in a cyclic graph. */
  readonly widestLevel: { readonly level: number; readonly nodes: number } | undefined;
  /** A longest chain of builds by label, the first to be built first. Undefined where builds need each other in a circle. */
  readonly criticalPath: readonly string[] | undefined;
  /** How many builds there are for each one on the critical path. Undefined without such a path. */
  readonly parallelism: number | undefined;
  /** The node with most dependents, and the one with most dependencies; goals left out. */
  readonly mostNeeded: DegreePeak | undefined;
  readonly mostNeeding: DegreePeak | undefined;
  /** Strongly connected components that hold a cycle. */
  readonly knots: number;
}

/** Measures a graph in time linear in its nodes and edges. */
export function graphStats(graph: Graph): GraphStats {
  const jobs = groupNodes(graph, jobKey);
  const jobOrder = topologicalOrder(graph, jobs);
  // Nodes may be without a cycle where the jobs that they form are not: A1 needs B1, and B2 needs A2.
  const single = jobOrder ? jobs : groupNodes(graph, () => '');
  const order = jobOrder ?? topologicalOrder(graph, single);
  const widths = order && levelWidths(graph, single, order);
  const criticalPath = jobOrder && longestBuildChain(graph, jobs, jobOrder);
  const builds = countGroups(graph, jobs, NodeType.LocalBuild);
  return {
    nodes: graph.size,
    edges: graph.edgeCount,
    types: countNames(graph.types, NODE_TYPE_NAMES),
    states: countNames(graph.states, NODE_STATE_NAMES),
    builds,
    tests: countGroups(graph, jobs, NodeType.Test),
    depth: widths?.length,
    widestLevel: widths && widestOf(widths),
    criticalPath: criticalPath?.map((node) => jobLabel(graph, node)),
    parallelism: criticalPath?.length ? builds / criticalPath.length : undefined,
    ...degreePeaks(graph),
    knots: order ? 0 : findKnots(graph).length,
  };
}

/** How a person names the job that a node belongs to: its SRPM, where it has one. */
export function jobLabel(graph: Graph, node: NodeId): string {
  const srpm = graph.srpmPath(node);
  return srpm === '' ? graph.label(node) : basename(srpm);
}

/** Nodes in groups: group g has `members[offsets[g]] … members[offsets[g+1]-1]`. */
interface Groups {
  readonly count: number;
  readonly groupOf: Uint32Array;
  readonly offsets: Uint32Array;
  readonly members: Uint32Array;
}

/** Nodes with one key are done together. Without a key a node stands alone. */
function jobKey(graph: Graph, node: NodeId): string {
  const srpm = graph.isWork(node) ? graph.srpmPath(node) : '';
  return srpm === '' ? '' : `${graph.type(node)} ${srpm}`;
}

function groupNodes(graph: Graph, keyOf: (graph: Graph, node: NodeId) => string): Groups {
  const groupOf = new Uint32Array(graph.size);
  const known = new Map<string, number>();
  let count = 0;
  for (let node = 0; node < graph.size; node++) {
    const key = keyOf(graph, node);
    const group = (key === '' ? undefined : known.get(key)) ?? count++;
    if (key !== '') known.set(key, group);
    groupOf[node] = group;
  }
  const offsets = new Uint32Array(count + 1);
  for (const group of groupOf) offsets[group + 1]!++;
  for (let group = 0; group < count; group++) offsets[group + 1]! += offsets[group] as number;
  const fill = offsets.slice(0, count);
  const members = new Uint32Array(graph.size);
  for (let node = 0; node < graph.size; node++) members[fill[groupOf[node] as number]!++] = node;
  return { count, groupOf, offsets, members };
}

function membersOf({ offsets, members }: Groups, group: number): Uint32Array {
  return members.subarray(offsets[group], offsets[group + 1]);
}

/** Groups, each after all that its nodes need; undefined where there is no such order. */
function topologicalOrder(graph: Graph, groups: Groups): Uint32Array | undefined {
  const { count, groupOf } = groups;
  const { offsets } = graph.dependencies;
  const unmet = new Uint32Array(count);
  for (let node = 0; node < graph.size; node++) {
    unmet[groupOf[node] as number]! += (offsets[node + 1] as number) - (offsets[node] as number);
  }
  const order = new Uint32Array(count);
  let length = 0;
  for (let group = 0; group < count; group++) if (unmet[group] === 0) order[length++] = group;
  for (let at = 0; at < length; at++) {
    for (const node of membersOf(groups, order[at] as number)) {
      for (const dependent of graph.dependentsOf(node)) {
        const group = groupOf[dependent] as number;
        if (--unmet[group]! === 0) order[length++] = group;
      }
    }
  }
  return length === count ? order : undefined;
}

/** By level: how many nodes it has. A goal adds no level. */
function levelWidths(graph: Graph, groups: Groups, order: Uint32Array): number[] {
  const heights = new Uint32Array(graph.size);
  const widths: number[] = [];
  for (const group of order) {
    for (const node of membersOf(groups, group)) {
      let level = 0;
      for (const dependency of graph.dependenciesOf(node)) level = Math.max(level, heights[dependency] as number);
      const isGoal = graph.types[node] === NodeType.Goal;
      heights[node] = isGoal ? level : level + 1;
      if (!isGoal) widths[level] = (widths[level] ?? 0) + 1;
    }
  }
  return widths;
}

function widestOf(widths: readonly number[]): { level: number; nodes: number } {
  let level = 0;
  widths.forEach((width, i) => {
    if (width > (widths[level] as number)) level = i;
  });
  return { level, nodes: widths[level] ?? 0 };
}

/** One node of each build on a longest chain of builds. */
function longestBuildChain(graph: Graph, jobs: Groups, order: Uint32Array): NodeId[] {
  /** By group: the build, this or an earlier one, that a longest chain up to here ends with. */
  const last = new Int32Array(jobs.count).fill(-1);
  /** By build: how many builds such a chain has, and the one before it. */
  const lengths = new Uint32Array(jobs.count);
  const before = new Int32Array(jobs.count).fill(-1);
  const longer = (a: number, b: number) => a >= 0 && (b < 0 || (lengths[a] as number) > (lengths[b] as number));
  let end = -1;
  for (const job of order) {
    let best = -1;
    for (const node of membersOf(jobs, job)) {
      for (const dependency of graph.dependenciesOf(node)) {
        const candidate = last[jobs.groupOf[dependency] as number] as number;
        if (longer(candidate, best) && !isTestOf(graph, node, dependency)) best = candidate;
      }
    }
    if (graph.types[firstNode(jobs, job)] === NodeType.LocalBuild) {
      before[job] = best;
      lengths[job] = best < 0 ? 1 : (lengths[best] as number) + 1;
      best = job;
    }
    last[job] = best;
    if (longer(best, end)) end = best;
  }
  const chain: NodeId[] = [];
  for (let job = end; job >= 0; job = before[job] as number) chain.push(firstNode(jobs, job));
  return chain.reverse();
}

/** A package's test builds the package itself, so it does not wait for the package's own build. */
function isTestOf(graph: Graph, test: NodeId, build: NodeId): boolean {
  if (graph.types[test] !== NodeType.Test || graph.types[build] !== NodeType.LocalBuild) return false;
  const srpm = graph.srpmPath(build);
  return srpm !== '' && srpm === graph.srpmPath(test);
}

function firstNode(groups: Groups, group: number): NodeId {
  return groups.members[groups.offsets[group] as number] as NodeId;
}

function countGroups(graph: Graph, groups: Groups, type: NodeType): number {
  let count = 0;
  for (let group = 0; group < groups.count; group++) if (graph.types[firstNode(groups, group)] === type) count++;
  return count;
}

function countNames(numbers: Uint8Array, names: readonly string[]): Record<string, number> {
  const counts = new Array<number>(names.length).fill(0);
  for (const number of numbers) counts[number]!++;
  return Object.fromEntries(
    names.map((name, i) => [name, counts[i] as number] as const).filter(([, count]) => count > 0),
  );
}

function degreePeaks(graph: Graph): Pick<GraphStats, 'mostNeeded' | 'mostNeeding'> {
  const dependents = new Uint32Array(graph.size);
  const dependencies = new Uint32Array(graph.size);
  for (let node = 0; node < graph.size; node++) {
    if (graph.types[node] === NodeType.Goal) continue;
    for (const dependency of graph.dependenciesOf(node)) {
      dependents[dependency]!++;
      dependencies[node]!++;
    }
  }
  return { mostNeeded: peakOf(dependents), mostNeeding: peakOf(dependencies) };
}

function peakOf(degrees: Uint32Array): DegreePeak | undefined {
  let node = -1;
  let degree = 0;
  for (let i = 0; i < degrees.length; i++) {
    if ((degrees[i] as number) > degree) {
      node = i;
      degree = degrees[i] as number;
    }
  }
  return node < 0 ? undefined : { node, degree };
}
