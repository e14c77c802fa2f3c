import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { type NodeId, NodeState, NodeType } from '../../src/graph/node';
import { type JobId, Plan, type PlanOptions } from '../../src/scheduler/plan';
import { CyclicPlanError } from '../../src/scheduler/plan-order';
import { graphOf, nodeOf } from '../support/graphs';
import { expectedEndings, randomFrom, randomPackages } from '../support/model';
import { packagesOf } from './package-graph';

/** Labels of the jobs that are unlocked now; takes them from the plan. */
function unlocked(plan: Plan): string[] {
  const labels: string[] = [];
  for (let job = plan.takeUnlocked(); job !== undefined; job = plan.takeUnlocked()) labels.push(labelOf(plan, job));
  return labels;
}

function labelOf(plan: Plan, job: JobId): string {
  const label = plan.graph.label(plan.jobs.firstNodeOf(job));
  return plan.jobs.isTest(job) && !label.startsWith('test:') ? `test:${label}` : label;
}

function enqueueUnlocked(plan: Plan): void {
  for (let job = plan.takeUnlocked(); job !== undefined; job = plan.takeUnlocked()) plan.enqueue(job);
}

function jobAt(plan: Plan, key: string): JobId {
  for (let job = 0; job < plan.jobs.count; job++) if (labelOf(plan, job) === key) return job;
  throw new Error(`no job '${key}' in the plan`);
}

/** The order in which one worker takes the jobs of a plan. */
function serialOrder(plan: Plan): string[] {
  const order: string[] = [];
  plan.start();
  for (;;) {
    enqueueUnlocked(plan);
    const job = plan.next();
    if (job === undefined) return order;
    order.push(labelOf(plan, job));
    plan.finish(job);
  }
}

const costs =
  (byKey: Readonly<Record<string, number>>, graph: Graph): PlanOptions['cost'] =>
  (job, jobs) =>
    byKey[graph.label(jobs.firstNodeOf(job))] ?? 1;

function chainOf(size: number, type: NodeType): GraphBuilder {
  const builder = new GraphBuilder();
  builder.addPlainNodes(size, type, NodeState.Build);
  for (let node = 1; node < size; node++) builder.addDependency(node, node - 1);
  return builder;
}

