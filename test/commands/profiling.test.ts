import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProfiling } from '../../src/commands/profiling';
import { makeTempDir, removeTempDir } from '../support/command';

let dir: string;
let warnings: string[];
beforeEach(() => {
  dir = makeTempDir();
  warnings = [];
});
afterEach(() => removeTempDir(dir));

const profilingOf = (flags: Record<string, string | boolean>) =>
  startProfiling(
    { bool: (name) => flags[name] === true, string: (name) => (flags[name] as string | undefined) ?? '' },
    (message) => warnings.push(message),
  );
const json = (name: string) => JSON.parse(readFileSync(join(dir, name), 'utf8'));

/** Something that takes time and memory, under a name that a profile can show. */
function workThatShows(): number {
  const kept: number[][] = [];
  for (let i = 0; i < 400; i++) kept.push(Array.from({ length: 5000 }, (_, n) => Math.sqrt(n * i)));
  return kept.reduce((sum, list) => sum + (list.at(-1) as number), 0);
}

test('a CPU profile names what ran', async () => {
  const profiling = profilingOf({ 'enable-cpu-prof': true, 'cpu-prof-file': join(dir, 'a.cpuprofile') });
  expect(workThatShows()).toBeGreaterThan(0);
  await profiling.stop();
  const profile = json('a.cpuprofile');
  expect(profile.endTime).toBeGreaterThan(profile.startTime);
  expect(profile.samples.length).toBe(profile.timeDeltas.length);
  const ids = new Set(profile.nodes.map(({ id }: { id: number }) => id));
  expect(profile.samples.every((id: number) => ids.has(id))).toBe(true);
  expect(
    profile.nodes.map(({ callFrame }: { callFrame: { functionName: string } }) => callFrame.functionName),
  ).toContain('workThatShows');
  expect(warnings).toEqual([]);
});

test('a memory profile goes into its own file, not into that of the CPU', async () => {
  const profiling = profilingOf({
    'enable-mem-prof': true,
    'mem-prof-file': join(dir, 'a.heapprofile'),
    'cpu-prof-file': join(dir, 'a.cpuprofile'),
  });
  // What is kept shows; the profile is of samples, so there must be much of it.
  const kept = Array.from({ length: 300_000 }, (_, i) => ({ text: `object ${i}` }));
  await profiling.stop();
  expect(kept).toHaveLength(300_000);
  const profile = json('a.heapprofile');
  expect(profile.head.callFrame.functionName).toBe('(root)');
  expect(profile.head.children.length).toBeGreaterThan(0);
  expect(Array.isArray(profile.samples)).toBe(true);
  expect(existsSync(join(dir, 'a.cpuprofile'))).toBe(false);
});

test('a trace is a list of events that Perfetto reads', async () => {
  const profiling = profilingOf({ 'enable-trace': true, 'trace-file': join(dir, 'trace.json') });
  // Node's performance marks are among its trace events; they are only seen once the recording has begun.
  await new Promise((resolve) => setImmediate(resolve));
  performance.mark('seen-in-the-trace');
  await profiling.stop();
  const { traceEvents } = json('trace.json');
  expect(traceEvents.length).toBeGreaterThan(0);
  for (const event of traceEvents) expect(event).toMatchObject({ pid: expect.any(Number), ph: expect.any(String) });
  expect(warnings).toEqual([]);
});

test('all three can be recorded at once, and stopping twice is fine', async () => {
  const profiling = profilingOf({
    'enable-cpu-prof': true,
    'cpu-prof-file': join(dir, 'cpu'),
    'enable-mem-prof': true,
    'mem-prof-file': join(dir, 'mem'),
    'enable-trace': true,
    'trace-file': join(dir, 'trace'),
  });
  await Promise.all([profiling.stop(), profiling.stop()]);
  await profiling.stop();
  expect(readdirSync(dir).sort()).toEqual(['cpu', 'mem', 'trace']);
  for (const name of ['cpu', 'mem', 'trace']) expect(Object.keys(json(name)).length).toBeGreaterThan(0);
  expect(warnings).toEqual([]);
});

test('nothing is recorded that was not asked for, whatever files are named', async () => {
  await profilingOf({ 'cpu-prof-file': join(dir, 'cpu'), 'trace-file': join(dir, 'trace') }).stop();
  expect(readdirSync(dir)).toEqual([]);
});

describe('what goes wrong is a warning', () => {
  test.each([
    ['enable-cpu-prof', 'cpu-prof-file'],
    ['enable-mem-prof', 'mem-prof-file'],
    ['enable-trace', 'trace-file'],
  ])('--%s without --%s', async (enable, file) => {
    await profilingOf({ [enable]: true }).stop();
    expect(warnings).toEqual([`Could not start profiling: --${enable} needs --${file}`]);
  });

  test('a folder that is not there is told at the start', async () => {
    const profiling = profilingOf({ 'enable-cpu-prof': true, 'cpu-prof-file': join(dir, 'none', 'cpu') });
    expect(warnings).toEqual([
      `Could not start profiling: cannot write ${join(dir, 'none', 'cpu')}: no such file or directory`,
    ]);
    await profiling.stop();
  });

  test('a file that cannot be written at the end does not keep the others from it', async () => {
    const profiling = profilingOf({
      'enable-cpu-prof': true,
      'cpu-prof-file': join(dir, 'cpu'),
      'enable-mem-prof': true,
      'mem-prof-file': join(dir, 'mem'),
    });
    mkdirSync(join(dir, 'cpu'));
    writeFileSync(join(dir, 'cpu', 'x'), '');
    await profiling.stop();
    expect(warnings).toEqual([expect.stringContaining(`Could not write the profile ${join(dir, 'cpu')}`)]);
    expect(json('mem').head).toBeDefined();
  });
});
