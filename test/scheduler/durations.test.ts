import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { costFrom, DurationHistory, type Durations, SimulatedDurations } from '../../src/scheduler/durations';
import type { BuildEvent } from '../../src/scheduler/events';
import type { JobKind } from '../../src/scheduler/job-kind';
import { UserError } from '../../src/util/user-error';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'durations-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The events of one job that is tried at these times and ends at `end`. */
function jobEvents(
  job: number,
  kind: JobKind,
  label: string,
  attempts: number[],
  end: number,
  ok: boolean,
): BuildEvent[] {
  return [
    { type: 'job-queued', time: 0, job, kind, label, node: job, reason: '', priority: 1 },
    { type: 'job-started', time: attempts[0] as number, job, worker: 1 },
    ...attempts.map((time, i): BuildEvent => ({ type: 'attempt-started', time, job, attempt: i + 1 })),
    { type: 'job-finished', time: end, job, worker: 1, ok, files: [] },
  ];
}

describe('the history of durations', () => {
  test('keeps how long the attempt took that succeeded, builds and tests apart, and reads it again', () => {
    const path = join(folder, 'durations.json');
    const history = new DurationHistory(path);
    for (const event of [
      ...jobEvents(0, 'build', 'lib', [100, 5000], 5250.26, true),
      ...jobEvents(1, 'test', 'lib', [0], 42, true),
      ...jobEvents(2, 'build', 'bad', [0], 99, false),
    ]) {
      history.listener(event);
    }
    history.save();
    const again = new DurationHistory(path);
    expect(again.of('build', 'lib')).toBe(250.3);
    expect(again.of('test', 'lib')).toBe(42);
    expect(again.of('build', 'bad')).toBeUndefined();
  });

  test('a failure leaves what was known, a success replaces it', () => {
    const path = join(folder, 'durations.json');
    writeFileSync(path, '{"build:a":10,"build:b":20}');
    const history = new DurationHistory(path);
    for (const event of jobEvents(0, 'build', 'a', [0], 99, false)) history.listener(event);
    for (const event of jobEvents(1, 'build', 'b', [0], 30, true)) history.listener(event);
    history.save();
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ 'build:a': 10, 'build:b': 30 });
  });

  test('a run in which nothing succeeded leaves the file as it was', () => {
    const path = join(folder, 'durations.json');
    writeFileSync(path, '{ "build:a":10 }');
    new DurationHistory(path).save();
    expect(readFileSync(path, 'utf8')).toBe('{ "build:a":10 }');
  });

  test.each(['', '{"build:a":', 'null', '[]', '7', '{"build:a":"x","build:b":-1,"build:c":null}'])(
    'a damaged file is an empty history: %s',
    (content) => {
      const path = join(folder, 'durations.json');
      writeFileSync(path, content);
      const history = new DurationHistory(path);
      for (const label of ['a', 'b', 'c', '0']) expect(history.of('build', label)).toBeUndefined();
    },
  );

  test('a file that is not there is an empty history', () => {
    expect(new DurationHistory(join(folder, 'none.json')).of('build', 'a')).toBeUndefined();
  });
});

describe('costs of jobs', () => {
  const known =
    (durations: Readonly<Record<string, number>>): Durations['of'] =>
    (kind, label) =>
      durations[`${kind}:${label}`];

  test('are the known durations, and the median of those for the others', () => {
    const jobs = ['a', 'b', 'c', 'new'].map((label) => ({ kind: 'build' as const, label }));
    const cost = costFrom({ of: known({ 'build:a': 100, 'build:b': 1, 'build:c': 7, 'build:elsewhere': 9999 }) }, jobs);
    expect(jobs.map(({ kind, label }) => cost(kind, label))).toEqual([100, 1, 7, 7]);
    expect(cost('test', 'a')).toBe(7);
  });

  test('are 1 where nothing is known', () => {
    expect(costFrom({ of: () => undefined }, [{ kind: 'build', label: 'a' }])('build', 'a')).toBe(1);
  });

  test('may be 0 where that is known', () => {
    expect(costFrom({ of: known({ 'build:a': 0 }) }, [{ kind: 'build', label: 'a' }])('build', 'a')).toBe(0);
  });
});

describe('simulated durations', () => {
  function read(content: string): SimulatedDurations {
    const file = join(folder, 'sim.json');
    writeFileSync(file, content);
    return SimulatedDurations.read(file);
  }

  test('are read in seconds by SRPM, for builds and tests', () => {
    const durations = read('{"srpms":{"zlib.src.rpm":{"build_s":12.5,"test_s":3},"a":{"build_s":0}}}');
    expect(durations.of('build', 'zlib.src.rpm')).toBe(12_500);
    expect(durations.of('test', 'zlib.src.rpm')).toBe(3000);
    expect(durations.of('build', 'a')).toBe(0);
    expect(durations.of('test', 'a')).toBeUndefined();
    expect(durations.of('build', 'other')).toBeUndefined();
  });

  test.each([
    ['{"srpms":{"zlib":{"build_s":"12"}}}', /sim\.json: zlib: build_s must be a number of seconds, not "12"/],
    ['{"srpms":{"zlib":{"test_s":-1}}}', /sim\.json: zlib: test_s must be a number of seconds, not -1/],
    ['{"srpms":{"zlib":12.5}}', /sim\.json: zlib: /],
    ['{"srpms":{"zlib":null}}', /sim\.json: zlib: /],
    ['{"srpms":[]}', /sim\.json: expected an object with "srpms"/],
    ['{"zlib":{"build_s":1}}', /sim\.json: expected an object with "srpms"/],
    ['null', /sim\.json: expected an object with "srpms"/],
    ['{"srpms":', /sim\.json: cannot read the simulated durations: not valid JSON/],
  ])('an error names the file and the entry: %s', (content, message) => {
    expect(() => read(content)).toThrow(UserError);
    expect(() => read(content)).toThrow(message);
  });

  test('a file that is not there is named', () => {
    expect(() => SimulatedDurations.read(join(folder, 'none.json'))).toThrow(/none\.json: .*no such file or directory/);
  });
});
