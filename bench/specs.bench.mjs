// The toolkit's default graph (SPECS: 30,167 nodes, 275,370 edges) through the scheduler command, whole process: with a worker
// program that does nothing, simulated, with telemetry, and with every RPM on disk. Then each phase by itself.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
  fakeWorker,
  interleaved,
  measure,
  median,
  schedulerCommand,
  sharedData,
  skip,
  table,
  toolkitArguments,
  withTempDir,
} from './support.mjs';

const specs = join(sharedData, 'azurelinux-3.0-specs-cached.dot.gz');
const full = join(sharedData, 'azurelinux-3.0.dot.gz');
if (!existsSync(specs)) skip('the shared data is not here');
const ROUNDS = Number(process.env.ROUNDS ?? 3);

const { readToolkitDot } = await import('../dist/graph/formats/toolkit-dot-reader.js');
const { writeToolkitDot } = await import('../dist/graph/formats/toolkit-dot-writer.js');
const { GraphBuilder } = await import('../dist/graph/graph.js');
const { Plan } = await import('../dist/scheduler/plan.js');
const { SimulatedAgent } = await import('../dist/scheduler/agents/simulated.js');
const { Scheduler } = await import('../dist/scheduler/scheduler.js');

/** A real RPM of a hundred files, to stand at every path; where there is no rpmbuild, an empty file. */
function sampleRpm(dir) {
  const spec = join(dir, 'sample.spec');
  const files = 'mkdir -p %{buildroot}/opt/sample; for i in $(seq 100); do echo $i > %{buildroot}/opt/sample/$i; done';
  const tags = ['Name: sample', 'Version: 1', 'Release: 1', 'Summary: A sample', 'License: MIT', 'BuildArch: noarch'];
  writeFileSync(
    spec,
    [...tags, '%description', 'A sample.', '%install', files, '%files', '/opt/sample', ''].join('\n'),
  );
  const { status } = spawnSync('rpmbuild', ['-bb', '--define', `_topdir ${dir}`, spec]);
  return status === 0 ? readFileSync(join(dir, 'RPMS/noarch/sample-1-1.noarch.rpm')) : '';
}

/** The same graph with every RPM path below a folder, and the same file at each. */
function withAllRpms(file, dir, content) {
  const graph = readToolkitDot(gunzipSync(readFileSync(file)), file);
  const builder = new GraphBuilder(graph.info);
  const made = new Set();
  for (let node = 0; node < graph.size; node++) {
    const record = graph.record(node);
    if (record.rpmPath?.startsWith('/')) {
      record.rpmPath = join(dir, record.rpmPath);
      if (!made.has(dirname(record.rpmPath))) mkdirSync(dirname(record.rpmPath), { recursive: true });
      made.add(dirname(record.rpmPath));
      writeFileSync(record.rpmPath, content);
    }
    builder.addNode(record);
  }
  for (let node = 0; node < graph.size; node++) {
    for (const dependency of graph.dependenciesOf(node)) builder.addDependency(node, dependency);
  }
  const path = join(dir, 'all-rpms.dot');
  writeFileSync(path, Buffer.concat([...writeToolkitDot(builder.build())]));
  return path;
}

withTempDir((dir) => {
  const worker = fakeWorker(dir);
  const present = withAllRpms(specs, dir, sampleRpm(dir));
  const run = (name, graph, extra) => () => {
    const cwd = join(dir, name.replaceAll(/\W+/g, '-'));
    mkdirSync(cwd, { recursive: true });
    const args = [schedulerCommand, ...toolkitArguments(cwd, graph, extra)];
    const result = measure(process.execPath, args, { cwd });
    // The full graph has names that nobody provides.
    if (result.status !== (graph === full ? 1 : 0))
      throw new Error(`${name}: exit ${result.status}: ${result.stderr.slice(-500)}`);
    return result;
  };
  const chroot = ['--build-agent=chroot-agent', `--build-agent-program=${worker}`];
  const contenders = {
    ...(worker
      ? {
          'worker program (2,381 processes)': run('chroot', specs, chroot),
          'the same with --enable-telemetry': run('chroot-telemetry', specs, [...chroot, '--enable-telemetry']),
        }
      : {}),
    'test-agent': run('simulated', specs, ['--build-agent=test-agent']),
    'test-agent with --enable-telemetry': run('simulated-telemetry', specs, [
      '--build-agent=test-agent',
      '--enable-telemetry',
    ]),
    'every RPM on disk, and asked what it provides': run('present', present, chroot),
    ...(worker
      ? { '--rebuild-packages=m4 (1,391 builds)': run('m4', present, [...chroot, '--rebuild-packages=m4']) }
      : {}),
    ...(existsSync(full) ? { 'full graph, test-agent': run('full', full, ['--build-agent=test-agent']) } : {}),
  };
  if (!worker) console.log('skipped: the worker program (no C compiler, or no source)');
  const results = interleaved(ROUNDS, contenders);
  table(
    ['scheduler, whole process, 2 workers', 'wall s', 'CPU s', 'peak MB'],
    [...results].map(([name, runs]) => [
      name,
      median(runs.map(({ wall }) => wall)).toFixed(2),
      median(runs.map(({ cpu }) => cpu)).toFixed(2),
      Math.round(median(runs.map(({ megabytes }) => megabytes))),
    ]),
  );
  if (worker) {
    const pairs = results
      .get('the same with --enable-telemetry')
      .map((on, i) => on.wall / results.get('worker program (2,381 processes)')[i].wall);
    console.log(
      `telemetry on / off, wall, pair by pair: ${pairs.map((ratio) => ratio.toFixed(3)).join(' ')}; median ${median(pairs).toFixed(3)}`,
    );
  }
});

const phases = async (file) => {
  const times = {};
  const time = async (name, work) => {
    const startedAt = performance.now();
    const result = await work();
    times[name] = performance.now() - startedAt;
    return result;
  };
  const bytes = await time('read file, unpack', () => gunzipSync(readFileSync(file)));
  const graph = await time('read graph', () => readToolkitDot(bytes, file));
  await time('plan', () => new Plan(graph));
  const scheduler = new Scheduler({ graph, agent: new SimulatedAgent(), workers: 2, runId: 'bench' });
  const outcome = await time('run', () => scheduler.run());
  await time('write graph', () => Buffer.concat([...writeToolkitDot(outcome.graph)]));
  return times;
};
const rows = [];
for (const [name, file] of [
  ['SPECS', specs],
  ['full graph', full],
]) {
  if (!existsSync(file)) continue;
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await phases(file));
  rows.push([
    name,
    ...Object.keys(rounds[0]).map((phase) => `${Math.round(median(rounds.map((times) => times[phase])))} ms`),
  ]);
}
console.log();
table(['phase', 'read file, unpack', 'read graph', 'plan', 'run', 'write graph'], rows);
