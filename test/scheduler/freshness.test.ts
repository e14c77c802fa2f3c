import type { BuildEvent } from '../../src/scheduler/events';
import { type FreshnessOptions, FreshnessRule } from '../../src/scheduler/rebuild/freshness';
import { Scheduler } from '../../src/scheduler/scheduler';
import { type PackageGraph, packagesOf } from './package-graph';

interface Asked extends Omit<FreshnessOptions, 'exists' | 'rebuild' | 'ignore'> {
  /** RPM files that are not on disk; everything else is. What a build makes is there afterwards. */
  readonly missing?: readonly string[];
  readonly rebuild?: readonly string[];
  readonly ignore?: readonly string[];
  readonly delta?: readonly string[];
  /** Builds that fail. */
  readonly failing?: readonly string[];
}

/** Runs a graph of packages under the rule and gives for each job what was decided, in one line, sorted. */
async function decide(notation: string | PackageGraph, asked: Asked = {}) {
  const { graph, at } = typeof notation === 'string' ? packagesOf(notation, asked.delta) : notation;
  const { missing = [], rebuild = [], ignore = [], failing = [], ...options } = asked;
  const gone = new Set(missing);
  const events: BuildEvent[] = [];
  const scheduler: Scheduler = new Scheduler({
    graph,
    workers: 1,
    runId: 'x',
    agent: {
      name: 'test',
      build: async ({ job, label, kind }) => {
        if (failing.includes(label)) return { ok: false, failure: { reason: 'simulated' } };
        if (kind === 'build') for (const node of scheduler.jobs.nodesOf(job)) gone.delete(graph.rpmPath(node));
        return { ok: true, builtFiles: [] };
      },
    },
    rebuild: (g, jobs) =>
      new FreshnessRule(g, jobs, {
        ...options,
        rebuild: new Set(rebuild.map(at)),
        ignore: new Set(ignore.map(at)),
        exists: (path) => !gone.has(path),
      }),
    listeners: [(event) => events.push(event)],
  });
  await scheduler.run();
  const lines: string[] = [];
  const reasons: Record<string, string> = {};
  const files: Record<string, readonly string[]> = {};
  for (const event of events) {
    if (event.type !== 'job-queued' && event.type !== 'job-skipped') continue;
    const name = `${event.kind === 'test' ? 'test:' : ''}${event.label.replace('.src.rpm', '')}`;
    lines.push(`${name} ${event.type === 'job-queued' ? 'built' : event.how}`);
    reasons[name] = event.reason;
    if (event.type === 'job-skipped') files[name] = event.files;
  }
  return { lines: lines.sort(), reasons, files };
}

const CHAIN = 'd -> c; c -> b; b -> a';

describe('what is on disk', () => {
  test('is reused where every RPM is there, and given as the files of the package', async () => {
    const { lines, reasons, files } = await decide('app -> lib; app/devel -> lib');
    expect(lines).toEqual(['app cached', 'lib cached']);
    expect(reasons.app).toBe('all of its 2 RPMs are on disk, and nothing it needs is fresh');
    expect(files.app).toEqual(['/rpms/app.rpm', '/rpms/app-devel.rpm']);
  });

  test('is rebuilt where none of its RPMs is there', async () => {
    const { lines, reasons } = await decide('app; app/devel; other', {
      missing: ['/rpms/app.rpm', '/rpms/app-devel.rpm'],
    });
    expect(lines).toEqual(['app built', 'other cached']);
    expect(reasons.app).toBe('none of its 2 RPMs is on disk');
  });

  test('is rebuilt where one of the RPMs of its SRPM is missing, and the reason names it', async () => {
    const { lines, reasons } = await decide('app; app/devel', { missing: ['/rpms/app-devel.rpm'] });
    expect(lines).toEqual(['app built']);
    expect(reasons.app).toBe('1 of its 2 RPMs are missing: app-devel.rpm');
  });

  test('is never reused where the cache is off', async () => {
    const { lines, reasons } = await decide('app -> lib; test:app', { noCache: true });
    expect(lines).toEqual(['app built', 'lib built', 'test:app built']);
    expect(reasons.lib).toBe('the cache is off');
  });

  test('that came as a delta is told apart', async () => {
    const { lines } = await decide('app; lib; app/devel', { delta: ['app/devel'] });
    expect(lines).toEqual(['app delta', 'lib cached']);
  });

  test('as a delta is rebuilt all the same where something it needs is fresh', async () => {
    const { lines } = await decide('app -> lib', { delta: ['app'], rebuild: ['build:lib'] });
    expect(lines).toEqual(['app built', 'lib built']);
  });
});

