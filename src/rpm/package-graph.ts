import { existsSync } from 'node:fs';
import { resolveCycles } from '../graph/cycles/resolve-cycles';
import type { Graph } from '../graph/graph';
import { assumeProvided, type Provision, unresolvedNodes } from '../graph/grapher/assume-provided';
import { graphFromRecords } from '../graph/grapher/grapher';
import { type GrapherNotice, grapherNoticeText } from '../graph/grapher/grapher-notice';
import type { PackageRecord } from '../graph/grapher/package-record';
import type { NodeId } from '../graph/node';
import { versionedNameOf } from '../graph/node-text';
import type { VersionedName } from '../graph/versions/versions';
import { globs } from '../util/globs';
import { hostProvides } from './host-provides';
import type { RunTool } from './run-tool';
import { specFilesIn } from './spec-files';
import { type SpecNotice, specNoticeText } from './spec-notice';
import { recordsFromSpecs, type SpecRecordsOptions } from './spec-records';

export interface PackageGraphOptions {
  /** Whether specs with a `%check` get test nodes. Default: true */
  readonly tests?: boolean;
  /** Names that are regarded as there where no spec provides them; `*` stands for any run of characters. Default: none */
  readonly assumeProvided?: readonly string[];
  /** Whether names that this machine provides are regarded as there where no spec provides them. Default: false */
  readonly hostProvides?: boolean;
  /** Whether circles of dependencies are resolved; where one cannot be, that is an error. Default: true */
  readonly resolveCycles?: boolean;
  /** Paths of RPMs that are regarded as on disk when circles are resolved, with `*`, beside those that are. Default: none */
  readonly onDisk?: readonly string[];
}

export type PackageGraphNotice = SpecNotice | GrapherNotice;

/** A graph of packages that can be built, and what a person should know of it. */
export interface PackageGraph {
  readonly graph: Graph;
  readonly notices: readonly PackageGraphNotice[];
  /** Names that are regarded as provided. */
  readonly assumed: readonly NodeId[];
  /** Names that nobody provides. Implicit ones may turn out to be provided by a built RPM; what needs the others cannot be built. */
  readonly unresolved: readonly NodeId[];
  /** How many circles of dependencies were resolved. */
  readonly resolvedCycles: number;
}

/**
 * Makes a graph that can be built of package records.
 *
 * @throws UserError where a record makes no sense, or a circle of dependencies cannot be resolved
 */
export async function packageGraph(
  records: readonly PackageRecord[],
  options: PackageGraphOptions,
  runTool: RunTool,
): Promise<PackageGraph> {
  const made = graphFromRecords(records, { tests: options.tests });
  const { graph, assumed } = assumeProvided(made.graph, await provisions(made.graph, options, runTool));
  const resolved =
    (options.resolveCycles ?? true) ? resolveCycles(graph, { isOnDisk: onDisk(records, options) }) : undefined;
  return {
    graph: resolved?.graph ?? graph,
    notices: made.notices,
    assumed,
    unresolved: unresolvedNodes(graph),
    resolvedCycles: resolved?.fixes.length ?? 0,
  };
}

/**
 * Makes a graph that can be built of all spec files in a folder and those below it, as `spanwright graph from-specs FOLDER` does.
 *
 * @throws UserError naming the spec and the line that cannot be read
 */
export async function graphFromSpecFolder(
  folder: string,
  options: PackageGraphOptions & SpecRecordsOptions,
  runTool: RunTool,
): Promise<PackageGraph> {
  const read = await recordsFromSpecs(specFilesIn(folder), options, runTool);
  const made = await packageGraph(read.records, options, runTool);
  return { ...made, notices: [...read.notices, ...made.notices] };
}

/** A notice in one line. */
export function packageGraphNoticeText(notice: PackageGraphNotice): string {
  return 'specPath' in notice ? specNoticeText(notice) : grapherNoticeText(notice);
}

/** What the user says is there is settled. What this machine has in parentheses, some package of ours may have in a version of its own. */
async function provisions(
  graph: Graph,
  options: PackageGraphOptions,
  runTool: RunTool,
): Promise<(wish: VersionedName) => Provision | undefined> {
  const isAssumed = globs(options.assumeProvided ?? []);
  const wishes = options.hostProvides ? unresolvedNodes(graph).map((node) => versionedNameOf(graph, node)) : [];
  const isOnHost = wishes.length > 0 ? await hostProvides(wishes, runTool) : () => false;
  return (wish) => {
    if (isAssumed(wish.name)) return 'settled';
    if (!isOnHost(wish)) return undefined;
    return wish.name.includes('(') ? 'until-built' : 'settled';
  };
}

/** The toolchain is there before anything is built, wherever it is. */
function onDisk(records: readonly PackageRecord[], options: PackageGraphOptions): (rpm: string) => boolean {
  const toolchain = new Set(records.filter(({ IsToolchain }) => IsToolchain).map(({ RpmPath }) => RpmPath));
  const isSaidToBe = globs(options.onDisk ?? []);
  return (rpm) => toolchain.has(rpm) || isSaidToBe(rpm) || existsSync(rpm);
}
