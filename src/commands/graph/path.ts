import type { FlagValues } from '../../config/flags';
import { readGraph } from '../../graph/formats/read-graph';
import type { Command, CommandIo } from '../command';
import { chainText, shortestChain } from './chain';
import { findNodes, NAMES_NOTE } from './find-nodes';
import { argument, printable } from './show';

export const GRAPH_PATH_COMMAND: Command = {
  spec: {
    name: 'spanwright graph path',
    summary: 'Shows a shortest chain of dependencies by which one node needs another. Exits with 1 if there is none.',
    arguments: ['FILE', 'FROM', 'TO'],
    flags: [],
    notes: NAMES_NOTE,
  },
  run: path,
};

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
