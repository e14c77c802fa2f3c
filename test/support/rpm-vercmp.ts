import { spawnSync } from 'node:child_process';

/** Whether this machine has rpm; without it, tests that ask it are skipped. */
export const HAS_RPM = spawnSync('rpm', ['--version']).status === 0;
