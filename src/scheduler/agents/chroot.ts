import { rmSync } from 'node:fs';
import type { Graph } from '../../graph/graph';
import { describeSystemError } from '../../util/user-error';
import type { BuildAgent, BuildContext, BuildRequest, BuildResult } from '../agent';
import { type Failure, TimeIsUp } from '../failure';
import { InstallList } from '../job-dependencies';
import { type RelevantLines, readRelevantLines, relevantLines } from '../output/relevant-lines';
import { failureOf, lastLines, runProgram } from '../runner/run-program';
import type { RunnerPool } from '../runner/runner-pool';
import { keepLog, logPathOf } from './attempt-logs';
import { readBuiltFiles } from './built-files';
import { readCheckResult } from './check-log';
import { remainingTime } from './retrying';
import { freeWorkDir } from './work-dir';
import { type WorkerProgramOptions, workerArguments } from './worker-arguments';

export interface ChrootAgentOptions {
  /** Starts the worker program. Whoever made the pool stops it. */
  readonly runners: RunnerPool;
  readonly worker: WorkerProgramOptions;
  /** Milliseconds the worker gets to unmount and clean up, before KILL. Default: 30000. */
  readonly graceMs?: number;
}

/** Files of one attempt. */
interface Outputs {
  readonly log: string;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Builds packages with the toolkit's worker program, one process a package, each in its own process group.
 *
 * The worker's answer is its exit code and a comma-separated list of RPMs in the last line of its stdout. Its output goes to files rather
 * than through us, so that a flood of it costs no memory.
 */
export class ChrootAgent implements BuildAgent {
  readonly name = 'chroot-agent';
  private installList: { readonly graph: Graph; readonly list: InstallList } | undefined;

  constructor(private readonly options: ChrootAgentOptions) {}

  async build(request: BuildRequest, context: BuildContext): Promise<BuildResult> {
    const outputs = {
      log: logPathOf(request, this.options.worker.buildLogsDir),
      stdout: this.options.runners.outputPath('out'),
      stderr: this.options.runners.outputPath('err'),
    };
    // What an earlier attempt or run has left there must not be taken for this attempt's.
    rmSync(outputs.log, { force: true });
    try {
      return await this.attempt(request, context, outputs);
    } finally {
      rmSync(outputs.stdout, { force: true });
      rmSync(outputs.stderr, { force: true });
    }
  }

  private async attempt(request: BuildRequest, context: BuildContext, outputs: Outputs): Promise<BuildResult> {
    const { worker, runners, graceMs = 30_000 } = this.options;
    const { log, stdout, stderr } = outputs;
    let workDir: string;
    try {
      workDir = freeWorkDir(worker.workDir, request, context);
    } catch (error) {
      const message = `cannot make a folder below ${worker.workDir}: ${describeSystemError(error)}`;
      return { ok: false, failure: { reason: 'could-not-start', message } };
    }
    const timeout = remainingTime(request, context, worker.timeoutMs);
    const install = this.installListOf(request);
    const program = {
      argv: [worker.program, ...workerArguments(worker, request, { workDir, logPath: log, timeout, install })],
      env: { ...context.env, SPANWRIGHT_ATTEMPT: String(request.attempt) },
      stdout,
      stderr,
    };
    const { signal, clock } = context;
    const end = await runProgram(runners, program, { signal, clock, askToEnd: 'SIGINT', graceMs });
    const failure = failureOf(end, program, signal.aborted, () => []);
    if (failure) return this.failed(request, context, outputs, failure);
    if (request.kind === 'build') return { ok: true, builtFiles: readBuiltFiles(stdout), logPath: log };
    const check = await readCheckResult(log);
    if (typeof check !== 'string') return this.failed(request, context, outputs, check);
    return { ok: true, builtFiles: readBuiltFiles(stdout), check, logPath: log };
  }

  private async failed(
    request: BuildRequest,
    context: BuildContext,
    outputs: Outputs,
    failure: Failure,
  ): Promise<BuildResult> {
    const explained = await explain(failure, outputs, context);
    return { ok: false, failure: explained, logPath: await keepLog(request, context, outputs.log, explained) };
  }

  private installListOf({ graph, node }: BuildRequest): string[] {
    // The graph may be another one now: a name has been found, or it has been cut down.
    if (this.installList?.graph !== graph) this.installList = { graph, list: new InstallList(graph) };
    return this.installList.list.of(node);
  }
}

/** So many lines are shown of a worker whose time was up: what it was doing then. */
const LAST_LINES = 10;

/** Adds to a failure what the build's log, or else the worker's own output, tells of it. */
async function explain(failure: Failure, outputs: Outputs, { signal }: BuildContext): Promise<Failure> {
  switch (failure.reason) {
    case 'exit-non-zero':
    case 'killed': {
      const { lines, telling } = await relevantOf(outputs);
      return { ...failure, tail: lines, telling };
    }
    case 'check-failed':
      return { ...failure, tail: (await readRelevantLines(outputs.log))?.lines };
    case 'cancelled':
      return signal.reason instanceof TimeIsUp ? { ...failure, tail: lastLines(outputs.log, LAST_LINES) } : failure;
    default:
      return failure;
  }
}

async function relevantOf({ log, stdout, stderr }: Outputs): Promise<RelevantLines> {
  const ofLog = await readRelevantLines(log);
  if (ofLog?.telling !== undefined) return ofLog;
  const [errors, output] = [await readRelevantLines(stderr), await readRelevantLines(stdout)];
  const telling = [errors, output].find((found) => found?.telling !== undefined);
  if (telling) return telling;
  // Nothing stands out anywhere: the last words of each.
  return relevantLines([ofLog, output, errors].flatMap((found) => found?.lines.slice(-LAST_LINES) ?? []));
}
