import type { Graph } from '../graph';
import { NODE_STATE_NAMES, type NodeId, NodeState, NodeType } from '../node';
import { GobNodeEncoder } from './gob';

/** The toolkit's short type names, which stand in a node's DOT id. */
const SHORT_TYPE_NAMES = ['Unknown', 'Build', 'Run', 'Goal', 'Remote', 'PureMeta', 'PreBuilt', 'Test'] as const;

const CHUNK_BYTES = 1 << 20;

/**
 * Writes a graph as the toolkit does, in chunks. The toolkit reads it back, and so does {@link readToolkitDot}.
 * Commands have no place in this format; see `docs/decisions/0003-graph-formats.md`.
 */
export function* writeToolkitDot(graph: Graph): Generator<Uint8Array> {
  const encoder = new GobNodeEncoder();
  // Each name stands once in the node list and once for each edge: encode it once.
  const names: Buffer[] = [];
  let chunk: string[] = ['strict digraph dependency_graph {\n// Node definitions.\n'];
  let chunkLength = 0;
  for (let node = 0; node < graph.size; node++) {
    const name = quote(dotId(graph, node));
    names.push(Buffer.from(name));
    const record = graph.record(node);
    const encoded = encoder.encodeToBase64({
      ...record,
      implicit: record.implicit ?? false,
      hasPackage: record.hasPackage ?? false,
    });
    const text = `${name} [\nNodeInBase64="${encoded}"\nSRPM=${quoteValue(record.srpmPath ?? '')}\nfillcolor=${color(graph, node)}\nstyle=filled\n];\n`;
    chunk.push(text);
    chunkLength += text.length;
    if (chunkLength > CHUNK_BYTES) {
      yield Buffer.from(chunk.join(''));
      chunk = [];
      chunkLength = 0;
    }
  }
  chunk.push('\n// Edge definitions.\n');
  yield Buffer.from(chunk.join(''));
  yield* writeEdges(graph, names);
  yield Buffer.from('}');
}

function* writeEdges(graph: Graph, names: readonly Buffer[]): Generator<Uint8Array> {
  const arrow = Buffer.from(' -> ');
  const end = Buffer.from(';\n');
  let out = Buffer.allocUnsafe(CHUNK_BYTES);
  let at = 0;
  for (let node = 0; node < graph.size; node++) {
    const from = names[node] as Buffer;
    for (const dependency of graph.dependenciesOf(node)) {
      const to = names[dependency] as Buffer;
      const length = from.length + arrow.length + to.length + end.length;
      if (at + length > out.length) {
        yield out.subarray(0, at);
        out = Buffer.allocUnsafe(Math.max(CHUNK_BYTES, length));
        at = 0;
      }
      at += from.copy(out, at);
      at += arrow.copy(out, at);
      at += to.copy(out, at);
      at += end.copy(out, at);
    }
  }
  yield out.subarray(0, at);
}

/** The text that identifies a node in a toolkit DOT file. */
export function dotId(graph: Graph, node: NodeId): string {
  const type = SHORT_TYPE_NAMES[graph.type(node)];
  return `${graph.friendlyName(node)} (ID=${node},TYPE=${type},STATE=${NODE_STATE_NAMES[graph.state(node)]})`;
}

/** The toolkit's fill colour for a node. */
export function color(graph: Graph, node: NodeId): string {
  const type = graph.type(node);
  switch (graph.state(node)) {
    case NodeState.Meta:
      return type === NodeType.Goal ? 'deeppink' : 'aquamarine';
    case NodeState.Build:
      return type === NodeType.Test ? 'gold4' : 'gold';
    case NodeState.BuildError:
      return 'darkorange';
    case NodeState.UpToDate:
      return type === NodeType.PreBuilt ? 'greenyellow' : type === NodeType.Test ? 'lime' : 'forestgreen';
    case NodeState.Unresolved:
      return 'crimson';
    case NodeState.Cached:
      return 'darkorchid';
    default:
      return 'gold4';
  }
}

/** A DOT string. */
export function quote(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

function quoteValue(text: string): string {
  // The toolkit's DOT library takes <…> for an HTML string and leaves a plain identifier bare.
  if (/^<[^<>]*>$/.test(text)) return text;
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(text) ? text : quote(text);
}
