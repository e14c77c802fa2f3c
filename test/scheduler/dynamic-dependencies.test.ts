import type { Graph } from '../../src/graph/graph';
import { NodeState, NodeType } from '../../src/graph/node';
import type { Provide } from '../../src/graph/provided-names';
import { remainingGraph } from '../../src/graph/remaining-graph';
import type { DynamicDependencyOptions } from '../../src/scheduler/dynamic-dependencies';
import type { BuildEvent } from '../../src/scheduler/events';
import { InstallList } from '../../src/scheduler/job-dependencies';
import { type RunOptions, Scheduler } from '../../src/scheduler/scheduler';
import { VirtualClock } from '../../src/util/clock';
import { randomFrom } from '../support/model';
import { ScriptedAgent, settled } from '../support/scripted-agent';
import { packagesOf } from './package-graph';

/** RPMs by their path, and what each provides: `/rpms/zlib.rpm: pkgconfig(zlib) = 1.3`. */
function disk(contents: Readonly<Record<string, readonly string[]>>): Map<string, Provide[]> {
  const provide = (text: string): Provide => {
    const [name, version] = text.split(' = ') as [string, string?];
    return { name, version: version ?? '', condition: version === undefined ? '' : '=' };
  };
  return new Map(Object.entries(contents).map(([rpm, provides]) => [rpm, provides.map(provide)]));
}

interface Started {
  readonly agent: ScriptedAgent;
  readonly events: BuildEvent[];
  readonly scheduler: Scheduler;
  readonly outcome: ReturnType<Scheduler['run']>;
  labels(type: BuildEvent['type']): string[];
}

async function start(
  graph: Graph,
  rpms: Readonly<Record<string, readonly string[]>>,
  { dynamic = {}, ...options }: Partial<RunOptions> & { dynamic?: Partial<DynamicDependencyOptions> } = {},
): Promise<Started> {
  const agent = new ScriptedAgent();
  const events: BuildEvent[] = [];
  const contents = disk(rpms);
  const scheduler = new Scheduler({
    graph,
    agent,
    workers: 2,
    runId: 'run-1',
    clock: new VirtualClock(Number.POSITIVE_INFINITY, 0),
    listeners: [(event) => events.push(event)],
    holdCachedImplicit: true,
    dynamicDependencies: {
      ask: async (paths, isWanted) => {
        const answers = new Map<string, Provide[]>();
        for (const path of paths) {
          const found = (contents.get(path) ?? []).filter(({ name }) => isWanted(name));
          if (found.length > 0) answers.set(path, found);
        }
        return answers;
      },
      isOnDisk: () => false,
      ...dynamic,
    },
    ...options,
  });
  const outcome = scheduler.run();
  await settled();
  const labels = (type: BuildEvent['type']) =>
    events.flatMap((event) => (event.type === type && 'label' in event ? [event.label.replace('.src.rpm', '')] : []));
  return { agent, events, scheduler, outcome, labels };
}

/** A run in which every build succeeds at once, and makes its package's RPM. */
async function finishAll({ agent, outcome }: Started) {
  while (agent.running.length > 0) {
    const name = agent.running[0] as string;
    await agent.finish(name, [`/rpms/${name.replace('.src.rpm', '')}.rpm`]);
    await settled();
  }
  return outcome;
}

