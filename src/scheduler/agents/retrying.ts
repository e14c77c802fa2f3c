import { formatGoDuration } from '../../util/duration';
import type { BuildAgent, BuildContext, BuildRequest, BuildResult } from '../agent';
import { isWorthRetrying, TimeIsUp, timeoutFailure } from '../failure';

export interface RetryPolicy {
  /** How many times to try a job. */
  readonly attempts: number;
  /** Milliseconds for all attempts of a job together; undefined: no limit. */
  readonly timeoutMs?: number;
}

export interface RetryingAgentOptions {
  /** The policy for one job. */
  readonly policy: (request: BuildRequest) => RetryPolicy;
  /** Milliseconds to wait before attempt k+1, times k. Default: 1000, as the toolkit does. */
  readonly backOffMs?: number;
}

/**
 * Tries a job again when it fails, with a linear back-off, and ends it when its time is up.
 *
 * There is one deadline for all attempts: a retry gets what is left of the time, never a fresh allowance.
 */
export class RetryingAgent implements BuildAgent {
  readonly name: string;

  constructor(
    private readonly inner: BuildAgent,
    private readonly options: RetryingAgentOptions,
  ) {
    this.name = inner.name;
  }

  start(): Promise<void> {
    return this.inner.start?.() ?? Promise.resolve();
  }

  stop(): Promise<void> {
    return this.inner.stop?.() ?? Promise.resolve();
  }

  async build(request: BuildRequest, context: BuildContext): Promise<BuildResult> {
    const { attempts, timeoutMs = Number.POSITIVE_INFINITY } = this.options.policy(request);
    const { clock, emit } = context;
    const endsAt = clock.now() + timeoutMs;
    const deadline = Number.isFinite(endsAt) ? endsAt : undefined;
    for (let attempt = 1; ; attempt++) {
      emit({ type: 'attempt-started', time: clock.now(), job: request.job, attempt });
      const tried = { ...request, attempt, attempts, deadline };
      const result = await this.attempt(tried, context, timeoutMs);
      if (result.ok) return result;
      const retry = attempt < attempts && !context.signal.aborted && isWorthRetrying(result.failure);
      const backOffMs = attempt * (this.options.backOffMs ?? 1000);
      const left = endsAt - clock.now();
      emit({
        type: 'attempt-failed',
        time: clock.now(),
        job: request.job,
        attempt,
        attempts,
        failure: result.failure,
        logPath: result.logPath,
        retryInMs: retry && backOffMs < left ? backOffMs : undefined,
      });
      if (!retry) return result;
      await clock.sleep(Math.min(backOffMs, left), context.signal);
      if (context.signal.aborted) return { ...result, failure: { reason: 'cancelled' } };
      // A timer may be early by a fraction of a millisecond: no attempt is to be made of that.
      if (backOffMs >= left) return { ...result, failure: timeoutFailure(timeoutMs, tried, result.failure) };
    }
  }

  /** One attempt, ended from here when the job's time is up. */
  private async attempt(request: BuildRequest, context: BuildContext, timeoutMs: number): Promise<BuildResult> {
    const { clock, signal } = context;
    if (request.deadline === undefined) return this.inner.build(request, context);
    const time = new AbortController();
    const timer = new AbortController();
    const cancel = () => time.abort();
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    let expired = false;
    void clock.sleep(request.deadline - clock.now(), timer.signal).then(() => {
      if (timer.signal.aborted) return;
      expired = true;
      time.abort(new TimeIsUp(timeoutMs));
    });
    try {
      const result = await this.inner.build(request, { ...context, signal: time.signal });
      if (result.ok || !expired || signal.aborted) return result;
      return { ...result, failure: timeoutFailure(timeoutMs, request, result.failure) };
    } finally {
      // With a reason of our own: making the default one costs more than all the rest here.
      timer.abort(OVER);
      signal.removeEventListener('abort', cancel);
    }
  }
}

const OVER = 'the attempt is over';

/** The time a worker program is told it has left, in Go's syntax. */
export function remainingTime(request: BuildRequest, context: BuildContext, otherwiseMs: number): string {
  const left = request.deadline === undefined ? otherwiseMs : request.deadline - context.clock.now();
  return formatGoDuration(Math.max(1, Math.round(left)));
}
