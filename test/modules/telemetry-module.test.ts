import 'reflect-metadata';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  Controller,
  Get,
  Global,
  Inject,
  Injectable,
  Module,
  type ModuleMetadata,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { context, metrics, propagation, trace } from '@opentelemetry/api';
import { logs } from '@opentelemetry/api-logs';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { MetricService, TraceService } from 'nestjs-otel';
import type { TelemetryConfig } from '../../src/config/telemetry-config';
import type { PresetName } from '../../src/config/telemetry-options';
import { Counted } from '../../src/telemetry/measured.decorator';
import { Span } from '../../src/telemetry/span.decorator';
import { TelemetryModule } from '../../src/telemetry/telemetry.module';
import { TELEMETRY_CONFIG, TELEMETRY_RUNTIME } from '../../src/telemetry/telemetry.options';
import { TelemetryService } from '../../src/telemetry/telemetry.service';
import type { TelemetryRuntime } from '../../src/telemetry/telemetry-runtime';
import { ADAPTERS, IN_MEMORY, memorySpans, RunningApp, rootModule, sample } from './apps';

const API = Symbol.for('opentelemetry.js.api.1');
const LOGS_API = Symbol.for('io.opentelemetry.js.api.logs');

/** Everything that the OpenTelemetry API keeps for the whole process. */
function globals(): unknown {
  const all = globalThis as { [API]?: object; [LOGS_API]?: unknown };
  return { api: { ...all[API] }, logs: all[LOGS_API] };
}

const open: { close(): Promise<unknown> }[] = [];

async function start(metadata: ModuleMetadata): Promise<TestingModule> {
  const started = await Test.createTestingModule({ imports: [rootModule(metadata)] }).compile();
  open.push(started);
  await started.init();
  return started;
}

const serve = async (...given: Parameters<typeof RunningApp.start>) => {
  const app = await RunningApp.start(...given);
  open.push(app);
  return app;
};

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

@Injectable()
class Cats {
  @Span('cats.find')
  @Counted('cats_found_total')
  find(name: string): string {
    return name;
  }
}

describe('configuration', () => {
  test.each<[PresetName, Partial<Record<keyof TelemetryConfig, unknown>>]>([
    ['development', { enabled: true, serviceName: 'container-kit-dev' }],
    ['production', { enabled: true, serviceName: 'container-kit' }],
    ['testing', { enabled: false, serviceName: 'container-kit-test' }],
  ])('the preset %s starts and ends', async (preset, expected) => {
    const app = await start({ imports: [TelemetryModule.forRoot({ preset, env: {} })] });
    const config = app.get<TelemetryConfig>(TELEMETRY_CONFIG, { strict: false });
    expect(config).toMatchObject(expected);
    expect(Object.isFrozen(config)).toBe(true);
    expect(app.get(TelemetryService, { strict: false }).config).toBe(config);
  });

  test('options may come from other providers', async () => {
    @Module({ providers: [{ provide: 'NAME', useValue: 'from-elsewhere' }], exports: ['NAME'] })
    class Settings {}
    const app = await start({
      imports: [
        TelemetryModule.forRootAsync({
          imports: [Settings],
          inject: ['NAME'],
          useFactory: async (serviceName: string) => ({ ...IN_MEMORY, serviceName }),
        }),
      ],
    });
    expect(app.get(TelemetryService, { strict: false }).config.serviceName).toBe('from-elsewhere');
  });

  test.each([
    ['CONTAINER_KIT_TRACE_SAMPLE_RATE', '1.5'],
    ['CONTAINER_KIT_METRICS_INTERVAL', 'often'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'pigeon'],
    ['OTEL_TRACES_SAMPLER', 'sometimes'],
  ])('a bad %s is one error at start that names it, and nothing is left behind', async (name, value) => {
    const before = globals();
    const imports = [TelemetryModule.forRoot({ env: { [name]: value } })];
    await expect(Test.createTestingModule({ imports }).compile()).rejects.toThrow(new RegExp(`${name}.*${value}`));
    expect(globals()).toEqual(before);
  });

  test('what is wrong with options that are worked out later is said when they are', async () => {
    const imports = [
      TelemetryModule.forRootAsync({ useFactory: () => ({ serviceName: 7 as unknown as string, env: {} }) }),
    ];
    await expect(Test.createTestingModule({ imports }).compile()).rejects.toThrow('option serviceName');
  });
});

