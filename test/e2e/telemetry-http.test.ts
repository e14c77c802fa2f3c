import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { makeTempDir, RunningCommand, removeTempDir } from '../support/command';
import { OtlpCollector, type ReceivedSpan } from '../support/otlp-collector';
import type { ShopOptions } from './apps/shop';

jest.setTimeout(60_000);

const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const KINDS = ['', 'internal', 'server', 'client', 'producer', 'consumer'];
const spanwright = resolve(__dirname, '../../dist/index.js');

let dir: string;
let collector: OtlpCollector;

beforeEach(async () => {
  dir = makeTempDir();
  collector = await OtlpCollector.start();
});

afterEach(async () => {
  await removeTempDir(dir);
  await collector.stop();
});

function start(options: Omit<ShopOptions, 'spanwright'>, telemetry: Record<string, string>): RunningCommand {
  const typescript = join(__dirname, '../telemetry/export/typescript.cjs');
  const args = ['--require', typescript, join(__dirname, 'apps/shop.ts'), JSON.stringify({ ...options, spanwright })];
  const own = Object.entries(process.env).filter(([name]) => !/^(OTEL_|CONTAINER_KIT_|NODE_OPTIONS)/.test(name));
  const env = { ...Object.fromEntries(own), ...telemetry };
  return new RunningCommand(spawn(process.execPath, args, { cwd: dir, env, stdio: 'pipe' }));
}

interface Answer {
  readonly count: number;
  readonly traceparent: string;
  readonly baggage?: string;
}

class Shop {
  private constructor(
    private readonly services: readonly RunningCommand[],
    private readonly url: string,
  ) {}

  /** The counter is an Express application, the store one on Fastify. */
  static async open(telemetry: Record<string, string>): Promise<Shop> {
    const store = start({ role: 'store', platform: 'fastify' }, telemetry);
    const [, storeUrl] = await store.waitForLine(/^open at (.*)$/m);
    const counter = start({ role: 'counter', platform: 'express', store: storeUrl as string }, telemetry);
    const [, url] = await counter.waitForLine(/^open at (.*)$/m);
    return new Shop([counter, store], url as string);
  }

  async order(how: 'fetch' | 'request', item: string, headers: Record<string, string> = {}): Promise<Answer> {
    return (await (await fetch(`${this.url}/order/${how}/${item}`, { headers })).json()) as Answer;
  }

  /** Both are asked to end, and send what they have. */
  async close(): Promise<readonly ReceivedSpan[]> {
    for (const service of this.services) {
      service.kill('SIGTERM');
      const { stderr, signal } = await service.end;
      expect({ stderr, signal }).toEqual({ stderr: '', signal: 'SIGTERM' });
    }
    return collector.spans;
  }
}

/** `service: name kind`, each below its parent; the spans must be one trace, and `parentId` the parent of its root. */
function treeOf(spans: readonly ReceivedSpan[], parentId: string): string[] {
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  const below = (parent: string, indent: string): string[] =>
    spans
      .filter(({ parentSpanId }) => parentSpanId === parent)
      .flatMap((span) => [
        `${indent}${span.resource['service.name']}: ${span.name} ${KINDS[span.kind]}${span.status.code === 2 ? ' !' : ''}`,
        ...below(span.spanId, `${indent}  `),
      ]);
  const lines = below(parentId, '');
  expect(lines).toHaveLength(spans.length);
  return lines;
}

const treeBy = (how: 'fetch' | 'request') => [
  'counter: http.GET /order/:how/:item server',
  '  counter: CounterController.order internal',
  `    counter: orders.${how} internal`,
  '      counter: GET client',
  '        store: http.GET /stock/:item server',
  '          store: StoreController.stock internal',
  '            store: Shelves.count internal',
];

const traceparent = (flags: string) => `00-${CALLER.traceId}-${CALLER.spanId}-${flags}`;

describe.each(['http/protobuf', 'grpc'] as const)('two services that export over %s', (protocol) => {
  const telemetry = () => ({
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    OTEL_EXPORTER_OTLP_ENDPOINT: protocol === 'grpc' ? collector.grpcEndpoint : collector.httpEndpoint,
  });

  test.each(['fetch', 'request'] as const)('are one trace where one asks the other by %s', async (how) => {
    const shop = await Shop.open(telemetry());
    const headers = { traceparent: traceparent('01'), baggage: 'team=red' };
    const { count, traceparent: sent, baggage } = await shop.order(how, 'soap', headers);
    expect({ count, baggage }).toEqual({ count: 4, baggage: 'team=red' });
    const spans = await shop.close();
    expect(treeOf(spans, CALLER.spanId)).toEqual(treeBy(how));
    const client = spans.find(({ kind }) => kind === 3);
    expect(sent).toBe(`00-${CALLER.traceId}-${client?.spanId}-01`);
    expect(client?.attributes['http.response.status_code']).toBe(200);
  });

  test('begin a trace where the caller brings none, and an error shows in both', async () => {
    const shop = await Shop.open(telemetry());
    await shop.order('fetch', 'dragon');
    expect(treeOf(await shop.close(), '')).toEqual([
      'counter: http.GET /order/:how/:item server',
      '  counter: CounterController.order internal',
      '    counter: orders.fetch internal',
      '      counter: GET client !',
      '        store: http.GET /stock/:item server !',
      '          store: StoreController.stock internal !',
      '            store: Shelves.count internal !',
    ]);
  });

  test('keep quiet about a request that its caller does not sample, and hand that on', async () => {
    const shop = await Shop.open(telemetry());
    for (const how of ['fetch', 'request'] as const) {
      const { traceparent: sent } = await shop.order(how, 'soap', { traceparent: traceparent('00') });
      expect(sent).toMatch(new RegExp(`^00-${CALLER.traceId}-[0-9a-f]{16}-00$`));
    }
    expect(await shop.close()).toEqual([]);
  });
});

test.each(['fetch', 'request'] as const)('with the sampler off, nothing is recorded, and %s says so', async (how) => {
  const shop = await Shop.open({
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.httpEndpoint,
    OTEL_TRACES_SAMPLER: 'always_off',
  });
  const { traceparent: sent } = await shop.order(how, 'soap');
  expect(sent).toMatch(/^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  const { traceparent: handedOn } = await shop.order(how, 'soap', { traceparent: traceparent('01') });
  expect(handedOn).toMatch(new RegExp(`^00-${CALLER.traceId}-[0-9a-f]{16}-00$`));
  expect(await shop.close()).toEqual([]);
});

test('what is secret in the address of a request is in no span', async () => {
  const shop = await Shop.open({
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.httpEndpoint,
  });
  for (const how of ['fetch', 'request'] as const) await shop.order(how, 'soap');
  const spans = await shop.close();
  expect(spans).toHaveLength(14);
  expect(JSON.stringify(spans.map(({ name, attributes, events }) => [name, attributes, events.length]))).not.toContain(
    'hunter2',
  );
});
