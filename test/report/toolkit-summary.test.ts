import { classify, toolkitSummary } from '../../src/report/toolkit-summary';
import type { BuildEvent } from '../../src/scheduler/events';
import { SAMPLE_RUN, viewOf } from './sample-run';

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