describe('what is unlocked', () => {
  test('jobs that need nothing are unlocked at the start, the others when the last job they need is done', () => {
    const plan = new Plan(graphOf('app -> lib util; lib -> core; util -> core'));
    plan.start();
    expect(unlocked(plan)).toEqual(['core']);
    plan.finish(jobAt(plan, 'core'));
    expect(unlocked(plan).sort()).toEqual(['lib', 'util']);
    plan.finish(jobAt(plan, 'util'));
    expect(unlocked(plan)).toEqual([]);
    plan.finish(jobAt(plan, 'lib'));
    expect(unlocked(plan)).toEqual(['app']);
    plan.finish(jobAt(plan, 'app'));
    expect(plan.doneCount).toBe(4);
  });

  test('a dependency that is given twice counts once', () => {
    const plan = new Plan(graphOf('app -> lib lib; app -> lib'));
    plan.start();
    plan.finish(jobAt(plan, 'lib'));
    expect(unlocked(plan)).toEqual(['lib', 'app']);
  });

  test('nodes with nothing to run are done with what they need, and are told of in an order that respects it', () => {
    const { graph, at } = packagesOf('goal:ALL -> meta:all; meta:all -> app remote:glibc; app -> lib');
    const done: NodeId[] = [];
    const plan = new Plan(graph, { onNodeDone: (node) => done.push(node) });
    plan.start();
    expect(done).toEqual([at('remote:glibc')]);
    plan.finish(plan.jobs.jobOf(at('build:lib')));
    expect(done).toEqual([at('remote:glibc'), at('lib')]);
    plan.finish(plan.jobs.jobOf(at('build:app')));
    expect(done).toEqual([at('remote:glibc'), at('lib'), at('app'), at('meta:all'), at('goal:ALL')]);
    expect(plan.doneCount).toBe(graph.size);
  });

  test('build nodes of one SRPM are one job, unlocked when the last of them needs nothing more', () => {
    const { graph, at } = packagesOf('app -> lib; app/devel -> core; tool -> app');
    const plan = new Plan(graph);
    plan.start();
    expect(unlocked(plan).sort()).toEqual(['core.src.rpm', 'lib.src.rpm']);
    plan.finish(plan.jobs.jobOf(at('build:lib')));
    expect(unlocked(plan)).toEqual([]);
    plan.finish(plan.jobs.jobOf(at('build:core')));
    expect(unlocked(plan)).toEqual(['app.src.rpm']);
    plan.finish(plan.jobs.jobOf(at('build:app/devel')));
    expect(plan.isDone(at('build:app')) && plan.isDone(at('app/devel'))).toBe(true);
    expect(unlocked(plan)).toEqual(['tool.src.rpm']);
  });

  test("a package's test is unlocked with its build, after the build", () => {
    const { graph, at } = packagesOf('test:app; app -> lib');
    const plan = new Plan(graph);
    plan.start();
    expect(unlocked(plan)).toEqual(['lib.src.rpm']);
    plan.finish(plan.jobs.jobOf(at('build:lib')));
    expect(unlocked(plan)).toEqual(['app.src.rpm', 'test:app.src.rpm']);
  });

  test('a test that needs more than its build waits for that alone', () => {
    const { graph, at } = packagesOf('test:app -> tool; app');
    const plan = new Plan(graph);
    plan.start();
    expect(unlocked(plan).sort()).toEqual(['app.src.rpm', 'tool.src.rpm']);
    plan.finish(plan.jobs.jobOf(at('build:tool')));
    expect(unlocked(plan)).toEqual(['test:app.src.rpm']);
  });

  test('the tests of one SRPM wait for what any of them needs, also where the build is ready from the start', () => {
    const { graph, at } = packagesOf('app; app/devel; test:app; test:app/devel -> tool');
    const plan = new Plan(graph);
    plan.start();
    expect(unlocked(plan).sort()).toEqual(['app.src.rpm', 'tool.src.rpm']);
    plan.finish(plan.jobs.jobOf(at('build:tool')));
    expect(unlocked(plan)).toEqual(['test:app.src.rpm']);
  });

  test('a test without an SRPM waits for its build like any other job', () => {
    const plan = new Plan(graphOf('test:app -> app'));
    plan.start();
    expect(unlocked(plan)).toEqual(['app']);
    plan.finish(jobAt(plan, 'app'));
    expect(unlocked(plan)).toEqual(['test:app']);
  });

  test('a job knows which job unlocked it, also through nodes that run nothing', () => {
    const { graph, at } = packagesOf('app -> meta:m; meta:m -> lib core; test:app');
    const plan = new Plan(graph);
    const job = (name: string) => plan.jobs.jobOf(at(name));
    plan.start();
    plan.finish(job('build:core'));
    plan.finish(job('build:lib'));
    expect(plan.unlockerOf(job('build:core'))).toBeUndefined();
    expect(plan.unlockerOf(job('build:app'))).toBe(job('build:lib'));
    expect(plan.unlockerOf(job('test:app'))).toBe(job('build:lib'));
  });

  test('only what the goal needs takes part', () => {
    const { graph, at } = packagesOf('goal:G -> app; app -> lib; other -> lib; test:app');
    const plan = new Plan(graph, { goal: at('goal:G') });
    expect(plan.jobs.count).toBe(2);
    expect(serialOrder(plan)).toEqual(['lib.src.rpm', 'app.src.rpm']);
    expect(plan.isDone(at('goal:G'))).toBe(true);
    expect(plan.isIncluded(at('other'))).toBe(false);
    expect(plan.isDone(at('other'))).toBe(false);
  });

  test('an empty graph has nothing to do', () => {
    const plan = new Plan(new GraphBuilder().build());
    plan.start();
    expect(plan.takeUnlocked()).toBeUndefined();
    expect(plan.next()).toBeUndefined();
    expect(plan.giveUp()).toEqual([]);
  });
});

