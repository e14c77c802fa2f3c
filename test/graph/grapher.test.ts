import { resolveCycles } from '../../src/graph/cycles/resolve-cycles';
import { readGraph } from '../../src/graph/formats/read-graph';
import type { Graph } from '../../src/graph/graph';
import { graphFromRecords } from '../../src/graph/grapher/grapher';
import { grapherNoticeText } from '../../src/graph/grapher/grapher-notice';
import type { PackageRecord, PackageVersion } from '../../src/graph/grapher/package-record';
import { readPackageRecords } from '../../src/graph/grapher/read-records';
import { type NodeId, NodeState, NodeType } from '../../src/graph/node';
import { UserError } from '../../src/util/user-error';
import { describeWithSharedData, sharedData } from '../support/graphs';

/** `zlib >= 1.2, < 2` as the toolkit writes it. */
function versioned(text: string): PackageVersion {
  const [Name = '', Condition = '', Version = '', SCondition = '', SVersion = ''] = text.split(/,?\s+/);
  return { Name, Version, Condition, SVersion, SCondition };
}

interface Needs {
  readonly requires?: readonly string[];
  readonly builds?: readonly string[];
  readonly tests?: readonly string[];
  readonly rpm?: string;
}

/** A record of the spec `srpm` for something that its RPM (default: of the provide's name) provides. */
function record(srpm: string, provides: string, { requires = [], builds = [], tests, rpm }: Needs = {}): PackageRecord {
  const Provides = versioned(provides);
  return {
    Provides,
    SrpmPath: `/srpms/${srpm}-1-1.src.rpm`,
    RpmPath: `/rpms/x86_64/${rpm ?? Provides.Name}-1-1.x86_64.rpm`,
    SourceDir: `/specs/${srpm}`,
    SpecPath: `/specs/${srpm}/${srpm}.spec`,
    Architecture: 'x86_64',
    Requires: requires.map(versioned),
    BuildRequires: builds.map(versioned),
    TestRequires: (tests ?? []).map(versioned),
    IsToolchain: false,
    RunTests: tests !== undefined,
  };
}

const KINDS: Partial<Record<NodeType, string>> = {
  [NodeType.LocalRun]: 'run',
  [NodeType.LocalBuild]: 'build',
  [NodeType.Test]: 'test',
  [NodeType.RemoteRun]: 'remote',
};

/** `run zlib = 1.2`, `remote fmt >= 3`, `goal ALL`. */
function nameOf(graph: Graph, node: NodeId): string {
  const kind = KINDS[graph.type(node)];
  if (kind === undefined) return `goal ${graph.field(node, 'goalName')}`;
  const texts = (['name', 'condition', 'version', 'sCondition', 'sVersion'] as const).map((field) =>
    graph.field(node, field),
  );
  return [kind, ...texts.filter(Boolean)].join(' ');
}

/** What each node needs, by names; the goal left out. */
function needsOf(graph: Graph): Record<string, string[]> {
  const needs: Record<string, string[]> = {};
  for (let node = 0; node < graph.size; node++) {
    if (graph.types[node] === NodeType.Goal) continue;
    needs[nameOf(graph, node)] = [...graph.dependenciesOf(node)].map((dependency) => nameOf(graph, dependency)).sort();
  }
  return needs;
}

function nodesOf(graph: Graph, type: NodeType): string[] {
  return [...graph.types.keys()].filter((node) => graph.types[node] === type).map((node) => nameOf(graph, node));
}

