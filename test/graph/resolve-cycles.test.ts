import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { findKnots } from '../../src/graph/cycles/cycles';
import { type CycleFix, resolveCycles, UnresolvableCyclesError } from '../../src/graph/cycles/resolve-cycles';
import { readGraph } from '../../src/graph/formats/read-graph';
import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { graphFromRecords } from '../../src/graph/grapher/grapher';
import { readPackageRecords } from '../../src/graph/grapher/read-records';
import { NODE_TYPE_NAMES, type NodeId, NodeState, NodeType } from '../../src/graph/node';
import { packagesOf } from '../scheduler/package-graph';
import { describeWithSharedData, edgesOf, graphOf, sharedData } from '../support/graphs';

const nothing = { isOnDisk: () => false };
const everything = { isOnDisk: () => true };
const onDisk = (...rpms: string[]) => ({ isOnDisk: (path: string) => rpms.includes(basename(path, '.rpm')) });

/** Dependencies in the notation of packagesOf: run nodes by name, build nodes with `build:`, made nodes by type and number. */
function needsIn(graph: Graph, node: NodeId): string[] {
  return [...graph.dependenciesOf(node)].map((other) => nameOf(graph, other));
}

function nameOf(graph: Graph, node: NodeId): string {
  const type = graph.type(node);
  if (type === NodeType.LocalRun) return graph.field(node, 'name');
  if (type === NodeType.LocalBuild) return `build:${graph.field(node, 'name')}`;
  return type === NodeType.PreBuilt ? `prebuilt:${graph.field(node, 'name')}` : graph.friendlyName(node);
}

function errorOf(graph: Graph, options: { isOnDisk(path: string): boolean }): UnresolvableCyclesError {
  try {
    resolveCycles(graph, options);
  } catch (error) {
    if (error instanceof UnresolvableCyclesError) return error;
    throw error;
  }
  throw new Error('the graph has no cycles that are left');
}

test('a graph without cycles comes back as it is, and nobody asks the disk', () => {
  const { graph } = packagesOf('a -> b; b => c; test:a -> c');
  const isOnDisk = jest.fn(() => true);

  const resolved = resolveCycles(graph, { isOnDisk });

  expect(resolved.graph).toBe(graph);
  expect(resolved.fixes).toEqual([]);
  expect(isOnDisk).not.toHaveBeenCalled();
});

describe('a cycle of run nodes', () => {
  test('collapses: who needed one of them needs all, by way of a meta node, and each keeps what else it needs', () => {
    const { graph, at } = packagesOf('x/a => x/b y; x/b => x/a z; app => x/a; tool -> x/b');

    const { graph: resolved, fixes } = resolveCycles(graph, nothing);

    const meta = graph.size;
    expect(resolved.size).toBe(graph.size + 1);
    expect([resolved.type(meta), resolved.state(meta), resolved.hasPackage(meta)]).toEqual([
      NodeType.PureMeta,
      NodeState.Meta,
      false,
    ]);
    expect(needsIn(resolved, meta)).toEqual(['x/a', 'x/b']);
    expect(needsIn(resolved, at('x/a'))).toEqual(['build:x/a', 'y']);
    expect(needsIn(resolved, at('x/b'))).toEqual(['build:x/b', 'z']);
    expect(needsIn(resolved, at('app'))).toEqual(['build:app', `Meta(${meta})`]);
    expect(needsIn(resolved, at('build:tool'))).toEqual([`Meta(${meta})`]);
    const [a, b] = [at('x/a'), at('x/b')];
    expect(fixes).toEqual([{ kind: 'run-only', cycle: [a, b, a], node: meta }]);
    expect(graph.size).toBe(meta);
  });

  test('collapses too where it runs through several SRPMs', () => {
    const { graph } = packagesOf('a => b; b => c; c => a');

    const { graph: resolved, fixes } = resolveCycles(graph, nothing);

    expect(fixes.map(({ kind }) => kind)).toEqual(['run-only']);
    expect(needsIn(resolved, graph.size)).toEqual(['a', 'b', 'c']);
  });

  test('of one node that needs itself collapses', () => {
    const { graph, at } = packagesOf('a => a b; app => a');

    const { graph: resolved } = resolveCycles(graph, nothing);

    expect(needsIn(resolved, at('a'))).toEqual(['build:a', 'b']);
    expect(needsIn(resolved, at('app'))).toEqual(['build:app', `Meta(${graph.size})`]);
  });

  test('that is left when another has collapsed nests one meta node in another', () => {
    const { graph, at } = packagesOf('a => b; b => a c; c => a; app => b');

    const { graph: resolved, fixes } = resolveCycles(graph, nothing);

    const [inner, outer] = [graph.size, graph.size + 1];
    expect(fixes.map(({ node, cycle }) => [node, cycle.length - 1])).toEqual([
      [inner, 2],
      [outer, 3],
    ]);
    // The second cycle is inner, b, c: nothing in it needs another any more, but who needs any gets all by way of outer.
    expect(needsIn(resolved, inner)).toEqual(['a']);
    expect(needsIn(resolved, outer)).toEqual(['b', 'c', `Meta(${inner})`]);
    expect(needsIn(resolved, at('app'))).toEqual(['build:app', `Meta(${outer})`]);
  });

  test('may hold a meta node of the graph itself', () => {
    const { graph, at } = packagesOf('meta:m -> a; a => meta:m; app => meta:m');

    const { graph: resolved } = resolveCycles(graph, nothing);

    expect(needsIn(resolved, graph.size).sort()).toEqual([`Meta(${at('meta:m')})`, 'a'].sort());
    expect(findKnots(resolved)).toEqual([]);
  });

  test('the toolkit documents gives nine nodes and eight dependencies', () => {
    const { graph, at } = packagesOf('A/a => A/b B; A/b => A/a C');

    const { graph: resolved } = resolveCycles(graph, nothing);

    expect([resolved.size, resolved.edgeCount]).toEqual([9, 8]);
    expect(needsIn(resolved, 8)).toEqual(['A/a', 'A/b']);
    expect(needsIn(resolved, at('A/a'))).toEqual(['build:A/a', 'B']);
    expect(needsIn(resolved, at('A/b'))).toEqual(['build:A/b', 'C']);
  });
});

