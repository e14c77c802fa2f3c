import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { VersionedName } from '../../src/graph/versions/versions';
import { hostProvides } from '../../src/rpm/host-provides';
import type { RunTool } from '../../src/rpm/run-tool';
import { toolsOfThisMachine } from '../support/rpm';

const runTool = toolsOfThisMachine();

function wish(text: string): VersionedName {
  const [name = '', condition = '', version = ''] = text.split(' ');
  return { name, condition, version, sVersion: '', sCondition: '' };
}

async function answers(texts: readonly string[], tools: RunTool): Promise<string[]> {
  const isThere = await hostProvides(texts.map(wish), tools);
  return texts.filter((text) => isThere(wish(text)));
}

/** Tools that print what is given, and are not there else. */
function toolsThatPrint(prints: Readonly<Record<string, string>>): RunTool {
  return async (argv) => {
    const stdout = prints[argv[0] as string];
    return { code: stdout === undefined ? 127 : 0, stdout: stdout ?? '', stderr: '' };
  };
}

test("rpm's database tells what is provided in which version", async () => {
  const tools = toolsThatPrint({ rpm: 'gcc\t = \t12.2-1\nlibz.so.1()(64bit)\t\t\ngcc\t = \t13.1-1\n' });
  const wishes = ['gcc', 'gcc > 12', 'gcc >= 14', 'libz.so.1()(64bit)', 'make'];
  expect(await answers(wishes, tools)).toEqual(['gcc', 'gcc > 12', 'libz.so.1()(64bit)']);
});

test("dpkg's packages count where they are installed, with the names that they provide beside their own", async () => {
  const rows = [
    'installed\tgcc\t4:12.2.0-3\tc-compiler, gcc-x86-64 (= 4:12.2.0-3)',
    'config-files\tcmake\t3.25\t',
    'installed\tmake\t4.3-4.1\t',
  ];
  const tools = toolsThatPrint({ 'dpkg-query': `${rows.join('\n')}\n` });
  const wishes = ['gcc >= 12', 'c-compiler', 'gcc-x86-64 < 4:12', 'cmake', 'make', 'make >= 4.4'];
  expect(await answers(wishes, tools)).toEqual(['gcc >= 12', 'c-compiler', 'make']);
});

test('pkg-config is asked about the modules that are wanted', async () => {
  const asked: string[] = [];
  const tools: RunTool = async ([tool, ...words]) => {
    if (tool !== 'pkg-config') return { code: 127, stdout: '', stderr: '' };
    const module = words.at(-1) as string;
    asked.push(module);
    return { code: module === 'zlib' ? 0 : 1, stdout: module === 'zlib' ? '1.2.13\n' : '', stderr: '' };
  };
  const wishes = ['pkgconfig(zlib) >= 1.2', 'pkgconfig(zlib) >= 2', 'pkgconfig(far)', 'zlib'];
  expect(await answers(wishes, tools)).toEqual(['pkgconfig(zlib) >= 1.2']);
  expect(asked.sort()).toEqual(['far', 'zlib']);
});

test('a path is there where its file is', async () => {
  expect(await answers([process.execPath, '/not/here'], toolsThatPrint({}))).toEqual([process.execPath]);
});

test('a version of no sense fulfils nothing, and stops nothing', async () => {
  expect(await answers(['odd', 'fine'], toolsThatPrint({ rpm: 'odd\t ~ \t1\nfine\t\t\n' }))).toEqual(['fine']);
});

const hasDpkg = spawnSync('dpkg-query', ['-W', 'libc6']).status === 0;
(hasDpkg ? test : test.skip)('this machine, which is a Debian, has what its tools say', async () => {
  const wishes = ['libc6 >= 2', 'libc6 >= 1000', '/bin/sh', 'no-such-package', 'pkgconfig(no-such-module)'];
  expect(existsSync('/bin/sh')).toBe(true);
  expect(await answers(wishes, runTool)).toEqual(['libc6 >= 2', '/bin/sh']);
});