describe('a name that only a build can reveal', () => {
  test('is satisfied by the built RPM that provides it, and what needs it goes on', async () => {
    const { graph } = packagesOf('app -> wanted:pkgconfig(z); zlib; goal:ALL -> app zlib');
    const run = await start(graph, { '/rpms/zlib.rpm': ['zlib', 'pkgconfig(z) = 1.3'] });
    expect(run.agent.running).toEqual(['zlib.src.rpm']);
    expect((await finishAll(run)).status).toBe('succeeded');
    expect(run.agent.calls).toEqual(['start', 'build zlib.src.rpm', 'build app.src.rpm', 'stop']);
    expect(run.events).toContainEqual(
      expect.objectContaining({
        type: 'name-provided',
        label: 'pkgconfig(z)--REMOTE<Unresolved>',
        provider: 'zlib-1-1-RUN<Meta>',
        rpm: '/rpms/zlib.rpm',
      }),
    );
  });

  test('is asked for before anything that needs the built package goes on', async () => {
    const { graph } = packagesOf('app -> zlib wanted:pkgconfig(z); zlib');
    let answer: (answers: Map<string, Provide[]>) => void = () => {};
    const asked: (readonly string[])[] = [];
    const ask = (rpms: readonly string[]) => {
      asked.push(rpms);
      return new Promise<Map<string, Provide[]>>((resolve) => {
        answer = resolve;
      });
    };
    const run = await start(graph, {}, { dynamic: { ask } });
    await run.agent.finish('zlib.src.rpm', ['/rpms/zlib.rpm']);
    expect(asked).toEqual([['/rpms/zlib.rpm']]);
    expect(run.agent.running).toEqual([]);
    answer(disk({ '/rpms/zlib.rpm': ['pkgconfig(z)'] }));
    await run.agent.started('app.src.rpm');
    expect((await finishAll(run)).status).toBe('succeeded');
  });

  test('is not asked for any more once all names are known', async () => {
    const { graph } = packagesOf('app -> zlib wanted:pkgconfig(z); last -> app; zlib');
    const asked: string[] = [];
    const ask = async (rpms: readonly string[]) => {
      asked.push(...rpms);
      return disk({ '/rpms/zlib.rpm': ['pkgconfig(z)'] });
    };
    await finishAll(await start(graph, {}, { dynamic: { ask } }));
    expect(asked).toEqual(['/rpms/zlib.rpm']);
  });

  test('stays unknown where the version does not fit, and the end says who needs it and where it could come from', async () => {
    const { graph } = packagesOf('app -> wanted:pkgconfig(z); z-devel');
    const wanting = graph.patched({
      replace: new Map([
        [
          [...Array(graph.size).keys()].find((node) => graph.type(node) === NodeType.RemoteRun) as number,
          {
            type: NodeType.RemoteRun,
            state: NodeState.Unresolved,
            name: 'pkgconfig(z)',
            version: '2.0',
            condition: '>=',
            implicit: true,
          },
        ],
      ]),
    });
    const run = await start(wanting, { '/rpms/z-devel.rpm': ['pkgconfig(z) = 1.9'] });
    expect((await finishAll(run)).status).toBe('failed');
    expect(run.labels('job-blocked')).toEqual(['app']);
    expect(run.events.at(-1)).toMatchObject({
      unresolved: [{ neededBy: ['app.src.rpm'], couldComeFrom: ['z-devel 1-1 (z-devel.src.rpm)'] }],
    });
  });

  test('is one node afterwards where several wishes for it are satisfied by one RPM', async () => {
    const { graph: plain, at } = packagesOf(
      'app -> wanted:pkgconfig(z); tool -> wanted:other; zlib; goal:ALL -> app tool',
    );
    const graph = plain.patched({
      replace: new Map([
        [
          at('wanted:other'),
          { ...plain.record(at('wanted:other')), name: 'pkgconfig(z)', version: '1', condition: '>=' },
        ],
      ]),
    });
    const run = await start(graph, { '/rpms/zlib.rpm': ['pkgconfig(z) = 1.3'] });
    const outcome = await finishAll(run);
    expect(outcome.status).toBe('succeeded');
    const left = remainingGraph(outcome.graph, outcome.nodes);
    const names = [...Array(left.size).keys()].filter((node) => left.field(node, 'name') === 'pkgconfig(z)');
    expect(names.map((node) => left.record(node))).toEqual([
      expect.objectContaining({
        type: NodeType.LocalRun,
        state: NodeState.Meta,
        version: '1.3',
        condition: '=',
        rpmPath: '/rpms/zlib.rpm',
        srpmPath: '/srpms/zlib.src.rpm',
        implicit: true,
      }),
    ]);
    expect([...left.dependentsOf(names[0] as number)].map((node) => left.friendlyName(node))).toEqual([
      'app-1-1-BUILD<UpToDate>',
      'tool-1-1-BUILD<UpToDate>',
    ]);
    expect([...left.dependenciesOf(names[0] as number)].map((node) => left.friendlyName(node))).toEqual([
      'zlib-1-1-RUN<Meta>',
    ]);
  });

  test('brings with it all that its package needs to be installed', async () => {
    const { graph, at } = packagesOf('app -> wanted:pkgconfig(z); zlib => data; data -> slow; slow');
    const run = await start(graph, { '/rpms/zlib.rpm': ['pkgconfig(z)'] });
    await run.agent.finish('zlib.src.rpm', ['/rpms/zlib.rpm']);
    expect(run.agent.running).toEqual(['slow.src.rpm']);
    await run.agent.finish('slow.src.rpm', []);
    await run.agent.finish('data.src.rpm', []);
    await run.agent.started('app.src.rpm');
    expect(new InstallList(run.scheduler.graph).of(at('build:app'))).toEqual(['/rpms/data.rpm', '/rpms/zlib.rpm']);
    expect((await finishAll(run)).status).toBe('succeeded');
  });

  test('is blocked with what its package needs', async () => {
    const { graph } = packagesOf('app -> wanted:pkgconfig(z); zlib => bad; bad');
    const run = await start(graph, { '/rpms/zlib.rpm': ['pkgconfig(z)'] });
    await run.agent.fail('bad.src.rpm');
    await run.agent.finish('zlib.src.rpm', ['/rpms/zlib.rpm']);
    expect((await run.outcome).status).toBe('failed');
    expect(run.events).toContainEqual(
      expect.objectContaining({
        type: 'job-blocked',
        label: 'app.src.rpm',
        cause: expect.objectContaining({ label: 'bad.src.rpm' }),
      }),
    );
  });

  test('comes from packages that are reused, too', async () => {
    const { graph, at } = packagesOf('app -> wanted:pkgconfig(z); zlib');
    const zlib = at('build:zlib');
    const run = await start(
      graph,
      { '/rpms/zlib.rpm': ['pkgconfig(z)'] },
      {
        rebuild: (_, jobs) => ({
          decide: (job) =>
            jobs.firstNodeOf(job) === zlib
              ? { build: false, how: 'cached', reason: 'there', files: ['/rpms/zlib.rpm'] }
              : { build: true, reason: 'new' },
          nodeDone: () => {},
          jobDone: () => {},
        }),
      },
    );
    expect(run.agent.running).toEqual(['app.src.rpm']);
    expect((await finishAll(run)).status).toBe('succeeded');
  });
});

