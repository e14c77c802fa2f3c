import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RunView } from '../../src/report/run-view';
import { stackAgents } from '../../src/scheduler/agent-stack';
import { ChrootAgent } from '../../src/scheduler/agents/chroot';
import type { BuildEvent, Notice } from '../../src/scheduler/events';
import { describeFailure, failureTail } from '../../src/scheduler/failure';
import { RunnerPool } from '../../src/scheduler/runner/runner-pool';
import { Scheduler } from '../../src/scheduler/scheduler';
import { parseDuration } from '../../src/util/duration';
import { makeTempDir, removeTempDir } from '../support/command';
import { packageGraph, shellWorker } from '../support/toolkit-run';

let dir: string;
let runners: RunnerPool;
beforeEach(() => {
  dir = makeTempDir();
  runners = new RunnerPool();
  for (const name of ['work', 'logs']) mkdirSync(join(dir, name));
});
afterEach(() => {
  runners.stop();
  return removeTempDir(dir);
});

interface Options {
  readonly attempts?: number;
  readonly timeoutMs?: number;
  readonly test?: boolean;
  readonly noCleanup?: boolean;
  readonly logLevel?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Builds the package `a` (and its tests, where asked to) by a worker in shell. */
async function run(
  script: string,
  { attempts = 1, timeoutMs, test: withTest, noCleanup, logLevel = 'info', env }: Options = {},
) {
  const events: BuildEvent[] = [];
  const view = new RunView();
  const program = shellWorker(dir, script);
  const path = (name: string) => join(dir, name);
  const worker = {
    program,
    workDir: path('work'),
    workerTar: path('worker.tar.gz'),
    repoFile: path('local.repo'),
    rpmDir: path('rpms'),
    toolchainRpmsDir: path('toolchain'),
    srpmDir: path('srpms'),
    cacheDir: path('cache'),
    buildLogsDir: path('logs'),
    distTag: '.azl3',
    distroReleaseVersion: '3.0',
    distroBuildNumber: '1',
    logLevel,
    maxCpu: '',
    timeoutMs: timeoutMs ?? 60_000,
    noCleanup,
  };
  const scheduler = new Scheduler({
    graph: packageGraph({ a: { test: withTest } }, path('rpms')),
    agent: stackAgents(new ChrootAgent({ runners, worker, graceMs: 500 }), {
      policy: () => ({ attempts, timeoutMs }),
      backOffMs: 1,
    }),
    workers: 1,
    runId: 'run-7',
    failOnTestFailure: false,
    env,
    listeners: [
      (event) => events.push(event),
      (event) => {
        view.apply(event);
      },
    ],
  });
  const { status } = await scheduler.run();
  const job = (kind: 'build' | 'test') => [...view.jobs.values()].find((other) => other.kind === kind);
  return {
    status,
    events,
    notices: events.filter((event): event is Notice => event.type === 'notice').map(({ message }) => message),
    build: job('build'),
    test: job('test'),
  };
}

const SRPM = 'a-1.0-1.src.rpm';
const logFile = (name: string) => join(dir, 'logs', name);
const logs = () => readdirSync(join(dir, 'logs')).sort();
const lines = (path: string) => readFileSync(join(dir, path), 'utf8').split('\n').filter(Boolean);
/** Counts attempts, by a file. */
const COUNT = 'echo x >> tries; n=$(wc -l < tries | tr -d " ")';
const inDir = (script: string) => `cd "$(dirname "$0")"; ${script}`;

describe('what a worker is told', () => {
  const RECORD = inDir(
    'printf "%s\\n" "$@" > "args.$check"; env > "env.$check"; echo "CHECK DONE a. EXIT STATUS 0" > "$log"',
  );

  test('the build, its attempt and the trace are in its environment', async () => {
    await run(RECORD, { env: { TRACEPARENT: '00-1', TRACESTATE: 'v=1', BAGGAGE: 'a=b' } });
    expect(lines('env.0')).toEqual(
      expect.arrayContaining([
        'SPANWRIGHT_BUILD_ID=run-7',
        'SPANWRIGHT_ATTEMPT=1',
        'TRACEPARENT=00-1',
        'TRACESTATE=v=1',
        'BAGGAGE=a=b',
      ]),
    );
  });

  test('each attempt is told which it is', async () => {
    await run(inDir(`${COUNT}; echo "$SPANWRIGHT_ATTEMPT" >> attempts; [ $n = 3 ]`), { attempts: 3 });
    expect(lines('attempts')).toEqual(['1', '2', '3']);
  });

  test('a level of logging is never empty, as the worker refuses that', async () => {
    await run(RECORD, { logLevel: '' });
    expect(lines('args.0')).toContain('--log-level=info');
  });

  test('the time that is left goes down from attempt to attempt', async () => {
    const script = `${COUNT}; for word in "$@"; do case "$word" in --timeout=*) echo "\${word#*=}" >> times;; esac; done; sleep 0.05; [ $n = 2 ]`;
    await run(inDir(script), { attempts: 2, timeoutMs: 60_000 });
    const times = lines('times').map((time) => parseDuration(time) as number);
    expect(times).toHaveLength(2);
    expect(times[0]).toBeLessThanOrEqual(60_000);
    expect(times[1]).toBeLessThanOrEqual((times[0] as number) - 50);
  });
});

describe('logs', () => {
  test('of failed attempts are kept and named, and the last is under the usual name', async () => {
    const { build, events } = await run(inDir(`${COUNT}; echo "try $n" > "$log"; [ $n = 3 ]`), { attempts: 3 });
    expect(logs()).toEqual([`${SRPM}.attempt-1.log`, `${SRPM}.attempt-2.log`, `${SRPM}.log`]);
    expect(logs().map((name) => readFileSync(logFile(name), 'utf8'))).toEqual(['try 1\n', 'try 2\n', 'try 3\n']);
    const named = ['attempt-1.log', 'attempt-2.log', 'log'].map((end) => logFile(`${SRPM}.${end}`));
    expect(build?.attempts.map(({ logPath }) => logPath)).toEqual(named);
    expect(build?.logPath).toBe(named[2]);
    expect(events.flatMap((event) => (event.type === 'attempt-failed' ? [event.logPath] : []))).toEqual(
      named.slice(0, 2),
    );
  });

  test('of a build that fails for good are not copied once more', async () => {
    const { build } = await run(inDir(`${COUNT}; echo "try $n" > "$log"; exit 1`), { attempts: 2 });
    expect(logs()).toEqual([`${SRPM}.attempt-1.log`, `${SRPM}.log`]);
    expect(build?.attempts.map(({ logPath }) => logPath)).toEqual([
      logFile(`${SRPM}.attempt-1.log`),
      logFile(`${SRPM}.log`),
    ]);
  });

  test('of tests that fail are copied at each attempt, with the time in their names', async () => {
    const script = inDir(
      `[ $check = 1 ] || exit 0; ${COUNT}; echo "try $n CHECK DONE a. EXIT STATUS 1" > "$log"; sleep 0.01`,
    );
    const before = Date.now();
    const { test: tests } = await run(script, { attempts: 2, test: true });
    const copies = logs().filter((name) => /^a-1\.0-1\.src\.rpm-FAILED_TEST-\d+\.log$/.test(name));
    expect(copies.map((name) => readFileSync(logFile(name), 'utf8').slice(0, 5))).toEqual(['try 1', 'try 2']);
    const times = copies.map((name) => Number(/-(\d+)\.log$/.exec(name)?.[1]));
    for (const time of times) expect(time).toBeGreaterThanOrEqual(before - 1);
    for (const time of times) expect(time).toBeLessThanOrEqual(Date.now() + 1);
    expect(tests?.attempts.map(({ logPath }) => logPath)).toEqual([
      logFile(copies[0] as string),
      logFile(`${SRPM}.test.log`),
    ]);
    expect(tests?.status).toBe('failed');
    expect(tests?.logPath).toBe(logFile(`${SRPM}.test.log`));
  });

  test('of tests that could not be run are kept as those of builds', async () => {
    const script = inDir(
      `[ $check = 1 ] || exit 0; ${COUNT}; echo "try $n" > "$log"; [ $n = 1 ] && exit 1; echo "CHECK DONE EXIT STATUS 0" > "$log"`,
    );
    await run(script, { attempts: 2, test: true });
    expect(logs()).toEqual([`${SRPM}.test.attempt-1.log`, `${SRPM}.test.log`]);
  });

  test('of an earlier run are not taken for those of this one', async () => {
    writeFileSync(logFile(`${SRPM}.test.log`), 'CHECK DONE a. EXIT STATUS 0\n');
    writeFileSync(logFile(`${SRPM}.log`), 'x.c:1:1: error: yesterday\n');
    const { build, test: tests } = await run('exit $((1 - check))', { test: true });
    expect(tests?.failure?.reason).toBe('check-unknown');
    expect(build?.failure && describeFailure(build.failure)).toBe('exit status 1');
  });
});

describe('tests', () => {
  const testing = (script: string, options: Options = {}) =>
    run(inDir(`[ $check = 1 ] || exit 0; ${script}`), { test: true, ...options });

  test('that a marker says have passed are told apart from those that no marker tells of', async () => {
    const passed = await testing('echo "CHECK DONE a. EXIT STATUS 0" > "$log"');
    const absent = await testing('echo nothing > "$log"');
    expect([passed.test?.status, passed.test?.check]).toEqual(['succeeded', 'passed']);
    expect([absent.test?.status, absent.test?.check]).toEqual(['succeeded', 'absent']);
    expect(passed.build?.check).toBeUndefined();
  });

  test('that fail and then pass are flaky, and their first log is there to be read', async () => {
    const { test: tests, status } = await testing(`${COUNT}; echo "CHECK DONE a. EXIT STATUS $((2 - n))" > "$log"`, {
      attempts: 3,
    });
    expect([status, tests?.status, tests?.attempts.length]).toEqual(['succeeded', 'succeeded', 2]);
    expect(readFileSync(tests?.attempts[0]?.logPath as string, 'utf8')).toContain('EXIT STATUS 1');
  });

  test('that fail carry what their log tells of it', async () => {
    const { test: tests } = await testing('printf "E   assert 1 == 2\\nCHECK DONE a. EXIT STATUS 1\\n" > "$log"');
    expect(tests?.failure?.reason).toBe('check-failed');
    expect(failureTail(tests?.failure as never)).toEqual(['E   assert 1 == 2', 'CHECK DONE a. EXIT STATUS 1']);
  });

  test('that fail do not fail the run, those that cannot be run do', async () => {
    expect((await testing('echo "CHECK DONE a. EXIT STATUS 1" > "$log"')).status).toBe('succeeded');
    expect((await testing('exit 1')).status).toBe('failed');
  });
});

describe('a failure', () => {
  const failureOf = async (script: string, options?: Options) => {
    const { build } = await run(script, options);
    if (!build?.failure) throw new Error('the build has not failed');
    return { text: describeFailure(build.failure), tail: failureTail(build.failure) };
  };

  test('is told in the words of the toolkit, and by the line of the log that tells most', async () => {
    const { text, tail } = await failureOf(
      'printf "cc -c x.c\\nx.c:1:1: error: no\\n" > "$log"; echo "ERRO[0001] it broke" >&2; exit 1',
    );
    expect(text).toBe('exit status 1: x.c:1:1: error: no');
    expect(tail).toEqual(['cc -c x.c', 'x.c:1:1: error: no']);
  });

  test("is told by the worker's own output where its log tells nothing", async () => {
    const { text, tail } = await failureOf(
      'echo started > "$log"; echo "scheduler: error: required flag --x not provided" >&2; exit 1',
    );
    expect(text).toBe('exit status 1: scheduler: error: required flag --x not provided');
    expect(tail).toEqual(['scheduler: error: required flag --x not provided']);
  });

  test('of which nothing tells anything has the last words of all there is', async () => {
    const { text, tail } = await failureOf(
      'echo "in the log" > "$log"; echo "on stdout"; echo "on stderr" >&2; exit 7',
    );
    expect(text).toBe('exit status 7');
    expect(tail).toEqual(['in the log', 'on stdout', 'on stderr']);
  });

  test('of a worker that says nothing at all is told by its status', async () => {
    expect(await failureOf('exit 3')).toEqual({ text: 'exit status 3', tail: [] });
  });

  test('of a worker that a signal ended is told by that and by its log', async () => {
    const { text } = await failureOf('echo "x.c:1:1: error: no" > "$log"; kill -SEGV $$');
    expect(text).toBe('killed by SIGSEGV: x.c:1:1: error: no');
  });

  test('of a worker whose time was up shows what it was doing, and how often it was tried', async () => {
    const { text, tail } = await failureOf('seq -f "step %.0f" 1 50 > "$log"; exec sleep 600', {
      timeoutMs: 300,
      attempts: 3,
    });
    expect(text).toBe('after 1/3 attempts, the build exceeded the maximum time of 300ms');
    expect(tail).toEqual(Array.from({ length: 10 }, (_, i) => `step ${41 + i}`));
  });
});

describe('a chroot that is there already', () => {
  /** As the real worker does: it makes its chroot, which must not be there, and leaves it where it is told to. */
  const LIKE_THE_REAL_ONE = `
for word in "$@"; do case "$word" in --work-dir=*) work="\${word#*=}";; --no-cleanup) keep=1;; esac; done
chroot="$work/\${srpm%.src.rpm}"; [ $check = 1 ] && chroot="\${chroot}_TEST_BUILD"
if ! mkdir "$chroot"; then echo "chroot directory ($chroot) already exists" >&2; exit 1; fi
echo "$chroot" >> "$(dirname "$0")/chroots"
[ $check = 1 ] && echo "CHECK DONE a. EXIT STATUS 0" > "$log"
n=$(wc -l < "$(dirname "$0")/chroots")
[ "$keep" = 1 ] || rmdir "$chroot"`;
  const chroots = () => lines('chroots').map((path) => path.slice(dir.length + 1));
  const thrice = `${LIKE_THE_REAL_ONE}; [ $n -ge 3 ]`;

  test('each attempt has one of its own with --no-cleanup', async () => {
    const { status, notices } = await run(thrice, { attempts: 3, noCleanup: true });
    expect(status).toBe('succeeded');
    expect(chroots()).toEqual(['work/a-1.0-1', 'work/attempt-2/a-1.0-1', 'work/attempt-3/a-1.0-1']);
    expect(notices).toEqual([
      `The chroot ${dir}/work/a-1.0-1 is there already, left by an earlier attempt or run: attempt 2 of ${SRPM} uses ${dir}/work/attempt-2/a-1.0-1`,
      `The chroot ${dir}/work/a-1.0-1 is there already, left by an earlier attempt or run: attempt 3 of ${SRPM} uses ${dir}/work/attempt-3/a-1.0-1`,
    ]);
  });

  test('all attempts use the same where the worker cleans up', async () => {
    const { status, notices } = await run(thrice, { attempts: 3 });
    expect(status).toBe('succeeded');
    expect(chroots()).toEqual(Array(3).fill('work/a-1.0-1'));
    expect(notices).toEqual([]);
  });

  test('left by runs that were killed, it is left alone, and so are all that followed', async () => {
    mkdirSync(join(dir, 'work/a-1.0-1/proc'), { recursive: true });
    mkdirSync(join(dir, 'work/attempt-1/a-1.0-1'), { recursive: true });
    const { status } = await run(LIKE_THE_REAL_ONE);
    expect(status).toBe('succeeded');
    expect(chroots()).toEqual(['work/attempt-2/a-1.0-1']);
    expect(existsSync(join(dir, 'work/a-1.0-1/proc'))).toBe(true);
  });

  test('that of the tests has a name of its own', async () => {
    mkdirSync(join(dir, 'work/a-1.0-1_TEST_BUILD'));
    const { status, notices } = await run(LIKE_THE_REAL_ONE, { test: true });
    expect(status).toBe('succeeded');
    expect(chroots().sort()).toEqual(['work/a-1.0-1', 'work/attempt-1/a-1.0-1_TEST_BUILD']);
    expect(notices).toHaveLength(1);
  });

  test('where no other can be made the build fails and says so', async () => {
    mkdirSync(join(dir, 'work/a-1.0-1'));
    writeFileSync(join(dir, 'work/attempt-1'), 'a file is in the way');
    const { build } = await run(LIKE_THE_REAL_ONE);
    expect(build?.failure).toMatchObject({
      reason: 'could-not-start',
      message: expect.stringContaining(`cannot make a folder below ${dir}/work: `),
    });
  });
});
