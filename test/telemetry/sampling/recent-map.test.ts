import { RecentMap } from '../../../src/telemetry/sampling/recent-map';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const;

function remembered(map: RecentMap<string, number>): string[] {
  return KEYS.filter((key) => map.get(key) !== undefined);
}

test('a map of recent entries never holds more than it may, and remembers at least the newer half', () => {
  const map = new RecentMap<string, number>(4);
  const sizes = KEYS.map((key, index) => {
    map.set(key, index);
    const there = remembered(map);
    expect(there).toEqual(expect.arrayContaining(KEYS.slice(Math.max(0, index - 1), index + 1)));
    return there.length;
  });
  expect(Math.max(...sizes)).toBeLessThanOrEqual(4);
  expect(map.get('h')).toBe(7);
});

test('what is deleted is gone, wherever it was, and makes room', () => {
  const map = new RecentMap<string, number>(6);
  for (const key of ['a', 'b', 'c', 'd']) map.set(key, 1);
  map.delete('a');
  map.delete('d');
  map.delete('x');
  expect(remembered(map)).toEqual(['b', 'c']);
  map.set('e', 1);
  map.set('f', 1);
  expect(remembered(map)).toEqual(['b', 'c', 'e', 'f']);
});

test('what is set again has its newest value', () => {
  const map = new RecentMap<string, number>(4);
  map.set('a', 1);
  map.set('b', 1);
  map.set('a', 2);
  expect(map.get('a')).toBe(2);
});