test('reused packages without RPMs, decided together with those that are asked, do not hurry these', async () => {
  const { graph, at } = packagesOf('app -> wanted:pkgconfig(z); zlib; test:zlib; bare');
  const run = await start(
    graph,
    { '/rpms/zlib.rpm': ['pkgconfig(z)'] },
    {
      rebuild: (_, jobs) => ({
        decide: (job) => {
          const isApp = jobs.firstNodeOf(job) === at('build:app');
          const isZlib = jobs.firstNodeOf(job) === at('build:zlib');
          if (isApp) return { build: true, reason: 'new' };
          return { build: false, how: 'cached', reason: 'there', files: isZlib ? ['/rpms/zlib.rpm'] : [] };
        },
        nodeDone: () => {},
        jobDone: () => {},
      }),
    },
  );
  expect(run.agent.running).toEqual(['app.src.rpm']);
  expect((await finishAll(run)).status).toBe('succeeded');
});

describe('a name that the cache could stand for', () => {
  test('is taken from a built RPM where one provides it', async () => {
    const { graph, at } = packagesOf('app -> implicit:pkgconfig(z); zlib');
    const run = await start(graph, { '/rpms/zlib.rpm': ['pkgconfig(z)'] });
    await run.agent.finish('zlib.src.rpm', ['/rpms/zlib.rpm']);
    await run.agent.started('app.src.rpm');
    expect(new InstallList(run.scheduler.graph).of(at('build:app'))).toEqual(['/rpms/zlib.rpm']);
    await finishAll(run);
    expect(run.events.map(({ type }) => type)).not.toContain('cached-implicit-enabled');
  });

  test('is taken from the cache when nothing else can go on, once for all: a later RPM changes nothing', async () => {
    const { graph, at } = packagesOf('app -> implicit:pkgconfig(z); zlib -> app; late -> implicit:pkgconfig(z) zlib');
    const run = await start(graph, { '/rpms/zlib.rpm': ['pkgconfig(z)'] });
    expect(run.agent.running).toEqual(['app.src.rpm']);
    expect((await finishAll(run)).status).toBe('succeeded');
    expect(run.events.filter(({ type }) => type === 'cached-implicit-enabled')).toHaveLength(1);
    expect(run.labels('name-provided')).toEqual([]);
    expect(new InstallList(run.scheduler.graph).of(at('build:late'))).toEqual([
      '/cache/pkgconfig(z).rpm',
      '/rpms/zlib.rpm',
    ]);
  });

  test('stays with the cache where its provider would need what needs it', async () => {
    const { graph } = packagesOf('app -> implicit:pkgconfig(z); zlib => data; data -> app');
    const run = await start(graph, { '/rpms/zlib.rpm': ['pkgconfig(z)'] });
    await run.agent.finish('zlib.src.rpm', ['/rpms/zlib.rpm']);
    expect((await finishAll(run)).status).toBe('succeeded');
    expect(run.events).toContainEqual(
      expect.objectContaining({
        type: 'notice',
        level: 'warning',
        message: expect.stringContaining('closes a circle'),
      }),
    );
  });

  test('is tied all the same where RPMs on disk cut the circle', async () => {
    const { graph } = packagesOf('app -> implicit:pkgconfig(z); zlib => data; data -> app');
    const run = await start(graph, { '/rpms/zlib.rpm': ['pkgconfig(z)'] }, { dynamic: { isOnDisk: () => true } });
    await run.agent.finish('zlib.src.rpm', ['/rpms/zlib.rpm']);
    expect((await finishAll(run)).status).toBe('succeeded');
    expect(run.labels('name-provided')).toEqual(['pkgconfig(z)--REMOTE<Cached>']);
    expect(run.events).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('Trying to fix circular dependency found:') }),
    );
  });
});