describe('a cycle through a build', () => {
  test('is cut where the RPMs are on disk: all builds of the SRPM use them, by way of a prebuilt clone', () => {
    const { graph, at } = packagesOf(
      'flex => bison; bison -> flex; bison/devel -> flex; flex -> m4 bison; app -> flex',
    );

    const { graph: resolved, fixes } = resolveCycles(graph, onDisk('flex'));

    const clone = graph.size;
    expect(resolved.record(clone)).toEqual({
      ...graph.record(at('flex')),
      type: NodeType.PreBuilt,
      state: NodeState.UpToDate,
    });
    expect(needsIn(resolved, clone)).toEqual([]);
    expect(needsIn(resolved, at('build:bison'))).toEqual(['prebuilt:flex']);
    expect(needsIn(resolved, at('build:bison/devel'))).toEqual(['prebuilt:flex']);
    expect(needsIn(resolved, at('build:app'))).toEqual(['flex']);
    expect(needsIn(resolved, at('flex'))).toEqual(['build:flex', 'bison']);
    expect(fixes).toMatchObject([
      {
        kind: 'prebuilt',
        node: clone,
        original: at('flex'),
        builds: [at('build:bison'), at('build:bison/devel')],
      },
    ]);
    expect(new Set(fixes[0]?.cycle)).toEqual(new Set([at('bison'), at('build:bison'), at('flex')]));
    expect(fixes[0]?.cycle[0]).toBe(fixes[0]?.cycle.at(-1));
  });

  test('is cut at the dependency that closed it, if both would do, as in the toolkit', () => {
    const { graph, at } = packagesOf('a -> b; b -> a');

    const { fixes } = resolveCycles(graph, everything);

    expect(fixes).toMatchObject([{ original: at('a'), builds: [at('build:b')] }]);
  });

  test('is not cut where one RPM of the SRPM is missing', () => {
    const { graph, at } = packagesOf('a -> b; b -> a; a/devel');

    const { fixes } = resolveCycles(graph, onDisk('a', 'b'));

    expect(fixes).toMatchObject([{ original: at('b'), builds: [at('build:a')] }]);
    expect(errorOf(graph, onDisk('a')).knots).toHaveLength(1);
  });

  test('is cut where a build needs its own package', () => {
    const { graph, at } = packagesOf('gcc -> gcc; gcc/lib -> gcc');

    const { graph: resolved } = resolveCycles(graph, onDisk('gcc', 'gcc-lib'));

    expect(needsIn(resolved, at('build:gcc'))).toEqual(['prebuilt:gcc']);
    expect(needsIn(resolved, at('build:gcc/lib'))).toEqual(['prebuilt:gcc']);
  });

  test('is cut behind a meta node as well, where what the build needs is on disk', () => {
    // The run-only cycle is found first; since then the build needs both, of which only one is on disk.
    const { graph, at } = packagesOf('a => b; b => a; c -> a d; b -> c');

    const { graph: resolved, fixes } = resolveCycles(graph, onDisk('a'));

    expect(fixes.map(({ kind }) => kind)).toEqual(['run-only', 'prebuilt']);
    expect(needsIn(resolved, at('build:c'))).toEqual(['d', 'prebuilt:a']);
    expect(findKnots(resolved)).toEqual([]);
  });

  test('is cut behind a meta node for those builds of the SRPM only whose packages are on disk', () => {
    const { graph, at } = packagesOf('a => b; b => a; c -> a; c/x -> b; b -> c');

    const { graph: resolved } = resolveCycles(graph, onDisk('a'));

    expect(needsIn(resolved, at('build:c'))).toEqual(['prebuilt:a']);
    expect(needsIn(resolved, at('build:c/x'))).toEqual([`Meta(${graph.size})`]);
  });

  test('is cut behind a meta node of the graph itself where all that it stands for is on disk', () => {
    const { graph, at } = packagesOf('meta:m -> a b; b -> c; c -> meta:m d');

    const { graph: resolved } = resolveCycles(graph, onDisk('a', 'b'));

    expect(needsIn(resolved, at('build:c'))).toEqual(['d', 'prebuilt:a', 'prebuilt:b']);
    expect(errorOf(graph, onDisk('b')).knots[0]?.breakBy).toMatchObject([
      { dependent: 'b.src.rpm', dependency: 'c', missing: ['/rpms/c.rpm'] },
    ]);
  });

  test('gives a clone no id of a person, as two nodes cannot have the same', () => {
    const builder = new GraphBuilder();
    const paths = (name: string) => ({ name, srpmPath: `${name}.src.rpm`, rpmPath: `${name}.rpm` });
    const build = builder.addNode({
      type: NodeType.LocalBuild,
      state: NodeState.Build,
      key: 'the build',
      ...paths('a'),
    });
    const run = builder.addNode({ type: NodeType.LocalRun, state: NodeState.Meta, key: 'the package', ...paths('a') });
    builder.addDependency(run, build);
    builder.addDependency(build, run);

    const { graph } = resolveCycles(builder.build(), everything);

    expect(graph.type(2)).toBe(NodeType.PreBuilt);
    expect([graph.field(2, 'key'), graph.field(2, 'name')]).toEqual(['', 'a']);
  });

  test('is never taken for one of run nodes because it has only a test in it', () => {
    const graph = graphOf('test:a -> test:b; test:b -> test:a');

    expect(errorOf(graph, everything).knots[0]?.breakBy).toEqual([]);
  });
});