describe('with telemetry off', () => {
  test.each([
    ['by an option', { enabled: false, env: {} }],
    ['by the preset for tests', { preset: 'testing', env: {} }],
    ['by the environment', { env: { OTEL_SDK_DISABLED: 'true' } }],
    ['as neither spans nor metrics are wanted', { tracingEnabled: false, metricsEnabled: false, env: {} }],
  ] as const)('%s, no global is touched, then or at the end', async (_how, options) => {
    const before = globals();
    const app = await start({ imports: [TelemetryModule.forRoot({ ...options })], providers: [Cats] });
    expect(app.get(Cats, { strict: false }).find('Tom')).toBe('Tom');
    app.get(TelemetryService, { strict: false }).tracing.startSpan('by.hand').end();
    expect(globals()).toEqual(before);
    await app.close();
    expect(globals()).toEqual(before);
  });

  test('an application with telemetry off leaves that of another one alone', async () => {
    const other = await start({ imports: [TelemetryModule.forRoot(IN_MEMORY)], providers: [Cats] });
    const spansOfOther = () => memorySpans(other.get<TelemetryRuntime>(TELEMETRY_RUNTIME, { strict: false }));
    const off = await start({ imports: [TelemetryModule.forRoot({ enabled: false, env: {} })] });
    other.get(Cats, { strict: false }).find('Tom');
    expect(spansOfOther()).toHaveLength(1);
    await off.close();
    other.get(Cats, { strict: false }).find('Tom');
    expect(spansOfOther()).toHaveLength(2);
  });
});

describe('the globals of OpenTelemetry', () => {
  test('are ours while the application runs, and as before when it has ended', async () => {
    const before = globals();
    const app = await start({
      imports: [TelemetryModule.forRoot({ ...IN_MEMORY, exporters: { traces: ['memory'], logs: ['memory'] } })],
    });
    const runtime = app.get<TelemetryRuntime>(TELEMETRY_RUNTIME, { strict: false });
    trace.getTracer('a library').startSpan('of.a.library').end();
    expect(memorySpans(runtime).map(({ name }) => name)).toEqual(['of.a.library']);
    expect(metrics.getMeterProvider()).toBe(runtime.metrics.meterProvider);
    expect(logs.getLogger('a library')).toBeDefined();
    await app.close();
    expect(globals()).toEqual(before);
  });

  test('a tracer that a library got before everything else follows whichever application runs', async () => {
    const early = trace.getTracer('early');
    for (const _round of [1, 2]) {
      const app = await start({ imports: [TelemetryModule.forRoot(IN_MEMORY)] });
      const runtime = app.get<TelemetryRuntime>(TELEMETRY_RUNTIME, { strict: false });
      early.startSpan('of.a.library').end();
      expect(memorySpans(runtime).map(({ name }) => name)).toEqual(['of.a.library']);
      await app.close();
    }
  });

  test("stay somebody else's who came first, and decorators and services work all the same", async () => {
    const exporter = new InMemorySpanExporter();
    const foreign = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const manager = new AsyncLocalStorageContextManager().enable();
    context.setGlobalContextManager(manager);
    trace.setGlobalTracerProvider(foreign);
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    const said: string[] = [];
    const stderr = jest.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
    try {
      const before = globals() as { api: object };
      const app = await start({ imports: [TelemetryModule.forRoot(IN_MEMORY)], providers: [Cats] });
      expect((globals() as { api: object }).api).toMatchObject({ ...before.api });
      const telemetry = app.get(TelemetryService, { strict: false });
      const runtime = app.get<TelemetryRuntime>(TELEMETRY_RUNTIME, { strict: false });
      trace.getTracer('theirs').startActiveSpan('theirs', (span) => {
        telemetry.instrumentToolExecution('ours', () => {
          app.get(Cats, { strict: false }).find('Tom');
          expect(trace.getActiveSpan()?.spanContext().spanId).toBe(telemetry.spanId);
        });
        span.end();
      });
      expect(exporter.getFinishedSpans().map(({ name }) => name)).toEqual(['theirs']);
      const ours = memorySpans(runtime);
      expect(ours.map(({ name }) => name)).toEqual(['cats.find', 'tool.ours']);
      expect(ours[1]?.parentSpanContext?.spanId).toBe(exporter.getFinishedSpans()[0]?.spanContext().spanId);
      expect(ours[0]?.parentSpanContext?.spanId).toBe(ours[1]?.spanContext().spanId);
      await app.close();
      expect((globals() as { api: object }).api).toMatchObject({ ...before.api });
      expect(said.join('')).not.toMatch(/duplicate registration/);
    } finally {
      stderr.mockRestore();
      trace.disable();
      context.disable();
      propagation.disable();
    }
  });

  test('a tracer provider that is handed over makes the spans, and ends by itself', async () => {
    const exporter = new InMemorySpanExporter();
    const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const { exporters, ...options } = IN_MEMORY;
    const app = await serve('express', {
      imports: [TelemetryModule.forRoot({ ...options, tracerProvider })],
      providers: [Cats],
      controllers: [CatsController],
    });
    await app.fetch('/cats');
    const names = () => exporter.getFinishedSpans().map(({ name }) => name);
    await app.fetch('/cats');
    expect(names()).toEqual(expect.arrayContaining(['cats.find', 'http.GET /cats']));
    expect(app.runtime.sinks).toEqual([]);
    expect(app.get(TelemetryService).status()).toMatchObject({ status: 'healthy', tracing: { exporter: 'none' } });
    await app.close();
    tracerProvider.getTracer('after').startSpan('after').end();
    expect(names()).toContain('after');
  });
});

