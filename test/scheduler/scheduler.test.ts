import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { NodeState, NodeType } from '../../src/graph/node';
import type { BuildAgent } from '../../src/scheduler/agent';
import { SimulatedAgent } from '../../src/scheduler/agents/simulated';
import type { BuildEvent } from '../../src/scheduler/events';
import { CyclicPlanError } from '../../src/scheduler/plan-order';
import { type RunOptions, type RunOutcome, Scheduler } from '../../src/scheduler/scheduler';
import { VirtualClock } from '../../src/util/clock';
import { graphOf, nodeOf } from '../support/graphs';
import { expectedEndings, randomFrom, randomPackages } from '../support/model';
import { ScriptedAgent, settled } from '../support/scripted-agent';
import { packagesOf } from './package-graph';

interface Run {
  readonly scheduler: Scheduler;
  readonly agent: ScriptedAgent;
  readonly events: BuildEvent[];
  readonly outcome: Promise<RunOutcome>;
  /** What happened since it was last asked for. */
  news(): string[];
}

/** Starts a run whose builds the test ends. */
async function startRun(graph: Graph, options: Partial<RunOptions> = {}): Promise<Run> {
  const agent = new ScriptedAgent();
  const events: BuildEvent[] = [];
  const scheduler = new Scheduler({
    graph,
    agent,
    workers: 2,
    runId: 'run-1',
    clock: new VirtualClock(Number.POSITIVE_INFINITY, 0),
    listeners: [(event) => events.push(event)],
    ...options,
  });
  const outcome = scheduler.run();
  await settled();
  let told = 0;
  const news = () => {
    const fresh = events.slice(told);
    told = events.length;
    return fresh.map((event) => brief(event, graph, scheduler));
  };
  return { scheduler, agent, events, outcome, news };
}

function brief(event: BuildEvent, graph: Graph, { jobs }: Scheduler): string {
  const name = (job: number) => {
    const label = graph.label(jobs.firstNodeOf(job)).replace('.src.rpm', '');
    return jobs.isTest(job) && !label.startsWith('test:') ? `test:${label}` : label;
  };
  switch (event.type) {
    case 'job-queued':
      return `queued ${name(event.job)}`;
    case 'job-skipped':
      return `${event.how} ${name(event.job)}`;
    case 'job-started':
      return `started ${name(event.job)} on ${event.worker}`;
    case 'job-finished':
      return `${event.ok ? 'finished' : `failed (${event.failure?.reason})`} ${name(event.job)} on ${event.worker}`;
    case 'job-blocked': {
      const by = event.cause.kind === 'stopped' ? 'stopped' : `by ${event.cause.label.replace('.src.rpm', '')}`;
      return `blocked ${name(event.job)} ${by}`;
    }
    case 'node-done':
      return `done ${event.label}`;
    case 'run-finished':
      return `run ${event.status}`;
    default:
      return event.type;
  }
}

const agentOf = (build: BuildAgent['build'], more: Partial<BuildAgent> = {}): BuildAgent => ({
  name: 'test',
  build,
  ...more,
});

