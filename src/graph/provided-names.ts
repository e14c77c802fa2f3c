import { basename } from 'node:path';
import type { Graph, NodeRecord } from './graph';
import { type NodeId, NodeState, NodeType } from './node';
import { versionedNameOf } from './node-text';
import { intervalOf, overlaps, type VersionOrder } from './versions/versions';

/** A name that an RPM provides: a capability, or the path of one of its files. */
export interface Provide {
  readonly name: string;
  /** '' where there is none. */
  readonly version: string;
  readonly condition: string;
}

/** An RPM turned out to provide what a node stands for. */
export interface ProvidedName {
  readonly node: NodeId;
  readonly provide: Provide;
  /** Path of the RPM. */
  readonly rpm: string;
}

/** What came of tying nodes to the packages that provide them. */
export interface TiedGraph {
  readonly graph: Graph;
  /** Nodes that another now stands for; nothing needs them any more. */
  readonly gone: readonly NodeId[];
  readonly ties: readonly Tie[];
  /** RPMs that no package of the graph stands for. */
  readonly strangers: readonly string[];
}

export interface Tie {
  readonly node: NodeId;
  /** The package whose RPM provides the name. */
  readonly provider: NodeId;
  readonly rpm: string;
}

/** Names that only a built RPM may turn out to provide, each with the nodes that stand for it and are still open. */
export function wantedNames(graph: Graph, isOpen: (node: NodeId) => boolean): Map<string, NodeId[]> {
  const wanted = new Map<string, NodeId[]>();
  for (let node = 0; node < graph.size; node++) {
    if (graph.types[node] !== NodeType.RemoteRun || !graph.isImplicit(node) || !isOpen(node)) continue;
    const state = graph.states[node];
    if (state !== NodeState.Unresolved && state !== NodeState.Cached) continue;
    const name = graph.field(node, 'name');
    const nodes = wanted.get(name);
    if (nodes) nodes.push(node);
    else wanted.set(name, [node]);
  }
  return wanted;
}

/** Which of the wanted nodes an RPM provides, each by the first name that fits. */
function satisfiedBy(
  graph: Graph,
  wanted: ReadonlyMap<string, readonly NodeId[]>,
  rpm: string,
  provides: readonly Provide[],
  versionOrder: VersionOrder = 'toolkit',
): ProvidedName[] {
  const found = new Map<NodeId, ProvidedName>();
  for (const provide of provides) {
    for (const node of wanted.get(provide.name) ?? []) {
      if (!found.has(node) && fits(graph, node, provide, versionOrder)) found.set(node, { node, provide, rpm });
    }
  }
  return [...found.values()];
}

/** Which of the wanted nodes the RPMs provide. Where several provide a name, the first of them is taken. */
export function firstProviders(
  graph: Graph,
  wanted: ReadonlyMap<string, readonly NodeId[]>,
  rpms: readonly string[],
  provides: ReadonlyMap<string, readonly Provide[]>,
  versionOrder?: VersionOrder,
): ProvidedName[] {
  const names = new Map<NodeId, ProvidedName>();
  for (const rpm of rpms) {
    for (const found of satisfiedBy(graph, wanted, rpm, provides.get(rpm) ?? [], versionOrder)) {
      if (!names.has(found.node)) names.set(found.node, found);
    }
  }
  return [...names.values()];
}

/**
 * Each node becomes an installable name of the RPM that provides it, and needs the package of that RPM. Nodes that one name satisfies
 * become one: what needs the others needs the first.
 */
export function tieToProviders(graph: Graph, names: readonly ProvidedName[]): TiedGraph {
  const packages = new PackagesByRpm(graph);
  const replace = new Map<NodeId, NodeRecord>();
  const [addEdges, removeEdges]: [NodeId, NodeId][][] = [[], []] as [[NodeId, NodeId][], [NodeId, NodeId][]];
  const first = new Map<string, NodeId>();
  const gone: NodeId[] = [];
  const ties: Tie[] = [];
  const strangers = new Set<string>();
  for (const { node, provide, rpm } of names) {
    const provider = packages.of(rpm);
    if (provider === undefined) {
      strangers.add(rpm);
      continue;
    }
    ties.push({ node, provider, rpm });
    const key = `${rpm}\n${provide.name}\n${provide.version}`;
    const known = first.get(key);
    if (known === undefined) {
      first.set(key, node);
      replace.set(node, recordOf(graph, provider, provide));
      addEdges.push([node, provider]);
      continue;
    }
    gone.push(node);
    for (const dependent of graph.dependentsOf(node)) {
      removeEdges.push([dependent, node]);
      addEdges.push([dependent, known]);
    }
  }
  const tied = ties.length === 0 ? graph : graph.patched({ replace, addEdges, removeEdges });
  return { graph: tied, gone, ties, strangers: [...strangers] };
}

function fits(graph: Graph, node: NodeId, { name, version, condition }: Provide, order: VersionOrder): boolean {
  try {
    return overlaps(
      intervalOf({ name, version, condition, sVersion: '', sCondition: '' }, order),
      intervalOf(versionedNameOf(graph, node), order),
    );
  } catch {
    // A version of no sense satisfies nobody.
    return false;
  }
}

function recordOf(graph: Graph, provider: NodeId, provide: Provide): NodeRecord {
  const { sVersion, sCondition, key, command, ...parent } = graph.record(provider);
  const { name, version, condition } = provide;
  return { ...parent, name, version, condition: version === '' ? '' : condition, implicit: true, hasPackage: true };
}

/** Installable packages of the graph by their RPM's path, or else by its file name: a worker may give another path to the same folder. */
class PackagesByRpm {
  private readonly byPath = new Map<string, NodeId>();
  private readonly byFile = new Map<string, NodeId>();

  constructor(graph: Graph) {
    for (let node = 0; node < graph.size; node++) {
      if (graph.types[node] !== NodeType.LocalRun || graph.isImplicit(node)) continue;
      const rpm = graph.rpmPath(node);
      if (rpm === '') continue;
      if (!this.byPath.has(rpm)) this.byPath.set(rpm, node);
      if (!this.byFile.has(basename(rpm))) this.byFile.set(basename(rpm), node);
    }
  }

  of(rpm: string): NodeId | undefined {
    return this.byPath.get(rpm) ?? this.byFile.get(basename(rpm));
  }
}
