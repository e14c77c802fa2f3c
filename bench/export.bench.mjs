// What becomes of spans: in a burst, over an outage of the collector, and at a steady high rate; beside OpenTelemetry's
// BatchSpanProcessor and OTLP exporters with their defaults. Spans, producer and collector are the same for all; producer and
// collector are processes of their own. One after the other, round by round.
//
//     node bench/export.bench.mjs [--outage-seconds 30] [--steady-seconds 30] [--rounds 1] [--only burst,outage,steady]
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median, table } from './support.mjs';

const require = createRequire(import.meta.url);
const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const BURST_SPANS = 100_000;
const OUTAGE_RATE = 1000;
const STEADY_RATE = 40_000;

/** As src/config resolves them where nothing is said. */
const DEFAULTS = {
  maxQueueBytes: 64 * 2 ** 20,
  maxBatchSpans: 2048,
  maxBatchBytes: 4 * 2 ** 20 - 64 * 1024,
  scheduleDelayMs: 1000,
  shutdownTimeoutMs: 5000,
  initialBackoffMs: 500,
  maxBackoffMs: 5000,
};

const roles = { collector, producer };
const role = roles[process.argv[2]];
if (role) await role(...process.argv.slice(3));
else await compare();

async function compare() {
  const { values } = parseArgs({
    options: {
      'outage-seconds': { type: 'string', default: '30' },
      'steady-seconds': { type: 'string', default: '30' },
      rounds: { type: 'string', default: '1' },
      only: { type: 'string', default: 'burst,outage,steady' },
    },
  });
  const outage = Number(values['outage-seconds']);
  const steady = Number(values['steady-seconds']);
  const scenarios = {
    burst: { title: `${BURST_SPANS} spans in one synchronous burst`, seconds: 0 },
    outage: { title: `collector down for ${outage} s, at ${OUTAGE_RATE} spans/s`, seconds: outage },
    steady: { title: `${STEADY_RATE} spans/s for ${steady} s`, seconds: steady },
  };
  const contenders = ['ours', 'OpenTelemetry'].flatMap((who) =>
    ['http/protobuf', 'grpc'].map((over) => ({ who, over })),
  );
  for (const name of values.only.split(',')) {
    const { title, seconds } = scenarios[name];
    const results = contenders.map(() => []);
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const [i, contender] of contenders.entries()) results[i].push(await measure(name, seconds, contender));
    }
    console.log(`\n${title}`);
    table(
      ['exporter', 'made', 'arrived', 'lost', 'twice', 'CPU µs/span', 'memory MB'],
      results.map((rounds, i) => {
        const { who, over } = contenders[i];
        const of = (pick) => median(rounds.map(pick));
        const [made, arrived] = [of((one) => one.made), of((one) => one.arrived)];
        const lost = of((one) => (100 * (one.made - one.arrived)) / one.made);
        const cpu = of((one) => one.cpuMicroseconds / one.made);
        const megabytes = of((one) => one.megabytes);
        return [
          `${who}, ${over}`,
          made,
          arrived,
          `${lost.toFixed(2)} %`,
          of((one) => one.twice),
          cpu.toFixed(2),
          megabytes.toFixed(0),
        ];
      }),
    );
  }
}

async function measure(scenario, seconds, { who, over }) {
  const receiver = start('collector', over);
  const [{ port }] = await once(receiver, 'message');
  const maker = start('producer', who, over, `${port}`, scenario, `${seconds}`);
  maker.on('message', (message) => {
    if (message === 'down' || message === 'up') receiver.send(message);
  });
  const made = await result(maker);
  receiver.send('count');
  const arrived = await result(receiver);
  for (const child of [maker, receiver]) child.kill();
  return { ...made, ...arrived };
}

function start(...args) {
  return fork(fileURLToPath(import.meta.url), args, { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
}

async function result(child) {
  for (;;) {
    const [message] = await once(child, 'message');
    if (message.result) return message.result;
  }
}

/** Takes spans and counts them. It can be gone for a while, and is back at the same port. */
async function collector(over) {
  let spans = 0;
  const ids = new Set();
  const receive = (body) => {
    for (const id of spanIds(body)) {
      spans++;
      ids.add(id);
    }
  };
  const serve = over === 'grpc' ? serveGrpc : serveHttp;
  let server = await serve(receive, 0);
  process.on('message', async (message) => {
    if (message === 'down') server.stop();
    if (message === 'up') server = await serve(receive, server.port);
    if (message === 'count') process.send({ result: { arrived: ids.size, twice: spans - ids.size } });
  });
  process.send({ port: server.port });
}

async function serveHttp(receive, wanted) {
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      receive(Buffer.concat(chunks));
      response.setHeader('content-type', 'application/x-protobuf').end();
    });
  });
  await once(server.listen(wanted, '127.0.0.1'), 'listening');
  const { port } = server.address();
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { port, stop };
}

