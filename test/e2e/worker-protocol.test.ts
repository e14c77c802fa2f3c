import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, makeTempDir, removeTempDir, runCommand } from '../support/command';
import { readOtlpFile } from '../support/otlp-collector';
import { packageGraph, type SamplePackage, shellWorker, stateRows, ToolkitRun } from '../support/toolkit-run';

let dir: string;
beforeEach(() => {
  dir = makeTempDir();
});
afterEach(() => removeTempDir(dir));

const srpm = (name: string) => `${name}-1.0-1.src.rpm`;

function packages(graph: Readonly<Record<string, SamplePackage>>, worker: string): ToolkitRun {
  return new ToolkitRun(dir, packageGraph(graph, join(dir, 'rpms')), shellWorker(dir, worker));
}

const messages = (stderr: string) =>
  stderr
    .split('\n')
    .filter(Boolean)
    .map((line) => line.replace(/^[A-Z]{4}\[\d{4}\]\[scheduler\] /, ''));

function listed(stderr: string, title: string): string[] | undefined {
  const lines = messages(stderr);
  const start = lines.indexOf(title) + 1;
  if (start === 0) return undefined;
  const rest = lines.slice(start);
  return rest.slice(
    0,
    rest.findIndex((line) => !line.startsWith('--> ')),
  );
}

/** `$n` is the number of this attempt at the package or its tests. */
const COUNT = 'tries="$(dirname "$0")/$name.$check.tries"; echo x >> "$tries"; n=$(wc -l < "$tries" | tr -d " ")';

describe('a worker that makes its chroot as the real one does, and fails the first time', () => {
  const LIKE_THE_REAL_ONE = `
for word in "$@"; do case "$word" in --work-dir=*) work="\${word#*=}";; --no-cleanup) keep=1;; esac; done
chroot="$work/\${srpm%.src.rpm}"; [ $check = 1 ] && chroot="\${chroot}_TEST_BUILD"
if ! mkdir "$chroot"; then echo "chroot directory ($chroot) already exists" >&2; exit 1; fi
${COUNT}; echo "CHECK DONE $name. EXIT STATUS 0" > "$log"
[ "$keep" = 1 ] || rmdir "$chroot"
[ $n -ge 2 ] || { echo "x.c:1:1: error: only the first time" > "$log"; exit 1; }
printf "/out/$name.rpm"`;

  test('succeeds at the second with --no-cleanup, whose chroot is elsewhere, and is said to be flaky', async () => {
    const run = packages({ a: { test: true } }, LIKE_THE_REAL_ONE);
    const { code, stderr } = await run.run({ 'no-cleanup': true, 'build-attempts': '2', 'check-attempts': '2' });
    expect(code).toBe(0);
    const work = (path: string) => run.path(`work/${path}`);
    for (const path of ['a-1.0-1', 'a-1.0-1_TEST_BUILD', 'attempt-2/a-1.0-1', 'attempt-2/a-1.0-1_TEST_BUILD'])
      expect({ path, there: existsSync(work(path)) }).toEqual({ path, there: true });
    expect(messages(stderr)).toContain(
      `The chroot ${work('a-1.0-1')} is there already, left by an earlier attempt or run: attempt 2 of ${srpm('a')} uses ${work('attempt-2/a-1.0-1')}`,
    );
    const log = (end: string) => join(run.logsDir, `${srpm('a')}.${end}`);
    expect(listed(stderr, 'Flaky SRPMs (built at a later attempt):')).toEqual([
      `--> ${srpm('a')} , attempt 2, for details see: ${log('attempt-1.log')}`,
    ]);
    expect(listed(stderr, 'Flaky SRPMs tests (passed at a later attempt):')).toEqual([
      `--> ${srpm('a')} , attempt 2, for details see: ${log('test.attempt-1.log')}`,
    ]);
    expect(readFileSync(log('attempt-1.log'), 'utf8')).toContain('only the first time');
    expect(messages(stderr)).toContain(
      `Flaky build: ${srpm('a')} failed and then succeeded at attempt 2, for details see: ${log('attempt-1.log')}`,
    );
    expect(stateRows(run.csv()).map(({ state }) => state)).toEqual(['Built', 'Built']);
  });

  test('is given another chroot by the next run where the first left one, which is left alone', async () => {
    const run = packages({ a: {} }, LIKE_THE_REAL_ONE);
    expect((await run.run({ 'no-cleanup': true })).code).toBe(1);
    mkdirSync(run.path('work/a-1.0-1/proc'));
    const { code, stderr } = await run.run({ 'no-cleanup': true });
    expect(code).toBe(0);
    expect(stderr).toContain(`Built: ${srpm('a')} -> [a.rpm]\n`);
    expect(readdirSync(run.path('work')).sort()).toEqual(['a-1.0-1', 'attempt-1']);
    expect(existsSync(run.path('work/a-1.0-1/proc'))).toBe(true);
  });
});

