import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { writeFileAtomically } from '../../util/atomic-file';
import { describeSystemError, UserError } from '../../util/user-error';
import type { Graph } from '../graph';
import { writeGraphviz } from './graphviz';
import { readToolkitDot } from './toolkit-dot-reader';
import { writeToolkitDot } from './toolkit-dot-writer';

export type GraphFormat = 'toolkit-dot' | 'json' | 'dot';

/** A file larger than this is not unpacked: no graph is, and a small gzip file can hold a great deal of nothing. */
const MAX_UNPACKED_BYTES = 2 ** 31;

/**
 * Reads a graph from a file: the toolkit's DOT or JSON, told apart by content, each also gzipped.
 *
 * @throws UserError naming the file, the line and the node
 */
export function readGraph(file: string): Graph {
  const bytes = readBytes(file);
  if (looksLikeJson(bytes)) {
    // Loaded here, so that a toolkit graph does not pay for the schema's compiler.
    const { readJsonGraph } = require('./json-graph') as typeof import('./json-graph');
    return readJsonGraph(bytes.toString('utf8').replace(/^\uFEFF/, ''), file, dirname(resolve(file)));
  }
  return readToolkitDot(bytes, file);
}

/** Writes a graph in a format, gzipped where the name ends in `.gz`; the whole file or nothing. */
export function writeGraph(graph: Graph, file: string, format: GraphFormat): void {
  const chunks = encode(graph, format);
  writeFileAtomically(file, file.endsWith('.gz') ? gzipSync(Buffer.concat([...chunks])) : chunks);
}

/** The format that a file name asks for: JSON where it ends in `.json`, else the toolkit's DOT. */
export function formatOf(file: string): GraphFormat {
  return /\.json(\.gz)?$/.test(file) ? 'json' : 'toolkit-dot';
}

/** A graph's bytes in a format. */
export function* encode(graph: Graph, format: GraphFormat): Generator<Uint8Array> {
  if (format === 'toolkit-dot') yield* writeToolkitDot(graph);
  else if (format === 'dot') yield Buffer.from(writeGraphviz(graph));
  else {
    const { writeJsonGraph } = require('./json-graph') as typeof import('./json-graph');
    for (const chunk of writeJsonGraph(graph)) yield Buffer.from(chunk);
  }
}

function readBytes(file: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new UserError(`cannot read the graph: ${describeSystemError(error)}`, { file });
  }
  if (bytes.length === 0) throw new UserError('the file is empty; expected a graph', { file });
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED_BYTES });
  } catch (error) {
    throw new UserError(`cannot unpack the gzip file: ${(error as Error).message}`, { file });
  }
}

function looksLikeJson(bytes: Buffer): boolean {
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  for (let i = start; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte === 0x7b || byte === 0x5b;
  }
  return false;
}
