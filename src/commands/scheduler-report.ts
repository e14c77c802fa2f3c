import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { FlagValues } from '../config/flags';
import { formatOf, writeGraph } from '../graph/formats/read-graph';
import { remainingGraph } from '../graph/remaining-graph';
import { analysisLines } from '../report/analysis-text';
import type { RunView } from '../report/run-view';
import { stateCsv } from '../report/state-csv';
import { classify, toolkitSummary } from '../report/toolkit-summary';
import { writeFileAtomically } from '../util/atomic-file';
import { messageBox } from '../util/message-box';
import type { ToolkitLogger } from '../util/toolkit-logger';
import { describeSystemError, UserError } from '../util/user-error';
import type { LicenseInspection } from './license-inspection';
import type { RunBuildResult } from './run-build';

/** Names of the RPMs that must not be rebuilt. */
export function reservedRpms(flags: FlagValues): ReadonlySet<string> {
  const path = flags.string('toolchain-manifest');
  if (!path || flags.bool('allow-toolchain-rebuilds')) return new Set();
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    return new Set(lines.map((line) => basename(line.trim())).filter(Boolean));
  } catch (error) {
    throw new UserError(`unable to read toolchain manifest file '${path}': ${describeSystemError(error)}.`);
  }
}

/**
 * Tells and writes what came of a run, whatever that was.
 *
 * @returns the exit code
 */
export function reportRun(
  { outcome, view, jobs, signal }: RunBuildResult,
  flags: FlagValues,
  log: ToolkitLogger,
  { reserved, licenses }: { readonly reserved: ReadonlySet<string>; readonly licenses: LicenseInspection | undefined },
): number {
  const conflicts = toolchainConflicts(view, reserved);
  const summary = toolkitSummary(view, { ...conflicts, licenseSummaryFile: licenses?.summaryFile });
  for (const { level, text } of summary) log.log(level, text);
  for (const line of analysisLines(view)) log.info(line);
  licenses?.stop();
  const left = remainingGraph(outcome.graph, outcome.nodes);
  const writes = [
    () => writeFileAtomically(flags.string('output-build-state-csv-file'), stateCsv(outcome.graph, jobs, view)),
    () => writeGraph(left, flags.string('output'), formatOf(flags.string('output'))),
    () => licenses?.writeResults(),
    () => licenses?.writeSummary(),
  ];
  // Each on its own: a report that cannot be written must not keep the others from being written.
  const wroteAll = writes.map((write) => attempt(write, log)).every(Boolean);
  const errors: string[] = [];
  if (signal) errors.push(`stopped by ${signal}`);
  else if (outcome.gaveUpBecause !== undefined) errors.push(outcome.gaveUpBecause);
  else if (outcome.status !== 'succeeded') errors.push('could not build all packages');
  if (conflicts.rpmConflicts.length > 0) {
    errors.push(
      "toolchain packages rebuilt. See build summary for details. Use 'ALLOW_TOOLCHAIN_REBUILDS=y' to suppress this error if rebuilds were expected",
    );
  }
  if (licenses?.error !== undefined) errors.push(licenses.error);
  if (errors.length > 0) {
    const file = flags.string('log-file');
    log.log(
      'fatal',
      `Unable to build package graph.\nFor details see the build summary section above${file ? ` and the build log '${file}'` : ''}.\nError: ${errors.join('\n')}.`,
    );
  } else if (flags.bool('no-cleanup')) {
    const lines = [
      'ATTENTION!',
      '',
      'The build chroots were left on disk, as --no-cleanup was given:',
      flags.string('work-dir'),
      'They may hold mounts. Unmount these before you remove a folder.',
    ];
    for (const line of messageBox(lines)) log.warn(line);
  }
  return errors.length > 0 || !wroteAll ? 1 : 0;
}

function attempt(write: () => void, log: ToolkitLogger): boolean {
  try {
    write();
    return true;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    log.error(error.message);
    return false;
  }
}

function toolchainConflicts(view: RunView, reserved: ReadonlySet<string>) {
  const rpms = new Set<string>();
  const srpms = new Set<string>();
  for (const job of reserved.size > 0 ? classify(view).built : []) {
    // Counted as built, and not built.
    if (job.status === 'ignored') continue;
    for (const path of job.files) {
      if (!reserved.has(basename(path))) continue;
      rpms.add(basename(path));
      srpms.add(job.label);
    }
  }
  return { rpmConflicts: [...rpms], srpmConflicts: [...srpms] };
}