describe('which job is next', () => {
  const graph = graphOf('short -> a; long2 -> long1; long1 -> b; c');

  test('the job with the costliest chain behind it goes first', () => {
    const plan = new Plan(graph, { cost: costs({ long1: 5, long2: 5, c: 3 }, graph) });
    expect(plan.criticalPathOf(jobAt(plan, 'b'))).toBe(11);
    expect(plan.criticalPathOf(jobAt(plan, 'a'))).toBe(2);
    expect(serialOrder(plan)).toEqual(['b', 'long1', 'long2', 'c', 'a', 'short']);
  });

  test('a cheap job with a costly job behind it goes before a dear one with nothing behind it', () => {
    const two = graphOf('dear; after -> cheap');
    expect(serialOrder(new Plan(two, { cost: costs({ dear: 8, cheap: 1, after: 9 }, two) }))).toEqual([
      'cheap',
      'after',
      'dear',
    ]);
  });

  test('with unit costs the longest chain counts, and equal jobs go by their number', () => {
    expect(serialOrder(new Plan(graph))).toEqual(['b', 'a', 'long1', 'short', 'long2', 'c']);
  });

  test('of equally urgent jobs builds go before tests, then the lower number', () => {
    expect(serialOrder(new Plan(graphOf('test:z; y; test:x; w')))).toEqual(['y', 'w', 'test:z', 'test:x']);
  });

  test("a package's test does not make its build more urgent, as nothing waits for it", () => {
    const { graph, at } = packagesOf('test:app; app; tool -> lib');
    const plan = new Plan(graph, { cost: (job, jobs) => (jobs.isTest(job) ? 100 : 1) });
    expect(plan.criticalPathOf(plan.jobs.jobOf(at('build:app')))).toBe(1);
    expect(plan.criticalPathOf(plan.jobs.jobOf(at('build:lib')))).toBe(2);
  });

  test('an SRPM is as urgent as the most urgent of its nodes, and costs once', () => {
    for (const needed of ['app', 'app/devel', 'app/doc']) {
      const { graph, at } = packagesOf(`app; app/devel; app/doc; tool -> ${needed}; top -> tool`);
      const plan = new Plan(graph, { cost: () => 10 });
      expect(plan.criticalPathOf(plan.jobs.jobOf(at('build:app')))).toBe(30);
    }
  });

  test('what the goal leaves out does not count', () => {
    const { graph, at } = packagesOf('goal:G -> app; far -> app; farther -> far');
    const plan = new Plan(graph, { goal: at('goal:G') });
    expect(plan.criticalPathOf(plan.jobs.jobOf(at('build:app')))).toBe(1);
  });

  test('in fifo order jobs go in the order in which they were queued', () => {
    const plan = new Plan(graphOf('z -> y; x -> w; v'), { order: 'fifo' });
    plan.start();
    expect(unlocked(plan)).toEqual(['y', 'w', 'v']);
    for (const key of ['v', 'y', 'w']) plan.enqueue(jobAt(plan, key));
    const order: string[] = [];
    for (let job = plan.next(); job !== undefined; job = plan.next()) {
      order.push(labelOf(plan, job));
      plan.finish(job);
      enqueueUnlocked(plan);
    }
    expect(order).toEqual(['v', 'y', 'w', 'z', 'x']);
  });

  test('in fifo order a job still knows the cost of the chain that starts with it', () => {
    const plan = new Plan(graphOf('z -> y; y -> x'), { order: 'fifo' });
    plan.start();
    enqueueUnlocked(plan);
    expect(plan.criticalPathOf(jobAt(plan, 'x'))).toBe(3);
  });

  test('the most urgent job that fits is taken, and the others keep their places', () => {
    const plan = new Plan(graph);
    plan.start();
    enqueueUnlocked(plan);
    expect(labelOf(plan, plan.next((job) => labelOf(plan, job) === 'c') as JobId)).toBe('c');
    expect(plan.next(() => false)).toBeUndefined();
    expect(plan.queuedCount).toBe(2);
    expect(labelOf(plan, plan.next() as JobId)).toBe('b');
  });
});