@Controller()
class CatsController {
  constructor(@Inject(Cats) private readonly cats: Cats) {}

  @Get('cats')
  find(): string {
    return this.cats.find('Tom');
  }
}

describe('two applications in one process', () => {
  test.each([
    ['first', 0],
    ['second', 1],
  ])('when the %s one ends, the other goes on', async (_which, ending) => {
    const metadata = () => ({
      imports: [TelemetryModule.forRoot(IN_MEMORY)],
      providers: [Cats],
      controllers: [CatsController],
    });
    const apps = [await serve('express', metadata()), await serve('fastify', metadata())] as const;
    await apps[ending as 0 | 1].close();
    const other = apps[(1 - ending) as 0 | 1];
    expect((await other.fetch('/cats')).text).toBe('Tom');
    const server = await other.span('http.GET /cats');
    const find = await other.span('cats.find');
    expect(find.parentSpanContext?.spanId).toBe(server.spanContext().spanId);
    trace.getTracer('a library').startSpan('of.a.library').end();
    await other.span('of.a.library');
    expect(sample(await other.scrape(), 'cats_found_total', { outcome: 'success' })).toBe(1);
  });

  test('a request that goes out is one span, not one for each application', async () => {
    const upstream: Server = createServer((_request, response) => response.end('fine'));
    await once(upstream.listen(0, '127.0.0.1'), 'listening');
    try {
      const apps = [
        await start({ imports: [TelemetryModule.forRoot({ ...IN_MEMORY, outgoing: true })] }),
        await start({ imports: [TelemetryModule.forRoot({ ...IN_MEMORY, outgoing: true })] }),
      ];
      const ask = async () => (await fetch(`http://127.0.0.1:${port}/`)).text();
      const spansOf = (app: TestingModule) =>
        memorySpans(app.get<TelemetryRuntime>(TELEMETRY_RUNTIME, { strict: false })).map(({ name }) => name);
      const { port } = upstream.address() as AddressInfo;
      await ask();
      expect(apps.flatMap(spansOf)).toEqual(['GET']);
      // The one that is left goes on.
      await apps[1]?.close();
      await ask();
      expect(spansOf(apps[0] as TestingModule)).toEqual(['GET']);
    } finally {
      upstream.closeAllConnections();
      upstream.close();
    }
  });
});

describe('classes that are traced without annotations', () => {
  @Injectable()
  class Dogs {
    bark(): string {
      return 'wuff';
    }
  }

  test('have a switch each while the application runs', async () => {
    const app = await start({
      imports: [TelemetryModule.forRoot({ ...IN_MEMORY, instrument: true })],
      providers: [Dogs],
    });
    const { instrumentation } = app.get(TelemetryService, { strict: false });
    const dogs = app.get(Dogs, { strict: false });
    const barks = () => {
      dogs.bark();
      const spans = memorySpans(app.get<TelemetryRuntime>(TELEMETRY_RUNTIME, { strict: false }));
      return spans.filter(({ name }) => name === 'Dogs.bark').length;
    };
    expect(instrumentation.classes()).toContainEqual(expect.objectContaining({ name: 'Dogs', methods: ['bark'] }));
    expect(barks()).toBe(1);
    expect(instrumentation.disable('Dogs')).toBe(true);
    expect(barks()).toBe(1);
    expect(instrumentation.enable('Dogs')).toBe(true);
    expect(barks()).toBe(2);
    expect(instrumentation.enable('Cows')).toBe(false);
  });
});

describe('the end', () => {
  const ended: string[] = [];

  /** Works, and makes spans, until the very last. */
  @Injectable()
  class Drain implements OnModuleDestroy, OnApplicationShutdown {
    constructor(private readonly telemetry: TelemetryService) {}

    onModuleDestroy() {
      return this.work('destroyed');
    }

    onApplicationShutdown() {
      return this.work('shut.down');
    }

    private work(name: string): Promise<void> {
      return this.telemetry.instrumentOperation(name, 'shutdown', async () => {
        await new Promise((resolve) => setImmediate(resolve));
        ended.push(name);
      });
    }
  }

  @Module({ providers: [Drain] })
  class DrainModule {}

  @Global()
  @Module({ providers: [Drain], exports: [Drain] })
  class GlobalDrainModule {}

  test.each([
    ['a module', DrainModule],
    ['a global module', GlobalDrainModule],
  ])('comes after %s that still makes spans while it stops', async (_what, drain) => {
    ended.length = 0;
    const app = await start({ imports: [TelemetryModule.forRoot(IN_MEMORY), drain] });
    const runtime = app.get<TelemetryRuntime>(TELEMETRY_RUNTIME, { strict: false });
    await app.close();
    expect(memorySpans(runtime).map(({ name }) => name)).toEqual(['destroyed', 'shut.down']);
    expect(ended).toEqual(['destroyed', 'shut.down']);
  });

  test('is the same for whoever asks, twice or at once', async () => {
    const app = await start({ imports: [TelemetryModule.forRoot(IN_MEMORY)] });
    const runtime = app.get<TelemetryRuntime>(TELEMETRY_RUNTIME, { strict: false });
    const first = runtime.shutdown();
    expect(runtime.shutdown(1)).toBe(first);
    await Promise.all([first, app.close()]);
    await app.close();
  });
});

