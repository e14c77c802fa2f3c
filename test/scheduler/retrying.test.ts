import type { BuildAgent, BuildContext, BuildRequest, BuildResult } from '../../src/scheduler/agent';
import { RetryingAgent, type RetryingAgentOptions, remainingTime } from '../../src/scheduler/agents/retrying';
import type { BuildEvent } from '../../src/scheduler/events';
import { describeFailure, type Failure } from '../../src/scheduler/failure';
import { SystemClock, VirtualClock } from '../../src/util/clock';
import { graphOf } from '../support/graphs';
import { settled } from '../support/scripted-agent';

const EXIT: Failure = { reason: 'exit-non-zero', exitCode: 1, tail: ['last line'] };
const graph = graphOf('a');

interface Attempt {
  readonly at: number;
  readonly attempt: number;
  readonly attempts: number | undefined;
  readonly deadline: number | undefined;
}

/** What each attempt takes and ends with. An attempt that is aborted ends at once, as cancelled with the output so far. */
type Script = readonly { readonly ms: number; readonly failure?: Failure }[];

async function build(
  script: Script,
  policy: ReturnType<RetryingAgentOptions['policy']>,
  cancelAfterMs?: number,
  kind: BuildRequest['kind'] = 'build',
) {
  const clock = new VirtualClock(Number.POSITIVE_INFINITY, 0);
  const attempts: Attempt[] = [];
  const events: BuildEvent[] = [];
  const inner: BuildAgent = {
    name: 'inner',
    async build({ attempt, attempts: most, deadline }, { signal }): Promise<BuildResult> {
      const { ms, failure } = script[attempt - 1] as Script[number];
      attempts.push({ at: clock.now(), attempt, attempts: most, deadline });
      await clock.sleep(ms, signal);
      if (signal.aborted) return { ok: false, failure: { reason: 'killed', signal: 'SIGTERM', tail: ['so far'] } };
      return failure ? { ok: false, failure, logPath: `log.${attempt}` } : { ok: true, builtFiles: ['a.rpm'] };
    },
  };
  const abort = new AbortController();
  if (cancelAfterMs !== undefined) void clock.sleep(cancelAfterMs).then(() => abort.abort());
  const request: BuildRequest = {
    job: 7,
    kind,
    graph,
    node: 0,
    label: 'a',
    attempt: 1,
    worker: 1,
    deadline: undefined,
    dependsOn: [],
  };
  const context: BuildContext = { clock, signal: abort.signal, env: {}, emit: (event) => events.push(event) };
  const result = await new RetryingAgent(inner, { policy: () => policy }).build(request, context);
  return { result, attempts, events, endedAt: clock.now(), clock };
}

const failsTimes = (times: number, ms = 10): Script => [
  ...Array.from({ length: times }, () => ({ ms, failure: EXIT })),
  { ms },
];

test('the first success is the result, without another attempt', async () => {
  const { result, attempts, events } = await build([{ ms: 5 }], { attempts: 3 });
  expect(result).toEqual({ ok: true, builtFiles: ['a.rpm'] });
  expect(attempts).toEqual([{ at: 0, attempt: 1, attempts: 3, deadline: undefined }]);
  expect(events).toEqual([{ type: 'attempt-started', time: 0, job: 7, attempt: 1 }]);
});

test('the back-off grows by a second each time', async () => {
  const { result, attempts, endedAt } = await build(failsTimes(3), { attempts: 4 });
  expect(result.ok).toBe(true);
  expect(attempts.map(({ at }) => at)).toEqual([0, 1010, 3020, 6030]);
  expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
  expect(endedAt).toBe(6040);
});

test('each attempt is told of, and each failure with when it is tried again', async () => {
  const { events } = await build(failsTimes(2), { attempts: 2 });
  expect(events).toEqual([
    { type: 'attempt-started', time: 0, job: 7, attempt: 1 },
    {
      type: 'attempt-failed',
      time: 10,
      job: 7,
      attempt: 1,
      attempts: 2,
      failure: EXIT,
      logPath: 'log.1',
      retryInMs: 1000,
    },
    { type: 'attempt-started', time: 1010, job: 7, attempt: 2 },
    {
      type: 'attempt-failed',
      time: 1020,
      job: 7,
      attempt: 2,
      attempts: 2,
      failure: EXIT,
      logPath: 'log.2',
      retryInMs: undefined,
    },
  ]);
});

