import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { RunTool } from '../../../rpm/run-tool';
import { UserError } from '../../../util/user-error';
import type { BuildAgent, BuildContext, BuildRequest, BuildResult } from '../../agent';
import { type Failure, TimeIsUp } from '../../failure';
import type { JobKind } from '../../job-kind';
import { readRelevantLines } from '../../output/relevant-lines';
import { lastLines } from '../../runner/run-program';
import type { RunnerPool } from '../../runner/runner-pool';
import { runToolWith } from '../../runner/runner-tool';
import { keepLog, logPathOf } from '../attempt-logs';
import { RpmbuildAttempt, type Workshop } from './rpmbuild-attempt';
import { RpmClosure } from './rpmbuild-closure';
import type { RpmbuildSettings } from './rpmbuild-command';
import { UnpackedRpms } from './rpmbuild-needs';
import { type CreateRepo, createRepository } from './rpmbuild-rpms';
import { makeFolder, makeScratchFolder, removeTree, sweepScratchFolders } from './rpmbuild-scratch';
import type { Sandbox } from './sandbox';
import { detectBwrap } from './sandbox-bwrap';
import { NoSandbox } from './sandbox-none';

/** Where builds run: `auto` is a sandbox by bubblewrap where that works, else this machine as it is. */
export type SandboxChoice = 'auto' | 'bwrap' | 'none';

export interface RpmbuildAgentOptions extends RpmbuildSettings {
  /** Starts the programs. Whoever made the pool stops it. */
  readonly runners: RunnerPool;
  /** Folder of RPMs: those built go to `<rpmDir>/<arch>/`. It is made if it is not there. */
  readonly rpmDir: string;
  /** Folder of logs, `<srpm>.log` and `<srpm>.test.log`. It is made if it is not there. */
  readonly logsDir: string;
  /** Folder in which builds have folders of their own while they run. It is made if it is not there. */
  readonly workDir: string;
  /** Default: `auto`. */
  readonly sandbox?: SandboxChoice;
  /**
   * The jobs that may use the network. Only a sandbox can keep it from the others. Default: tests, as with the toolkit's worker;
   * a build that fetches something is not the same tomorrow.
   */
  readonly networkFor?: readonly JobKind[];
  /** Write the index of a repository into `rpmDir` at the end of the run. Default: `auto`, that is where createrepo_c is installed. */
  readonly createRepo?: CreateRepo;
  /** Leave the folders of builds in `workDir`, to be looked at. Default: false. */
  readonly keepBuildDirs?: boolean;
  /** Milliseconds a build gets after TERM, before KILL. Default: 5000. */
  readonly graceMs?: number;
}

/** What there is between start and stop. */
interface Started {
  readonly workshop: Workshop;
  readonly logsDir: string;
  /** Folders of this run, in the folder of RPMs and in that of work. */
  readonly rpms: string;
  readonly work: string;
}

/**
 * Builds real SRPMs with `rpmbuild`, on any machine that has it. An SRPM that is missing or older than its spec file and
 * sources is packed first. What a package needs is unpacked for its build alone: the RPMs that the graph says, whether they
 * are of this run or were there before.
 *
 * A build's RPMs appear in the folder of RPMs when all of them are built. A test runs the package's `%check`, and leaves no RPM.
 *
 * @example
 * ```ts
 * const agent = new RpmbuildAgent({ runners, rpmDir: 'out/rpms', logsDir: 'out/logs', workDir: 'out/work', distTag: '.azl3' });
 * ```
 */
export class RpmbuildAgent implements BuildAgent {
  readonly name = 'rpmbuild-agent';
  private readonly runTool: RunTool;
  private started: Started | undefined;
  private readonly closure: RpmClosure;
  private serial = 0;
  private hasBuilt = false;
  private hasSaidSandbox = false;

  constructor(private readonly options: RpmbuildAgentOptions) {
    this.runTool = runToolWith(options.runners);
    this.closure = new RpmClosure(this.runTool);
  }

  /** @throws UserError where rpmbuild is missing, a folder cannot be made, or the sandbox that was asked for does not work */
  async start(): Promise<void> {
    const { options, runTool } = this;
    const { code, stderr } = await runTool(['rpmbuild', '--version']);
    if (code === 127) {
      throw new UserError(
        'rpmbuild is not installed: it is in the package rpm (Debian) or rpm-build (Fedora, Azure Linux)',
      );
    }
    if (code !== 0) throw new UserError(`rpmbuild does not run: ${stderr.trim()}`);
    const sandbox = await this.chooseSandbox();
    const logsDir = resolve(options.logsDir);
    const rpmDir = resolve(options.rpmDir);
    const workDir = resolve(options.workDir);
    makeFolder(logsDir, 'folder of logs');
    for (const folder of [rpmDir, workDir]) await sweepScratchFolders(folder, runTool);
    const rpms = makeScratchFolder(rpmDir, 'folder of RPMs');
    const work = this.makeWorkFolder(workDir, sandbox);
    const workshop: Workshop = {
      runners: options.runners,
      runTool,
      sandbox,
      settings: { ...options, macroFiles: options.macroFiles?.map((file) => resolve(file)) },
      networkFor: options.networkFor ?? ['test'],
      // As it was given: the graph's paths of RPMs begin with the same words.
      rpmDir: options.rpmDir,
      unpacked: new UnpackedRpms(join(work, 'unpacked'), runTool),
      packing: new Map(),
      keepBuildDirs: options.keepBuildDirs ?? false,
      graceMs: options.graceMs ?? 5000,
    };
    this.started = { workshop, logsDir, rpms, work };
  }

