import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeTempDir, removeTempDir, startCommand } from '../support/command';
import { type CommandNode, RunFolder, writeGraphFile } from '../telemetry/runs';
import { childrenOf, endKnown, Mailbox, openFiles, statusKilobytes } from './processes';

jest.setTimeout(60_000);

let dir: string;
let ready: Mailbox;
let gate: Mailbox;

beforeEach(() => {
  dir = makeTempDir();
  ready = Mailbox.make(dir, 'ready');
  gate = Mailbox.make(dir, 'gate');
});

afterEach(async () => {
  ready.close();
  gate.close();
  endKnown();
  await removeTempDir(dir);
});

/** Holds the run near its end, until the test has looked at it. */
const LOOK: Pick<CommandNode, 'shell'> = { shell: 'echo $$ > ready; read go < gate' };

test('a gigabyte of output, without one line end, costs the coordinator no memory', async () => {
  const bytes = 1_000_000_000;
  const nodes: CommandNode[] = [
    // Its failure makes the coordinator read the last lines of the log.
    { id: 'flood', shell: `head -c ${bytes} /dev/zero; exit 1` },
    { id: 'needs-flood', shell: 'true', dependencies: ['flood'] },
    { id: 'look', ...LOOK },
  ];
  const args = ['build', writeGraphFile(dir, nodes), '--workers', '1'];
  const command = startCommand('spanwright', args, { cwd: dir });
  await ready.nextPids();
  const coordinator = command.child.pid as number;
  const peaks = [coordinator, ...childrenOf(coordinator)].map((pid) => statusKilobytes(pid, 'VmHWM') / 1024);
  expect(peaks.length).toBeGreaterThan(1);
  for (const megabytes of peaks) expect(megabytes).toBeLessThan(250);
  await gate.tell('go');
  const { code, stderr } = await command.end;
  expect(code).toBe(1);
  expect(stderr).toContain('failed  flood: exit status 1');
  expect(stderr.length).toBeLessThan(200_000);
  expect(statSync(join(RunFolder.latest(dir).path, 'logs/flood.1.log')).size).toBe(bytes);
});

test('five thousand commands leave five thousand logs and no open files', async () => {
  const ids = Array.from({ length: 5000 }, (_, i) => `n${i}`);
  const nodes: CommandNode[] = [
    ...ids.map((id) => ({ id, command: ['true'] })),
    { id: 'look', ...LOOK, dependencies: ids },
  ];
  const command = startCommand('spanwright', ['build', writeGraphFile(dir, nodes), '--quiet'], { cwd: dir });
  await ready.nextPids();
  const coordinator = command.child.pid as number;
  const runners = childrenOf(coordinator);
  expect(runners).not.toEqual([]);
  for (const pid of [coordinator, ...runners]) expect(openFiles(pid)).toBeLessThan(100);
  await gate.tell('go');
  expect(await command.end).toMatchObject({ code: 0, stderr: '' });
  const run = RunFolder.latest(dir);
  expect(readdirSync(join(run.path, 'logs')).sort()).toEqual([...ids, 'look'].map((id) => `${id}.1.log`).sort());
  expect(run.eventsOf('job-finished')).toHaveLength(5001);
  expect(run.spans().filter(({ name }) => name === 'scheduler.build.LocalBuild')).toHaveLength(5001);
});
