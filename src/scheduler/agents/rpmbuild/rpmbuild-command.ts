import type { JobKind } from '../../job-kind';
import type { SpecSource } from './rpmbuild-srpm';
import type { Prepended } from './sandbox';

/** What `rpmbuild` is told, the same for every package. */
export interface RpmbuildSettings {
  /**
   * Text of the macro `dist`, as `.azl3`. Must be the one that the graph was made with, for it is part of every file name.
   * Default: the machine's own.
   */
  readonly distTag?: string;
  /** Further macros by name, as `distro_release_version`. Default: none. */
  readonly defines?: Readonly<Record<string, string>>;
  /** Processors a build may use (macro `_smp_ncpus_max`). Default: all, so several builds at a time share them. */
  readonly maxCpu?: number;
  /** Files of macros to load, in order: the toolkit's `--rpmmacros-file`, `--versions-macro-file`. Default: none. */
  readonly macroFiles?: readonly string[];
  /**
   * Let rpmbuild look for the BuildRequires in the machine's own database of packages. Default: false, for what was built in
   * this run is in no database, and the graph already sees to the order.
   */
  readonly checkBuildRequires?: boolean;
  /**
   * Take times and host name out of the RPMs: the same sources then give the same bytes, and what depends on an unchanged RPM
   * need not be built again. Default: true.
   */
  readonly reproducible?: boolean;
}

/** Same sources, same bytes. The time is that of the newest changelog entry; a spec file without one is only warned about. */
const REPRODUCIBLE: Readonly<Record<string, string>> = {
  source_date_epoch_from_changelog: '1',
  use_source_date_epoch_as_buildtime: '1',
  clamp_mtime_to_source_date_epoch: '1',
  // The name of the one before since rpm 4.20.
  build_mtime_policy: 'clamp_to_source_date_epoch',
  _buildhost: 'localhost',
};

/** Prints how `%check` ended, the way the toolkit's worker does. A log without this line is that of a package without tests. */
export const CHECK_SCRIPT = `name=$1
shift
"$@"
status=$?
echo "====== CHECK DONE $name. EXIT STATUS $status"
exit $status
`;

/** Folders and files by the names that the program knows them by. */
export interface CommandPaths {
  readonly top: string;
  readonly macroFiles: readonly string[];
}

/** The command that builds an SRPM, or builds it as far as needed to run its tests. */
export function buildCommand(
  kind: JobKind,
  { top, macroFiles, srpm, rpms }: CommandPaths & { readonly srpm: string; readonly rpms: string },
  settings: RpmbuildSettings,
): string[] {
  const isTest = kind === 'test';
  const macros = {
    ...foldersBelow(top),
    _rpmdir: literal(rpms),
    with_check: isTest ? '1' : '0',
    ...(isTest ? { __spec_check_cmd: `/bin/sh ${top}/check.sh %{name} %{___build_cmd}` } : {}),
  };
  const what = isTest ? ['-ri'] : ['--rebuild', '--nocheck'];
  return ['rpmbuild', ...what, ...options(macroFiles, settings, macros), srpm];
}

/** The command that packs an SRPM of a spec file and its sources, into the folder SRPMS below the build's. */
export function packCommand(
  { top, macroFiles, specPath, sourceDir }: CommandPaths & SpecSource,
  settings: RpmbuildSettings,
): string[] {
  const macros = { ...foldersBelow(top), _sourcedir: literal(sourceDir) };
  return ['rpmbuild', '-bs', ...options(macroFiles, settings, macros), specPath];
}

/** Runs a program with its output in a log. Arguments: the log, its first lines, variables and what to put before them, `--`, the program. */
const WITH_LOG = `
exec >>"$1" 2>&1
printf '%s\\n' "$2"
shift 2
while [ "$1" != -- ]; do
  eval "export $1=\\"\\$2\\\${$1:+:\\$$1}\\""
  shift 2
done
shift
exec "$@"
`;

export function withLog(
  logPath: string,
  header: readonly string[],
  prepended: readonly Prepended[],
  argv: readonly string[],
): string[] {
  const lines = header.map((line) => `spanwright: ${line}`).join('\n');
  return ['/bin/sh', '-c', WITH_LOG, 'rpmbuild-agent', logPath, lines, ...prepended.flat(), '--', ...argv];
}

function foldersBelow(top: string): Record<string, string> {
  return { _topdir: literal(top), _tmppath: literal(`${top}/tmp`), _srcrpmdir: literal(`${top}/SRPMS`) };
}

/** A path as the text of a macro. */
function literal(path: string): string {
  return path.replaceAll('%', '%%');
}

function options(
  macroFiles: readonly string[],
  { distTag, defines, maxCpu, checkBuildRequires, reproducible = true }: RpmbuildSettings,
  own: Readonly<Record<string, string>>,
): string[] {
  const macros: Record<string, string> = {
    ...(reproducible ? REPRODUCIBLE : {}),
    ...(distTag === undefined ? {} : { dist: distTag }),
    ...(maxCpu === undefined ? {} : { _smp_ncpus_max: String(maxCpu) }),
    ...defines,
    ...own,
  };
  return [
    ...(checkBuildRequires ? [] : ['--nodeps']),
    ...macroFiles.map((file) => `--load=${file}`),
    ...Object.entries(macros).flatMap(([name, value]) => ['--define', `${name} ${value}`]),
  ];
}
