import { classify, toolkitSummary } from '../../src/report/toolkit-summary';
import type { BuildEvent, LicenseChecked } from '../../src/scheduler/events';
import { SAMPLE_RUN, viewOf } from './sample-run';

/** The lines of one list. */
const listed = (texts: readonly string[], title: string) => {
  const start = texts.indexOf(title) + 1;
  if (start === 0) return undefined;
  const rest = texts.slice(start);
  return rest.slice(
    0,
    rest.findIndex((text) => !text.startsWith('--> ')),
  );
};

const textOf = (events?: readonly BuildEvent[]) => toolkitSummary(viewOf(events)).map(({ text }) => text);

const BLOCK = [
  '---------------------------',
  '--------- Summary ---------',
  '---------------------------',
  'Number of prebuilt SRPMs:              1',
  'Number of prebuilt delta SRPMs:        1',
  'Number of skipped SRPMs tests:         0',
  'Number of built SRPMs:                 3',
  'Number of passed SRPMs tests:          0',
  'Number of unresolved dependencies:     1',
  'Number of blocked SRPMs:               2',
  'Number of blocked SRPMs tests:         0',
  'Number of failed SRPMs:                1',
  'Number of failed SRPMs tests:          1',
  'Number of SRPMs with license errors:   0',
  'Number of SRPMs with license warnings: 0',
  'Number of toolchain RPM conflicts:     0',
  'Number of toolchain SRPM conflicts:    0',
];

test('the summary is the block of numbers, the lists behind them, and the block again', () => {
  expect(textOf()).toEqual([
    ...BLOCK,
    'Prebuilt SRPMs:',
    '--> docs.src.rpm',
    'Skipped SRPMs (i.e., delta mode is on, packages are already available in a repo):',
    '--> extra.src.rpm',
    'Built SRPMs:',
    '--> core.src.rpm',
    '--> odd.src.rpm',
    '--> tool.src.rpm',
    'Unresolved dependencies:',
    '--> qt--REMOTE<Unresolved> , needed by: gui.src.rpm',
    'Blocked SRPMs:',
    '--> app.src.rpm',
    '--> gui.src.rpm',
    'Failed SRPMs:',
    '--> lib.src.rpm , error: exit status 2, for details see: logs/lib.log',
    'Failed SRPMs tests:',
    '--> core.src.rpm , for details see: logs/core.test.log',
    // Ours, below those of the toolkit.
    'Flaky SRPMs (built at a later attempt):',
    '--> core.src.rpm , attempt 2, for details see: logs/core.1.log',
    'Causes of blocked SRPMs:',
    '--> lib.src.rpm , which failed, blocks 1: app.src.rpm',
    '--> qt--REMOTE<Unresolved> , which nobody provides, blocks 1: gui.src.rpm',
    ...BLOCK,
  ]);
});

test('what is bad is loud only where there is any', () => {
  const lines = toolkitSummary(viewOf());
  const levelOf = (start: string) => lines.find(({ text }) => text.startsWith(start))?.level;
  expect(levelOf('Number of failed SRPMs:')).toBe('error');
  expect(levelOf('Number of blocked SRPMs tests:')).toBe('info');
  expect(levelOf('Number of built SRPMs:')).toBe('info');
  expect(levelOf('Failed SRPMs:')).toBe('error');
  expect(levelOf('--> docs.src.rpm')).toBe('info');
});

test('conflicts with the toolchain are counted and listed', () => {
  const lines = toolkitSummary(viewOf(), { rpmConflicts: ['z.rpm', 'a.rpm'], srpmConflicts: ['s.src.rpm'] });
  const texts = lines.map(({ text }) => text);
  expect(texts).toContain('Number of toolchain RPM conflicts:     2');
  expect(texts).toContain('Number of toolchain SRPM conflicts:    1');
  const at = texts.indexOf('RPM conflicts with toolchain:');
  expect(texts.slice(at, at + 5)).toEqual([
    'RPM conflicts with toolchain:',
    '--> a.rpm',
    '--> z.rpm',
    'SRPM conflicts with toolchain:',
    '--> s.src.rpm',
  ]);
});

test('of those that need a missing package three are named, each once, and the others counted', () => {
  const neededBy = ['e', 'd', 'c', 'b', 'a', 'a'];
  const texts = textOf([
    {
      type: 'run-finished',
      time: 0,
      status: 'failed',
      unresolved: [
        { label: 'x', neededBy },
        { label: 'a', neededBy: [] },
      ],
    },
  ]);
  expect(texts.filter((text) => text.startsWith('-->'))).toEqual(['--> a', '--> x , needed by: a, b, c and 2 more']);
});

