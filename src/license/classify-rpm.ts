import { basename } from 'node:path';
import type { RpmContents } from '../rpm/rpm-files';
import type { RpmFindings } from './findings';
import { LICENSE_FOLDER, type LicenseRules } from './license-rules';

/** What is wrong with the licence files of an RPM, by the toolkit's rules. */
export function classifyRpm(contents: RpmContents, rules: LicenseRules): RpmFindings {
  const { rpmPath, name, files, docs, licenses } = contents;
  const isComplaint = (path: string) => !rules.isExcepted(name, path);
  const licenseNames = licenses.map((path) => basename(path));
  const isAmongLicenses = (doc: string) => licenseNames.some((license) => license.includes(basename(doc)));
  const suspects = docs.filter((doc) => rules.looksLikeLicense(name, doc) && isComplaint(doc)).sort();
  const marked = new Set(licenses);
  return {
    rpmPath,
    packageName: name,
    badDocs: suspects.filter((doc) => !isAmongLicenses(doc)),
    badFiles: files.filter((path) => isInLicenseFolder(path) && !marked.has(path) && isComplaint(path)).sort(),
    duplicatedDocs: suspects.filter(isAmongLicenses),
    spdxFindings: [],
  };
}

function isInLicenseFolder(path: string): boolean {
  return path === LICENSE_FOLDER || path.startsWith(`${LICENSE_FOLDER}/`);
}
