import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { readGraph } from '../../src/graph/formats/read-graph';
import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { NodeState, NodeType } from '../../src/graph/node';
import { makeTempDir, removeTempDir } from '../support/command';
import { describeWithSharedData, nodeOf, sharedData } from '../support/graphs';
import { normalized, packageGraph, placeRpms, ToolkitRun } from '../support/toolkit-run';
import { chanceFrom } from './reference/dice';
import { type RandomCase, randomCase, randomCaseOf } from './reference/random-case';
import { spanwrightOutcome } from './reference/spanwright-outcome';
import {
  type Count,
  type ModelFlags,
  type ModelOutcome,
  type ModelWorld,
  toolkitOutcome,
} from './reference/toolkit-model';

const ALL: ModelWorld = { isOnDisk: () => true };
const NOTHING: ModelWorld = { isOnDisk: () => false };
const ZLIB = 'zlib-1.3.2-1.azl3.src.rpm';
const CURL = 'curl-8.11.1-6.azl3.src.rpm';
const without = (...starts: readonly string[]): ModelWorld => ({
  isOnDisk: (rpm) => !starts.some((start) => basename(rpm).startsWith(start)),
});

const coreCached = () => readGraph(sharedData('azurelinux-3.0-core-cached.dot'));

describeWithSharedData("the model of the toolkit's scheduler", () => {
  const rebuildsZlib = { rebuild: 'zlib', maxCascadingRebuilds: 1 };
  const golden: [string, string, ModelFlags, ModelWorld, number][] = [
    ['core', 'core', {}, NOTHING, 1],
    ['core-cached', 'core-cached', {}, NOTHING, 0],
    ['core-cached-zlib-fails', 'core-cached', {}, { ...NOTHING, fails: new Set([ZLIB]) }, 1],
    ['core-cached-all-rpms-present', 'core-cached', {}, ALL, 0],
    ['core-cached-rebuild-zlib-cascade-1', 'core-cached', rebuildsZlib, ALL, 0],
  ];
  // In another order each time: what came of it must not hang on that.
  test.each(golden)('tells what the toolkit did: %s', (name, graph, flags, world, exitCode) => {
    const rows = readFileSync(sharedData(`golden/${name}.state.csv`), 'utf8')
      .split('\n')
      .filter(Boolean)
      .sort();
    for (const seed of [1, 2, 3]) {
      const read = readGraph(sharedData(`azurelinux-3.0-${graph}.dot`));
      const outcome = toolkitOutcome(read, flags, { ...world, chance: chanceFrom(seed) });
      expect(outcome.rows).toEqual(rows);
      expect(outcome.exitCode).toBe(exitCode);
    }
  });
});

interface Case {
  readonly flags: ModelFlags;
  readonly world?: ModelWorld;
  /** What is not 0. */
  readonly counts: Partial<Record<Count, number>>;
  readonly exitCode?: number;
  /** Some of the rows. */
  readonly rows?: readonly string[];
}

const built = (name: string, isTest = 0) => `${name}.azl3.src.rpm,${isTest},Built,`;
const prebuilt = (name: string) => `${name}.azl3.src.rpm,0,PreBuilt,`;
/** The one way to have the core graph cut down: its packages need names that only builds reveal. */
const cut = { optimizeWithCachedImplicit: true };

