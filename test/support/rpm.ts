import { spawnSync } from 'node:child_process';
import { RunnerPool } from '../../src/scheduler/runner/runner-pool';
import { runToolWith } from '../../src/scheduler/runner/runner-tool';

/** Whether this machine has rpmspec; `scripts/setup-test-machine` installs it. Without it, tests that need it are skipped. */
export const HAS_RPMSPEC = spawnSync('rpmspec', ['--version']).status === 0;

/** Whether this machine has rpmbuild; the same. */
export const HAS_RPMBUILD = spawnSync('rpmbuild', ['--version']).status === 0;

/** A `test` that needs rpmspec; where it is missing, the test is skipped, and its title says so. */
export function testWithRpmspec(title: string, body: () => Promise<void>): void {
  if (HAS_RPMSPEC) test(title, body);
  else test.skip(`${title} (skipped: rpmspec is not here)`, body);
}

/** Tools of this machine, for as long as a test file runs. */
export function toolsOfThisMachine() {
  const runners = new RunnerPool();
  afterAll(() => runners.stop());
  return runToolWith(runners);
}

/** The text of a small spec file: what is not given is as it mostly is. */
export function specText(name: string, tags: string, rest = '%files\n'): string {
  const usual = ['Version: 1.0', 'Release: 1%{?dist}', 'Summary: For a test.', 'License: MIT'];
  const lines = usual.filter((line) => !tags.includes(`${line.split(':')[0]}:`));
  return `Name: ${name}\n${lines.join('\n')}\n${tags}\n%description\nFor a test.\n\n${rest}`;
}
