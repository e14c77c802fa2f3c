// Processor time of a server per request, with and without telemetry: controller > service > repository, every method a span. Every round loads every server once,
// in rotated order; ratios are medians of the rounds' ratios to the server without telemetry. `on` gathers spans as for an exporter, and throws them away, ours as the others;
// `otlp` encodes them and sends them to a collector.
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median, table } from './support.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const rounds = Number(process.env.BENCH_ROUNDS ?? 9);
const requests = Number(process.env.BENCH_REQUESTS ?? 6000);
const variants = [
  'none',
  'ours:on',
  'ours:otlp',
  'ours:off',
  'instrumentations:on',
  'instrumentations:off',
  'nestjs-otel:on',
  'nestjs-otel:off',
];

const collector = fork(join(here, 'http/collector.mjs'));
const [{ port }] = await once(collector, 'message');
for (const platform of ['express', 'fastify']) {
  const servers = new Map();
  for (const variant of variants) {
    const argument = JSON.stringify({ platform, variant, collector: `http://127.0.0.1:${port}` });
    const server = fork(join(here, 'http/app.cjs'), [argument], {
      env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: '' },
    });
    const [{ port: serverPort }] = await once(server, 'message');
    servers.set(variant, { server, port: serverPort, costs: [] });
  }
  const cpu = async (server) => {
    server.send('cpu');
    const [{ cpu: micros }] = await once(server, 'message');
    return micros;
  };
  for (let round = -2; round < rounds; round += 1) {
    for (let at = 0; at < variants.length; at += 1) {
      const { server, port: serverPort, costs } = servers.get(variants[(at + round + 14) % variants.length]);
      const before = await cpu(server);
      const { status, stderr } = spawnSync(
        process.execPath,
        [join(here, 'http/load.mjs'), serverPort, requests, 16].map(String),
        { encoding: 'utf8' },
      );
      if (status !== 0) throw new Error(stderr);
      const used = (await cpu(server)) - before;
      if (round >= 0) costs.push(used / requests);
    }
  }
  console.log(`\n${platform}: microseconds of processor time per request, Node ${process.versions.node}`);
  const none = servers.get('none').costs;
  table(
    ['', 'µs', 'of none'],
    variants.map((variant) => {
      const { costs } = servers.get(variant);
      return [variant, median(costs).toFixed(1), median(costs.map((cost, at) => cost / none[at])).toFixed(2)];
    }),
  );
  for (const { server } of servers.values()) server.send('end');
}
collector.kill();
