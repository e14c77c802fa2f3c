// How fast graphs are scheduled when a build takes no time: layered graphs of 10k, 100k and 1M nodes, ours beside libraries that
// run a graph of promises. Each in a process of its own; medians of three interleaved rounds, at 1M of one.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { interleaved, layeredEdges, median, table } from './support.mjs';

const CONCURRENCY = 16;
const self = fileURLToPath(import.meta.url);

const contenders = {
  /** Our Plan: read as a library user would drive it, critical path first. */
  async spanwright(size, edges) {
    const { GraphBuilder } = await import('../dist/graph/graph.js');
    const { Plan } = await import('../dist/scheduler/plan.js');
    const builder = new GraphBuilder();
    builder.addPlainNodes(size, 1, 2);
    for (let i = 0; i < edges.length; i += 2) builder.addDependency(edges[i], edges[i + 1]);
    return {
      run() {
        const graph = builder.build();
        const plan = new Plan(graph, { cost: (job) => 1 + (job % 7) });
        plan.start();
        const running = [];
        let done = 0;
        for (;;) {
          for (let job = plan.takeUnlocked(); job !== undefined; job = plan.takeUnlocked()) plan.enqueue(job);
          while (running.length < CONCURRENCY && plan.queuedCount > 0) running.push(plan.next());
          if (running.length === 0) break;
          plan.finish(running.shift());
          done++;
        }
        return { done, keep: [graph, plan] };
      },
    };
  },
  /** The whole loop with events and an agent that is done at once. */
  async 'spanwright Scheduler'(size, edges) {
    const { GraphBuilder } = await import('../dist/graph/graph.js');
    const { Scheduler } = await import('../dist/scheduler/scheduler.js');
    const builder = new GraphBuilder();
    builder.addPlainNodes(size, 1, 2);
    for (let i = 0; i < edges.length; i += 2) builder.addDependency(edges[i], edges[i + 1]);
    return {
      async run() {
        const graph = builder.build();
        let done = 0;
        const success = Promise.resolve({ ok: true, builtFiles: [] });
        const agent = {
          name: 'nothing',
          build: () => {
            done++;
            return success;
          },
        };
        const scheduler = new Scheduler({ graph, agent, workers: CONCURRENCY, runId: 'bench' });
        await scheduler.run();
        return { done, keep: [graph, scheduler] };
      },
    };
  },
  async 'p-limit and promises'(size, edges) {
    const { default: pLimit } = await import('p-limit');
    const needs = adjacency(size, edges);
    return {
      async run() {
        const limit = pLimit(CONCURRENCY);
        let done = 0;
        const promises = new Array(size);
        for (let node = 0; node < size; node++) {
          promises[node] = Promise.all(needs[node].map((other) => promises[other])).then(() =>
            limit(async () => done++),
          );
        }
        await Promise.all(promises);
        return { done, keep: [promises, needs] };
      },
    };
  },
  async 'toposort and p-queue'(size, edges) {
    const { default: toposort } = await import('toposort');
    const { default: PQueue } = await import('p-queue');
    const needs = adjacency(size, edges);
    const pairs = [];
    for (let i = 0; i < edges.length; i += 2) pairs.push([edges[i], edges[i + 1]]);
    const nodes = Array.from({ length: size }, (_, node) => node);
    return {
      async run() {
        const order = toposort.array(nodes, pairs).reverse();
        const queue = new PQueue({ concurrency: CONCURRENCY });
        let done = 0;
        const promises = new Array(size);
        for (const node of order) {
          promises[node] = Promise.all(needs[node].map((other) => promises[other])).then(() =>
            queue.add(async () => done++),
          );
        }
        await Promise.all(promises);
        return { done, keep: [promises, needs, pairs] };
      },
    };
  },
  async 'p-graph'(size, edges) {
    const { PGraph } = await import('p-graph');
    const nodes = new Map();
    let done = 0;
    for (let node = 0; node < size; node++)
      nodes.set(String(node), { run: async () => void done++, priority: node % 7 });
    const pairs = [];
    for (let i = 0; i < edges.length; i += 2) pairs.push([String(edges[i + 1]), String(edges[i])]);
    return {
      async run() {
        const graph = new PGraph(nodes, pairs);
        await graph.run({ concurrency: CONCURRENCY });
        return { done, keep: [graph, nodes, pairs] };
      },
    };
  },
  async 'dependency-graph, one by one'(size, edges) {
    const { DepGraph } = await import('dependency-graph');
    return {
      run() {
        const graph = new DepGraph();
        for (let node = 0; node < size; node++) graph.addNode(String(node));
        for (let i = 0; i < edges.length; i += 2) graph.addDependency(String(edges[i]), String(edges[i + 1]));
        let done = 0;
        for (const _ of graph.overallOrder()) done++;
        return { done, keep: [graph] };
      },
    };
  },
};

function adjacency(size, edges) {
  const needs = Array.from({ length: size }, () => []);
  for (let i = 0; i < edges.length; i += 2) needs[edges[i]].push(edges[i + 1]);
  return needs;
}

async function measureOne(name, size) {
  const edges = layeredEdges(size);
  globalThis.gc();
  const before = process.memoryUsage();
  const contender = await contenders[name](size, edges);
  const startedAt = performance.now();
  const { done, keep } = await contender.run();
  const ms = performance.now() - startedAt;
  globalThis.gc();
  const after = process.memoryUsage();
  if (done !== size) throw new Error(`${name} ran ${done} of ${size} nodes`);
  const bytes = (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / size;
  console.log(JSON.stringify({ ms, bytes, keep: keep.length }));
}

if (process.argv[2]) {
  await measureOne(process.argv[2], Number(process.argv[3]));
} else {
  const child = (name, size) => () => {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--expose-gc', '--max-old-space-size=8000', self, name, String(size)],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`${name} at ${size}: ${stderr}`);
    return JSON.parse(stdout);
  };
  const results = new Map();
  for (const size of [10_000, 100_000, 1_000_000]) {
    const runs = Object.fromEntries(Object.keys(contenders).map((name) => [name, child(name, size)]));
    for (const [name, found] of interleaved(size < 1_000_000 ? 3 : 1, runs)) results.set(`${name} ${size}`, found);
  }
  const rate = (name, size) => Math.round((size / median(results.get(`${name} ${size}`).map(({ ms }) => ms))) * 1000);
  table(
    ['nodes/s (graph building included)', '10k', '100k', '1M', 'time x from 100k to 1M', 'bytes/node at 1M'],
    Object.keys(contenders).map((name) => [
      name,
      rate(name, 10_000).toLocaleString('en'),
      rate(name, 100_000).toLocaleString('en'),
      rate(name, 1_000_000).toLocaleString('en'),
      ((10 * rate(name, 100_000)) / rate(name, 1_000_000)).toFixed(1),
      Math.round(median(results.get(`${name} 1000000`).map(({ bytes }) => bytes))),
    ]),
  );
}
