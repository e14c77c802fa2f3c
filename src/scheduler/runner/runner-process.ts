/*
 * A runner: the small process that starts programs for the coordinator. It stays small on purpose. Starting a program means
 * copying the page tables of whoever starts it, and the coordinator's are large; see docs/decisions/0002-runner-process.md.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { KillMessage, RunnerMessage, RunnerReply, StartMessage } from './protocol';

const running = new Map<number, ChildProcess>();
let rest = '';

function reply(message: RunnerReply): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

function start({ start: id, argv, cwd, env, stdout, stderr }: StartMessage): void {
  const opened: number[] = [];
  try {
    const open = (path: string) => {
      const fd = openSync(path, 'w');
      opened.push(fd);
      return fd;
    };
    const out = stdout === undefined ? 'ignore' : open(stdout);
    const err = stderr === undefined ? 'ignore' : stderr === stdout ? out : open(stderr);
    // Detached: a session and process group of its own, so that all of it can be ended at once.
    const child = spawn(argv[0] as string, argv.slice(1), {
      cwd,
      env: env ? { ...process.env, ...env } : process.env,
      stdio: ['ignore', out, err],
      detached: true,
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined)
        reply({ ended: id, code: null, signal: null, error: `${error.code ?? error.message}` });
    });
    if (child.pid === undefined) return;
    running.set(id, child);
    reply({ started: id, pid: child.pid });
    child.once('exit', (code, signal) => {
      running.delete(id);
      reply({ ended: id, code, signal });
    });
  } catch (error) {
    const { code, path, message } = error as NodeJS.ErrnoException;
    reply({ ended: id, code: null, signal: null, error: code && path ? `${code} ${path}` : message });
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

function kill({ kill: id, signal }: KillMessage): void {
  const pid = running.get(id)?.pid;
  if (pid !== undefined) signalGroup(pid, signal);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has just ended.
  }
}

process.stdin.setEncoding('utf8');
process.stdin.on('data', (text: string) => {
  rest += text;
  for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
    const message = JSON.parse(rest.slice(0, end)) as RunnerMessage;
    rest = rest.slice(end + 1);
    if ('start' in message) start(message);
    else kill(message);
  }
});

function end(): void {
  for (const child of running.values()) if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
  process.exit(0);
}
process.stdin.on('end', end);
process.stdin.on('error', end);
process.stdout.on('error', end);
