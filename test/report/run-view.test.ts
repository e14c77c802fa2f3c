import { compareTexts } from '../../src/report/run-view';
import type { BuildEvent } from '../../src/scheduler/events';
import { SAMPLE_RUN, T0, viewOf } from './sample-run';

const CORE = {
  type: 'job-queued',
  time: 5,
  job: 0,
  kind: 'build',
  label: 'core',
  node: 0,
  reason: 'r',
  priority: 1,
} as const;
const STARTED: BuildEvent = { type: 'job-started', time: 6, job: 0, worker: 1 };

test('a whole run folds into all that is known of each job', () => {
  const view = viewOf();
  expect(view.run).toBe(SAMPLE_RUN[0]);
  expect(view.end).toBe(SAMPLE_RUN.at(-1));
  expect(view.now).toBe(T0 + 10_000);
  expect(view.usedCachedImplicit).toBe(true);
  expect(view.cancelledBecause).toBeUndefined();
  expect(Object.fromEntries(view.nodesDone)).toEqual({ RemoteRun: 1 });
  expect(view.running.size).toBe(0);
  expect(view.jobs.get(0)).toEqual({
    job: 0,
    kind: 'build',
    label: 'core.src.rpm',
    node: 10,
    status: 'succeeded',
    reason: 'none of its 1 RPMs is on disk',
    queuedAt: T0,
    startedAt: T0,
    finishedAt: T0 + 4000,
    worker: 1,
    attempts: [
      {
        attempt: 1,
        startedAt: T0,
        endedAt: T0 + 1000,
        failure: { reason: 'exit-non-zero', exitCode: 1 },
        logPath: 'logs/core.1.log',
      },
      { attempt: 2, startedAt: T0 + 1500, endedAt: T0 + 4000, logPath: 'logs/core.log' },
    ],
    logPath: 'logs/core.log',
    files: ['/rpms/core.rpm'],
  });
  expect(view.jobs.get(1)).toMatchObject({ status: 'cached', files: ['/rpms/docs.rpm'], finishedAt: T0 });
  expect(view.jobs.get(3)).toMatchObject({
    status: 'failed',
    after: 0,
    failure: { reason: 'exit-non-zero', exitCode: 2 },
  });
  expect(view.jobs.get(4)).toEqual({
    job: 4,
    kind: 'build',
    label: 'app.src.rpm',
    node: 14,
    status: 'blocked',
    reason: 'blocked',
    attempts: [],
    files: [],
    cause: { kind: 'job', job: 3, label: 'lib.src.rpm' },
  });
});

test('the counts add up at the end', () => {
  const view = viewOf();
  expect(view.counts).toEqual({ total: 9, done: 7, running: 0, failed: 2, blocked: 2, cached: 3 });
  expect(view.countOf('succeeded')).toBe(2);
  expect(view.countOf('ignored')).toBe(1);
});

test('at every moment the counts are those of the jobs', () => {
  for (let length = 1; length <= SAMPLE_RUN.length; length++) {
    const view = viewOf(SAMPLE_RUN.slice(0, length));
    const jobs = [...view.jobs.values()];
    for (const status of ['queued', 'running', 'succeeded', 'failed', 'blocked', 'cached', 'cancelled'] as const) {
      expect(view.countOf(status)).toBe(jobs.filter((job) => job.status === status).length);
    }
    expect(new Set(view.running)).toEqual(new Set(jobs.filter((job) => job.status === 'running')));
  }
});

test('tables show jobs by name, builds before tests', () => {
  expect(
    viewOf()
      .sortedJobs()
      .map(({ label, kind }) => `${kind} ${label.replace('.src.rpm', '')}`),
  ).toEqual([
    'build app',
    'build core',
    'test core',
    'build docs',
    'build extra',
    'build gui',
    'build lib',
    'build odd',
    'build tool',
  ]);
});

test('a job that failed once and then succeeded is flaky; one that only failed is not', () => {
  expect(
    viewOf()
      .flakyJobs()
      .map(({ label }) => label),
  ).toEqual(['core.src.rpm']);
});

test('an event about a job that nobody introduced is an error of ours', () => {
  expect(() => viewOf([STARTED])).toThrow(/^Internal error: expected an event that introduces job 0 before the others/);
});

test('a build that was cancelled has not failed', () => {
  const end: BuildEvent = {
    type: 'job-finished',
    time: 7,
    job: 0,
    worker: 1,
    ok: false,
    failure: { reason: 'cancelled' },
    files: [],
  };
  const view = viewOf([CORE, STARTED, { type: 'run-cancelled', time: 7, why: 'SIGINT' }, end]);
  expect(view.jobs.get(0)?.status).toBe('cancelled');
  expect(view.cancelledBecause).toBe('SIGINT');
  expect(view.counts).toMatchObject({ failed: 0, running: 0 });
});

test('jobs whose turn never came are cancelled, whether they were queued or not', () => {
  const stopped = (job: number): BuildEvent => ({
    type: 'job-blocked',
    time: 9,
    job,
    kind: 'build',
    label: `j${job}`,
    node: job,
    cause: { kind: 'stopped' },
  });
  const view = viewOf([CORE, stopped(0), stopped(1)]);
  expect([...view.jobs.values()].map(({ status }) => status)).toEqual(['cancelled', 'cancelled']);
  expect(view.countOf('cancelled')).toBe(2);
  expect(view.counts).toMatchObject({ blocked: 0, done: 0 });
});

test('an attempt that ended without being told of, as when the agent threw, takes the failure of its job', () => {
  const failure = { reason: 'agent-error', message: 'Internal error: x' } as const;
  const view = viewOf([
    CORE,
    STARTED,
    { type: 'attempt-started', time: 6, job: 0, attempt: 1 },
    { type: 'job-finished', time: 8, job: 0, worker: 1, ok: false, failure, files: [] },
  ]);
  expect(view.jobs.get(0)?.attempts).toMatchObject([{ attempt: 1, startedAt: 6, endedAt: 8, failure }]);
});

test('texts are compared the same way everywhere', () => {
  expect(['b', 'B', 'ä', 'a', '10', '9'].sort(compareTexts)).toEqual(['10', '9', 'B', 'a', 'b', 'ä']);
});
