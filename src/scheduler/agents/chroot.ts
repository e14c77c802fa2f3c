import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { describeSystemError, UserError } from '../../util/user-error';
import type { BuildAgent, BuildContext, BuildRequest, BuildResult } from '../agent';
import { InstallList } from '../job-dependencies';
import { failureOf, lastLines, runProgram, textAfterLastNewline } from '../runner/run-program';
import type { RunnerPool } from '../runner/runner-pool';
import { readCheckResult } from './check-log';
import { remainingTime } from './retrying';

/** What the toolkit's worker program is told, the same for every package. */
export interface WorkerProgramOptions {
  readonly program: string;
  readonly workDir: string;
  readonly workerTar: string;
  readonly repoFile: string;
  readonly rpmDir: string;
  readonly toolchainRpmsDir: string;
  readonly srpmDir: string;
  readonly cacheDir: string;
  readonly buildLogsDir: string;
  readonly distTag: string;
  readonly distroReleaseVersion: string;
  readonly distroBuildNumber: string;
  readonly logLevel: string;
  readonly maxCpu: string;
  readonly timeoutMs: number;
  readonly rpmmacrosFile?: string;
  readonly versionsMacroFile?: string;
  readonly noCleanup?: boolean;
  readonly useCcache?: boolean;
  readonly ccacheDir?: string;
  readonly ccacheConfig?: string;
  /** Given to the worker where the user asked for telemetry by flag. */
  readonly otlpEndpoint?: string;
}

export interface ChrootAgentOptions {
  /** Starts the worker program. Whoever made the pool stops it. */
  readonly runners: RunnerPool;
  readonly worker: WorkerProgramOptions;
  /** Milliseconds the worker gets to unmount and clean up, before KILL. Default: 30000. */
  readonly graceMs?: number;
}

/** Lines of the worker's output that a failure carries. */
const TAIL_LINES = 1500;

/**
 * Builds packages with the toolkit's worker program, one process a package, each in its own process group.
 *
 * The worker's answer is its exit code and a comma-separated list of RPMs at the very end of its stdout, no newline after it. Its output goes to
 * files rather than through us, so that a flood of it costs no memory.
 */
export class ChrootAgent implements BuildAgent {
  readonly name = 'chroot-agent';
  private installList: InstallList | undefined;
  private outputDir = '';

  constructor(private readonly options: ChrootAgentOptions) {}

  async start(): Promise<void> {
    try {
      this.outputDir = mkdtempSync(join(tmpdir(), 'spanwright-'));
    } catch (error) {
      throw new UserError(`cannot make a folder in ${tmpdir()}: ${describeSystemError(error)}`);
    }
  }

  async build(request: BuildRequest, context: BuildContext): Promise<BuildResult> {
    const { worker, runners, graceMs = 30_000 } = this.options;
    const { graph, node, kind, job } = request;
    const logPath = join(worker.buildLogsDir, `${basename(graph.srpmPath(node))}${kind === 'test' ? '.test' : ''}.log`);
    const stdout = join(this.outputDir, `${job}.out`);
    const stderr = join(this.outputDir, `${job}.err`);
    const program = {
      argv: [worker.program, ...this.arguments(request, context, logPath)],
      env: context.env,
      stdout,
      stderr,
    };
    const end = await runProgram(runners, program, {
      signal: context.signal,
      clock: context.clock,
      askToEnd: 'SIGINT',
      graceMs,
    });
    const tail = () =>
      [...lastLines(stderr, TAIL_LINES, 1 << 20), ...lastLines(stdout, TAIL_LINES, 1 << 20)].slice(-TAIL_LINES);
    const failure = failureOf(end, program, context.signal.aborted, tail);
    const builtFiles = failure ? '' : textAfterLastNewline(stdout);
    rmSync(stdout, { force: true });
    rmSync(stderr, { force: true });
    if (failure) return { ok: false, failure, logPath };
    if (kind === 'test') {
      const check = await readCheckResult(logPath);
      if (check !== 'passed') return { ok: false, failure: check, logPath };
    }
    return { ok: true, builtFiles: builtFiles === '' ? [] : builtFiles.split(','), logPath };
  }

  async stop(): Promise<void> {
    if (this.outputDir !== '') rmSync(this.outputDir, { recursive: true, force: true });
  }

  private arguments(request: BuildRequest, context: BuildContext, logPath: string): string[] {
    const { worker } = this.options;
    const { graph, node, kind } = request;
    const specPath = graph.field(node, 'specPath');
    const list = [
      `--input=${graph.srpmPath(node)}`,
      `--work-dir=${worker.workDir}`,
      `--worker-tar=${worker.workerTar}`,
      `--repo-file=${worker.repoFile}`,
      `--rpm-dir=${worker.rpmDir}`,
      `--toolchain-rpms-dir=${worker.toolchainRpmsDir}`,
      `--srpm-dir=${worker.srpmDir}`,
      `--cache-dir=${worker.cacheDir}`,
      `--base-package-name=${basename(specPath, extname(specPath))}`,
      `--dist-tag=${worker.distTag}`,
      `--distro-release-version=${worker.distroReleaseVersion}`,
      `--distro-build-number=${worker.distroBuildNumber}`,
      `--log-file=${logPath}`,
      `--log-level=${worker.logLevel}`,
      `--out-arch=${graph.field(node, 'architecture')}`,
      `--max-cpu=${worker.maxCpu}`,
      `--timeout=${remainingTime(request, context, worker.timeoutMs)}`,
    ];
    if (worker.rpmmacrosFile) list.push(`--rpmmacros-file=${worker.rpmmacrosFile}`);
    if (worker.versionsMacroFile) list.push(`--versions-macro-file=${worker.versionsMacroFile}`);
    if (worker.noCleanup) list.push('--no-cleanup');
    if (kind === 'test') list.push('--run-check');
    if (worker.useCcache) {
      list.push(
        '--use-ccache',
        `--ccache-root-dir=${worker.ccacheDir ?? ''}`,
        `--ccache-config=${worker.ccacheConfig ?? ''}`,
      );
    }
    if (worker.otlpEndpoint) list.push('--enable-telemetry', `--otlp-endpoint=${worker.otlpEndpoint}`);
    this.installList ??= new InstallList(graph);
    for (const path of this.installList.of(node)) list.push(`--install-package=${path}`);
    return list;
  }
}
