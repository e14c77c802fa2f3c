import type { BuildAgent, BuildContext, BuildRequest, BuildResult } from '../agent';

export interface SimulatedAgentOptions {
  /** Milliseconds a job takes, by the run's clock. Default: none. */
  readonly durationMs?: (request: BuildRequest) => number;
  /** Probability, 0 to 1, that an attempt to build fails. Tests pass. Default: 0. */
  readonly failureRate?: number;
  /** Decides which attempts fail: the same seed, the same failures, whatever the order. Default: 1. */
  readonly seed?: number;
}

/**
 * Builds nothing: lets the time pass that a build would take. Whether an attempt fails depends on the seed, the job's name and
 * the attempt alone, so a job may fail once and then succeed, as flaky builds do.
 */
export class SimulatedAgent implements BuildAgent {
  readonly name = 'test-agent';

  constructor(private readonly options: SimulatedAgentOptions = {}) {}

  async build(request: BuildRequest, { clock, signal }: BuildContext): Promise<BuildResult> {
    const { durationMs, failureRate = 0, seed = 1 } = this.options;
    if (durationMs) await clock.sleep(durationMs(request), signal);
    if (signal.aborted) return { ok: false, failure: { reason: 'cancelled' } };
    if (
      request.kind === 'build' &&
      failureRate > 0 &&
      chance(seed, `${request.label}#${request.attempt}`) < failureRate
    ) {
      return { ok: false, failure: { reason: 'simulated' } };
    }
    return { ok: true, builtFiles: [] };
  }
}

/** A number in [0, 1) that depends on nothing but the seed and the text (FNV-1a, then a finishing mix). */
function chance(seed: number, text: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) >>> 0;
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