  async build(request: BuildRequest, context: BuildContext): Promise<BuildResult> {
    const { started } = this;
    if (!started) throw new Error('Internal error: expected start() before build()');
    this.saySandbox(started.workshop.sandbox, context);
    const { graph, node, kind } = request;
    const srpm = graph.srpmPath(node);
    if (srpm === '') {
      const message = `${graph.friendlyName(node)} has no SRPM in the graph`;
      return { ok: false, failure: { reason: 'could-not-start', message } };
    }
    const logPath = logPathOf(request, started.logsDir);
    rmSync(logPath, { force: true });
    const name = `${basename(srpm, '.src.rpm')}.${kind}.${++this.serial}`;
    const result = await new RpmbuildAttempt(started.workshop, request, context, {
      srpm: resolve(srpm),
      log: logPath,
      top: join(started.work, name),
      rpms: join(started.rpms, name),
      needs: await this.closure.of(graph, node),
    }).run();
    if ('reason' in result) {
      const failure = await explainByLog(result, logPath, context);
      return { ok: false, failure, logPath: await keepLog(request, context, logPath, failure) };
    }
    this.hasBuilt ||= result.builtFiles.length > 0;
    return { ok: true, ...result, logPath };
  }

  /** @throws Error where the index of the repository cannot be written */
  async stop(): Promise<void> {
    const { started, options, runTool } = this;
    if (!started) return;
    this.started = undefined;
    await removeTree(started.rpms, runTool);
    await removeTree(options.keepBuildDirs ? join(started.work, 'unpacked') : started.work, runTool);
    if (this.hasBuilt) await createRepository(started.workshop.rpmDir, options.createRepo ?? 'auto', runTool);
  }

  private async chooseSandbox(): Promise<Sandbox> {
    const { sandbox = 'auto' } = this.options;
    if (sandbox === 'none') return new NoSandbox('as asked');
    const found = await detectBwrap(this.runTool, { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 });
    if (typeof found !== 'string') return found;
    if (sandbox === 'bwrap') throw new UserError(`the sandbox bwrap does not work here: ${found}`);
    return new NoSandbox(found);
  }

  /** Once, where a sandbox was hoped for: a package may fail without it. */
  private saySandbox(sandbox: Sandbox, { clock, emit }: BuildContext): void {
    const isFallback = sandbox instanceof NoSandbox && this.options.sandbox !== 'none';
    if (!isFallback || this.hasSaidSandbox) return;
    this.hasSaidSandbox = true;
    emit({
      type: 'notice',
      time: clock.now(),
      level: 'warning',
      message: `packages are built with ${sandbox.description}`,
    });
  }

  private makeWorkFolder(workDir: string, sandbox: Sandbox): string {
    const isPlain = /^[\w/.+-]+$/.test(workDir);
    if (!isPlain && sandbox.usesHostPaths) return makeScratchFolder(tmpdir(), 'folder of work');
    if (!this.options.keepBuildDirs) return makeScratchFolder(workDir, 'folder of work');
    makeFolder(workDir, 'folder of work');
    return mkdtempSync(join(workDir, 'rpmbuild-'));
  }
}

/** What rpm did after installing, and before the tests, tells nothing of them. */
function fromCheckOn(lines: readonly string[] | undefined): readonly string[] | undefined {
  return lines?.slice(
    Math.max(
      0,
      lines.findLastIndex((line) => line.startsWith('Executing(%check)')),
    ),
  );
}

/** Lines that a build shows whose time was up: what it was doing then. */
const LAST_LINES = 10;

/** Adds to a failure what the log tells of it. */
async function explainByLog(failure: Failure, logPath: string, { signal }: BuildContext): Promise<Failure> {
  switch (failure.reason) {
    case 'exit-non-zero':
    case 'killed': {
      const { lines, telling } = (await readRelevantLines(logPath)) ?? {};
      return { ...failure, tail: lines, telling };
    }
    case 'check-failed':
      return { ...failure, tail: fromCheckOn((await readRelevantLines(logPath))?.lines) };
    case 'cancelled':
      return signal.reason instanceof TimeIsUp ? { ...failure, tail: lastLines(logPath, LAST_LINES) } : failure;
    default:
      return failure;
  }
}
