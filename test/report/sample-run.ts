import { RunView } from '../../src/report/run-view';
import type { BuildEvent, JobBlocked, JobFacts } from '../../src/scheduler/events';
import type { JobKind } from '../../src/scheduler/job-kind';

/** When the sample run starts. */
export const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);

const facts = (job: number, label: string, reason: string, kind: JobKind = 'build', after?: number): JobFacts => ({
  job,
  kind,
  label,
  node: 10 + job,
  reason,
  after,
});
const queued = (ms: number, of: JobFacts): BuildEvent => ({ type: 'job-queued', time: T0 + ms, priority: 1, ...of });
const started = (ms: number, job: number, worker: number): BuildEvent => ({
  type: 'job-started',
  time: T0 + ms,
  job,
  worker,
});
const attempt = (ms: number, job: number, number = 1): BuildEvent => ({
  type: 'attempt-started',
  time: T0 + ms,
  job,
  attempt: number,
});
const blocked = (ms: number, job: number, label: string, cause: JobBlocked['cause']): BuildEvent => ({
  type: 'job-blocked',
  time: T0 + ms,
  job,
  kind: 'build',
  label,
  node: 10 + job,
  cause,
});

/**
 * A run on two workers in which everything happens once: core fails and then succeeds, its tests fail, lib fails and blocks app, gui
 * needs what nobody provides, tool succeeds, three packages need not be built.
 */
export const SAMPLE_RUN: readonly BuildEvent[] = [
  {
    type: 'run-started',
    time: T0,
    runId: '20260102-030405-abc123',
    graph: 'sample',
    nodes: 30,
    edges: 40,
    builds: 8,
    tests: 1,
    workers: 2,
    agent: 'test-agent',
    simulated: false,
    expectedCriticalPath: 3,
    expectedWork: 9,
  },
  { type: 'job-skipped', time: T0, how: 'cached', files: ['/rpms/docs.rpm'], ...facts(1, 'docs.src.rpm', 'all there') },
  { type: 'job-skipped', time: T0, how: 'delta', files: [], ...facts(7, 'extra.src.rpm', 'all there') },
  { type: 'job-skipped', time: T0, how: 'ignored', files: [], ...facts(8, 'odd.src.rpm', 'the user ignores it') },
  queued(0, facts(0, 'core.src.rpm', 'none of its 1 RPMs is on disk')),
  queued(0, facts(2, 'core.src.rpm', 'its package has been rebuilt', 'test')),
  started(0, 0, 1),
  attempt(0, 0),
  started(0, 2, 2),
  attempt(0, 2),
  {
    type: 'attempt-failed',
    time: T0 + 1000,
    job: 0,
    attempt: 1,
    attempts: 2,
    failure: { reason: 'exit-non-zero', exitCode: 1 },
    logPath: 'logs/core.1.log',
    retryInMs: 500,
  },
  attempt(1500, 0, 2),
  {
    type: 'attempt-failed',
    time: T0 + 3000,
    job: 2,
    attempt: 1,
    attempts: 1,
    failure: { reason: 'check-failed', message: 'package test failed' },
    logPath: 'logs/core.test.log',
  },
  {
    type: 'job-finished',
    time: T0 + 3000,
    job: 2,
    worker: 2,
    ok: false,
    failure: { reason: 'check-failed', message: 'package test failed' },
    logPath: 'logs/core.test.log',
    files: [],
  },
  {
    type: 'job-finished',
    time: T0 + 4000,
    job: 0,
    worker: 1,
    ok: true,
    logPath: 'logs/core.log',
    files: ['/rpms/core.rpm'],
  },
  { type: 'node-done', time: T0 + 4000, node: 3, nodeType: 'RemoteRun', label: 'glibc--REMOTE<Cached>' },
  queued(4000, facts(3, 'lib.src.rpm', 'core, which it needs, has been rebuilt', 'build', 0)),
  queued(4000, facts(5, 'tool.src.rpm', 'core, which it needs, has been rebuilt', 'build', 0)),
  started(4000, 3, 1),
  attempt(4000, 3),
  started(4250, 5, 2),
  attempt(4250, 5),
  {
    type: 'attempt-failed',
    time: T0 + 6000,
    job: 3,
    attempt: 1,
    attempts: 1,
    failure: { reason: 'exit-non-zero', exitCode: 2, tail: ['make: *** [all] Error 2', 'say "no", please'] },
    logPath: 'logs/lib.log',
  },
  {
    type: 'job-finished',
    time: T0 + 6000,
    job: 3,
    worker: 1,
    ok: false,
    failure: { reason: 'exit-non-zero', exitCode: 2, tail: ['make: *** [all] Error 2', 'say "no", please'] },
    logPath: 'logs/lib.log',
    files: [],
  },
  blocked(6000, 4, 'app.src.rpm', { kind: 'job', job: 3, label: 'lib.src.rpm' }),
  { type: 'notice', time: T0 + 6500, level: 'warning', message: 'the disk is nearly full' },
  { type: 'job-finished', time: T0 + 9000, job: 5, worker: 2, ok: true, files: [] },
  { type: 'cached-implicit-enabled', time: T0 + 9000 },
  blocked(9000, 6, 'gui.src.rpm', { kind: 'unresolved', node: 4, label: 'qt--REMOTE<Unresolved>' }),
  {
    type: 'run-finished',
    time: T0 + 10_000,
    status: 'failed',
    unresolved: [{ label: 'qt--REMOTE<Unresolved>', neededBy: ['gui.src.rpm'] }],
  },
];

export function viewOf(events: readonly BuildEvent[] = SAMPLE_RUN): RunView {
  const view = new RunView();
  for (const event of events) view.apply(event);
  return view;
}
