import { textSummary } from '../../src/report/text-summary';
import type { BuildEvent } from '../../src/scheduler/events';
import { SAMPLE_RUN, T0, viewOf } from './sample-run';

test('the summary says what came of the run, what failed and why, and what was blocked by what', () => {
  expect(textSummary(viewOf(), false).slice(0, 11)).toEqual([
    '',
    'Failed: 2 succeeded, 3 reused, 2 failed, 2 blocked of 9 in 10.0s',
    '  failed  core.src.rpm (test): package test failed',
    '          log: logs/core.test.log',
    '  failed  lib.src.rpm: exit status 2',
    '          log: logs/lib.log',
    '  blocked app.src.rpm by lib.src.rpm, which failed',
    '  blocked gui.src.rpm by qt--REMOTE<Unresolved>, which nobody provides',
    '  flaky   core.src.rpm succeeded at attempt 2',
    '  missing qt--REMOTE<Unresolved>, which nobody provides; needed by gui.src.rpm',
    'Wall time: 10.0s (10.0 s), work: 13.8s, parallelism reached: 1.38 of 2',
  ]);
});

test('there is colour only where it is wanted', () => {
  expect(textSummary(viewOf(), false).join('')).not.toContain('\u001b');
  expect(textSummary(viewOf(), true).join('\n')).toContain('\u001b[31mFailed\u001b[39m: ');
});

test('a run that went well says so in one line and does not speak of failures', () => {
  const events: BuildEvent[] = [
    { ...(SAMPLE_RUN[0] as Extract<BuildEvent, { type: 'run-started' }>), builds: 1, tests: 0 },
    { type: 'job-queued', time: T0, job: 0, kind: 'build', label: 'a', node: 0, reason: '', priority: 1 },
    { type: 'job-started', time: T0, job: 0, worker: 1 },
    { type: 'job-finished', time: T0, job: 0, worker: 1, ok: true, files: [] },
    { type: 'run-finished', time: T0 + 65_000, status: 'succeeded', unresolved: [] },
  ];
  expect(textSummary(viewOf(events), false)).toEqual(['', 'Succeeded: 1 succeeded of 1 in 1m05s']);
});

test('a run that stopped says how many were not built, and a run that broke off that it is unfinished', () => {
  const events: BuildEvent[] = [
    SAMPLE_RUN[0] as BuildEvent,
    { type: 'job-blocked', time: T0, job: 0, kind: 'build', label: 'a', node: 0, cause: { kind: 'stopped' } },
  ];
  expect(textSummary(viewOf(events), false)[1]).toBe(
    'Unfinished: 0 succeeded, 1 not built, as the run stopped of 9 in 0.00s',
  );
  const end: BuildEvent = { type: 'run-finished', time: T0 + 1000, status: 'cancelled', unresolved: [] };
  expect(textSummary(viewOf([...events, end]), false)[1]).toMatch(/^Cancelled: /);
});

test('of many blocked jobs twenty are named and the others counted', () => {
  const blocked = Array.from(
    { length: 25 },
    (_, job): BuildEvent => ({
      type: 'job-blocked',
      time: T0,
      job,
      kind: 'build',
      label: `j${job}`,
      node: job,
      cause: { kind: 'job', job: 99, label: 'root' },
    }),
  );
  const lines = textSummary(viewOf(blocked), false);
  expect(lines.filter((line) => line.startsWith('  blocked'))).toHaveLength(20);
  expect(lines).toContain('  … and 5 more blocked');
});

test('of those that need a missing package three are named', () => {
  const end: BuildEvent = {
    type: 'run-finished',
    time: T0,
    status: 'failed',
    unresolved: [{ label: 'qt', neededBy: ['a', 'b', 'c', 'd'] }],
  };
  expect(textSummary(viewOf([end]), false)).toContain(
    '  missing qt, which nobody provides; needed by a, b, c and 1 more',
  );
});

test('tests of which their logs say nothing are named', () => {
  const lines = textSummary(
    viewOf([
      { type: 'job-queued', time: T0, job: 0, kind: 'test', label: 'a', node: 0, reason: '', priority: 1 },
      { type: 'job-started', time: T0, job: 0, worker: 1 },
      { type: 'job-finished', time: T0, job: 0, worker: 1, ok: true, check: 'absent', files: [] },
    ]),
    false,
  );
  expect(lines).toContain('  absent  a (test): its log has no check marker, so it counts as passed');
});
