import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { ExportConfig, OtlpProtocol } from '../../../src/config/telemetry-config';
import { createOtlpSink, type OtlpSink } from '../../../src/telemetry/export/otlp-sink';
import { OtlpCollector } from '../../support/otlp-collector';
import { Line } from './line';
import { runToItsEnd, targetOf } from './senders';
import { countsOf, expectBalance, exportConfig, filesIn, idOf, makeSpans, tempFolder, until } from './sinks';

jest.setTimeout(60_000);

const MIB = 2 ** 20;
/** The defaults, but for waits that a test need not have. */
const CONFIG: ExportConfig = {
  maxQueueBytes: 64 * MIB,
  maxBatchSpans: 2048,
  maxBatchBytes: 4 * MIB - 64 * 1024,
  scheduleDelayMs: 20,
  shutdownTimeoutMs: 5000,
  initialBackoffMs: 5,
  maxBackoffMs: 40,
};

let collector: OtlpCollector;
let line: Line;
let folder: ReturnType<typeof tempFolder>;
let problems: string[];
const sinks: OtlpSink[] = [];

beforeEach(async () => {
  collector = await OtlpCollector.start();
  folder = tempFolder();
  problems = [];
});

afterEach(async () => {
  for (const sink of sinks.splice(0)) await sink.shutdown(0);
  await line?.down();
  await collector.stop();
  folder.remove();
});

async function makeSink(protocol: OtlpProtocol, over: Partial<ExportConfig> = {}): Promise<OtlpSink> {
  const isGrpc = protocol === 'grpc';
  line = await Line.to(isGrpc ? collector.grpcEndpoint : collector.httpEndpoint);
  const target = targetOf(isGrpc ? line.endpoint : `${line.endpoint}/v1/traces`, { protocol });
  const sink = createOtlpSink(target, { ...CONFIG, ...over }, (message) => problems.push(message));
  sinks.push(sink);
  return sink;
}

/** As a processor does it. */
function acceptInHandfuls(sink: OtlpSink, spans: readonly ReadableSpan[]): void {
  for (let at = 0; at < spans.length; at += 256) sink.accept(spans.slice(at, at + 256));
}

/** Each of the spans, once. */
function expectArrived(spans: readonly ReadableSpan[]): void {
  const arrived = collector.spans.map(({ spanId }) => spanId);
  expect(arrived).toHaveLength(spans.length);
  expect(new Set(arrived)).toEqual(new Set(spans.map(idOf)));
}

describe.each(['http/protobuf', 'http/json', 'grpc'] as const)('over %s', (protocol) => {
  test('100,000 spans that end without a pause all arrive', async () => {
    const sink = await makeSink(protocol);
    await line.up();
    const spans = makeSpans(100_000, { 'http.route': '/orders/:id', 'http.response.status_code': 200 });
    acceptInHandfuls(sink, spans);
    expectBalance(sink.status);
    await sink.flush(50_000);
    expect(countsOf(sink.status)).toEqual({ made: 100_000, exported: 100_000 });
    expectArrived(spans);
    expect(problems).toEqual([]);
  });

  test.each([
    ['memory', false],
    ['a spool', true],
  ])('a collector that is away, and back, and away, gets every span once, from %s', async (_, hasSpool) => {
    const spool = { directory: folder.path, maxBytes: 256 * MIB, maxAgeMs: 3_600_000 };
    const sink = await makeSink(protocol, hasSpool ? { spool } : {});
    const spans = makeSpans(20_000);
    for (let outage = 0; outage < 2; outage++) {
      acceptInHandfuls(sink, spans.slice(outage * 10_000, outage * 10_000 + 5000));
      await until(() => !sink.status.healthy && (!hasSpool || sink.status.queued === 0));
      expectBalance(sink.status);
      if (hasSpool) expect(filesIn(folder.path)).not.toEqual([]);
      await line.up();
      acceptInHandfuls(sink, spans.slice(outage * 10_000 + 5000, (outage + 1) * 10_000));
      await sink.flush(50_000);
      await line.down();
    }
    expect(countsOf(sink.status)).toEqual({ made: 20_000, exported: 20_000 });
    expectArrived(spans);
    expect(filesIn(folder.path)).toEqual([]);
  });

  test('a collector that is overloaded gets every span once', async () => {
    const sink = await makeSink(protocol);
    await line.up();
    collector.behaviour = 'refuse';
    const spans = makeSpans(5000);
    acceptInHandfuls(sink, spans);
    await until(() => collector.requests > 5);
    expect(countsOf(sink.status)).toEqual({ made: 5000, queued: 5000 });
    collector.behaviour = 'accept';
    await sink.flush(50_000);
    expectArrived(spans);
  });

  test.each(['refuse', 'hang'] as const)('shutdown ends, although the collector does %s', async (behaviour) => {
    const sink = await makeSink(protocol);
    await line.up();
    collector.behaviour = behaviour;
    acceptInHandfuls(sink, makeSpans(5000));
    await until(() => collector.requests > 0);
    await sink.shutdown(300);
    expect(countsOf(sink.status)).toEqual({ made: 5000, shutdown: 5000 });
  });

  test('shutdown ends, although nobody is there', async () => {
    const sink = await makeSink(protocol);
    sink.accept(makeSpans(100));
    await sink.shutdown(30_000);
    expect(countsOf(sink.status)).toEqual({ made: 100, shutdown: 100 });
  });
});

describe('a process', () => {
  const program = (protocol: OtlpProtocol, endpoint: string, end: string) => `
    const { createOtlpSink } = require('./src/telemetry/export/otlp-sink.ts');
    const { makeSpans } = require('./test/telemetry/export/sinks.ts');
    const target = ${JSON.stringify(targetOf(endpoint))};
    const spool = { directory: ${JSON.stringify(folder.path)}, maxBytes: 1e6, maxAgeMs: 1e6 };
    const config = { ...${JSON.stringify(exportConfig)}, spool };
    const sink = createOtlpSink({ ...target, protocol: '${protocol}' }, config, () => {});
    sink.accept(makeSpans(25));
    ${end}
  `;
  const shutDown = (ms: number) =>
    `sink.shutdown(${ms}).then(() => process.stdout.write(JSON.stringify(sink.status)));`;

  test.each(['http/protobuf', 'grpc'] as const)('ends after shutdown, over %s', async (protocol) => {
    line = await Line.to(protocol === 'grpc' ? collector.grpcEndpoint : collector.httpEndpoint);
    const endpoint = protocol === 'grpc' ? line.endpoint : `${line.endpoint}/v1/traces`;
    expect(JSON.parse(await runToItsEnd(program(protocol, endpoint, shutDown(300))))).toMatchObject({
      made: 25,
      spooled: 25,
    });
    await line.up();
    collector.behaviour = 'hang';
    expect(JSON.parse(await runToItsEnd(program(protocol, endpoint, shutDown(300))))).toMatchObject({
      made: 50,
      spooled: 50,
    });
    collector.behaviour = 'accept';
    expect(JSON.parse(await runToItsEnd(program(protocol, endpoint, shutDown(30_000))))).toMatchObject({
      made: 75,
      exported: 75,
    });
    expect(collector.spans).toHaveLength(75);
  });

  test('ends by itself, although spans wait for a collector that is away', async () => {
    const untilItFailed = 'const timer = setInterval(() => sink.status.healthy || clearInterval(timer), 1);';
    line = await Line.to(collector.httpEndpoint);
    await runToItsEnd(program('http/protobuf', `${line.endpoint}/v1/traces`, untilItFailed));
  });
});