test('after the last attempt its failure is the result', async () => {
  const { result, attempts } = await build(failsTimes(9), { attempts: 3 });
  expect(result).toEqual({ ok: false, failure: EXIT, logPath: 'log.3' });
  expect(attempts).toHaveLength(3);
});

test('all attempts share one deadline', async () => {
  const { result, attempts } = await build(failsTimes(2, 100), { attempts: 3, timeoutMs: 5000 });
  expect(result.ok).toBe(true);
  expect(attempts.map(({ deadline }) => deadline)).toEqual([5000, 5000, 5000]);
});

test('an attempt that is running when the time is up is ended, keeps its output, and is not tried again', async () => {
  const { result, attempts, events, endedAt } = await build([{ ms: 100, failure: EXIT }, { ms: 60_000 }], {
    attempts: 5,
    timeoutMs: 3000,
  });
  expect(result).toEqual({
    ok: false,
    failure: { reason: 'timeout', limitMs: 3000, attempts: 2, maxAttempts: 5, kind: 'build', tail: ['so far'] },
  });
  expect(attempts).toHaveLength(2);
  expect(endedAt).toBe(3000);
  expect(events.at(-1)).toMatchObject({ type: 'attempt-failed', failure: { reason: 'timeout' }, retryInMs: undefined });
});

test('time that runs out during the back-off ends the job then, with the output of the last attempt', async () => {
  const { result, attempts, events, endedAt } = await build(failsTimes(9, 100), { attempts: 9, timeoutMs: 2000 });
  expect(result).toEqual({
    ok: false,
    failure: { reason: 'timeout', limitMs: 2000, attempts: 2, maxAttempts: 9, kind: 'build', tail: ['last line'] },
    logPath: 'log.2',
  });
  expect(attempts).toHaveLength(2);
  expect(endedAt).toBe(2000);
  // Nobody is told of another attempt that there is no time for.
  expect(events.flatMap((event) => (event.type === 'attempt-failed' ? [event.retryInMs] : []))).toEqual([
    1000,
    undefined,
  ]);
  expect(describeFailure((result as { failure: Failure }).failure)).toBe(
    'after 2/9 attempts, the build exceeded the maximum time of 2s',
  );
});

test('of tests that time is told as that of a check', async () => {
  const { result } = await build(failsTimes(9, 100), { attempts: 4, timeoutMs: 500 }, undefined, 'test');
  expect(describeFailure((result as { failure: Failure }).failure)).toBe(
    'after 1/4 attempts, the check exceeded the maximum time of 500ms',
  );
});

test('tests that ran and failed have failed, though there was no time to try them again', async () => {
  const failure: Failure = { reason: 'check-failed', message: 'package test failed', tail: ['FAIL: t'] };
  const { result } = await build([{ ms: 1, failure }], { attempts: 2, timeoutMs: 500 }, undefined, 'test');
  expect(result).toMatchObject({
    ok: false,
    failure: {
      reason: 'check-failed',
      message: 'package test failed; after 1/2 attempts, the check exceeded the maximum time of 500ms',
      tail: ['FAIL: t'],
    },
  });
});

test('a back-off that is over just as the time is up is not followed by an attempt', async () => {
  const { result, attempts } = await build(failsTimes(9, 0), { attempts: 9, timeoutMs: 1000 });
  expect(attempts).toHaveLength(1);
  expect(result).toMatchObject({ failure: { reason: 'timeout', attempts: 1 } });
});

test('each attempt knows how many there may be', async () => {
  const { attempts } = await build(failsTimes(1), { attempts: 3 });
  expect(attempts.map(({ attempts: most }) => most)).toEqual([3, 3]);
});

