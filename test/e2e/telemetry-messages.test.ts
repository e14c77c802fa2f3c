import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeTempDir, RunningCommand, removeTempDir } from '../support/command';
import { type ReceivedSpan, readOtlpFile } from '../support/otlp-collector';
import { freePort, HAS_REDIS, RedisServer } from '../support/redis-server';
import type { RestaurantOptions } from './apps/restaurant';

jest.setTimeout(60_000);

const KINDS = ['', 'internal', 'server', 'client', 'producer', 'consumer'];
const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const spanwright = resolve(__dirname, '../../dist/index.js');

let dir: string;

beforeEach(() => {
  dir = makeTempDir();
});

afterEach(async () => {
  await removeTempDir(dir);
});

function start(options: Omit<RestaurantOptions, 'spanwright'>): RunningCommand {
  const typescript = join(__dirname, '../telemetry/export/typescript.cjs');
  const program = join(__dirname, 'apps/restaurant.ts');
  const args = ['--require', typescript, program, JSON.stringify({ ...options, spanwright })];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(OTEL_|NODE_OPTIONS)/.test(name)));
  return new RunningCommand(spawn(process.execPath, args, { cwd: dir, env, stdio: 'pipe' }));
}

/** Both services, and what they have traced when they are stopped. */
class Restaurant {
  private constructor(
    readonly kitchen: RunningCommand,
    private readonly waiter: RunningCommand,
    private readonly url: string,
  ) {}

  static async open(
    transport: 'tcp' | 'redis',
    port: number,
    traced = { kitchen: true, waiter: true },
  ): Promise<Restaurant> {
    const service = (role: 'kitchen' | 'waiter') =>
      start({ role, transport, port, spans: traced[role] ? join(dir, `${role}.json`) : undefined });
    const kitchen = service('kitchen');
    await kitchen.waitForLine(/^open$/m);
    const waiter = service('waiter');
    const [, url] = await waiter.waitForLine(/^open at (.*)$/m);
    return new Restaurant(kitchen, waiter, url as string);
  }

  async ask(path: string, flags?: '00' | '01'): Promise<{ status: number; body: unknown }> {
    const headers: Record<string, string> = flags
      ? { traceparent: `00-${CALLER.traceId}-${CALLER.spanId}-${flags}` }
      : {};
    const answer = await fetch(`${this.url}${path}`, { headers });
    const text = await answer.text();
    return { status: answer.status, body: text.startsWith('{') ? JSON.parse(text) : text };
  }

  async close(): Promise<ReceivedSpan[]> {
    for (const each of [this.waiter, this.kitchen]) {
      each.kill('SIGTERM');
      const { stderr, signal } = await each.end;
      expect({ stderr, signal }).toEqual({ stderr: '', signal: 'SIGTERM' });
    }
    return ['waiter', 'kitchen'].flatMap((role) => {
      const file = join(dir, `${role}.json`);
      return existsSync(file) ? readOtlpFile(file) : [];
    });
  }
}

/** `service name kind`, each below its parent; the spans must be one trace, and `parentId` the parent of its root. */
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

const transports = [
  { transport: 'tcp' as const, has: true },
  { transport: 'redis' as const, has: HAS_REDIS },
];

describe.each(transports)('two services that talk over $transport', ({ transport, has }) => {
  const withTransport = has ? test : test.skip;
  let redis: RedisServer | undefined;
  let port: number;

  beforeEach(async () => {
    if (transport === 'redis' && has) redis = await RedisServer.start();
    port = redis?.port ?? (await freePort());
  });

  afterEach(async () => {
    await removeTempDir(dir);
    await redis?.stop();
    redis = undefined;
  });

  withTransport('a request that goes through both is one trace, below its caller', async () => {
    const restaurant = await Restaurant.open(transport, port);
    expect(await restaurant.ask('/order/fish', '01')).toEqual({
      status: 200,
      body: { dish: 'fried fish', traceId: CALLER.traceId, flags: 1 },
    });
    const spans = await restaurant.close();
    expect(treeOf(spans, CALLER.spanId)).toEqual([
      'waiter: http.GET /order/:dish server',
      '  waiter: WaiterController.order internal',
      '    waiter: {"cmd":"cook"} client',
      '      kitchen: {"cmd":"cook"} server',
      '        kitchen: KitchenController.cook internal',
      '          kitchen: Stove.fry internal',
    ]);
  });

  withTransport('an event is consumed in the trace that it was sent in', async () => {
    const restaurant = await Restaurant.open(transport, port);
    expect((await restaurant.ask('/pay/12', '01')).body).toBe('thank you');
    await restaurant.kitchen.waitForLine(/^paid 12$/m);
    expect(treeOf(await restaurant.close(), CALLER.spanId)).toEqual([
      'waiter: http.GET /pay/:sum server',
      '  waiter: WaiterController.pay internal',
      '    waiter: send paid producer',
      '      kitchen: process paid consumer',
      '        kitchen: KitchenController.paid internal',
    ]);
  });

  withTransport('a request that fails is in error all along', async () => {
    const restaurant = await Restaurant.open(transport, port);
    expect((await restaurant.ask('/order/ice', '01')).status).toBe(500);
    const lines = treeOf(await restaurant.close(), CALLER.spanId);
    expect(lines).toHaveLength(6);
    expect(lines.filter((line) => !line.endsWith(' !'))).toEqual([]);
  });

  withTransport('a request whose caller does not sample leaves no span in either, and is one trace still', async () => {
    const restaurant = await Restaurant.open(transport, port);
    const { body } = await restaurant.ask('/order/fish', '00');
    expect(body).toEqual({ dish: 'fried fish', traceId: CALLER.traceId, flags: 0 });
    await restaurant.ask('/pay/12', '00');
    await restaurant.kitchen.waitForLine(/^paid 12$/m);
    expect(await restaurant.close()).toEqual([]);
  });

  withTransport.each([
    ['the kitchen', { kitchen: false, waiter: true }, 3],
    ['the waiter', { kitchen: true, waiter: false }, 3],
    ['either', { kitchen: false, waiter: false }, 0],
  ])('without telemetry in %s they understand each other as well', async (_who, traced, count) => {
    const restaurant = await Restaurant.open(transport, port, traced);
    const { body } = await restaurant.ask('/order/fish', '01');
    expect(body).toMatchObject({ dish: 'fried fish' });
    expect(await restaurant.close()).toHaveLength(count);
  });
});
