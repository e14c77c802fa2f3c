import { INSTRUMENTS } from '../../../src/telemetry/metrics/instruments';
import { MetricRegistry } from '../../../src/telemetry/metrics/metric-registry';
import { linesOf } from './scrape';

const define = (name: string, more: object = {}) => ({ name, unit: '', description: '', ...more });

function registryWith(options: ConstructorParameters<typeof MetricRegistry>[0] = {}) {
  const problems: string[] = [];
  const registry = new MetricRegistry({ onProblem: (message) => problems.push(message), ...options });
  return { registry, problems };
}

describe('a counter', () => {
  test('adds up for each set of attributes, in whatever order they are written', async () => {
    const { registry } = registryWith();
    const orders = registry.counter(define('orders_total'));
    orders.add(1, { shop: 'a', kind: 'x' });
    orders.add(2, { kind: 'x', shop: 'a' });
    orders.add(4, { shop: 'a' });
    orders.add(8);
    orders.bind({ shop: 'a', kind: 'x' }).add(16);
    expect(await linesOf(registry)).toEqual([
      'orders_total{kind="x",shop="a"} 19',
      'orders_total{shop="a"} 4',
      'orders_total 8',
    ]);
  });

  test('counts fractions, and beyond 2^32', async () => {
    const { registry } = registryWith();
    const seconds = registry.counter(define('busy_seconds_total')).bind();
    seconds.add(0.25);
    seconds.add(2 ** 40);
    expect(await linesOf(registry)).toEqual(['busy_seconds_total 1099511627776.25']);
  });

  test('with declared labels leaves out others, and shows its own in their order', async () => {
    const { registry } = registryWith();
    const orders = registry.counter(define('orders_total', { labels: ['shop', 'kind'] }));
    orders.add(1, { kind: 'x', shop: 'a', customer: '4711' });
    orders.add(1, { customer: '4712', kind: 'x', shop: 'a' });
    orders.add(1, { kind: 'x' });
    orders.add(1, { customer: '4713' });
    expect(await linesOf(registry)).toEqual([
      'orders_total{shop="a",kind="x"} 2',
      'orders_total{kind="x"} 1',
      'orders_total 1',
    ]);
  });

  test('takes 200 and "200" for the same, which would be one line twice for Prometheus', async () => {
    const { registry } = registryWith();
    const requests = registry.counter(define('requests_total', { labels: ['status'] }));
    for (let i = 0; i < 3; i++) {
      requests.add(1, { status: 200 });
      requests.add(1, { status: '200' });
    }
    expect(await linesOf(registry)).toEqual(['requests_total{status="200"} 6']);
  });

  test('tells attributes apart whose texts run into each other', () => {
    const { registry } = registryWith();
    const counter = registry.counter(define('c', { labels: ['a', 'b'] }));
    const open = registry.counter(define('d'));
    expect(counter.bind({ a: 'x","y', b: 'z' })).not.toBe(counter.bind({ a: 'x', b: 'y","z' }));
    expect(counter.bind({ a: '1' })).not.toBe(counter.bind({ b: '1' }));
    expect(open.bind({ a: 'b' })).not.toBe(open.bind({ b: 'a' }));
    expect(open.bind({ a: '', b: '1' })).not.toBe(open.bind({ a: '1', b: '' }));
  });

  test('does not follow an attributes object that is changed afterwards', async () => {
    const { registry } = registryWith();
    const counter = registry.counter(define('c'));
    const attributes: Record<string, string> = { route: '/a' };
    const bound = counter.bind(attributes);
    attributes.route = '/b';
    bound.add(1);
    counter.add(2, attributes);
    expect(await linesOf(registry)).toEqual(['c_total{route="/a"} 1', 'c_total{route="/b"} 2']);
  });

  test.each([
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['a negative number', -1],
    ['a text', '5' as never],
    ['a bigint', 5n as never],
    ['nothing', undefined as never],
    ['an object', { valueOf: () => 5 } as never],
  ])('ignores %s, and says so once', async (_, value) => {
    const { registry, problems } = registryWith();
    const counter = registry.counter(define('c'));
    counter.add(3);
    counter.add(value);
    counter.bind().add(value);
    expect(await linesOf(registry)).toEqual(['c_total 3']);
    expect(registry.ignoredValues).toBe(2);
    expect(problems).toEqual([expect.stringContaining('metric c: a value is to be a finite number from 0 up')]);
  });

  test('takes whatever comes as an attribute', async () => {
    const { registry } = registryWith();
    const counter = registry.counter(define('c'));
    const round: Record<string, unknown> = {};
    round.self = round;
    counter.add(1, { a: ['x', 'y'], b: null, c: undefined, d: true, e: 0.5 } as never);
    counter.add(1, { a: ['x', 'y'], b: null, c: undefined, d: true, e: 0.5 } as never);
    counter.add(1, { a: round, b: Symbol('s'), c: () => 1 } as never);
    counter.add(1, null as never);
    expect(await linesOf(registry)).toEqual([
      'c_total{a="[\\"x\\",\\"y\\"]",d="true",e="0.5"} 2',
      'c_total{a="object",b="symbol",c="function"} 1',
      'c_total 1',
    ]);
  });
});

