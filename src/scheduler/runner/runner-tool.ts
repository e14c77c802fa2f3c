import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunTool } from '../../rpm/run-tool';
import type { RunnerPool } from './runner-pool';

/** Runs tools by a pool's runners. Their output goes through files, so it may be of any size that memory holds. */
export function runToolWith(runners: RunnerPool): RunTool {
  return async (argv, { cwd, env } = {}) => {
    const folder = mkdtempSync(join(tmpdir(), 'spanwright-tool-'));
    const [stdout, stderr] = [join(folder, 'out'), join(folder, 'err')];
    try {
      const { code, signal } = await runners.start({ argv, cwd, env, stdout, stderr }).end;
      return {
        code: signal === null && code !== null ? code : undefined,
        stdout: textOf(stdout),
        stderr: textOf(stderr),
      };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

/** Empty where the tool was not started at all. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
