import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LicenseRules } from '../../src/license/license-rules';
import { makeTempDir, removeTempDir } from '../support/command';

/** Content of a file of names; much like the toolkit's. */
export const NAMES = {
  _comment: 'for tests',
  FuzzyLicenseNamesRegexList: ['(?i).*copying.*', '(?i).*licen[cs]e.*', '(?i).*notice.*'],
  VerbatimLicenseNamesRegexList: ['^MIT$'],
  SkipLicenseNamesRegexList: ['(?i).*readme.*'],
};

/** Rules of such contents, by way of files. */
export async function rulesOf(names: unknown = NAMES, exceptions?: unknown): Promise<LicenseRules> {
  const dir = makeTempDir();
  try {
    const file = (name: string, content: unknown) => {
      writeFileSync(join(dir, name), JSON.stringify(content));
      return join(dir, name);
    };
    return LicenseRules.read(
      file('names.json', names),
      exceptions === undefined ? undefined : file('exceptions.json', exceptions),
    );
  } finally {
    await removeTempDir(dir);
  }
}
