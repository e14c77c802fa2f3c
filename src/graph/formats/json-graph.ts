import Ajv2020 from 'ajv/dist/2020';
import schema from '../../../schemas/graph.schema.json';
import { parseDuration } from '../../util/duration';
import { lineAt, parseJson } from '../../util/json-text';
import { UserError } from '../../util/user-error';
import { printable } from '../../util/words';
import { type Graph, GraphBuilder, type NodeRecord } from '../graph';
import {
  type CommandSpec,
  NODE_STATE_NAMES,
  NODE_TYPE_NAMES,
  type NodeField,
  type NodeId,
  NodeState,
  NodeType,
  PACKAGE_FIELDS,
  PATH_FIELDS,
} from '../node';
import { formatDurationText, parseAmount } from '../quantities';

type JsonId = string | number;
type JsonNode = Partial<Record<NodeField, string>> & {
  id: JsonId;
  type?: keyof typeof NodeType;
  state?: keyof typeof NodeState;
  implicit?: boolean;
  dependencies?: JsonId[];
  command?: string[];
  shell?: string;
  cwd?: string;
  env?: Record<string, string>;
  inputs?: string[];
  outputs?: string[];
  timeout?: string;
  attempts?: number;
  resources?: Record<string, number | string>;
};
interface JsonGraph {
  $schema?: string;
  name?: string;
  meta?: unknown;
  resources?: Record<string, number | string>;
  nodes: JsonNode[];
  edges?: [JsonId, JsonId][];
}

let validate: ReturnType<Ajv2020['compile']> | undefined;

/**
 * Reads a graph in the JSON form of `schemas/graph.schema.json`.
 *
 * @param baseDir the folder that relative paths in it start from
 * @throws UserError naming the file, the line and the node
 */
export function readJsonGraph(text: string, file: string, baseDir: string): Graph {
  const json = parseJson(text, file) as JsonGraph;
  check(json, text, file);
  return new JsonGraphReader(json, text, file).read(baseDir);
}

class JsonGraphReader {
  private readonly nodes = new Map<string, NodeId>();

  constructor(
    private readonly json: JsonGraph,
    private readonly text: string,
    private readonly file: string,
  ) {}

  read(baseDir: string): Graph {
    const { json } = this;
    const builder = new GraphBuilder({ name: json.name, meta: json.meta, baseDir, resources: amounts(json.resources) });
    for (const node of json.nodes) {
      const key = String(node.id);
      if (this.nodes.has(key)) this.fail(`node ${JSON.stringify(key)} is defined twice`, key, 2);
      this.nodes.set(key, builder.addNode(this.record(node, key)));
    }
    for (const node of json.nodes) {
      const dependent = this.nodes.get(String(node.id)) as NodeId;
      for (const dependency of node.dependencies ?? [])
        builder.addDependency(dependent, this.resolve(dependency, String(node.id)));
    }
    for (const [dependent, dependency] of json.edges ?? []) {
      builder.addDependency(this.resolve(dependent), this.resolve(dependency));
    }
    return builder.build();
  }

  private record(node: JsonNode, key: string): NodeRecord {
    if (node.command !== undefined && node.shell !== undefined)
      this.fail(`node ${JSON.stringify(key)} has both a command and a shell line; keep one`, key);
    const isCommand = node.command !== undefined || node.shell !== undefined;
    const type = NodeType[node.type ?? (isCommand ? 'LocalBuild' : 'PureMeta')];
    if (isCommand && type !== NodeType.LocalBuild && type !== NodeType.Test) {
      this.fail(`node ${JSON.stringify(key)} has a command, but a ${node.type} runs nothing`, key);
    }
    const record: { -readonly [K in keyof NodeRecord]: NodeRecord[K] } = {
      type,
      state: NodeState[node.state ?? (type === NodeType.LocalBuild || type === NodeType.Test ? 'Build' : 'Meta')],
      implicit: node.implicit,
      hasPackage: node.name !== undefined,
      // A number only says where a node stands; but a command has no other name.
      key: typeof node.id === 'number' && !isCommand ? undefined : key,
    };
    for (const field of [...PACKAGE_FIELDS, ...PATH_FIELDS]) if (node[field]) record[field] = node[field];
    if (isCommand) record.command = this.command(node, key);
    return record;
  }

  private command(node: JsonNode, key: string): CommandSpec {
    const { command, shell, cwd, env, inputs, outputs, attempts } = node;
    const words = [...(command ?? []), shell ?? '', cwd ?? '', ...Object.entries(env ?? {}).flat()];
    if (words.some((word) => word.includes('\0'))) {
      this.fail(`node ${JSON.stringify(key)}: the command holds a zero byte, which no program can be given`, key);
    }
    const timeoutMs = node.timeout === undefined ? undefined : parseDuration(node.timeout);
    if (node.timeout !== undefined && !timeoutMs)
      this.fail(`node ${JSON.stringify(key)}: the timeout ${node.timeout} is none`, key);
    return { command, shell, cwd, env, inputs, outputs, timeoutMs, attempts, resources: amounts(node.resources) };
  }