describeWithSharedData('on the core graph of Azure Linux, as the toolkit', () => {
  const cases: Record<string, Case> = {
    'a package that is rebuilt has all that needs it rebuilt: what could not be built when it failed': {
      flags: { rebuild: 'zlib' },
      counts: { built: 26, prebuilt: 79, passedTests: 28, skippedTests: 54 },
    },
    'a package that is rebuilt is the only one where no rebuild may follow': {
      flags: { rebuild: 'zlib', maxCascadingRebuilds: 0 },
      counts: { built: 1, prebuilt: 104, passedTests: 1, skippedTests: 81 },
      rows: [built('zlib-1.3.2-1'), built('zlib-1.3.2-1', 1), prebuilt('cmake-3.30.3-13')],
    },
    'two layers are rebuilt where two may be': {
      flags: { rebuild: 'zlib', maxCascadingRebuilds: 2 },
      counts: { built: 12, prebuilt: 93, passedTests: 8, skippedTests: 74 },
    },
    'one RPM that is missing has its whole SRPM rebuilt, and one layer above it': {
      flags: { maxCascadingRebuilds: 1 },
      world: without('zlib-devel-'),
      counts: { built: 5, prebuilt: 100, passedTests: 3, skippedTests: 79 },
      rows: ['zlib-1.3.2-1', 'cmake-3.30.3-13', 'kmod-30-1', 'libssh2-1.11.1-1', 'pcre2-10.42-3'].map((of) =>
        built(of),
      ),
    },
    'everything is built where nothing is on disk, however few rebuilds may follow': {
      flags: { maxCascadingRebuilds: 0 },
      world: NOTHING,
      counts: { built: 105, passedTests: 82 },
    },
    // curl is built with the cmake of before. As a layer is counted at an installed package only, the one layer starts behind it.
    'an RPM that stands in for a package to be rebuilt is as fresh as that': {
      flags: { rebuild: 'cmake', maxCascadingRebuilds: 1 },
      counts: { built: 4, prebuilt: 101, passedTests: 5, skippedTests: 77 },
      rows: ['cmake-3.30.3-13', 'curl-8.11.1-6', 'glib-2.78.6-8', 'gtk-doc-1.33.2-1'].map((of) => built(of)),
    },
    'only a package and what it needs is looked at where the graph can be cut down': {
      flags: { packages: 'zlib', tests: 'zlib', ...cut },
      counts: { prebuilt: 6, skippedTests: 1 },
      rows: ['bison-3.8.2-1', 'glibc-2.38-19', 'm4-1.4.19-2', 'zlib-1.3.2-1'].map(prebuilt),
    },
    'all tests are asked for where none is named': {
      flags: { packages: 'zlib', ...cut },
      counts: { prebuilt: 105, skippedTests: 82 },
    },
    'a test whose package is not asked for has that built beside it': {
      flags: { packages: 'm4', tests: 'zlib', ...cut },
      world: without('zlib-'),
      counts: { prebuilt: 1, built: 1, passedTests: 1 },
      rows: [prebuilt('m4-1.4.19-2'), built('zlib-1.3.2-1'), built('zlib-1.3.2-1', 1)],
    },
    'one extra layer takes in what needs the package': {
      flags: { packages: 'zlib', tests: 'zlib', extraLayers: 1, ...cut },
      counts: { prebuilt: 76, skippedTests: 3 },
    },
    'two extra layers take in what needs those': {
      flags: { packages: 'zlib', tests: 'zlib', extraLayers: 2, ...cut },
      counts: { prebuilt: 96, skippedTests: 8 },
    },
    'packages of an image are asked for, but for those that are made elsewhere': {
      flags: { image: [{ name: 'm4', condition: '>=', version: '1.0' }, { name: 'nonsuch' }], tests: 'm4' },
      counts: { prebuilt: 1, skippedTests: 1 },
      rows: [prebuilt('m4-1.4.19-2')],
    },
    'an image without any package of ours asks for everything': {
      flags: { image: [{ name: 'nonsuch' }] },
      counts: { prebuilt: 105, skippedTests: 82 },
    },
    'an ignored package is not built, counts as built, and hands on that what it needs was rebuilt': {
      flags: { rebuild: 'curl', ignored: 'cmake', ignoredTests: 'cmake' },
      world: { ...ALL, fails: new Set(['cmake-3.30.3-13.azl3.src.rpm']) },
      counts: { built: 23, prebuilt: 82, passedTests: 27, skippedTests: 55 },
      rows: [built('cmake-3.30.3-13'), built('cmake-3.30.3-13', 1), built('pcre2-10.42-3')],
    },
    'an ignored package that is missing counts as built': {
      flags: { ignored: 'zlib', maxCascadingRebuilds: 0 },
      world: without('zlib-'),
      counts: { built: 1, prebuilt: 104, passedTests: 1, skippedTests: 81 },
      rows: [built('zlib-1.3.2-1')],
    },
    'an ignored test passes unseen': {
      flags: { rebuild: 'zlib', ignoredTests: 'zlib', maxCascadingRebuilds: 0 },
      world: { ...ALL, failsTest: new Set([ZLIB]) },
      counts: { built: 1, prebuilt: 104, passedTests: 1, skippedTests: 81 },
    },
    'ignored names that match nothing are no hindrance': {
      flags: { ignored: 'nonsuch', ignoredTests: 'nor-this' },
      counts: { prebuilt: 105, skippedTests: 82 },
    },
    'a test that is to be run again is the only thing done': {
      flags: { rerunTests: 'zlib' },
      counts: { prebuilt: 105, passedTests: 1, skippedTests: 81 },
      rows: [built('zlib-1.3.2-1', 1), prebuilt('zlib-1.3.2-1')],
    },
    'a failed check does not fail the run': {
      flags: { rerunTests: 'zlib' },
      world: { ...ALL, failsCheck: new Set([ZLIB]) },
      counts: { prebuilt: 105, failedTests: 1, skippedTests: 81 },
      rows: [`${ZLIB},1,Failed,`],
    },
    'a test that cannot be run does': {
      flags: { rerunTests: 'zlib' },
      world: { ...ALL, failsTest: new Set([ZLIB]) },
      counts: { prebuilt: 105, failedTests: 1, skippedTests: 81 },
      exitCode: 1,
    },
    'several packages fail, one of them never having had its turn': {
      flags: {},
      world: { ...NOTHING, fails: new Set([ZLIB, 'gmp-6.3.0-1.azl3.src.rpm', 'python3-3.12.9-10.azl3.src.rpm']) },
      counts: { built: 51, blocked: 52, failed: 2, passedTests: 36, blockedTests: 44, failedTests: 2 },
      exitCode: 1,
    },
    'what waits for a failed package is blocked by it, even where an RPM stands in for that': {
      flags: { rebuild: 'curl' },
      world: { ...ALL, fails: new Set([CURL]) },
      counts: { prebuilt: 82, blocked: 22, failed: 1, skippedTests: 55, blockedTests: 27 },
      exitCode: 1,
    },
    'a package that would fail does no harm where it is not needed': {
      flags: { packages: 'm4', tests: 'm4' },
      world: { ...NOTHING, fails: new Set([ZLIB]) },
      counts: { built: 1, passedTests: 1 },
    },
    'everything is built without the cache, and only a part where names need not be found out': {
      flags: { noCache: true, packages: 'm4', tests: 'm4' },
      counts: { built: 1, passedTests: 1 },
    },
    'the cached names do not help to cut down where the cache is not to be used': {
      flags: { noCache: true, packages: 'openssl', tests: 'openssl', ...cut },
      counts: { built: 105, passedTests: 82 },
    },
    'a name that is in no list of the graph ends it': { flags: { packages: 'zlib nonsuch' }, counts: {}, exitCode: 1 },
    'what is ignored and forced ends it': {
      flags: { ignored: 'zlib', rebuild: 'zlib-devel' },
      counts: {},
      exitCode: 1,
    },
  };

  let graph: Graph;
  beforeAll(() => {
    graph = coreCached();
  });
  test.each(Object.entries(cases))('%s', async (_, { flags, world = ALL, counts, exitCode = 0, rows = [] }) => {
    const ours = await spanwrightOutcome(graph, flags, world);
    expect(Object.fromEntries(Object.entries(ours.counts).filter(([, count]) => count > 0))).toEqual(counts);
    expect(ours.rows).toEqual(expect.arrayContaining([...rows]));
    expect(ours.exitCode).toBe(exitCode);
    expect(ours.startedTooEarly).toEqual([]);
    expect(shown(ours)).toEqual(shown(toolkitOutcome(graph, flags, world)));
  });

  test('an SRPM named by one of its packages is rebuilt; the toolkit leaves that to chance', async () => {
    const flags = { rebuild: 'zlib-devel', maxCascadingRebuilds: 0 };
    const ours = await spanwrightOutcome(graph, flags, ALL);
    const possible = [1, 2, 3, 4].map(
      (seed) => toolkitOutcome(graph, flags, { ...ALL, chance: chanceFrom(seed) }).counts,
    );
    expect(ours.counts.built).toBe(1);
    expect(new Set(possible.map((counts) => counts.built))).toEqual(new Set([0, 1]));
  });

  test.each(Array.from({ length: 40 }, (_, seed) => seed))(
    'whatever the flags, the disk and the failures: seed %d',
    (seed) => expectTheSame(randomCaseOf(graph, seed)),
  );
});

