import type { BuildAgent, BuildRequest, BuildResult } from '../../src/scheduler/agent';
import { stackAgents } from '../../src/scheduler/agent-stack';
import { HeartbeatAgent } from '../../src/scheduler/agents/heartbeat';
import type { BuildEvent } from '../../src/scheduler/events';
import { VirtualClock } from '../../src/util/clock';
import { graphOf } from '../support/graphs';
import { settled } from '../support/scripted-agent';

const MINUTE = 60_000;
const REQUEST: BuildRequest = {
  job: 0,
  kind: 'build',
  graph: graphOf('a'),
  node: 0,
  label: 'a.src.rpm',
  attempt: 1,
  worker: 1,
  deadline: undefined,
  dependsOn: [],
};

/** Runs one job that takes so long; what was heard of it meanwhile, with the minute it was said in. */
async function heard(
  minutes: number,
  stack = (agent: BuildAgent): BuildAgent => new HeartbeatAgent(agent),
  kind = REQUEST.kind,
) {
  const clock = new VirtualClock(Number.POSITIVE_INFINITY, 0);
  const events: BuildEvent[] = [];
  const inner: BuildAgent = {
    name: 'inner',
    async build(): Promise<BuildResult> {
      await clock.sleep(minutes * MINUTE);
      return { ok: true, builtFiles: ['a.rpm'] };
    },
  };
  const context = {
    clock,
    signal: new AbortController().signal,
    env: {},
    emit: (event: BuildEvent) => events.push(event),
  };
  const result = await stack(inner).build({ ...REQUEST, kind }, context);
  for (let turn = 0; turn < 3; turn++) await settled();
  const notices = events.flatMap((event) => (event.type === 'notice' ? [event] : []));
  return {
    result,
    said: notices.map(({ time, level, message }) => [time / MINUTE, level, message]),
    endedAt: clock.now(),
  };
}

test('of a job that runs for long something is heard every half hour', async () => {
  expect((await heard(95)).said).toEqual([
    [30, 'info', 'Heartbeat: still building (a.src.rpm) after 30m0s'],
    [60, 'info', 'Heartbeat: still building (a.src.rpm) after 1h0m0s'],
    [90, 'info', 'Heartbeat: still building (a.src.rpm) after 1h30m0s'],
  ]);
});

test('tests are said to be tested', async () => {
  expect((await heard(31, undefined, 'test')).said).toEqual([
    [30, 'info', 'Heartbeat: still testing (a.src.rpm) after 30m0s'],
  ]);
});

test('of a job that ends sooner nothing is heard, and nothing waits for it afterwards', async () => {
  const { said, result, endedAt } = await heard(29);
  expect(said).toEqual([]);
  expect(result).toEqual({ ok: true, builtFiles: ['a.rpm'] });
  // Something that still waited would let the time of the clock go on.
  expect(endedAt).toBe(29 * MINUTE);
});

test('it is in the stack of agents that every run has', async () => {
  const { said } = await heard(65, (agent) => stackAgents(agent, { policy: () => ({ attempts: 1 }) }));
  expect(said).toHaveLength(2);
});

test('an agent that throws is heard no more, and what it threw is not kept', async () => {
  const clock = new VirtualClock(Number.POSITIVE_INFINITY, 0);
  const agent = new HeartbeatAgent({ name: 'bad', build: () => Promise.reject(new Error('no')) });
  const context = { clock, signal: new AbortController().signal, env: {}, emit: () => {} };
  await expect(agent.build(REQUEST, context)).rejects.toThrow('no');
  for (let turn = 0; turn < 3; turn++) await settled();
  expect(clock.now()).toBe(0);
});

test('starting and stopping reach the inner agent, which need not have either', async () => {
  const calls: string[] = [];
  const build = () => Promise.reject(new Error('not asked'));
  const inner = {
    name: 'inner',
    build,
    start: async () => void calls.push('start'),
    stop: async () => void calls.push('stop'),
  };
  const agent = new HeartbeatAgent(inner);
  await agent.start();
  await agent.stop();
  expect([agent.name, ...calls]).toEqual(['inner', 'start', 'stop']);
  const plain = new HeartbeatAgent({ name: 'plain', build });
  await expect(Promise.all([plain.start(), plain.stop()])).resolves.toBeDefined();
});
