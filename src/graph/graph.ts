import { basename } from 'node:path';
import {
  type CommandSpec,
  NO_RPM_PATH,
  NO_SRPM_PATH,
  NODE_STATE_NAMES,
  type NodeField,
  type NodeId,
  type NodeState,
  NodeType,
  PACKAGE_FIELDS,
  PATH_FIELDS,
} from './node';

/** Adjacency in two flat arrays: the neighbours of node i are `targets[offsets[i]] … targets[offsets[i+1]-1]`, ascending. */
export interface Adjacency {
  readonly offsets: Uint32Array;
  readonly targets: Uint32Array;
}

/** Everything of a node but its edges. Fields left out are empty. */
export type NodeRecord = Partial<Record<NodeField, string>> & {
  readonly type: NodeType;
  readonly state: NodeState;
  readonly implicit?: boolean;
  /** Whether the node stands for a package version at all; goals and meta nodes do not. Default: whether `name` is given. */
  readonly hasPackage?: boolean;
  /** The id a person gave the node (JSON graphs). */
  readonly key?: string;
  readonly command?: CommandSpec;
};

const FLAG_IMPLICIT = 1;
const FLAG_HAS_PACKAGE = 2;

/**
 * A package graph or any other build graph: immutable, and laid out in flat arrays so that a million nodes are routine.
 *
 * An edge points from the dependent to what it needs. A node is a number; its texts are numbers of shared strings.
 *
 * @example
 * ```ts
 * const builder = new GraphBuilder();
 * const lib = builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Build, key: 'lib', command: { command: ['make'] } });
 * const app = builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Build, key: 'app', command: { command: ['make', 'app'] } });
 * builder.addDependency(app, lib);
 * const graph = builder.build();
 * ```
 */
export class Graph {
  readonly size: number;
  private dependentsAdjacency: Adjacency | undefined;

  /** @internal Graphs are made by a {@link GraphBuilder} or a reader. */
  constructor(
    readonly types: Uint8Array,
    readonly states: Uint8Array,
    private readonly flags: Uint8Array,
    readonly dependencies: Adjacency,
    private readonly columns: Readonly<Partial<Record<NodeField | 'key', Uint32Array>>>,
    private readonly strings: readonly string[],
    private readonly commands: readonly (CommandSpec | undefined)[] | undefined,
    readonly info: GraphInfo,
  ) {
    this.size = types.length;
  }

  get edgeCount(): number {
    return this.dependencies.targets.length;
  }

  /** Dependent-wards adjacency; worked out once, when first asked for. */
  get dependents(): Adjacency {
    this.dependentsAdjacency ??= reverse(this.dependencies, this.size);
    return this.dependentsAdjacency;
  }

  dependenciesOf(node: NodeId): Uint32Array {
    const { offsets, targets } = this.dependencies;
    return targets.subarray(offsets[node], offsets[node + 1]);
  }

  dependentsOf(node: NodeId): Uint32Array {
    const { offsets, targets } = this.dependents;
    return targets.subarray(offsets[node], offsets[node + 1]);
  }

  type(node: NodeId): NodeType {
    return this.types[node] as NodeType;
  }

  state(node: NodeId): NodeState {
    return this.states[node] as NodeState;
  }

  isImplicit(node: NodeId): boolean {
    return ((this.flags[node] as number) & FLAG_IMPLICIT) !== 0;
  }

  hasPackage(node: NodeId): boolean {
    return ((this.flags[node] as number) & FLAG_HAS_PACKAGE) !== 0;
  }

  /** A text of the node, empty where it has none. */
  field(node: NodeId, field: NodeField | 'key'): string {
    const column = this.columns[field];
    return column === undefined ? '' : (this.strings[column[node] as number] as string);
  }

  command(node: NodeId): CommandSpec | undefined {
    return this.commands?.[node];
  }

  /** True where the node is something to run: a package build, a test, a command. All other nodes only order these. */
  isWork(node: NodeId): boolean {
    const type = this.types[node];
    return type === NodeType.LocalBuild || type === NodeType.Test;
  }

  /** The SRPM path, or '' where the node has none. */
  srpmPath(node: NodeId): string {
    const path = this.field(node, 'srpmPath');
    return path === NO_SRPM_PATH ? '' : path;
  }

