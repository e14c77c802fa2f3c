import { UserError } from '../util/user-error';
import type { GraphNotice } from './check-packages';
import type { Graph } from './graph';
import { type NodeId, NodeType } from './node';
import type { PackageEntry, PackageLookup } from './package-lookup';
import { type VersionedName, versionedNameText } from './versions/versions';

/** The six lists of names that a user may give, and the packages of an image. */
export interface PackageLists {
  readonly packages: readonly string[];
  readonly rebuildPackages: readonly string[];
  readonly ignoredPackages: readonly string[];
  readonly tests: readonly string[];
  readonly rerunTests: readonly string[];
  readonly ignoredTests: readonly string[];
  /** To be built, and tested, where they are made from the graph's own specs. Default: none. */
  readonly imagePackages?: readonly VersionedName[];
}

/** The lists as nodes. `builds` and `tests` hold what is listed to build or rebuild; empty means everything. */
export interface ResolvedLists {
  readonly builds: readonly NodeId[];
  readonly tests: readonly NodeId[];
  readonly rebuild: ReadonlySet<NodeId>;
  readonly ignore: ReadonlySet<NodeId>;
  /** Names in the ignore lists that match nothing. */
  readonly unknownIgnored: readonly string[];
  /** What is not as it seems: a name that means a package from elsewhere, a package of the image that is not built here. */
  readonly notices: readonly GraphNotice[];
}

/**
 * Finds the nodes that the lists name: specs first (all packages of the spec), then packages (the highest version).
 *
 * @throws UserError in the toolkit's words where names to build or test are not in the graph, or one is to be ignored and forced
 */
export function resolveLists(graph: Graph, lookup: PackageLookup, lists: PackageLists): ResolvedLists {
  const notices: GraphNotice[] = [];
  const packages = new ListResolver(graph, lookup, 'build', notices).resolve({
    wanted: lists.packages,
    forced: lists.rebuildPackages,
    ignored: lists.ignoredPackages,
    image: lists.imagePackages ?? [],
  });
  const tests = new ListResolver(graph, lookup, 'test', notices).resolve({
    wanted: lists.tests,
    forced: lists.rerunTests,
    ignored: lists.ignoredTests,
    image: lists.imagePackages ?? [],
  });
  return {
    builds: packages.wanted,
    tests: tests.wanted,
    rebuild: new Set([...packages.forced, ...tests.forced]),
    ignore: new Set([...packages.ignored, ...tests.ignored]),
    unknownIgnored: [...packages.unknownIgnored, ...tests.unknownIgnored],
    notices,
  };
}

interface NameLists {
  readonly wanted: readonly string[];
  readonly forced: readonly string[];
  readonly ignored: readonly string[];
  readonly image: readonly VersionedName[];
}

/** Resolves the lists of packages, or those of tests. */
class ListResolver {
  private readonly type: NodeType;
  private readonly title: string;
  private readonly unknown = new Map<string, string[]>();

  constructor(
    private readonly graph: Graph,
    private readonly lookup: PackageLookup,
    private readonly role: 'build' | 'test',
    private readonly notices: GraphNotice[],
  ) {
    this.type = role === 'build' ? NodeType.LocalBuild : NodeType.Test;
    this.title = `Failed to generate ${role === 'build' ? 'package' : 'tests'} list with error:`;
  }

  resolve({ wanted, forced, ignored, image }: NameLists) {
    const built = this.required(wanted, 'build list');
    const rebuilt = this.required(forced, 're-built list');
    this.refuseUnknown();
    const left = this.optional(ignored);
    this.refuseBoth(left.nodes, rebuilt);
    return {
      wanted: [...new Set([...built, ...rebuilt, ...this.ofImage(image)])],
      forced: rebuilt,
      ignored: left.nodes,
      unknownIgnored: left.unknown,
    };
  }

  private required(names: readonly string[], list: string): NodeId[] {
    return names.flatMap((name) => {
      const found = this.find(name);
      if (typeof found !== 'string') return found;
      this.unknown.set(list, [...(this.unknown.get(list) ?? []), found]);
      return [];
    });
  }

  private optional(names: readonly string[]): { nodes: NodeId[]; unknown: string[] } {
    const nodes: NodeId[] = [];
    const unknown: string[] = [];
    for (const name of names) {
      const found = this.find(name);
      if (typeof found === 'string') unknown.push(name);
      else nodes.push(...found);
    }
    return { nodes, unknown };
  }

  /** The nodes, or why there are none. */
  private find(name: string): readonly NodeId[] | string {
    const ofSpec = this.lookup.nodesOfSpec(name, this.type);
    if (ofSpec.length > 0) return ofSpec;
    const entry = this.bestMatch({ name, version: '', condition: '', sVersion: '', sCondition: '' });
    if (!entry) return `failed to find package (${name}) in the dependency graph`;
    const node = entry[this.role];
    return node === undefined ? `found package (${name}) but it doesn't have a package of the expected type` : [node];
  }

  /** An image also holds packages from elsewhere. They are not ours to build. */
  private ofImage(wanted: readonly VersionedName[]): NodeId[] {
    return wanted.flatMap((wish) => {
      const best = this.bestMatch(wish)?.[this.role];
      if (best === undefined) {
        const message = `Found external package to filter out: ${versionedNameText(wish)}.`;
        if (this.role === 'build') this.notices.push({ level: 'debug', message });
        return [];
      }
      return [this.lookup.exactMatch(wish)?.[this.role] ?? best];
    });
  }

  private bestMatch(wish: VersionedName): PackageEntry | undefined {
    return this.lookup.bestMatch(wish, (message) => {
      if (!this.notices.some((notice) => notice.message === message)) this.notices.push({ level: 'warning', message });
    });
  }

  /** Tells all that is wrong at once. What comes first is what the toolkit tells. */
  private refuseUnknown(): void {
    if (this.unknown.size === 0) return;
    const lines = [...this.unknown].flatMap(([list, reasons]) => [
      `failed to find nodes for the packages from the ${list}:`,
      ...new Set(reasons),
    ]);
    throw new UserError([this.title, ...lines].join('\n'));
  }

  private refuseBoth(ignored: readonly NodeId[], forced: readonly NodeId[]): void {
    const both = ignored.filter((node) => forced.includes(node));
    if (both.length === 0) return;
    const names = [...new Set(both.map((node) => this.graph.field(node, 'name')))].sort();
    throw new UserError(
      `${this.title}\ncan't ignore and force a re-build of a package at the same time. Abusing packages: (${names.join(', ')})`,
    );
  }
}
