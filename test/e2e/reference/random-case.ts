import { basename } from 'node:path';
import { type Graph, GraphBuilder, type NodeRecord } from '../../../src/graph/graph';
import { NodeState, NodeType } from '../../../src/graph/node';
import type { ModelFlags, ModelWorld } from './toolkit-model';

export interface RandomCase {
  readonly graph: Graph;
  readonly flags: ModelFlags;
  readonly world: ModelWorld;
}

/** Numbers from 0 to 1, the same for the same seed. */
export function chanceFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Dice {
  private readonly next: () => number;

  constructor(seed: number) {
    this.next = chanceFrom(seed);
  }

  is(probability: number): boolean {
    return this.next() < probability;
  }

  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  some<T>(from: readonly T[], atMost: number): T[] {
    const left = [...from];
    const count = this.below(atMost + 1);
    return Array.from({ length: Math.min(count, left.length) }, () => left.splice(this.below(left.length), 1)[0] as T);
  }

  /** Some words, with a blank or more between. */
  words(from: readonly string[], atMost: number): string {
    return this.some(from, atMost).join(this.is(0.5) ? ' ' : ' \t ');
  }
}

const REMOTE = { srpmPath: '<NO_SRPM_PATH>', specPath: '<NO_SPEC_PATH>', sourceRepo: '<NO_SOURCE_REPO>' };

/**
 * A toolkit graph of a few specs with sub-packages, tests, packages from elsewhere, names that only a build reveals, PreBuilt and PureMeta
 * nodes and deltas; flags; what is on disk; and what fails. All of it follows from the seed.
 */