  /** The RPM path, or '' where the node has none. */
  rpmPath(node: NodeId): string {
    const path = this.field(node, 'rpmPath');
    return path === NO_RPM_PATH ? '' : path;
  }

  /** How a person names what this node builds: its own id, else its SRPM, else the toolkit's friendly name. */
  label(node: NodeId): string {
    const key = this.field(node, 'key');
    if (key !== '') return key;
    const srpm = this.isWork(node) ? this.srpmPath(node) : '';
    return srpm === '' ? this.friendlyName(node) : basename(srpm);
  }

  /** The toolkit's name for the node, as in its files and messages: `zlib-1.3.2-1-BUILD<Build>`. */
  friendlyName(node: NodeId): string {
    const state = NODE_STATE_NAMES[this.state(node)];
    const versioned = (kind: string) => `${this.field(node, 'name')}-${this.field(node, 'version')}-${kind}<${state}>`;
    switch (this.type(node)) {
      case NodeType.LocalBuild:
        return versioned('BUILD');
      case NodeType.LocalRun:
        return versioned('RUN');
      case NodeType.PreBuilt:
        return versioned('PREBUILT');
      case NodeType.Test:
        return versioned('TEST');
      case NodeType.RemoteRun: {
        // The toolkit prints the versions of a remote node only where there are two of them.
        const [c1, v1] = [this.field(node, 'condition'), this.field(node, 'version')];
        const [c2, v2] = [this.field(node, 'sCondition'), this.field(node, 'sVersion')];
        return `${this.field(node, 'name')}-${c2 || v2 ? `${c1}${v1},${c2}${v2}` : ''}-REMOTE<${state}>`;
      }
      case NodeType.Goal:
        return this.field(node, 'goalName');
      case NodeType.PureMeta:
        return `Meta(${node})`;
      default:
        return `Unknown(${node})`;
    }
  }

  record(node: NodeId): NodeRecord {
    const record: { -readonly [K in keyof NodeRecord]: NodeRecord[K] } = {
      type: this.type(node),
      state: this.state(node),
      hasPackage: this.hasPackage(node),
    };
    if (this.isImplicit(node)) record.implicit = true;
    for (const field of [...PACKAGE_FIELDS, ...PATH_FIELDS, 'key'] as const) {
      const text = this.field(node, field);
      if (text !== '') record[field] = text;
    }
    const command = this.command(node);
    if (command) record.command = command;
    return record;
  }

  /**
   * The same graph with some nodes replaced, new ones behind the last, and some edges changed. Nodes keep their numbers. Costs a copy of the flat
   * arrays, whatever the size of the change.
   */
  patched({ replace = new Map(), add = [], addEdges = [], removeEdges = [] }: GraphPatch): Graph {
    const builder = GraphBuilder.continuing(this, removeEdges);
    for (const [node, record] of replace) builder.replaceNode(node, record);
    for (const record of add) builder.addNode(record);
    for (const [dependent, dependency] of addEdges) builder.addDependency(dependent, dependency);
    return builder.build();
  }

  /** @internal What a builder needs to go on from here. */
  get parts() {
    const { types, states, flags, columns, strings, commands } = this;
    return { types, states, flags, columns, strings, commands };
  }

  /** The same graph with other node states. */
  withStates(states: Uint8Array): Graph {
    const { types, flags, dependencies, columns, strings, commands, info } = this;
    return new Graph(types, states, flags, dependencies, columns, strings, commands, info);
  }
}

/** A change of a graph. Numbers of added nodes go on from its size. */
export interface GraphPatch {
  readonly replace?: ReadonlyMap<NodeId, NodeRecord>;
  readonly add?: readonly NodeRecord[];
  /** Pairs of dependent and dependency. */
  readonly addEdges?: readonly (readonly [NodeId, NodeId])[];
  readonly removeEdges?: readonly (readonly [NodeId, NodeId])[];
}

/** What belongs to a graph as a whole. */
export interface GraphInfo {
  readonly name?: string;
  /** Folder that relative paths of commands start from. Default: the process's. */
  readonly baseDir?: string;
  readonly meta?: unknown;
  /** Capacities of named resources. */
  readonly resources?: Readonly<Record<string, number>>;
}

