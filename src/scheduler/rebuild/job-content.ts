import type { Fingerprint } from './fingerprint';

/** What was found where a job's makings lie. */
export interface Content {
  readonly made: Fingerprint;
  /** What could not be looked at, each with its path and why. */
  readonly problems: readonly string[];
}

/** One kind of job: where its makings and its outputs are. */
export interface MadeFrom {
  /** What it is to leave behind. */
  readonly outputs: readonly string[];
  /** All files that {@link look} will ask for, as far as is known beforehand. */
  paths(): string[];
  /** Files that may be other ones after it has run. */
  writes(): string[];
  look(): Content;
}
