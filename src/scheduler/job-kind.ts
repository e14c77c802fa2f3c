/** What a job does: build a package (or run a command), or run a package's tests. */
export type JobKind = 'build' | 'test';

/**
 * How it is known that a package's tests passed: their log says so (`passed`), or it says nothing of them (`absent`): they were left
 * out, and count as passed.
 */
export type CheckEvidence = 'passed' | 'absent';