describe('what is held back', () => {
  test('held nodes wait until they are released, and everything behind them goes on then', () => {
    const { graph, at } = packagesOf('app -> implicit:tool implicit:data; lib');
    const plan = new Plan(graph, { holdBack: (now, node) => now.isImplicit(node) });
    plan.start();
    expect(unlocked(plan)).toEqual(['lib.src.rpm']);
    expect(plan.isDone(at('implicit:tool'))).toBe(false);
    expect(plan.releaseHeld()).toBe(true);
    expect(unlocked(plan)).toEqual(['app.src.rpm']);
    expect(plan.releaseHeld()).toBe(false);
  });

  test('after the release nothing is held back any more', () => {
    const { graph, at } = packagesOf('app -> implicit:tool; later -> implicit:rare; implicit:rare -> app');
    const plan = new Plan(graph, { holdBack: (now, node) => now.isImplicit(node) });
    plan.start();
    plan.releaseHeld();
    plan.finish(plan.jobs.jobOf(at('build:app')));
    expect(plan.isDone(at('implicit:rare'))).toBe(true);
  });

  test('what waits for a held node is blocked by it when the plan gives up', () => {
    const { graph, at } = packagesOf('app -> implicit:tool');
    const plan = new Plan(graph, { holdBack: () => true });
    plan.start();
    expect(plan.giveUp()).toEqual([plan.jobs.jobOf(at('build:app'))]);
    expect(plan.causeOf(at('build:app'))).toEqual({ kind: 'node', node: at('implicit:tool') });
  });
});

