import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { ExporterSink } from '../../../src/telemetry/export/exporter-sink';
import { createJaegerSink, type JaegerConfig } from '../../../src/telemetry/export/jaeger-sink';
import { RandomSpans } from './random-spans';
import { runToItsEnd } from './senders';
import { countsOf, expectBalance, exportConfig, idOf, ManualTimers, makeSpan, makeSpans, until } from './sinks';

jest.setTimeout(20_000);

const toClose: (() => unknown)[] = [];
const problems: string[] = [];

afterEach(async () => {
  for (const close of toClose.splice(0).reverse()) await close();
  problems.length = 0;
});

function sinkTo(config: Omit<JaegerConfig, 'type'>, over: Partial<typeof exportConfig> = {}, timers?: ManualTimers) {
  const limits = { ...exportConfig, maxQueueBytes: 10_000_000, maxBatchSpans: 2048, maxBatchBytes: 4_000_000, ...over };
  const sink = createJaegerSink({ type: 'jaeger', ...config }, limits, (message) => problems.push(message), timers);
  toClose.push(() => sink.shutdown(0));
  return sink;
}

/** Which of the spans are in some Thrift: ids are eight bytes in it. */
function idsIn(thrift: Buffer, spans: readonly ReadableSpan[]): string[] {
  return spans.map(idOf).filter((id) => thrift.includes(Buffer.from(id, 'hex')));
}

async function listenToDatagrams(): Promise<{
  readonly port: number;
  readonly packets: Buffer[];
  enough(n: number): Promise<void>;
}> {
  const socket: Socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
  const packets: Buffer[] = [];
  socket.on('message', (packet) => packets.push(packet));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  toClose.push(() => socket.close());
  const enough = async (n: number) => {
    while (packets.length < n) await once(socket, 'message');
  };
  return { port: socket.address().port, packets, enough };
}

describe('by datagrams', () => {
  test('spans arrive at the agent, each once, many in one datagram', async () => {
    const agent = await listenToDatagrams();
    const sink = sinkTo({ agentHost: '127.0.0.1', agentPort: agent.port });
    const spans = makeSpans(500, { text: 'x'.repeat(500) });
    sink.accept(spans);
    await sink.flush(10_000);
    expect(countsOf(sink.status)).toEqual({ made: 500, exported: 500 });
    await agent.enough(1);
    const arrived = () => agent.packets.flatMap((packet) => idsIn(packet, spans));
    while (arrived().length < 500) await agent.enough(agent.packets.length + 1);
    expect(arrived().sort()).toEqual(spans.map(idOf).sort());
    expect(agent.packets.length).toBeLessThan(50);
    expect(sink.status).toMatchObject({ exporter: 'jaeger', endpoint: `udp://127.0.0.1:${agent.port}`, healthy: true });
  });

  test('a span that is too large for one is dropped, and no other with it', async () => {
    const agent = await listenToDatagrams();
    const sink = sinkTo({ agentHost: '127.0.0.1', agentPort: agent.port });
    const good = makeSpans(40);
    const large = makeSpan({ text: 'x'.repeat(70_000) });
    sink.accept([...good.slice(0, 20), large, ...good.slice(20)]);
    await sink.flush(10_000);
    expect(countsOf(sink.status)).toEqual({ made: 41, exported: 40, rejected: 1 });
    await agent.enough(2);
    expect(agent.packets.flatMap((packet) => idsIn(packet, good)).sort()).toEqual(good.map(idOf).sort());
    expect(problems).toEqual([expect.stringContaining('larger than maxSpanSize')]);
  });

  test('whatever is in the spans, each is exported once or counted as rejected', async () => {
    const agent = await listenToDatagrams();
    const sink = sinkTo({ agentHost: '127.0.0.1', agentPort: agent.port });
    const spans = new RandomSpans(21).spans(300);
    sink.accept(spans);
    await sink.flush(10_000);
    expectBalance(sink.status);
    const { queued, exported } = sink.status;
    expect(queued).toBe(0);
    while (agent.packets.flatMap((packet) => idsIn(packet, spans)).length < exported) {
      await agent.enough(agent.packets.length + 1);
    }
    const arrived = agent.packets.flatMap((packet) => idsIn(packet, spans));
    expect(arrived).toHaveLength(exported);
    expect(new Set(arrived).size).toBe(exported);
    expect(exported).toBeGreaterThan(100);
  });

  test('a name that cannot be resolved is a reason to wait', async () => {
    const sink = sinkTo({ agentHost: 'no-such-host.invalid' });
    sink.accept(makeSpans(5));
    await sink.flush(300);
    expect(countsOf(sink.status)).toEqual({ made: 5, queued: 5 });
    expect(sink.status).toMatchObject({ healthy: false, endpoint: 'udp://no-such-host.invalid:6832' });
  });
});

