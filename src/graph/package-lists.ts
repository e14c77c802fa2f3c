import { UserError } from '../util/user-error';
import type { Graph } from './graph';
import { type NodeId, NodeType } from './node';
import type { PackageLookup } from './package-lookup';

/** The six lists of names that a user may give. */
export interface PackageLists {
  readonly packages: readonly string[];
  readonly rebuildPackages: readonly string[];
  readonly ignoredPackages: readonly string[];
  readonly tests: readonly string[];
  readonly rerunTests: readonly string[];
  readonly ignoredTests: readonly string[];
}

/** The lists as nodes. `builds` and `tests` hold what is listed to build or rebuild; empty means everything. */
export interface ResolvedLists {
  readonly builds: readonly NodeId[];
  readonly tests: readonly NodeId[];
  readonly rebuild: ReadonlySet<NodeId>;
  readonly ignore: ReadonlySet<NodeId>;
  /** Names in the ignore lists that match nothing. */
  readonly unknownIgnored: readonly string[];
}

/**
 * Finds the nodes that the lists name: specs first (all packages of the spec), then packages (the highest version).
 *
 * @throws UserError in the toolkit's words where a name to build or test is not in the graph
 */
export function resolveLists(graph: Graph, lookup: PackageLookup, lists: PackageLists): ResolvedLists {
  const resolver = new ListResolver(lookup);
  const build = { type: NodeType.LocalBuild, what: 'package', things: 'packages' } as const;
  const test = { type: NodeType.Test, what: 'test', things: 'tests' } as const;
  const builds = resolver.required(lists.packages, build, 'build list');
  const rebuilds = resolver.required(lists.rebuildPackages, build, 're-built list');
  const tests = resolver.required(lists.tests, test, 'build list');
  const reruns = resolver.required(lists.rerunTests, test, 're-built list');
  const ignoredBuilds = resolver.optional(lists.ignoredPackages, build);
  const ignoredTests = resolver.optional(lists.ignoredTests, test);
  refuseBoth(graph, ignoredBuilds.nodes, rebuilds, 're-build of a package');
  refuseBoth(graph, ignoredTests.nodes, reruns, 're-run of a test');
  return {
    builds: [...new Set([...builds, ...rebuilds])],
    tests: [...new Set([...tests, ...reruns])],
    rebuild: new Set([...rebuilds, ...reruns]),
    ignore: new Set([...ignoredBuilds.nodes, ...ignoredTests.nodes]),
    unknownIgnored: [...ignoredBuilds.unknown, ...ignoredTests.unknown],
  };
}

interface Kind {
  readonly type: NodeType;
  readonly what: string;
  readonly things: string;
}

class ListResolver {
  constructor(private readonly lookup: PackageLookup) {}

  required(names: readonly string[], kind: Kind, list: string): NodeId[] {
    return names.flatMap((name) => {
      const found = this.find(name, kind);
      if (typeof found !== 'string') return found;
      throw new UserError(
        `Failed to generate ${kind.things === 'tests' ? 'tests' : 'package'} list with error: failed to find nodes for the packages from the ${list}: ${found}`,
      );
    });
  }

  optional(names: readonly string[], kind: Kind): { nodes: NodeId[]; unknown: string[] } {
    const nodes: NodeId[] = [];
    const unknown: string[] = [];
    for (const name of names) {
      const found = this.find(name, kind);
      if (typeof found === 'string') unknown.push(name);
      else nodes.push(...found);
    }
    return { nodes, unknown };
  }

  /** The nodes, or why there are none. */
  private find(name: string, { type }: Kind): NodeId[] | string {
    const ofSpec = this.lookup.nodesOfSpec(name, type);
    if (ofSpec.length > 0) return ofSpec;
    const entry = this.lookup.bestMatch({ name, version: '', condition: '', sVersion: '', sCondition: '' });
    if (!entry) return `failed to find package (${name}) in the dependency graph`;
    const node = type === NodeType.Test ? entry.test : entry.build;
    return node === undefined ? `found package (${name}) but it doesn't have a package of the expected type` : [node];
  }
}

function refuseBoth(graph: Graph, ignored: readonly NodeId[], forced: readonly NodeId[], action: string): void {
  const both = ignored.filter((node) => forced.includes(node));
  if (both.length === 0) return;
  const names = [...new Set(both.map((node) => graph.field(node, 'name')))].sort();
  throw new UserError(`can't ignore and force a ${action} at the same time. Abusing packages: (${names.join(', ')})`);
}
