import { createReadStream } from 'node:fs';
import { describeSystemError } from '../../util/user-error';
import type { Failure } from '../failure';

export type CheckResult = 'passed' | Extract<Failure, { reason: 'check-failed' | 'check-unknown' }>;

const MARKER = 'CHECK DONE';
const PASSED = 'EXIT STATUS 0';

/**
 * Whether a package's tests passed, by its log: the first line with the marker says so. A log without one is that of a package
 * whose tests were left out, and passes; a log that cannot be read does not.
 *
 * Lines may be of any length: only what follows the marker is kept in memory.
 */
export async function readCheckResult(logPath: string): Promise<CheckResult> {
  let kept = '';
  try {
    for await (const chunk of createReadStream(logPath, { encoding: 'utf8' })) {
      kept += chunk;
      const at = kept.indexOf(MARKER);
      if (at < 0) {
        // The marker may straddle two chunks. The status always follows it.
        kept = kept.slice(-MARKER.length);
        continue;
      }
      const end = kept.indexOf('\n', at);
      if (end >= 0) return verdict(kept.slice(at, end));
      kept = kept.slice(at);
      if (kept.length > 1 << 20) return verdict(kept);
    }
  } catch (error) {
    return {
      reason: 'check-unknown',
      message: `failed to open log file (${logPath}) while checking package test results: ${describeSystemError(error)}`,
    };
  }
  return kept.includes(MARKER) ? verdict(kept) : 'passed';
}

function verdict(line: string): CheckResult {
  if (line.includes(PASSED)) return 'passed';
  const status = /EXIT STATUS (\S+)/.exec(line)?.[1];
  const message = `package test failed${status ? `: %check ended with exit status ${status}` : ''}`;
  return { reason: 'check-failed', message };
}