interface Received {
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

class HttpCollector {
  readonly requests: Received[] = [];
  /** Undefined: none. */
  status: number | undefined = 200;

  private constructor(
    readonly server: Server,
    readonly host: string,
  ) {}

  static async start(): Promise<HttpCollector> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const collector = new HttpCollector(server, `127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('request', async (request, response) => {
      const { url, headers } = request;
      collector.requests.push({ url, headers, body: await buffer(request) });
      server.emit('received');
      if (collector.status !== undefined) response.writeHead(collector.status).end();
    });
    toClose.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return collector;
  }
}

describe('by HTTP', () => {
  test('spans arrive at the collector, each once, with query and credentials', async () => {
    const collector = await HttpCollector.start();
    const sink = sinkTo({ endpoint: `http://ada:l%40ve@${collector.host}/api/traces?format=jaeger.thrift&x=a%20b` });
    const spans = makeSpans(450);
    sink.accept(spans);
    await sink.flush(10_000);
    expect(countsOf(sink.status)).toEqual({ made: 450, exported: 450 });
    expect(collector.requests.flatMap(({ body }) => idsIn(body, spans)).sort()).toEqual(spans.map(idOf).sort());
    expect(collector.requests[0]).toMatchObject({
      url: '/api/traces?format=jaeger.thrift&x=a%20b',
      headers: {
        'content-type': 'application/x-thrift',
        authorization: `Basic ${Buffer.from('ada:l@ve').toString('base64')}`,
      },
    });
    expect(sink.status.endpoint).toBe(`http://${collector.host}`);
  });

  test('the user and password of the configuration win over those of the endpoint', async () => {
    const collector = await HttpCollector.start();
    const sink = sinkTo({ endpoint: `http://a:b@${collector.host}/api/traces`, username: 'grace', password: 'hopper' });
    sink.accept(makeSpans(1));
    await sink.flush(10_000);
    expect(collector.requests[0]?.headers.authorization).toBe(
      `Basic ${Buffer.from('grace:hopper').toString('base64')}`,
    );
  });

  test.each([408, 429, 502, 503, 504])('a collector that says %i gets the same spans again', async (status) => {
    const collector = await HttpCollector.start();
    collector.status = status;
    const sink = sinkTo({ endpoint: `http://${collector.host}/api/traces` }, {}, new ManualTimers());
    sink.accept(makeSpans(1));
    void sink.flush(10_000);
    await until(() => !sink.status.healthy);
    expect(countsOf(sink.status)).toEqual({ made: 1, queued: 1 });
    collector.status = 202;
    await sink.flush(10_000);
    expect(countsOf(sink.status)).toEqual({ made: 1, exported: 1 });
  });

