import { versionText } from '../../src/graph/grapher/package-record';
import { type HeaderDependency, provided, required } from '../../src/rpm/spec-dependencies';

/** `zlib >= 1.2`, or a rich dependency as a whole. */
function dependency(text: string): HeaderDependency {
  if (text.startsWith('(')) return { name: text, condition: '', version: '' };
  const [name = '', condition = '', version = ''] = text.split(' ');
  return { name, condition, version };
}

const requiredOf = (...texts: readonly string[]) => required(texts.map(dependency)).map(versionText);
const providedOf = (...texts: readonly string[]) => provided(texts.map(dependency)).map(versionText);

test('names come with their conditions, in the order given', () => {
  expect(requiredOf('zlib >= 1.2', '/bin/sh', 'pkgconfig(x) = 3')).toEqual([
    'zlib >= 1.2',
    '/bin/sh',
    'pkgconfig(x) = 3',
  ]);
});

test('what rpm itself can do is nobody’s to provide', () => {
  expect(requiredOf('rpmlib(CompressedFileNames) <= 3.0.4-1', 'zlib')).toEqual(['zlib']);
});

test('conditions on one name become one wish', () => {
  expect(requiredOf('x', 'x >= 1', 'y', 'x < 2', 'x >= 1')).toEqual(['x >= 1, < 2', 'y']);
});

test('more than two conditions on one name are an error', () => {
  expect(() => requiredOf('x >= 1', 'x < 2', 'x = 1.5')).toThrow("'x' has more than two conditions on its version");
});

test('a name may be provided in several versions', () => {
  expect(providedOf('golang = 1.23', 'golang = 1.24', 'golang')).toEqual(['golang = 1.23', 'golang = 1.24', 'golang']);
});

test.each([
  ['(a and b)', ['a', 'b']],
  ['(a or b >= 2)', ['a', 'b >= 2']],
  ['(pkgconfig(a) >= 1 with pkgconfig(a) < 2)', ['pkgconfig(a) >= 1, < 2']],
  ['(a >= 1 if b)', ['a >= 1']],
  ['(a)', ['a']],
])('of the rich dependency %s these must be there: %j', (rich, names) => {
  expect(requiredOf(rich)).toEqual(names);
});

test.each([
  ['(a and b and c)', 'it has more than one operator'],
  ['(a and (b or c))', 'it has more than one operator'],
  ['(a if b else c)', 'it has more than one operator'],
  ['(a unless b)', "it has 'unless'"],
  ['(a without b)', "it has 'without'"],
  ['(a >= and b)', 'it makes no sense'],
])('the graph cannot hold the rich dependency %s', (rich, why) => {
  expect(() => requiredOf(rich)).toThrow(`the graph cannot hold '${rich}': ${why}`);
});
