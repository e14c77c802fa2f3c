import 'reflect-metadata';
import { Controller, Get, Injectable, Post } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import type { Span as ApiSpan, Baggage as BaggageEntries } from '@opentelemetry/api';
import { lastValueFrom, map, type Observable, of, Subject, throwError, toArray } from 'rxjs';
import { Counted, Timed } from '../../src/telemetry/measured.decorator';
import { Baggage, CurrentSpan } from '../../src/telemetry/parameters.decorator';
import { Span } from '../../src/telemetry/span.decorator';
import { TelemetryModule } from '../../src/telemetry/telemetry.module';
import type { TelemetryModuleOptions } from '../../src/telemetry/telemetry.options';
import { TelemetryService } from '../../src/telemetry/telemetry.service';
import { TestTelemetry } from '../../src/telemetry/testing/test-telemetry';
import { TestTelemetryModule } from '../../src/telemetry/testing/test-telemetry.module';
import { ADAPTERS, IN_MEMORY, RunningApp, sample } from './apps';

class Sold extends Error {
  override readonly name = 'SoldOut';
}

const gone = new Sold('nothing left');
/** A query that runs when it is awaited, and each time. */
class Query {
  runs = 0;
  constructor(private readonly answer: () => unknown) {}
  // biome-ignore lint/suspicious/noThenProperty: it is what the test is about
  then(onFulfilled: (value: unknown) => unknown, onRejected?: (error: unknown) => unknown): unknown {
    this.runs += 1;
    try {
      return onFulfilled(this.answer());
    } catch (error) {
      if (onRejected) return onRejected(error);
      throw error;
    }
  }
}

@Injectable()
class Till {
  #takings = 0;
  readonly subject = new Subject<number>();
  readonly promise = Promise.resolve('promise');

  @Counted('sales_total', { description: 'Sales.', attributes: { shop: 'books' } })
  @Timed('sale_seconds', { buckets: [0.1, 1], attributes: { shop: 'books' } })
  sell(what: () => unknown, _again?: boolean): unknown {
    this.#takings += 1;
    return what();
  }

  @Counted()
  @Timed()
  plain(): string {
    return 'plain';
  }

  @Counted('static_total')
  static open(): string {
    return Till.name;
  }

  @Timed('later_seconds')
  later(source: Subject<string>): Observable<string> {
    return source.pipe(map((one) => one));
  }

  @Timed('inner_seconds')
  @Span('till.close')
  async close(): Promise<number> {
    await Promise.resolve();
    return this.#takings;
  }
}

let nest: TestingModule;
let till: Till;

async function start(options?: TelemetryModuleOptions): Promise<void> {
  const imports = [TestTelemetryModule.forRoot(options)];
  nest = await Test.createTestingModule({ imports, providers: [Till] }).compile();
  till = nest.get(Till);
}

afterEach(async () => {
  await nest?.close();
});

const calls = (outcome: string, more: Record<string, string> = {}) =>
  nest.get(TestTelemetry).metric('sales_total', { shop: 'books', outcome, ...more }) ?? 0;
const timings = (outcome: string) => nest.get(TestTelemetry).metric('sale_seconds', { shop: 'books', outcome }) ?? 0;

/** What was measured, as [successes, errors]. */
const measured = () => {
  expect([timings('success'), timings('error')]).toEqual([calls('success'), calls('error')]);
  return [calls('success'), calls('error')];
};

