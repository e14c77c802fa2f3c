import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandResult, makeTempDir, removeTempDir, runCommand } from '../support/command';
import { type CommandNode, RunFolder, writeGraphFile } from '../telemetry/runs';

jest.setTimeout(20_000);

/** What cannot be run, and how a person is told. */
const HOSTILE: readonly [string, Omit<CommandNode, 'id'>, RegExp][] = [
  ['is not found', { command: ['no-such-program'] }, /could not start: no-such-program: no such program/],
  ['is not found by its path', { command: ['./missing'] }, /could not start: .\/missing: no such program/],
  ['is not found by the shell', { shell: 'no-such-program' }, /exit status 127/],
  ['is not executable', { command: ['./data'] }, /could not start: .\/data: permission denied/],
  ['is a folder', { command: ['/'] }, /could not start: \/: permission denied/],
  ['has no working directory', { shell: 'true', cwd: 'nowhere' }, /could not start: .*nowhere does not exist/],
  ['has a file for a working directory', { shell: 'true', cwd: 'data' }, /could not start: .*data/],
  ['ends with 255', { shell: 'exit 255' }, /exit status 255/],
  ['kills itself', { shell: 'kill -9 $$' }, /killed by SIGKILL/],
  ['crashes', { shell: 'kill -SEGV $$' }, /killed by SIGSEGV/],
  // The words come from whoever starts it: in the line, or as the last line of the log.
  ['has too long an argument', { command: ['echo', 'x'.repeat(200_000)] }, /could not start: echo: |exit status 126/],
  ['lacks an input', { shell: 'true', inputs: ['missing'] }, /input missing does not exist/],
  ['writes no output', { shell: 'true', outputs: ['missing'] }, /did not write its output missing/],
];

const ODD = `a  b\t$HOME \`id\` \\ ' '' " * ? ~ ! ; & | > < # ü\nend\n`;

let dir: string;
let result: CommandResult;
let run: RunFolder;

beforeAll(async () => {
  dir = makeTempDir();
  writeFileSync(join(dir, 'data'), 'no program\n', { mode: 0o644 });
  const hostile = HOSTILE.map(([title, node]) => ({ id: title.replaceAll(' ', '-'), ...node }));
  const good: CommandNode[] = [
    { id: 'good', shell: 'true' },
    // Nothing in a word or a variable is for a shell to interpret.
    { id: 'quoted', command: ['sh', '-c', 'test "$1" = "$EXPECTED"', 'sh', ODD], env: { EXPECTED: ODD } },
    { id: 'odd-variable', command: ['env'], env: { 'an.odd-name': '1' } },
    { id: 'after-good', shell: 'true', dependencies: ['good'] },
  ];
  const graph = writeGraphFile(dir, [...hostile, ...good]);
  result = await runCommand('spanwright', ['build', graph, '--workers', '4'], { cwd: dir });
  run = RunFolder.latest(dir);
});

afterAll(() => removeTempDir(dir));

test.each(HOSTILE)('a command that %s fails with one line that says so', (title, _, told) => {
  const [line] = result.stderr.match(new RegExp(`^  failed  ${title.replaceAll(' ', '-')}: .*$`, 'm')) ?? [];
  expect(line).toMatch(told);
});

test('an argument that is too long is called that', () => {
  expect(result.stderr).toMatch(/argument list (is )?too long/i);
});

test('words and variables reach a command as they are, whatever a shell would make of them', () => {
  expect(result.stderr).toMatch(/built quoted /);
  expect(run.text('logs/odd-variable.1.log').split('\n')).toContain('an.odd-name=1');
});

test('the other builds go on, and the exit code says that some failed', () => {
  expect(result.code).toBe(1);
  expect(result.stderr).toContain(`4 succeeded, ${HOSTILE.length} failed of ${HOSTILE.length + 4}`);
  expect(run.eventsOf('run-finished')).toMatchObject([{ status: 'failed' }]);
});

test('each build ends once, in the journal and in the trace', () => {
  const jobs = run.eventsOf('job-finished').map(({ job }) => job);
  expect(new Set(jobs).size).toBe(HOSTILE.length + 4);
  expect(jobs).toHaveLength(HOSTILE.length + 4);
  expect(run.spans().filter(({ name }) => name === 'scheduler.build.LocalBuild')).toHaveLength(HOSTILE.length + 4);
});
