import { formatGoDuration } from '../util/duration';
import { unreachable } from '../util/unreachable';
import type { JobKind } from './job-kind';

/** Everything that a build can end with instead of success, with the facts a report needs. */
export type Failure =
  /** The program ended with another exit code than 0. */
  | {
      readonly reason: 'exit-non-zero';
      readonly exitCode: number;
      /** The line of its output that tells most. */
      readonly telling?: string;
      readonly tail?: readonly string[];
    }
  /** A signal that was not ours ended the program. */
  | {
      readonly reason: 'killed';
      readonly signal: string;
      readonly telling?: string;
      readonly tail?: readonly string[];
    }
  /** The time for all attempts was up. We ended the program and its process group. */
  | {
      readonly reason: 'timeout';
      readonly limitMs: number;
      /** How many attempts were begun, and how many there might have been. */
      readonly attempts: number;
      readonly maxAttempts: number;
      readonly kind: JobKind;
      readonly tail?: readonly string[];
    }
  /** The program could not be started at all. */
  | { readonly reason: 'could-not-start'; readonly message: string }
  /** A file that the command reads is not there. */
  | { readonly reason: 'input-missing'; readonly path: string }
  /** The command succeeded, but a file that it should have written is not there. */
  | { readonly reason: 'output-missing'; readonly path: string }
  /** A package's tests ran, but what came of them cannot be known. */
  | { readonly reason: 'check-unknown'; readonly message: string }
  /** A package's tests ran and failed. */
  | { readonly reason: 'check-failed'; readonly message: string; readonly tail?: readonly string[] }
  /** The run was cancelled while this was running. */
  | { readonly reason: 'cancelled'; readonly tail?: readonly string[] }
  /** The process that starts programs for us died. */
  | { readonly reason: 'runner-lost' }
  /** The simulation was told to fail this. */
  | { readonly reason: 'simulated' }
  /** The agent threw: a bug in the agent. */
  | { readonly reason: 'agent-error'; readonly message: string };

/** Why a build's signal aborts when its time is up. */
export class TimeIsUp {
  constructor(readonly limitMs: number) {}
}

export type FailureReason = Failure['reason'];

/**
 * What a job ends with whose time was up, at the latest of its attempts. What that one left of its output is kept. Tests that ran and
 * failed have failed, though there was no time to try them again.
 */
export function timeoutFailure(
  limitMs: number,
  request: { readonly kind: JobKind; readonly attempt: number; readonly attempts?: number },
  last: Failure,
): Failure {
  const { attempt, attempts = attempt, kind } = request;
  const timeout = { limitMs, attempts: attempt, maxAttempts: attempts, kind, tail: failureTail(last) };
  if (last.reason !== 'check-failed') return { reason: 'timeout', ...timeout };
  return { ...last, message: `${last.message}; ${describeFailure({ reason: 'timeout', ...timeout })}` };
}

/** One line for people: what happened. */
export function describeFailure(failure: Failure): string {
  switch (failure.reason) {
    case 'exit-non-zero':
      return withTelling(`exit status ${failure.exitCode}`, failure.telling);
    case 'killed':
      return withTelling(`killed by ${failure.signal}`, failure.telling);
    case 'timeout':
      // In the toolkit's words.
      return `after ${failure.attempts}/${failure.maxAttempts} attempts, the ${failure.kind === 'test' ? 'check' : 'build'} exceeded the maximum time of ${formatGoDuration(failure.limitMs)}`;
    case 'could-not-start':
      return `could not start: ${failure.message}`;
    case 'input-missing':
      return `input ${failure.path} does not exist`;
    case 'output-missing':
      return `the command succeeded but did not write its output ${failure.path}`;
    case 'check-failed':
    case 'check-unknown':
      return failure.message;
    case 'cancelled':
      return 'cancelled';
    case 'runner-lost':
      return 'killed together with the runner process that started it';
    case 'simulated':
      return 'simulated failure';
    case 'agent-error':
      return failure.message.replaceAll(/\s*[\r\n]+\s*/g, ' ');
    default:
      return unreachable(failure);
  }
}

/** Whether it is worth another attempt: what the user must mend first, or has stopped, is not. */
export function isWorthRetrying(failure: Failure): boolean {
  switch (failure.reason) {
    case 'timeout':
    case 'cancelled':
    case 'input-missing':
    case 'could-not-start':
    case 'agent-error':
      return false;
    default:
      return true;
  }
}

/** Behind the words that people look for, what they would look up in the log. */
function withTelling(what: string, telling: string | undefined): string {
  return telling === undefined ? what : `${what}: ${telling}`;
}

/** What the program's output tells of it, where the failure has that: its relevant lines, or its last ones. */
export function failureTail(failure: Failure): readonly string[] {
  return ('tail' in failure && failure.tail) || [];
}