describe('a build that fails', () => {
  const FAILS = `printf 'time="t" level=debug msg="+ make -j2"\\ntime="t" level=debug msg="cc -c %s.c"\\n' "$name" > "$log"
seq -f 'time="t" level=debug msg="part %.0f"' 1 300 >> "$log"
printf 'time="t" level=debug msg="%s.c:3:5: error: expected \\\\";\\\\" before \\\\"}\\\\" token"\\n' "$name" >> "$log"
printf 'time="t" level=debug msg="make: *** [Makefile:2: %s.o] Error 1"\\n' "$name" >> "$log"
printf 'time="t" level=debug msg="error: Bad exit status from /var/tmp/rpm-tmp.x (%%build)"\\n' >> "$log"
exit 1`;

  test('is told by the lines of its log that tell most, with the status that people look for and the log', async () => {
    const run = packages({ a: {} }, FAILS);
    const { code, stderr } = await run.run();
    const lines = messages(stderr);
    const error = 'exit status 1: a.c:3:5: error: expected ";" before "}" token';
    const log = join(run.logsDir, `${srpm('a')}.log`);
    const at = lines.indexOf(`Failed to build ${srpm('a')}, error: ${error}, for details see: ${log}`);
    expect(lines.slice(lines.indexOf(`Relevant lines of the output of ${srpm('a')}:`) + 1, at)).toEqual([
      'cc -c a.c',
      '… 300 lines …',
      'a.c:3:5: error: expected ";" before "}" token',
      'make: *** [Makefile:2: a.o] Error 1',
      'error: Bad exit status from /var/tmp/rpm-tmp.x (%build)',
    ]);
    expect(listed(stderr, 'Failed SRPMs:')).toEqual([`--> ${srpm('a')} , error: ${error}, for details see: ${log}`]);
    expect(code).toBe(1);
  });

  test('says why others are blocked', async () => {
    const { stderr } = await packages({ a: {}, b: { needs: ['a'] }, c: { needs: ['b'] } }, FAILS).run();
    expect(listed(stderr, 'Causes of blocked SRPMs:')).toEqual([
      `--> ${srpm('a')} , which failed, blocks 2: ${srpm('b')}, ${srpm('c')}`,
    ]);
  });
});

describe('tests', () => {
  test('that fail and then pass leave the log of the failure under the name of the toolkit', async () => {
    const script = `${COUNT}; echo "CHECK DONE $name. EXIT STATUS $(( check * (n < 2) ))" > "$log"`;
    const run = packages({ a: { test: true } }, script);
    const { code, stderr } = await run.run({ 'check-attempts': '3' });
    expect(code).toBe(0);
    const [copy, ...others] = readdirSync(run.logsDir).filter((name) => name.includes('FAILED_TEST'));
    expect(others).toEqual([]);
    expect(copy).toMatch(/^a-1\.0-1\.src\.rpm-FAILED_TEST-\d{13}\.log$/);
    expect(listed(stderr, 'Flaky SRPMs tests (passed at a later attempt):')).toEqual([
      `--> ${srpm('a')} , attempt 2, for details see: ${join(run.logsDir, copy as string)}`,
    ]);
    expect(listed(stderr, 'Passed SRPMs tests:')).toEqual([`--> ${srpm('a')}`]);
  });

  test('are told apart by what their logs say of them, in the log, the summary, the results and the trace', async () => {
    const script = `[ $name = absent ] || echo "CHECK DONE $name. EXIT STATUS $([ $name = failed ]; echo $((1 - $?)))" > "$log"; touch "$log"`;
    const run = packages({ absent: { test: true }, failed: { test: true }, passed: { test: true } }, script);
    const { code, stderr } = await run.run({ 'enable-telemetry': true });
    expect(code).toBe(0);
    expect(messages(stderr)).toEqual(
      expect.arrayContaining([
        `Tested: ${srpm('absent')} (its log has no check marker: %check did not run)`,
        `Tested: ${srpm('passed')}`,
        `Failed test: ${srpm('failed')}`,
      ]),
    );
    expect(listed(stderr, 'SRPMs tests without a check marker in their log:')).toEqual([`--> ${srpm('absent')}`]);
    const { stdout } = await runCommand('spanwright', ['report', '--format', 'json'], { cwd: dir });
    const jobs = (JSON.parse(stdout) as { jobs: { kind: string; label: string; check: string | null }[] }).jobs;
    expect(jobs.filter(({ kind }) => kind === 'test').map(({ label, check }) => [label, check])).toEqual([
      [srpm('absent'), 'absent'],
      [srpm('failed'), null],
      [srpm('passed'), 'passed'],
    ]);
    const results = readOtlpFile(run.path('.spanwright/runs/latest/spans.otlp.jsonl'))
      .filter(({ name }) => name === 'scheduler.build.Test')
      .map(({ attributes }) => [attributes['cicd.pipeline.task.name'], attributes['test.check_result']]);
    expect(results.sort()).toEqual([
      [srpm('absent'), 'absent'],
      [srpm('failed'), 'failed'],
      [srpm('passed'), 'passed'],
    ]);
  });
});

