import { basename, extname } from 'node:path';
import { UserError } from '../util/user-error';
import type { Graph } from './graph';
import { type NodeId, NodeType } from './node';
import {
  compareIntervals,
  intervalKey,
  intervalOf,
  overlaps,
  type VersionedName,
  type VersionInterval,
} from './versions';

/** What the graph has of one version of one package. */
export interface PackageEntry {
  readonly interval: VersionInterval;
  run?: NodeId;
  build?: NodeId;
  test?: NodeId;
}

/**
 * Finds a graph's nodes by package name and version, and by spec. Where several nodes could be installed for one version, a
 * local one is preferred to a remote one.
 */
export class PackageLookup {
  private readonly byName = new Map<string, PackageEntry[]>();
  /** By name and interval. */
  private readonly exact = new Map<string, PackageEntry>();
  private readonly bySpec = new Map<string, NodeId[]>();

  constructor(private readonly graph: Graph) {
    for (let node = 0; node < graph.size; node++) {
      const type = graph.type(node);
      if (
        type !== NodeType.LocalBuild &&
        type !== NodeType.LocalRun &&
        type !== NodeType.RemoteRun &&
        type !== NodeType.Test
      ) {
        continue;
      }
      if (!graph.hasPackage(node)) continue;
      const entry = this.entryFor(node);
      if (type === NodeType.LocalBuild) entry.build ??= node;
      else if (type === NodeType.Test) entry.test ??= node;
      else if (
        entry.run === undefined ||
        (type === NodeType.LocalRun && graph.type(entry.run) === NodeType.RemoteRun)
      ) {
        entry.run = node;
      }
      if (type === NodeType.LocalBuild || type === NodeType.Test) {
        const spec = specNameOf(graph, node);
        const nodes = this.bySpec.get(spec);
        if (nodes) nodes.push(node);
        else this.bySpec.set(spec, [node]);
      }
    }
    for (const entries of this.byName.values()) entries.sort((a, b) => compareIntervals(a.interval, b.interval));
  }

  /** Every entry, by name and then version. */
  *entries(): Generator<PackageEntry> {
    for (const entries of this.byName.values()) yield* entries;
  }

  /** Build or test nodes of a spec, by the name of its file without `.spec`. */
  nodesOfSpec(spec: string, type: NodeType): NodeId[] {
    return (this.bySpec.get(spec) ?? []).filter((node) => this.graph.type(node) === type);
  }

  /** The highest version that satisfies the wish. */
  bestMatch(wanted: VersionedName): PackageEntry | undefined {
    const interval = intervalOf(wanted);
    return this.byName.get(wanted.name)?.findLast((entry) => overlaps(entry.interval, interval));
  }

  /** The entry of a node itself. */
  entryOf(node: NodeId): PackageEntry | undefined {
    return this.exact.get(this.keyOf(node, this.intervalOfNode(node)));
  }

  private entryFor(node: NodeId): PackageEntry {
    const interval = this.intervalOfNode(node);
    const key = this.keyOf(node, interval);
    let entry = this.exact.get(key);
    if (!entry) {
      entry = { interval };
      this.exact.set(key, entry);
      const name = this.graph.field(node, 'name');
      const entries = this.byName.get(name);
      if (entries) entries.push(entry);
      else this.byName.set(name, [entry]);
    }
    return entry;
  }

  private keyOf(node: NodeId, interval: VersionInterval): string {
    return `${intervalKey(interval)} ${this.graph.field(node, 'name')}`;
  }

  private intervalOfNode(node: NodeId): VersionInterval {
    const text = (field: 'name' | 'version' | 'condition' | 'sVersion' | 'sCondition') => this.graph.field(node, field);
    try {
      return intervalOf({
        name: text('name'),
        version: text('version'),
        condition: text('condition'),
        sVersion: text('sVersion'),
        sCondition: text('sCondition'),
      });
    } catch (error) {
      throw new UserError(`package ${text('name')} (node ${node}): ${(error as Error).message}`);
    }
  }
}

/** Name of the spec file, without folder and `.spec`. */
export function specNameOf(graph: Graph, node: NodeId): string {
  const path = graph.field(node, 'specPath');
  return basename(path, extname(path) === '.spec' ? '.spec' : '');
}