test('a build that succeeds before its time is up is not disturbed later', async () => {
  const { result, clock } = await build([{ ms: 999 }], { attempts: 1, timeoutMs: 1000 });
  expect(result.ok).toBe(true);
  // Something that still waited would let the time of the clock go on.
  for (let turn = 0; turn < 3; turn++) await settled();
  expect(clock.now()).toBe(999);
});

test.each<Failure>([
  { reason: 'input-missing', path: 'a.c' },
  { reason: 'could-not-start', message: 'no make' },
  { reason: 'cancelled' },
  { reason: 'agent-error', message: 'bug' },
])('$reason is not tried again', async (failure) => {
  const { result, attempts } = await build([{ ms: 1, failure }, { ms: 1 }], { attempts: 2 });
  expect(result).toMatchObject({ ok: false, failure });
  expect(attempts).toHaveLength(1);
});

test('a run that is cancelled during the back-off ends the job at once', async () => {
  const { result, attempts, endedAt } = await build(failsTimes(1, 100), { attempts: 2, timeoutMs: 9000 }, 600);
  expect(result).toEqual({ ok: false, failure: { reason: 'cancelled' }, logPath: 'log.1' });
  expect(attempts).toHaveLength(1);
  expect(endedAt).toBe(600);
});

test('a run that is cancelled during an attempt reaches the agent, and is not called a timeout', async () => {
  for (const timeoutMs of [undefined, 9000]) {
    const { result, attempts, endedAt } = await build([{ ms: 5000 }], { attempts: 3, timeoutMs }, 600);
    expect(result).toMatchObject({ ok: false, failure: { reason: 'killed' } });
    expect(attempts).toHaveLength(1);
    expect(endedAt).toBe(600);
  }
});

test('starting and stopping reach the inner agent, which need not have either', async () => {
  const calls: string[] = [];
  const inner: BuildAgent = {
    name: 'inner',
    start: async () => void calls.push('start'),
    stop: async () => void calls.push('stop'),
    build: () => Promise.reject(new Error('not asked')),
  };
  const policy = () => ({ attempts: 1 });
  const agent = new RetryingAgent(inner, { policy });
  await agent.start();
  await agent.stop();
  expect([agent.name, ...calls]).toEqual(['inner', 'start', 'stop']);
  const plain = new RetryingAgent({ name: 'plain', build: inner.build }, { policy });
  await expect(Promise.all([plain.start(), plain.stop()])).resolves.toBeDefined();
});

test('a limit of more days than a timer can count is not over at once', async () => {
  jest.useFakeTimers();
  try {
    let end: (result: BuildResult) => void = () => {};
    const aborted: boolean[] = [];
    const inner: BuildAgent = {
      name: 'inner',
      build: (_, { signal }) => {
        signal.addEventListener('abort', () => aborted.push(true));
        return new Promise((resolve) => {
          end = resolve;
        });
      },
    };
    const agent = new RetryingAgent(inner, { policy: () => ({ attempts: 1, timeoutMs: 1000 * 3_600_000 }) });
    const building = agent.build(
      { job: 0, kind: 'build', graph, node: 0, label: 'a', attempt: 1, worker: 1, deadline: undefined, dependsOn: [] },
      { clock: new SystemClock(), signal: new AbortController().signal, env: {}, emit: () => {} },
    );
    await jest.advanceTimersByTimeAsync(60_000);
    end({ ok: true, builtFiles: [] });
    await building;
    expect(aborted).toEqual([]);
  } finally {
    jest.useRealTimers();
  }
});

test('a worker program is told the time that is left, in the syntax it reads', () => {
  const clock = new VirtualClock(Number.POSITIVE_INFINITY, 1000);
  const context: BuildContext = { clock, signal: new AbortController().signal, env: {}, emit: () => {} };
  expect(remainingTime({ deadline: 91_000 } as BuildRequest, context, 0)).toBe('1m30s');
  expect(remainingTime({ deadline: undefined } as BuildRequest, context, 3_600_000)).toBe('1h0m0s');
  expect(remainingTime({ deadline: 500 } as BuildRequest, context, 0)).toBe('1ms');
});