test('a run that broke off calls what was running or queued blocked, and a build that was told to end failed', () => {
  const untilMiddle = SAMPLE_RUN.slice(
    0,
    SAMPLE_RUN.findIndex(({ type }) => type === 'notice'),
  );
  const names = (list: readonly { label: string }[]) => list.map(({ label }) => label);
  expect(names(classify(viewOf(untilMiddle)).blocked)).toEqual(['app.src.rpm', 'tool.src.rpm']);
  const cancelled: BuildEvent = {
    type: 'job-finished',
    time: 0,
    job: 5,
    worker: 2,
    ok: false,
    failure: { reason: 'cancelled' },
    files: [],
  };
  const classes = classify(viewOf([...untilMiddle, cancelled]));
  expect(names(classes.blocked)).toEqual(['app.src.rpm']);
  expect(names(classes.failed)).toEqual(['lib.src.rpm', 'tool.src.rpm']);
});

test('every job is in exactly one class', () => {
  for (let length = 0; length <= SAMPLE_RUN.length; length++) {
    const view = viewOf(SAMPLE_RUN.slice(0, length));
    const counted = Object.values(classify(view)).reduce((total, list) => total + list.length, 0);
    expect(counted).toBe(view.jobs.size);
  }
});

test('skipped and passed tests are told apart', () => {
  const test = { kind: 'test', node: 0, reason: '' } as const;
  const texts = textOf([
    { type: 'job-skipped', time: 0, how: 'cached', files: [], job: 0, label: 'a.src.rpm', ...test },
    { type: 'job-queued', time: 0, priority: 1, job: 1, label: 'b.src.rpm', ...test },
    { type: 'job-started', time: 0, job: 1, worker: 1 },
    { type: 'job-finished', time: 1, job: 1, worker: 1, ok: true, files: [] },
  ]);
  expect(texts).toEqual(
    expect.arrayContaining(['Skipped SRPMs tests:', '--> a.src.rpm', 'Passed SRPMs tests:', '--> b.src.rpm']),
  );
  expect(texts).toContain('Number of skipped SRPMs tests:         1');
  expect(texts).toContain('Number of passed SRPMs tests:          1');
});

const done = (
  job: number,
  label: string,
  more: Partial<Extract<BuildEvent, { type: 'job-finished' }>> = {},
  attempts = 1,
) => {
  const kind = more.check ? ('test' as const) : ('build' as const);
  const tries = Array.from({ length: attempts }, (_, i): BuildEvent[] => [
    { type: 'attempt-started', time: i, job, attempt: i + 1 },
    ...(i + 1 < attempts
      ? ([
          {
            type: 'attempt-failed',
            time: i,
            job,
            attempt: i + 1,
            attempts,
            failure: { reason: 'check-failed', message: '' },
            logPath: `logs/${label}.${i + 1}`,
            retryInMs: 1,
          },
        ] as const)
      : []),
  ]).flat();
  return [
    { type: 'job-queued', time: 0, priority: 1, job, label, kind, node: 0, reason: '' },
    { type: 'job-started', time: 0, job, worker: 1 },
    ...tries,
    { type: 'job-finished', time: 9, job, worker: 1, ok: true, files: [], ...more },
  ] satisfies BuildEvent[];
};

test('flaky builds and tests are listed apart, with the logs of the attempts that failed', () => {
  const events = [
    ...done(0, 'a.src.rpm', {}, 3),
    ...done(1, 'b.src.rpm', { check: 'passed' }, 2),
    ...done(2, 'c.src.rpm', { check: 'passed' }),
  ];
  const lines = toolkitSummary(viewOf(events));
  const texts = lines.map(({ text }) => text);
  expect(listed(texts, 'Flaky SRPMs (built at a later attempt):')).toEqual([
    '--> a.src.rpm , attempt 3, for details see: logs/a.src.rpm.1 logs/a.src.rpm.2',
  ]);
  expect(listed(texts, 'Flaky SRPMs tests (passed at a later attempt):')).toEqual([
    '--> b.src.rpm , attempt 2, for details see: logs/b.src.rpm.1',
  ]);
  expect(lines.find(({ text }) => text.startsWith('Flaky'))?.level).toBe('warning');
  // They count as what they are in the end.
  expect(texts).toContain('Number of passed SRPMs tests:          2');
});

