// Runs the program from the packed tarballs, as somebody who installed them would.
// Started in the folder of graph.json, after everything has been packed.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'workspace-smoke-'));
const when = join(folder, 'node_modules/@workspace/app/src/main.js');

before(() => {
  for (const tarball of readdirSync('build').filter((file) => file.endsWith('.tgz'))) {
    const [, name = ''] = /^workspace-(.+)-\d+\.\d+\.\d+\.tgz$/.exec(tarball) ?? [];
    const target = join(folder, 'node_modules/@workspace', name);
    mkdirSync(target, { recursive: true });
    execFileSync('tar', ['-xzf', join('build', tarball), '-C', target, '--strip-components=1']);
  }
});

after(() => rmSync(folder, { recursive: true, force: true }));

test('the installed program says when Sunday lunch is done', () => {
  const out = execFileSync(process.execPath, [when, 'sample/sunday-lunch.csv', '--start', '10:00'], {
    encoding: 'utf8',
  });
  assert.equal(out, readFileSync('sample/sunday-lunch.txt', 'utf8'));
});
