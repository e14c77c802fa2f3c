import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HAS_RPMBUILD } from '../support/rpm';

export const describeWithRpmbuild = HAS_RPMBUILD ? describe : describe.skip;

export interface PackageToBuild {
  readonly name: string;
  /** Default: `MIT` */
  readonly license?: string;
  /** Paths, each with its mark; `%dir` makes a folder. */
  readonly files: Readonly<Record<string, '' | '%doc' | '%license' | '%dir'>>;
}

/** Builds real RPMs by one run of rpmbuild in a folder of its own below `dir`. Their paths are in the order of the packages. */
export function buildRpms(dir: string, packages: readonly PackageToBuild[]): string[] {
  const top = mkdtempSync(join(dir, 'top-'));
  const spec = join(top, 'packages.spec');
  writeFileSync(spec, specOf(packages));
  const { status, stderr } = spawnSync('rpmbuild', ['-bb', '--define', `_topdir ${top}`, spec], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return packages.map(({ name }) => join(top, `RPMS/noarch/${name}-1-1.noarch.rpm`));
}

function specOf(packages: readonly PackageToBuild[]): string {
  const made = packages.flatMap(({ files }) =>
    Object.entries(files).map(([path, mark]) =>
      mark === '%dir' ? `mkdir -p '%{buildroot}${path}'` : `install -D /dev/null '%{buildroot}${path}'`,
    ),
  );
  return [
    'Name: all\nVersion: 1\nRelease: 1\nSummary: For a test\nLicense: MIT\nBuildArch: noarch\n%description\nFor a test.',
    ...packages.map(
      ({ name, license = 'MIT' }) =>
        `%package -n ${name}\nSummary: For a test\nLicense: ${license}\n%description -n ${name}\nFor a test.`,
    ),
    '%install',
    ...made,
    ...packages.map(({ name, files }) =>
      [`%files -n ${name}`, ...Object.entries(files).map(([path, mark]) => `${mark} "${path}"`)].join('\n'),
    ),
    '',
  ].join('\n');
}