test('the disk is asked at most once for each path, and not for what is in no cycle', () => {
  const { graph } = packagesOf('a -> b c; b -> a c; c -> b; c/x; far -> a; far/y');
  const asked: string[] = [];

  errorOf(graph, {
    isOnDisk(path) {
      asked.push(path);
      return path.endsWith('a.rpm');
    },
  });

  expect([...asked].sort()).toEqual([...new Set(asked)].sort());
  expect(asked.filter((path) => path.includes('far'))).toEqual([]);
});

describe('cycles that are left', () => {
  test('are told in the toolkit words first, then by package, with the files that would break them', () => {
    const { graph } = packagesOf(
      'bpftool -> systemd/devel; systemd -> grub2/macros; systemd/devel -> grub2/macros; grub2/macros -> bpftool; systemd/udev',
    );

    const { message } = errorOf(graph, nothing);

    expect(message.split('\n')).toEqual([
      'unfixable circular dependency in dependency graph ({bpftool-1-1-BUILD<Build>} --> {bpftool-1-1-RUN<Meta>} --> ' +
        '{grub2/macros-1-1-BUILD<Build>} --> {grub2/macros-1-1-RUN<Meta>} --> {systemd/devel-1-1-BUILD<Build>} --> ' +
        '{systemd/devel-1-1-RUN<Meta>} --> {bpftool-1-1-BUILD<Build>})',
      'What is on disk breaks none of the cycles of a knot:',
      'knot 1: 6 nodes of bpftool.src.rpm, grub2.src.rpm, systemd.src.rpm',
      '  bpftool.src.rpm (build) needs systemd/devel, systemd/devel comes from systemd.src.rpm, systemd.src.rpm (build) needs ' +
        'grub2/macros, grub2/macros comes from grub2.src.rpm, grub2.src.rpm (build) needs bpftool, bpftool comes from bpftool.src.rpm',
      '  it would be broken by 1 more RPM file on disk (the fewest that would do):',
      '    grub2.src.rpm needs bpftool of bpftool.src.rpm; missing: bpftool.rpm',
    ]);
  });

  test('are told all at once, the largest knot first', () => {
    const { graph, at } = packagesOf('a -> b; b -> a; c -> d; d -> e; e -> c; f -> g; g -> f; x => a; a => f');

    const { knots } = errorOf(graph, onDisk('g'));

    expect(knots.map(({ srpms }) => srpms)).toEqual([
      ['c.src.rpm', 'd.src.rpm', 'e.src.rpm'],
      ['a.src.rpm', 'b.src.rpm'],
    ]);
    expect(knots[1]?.nodes).toEqual([at('a'), at('build:a'), at('b'), at('build:b')].sort((x, y) => x - y));
    expect(knots[1]?.cycle).toHaveLength(5);
    expect(knots[1]?.cycle[0]).toBe(knots[1]?.cycle[4]);
  });

  test('are broken by the fewest RPM files, each counted once however many builds wait for it', () => {
    // Through b: one SRPM of three files. Through a: two files, though two builds need it.
    const { graph, at } = packagesOf('a -> b; b -> a; b/x; b/y; a/x; c -> a b; a -> c; c/x; c/y; c/z');

    const [knot] = errorOf(graph, nothing).knots;

    expect(knot?.breakBy).toEqual([
      {
        dependent: 'b.src.rpm',
        dependency: 'a',
        srpms: ['a.src.rpm'],
        missing: ['/rpms/a-x.rpm', '/rpms/a.rpm'],
        builds: [at('build:b')],
        node: at('a'),
      },
      expect.objectContaining({ dependent: 'c.src.rpm', dependency: 'a' }),
    ]);
    expect([knot?.missingCount, knot?.isFewest]).toEqual([2, true]);
  });

  test('count only files that are missing', () => {
    const { graph } = packagesOf('a -> b; b -> a; a/1; a/2; a/3; b/1; b/2');

    const [knot] = errorOf(graph, onDisk('a', 'a-1', 'a-3')).knots;

    expect(knot?.breakBy).toMatchObject([{ dependent: 'b.src.rpm', dependency: 'a', missing: ['/rpms/a-2.rpm'] }]);
  });

  test('leave out what is cut already', () => {
    // a needs d, which is on disk; but d is in the knot all the same, as b needs it.
    const { graph } = packagesOf('a -> b d; b -> a; b => d; d => a');

    const [knot] = errorOf(graph, onDisk('d')).knots;

    expect(knot?.nodes).toHaveLength(5);
    expect(knot?.breakBy).toMatchObject([{ dependent: 'a.src.rpm', dependency: 'b', missing: ['/rpms/b.rpm'] }]);
  });

  test('are not broken by RPMs where a build needs itself', () => {
    const { graph, at } = packagesOf('a -> b; b -> a');
    const build = at('build:a');

    const [knot] = errorOf(graph.patched({ addEdges: [[build, build]] }), nothing).knots;

    expect(knot).toMatchObject({ breakBy: [], cycle: [build, build] });
  });

  test('that no RPM could break say so', () => {
    const graph = graphOf('a -> b; b -> c; c -> a');

    const { knots, message } = errorOf(graph, everything);

    expect(knots).toMatchObject([{ breakBy: [], missingCount: 0, srpms: [] }]);
    expect(message).toContain('a (build) needs b (build), b (build) needs c (build), c (build) needs a (build)');
    expect(message).toContain('could not break it');
  });

  test('in a large knot are broken by what is found in time, which need not be the fewest files', () => {
    const random = randomOf(5);
    const names = Array.from({ length: 150 }, (_, i) => `p${i}`);
    const any = () => names[random(names.length)];
    const { graph } = packagesOf(names.map((name) => `${name} -> ${any()} ${any()} ${any()} ${any()}`).join('; '));

    const [knot] = errorOf(graph, nothing).knots;

    expect(knot?.isFewest).toBe(false);
    const named = new Set(knot?.breakBy.flatMap(({ missing }) => missing));
    expect(named.size).toBeLessThan(75);
    expect(findKnots(resolveCycles(graph, { isOnDisk: (path) => named.has(path) }).graph)).toEqual([]);
  });

  test('that are a ring of 20,000 builds are told in few words', () => {
    const length = 20_000;
    const builder = new GraphBuilder();
    for (let i = 0; i < length; i++) {
      const paths = { name: `p${i}`, srpmPath: `p${i}.src.rpm`, rpmPath: `p${i}.rpm` };
      builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Build, ...paths });
      builder.addNode({ type: NodeType.LocalRun, state: NodeState.Meta, ...paths });
      builder.addDependency(2 * i + 1, 2 * i);
      builder.addDependency(2 * i, (2 * i + 3) % (2 * length));
    }

    const { knots, message } = errorOf(builder.build(), nothing);

    const [knot] = knots;
    expect(message.length).toBeLessThan(10_000);
    expect([knot?.nodes.length, knot?.cycle.length, knot?.missingCount, knot?.isFewest]).toEqual([
      2 * length,
      2 * length + 1,
      1,
      true,
    ]);
  });
});