describe('a run', () => {
  test('tells of each job as it is queued, started and finished, and unlocks what needs it', async () => {
    const { agent, news, outcome } = await startRun(graphOf('app -> lib util'));
    expect(news()).toEqual(['run-started', 'queued lib', 'queued util', 'started lib on 1', 'started util on 2']);
    await agent.finish('lib');
    expect(news()).toEqual(['finished lib on 1']);
    await agent.finish('util');
    expect(news()).toEqual(['finished util on 2', 'queued app', 'started app on 1']);
    await agent.finish('app');
    expect(news()).toEqual(['finished app on 1', 'run succeeded']);
    expect((await outcome).status).toBe('succeeded');
    expect(agent.calls).toEqual(['start', 'build lib', 'build util', 'build app', 'stop']);
  });

  test('starts with what is to be done, and says how long it is expected to take', async () => {
    const { graph } = packagesOf('app -> lib; test:app');
    const { agent, events, outcome } = await startRun(graph, { cost: (job, jobs) => (jobs.isTest(job) ? 5 : 10) });
    expect(events[0]).toEqual({
      type: 'run-started',
      time: 0,
      runId: 'run-1',
      graph: '',
      nodes: 5,
      edges: 4,
      builds: 2,
      tests: 1,
      workers: 2,
      agent: 'scripted-agent',
      simulated: false,
      expectedCriticalPath: 20,
      expectedWork: 25,
    });
    await agent.finish('lib.src.rpm');
    await agent.finish('app.src.rpm');
    await agent.finish('test:app.src.rpm');
    expect((await outcome).runId).toBe('run-1');
  });

  test('hands the agent the facts of the job', async () => {
    const graph = graphOf('app -> lib');
    const { agent, events, outcome } = await startRun(graph, { env: { BUILD_ID: '7' } });
    await agent.finish('lib', ['lib.so']);
    expect(agent.requestOf('app')).toEqual({
      job: 0,
      kind: 'build',
      graph,
      node: nodeOf(graph, 'app'),
      label: 'app',
      attempt: 1,
      worker: 1,
      deadline: undefined,
      dependsOn: [1],
    });
    expect(agent.contextOf('app').env).toEqual({ SPANWRIGHT_BUILD_ID: 'run-1', BUILD_ID: '7' });
    await agent.finish('app');
    await outcome;
    expect(events.find((event) => event.type === 'job-finished')).toMatchObject({
      job: 1,
      ok: true,
      files: ['lib.so'],
    });
    expect(events.filter((event) => event.type === 'job-queued')).toMatchObject([
      { job: 1, priority: 2, after: undefined },
      { job: 0, priority: 1, after: 1, label: 'app', kind: 'build', reason: 'no rebuild rule is on: always built' },
    ]);
  });

  test('of an empty graph succeeds at once', async () => {
    const { outcome, news } = await startRun(new GraphBuilder().build());
    expect((await outcome).status).toBe('succeeded');
    expect(news()).toEqual(['run-started', 'run succeeded']);
  });

  test('passes on what the agent tells', async () => {
    const { agent, events, outcome } = await startRun(graphOf('a'));
    const said: BuildEvent = { type: 'notice', time: 1, level: 'info', message: 'hello' };
    agent.contextOf('a').emit(said);
    await agent.finish('a');
    await outcome;
    expect(events).toContain(said);
  });

  test('is refused where jobs need each other in a circle, before anything starts', () => {
    const agent = new ScriptedAgent();
    expect(() => new Scheduler({ graph: graphOf('a -> b; b -> a'), agent, workers: 1, runId: 'x' })).toThrow(
      CyclicPlanError,
    );
    expect(agent.calls).toEqual([]);
  });

  test('tells of packages from elsewhere and goals, not of the many nodes between builds', async () => {
    const { graph, at } = packagesOf('goal:ALL -> app; app -> remote:glibc meta:m');
    const { agent, news, outcome } = await startRun(graph, { goal: at('goal:ALL') });
    await agent.finish('app.src.rpm');
    await outcome;
    expect(news().filter((line) => line.startsWith('done'))).toEqual(['done glibc--REMOTE<Cached>', 'done ALL']);
  });

  test('builds only what the goal needs, and succeeds when the goal is reached', async () => {
    const { graph, at } = packagesOf('goal:G -> lib; app -> lib; other -> lost:x');
    const { agent, outcome } = await startRun(graph, { goal: at('goal:G') });
    await agent.finish('lib.src.rpm');
    expect((await outcome).status).toBe('succeeded');
    expect(agent.calls).toEqual(['start', 'build lib.src.rpm', 'stop']);
  });

  test('leaves a graph with the states that builds and tests have now, and the first one as it was', async () => {
    const { graph, at } = packagesOf('app -> bad; good; good/devel; test:good');
    const { agent, outcome } = await startRun(graph, { workers: 4, failOnTestFailure: false });
    await agent.finish('good.src.rpm');
    await agent.fail('test:good.src.rpm');
    await agent.fail('bad.src.rpm');
    const states = (await outcome).graph;
    const of = (name: string) => states.state(at(name));
    expect([of('build:good'), of('build:good/devel')]).toEqual([NodeState.UpToDate, NodeState.UpToDate]);
    expect([of('build:bad'), of('test:good')]).toEqual([NodeState.BuildError, NodeState.BuildError]);
    expect([of('build:app'), of('good')]).toEqual([NodeState.Build, NodeState.Meta]);
    expect(graph.state(at('build:good'))).toBe(NodeState.Build);
  });

  test('skips what the rule says need not be built, and goes on behind it at once', async () => {
    const told: string[] = [];
    const { agent, news, outcome } = await startRun(graphOf('app -> lib; lib -> core'), {
      rebuild: (graph, jobs) => ({
        decide: (job) => {
          const label = graph.label(jobs.firstNodeOf(job));
          told.push(`decide ${label}`);
          return label === 'lib'
            ? { build: true, reason: 'stale' }
            : { build: false, how: 'cached', reason: 'there', files: [`${label}.rpm`] };
        },
        nodeDone: () => {},
        jobDone: (job) => void told.push(`done ${graph.label(jobs.firstNodeOf(job))}`),
      }),
    });
    await agent.finish('lib');
    const { graph } = await outcome;
    expect(news()).toEqual([
      'run-started',
      'cached core',
      'queued lib',
      'started lib on 1',
      'finished lib on 1',
      'cached app',
      'run succeeded',
    ]);
    expect(told).toEqual(['decide core', 'decide lib', 'done lib', 'decide app']);
    expect(graph.state(nodeOf(graph, 'core'))).toBe(NodeState.UpToDate);
  });
});

