import {
  compareIntervals,
  compareVersions,
  intervalOf,
  overlaps,
  parseVersion,
  type VersionedName,
  type VersionInterval,
} from '../../src/graph/versions/versions';

const compare = (a: string, b: string): number => Math.sign(compareVersions(parseVersion(a), parseVersion(b)));
/** `'>= 1'`, `'>= 1, < 2'`, `'1'`: a name's versions, in fewer words. */
const named = (text: string): VersionedName => {
  const [first = '', second = ''] = text.split(',').map((part) => part.trim());
  const split = (half: string) => /^([^\w\s.:]*)\s*(.*)$/.exec(half) as unknown as [string, string, string];
  const [, condition, version] = split(first);
  const [, sCondition, sVersion] = split(second);
  return { name: 'x', condition, version, sCondition, sVersion };
};
const interval = (text: string): VersionInterval => intervalOf(named(text));

const componentsOf = (text: string) => (parseVersion(text) as { version: readonly bigint[] }).version;
const base36 = (text: string): bigint =>
  [...text].reduce((sum, digit) => sum * 36n + BigInt(Number.parseInt(digit, 36)), 0n);

describe('the order of versions', () => {
  test.each([
    ['2:1.2.1', '4.2.2.1', 'an epoch comes before all else'],
    ['1:0', '0:99', 'also where both have one'],
    ['1.2.3', '1.2.2', 'part by part'],
    ['1.10', '1.9', 'parts are numbers'],
    ['1.2.3', '1.2', 'longer is later'],
    ['1.4', '1.3.0', 'an earlier part decides'],
    ['1.4.0', '1.3', 'an earlier part decides'],
    ['a:1', '1', 'one letter is an epoch too'],
    ['1.', '', 'something is later than nothing'],
    ['1.', '.#&$ . . .(@%) | 👩💻', 'garbage is nothing'],
    ['1.2.3-3', '1.2.3-2', 'releases decide between equal versions'],
    ['1.2.3-2.2', '1.2.3-2', 'a longer release is later'],
    ['-3', '-2', 'releases count without a version'],
    ['4.5.6', '1.2.3-3', 'versions decide before releases'],
    ['1.2-1', '1.1-9', 'versions decide before releases'],
    ['1.b', '1.a', 'letters are digits of base 36'],
    ['1.aa', '1.z', 'letters are digits of base 36'],
    ['1.a', '1.9', 'unlike rpm, letters are later than digits'],
    ['1.rc', '1.5', 'unlike rpm, letters are later than digits'],
    ['1.0~rc1', '1.0', 'unlike rpm, ~ only separates'],
    ['1.0^git1', '1.0.1', 'unlike rpm, ^ only separates'],
  ])('%s is later than %s: %s', (high, low) => {
    expect([compare(high, low), compare(low, high)]).toEqual([1, -1]);
  });

  test.each([
    ['1.2.3', '0:1.2.3', 'no epoch is epoch 0'],
    ['1.2.3-3', '1.2.3', 'a release counts only if both have one'],
    ['1.2.3', '1.2.3-99', 'a release counts only if both have one'],
    ['1.2.3-', '1.2.3-7', 'an empty release is none'],
    ['!?', '', 'garbage is nothing'],
    ['1.A', '1.B', 'unlike rpm, capitals only separate'],
    ['1.02', '1.2', 'leading zeros say nothing'],
    ['1..2', '1_2', 'what separates does not matter'],
    ['20240101123045', '20230101123045', 'unlike rpm, a number beyond 64 bits is 0'],
    ['zzzzzzzzzzzzz', '0', 'thirteen z are beyond 64 bits'],
    ['1-20240101123045', '1-20230101123045', 'also in a release'],
  ])('%s is equal to %s: %s', (a, b) => {
    expect([compare(a, b), compare(b, a)]).toEqual([0, 0]);
  });

  test('twelve z still count', () => {
    expect(compare('zzzzzzzzzzzz', 'zzzzzzzzzzzy')).toBe(1);
  });

  test('the greatest number of 64 bits counts, the next does not', () => {
    // A run is of digits or of letters, not of both, so 2^64 - 1 (3w5e11264sgsf) cannot stand in one.
    expect(componentsOf('1000000000000')).toEqual([0n, 36n ** 12n]);
    expect(componentsOf('3999999999999')).toEqual([0n, base36('3999999999999')]);
    expect(componentsOf('4000000000000')).toEqual([0n, 0n]);
  });

  test('all between the least and the greatest version', () => {
    const one = parseVersion('1');
    expect(compareVersions('MIN', one)).toBeLessThan(0);
    expect(compareVersions(one, 'MIN')).toBeGreaterThan(0);
    expect(compareVersions(one, 'MAX')).toBeLessThan(0);
    expect(compareVersions('MAX', one)).toBeGreaterThan(0);
    expect(compareVersions('MIN', 'MAX')).toBeLessThan(0);
    expect(compareVersions('MAX', 'MIN')).toBeGreaterThan(0);
    expect(compareVersions('MIN', 'MIN')).toBe(0);
    expect(compareVersions('MAX', 'MAX')).toBe(0);
    expect(compareVersions('MIN', parseVersion(''))).toBeLessThan(0);
  });

  test('a version is the text before the first dash', () => {
    expect(parseVersion('2:1.0-3.azl3')).toEqual({
      order: 'toolkit',
      text: '2:1.0-3.azl3',
      version: [2n, 1n, 0n],
      release: [3n, base36('azl'), 3n],
    });
  });
});

