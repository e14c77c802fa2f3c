import { createReadStream } from 'node:fs';
import { describeSystemError } from '../../util/user-error';
import type { Failure } from '../failure';
import type { CheckEvidence } from '../job-kind';

export type CheckResult = CheckEvidence | Extract<Failure, { reason: 'check-failed' | 'check-unknown' }>;

const MARKER = 'CHECK DONE';
const PASSED = 'EXIT STATUS 0';
/** So much is kept of a line with the marker. */
const MOST_CHARACTERS = 1 << 20;

/**
 * Whether a package's tests passed, by its log: the first line with the marker says so. A log without one is that of a package
 * whose tests were left out; it counts as passed, as in the toolkit, and is told apart. A log that cannot be read is an error.
 *
 * Lines may be of any length: only what follows the marker is kept in memory.
 */
export async function readCheckResult(logPath: string): Promise<CheckResult> {
  let kept = '';
  let found = false;
  try {
    for await (const chunk of createReadStream(logPath, { encoding: 'utf8' })) {
      kept += chunk;
      const at = found ? 0 : kept.indexOf(MARKER);
      if (at < 0) {
        // The marker may straddle two chunks. The status always follows it.
        kept = kept.slice(-MARKER.length);
        continue;
      }
      found = true;
      const end = kept.indexOf('\n', at);
      if (end >= 0) return verdict(kept.slice(at, end));
      kept = kept.slice(at);
      if (kept.length > MOST_CHARACTERS) return verdict(kept);
    }
  } catch (error) {
    return {
      reason: 'check-unknown',
      message: `failed to open log file (${logPath}) while checking package test results: ${describeSystemError(error)}`,
    };
  }
  return found ? verdict(kept) : 'absent';
}

function verdict(line: string): CheckResult {
  if (line.includes(PASSED)) return 'passed';
  const status = /EXIT STATUS (\w+)/.exec(line)?.[1];
  const message = `package test failed: %check ended with ${status ? `exit status ${status}` : 'no exit status'}`;
  return { reason: 'check-failed', message };
}