/** A random order, the same for the same seed. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  let state = seed + 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

test('a provide becomes a run and a build node, and a test node where its spec has a %check', () => {
  const { graph } = graphFromRecords([
    record('app', 'app = 1-1', { requires: ['lib'], builds: ['lib-devel'], tests: ['lib-devel', 'check'] }),
    record('lib', 'lib = 1-1'),
    record('lib', 'lib-devel = 1-1', { requires: ['lib = 1-1'] }),
    record('check', 'check'),
  ]);
  expect(needsOf(graph)).toEqual({
    'run app = 1-1': ['build app = 1-1', 'run lib = 1-1'],
    'build app = 1-1': ['run lib-devel = 1-1'],
    'test app = 1-1': ['build app = 1-1', 'run check', 'run lib-devel = 1-1'],
    'run check': ['build check'],
    'build check': [],
    'run lib = 1-1': ['build lib = 1-1'],
    'build lib = 1-1': [],
    'run lib-devel = 1-1': ['build lib-devel = 1-1', 'run lib = 1-1'],
    'build lib-devel = 1-1': [],
  });
});

test('nodes carry the texts and states that the toolkit gives them', () => {
  const { graph } = graphFromRecords([record('app', 'app = 1-1', { requires: ['/bin/sh'], tests: [] })]);
  const local = {
    hasPackage: true,
    name: 'app',
    version: '1-1',
    condition: '=',
    srpmPath: '/srpms/app-1-1.src.rpm',
    rpmPath: '/rpms/x86_64/app-1-1.x86_64.rpm',
    specPath: '/specs/app/app.spec',
    sourceDir: '/specs/app',
    architecture: 'x86_64',
    sourceRepo: '<LOCAL_REPO>',
  };
  expect([0, 1, 2, 3, 4].map((node) => graph.record(node))).toEqual([
    { ...local, type: NodeType.LocalRun, state: NodeState.Meta },
    { ...local, type: NodeType.LocalBuild, state: NodeState.Build },
    { ...local, type: NodeType.Test, state: NodeState.Build, rpmPath: '<NO_RPM_PATH>' },
    {
      type: NodeType.RemoteRun,
      state: NodeState.Unresolved,
      hasPackage: true,
      implicit: true,
      name: '/bin/sh',
      srpmPath: '<NO_SRPM_PATH>',
      rpmPath: '<NO_RPM_PATH>',
      specPath: '<NO_SPEC_PATH>',
      sourceDir: '<NO_SOURCE_DIR>',
      architecture: '<NO_ARCHITECTURE>',
      sourceRepo: '<NO_SOURCE_REPO>',
    },
    {
      type: NodeType.Goal,
      state: NodeState.Meta,
      hasPackage: false,
      goalName: 'ALL',
      srpmPath: '<NO_SRPM_PATH>',
      rpmPath: '<NO_RPM_PATH>',
      sourceRepo: '<NO_SOURCE_REPO>',
    },
  ]);
});

test('names with parentheses, or that are paths, are implicit', () => {
  const { graph } = graphFromRecords([
    record('app', 'app(x86-64)', { requires: ['/bin/sh', 'pkgconfig(zlib)', 'zlib', 'odd(name', 'bin/sh'] }),
  ]);
  const implicit = [...graph.types.keys()].filter((node) => graph.isImplicit(node));
  expect(implicit.map((node) => nameOf(graph, node))).toEqual([
    'run app(x86-64)',
    'build app(x86-64)',
    'remote /bin/sh',
    'remote pkgconfig(zlib)',
  ]);
});

test('the goal ALL needs every run node, every remote node and every test', () => {
  const { graph } = graphFromRecords([
    record('app', 'app = 1-1', { builds: ['make'], tests: [] }),
    record('lib', 'lib = 1-1'),
  ]);
  const goal = graph.size - 1;
  expect(nameOf(graph, goal)).toBe('goal ALL');
  expect([...graph.dependenciesOf(goal)].map((node) => nameOf(graph, node)).sort()).toEqual([
    'remote make',
    'run app = 1-1',
    'run lib = 1-1',
    'test app = 1-1',
  ]);
});

test('without tests there are no test nodes, nor remote nodes that only they need', () => {
  const { graph } = graphFromRecords([record('app', 'app = 1-1', { builds: ['make'], tests: ['make', 'expect'] })], {
    tests: false,
  });
  expect(Object.keys(needsOf(graph))).toEqual(['run app = 1-1', 'build app = 1-1', 'remote make']);
});

test('all build nodes of an SRPM need the same nodes, whatever others want of the same name and in whatever order', () => {
  const records = [
    record('b', 'b = 1-1', { builds: ['far'] }),
    record('b', 'b-devel = 1-1', { builds: ['far'] }),
    record('b', 'z-of-b = 1-1', { builds: ['far'] }),
    record('a', 'a = 1-1', { builds: ['far < 1.0'] }),
    record('c', 'c = 1-1', { builds: ['far > 2.0'] }),
  ];
  for (let seed = 0; seed < 200; seed++) {
    const needs = needsOf(graphFromRecords(shuffled(records, seed)).graph);
    expect(['build b = 1-1', 'build b-devel = 1-1', 'build z-of-b = 1-1'].map((node) => needs[node])).toEqual([
      ['remote far'],
      ['remote far'],
      ['remote far'],
    ]);
    expect([needs['build a = 1-1'], needs['build c = 1-1']]).toEqual([['remote far < 1.0'], ['remote far > 2.0']]);
  }
});

test('the order of the records does not matter to the numbers of the nodes', () => {
  const records = [
    record('tool', 'tool = 1:1-1', { requires: ['pkgconfig(x) >= 2'] }),
    record('tool3', 'tool = 3-1', { requires: ['pkgconfig(x)'] }),
    record('lib', 'lib(x86-64) = 1-1'),
    record('lib', 'lib-devel = 1-1', { builds: ['tool', 'make'] }),
    record('lib', 'lib = 1-1', { requires: ['far'] }),
  ];
  const inOrder = graphFromRecords(records).graph;
  // An epoch counts before the version, and a name's end before its suffixes.
  expect(nodesOf(inOrder, NodeType.LocalRun)).toEqual([
    'run lib = 1-1',
    'run lib(x86-64) = 1-1',
    'run lib-devel = 1-1',
    'run tool = 3-1',
    'run tool = 1:1-1',
  ]);
  for (let seed = 0; seed < 50; seed++) {
    const { graph } = graphFromRecords(shuffled(records, seed));
    expect([...graph.types.keys()].map((node) => nameOf(graph, node))).toEqual(
      [...inOrder.types.keys()].map((node) => nameOf(inOrder, node)),
    );
  }
});

test('a name is looked for among all packages, those that come later too, and the highest version that will do is taken', () => {
  const { graph } = graphFromRecords([
    record('app', 'app = 1-1', { requires: ['lib', 'lib < 2', 'lib >= 3', 'lib >= 1, < 3'] }),
    record('lib1', 'lib = 1-1'),
    record('lib2', 'lib = 2-1'),
  ]);
  expect(needsOf(graph)['run app = 1-1']).toEqual([
    'build app = 1-1',
    'remote lib >= 3',
    'run lib = 1-1',
    'run lib = 2-1',
  ]);
});

test('a remote node of a higher version wins over a local package for all who come later, and that is told once for each wish', () => {
  const { graph, notices } = graphFromRecords([
    record('a', 'a = 1-1', { builds: ['fmt-devel'] }),
    record('b', 'b = 1-1', { builds: ['fmt-devel >= 3'] }),
    record('c', 'c = 1-1', { builds: ['fmt-devel'] }),
    record('d', 'd = 1-1', { builds: ['fmt-devel', 'fmt-devel < 3'] }),
    record('fmt', 'fmt-devel = 2-1'),
  ]);
  const needs = needsOf(graph);
  expect(needs['build a = 1-1']).toEqual(['run fmt-devel = 2-1']);
  expect(needs['build b = 1-1']).toEqual(['remote fmt-devel >= 3']);
  expect(needs['build c = 1-1']).toEqual(['remote fmt-devel']);
  expect(needs['build d = 1-1']).toEqual(['remote fmt-devel', 'run fmt-devel = 2-1']);
  expect(notices.map(grapherNoticeText)).toEqual([
    "resolving 'fmt-devel' to remote 'fmt-devel >= 3' instead of local 'fmt-devel = 2-1'",
  ]);
});

test('of RPMs that provide one version of a name the first is taken, and each other is told of', () => {
  const { graph, notices } = graphFromRecords([
    record('postfix', 'mta', { rpm: 'postfix' }),
    record('exim', 'mta', { rpm: 'exim' }),
    record('exim', 'mta = 2', { rpm: 'exim' }),
  ]);
  expect(nodesOf(graph, NodeType.LocalRun)).toEqual(['run mta', 'run mta = 2']);
  expect(graph.rpmPath(0)).toBe('/rpms/x86_64/postfix-1-1.x86_64.rpm');
  expect(notices.map(grapherNoticeText)).toEqual([
    'mta is provided by postfix-1-1.x86_64.rpm and exim-1-1.x86_64.rpm; the first is taken',
  ]);
});

test('what an RPM requires of itself makes no edge, but what its build requires of it does', () => {
  const { graph } = graphFromRecords([
    record('gcc', 'gcc = 1-1', { rpm: 'gcc', requires: ['gcc', 'gcc(x86-64)'], builds: ['gcc'] }),
    record('gcc', 'gcc(x86-64) = 1-1', { rpm: 'gcc', requires: ['gcc', 'gcc(x86-64)'], builds: ['gcc'] }),
  ]);
  expect(needsOf(graph)).toEqual({
    'run gcc = 1-1': ['build gcc = 1-1'],
    'build gcc = 1-1': ['run gcc = 1-1'],
    'run gcc(x86-64) = 1-1': ['build gcc(x86-64) = 1-1'],
    'build gcc(x86-64) = 1-1': ['run gcc = 1-1'],
  });
});

describe('versions', () => {
  const errorOf = (records: readonly PackageRecord[]): string => {
    try {
      graphFromRecords(records);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      return (error as UserError).message;
    }
    throw new Error('expected an error, found none');
  };

  test.each(['lib', 'lib = 1', 'lib >= 1'])('%s can be provided', (provides) => {
    expect(graphFromRecords([record('lib', provides)]).graph.size).toBe(3);
  });

  test.each(['lib < 1', 'lib <= 1', 'lib > 1', 'lib >= 1, < 2'])('%s cannot be provided', (provides) => {
    expect(errorOf([record('lib', provides)])).toBe(
      `/specs/lib/lib.spec: lib-1-1.x86_64.rpm provides '${provides}': ` +
        "a provide has one version with no condition, with '=' or '>='",
    );
  });

  test('conditions that leave no version, and unknown ones, name the spec and who wants it', () => {
    expect(errorOf([record('app', 'app', { requires: ['lib < 1, > 2'] })])).toBe(
      "/specs/app/app.spec: app-1-1.x86_64.rpm requires 'lib < 1, > 2': version bounds (lib:C:'<'V:'1',C2:'>'V2:'2') don't overlap",
    );
    expect(errorOf([record('app', 'app', { builds: ['lib ~ 1'] })])).toBe(
      "/specs/app/app.spec: app-1-1.x86_64.rpm needs for its build 'lib ~ 1': unknown condition '~'",
    );
    expect(errorOf([record('app', 'app', { tests: ['lib >='] })])).toBe(
      "/specs/app/app.spec: app-1-1.x86_64.rpm needs for its %check 'lib >= ': the condition '>=' has no version",
    );
  });
});

describeWithSharedData("the packages of Azure Linux give the toolkit's graph", () => {
  let records: readonly PackageRecord[];
  let raw: Graph;
  let toolkits: Graph;
  const isToolchain = (rpm: string) => rpm.startsWith('/azl/build/toolchain_rpms/');
  const text = (value: unknown) => JSON.stringify(value);

  beforeAll(() => {
    records = readPackageRecords(sharedData('specreader-SPECS.json.gz'));
    raw = graphFromRecords(records).graph;
    toolkits = readGraph(sharedData('azurelinux-3.0-specs.dot.gz'));
  });

  test('as it is before cycles are resolved: 30,057 nodes and 291,923 edges', () => {
    expect([raw.size, raw.edgeCount]).toEqual([30_057, 291_923]);
  });

  test('with the numbers and texts of every node', () => {
    const differing = [...raw.types.keys()].filter((node) => text(raw.record(node)) !== text(toolkits.record(node)));
    expect(differing).toEqual([]);
  });

  test('with two names that are remote because mariadb wants a newer fmt', () => {
    const { notices } = graphFromRecords(records);
    expect(notices.filter(({ type }) => type === 'remote-instead-of-local').map(grapherNoticeText)).toEqual([
      "resolving 'fmt-devel' to remote 'fmt-devel >= 10.2.1-4' instead of local 'fmt-devel = 10.2.1-2.azl3'",
      "resolving 'fmt-devel >= 10.0.0' to remote 'fmt-devel >= 10.2.1-4' instead of local 'fmt-devel = 10.2.1-2.azl3'",
    ]);
    expect(notices.filter(({ type }) => type === 'duplicate-provide')).toHaveLength(29);
  });

  test('after its circles are resolved: every node by its number, and every edge', () => {
    const { graph } = resolveCycles(raw, { isOnDisk: isToolchain });
    expect([graph.size, graph.edgeCount]).toEqual([30_167, 275_370]);
    const nodes = [...graph.types.keys()];
    expect(nodes.filter((node) => text(graph.record(node)) !== text(toolkits.record(node)))).toEqual([]);
    expect(nodes.filter((node) => text(graph.dependenciesOf(node)) !== text(toolkits.dependenciesOf(node)))).toEqual(
      [],
    );
  });

  test('without tests: 23,126 nodes and 167,734 edges', () => {
    const { graph } = resolveCycles(graphFromRecords(records, { tests: false }).graph, { isOnDisk: isToolchain });
    expect([graph.size, graph.edgeCount]).toEqual([23_126, 167_734]);
  });
});
