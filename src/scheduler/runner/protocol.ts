/*
 * What the coordinator and a runner say to each other: one JSON object a line, down the runner's stdin and up its stdout.
 * When its stdin closes the coordinator is gone, and the runner kills what it has started.
 */

/** Start a program. */
export interface StartMessage {
  readonly start: number;
  readonly argv: readonly string[];
  readonly cwd?: string;
  /** Set on top of the runner's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Files for the program's output; both may be the same. Left out: thrown away. */
  readonly stdout?: string;
  readonly stderr?: string;
}

/** Send a signal to the program's process group. */
export interface KillMessage {
  readonly kill: number;
  readonly signal: NodeJS.Signals;
}

export type RunnerMessage = StartMessage | KillMessage;

/** The program runs; its process group has the same number. */
export interface StartedReply {
  readonly started: number;
  readonly pid: number;
}

/** The program has ended, or (`error`) was never started. */
export interface EndedReply {
  readonly ended: number;
  readonly code: number | null;
  readonly signal: string | null;
  readonly error?: string;
}

export type RunnerReply = StartedReply | EndedReply;
