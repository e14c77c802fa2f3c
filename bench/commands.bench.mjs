// 5,000 commands `true`, a log file each, two at a time: `spanwright build` beside ninja and beside plain child_process.spawn.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { interleaved, measure, median, spanwrightCommand, table, withTempDir } from './support.mjs';

const COUNT = 5000;
const self = fileURLToPath(import.meta.url);

if (process.argv[2] === 'spawn') {
  const { spawn } = await import('node:child_process');
  const { closeSync, openSync } = await import('node:fs');
  let left = COUNT;
  const next = () => {
    if (left === 0) return;
    const log = openSync(join(process.argv[3], `${left--}.log`), 'w');
    spawn('true', [], { stdio: ['ignore', log, log] }).once('exit', next);
    closeSync(log);
  };
  next();
  next();
} else {
  withTempDir((dir) => {
    const graph = join(dir, 'graph.json');
    const nodes = Array.from({ length: COUNT }, (_, i) => ({ id: `n${i}`, command: ['true'] }));
    writeFileSync(graph, JSON.stringify({ nodes }));
    const hasNinja = spawnSync('ninja', ['--version']).status === 0;
    if (!hasNinja) console.log('skipped: ninja is not here');
    const fresh = (name) => {
      const cwd = join(dir, name);
      rmSync(cwd, { recursive: true, force: true });
      mkdirSync(join(cwd, 'logs'), { recursive: true });
      return cwd;
    };
    const rate = (result) => {
      if (result.status !== 0) throw new Error(result.stderr.slice(-500));
      return { rate: COUNT / result.wall, cpu: (result.cpu / COUNT) * 1000, megabytes: result.megabytes };
    };
    const ours = (name, extra) => () =>
      rate(
        measure(process.execPath, [spanwrightCommand, 'build', graph, '--workers=2', '--quiet', ...extra], {
          cwd: fresh(name),
        }),
      );
    const contenders = {
      ...(hasNinja
        ? {
            ninja: () => {
              const cwd = fresh('ninja');
              const builds = Array.from({ length: COUNT }, (_, i) => `build n${i}: t`).join('\n');
              writeFileSync(join(cwd, 'build.ninja'), `rule t\n  command = true > logs/$out.log 2>&1\n${builds}\n`);
              return rate(measure('ninja', ['-j2', '--quiet'], { cwd }));
            },
          }
        : {}),
      'spanwright build': ours('on', []),
      'spanwright build --no-enable-telemetry': ours('off', ['--no-enable-telemetry']),
      'child_process.spawn from one small process': () =>
        rate(measure(process.execPath, [self, 'spawn', join(fresh('spawn'), 'logs')])),
    };
    const results = interleaved(5, contenders);
    const reference = hasNinja ? results.get('ninja') : undefined;
    table(
      [`${COUNT} commands, 2 workers`, 'commands/s', 'of ninja', 'CPU ms each', 'peak MB'],
      [...results].map(([name, runs]) => [
        name,
        Math.round(median(runs.map((run) => run.rate))),
        reference ? median(runs.map((run, i) => run.rate / reference[i].rate)).toFixed(2) : '-',
        median(runs.map((run) => run.cpu)).toFixed(2),
        Math.round(median(runs.map((run) => run.megabytes))),
      ]),
    );
  });
}
