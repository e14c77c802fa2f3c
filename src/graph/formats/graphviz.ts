import type { Graph } from '../graph';
import { NODE_STATE_NAMES, NODE_TYPE_NAMES, type NodeId } from '../node';
import { color, quote } from './toolkit-dot-writer';

/**
 * DOT for people and Graphviz: short labels, the toolkit's colours, nothing encoded.
 *
 * @param nodes the part to draw. Default: all of it
 */
export function writeGraphviz(graph: Graph, nodes: Iterable<NodeId> = graph.types.keys()): string {
  const drawn = new Set(nodes);
  const lines = ['digraph spanwright {', 'rankdir=LR', 'node [shape=box style="rounded,filled" fontname="sans-serif"]'];
  for (const node of drawn) {
    const tooltip = `${NODE_TYPE_NAMES[graph.type(node)]}, ${NODE_STATE_NAMES[graph.state(node)]}`;
    lines.push(
      `n${node} [label=${quote(graph.label(node))} fillcolor=${color(graph, node)} tooltip=${quote(tooltip)}]`,
    );
  }
  for (const node of drawn) {
    for (const dependency of graph.dependenciesOf(node))
      if (drawn.has(dependency)) lines.push(`n${node} -> n${dependency}`);
  }
  return `${lines.join('\n')}\n}\n`;
}