describe('what fails', () => {
  test('a failure blocks all that needs it, directly or not, and names itself as the cause', () => {
    const graph = graphOf('top -> app; app -> lib; lib -> core; other -> core');
    const plan = new Plan(graph);
    plan.start();
    plan.finish(jobAt(plan, 'core'));
    expect(unlocked(plan)).toEqual(['core', 'lib', 'other']);
    const blocked = plan.fail(jobAt(plan, 'lib'));
    expect(blocked.map((job) => labelOf(plan, job)).sort()).toEqual(['app', 'top']);
    expect(plan.causeOf(nodeOf(graph, 'top'))).toEqual({ kind: 'job', job: jobAt(plan, 'lib') });
    expect(plan.causeOf(nodeOf(graph, 'lib'))).toBeUndefined();
    expect(plan.causeOf(nodeOf(graph, 'other'))).toBeUndefined();
    expect(unlocked(plan)).toEqual([]);
  });

  test('the first failure stays the cause, and a job is blocked once', () => {
    const graph = graphOf('app -> a b; top -> app');
    const plan = new Plan(graph);
    plan.start();
    expect(plan.fail(jobAt(plan, 'b'))).toHaveLength(2);
    expect(plan.fail(jobAt(plan, 'a'))).toEqual([]);
    expect(plan.causeOf(nodeOf(graph, 'app'))).toEqual({ kind: 'job', job: jobAt(plan, 'b') });
  });

  test('a blocked job is not unlocked by what it needs beside', () => {
    const plan = new Plan(graphOf('app -> a b'));
    plan.start();
    unlocked(plan);
    plan.fail(jobAt(plan, 'a'));
    plan.finish(jobAt(plan, 'b'));
    expect(unlocked(plan)).toEqual([]);
  });

  test('one blocked node blocks all nodes of its SRPM, and what needs any of them', () => {
    const { graph, at } = packagesOf('app -> bad; app/devel -> good; tool -> app/devel');
    const plan = new Plan(graph);
    plan.start();
    expect(
      plan
        .fail(plan.jobs.jobOf(at('build:bad')))
        .map((job) => labelOf(plan, job))
        .sort(),
    ).toEqual(['app.src.rpm', 'tool.src.rpm']);
    expect(plan.causeOf(at('tool'))).toEqual({ kind: 'job', job: plan.jobs.jobOf(at('build:bad')) });
  });

  test('a failed build does not block its own test, which is unlocked already', () => {
    const { graph, at } = packagesOf('app -> lib; test:app; tool -> app');
    const plan = new Plan(graph);
    plan.start();
    plan.finish(plan.jobs.jobOf(at('build:lib')));
    unlocked(plan);
    expect(plan.fail(plan.jobs.jobOf(at('build:app'))).map((job) => labelOf(plan, job))).toEqual(['tool.src.rpm']);
    expect(plan.causeOf(at('test:app'))).toBeUndefined();
  });

  test('a failed build that was ready from the start does not block its own test either', () => {
    const { graph, at } = packagesOf('app; test:app');
    const plan = new Plan(graph);
    plan.start();
    expect(unlocked(plan)).toEqual(['app.src.rpm', 'test:app.src.rpm']);
    expect(plan.fail(plan.jobs.jobOf(at('build:app')))).toEqual([]);
  });

  test('a failed build does not block its own test where that still waits for something else', () => {
    const { graph, at } = packagesOf('app; test:app -> tool');
    const plan = new Plan(graph);
    plan.start();
    unlocked(plan);
    expect(plan.fail(plan.jobs.jobOf(at('build:app')))).toEqual([]);
    plan.finish(plan.jobs.jobOf(at('build:tool')));
    expect(unlocked(plan)).toEqual(['test:app.src.rpm']);
  });

  test('a build that is blocked blocks its test', () => {
    const { graph, at } = packagesOf('app -> bad; test:app');
    const plan = new Plan(graph);
    plan.start();
    const blocked = plan.fail(plan.jobs.jobOf(at('build:bad')));
    expect(blocked.map((job) => labelOf(plan, job)).sort()).toEqual(['app.src.rpm', 'test:app.src.rpm']);
  });

  test('what needs something that nobody provides is blocked when the plan gives up, not before', () => {
    const { graph, at } = packagesOf('app -> lost:qt; top -> app; free');
    const plan = new Plan(graph);
    plan.start();
    expect(unlocked(plan)).toEqual(['free.src.rpm']);
    expect(plan.unresolved).toEqual([at('lost:qt')]);
    expect(plan.causeOf(at('build:app'))).toBeUndefined();
    expect(
      plan
        .giveUp()
        .map((job) => labelOf(plan, job))
        .sort(),
    ).toEqual(['app.src.rpm', 'top.src.rpm']);
    expect(plan.causeOf(at('build:top'))).toEqual({ kind: 'node', node: at('lost:qt') });
    expect(plan.giveUp()).toEqual([]);
  });
});

