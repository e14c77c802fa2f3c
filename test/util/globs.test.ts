import { globs } from '../../src/util/globs';

test.each([
  ['CatsService', 'CatsService', true],
  ['CatsService', 'CatsServices', false],
  ['Cats*', 'CatsService', true],
  ['*Service', 'CatsService', true],
  ['*Service', 'ServiceCats', false],
  ['C*s*e', 'CatsService', true],
  ['a*a', 'a', false],
  ['a*a', 'aa', true],
  ['*', '', true],
  ['/health/*', '/health/live', true],
  ['/health/*', '/Health/live', false],
  ['a.c', 'abc', false],
  ['a**c', 'abc', true],
])('the pattern %s and the text %s: %s', (pattern, text, fits) => {
  expect(globs([pattern])(text)).toBe(fits);
});

test('one of several patterns is enough', () => {
  expect(globs(['a*', 'b*'])('bcd')).toBe(true);
});

test('no pattern fits nothing', () => {
  expect(globs([])('')).toBe(false);
});

test('many stars and a long text that nearly fits are no trouble', () => {
  expect(globs([`${'a*'.repeat(30)}b`])('a'.repeat(100_000))).toBe(false);
});
