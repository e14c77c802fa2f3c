/** A wish for, or an offer of, a package: a name and up to two conditions on its version. */
export interface Wish {
  readonly name: string;
  readonly version?: string;
  readonly condition?: string;
  readonly sVersion?: string;
  readonly sCondition?: string;
}

/** The text of a version, or one of the two ends beyond all versions. */
type Bound = string | -1 | 1;

interface Interval {
  readonly low: Bound;
  readonly lowIn: boolean;
  readonly high: Bound;
  readonly highIn: boolean;
}

const MAX_NUMBER = 2n ** 64n;

function numbers(text: string): bigint[] {
  return (text.match(/[0-9]+|[a-z]+/g) ?? []).map((part) => {
    const value = [...part].reduce((sum, digit) => sum * 36n + BigInt(Number.parseInt(digit, 36)), 0n);
    return value < MAX_NUMBER ? value : 0n;
  });
}

function compareNumbers(a: bigint[], b: bigint[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++)
    if (a[i] !== b[i]) return (a[i] as bigint) < (b[i] as bigint) ? -1 : 1;
  return a.length - b.length;
}

/** The toolkit's order of versions, which is not rpm's. */
export function compareBounds(a: Bound, b: Bound): number {
  if (typeof a === 'number' || typeof b === 'number')
    return (typeof a === 'number' ? a : 0) - (typeof b === 'number' ? b : 0);
  const [left, right] = [a, b].map((text) => {
    const dash = text.indexOf('-');
    const version = dash < 0 ? text : text.slice(0, dash);
    return {
      version: numbers(/^\d+:/.test(version) ? version : `0:${version}`),
      release: dash < 0 ? undefined : numbers(text.slice(dash + 1)),
    };
  }) as [{ version: bigint[]; release?: bigint[] }, { version: bigint[]; release?: bigint[] }];
  const byVersion = compareNumbers(left.version, right.version);
  if (byVersion !== 0 || !left.release || !right.release) return byVersion;
  return compareNumbers(left.release, right.release);
}

export function intervalOf(wish: Wish): Interval {
  const halves: Interval[] = [
    [wish.condition, wish.version],
    [wish.sCondition, wish.sVersion],
  ].map(([condition = '', version = '']) => {
    const all: Interval = { low: -1, lowIn: true, high: 1, highIn: true };
    if (condition === '' && version === '') return all;
    if (condition === '' || condition === '=') return { low: version, lowIn: true, high: version, highIn: true };
    if (condition.startsWith('>')) return { ...all, low: version, lowIn: condition === '>=' };
    return { ...all, high: version, highIn: condition === '<=' };
  });
  const [a, b] = halves as [Interval, Interval];
  const byLow = compareBounds(a.low, b.low) || Number(b.lowIn) - Number(a.lowIn);
  const byHigh = compareBounds(a.high, b.high) || Number(a.highIn) - Number(b.highIn);
  const [low, high] = [byLow >= 0 ? a : b, byHigh <= 0 ? a : b];
  return { low: low.low, lowIn: low.lowIn, high: high.high, highIn: high.highIn };
}

export function overlap(a: Interval, b: Interval): boolean {
  const reaches = (low: Interval, high: Interval) => {
    const order = compareBounds(low.low, high.high);
    return order < 0 || (order === 0 && low.lowIn && high.highIn);
  };
  return reaches(a, b) && reaches(b, a);
}

export function same(a: Interval, b: Interval): boolean {
  return a.low === b.low && a.high === b.high && a.lowIn === b.lowIn && a.highIn === b.highIn;
}

export function compareIntervals(a: Interval, b: Interval): number {
  return compareBounds(a.low, b.low) || Number(b.lowIn) - Number(a.lowIn) || compareBounds(a.high, b.high);
}
