import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { type NodeId, NodeState, NodeType } from '../../src/graph/node';
import { FreshnessRule } from '../../src/scheduler/rebuild/freshness';
import { Scheduler } from '../../src/scheduler/scheduler';
import { randomFrom } from '../support/model';

interface Case {
  readonly graph: Graph;
  readonly max: number;
  readonly noCache: boolean;
  readonly missing: ReadonlySet<string>;
  readonly rebuild: ReadonlySet<NodeId>;
  readonly ignore: ReadonlySet<NodeId>;
  /** SRPMs whose builds leave no RPMs. */
  readonly barren: ReadonlySet<string>;
}

/**
 * The rule in its plainest form, as the toolkit's description has it: each node is asked, and asks what it needs. By the first node of
 * each build or test, what becomes of it.
 */
function expected({ graph, max, noCache, missing, rebuild, ignore, barren }: Case): Map<NodeId, string> {
  const nodes = Array.from({ length: graph.size }, (_, node) => node);
  const { types } = graph;
  const srpm = (node: NodeId) => graph.srpmPath(node);
  const record = (node: NodeId) => `${graph.field(node, 'name')} ${graph.field(node, 'version')}`;
  const listed = [...rebuild].filter((node) => types[node] !== NodeType.Test).map(record);
  const group = (node: NodeId) =>
    graph.isWork(node) ? nodes.filter((other) => types[other] === types[node] && srpm(other) === srpm(node)) : [node];
  const expectedRpms = (node: NodeId) =>
    srpm(node) === '' ? [] : nodes.filter((other) => srpm(other) === srpm(node)).map((other) => graph.rpmPath(other));
  const missingRpms = (node: NodeId) => {
    const gone = expectedRpms(node).filter((path) => missing.has(path));
    const afterBuild = types[node] === NodeType.LocalRun && !barren.has(srpm(node));
    return afterBuild && state(buildOf(node)).outcome === 'built' ? [] : gone;
  };
  const buildOf = (node: NodeId) =>
    nodes.find((other) => types[other] === NodeType.LocalBuild && srpm(other) === srpm(node)) as NodeId;
  const states = new Map<NodeId, { fresh: number; useCache: boolean; outcome: string }>();
  function state(node: NodeId): { fresh: number; useCache: boolean; outcome: string } {
    const first = group(node)[0] as NodeId;
    const known = states.get(first);
    if (known) return known;
    const isTest = types[first] === NodeType.Test;
    const isListed = (other: NodeId) => (isTest ? rebuild.has(other) : listed.includes(record(other)));
    const required = missingRpms(first).length > 0 || group(first).some(isListed);
    const cacheAllowed = isTest ? state(buildOf(first)).useCache : !noCache;
    let [fresh, useCache] = [max, false];
    if (!required && cacheAllowed) {
      [fresh, useCache] = [0, true];
      for (const need of group(first).flatMap((other) => [...graph.dependenciesOf(other)])) {
        if (types[need] === NodeType.RemoteRun) continue;
        const of = state(need).fresh;
        if (of > 0) useCache = false;
        fresh = Math.max(fresh, types[need] === NodeType.LocalRun && of > 0 ? of - 1 : of);
      }
    }
    const leftAlone = group(first).some((other) => ignore.has(other)) && (isTest || missingRpms(first).length === 0);
    const outcome = useCache ? 'cached' : leftAlone ? 'ignored' : 'built';
    states.set(first, { fresh, useCache, outcome });
    return states.get(first)!;
  }
  const work = nodes.filter((node) => graph.isWork(node) && group(node)[0] === node);
  return new Map(work.map((node) => [node, state(node).outcome]));
}

