import { basename, extname } from 'node:path';
import type { BuildRequest } from '../agent';

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
  /** The worker refuses an empty one. Default: `info`. */
  readonly logLevel: string;
  readonly maxCpu: string;
  readonly timeoutMs: number;
  readonly rpmmacrosFile?: string;
  readonly versionsMacroFile?: string;
  readonly noCleanup?: boolean;
  readonly useCcache?: boolean;
  readonly ccacheDir?: string;
  readonly ccacheConfig?: string;
  /** Given to the worker where the user asked for telemetry by flag: the toolkit's released worker does not know the flag. */
  readonly otlpEndpoint?: string;
}

/** What differs from attempt to attempt. */
export interface WorkerAttempt {
  readonly workDir: string;
  readonly logPath: string;
  /** The time that is left, in Go's syntax. */
  readonly timeout: string;
  /** RPMs to install before the build. */
  readonly install: readonly string[];
}

/** The worker program's arguments, in the toolkit's order. */
export function workerArguments(worker: WorkerProgramOptions, request: BuildRequest, attempt: WorkerAttempt): string[] {
  const { graph, node, kind } = request;
  const specPath = graph.field(node, 'specPath');
  const list = [
    `--input=${graph.srpmPath(node)}`,
    `--work-dir=${attempt.workDir}`,
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
    `--log-file=${attempt.logPath}`,
    `--log-level=${worker.logLevel || 'info'}`,
    `--out-arch=${graph.field(node, 'architecture')}`,
    `--max-cpu=${worker.maxCpu}`,
    `--timeout=${attempt.timeout}`,
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
  for (const path of attempt.install) list.push(`--install-package=${path}`);
  return list;
}
