/** A package name and up to two conditions on its version, by the names that the toolkit's `specs.json` has for them. */
export interface PackageVersion {
  readonly Name: string;
  readonly Version: string;
  /** `=`, `<`, `<=`, `>`, `>=`, or empty for any version. */
  readonly Condition: string;
  readonly SVersion: string;
  readonly SCondition: string;
}

/**
 * One name that one RPM of one spec provides, and all that the RPM and its build need: a record of the toolkit's `specs.json`, which its
 * specreader writes and its grapher reads. An RPM has as many records as it has provides.
 */
export interface PackageRecord {
  readonly Provides: PackageVersion;
  readonly SrpmPath: string;
  readonly RpmPath: string;
  /** Folder of the spec file and its sources. */
  readonly SourceDir: string;
  readonly SpecPath: string;
  readonly Architecture: string;
  /** What must be installed with the RPM. */
  readonly Requires: readonly PackageVersion[];
  /** What must be installed to build the SRPM. */
  readonly BuildRequires: readonly PackageVersion[];
  /** What must be installed to build the SRPM and run its `%check`. */
  readonly TestRequires: readonly PackageVersion[];
  /** Whether the RPM belongs to the toolchain, which is on disk before anything is built. */
  readonly IsToolchain: boolean;
  /** Whether the spec has a `%check` that is to run. */
  readonly RunTests: boolean;
}

/** `zlib >= 1.2, < 2`. */
export function versionText({ Name, Version, Condition, SVersion, SCondition }: PackageVersion): string {
  const half = (condition: string, version: string) =>
    version === '' && condition === '' ? '' : ` ${condition || '='} ${version}`;
  const second = half(SCondition, SVersion);
  return `${Name}${half(Condition, Version)}${second && `,${second}`}`;
}

/** Whether a name is one that rpm may find in a package only once it is built: `pkgconfig(zlib)`, `/usr/bin/env`. */
export function isImplicitName(name: string): boolean {
  return name.startsWith('/') || (name.includes('(') && name.includes(')'));
}
