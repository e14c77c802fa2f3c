import { basename, extname } from 'node:path';
import { UserError } from '../util/user-error';
import type { Graph } from './graph';
import { type NodeId, NodeType } from './node';
import { nodeText, versionedNameOf } from './node-text';
import {
  compareIntervals,
  compareVersions,
  intervalKey,
  intervalOf,
  overlaps,
  type VersionedName,
  type VersionInterval,
  type VersionOrder,
  versionedNameText,
} from './versions/versions';

/** What the graph has of one version of one package. */
export interface PackageEntry {
  readonly interval: VersionInterval;
  run?: NodeId;
  build?: NodeId;
  test?: NodeId;
}

/** A node that is in the graph and cannot be found by its name. */
export interface LeftOut {
  readonly node: NodeId;
  /** In the words of the toolkit. */
  readonly why: string;
}

/**
 * Finds a graph's nodes by package name and version, and by spec. Where several nodes could be installed for one version, a
 * local one is preferred to a remote one.
 */
export class PackageLookup {
  /**
   * Second nodes for what has one already, and local nodes whose version is not one version, or all from one on. The toolkit passes
   * over them without a word when it reads a graph.
   */
  readonly leftOut: readonly LeftOut[];
  private readonly byName = new Map<string, PackageEntry[]>();
  /** By name and interval. */
  private readonly exact = new Map<string, PackageEntry>();
  private readonly bySpec = new Map<string, NodeId[]>();
  /** By their text: a graph has far fewer versions than nodes. */
  private readonly intervals = new Map<string, VersionInterval>();

  /** @throws UserError where a node's conditions leave no version, or one is unknown */
  constructor(
    private readonly graph: Graph,
    private readonly order: VersionOrder = 'toolkit',
  ) {
    const leftOut: LeftOut[] = [];
    for (let node = 0; node < graph.size; node++) {
      if (!isLookedUp(graph, node)) continue;
      const why = this.add(node);
      if (why !== undefined) leftOut.push({ node, why: `${nodeText(graph, node)} ${why}` });
    }
    for (const entries of this.byName.values()) entries.sort((a, b) => compareIntervals(a.interval, b.interval));
    this.leftOut = leftOut;
  }

  /** Every entry, by name and then version. */
  *entries(): Generator<PackageEntry> {
    for (const entries of this.byName.values()) yield* entries;
  }

  /** Build or test nodes of a spec, by the name of its file without `.spec`. */
  nodesOfSpec(spec: string, type: NodeType): NodeId[] {
    return (this.bySpec.get(spec) ?? []).filter((node) => this.graph.type(node) === type);
  }

  /**
   * The highest version that satisfies the wish.
   *
   * @param onRemote told where that is a package from elsewhere although a lower local one satisfies it too, in the words of the toolkit
   */
  bestMatch(wanted: VersionedName, onRemote?: (message: string) => void): PackageEntry | undefined {
    const interval = intervalOf(wanted, this.order);
    const entries = this.byName.get(wanted.name);
    const best = entries?.findLast((entry) => overlaps(entry.interval, interval));
    if (onRemote && entries && best && best.build === undefined) {
      const local = entries.findLast((entry) => entry.build !== undefined && overlaps(entry.interval, interval));
      if (local) {
        const [remoteText, localText] = [best, local].map(({ run, test, build }) =>
          nodeText(this.graph, (run ?? test ?? build) as NodeId),
        );
        onRemote(
          `Resolving '${versionedNameText(wanted)}' to remote node '${remoteText}' instead of local node '${localText}'`,
        );
      }
    }
    return best;
  }

  /** The entry whose versions are written just so. */
  exactMatch(wanted: VersionedName): PackageEntry | undefined {
    return this.exact.get(keyOf(wanted.name, intervalOf(wanted, this.order)));
  }

  /** The entry of a node itself. */
  entryOf(node: NodeId): PackageEntry | undefined {
    return this.exact.get(keyOf(this.graph.field(node, 'name'), this.intervalOfNode(node)));
  }

  /** Puts a node in its place, or says why it has none. */
  private add(node: NodeId): string | undefined {
    const type = this.graph.type(node);
    const interval = this.intervalOfNode(node);
    const refusal = type === NodeType.RemoteRun ? undefined : refusalOf(interval);
    if (refusal !== undefined) return refusal;
    const entry = this.entryFor(node, interval);
    if (type === NodeType.LocalBuild || type === NodeType.Test) {
      const role = type === NodeType.Test ? 'test' : 'build';
      if (entry[role] !== undefined) return ALREADY_THERE;
      entry[role] = node;
      const spec = specNameOf(this.graph, node);
      const nodes = this.bySpec.get(spec);
      if (nodes) nodes.push(node);
      else this.bySpec.set(spec, [node]);
      return undefined;
    }
    const isTaken = entry.run !== undefined && this.graph.type(entry.run) === NodeType.LocalRun;
    if (type === NodeType.LocalRun) {
      if (isTaken) return ALREADY_THERE;
      entry.run = node;
    } else entry.run ??= node;
    return undefined;
  }

  private entryFor(node: NodeId, interval: VersionInterval): PackageEntry {
    const name = this.graph.field(node, 'name');
    const key = keyOf(name, interval);
    let entry = this.exact.get(key);
    if (!entry) {
      entry = { interval };
      this.exact.set(key, entry);
      const entries = this.byName.get(name);
      if (entries) entries.push(entry);
      else this.byName.set(name, [entry]);
    }
    return entry;
  }

  private intervalOfNode(node: NodeId): VersionInterval {
    const wanted = versionedNameOf(this.graph, node);
    const text = `${wanted.condition} ${wanted.version} ${wanted.sCondition} ${wanted.sVersion}`;
    let interval = this.intervals.get(text);
    if (interval) return interval;
    try {
      interval = intervalOf(wanted, this.order);
    } catch (error) {
      throw new UserError(`package ${wanted.name} (node ${node}): ${(error as Error).message}`);
    }
    this.intervals.set(text, interval);
    return interval;
  }
}

const ALREADY_THERE = 'is already in the lookup';

function isLookedUp(graph: Graph, node: NodeId): boolean {
  const type = graph.type(node);
  return (
    (type === NodeType.LocalBuild ||
      type === NodeType.LocalRun ||
      type === NodeType.RemoteRun ||
      type === NodeType.Test) &&
    graph.hasPackage(node)
  );
}

/** Why no local package can have these versions: it has one, or all from one on. */
function refusalOf({ lower, lowerInclusive, upper }: VersionInterval): string | undefined {
  if (upper !== 'MAX' && (lower === 'MIN' || compareVersions(lower, upper) !== 0)) {
    return "is a run node and can't have double conditionals";
  }
  return lowerInclusive ? undefined : "is a run node and can't have non-inclusive lower bounds ('ver > ?')";
}

function keyOf(name: string, interval: VersionInterval): string {
  return `${intervalKey(interval)} ${name}`;
}

/** Name of the spec file, without folder and `.spec`. */
export function specNameOf(graph: Graph, node: NodeId): string {
  const path = graph.field(node, 'specPath');
  return basename(path, extname(path) === '.spec' ? '.spec' : '');
}
