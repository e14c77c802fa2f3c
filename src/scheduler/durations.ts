import { readFileSync } from 'node:fs';
import { writeFileAtomically } from '../util/atomic-file';
import { describeSystemError, UserError } from '../util/user-error';
import type { BuildEvent } from './events';
import type { JobKind } from './job-kind';

/** How long jobs take, in milliseconds, by kind and label. */
export interface Durations {
  of(kind: JobKind, label: string): number | undefined;
}

/**
 * Costs of jobs for planning: what is known, the median of that for what is not, and 1 for all where nothing is known.
 */
export function costFrom(
  durations: Durations,
  jobs: Iterable<{ kind: JobKind; label: string }>,
): (kind: JobKind, label: string) => number {
  const known: number[] = [];
  for (const { kind, label } of jobs) {
    const ms = durations.of(kind, label);
    if (ms !== undefined) known.push(ms);
  }
  known.sort((a, b) => a - b);
  const otherwise = known.length === 0 ? 1 : (known[known.length >> 1] as number);
  return (kind, label) => durations.of(kind, label) ?? otherwise;
}

/**
 * Durations of earlier runs, kept in one small file. What succeeded in a run replaces what was known.
 */
export class DurationHistory implements Durations {
  private readonly known: Map<string, number>;
  private readonly startedAt = new Map<number, number>();
  private readonly names = new Map<number, string>();
  private changed = false;

  /** A file that is not there, or that is damaged, is an empty history: it only makes the order less good. */
  constructor(private readonly path: string) {
    this.known = new Map();
    try {
      const stored = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
      for (const [key, ms] of Object.entries(stored)) if (typeof ms === 'number' && ms >= 0) this.known.set(key, ms);
    } catch {
      // The first run, or a damaged file: start anew.
    }
  }

  of(kind: JobKind, label: string): number | undefined {
    return this.known.get(`${kind}:${label}`);
  }

  readonly listener = (event: BuildEvent): void => {
    if (event.type === 'job-queued') this.names.set(event.job, `${event.kind}:${event.label}`);
    else if (event.type === 'attempt-started') this.startedAt.set(event.job, event.time);
    else if (event.type === 'job-finished' && event.ok) {
      const name = this.names.get(event.job);
      const startedAt = this.startedAt.get(event.job);
      if (name === undefined || startedAt === undefined) return;
      this.known.set(name, Math.round((event.time - startedAt) * 10) / 10);
      this.changed = true;
    }
  };

  save(): void {
    if (!this.changed) return;
    writeFileAtomically(this.path, `${JSON.stringify(Object.fromEntries([...this.known].sort()), null, 0)}\n`, {
      sync: false,
    });
  }
}

/**
 * Durations for a simulation, by SRPM file name (or a command's id): `{"srpms": {"zlib-1.3.src.rpm": {"build_s": 12.5, "test_s": 3}}}`.
 */
export class SimulatedDurations implements Durations {
  private constructor(private readonly bySrpm: ReadonlyMap<string, { build_s?: number; test_s?: number }>) {}

  /** @throws UserError naming the file and the entry that is wrong */
  static read(file: string): SimulatedDurations {
    let json: { srpms?: Record<string, { build_s?: number; test_s?: number }> };
    try {
      json = JSON.parse(readFileSync(file, 'utf8'));
    } catch (error) {
      const why = error instanceof SyntaxError ? `not valid JSON: ${error.message}` : describeSystemError(error);
      throw new UserError(`cannot read the simulated durations: ${why}`, { file });
    }
    if (typeof json?.srpms !== 'object' || json.srpms === null || Array.isArray(json.srpms)) {
      throw new UserError('expected an object with "srpms", durations in seconds by SRPM', { file });
    }
    for (const [srpm, entry] of Object.entries(json.srpms)) {
      if (typeof entry !== 'object' || entry === null) {
        throw new UserError(`${srpm}: expected an object with "build_s" and "test_s", not ${JSON.stringify(entry)}`, {
          file,
        });
      }
      for (const key of ['build_s', 'test_s'] as const) {
        const value: unknown = entry[key];
        if (value !== undefined && !(typeof value === 'number' && value >= 0 && Number.isFinite(value))) {
          throw new UserError(`${srpm}: ${key} must be a number of seconds, not ${JSON.stringify(value)}`, { file });
        }
      }
    }
    return new SimulatedDurations(new Map(Object.entries(json.srpms)));
  }

  of(kind: JobKind, label: string): number | undefined {
    const seconds = this.bySrpm.get(label)?.[kind === 'test' ? 'test_s' : 'build_s'];
    return seconds === undefined ? undefined : seconds * 1000;
  }
}
