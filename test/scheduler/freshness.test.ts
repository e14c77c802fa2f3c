import type { BuildEvent } from '../../src/scheduler/events';
import { JobTable } from '../../src/scheduler/job-table';
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
  /** Builds that succeed and leave no RPM. */
  readonly makesNothing?: readonly string[];
}

/** Runs a graph of packages under the rule and gives for each job what was decided, in one line, sorted. */
async function decide(notation: string | PackageGraph, asked: Asked = {}) {
  const { graph, at } = typeof notation === 'string' ? packagesOf(notation, asked.delta) : notation;
  const { missing = [], rebuild = [], ignore = [], failing = [], makesNothing = [], ...options } = asked;
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
        if (kind === 'build' && !makesNothing.includes(label))
          for (const node of scheduler.jobs.nodesOf(job)) gone.delete(graph.rpmPath(node));
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
    expect(reasons.b).toBe('a.src.rpm, which it needs, has been rebuilt');
    expect(reasons.d).toBe('c.src.rpm, which it needs, has been rebuilt');
  });

  test('is said with what lies between, where it is needed in turn', async () => {
    const { reasons } = await decide('app -> tool; tool => data', { missing: ['/rpms/data.rpm'] });
    expect(reasons.app).toBe('data.src.rpm, which tool.rpm needs in turn, has been rebuilt');
  });

  test('is said with the prebuilt package that is not there', async () => {
    const { reasons } = await decide('app -> prebuilt:gcc', { missing: ['/cache/gcc.rpm'] });
    expect(reasons.app).toBe('gcc.rpm, which it needs, is missing or is to be rebuilt');
  });

  test('is found by any package of an SRPM that needs it', async () => {
    for (const notation of ['app -> old; app/devel -> new', 'app -> new; app/devel -> old']) {
      const { lines } = await decide(notation, { rebuild: ['build:new'] });
      expect(lines).toEqual(['app built', 'new built', 'old cached']);
    }
  });

  test('goes all the way where the limit is the greatest number of 64 bits', async () => {
    const { lines } = await decide(CHAIN, { missing, maxCascadingRebuilds: 2 ** 64 });
    expect(lines).toEqual(['a built', 'b built', 'c built', 'd built']);
  });

  test('is counted anew by installed packages whose RPM is missing after the build', async () => {
    const { graph, at } = packagesOf('c -> b; b -> a');
    const { lines } = await decide(
      { graph, at },
      { missing: ['/rpms/b.rpm'], makesNothing: ['b.src.rpm'], maxCascadingRebuilds: 1 },
    );
    expect(lines).toEqual(['a cached', 'b built', 'c built']);
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

  test('to be left alone is not rebuilt where something it needs is fresh, and what needs it is judged as if it had been', async () => {
    const { lines, reasons, files } = await decide('c -> b; b -> a', { rebuild: ['build:a'], ignore: ['build:b'] });
    expect(lines).toEqual(['a built', 'b ignored', 'c built']);
    expect(reasons.b).toBe('the user ignores it, although a.src.rpm, which it needs, has been rebuilt');
    expect(reasons.c).toBe('a.src.rpm, which b.rpm needs in turn, has been rebuilt');
    expect(files.b).toEqual(['/rpms/b.rpm']);
  });

  test('to be left alone still counts as one layer', async () => {
    const asked = { rebuild: ['build:a'], ignore: ['build:b'], maxCascadingRebuilds: 1 };
    expect((await decide('c -> b; b -> a', asked)).lines).toEqual(['a built', 'b ignored', 'c cached']);
  });

  test('to be left alone is built where one of its RPMs is missing', async () => {
    const { lines, reasons } = await decide('app -> lib; lib/devel', {
      ignore: ['build:lib'],
      missing: ['/rpms/lib-devel.rpm'],
    });
    expect(lines).toEqual(['app built', 'lib built']);
    expect(reasons.lib).toBe('1 of its 2 RPMs are missing: lib-devel.rpm, so it is built although the user ignores it');
  });

  test('to be left alone is reused like any other where nothing asks for a rebuild', async () => {
    const { lines, reasons } = await decide('app -> lib', { ignore: ['build:lib'] });
    expect(lines).toEqual(['app cached', 'lib cached']);
    expect(reasons.lib).toBe(
      'all of its 1 RPMs are on disk, and nothing it needs is fresh; the user ignores it anyway',
    );
  });

  test('to be left alone is not rebuilt because the cache is off', async () => {
    const { lines, reasons } = await decide('app -> lib; test:lib', { ignore: ['build:lib'], noCache: true });
    expect(lines).toEqual(['app built', 'lib ignored', 'test:lib built']);
    expect(reasons.lib).toBe('the user ignores it, although the cache is off');
  });

  test('also makes fresh what stands in for it while it is rebuilt', async () => {
    const { graph, at } = packagesOf('app -> prebuilt:lib; lib -> app');
    const prebuilt = graph.record(at('prebuilt:lib'));
    // As the toolkit does it: the stand-in has the record, the SRPM and the RPM of the package.
    const lib = { ...graph.record(at('lib')), type: prebuilt.type, state: prebuilt.state };
    const patched = graph.patched({ replace: new Map([[at('prebuilt:lib'), lib]]) });
    const { lines } = await decide({ graph: patched, at }, { rebuild: ['build:lib'] });
    expect(lines).toEqual(['app built', 'lib built']);
  });
});

