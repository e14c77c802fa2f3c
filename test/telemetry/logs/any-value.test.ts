import { toAnyValue } from '../../../src/telemetry/logs/any-value';

class Order {
  readonly id = 7;
  readonly note = 'x';
  static readonly kind = 'order';
}

test.each<[string, unknown, unknown]>([
  ['a text', 'a', 'a'],
  ['a number', 0.5, 0.5],
  ['nothing', null, null],
  ['undefined', undefined, undefined],
  ['a big integer', 2n ** 70n, '1180591620717411303424'],
  ['a symbol', Symbol('a'), 'Symbol(a)'],
  ['a function', function named() {}, '[Function named]'],
  ['a date', new Date(0), '1970-01-01T00:00:00.000Z'],
  ['a date that is none', new Date(Number.NaN), null],
  [
    'a map',
    new Map<unknown, unknown>([
      ['a', 1],
      [2, 'b'],
    ]),
    { a: 1, 2: 'b' },
  ],
  ['a set', new Set([1, 2]), [1, 2]],
  ['an array', [1, [2, null]], [1, [2, null]]],
  ['bytes', new Uint8Array([1, 2]), new Uint8Array([1, 2])],
  ['an object of a class', new Order(), { id: 7, note: 'x' }],
  ['what has a JSON of its own', { toJSON: () => ({ a: 1 }) }, { a: 1 }],
  ['a key that means something', JSON.parse('{"__proto__": 1}'), JSON.parse('{"__proto__": 1}')],
])('%s', (_name, value, expected) => {
  expect(toAnyValue(value)).toEqual(expected);
});

test('an error is told by type, message and stack', () => {
  expect(toAnyValue({ cause: new TypeError('bad') })).toEqual({
    cause: {
      'exception.type': 'TypeError',
      'exception.message': 'bad',
      'exception.stacktrace': expect.stringContaining('any-value.test.ts'),
    },
  });
});

test('is a copy', () => {
  const list = [1];
  const copy = toAnyValue({ list });
  list.push(2);
  expect(copy).toEqual({ list: [1] });
});

test('what throws when it is read is said to, and the rest is read', () => {
  const broken = {
    a: 1,
    get b(): string {
      throw new Error('not to be read');
    },
    c: new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('not to be read');
        },
      },
    ),
  };
  expect(toAnyValue(broken)).toEqual({ a: 1, b: '[Unreadable]', c: '[Unreadable]' });
});

test('comes to an end with circles, depth and size', () => {
  const circle: Record<string, unknown> = { name: 'a' };
  circle.self = circle;
  circle.list = [circle];
  expect(toAnyValue(circle)).toEqual({ name: 'a', self: '[Circular]', list: ['[Circular]'] });
  const twice = { a: 1 };
  expect(toAnyValue([twice, twice])).toEqual([twice, twice]);

  let deep: unknown = 'end';
  for (let i = 0; i < 100; i++) deep = { deep };
  expect(JSON.stringify(toAnyValue(deep))).toContain('[Truncated]');

  const wide = toAnyValue(Array.from({ length: 1_000_000 }, (_, i) => ({ i }))) as unknown[];
  expect(wide.length).toBeLessThanOrEqual(1001);
  expect(wide.at(-1)).toBe('[Truncated]');
  const fields = toAnyValue(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i])));
  expect(Object.keys(fields as object).length).toBeLessThanOrEqual(1001);
});
