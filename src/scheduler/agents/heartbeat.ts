import { formatGoDuration } from '../../util/duration';
import type { BuildAgent, BuildContext, BuildRequest, BuildResult } from '../agent';

/** How often the toolkit's worker says that it is still there. */
const EVERY_MS = 30 * 60_000;

/**
 * Says every half hour, by the run's clock, that a job is still running: of a build of many hours nothing else is heard, and those who
 * watch a log take silence for a hang.
 */
export class HeartbeatAgent implements BuildAgent {
  readonly name: string;

  constructor(
    private readonly inner: BuildAgent,
    private readonly everyMs = EVERY_MS,
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
    const over = new AbortController();
    void this.beat(request, context, over.signal);
    try {
      return await this.inner.build(request, context);
    } finally {
      // With a reason of our own: making the default one is dear.
      over.abort(OVER);
    }
  }

  private async beat({ kind, label }: BuildRequest, { clock, emit }: BuildContext, over: AbortSignal): Promise<void> {
    const startedAt = clock.now();
    for (;;) {
      await clock.sleep(this.everyMs, over);
      if (over.aborted) return;
      const time = clock.now();
      const passed = formatGoDuration(Math.round((time - startedAt) / 1000) * 1000);
      const doing = kind === 'test' ? 'testing' : 'building';
      emit({ type: 'notice', time, level: 'info', message: `Heartbeat: still ${doing} (${label}) after ${passed}` });
    }
  }
}

const OVER = 'the job is over';
