import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTempDir, type RunningCommand, removeTempDir, runCommand, startCommand } from '../support/command';
import { type CommandNode, RunFolder, writeGraphFile } from '../telemetry/runs';
import { childrenOf, endKnown, leftAfter, Mailbox, survivors } from './processes';

jest.setTimeout(20_000);

/** Time for a process group to be gone once it is to be. */
const SOON_MS = 5_000;

let dir: string;
let mailboxes: Mailbox[];

beforeEach(() => {
  dir = makeTempDir();
  mailboxes = [];
});

afterEach(async () => {
  for (const mailbox of mailboxes) mailbox.close();
  endKnown();
  await removeTempDir(dir);
});

function mailbox(name: string): Mailbox {
  const made = Mailbox.make(dir, name);
  mailboxes.push(made);
  return made;
}

function start(nodes: readonly CommandNode[], ...args: string[]): RunningCommand {
  return startCommand('spanwright', ['build', writeGraphFile(dir, nodes), '--workers', '3', ...args], { cwd: dir });
}

/** Tells its process id, which is that of its group, and then stays. */
const stay = (box: string) => `echo $$ > ${box}; exec sleep 300`;
/** Ends only when it is killed. */
const stubborn = (box: string) => `trap '' TERM INT; echo $$ > ${box}; while :; do sleep 300; done`;
/** Ends when asked to, and leaves a child behind in its group that does not. */
const withStubbornChild = (box: string) =>
  `(trap '' TERM INT; while :; do sleep 300; done) & echo $$ $! > ${box}; wait`;

describe('kill -9 of a running build', () => {
  test('is reported as SIGKILL, and the other builds go on', async () => {
    const box = mailbox('victim');
    const command = start([
      { id: 'victim', shell: stay('victim') },
      { id: 'dependent', shell: 'true', dependencies: ['victim'] },
      { id: 'other', shell: 'true' },
      { id: 'after', shell: 'true', dependencies: ['other'] },
    ]);
    const [pid] = await box.nextPids();
    process.kill(pid as number, 'SIGKILL');
    const { code, stderr } = await command.end;
    expect(code).toBe(1);
    expect(stderr).toContain('failed  victim: killed by SIGKILL');
    expect(stderr).toContain('blocked dependent by victim, which failed');
    expect(stderr).toContain('2 succeeded, 1 failed, 1 blocked of 4');
    const run = RunFolder.latest(dir);
    expect(run.eventsOf('job-finished').find(({ ok }) => !ok)?.failure).toMatchObject({
      reason: 'killed',
      signal: 'SIGKILL',
    });
  });

  test('is worth another attempt where the build has one', async () => {
    const box = mailbox('victim');
    const shell = `test "$SPANWRIGHT_ATTEMPT" = 2 || { ${stay('victim')}; }`;
    const command = start([{ id: 'victim', shell, attempts: 2 }]);
    const [pid] = await box.nextPids();
    process.kill(pid as number, 'SIGKILL');
    const { code, stderr } = await command.end;
    expect({ code, stderr }).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('attempt 1 of 2 failed: killed by SIGKILL'),
    });
  });
});

describe('kill -9 of the processes that start builds', () => {
  test('ends their builds as lost, with all their processes; the run goes on with new ones and tries again', async () => {
    const [lost, again] = [mailbox('lost'), mailbox('again')];
    const command = start([
      { id: 'lost', shell: stubborn('lost') },
      { id: 'again', shell: `test "$SPANWRIGHT_ATTEMPT" = 2 || { ${withStubbornChild('again')}; }`, attempts: 2 },
      { id: 'after', shell: 'true', dependencies: ['again'] },
    ]);
    const groups = [...(await lost.nextPids()), ...(await again.nextPids())];
    const runners = childrenOf(command.child.pid as number);
    expect(runners).not.toEqual([]);
    for (const pid of runners) process.kill(pid, 'SIGKILL');
    const { code, stderr } = await command.end;
    expect(code).toBe(1);
    expect(stderr).toContain('failed  lost: killed together with the runner process that started it');
    expect(stderr).toContain('flaky   again succeeded at attempt 2');
    expect(stderr).toContain('2 succeeded, 1 failed of 3');
    expect(await leftAfter(groups, SOON_MS)).toEqual([]);
    const failures = RunFolder.latest(dir).eventsOf('attempt-failed');
    expect(failures.map(({ failure }) => failure.reason)).toEqual(['runner-lost', 'runner-lost']);
  });
});