describe('what is rebuilt after a rebuilt package', () => {
  const missing = ['/rpms/a.rpm'];

  test.each([
    [undefined, ['a built', 'b built', 'c built', 'd built']],
    [0, ['a built', 'b cached', 'c cached', 'd cached']],
    [1, ['a built', 'b built', 'c cached', 'd cached']],
    [2, ['a built', 'b built', 'c built', 'd cached']],
    [3, ['a built', 'b built', 'c built', 'd built']],
  ])('with at most %s cascading rebuilds', async (maxCascadingRebuilds, expected) => {
    const { lines } = await decide(CHAIN, { missing, maxCascadingRebuilds });
    expect(lines).toEqual(expected);
  });

  test('is said with the package that made it so', async () => {
    const { reasons } = await decide(CHAIN, { missing });
    expect(reasons.b).toMatch(/^a.*, which it needs, has been rebuilt$/);
  });

  test('a package that is missing itself begins to count anew', async () => {
    const { lines } = await decide(CHAIN, { missing: ['/rpms/a.rpm', '/rpms/c.rpm'], maxCascadingRebuilds: 1 });
    expect(lines).toEqual(['a built', 'b built', 'c built', 'd built']);
  });

  test('the freshest of what it needs counts', async () => {
    for (const notation of [
      'old; new; top -> mid; mid -> old new; old -> older',
      'new; old -> older; top -> mid; mid -> old new',
    ]) {
      const older = { rebuild: ['build:older'], maxCascadingRebuilds: 2 };
      expect((await decide(notation, older)).lines).toContain('top cached');
      expect((await decide(notation, { ...older, rebuild: ['build:older', 'build:new'] })).lines).toContain(
        'top built',
      );
    }
  });

  test('each installed package on the way takes one layer, also those that are only installed', async () => {
    const notation = 'app -> tool; tool => data';
    const layers = (max: number) => decide(notation, { missing: ['/rpms/data.rpm'], maxCascadingRebuilds: max });
    expect((await layers(1)).lines).toEqual(['app cached', 'data built', 'tool cached']);
    expect((await layers(2)).lines).toEqual(['app built', 'data built', 'tool cached']);
  });

  test('collections take no layer', async () => {
    const notation = 'app -> meta:m; meta:m -> meta:n; meta:n -> lib';
    const { lines } = await decide(notation, { missing: ['/rpms/lib.rpm'], maxCascadingRebuilds: 1 });
    // The hop from the collection onto the installed package is the one layer.
    expect(lines).toEqual(['app cached', 'lib built']);
    const more = await decide(notation, { missing: ['/rpms/lib.rpm'], maxCascadingRebuilds: 2 });
    expect(more.lines).toEqual(['app built', 'lib built']);
  });

  test('packages from elsewhere and prebuilt ones are never fresh', async () => {
    const { lines } = await decide('app -> remote:glibc prebuilt:gcc', { missing: ['/cache/glibc.rpm'] });
    expect(lines).toEqual(['app cached']);
  });

  test('a prebuilt package whose file is gone is fresh', async () => {
    const { lines } = await decide('app -> prebuilt:gcc', { missing: ['/cache/gcc.rpm'] });
    expect(lines).toEqual(['app built']);
  });
});

describe('what the user asks for', () => {
  test('is rebuilt, and so is what needs it', async () => {
    const { lines, reasons } = await decide(CHAIN, { rebuild: ['build:c'] });
    expect(lines).toEqual(['a cached', 'b cached', 'c built', 'd built']);
    expect(reasons.c).toBe('the user wants it rebuilt');
  });

  test('may be named by any package of its SRPM', async () => {
    const { lines } = await decide('app; app/devel', { rebuild: ['build:app/devel'] });
    expect(lines).toEqual(['app built']);
  });

  test('to be left alone is not built, even where its RPMs are missing, and what needs it is rebuilt then', async () => {
    const { lines, reasons, files } = await decide('app -> lib', { ignore: ['build:lib'], missing: ['/rpms/lib.rpm'] });
    expect(lines).toEqual(['app built', 'lib ignored']);
    expect(reasons.lib).toBe('the user ignores it');
    expect(files.lib).toEqual([]);
  });

  test('to be left alone does not make what needs it fresh where its RPMs are there', async () => {
    const { lines } = await decide('app -> lib', { ignore: ['build:lib'] });
    expect(lines).toEqual(['app cached', 'lib ignored']);
  });
});

describe('tests of a package', () => {
  test('are skipped where the package is reused', async () => {
    expect((await decide('app; test:app')).lines).toEqual(['app cached', 'test:app cached']);
  });

  test('run where the package is rebuilt, also where nothing cascades', async () => {
    const { lines } = await decide('app; test:app', { rebuild: ['build:app'], maxCascadingRebuilds: 0 });
    expect(lines).toEqual(['app built', 'test:app built']);
  });

  test('run where the package was rebuilt before their turn came', async () => {
    const { lines, reasons } = await decide('app; test:app -> app', {
      missing: ['/rpms/app.rpm'],
      maxCascadingRebuilds: 0,
    });
    expect(lines).toEqual(['app built', 'test:app built']);
    expect(reasons['test:app']).toBe('its package has been rebuilt');
  });

  test('run where something only they need is fresh', async () => {
    const { lines } = await decide('app; test:app -> tool', { rebuild: ['build:tool'] });
    expect(lines).toEqual(['app cached', 'test:app built', 'tool built']);
  });

  test('run where the user wants them rerun, and their package is reused', async () => {
    const { lines } = await decide('app; test:app', { rebuild: ['test:app'] });
    expect(lines).toEqual(['app cached', 'test:app built']);
  });

  test('may be left alone while their package is built', async () => {
    const { lines } = await decide('app; test:app', { ignore: ['test:app'], rebuild: ['build:app'] });
    expect(lines).toEqual(['app built', 'test:app ignored']);
  });
});

test('what needs a build that failed is asked about never', async () => {
  const { lines } = await decide(CHAIN, { missing: ['/rpms/a.rpm'], failing: ['a.src.rpm'] });
  expect(lines).toEqual(['a built']);
});

test('the disk is asked once for each RPM, and again after its SRPM has been built', async () => {
  const { graph } = packagesOf('app -> lib; app/devel -> lib; test:app');
  const asked: string[] = [];
  await new Scheduler({
    graph,
    workers: 1,
    runId: 'x',
    agent: { name: 'test', build: async () => ({ ok: true, builtFiles: [] }) },
    rebuild: (g, jobs) =>
      new FreshnessRule(g, jobs, {
        exists: (path) => {
          asked.push(path);
          return path !== '/rpms/lib.rpm' || asked.filter((other) => other === path).length > 1;
        },
      }),
  }).run();
  expect(asked.filter((path) => path === '/rpms/lib.rpm')).toHaveLength(2);
  expect(asked.filter((path) => path === '/rpms/app.rpm')).toHaveLength(2);
});
