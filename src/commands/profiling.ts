import { accessSync, constants } from 'node:fs';
import { Session } from 'node:inspector';
import { dirname } from 'node:path';
import { writeFileAtomically } from '../util/atomic-file';
import { describeSystemError } from '../util/user-error';

/** Where profiles are written; what is undefined is not recorded. */
export interface ProfileFiles {
  /** V8's CPU profile, `.cpuprofile`: opened by Chrome's developer tools, speedscope and others. */
  readonly cpu?: string;
  /** V8's sampling heap profile of what was allocated and is still held, `.heapprofile`: opened by Chrome's developer tools. */
  readonly memory?: string;
  /** Node's trace events, `.json`: opened by Perfetto and `chrome://tracing`. */
  readonly trace?: string;
}

export interface ProfilingFlags {
  bool(name: string): boolean;
  string(name: string): string;
}

export interface Profiling {
  /** Ends all recordings and writes their files. A second call waits for the same end. Never throws. */
  stop(): Promise<void>;
}

const TRACE_CATEGORIES = ['node', 'node.perf', 'v8'];
/** More is left out, and that is said: an event takes some 200 bytes until it is written. */
const MAX_TRACE_EVENTS = 1_000_000;

/**
 * Starts what the toolkit's profiling flags ask for. Whatever goes wrong with a profile is a warning: it must not change what comes of the
 * build.
 */
export function startProfiling(flags: ProfilingFlags, warn: (message: string) => void): Profiling {
  const files = {
    cpu: fileFor('enable-cpu-prof', 'cpu-prof-file'),
    memory: fileFor('enable-mem-prof', 'mem-prof-file'),
    trace: fileFor('enable-trace', 'trace-file'),
  };
  if (!files.cpu && !files.memory && !files.trace) return { stop: async () => {} };
  const recorder = new Recorder(files, warn);
  let stopped: Promise<void> | undefined;
  return {
    stop: () => {
      stopped ??= recorder.stop();
      return stopped;
    },
  };

  function fileFor(enable: string, file: string): string | undefined {
    if (!flags.bool(enable)) return undefined;
    const path = flags.string(file);
    if (path === '') {
      warn(`Could not start profiling: --${enable} needs --${file}`);
      return undefined;
    }
    // A run may take hours: better told now.
    try {
      accessSync(dirname(path), constants.W_OK);
    } catch (error) {
      warn(`Could not start profiling: cannot write ${path}: ${describeSystemError(error)}`);
      return undefined;
    }
    return path;
  }
}

interface Recording {
  readonly path: string;
  /** Ends it, and gives what its file holds. */
  readonly end: () => Promise<string>;
}

class Recorder {
  private readonly session = new Session();
  private readonly recordings: Promise<Recording | undefined>[] = [];

  constructor(
    { cpu, memory, trace }: ProfileFiles,
    private readonly warn: (message: string) => void,
  ) {
    this.session.connect();
    if (cpu) this.start(cpu, () => this.recordCpu());
    if (memory) this.start(memory, () => this.recordMemory());
    if (trace) this.start(trace, () => this.recordTrace());
  }

  async stop(): Promise<void> {
    for (const started of this.recordings) {
      const recording = await started;
      if (!recording) continue;
      try {
        writeFileAtomically(recording.path, await recording.end());
      } catch (error) {
        this.warn(`Could not write the profile ${recording.path}: ${(error as Error).message}`);
      }
    }
    this.session.disconnect();
  }

  private start(path: string, begin: () => Promise<() => Promise<string>>): void {
    this.recordings.push(
      begin().then(
        (end) => ({ path, end }),
        (error: Error) => {
          this.warn(`Could not start profiling into ${path}: ${error.message}`);
          return undefined;
        },
      ),
    );
  }

  private async recordCpu(): Promise<() => Promise<string>> {
    // Sent together: what runs next is to be seen.
    await Promise.all([this.post('Profiler.enable'), this.post('Profiler.start')]);
    return async () => JSON.stringify((await this.post<{ profile: unknown }>('Profiler.stop')).profile);
  }

  private async recordMemory(): Promise<() => Promise<string>> {
    await Promise.all([this.post('HeapProfiler.enable'), this.post('HeapProfiler.startSampling')]);
    return async () => JSON.stringify((await this.post<{ profile: unknown }>('HeapProfiler.stopSampling')).profile);
  }

  private async recordTrace(): Promise<() => Promise<string>> {
    const events: unknown[] = [];
    let leftOut = 0;
    this.session.on('NodeTracing.dataCollected', ({ params }) => {
      for (const event of params.value) {
        if (events.length < MAX_TRACE_EVENTS) events.push(event);
        else leftOut++;
      }
    });
    const complete = new Promise<void>((done) => this.session.once('NodeTracing.tracingComplete', () => done()));
    await this.post('NodeTracing.start', { traceConfig: { includedCategories: TRACE_CATEGORIES } });
    return async () => {
      await this.post('NodeTracing.stop');
      await complete;
      if (leftOut > 0) this.warn(`The trace is longer than ${MAX_TRACE_EVENTS} events; ${leftOut} were left out`);
      return JSON.stringify({ traceEvents: events });
    };
  }

  private post<T>(method: string, params: object = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      this.session.post(method, params, (error, result) => (error ? reject(error) : resolve(result as T)));
    });
  }
}