/** Packages of some RPMs each, with tests, collections, prebuilt stand-ins and remote packages among what they need. */
function randomCase(random: () => number): Case {
  const builder = new GraphBuilder();
  const chance = (probability: number) => random() < probability;
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
  const needable: NodeId[] = [];
  const builds: NodeId[] = [];
  const tests: NodeId[] = [];
  const rpms: string[] = [];
  const srpms: string[] = [];
  const needs = () =>
    needable.length === 0 ? [] : Array.from({ length: Math.floor(random() * 3) }, () => pick(needable));
  for (let i = 0; i < 3 + Math.floor(random() * 10); i++) {
    const srpmPath = `/srpms/p${i}.src.rpm`;
    srpms.push(srpmPath);
    const own = needs();
    const runs: NodeId[] = [];
    for (let part = 0; part < 1 + Math.floor(random() * 2.5); part++) {
      const record = { name: `p${i}-${part}`, version: '1', srpmPath, rpmPath: `/rpms/p${i}-${part}.rpm` };
      const build = builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Build, ...record });
      const run = builder.addNode({ type: NodeType.LocalRun, state: NodeState.Meta, ...record });
      rpms.push(record.rpmPath);
      builds.push(build);
      runs.push(run);
      builder.addDependency(run, build);
      for (const need of [...own, ...(chance(0.1) ? needs() : [])]) builder.addDependency(build, need);
      for (const need of chance(0.4) ? needs() : []) builder.addDependency(run, need);
      if (chance(0.15))
        needable.push(builder.addNode({ type: NodeType.PreBuilt, state: NodeState.UpToDate, ...record }));
      if (i % 2 === 0) {
        const test = builder.addNode({ type: NodeType.Test, state: NodeState.Build, ...record, rpmPath: undefined });
        tests.push(test);
        builder.addDependency(test, build);
        for (const need of needs()) builder.addDependency(test, need);
      }
    }
    needable.push(...runs);
    if (chance(0.2)) {
      const meta = builder.addNode({ type: NodeType.PureMeta, state: NodeState.Meta });
      for (const run of runs) builder.addDependency(meta, run);
      needable.push(meta);
    }
    if (chance(0.2)) {
      const remote = { type: NodeType.RemoteRun, state: NodeState.Cached, name: `r${i}`, rpmPath: `/cache/r${i}.rpm` };
      needable.push(builder.addNode(remote));
    }
  }
  const some = <T>(from: readonly T[], probability: number) => new Set(from.filter(() => chance(probability)));
  return {
    graph: builder.build(),
    max: pick([0, 1, 2, 3, 2 ** 64]),
    noCache: chance(0.05),
    missing: some(rpms, pick([0, 0.05, 0.3])),
    rebuild: some([...builds, ...tests], pick([0, 0.03, 0.1])),
    ignore: some([...builds, ...tests], pick([0, 0.1])),
    barren: some(srpms, 0.1),
  };
}

async function decided(given: Case): Promise<Map<NodeId, string>> {
  const { graph, max, noCache, rebuild, ignore, barren } = given;
  const gone = new Set(given.missing);
  const outcomes = new Map<NodeId, string>();
  const scheduler: Scheduler = new Scheduler({
    graph,
    workers: 2,
    runId: 'x',
    agent: {
      name: 'test',
      build: async ({ node, kind, job }) => {
        if (kind === 'build' && !barren.has(graph.srpmPath(node)))
          for (const member of scheduler.jobs.nodesOf(job)) gone.delete(graph.rpmPath(member));
        return { ok: true, builtFiles: [] };
      },
    },
    rebuild: (g, jobs) =>
      new FreshnessRule(g, jobs, {
        maxCascadingRebuilds: max,
        noCache,
        rebuild,
        ignore,
        exists: (path) => !gone.has(path),
      }),
    listeners: [
      (event) => {
        if (event.type === 'job-queued') outcomes.set(event.node, 'built');
        if (event.type === 'job-skipped') outcomes.set(event.node, event.how);
      },
    ],
  });
  expect((await scheduler.run()).status).toBe('succeeded');
  return outcomes;
}

test('a thousand random graphs with random disks and lists are decided as by the plain rule', async () => {
  const seen: Record<string, number> = {};
  for (let seed = 1; seed <= 1000; seed++) {
    const given = randomCase(randomFrom(seed));
    const outcomes = await decided(given);
    const byPlainRule = expected(given);
    expect({ seed, outcomes: [...outcomes].sort(byNode) }).toEqual({ seed, outcomes: [...byPlainRule].sort(byNode) });
    for (const outcome of outcomes.values()) seen[outcome] = (seen[outcome] ?? 0) + 1;
  }
  // Random cases that never meet a case prove nothing.
  expect(Object.keys(seen).sort()).toEqual(['built', 'cached', 'ignored']);
  for (const times of Object.values(seen)) expect(times).toBeGreaterThan(100);
});

const byNode = ([a]: readonly [NodeId, string], [b]: readonly [NodeId, string]) => a - b;
