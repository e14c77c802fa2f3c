// How fast the cycles of a raw package graph are resolved: the toolkit's default graph (SPECS: 30,057 nodes, 291,923 edges) as its grapher makes
// it, with the toolchain on disk; then the graph that comes out, which has no cycle; then the raw one with nothing on disk, which is an error that
// tells what would help. The toolkit's own grapher takes 23 to 32 s of CPU for all it does on this graph, most of it in its cycle search.
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { interleaved, median, sharedData, skip, table } from './support.mjs';

const records = join(sharedData, 'specreader-SPECS.json.gz');
const manifest = join(sharedData, 'toolkit', 'toolchain_x86_64.txt');
if (!existsSync(records) || !existsSync(manifest)) skip('the shared data is not here');
const ROUNDS = Number(process.env.ROUNDS ?? 9);

const { graphFromRecords } = await import('../dist/graph/grapher/grapher.js');
const { readPackageRecords } = await import('../dist/graph/grapher/read-records.js');
const { resolveCycles, UnresolvableCyclesError } = await import('../dist/graph/cycles/resolve-cycles.js');

const toolchain = new Set(
  readFileSync(manifest, 'utf8')
    .split('\n')
    .map((line) => basename(line.trim())),
);
const withToolchain = { isOnDisk: (path) => toolchain.has(basename(path)) };
const { graph: raw } = graphFromRecords(readPackageRecords(records));
const { graph: resolved, fixes } = resolveCycles(raw, withToolchain);

const timed = (work) => () => {
  const startedAt = performance.now();
  work();
  return performance.now() - startedAt;
};
const results = interleaved(ROUNDS, {
  'cycles resolved': timed(() => resolveCycles(raw, withToolchain)),
  'no cycle to find': timed(() => resolveCycles(resolved, withToolchain)),
  'nothing on disk: an error': timed(() => {
    try {
      resolveCycles(raw, { isOnDisk: () => false });
    } catch (error) {
      if (error instanceof UnresolvableCyclesError) return;
      throw error;
    }
    throw new Error('expected cycles that are left');
  }),
});
const size = (graph) => `${graph.size.toLocaleString('en')} / ${graph.edgeCount.toLocaleString('en')}`;
const graphs = { 'cycles resolved': raw, 'no cycle to find': resolved, 'nothing on disk: an error': raw };
console.log(`${fixes.length} fixes; medians of ${ROUNDS} rounds, of which the first is cold`);
table(
  ['SPECS, one core', 'nodes / edges', 'first ms', 'median ms'],
  [...results].map(([name, times]) => [name, size(graphs[name]), times[0].toFixed(1), median(times).toFixed(1)]),
);
