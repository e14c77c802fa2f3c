import type { FlagValues } from '../../config/flags';
import { readGraph } from '../../graph/formats/read-graph';
import type { Graph } from '../../graph/graph';
import { type DegreePeak, type GraphStats, graphStats } from '../../graph/stats';
import type { Command, CommandIo } from '../command';
import { abridged, argument, JSON_FLAG, nameOf, number, printable, table, toJson } from './show';

export const GRAPH_STATS_COMMAND: Command = {
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
};

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