describeWithSharedData('the built command does so too', () => {
  let dir: string;
  beforeEach(() => {
    dir = makeTempDir();
  });
  afterEach(() => removeTempDir(dir));

  test.each<[string, Record<string, string | true>, ModelFlags]>([
    [
      'with lists, layers and a limit of rebuilds',
      {
        packages: 'attr',
        'rebuild-packages': ' zlib\tm4 ',
        'ignored-packages': 'glibc',
        tests: 'zlib',
        'rerun-tests': 'acl',
        'extra-layers': '1',
        'max-cascading-rebuilds': '2',
        'optimize-with-cached-implicit': true,
      },
      {
        packages: 'attr',
        rebuild: 'zlib m4',
        ignored: 'glibc',
        tests: 'zlib',
        rerunTests: 'acl',
        extraLayers: 1,
        maxCascadingRebuilds: 2,
        ...cut,
      },
    ],
    [
      'without the cache',
      { 'no-cache': true, packages: 'bison', tests: 'm4' },
      { noCache: true, packages: 'bison', tests: 'm4' },
    ],
  ])('%s', async (_, flags, modelFlags) => {
    const graph = placeRpms(sharedData('azurelinux-3.0-core-cached.dot'), dir);
    const run = new ToolkitRun(dir, graph);
    const { code } = await run.run(flags);
    const toolkit = toolkitOutcome(graph, modelFlags, ALL);
    expect(normalized(run.csv())).toEqual(toolkit.rows);
    expect(code).toBe(toolkit.exitCode);
  });

  test('with the packages of an image', async () => {
    const graph = placeRpms(sharedData('azurelinux-3.0-core-cached.dot'), dir);
    const run = new ToolkitRun(dir, graph);
    const config = { SystemConfigs: [{ Packages: ['gmp', 'nonsuch'], KernelOptions: { default: 'zlib' } }] };
    writeFileSync(run.path('image.json'), JSON.stringify(config));
    await run.run({ 'image-config-file': run.path('image.json'), 'optimize-with-cached-implicit': true });
    const image = ['gmp', 'nonsuch', 'zlib'].map((name) => ({ name }));
    expect(normalized(run.csv())).toEqual(toolkitOutcome(graph, { image, ...cut }, ALL).rows);
  });
});