test('versions that were read for different orders are not compared', () => {
  expect(() => compareVersions(parseVersion('1'), parseVersion('1', 'rpm'))).toThrow(
    'Internal error: expected versions of one order',
  );
});

describe('intervals', () => {
  const one = parseVersion('1');
  const two = parseVersion('2');

  test.each<[string, VersionInterval]>([
    ['', { lower: 'MIN', lowerInclusive: true, upper: 'MAX', upperInclusive: true }],
    ['1', { lower: one, lowerInclusive: true, upper: one, upperInclusive: true }],
    ['= 1', { lower: one, lowerInclusive: true, upper: one, upperInclusive: true }],
    ['>= 1', { lower: one, lowerInclusive: true, upper: 'MAX', upperInclusive: true }],
    ['> 1', { lower: one, lowerInclusive: false, upper: 'MAX', upperInclusive: true }],
    ['<= 1', { lower: 'MIN', lowerInclusive: true, upper: one, upperInclusive: true }],
    ['< 1', { lower: 'MIN', lowerInclusive: true, upper: one, upperInclusive: false }],
    ['> 1, < 2', { lower: one, lowerInclusive: false, upper: two, upperInclusive: false }],
    ['< 2, > 1', { lower: one, lowerInclusive: false, upper: two, upperInclusive: false }],
    [', <= 2', { lower: 'MIN', lowerInclusive: true, upper: two, upperInclusive: true }],
    ['>= 1, <= 1', { lower: one, lowerInclusive: true, upper: one, upperInclusive: true }],
    ['>= 1, > 1', { lower: one, lowerInclusive: false, upper: 'MAX', upperInclusive: true }],
    ['<= 1, < 1', { lower: 'MIN', lowerInclusive: true, upper: one, upperInclusive: false }],
    ['> 1, = 2', { lower: two, lowerInclusive: true, upper: two, upperInclusive: true }],
  ])("'%s' is what it says", (text, expected) => {
    expect(interval(text)).toEqual(expected);
  });

  test.each([
    ['< 3, > 3', 'overlap'],
    ['> 2, < 1', 'overlap'],
    ['= 1, = 2', 'found contradicting package version requirements: x:C:'],
    ['>= 1, < 1', 'overlap'],
    ['= 1, > 1', 'overlap'],
    ['?? 1', "'??'"],
    ['1, == 1', "'=='"],
    ['=', "'='"],
    ['1, <', "'<'"],
  ])("'%s' is an error", (text, words) => {
    expect(() => interval(text)).toThrow(words);
  });

  test('providers are put in order by lower bound, then inclusive before exclusive, then upper bound', () => {
    const inOrder = ['< 1', '<= 1', '< 2', '', '1', '>= 1, < 2', '>= 1', '> 1, < 2', '> 1', '2'].map(interval);
    for (let i = 0; i < inOrder.length; i++) {
      for (let j = 0; j < inOrder.length; j++) {
        const order = compareIntervals(inOrder[i] as VersionInterval, inOrder[j] as VersionInterval);
        expect([i, j, Math.sign(order)]).toEqual([i, j, Math.sign(i - j)]);
      }
    }
  });

  // The toolkit gets two-bounded providers wrong.
  test.each([
    ['> 1, <= 2', '>= 1, <= 4', true],
    ['> 1, <= 2', '>= 2', true],
    ['> 1, <= 2', '> 2', false],
    ['> 1, <= 2', '1', false],
    ['>= 1, < 3', '> 1, < 2', true],
    ['> 1, < 3', '>= 1, <= 3', true],
    ['> 6, < 7', '>= 7', false],
    ['> 6, < 7', '< 6.5', true],
    ['1', '<= 1-2', true],
    ['1', '< 1-2', false],
    ['1', '> 1-2', false],
    ['1-3', '1', true],
    ['1-3', '> 1', false],
    ['>= 1, < 1.5', '1-9', true],
    ['> 1, < 1.5', '1-9', false],
    ['1-2', '>= 1, <= 1-2', true],
    ['1-3', '>= 1, <= 1-2', false],
  ])("'%s' provides for '%s': %p", (provider, need, expected) => {
    expect(overlaps(interval(provider), interval(need))).toBe(expected);
    expect(overlaps(interval(need), interval(provider))).toBe(expected);
  });
});

