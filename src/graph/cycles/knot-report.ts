import { basename } from 'node:path';
import { count } from '../../util/words';
import type { Graph } from '../graph';
import type { NodeId } from '../node';
import { specNameOf } from '../package-lookup';
import { findKnots, toolkitCycleText } from './cycles';
import { type BreakingNeed, KnotCuts } from './knot-cuts';
import type { SrpmFiles } from './srpm-files';

/** Nodes that all need each other, in cycles that nothing on disk can break. */
export interface KnotReport {
  /** Ascending. */
  readonly nodes: readonly NodeId[];
  /** File names of the SRPMs that they belong to, sorted. */
  readonly srpms: readonly string[];
  /** One of the shortest cycles through a build: each node needs the next, the last is the first again. */
  readonly cycle: readonly NodeId[];
  /** The cycle for people: `a (build) needs b-devel, b-devel comes from b, b (build) needs a`. */
  readonly cycleText: string;
  /** The cycle in the toolkit's words: `{a} --> {b} --> {a}`. */
  readonly toolkitText: string;
  /** Dependencies of builds that would break the knot, were the missing RPM files on disk. Empty where no files could. */
  readonly breakBy: readonly BreakingNeed[];
  /** How many RPM files that is, each counted once. */
  readonly missingCount: number;
  /** Whether it is known that no fewer files would do. A large knot is only searched for a good choice. */
  readonly isFewest: boolean;
}

/**
 * Where cycles would be left even if all that can be cut was cut.
 *
 * @param places of each node its place in the order in which things are to be told
 */
export function findStuckKnots(graph: Graph, files: SrpmFiles, places: Uint32Array): KnotReport[] {
  const cuts = new KnotCuts(graph, files, places);
  const byPlace = (a: NodeId, b: NodeId) => (places[a] as number) - (places[b] as number);
  // Only within knots need the disk be asked.
  const knotOf = new Int32Array(graph.size).fill(-1);
  findKnots(graph).forEach((nodes, knot) => {
    for (const node of nodes) knotOf[node] = knot;
  });
  const stays = (dependent: NodeId, dependency: NodeId) =>
    knotOf[dependent] !== -1 && knotOf[dependent] === knotOf[dependency] && cuts.costOf(dependent, dependency) !== 0;
  return findKnots(graph, stays)
    .filter((nodes) => nodes.some((node) => graph.isWork(node)))
    .map((nodes) => nodes.sort(byPlace))
    .sort((a, b) => b.length - a.length || byPlace(a[0] as NodeId, b[0] as NodeId))
    .map((nodes) => report(graph, nodes, cuts));
}

function report(graph: Graph, nodes: readonly NodeId[], cuts: KnotCuts): KnotReport {
  const { cycle, breakBy, isFewest } = cuts.ofKnot(nodes);
  const srpms = new Set(nodes.map((node) => basename(graph.srpmPath(node))));
  srpms.delete('');
  return {
    nodes: [...nodes].sort((a, b) => a - b),
    srpms: [...srpms].sort(),
    cycle,
    cycleText: cycleText(graph, cycle),
    toolkitText: toolkitCycleText(graph, cycle),
    breakBy,
    missingCount: new Set(breakBy.flatMap(({ missing }) => missing)).size,
    isFewest,
  };
}

/** `a (build) needs b-devel, b-devel comes from b, b (build) needs a`. */
function cycleText(graph: Graph, cycle: readonly NodeId[]): string {
  const steps: string[] = [];
  for (const [i, node] of cycle.slice(0, -1).entries()) {
    const next = cycle[i + 1] as NodeId;
    const isOwnBuild = !graph.isWork(node) && graph.isWork(next) && graph.srpmPath(node) === graph.srpmPath(next);
    const [name, nextName] = [nameInCycle(graph, node), nameInCycle(graph, next)];
    if (!isOwnBuild) steps.push(`${name} needs ${nextName}`);
    // That b comes from b goes without saying.
    else if (`${name} (build)` !== nextName)
      steps.push(`${name} comes from ${specNameOf(graph, next) || graph.label(next)}`);
  }
  return steps.join(', ');
}

function nameInCycle(graph: Graph, node: NodeId): string {
  if (graph.isWork(node)) return `${specNameOf(graph, node) || graph.label(node)} (build)`;
  return graph.field(node, 'name') || graph.label(node);
}

const SHOWN_SRPMS = 12;
const SHOWN_FILES = 3;
const SHOWN_NEEDS = 25;
const SHOWN_KNOTS = 50;
const SHOWN_OF_CYCLE = 4000;

/** What to tell a person: in the toolkit's words first, then each knot and what would break it. */
export function knotsMessage(knots: readonly KnotReport[]): string {
  const lines = [`unfixable circular dependency in dependency graph (${abridged(knots[0]?.toolkitText ?? '')})`];
  lines.push(
    `What is on disk breaks none of ${knots.length === 1 ? 'the cycles of a knot' : `${knots.length} knots of cycles`}:`,
  );
  for (const [i, knot] of knots.slice(0, SHOWN_KNOTS).entries()) lines.push(...knotLines(knot, i + 1));
  if (knots.length > SHOWN_KNOTS) lines.push(`and ${count(knots.length - SHOWN_KNOTS, 'smaller knot')} more`);
  return lines.join('\n');
}

function knotLines(knot: KnotReport, which: number): string[] {
  const { srpms, nodes, breakBy } = knot;
  const lines = [
    `knot ${which}: ${count(nodes.length, 'node')}${srpms.length > 0 ? ` of ${shortList(srpms, SHOWN_SRPMS)}` : ''}`,
  ];
  lines.push(`  ${abridged(knot.cycleText)}`);
  if (breakBy.length === 0) {
    lines.push('  RPM files on disk could not break it: one of these dependencies has to go');
    return lines;
  }
  const few = knot.isFewest ? 'the fewest that would do' : 'not known to be the fewest';
  lines.push(`  it would be broken by ${count(knot.missingCount, 'more RPM file')} on disk (${few}):`);
  for (const need of breakBy.slice(0, SHOWN_NEEDS)) lines.push(`    ${needText(need)}`);
  if (breakBy.length > SHOWN_NEEDS) lines.push(`    and ${breakBy.length - SHOWN_NEEDS} more`);
  return lines;
}

function needText({ dependent, dependency, srpms, missing }: BreakingNeed): string {
  return `${dependent} needs ${dependency} of ${srpms.join(', ')}; missing: ${shortList(
    missing.map((path) => basename(path)),
    SHOWN_FILES,
  )}`;
}

function shortList(items: readonly string[], shown: number): string {
  if (items.length <= shown + 1) return items.join(', ');
  return `${items.slice(0, shown).join(', ')} and ${items.length - shown} more`;
}

/** Cycles of packages are short. This is for what no package graph is. */
function abridged(cycle: string): string {
  if (cycle.length <= SHOWN_OF_CYCLE) return cycle;
  return `${cycle.slice(0, SHOWN_OF_CYCLE / 2)} … ${cycle.slice(-SHOWN_OF_CYCLE / 2)}`;
}
