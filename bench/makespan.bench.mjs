// What order is worth: simulated makespans of the SPECS graph, critical path first and first come first served, beside the list
// schedule that the shared data holds. The durations are synthetic.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { measure, schedulerCommand, sharedData, skip, table, toolkitArguments, withTempDir } from './support.mjs';

const graph = join(sharedData, 'azurelinux-3.0-specs-cached.dot.gz');
if (!existsSync(graph)) skip('the shared data is not here');
const schedule = JSON.parse(readFileSync(join(sharedData, 'schedule.json'), 'utf8'));
const expected = schedule['specs: as in the file (implicit remotes are leaves)'].synthetic.makespan;

withTempDir((dir) => {
  const makespan = (workers, order) => {
    const { status, stderr } = measure(process.execPath, [
      schedulerCommand,
      ...toolkitArguments(dir, graph, [
        '--build-agent=test-agent',
        `--simulated-durations=${join(sharedData, 'durations-synthetic.json')}`,
        '--simulated-speedup=inf',
        `--order=${order}`,
      ]).filter((flag) => flag !== '--workers=2'),
      `--workers=${workers}`,
    ]);
    if (status !== 0) throw new Error(stderr.slice(-500));
    return Number(/Simulated time: \S+ \((\d+\.\d) s\)/.exec(stderr)[1]);
  };
  table(
    ['workers', 'list schedule s', 'critical path s', 'off by', 'fifo s', 'fifo / critical path'],
    [4, 8, 16, 32].map((workers) => {
      const ours = makespan(workers, 'critical-path');
      const fifo = makespan(workers, 'fifo');
      const off = `${((ours / expected[workers] - 1) * 100).toFixed(2)}%`;
      return [workers, expected[workers], ours, off, fifo, (fifo / ours).toFixed(3)];
    }),
  );
});