describe('circles', () => {
  /** A circle is real where each node, or another of its job, needs the next, and the last is of the first one's job. */
  function cycleOf(graph: Graph, options?: PlanOptions): NodeId[] {
    let thrown: unknown;
    try {
      new Plan(graph, options);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(CyclicPlanError);
    const { cycle } = thrown as CyclicPlanError;
    const family = (node: NodeId) =>
      Array.from({ length: graph.size }, (_, other) => other).filter(
        (other) =>
          other === node ||
          (graph.isWork(node) &&
            graph.types[node] === graph.types[other] &&
            graph.srpmPath(node) !== '' &&
            graph.srpmPath(node) === graph.srpmPath(other)),
      );
    expect(cycle.length).toBeGreaterThan(1);
    for (let i = 0; i + 1 < cycle.length; i++) {
      const needs = family(cycle[i] as NodeId).flatMap((node) => [...graph.dependenciesOf(node)]);
      expect(needs).toContain(cycle[i + 1]);
    }
    expect(family(cycle[0] as NodeId)).toContain(cycle.at(-1));
    return [...cycle];
  }

  test('a circle of jobs is refused and shown, without what only leads to it or hangs on it', () => {
    const graph = graphOf('in -> a; a -> b; b -> c; c -> a; c -> out');
    const cycle = cycleOf(graph).map((node) => graph.label(node));
    expect(new Set(cycle)).toEqual(new Set(['a', 'b', 'c']));
    expect(cycle).toHaveLength(4);
    expect(() => new Plan(graph)).toThrow(/need each other in a circle/);
  });

  test('a node that needs itself is a circle', () => {
    const graph = graphOf('a -> a');
    expect(cycleOf(graph)).toEqual([0, 0]);
  });

  test('a circle of nodes that run nothing is refused too', () => {
    cycleOf(graphOf('app -> meta:x; meta:x -> meta:y; meta:y -> meta:x'));
  });

  test('two SRPMs that need each other through different packages are a circle, though their nodes are none', () => {
    const { graph } = packagesOf('a -> b; b/devel -> a/devel');
    cycleOf(graph);
  });

  test('a circle is refused in fifo order as well', () => {
    cycleOf(graphOf('a -> b; b -> a'), { order: 'fifo' });
  });

  test('a circle that the goal does not need is no trouble', () => {
    const { graph, at } = packagesOf('goal:G -> app; x -> y; y -> x');
    expect(serialOrder(new Plan(graph, { goal: at('goal:G') }))).toEqual(['app.src.rpm']);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('a random graph with a circle in it shows a real one (seed %i)', (seed) => {
    const random = randomFrom(seed);
    const graph = randomPackages(random, 30);
    const builder = new GraphBuilder();
    builder.addGraph(graph);
    const builds = Array.from({ length: graph.size }, (_, node) => node).filter((node) => graph.isWork(node));
    const bottom = builds.find((node) => graph.dependentsOf(node).length > 0) as NodeId;
    builder.addDependency(bottom, graph.dependentsOf(bottom)[0] as NodeId);
    cycleOf(builder.build());
  });
});

describe('large graphs', () => {
  test('a chain of 200,000 jobs is planned, run and blocked without overflowing the stack', () => {
    const graph = chainOf(200_000, NodeType.LocalBuild).build();
    const plan = new Plan(graph);
    expect(plan.criticalPathOf(0)).toBe(200_000);
    plan.start();
    let inOrder = 0;
    for (let job = 0; job < 100_000; job++) {
      if (plan.takeUnlocked() === job) inOrder++;
      plan.finish(job);
    }
    expect(inOrder).toBe(100_000);
    expect(plan.fail(100_000)).toHaveLength(99_999);
  });

  test('a chain of 200,000 nodes that run nothing is done at once', () => {
    const plan = new Plan(chainOf(200_000, NodeType.PureMeta).build());
    plan.start();
    expect(plan.doneCount).toBe(200_000);
  });

  test('a circle of 200,000 jobs is found', () => {
    const builder = chainOf(200_000, NodeType.LocalBuild);
    builder.addDependency(0, 199_999);
    expect(() => new Plan(builder.build())).toThrow(CyclicPlanError);
  });

  test('a job that needs 100,000 others is unlocked by the last of them', () => {
    const builder = new GraphBuilder();
    builder.addPlainNodes(100_001, NodeType.LocalBuild, NodeState.Build);
    for (let node = 0; node < 100_000; node++) builder.addDependency(100_000, node);
    const plan = new Plan(builder.build());
    plan.start();
    enqueueUnlocked(plan);
    expect(plan.queuedCount).toBe(100_000);
    let tooEarly = 0;
    for (let left = 100_000; left > 0; left--) {
      if (plan.takeUnlocked() !== undefined) tooEarly++;
      plan.finish(plan.next() as JobId);
    }
    expect(tooEarly).toBe(0);
    expect(plan.takeUnlocked()).toBe(100_000);
  });

  test('200,000 jobs that wait for one missing package are all blocked by it', () => {
    const builder = new GraphBuilder();
    builder.addPlainNodes(200_000, NodeType.LocalBuild, NodeState.Build);
    const lost = builder.addNode({ type: NodeType.RemoteRun, state: NodeState.Unresolved, name: 'lost' });
    for (let node = 0; node < 200_000; node++) builder.addDependency(node, lost);
    const plan = new Plan(builder.build());
    plan.start();
    expect(plan.giveUp()).toHaveLength(200_000);
  });
});

describe('random graphs', () => {
  interface Trial {
    readonly graph: Graph;
    readonly order: string[];
    readonly endings: string[];
    /** Jobs that started before something they need was over. */
    readonly tooEarly: string[];
    readonly makespan: number;
  }

  /** Runs a plan on so many workers in simulated time; what runs shortest ends first. */
  function run(graph: Graph, seed: number, order: 'critical-path' | 'fifo' = 'critical-path', failures = 0.1): Trial {
    const random = randomFrom(seed);
    const workers = 1 + Math.floor(random() * 6);
    const costOf = Array.from({ length: graph.size }, () => 1 + Math.floor(random() * 20));
    const fails = Array.from({ length: graph.size }, () => random() < failures);
    const plan = new Plan(graph, { order, cost: (job, jobs) => costOf[jobs.firstNodeOf(job)] as number });
    const endings = new Map<JobId, string>();
    const tooEarly: string[] = [];
    const started: string[] = [];
    const running: { readonly job: JobId; readonly ends: number }[] = [];
    const end = (job: JobId, how: string) => {
      if (endings.has(job)) tooEarly.push(`${labelOf(plan, job)} ended twice: ${endings.get(job)}, ${how}`);
      endings.set(job, how);
    };
    let now = 0;
    plan.start();
    for (;;) {
      enqueueUnlocked(plan);
      while (running.length < workers) {
        const job = plan.next();
        if (job === undefined) break;
        started.push(`${now} ${labelOf(plan, job)}`);
        for (const node of plan.jobs.nodesOf(job)) {
          for (const need of graph.dependenciesOf(node)) {
            const ofOwnBuild =
              plan.jobs.isTest(job) && graph.srpmPath(need) === graph.srpmPath(node) && graph.isWork(need);
            if (!ofOwnBuild && !plan.isDone(need)) tooEarly.push(labelOf(plan, job));
          }
        }
        running.push({ job, ends: now + (costOf[plan.jobs.firstNodeOf(job)] as number) });
      }
      running.sort((a, b) => a.ends - b.ends || a.job - b.job);
      const first = running.shift();
      if (!first) break;
      now = first.ends;
      if (plan.jobs.nodesOf(first.job).some((node) => fails[node])) {
        end(first.job, 'failed');
        for (const job of plan.fail(first.job)) end(job, 'blocked');
      } else {
        end(first.job, 'done');
        plan.finish(first.job);
      }
    }
    for (const job of plan.giveUp()) end(job, 'blocked');
    const expected = expectedEndings(graph, (node) => fails[node] as boolean);
    const names = (of: (job: JobId) => string | undefined) =>
      Array.from({ length: plan.jobs.count }, (_, job) => `${labelOf(plan, job)} ${of(job)}`);
    expect(names((job) => endings.get(job))).toEqual(names((job) => expected[plan.jobs.firstNodeOf(job)]));
    return { graph, order: started, endings: names((job) => endings.get(job)), tooEarly, makespan: now };
  }

  test('every job starts after all it needs, and ends once: done, failed, or blocked, as a naive model says', () => {
    for (let seed = 1; seed <= 150; seed++) {
      const trial = run(randomPackages(randomFrom(seed), 5 + (seed % 40)), seed);
      expect({ seed, tooEarly: trial.tooEarly }).toEqual({ seed, tooEarly: [] });
    }
  });

  test('the same graph, costs and failures give the same order twice', () => {
    for (const seed of [3, 14, 159]) {
      const again = () => run(randomPackages(randomFrom(seed), 60), seed).order;
      expect(again()).toEqual(again());
    }
  });

  test('critical-path order is on average at least as fast as fifo', () => {
    let fifo = 0;
    let critical = 0;
    for (let seed = 1000; seed < 1100; seed++) {
      const graph = randomPackages(randomFrom(seed), 40);
      fifo += run(graph, seed, 'fifo', 0).makespan;
      critical += run(graph, seed, 'critical-path', 0).makespan;
    }
    expect(critical).toBeLessThan(fifo);
  });
});