describe('workers', () => {
  test('run no more jobs at a time than there are of them, and the lowest idle one is taken', async () => {
    const { agent, news, outcome } = await startRun(graphOf('a; b; c; d; e'), { workers: 3 });
    expect(agent.running).toEqual(['a', 'b', 'c']);
    await agent.finish('b');
    await agent.finish('c');
    expect(agent.running).toEqual(['a', 'd', 'e']);
    expect(news().filter((line) => line.startsWith('started'))).toEqual([
      'started a on 1',
      'started b on 2',
      'started c on 3',
      'started d on 2',
      'started e on 3',
    ]);
    for (const name of ['a', 'd', 'e']) await agent.finish(name);
    await outcome;
  });

  test('take the job with the costliest chain behind it first', async () => {
    const graph = graphOf('a; top -> b');
    const { agent, outcome } = await startRun(graph, { workers: 1 });
    expect(agent.running).toEqual(['b']);
    for (const name of ['b', 'a', 'top']) await agent.finish(name);
    await outcome;
  });
});

describe('a failure', () => {
  test('blocks what needs it, at once and with its cause, and nothing else', async () => {
    const { agent, news, outcome } = await startRun(graphOf('app -> lib; top -> app; other'));
    news();
    await agent.fail('lib');
    expect(news()).toEqual(['failed (exit-non-zero) lib on 1', 'blocked app by lib', 'blocked top by lib']);
    expect(agent.running).toEqual(['other']);
    await agent.finish('other');
    expect(news()).toEqual(['finished other on 2', 'run failed']);
    expect((await outcome).status).toBe('failed');
  });

  test('that stops the run lets running builds finish, starts nothing more, and reports the rest as stopped', async () => {
    const graph = graphOf('app -> a; b; c; later -> b');
    const { agent, news, outcome } = await startRun(graph, { stopOnFailure: true });
    expect(agent.running).toEqual(['a', 'b']);
    news();
    await agent.fail('a');
    expect(news()).toEqual(['failed (exit-non-zero) a on 1', 'blocked app by a', 'notice']);
    expect(agent.running).toEqual(['b']);
    expect(agent.contextOf('b').signal.aborted).toBe(false);
    await agent.finish('b');
    expect(news()).toEqual(['finished b on 2', 'blocked c stopped', 'blocked later stopped', 'run failed']);
    expect((await outcome).graph.state(nodeOf(graph, 'b'))).toBe(NodeState.UpToDate);
  });

  test('of a build that was ready at the start says nothing of its own test, which runs beside it', async () => {
    const { graph } = packagesOf('app; test:app; tool -> app');
    const { agent, news, outcome } = await startRun(graph);
    expect(agent.running).toEqual(['app.src.rpm', 'test:app.src.rpm']);
    news();
    await agent.fail('app.src.rpm');
    expect(news()).toEqual(['failed (exit-non-zero) app on 1', 'blocked tool by app']);
    await agent.finish('test:app.src.rpm');
    expect(news()).toEqual(['finished test:app on 2', 'run failed']);
    await outcome;
  });

  test('of tests fails the run and what needs them', async () => {
    const { agent, news, outcome } = await startRun(graphOf('release -> test:app; test:app -> app'));
    await agent.finish('app');
    news();
    await agent.fail('test:app', { reason: 'check-failed', message: 'no' });
    expect(news()).toEqual(['failed (check-failed) test:app on 1', 'blocked release by test:app', 'run failed']);
    expect((await outcome).status).toBe('failed');
  });

  test('of tests does not matter where the user says so', async () => {
    const graph = graphOf('release -> test:app; test:app -> app');
    const { agent, outcome } = await startRun(graph, { failOnTestFailure: false, stopOnFailure: true });
    await agent.finish('app');
    await agent.fail('test:app', { reason: 'check-failed', message: 'no' });
    await agent.finish('release');
    expect((await outcome).status).toBe('succeeded');
  });

  test('of a build matters also where failed tests do not', async () => {
    const { agent, outcome } = await startRun(graphOf('a'), { failOnTestFailure: false });
    await agent.fail('a');
    expect((await outcome).status).toBe('failed');
  });
});

