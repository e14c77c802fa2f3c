import type { Dice } from './dice';
import type { ModelFlags } from './toolkit-model';

/** What flags can name of a graph. */
export interface KnownSpec {
  readonly name: string;
  readonly packages: readonly string[];
  readonly hasTest: boolean;
}

/** Flags that name some of the specs. A list names specs only: by a package's name the toolkit leaves it to chance what is meant of its SRPM. */
export function randomFlags(dice: Dice, specs: readonly KnownSpec[]): ModelFlags {
  const names = specs.map(({ name }) => name);
  const tested = specs.filter(({ hasTest }) => hasTest).map(({ name }) => name);
  const rebuild = dice.is(0.4) ? dice.words(names, 2) : '';
  const rerunTests = dice.is(0.2) ? dice.words(tested, 2) : '';
  const without = (all: readonly string[], words: string) => all.filter((name) => !words.split(/\s+/).includes(name));
  return {
    packages: dice.is(0.4) ? dice.words(names, 2) : '',
    rebuild,
    ignored: dice.is(0.3) ? dice.words(without(names, rebuild), 2) : '',
    tests: dice.is(0.4) ? dice.words(tested, 2) : '',
    rerunTests,
    ignoredTests: dice.is(0.2) ? dice.words(without(tested, rerunTests), 2) : '',
    extraLayers: dice.is(0.3) ? dice.below(4) : 0,
    maxCascadingRebuilds: dice.is(0.6) ? dice.below(4) : undefined,
    noCache: dice.is(0.08),
    optimizeWithCachedImplicit: dice.is(0.4),
    image: dice.is(0.15)
      ? dice
          .some(
            specs.flatMap(({ packages }) => packages),
            2,
          )
          .map((name) => ({ name }))
      : [],
  };
}
