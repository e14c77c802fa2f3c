import { basename } from 'node:path';
import { unreachable } from '../util/unreachable';
import {
  DEFAULT_LICENSE_MODE,
  hasErrors,
  hasWarnings,
  type LicenseMode,
  type RpmFindings,
  type SpdxFinding,
} from './findings';

/** Findings sorted by path, and those of them that a mode makes something of; one RPM may have warnings and errors. */
export interface SortedFindings {
  readonly all: readonly RpmFindings[];
  readonly warnings: readonly RpmFindings[];
  readonly errors: readonly RpmFindings[];
}

export function sortFindings(findings: readonly RpmFindings[], mode: LicenseMode): SortedFindings {
  const sorted = byPath(findings);
  return {
    all: sorted.filter((one) => hasErrors(one, mode) || hasWarnings(one, mode)),
    warnings: sorted.filter((one) => hasWarnings(one, mode)),
    errors: sorted.filter((one) => hasErrors(one, mode)),
  };
}

function byPath(findings: readonly RpmFindings[]): RpmFindings[] {
  return [...findings].sort((a, b) => (a.rpmPath < b.rpmPath ? -1 : a.rpmPath > b.rpmPath ? 1 : 0));
}

/**
 * The text of the results file, byte for byte as the toolkit writes it: each RPM with findings, whatever a mode makes of them. What the
 * toolkit does not know, `Problem` and `SpdxWarnings`, is only there where there is something to tell.
 */
export function licenseResultsJson(findings: readonly RpmFindings[]): string {
  const mode = DEFAULT_LICENSE_MODE;
  const told = byPath(findings).filter(
    (one) => hasErrors(one, mode) || hasWarnings(one, mode) || one.spdxFindings.length > 0,
  );
  const text = JSON.stringify(told.map(record), null, 1);
  // Go's encoder writes these as escapes, so that JSON may stand in a web page. They occur in texts only.
  return text.replaceAll(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function record(one: RpmFindings): Record<string, string | readonly string[] | undefined> {
  const unlessEmpty = (list: readonly string[]) => (list.length > 0 ? list : undefined);
  return {
    RpmPath: one.rpmPath,
    PackageName: one.packageName || undefined,
    BadDocs: unlessEmpty(one.badDocs),
    BadFiles: unlessEmpty(one.badFiles),
    DuplicatedDocs: unlessEmpty(one.duplicatedDocs),
    Problem: one.problem,
    SpdxWarnings: unlessEmpty(one.spdxFindings.map(spdxText)),
  };
}

/** The text of the summary: RPMs with warnings only, then those with errors, each sorted by path; what SPDX has to say comes last. */
export function licenseSummary(findings: readonly RpmFindings[], mode: LicenseMode): string {
  const { warnings, errors } = sortFindings(findings, mode);
  const told = [...warnings.filter((one) => !hasErrors(one, mode)), ...errors].map((one) => findingsText(one, mode));
  const spdx = mode === 'none' ? [] : byPath(findings).map(spdxSection);
  return [...told, ...spdx].join('') || 'No license issues found\n';
}

function findingsText(one: RpmFindings, mode: LicenseMode): string {
  const bad = { 'bad %doc files': one.badDocs, 'bad general file': one.badFiles };
  const duplicated = { 'duplicated license files': one.duplicatedDocs };
  const name = basename(one.rpmPath);
  if (one.problem !== undefined)
    return `${mode === 'warn' ? 'WARN' : 'ERROR'}: (${name}) could not be checked:\n\t${one.problem}\n`;
  const error = (lists: Lists) => section(`ERROR: (${name}) has license errors:`, lists);
  const warning = (lists: Lists) => section(`WARN: (${name}) has license warnings:`, lists);
  if (mode === 'pedantic') return error({ ...bad, ...duplicated });
  if (mode === 'warn') return warning({ ...bad, ...duplicated });
  return error(bad) + warning(duplicated);
}

function spdxSection({ rpmPath, spdxFindings }: RpmFindings): string {
  return section(`WARN: (${basename(rpmPath)}) has SPDX warnings:`, { 'License tag': spdxFindings.map(spdxText) });
}

type Lists = Readonly<Record<string, readonly string[]>>;

/** Empty where all lists are. */
function section(heading: string, lists: Lists): string {
  const lines = Object.entries(lists).flatMap(([title, list]) =>
    list.length > 0 ? [`\t${title}:`, ...list.map((entry) => `\t\t${entry}`)] : [],
  );
  return lines.length > 0 ? `${[heading, ...lines].join('\n')}\n` : '';
}

function spdxText(finding: SpdxFinding): string {
  switch (finding.kind) {
    case 'not-spdx':
      return `'${finding.tag}' is not an SPDX expression: ${finding.why}`;
    case 'not-in-tag':
      return `${finding.file}: ${finding.license} is not in '${finding.tag}'`;
    default:
      return unreachable(finding);
  }
}
