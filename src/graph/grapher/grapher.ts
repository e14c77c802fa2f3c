import { basename } from 'node:path';
import { UserError } from '../../util/user-error';
import { printable } from '../../util/words';
import { ALL_GOAL, withGoal } from '../goals';
import { type Graph, GraphBuilder, type NodeRecord } from '../graph';
import { NO_RPM_PATH, NO_SRPM_PATH, type NodeId, NodeState, NodeType } from '../node';
import { compareIntervals } from '../versions/versions';
import type { GrapherNotice } from './grapher-notice';
import { isImplicitName, type PackageRecord, type PackageVersion, versionText } from './package-record';
import { type Provider, ProviderTable, type Wish } from './provider-table';

export interface GrapherOptions {
  /** Whether specs with a `%check` get test nodes. Default: true */
  readonly tests?: boolean;
}

/** A graph, and what a person should know of how it came to be. */
export interface MadeGraph {
  readonly graph: Graph;
  readonly notices: readonly GrapherNotice[];
}

/**
 * Makes the graph of packages as the toolkit's grapher does: for each provide a run and a build node and, where the spec has a `%check`, a test
 * node; for each name that none of them provides a remote node with just the version that is wanted; and the goal `ALL` over everything. Nodes
 * are numbered in the toolkit's order. Cycles are left as they are.
 *
 * @param records in any order; of equal provides the first counts
 * @throws UserError naming the spec where a version makes no sense
 *
 * @example
 * ```ts
 * const { graph, notices } = graphFromRecords(readPackageRecords('specs.json'));
 * ```
 */
export function graphFromRecords(records: readonly PackageRecord[], { tests = true }: GrapherOptions = {}): MadeGraph {
  return new Grapher(tests).make(records);
}

/** The nodes of one provide. */
interface PackageNodes {
  readonly record: PackageRecord;
  readonly run: NodeId;
  readonly build: NodeId;
  readonly test: NodeId | undefined;
}

class Grapher {
  private readonly builder = new GraphBuilder();
  private readonly table = new ProviderTable();
  private readonly packages: PackageNodes[] = [];
  private readonly notices: GrapherNotice[] = [];
  /** Wishes that a notice was given of. */
  private readonly noticed = new Set<Wish>();

  constructor(private readonly tests: boolean) {}

  make(records: readonly PackageRecord[]): MadeGraph {
    for (const { record, wish } of this.sorted(records)) this.addPackage(record, wish);
    // Only now, as a name must not become remote because its provider comes later.
    for (const nodes of this.packages) this.addDependencies(nodes);
    const { graph } = withGoal(this.builder.build(), ALL_GOAL, this.goalMembers());
    return { graph, notices: this.notices };
  }

  /** By name and version. In this order nodes are numbered and remote nodes come in, which decides what later wishes find. */
  private sorted(records: readonly PackageRecord[]): { record: PackageRecord; wish: Wish }[] {
    const provided = records.map((record) => ({ record, wish: this.wishOf(record, record.Provides, 'provides') }));
    return provided.sort(({ wish: a }, { wish: b }) => {
      const byName = compareTexts(a.package.Name, b.package.Name);
      return byName || compareIntervals(a.interval, b.interval) || compareTexts(a.package.Version, b.package.Version);
    });
  }

  private addPackage(record: PackageRecord, wish: Wish): void {
    checkProvide(record);
    const same = this.table.exact(wish);
    if (same?.record) {
      this.notices.push({ type: 'duplicate-provide', record, first: same.record });
      return;
    }
    const { builder } = this;
    const node = localNode(record);
    const run = builder.addNode({ ...node, type: NodeType.LocalRun, state: NodeState.Meta });
    const build = builder.addNode({ ...node, type: NodeType.LocalBuild, state: NodeState.Build });
    const hasTest = this.tests && record.RunTests;
    const test = hasTest
      ? builder.addNode({ ...node, type: NodeType.Test, state: NodeState.Build, rpmPath: NO_RPM_PATH })
      : undefined;
    builder.addDependency(run, build);
    // Whether the package is built at all is decided first.
    if (test !== undefined) builder.addDependency(test, build);
    this.table.add({ wish, run, record });
    this.packages.push({ record, run, build, test });
  }