describe.each<[string, TelemetryModuleOptions]>([
  ['with everything on', {}],
  ['with metrics alone', { tracingEnabled: false }],
  ['with a sampler that says no', { sampling: { sampler: 'always_off' } }],
])('%s, a measured method counts', (_mode, options) => {
  beforeEach(() => start(options));

  test('a value, and what is thrown, once it is thrown', () => {
    expect(till.sell(() => 7)).toBe(7);
    expect(measured()).toEqual([1, 0]);
    const sell = () =>
      till.sell(() => {
        throw gone;
      });
    expect(sell).toThrow(gone);
    expect(measured()).toEqual([1, 1]);
    expect(calls('error', { 'error.type': 'SoldOut' })).toBe(1);
  });

  test('a promise when it settles, which is the same one', async () => {
    let settle = (_value: unknown) => {};
    const promise = new Promise((resolve) => (settle = resolve));
    expect(till.sell(() => promise)).toBe(promise);
    expect(measured()).toEqual([0, 0]);
    settle('sold');
    await promise;
    expect(measured()).toEqual([1, 0]);
    await expect(till.sell(() => Promise.reject(gone))).rejects.toBe(gone);
    expect(measured()).toEqual([1, 1]);
  });

  test('what throws undefined as an error', async () => {
    await expect(till.sell(() => Promise.reject(undefined))).rejects.toBeUndefined();
    expect(calls('error', { 'error.type': 'undefined' })).toBe(1);
    expect(measured()).toEqual([0, 1]);
  });

  test('a thenable when it is awaited, and never runs it', async () => {
    const query = new Query(() => 'rows');
    const result = till.sell(() => query) as Query;
    expect([query.runs, ...measured()]).toEqual([0, 0, 0]);
    await expect((async () => await result)()).resolves.toBe('rows');
    expect([query.runs, ...measured()]).toEqual([1, 1, 0]);
  });

  test('an Observable by its subscriptions', async () => {
    const stream = till.sell(() => of(1, 2)) as ReturnType<typeof of>;
    expect(measured()).toEqual([0, 0]);
    await expect(lastValueFrom(stream.pipe(toArray()))).resolves.toEqual([1, 2]);
    expect(measured()).toEqual([1, 0]);
    await lastValueFrom(stream);
    expect(measured()).toEqual([2, 0]);
    const broken = till.sell(() => throwError(() => gone)) as ReturnType<typeof of>;
    await expect(lastValueFrom(broken)).rejects.toBe(gone);
    expect(measured()).toEqual([2, 1]);
  });

  test('a generator when it is done, and an async one', async () => {
    const numbers = till.sell(function* () {
      yield 1;
      yield 2;
    }) as Iterable<number>;
    expect(measured()).toEqual([0, 0]);
    expect([...numbers]).toEqual([1, 2]);
    expect(measured()).toEqual([1, 0]);
    const broken = till.sell(async function* () {
      yield 1;
      throw gone;
    }) as AsyncIterable<number>;
    const drain = async () => {
      for await (const _one of broken);
    };
    await expect(drain()).rejects.toBe(gone);
    expect(measured()).toEqual([1, 1]);
  });
});

describe.each<[string, TelemetryModuleOptions | undefined]>([
  ['with telemetry off', { enabled: false }],
  ['with traces alone', { metricsEnabled: false }],
  ['without any telemetry', undefined],
])('%s, a measured method', (_mode, options) => {
  beforeEach(async () => {
    if (options) await start(options);
    else till = new Till();
  });

  test('does what it did', async () => {
    expect(till.sell(() => 7)).toBe(7);
    expect(till.sell(() => till.promise)).toBe(till.promise);
    const query = new Query(() => 'rows');
    expect(till.sell(() => query)).toBe(query);
    expect(query.runs).toBe(0);
    expect(till.sell(() => till.subject)).toBe(till.subject);
    const sell = () =>
      till.sell(() => {
        throw gone;
      });
    expect(sell).toThrow(gone);
    await expect(till.close()).resolves.toBe(5);
  });
});

test('a measured method is as it was in name, length and place', () => {
  const { sell } = Till.prototype;
  expect([sell.name, sell.length]).toEqual(['sell', 2]);
  expect(Object.getOwnPropertyDescriptor(Till.prototype, 'sell')).toMatchObject({ enumerable: false, writable: true });
});

test('only methods can be measured', () => {
  const decorate = () => Counted()(Till.prototype, 'subject', { value: 1 });
  expect(decorate).toThrow(new TypeError('@Counted belongs on a method, and subject is not one'));
});

test('a method without words is known by its class and name', async () => {
  await start();
  till.plain();
  const telemetry = nest.get(TestTelemetry);
  const label = { 'code.function.name': 'Till.plain', outcome: 'success' };
  expect(telemetry.metric('method_calls_total', label)).toBe(1);
  expect(telemetry.metric('method_duration_seconds', label)).toBe(1);
  expect(Till.open()).toBe('Till');
  expect(telemetry.metric('static_total', { 'code.function.name': 'Till.open' })).toBe(1);
});

test('a method counts for the telemetry that runs, and begins anew with the next', async () => {
  await start();
  till.sell(() => 1);
  till.sell(() => 1);
  await nest.close();
  till.sell(() => 1);
  await start();
  expect(measured()).toEqual([0, 0]);
  till.sell(() => 1);
  expect(measured()).toEqual([1, 0]);
});