describe('what nobody provides', () => {
  test('blocks what needs it at the end of the run, and is named with those that need it', async () => {
    const { graph } = packagesOf('goal:ALL -> app lost:qt; app -> lost:qt; top -> app; other');
    const { agent, events, news, outcome } = await startRun(graph);
    await agent.finish('other.src.rpm');
    expect((await outcome).status).toBe('failed');
    expect(news().slice(-3)).toEqual([
      'blocked app by qt--REMOTE<Unresolved>',
      'blocked top by qt--REMOTE<Unresolved>',
      'run failed',
    ]);
    expect(events.at(-1)).toMatchObject({
      unresolved: [{ label: 'qt--REMOTE<Unresolved>', neededBy: ['app.src.rpm'] }],
    });
  });

  test('fails a run that has a goal, though no job failed', async () => {
    const { graph, at } = packagesOf('goal:G -> lib lost:x');
    const { agent, outcome } = await startRun(graph, { goal: at('goal:G') });
    await agent.finish('lib.src.rpm');
    expect((await outcome).status).toBe('failed');
  });
});

describe('packages from the cache that a build may replace', () => {
  test('are held back until nothing else can go on, and are let go once', async () => {
    const { graph } = packagesOf('app -> implicit:tool; other -> implicit:data lib');
    const { agent, news, outcome } = await startRun(graph, { holdCachedImplicit: true });
    expect(agent.running).toEqual(['lib.src.rpm']);
    await agent.finish('lib.src.rpm');
    expect([...agent.running].sort()).toEqual(['app.src.rpm', 'other.src.rpm']);
    await agent.finish('app.src.rpm');
    await agent.finish('other.src.rpm');
    expect((await outcome).status).toBe('succeeded');
    expect(news().filter((line) => line === 'cached-implicit-enabled')).toHaveLength(1);
  });

  test('are let go also after a failure', async () => {
    const { graph } = packagesOf('app -> implicit:tool; bad');
    const { agent, outcome } = await startRun(graph, { holdCachedImplicit: true });
    await agent.fail('bad.src.rpm');
    await agent.finish('app.src.rpm');
    expect((await outcome).status).toBe('failed');
  });

  test('are used at once where nobody asks to hold them', async () => {
    const { graph } = packagesOf('app -> implicit:tool');
    const { agent, news, outcome } = await startRun(graph);
    await agent.finish('app.src.rpm');
    await outcome;
    expect(news()).not.toContain('cached-implicit-enabled');
  });
});