describe('kill -9 of the coordinator', () => {
  test('leaves no process of the run, and a journal that can be reported on', async () => {
    const boxes = [mailbox('plain'), mailbox('stubborn'), mailbox('parent')];
    const command = start([
      { id: 'done', shell: 'true' },
      { id: 'plain', shell: stay('plain'), dependencies: ['done'] },
      { id: 'stubborn', shell: stubborn('stubborn'), dependencies: ['done'] },
      { id: 'parent', shell: withStubbornChild('parent'), dependencies: ['done'] },
      { id: 'never', shell: 'true', dependencies: ['plain'] },
    ]);
    const groups = (await Promise.all(boxes.map((box) => box.nextPids()))).flat();
    const pids = [...groups, ...childrenOf(command.child.pid as number)];
    expect(survivors(groups).length).toBeGreaterThanOrEqual(groups.length);
    command.kill('SIGKILL');
    // What it leaves running would keep its output open; only its own end is waited for here.
    expect(await leftAfter([...pids, command.child.pid as number], SOON_MS)).toEqual([]);

    const report = () => runCommand('spanwright', ['report'], { cwd: dir });
    const { code, stdout } = await report();
    expect(code).toBe(0);
    expect(stdout).toContain('Unfinished: 1 succeeded of 5');
    const json = await runCommand('spanwright', ['report', '--format', 'json'], { cwd: dir });
    expect(() => JSON.parse(json.stdout)).not.toThrow();

    appendFileSync(join(RunFolder.latest(dir).path, 'events.ndjson'), '{"type":"job-fini');
    expect(await report()).toMatchObject({ code: 0, stdout });
  });
});

describe('a signal that comes right when builds start', () => {
  test('ends them at once, not only when their time to end is up', async () => {
    for (let round = 0; round < 4; round++) {
      const nodes = Array.from({ length: 3 }, (_, i) => ({ id: `slow${i}`, shell: 'exec sleep 300' }));
      const command = start(nodes, '--json', '--grace', '8s');
      await command.waitForLine(/"attempt-started".*"job":2/);
      command.kill('SIGTERM');
      const { code, ms } = await command.end;
      expect(code).toBe(143);
      expect(ms).toBeLessThan(5_000);
    }
  });
});

describe('a build that must end', () => {
  const builds = { 'ignores TERM': stubborn, 'leaves a child in its group that ignores TERM': withStubbornChild };

  describe.each(Object.entries(builds))('and %s', (_, shell) => {
    test('is gone when the run is cancelled', async () => {
      const box = mailbox('box');
      const command = start([{ id: 'slow', shell: shell('box') }], '--grace', '200ms');
      const pids = await box.nextPids();
      command.kill('SIGTERM');
      expect((await command.end).code).toBe(143);
      expect(await leftAfter(pids, SOON_MS)).toEqual([]);
    });

    test('is gone when its time is up, and the others go on', async () => {
      const box = mailbox('box');
      const nodes = [
        { id: 'slow', shell: shell('box'), timeout: '500ms' },
        { id: 'other', shell: 'true' },
      ];
      const command = start(nodes, '--grace', '200ms');
      const pids = await box.nextPids();
      const { code, stderr } = await command.end;
      expect(code).toBe(1);
      expect(stderr).toContain('slow: after 1/1 attempts, the build exceeded the maximum time of ');
      expect(stderr).toContain('1 succeeded, 1 failed of 2');
      expect(await leftAfter(pids, SOON_MS)).toEqual([]);
    });
  });

  test('is killed at once, with its group, by a second signal', async () => {
    const box = mailbox('box');
    const command = start([{ id: 'slow', shell: stubborn('box') }], '--grace', '5m');
    const pids = await box.nextPids();
    command.kill('SIGINT');
    await command.waitForLine(/Stopping: received SIGINT/);
    command.kill('SIGINT');
    expect((await command.end).code).toBe(130);
    expect(await leftAfter(pids, SOON_MS)).toEqual([]);
  });
});
