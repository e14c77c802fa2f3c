import { err, ok, type Result } from '@workspace/result';
import { formatDuration, HOUR, MINUTE } from '@workspace/units';

const DAY = 24 * HOUR;

export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };

/** A clock that stands still until it is put forward. */
export class ManualClock implements Clock {
  #now: number;

  constructor(start: Date) {
    this.#now = start.getTime();
  }

  now(): Date {
    return new Date(this.#now);
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

/** The local time of day in milliseconds since midnight, seconds dropped. */
export function timeOfDay(clock: Clock): number {
  const now = clock.now();
  return now.getHours() * HOUR + now.getMinutes() * MINUTE;
}

/** Reads "9:30" as milliseconds since midnight. */
export function parseTimeOfDay(text: string): Result<number> {
  const [, hours, minutes] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? [];
  if (hours === undefined || Number(hours) > 23 || Number(minutes) > 59) {
    return err(`"${text}" is not a time of day such as 9:30`);
  }
  return ok(Number(hours) * HOUR + Number(minutes) * MINUTE);
}

/** Writes milliseconds since midnight as "09:30", and says so if midnight has passed again: "01:15 +1d". */
export function formatTimeOfDay(time: number): string {
  const days = Math.floor(time / DAY);
  const hours = Math.floor((time % DAY) / HOUR);
  const minutes = Math.floor((time % HOUR) / MINUTE);
  const text = `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
  return days > 0 ? `${text} +${days}d` : text;
}

/** The work's result, or a rejection if it takes longer than it may. */
export async function withDeadline<T>(work: Promise<T>, milliseconds: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    const late = () => reject(new Error(`${what} took longer than ${formatDuration(milliseconds)}`));
    timer = setTimeout(late, milliseconds);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