describe('a run that is cancelled', () => {
  test('asks running builds to end, starts nothing more, and ends when they have', async () => {
    const { agent, scheduler, news, outcome } = await startRun(graphOf('app -> a; b; c'));
    const { signal } = agent.contextOf('a');
    news();
    scheduler.cancel('SIGINT');
    expect(signal.aborted).toBe(true);
    expect(news()).toEqual(['run-cancelled']);
    await agent.finish('b');
    expect(agent.running).toEqual(['a']);
    await agent.fail('a', { reason: 'cancelled' });
    expect((await outcome).status).toBe('cancelled');
    expect(news()).toContain('blocked c stopped');
    expect(agent.calls).toEqual(['start', 'build a', 'build b', 'stop']);
  });

  test('does not blame a build that was told to end for those that need it', async () => {
    const { agent, scheduler, news, outcome } = await startRun(graphOf('app -> a'));
    scheduler.cancel('SIGINT');
    news();
    await agent.fail('a', { reason: 'cancelled' });
    await outcome;
    expect(news()).toEqual(['failed (cancelled) a on 1', 'blocked app stopped', 'run cancelled']);
  });

  test('is cancelled once, however often it is asked', async () => {
    const { agent, scheduler, events, outcome } = await startRun(graphOf('a; b; c'));
    scheduler.cancel('SIGINT');
    scheduler.cancel('SIGTERM');
    await agent.finish('a');
    scheduler.cancel('SIGTERM');
    await agent.finish('b');
    expect((await outcome).status).toBe('cancelled');
    expect(events.filter((event) => event.type === 'run-cancelled')).toMatchObject([{ why: 'SIGINT' }]);
  });

  test('before it starts builds nothing', async () => {
    const agent = new ScriptedAgent();
    const events: BuildEvent[] = [];
    const listeners = [(event: BuildEvent) => events.push(event)];
    const scheduler = new Scheduler({ graph: graphOf('a; b -> a'), agent, workers: 1, runId: 'x', listeners });
    scheduler.cancel('too late');
    expect((await scheduler.run()).status).toBe('cancelled');
    expect(agent.calls).toEqual(['start', 'stop']);
    expect(events.filter((event) => event.type === 'job-blocked')).toMatchObject([
      { label: 'a', cause: { kind: 'stopped' } },
      { label: 'b', cause: { kind: 'stopped' } },
    ]);
  });

  test('after its end stays as it was', async () => {
    const { agent, scheduler, events, outcome } = await startRun(graphOf('a'));
    await agent.finish('a');
    await outcome;
    scheduler.cancel('SIGINT');
    expect(events.at(-1)).toMatchObject({ type: 'run-finished', status: 'succeeded' });
  });

  test('by a listener, while jobs are handed out, starts nothing more', async () => {
    const run: { scheduler?: Scheduler } = {};
    const agent = new ScriptedAgent();
    const scheduler = new Scheduler({
      graph: graphOf('a; b; c'),
      agent,
      workers: 3,
      runId: 'x',
      listeners: [(event) => event.type === 'job-started' && run.scheduler?.cancel('enough')],
    });
    run.scheduler = scheduler;
    const outcome = scheduler.run();
    await settled();
    expect(agent.running).toEqual(['a']);
    await agent.finish('a');
    expect((await outcome).status).toBe('cancelled');
  });

  test('by a listener, at the end of the only build, ends', async () => {
    const run: { scheduler?: Scheduler } = {};
    const started = await startRun(graphOf('b -> a'), {
      listeners: [(event) => event.type === 'job-finished' && run.scheduler?.cancel('enough')],
    });
    run.scheduler = started.scheduler;
    await started.agent.finish('a');
    expect((await started.outcome).status).toBe('cancelled');
  });
});