test('a counter that can fall falls, and a gauge keeps the latest value and is not there without one', async () => {
  const { registry, problems } = registryWith();
  const open = registry.upDownCounter(define('open'));
  open.add(3);
  open.add(-5);
  open.add(Number.NaN);
  const level = registry.gauge(define('level'));
  level.bind({ tank: 'empty' });
  level.record(-4, { tank: 'a' });
  level.record(7, { tank: 'a' });
  level.record(Number.NEGATIVE_INFINITY, { tank: 'a' });
  expect(await linesOf(registry)).toEqual(['open -2', 'level{tank="a"} 7']);
  expect(problems).toHaveLength(2);
});

describe('a histogram', () => {
  const edges = [0.1, 1, 10];

  test('puts a value on an edge below it', async () => {
    const { registry } = registryWith();
    const bound = registry.histogram(define('h', { buckets: edges })).bind({ a: 1 });
    for (const value of [0, 0.1, 0.10001, 1, 9.99, 10, 10.5, 1e9]) bound.record(value);
    expect(await linesOf(registry)).toEqual([
      'h_bucket{a="1",le="0.1"} 2',
      'h_bucket{a="1",le="1"} 4',
      'h_bucket{a="1",le="10"} 6',
      'h_bucket{a="1",le="+Inf"} 8',
      `h_sum{a="1"} ${[0, 0.1, 0.10001, 1, 9.99, 10, 10.5, 1e9].reduce((sum, value) => sum + value)}`,
      'h_count{a="1"} 8',
    ]);
  });

  test('finds the same bucket as a look at every edge does', () => {
    const { registry } = registryWith();
    const buckets = INSTRUMENTS.toolExecutionDuration.buckets;
    const series = registry.histogram(define('h', { buckets })).bind();
    const expected = new Array<number>(buckets.length + 1).fill(0);
    for (let i = 0; i < 5000; i++) {
      const near = buckets[i % buckets.length]! * (i % 3 === 0 ? 1 : 0.5 + (i % 1000) / 1000);
      series.record(near);
      const bucket = buckets.findIndex((edge) => near <= edge);
      expected[bucket === -1 ? buckets.length : bucket]!++;
    }
    expect([...series.cells.slice(3)]).toEqual(expected);
  });

  test('ignores what is no duration', async () => {
    const { registry, problems } = registryWith();
    const bound = registry.histogram(define('h', { buckets: edges })).bind();
    for (const value of [Number.NaN, -0.1, Number.POSITIVE_INFINITY, '1']) bound.record(value as number);
    expect(await linesOf(registry)).toContain('h_count 0');
    expect(registry.ignoredValues).toBe(4);
    expect(problems).toHaveLength(1);
  });

  test('makes sense of edges that do not ascend', async () => {
    const { registry } = registryWith();
    registry.histogram(define('h', { buckets: [10, 1, Number.NaN, 1, Number.POSITIVE_INFINITY] })).record(5);
    expect(await linesOf(registry)).toEqual([
      'h_bucket{le="1"} 0',
      'h_bucket{le="10"} 1',
      'h_bucket{le="+Inf"} 1',
      'h_sum 5',
      'h_count 1',
    ]);
  });

  test('has edges for seconds where its unit is that', () => {
    const { registry } = registryWith();
    expect(registry.histogram(define('s', { unit: 's' })).edges[0]).toBeLessThan(0.001);
    expect(registry.histogram(define('ms', { unit: 'ms' })).edges).toContain(10_000);
  });

  test('keeps the first sampled measurement of each bucket as its exemplar, and then every sixteenth', () => {
    const { registry } = registryWith({ now: () => 1_700_000_000_123 });
    const series = registry.histogram(define('h', { buckets: edges })).bind();
    const span = (spanId: string, traceFlags = 1) => ({ traceId: 't'.repeat(32), spanId, traceFlags });
    series.record(0.5, span('first'));
    series.record(0.6, span('second'));
    series.record(0.7, span('unsampled', 0));
    series.record(0.8);
    series.record(50, span('high'));
    expect([0, 1, 2, 3].map((bucket) => series.exemplar(bucket)?.context.spanId)).toEqual([
      undefined,
      'first',
      undefined,
      'high',
    ]);
    expect(series.exemplar(1)).toMatchObject({ value: 0.5, at: 1_700_000_000_123 });
    for (let at = 5; at <= 17; at += 1) series.record(at / 20, span(`number ${at}`));
    expect(series.exemplar(1)?.context.spanId).toBe('number 16');
  });
});