  private addDependencies({ record, run, build, test }: PackageNodes): void {
    for (const wanted of record.Requires) {
      const provider = this.find(this.wishOf(record, wanted, 'requires'));
      // What one RPM provides is installed together: such an edge would say nothing, and close cycles.
      if (provider.record?.RpmPath !== record.RpmPath) this.builder.addDependency(run, provider.run);
    }
    for (const wanted of record.BuildRequires) {
      this.builder.addDependency(build, this.find(this.wishOf(record, wanted, 'needs for its build')).run);
    }
    if (test === undefined) return;
    for (const wanted of record.TestRequires) {
      this.builder.addDependency(test, this.find(this.wishOf(record, wanted, 'needs for its %check')).run);
    }
  }

  /**
   * The provider of the highest version that will do. Where that is none of ours it is a remote node with just the version that is wanted: all
   * build nodes of an SRPM then wait for the same nodes, whatever others want of that name.
   */
  private find(wish: Wish): Provider {
    const best = this.table.best(wish);
    if (best?.record) return best;
    if (best) this.noticeRemote(wish, best);
    return this.table.exact(wish) ?? this.addRemote(wish);
  }

  private addRemote(wish: Wish): Provider {
    const run = this.builder.addNode({ ...REMOTE_NODE, ...packageFields(wish.package) });
    return this.table.add({ wish, run, record: undefined });
  }

  private noticeRemote(wish: Wish, remote: Provider): void {
    if (this.noticed.has(wish)) return;
    const local = this.table.best(wish, ({ record }) => record !== undefined);
    if (!local) return;
    this.noticed.add(wish);
    const [wanted, instead, of] = [wish.package, remote.wish.package, local.wish.package];
    this.notices.push({ type: 'remote-instead-of-local', wanted, remote: instead, local: of });
  }

  /** What the goal needs: the node to install for each provide and each remote name, and every test. */
  private goalMembers(): NodeId[] {
    const runs = [...this.table.all()].map(({ run }) => run);
    return [...runs, ...this.packages.flatMap(({ test }) => test ?? [])];
  }

  private wishOf(record: PackageRecord, wanted: PackageVersion, what: string): Wish {
    try {
      return this.table.wishFor(wanted);
    } catch (error) {
      fail(record, `${what} '${versionText(wanted)}': ${(error as Error).message}`);
    }
  }
}

/** A package has one version, or at least one: `foo > 1` or `foo < 2` names none that could be installed. */
function checkProvide(record: PackageRecord): void {
  const { Condition, SCondition, SVersion } = record.Provides;
  const isLowest = Condition === '' || Condition === '=' || Condition === '>=';
  if (isLowest && SCondition === '' && SVersion === '') return;
  fail(
    record,
    `provides '${versionText(record.Provides)}': a provide has one version with no condition, with '=' or '>='`,
  );
}

function fail(record: PackageRecord, message: string): never {
  throw new UserError(printable(`${basename(record.RpmPath)} ${message}`), { file: record.SpecPath });
}

function localNode(record: PackageRecord): Omit<NodeRecord, 'type' | 'state'> {
  return {
    ...packageFields(record.Provides),
    srpmPath: record.SrpmPath,
    rpmPath: record.RpmPath,
    specPath: record.SpecPath,
    sourceDir: record.SourceDir,
    architecture: record.Architecture,
    sourceRepo: '<LOCAL_REPO>',
  };
}

function packageFields(of: PackageVersion): Omit<NodeRecord, 'type' | 'state'> {
  return {
    name: of.Name,
    version: of.Version,
    condition: of.Condition,
    sVersion: of.SVersion,
    sCondition: of.SCondition,
    implicit: isImplicitName(of.Name),
  };
}

/** A node for what no local package provides, but for its name; as the toolkit writes it. */
const REMOTE_NODE: NodeRecord = {
  type: NodeType.RemoteRun,
  state: NodeState.Unresolved,
  srpmPath: NO_SRPM_PATH,
  rpmPath: NO_RPM_PATH,
  specPath: '<NO_SPEC_PATH>',
  sourceDir: '<NO_SOURCE_DIR>',
  architecture: '<NO_ARCHITECTURE>',
  sourceRepo: '<NO_SOURCE_REPO>',
};

function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
