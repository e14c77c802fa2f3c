import { compareRpmVersions, parseRpmVersion, type RpmVersion } from './rpm-versions';

/**
 * By which rule versions are compared: the toolkit's own, which its graphs are made by, or rpm's, which decides what is installed. See
 * docs/decisions/0004-versions.md.
 */
export type VersionOrder = 'toolkit' | 'rpm';
export const VERSION_ORDERS: readonly VersionOrder[] = ['toolkit', 'rpm'];

/** A point on the line of versions, or one of its ends. */
export type VersionPoint = 'MIN' | 'MAX' | ParsedVersion;

/** A version, ready to be compared with others that were read for the same order. */
export type ParsedVersion = ToolkitVersion | OrderedByRpm;

interface ToolkitVersion {
  readonly order: 'toolkit';
  /** As it was written. Versions that compare as equal may still be two packages. */
  readonly text: string;
  readonly version: readonly bigint[];
  /** Empty where the text has no release. */
  readonly release: readonly bigint[];
}

interface OrderedByRpm extends RpmVersion {
  readonly order: 'rpm';
  readonly text: string;
}

const UINT64_LIMIT = 1n << 64n;

/**
 * Reads `2:1.0-3`. In the toolkit's order, runs of digits or lower-case letters count, as numbers of base 36; all else only separates.
 */
export function parseVersion(text: string, order: VersionOrder = 'toolkit'): ParsedVersion {
  if (order === 'rpm') return { order, text, ...parseRpmVersion(text) };
  const dash = text.indexOf('-');
  const version = dash < 0 ? text : text.slice(0, dash);
  const withEpoch = /^(?:\d+|[a-z]):/.test(version) ? version : `0:${version}`;
  return { order, text, version: components(withEpoch), release: dash < 0 ? [] : components(text.slice(dash + 1)) };
}

/** Below 0 where a comes first, above 0 where b does. A release counts only if both have one. */
export function compareVersions(a: VersionPoint, b: VersionPoint): number {
  if (a === b) return 0;
  if (a === 'MIN' || b === 'MAX') return -1;
  if (a === 'MAX' || b === 'MIN') return 1;
  if (a.order === 'rpm' && b.order === 'rpm') return compareRpmVersions(a, b);
  if (a.order === 'rpm' || b.order === 'rpm') {
    throw new Error(
      `Internal error: expected versions of one order, found '${a.text}' (${a.order}) and '${b.text}' (${b.order})`,
    );
  }
  const versions = compareComponents(a.version, b.version);
  if (versions !== 0 || a.release.length === 0 || b.release.length === 0) return versions;
  return compareComponents(a.release, b.release);
}

/** The versions that a package has, or that a dependency accepts. */
export interface VersionInterval {
  readonly lower: VersionPoint;
  readonly lowerInclusive: boolean;
  readonly upper: VersionPoint;
  readonly upperInclusive: boolean;
}

export interface VersionedName {
  readonly name: string;
  readonly version: string;
  readonly condition: string;
  readonly sVersion: string;
  readonly sCondition: string;
}

/** A package version in the toolkit's messages: `zlib:C:'>='V:'1.3',C2:''V2:''`. */
export function versionedNameText({ name, condition, version, sCondition, sVersion }: VersionedName): string {
  return `${name}:C:'${condition}'V:'${version}',C2:'${sCondition}'V2:'${sVersion}'`;
}

const EVERYTHING: VersionInterval = { lower: 'MIN', lowerInclusive: true, upper: 'MAX', upperInclusive: true };

/** @throws Error where the two conditions leave no version, or one is unknown */
export function intervalOf(wanted: VersionedName, order: VersionOrder = 'toolkit'): VersionInterval {
  const first = halfInterval(wanted.condition, wanted.version, order);
  const second = halfInterval(wanted.sCondition, wanted.sVersion, order);
  const both = intersection(first, second);
  if (both) return both;
  const isExact = (condition: string) => condition === '' || condition === '=';
  throw new Error(
    isExact(wanted.condition) && isExact(wanted.sCondition)
      ? `found contradicting package version requirements: ${versionedNameText(wanted)}`
      : `version bounds (${versionedNameText(wanted)}) don't overlap`,
  );
}

/** Whether some version lies in both. */
export function overlaps(a: VersionInterval, b: VersionInterval): boolean {
  return reaches(a, b) && reaches(b, a);
}

/** Equal as the toolkit sees it: the same texts, not only versions that compare as equal. */
export function intervalKey({ lower, lowerInclusive, upper, upperInclusive }: VersionInterval): string {
  const text = (point: VersionPoint) => (typeof point === 'string' ? point : `=${point.text}`);
  return `${lowerInclusive ? '[' : '('}${text(lower)},${text(upper)}${upperInclusive ? ']' : ')'}`;
}

