import { analyse, durationOf } from '../../src/report/analysis';
import { analysisLines } from '../../src/report/analysis-text';
import type { BuildEvent } from '../../src/scheduler/events';
import { SAMPLE_RUN, viewOf } from './sample-run';

const labels = (jobs: readonly { readonly label: string }[]) => jobs.map(({ label }) => label.replace('.src.rpm', ''));

test('the time of a run is what its jobs held workers for, and how well the workers were used', () => {
  const analysis = analyse(viewOf());
  expect(analysis.wallMs).toBe(10_000);
  expect(analysis.workMs).toBe(4000 + 3000 + 2000 + 4750);
  expect(analysis.parallelism).toBe(1.375);
  expect(analysis.utilisation).toEqual([0.6, 0.775]);
});

test('the critical path is the chain of jobs that ended last, with its time to run and to wait', () => {
  const analysis = analyse(viewOf());
  expect(labels(analysis.criticalPath)).toEqual(['core', 'tool']);
  expect(analysis.criticalRunMs).toBe(8750);
  expect(analysis.criticalWaitMs).toBe(250);
});

test('a job that was not run is passed by on the critical path, but leads to what was before it', () => {
  const between = SAMPLE_RUN.map((event): BuildEvent => {
    if (event.type === 'job-queued' && event.job === 5) return { ...event, after: 1 };
    if (event.type === 'job-skipped' && event.job === 1) return { ...event, after: 0 };
    return event;
  });
  expect(labels(analyse(viewOf(between)).criticalPath)).toEqual(['core', 'tool']);
});

test('the slowest jobs come first, the lower number of equal ones, and no more than wanted', () => {
  expect(labels(analyse(viewOf()).slowest)).toEqual(['tool', 'core', 'core', 'lib']);
  expect(labels(analyse(viewOf(), 1).slowest)).toEqual(['tool']);
});

test('a run in which nothing has finished gives empty lists and no strange numbers', () => {
  const analysis = analyse(viewOf(SAMPLE_RUN.slice(0, 1)));
  expect(analysis).toEqual({
    wallMs: 0,
    workMs: 0,
    parallelism: 0,
    utilisation: [0, 0],
    criticalPath: [],
    criticalRunMs: 0,
    criticalWaitMs: 0,
    slowest: [],
  });
  expect(analyse(viewOf([])).utilisation).toEqual([]);
});

test('a job that still runs has no duration, and the time so far is the time of the run', () => {
  const view = viewOf(SAMPLE_RUN.slice(0, SAMPLE_RUN.findIndex(({ type }) => type === 'notice') + 1));
  expect(analyse(view).wallMs).toBe(6500);
  expect([...view.running].map(durationOf)).toEqual([0]);
});

describe('in words', () => {
  test('the analysis is four lines', () => {
    expect(analysisLines(viewOf())).toEqual([
      'Wall time: 10.0s (10.0 s), work: 13.8s, parallelism reached: 1.38 of 2',
      'Critical path: 9.0s in 2 jobs, 0.25s of it waiting for a worker: core.src.rpm > tool.src.rpm',
      'Worker utilisation: 1: 60%  2: 78%',
      'Slowest: tool.src.rpm 4.8s, core.src.rpm 4.0s, core.src.rpm (test) 3.0s, lib.src.rpm 2.0s',
    ]);
  });

  test('nothing is said where nothing ran', () => {
    expect(analysisLines(viewOf(SAMPLE_RUN.slice(0, 4)))).toEqual([]);
  });

  test('simulated time is called so', () => {
    const [first, ...rest] = SAMPLE_RUN as [Extract<BuildEvent, { type: 'run-started' }>, ...BuildEvent[]];
    expect(analysisLines(viewOf([{ ...first, simulated: true }, ...rest]))[0]).toMatch(/^Simulated time: 10\.0s/);
  });

  test('of a long chain its ends are shown, and of many workers the spread', () => {
    const events: BuildEvent[] = [
      { ...(SAMPLE_RUN[0] as Extract<BuildEvent, { type: 'run-started' }>), time: 0, workers: 9 },
    ];
    for (let job = 0; job < 20; job++) {
      const after = job === 0 ? undefined : job - 1;
      events.push(
        {
          type: 'job-queued',
          time: job * 100,
          job,
          kind: 'build',
          label: `j${job}`,
          node: job,
          reason: '',
          priority: 1,
          after,
        },
        { type: 'job-started', time: job * 100, job, worker: 1 },
        { type: 'job-finished', time: job * 100 + 100, job, worker: 1, ok: true, files: [] },
      );
    }
    events.push({ type: 'run-finished', time: 2000, status: 'succeeded', unresolved: [] });
    const lines = analysisLines(viewOf(events));
    expect(lines[1]).toBe('Critical path: 2.0s in 20 jobs: j0 > j1 > j2 > j3 > … 12 more … > j16 > j17 > j18 > j19');
    expect(lines[2]).toBe('Worker utilisation: mean 11%, least 0%, most 100%');
  });
});
