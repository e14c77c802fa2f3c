import { type TimedStep, timestampLines, timestampTree } from '../../src/commands/timestamps';
import { RunView } from '../../src/report/run-view';
import type { BuildEvent } from '../../src/scheduler/events';

const SECOND = 1000;
const step = (name: string, startedAt: number, endedAt: number | undefined, ...steps: TimedStep[]): TimedStep => ({
  name,
  startedAt,
  endedAt,
  steps,
});
const records = (root: TimedStep) =>
  timestampLines(root)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
const brief = (root: TimedStep) =>
  records(root).map(({ EventType, Name, ID, ParentID }) => `${EventType === 0 ? '+' : '-'}${Name} ${ParentID}>${ID}`);

describe('the lines of a timestamp file', () => {
  test('have the fields and the order of fields of the toolkit', () => {
    expect(timestampLines(step('scheduler', 0, 1500))).toBe(
      [
        '{"EventType":0,"ID":0,"Name":"scheduler","StartTime":"1970-01-01T00:00:00.000Z","EndTime":null,"ElapsedSeconds":0,"ParentID":-1}\n',
        '{"EventType":1,"ID":0,"Name":"scheduler","StartTime":"1970-01-01T00:00:00.000Z","EndTime":"1970-01-01T00:00:01.500Z","ElapsedSeconds":1.5,"ParentID":-1}\n',
      ].join(''),
    );
  });

  test('are in the order of time, across the steps', () => {
    const root = step('all', 0, 10, step('a', 1, 5, step('a1', 2, 3)), step('b', 2, 4));
    expect(brief(root)).toEqual([
      '+all -1>0',
      '+a 0>1',
      '+a1 1>2',
      '+b 0>3',
      '-a1 1>2',
      '-b 0>3',
      '-a 0>1',
      '-all -1>0',
    ]);
  });

  test('at one moment name a step before its parts, and end it behind them', () => {
    const root = step('all', 0, 0, step('a', 0, 0, step('a1', 0, 0)), step('b', 0, 0));
    expect(brief(root)).toEqual([
      '+all -1>0',
      '+a 0>1',
      '+a1 1>2',
      '-a1 1>2',
      '-a 0>1',
      '+b 0>3',
      '-b 0>3',
      '-all -1>0',
    ]);
  });

  test('tell only the start of what has not ended', () => {
    expect(brief(step('all', 0, 9, step('a', 1, undefined)))).toEqual(['+all -1>0', '+a 0>1', '-all -1>0']);
  });

  test('give no name twice below one step, and none with a slash', () => {
    const root = step('all', 0, 9, step('x', 1, 2), step('x', 2, 3), step('a/b', 3, 4, step('x', 3, 4)));
    expect(
      records(root)
        .filter(({ EventType }) => EventType === 0)
        .map(({ Name }) => Name),
    ).toEqual(['all', 'x', 'x (2)', 'a_b', 'x']);
  });
});

describe('the steps of a run', () => {
  const view = new RunView();
  const T = 1_800_000_000 * SECOND;
  const facts = (job: number, label: string, kind: 'build' | 'test' = 'build') => ({
    job,
    kind,
    label,
    node: job,
    reason: 'x',
  });
  const failure = { reason: 'exit-non-zero', exitCode: 1, message: 'exit status 1' } as never;
  const events: BuildEvent[] = [
    {
      type: 'run-started',
      time: T + 2 * SECOND,
      runId: 'r',
      graph: 'g',
      nodes: 1,
      edges: 0,
      builds: 2,
      tests: 1,
      workers: 1,
      agent: 'x',
      simulated: false,
      expectedCriticalPath: 1,
      expectedWork: 1,
    },
    { type: 'job-queued', time: T + 2 * SECOND, priority: 1, ...facts(0, 'a-1.src.rpm') },
    { type: 'job-started', time: T + 3 * SECOND, job: 0, worker: 0 },
    { type: 'attempt-started', time: T + 3 * SECOND, job: 0, attempt: 1 },
    { type: 'attempt-failed', time: T + 4 * SECOND, job: 0, attempt: 1, attempts: 2, failure },
    { type: 'attempt-started', time: T + 5 * SECOND, job: 0, attempt: 2 },
    { type: 'job-finished', time: T + 8 * SECOND, job: 0, worker: 0, ok: true, files: [] },
    { type: 'job-queued', time: T + 8 * SECOND, priority: 1, ...facts(1, 'a-1.src.rpm', 'test') },
    { type: 'job-started', time: T + 8 * SECOND, job: 1, worker: 0 },
    { type: 'attempt-started', time: T + 8 * SECOND, job: 1, attempt: 1 },
    { type: 'job-finished', time: T + 9 * SECOND, job: 1, worker: 0, ok: true, files: [] },
    { type: 'job-skipped', time: T + 9 * SECOND, how: 'cached', files: [], ...facts(2, 'b-1.src.rpm') },
    { type: 'run-finished', time: T + 10 * SECOND, status: 'succeeded', unresolved: [] },
  ];
  for (const event of events) view.apply(event);
  const tree = timestampTree(view, { startedAt: T, graphReadAt: T + SECOND, reportingMs: 500 });

  test('are reading the graph, building, and writing the reports', () => {
    expect(tree).toMatchObject({ name: 'scheduler', startedAt: T, endedAt: T + 10_500 });
    expect(tree.steps.map(({ name, startedAt, endedAt }) => [name, startedAt - T, (endedAt as number) - T])).toEqual([
      ['read graph', 0, 1000],
      ['build packages', 2000, 10_000],
      ['write reports', 10_000, 10_500],
    ]);
  });

  test('of building are the packages and tests that ran, with their attempts where there were several', () => {
    expect(tree.steps[1]?.steps).toEqual([
      step(
        'a-1.src.rpm',
        T + 3000,
        T + 8000,
        step('attempt 1', T + 3000, T + 4000),
        step('attempt 2', T + 5000, T + 8000),
      ),
      step('a-1.src.rpm (test)', T + 8000, T + 9000),
    ]);
  });

  test('of a run that was cut off end where it did', () => {
    const cut = new RunView();
    for (const event of events.slice(0, 4)) cut.apply(event);
    const { endedAt, steps } = timestampTree(cut, { startedAt: T, graphReadAt: T + SECOND, reportingMs: 0 });
    expect([endedAt, steps[1]?.steps]).toEqual([T + 3000, [step('a-1.src.rpm', T + 3000, undefined)]]);
  });

  test('a run that never began has none but the reading', () => {
    const { steps } = timestampTree(new RunView(), { startedAt: T, graphReadAt: T + SECOND, reportingMs: 5 });
    expect(steps.map(({ startedAt, endedAt }) => (endedAt as number) - startedAt)).toEqual([1000, 0, 5]);
  });
});