export function randomCase(seed: number): RandomCase {
  const dice = new Dice(seed);
  const builder = new GraphBuilder();
  const specs: { name: string; srpm: string; runs: number[]; packages: string[]; rpms: string[]; hasTest: boolean }[] =
    [];
  const records = new Map<number, NodeRecord>();
  const members: number[] = [];
  const remotes: number[] = [];
  const provided = new Map<string, string[]>();
  const findsNames = dice.is(0.4);
  const remote = (name: string, state: NodeState, more: Partial<NodeRecord> = {}) => {
    const implicit = /\(.*\)|^\//.test(name);
    const rpmPath = state === NodeState.Cached ? `/cache/${name}.rpm` : '<NO_RPM_PATH>';
    const node = builder.addNode({ type: NodeType.RemoteRun, state, name, implicit, rpmPath, ...REMOTE, ...more });
    remotes.push(node);
    members.push(node);
    return node;
  };
  const plain = [remote('far', NodeState.Cached), remote('away', NodeState.Cached, { condition: '>=', version: '2' })];
  if (dice.is(0.15)) plain.push(remote('lost', NodeState.Unresolved));
  const secret = dice.is(0.6) ? [remote('pkgconfig(far)', NodeState.Cached)] : [];
  if (dice.is(0.1)) secret.push(remote('/bin/lost', NodeState.Unresolved));

  const count = 3 + dice.below(10);
  for (let i = 0; i < count; i++) {
    const name = `s${i}`;
    const version = '1.0-1';
    const srpm = `/srpms/${name}-${version}.src.rpm`;
    const isDelta = dice.is(0.1);
    const hasTest = dice.is(0.5);
    const packages = [name, ...['devel', 'libs'].filter(() => dice.is(0.4)).map((sub) => `${name}-${sub}`)];
    const record = (of: string): Partial<NodeRecord> => ({
      name: of,
      version,
      condition: '=',
      srpmPath: srpm,
      rpmPath: `${isDelta ? '/cache' : '/rpms'}/${of}-${version}.rpm`,
      specPath: `/specs/${name}.spec`,
      sourceRepo: '<LOCAL_REPO>',
    });
    const below = specs.flatMap(({ runs }) => runs);
    const standIns = dice.is(0.2)
      ? dice
          .some(below, 1)
          .flatMap((run) => records.get(run) ?? [])
          .map((of) => builder.addNode({ ...of, type: NodeType.PreBuilt, state: NodeState.UpToDate }))
      : [];
    const needs = [...dice.some(below, 3), ...dice.some([...plain, ...secret], 1), ...standIns];
    const testNeeds = [...dice.some(below, 2), ...dice.some([...plain, ...secret], 1)];
    const runs: number[] = [];
    for (const of of packages) {
      const state = isDelta ? NodeState.Delta : undefined;
      const add = (fields: NodeRecord) => {
        const node = builder.addNode(fields);
        records.set(node, fields);
        return node;
      };
      const run = add({ ...record(of), type: NodeType.LocalRun, state: state ?? NodeState.Meta });
      const build = add({ ...record(of), type: NodeType.LocalBuild, state: state ?? NodeState.Build });
      builder.addDependency(run, build);
      for (const need of needs) builder.addDependency(build, need);
      for (const need of [...dice.some(below, 2), ...dice.some([...runs, ...plain, ...secret], 1)])
        builder.addDependency(run, need);
      runs.push(run);
      members.push(run);
      if (!hasTest) continue;
      const test = add({ ...record(of), rpmPath: '<NO_RPM_PATH>', type: NodeType.Test, state: NodeState.Build });
      builder.addDependency(test, build);
      for (const need of testNeeds) builder.addDependency(test, need);
      if (seed % 3 === 0) builder.addDependency(test, runs[0] as number);
      members.push(test);
    }
    const meta = dice.is(0.15) ? builder.addNode({ type: NodeType.PureMeta, state: NodeState.Meta }) : undefined;
    if (meta !== undefined) for (const run of runs) builder.addDependency(meta, run);
    specs.push({
      name,
      srpm,
      runs: meta === undefined ? runs : [...runs, meta],
      packages,
      rpms: packages.map((of) => record(of).rpmPath as string),
      hasTest,
    });
    // Only what comes later needs the name, so that no circle closes when it is found out.
    if (findsNames && dice.is(0.3)) {
      const secretName = `pkgconfig(${name})`;
      secret.push(remote(secretName, dice.is(0.7) ? NodeState.Cached : NodeState.Unresolved));
      provided.set(dice.some(specs.at(-1)?.rpms ?? [], 1)[0] ?? (specs.at(-1)?.rpms[0] as string), [
        `${secretName} = 1.0`,
      ]);
    }
  }
  const goal = builder.addNode({ type: NodeType.Goal, state: NodeState.Meta, goalName: 'ALL', ...REMOTE });
  for (const member of members) builder.addDependency(goal, member);

  const names = specs.map(({ name }) => name);
  const tested = specs.filter(({ hasTest }) => hasTest).map(({ name }) => name);
  const srpms = specs.map(({ srpm }) => basename(srpm));
  const rebuild = dice.is(0.4) ? dice.words(names, 2) : '';
  const rerunTests = dice.is(0.2) ? dice.words(tested, 2) : '';
  const without = (all: readonly string[], words: string) => all.filter((name) => !words.split(/\s+/).includes(name));
  const flags: ModelFlags = {
    packages: dice.is(0.4) ? dice.words(names, 2) : '',
    rebuild,
    ignored: dice.is(0.3) ? dice.words(without(names, rebuild), 2) : '',
    tests: dice.is(0.4) ? dice.words(tested, 2) : '',
    rerunTests,
    ignoredTests: dice.is(0.2) ? dice.words(without(tested, rerunTests), 2) : '',
    extraLayers: dice.is(0.3) ? dice.below(4) : 0,
    maxCascadingRebuilds: dice.is(0.6) ? dice.below(4) : undefined,
    noCache: dice.is(0.08),
    optimizeWithCachedImplicit: dice.is(0.4),
    image: dice.is(0.15)
      ? dice
          .some(
            specs.flatMap(({ packages }) => packages),
            2,
          )
          .map((name) => ({ name }))
      : [],
  };
  const rpms = specs.flatMap((spec) => spec.rpms);
  const missing = new Set(dice.is(0.3) ? rpms : dice.is(0.7) ? dice.some(rpms, 3) : []);
  const failing = (probability: number, most: number) => new Set(dice.is(probability) ? dice.some(srpms, most) : []);
  return {
    graph: builder.build(),
    flags,
    world: {
      isOnDisk: (rpm) => !missing.has(rpm),
      fails: failing(0.4, 2),
      failsTest: failing(0.2, 2),
      failsCheck: failing(0.2, 2),
      namesRpms: dice.is(0.5),
      provides: findsNames ? (rpm) => provided.get(rpm) ?? [] : undefined,
    },
  };
}
