import type { PackageVersion } from '../graph/grapher/package-record';

/** A dependency as rpm's headers hold it. */
export interface HeaderDependency {
  readonly name: string;
  /** `=`, `<`, `<=`, `>`, `>=`, or empty. */
  readonly condition: string;
  readonly version: string;
}

/** What a package provides; a name may stand there in several versions. */
export function provided(dependencies: readonly HeaderDependency[]): PackageVersion[] {
  return dependencies.filter(({ name }) => !isOfRpmItself(name)).map(packageVersion);
}

/**
 * What a package requires, each name once with up to two conditions. Of a rich dependency all names count that may have to be there, as
 * for the toolkit: both sides of `and`, `or` and `with`, the left one of `if`.
 *
 * @throws Error where this cannot be said: more than two conditions on a name, more than one operator, or `else`, `unless`, `without`
 */
export function required(dependencies: readonly HeaderDependency[]): PackageVersion[] {
  const simple = dependencies.filter(({ name }) => !isOfRpmItself(name)).flatMap(simpleDependencies);
  const byName = new Map<string, HeaderDependency[]>();
  for (const dependency of simple) {
    const { name, condition, version } = dependency;
    const known = byName.get(name);
    if (!known) byName.set(name, version === '' ? [] : [dependency]);
    else if (version !== '' && !known.some((other) => other.condition === condition && other.version === version)) {
      known.push(dependency);
    }
  }
  return [...byName].map(([name, conditions]) => {
    const [first = { name, condition: '', version: '' }, second, ...more] = conditions;
    if (more.length > 0) throw new Error(`'${name}' has more than two conditions on its version`);
    return { ...packageVersion(first), SVersion: second?.version ?? '', SCondition: second?.condition ?? '' };
  });
}

/** What rpm itself can do, which no package provides. */
function isOfRpmItself(name: string): boolean {
  return name.startsWith('rpmlib(');
}

function packageVersion({ name, condition, version }: HeaderDependency): PackageVersion {
  return { Name: name, Version: version, Condition: version && condition, SVersion: '', SCondition: '' };
}

const OPERATORS = new Set(['and', 'or', 'with', 'if', 'else', 'unless', 'without']);

function simpleDependencies(dependency: HeaderDependency): HeaderDependency[] {
  const { name } = dependency;
  if (!name.startsWith('(')) return [dependency];
  const words = name.slice(1, -1).trim().split(/\s+/);
  const cannot = (why: string) => new Error(`the graph cannot hold '${name}': ${why}`);
  if (words.some((word) => word.startsWith('('))) throw cannot('it has more than one operator');
  const operators = words.filter((word) => OPERATORS.has(word));
  if (operators.length > 1) throw cannot('it has more than one operator');
  const [operator] = operators;
  if (operator === undefined) return [side(words, cannot)];
  const at = words.indexOf(operator);
  const [left, right] = [side(words.slice(0, at), cannot), side(words.slice(at + 1), cannot)];
  if (operator === 'if') return [left];
  if (operator === 'and' || operator === 'or' || operator === 'with') return [left, right];
  throw cannot(`it has '${operator}'`);
}

/** `zlib >= 1.2` or just a name. */
function side(words: readonly string[], cannot: (why: string) => Error): HeaderDependency {
  const [name, condition = '', version = '', ...more] = words;
  if (name === undefined || more.length > 0 || (condition !== '' && version === '')) throw cannot('it makes no sense');
  return { name, condition, version };
}