/** The same graph with its nodes in another order: node i becomes node `numbers[i]`. */
function renumbered(graph: Graph, numbers: readonly number[]): Graph {
  const builder = new GraphBuilder();
  const order: number[] = [];
  numbers.forEach((number, node) => {
    order[number] = node;
  });
  for (const node of order) builder.addNode(graph.record(node));
  for (let node = 0; node < graph.size; node++) {
    for (const other of graph.dependenciesOf(node)) {
      builder.addDependency(numbers[node] as number, numbers[other] as number);
    }
  }
  return builder.build();
}

function randomOf(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function shuffled(size: number, random: (limit: number) => number): number[] {
  const numbers = Array.from({ length: size }, (_, i) => i);
  for (let i = size - 1; i > 0; i--) {
    const other = random(i + 1);
    [numbers[i], numbers[other]] = [numbers[other] as number, numbers[i] as number];
  }
  return numbers;
}

/** A cycle from its first node in a fixed order, as cycles have no beginning. */
const steps = (cycle: readonly number[]) => [...cycle.slice(0, -1)].sort((a, b) => a - b);

function expectSameFixes(graph: Graph, numbers: readonly number[], options: { isOnDisk(path: string): boolean }): void {
  const expected = resolveCycles(graph, options);
  const found = resolveCycles(renumbered(graph, numbers), options);
  const renamed = (node: NodeId) => (node < graph.size ? (numbers[node] as number) : node);
  expect(found.fixes.map(({ kind, cycle, node }) => [kind, node, steps(cycle)])).toEqual(
    expected.fixes.map(({ kind, cycle, node }) => [kind, node, steps(cycle.map(renamed))]),
  );
  const edges = (resolved: Graph, name: (node: NodeId) => NodeId) =>
    Array.from({ length: resolved.size }, (_, node) =>
      [...resolved.dependenciesOf(node)].map((other) => `${name(node)} ${name(other)}`),
    )
      .flat()
      .sort();
  expect(edges(found.graph, (node) => node)).toEqual(edges(expected.graph, renamed));
}

test('the numbers of nodes do not matter', () => {
  const { graph } = packagesOf('a -> b c; b -> a; c => d; d => c e; e -> a; e => d; f -> b d; b => f');
  const random = randomOf(7);
  const options = onDisk('a', 'b', 'c', 'd');
  expect(resolveCycles(graph, options).fixes.length).toBeGreaterThan(2);
  for (let i = 0; i < 50; i++) expectSameFixes(graph, shuffled(graph.size, random), options);
});

/**
 * The cycles in the order in which the toolkit meets them: a search over the whole graph for each, by name, run nodes before build nodes. What was
 * done about each is taken from the fixes.
 */
function cyclesBySearchingAnew(graph: Graph, fixes: readonly CycleFix[]): NodeId[][] {
  const order = Array.from({ length: graph.size }, (_, node) => node);
  const isMeta = (node: NodeId) => Number(graph.type(node) === NodeType.PureMeta);
  const name = (node: NodeId) => graph.field(node, 'name');
  order.sort(
    (a, b) =>
      isMeta(a) - isMeta(b) || Number(name(a) > name(b)) - Number(name(a) < name(b)) || graph.type(b) - graph.type(a),
  );
  for (const { node } of fixes) order.push(node);
  const needs = order.map((_, node) => new Set(node < graph.size ? graph.dependenciesOf(node) : []));
  const of = (node: NodeId) => needs[node] as Set<NodeId>;
  const firstCycle = () => {
    const done = new Set<NodeId>();
    const visit = (node: NodeId, path: readonly NodeId[]): NodeId[] | undefined => {
      if (done.has(node)) return undefined;
      if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
      for (const other of order) {
        const cycle = of(node).has(other) ? visit(other, [...path, node]) : undefined;
        if (cycle) return cycle;
      }
      done.add(node);
      return undefined;
    };
    for (const node of order) {
      const cycle = visit(node, []);
      if (cycle) return cycle;
    }
    return undefined;
  };
  const cycles: NodeId[][] = [];
  let gone = 0;
  for (const { kind, cycle, node, original, builds = [] } of fixes) {
    // One cycle may take several clones, where a build needs packages by way of a meta node.
    const isSame = String(cycle) === String(cycles.at(-1));
    cycles.push(isSame ? [...cycle] : (firstCycle() ?? []));
    if (kind === 'prebuilt') {
      const needed = cycle.slice(0, -1).map((member, i) => [member, cycle[i + 1] as NodeId] as const);
      const cut =
        needed.findLast(([member, next]) => next === original && builds.includes(member)) ??
        needed.findLast(([member]) => builds.includes(member));
      // By way of a meta node it is that node, the next in the cycle, that the builds no longer need.
      if (!isSame) gone = cut?.[1] as NodeId;
      for (const sibling of builds) {
        of(sibling).delete(gone);
        of(sibling).add(node);
      }
      continue;
    }
    const members = new Set(cycle);
    for (const [dependent, set] of needs.entries()) {
      const before = set.size;
      for (const member of members) set.delete(member);
      if (set.size < before && !members.has(dependent)) set.add(node);
    }
    needs[node] = members;
  }
  expect(firstCycle()).toBeUndefined();
  return cycles;
}

describe('on random graphs', () => {
  interface Case {
    readonly graph: Graph;
    readonly present: ReadonlySet<string>;
  }

  const cases = Array.from({ length: 400 }, (_, seed): Case => {
    const random = randomOf(seed + 1);
    const packages = 3 + random(8);
    const statements: string[] = [];
    // Some SRPMs have a second package.
    const names = Array.from({ length: packages }, (_, i) => [`p${i}`, ...(random(3) === 0 ? [`p${i}/s`] : [])]);
    const all = names.flat();
    const any = () => all[random(all.length)];
    for (const siblings of names) {
      // What an SRPM needs to be built each of its build nodes needs.
      const needs = Array.from({ length: random(3) }, any);
      for (const name of siblings) {
        statements.push(
          `${name} -> ${needs.join(' ')}`,
          `${name} => ${Array.from({ length: random(3) }, any).join(' ')}`,
        );
      }
    }
    if (random(4) === 0) statements.push(`meta:m -> ${any()} ${any()}`, `${any()} => meta:m`, `${any()} -> meta:m`);
    const { graph } = packagesOf(statements.filter((statement) => !/> *$/.test(statement)).join('; ') || 'p0');
    const percent = [10, 50, 90, 100][random(4)] as number;
    return { graph, present: new Set(rpmsOf(graph).filter(() => random(100) < percent)) };
  });

  function rpmsOf(graph: Graph): string[] {
    return [...new Set(Array.from({ length: graph.size }, (_, node) => graph.rpmPath(node)))].filter(
      (path) => path !== '',
    );
  }

  const optionsOf = ({ present }: Case) => ({ isOnDisk: (path: string) => present.has(path) });

  function outcomeOf(one: Case): { graph: Graph; fixes: readonly CycleFix[] } | UnresolvableCyclesError {
    try {
      return resolveCycles(one.graph, optionsOf(one));
    } catch (error) {
      if (error instanceof UnresolvableCyclesError) return error;
      throw error;
    }
  }

  type Resolved = Case & { before: Graph; after: Graph; fixes: readonly CycleFix[] };
  const resolved: Resolved[] = [];
  const stuck: (Case & { error: UnresolvableCyclesError })[] = [];

  beforeAll(() => {
    for (const one of cases) {
      const outcome = outcomeOf(one);
      if (outcome instanceof UnresolvableCyclesError) stuck.push({ ...one, error: outcome });
      else resolved.push({ ...one, before: one.graph, after: outcome.graph, fixes: outcome.fixes });
    }
  });

  test('both outcomes, both kinds of fix and nested meta nodes come up', () => {
    const fixes = resolved.flatMap((one) => one.fixes);
    expect(resolved.length).toBeGreaterThan(100);
    expect(stuck.length).toBeGreaterThan(100);
    expect(fixes.filter(({ kind }) => kind === 'prebuilt').length).toBeGreaterThan(50);
    expect(fixes.filter(({ kind }) => kind === 'run-only').length).toBeGreaterThan(50);
    expect(
      resolved.some(({ fixes: some, before }) => some.some((fix) => fix.cycle.some((node) => node >= before.size))),
    ).toBe(true);
  });

  test('no cycle is left, old nodes stay as they were, and new ones are what the fixes made', () => {
    for (const { before, after, fixes } of resolved) {
      expect(findKnots(after)).toEqual([]);
      for (let node = 0; node < before.size; node++) expect(after.record(node)).toEqual(before.record(node));
      expect(fixes.map(({ node }) => node)).toEqual(fixes.map((_, i) => before.size + i));
      expect(after.size).toBe(before.size + fixes.length);
    }
  });

  test('every prebuilt clone stands for an SRPM all of whose RPMs are on disk', () => {
    for (const { before, after, fixes, present } of resolved) {
      for (const fix of fixes) {
        if (fix.kind !== 'prebuilt') continue;
        const srpm = before.srpmPath(fix.original as NodeId);
        for (let node = 0; node < before.size; node++) {
          if (before.srpmPath(node) === srpm) expect(present).toContain(before.rpmPath(node));
        }
        expect(fix.builds?.length).toBeGreaterThan(0);
        for (const build of fix.builds ?? []) expect([...after.dependenciesOf(build)]).toContain(fix.node);
      }
    }
  });

  test('no dependency is lost: what a node needed it still reaches, but for the builds that use a clone of it', () => {
    for (const { before, after, fixes } of resolved) {
      const clones = new Map(fixes.flatMap(({ node, original }) => (original === undefined ? [] : [[node, original]])));
      for (let node = 0; node < before.size; node++) {
        const reached = reachedFrom(after, node, clones);
        for (const dependency of before.dependenciesOf(node)) {
          const isMember = fixes.some(({ kind, cycle }) => kind === 'run-only' && cycle.includes(node));
          // Members of a cycle that collapsed no longer need each other; who needs one of them gets all.
          if (isMember && before.type(dependency) !== NodeType.LocalBuild) continue;
          const parts =
            before.type(dependency) === NodeType.PureMeta ? before.dependenciesOf(dependency) : [dependency];
          if (!reached.has(dependency)) for (const part of parts) expect(reached).toContain(part);
        }
      }
    }
  });

  test('who needs a member of a cycle that collapsed needs all of them', () => {
    for (const { after, fixes } of resolved) {
      for (const { kind, cycle, node } of fixes) {
        if (kind !== 'run-only') continue;
        // A meta node may have become a member itself.
        const top = fixes.reduce(
          (at, fix) => (fix.kind === 'run-only' && fix.cycle.includes(at) ? fix.node : at),
          node,
        );
        const reached = reachedFrom(after, top, new Map());
        for (const member of cycle) expect(reached).toContain(member);
      }
    }
  });

  function reachedFrom(graph: Graph, start: NodeId, clones: ReadonlyMap<NodeId, NodeId>): Set<NodeId> {
    const reached = new Set<NodeId>([start]);
    for (const node of reached) for (const other of graph.dependenciesOf(node)) reached.add(other);
    for (const node of [...reached]) if (clones.has(node)) reached.add(clones.get(node) as NodeId);
    return reached;
  }

  test('the first cycle that a search begun anew after each fix would meet is the one that is fixed', () => {
    for (const { before, fixes } of resolved) {
      expect(fixes.map(({ cycle }) => cycle)).toEqual(cyclesBySearchingAnew(before, fixes));
    }
  });

  test('numbers of nodes do not matter', () => {
    const random = randomOf(99);
    for (const one of resolved) expectSameFixes(one.before, shuffled(one.before.size, random), optionsOf(one));
  });

  test('where it fails, every knot holds a build, and the files that it names are enough', () => {
    let broken = 0;
    for (const { graph, present, error } of stuck) {
      for (const { nodes, cycle, breakBy } of error.knots) {
        for (const { missing } of breakBy) expect(missing.length).toBeGreaterThan(0);
        expect(nodes.some((node) => graph.isWork(node))).toBe(true);
        expect(cycle.slice(0, -1).every((node, i) => graph.dependenciesOf(node).includes(cycle[i + 1] as NodeId))).toBe(
          true,
        );
      }
      if (error.knots.some(({ breakBy }) => breakBy.length === 0)) continue;
      broken++;
      const more = new Set(error.knots.flatMap(({ breakBy }) => breakBy.flatMap(({ missing }) => missing)));
      const options = { isOnDisk: (path: string) => present.has(path) || more.has(path) };
      expect(findKnots(resolveCycles(graph, options).graph)).toEqual([]);
    }
    expect(broken).toBeGreaterThan(100);
  });

  test('and no fewer files would do', () => {
    for (const { graph, present, error } of stuck) {
      const missing = rpmsOf(graph).filter((path) => !present.has(path));
      const named = new Set(error.knots.flatMap(({ breakBy }) => breakBy.flatMap((need) => need.missing)));
      const isExact = error.knots.every(({ breakBy, isFewest }) => isFewest && breakBy.length > 0);
      if (!isExact || missing.length > 6) continue;
      for (let choice = 0; choice < 2 ** missing.length; choice++) {
        const more = new Set(missing.filter((_, i) => (choice >> i) & 1));
        if (more.size >= named.size) continue;
        expect(() => resolveCycles(graph, { isOnDisk: (path) => present.has(path) || more.has(path) })).toThrow(
          UnresolvableCyclesError,
        );
      }
    }
  });
});

interface JsonNode {
  readonly type: keyof typeof NodeType;
  readonly state: keyof typeof NodeState;
  readonly name?: string;
  readonly version?: string;
  readonly srpm?: string;
  readonly spec?: string;
  readonly rpm?: string;
  readonly toolchain?: boolean;
}
interface JsonGraph {
  readonly nodes: readonly JsonNode[];
  readonly edges: readonly (readonly [number, number])[];
}

function sharedJson<T>(name: string): T {
  const bytes = readFileSync(sharedData(name));
  return JSON.parse((name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')) as T;
}

function graphOfJson({ nodes, edges }: JsonGraph): Graph {
  const builder = new GraphBuilder();
  for (const { type, state, name, version, srpm, spec, rpm } of nodes) {
    const record = { name, version, srpmPath: srpm, specPath: spec, rpmPath: rpm };
    builder.addNode({ type: NodeType[type], state: NodeState[state], ...record });
  }
  for (const [dependent, dependency] of edges) builder.addDependency(dependent, dependency);
  return builder.build();
}

/** The first place where two lists differ. Says less than toEqual would, but in time. */
function firstDifference(found: readonly string[], expected: readonly string[]): string | undefined {
  const at = found.findIndex((item, i) => item !== expected[i]);
  if (at >= 0) return `${found[at]} in place of ${expected[at]} at ${at}`;
  return found.length < expected.length ? `no ${expected[found.length]}` : undefined;
}

describeWithSharedData('the cycles of Azure Linux', () => {
  /** Every fix of the toolkit, in its order. */
  const fixesOfToolkit =
    sharedJson<Record<string, { fixes_in_order: { kind: string; cycle: number[]; new: number[] }[] }>>('cycles.json');
  const toolchain = new Set(
    readFileSync(sharedData('toolkit/toolchain_x86_64.txt'), 'utf8')
      .split('\n')
      .map((line) => basename(line.trim())),
  );
  const options = { isOnDisk: (path: string) => toolchain.has(basename(path)) };

  /** The toolkit tells a cycle against its dependencies, and the node at both ends once. */
  const inItsWords = (fixes: readonly CycleFix[]) =>
    fixes.map(({ kind, cycle, node }) => ({
      kind: kind === 'prebuilt' ? 'PreBuilt' : 'PureMeta',
      cycle: cycle.slice(0, -1).reverse(),
      new: [node],
    }));
  const itsFixes = (key: string) =>
    fixesOfToolkit[key]?.fixes_in_order.map(({ kind, cycle, new: made }) => ({ kind, cycle, new: made }));

  function expectSameGraph(found: Graph, expected: JsonGraph): void {
    const edges: string[] = [];
    for (let node = 0; node < found.size; node++) {
      for (const other of found.dependenciesOf(node)) edges.push(`${node} ${other}`);
    }
    const pairs = expected.edges.map(([from, to]) => `${from} ${to}`);
    expect(firstDifference(edges, pairs)).toBeUndefined();
    const local = (type: string | undefined) => type !== 'RemoteRun' && type !== 'Goal';
    const relevant = ({ type, state, name = '', srpm = '' }: JsonNode) => `${type} ${state} ${name} ${basename(srpm)}`;
    const nodes = expected.nodes.map((_, node) => ({
      type: NODE_TYPE_NAMES[found.type(node)] as keyof typeof NodeType,
      state: Object.keys(NodeState)[found.state(node)] as keyof typeof NodeState,
      name: found.field(node, 'name'),
      srpm: found.srpmPath(node),
    }));
    const texts = (of: readonly JsonNode[]) => of.filter(({ type }) => local(type)).map(relevant);
    expect(firstDifference(texts(nodes), texts(expected.nodes))).toBeUndefined();
    expect(found.size).toBe(expected.nodes.length);
  }

  test('in the core slice get the same 18 fixes as the toolkit gave them, and the very same graph', () => {
    const { graph, fixes } = resolveCycles(graphOfJson(sharedJson('azurelinux-3.0-core-raw.json')), options);

    expect(inItsWords(fixes)).toEqual(itsFixes('azurelinux-3.0-core'));
    expectSameGraph(graph, sharedJson('azurelinux-3.0-core.json'));
  });

  let specs: Graph;
  beforeAll(() => {
    specs = graphFromRecords(readPackageRecords(sharedData('specreader-SPECS.json.gz'))).graph;
  });

  test('in SPECS get the same 110 fixes as the toolkit gave them, and the very same graph', () => {
    expect([specs.size, specs.edgeCount]).toEqual([30_057, 291_923]);

    const { graph, fixes } = resolveCycles(specs, options);

    expect(inItsWords(fixes)).toEqual(itsFixes('azurelinux-3.0-specs'));
    expectSameGraph(graph, sharedJson('azurelinux-3.0-specs.json.gz'));
  });

  test('are fixed alike when the nodes have other numbers', () => {
    const raw = graphOfJson(sharedJson('azurelinux-3.0-core-raw.json'));

    expectSameFixes(raw, shuffled(raw.size, randomOf(3)), options);
  });

  test('with no toolchain on disk are one knot, which 25 files would break', () => {
    const [knot, ...others] = errorOf(specs, nothing).knots;

    expect(others).toEqual([]);
    expect([knot?.nodes.length, knot?.srpms.length]).toEqual([1040, 86]);
    expect([knot?.missingCount, knot?.isFewest]).toEqual([25, true]);
    expect(knot?.breakBy.map(({ dependent }) => dependent)).toContain('glibc-2.38-19.azl3.src.rpm');
    expect(knot?.cycleText).toBe(
      'glibc (build) needs gawk, gawk needs /sbin/ldconfig, /sbin/ldconfig comes from glibc',
    );
  });

  test("are told by the toolkit's documentation in an older layout, which reads and resolves all the same", () => {
    const before = readGraph(sharedData('toolkit/cycle_before.dot'));

    const { graph, fixes } = resolveCycles(before, nothing);

    expect([before.size, before.edgeCount, graph.size, graph.edgeCount, fixes.length]).toEqual([8, 8, 9, 8, 1]);
    expect(edgesOf(graph).filter((edge) => edge.startsWith('Meta('))).toHaveLength(2);
  });
});