  private resolve(id: JsonId, dependent?: string): NodeId {
    const node = this.nodes.get(String(id));
    if (node === undefined) {
      const who = dependent === undefined ? 'an edge' : `node ${JSON.stringify(dependent)}`;
      const message = `${who} names ${JSON.stringify(String(id))}, which is not in the graph`;
      if (dependent !== undefined) this.fail(message, dependent);
      throw new UserError(message, { file: this.file, line: lineOfEdge(this.text, JSON.stringify(id)) });
    }
    return node;
  }

  private fail(message: string, key: string, occurrence = 1): never {
    throw new UserError(message, { file: this.file, line: lineOfId(this.text, key, occurrence) });
  }
}

/** Writes a graph in the JSON form, in chunks of whole lines. Reading it back gives the same graph. */
export function* writeJsonGraph(graph: Graph): Generator<string> {
  const { name, meta, resources } = graph.info;
  const head = JSON.stringify({ name, meta, resources }).slice(1, -1);
  yield `{${head}${head ? ',' : ''}"nodes":[\n`;
  const ids = jsonIds(graph);
  let lines: string[] = [];
  for (let node = 0; node < graph.size; node++) {
    lines.push(`${JSON.stringify(jsonNode(graph, node, ids))}${node < graph.size - 1 ? ',' : ''}\n`);
    if (lines.length === 4096) {
      yield lines.join('');
      lines = [];
    }
  }
  yield `${lines.join('')}]}\n`;
}

/** Ids that people gave stay; other nodes get their numbers, or the next that nobody has taken. */
function jsonIds(graph: Graph): JsonId[] {
  const taken = new Set<string>();
  for (let node = 0; node < graph.size; node++) taken.add(graph.field(node, 'key'));
  let spare = graph.size;
  return Array.from({ length: graph.size }, (_, node) => {
    const key = graph.field(node, 'key');
    if (key !== '') return key;
    if (!taken.has(String(node))) return node;
    while (taken.has(String(spare))) spare++;
    return spare++;
  });
}

function jsonNode(graph: Graph, node: NodeId, ids: readonly JsonId[]): Partial<JsonNode> {
  const json: Partial<JsonNode> = {
    id: ids[node],
    type: NODE_TYPE_NAMES[graph.type(node)],
    state: NODE_STATE_NAMES[graph.state(node)],
  };
  if (graph.hasPackage(node)) json.name = graph.field(node, 'name');
  for (const field of [...PACKAGE_FIELDS, ...PATH_FIELDS]) {
    const text = graph.field(node, field);
    if (text !== '') json[field] = text;
  }
  if (graph.isImplicit(node)) json.implicit = true;
  const command = graph.command(node);
  if (command) {
    const { timeoutMs, ...same } = command;
    Object.assign(json, same);
    if (timeoutMs !== undefined) json.timeout = formatDurationText(timeoutMs);
  }
  const dependencies = [...graph.dependenciesOf(node)].map((dependency) => ids[dependency] as JsonId);
  if (dependencies.length > 0) json.dependencies = dependencies;
  return json;
}

function check(json: JsonGraph, text: string, file: string): void {
  validate ??= new Ajv2020({ allErrors: false, strictTypes: false, strictRequired: false }).compile(schema);
  if (validate(json)) return;
  const error = validate.errors?.[0];
  if (!error) return;
  const [, section, index, ...rest] = error.instancePath.split('/');
  const node = section === 'nodes' && index !== undefined ? (json.nodes[Number(index)] as JsonNode | null) : undefined;
  const property = (error.params as { additionalProperty?: string }).additionalProperty;
  const values = (error.params as { allowedValues?: unknown[] }).allowedValues;
  const what = printable(
    `${rest.length > 0 ? `${rest.join('.')} ` : ''}${error.message}${property ? `: ${property}` : ''}${values ? `: ${values.join(', ')}` : ''}`,
  );
  if (node !== null && typeof node === 'object' && node.id !== undefined) {
    throw new UserError(`node ${JSON.stringify(String(node.id))}: ${what}`, {
      file,
      line: lineOfId(text, String(node.id), 1),
    });
  }
  const where = error.instancePath === '' ? 'the graph' : error.instancePath.slice(1).replaceAll('/', '.');
  throw new UserError(`${printable(where)} ${what}`, { file });
}

function amounts(given: Record<string, number | string> | undefined): Record<string, number> | undefined {
  return given && Object.fromEntries(Object.entries(given).map(([name, amount]) => [name, parseAmount(amount)]));
}

/** The line where a node's id stands. JSON.parse keeps no places, so this looks for the text. */
function lineOfId(text: string, key: string, occurrence: number): number | undefined {
  const quoted = JSON.stringify(key).replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const pattern = new RegExp(
    `"id"\\s*:\\s*(?:${quoted}|${key.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?=\\s*[,}]))`,
    'g',
  );
  const found = [...text.matchAll(pattern)][occurrence - 1];
  return found && lineAt(text, found.index);
}

/** The line of the first edge that names an id. */
function lineOfEdge(text: string, id: string): number | undefined {
  const edges = text.indexOf('"edges"');
  const at = edges < 0 ? -1 : text.indexOf(id, edges);
  return at < 0 ? undefined : lineAt(text, at);
}
