import { basename } from 'node:path';
import type { Decision } from './rebuild-rule';

/** Why a package of which RPMs are missing is built. */
export function missingReason(expected: readonly string[], missing: readonly string[]): string {
  return missing.length === expected.length
    ? `none of its ${expected.length} RPMs is on disk`
    : `${missing.length} of its ${expected.length} RPMs are missing: ${missing.map((path) => basename(path)).join(' ')}`;
}

/**
 * What becomes of a decision where the user wants the package (or test) left alone: it is not rebuilt because of others, but what is
 * not there at all is built.
 */
export function ignoredDecision(decision: Decision, files: readonly string[], isMissing: boolean): Decision {
  if (!decision.build) return { ...decision, reason: `${decision.reason}; the user ignores it anyway` };
  if (isMissing) return { ...decision, reason: `${decision.reason}, so it is built although the user ignores it` };
  return { build: false, how: 'ignored', reason: `the user ignores it, although ${decision.reason}`, files };
}
