/**
 * What findings mean: `none` nothing is checked; `warn` each is a warning; `fatal` bad files are errors and duplicates warnings;
 * `pedantic` each is an error.
 */
export type LicenseMode = 'none' | 'warn' | 'fatal' | 'pedantic';

export const LICENSE_MODES: readonly LicenseMode[] = ['none', 'warn', 'pedantic', 'fatal'];

export const DEFAULT_LICENSE_MODE: LicenseMode = 'fatal';

/** What was found of the licence files of one RPM. */
export interface RpmFindings {
  readonly rpmPath: string;
  /** Undefined where the RPM could not be read. */
  readonly packageName: string | undefined;
  /** Files marked `%doc` that look like licences, and are not among those marked `%license` either. Sorted. */
  readonly badDocs: readonly string[];
  /** Files in the folder of licences that are not marked `%license`. Sorted. */
  readonly badFiles: readonly string[];
  /** Files marked `%doc` that look like licences, and are among those marked `%license` as well. Sorted. */
  readonly duplicatedDocs: readonly string[];
  /** What is odd about the License tag. Always a warning, in no other list, and empty where it was not asked for. */
  readonly spdxFindings: readonly SpdxFinding[];
  /** Why the RPM could not be read. An error but in mode `warn`: an RPM that nobody looked into must not pass. */
  readonly problem?: string;
}

export type SpdxFinding =
  /** The tag is not an SPDX expression. */
  | { readonly kind: 'not-spdx'; readonly tag: string; readonly why: string }
  /** A licence file is named for a licence that the tag does not name. */
  | { readonly kind: 'not-in-tag'; readonly tag: string; readonly file: string; readonly license: string };

export function hasErrors({ badDocs, badFiles, duplicatedDocs, problem }: RpmFindings, mode: LicenseMode): boolean {
  if (mode === 'none' || mode === 'warn') return false;
  const isBad = badDocs.length > 0 || badFiles.length > 0 || problem !== undefined;
  return isBad || (mode === 'pedantic' && duplicatedDocs.length > 0);
}

export function hasWarnings(findings: RpmFindings, mode: LicenseMode): boolean {
  if (mode === 'none' || mode === 'pedantic') return false;
  return findings.duplicatedDocs.length > 0 || (mode === 'warn' && hasErrors(findings, 'fatal'));
}
