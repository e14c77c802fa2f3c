import type { FlagValues } from '../config/flags';
import { readImageConfig } from '../config/image-config';
import { type BuildGoal, prepareBuildGoal } from '../graph/build-goal';
import { readGraph } from '../graph/formats/read-graph';
import type { Graph } from '../graph/graph';
import { describeVersionDifferences, versionDifferences } from '../graph/versions/version-differences';
import type { VersionOrder } from '../graph/versions/versions';
import type { ToolkitLogger } from '../util/toolkit-logger';
import { UserError } from '../util/user-error';
import { withoutCycles } from './package-run';

/** By which rule versions are compared. */
export function versionOrderOf(flags: FlagValues): VersionOrder {
  return flags.string('version-order') as VersionOrder;
}

/**
 * Reads the graph, finds what is to be built of it, and logs what a person should know of that.
 *
 * @throws UserError in the toolkit's words where the graph or the image configuration cannot be read, or a name is not in the graph
 */
export function readBuildGoal(flags: FlagValues, log: ToolkitLogger): BuildGoal {
  const graph = withoutCycles(readInput(flags.string('input')), (message) => log.info(message));
  const imageConfig = flags.optionalString('image-config-file');
  const versionOrder = versionOrderOf(flags);
  if (versionOrder === 'rpm') {
    for (const line of describeVersionDifferences(graph, versionDifferences(graph))) log.warn(line);
  }
  const goal = prepareBuildGoal(
    graph,
    {
      packages: flags.words('packages'),
      rebuildPackages: flags.words('rebuild-packages'),
      ignoredPackages: flags.words('ignored-packages'),
      tests: flags.words('tests'),
      rerunTests: flags.words('rerun-tests'),
      ignoredTests: flags.words('ignored-tests'),
      imagePackages: imageConfig === undefined ? [] : imagePackages(imageConfig, flags.optionalString('base-dir')),
    },
    {
      extraLayers: flags.number('extra-layers'),
      cachedImplicitWillDo: flags.bool('optimize-with-cached-implicit') && !flags.bool('no-cache'),
      versionOrder,
    },
  );
  logGoal(goal, log);
  return goal;
}

function readInput(path: string): Graph {
  try {
    return readGraph(path);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`Failed to read DOT graph with error:\n${error.message}`);
  }
}

function imagePackages(path: string, baseDir: string | undefined) {
  try {
    return readImageConfig(path, baseDir);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      `Failed to generate package list with error:\nfailed to extract packages from the image config, error:\n${error.message}`,
    );
  }
}

function logGoal({ lists: { unknownIgnored }, notices, pruned, unsolved, graph }: BuildGoal, log: ToolkitLogger): void {
  if (unknownIgnored.length > 0) {
    log.warn(`The following ignored items matched neither a spec nor a package name: [${unknownIgnored.join(' ')}]`);
  }
  for (const { level, message } of notices) log.log(level, message);
  if (pruned) return log.info('Successfully created solvable subgraph');
  log.warn(`Found ${unsolved.length} unsolved implicit nodes, cannot optimize subgraph yet...`);
  for (const node of unsolved.slice(0, 5)) log.warn(`\tUnsolvable node: ${graph.friendlyName(node)}`);
  if (unsolved.length > 5) log.warn(`\t...and ${unsolved.length - 5} more`);
  log.warn('Could not create solvable subgraph, forcing full package build');
}
