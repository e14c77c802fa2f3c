import type { BuildContext, BuildRequest } from '../../src/scheduler/agent';
import { RetryingAgent } from '../../src/scheduler/agents/retrying';
import { SimulatedAgent, type SimulatedAgentOptions } from '../../src/scheduler/agents/simulated';
import type { BuildEvent } from '../../src/scheduler/events';
import type { JobKind } from '../../src/scheduler/job-kind';
import { Scheduler } from '../../src/scheduler/scheduler';
import { VirtualClock } from '../../src/util/clock';
import { graphOf } from '../support/graphs';

const request = (label: string, attempt = 1, kind: JobKind = 'build'): BuildRequest => ({
  job: 0,
  kind,
  graph: graphOf('a'),
  node: 0,
  label,
  attempt,
  worker: 1,
  deadline: undefined,
  dependsOn: [],
});

const context = (
  clock = new VirtualClock(Number.POSITIVE_INFINITY, 0),
  signal = new AbortController().signal,
): BuildContext => ({
  clock,
  signal,
  env: {},
  emit: () => {},
});

const LABELS = Array.from({ length: 400 }, (_, i) => `package-${i}.src.rpm`);

/** Which of the labels fail at this attempt. */
async function failures(options: SimulatedAgentOptions, attempt = 1, kind: JobKind = 'build'): Promise<string[]> {
  const agent = new SimulatedAgent(options);
  const results = await Promise.all(LABELS.map((label) => agent.build(request(label, attempt, kind), context())));
  return LABELS.filter((_, i) => results[i]?.ok === false);
}

test('nothing fails unless it is told to', async () => {
  expect(await failures({})).toEqual([]);
  expect(await failures({ failureRate: 0, seed: 3 })).toEqual([]);
});

test('everything fails at a rate of 1, and says that it was simulated', async () => {
  expect(await failures({ failureRate: 1 })).toHaveLength(LABELS.length);
  expect(await new SimulatedAgent({ failureRate: 1 }).build(request('a'), context())).toEqual({
    ok: false,
    failure: { reason: 'simulated' },
  });
});

test('the same seed gives the same failures, another seed others', async () => {
  const first = await failures({ failureRate: 0.3, seed: 7 });
  expect(await failures({ failureRate: 0.3, seed: 7 })).toEqual(first);
  expect(await failures({ failureRate: 0.3, seed: 8 })).not.toEqual(first);
});

test.each([1, 2, 99, 123_456_789])('about as many fail as the rate says (seed %i)', async (seed) => {
  const failed = await failures({ failureRate: 0.25, seed });
  expect(failed.length / LABELS.length).toBeGreaterThan(0.17);
  expect(failed.length / LABELS.length).toBeLessThan(0.33);
});

test('another attempt may end otherwise: some fail once and then succeed', async () => {
  const first = await failures({ failureRate: 0.3 });
  const second = await failures({ failureRate: 0.3 }, 2);
  const flaky = first.filter((label) => !second.includes(label));
  expect(flaky.length).toBeGreaterThan(0);
  expect(flaky.length).toBeLessThan(first.length);
});

test('tests pass', async () => {
  expect(await failures({ failureRate: 1 }, 1, 'test')).toEqual([]);
});

test('a build takes its time by the clock of the run, exactly', async () => {
  const clock = new VirtualClock(Number.POSITIVE_INFINITY, 500);
  const agent = new SimulatedAgent({ durationMs: ({ label }) => (label === 'a' ? 3_600_000.5 : 1) });
  await agent.build(request('a'), context(clock));
  expect(clock.now()).toBe(3_600_500.5);
});

test('a build that is cancelled ends at once, as cancelled', async () => {
  const clock = new VirtualClock(Number.POSITIVE_INFINITY, 0);
  const abort = new AbortController();
  const building = new SimulatedAgent({ durationMs: () => 1e9 }).build(request('a'), context(clock, abort.signal));
  abort.abort();
  expect(await building).toEqual({ ok: false, failure: { reason: 'cancelled' } });
  expect(clock.now()).toBe(0);
});

test('a whole simulated run has exact times, and gives the same events each time', async () => {
  const run = async () => {
    const events: BuildEvent[] = [];
    const agent = new SimulatedAgent({ durationMs: ({ label }) => label.length * 1000, failureRate: 0.4, seed: 5 });
    await new Scheduler({
      graph: graphOf('dddd -> ccc bb; eeeee -> ccc; ccc -> a; bb -> a; ffffff'),
      agent: new RetryingAgent(agent, { policy: () => ({ attempts: 3 }) }),
      workers: 2,
      runId: 'x',
      clock: new VirtualClock(Number.POSITIVE_INFINITY, 0),
      listeners: [(event) => events.push(event)],
    }).run();
    return events;
  };
  const first = await run();
  expect(await run()).toEqual(first);
  expect(first.every(({ time }) => Number.isInteger(time / 1000))).toBe(true);
  expect(first.some(({ type }) => type === 'attempt-failed')).toBe(true);
});

test('a run without failures takes as long as its longest chain where there are workers enough', async () => {
  const clock = new VirtualClock(Number.POSITIVE_INFINITY, 0);
  await new Scheduler({
    graph: graphOf('dddd -> ccc bb; ccc -> a; bb -> a; ffffff'),
    agent: new SimulatedAgent({ durationMs: ({ label }) => label.length * 1000 }),
    workers: 9,
    runId: 'x',
    clock,
  }).run();
  expect(clock.now()).toBe(8000);
});
