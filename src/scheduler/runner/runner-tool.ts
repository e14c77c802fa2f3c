import { readFileSync, rmSync } from 'node:fs';
import type { RunTool } from '../../rpm/run-tool';
import type { RunnerPool } from './runner-pool';

/** Runs tools by a pool's runners. Their output goes through files, so it may be of any size that memory holds. */
export function runToolWith(runners: RunnerPool): RunTool {
  return async (argv, { cwd, env } = {}) => {
    const [stdout, stderr] = [runners.outputPath('out'), runners.outputPath('err')];
    try {
      const { code, signal } = await runners.start({ argv, cwd, env, stdout, stderr }).end;
      return {
        code: signal === null && code !== null ? code : undefined,
        stdout: textOf(stdout),
        stderr: textOf(stderr),
      };
    } finally {
      for (const path of [stdout, stderr]) rmSync(path, { force: true });
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
