import { boundedMemo } from '../../../src/telemetry/privacy/bounded-memo';

test('asks once for a text that it knows, also where the answer is no', () => {
  const asked: string[] = [];
  const isLong = boundedMemo((text) => {
    asked.push(text);
    return text.length > 3;
  }, 10);
  expect(['a', 'long', 'a', 'long'].map(isLong)).toEqual([false, true, false, true]);
  expect(asked).toEqual(['a', 'long']);
});

test('forgets when there are too many, and never keeps a long text', () => {
  const asked: string[] = [];
  const length = boundedMemo((text) => {
    asked.push(text);
    return text.length;
  }, 2);
  const long = 'x'.repeat(1000);
  expect(['a', 'b', 'c', 'a', long, long].map(length)).toEqual([1, 1, 1, 1, 1000, 1000]);
  expect(asked).toEqual(['a', 'b', 'c', 'a', long, long]);
});
