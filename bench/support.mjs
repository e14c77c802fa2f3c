import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const sharedData = join(root, '..', 'shared', 'data');

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** Runs each contender once, then again, …: a slow minute of the machine meets all of them. */
export function interleaved(rounds, contenders) {
  const results = new Map(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(contenders)) results.get(name).push(run());
  }
  return results;
}

export function table(head, rows) {
  const all = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i].length)));
  const line = (row) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  console.log(
    [line(all[0]), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...all.slice(1).map(line)].join('\n'),
  );
}

export function withTempDir(run) {
  const dir = mkdtempSync(join(tmpdir(), 'spanwright-bench-'));
  try {
    return run(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Runs a command; gives wall seconds, CPU seconds and peak memory of its largest process, as the kernel accounts them. */
export function measure(command, args, options = {}) {
  const before = process.resourceUsage();
  const startedAt = performance.now();
  const timed = existsSync('/usr/bin/time');
  const argv = timed ? ['/usr/bin/time', '-f', '#time %e %U %S %M', command, ...args] : [command, ...args];
  const { status, stdout, stderr, error } = spawnSync(argv[0], argv.slice(1), {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
    ...options,
  });
  if (error) throw error;
  const wall = (performance.now() - startedAt) / 1000;
  const line = /#time (\S+) (\S+) (\S+) (\d+)/.exec(stderr);
  const after = process.resourceUsage();
  return {
    status,
    stdout,
    stderr,
    wall,
    cpu: line ? Number(line[2]) + Number(line[3]) : (after.userCPUTime - before.userCPUTime) / 1e6,
    megabytes: line ? Number(line[4]) / 1024 : Number.NaN,
  };
}

/** All that the toolkit's flags want to be there, in a folder. */
export function toolkitArguments(dir, graph, extra) {
  for (const name of ['rpms', 'toolchain', 'cache', 'logs', 'work']) mkdirSync(join(dir, name), { recursive: true });
  for (const name of ['worker.tar', 'local.repo']) writeFileSync(join(dir, name), '');
  return [
    `--input=${graph}`,
    `--output=${join(dir, 'built.dot')}`,
    `--output-build-state-csv-file=${join(dir, 'state.csv')}`,
    `--work-dir=${join(dir, 'work')}`,
    `--worker-tar=${join(dir, 'worker.tar')}`,
    `--repo-file=${join(dir, 'local.repo')}`,
    `--rpm-dir=${join(dir, 'rpms')}`,
    `--toolchain-rpms-dir=${join(dir, 'toolchain')}`,
    `--srpm-dir=${join(dir, 'srpms')}`,
    `--cache-dir=${join(dir, 'cache')}`,
    `--build-logs-dir=${join(dir, 'logs')}`,
    '--dist-tag=.azl3',
    '--distro-release-version=3.0',
    '--distro-build-number=1',
    '--license-check-mode=none',
    '--workers=2',
    ...extra,
  ];
}

export const schedulerCommand = join(root, 'dist', 'scheduler-cli.js');
export const spanwrightCommand = join(root, 'dist', 'cli.js');

/** The stand-in worker of the shared tools, compiled; undefined where there is no source or no compiler. */
export function fakeWorker(dir) {
  const source = join(root, '..', 'shared', 'tools', 'fake_worker.c');
  if (!existsSync(source)) return undefined;
  const program = join(dir, 'fake_worker');
  const { status } = spawnSync('cc', ['-O2', '-o', program, source]);
  return status === 0 ? program : undefined;
}

export function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(0);
}

/** A layered graph: as many layers as given, each node needing three of the layer before. Always the same one. */
export function layeredEdges(size, layers = 20, each = 3) {
  const width = size / layers;
  const edges = new Uint32Array((size - width) * each * 2);
  let seed = 12345;
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  let at = 0;
  for (let node = width; node < size; node++) {
    const first = (Math.floor(node / width) - 1) * width;
    for (let i = 0; i < each; i++) {
      edges[at++] = node;
      edges[at++] = first + Math.floor(random() * width);
    }
  }
  return edges;
}