describe('a run for everything, because a name below what was asked for is not known', () => {
  const notation =
    'app -> wanted:pkgconfig(z); zlib; other; more -> other; third; goal:ALL -> app zlib other more third; goal:asked -> app';

  test('is cut down to what was asked for as soon as the name is known', async () => {
    const { graph, at } = packagesOf(notation);
    const options = { goal: at('goal:ALL'), workers: 1, dynamic: { requested: at('goal:asked') } };
    const run = await start(graph, { '/rpms/zlib.rpm': ['pkgconfig(z)'] }, options);
    // The longest chain comes first.
    await run.agent.finish('other.src.rpm', []);
    expect(run.agent.running).toEqual(['zlib.src.rpm']);
    await run.agent.finish('zlib.src.rpm', ['/rpms/zlib.rpm']);
    // The free worker did not wait for the answer.
    expect(run.agent.running).toEqual(['more.src.rpm']);
    const outcome = await finishAll(run);
    expect(outcome.status).toBe('succeeded');
    expect(run.labels('job-dropped')).toEqual(['other', 'more', 'third']);
    const left = remainingGraph(outcome.graph, outcome.nodes);
    const names = [...Array(left.size).keys()].map((node) => left.friendlyName(node));
    expect(names.filter((name) => /other|more|third/.test(name))).toEqual([]);
    expect(names).toEqual(
      expect.arrayContaining(['asked', 'ALL', 'app-1-1-BUILD<UpToDate>', 'zlib-1-1-BUILD<UpToDate>']),
    );
  });

  test('lets what runs go on, and does not fail for what is no longer needed', async () => {
    const { graph, at } = packagesOf(notation);
    const options = { goal: at('goal:ALL'), workers: 3, dynamic: { requested: at('goal:asked') } };
    const run = await start(graph, { '/rpms/zlib.rpm': ['pkgconfig(z)'] }, options);
    expect(run.agent.running).toEqual(['other.src.rpm', 'zlib.src.rpm', 'third.src.rpm']);
    await run.agent.finish('zlib.src.rpm', ['/rpms/zlib.rpm']);
    await run.agent.started('app.src.rpm');
    await run.agent.fail('other.src.rpm');
    await run.agent.finish('third.src.rpm');
    await run.agent.finish('app.src.rpm', []);
    expect((await run.outcome).status).toBe('succeeded');
    expect(run.labels('job-blocked')).toEqual([]);
  });
});