describe('what the toolkit logs', () => {
  const notices = (notation: string, options: FreshnessOptions, listed: string[] = []) => {
    const { graph, at } = packagesOf(notation);
    const jobs = JobTable.of(graph);
    const rule = new FreshnessRule(graph, jobs, { ...options, rebuild: new Set(listed.map(at)) });
    return Array.from({ length: jobs.count }, (_, job) => rule.decide(job)).flatMap((decision) =>
      decision.build && decision.notice ? [decision.notice] : [],
    );
  };

  test('where some of the RPMs of an SRPM are missing, and not where all are', () => {
    const gone = ['/rpms/app-devel.rpm', '/rpms/app-doc.rpm', '/rpms/lib.rpm'];
    expect(notices('app; app/devel; app/doc; lib', { exists: (path) => !gone.includes(path) })).toEqual([
      'SRPM (app.src.rpm) will be rebuilt due to partially missing components: [/rpms/app-devel.rpm /rpms/app-doc.rpm]',
    ]);
  });

  test('where the user wants a rebuild', () => {
    expect(notices('app', { exists: () => true }, ['build:app'])).toEqual([
      "SRPM (app:C:''V:'1-1',C2:''V2:'') will be rebuilt due to user request.",
    ]);
  });
});

describe('a graph that changes under way', () => {
  test('hands freshness on through nodes that are new in it, and takes one layer more for them', () => {
    for (const [maxCascadingRebuilds, builds] of [
      [1, false],
      [2, true],
    ] as const) {
      const { graph, at } = packagesOf('lib; app -> implicit:thing');
      const jobs = JobTable.of(graph);
      const rule = new FreshnessRule(graph, jobs, {
        maxCascadingRebuilds,
        exists: () => true,
        rebuild: new Set([at('build:lib')]),
      });
      rule.decide(jobs.jobOf(at('build:lib')));
      rule.jobDone(jobs.jobOf(at('build:lib')));
      rule.nodeDone(at('lib'));
      const thing = graph.size;
      rule.adopt(
        graph.patched({
          add: [{ ...graph.record(at('lib')), name: 'thing' }],
          addEdges: [
            [thing, at('lib')],
            [at('build:app'), thing],
          ],
          removeEdges: [[at('build:app'), at('implicit:thing')]],
        }),
      );
      rule.nodeDone(thing);
      expect(rule.decide(jobs.jobOf(at('build:app'))).build).toBe(builds);
    }
  });

  test('has other RPMs where paths have changed', () => {
    const { graph, at } = packagesOf('app -> lib', ['lib']);
    const jobs = JobTable.of(graph);
    const there = new Set(['/rpms/app.rpm', '/out/lib.rpm', '/rpms/lib.rpm']);
    const rule = new FreshnessRule(graph, jobs, { exists: (path) => there.has(path), maxCascadingRebuilds: 0 });
    const run = { ...graph.record(at('lib')), rpmPath: '/out/lib.rpm' };
    rule.adopt(graph.patched({ replace: new Map([[at('lib'), run]]) }));
    expect(rule.decide(jobs.jobOf(at('build:lib')))).toMatchObject({ files: ['/rpms/lib.rpm', '/out/lib.rpm'] });
    there.delete('/out/lib.rpm');
    rule.jobDone(jobs.jobOf(at('build:lib')));
    rule.nodeDone(at('lib'));
    expect(rule.decide(jobs.jobOf(at('build:app'))).build).toBe(false);
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

  test('may be left alone while their package is built, also where its RPMs were missing', async () => {
    const { lines } = await decide('app; test:app', { ignore: ['test:app'], rebuild: ['build:app'] });
    expect(lines).toEqual(['app built', 'test:app ignored']);
    const missing = ['/rpms/app.rpm'];
    const { lines: same, files } = await decide('app; test:app', { ignore: ['test:app'], missing });
    expect(same).toEqual(['app built', 'test:app ignored']);
    expect(files['test:app']).toEqual([]);
  });

  test('run where their package should have been rebuilt, but is left alone', async () => {
    const { lines, reasons } = await decide('app -> lib; test:app', { rebuild: ['build:lib'], ignore: ['build:app'] });
    expect(lines).toEqual(['app ignored', 'lib built', 'test:app built']);
    expect(reasons['test:app']).toBe('its package is ignored, but no longer up to date');
  });

  test('are skipped for a reason of their own', async () => {
    const { reasons } = await decide('app; test:app');
    expect(reasons['test:app']).toBe('its package is reused, and nothing it needs is fresh');
  });

  test('of which only one package needs what is fresh run all together', async () => {
    const { lines } = await decide('app; app/devel; test:app; test:app/devel -> tool', { rebuild: ['build:tool'] });
    expect(lines).toEqual(['app cached', 'test:app built', 'tool built']);
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
