import { type RpmContents, RpmReader, type RpmReaderOptions, type UnreadableRpm } from '../rpm/rpm-files';
import { classifyRpm } from './classify-rpm';
import type { RpmFindings } from './findings';
import type { LicenseRules } from './license-rules';
import { spdxFindings } from './spdx';

export interface LicenseCheckerOptions extends RpmReaderOptions {
  readonly rules: LicenseRules;
  /** Whether License tags are held against SPDX too. Default: false */
  readonly spdx?: boolean;
}

/** Checks the licence files of RPMs. */
export class LicenseChecker {
  private readonly reader: RpmReader;

  constructor(private readonly options: LicenseCheckerOptions) {
    this.reader = new RpmReader(options);
  }

  /**
   * What is found of each RPM, in the order of the paths; without findings too. An RPM that cannot be read has a `problem`.
   *
   * @param onChecked told each time how many more RPMs have been looked into
   * @throws UserError where no RPM could be checked at all, as there is no rpm
   */
  async check(rpmPaths: readonly string[], onChecked?: (count: number) => void): Promise<readonly RpmFindings[]> {
    const contents = await this.reader.read(rpmPaths, onChecked);
    return contents.map((one) => this.findingsOf(one));
  }

  private findingsOf(contents: RpmContents | UnreadableRpm): RpmFindings {
    if ('problem' in contents)
      return { ...contents, packageName: undefined, badDocs: [], badFiles: [], duplicatedDocs: [], spdxFindings: [] };
    const findings = classifyRpm(contents, this.options.rules);
    return this.options.spdx ? { ...findings, spdxFindings: spdxFindings(contents) } : findings;
  }
}
