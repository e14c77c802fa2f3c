import { RunView } from '../../src/report/run-view';
import { csvField, stateCsv } from '../../src/report/state-csv';
import { FreshnessRule } from '../../src/scheduler/rebuild/freshness';
import { Scheduler } from '../../src/scheduler/scheduler';
import { packagesOf } from '../scheduler/package-graph';

interface Case {
  /** Builds, and tests as `test:…`, that fail. */
  readonly failing?: readonly string[];
  /** RPMs that are on disk already. */
  readonly there?: readonly string[];
  readonly delta?: readonly string[];
  readonly ignore?: readonly string[];
}

/** The rows of the CSV after a run of a graph of packages. */
async function rows(notation: string, { failing = [], there, delta, ignore = [] }: Case = {}): Promise<string[]> {
  const { graph, at } = packagesOf(notation, delta);
  const view = new RunView();
  const scheduler = new Scheduler({
    graph,
    workers: 2,
    runId: 'x',
    agent: {
      name: 'test',
      build: async ({ kind, label }) =>
        failing.includes(`${kind === 'test' ? 'test:' : ''}${label.replace('.src.rpm', '')}`)
          ? { ok: false, failure: { reason: 'simulated' } }
          : { ok: true, builtFiles: [] },
    },
    failOnTestFailure: false,
    rebuild:
      there &&
      ((g, jobs) =>
        new FreshnessRule(g, jobs, {
          exists: (path) => there.includes(path),
          ignore: new Set(ignore.map(at)),
          maxCascadingRebuilds: 0,
        })),
    listeners: [(event) => view.apply(event)],
  });
  await scheduler.run();
  const csv = stateCsv(graph, scheduler.jobs, view);
  expect(csv.endsWith('\n')).toBe(true);
  const [header, ...lines] = csv.trimEnd().split('\n');
  expect(header).toBe('Package,State,Blocker,IsTest');
  return lines;
}

test('what was built is Built, tests that passed too, sorted', async () => {
  expect(await rows('lib; app -> lib; test:app')).toEqual([
    'app.src.rpm,Built,,0',
    'app.src.rpm,Built,,1',
    'lib.src.rpm,Built,,0',
  ]);
});

test('what need not be built is PreBuilt or PreBuiltDelta, and skipped tests have no row', async () => {
  const there = ['/rpms/lib.rpm', '/rpms/new.rpm'];
  expect(await rows('lib; test:lib; new; app; odd', { there, delta: ['new'], ignore: ['build:odd'] })).toEqual([
    'app.src.rpm,Built,,0',
    'lib.src.rpm,PreBuilt,,0',
    'new.src.rpm,PreBuiltDelta,,0',
    'odd.src.rpm,Built,,0',
  ]);
});

test('what failed and what was blocked are Failed, with the packages they need directly', async () => {
  expect(await rows('lib; app -> lib core; top -> app; core', { failing: ['lib'] })).toEqual([
    'app.src.rpm,Failed,lib.src.rpm-FAIL ,0',
    'core.src.rpm,Built,,0',
    'lib.src.rpm,Failed,,0',
    'top.src.rpm,Failed,app.src.rpm-UNBUILT ,0',
  ]);
});

test('several blockers are sorted, each given once, and those of all packages of an SRPM', async () => {
  const notation = 'm; z; a; app -> m z a/dev; app/doc -> a a/dev';
  expect(await rows(notation, { failing: ['z', 'a', 'm'] })).toEqual([
    'a.src.rpm,Failed,,0',
    'app.src.rpm,Failed,a.src.rpm-FAIL m.src.rpm-FAIL z.src.rpm-FAIL ,0',
    'm.src.rpm,Failed,,0',
    'z.src.rpm,Failed,,0',
  ]);
});

test('a failed test is a row of its own and blocks no build', async () => {
  expect(await rows('lib; test:lib; app -> lib', { failing: ['test:lib'] })).toEqual([
    'app.src.rpm,Built,,0',
    'lib.src.rpm,Built,,0',
    'lib.src.rpm,Failed,,1',
  ]);
});

test('a test that could not start with its build is among its own blockers', async () => {
  expect(await rows('app -> bad; test:app', { failing: ['bad'] })).toEqual([
    'app.src.rpm,Failed,app.src.rpm-UNBUILT ,1',
    'app.src.rpm,Failed,bad.src.rpm-FAIL ,0',
    'bad.src.rpm,Failed,,0',
  ]);
});

test('a package that needs what nobody provides is Failed', async () => {
  expect(await rows('app -> lost:qt; lib')).toEqual(['app.src.rpm,Failed,,0', 'lib.src.rpm,Built,,0']);
});

test('what was told to end while it ran has failed, and what was waiting for it was not built', () => {
  const { graph } = packagesOf('lib; app -> lib');
  const view = new RunView();
  const scheduler = new Scheduler({
    graph,
    workers: 1,
    runId: 'x',
    agent: {
      name: 'test',
      build: async () => {
        scheduler.cancel('test');
        return { ok: false, failure: { reason: 'cancelled' } };
      },
    },
    listeners: [(event) => view.apply(event)],
  });
  return scheduler.run().then(() => {
    expect(stateCsv(graph, scheduler.jobs, view).split('\n').slice(1, -1)).toEqual([
      'app.src.rpm,Failed,lib.src.rpm-FAIL ,0',
      'lib.src.rpm,Failed,,0',
    ]);
  });
});

test('a field with a comma, a quote or a line end is quoted, any other left alone', () => {
  expect(csvField('plain text')).toBe('plain text');
  expect(csvField('a,b')).toBe('"a,b"');
  expect(csvField('say "no"')).toBe('"say ""no"""');
  expect(csvField('two\nlines')).toBe('"two\nlines"');
  expect(csvField('')).toBe('');
});
