import type { RpmFindings } from '../../src/license/findings';
import { type LicenseCheck, LicenseWatch, type LicenseWatchOptions } from '../../src/license/license-watch';
import { UserError } from '../../src/util/user-error';

/** A checker whose checks end when the test says so. */
class HeldChecker {
  readonly asked: string[][] = [];
  private readonly held = new Map<string, { done(findings: RpmFindings[]): void; fail(error: unknown): void }>();

  check(rpmPaths: readonly string[]): Promise<readonly RpmFindings[]> {
    this.asked.push([...rpmPaths]);
    return new Promise((done, fail) => this.held.set(rpmPaths[0] as string, { done, fail }));
  }

  finish(rpmPath: string): void {
    this.held.get(rpmPath)?.done([findingsOf(rpmPath)]);
  }

  fail(rpmPath: string, error: unknown): void {
    this.held.get(rpmPath)?.fail(error);
  }
}

const findingsOf = (rpmPath: string): RpmFindings => ({
  rpmPath,
  packageName: rpmPath,
  badDocs: ['x'],
  badFiles: [],
  duplicatedDocs: [],
  spdxFindings: [],
});

function watching(options: Partial<LicenseWatchOptions> = {}) {
  const checker = new HeldChecker();
  const checks: LicenseCheck[] = [];
  const clock = { time: 0, now: () => clock.time };
  const watch = new LicenseWatch({ checker, clock, parallel: 2, onChecked: (check) => checks.push(check), ...options });
  return { watch, checker, checks, clock };
}

/** Lets all that can go on without the test go on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('checks begin at once, so many at a time, and each is told of with its times', async () => {
  const { watch, checker, checks, clock } = watching();
  clock.time = 10;
  watch.add(1, 'a.src.rpm', ['a']);
  watch.add(2, 'b.src.rpm', ['b']);
  watch.add(3, 'c.src.rpm', ['c', 'c-devel']);
  expect(checker.asked).toEqual([['a'], ['b']]);
  clock.time = 15;
  checker.finish('b');
  await settled();
  expect(checks).toEqual([{ job: 2, label: 'b.src.rpm', findings: [findingsOf('b')], startedAt: 10, endedAt: 15 }]);
  expect(checker.asked).toEqual([['a'], ['b'], ['c', 'c-devel']]);
  clock.time = 20;
  checker.finish('c');
  checker.finish('a');
  await watch.finished();
  expect(checks.slice(1)).toEqual([
    { job: 3, label: 'c.src.rpm', findings: [findingsOf('c')], startedAt: 15, endedAt: 20 },
    { job: 1, label: 'a.src.rpm', findings: [findingsOf('a')], startedAt: 10, endedAt: 20 },
  ]);
  expect(watch.findings.map(({ rpmPath }) => rpmPath)).toEqual(['b', 'c', 'a']);
});

test('it has finished when the last check has been told of, and that many may wait for', async () => {
  const { watch, checker, checks } = watching();
  await watch.finished();
  const seen: number[] = [];
  watch.add(1, 'a', ['a']);
  const waits = [watch.finished(), watch.finished()].map((wait) => wait.then(() => seen.push(checks.length)));
  watch.add(2, 'b', ['b']);
  watch.add(3, 'c', ['c']);
  checker.finish('a');
  await settled();
  checker.finish('b');
  await settled();
  expect(seen).toEqual([]);
  checker.finish('c');
  await Promise.all(waits);
  expect(seen).toEqual([3, 3]);
  watch.add(4, 'd', ['d']);
  checker.finish('d');
  await watch.finished();
  expect(checks).toHaveLength(4);
});

test('a job without RPMs is not checked', async () => {
  const { watch, checker, checks } = watching();
  watch.add(1, 'a', []);
  await watch.finished();
  expect([checker.asked, checks]).toEqual([[], []]);
});

test('a checker that breaks is told of once; nothing more is begun, and whoever waits hears of it', async () => {
  const broken: unknown[] = [];
  const { watch, checker, checks } = watching({ onBroken: (error) => broken.push(error) });
  for (const [job, name] of ['a', 'b', 'c'].entries()) watch.add(job, name, [name]);
  const error = new UserError('there is no rpm here');
  const finished = watch.finished();
  checker.fail('a', error);
  checker.fail('b', new Error('a later one'));
  await expect(finished).rejects.toBe(error);
  watch.add(9, 'd', ['d']);
  await expect(watch.finished()).rejects.toBe(error);
  expect(broken).toEqual([error]);
  expect(checker.asked).toEqual([['a'], ['b']]);
  expect(checks).toEqual([]);
});

test('a broken checker that nobody waits for yet hurts nobody', async () => {
  const { watch, checker } = watching();
  watch.add(1, 'a', ['a']);
  checker.fail('a', new UserError('there is no rpm here'));
  await settled();
  await expect(watch.finished()).rejects.toThrow('there is no rpm here');
});