  test('a collector that fails in the midst of many spans gets each of them once', async () => {
    const collector = await HttpCollector.start();
    const sink = sinkTo({ endpoint: `http://${collector.host}/api/traces` }, { initialBackoffMs: 1 });
    const spans = makeSpans(350);
    const failed: Received[] = [];
    collector.server.on('received', () => {
      collector.status = collector.requests.length % 2 === 0 ? 503 : 200;
      if (collector.status === 503) failed.push(collector.requests.at(-1) as Received);
    });
    sink.accept(spans);
    await sink.flush(10_000);
    expect(countsOf(sink.status)).toEqual({ made: 350, exported: 350 });
    const taken = collector.requests.filter((request) => !failed.includes(request));
    expect(failed.length).toBeGreaterThan(1);
    expect(taken.flatMap(({ body }) => idsIn(body, spans)).sort()).toEqual(spans.map(idOf).sort());
  });

  test('what a collector does not take is counted, and said once', async () => {
    const collector = await HttpCollector.start();
    collector.status = 400;
    const sink = sinkTo({ endpoint: `http://${collector.host}/api/traces` });
    sink.accept(makeSpans(20));
    await sink.flush(10_000);
    expect(countsOf(sink.status)).toEqual({ made: 20, rejected: 20 });
    expect(problems).toEqual([expect.stringContaining('responded with HTTP 400')]);
  });

  test('a collector that never answers is given up when its time is over, and then tried again', async () => {
    const collector = await HttpCollector.start();
    collector.status = undefined;
    const timers = new ManualTimers();
    const sink = sinkTo({ endpoint: `http://${collector.host}/api/traces` }, {}, timers);
    const spans = makeSpans(20);
    sink.accept(spans);
    const isThere = once(collector.server, 'received');
    void sink.flush(60_000);
    await isThere;
    const isCutOff = once(collector.server, 'connection');
    await timers.advance(10_000);
    expect(sink.status).toMatchObject({ healthy: false, lastError: { message: 'no answer within 10000 ms' } });
    collector.status = 200;
    await timers.advance(500);
    await isCutOff;
    await until(() => sink.status.queued === 0);
    expect(countsOf(sink.status)).toEqual({ made: 20, exported: 20 });
    expect(idsIn(collector.requests[1]?.body as Buffer, spans)).toHaveLength(20);
  });
});

describe('a process', () => {
  const program = (config: object) => `
    const { createJaegerSink } = require('./src/telemetry/export/jaeger-sink.ts');
    const { resourceFromAttributes } = require('@opentelemetry/resources');
    const { BasicTracerProvider } = require('@opentelemetry/sdk-trace-base');
    const config = { ...${JSON.stringify(exportConfig)}, scheduleDelayMs: 1 };
    const sink = createJaegerSink({ type: 'jaeger', ...${JSON.stringify(config)} }, config, () => {});
    const processor = { onStart() {}, onEnd: (span) => sink.accept([span]), async forceFlush() {}, async shutdown() {} };
    const provider = new BasicTracerProvider({ spanProcessors: [processor] });
    for (let i = 0; i < 20; i++) provider.getTracer('t').startSpan('work').end();
  `;
  const end = `sink.shutdown(500).then(() => process.stdout.write(JSON.stringify(sink.status)));`;

  test.each(['agent', 'collector', 'hanging collector'])('ends after shutdown, with an %s', async (kind) => {
    const collector = await HttpCollector.start();
    if (kind.startsWith('hanging')) collector.status = undefined;
    const agent = await listenToDatagrams();
    const config =
      kind === 'agent'
        ? { agentHost: '127.0.0.1', agentPort: agent.port }
        : { endpoint: `http://${collector.host}/api/traces` };
    const status = JSON.parse(await runToItsEnd(program(config) + end)) as ExporterSink['status'];
    expect(countsOf(status)).toEqual({ made: 20, [collector.status ? 'exported' : 'shutdown']: 20 });
  });

  test('ends by itself where nobody waits for the spans', async () => {
    await runToItsEnd(program({ agentHost: '127.0.0.1', agentPort: (await listenToDatagrams()).port }));
  });
});
