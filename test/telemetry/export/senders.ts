import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { OtlpTarget } from '../../../src/config/telemetry-config';

export function targetOf(endpoint: string, over: Partial<OtlpTarget> = {}): OtlpTarget {
  return {
    endpoint,
    protocol: 'http/protobuf',
    headers: {},
    compression: 'none',
    // A test that waits for this long has gone wrong.
    timeoutMs: 60_000,
    tls: {},
    ...over,
  };
}

export const never: AbortSignal = new AbortController().signal;

/** Runs a program with the sources at hand until it exits by itself, and gives what it printed. */
export async function runToItsEnd(program: string): Promise<string> {
  const root = join(__dirname, '../../..');
  const args = ['--require', join(__dirname, 'typescript.cjs'), '--eval', program];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  running.delete(child);
  if (code !== 0) throw new Error(`the program ended with ${code}: ${output}`);
  return output;
}

const running = new Set<ReturnType<typeof spawn>>();

// One that does not exit has failed its test already.
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});