test('a run that had to fall back on the cache is cut down too when the last name is known', async () => {
  const { graph, at } = packagesOf(
    'app -> implicit:cap(a) wanted:cap(b); p -> implicit:cap(a); more -> lost:nobody; goal:ALL -> app p more; goal:asked -> app',
  );
  const options = { goal: at('goal:ALL'), dynamic: { requested: at('goal:asked') } };
  const run = await start(graph, { '/rpms/p.rpm': ['cap(b)'] }, options);
  expect((await finishAll(run)).status).toBe('succeeded');
  expect(run.events.map(({ type }) => type)).toContain('cached-implicit-enabled');
});

describe('whatever the graph and the answers', () => {
  const seeds = Array.from({ length: 150 }, (_, seed) => seed);
  test.each(seeds)('nothing that could go on is forgotten, and nothing goes on too early (seed %i)', async (seed) => {
    const random = randomFrom(seed);
    const count = 4 + Math.floor(random() * 10);
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
    const statements: string[] = [];
    const provides: Record<string, string[]> = {};
    const providerOf = new Map<string, number>();
    for (let i = 0; i < count; i++) {
      const needs = Array.from(
        { length: Math.floor(random() * 3) },
        () => pick(['p', 'n', 'c']) + Math.floor(random() * count),
      );
      const words = needs.flatMap((need) => {
        const kind = need[0] as string;
        const number = Number(need.slice(1));
        if (kind === 'p') return number < i ? [`p${number}`] : [];
        return [`${kind === 'n' ? 'wanted' : 'implicit'}:cap(${number})`];
      });
      statements.push(`p${i}${words.length > 0 ? ` -> ${[...new Set(words)].join(' ')}` : ''}`);
      const own = random() < 0.7 ? [`cap(${i})`] : [];
      for (const name of own) providerOf.set(name, i);
      provides[`/rpms/p${i}.rpm`] = own;
    }
    // A name is wanted or cached, not both: one wish for it would hide the other.
    const text = statements
      .join('; ')
      .replaceAll(
        /(wanted|implicit):cap\((\d+)\)/g,
        (_, __, n) => `${Number(n) % 2 === 0 ? 'wanted' : 'implicit'}:cap(${n})`,
      );
    const { graph, at } = packagesOf(text);
    const fails = new Set(Array.from({ length: count }, (_, i) => i).filter(() => random() < 0.1));
    const run = await start(graph, provides);
    const done = new Set<string>();
    const order: string[] = [];
    for (;;) {
      await settled();
      if (run.agent.running.length === 0) {
        await settled();
        if (run.agent.running.length === 0) break;
      }
      const name = pick(run.agent.running);
      const id = name.replace('.src.rpm', '');
      order.push(id);
      // It may only have been started with all of its needs met, in the graph as it was then.
      const request = run.agent.requestOf(name);
      for (const need of request.graph.dependenciesOf(at(`build:${id}`))) {
        const by =
          request.graph.type(need) === NodeType.LocalRun ? request.graph.srpmPath(need).replace('/srpms/', '') : '';
        if (by !== '') expect([...done, 'done before', id]).toContain(by);
        else expect(request.graph.state(need)).toBe(NodeState.Cached);
      }
      if (fails.has(Number(id.slice(1)))) await run.agent.fail(name);
      else {
        done.add(name);
        await run.agent.finish(name, [`/rpms/${id}.rpm`]);
      }
    }
    const outcome = await run.outcome;
    // What never ran must really be stuck: some need of it failed, or never ran, or is a name that nobody who was built provides.
    for (let i = 0; i < count; i++) {
      if (order.includes(`p${i}`)) continue;
      const stuck = [...outcome.graph.dependenciesOf(at(`build:p${i}`))].some((need) => {
        if (outcome.graph.type(need) === NodeType.LocalRun)
          return !done.has(outcome.graph.srpmPath(need).replace('/srpms/', ''));
        if (outcome.graph.state(need) !== NodeState.Unresolved) return false;
        const provider = providerOf.get(outcome.graph.field(need, 'name'));
        return (
          provider === undefined ||
          !done.has(`p${provider}.src.rpm`) ||
          run.events.some(({ type }) => type === 'notice')
        );
      });
      expect({ package: i, stuck }).toEqual({ package: i, stuck: true });
    }
    expect(outcome.status).toBe(order.length === count && fails.size === 0 ? 'succeeded' : 'failed');
  });
});
