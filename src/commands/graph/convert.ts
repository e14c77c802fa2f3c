import { dirname, relative } from 'node:path';
import type { FlagValues } from '../../config/flags';
import { encode, type GraphFormat, readGraph, writeGraph } from '../../graph/formats/read-graph';
import { subgraph } from '../../graph/goals';
import type { Graph } from '../../graph/graph';
import type { NodeId } from '../../graph/node';
import { UserError } from '../../util/user-error';
import type { Command, CommandIo } from '../command';
import { findNodes, NAMES_NOTE } from './find-nodes';
import { argument, count, printable } from './show';

export const GRAPH_CONVERT_COMMAND: Command = {
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
};

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
