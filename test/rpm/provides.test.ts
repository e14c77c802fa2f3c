import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ProvidesQuery, parseProvides } from '../../src/rpm/provides';
import type { RunTool } from '../../src/rpm/run-tool';
import { RunnerPool } from '../../src/scheduler/runner/runner-pool';
import { runToolWith } from '../../src/scheduler/runner/runner-tool';
import { makeTempDir, removeTempDir } from '../support/command';
import { HAS_RPMBUILD } from '../support/rpm';

const withRpm = HAS_RPMBUILD ? describe : describe.skip;

let dir: string;
let runners: RunnerPool;
beforeEach(() => {
  dir = makeTempDir();
  runners = new RunnerPool();
});
afterEach(async () => {
  runners.stop();
  await removeTempDir(dir);
});

/** A tool that counts how often it is asked, and about how much. */
function counted(runTool: RunTool): RunTool & { readonly asked: number[] } {
  const asked: number[] = [];
  const run: RunTool = (argv, options) => {
    asked.push(argv.length - 2);
    return runTool(argv, options);
  };
  return Object.assign(run, { asked });
}

function buildRpms(names: readonly string[], provides: (name: string) => string): string[] {
  return names.map((name) => {
    const spec = join(dir, `${name}.spec`);
    writeFileSync(
      spec,
      [
        `Name: ${name}`,
        'Version: 1.5',
        'Release: 1',
        'Summary: a test',
        'License: MIT',
        'BuildArch: noarch',
        `Provides: ${provides(name)}`,
        '%description',
        'A test.',
        '%install',
        `mkdir -p %{buildroot}/opt && echo x > %{buildroot}/opt/${name}`,
        '%files',
        `/opt/${name}`,
        '',
      ].join('\n'),
    );
    const { status, stderr } = spawnSync('rpmbuild', ['-bb', '--define', `_topdir ${dir}`, spec], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return join(dir, `RPMS/noarch/${name}-1.5-1.noarch.rpm`);
  });
}

withRpm('what real RPMs provide', () => {
  test('is their capabilities and their files, where these are wanted', async () => {
    const [rpm] = buildRpms(['one'], () => 'pkgconfig(one) = 1.5') as [string];
    const query = new ProvidesQuery({ runTool: runToolWith(runners) });
    const answers = await query.ask([rpm], (name) => ['/opt/one', 'pkgconfig(one)', 'one'].includes(name));
    expect(answers.get(rpm)).toEqual(
      expect.arrayContaining([
        { name: '/opt/one', version: '', condition: '' },
        { name: 'one', version: '1.5-1', condition: '=' },
        { name: 'pkgconfig(one)', version: '1.5', condition: '=' },
      ]),
    );
    expect((await query.ask([rpm], () => false)).size).toBe(0);
  });

  test('is asked by few processes, and told apart only where a wanted name is among it', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `p${i}`);
    const rpms = buildRpms(names, (name) => `cap(${name})`);
    const runTool = counted(runToolWith(runners));
    const query = new ProvidesQuery({ runTool, parallel: 2 });
    expect((await query.ask(rpms, () => false)).size).toBe(0);
    expect(runTool.asked).toEqual([10, 10]);
    runTool.asked.length = 0;
    const answers = await query.ask(rpms, (name) => name === 'cap(p3)' || name === 'cap(p17)');
    expect([...answers].sort()).toEqual([
      [rpms[17], [{ name: 'cap(p17)', version: '', condition: '' }]],
      [rpms[3], [{ name: 'cap(p3)', version: '', condition: '' }]],
    ]);
    expect(runTool.asked.length).toBeLessThan(20);
  });

  test('is not known of a file that is no RPM, which is said, and the others are asked all the same', async () => {
    const [good] = buildRpms(['one'], () => 'cap(one)') as [string];
    const bad = join(dir, 'bad.rpm');
    writeFileSync(bad, Buffer.alloc(200));
    const problems: string[] = [];
    const query = new ProvidesQuery({ runTool: runToolWith(runners), onProblem: (message) => problems.push(message) });
    const answers = await query.ask([bad, good], (name) => name === 'cap(one)');
    expect([...answers.keys()]).toEqual([good]);
    expect(problems).toEqual([
      expect.stringMatching(/^cannot ask .*bad\.rpm what it provides: error: .*not an rpm package/),
    ]);
  });
});

test('a machine without rpm says so once, and no name is known', async () => {
  const problems: string[] = [];
  const runTool: RunTool = async () => ({ code: 127, stdout: '', stderr: 'rpm: not found' });
  const query = new ProvidesQuery({ runTool, onProblem: (message) => problems.push(message) });
  for (const rpm of ['a.rpm', 'b.rpm']) expect((await query.ask([rpm], () => true)).size).toBe(0);
  expect(problems).toEqual([expect.stringContaining('there is no `rpm`')]);
});

test('complaints come to an end', async () => {
  const problems: string[] = [];
  const runTool: RunTool = async () => ({ code: 1, stdout: '', stderr: 'error: broken' });
  const query = new ProvidesQuery({ runTool, onProblem: (message) => problems.push(message) });
  for (let i = 0; i < 20; i++) await query.ask([`${i}.rpm`], () => true);
  expect(problems).toHaveLength(5);
  expect(problems[4]).toContain('not told');
});

test('no more processes ask at a time than are allowed', async () => {
  let [now, most] = [0, 0];
  const runTool: RunTool = async () => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setImmediate(resolve));
    now--;
    return { code: 0, stdout: '', stderr: '' };
  };
  const query = new ProvidesQuery({ runTool, parallel: 3 });
  await Promise.all(Array.from({ length: 10 }, (_, i) => query.ask([`${i}.rpm`], () => true)));
  expect(most).toBe(3);
});

test('output of any size comes through, and the tool finds its working folder and variables', async () => {
  const program = join(dir, 'tool.sh');
  writeFileSync(program, '#!/bin/sh\npwd\necho "$SOME"\nseq 1 200000\necho bad >&2\nexit 3\n');
  chmodSync(program, 0o755);
  mkdirSync(join(dir, 'below'));
  const before = readdirSync(dir);
  const output = await runToolWith(runners)([program], { cwd: join(dir, 'below'), env: { SOME: 'a b' } });
  expect(output.code).toBe(3);
  expect(output.stdout.split('\n').slice(0, 3)).toEqual([join(dir, 'below'), 'a b', '1']);
  expect(output.stdout.endsWith('\n200000\n')).toBe(true);
  expect(output.stderr).toBe('bad\n');
  expect((await runToolWith(runners)([join(dir, 'missing')])).code).toBe(127);
  expect(readdirSync(dir)).toEqual(before);
  expect(readFileSync(program, 'utf8')).toContain('seq');
});

test.each([
  ['/usr/bin/m4', { name: '/usr/bin/m4', version: '', condition: '' }],
  ['libz.so.1()(64bit)', { name: 'libz.so.1()(64bit)', version: '', condition: '' }],
  ['pkgconfig(zlib) = 1.3.2', { name: 'pkgconfig(zlib)', version: '1.3.2', condition: '=' }],
  ['config(x) >= 2:1-1', { name: 'config(x)', version: '2:1-1', condition: '>=' }],
  ['/a path/with = in it', { name: '/a path/with = in it', version: '', condition: '' }],
])('reads %s', (line, provide) => {
  expect(parseProvides(`${line}\n`)).toEqual([provide]);
});

test('an RPM without files provides no name of that', () => {
  expect(parseProvides('(contains no files)\n\n')).toEqual([]);
});
