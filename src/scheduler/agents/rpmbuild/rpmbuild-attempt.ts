import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { RunTool } from '../../../rpm/run-tool';
import type { BuildContext, BuildRequest, BuildSuccess } from '../../agent';
import type { Failure } from '../../failure';
import type { JobKind } from '../../job-kind';
import { failureOf, runProgram } from '../../runner/run-program';
import type { ProgramEnd, ProgramRequest } from '../../runner/runner';
import type { RunnerPool } from '../../runner/runner-pool';
import { readCheckResult } from '../check-log';
import { buildCommand, CHECK_SCRIPT, packCommand, type RpmbuildSettings, withLog } from './rpmbuild-command';
import type { UnpackedRpms } from './rpmbuild-needs';
import { placeRpms } from './rpmbuild-rpms';
import { removeTree } from './rpmbuild-scratch';
import { isSrpmStale, placeSrpm, specSourceOf } from './rpmbuild-srpm';
import type { BuildFolders, Prepended, Sandbox } from './sandbox';

/** What all attempts of a run share. */
export interface Workshop {
  readonly runners: RunnerPool;
  readonly runTool: RunTool;
  readonly sandbox: Sandbox;
  readonly settings: RpmbuildSettings;
  readonly networkFor: readonly JobKind[];
  readonly rpmDir: string;
  readonly unpacked: UnpackedRpms;
  /** By path of an SRPM: the last packing of it. */
  readonly packing: Map<string, Promise<Failure | undefined>>;
  readonly keepBuildDirs: boolean;
  readonly graceMs: number;
}

/** Paths of one attempt. */
export interface AttemptPaths {
  readonly srpm: string;
  readonly log: string;
  /** A folder for the build, not made yet. */
  readonly top: string;
  /** A folder for its RPMs, not made yet, on the disk of the folder of RPMs. */
  readonly rpms: string;
  /** The RPMs that must be there for it. */
  readonly needs: readonly string[];
}

/** What an attempt that succeeds ends with. */
export type Built = Pick<BuildSuccess, 'builtFiles' | 'check'>;

/** One attempt at a package: its SRPM is packed where that is due, what it needs is unpacked, rpmbuild is run. */
export class RpmbuildAttempt {
  private readonly needsFolder: string;

  constructor(
    private readonly workshop: Workshop,
    private readonly request: BuildRequest,
    private readonly context: BuildContext,
    private readonly paths: AttemptPaths,
  ) {
    this.needsFolder = `${paths.top}.needs`;
  }

  /** @returns what was built, which is in the folder of RPMs by then; or why there is nothing */
  async run(): Promise<Built | Failure> {
    const { paths, workshop } = this;
    try {
      for (const folder of [join(paths.top, 'tmp'), join(paths.top, 'home'), join(paths.top, 'SRPMS'), paths.rpms]) {
        mkdirSync(folder, { recursive: true });
      }
      writeFileSync(join(paths.top, 'check.sh'), CHECK_SCRIPT);
      return (await this.pack()) ?? (await this.unpack()) ?? (await this.build());
    } finally {
      const { runTool, keepBuildDirs } = workshop;
      await removeTree(paths.rpms, runTool);
      await removeTree(this.needsFolder, runTool);
      if (!keepBuildDirs) await removeTree(paths.top, runTool);
    }
  }

  /** A package's build and its tests may come here at the same time: one packs, and the other finds it packed. */
  private pack(): Promise<Failure | undefined> {
    const { packing } = this.workshop;
    const { srpm } = this.paths;
    const packed = (packing.get(srpm) ?? Promise.resolve(undefined)).then(() => this.packWhereStale());
    packing.set(srpm, packed);
    return packed;
  }