describe("nestjs-otel's services", () => {
  @Injectable()
  class Orders {
    constructor(
      private readonly metrics: MetricService,
      private readonly traces: TraceService,
    ) {}

    place(): void {
      this.metrics.getCounter('orders_placed', { description: 'Orders.' }).add(2, { kind: 'book' });
      this.metrics.getHistogram('order_size', { description: 'Sizes.' }).record(3);
      const span = this.traces.startSpan('orders.place');
      span.setAttribute('kind', 'book');
      span.end();
    }
  }

  @Controller()
  class OrdersController {
    constructor(private readonly orders: Orders) {}

    @Get('orders')
    place(): string {
      this.orders.place();
      return 'placed';
    }
  }

  test.each(ADAPTERS)('are injected on %s, and what they make is in the scrape and the trace', async (adapter) => {
    const app = await serve(adapter, {
      imports: [TelemetryModule.forRoot(IN_MEMORY)],
      providers: [Orders],
      controllers: [OrdersController],
    });
    await app.fetch('/orders');
    await app.fetch('/orders');
    const lines = await app.scrape();
    expect(sample(lines, 'orders_placed_total', { kind: 'book' })).toBe(4);
    expect(sample(lines, 'order_size_count')).toBe(2);
    const server = await app.span('http.GET /orders');
    expect((await app.span('orders.place')).parentSpanContext?.spanId).toBe(server.spanContext().spanId);
  });
});

describe.each(ADAPTERS)('the endpoint of metrics on %s', (adapter) => {
  test('is where the options say, in Prometheus’ text or in OpenMetrics', async () => {
    const imports = [TelemetryModule.forRoot({ ...IN_MEMORY, metricsPath: '/internal/numbers' })];
    const app = await serve(adapter, { imports });
    expect((await app.fetch('/metrics')).status).toBe(404);
    const text = await app.fetch('/internal/numbers');
    expect(text.status).toBe(200);
    expect(text.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4; charset=utf-8$/);
    const accept = 'application/openmetrics-text; version=1.0.0';
    const open = await app.fetch('/internal/numbers', { headers: { accept } });
    expect(open.headers.get('content-type')).toMatch(/^application\/openmetrics-text/);
    expect(open.text.endsWith('# EOF\n')).toBe(true);
    expect(app.get(TelemetryService).status().metrics.path).toBe('/internal/numbers');
  });

  test('is where it is said beside a factory, and the status knows it', async () => {
    const imports = [TelemetryModule.forRootAsync({ metricsPath: '/numbers', useFactory: () => IN_MEMORY })];
    const app = await serve(adapter, { imports });
    expect((await app.fetch('/numbers')).status).toBe(200);
    expect(app.get(TelemetryService).status().metrics.path).toBe('/numbers');
  });

  test('is not there with metrics off, and says why', async () => {
    const app = await serve(adapter, { imports: [TelemetryModule.forRoot({ ...IN_MEMORY, metricsEnabled: false })] });
    const { status, text } = await app.fetch('/metrics');
    expect([status, text]).toEqual([404, 'metrics are switched off\n']);
  });

  test('is not there when it is not wanted', async () => {
    const app = await serve(adapter, { imports: [TelemetryModule.forRoot({ ...IN_MEMORY, serveMetrics: false })] });
    const { status, text } = await app.fetch('/metrics');
    expect(status).toBe(404);
    expect(text).toContain('Cannot GET /metrics');
  });

  test('goes without tracing', async () => {
    const app = await serve(adapter, {
      imports: [TelemetryModule.forRoot({ ...IN_MEMORY, tracingEnabled: false })],
      providers: [Cats],
      controllers: [CatsController],
    });
    await app.fetch('/cats');
    const lines = await app.scrape();
    expect(sample(lines, 'http_requests_total', { http_route: '/cats' })).toBe(1);
    expect(sample(lines, 'cats_found_total')).toBe(1);
    expect(app.runtime.tracing).toBeUndefined();
  });
});