async function serveGrpc(receive, wanted) {
  const { Server, ServerCredentials } = require('@grpc/grpc-js');
  const server = new Server({ 'grpc.max_receive_message_length': 4 * 1024 * 1024 });
  const asIs = (bytes) => bytes;
  const method = {
    path: EXPORT,
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  const receiveCall = ({ request }, callback) => {
    receive(request);
    callback(null, Buffer.alloc(0));
  };
  server.addService({ Export: method }, { Export: receiveCall });
  const port = await new Promise((resolve, reject) => {
    const credentials = ServerCredentials.createInsecure();
    server.bindAsync(`127.0.0.1:${wanted}`, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return { port, stop: () => server.forceShutdown() };
}

/** The ids of all spans of a request in protobuf; nothing else is looked at, so that the collector is not what is measured. */
function* spanIds(body) {
  for (const resourceSpans of fields(body, 1)) {
    for (const scopeSpans of fields(resourceSpans, 2)) {
      for (const span of fields(scopeSpans, 2)) {
        for (const id of fields(span, 2)) yield id.latin1Slice();
      }
    }
  }
}

function* fields(message, wanted) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at++];
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const type = tag & 7;
    if (type === 0) varint();
    else {
      const length = type === 2 ? varint() : type === 1 ? 8 : 4;
      if (tag >>> 3 === wanted) yield message.subarray(at, at + length);
      at += length;
    }
  }
}

/** Makes spans, and tells what it cost. */
async function producer(who, over, port, scenario, seconds) {
  const { BasicTracerProvider } = require('@opentelemetry/sdk-trace-base');
  const processor = who === 'ours' ? ourProcessor(over, port) : theirProcessor(over, port);
  const tracer = new BasicTracerProvider({ spanProcessors: [processor] }).getTracer('bench', '1.0.0');
  let made = 0;
  const make = (count) => {
    for (let i = 0; i < count; i++) {
      const attributes = {
        'http.request.method': 'GET',
        'http.route': '/api/tools/:tool',
        'http.response.status_code': 200,
        'url.path': `/api/tools/${made & 1023}`,
        'client.address': '127.0.0.1',
        'tool.name': 'calculator',
        'tool.success': true,
      };
      tracer.startSpan('GET /api/tools/:tool', { attributes }).end();
      made++;
    }
  };
  /** In steps of ten milliseconds, as a busy server; late steps are made up for. */
  const makeFor = async (ms, rate) => {
    const [startedAt, before] = [performance.now(), made];
    for (let passed = 0; passed < ms; passed = performance.now() - startedAt) {
      make(Math.floor((Math.min(passed, ms) * rate) / 1000) - (made - before));
      await sleep(10);
    }
    make(Math.floor((ms * rate) / 1000) - (made - before));
  };
  // Everything is loaded and connected before.
  make(100);
  await processor.forceFlush().catch(() => {});
  const cpu = process.cpuUsage();
  if (scenario === 'burst') make(BURST_SPANS);
  if (scenario === 'steady') await makeFor(seconds * 1000, STEADY_RATE);
  if (scenario === 'outage') {
    await makeFor(1000, OUTAGE_RATE);
    process.send('down');
    await makeFor(seconds * 1000, OUTAGE_RATE);
    process.send('up');
    await makeFor(5000, OUTAGE_RATE);
  }
  const deadline = performance.now() + 30_000;
  await flush(processor, deadline);
  const { user, system } = process.cpuUsage(cpu);
  await processor.shutdown().catch(() => {});
  const megabytes = process.resourceUsage().maxRSS / 1024;
  process.send({ result: { made, cpuMicroseconds: user + system, megabytes } });
}

/** Theirs rejects while a collector is away. */
async function flush(processor, deadline) {
  for (;;) {
    const isDone = await processor.forceFlush(30_000).then(
      () => true,
      () => false,
    );
    if (isDone || performance.now() > deadline) return;
    await sleep(100);
  }
}

function ourProcessor(over, port) {
  const { createOtlpSink } = require('../dist/telemetry/export/otlp-sink.js');
  const { SpanPipeline } = require('../dist/telemetry/export/span-pipeline.js');
  const endpoint = over === 'grpc' ? `http://127.0.0.1:${port}` : `http://127.0.0.1:${port}/v1/traces`;
  const target = { endpoint, protocol: over, headers: {}, compression: 'none', timeoutMs: 10_000, tls: {} };
  return new SpanPipeline({ sinks: [createOtlpSink(target, DEFAULTS, () => {})], redact: (span) => span });
}

function theirProcessor(over, port) {
  const { BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');
  if (over === 'grpc') {
    const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-grpc');
    return new BatchSpanProcessor(new OTLPTraceExporter({ url: `http://127.0.0.1:${port}` }));
  }
  const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
  return new BatchSpanProcessor(new OTLPTraceExporter({ url: `http://127.0.0.1:${port}/v1/traces` }));
}
