import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describeSystemError, UserError } from '../../util/user-error';
import type { BuildAgent, BuildContext, BuildRequest, BuildResult } from '../agent';
import { failureOf, lastLines, runProgram } from '../runner/run-program';
import type { RunnerPool } from '../runner/runner-pool';

export interface CommandAgentOptions {
  /** Starts the commands. Whoever made the pool stops it. */
  readonly runners: RunnerPool;
  /** Folder for one log file per attempt. It is made if it is not there. */
  readonly logsDir: string;
  /** Milliseconds a command gets after TERM, before KILL. Default: 5000. */
  readonly graceMs?: number;
  /** How many of its last lines a failure carries. Default: 20. */
  readonly tailLines?: number;
}

/** Runs the node's own command. A node without one has nothing to do and succeeds. */
export class CommandAgent implements BuildAgent {
  readonly name = 'command-agent';

  constructor(private readonly options: CommandAgentOptions) {}

  async start(): Promise<void> {
    try {
      mkdirSync(this.options.logsDir, { recursive: true });
    } catch (error) {
      throw new UserError(`cannot make the folder of logs ${this.options.logsDir}: ${describeSystemError(error)}`);
    }
  }

  async build(request: BuildRequest, context: BuildContext): Promise<BuildResult> {
    const { graph, node, attempt } = request;
    const spec = graph.command(node);
    if (!spec) return { ok: true, builtFiles: [] };
    const cwd = resolve(graph.info.baseDir ?? '.', spec.cwd ?? '.');
    const unusable = whyNotWorkingDirectory(cwd, spec.cwd ?? '.');
    if (unusable) return { ok: false, failure: { reason: 'could-not-start', message: unusable } };
    for (const path of spec.inputs ?? []) {
      if (!existsSync(resolve(cwd, path))) return { ok: false, failure: { reason: 'input-missing', path } };
    }
    const argv = spec.command ?? ['/bin/sh', '-c', spec.shell ?? ''];
    if ([...argv, ...Object.values(spec.env ?? {})].some((word) => word.includes('\0'))) {
      const message = `${argv[0]}: a word or variable of the command holds a zero byte`;
      return { ok: false, failure: { reason: 'could-not-start', message } };
    }
    const logPath = join(this.options.logsDir, `${this.logName(request)}.${attempt}.log`);
    const { graceMs = 5000, tailLines = 20 } = this.options;
    const program = {
      argv,
      cwd,
      env: { ...context.env, SPANWRIGHT_ATTEMPT: String(attempt), ...spec.env },
      stdout: logPath,
      stderr: logPath,
    };
    const end = await runProgram(this.options.runners, program, {
      signal: context.signal,
      clock: context.clock,
      askToEnd: 'SIGTERM',
      graceMs,
    });
    const failure = failureOf(end, program, context.signal.aborted, () => lastLines(logPath, tailLines));
    if (failure) return { ok: false, failure, logPath };
    for (const path of spec.outputs ?? []) {
      if (!existsSync(resolve(cwd, path))) return { ok: false, failure: { reason: 'output-missing', path }, logPath };
    }
    return { ok: true, builtFiles: spec.outputs ?? [], logPath };
  }

  /** A file name that tells a person which job it is; the job's number keeps apart what would be the same. */
  private logName({ label, job }: BuildRequest): string {
    const readable = label.replaceAll(/[^A-Za-z0-9._+-]+/g, '-').slice(0, 100);
    // No readable name has a ~, so this one is nobody else's.
    return readable === label ? readable : `${readable}~${job}`;
  }
}

function whyNotWorkingDirectory(path: string, asWritten: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return `the working directory ${asWritten} does not exist`;
  return found.isDirectory() ? undefined : `the working directory ${asWritten} is not a folder`;
}
