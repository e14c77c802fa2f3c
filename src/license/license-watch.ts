import { availableParallelism } from 'node:os';
import type { Clock } from '../util/clock';
import type { RpmFindings } from './findings';
import type { LicenseChecker } from './license-checker';

/** The check of what one job built. */
export interface LicenseCheck {
  readonly job: number;
  readonly label: string;
  /** One for each RPM, without findings too. */
  readonly findings: readonly RpmFindings[];
  /** Milliseconds since the epoch, by the watch's clock. */
  readonly startedAt: number;
  readonly endedAt: number;
}

export interface LicenseWatchOptions {
  readonly checker: Pick<LicenseChecker, 'check'>;
  readonly clock: Pick<Clock, 'now'>;
  /** Told of each check that has ended. */
  readonly onChecked: (check: LicenseCheck) => void;
  /** Told once, when no check can be made at all; what is still to be checked is left. Default: {@link LicenseWatch.finished} tells. */
  readonly onBroken?: (error: unknown) => void;
  /** How many jobs are checked at a time. Default: one for each processor */
  readonly parallel?: number;
}

interface Waiting {
  readonly job: number;
  readonly label: string;
  readonly rpmPaths: readonly string[];
}

/**
 * Checks what jobs have built while others still build. Adding to it returns at once: the one who adds is never held up, which in the
 * toolkit it is.
 *
 *     add ─► waiting ─► running (so many at a time) ─► onChecked
 *               │           │
 *               └───────────┴─ the checker breaks ─► onBroken, and nothing more is begun
 */
export class LicenseWatch {
  private readonly waiting: Waiting[] = [];
  private readonly checks: LicenseCheck[] = [];
  private readonly idle: (() => void)[] = [];
  private running = 0;
  private broken: { readonly error: unknown } | undefined;

  constructor(private readonly options: LicenseWatchOptions) {}

  /** Checks the RPMs of a job in its turn. A job that built none is not checked, and nobody is told of it. */
  add(job: number, label: string, rpmPaths: readonly string[]): void {
    if (rpmPaths.length === 0 || this.broken) return;
    this.waiting.push({ job, label, rpmPaths });
    this.startNext();
  }

  /** Findings of all RPMs checked so far, job by job. */
  get findings(): readonly RpmFindings[] {
    return this.checks.flatMap(({ findings }) => findings);
  }

  /**
   * Resolves when all that was added has been checked and told of. More may be added afterwards.
   *
   * @throws what broke the checker
   */
  async finished(): Promise<void> {
    while (this.running > 0) await new Promise<void>((wake) => this.idle.push(wake));
    if (this.broken) throw this.broken.error;
  }

  private startNext(): void {
    const atATime = this.options.parallel ?? availableParallelism();
    while (this.running < atATime) {
      const next = this.waiting.shift();
      if (!next) return;
      this.running++;
      void this.check(next).finally(() => {
        this.running--;
        this.startNext();
        if (this.running === 0) for (const wake of this.idle.splice(0)) wake();
      });
    }
  }

  /** Never rejects. */
  private async check({ job, label, rpmPaths }: Waiting): Promise<void> {
    const { checker, clock, onChecked, onBroken } = this.options;
    try {
      const startedAt = clock.now();
      const findings = await checker.check(rpmPaths);
      const check = { job, label, findings, startedAt, endedAt: clock.now() };
      this.checks.push(check);
      onChecked(check);
    } catch (error) {
      if (this.broken) return;
      this.broken = { error };
      this.waiting.length = 0;
      onBroken?.(error);
    }
  }
}
