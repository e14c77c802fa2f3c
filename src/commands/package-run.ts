import { existsSync, mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import type { FlagSpec } from '../config/flag-spec';
import type { FlagValues } from '../config/flags';
import { cycleFixText, resolveCycles } from '../graph/cycles/resolve-cycles';
import type { Graph } from '../graph/graph';
import type { ResolvedLists } from '../graph/package-lists';
import type { VersionOrder } from '../graph/versions/versions';
import { ProvidesQuery } from '../rpm/provides';
import { RpmbuildAgent, type RpmbuildAgentOptions, type SandboxChoice } from '../scheduler/agents/rpmbuild/rpmbuild';
import { ContentRule } from '../scheduler/rebuild/content';
import { FingerprintStore } from '../scheduler/rebuild/fingerprint-store';
import { FreshnessRule } from '../scheduler/rebuild/freshness';
import type { RunnerPool } from '../scheduler/runner/runner-pool';
import { runToolWith } from '../scheduler/runner/runner-tool';
import type { RunOptions } from '../scheduler/scheduler';
import { describeSystemError, UserError } from '../util/user-error';

/** What building packages needs beside a graph, for every command that builds them. */

export const SANDBOX_FLAG: FlagSpec = {
  kind: 'enum',
  name: 'sandbox',
  values: ['auto', 'bwrap', 'none'],
  default: 'auto',
  help: 'Where rpmbuild runs: bwrap is a sandbox by bubblewrap, none this machine as it is, auto the former where it works.',
};

/** Asks built RPMs for names that nobody is known to provide. */
export function dynamicDependencies(
  runners: RunnerPool,
  requested: number | undefined,
  versionOrder: VersionOrder,
  onProblem: (message: string) => void,
): RunOptions['dynamicDependencies'] {
  const query = new ProvidesQuery({ runTool: runToolWith(runners), parallel: availableParallelism(), onProblem });
  return { ask: (...asked) => query.ask(...asked), isOnDisk: existsSync, requested, versionOrder };
}

/**
 * The graph without circles of dependencies.
 *
 * @throws UserError that tells every circle that cannot be resolved, and what would help
 */
export function withoutCycles(graph: Graph, onFix: (message: string) => void): Graph {
  const resolved = resolveCycles(graph, { isOnDisk: existsSync });
  for (const fix of resolved.fixes) onFix(cycleFixText(resolved.graph, fix));
  return resolved.graph;
}

export type RebuildRuleName = 'always' | 'freshness' | 'content';

export interface RebuildChoice {
  readonly rule: RebuildRuleName;
  readonly lists?: Pick<ResolvedLists, 'rebuild' | 'ignore'>;
  readonly noCache: boolean;
  /** Freshness only. */
  readonly maxCascadingRebuilds?: number;
  /** Content only: where the fingerprints are kept. */
  readonly fingerprintsFile: string;
  readonly settings?: Readonly<Record<string, string>>;
  readonly settingFiles?: Readonly<Record<string, string>>;
  /** Nothing is really built. */
  readonly dryRun?: boolean;
  readonly onProblem: (message: string) => void;
}

/** @returns undefined where everything is always built */
export function rebuildRule(choice: RebuildChoice): RunOptions['rebuild'] {
  const { rule, lists, noCache, settings, settingFiles, dryRun } = choice;
  if (rule === 'always') return undefined;
  if (rule === 'freshness') {
    const { maxCascadingRebuilds } = choice;
    return (graph, jobs) => new FreshnessRule(graph, jobs, { maxCascadingRebuilds, noCache, ...lists });
  }
  const store = openStore(choice);
  return (graph, jobs) => new ContentRule(graph, jobs, { store, noCache, settings, settingFiles, dryRun, ...lists });
}

function openStore({ fingerprintsFile, onProblem }: RebuildChoice): FingerprintStore {
  try {
    mkdirSync(dirname(fingerprintsFile), { recursive: true });
  } catch (error) {
    throw new UserError(
      `cannot make the folder of fingerprints ${dirname(fingerprintsFile)}: ${describeSystemError(error)}`,
    );
  }
  return FingerprintStore.open(fingerprintsFile, onProblem);
}

/** Kept beside the runs: they outlive each of them. */
export function fingerprintsFileIn(runsDir: string): string {
  return join(runsDir, 'fingerprints.ndjson');
}

export interface RpmbuildFolders {
  readonly rpmDir: string;
  readonly logsDir: string;
  readonly workDir: string;
}

/** The agent that builds with rpmbuild, as the flags of both commands say. */
export function rpmbuildAgent(
  flags: FlagValues,
  runners: RunnerPool,
  folders: RpmbuildFolders,
  more: Pick<RpmbuildAgentOptions, 'defines' | 'macroFiles' | 'graceMs'>,
): RpmbuildAgent {
  const maxCpu = flags.optionalString('max-cpu');
  if (maxCpu !== undefined && !/^[1-9]\d*$/.test(maxCpu)) {
    throw new UserError(`flag '--max-cpu': expected a number of processors above zero, got '${maxCpu}'`);
  }
  return new RpmbuildAgent({
    runners,
    ...folders,
    ...more,
    distTag: flags.optionalString('dist-tag'),
    maxCpu: maxCpu === undefined ? undefined : Number(maxCpu),
    sandbox: flags.string('sandbox') as SandboxChoice,
    keepBuildDirs: flags.bool('no-cleanup'),
  });
}