describe('trouble around a run', () => {
  test('a listener that throws changes nothing, and the others hear of everything', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const heard: string[] = [];
    const { agent, outcome } = await startRun(graphOf('app -> lib'), {
      listeners: [
        () => {
          throw new Error('no');
        },
        (event) => heard.push(event.type),
      ],
    });
    await agent.finish('lib');
    await agent.finish('app');
    expect((await outcome).status).toBe('succeeded');
    expect(heard.at(0)).toBe('run-started');
    expect(heard.at(-1)).toBe('run-finished');
    expect(warned).toHaveBeenCalledWith('a build listener threw: no');
    warned.mockRestore();
  });

  test('an agent that throws fails that job with an agent-error, and the run goes on', async () => {
    const agent = agentOf(async ({ label }) => {
      if (label === 'a') throw new Error('oops');
      return { ok: true, builtFiles: [] };
    });
    const { outcome, events, news } = await startRun(graphOf('app -> a; b'), { agent });
    expect((await outcome).status).toBe('failed');
    expect(news()).toEqual(
      expect.arrayContaining(['failed (agent-error) a on 1', 'finished b on 2', 'blocked app by a']),
    );
    const failed = events.find((event) => event.type === 'job-finished' && !event.ok);
    expect(failed).toMatchObject({ failure: { message: 'Internal error: the agent test threw: oops' } });
  });

  test('an agent that throws before it gives a promise is no worse', async () => {
    const agent = agentOf(({ label }) => {
      if (label === 'a') throw new Error('oops');
      return Promise.resolve({ ok: true, builtFiles: [] });
    });
    const { outcome, news } = await startRun(graphOf('app -> a; b'), { agent });
    expect((await outcome).status).toBe('failed');
    expect(news()).toEqual(expect.arrayContaining(['failed (agent-error) a on 1', 'finished b on 2', 'run failed']));
  });

  test('an agent that cannot start ends the run with its error, and is stopped', async () => {
    const calls: string[] = [];
    const agent = agentOf(async () => ({ ok: true, builtFiles: [] }), {
      start: () => Promise.reject(new Error('no chroot')),
      stop: async () => void calls.push('stop'),
    });
    const scheduler = new Scheduler({ graph: graphOf('a'), agent, workers: 1, runId: 'x' });
    await expect(scheduler.run()).rejects.toThrow('no chroot');
    expect(calls).toEqual(['stop']);
  });

  test('an agent that can neither start nor stop is reported with the first error', async () => {
    const agent = agentOf(async () => ({ ok: true, builtFiles: [] }), {
      start: () => Promise.reject(new Error('no chroot')),
      stop: () => Promise.reject(new Error('no stop')),
    });
    const scheduler = new Scheduler({ graph: graphOf('a'), agent, workers: 1, runId: 'x' });
    await expect(scheduler.run()).rejects.toThrow('no chroot');
  });

  test('an agent that cannot stop does not take away what came of the run', async () => {
    const agent = agentOf(async () => ({ ok: true, builtFiles: [] }), {
      stop: () => Promise.reject(new Error('no stop')),
    });
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const events: BuildEvent[] = [];
    const listeners = [(event: BuildEvent) => events.push(event)];
    const scheduler = new Scheduler({ graph: graphOf('a'), agent, workers: 1, runId: 'x', listeners });
    await expect(scheduler.run()).resolves.toMatchObject({ status: 'succeeded' });
    expect(events.at(-1)).toMatchObject({ type: 'run-finished' });
    warned.mockRestore();
  });
});