/** Collects nodes and dependencies, in any order, and makes a {@link Graph} of them. */
export class GraphBuilder {
  private count = 0;
  private types = new Uint8Array(1024);
  private states = new Uint8Array(1024);
  private flags = new Uint8Array(1024);
  private readonly columns: Partial<Record<NodeField | 'key', Uint32Array>> = {};
  private strings: string[] = [''];
  /** By text: its number. Made when a text first comes. */
  private stringIds: Map<string, number> | undefined;
  private commands: (CommandSpec | undefined)[] | undefined;
  private edges = new Uint32Array(4096);
  private edgeCount = 0;

  constructor(private readonly info: GraphInfo = {}) {}

  /** A builder that holds all of a graph already, but for some edges. */
  static continuing(graph: Graph, without: readonly (readonly [NodeId, NodeId])[] = []): GraphBuilder {
    const builder = new GraphBuilder(graph.info);
    const { types, states, flags, columns, strings, commands } = graph.parts;
    builder.count = graph.size;
    const room = graph.size + 64;
    builder.types = new Uint8Array(room);
    builder.types.set(types);
    builder.states = new Uint8Array(room);
    builder.states.set(states);
    builder.flags = new Uint8Array(room);
    builder.flags.set(flags);
    for (const [field, column] of Object.entries(columns)) {
      const larger = new Uint32Array(room);
      larger.set(column);
      builder.columns[field as NodeField] = larger;
    }
    builder.strings = [...strings];
    if (commands) builder.commands = [...commands];
    const removed = new Set(without.map(([dependent, dependency]) => dependent * graph.size + dependency));
    builder.edges = new Uint32Array(2 * graph.edgeCount + 4096);
    const { offsets, targets } = graph.dependencies;
    let at = 0;
    for (let node = 0; node < graph.size; node++) {
      for (let i = offsets[node] as number; i < (offsets[node + 1] as number); i++) {
        if (removed.size > 0 && removed.has(node * graph.size + (targets[i] as number))) continue;
        builder.edges[at++] = node;
        builder.edges[at++] = targets[i] as number;
      }
    }
    builder.edgeCount = at;
    return builder;
  }

  get size(): number {
    return this.count;
  }

  addNode(record: NodeRecord): NodeId {
    const node = this.count++;
    if (node === this.types.length) this.grow();
    this.setNode(node, record);
    return node;
  }

  /** Gives a node that is there already another type, state and texts. */
  replaceNode(node: NodeId, record: NodeRecord): void {
    for (const column of Object.values(this.columns)) column[node] = 0;
    if (this.commands) this.commands[node] = undefined;
    this.setNode(node, record);
  }

  private setNode(node: NodeId, record: NodeRecord): void {
    this.types[node] = record.type;
    this.states[node] = record.state;
    const hasPackage = record.hasPackage ?? record.name !== undefined;
    this.flags[node] = (record.implicit ? FLAG_IMPLICIT : 0) | (hasPackage ? FLAG_HAS_PACKAGE : 0);
    for (const field of [...PACKAGE_FIELDS, ...PATH_FIELDS, 'key'] as const) {
      const text = record[field];
      if (text) this.setField(node, field, text);
    }
    if (record.command) {
      this.commands ??= [];
      this.commands[node] = record.command;
    }
  }

  /** Adds many nodes of one kind that have no texts: what a generator or a benchmark wants. */
  addPlainNodes(count: number, type: NodeType, state: NodeState): void {
    while (this.count + count > this.types.length) this.grow();
    this.types.fill(type, this.count, this.count + count);
    this.states.fill(state, this.count, this.count + count);
    this.count += count;
  }

  /** `dependent` needs `dependency`. The same pair may be given twice. */
  addDependency(dependent: NodeId, dependency: NodeId): void {
    if (this.edgeCount + 2 > this.edges.length) {
      const larger = new Uint32Array(this.edges.length * 2);
      larger.set(this.edges);
      this.edges = larger;
    }
    this.edges[this.edgeCount++] = dependent;
    this.edges[this.edgeCount++] = dependency;
  }

  /** Copies a graph into this builder; its nodes keep their numbers if it comes first. */
  addGraph(graph: Graph, keepEdge: (dependent: NodeId, dependency: NodeId) => boolean = () => true): void {
    const first = this.count;
    for (let node = 0; node < graph.size; node++) this.addNode(graph.record(node));
    for (let node = 0; node < graph.size; node++) {
      for (const dependency of graph.dependenciesOf(node)) {
        if (keepEdge(node, dependency)) this.addDependency(first + node, first + dependency);
      }
    }
  }

