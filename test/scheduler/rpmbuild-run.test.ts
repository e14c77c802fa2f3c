import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { graphFromSpecFolder } from '../../src/rpm/package-graph';
import { ProvidesQuery } from '../../src/rpm/provides';
import { RetryingAgent } from '../../src/scheduler/agents/retrying';
import { RpmbuildAgent } from '../../src/scheduler/agents/rpmbuild/rpmbuild';
import type { BuildEvent } from '../../src/scheduler/events';
import { RunnerPool } from '../../src/scheduler/runner/runner-pool';
import { runToolWith } from '../../src/scheduler/runner/runner-tool';
import { Scheduler } from '../../src/scheduler/scheduler';
import { makeTempDir, removeTempDir } from '../support/command';
import { describeWithRpmbuild } from './rpmbuild-bench';

jest.setTimeout(120_000);

const EXAMPLES = resolve(__dirname, '../../examples/rpm');

describeWithRpmbuild('a run over the spec files of the examples', () => {
  let dir: string;
  const runners = new RunnerPool();
  const runTool = runToolWith(runners);

  beforeAll(() => {
    dir = makeTempDir();
  });

  afterAll(async () => {
    runners.stop();
    await removeTempDir(dir);
  });

  async function run() {
    const dirs = { rpmDir: join(dir, 'rpms'), srpmDir: join(dir, 'srpms') };
    const { graph } = await graphFromSpecFolder(EXAMPLES, { ...dirs, assumeProvided: ['gcc', 'pkgconf'] }, runTool);
    const rpmbuild = new RpmbuildAgent({
      runners,
      rpmDir: dirs.rpmDir,
      logsDir: join(dir, 'logs'),
      workDir: join(dir, 'work'),
    });
    const query = new ProvidesQuery({ runTool });
    const events: BuildEvent[] = [];
    const scheduler = new Scheduler({
      graph,
      agent: new RetryingAgent(rpmbuild, { policy: () => ({ attempts: 2 }), backOffMs: 1 }),
      workers: 2,
      runId: 'examples',
      failOnTestFailure: false,
      dynamicDependencies: { ask: (rpms, isWanted) => query.ask(rpms, isWanted), isOnDisk: existsSync },
      listeners: [(event) => events.push(event)],
    });
    const { status } = await scheduler.run();
    return { status, events };
  }

  test('without an RPM that breaks the cycle says which would', async () => {
    await expect(run()).rejects.toThrow(/stamp-1\.1-1.*render-0\.4-1|render-0\.4-1.*stamp-1\.1-1/s);
  });

  test('builds all, finds out who provides what, and tells failing tests from flaky ones', async () => {
    execFileSync(join(EXAMPLES, 'bootstrap'), [join(dir, 'rpms')]);
    const { status, events } = await run();
    expect(status).toBe('succeeded');
    const labels = new Map(
      events.flatMap((event) => (event.type === 'job-queued' ? [[event.job, `${event.kind} ${event.label}`]] : [])),
    );
    const ended = events.flatMap((event) => (event.type === 'job-finished' ? [event] : []));
    expect(ended).toHaveLength(21);
    expect(ended.filter(({ ok }) => !ok).map(({ job }) => labels.get(job))).toEqual(['test check-fails-1.0-1.src.rpm']);
    const again = events.flatMap((event) => (event.type === 'attempt-failed' ? [labels.get(event.job)] : []));
    expect([...new Set(again)].sort()).toEqual(['test check-fails-1.0-1.src.rpm', 'test check-flakes-1.0-1.src.rpm']);
    const provided = events.flatMap((event) => (event.type === 'name-provided' ? [event.rpm] : []));
    expect(provided.map((rpm) => rpm.slice(dir.length))).toEqual([
      expect.stringMatching(/libseries-devel-0\.9-2/),
      expect.stringMatching(/libplot-devel-2\.0-1/),
    ]);
  });
});
