import type { BuildAgent, BuildContext, BuildRequest, BuildResult } from '../../src/scheduler/agent';
import type { Failure } from '../../src/scheduler/failure';

interface RunningBuild {
  readonly request: BuildRequest;
  readonly context: BuildContext;
  end(result: BuildResult): void;
}

/**
 * An agent whose builds end when the test says so. A build is named by its label; a test whose label does not say so already, by
 * `test:` and its label.
 */
export class ScriptedAgent implements BuildAgent {
  readonly name = 'scripted-agent';
  /** Every call, in order: `start`, `build lib`, `stop`. */
  readonly calls: string[] = [];
  private readonly builds = new Map<string, RunningBuild>();
  private readonly awaited = new Map<string, (() => void)[]>();

  async start(): Promise<void> {
    this.calls.push('start');
  }

  build(request: BuildRequest, context: BuildContext): Promise<BuildResult> {
    const name = nameOf(request);
    this.calls.push(`build ${name}`);
    return new Promise((resolve) => {
      this.builds.set(name, { request, context, end: resolve });
      for (const wake of this.awaited.get(name) ?? []) wake();
      this.awaited.delete(name);
    });
  }

  async stop(): Promise<void> {
    this.calls.push('stop');
  }

  /** Names of the builds that run now, in the order they started. */
  get running(): string[] {
    return [...this.builds.keys()];
  }

  /** Resolves when the build runs. */
  started(name: string): Promise<void> {
    if (this.builds.has(name)) return Promise.resolve();
    return new Promise((resolve) => this.awaited.set(name, [...(this.awaited.get(name) ?? []), resolve]));
  }

  /** Ends a running build well. Resolves when everything that follows from it at once has happened. */
  finish(name: string, builtFiles: readonly string[] = []): Promise<void> {
    return this.end(name, { ok: true, builtFiles });
  }

  /** Ends a running build badly. Resolves when everything that follows from it at once has happened. */
  fail(name: string, failure: Failure = { reason: 'exit-non-zero', exitCode: 1 }): Promise<void> {
    return this.end(name, { ok: false, failure });
  }

  requestOf(name: string): BuildRequest {
    return this.buildNamed(name).request;
  }

  contextOf(name: string): BuildContext {
    return this.buildNamed(name).context;
  }

  private end(name: string, result: BuildResult): Promise<void> {
    const { end } = this.buildNamed(name);
    this.builds.delete(name);
    end(result);
    return settled();
  }

  private buildNamed(name: string): RunningBuild {
    const build = this.builds.get(name);
    if (!build) throw new Error(`'${name}' is not running; running are: ${this.running.join(', ') || 'none'}`);
    return build;
  }
}

/** Resolves when every promise that is settled now, and what follows from it, has run its course. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function nameOf({ kind, label }: BuildRequest): string {
  return kind === 'test' && !label.startsWith('test:') ? `test:${label}` : label;
}
