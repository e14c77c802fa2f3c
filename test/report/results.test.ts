import { jobResult, resultsCsv, resultsJson } from '../../src/report/results';
import type { JobView } from '../../src/report/run-view';
import type { BuildEvent } from '../../src/scheduler/events';
import { SAMPLE_RUN, viewOf } from './sample-run';

/** Rows of a CSV text, quoted fields with all that is in them. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n)/g)) {
    rows.at(-1)?.push(quoted === undefined ? (plain as string) : quoted.replaceAll('""', '"'));
    if (end === '\n') rows.push([]);
  }
  rows.pop();
  return rows;
}

test('the result of a job has its facts in plain values', () => {
  const view = viewOf();
  expect(jobResult(view.jobs.get(5) as JobView)).toEqual({
    label: 'tool.src.rpm',
    kind: 'build',
    status: 'succeeded',
    reason: 'core, which it needs, has been rebuilt',
    durationMs: 4750,
    waitMs: 250,
    attempts: 1,
    worker: 2,
    error: null,
    errorReason: null,
    rootCause: null,
    logPath: null,
    startedAt: '2026-01-02T03:04:09.250Z',
    finishedAt: '2026-01-02T03:04:14.000Z',
    check: null,
    flaky: false,
  });
  expect(jobResult(view.jobs.get(3) as JobView)).toMatchObject({
    status: 'failed',
    error: 'exit status 2',
    errorReason: 'exit-non-zero',
    logPath: 'logs/lib.log',
  });
});

test('a job that was blocked has its root cause, and no times', () => {
  const view = viewOf();
  const of = (job: number) => jobResult(view.jobs.get(job) as JobView);
  expect(of(4)).toMatchObject({
    status: 'blocked',
    rootCause: 'lib.src.rpm',
    durationMs: 0,
    waitMs: 0,
    startedAt: null,
  });
  expect(of(6)).toMatchObject({ rootCause: 'qt--REMOTE<Unresolved>', worker: null });
  const stopped = viewOf([
    { type: 'job-blocked', time: 0, job: 0, kind: 'build', label: 'a', node: 0, cause: { kind: 'stopped' } },
  ]);
  expect(jobResult(stopped.jobs.get(0) as JobView)).toMatchObject({
    status: 'cancelled',
    rootCause: 'the run stopped',
  });
});

test('the CSV has a header and a row for each job, sorted by name', () => {
  const rows = parseCsv(resultsCsv(viewOf()));
  expect(rows[0]).toEqual([
    'label',
    'kind',
    'status',
    'durationMs',
    'waitMs',
    'attempts',
    'worker',
    'error',
    'errorReason',
    'rootCause',
    'logPath',
    'startedAt',
    'finishedAt',
    'reason',
    'check',
    'flaky',
  ]);
  expect(rows).toHaveLength(10);
  expect(rows.map((row) => row.length)).toEqual(Array.from({ length: 10 }, () => 16));
  expect(rows.slice(1).map(([label, kind, status]) => `${label} ${kind} ${status}`)).toContain(
    'core.src.rpm test failed',
  );
  // The reason has a comma.
  expect(rows.at(-1)?.at(-3)).toBe('core, which it needs, has been rebuilt');
  expect(resultsCsv(viewOf())).toContain(',"core, which it needs, has been rebuilt",,false\n');
});

test('a job whose name or error has commas, quotes and line ends keeps its row', () => {
  const label = 'we"ird,\nname';
  const failure = { reason: 'agent-error', message: 'one, "two"\nthree' } as const;
  const csv = resultsCsv(
    viewOf([
      { type: 'job-queued', time: 0, job: 0, kind: 'build', label, node: 0, reason: '', priority: 1 },
      { type: 'job-started', time: 0, job: 0, worker: 1 },
      { type: 'job-finished', time: 1, job: 0, worker: 1, ok: false, failure, files: [] },
    ]),
  );
  const [, row, ...rest] = parseCsv(csv);
  expect(row?.[0]).toBe(label);
  expect(row?.[2]).toBe('failed');
  expect(rest).toEqual([]);
});

test('the JSON is the whole run', () => {
  const json = JSON.parse(resultsJson(viewOf()));
  expect(json).toMatchObject({
    runId: '20260102-030405-abc123',
    graph: 'sample',
    agent: 'test-agent',
    simulated: false,
    status: 'failed',
    startedAt: '2026-01-02T03:04:05.000Z',
    finishedAt: '2026-01-02T03:04:15.000Z',
    counts: { total: 9, done: 7, running: 0, failed: 2, blocked: 2, cached: 3 },
    wallMs: 10_000,
    workMs: 13_750,
    workers: 2,
    parallelism: 1.375,
    workerUtilisation: [0.6, 0.775],
    criticalPath: {
      runMs: 8750,
      waitMs: 250,
      jobs: [
        { label: 'core.src.rpm', kind: 'build' },
        { label: 'tool.src.rpm', kind: 'build' },
      ],
    },
    unresolved: [{ label: 'qt--REMOTE<Unresolved>', neededBy: ['gui.src.rpm'] }],
  });
  expect(json.jobs).toHaveLength(9);
  expect(json.jobs[0]).toMatchObject({ label: 'app.src.rpm', status: 'blocked' });
});

test('the JSON has each attempt with its log, and names what was flaky', () => {
  const json = JSON.parse(resultsJson(viewOf()));
  expect(json.flaky).toEqual([{ label: 'core.src.rpm', kind: 'build', attempts: 2 }]);
  const core = json.jobs.find(
    (job: { label: string; kind: string }) => job.label === 'core.src.rpm' && job.kind === 'build',
  );
  expect(core).toMatchObject({ attempts: 2, flaky: true });
  expect(core.eachAttempt).toEqual([
    {
      attempt: 1,
      startedAt: '2026-01-02T03:04:05.000Z',
      durationMs: 1000,
      error: 'exit status 1',
      errorReason: 'exit-non-zero',
      logPath: 'logs/core.1.log',
    },
    {
      attempt: 2,
      startedAt: '2026-01-02T03:04:06.500Z',
      durationMs: 2500,
      error: null,
      errorReason: null,
      logPath: 'logs/core.log',
    },
  ]);
});

test('how a test is known to have passed is told', () => {
  const view = viewOf([
    { type: 'job-queued', time: 0, job: 0, kind: 'test', label: 'a', node: 0, reason: '', priority: 1 },
    { type: 'job-started', time: 0, job: 0, worker: 1 },
    { type: 'job-finished', time: 1, job: 0, worker: 1, ok: true, check: 'absent', files: [] },
  ]);
  expect(jobResult(view.jobs.get(0) as JobView)).toMatchObject({ status: 'succeeded', check: 'absent' });
});

test('a run that broke off is unfinished, at every moment valid JSON and CSV', () => {
  for (let length = 0; length < SAMPLE_RUN.length; length++) {
    const view = viewOf(SAMPLE_RUN.slice(0, length));
    expect(JSON.parse(resultsJson(view))).toMatchObject({ status: 'unfinished', finishedAt: null });
    expect(parseCsv(resultsCsv(view))).toHaveLength(view.jobs.size + 1);
  }
});

test('fractions of milliseconds are rounded to tenths', () => {
  const events: BuildEvent[] = [
    { type: 'job-queued', time: 0.04, job: 0, kind: 'build', label: 'a', node: 0, reason: '', priority: 1 },
    { type: 'job-started', time: 1.111, job: 0, worker: 1 },
    { type: 'job-finished', time: 3.36789, job: 0, worker: 1, ok: true, files: [] },
  ];
  expect(jobResult(viewOf(events).jobs.get(0) as JobView)).toMatchObject({ durationMs: 2.3, waitMs: 1.1 });
});
