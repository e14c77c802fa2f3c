import { RunView } from '../../src/report/run-view';
import { logToolkitEvent } from '../../src/report/toolkit-log';
import type { BuildEvent } from '../../src/scheduler/events';
import { ToolkitLogger } from '../../src/util/toolkit-logger';
import { SAMPLE_RUN } from './sample-run';

/** What is said of a run, as `LEVEL message`. */
function said(events: readonly BuildEvent[], explain = false): string[] {
  const lines: string[] = [];
  const log = new ToolkitLogger({ name: 's', level: 'debug', write: (text) => lines.push(text.trimEnd()) });
  const view = new RunView();
  for (const event of events) {
    view.apply(event);
    logToolkitEvent(log, view, event, explain);
  }
  return lines.map((line) => line.replace(/\[\d{4}\]\[s\]/, ''));
}

const job = (
  kind: 'build' | 'test',
  end: Partial<Extract<BuildEvent, { type: 'job-finished' }>>,
  failures = 0,
): BuildEvent[] => [
  { type: 'job-queued', time: 0, priority: 1, job: 0, label: 'a.src.rpm', kind, node: 0, reason: 'x' },
  { type: 'job-started', time: 0, job: 0, worker: 1 },
  ...Array.from({ length: failures }, (_, i): BuildEvent[] => [
    { type: 'attempt-started', time: 0, job: 0, attempt: i + 1 },
    {
      type: 'attempt-failed',
      time: 0,
      job: 0,
      attempt: i + 1,
      attempts: 3,
      failure: { reason: 'exit-non-zero', exitCode: 1 },
      logPath: `a.attempt-${i + 1}.log`,
      retryInMs: 1000,
    },
  ]).flat(),
  { type: 'attempt-started', time: 0, job: 0, attempt: failures + 1 },
  { type: 'job-finished', time: 1, job: 0, worker: 1, ok: true, files: [], logPath: 'a.log', ...end },
];

test('a run is told in the lines of the toolkit', () => {
  expect(said(SAMPLE_RUN)).toEqual(
    expect.arrayContaining([
      'INFO Building 30 nodes with 2 workers',
      'INFO Building: core.src.rpm',
      'INFO Testing: core.src.rpm',
      'INFO Prebuilt: docs.src.rpm -> [docs.rpm]',
      "WARN Ignored build for 'odd.src.rpm' per user request. RPMs expected to be present: []",
      "WARN Build for 'core.src.rpm' failed 1 times, retrying up to 2 times.",
      'INFO Built: core.src.rpm -> [core.rpm]',
      'WARN Failed test: core.src.rpm',
      'ERRO Failed to build lib.src.rpm, error: exit status 2, for details see: logs/lib.log',
      'INFO 1 currently active build(s): [core.src.rpm].',
      'INFO 0 currently active test(s): [].',
      'WARN Enabling cached packages to satisfy unresolved dynamic dependencies.',
      'WARN the disk is nearly full',
      'DEBU Processed node glibc--REMOTE<Cached>',
      'ERRO could not build all packages',
    ]),
  );
});

test('of a failure the lines that tell most stand before it', () => {
  const lines = said(SAMPLE_RUN);
  const at = lines.findIndex((line) => line.startsWith('ERRO Failed to build lib'));
  expect(lines.slice(at - 3, at)).toEqual([
    'WARN Relevant lines of the output of lib.src.rpm:',
    'WARN make: *** [all] Error 2',
    'WARN say "no", please',
  ]);
});

test('an attempt that no other follows is not said to be tried again', () => {
  expect(said(SAMPLE_RUN).filter((line) => line.includes('retrying'))).toHaveLength(1);
  expect(said(job('test', { check: 'passed' }, 1))).toContain(
    "WARN Test for 'a.src.rpm' failed 1 times, retrying up to 3 times.",
  );
});

test('a test of which its log says nothing is not said to have passed like any other', () => {
  expect(said(job('test', { check: 'passed' }))).toContain('INFO Tested: a.src.rpm');
  expect(said(job('test', { check: 'absent' }))).toContain(
    'WARN Tested: a.src.rpm (its log has no check marker: %check did not run)',
  );
  // Other agents do not look for markers.
  expect(said(job('test', {}))).toContain('INFO Tested: a.src.rpm');
});

test('what failed and then succeeded is said to be flaky, with the logs of what failed', () => {
  expect(said(job('build', {}, 2))).toContain(
    'WARN Flaky build: a.src.rpm failed and then succeeded at attempt 3, for details see: a.attempt-1.log a.attempt-2.log',
  );
  expect(said(job('test', { check: 'passed' }, 1))).toContain(
    'WARN Flaky test: a.src.rpm failed and then succeeded at attempt 2, for details see: a.attempt-1.log',
  );
  expect(said(job('build', {})).filter((line) => line.includes('Flaky'))).toEqual([]);
});

test('what a failed check has to tell stands before it', () => {
  const failure = { reason: 'check-failed', message: 'no', tail: ['FAIL: one'] } as const;
  const lines = said(job('test', { ok: false, failure }));
  const at = lines.indexOf('WARN Failed test: a.src.rpm');
  expect(lines.slice(at - 2, at)).toEqual(['WARN Relevant lines of the output of a.src.rpm:', 'WARN FAIL: one']);
});

test('reasons are told to whom they are explained, and to the debug log', () => {
  expect(said(job('build', {}), true)).toContain('INFO Reason for a.src.rpm: x');
  expect(said(job('build', {}))).toContain('DEBU Reason for a.src.rpm: x');
});