/** An interval for people, as the toolkit prints it: `[1,1]`, `(1,MAX_VER]`. */
export function showInterval({ lower, lowerInclusive, upper, upperInclusive }: VersionInterval): string {
  const text = (point: VersionPoint) => (typeof point === 'string' ? `${point}_VER` : point.text);
  return `${lowerInclusive ? '[' : '('}${text(lower)},${text(upper)}${upperInclusive ? ']' : ')'}`;
}

/** Whether one interval begins before the other ends. */
function reaches(from: VersionInterval, to: VersionInterval): boolean {
  const order = compareVersions(from.lower, to.upper);
  return order < 0 || (order === 0 && from.lowerInclusive && to.upperInclusive);
}

/** Lower bound, then whether it is included, then upper bound: the toolkit's order of providers. */
export function compareIntervals(a: VersionInterval, b: VersionInterval): number {
  return (
    compareVersions(a.lower, b.lower) ||
    Number(b.lowerInclusive) - Number(a.lowerInclusive) ||
    compareVersions(a.upper, b.upper) ||
    Number(a.upperInclusive) - Number(b.upperInclusive)
  );
}

function halfInterval(condition: string, version: string, order: VersionOrder): VersionInterval {
  if (version === '') {
    if (condition !== '') throw new Error(`the condition '${condition}' has no version`);
    return EVERYTHING;
  }
  const at = parseVersion(version, order);
  switch (condition) {
    case '':
    case '=':
      return { lower: at, lowerInclusive: true, upper: at, upperInclusive: true };
    case '>=':
      return { ...EVERYTHING, lower: at };
    case '>':
      return { ...EVERYTHING, lower: at, lowerInclusive: false };
    case '<=':
      return { ...EVERYTHING, upper: at };
    case '<':
      return { ...EVERYTHING, upper: at, upperInclusive: false };
    default:
      throw new Error(`unknown condition '${condition}'`);
  }
}

function intersection(a: VersionInterval, b: VersionInterval): VersionInterval | undefined {
  const { lower, lowerInclusive } = later(a, b);
  const { upper, upperInclusive } = earlier(a, b);
  if (!isSatisfiable(lower, lowerInclusive, upper, upperInclusive)) return undefined;
  return { lower, lowerInclusive, upper, upperInclusive };
}

/**
 * Bounds that compare as equal leave something between them if both belong to it; or if just one has a release and the other
 * belongs to it, as a bound without a release stands for all releases (`>= 1, < 1-2` accepts 1-1).
 */
function isSatisfiable(lower: VersionPoint, lowerIn: boolean, upper: VersionPoint, upperIn: boolean): boolean {
  const order = compareVersions(lower, upper);
  if (order !== 0 || (lowerIn && upperIn)) return order <= 0;
  if (hasRelease(lower) === hasRelease(upper)) return false;
  return hasRelease(lower) ? upperIn : lowerIn;
}

/** The interval that begins later. */
function later(a: VersionInterval, b: VersionInterval): VersionInterval {
  const order = compareVersions(a.lower, b.lower);
  if (order !== 0) return order > 0 ? a : b;
  return narrowness(a.lower, a.lowerInclusive) > narrowness(b.lower, b.lowerInclusive) ? a : b;
}

/** The interval that ends earlier. */
function earlier(a: VersionInterval, b: VersionInterval): VersionInterval {
  const order = compareVersions(a.upper, b.upper);
  if (order !== 0) return order < 0 ? a : b;
  return narrowness(a.upper, a.upperInclusive) > narrowness(b.upper, b.upperInclusive) ? a : b;
}

/** Which of two bounds that compare as equal leaves less: one without a release takes all releases in, or leaves all out. */
function narrowness(point: VersionPoint, inclusive: boolean): number {
  if (hasRelease(point)) return inclusive ? 1 : 2;
  return inclusive ? 0 : 3;
}

function hasRelease(point: VersionPoint): boolean {
  return typeof point !== 'string' && point.release.length > 0;
}

function components(text: string): bigint[] {
  return (text.match(/[0-9]+|[a-z]+/g) ?? []).map((run) => {
    let value = 0n;
    for (const digit of run) value = value * 36n + BigInt(Number.parseInt(digit, 36));
    return value < UINT64_LIMIT ? value : 0n;
  });
}

function compareComponents(a: readonly bigint[], b: readonly bigint[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [left, right] = [a[i] as bigint, b[i] as bigint];
    if (left !== right) return left < right ? -1 : 1;
  }
  return a.length - b.length;
}
