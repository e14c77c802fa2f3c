import 'reflect-metadata';
import { Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { setRegisteredRuntime } from '../../src/telemetry/registered-runtime';
import { Span } from '../../src/telemetry/span.decorator';
import type { TelemetryModuleOptions } from '../../src/telemetry/telemetry.options';
import { TelemetryService } from '../../src/telemetry/telemetry.service';
import { TestTelemetry } from '../../src/telemetry/testing/test-telemetry';
import { TestTelemetryModule } from '../../src/telemetry/testing/test-telemetry.module';

@Injectable()
class Cats {
  @Span('cats.find', (name: string) => ({ attributes: { 'cat.name': name, 'cat.lives': 9 } }))
  find(name: string): string {
    return this.look(name);
  }

  @Span('cats.look')
  look(name: string): string {
    if (name === '') throw new RangeError('no name');
    return name;
  }
}

let nest: TestingModule;
let telemetry: TestTelemetry;
let service: TelemetryService;

async function start(options?: TelemetryModuleOptions): Promise<void> {
  const imports = [TestTelemetryModule.forRoot(options)];
  nest = await Test.createTestingModule({ imports, providers: [Cats] }).compile();
  telemetry = nest.get(TestTelemetry);
  service = nest.get(TelemetryService);
}

afterEach(async () => {
  await nest.close();
});

test('spans are there as soon as they have ended, in that order', async () => {
  await start();
  expect(telemetry.spans).toEqual([]);
  nest.get(Cats).find('Tom');
  expect(telemetry.spanNames).toEqual(['cats.look', 'cats.find']);
  expect(telemetry.span('cats.find').attributes).toMatchObject({ 'cat.name': 'Tom' });
});

test('what is said of a span can be said in one breath', async () => {
  await start();
  nest.get(Cats).find('Tom');
  telemetry
    .expectSpan('cats.look')
    .toBeChildOf('cats.find')
    .toHaveSucceeded()
    .toHaveKind('INTERNAL')
    .toHaveAttributes({ 'cat.name': undefined });
  telemetry.expectSpan('cats.find').toBeRoot().toHaveAttributes({ 'cat.name': 'Tom', 'cat.lives': 9 });
  telemetry.expectNoSpan('cats.lose');
  expect(() => nest.get(Cats).look('')).toThrow('no name');
  const looks = telemetry.spans.filter(({ name }) => name === 'cats.look');
  expect(looks).toHaveLength(2);
  telemetry.reset();
  expect(() => nest.get(Cats).look('')).toThrow('no name');
  telemetry
    .expectSpan('cats.look')
    .toHaveFailed()
    .toHaveFailed('no name')
    .toHaveFailed(/^no/)
    .toHaveEvent('exception', { 'exception.type': 'RangeError' });
});

describe('what is not so is said with what is', () => {
  beforeEach(async () => {
    await start();
    nest.get(Cats).find('Tom');
  });

  test.each<[string, () => unknown, string]>([
    [
      'a span that is not there',
      () => telemetry.span('cats.lose'),
      "expected one span 'cats.lose', found 0. Ended: cats.look, cats.find.",
    ],
    ['a span that should not be', () => telemetry.expectNoSpan('cats.find'), "expected no span 'cats.find', found 1"],
    [
      'an attribute',
      () => telemetry.expectSpan('cats.find').toHaveAttributes({ 'cat.name': 'Tim' }),
      'span \'cats.find\': expected attribute cat.name "Tim", found "Tom"',
    ],
    [
      'an attribute that is missing',
      () => telemetry.expectSpan('cats.find').toHaveAttributes({ 'cat.age': 3 }),
      "span 'cats.find': expected attribute cat.age 3, found none",
    ],
    [
      'an attribute of another type',
      () => telemetry.expectSpan('cats.find').toHaveAttributes({ 'cat.lives': '9' }),
      'span \'cats.find\': expected attribute cat.lives "9", found 9',
    ],
    [
      'an event',
      () => telemetry.expectSpan('cats.find').toHaveEvent('cat.found', { 'cat.name': 'Tom' }),
      'span \'cats.find\': expected an event cat.found {"cat.name":"Tom"}, found no events',
    ],
    [
      'an error',
      () => telemetry.expectSpan('cats.find').toHaveFailed(),
      "span 'cats.find': expected an error, found status UNSET",
    ],
    [
      'a kind',
      () => telemetry.expectSpan('cats.find').toHaveKind('SERVER'),
      "span 'cats.find': expected kind SERVER, found INTERNAL",
    ],
    [
      'a parent',
      () => telemetry.expectSpan('cats.look').toBeChildOf('cats.lose'),
      "span 'cats.look': expected parent cats.lose, found cats.find",
    ],
    [
      'a parent of a root',
      () => telemetry.expectSpan('cats.find').toBeChildOf('cats.lose'),
      "span 'cats.find': expected parent cats.lose, found no parent",
    ],
  ])('%s', (_what, claim, message) => {
    expect(claim).toThrow(new Error(message));
  });

  test('an error that is not expected, or another one', () => {
    telemetry.reset();
    expect(() => nest.get(Cats).look('')).toThrow();
    const span = telemetry.expectSpan('cats.look');
    expect(() => span.toHaveSucceeded()).toThrow('expected no error, found error "no name"');
    expect(() => span.toHaveFailed('other')).toThrow('expected the error other, found "no name"');
    expect(() => span.toHaveFailed(/^other/)).toThrow('expected the error /^other/, found "no name"');
    expect(() => span.toHaveEvent('exception', { 'exception.type': 'TypeError' })).toThrow(
      /expected an event exception \{"exception.type":"TypeError"\}, found exception \{"exception.type":"RangeError"/,
    );
  });

  test('two spans where one is meant', () => {
    nest.get(Cats).find('Tim');
    expect(() => telemetry.span('cats.find')).toThrow("expected one span 'cats.find', found 2");
  });

  test('a parent that is still open', () => {
    telemetry.reset();
    const open = service.tracing.startSpan('open');
    service.tracing.withSpan(open, () => nest.get(Cats).find('Tom'));
    expect(() => telemetry.expectSpan('cats.find').toBeRoot()).toThrow('expected no parent');
    expect(() => telemetry.expectSpan('cats.find').toBeChildOf('open')).toThrow('that has not ended');
    expect(() => telemetry.span('open')).toThrow('Still open: open.');
  });
});

describe('spans that are never ended', () => {
  test('are told with the place in the test that started them', async () => {
    await start();
    telemetry.expectNoLeaks();
    const forget = () => service.tracing.startSpan('forgotten');
    const span = forget();
    expect(telemetry.openSpans).toMatchObject([{ name: 'forgotten', ...ids(span) }]);
    expect(telemetry.openSpans[0]?.stack[0]).toMatch(/test-telemetry\.test\.ts:\d+:\d+/);
    expect(() => telemetry.expectNoLeaks()).toThrow(
      /^1 span never ended:\n {2}forgotten, started at .*test-telemetry\.test\.ts:\d+/,
    );
    span.end();
    telemetry.expectNoLeaks();
  });

  test('are told of a method that never comes back, too', async () => {
    await start();
    void service.instrumentToolExecution('hangs', () => new Promise(() => {}));
    expect(() => telemetry.expectNoLeaks()).toThrow(/tool\.hangs, started at .*test-telemetry\.test\.ts/);
    telemetry.reset();
    telemetry.expectNoLeaks();
  });
});

const ids = (span: ReturnType<TelemetryService['tracing']['startSpan']>) => {
  const { traceId, spanId } = span.spanContext();
  return { traceId, spanId };
};

test('a metric is its sum over the series that fit', async () => {
  await start();
  const { metrics } = service;
  const orders = metrics.createCounter('orders_total');
  orders.add(2, { kind: 'book', city: 'Ulm' });
  orders.add(3, { kind: 'book', city: 'Bonn' });
  orders.add(5, { kind: 'pen' });
  expect(telemetry.metric('orders_total')).toBe(10);
  expect(telemetry.metric('orders_total', { kind: 'book' })).toBe(5);
  expect(telemetry.metric('orders_total', { kind: 'book', city: 'Ulm' })).toBe(2);
  expect(telemetry.metric('orders_total', { kind: 'ink' })).toBeUndefined();
  expect(telemetry.metric('nothing_total')).toBeUndefined();
  const sizes = metrics.createHistogram('sizes', { buckets: [1, 10] });
  for (const size of [0.5, 5, 50]) sizes.record(size);
  expect(telemetry.metric('sizes')).toBe(3);
  metrics.createGauge('level').record(4);
  expect(telemetry.metric('level')).toBe(4);
  metrics.createObservableGauge('read', {}, (observe) => observe(8, { a: 'b' }));
  expect(telemetry.metric('read', { a: 'b' })).toBe(8);
  const open = metrics.createUpDownCounter('open');
  open.add(3);
  open.add(-1);
  expect(telemetry.metric('open')).toBe(2);
  telemetry.reset();
  expect(telemetry.metric('orders_total')).toBe(10);
});

test('secrets are as hidden as they are for exporters', async () => {
  await start({ redaction: { deny: ['cat.*'] } });
  nest.get(Cats).find('Tom');
  service.instrumentOperation('login', 'auth', () => {
    service.addContextualAttributes({ 'http.request.header.authorization': 'Bearer abcdef123456' });
    service.recordEvent('sent', { password: 'hunter2' });
  });
  const everything = JSON.stringify(telemetry.spans.map(({ attributes, events }) => [attributes, events]));
  for (const secret of ['Tom', 'abcdef123456', 'hunter2']) expect(everything).not.toContain(secret);
  expect(telemetry.span('cats.find').attributes['cat.name']).toMatch(/redacted/i);
});

describe('whatever is said around it', () => {
  const before = { ...process.env };

  afterEach(() => {
    process.env = { ...before };
  });

  test('the environment has no say', async () => {
    process.env.OTEL_SDK_DISABLED = 'true';
    process.env.OTEL_SERVICE_NAME = 'outside';
    process.env.CONTAINER_KIT_TRACE_SAMPLE_RATE = 'nonsense';
    process.env.OTEL_TRACES_EXPORTER = 'otlp';
    await start();
    nest.get(Cats).find('Tom');
    expect(telemetry.spanNames).toEqual(['cats.look', 'cats.find']);
    expect(telemetry.span('cats.find').resource.attributes['service.name']).toBe('test');
    expect(service.config.tracing.exporters).toEqual([{ type: 'memory' }]);
  });

  test('telemetry that runs already is left alone', async () => {
    await start({ serviceName: 'outer' });
    const outer = { nest, telemetry };
    const runtime = (service as unknown as { runtime: never }).runtime;
    setRegisteredRuntime(runtime);
    try {
      await start({ serviceName: 'inner' });
      nest.get(Cats).find('Tom');
      expect(telemetry.spanNames).toEqual(['cats.look', 'cats.find']);
      expect(outer.telemetry.spanNames).toEqual([]);
      expect(service.config.serviceName).toBe('inner');
    } finally {
      setRegisteredRuntime(undefined);
      await outer.nest.close();
    }
  });

  test('what a test asks for it gets: nothing sampled, or nothing at all', async () => {
    await start({ sampling: { sampler: 'always_off' } });
    nest.get(Cats).find('Tom');
    telemetry.expectNoSpan('cats.find');
    await nest.close();
    await start({ enabled: false });
    expect(nest.get(Cats).find('Tom')).toBe('Tom');
    expect(telemetry.spans).toEqual([]);
    telemetry.expectNoLeaks();
    telemetry.reset();
    expect(telemetry.metric('orders_total')).toBeUndefined();
  });
});