describe('a worker is told', () => {
  const RECORD = 'env > "$(dirname "$0")/env"; printf "%s\\n" "$@" > "$(dirname "$0")/args"; echo > "$log"';
  const recorded = (name: string) => readFileSync(join(dir, name), 'utf8').split('\n');

  test('the build and its attempt, without telemetry too, which then hands nothing else on', async () => {
    await packages({ a: {} }, RECORD).run();
    const env = recorded('env');
    expect(env).toContainEqual(expect.stringMatching(/^SPANWRIGHT_BUILD_ID=\d{8}-\d{6}-[0-9a-f]{6}$/));
    expect(env).toContain('SPANWRIGHT_ATTEMPT=1');
    expect(env.filter((line) => /^(TRACE|BAGGAGE)/.test(line))).toEqual([]);
  });

  test('the span of its own attempt, by the same id of the build as that of the run', async () => {
    const run = packages({ a: {} }, RECORD);
    await run.run(
      { 'enable-telemetry': true },
      { env: { TRACESTATE: 'v=1', TRACEPARENT: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`, BAGGAGE: 'team=blue' } },
    );
    const span = readOtlpFile(run.path('.spanwright/runs/latest/spans.otlp.jsonl')).find(
      ({ name }) => name === 'scheduler.build.LocalBuild',
    );
    const buildId = span?.attributes['build.id'];
    expect(recorded('env')).toEqual(
      expect.arrayContaining([
        `SPANWRIGHT_BUILD_ID=${buildId}`,
        `TRACEPARENT=00-${'1'.repeat(32)}-${span?.spanId}-01`,
        'TRACESTATE=v=1',
        `BAGGAGE=team=blue,build.id=${buildId}`,
      ]),
    );
  });

  test('nothing of telemetry by its arguments, as not every worker knows those', async () => {
    await packages({ a: {} }, RECORD).run({ 'enable-telemetry': true });
    expect(recorded('args').filter((word) => /telemetry|otlp/.test(word))).toEqual([]);
  });
});

test('a run that is stopped has its summary, its CSV and what its workers were doing', async () => {
  const run = packages(
    { a: {}, b: { needs: ['a'] } },
    'echo "step 1" > "$log"; echo > "$(dirname "$0")/up"; exec sleep 600',
  );
  const command = run.start();
  await eventually(() => existsSync(join(dir, 'up')), 'the worker runs');
  command.kill('SIGTERM');
  const { code, stderr } = await command.end;
  expect(code).toBe(1);
  expect(listed(stderr, 'Failed SRPMs:')).toEqual([
    `--> ${srpm('a')} , error: cancelled, for details see: ${join(run.logsDir, `${srpm('a')}.log`)}`,
  ]);
  expect(stateRows(run.csv())).toEqual([
    { package: srpm('a'), state: 'Failed', blockers: [], isTest: false },
    { package: srpm('b'), state: 'Failed', blockers: [`${srpm('a')}-FAIL`], isTest: false },
  ]);
});