  /** @throws Error ("Internal error") where a dependency names a node that is not there */
  build(): Graph {
    const size = this.count;
    for (let i = 0; i < this.edgeCount; i++) {
      const node = this.edges[i] as number;
      if (node >= size)
        throw new Error(
          `Internal error: expected dependencies between nodes below ${size}, found one with node ${node | 0}`,
        );
    }
    const columns: Partial<Record<NodeField | 'key', Uint32Array>> = {};
    for (const [field, column] of Object.entries(this.columns)) columns[field as NodeField] = column.slice(0, size);
    return new Graph(
      this.types.slice(0, size),
      this.states.slice(0, size),
      this.flags.slice(0, size),
      toAdjacency(this.edges.subarray(0, this.edgeCount), size),
      columns,
      this.strings,
      this.commands,
      this.info,
    );
  }

  private setField(node: NodeId, field: NodeField | 'key', text: string): void {
    this.stringIds ??= new Map(this.strings.map((known, id) => [known, id]));
    let id = this.stringIds.get(text);
    if (id === undefined) {
      id = this.strings.length;
      this.strings.push(text);
      this.stringIds.set(text, id);
    }
    let column = this.columns[field];
    if (column === undefined) {
      column = new Uint32Array(this.types.length);
      this.columns[field] = column;
    }
    column[node] = id;
  }

  private grow(): void {
    const twice = <T extends Uint8Array | Uint32Array>(old: T): T => {
      const larger = new (old.constructor as new (n: number) => T)(old.length * 2);
      larger.set(old);
      return larger;
    };
    this.types = twice(this.types);
    this.states = twice(this.states);
    this.flags = twice(this.flags);
    for (const [field, column] of Object.entries(this.columns)) this.columns[field as NodeField] = twice(column);
  }
}

/** Two counting sorts, by dependency and then by dependent, leave every row ascending; repeated pairs then stand side by side. */
function toAdjacency(pairs: Uint32Array, size: number): Adjacency {
  const count = pairs.length / 2;
  const byDependency = new Uint32Array(count);
  const starts = new Uint32Array(size + 1);
  for (let i = 0; i < count; i++) starts[(pairs[2 * i + 1] as number) + 1]!++;
  for (let i = 0; i < size; i++) starts[i + 1]! += starts[i] as number;
  for (let i = 0; i < count; i++) byDependency[starts[pairs[2 * i + 1] as number]!++] = i;

  const offsets = new Uint32Array(size + 1);
  for (let i = 0; i < count; i++) offsets[(pairs[2 * i] as number) + 1]!++;
  for (let i = 0; i < size; i++) offsets[i + 1]! += offsets[i] as number;
  const fill = offsets.slice(0, size);
  const targets = new Uint32Array(count);
  for (const i of byDependency) targets[fill[pairs[2 * i] as number]!++] = pairs[2 * i + 1] as number;
  return withoutRepeats(offsets, targets, size);
}

function withoutRepeats(offsets: Uint32Array, targets: Uint32Array, size: number): Adjacency {
  let kept = 0;
  let start = 0;
  for (let node = 0; node < size; node++) {
    const end = offsets[node + 1] as number;
    const rowStart = kept;
    for (let i = start; i < end; i++) {
      if (kept > rowStart && targets[kept - 1] === targets[i]) continue;
      targets[kept++] = targets[i] as number;
    }
    start = end;
    offsets[node + 1] = kept;
  }
  return { offsets, targets: kept === targets.length ? targets : targets.slice(0, kept) };
}

function reverse({ offsets, targets }: Adjacency, size: number): Adjacency {
  const reversed = new Uint32Array(size + 1);
  for (const target of targets) reversed[target + 1]!++;
  for (let i = 0; i < size; i++) reversed[i + 1]! += reversed[i] as number;
  const fill = reversed.slice(0, size);
  const sources = new Uint32Array(targets.length);
  for (let node = 0; node < size; node++) {
    for (let i = offsets[node] as number; i < (offsets[node + 1] as number); i++) {
      sources[fill[targets[i] as number]!++] = node;
    }
  }
  return { offsets: reversed, targets: sources };
}
