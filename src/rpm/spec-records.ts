import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import type { PackageRecord } from '../graph/grapher/package-record';
import { inParallel } from '../util/in-parallel';
import { describeSystemError, UserError } from '../util/user-error';
import { count } from '../util/words';
import { Rpmspec, type RpmspecOptions } from './rpmspec';
import type { RunTool } from './run-tool';
import { provided, required } from './spec-dependencies';
import type { SpecNotice } from './spec-notice';
import { parseSpecQuery, SPEC_QUERY, type SpecPackage } from './spec-query';

export interface SpecRecordsOptions extends RpmspecOptions {
  /** Folder that RPMs are built into: `<rpmDir>/<arch>/<name>-<version>-<release>.<arch>.rpm`. Default: rpm's `%{_rpmdir}` */
  readonly rpmDir?: string;
  /** Folder that source RPMs are in: `<srpmDir>/<name>-<version>-<release>.src.rpm`. Default: rpm's `%{_srcrpmdir}` */
  readonly srpmDir?: string;
  /** How many processes read specs at a time. Default: as many as there are processors */
  readonly parallel?: number;
}

/** What was read of spec files. */
export interface SpecRecords {
  readonly records: readonly PackageRecord[];
  readonly notices: readonly SpecNotice[];
}

/**
 * Reads spec files by rpmspec: a record for each name that each RPM provides. What rpm itself finds in a built RPM (`pkgconfig(x)`, libraries)
 * is not known yet.
 *
 * @throws UserError naming the spec and the line that cannot be read
 */
export async function recordsFromSpecs(
  specs: readonly string[],
  options: SpecRecordsOptions,
  runTool: RunTool,
): Promise<SpecRecords> {
  const rpmspec = new Rpmspec(runTool, options);
  const [arch = '', rpmDir = '', srpmDir = ''] = await rpmspec.macros('_target_cpu', '_rpmdir', '_srcrpmdir');
  const places = { arch, rpmDir: resolve(options.rpmDir ?? rpmDir), srpmDir: resolve(options.srpmDir ?? srpmDir) };
  const all = await inParallel(specs, options.parallel ?? availableParallelism(), (spec) =>
    new SpecReader(resolve(spec), places, rpmspec).read().catch(unlessBug),
  );
  const errors = all.filter((one) => one instanceof UserError);
  if (errors.length > 0) throw allOf(errors);
  const read = all.filter((one): one is SpecRecords => !(one instanceof UserError));
  return { records: read.flatMap(({ records }) => records), notices: read.flatMap(({ notices }) => notices) };
}

function unlessBug(error: unknown): UserError {
  if (error instanceof UserError) return error;
  throw error;
}

/** The first tells why; of the others, which would fill the screen, it is enough to know that they are there. */
function allOf([first, ...others]: readonly UserError[]): UserError {
  if (others.length === 0) return first as UserError;
  const files = others.map(({ place }) => basename(place?.file ?? ''));
  const names = files.length > 5 ? [...files.slice(0, 5), '…'] : files;
  return new UserError(
    `${first?.message} (and ${count(others.length, 'more spec')} cannot be read: ${names.join(', ')})`,
  );
}

/** What all specs have in common. */
interface Places {
  readonly arch: string;
  readonly rpmDir: string;
  readonly srpmDir: string;
}

class SpecReader {
  private readonly warnings = new Set<string>();

  constructor(
    private readonly spec: string,
    private readonly places: Places,
    private readonly rpmspec: Rpmspec,
  ) {}

  async read(): Promise<SpecRecords> {
    const [source] = await this.query('--srpm', { with_check: '0' });
    if (!source) throw new UserError('rpmspec found no package in it', { file: this.spec });
    const specPath = this.spec;
    const { arch } = this.places;
    if (!isFor(arch, source)) return { records: [], notices: [{ type: 'spec-for-other-arch', specPath, arch }] };
    const packages = await this.query('--builtrpms', { with_check: '0' });
    const records = await this.records(source, packages);
    const notices: SpecNotice[] = [...this.warnings].map((text) => ({ type: 'spec-warning', specPath, text }));
    if (packages.length === 0) notices.push({ type: 'spec-without-rpms', specPath });
    return { records, notices };
  }

  private async records(source: SpecPackage, packages: readonly SpecPackage[]): Promise<PackageRecord[]> {
    const { rpmDir, srpmDir } = this.places;
    const tested = await this.testedSource();
    const common = {
      SrpmPath: join(srpmDir, `${fileName(source)}.${source.isNoSource ? 'nosrc' : 'src'}.rpm`),
      SourceDir: dirname(this.spec),
      SpecPath: this.spec,
      BuildRequires: this.required(source),
      TestRequires: tested ? this.required(tested) : [],
      IsToolchain: false,
      RunTests: tested !== undefined,
    };
    return packages.flatMap((of) => {
      const rest = {
        ...common,
        RpmPath: join(rpmDir, of.arch, `${fileName(of)}.${of.arch}.rpm`),
        Architecture: of.arch,
        Requires: this.required(of),
      };
      return provided(of.provides).map((Provides) => ({ Provides, ...rest }));
    });
  }

  /** The source package as it is with tests, or undefined where the spec has no %check. */
  private async testedSource(): Promise<SpecPackage | undefined> {
    const withCheck = { with_check: '1' };
    // A section cannot come from a macro without its name standing somewhere; most specs without one are spared two processes.
    if (!this.text().includes('check')) return undefined;
    const { stdout } = await this.rpmspec.ask(this.spec, ['--parse'], withCheck);
    return /^%check\b/m.test(stdout) ? (await this.query('--srpm', withCheck))[0] : undefined;
  }

  private text(): string {
    try {
      return readFileSync(this.spec, 'latin1');
    } catch (error) {
      throw new UserError(`cannot read the spec: ${describeSystemError(error)}`, { file: this.spec });
    }
  }

  private async query(
    which: '--srpm' | '--builtrpms',
    defines: Readonly<Record<string, string>>,
  ): Promise<SpecPackage[]> {
    const { stdout, warnings } = await this.rpmspec.ask(this.spec, ['-q', which, '--qf', SPEC_QUERY], defines);
    for (const warning of warnings) this.warnings.add(warning);
    return parseSpecQuery(stdout);
  }

  private required({ name, requires }: SpecPackage) {
    try {
      return required(requires);
    } catch (error) {
      throw new UserError(`package ${name}: ${(error as Error).message}`, { file: this.spec });
    }
  }
}

function fileName({ name, version, release }: SpecPackage): string {
  return `${name}-${version}-${release}`;
}

/** Whether a spec is for an architecture; a package of no architecture is for all that may build it. */
function isFor(arch: string, { arch: own, exclusiveArchs, excludedArchs }: SpecPackage): boolean {
  const names = own === 'noarch' ? [arch, own] : [arch];
  const isListed = (list: readonly string[]) => list.some((listed) => names.includes(listed));
  return (exclusiveArchs.length === 0 || isListed(exclusiveArchs)) && !excludedArchs.includes(arch);
}
