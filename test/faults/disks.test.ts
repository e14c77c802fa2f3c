import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTelemetry } from '../../src/telemetry/telemetry';
import { type CommandResult, makeTempDir, removeTempDir, runCommand } from '../support/command';
import { type CommandNode, RunFolder, writeGraphFile } from '../telemetry/runs';
import { mountSmallDisk } from './processes';

jest.setTimeout(30_000);

let dir: string;
let disk: string;
let mounted: ReturnType<typeof mountSmallDisk>;

beforeEach(() => {
  dir = makeTempDir();
  disk = join(dir, 'disk');
  mkdirSync(disk);
});

afterEach(async () => {
  mounted?.unmount();
  mounted = undefined;
  await removeTempDir(dir);
});

const canMount = (() => {
  const probe = makeTempDir();
  const small = mountSmallDisk(probe, 'size=64k');
  small?.unmount();
  rmSync(probe, { recursive: true, force: true });
  return small !== undefined;
})();
/** A test that needs a disk of its own; its title says so where it is skipped. */
const testWithDisk = (title: string, body: () => Promise<void>) =>
  canMount ? test(title, body) : test.skip(`${title} (skipped: no disk can be mounted here)`, body);

function build(nodes: readonly CommandNode[], ...args: string[]): Promise<CommandResult> {
  const graph = writeGraphFile(dir, nodes);
  return runCommand('spanwright', ['build', graph, '--workers', '1', '--runs-dir', disk, ...args], { cwd: dir });
}

// The first has its events on disk before the disk is full.
const FIRST: CommandNode = { id: 'first', shell: 'true' };
const FILL: CommandNode = {
  id: 'fill',
  dependencies: ['first'],
  shell: 'head -c 100000000 /dev/zero > disk/filler 2> /dev/null; true',
};
const many = Array.from(
  { length: 300 },
  (_, i): CommandNode => ({ id: `n${i}`, command: ['true'], dependencies: ['fill'] }),
);
const timesSaid = (stderr: string, what: RegExp) => stderr.match(new RegExp(what, 'g'))?.length ?? 0;

describe('a disk that is full', () => {
  testWithDisk('before the journal and the spans are written: each is said once, and all is built', async () => {
    mounted = mountSmallDisk(disk, 'size=256k');
    const { code, stderr } = await build([FIRST, FILL, ...many]);
    expect(timesSaid(stderr, /built n\d+ /)).toBe(300);
    expect(timesSaid(stderr, /the journal .* ends here: no space left on device/)).toBe(1);
    expect(timesSaid(stderr, /cannot write to the spans file .*: no space left on device/)).toBe(1);
    expect(stderr).toContain('Succeeded: 302 succeeded of 302');
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect(code).toBe(0);
  });

  testWithDisk('leaves a journal that can be reported on', async () => {
    mounted = mountSmallDisk(disk, 'size=256k');
    await build([FIRST, FILL, ...many]);
    const { code, stdout } = await runCommand('spanwright', ['report', '--runs-dir', disk], { cwd: dir });
    expect(code).toBe(0);
    expect(stdout).toMatch(/Unfinished: \d+ succeeded of 302|Succeeded: 302/);
  });

  testWithDisk('fails the build whose output it cannot take, and no other', async () => {
    mounted = mountSmallDisk(disk, 'size=256k');
    const { code, stderr } = await build([
      FIRST,
      FILL,
      { id: 'talks', shell: 'echo a line', dependencies: ['fill'] },
      { id: 'silent', shell: 'true', dependencies: ['fill'] },
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('failed  talks: exit status');
    expect(stderr).toContain('3 succeeded, 1 failed of 4');
  });

  testWithDisk('from the start: one line says what could not be made', async () => {
    mounted = mountSmallDisk(disk, 'size=64k,nr_inodes=1');
    const { code, stderr } = await build([{ id: 'a', shell: 'true' }]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^spanwright: error: cannot make the run's folder .*: no space left on device.*\n$/);
  });

  testWithDisk('with no room for the folder of logs: one line says so', async () => {
    // The disk's own folder, the run's, the link to it, the spans, the journal: full.
    mounted = mountSmallDisk(disk, 'size=1m,nr_inodes=5');
    const { code, stderr } = await build([{ id: 'a', shell: 'true' }], '--quiet');
    expect(stderr).toMatch(/^spanwright: error: .*logs.*: no space left on device.*\n$/);
    expect(code).toBe(1);
  });

  test('costs the spans: the problem is told once, and they are counted', async () => {
    // Opening it succeeds, writing never does.
    const path = join(dir, 'spans.otlp.jsonl');
    symlinkSync('/dev/full', path);
    const problems: string[] = [];
    const telemetry = startTelemetry({
      serviceVersion: '0',
      buildId: 'full',
      spansFile: path,
      onProblem: (message) => problems.push(message),
    });
    for (let i = 0; i < 1000; i++) telemetry.tracer.startSpan('span').end();
    await telemetry.shutdown();
    expect(problems).toEqual([
      expect.stringMatching(/^cannot write to the spans file .*spans\.otlp\.jsonl: no space left on device/),
    ]);
  });
});

describe('a folder that cannot be written', () => {
  test('for temporary files: one line says so, or the build does without', async () => {
    const graph = writeGraphFile(dir, [{ id: 'a', command: ['true', 'x'.repeat(5000)] }]);
    const env = { TMPDIR: join(dir, 'missing') };
    const { code, stderr } = await runCommand('spanwright', ['build', graph, '--quiet'], { cwd: dir, env });
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect(stderr).not.toContain('Internal error');
    expect([0, 1]).toContain(code);
  });

  test('in place of the runs: one line says so, and nothing is built', async () => {
    rmSync(disk, { recursive: true });
    writeFileSync(disk, '');
    const { code, stderr } = await build([{ id: 'a', shell: 'touch built' }]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^spanwright: error: cannot make the run's folder .*: is not a directory.*\n$/);
    expect(existsSync(join(dir, 'built'))).toBe(false);
  });

  testWithDisk('as its disk is read-only: one line says so, and nothing is built', async () => {
    mounted = mountSmallDisk(disk, 'size=64k');
    mounted?.remount('ro');
    const { code, stderr } = await build([{ id: 'a', shell: 'touch built' }]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^spanwright: error: cannot make the run's folder .*\n$/);
    expect(existsSync(join(dir, 'built'))).toBe(false);
  });

  test('for logs, in the middle of a run: the builds that cannot have one fail, and say why', async () => {
    const { code, stderr } = await build([
      { id: 'remove', shell: 'rm -r disk/latest/logs' },
      { id: 'next', shell: 'true', dependencies: ['remove'] },
    ]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /failed {2}next: could not start: cannot (open|write) .*next\.1\.log: (ENOENT|no such file or directory)/,
    );
    expect(stderr).toContain('1 succeeded, 1 failed of 2');
    expect(RunFolder.latest(dir, 'disk').eventsOf('run-finished')).toMatchObject([{ status: 'failed' }]);
    expect(readdirSync(RunFolder.latest(dir, 'disk').path)).not.toContain('logs');
  });
});
