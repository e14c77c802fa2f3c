import {
  type BaggageEntry,
  baggageEntryMetadataFromString,
  type Context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
  ROOT_CONTEXT,
} from '@opentelemetry/api';
import { RedactingBaggagePropagator } from '../../../src/telemetry/privacy/redacting-baggage-propagator';
import { createRedactor } from '../../../src/telemetry/privacy/redactor';

const redactor = createRedactor({ enabled: true, allow: ['tenant.token'], deny: ['user.*'] });
const propagator = new RedactingBaggagePropagator(redactor);

function inject(entries: Record<string, BaggageEntry>, before: Context = ROOT_CONTEXT): string | undefined {
  const carrier: { baggage?: string } = {};
  propagator.inject(propagation.setBaggage(before, propagation.createBaggage(entries)), carrier, defaultTextMapSetter);
  return carrier.baggage;
}

function extract(baggage: unknown): [string, string][] {
  const context = propagator.extract(ROOT_CONTEXT, { baggage }, defaultTextMapGetter);
  const entries = propagation.getBaggage(context)?.getAllEntries() ?? [];
  return entries.map(([key, { value }]) => [key, value]);
}

const named = (count: number, value: string) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, { value }]));

test('what is secret is not sent on', () => {
  const entries = {
    'build.id': { value: '7' },
    authorization: { value: 'x' },
    'session-cookie': { value: 'x' },
    'user.name': { value: 'x' },
    note: { value: 'Bearer abcdef' },
    url: { value: 'https://u:p@example.com' },
    card: { value: '4111111111111111' },
    'tenant.token': { value: 'shared' },
    region: { value: 'eu west', metadata: baggageEntryMetadataFromString('ttl=5') },
  };
  expect(inject(entries)).toBe('build.id=7,tenant.token=shared,region=eu%20west;ttl=5');
});

test('nothing is set where all of it is secret, or there is none', () => {
  expect(inject({ token: { value: 'x' } })).toBeUndefined();
  expect(inject({})).toBeUndefined();
  const carrier = {};
  propagator.inject(ROOT_CONTEXT, carrier, defaultTextMapSetter);
  expect(carrier).toEqual({});
});

test('what comes in is kept as it is', () => {
  expect(extract('token=abc,build.id=7;ttl=5,b=Bearer%20abcdef')).toEqual([
    ['token', 'abc'],
    ['build.id', '7'],
    ['b', 'Bearer abcdef'],
  ]);
  expect(extract(['a=1', 'b=2'])).toEqual([
    ['a', '1'],
    ['b', '2'],
  ]);
});

test('no more than 64 entries and 8192 bytes go in or out', () => {
  expect(inject(named(200, 'x'))?.split(',')).toHaveLength(64);
  expect(inject(named(10, 'x'.repeat(2000)))?.length).toBeLessThanOrEqual(8192);
  const many = Array.from({ length: 200 }, (_, i) => `k${i}=x`).join(',');
  expect(extract(many)).toHaveLength(64);
  expect(extract(many)[63]).toEqual(['k63', 'x']);
  const large = Array.from({ length: 10 }, (_, i) => `k${i}=${'x'.repeat(2000)}`).join(',');
  expect(extract(large)).toHaveLength(4);
});

test('an entry that cannot be sent is left out, the others are not', () => {
  const entries = {
    half: { value: '\ud800' },
    '\udc00': { value: 'x' },
    line: { value: 'x', metadata: baggageEntryMetadataFromString('a\r\nX-Injected: 1') },
    list: { value: 'x', metadata: baggageEntryMetadataFromString('a,admin=true') },
    good: { value: 'größe' },
  };
  expect(inject(entries)).toBe('good=gr%C3%B6%C3%9Fe');
});

test.each<[string, unknown]>([
  ['garbage', ',,;;==,%,a=%zz'],
  ['a number', 7],
  ['nothing', undefined],
  ['a megabyte', ','.repeat(1 << 20)],
])('baggage that is %s is none', (_name, baggage) => {
  expect(extract(baggage)).toEqual([]);
});

test('a carrier or a setter that throws does not reach the application', () => {
  const broken = {
    keys: () => [],
    get: () => {
      throw new Error('broken');
    },
    set: () => {
      throw new Error('broken');
    },
  };
  const context = propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ a: { value: '1' } }));
  expect(() => propagator.inject(context, {}, broken)).not.toThrow();
  expect(propagator.extract(ROOT_CONTEXT, {}, broken)).toBe(ROOT_CONTEXT);
  expect(propagator.fields()).toEqual(['baggage']);
});