describe('on small graphs', () => {
  test("a test that needs its own package is blocked by itself where that fails, as are other packages' tests", async () => {
    const whole = packageGraph({ wget: { test: true }, curl: { needs: ['wget'], test: true } }, '/rpms');
    const [test, run] = ['wget-1.0-1-TEST<Build>', 'wget-1.0-1-RUN<Meta>'].map((name) => nodeOf(whole, name));
    const graph = whole.patched({ addEdges: [[test as number, run as number]] });
    const world = { ...NOTHING, fails: new Set(['wget-1.0-1.src.rpm']) };
    const { rows } = await spanwrightOutcome(graph, {}, world);
    expect(rows).toContain('wget-1.0-1.src.rpm,1,Failed,wget-1.0-1.src.rpm-UNBUILT');
    expect(rows).toEqual(toolkitOutcome(graph, {}, world).rows);
  });

  test('an ignored package that is missing is really built here, so it can fail; there it is not', async () => {
    const graph = packageGraph({ lib: {}, app: { needs: ['lib'] } }, '/rpms');
    const world = { ...NOTHING, fails: new Set(['lib-1.0-1.src.rpm']) };
    const flags = { ignored: 'lib' };
    expect(toolkitOutcome(graph, flags, world).rows).toEqual([
      'app-1.0-1.src.rpm,0,Built,',
      'lib-1.0-1.src.rpm,0,Built,',
    ]);
    expect((await spanwrightOutcome(graph, flags, world)).rows).toEqual([
      'app-1.0-1.src.rpm,0,Failed,lib-1.0-1.src.rpm-FAIL',
      'lib-1.0-1.src.rpm,0,Failed,',
    ]);
  });

  test('an SRPM whose packages need different things to be built is one job here; there it is built by halves', async () => {
    const graph = splitGraph();
    const world = { ...NOTHING, fails: new Set(['fmt-1.0-1.src.rpm']) };
    expect(toolkitOutcome(graph, {}, world).rows).toEqual([
      'fmt-1.0-1.src.rpm,0,Failed,',
      'mamba-1.0-1.src.rpm,0,Built,',
      'mamba-1.0-1.src.rpm,0,Failed,fmt-1.0-1.src.rpm-FAIL',
    ]);
    expect((await spanwrightOutcome(graph, {}, world)).rows).toEqual([
      'fmt-1.0-1.src.rpm,0,Failed,',
      'mamba-1.0-1.src.rpm,0,Failed,fmt-1.0-1.src.rpm-FAIL',
    ]);
  });

  test.each(Array.from({ length: 10 }, (_, block) => block))(
    'whatever the graph, the flags, the disk, the failures and the names found out: hundred seeds, no. %d',
    async (block) => {
      for (let seed = block * 100; seed < (block + 1) * 100; seed++) await expectTheSame(randomCase(seed));
    },
  );
});

