import type { ExportConfig } from '../../config/telemetry-config';
import type { SinkTimers } from './sink-timers';

/** Longest wait that a collector may ask for. */
const MAX_RETRY_AFTER_MS = 60_000;

export interface BackOffOptions {
  readonly limits: Pick<ExportConfig, 'initialBackoffMs' | 'maxBackoffMs'>;
  readonly timers: SinkTimers;
  /** 0 to 1. */
  readonly random: () => number;
  /** Called when a wait is over that was not ended before. */
  readonly onOver: () => void;
}

/**
 * The wait after a failure. It doubles with each, and is anything between that and nothing, so that many processes that saw
 * the same outage do not come back together.
 */
export class BackOff {
  private wait: { readonly until: number; readonly wasAskedFor: boolean; cancel(): void } | undefined;

  constructor(private readonly options: BackOffOptions) {}

  get isOn(): boolean {
    return this.wait !== undefined;
  }

  /** Whether it lasts for as long as the collector asked for. */
  get wasAskedFor(): boolean {
    return this.wait?.wasAskedFor ?? false;
  }

  /** Begins a wait, or makes the one that is on longer. */
  begin(failures: number, retryAfterMs = 0): void {
    const { limits, timers, random, onOver } = this.options;
    const longest = Math.min(limits.maxBackoffMs, limits.initialBackoffMs * 2 ** (failures - 1));
    const asked = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
    const ms = Math.max(random() * longest, asked);
    const until = timers.now() + ms;
    if (this.wait && this.wait.until >= until) return;
    this.end();
    const cancel = timers.after(ms, () => {
      this.wait = undefined;
      onOver();
    });
    this.wait = { until, wasAskedFor: asked > 0, cancel };
  }

  end(): void {
    this.wait?.cancel();
    this.wait = undefined;
  }
}