@Controller('till')
class TillController {
  constructor(private readonly till: Till) {}

  @Post('close')
  @Timed('handler_seconds')
  async close(): Promise<string> {
    return String(await this.till.close());
  }

  @Get('who')
  who(
    @CurrentSpan() span: ApiSpan | undefined,
    @Baggage('tenant') tenant: string | undefined,
    @Baggage() baggage: BaggageEntries | undefined,
  ) {
    span?.setAttribute('till.asked', true);
    return { traceId: span?.spanContext().traceId, tenant, keys: baggage?.getAllEntries().map(([key]) => key) };
  }
}

const REMOTE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe.each(ADAPTERS)('in an application on %s', (adapter) => {
  let app: RunningApp;
  const metadata = (options: TelemetryModuleOptions = {}) => ({
    imports: [TelemetryModule.forRoot({ ...IN_MEMORY, ...options })],
    providers: [Till],
    controllers: [TillController],
  });

  afterEach(async () => {
    await app.close();
  });

  test('exemplars of OpenMetrics lead to the trace of the call', async () => {
    app = await RunningApp.start(adapter, metadata());
    await app.fetch('/till/close', { method: 'POST', headers: { traceparent: REMOTE } });
    const server = await app.span('http.POST /till/close');
    const close = await app.span('till.close');
    expect(close.spanContext().traceId).toBe('0af7651916cd43dd8448eb211c80319c');
    const lines = await app.scrape('application/openmetrics-text');
    for (const metric of ['handler_seconds', 'inner_seconds', 'http_request_duration_seconds']) {
      const exemplars = lines.filter((line) => line.startsWith(`${metric}_bucket`) && line.includes(' # {'));
      expect(exemplars).toHaveLength(1);
      expect(exemplars[0]).toContain(`trace_id="${server.spanContext().traceId}"`);
      expect(exemplars[0]).toContain(`span_id="${server.spanContext().spanId}"`);
    }
    expect((await app.scrape('text/plain')).join()).not.toContain('trace_id');
  });

  test('an exemplar is of where the call was made, wherever its result comes from', async () => {
    app = await RunningApp.start(adapter, metadata());
    const telemetry = app.get(TelemetryService);
    const till = app.get(Till);
    const source = new Subject<string>();
    const run = telemetry.tracing.within('asks', {}, () => lastValueFrom(till.later(source)));
    telemetry.tracing.within('answers', {}, () => {
      source.next('sold');
      source.complete();
    });
    await expect(run).resolves.toBe('sold');
    const lines = await app.scrape('application/openmetrics-text');
    const asks = (await app.span('asks')).spanContext().spanId;
    expect(lines.filter((line) => line.startsWith('later_seconds_bucket') && line.includes(asks))).toHaveLength(1);
  });

  test('what is not sampled is no exemplar', async () => {
    app = await RunningApp.start(adapter, metadata({ sampling: { sampler: 'always_off' } }));
    await app.fetch('/till/close', { method: 'POST' });
    const lines = await app.scrape('application/openmetrics-text');
    expect(sample(lines, 'handler_seconds_count', { outcome: 'success' })).toBe(1);
    expect(lines.join()).not.toContain('trace_id');
  });

  test('the span and the baggage of a request are arguments', async () => {
    app = await RunningApp.start(adapter, metadata());
    const headers = { traceparent: REMOTE, baggage: 'tenant=acme,region=eu' };
    const { text } = await app.fetch('/till/who', { headers });
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    expect(JSON.parse(text)).toEqual({ traceId, tenant: 'acme', keys: ['tenant', 'region'] });
    expect((await app.span('http.GET /till/who')).attributes['till.asked']).toBe(true);
    const { text: bare } = await app.fetch('/till/who', {});
    expect(JSON.parse(bare)).toEqual({ traceId: expect.stringMatching(/^[0-9a-f]{32}$/) });
  });

  test('and are undefined with telemetry off', async () => {
    app = await RunningApp.start(adapter, metadata({ enabled: false }));
    const { status, text } = await app.fetch('/till/who', { headers: { baggage: 'tenant=acme' } });
    expect([status, text]).toEqual([200, '{}']);
  });
});
