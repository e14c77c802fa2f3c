/*
 * Runs the compiled application beside this file with the Node that runs this, asks it for a few things, and looks at what a collector has got of it.
 *
 *     node try.mjs
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { json } from 'node:stream/consumers';
import * as spanwright from 'spanwright';

// Whatever can be required can be imported by its name, and the package has the application's Nest: another copy of it would know none of the application's providers.
const require = createRequire(import.meta.url);
deepEqual(
  Object.keys(require('spanwright')).filter((name) => !(name in spanwright)),
  [],
);
const requireThere = createRequire(require.resolve('spanwright'));
for (const name of ['@nestjs/common', '@nestjs/core', 'reflect-metadata', 'rxjs'])
  equal(requireThere.resolve(name), require.resolve(name));

const spans = [];
const collector = createServer(async (request, response) => {
  const { resourceSpans } = await json(request);
  for (const { scopeSpans } of resourceSpans) for (const each of scopeSpans) spans.push(...each.spans);
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
});
await once(collector.listen(0, '127.0.0.1'), 'listening');

const app = fork('main.js', {
  cwd: import.meta.dirname,
  env: {
    ...process.env,
    OTEL_SERVICE_NAME: 'cats',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.address().port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  },
  silent: true,
});
const output = { stdout: '', stderr: '' };
for (const stream of ['stdout', 'stderr'])
  app[stream].on('data', (text) => {
    output[stream] += text;
  });
const ended = once(app, 'close');
const [url] = await Promise.race([once(app, 'message'), ended]);
match(String(url), /^http/, output.stderr);

const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const headers = { traceparent: `00-${CALLER.traceId}-${CALLER.spanId}-01` };
deepEqual(await (await fetch(`${url}/cats/1`, { headers })).json(), { id: '1', name: 'Tom the cat' });
equal((await fetch(`${url}/cats/2`)).status, 404);
equal((await fetch(`${url}/nothing/here`)).status, 404);
equal((await (await fetch(`${url}/health/telemetry`)).json()).status, 'healthy');
equal((await (await fetch(`${url}/health/ready`)).json()).details.telemetry.status, 'up');
match(
  await (await fetch(`${url}/metrics`)).text(),
  /^http_requests_total\{.*http_route="\/cats\/:id".*status_code="404".*\} 1$/m,
);
app.kill('SIGTERM');
await ended;
collector.close();

const nameOf = (id) => spans.find(({ spanId }) => spanId === id)?.name ?? id;
const trace = spans.filter(({ traceId }) => traceId === CALLER.traceId);
deepEqual(Object.fromEntries(trace.map(({ name, parentSpanId }) => [name, nameOf(parentSpanId)])), {
  'http.GET /cats/:id': CALLER.spanId,
  'CatsController.find': 'http.GET /cats/:id',
  'CatsService.find': 'CatsController.find',
  'CatsRepository.find': 'CatsService.find',
  'cats.greet': 'CatsService.find',
});
ok(spans.some(({ name }) => name === 'http.GET unmatched'));

const lines = output.stdout
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const { message, trace_id, span_id } = lines.find(({ context }) => context === 'Cats');
equal(trace_id, CALLER.traceId);
equal(nameOf(span_id), 'CatsService.find');
match(message, /^found Tom, password=(?!hunter2)/);
equal(output.stderr, '');