/** What must be the same; where a graph is cut down under way, the toolkit forgets what was built of the rest. */
function shown({ rows, exitCode, counts }: ModelOutcome) {
  return { rows, exitCode, counts };
}

async function expectTheSame({ graph, flags, world }: RandomCase): Promise<void> {
  const ours = await spanwrightOutcome(graph, flags, world);
  expect(ours.startedTooEarly).toEqual([]);
  const possible = [0, 1, 2, 3].map((seed) =>
    toolkitOutcome(graph, flags, {
      ...world,
      ignoresAsHelpSays: true,
      chance: seed === 0 ? undefined : chanceFrom(seed),
    }),
  );
  const told = (outcome: ModelOutcome) => {
    const [like] = possible;
    if (!like?.cutUnderWay) return shown(outcome);
    const known = new Set(like.rows.map(nameOfRow));
    return { rows: outcome.rows.filter((row) => known.has(nameOfRow(row))), exitCode: outcome.exitCode };
  };
  const theirs = possible.map((outcome) => JSON.stringify(told(outcome)));
  if (!theirs.includes(JSON.stringify(told(ours)))) expect(told(ours)).toEqual(told(possible[0] as ModelOutcome));
}

const nameOfRow = (row: string) => row.split(',', 2).join();

/** `mamba` is built with `fmt`; its package `mamba-python` with an fmt from elsewhere. */
function splitGraph(): Graph {
  const whole = packageGraph({ fmt: {}, mamba: { needs: ['fmt'], also: ['mamba-python'] } }, '/rpms');
  const [python, fmt] = ['mamba-python-1.0-1-BUILD<Build>', 'fmt-1.0-1-RUN<Meta>'].map((name) => nodeOf(whole, name));
  const builder = GraphBuilder.continuing(whole, [[python as number, fmt as number]]);
  const cached = builder.addNode({
    type: NodeType.RemoteRun,
    state: NodeState.Cached,
    name: 'fmt-of-old',
    rpmPath: '/cache/fmt.rpm',
  });
  builder.addDependency(python as number, cached);
  return builder.build();
}
