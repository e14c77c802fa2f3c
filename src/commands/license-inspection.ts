import { basename } from 'node:path';
import type { FlagValues } from '../config/flags';
import { hasErrors, hasWarnings, type LicenseMode, type RpmFindings } from '../license/findings';
import { LicenseChecker } from '../license/license-checker';
import { licenseResultsJson, licenseSummary } from '../license/license-results';
import { LicenseRules } from '../license/license-rules';
import type { RunTool } from '../rpm/run-tool';
import type { LicenseChecked } from '../scheduler/events';
import type { InspectedJob } from '../scheduler/scheduler';
import { writeFileAtomically } from '../util/atomic-file';
import { SystemClock } from '../util/clock';
import { UserError } from '../util/user-error';

const NOT_RUN = { code: undefined, stdout: '', stderr: '' } as const;

/** The licence check of a run: looks at each job's RPMs while others are built, and writes down what it found. */
export class LicenseInspection {
  private readonly findings: RpmFindings[] = [];
  private readonly checker: LicenseChecker;
  private readonly clock = new SystemClock();
  private broken: string | undefined;
  private isOver = false;
  /** RPMs that nobody has looked into, be it that nobody could or that there was no time. */
  private readonly unchecked = new Set<string>();

  private constructor(
    private readonly flags: FlagValues,
    private readonly mode: LicenseMode,
    rules: LicenseRules,
    runTool: RunTool,
  ) {
    this.checker = new LicenseChecker({
      rules,
      // The reader asks once more for each RPM where a process that looked at several fails, and those that a cancelled run ends do.
      runTool: async (argv, options) => (this.isOver ? NOT_RUN : runTool(argv, options)),
    });
  }

  /**
   * @returns undefined where the check is off
   * @throws UserError in the toolkit's words where a file that it needs is not named
   */
  static from(flags: FlagValues, runTool: RunTool): LicenseInspection | undefined {
    const mode = flags.string('license-check-mode') as LicenseMode;
    if (mode === 'none') return undefined;
    const rules = LicenseRules.read(
      flags.string('license-check-name-file'),
      flags.string('license-check-exception-file'),
    );
    return new LicenseInspection(flags, mode, rules, runTool);
  }

  /** @throws UserError in the toolkit's words where a file that the check needs is not named */
  static checkFlags(flags: FlagValues): void {
    const mode = flags.string('license-check-mode');
    if (mode === 'none') return;
    for (const kind of ['name', 'exception']) {
      if (flags.string(`license-check-${kind}-file`)) continue;
      throw new UserError(`License check mode is set to '${mode}', but no license ${kind} file was provided.`);
    }
  }

  async inspect({ job, label, files }: InspectedJob): Promise<LicenseChecked | undefined> {
    const rpms = files.filter((path) => basename(path).endsWith('.rpm'));
    for (const rpm of rpms) this.unchecked.add(rpm);
    if (rpms.length === 0 || this.broken !== undefined) return undefined;
    const startedAt = this.clock.now();
    let found: readonly RpmFindings[];
    try {
      found = await this.checker.check(rpms);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.broken = error.message;
      return undefined;
    }
    for (const findings of found) this.findings.push(findings);
    for (const rpm of rpms) this.unchecked.delete(rpm);
    return {
      type: 'license-checked',
      time: this.clock.now(),
      startedAt,
      job,
      label,
      rpms: rpms.length,
      hasWarnings: found.some((one) => hasWarnings(one, this.mode)),
      hasErrors: found.some((one) => hasErrors(one, this.mode)),
    };
  }

  /** What the run's error says of it, if anything. */
  get error(): string | undefined {
    if (this.broken !== undefined) return `failed to check licenses for packages:\n${this.broken}`;
    if (!this.findings.some((one) => hasErrors(one, this.mode))) return undefined;
    return 'license check failed for some packages. See build summary for details';
  }

  get summaryFile(): string | undefined {
    return this.flags.optionalString('license-summary-file');
  }

  /** Nobody waits for what is still looked at: a run that was cancelled does not. */
  stop(): void {
    this.isOver = true;
  }

  writeResults(): void {
    const file = this.flags.optionalString('license-results-file');
    if (file !== undefined) writeFileAtomically(file, licenseResultsJson(this.findings));
  }

  writeSummary(): void {
    if (this.summaryFile === undefined) return;
    const summary = licenseSummary(this.findings, this.mode);
    writeFileAtomically(this.summaryFile, this.unchecked.size === 0 ? summary : this.withUnchecked(summary));
  }

  /** That nothing was found where nobody has looked is not to be read as that all is well. */
  private withUnchecked(summary: string): string {
    const why = this.broken ?? 'the run was stopped before';
    const told = this.findings.some((one) => hasErrors(one, this.mode) || hasWarnings(one, this.mode)) ? summary : '';
    return `${told}ERROR: not checked: ${this.unchecked.size} RPMs (${why})\n`;
  }
}
