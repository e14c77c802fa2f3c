import { goRegExp } from '../../src/license/go-regexp';

const reason = (source: string) => {
  try {
    return `accepted as ${goRegExp(source)}`;
  } catch (error) {
    return (error as Error).message;
  }
};

test.each([
  ['(?i).*copying.*', 'doc/COPYING.lib', true],
  ['(?i).*copying.*', 'doc/copy', false],
  ['.*copying.*', 'COPYING', false],
  ['^MIT$', 'MIT', true],
  ['^MIT$', 'MIT\n', false],
  ['^MIT$', 'a\nMIT', false],
  ['(?m)^MIT$', 'a\nMIT', true],
  ['a.b', 'a\nb', false],
  ['(?s)a.b', 'a\nb', true],
  ['(?is)A.B', 'a\nb', true],
  // To JavaScript's dot this is the end of a line.
  ['a.b', 'a\rb', true],
  ['a.b', 'a\u2028b', true],
  ['[]x]y', ']y', true],
  ['[^]x]y', ']y', false],
  ['[a[b]c', '[c', true],
  ['[\\]\\-.]c', '-c', true],
  ['\\Aab\\z', 'ab', true],
  ['\\Aab\\z', 'xab', false],
  ['\\Aab\\z', 'abx', false],
  ['\\x41\\.\\_', 'A._', true],
  ['(?P<name>a)(?:b|c)', 'ac', true],
  ['(?<name>a)', 'a', true],
  ['a{2}', 'aa', true],
  ['a{,2}', 'aa', false],
  ['^/usr/share/doc/tar-[0-9\\.]+/tar\\.html$', '/usr/share/doc/tar-1.35/tar.html', true],
])('%s on %j: %s', (source, text, expected) => {
  expect(goRegExp(source).test(text)).toBe(expected);
});

test.each([
  ['.*[', 'missing closing ]'],
  ['(', 'unterminated group'],
  ['a)', "unmatched ')'"],
  ['*a', 'nothing to repeat'],
  ['a**', 'nothing to repeat'],
  ['a\\', 'trailing backslash at the end'],
  ['a(?=b)', "there is no (?= in Go's expressions"],
  ['a(?!b)', "there is no (?! in Go's expressions"],
  ['(?<=a)b', "there is no (?<= in Go's expressions"],
  ['(?<!a)b', "there is no (?<! in Go's expressions"],
  ['(a)\\1', '\\1 is not supported'],
  ['a(?i)b', '(?i) is not supported; flags are only at the very beginning, as in (?i)'],
  ['a(?i:b)', '(?i: is not supported; flags are only at the very beginning, as in (?i)'],
  ['(?U)a', 'the flags (?U) are not supported; i, m and s are'],
  ['\\pL', '\\p is not supported'],
  ['\\Qa.b\\E', '\\Q is not supported'],
  ['[\\pL]', '\\p is not supported in [\\pL]'],
  ['[\\b]', '\\b is not supported in [\\b]'],
  ['[[:alpha:]]', '[[:alpha:]] is not supported; write the characters, as in [A-Za-z]'],
])('%s is refused, and it is said why', (source, expected) => {
  expect(reason(source)).toBe(expected);
});

test('what stands at the ends and matches anything is left out, and the rest means the same', () => {
  expect(goRegExp('(?i).*gpl.*').source).toBe('gpl');
  expect(goRegExp('.*').test('')).toBe(true);
  expect(goRegExp('.*.*').test('')).toBe(true);
  expect(goRegExp('x\\.*').source).toBe('x\\.*');
  expect(goRegExp('.*?a').test('ba')).toBe(true);
  expect(goRegExp('.*a|^b').test('bc')).toBe(true);
  expect(goRegExp('.*a|^b').test('cb')).toBe(false);
});