describe('whether some version lies in both, against a model that tries versions', () => {
  const CONDITIONS = ['', '=', '<', '<=', '>', '>='];
  const meets = (candidate: string, condition: string, version: string): boolean => {
    if (version === '') return true;
    const order = compare(candidate, version);
    return { '': order === 0, '=': order === 0, '<': order < 0, '<=': order <= 0, '>': order > 0, '>=': order >= 0 }[
      condition
    ] as boolean;
  };
  const halves = (bounds: string[]) => [
    { condition: '', version: '' },
    ...CONDITIONS.flatMap((condition) => bounds.map((version) => ({ condition, version }))),
  ];
  const all = (bounds: string[]): VersionedName[] =>
    halves(bounds).flatMap((first) =>
      halves(bounds).map((second) => ({
        name: 'x',
        ...first,
        sCondition: second.condition,
        sVersion: second.version,
      })),
    );
  const inWords = (x: VersionedName) => `${x.condition}${x.version},${x.sCondition}${x.sVersion}`;

  test('every pair of intervals with bounds 1, 2 and 3', () => {
    const candidates = ['', '1', '1.5', '2', '2.5', '3', '4'];
    const wrong: string[] = [];
    const good: { wish: VersionedName; interval: VersionInterval; met: Set<string> }[] = [];
    for (const wish of all(['1', '2', '3'])) {
      const met = new Set(
        candidates.filter((v) => meets(v, wish.condition, wish.version) && meets(v, wish.sCondition, wish.sVersion)),
      );
      try {
        good.push({ wish, interval: intervalOf(wish), met });
        if (met.size === 0) wrong.push(`${inWords(wish)} should be an error`);
      } catch {
        if (met.size > 0) wrong.push(`${inWords(wish)} should not be an error`);
      }
    }
    expect(good.length).toBeGreaterThan(200);
    for (const a of good) {
      for (const b of good) {
        const expected = [...a.met].some((v) => b.met.has(v));
        if (overlaps(a.interval, b.interval) !== expected)
          wrong.push(`${inWords(a.wish)} and ${inWords(b.wish)}: not ${!expected}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  /** Wishes that mix versions with and without a release, which are equal to all of one another's releases. */
  const mixed = all(['1', '1-2', '1-3', '2', '2-1']).flatMap((wish) => {
    try {
      return [{ wish, interval: intervalOf(wish) }];
    } catch {
      return [];
    }
  });

  test('it does not matter which of two intervals is asked about the other', () => {
    const wrong = mixed.flatMap((a) =>
      mixed
        .filter((b) => overlaps(a.interval, b.interval) !== overlaps(b.interval, a.interval))
        .map((b) => `${inWords(a.wish)} and ${inWords(b.wish)}`),
    );
    expect(wrong).toEqual([]);
  });

  test('a version with a release meets a wish where it meets each of its conditions', () => {
    const wrong: string[] = [];
    for (const { wish, interval: need } of mixed) {
      for (const version of ['1-1', '1-2', '1-3', '1-4', '2-1', '2-2', '3-1']) {
        const expected = meets(version, wish.condition, wish.version) && meets(version, wish.sCondition, wish.sVersion);
        if (overlaps(interval(version), need) !== expected)
          wrong.push(`${version} for ${inWords(wish)}: not ${!expected}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('conditions that some version with a release meets are no contradiction', () => {
    const candidates = ['1-1', '1-2', '1-2.5', '1-3', '1-4', '1.5-1', '2-0', '2-1', '2-2', '3-1'];
    const wrong: string[] = [];
    for (const wish of all(['1', '1-2', '1-3', '2', '2-1'])) {
      const met = candidates.some(
        (v) => meets(v, wish.condition, wish.version) && meets(v, wish.sCondition, wish.sVersion),
      );
      const accepted = mixed.some((other) => inWords(other.wish) === inWords(wish));
      if (met && !accepted) wrong.push(inWords(wish));
    }
    expect(wrong).toEqual([]);
  });
});

describe.each(['toolkit', 'rpm'] as const)(
  'intervals in the order of the %s, against versions tried one by one',
  (order) => {
    const CONDITIONS = ['=', '<', '<=', '>', '>='];
    const half = (bounds: readonly string[]) =>
      bounds.flatMap((version) => CONDITIONS.map((condition) => ({ condition, version })));
    const single = (bounds: readonly string[]): VersionedName[] =>
      half(bounds).map((first) => ({ name: 'x', ...first, sCondition: '', sVersion: '' }));
    const double = (bounds: readonly string[]): VersionedName[] =>
      half(bounds).flatMap((first) =>
        half(bounds).map(({ condition, version }) => ({
          name: 'x',
          ...first,
          sCondition: condition,
          sVersion: version,
        })),
      );
    const inWords = (x: VersionedName) => `${x.condition}${x.version}${x.sVersion && `, ${x.sCondition}${x.sVersion}`}`;
    const inOrder = (a: string, b: string) => compareVersions(parseVersion(a, order), parseVersion(b, order));
    const meets = (candidate: string, { condition, version, sCondition, sVersion }: VersionedName): boolean =>
      [
        [condition, version],
        [sCondition, sVersion],
      ].every(([c, v]) => {
        if (!v) return true;
        const sign = inOrder(candidate, v);
        return c === '='
          ? sign === 0
          : c?.startsWith('<')
            ? sign < 0 || (c === '<=' && sign === 0)
            : sign > 0 || (c === '>=' && sign === 0);
      });

    /** Looks at every pair; the candidates must lie at, between and beyond all bounds, each with a release. */
    function mismatches(providers: VersionedName[], needs: VersionedName[], candidates: readonly string[]) {
      const known = (wish: VersionedName): { wish: VersionedName; met: Set<string>; interval?: VersionInterval }[] => {
        const met = candidates.filter((candidate) => meets(candidate, wish));
        try {
          return [{ wish, met: new Set(met), interval: intervalOf(wish, order) }];
        } catch {
          return met.length > 0 ? [{ wish, met: new Set(met) }] : [];
        }
      };
      const wrong: string[] = [];
      const [from, to] = [providers.flatMap(known), needs.flatMap(known)];
      for (const { wish, interval } of [...from, ...to])
        if (!interval) wrong.push(`${inWords(wish)} is no contradiction`);
      let pairs = 0;
      for (const a of from) {
        for (const b of to) {
          if (!a.interval || !b.interval) continue;
          pairs++;
          const expected = [...a.met].some((candidate) => b.met.has(candidate));
          if (overlaps(a.interval, b.interval) !== expected)
            wrong.push(`${inWords(a.wish)} for ${inWords(b.wish)}: not ${!expected}`);
        }
      }
      return { wrong, pairs };
    }
    const withReleases = (versions: readonly string[]) =>
      versions.flatMap((v) => [`${v}-0`, `${v}-1`, `${v}-1.5`, `${v}-2`, `${v}-3`]);

    test('every single bound for every single bound', () => {
      const bounds = ['1', '2', '3'];
      const { wrong, pairs } = mismatches(
        single(bounds),
        single(bounds),
        withReleases(['0', '1', '1.5', '2', '2.5', '3', '4']),
      );
      expect([wrong, pairs]).toEqual([[], 225]);
    });

    test('every two bounds for every two bounds', () => {
      const bounds = ['1', '2', '3', '4'];
      const candidates = withReleases(['0', '1', '1.5', '2', '2.5', '3', '3.5', '4', '5']);
      const { wrong, pairs } = mismatches(double(bounds), [...single(bounds), ...double(bounds)], candidates);
      expect(wrong).toEqual([]);
      expect(pairs).toBeGreaterThan(50_000);
    });

    test('bounds with releases, in several epochs', () => {
      const bounds = ['1-1', '1-2', '0:2-1', '1:1-1', '1:1-2'];
      const candidates = withReleases(['0', '1', '1.5', '2', '3', '1:0', '1:1', '1:2', '2:0']);
      const { wrong, pairs } = mismatches(double(bounds), [...single(bounds), ...double(bounds)], candidates);
      expect(wrong).toEqual([]);
      expect(pairs).toBeGreaterThan(100_000);
    });

    /*
     * A bound without a release is equal to all of them, so that no version lies just beside it: there are no versions to try. What is then left
     * is rpm's own rule for two conditions: those with equal bounds must share the bound or a direction.
     */
    const agree = (c1: string, v1: string, c2: string, v2: string): boolean => {
      const sign = inOrder(v1, v2);
      if (sign < 0) return c1.includes('>') || c2.includes('<');
      if (sign > 0) return c1.includes('<') || c2.includes('>');
      return [...'<=>'].some((side) => c1.includes(side) && c2.includes(side));
    };

    test('a bound without a release beside bounds with one, against rpm’s rule for two conditions', () => {
      const bounds = ['1', '1-1', '1-2', '2', '2-1', '1:1', '1:1-1'];
      const wrong: string[] = [];
      for (const a of single(bounds)) {
        for (const b of single(bounds)) {
          const expected = agree(a.condition, a.version, b.condition, b.version);
          if (overlaps(intervalOf(a, order), intervalOf(b, order)) !== expected)
            wrong.push(`${inWords(a)} for ${inWords(b)}: not ${!expected}`);
        }
      }
      expect(wrong).toEqual([]);
    });
  },
);