  private async packWhereStale(): Promise<Failure | undefined> {
    const { paths, request, workshop } = this;
    const { sandbox, settings } = workshop;
    const source = specSourceOf(request.graph, request.node);
    // Without its sources, an SRPM is taken as it is.
    if (!source) return existsSync(paths.srpm) ? undefined : { reason: 'input-missing', path: paths.srpm };
    if (!isSrpmStale(paths.srpm, source)) return undefined;
    const inputs = [source.specPath, source.sourceDir, ...(settings.macroFiles ?? [])];
    const folders: BuildFolders = { top: paths.top, rpms: paths.rpms, inputs, needs: undefined };
    const { top, inputs: insideInputs } = sandbox.inside(folders);
    const [specPath, sourceDir, ...macroFiles] = insideInputs as [string, string, ...string[]];
    const argv = packCommand({ top, specPath, sourceDir, macroFiles }, settings);
    const header = [`packs ${paths.srpm}`, sandbox.description, argv.join(' ')];
    const { failure } = await this.start(sandbox.wrap(folders, argv, { network: false }), header, [], top);
    return failure ?? placeSrpm(join(paths.top, 'SRPMS'), paths.srpm, source.specPath);
  }

  private async unpack(): Promise<Failure | undefined> {
    const { paths, workshop, context } = this;
    if (context.signal.aborted) return { reason: 'cancelled' };
    if (paths.needs.length === 0) return undefined;
    mkdirSync(this.needsFolder);
    return workshop.unpacked.merge(paths.needs, this.needsFolder);
  }

  private async build(): Promise<Built | Failure> {
    const { paths, workshop, request } = this;
    const { sandbox, settings } = workshop;
    const needs = paths.needs.length > 0 ? this.needsFolder : undefined;
    const inputs = [paths.srpm, ...(settings.macroFiles ?? [])];
    const folders: BuildFolders = { top: paths.top, rpms: paths.rpms, inputs, needs };
    const inside = sandbox.inside(folders);
    const [srpm, ...ownMacros] = inside.inputs as [string, ...string[]];
    const macroFiles = [...(needs === undefined ? [] : sandbox.macroFiles(needs)), ...ownMacros];
    const network = !sandbox.cutsNetwork || workshop.networkFor.includes(request.kind);
    const argv = buildCommand(request.kind, { top: inside.top, rpms: inside.rpms, srpm, macroFiles }, settings);
    const header = [
      `${request.kind} ${basename(paths.srpm)}, attempt ${request.attempt}`,
      `${sandbox.description}${network ? '' : '; no network'}`,
      ...paths.needs.map((rpm) => `needs ${rpm}`),
      argv.join(' '),
    ];
    const prepended = needs === undefined ? [] : sandbox.searchPaths(needs);
    const { end, failure } = await this.start(sandbox.wrap(folders, argv, { network }), header, prepended, inside.top);
    if (request.kind === 'build') {
      const placed = failure ?? placeRpms(paths.rpms, workshop.rpmDir);
      return Array.isArray(placed) ? { builtFiles: placed } : placed;
    }
    const hasEnded = end.signal === null && !end.runnerLost && !this.context.signal.aborted;
    const check = hasEnded ? await readCheckResult(paths.log) : 'absent';
    // A build that breaks before its tests, or after them, is no failed test.
    return typeof check === 'string' ? (failure ?? { builtFiles: [], check }) : check;
  }

  /** @param top the build's folder as the program knows it */
  private async start(
    argv: readonly string[],
    header: readonly string[],
    prepended: readonly Prepended[],
    top: string,
  ): Promise<{ end: ProgramEnd; failure: Failure | undefined }> {
    const { workshop, context, paths, request } = this;
    const { runners, graceMs, settings } = workshop;
    const program: ProgramRequest = {
      argv: withLog(paths.log, header, prepended, argv),
      cwd: paths.top,
      env: {
        ...context.env,
        SPANWRIGHT_ATTEMPT: String(request.attempt),
        // People's own macros and settings are not the package's.
        HOME: `${top}/home`,
        TMPDIR: `${top}/tmp`,
        LC_ALL: 'C.UTF-8',
        ...(settings.reproducible === false ? {} : { TZ: 'UTC' }),
      },
    };
    const { clock, signal } = context;
    const end = await runProgram(runners, program, { signal, clock, askToEnd: 'SIGTERM', graceMs });
    return { end, failure: failureOf(end, { ...program, stdout: paths.log }, signal.aborted, () => []) };
  }
}