describe('the limit of series', () => {
  test('counts the surplus in one series that says so, and tells it once', async () => {
    const { registry, problems } = registryWith({ cardinalityLimit: 3 });
    const counter = registry.counter(define('c', { labels: ['user'] }));
    for (let i = 0; i < 100; i++) counter.add(1, { user: `u${i}` });
    counter.add(1, { user: 'u1' });
    counter.bind({ user: 'late' }).add(1);
    expect(await linesOf(registry)).toEqual([
      'c_total{user="u0"} 1',
      'c_total{user="u1"} 2',
      'c_total{otel_metric_overflow="true"} 99',
    ]);
    expect(problems).toEqual(['metric c has reached its limit of 3 series: further ones are counted together']);
  });

  test('holds for each instrument by itself, and for those that are read', async () => {
    const { registry, problems } = registryWith({ cardinalityLimit: 2 });
    registry.counter(define('a')).add(1, { x: 1 });
    registry.counter(define('b')).add(1, { x: 1 });
    registry.observe({ ...define('g'), kind: 'gauge' }, (observe) => {
      for (let i = 0; i < 5; i++) observe(i, { i });
    });
    expect(await linesOf(registry)).toEqual([
      'a_total{x="1"} 1',
      'b_total{x="1"} 1',
      'g{i="0"} 0',
      'g{otel_metric_overflow="true"} 4',
    ]);
    expect(problems).toHaveLength(1);
  });

  test('is of series, not of the ways to write one: more orders of the keys than are remembered are still one series', async () => {
    const { registry } = registryWith({ cardinalityLimit: 4 });
    const counter = registry.counter(define('c'));
    const keys = ['a', 'b', 'c', 'd', 'e'];
    // Every order of five keys: one series, found each time.
    const orders = (left: string[], done: string[] = []): string[][] =>
      left.length === 0
        ? [done]
        : left.flatMap((key) =>
            orders(
              left.filter((one) => one !== key),
              [...done, key],
            ),
          );
    const all = orders(keys);
    expect(all).toHaveLength(120);
    for (const order of all) counter.add(1, Object.fromEntries(order.map((key) => [key, key])));
    expect(await linesOf(registry)).toEqual(['c_total{a="a",b="b",c="c",d="d",e="e"} 120']);
  });
});