describe('resources', () => {
  function wanting(wishes: Readonly<Record<string, Readonly<Record<string, number>>>>): Graph {
    const builder = new GraphBuilder();
    for (const [key, resources] of Object.entries(wishes)) {
      builder.addNode({
        type: NodeType.LocalBuild,
        state: NodeState.Build,
        key,
        command: { command: ['x'], resources },
      });
    }
    return builder.build();
  }

  test('limit how many jobs run at a time, and smaller jobs go past those that do not fit', async () => {
    const graph = wanting({ a: { memory: 6 }, b: { memory: 6 }, c: { memory: 4 }, d: {} });
    const { agent, outcome } = await startRun(graph, { workers: 8, resources: { memory: 10 } });
    expect(agent.running).toEqual(['a', 'c', 'd']);
    await agent.finish('c');
    expect(agent.running).toEqual(['a', 'd']);
    await agent.finish('a');
    expect(agent.running).toEqual(['d', 'b']);
    await agent.finish('d');
    await agent.finish('b');
    expect((await outcome).status).toBe('succeeded');
  });

  test('are all given to a job that wants more than there is, which runs alone', async () => {
    const graph = wanting({ small: { memory: 1 }, huge: { memory: 99 }, tiny: { memory: 1 } });
    const { agent, outcome } = await startRun(graph, { workers: 8, resources: { memory: 10 } });
    expect(agent.running).toEqual(['small', 'tiny']);
    await agent.finish('small');
    await agent.fail('tiny');
    expect(agent.running).toEqual(['huge']);
    await agent.finish('huge');
    await outcome;
  });

  test('in fractions do not leave a job waiting for ever', async () => {
    const graph = wanting({ a: { cpu: 0.1 }, b: { cpu: 0.2 }, c: { cpu: 0.1 }, all: { cpu: 1 } });
    const { agent, outcome } = await startRun(graph, { workers: 8, resources: { cpu: 1 } });
    for (const name of ['a', 'b', 'c']) await agent.finish(name);
    expect(agent.running).toEqual(['all']);
    await agent.finish('all');
    expect((await outcome).status).toBe('succeeded');
  });

  test('that nobody limits do not limit', async () => {
    const graph = wanting({ a: { memory: 6 }, b: { memory: 6 } });
    const { agent, outcome } = await startRun(graph);
    expect(agent.running).toEqual(['a', 'b']);
    await agent.finish('a');
    await agent.finish('b');
    await outcome;
  });
});

describe('many jobs', () => {
  const labelOf = ({ jobs }: Scheduler, graph: Graph, job: number) => graph.label(jobs.firstNodeOf(job));
  const atOnce = agentOf(() => Promise.resolve({ ok: true, builtFiles: [] }));

  test('50,000 that end at once, in a chain and side by side, do not overflow the stack', async () => {
    const builder = new GraphBuilder();
    builder.addPlainNodes(50_000, NodeType.LocalBuild, NodeState.Build);
    for (let node = 1; node < 25_000; node++) builder.addDependency(node, node - 1);
    for (let node = 25_000; node < 50_000; node++) builder.addDependency(node, 0);
    let finished = 0;
    const scheduler = new Scheduler({
      graph: builder.build(),
      agent: atOnce,
      workers: 8,
      runId: 'x',
      listeners: [(event) => event.type === 'job-finished' && finished++],
    });
    expect((await scheduler.run()).status).toBe('succeeded');
    expect(finished).toBe(50_000);
  });

  test('of random graphs end as a naive model says, each once, and never start before what they need is done', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = randomFrom(seed);
      const graph = randomPackages(random, 25);
      const fails = Array.from({ length: graph.size }, () => random() < 0.1);
      const wish = Array.from({ length: graph.size }, () => Math.floor(random() * 50));
      const clock = new VirtualClock(Number.POSITIVE_INFINITY, 0);
      const simulated = new SimulatedAgent({ durationMs: ({ node }) => wish[node] as number });
      const ended = new Map<number, string>();
      const twice: number[] = [];
      const note = (job: number, how: string) => (ended.has(job) ? twice.push(job) : ended.set(job, how));
      const early: number[] = [];
      const scheduler: Scheduler = new Scheduler({
        graph,
        clock,
        agent: agentOf(async (request, context) => {
          const ok = !scheduler.jobs.nodesOf(request.job).some((node) => fails[node]);
          const ownBuild = (job: number) => request.kind === 'test' && labelOf(scheduler, graph, job) === request.label;
          if (request.dependsOn.some((job) => ended.get(job) !== 'done' && !ownBuild(job))) early.push(request.job);
          const result = await simulated.build(request, context);
          return ok ? result : { ok: false, failure: { reason: 'simulated' } };
        }),
        workers: 1 + Math.floor(random() * 5),
        runId: 'x',
        listeners: [
          (event) => {
            if (event.type === 'job-blocked') note(event.job, 'blocked');
            if (event.type === 'job-finished') note(event.job, event.ok ? 'done' : 'failed');
          },
        ],
      });
      await scheduler.run();
      const expected = expectedEndings(graph, (node) =>
        scheduler.jobs.nodesOf(scheduler.jobs.jobOf(node)).some((n) => fails[n]),
      );
      const jobs = Array.from({ length: scheduler.jobs.count }, (_, job) => job);
      expect({ seed, twice, early }).toEqual({ seed, twice: [], early: [] });
      expect(jobs.map((job) => ended.get(job))).toEqual(jobs.map((job) => expected[scheduler.jobs.firstNodeOf(job)]));
    }
  });
});