test('tests of which their logs say nothing have passed, and are listed apart', () => {
  const texts = textOf([...done(0, 'a.src.rpm', { check: 'absent' }), ...done(1, 'b.src.rpm', { check: 'passed' })]);
  expect(listed(texts, 'Passed SRPMs tests:')).toEqual(['--> a.src.rpm', '--> b.src.rpm']);
  expect(listed(texts, 'SRPMs tests without a check marker in their log:')).toEqual(['--> a.src.rpm']);
});

const blockedBy = (job: number, label: string, root: string): BuildEvent => ({
  type: 'job-blocked',
  time: 0,
  job,
  kind: 'build',
  label,
  node: job,
  cause: { kind: 'job', job: 99, label: root },
});

test('of the causes of blocked packages the worst is first, and of what it blocks three are named', () => {
  const texts = textOf([
    blockedBy(0, 'z', 'a little one'),
    ...['e', 'd', 'c', 'b', 'a'].map((label, i) => blockedBy(1 + i, label, 'large')),
    { type: 'job-blocked', time: 0, job: 9, kind: 'build', label: 'y', node: 9, cause: { kind: 'stopped' } },
  ]);
  expect(listed(texts, 'Causes of blocked SRPMs:')).toEqual([
    '--> large , which failed, blocks 5: a, b, c and 2 more',
    '--> a little one , which failed, blocks 1: z',
    '--> the end of the run, blocks 1: y',
  ]);
});

test('of a missing package it is said where it could come from', () => {
  const unresolved = [{ label: 'x', neededBy: ['a'], couldComeFrom: ['p', 'q', 'r', 's'] }];
  const texts = textOf([{ type: 'run-finished', time: 0, status: 'failed', unresolved }]);
  expect(listed(texts, 'Unresolved dependencies:')).toEqual([
    '--> x , needed by: a; could come from: p, q, r and 1 more',
  ]);
});

const checked = (job: number, label: string, hasErrors: boolean): LicenseChecked => ({
  type: 'license-checked',
  time: 0,
  startedAt: 0,
  job,
  label,
  rpms: 1,
  hasWarnings: !hasErrors,
  hasErrors,
});

test('issues with licences are counted and listed, errors and warnings apart, with where they are told in full', () => {
  const view = viewOf([checked(0, 'z.src.rpm', true), checked(1, 'b.src.rpm', false), checked(2, 'a.src.rpm', true)]);
  const lines = toolkitSummary(view, { licenseSummaryFile: 'issues.txt' });
  const texts = lines.map(({ text }) => text);
  const levelOf = (start: string) => lines.find(({ text }) => text.startsWith(start))?.level;
  expect(texts).toContain('Number of SRPMs with license errors:   2');
  expect(texts).toContain('Number of SRPMs with license warnings: 1');
  expect([levelOf('Number of SRPMs with license e'), levelOf('Number of SRPMs with license w')]).toEqual([
    'error',
    'warning',
  ]);
  const start = texts.indexOf('SRPMs with non-fatal license issues, for details see: issues.txt');
  expect(texts.slice(start, start + 5)).toEqual([
    'SRPMs with non-fatal license issues, for details see: issues.txt',
    '--> b.src.rpm',
    'SRPMs with fatal license issues, for details see: issues.txt',
    '--> a.src.rpm',
    '--> z.src.rpm',
  ]);
});

test('issues with licences may be told by who knows better than the view', () => {
  const texts = toolkitSummary(viewOf([checked(0, 'a', true)]), { licenseErrors: [], licenseWarnings: ['w'] }).map(
    ({ text }) => text,
  );
  expect(texts).toContain('Number of SRPMs with license errors:   0');
  expect(listed(texts, 'SRPMs with non-fatal license issues, for details see: no file')).toEqual(['--> w']);
});

test('a run that failed though nothing did says at least that', () => {
  const end: BuildEvent = { type: 'run-finished', time: 0, status: 'failed', unresolved: [] };
  const text = 'Detected a blocked build despite no obvious failures.';
  expect(textOf([...done(0, 'a'), end])).toContain(text);
  expect(textOf([...done(0, 'a'), { ...end, status: 'succeeded' }])).not.toContain(text);
  expect(textOf([blockedBy(0, 'z', 'small'), end])).not.toContain(text);
});