describe('asking for an instrument', () => {
  test('again gives the same one', () => {
    const { registry, problems } = registryWith();
    expect(registry.counter(define('c'))).toBe(registry.counter(define('C')));
    expect(registry.instrumentCount).toBe(1);
    expect(problems).toEqual([]);
  });

  test('of another kind under the same name gives one that counts nothing, and says so once', async () => {
    const { registry, problems } = registryWith();
    registry.counter(define('c')).add(1);
    registry.histogram(define('c')).record(5);
    registry.histogram(define('c')).bind({ a: 1 }).record(5);
    registry.gauge(define('c')).record(5);
    registry.upDownCounter(define('c')).add(5);
    registry.observe({ ...define('c'), kind: 'counter' }, (observe) => observe(5));
    expect(await linesOf(registry)).toEqual(['c_total 1']);
    expect(problems).toEqual(['metric c is there as a counter already; what is recorded as a histogram is lost']);
  });

  test.each(['', '1st', 'a b', 'ä', 'x'.repeat(256)])(
    'by the impossible name "%s" counts nothing, and says so',
    async (name) => {
      const { registry, problems } = registryWith();
      registry.counter(define(name)).add(1);
      expect(await linesOf(registry)).toEqual([]);
      expect(problems).toEqual([expect.stringContaining('is not recorded: a name is a letter')]);
    },
  );

  test('makes the series that are to be there from the start, and bind makes one at zero', async () => {
    const { registry } = registryWith();
    registry.counter(define('c', { zeros: [{ a: 1 }, { a: 2 }] })).bind({ a: 3 });
    registry.upDownCounter(define('u')).bind();
    registry.histogram(define('h', { buckets: [1] })).bind();
    expect(await linesOf(registry)).toEqual([
      'c_total{a="1"} 0',
      'c_total{a="2"} 0',
      'c_total{a="3"} 0',
      'u 0',
      'h_bucket{le="1"} 0',
      'h_bucket{le="+Inf"} 0',
      'h_sum 0',
      'h_count 0',
    ]);
  });
});

describe('what is read', () => {
  test('is read at each collection, and only what was given a value then is shown', async () => {
    const { registry } = registryWith();
    let round = 0;
    const end = registry.observe({ ...define('queue'), kind: 'gauge' }, (observe) => {
      round++;
      observe(round, { name: 'all' });
      if (round === 1) observe(5, { name: 'once' });
    });
    expect(await linesOf(registry)).toEqual(['queue{name="all"} 1', 'queue{name="once"} 5']);
    expect(await linesOf(registry)).toEqual(['queue{name="all"} 2']);
    end();
    expect(await linesOf(registry)).toEqual([]);
  });

  test('may throw, or give no number: that is said once, and the others are shown', async () => {
    const { registry, problems } = registryWith();
    const gauge = { ...define('g'), kind: 'gauge' } as const;
    registry.observe(gauge, (observe) => {
      observe(1, { part: 'before' });
      throw new Error('no such device');
    });
    registry.observe(gauge, (observe) => observe(Number.NaN, { part: 'nothing' }));
    registry.observe(gauge, (observe) => observe(3, { part: 'other' }));
    const expected = ['g{part="before"} 1', 'g{part="other"} 3'];
    expect(await linesOf(registry)).toEqual(expected);
    expect(await linesOf(registry)).toEqual(expected);
    expect(problems).toEqual([
      'metric g could not be read: no such device',
      'metric g: a value is to be a finite number, but one was NaN, and is ignored',
    ]);
  });
});

test('switched off, everything is there and nothing is counted', async () => {
  const { registry, problems } = registryWith({ enabled: false });
  const counter = registry.counter(INSTRUMENTS.toolExecutions);
  counter.add(1, { 'tool.name': 'a' });
  counter.bind({ 'tool.name': 'a' }).add(Number.NaN);
  registry.upDownCounter(INSTRUMENTS.sessionsActive).bind().add(1);
  registry.histogram(INSTRUMENTS.toolExecutionDuration).bind().record(1);
  registry.gauge(INSTRUMENTS.systemCpu).record(1);
  const read = jest.fn();
  registry.observe(INSTRUMENTS.systemMemory, read)();
  expect(await linesOf(registry)).toEqual([]);
  expect(registry.instrumentCount).toBe(0);
  expect(registry.ignoredValues).toBe(0);
  expect(read).not.toHaveBeenCalled();
  expect(problems).toEqual([]);
});