describe('looking at what was made', () => {
  const checked = (job: number, label: string) => ({
    type: 'license-checked' as const,
    time: 0,
    startedAt: 0,
    job,
    label,
    rpms: 1,
    hasWarnings: false,
    hasErrors: false,
  });

  test('inspections run beside the build and the end of the run waits for them', async () => {
    const looked: (() => void)[] = [];
    const { agent, news, outcome } = await startRun(graphOf('app -> lib'), {
      inspect: ({ job, label }) =>
        new Promise((resolve) => {
          looked.push(() => resolve(checked(job, label)));
        }),
    });
    await agent.finish('lib', ['/lib.rpm']);
    await agent.finish('app', ['/app.rpm']);
    expect(news()).not.toContain('run succeeded');
    for (const end of looked) end();
    expect((await outcome).status).toBe('succeeded');
    expect(news()).toEqual(['license-checked', 'license-checked', 'run succeeded']);
  });

  test('is left out where nothing was made, and where it fails that is told and changes nothing', async () => {
    const asked: string[] = [];
    const { agent, events, outcome } = await startRun(graphOf('app -> lib'), {
      inspect: ({ label }) => {
        asked.push(label);
        return Promise.reject(new Error('no disk'));
      },
    });
    await agent.finish('lib');
    await agent.finish('app', ['/app.rpm']);
    expect((await outcome).status).toBe('succeeded');
    expect(asked).toEqual(['app']);
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'notice', level: 'error', message: 'cannot look at the files of app: no disk' }),
    );
  });
});

describe('a package that was to come from a delta and was built after all', () => {
  test('is installed from where it was built', async () => {
    const { graph, at } = packagesOf('app -> lib', ['lib']);
    const delta = graph.patched({
      replace: new Map(
        ['lib', 'build:lib'].map((name) => [
          at(name),
          { ...graph.record(at(name)), state: NodeState.Delta, rpmPath: '/cache/lib.rpm' },
        ]),
      ),
    });
    const { agent, outcome } = await startRun(delta);
    await agent.finish('lib.src.rpm', ['/rpms/lib.rpm']);
    expect(agent.requestOf('app.src.rpm').graph.rpmPath(at('lib'))).toBe('/rpms/lib.rpm');
    await agent.finish('app.src.rpm');
    expect((await outcome).status).toBe('succeeded');
  });

  test('under a path that another package has ends the run, and what it is is told', async () => {
    const { graph, at } = packagesOf('app -> lib; other', ['lib']);
    const delta = graph.patched({
      replace: new Map([[at('build:lib'), { ...graph.record(at('build:lib')), state: NodeState.Delta }]]),
    });
    const { agent, outcome } = await startRun(delta);
    await agent.finish('lib.src.rpm', ['/elsewhere/lib.rpm']);
    await agent.finish('other.src.rpm');
    const { status, gaveUpBecause } = await outcome;
    expect(status).toBe('failed');
    expect(gaveUpBecause).toContain("has unexpected path '/rpms/lib.rpm'");
  });
});
