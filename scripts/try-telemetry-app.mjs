/*
 * Runs the example application with telemetry as it was installed and compiled, asks it for a few things, and looks at what a collector has got of it.
 *
 *     node scripts/try-telemetry-app.mjs <folder of main.js> <node binary>
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { json } from 'node:stream/consumers';

const [folder, node] = process.argv.slice(2);
const spans = [];
const collector = createServer(async (request, response) => {
  const { resourceSpans } = await json(request);
  for (const { scopeSpans } of resourceSpans) for (const each of scopeSpans) spans.push(...each.spans);
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
});
await once(collector.listen(0, '127.0.0.1'), 'listening');

const app = spawn(node, ['main.js'], {
  cwd: folder,
  env: {
    ...process.env,
    PORT: '0',
    OTEL_SERVICE_NAME: 'cats',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.address().port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  },
  stdio: ['ignore', 'pipe', 'pipe'],
});
let said = '';
app.stderr.on('data', (text) => {
  said += text;
});
const ended = once(app, 'close');
const lines = createInterface({ input: app.stdout });
const first = await Promise.race([once(lines, 'line'), ended]);
match(String(first[0]), /^listening on http/, `the application did not start: ${first} ${said}`);
const url = first[0].replace('listening on ', '');

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const headers = { traceparent: `00-${TRACE}-b7ad6b7169203331-01` };
deepEqual(await (await fetch(`${url}/cats/1`, { headers })).json(), { id: '1', name: 'Tom the cat' });
equal((await fetch(`${url}/cats/2`)).status, 404);
equal((await fetch(`${url}/nothing/here`)).status, 404);
const health = await (await fetch(`${url}/health/telemetry`)).json();
equal(health.status, 'healthy');
const ready = await (await fetch(`${url}/health/ready`)).json();
equal(ready.details.telemetry.status, 'up');
match(
  await (await fetch(`${url}/metrics`)).text(),
  /^http_requests_total\{.*http_route="\/cats\/:id".*status_code="404".*\} 1$/m,
);
app.kill('SIGTERM');
await ended;
collector.close();

const ofTrace = spans.filter(({ traceId }) => traceId === TRACE);
const parent = (span) => spans.find(({ spanId }) => spanId === span.parentSpanId)?.name ?? span.parentSpanId;
deepEqual(Object.fromEntries(ofTrace.map((span) => [span.name, parent(span)])), {
  'http.GET /cats/:id': 'b7ad6b7169203331',
  'CatsController.find': 'http.GET /cats/:id',
  'CatsService.find': 'CatsController.find',
  'CatsRepository.find': 'CatsService.find',
  'cats.greet': 'CatsService.find',
});
ok(spans.some(({ name }) => name === 'http.GET unmatched'));
equal(said, '', 'nothing is to be said on standard error');
