import { perfettoTrace } from '../../src/report/perfetto';
import { RunView } from '../../src/report/run-view';
import { RetryingAgent } from '../../src/scheduler/agents/retrying';
import { SimulatedAgent } from '../../src/scheduler/agents/simulated';
import type { BuildEvent } from '../../src/scheduler/events';
import { Scheduler } from '../../src/scheduler/scheduler';
import { VirtualClock } from '../../src/util/clock';
import { randomFrom, randomPackages } from '../support/model';
import { SAMPLE_RUN, viewOf } from './sample-run';

interface TraceEvent {
  readonly ph: string;
  readonly tid?: number;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly args: Record<string, unknown>;
}

function eventsOf(view: RunView): TraceEvent[] {
  const trace = JSON.parse(perfettoTrace(view)) as { traceEvents: TraceEvent[]; displayTimeUnit: string };
  expect(trace.displayTimeUnit).toBe('ms');
  return trace.traceEvents;
}

const slicesOf = (view: RunView) => eventsOf(view).filter(({ ph }) => ph === 'X');

test('each worker has a lane with its name, in order, and the run has its own', () => {
  const names = eventsOf(viewOf()).filter(({ ph }) => ph === 'M');
  expect(names.map(({ name, tid, args }) => [name, tid, args.name ?? args.sort_index])).toEqual([
    ['process_name', undefined, 'spanwright 20260102-030405-abc123'],
    ['thread_name', 1, 'worker 1'],
    ['thread_sort_index', 1, 1],
    ['thread_name', 2, 'worker 2'],
    ['thread_sort_index', 2, 2],
  ]);
});

test('each attempt is a slice in the lane of its worker, from the start of the run in microseconds', () => {
  expect(
    slicesOf(viewOf()).map(({ tid, name, ts, dur, args }) => [tid, name, ts, dur, args.attempt, args.status]),
  ).toEqual([
    [1, 'core.src.rpm', 0, 1_000_000, 1, 'exit status 1'],
    [1, 'core.src.rpm', 1_500_000, 2_500_000, 2, 'succeeded'],
    [2, 'core.src.rpm', 0, 3_000_000, 1, 'package test failed'],
    [1, 'lib.src.rpm', 4_000_000, 2_000_000, 1, 'exit status 2'],
    [2, 'tool.src.rpm', 4_250_000, 4_750_000, 1, 'succeeded'],
  ]);
  expect(slicesOf(viewOf()).at(-1)?.args).toMatchObject({
    unlockedBy: 'core.src.rpm',
    reason: 'core, which it needs, has been rebuilt',
  });
});

test('slices in a lane never overlap, whatever the run', async () => {
  let total = 0;
  for (const seed of [1, 2, 3, 4, 5]) {
    const random = randomFrom(seed);
    const graph = randomPackages(random, 80);
    const view = new RunView();
    const simulated = new SimulatedAgent({ durationMs: () => 1 + random() * 100, failureRate: 0.2, seed });
    await new Scheduler({
      graph,
      agent: new RetryingAgent(simulated, { policy: () => ({ attempts: 2, timeoutMs: 1100 }) }),
      workers: 4,
      runId: 'x',
      clock: new VirtualClock(Number.POSITIVE_INFINITY, 1.7e12),
      listeners: [(event) => view.apply(event)],
    }).run();
    const slices = slicesOf(view);
    total += slices.length;
    for (let lane = 1; lane <= 4; lane++) {
      const inLane = slices.filter(({ tid }) => tid === lane).sort((a, b) => a.ts - b.ts || a.dur - b.dur);
      for (let i = 1; i < inLane.length; i++) {
        const before = inLane[i - 1] as TraceEvent;
        expect(before.ts + before.dur).toBeLessThanOrEqual((inLane[i] as TraceEvent).ts);
      }
    }
  }
  expect(total).toBeGreaterThan(100);
});

test('an attempt that still runs ends at the last moment that is known, and is not said to have succeeded', () => {
  const view = viewOf(SAMPLE_RUN.slice(0, SAMPLE_RUN.findIndex(({ type }) => type === 'notice') + 1));
  const slice = slicesOf(view).at(-1);
  expect(slice).toMatchObject({ name: 'tool.src.rpm', ts: 4_250_000, dur: 2_250_000 });
  expect(slice?.args.status).not.toBe('succeeded');
});

test('an attempt of a job that failed without telling why is not said to have succeeded', () => {
  const events: BuildEvent[] = [
    { type: 'job-queued', time: 0, job: 0, kind: 'build', label: 'a', node: 0, reason: '', priority: 1 },
    { type: 'job-started', time: 0, job: 0, worker: 1 },
    { type: 'attempt-started', time: 0, job: 0, attempt: 1 },
    {
      type: 'job-finished',
      time: 1,
      job: 0,
      worker: 1,
      ok: false,
      failure: { reason: 'agent-error', message: 'oops' },
      files: [],
    },
  ];
  expect(slicesOf(viewOf(events))[0]?.args.status).toBe('oops');
});

test('a run of which nothing is known is a valid trace too', () => {
  expect(eventsOf(new RunView())).toHaveLength(1);
});
