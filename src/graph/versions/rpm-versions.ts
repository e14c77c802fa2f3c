/** A version as rpm takes it apart: `2:1.0~rc1-3.azl3`. */
export interface RpmVersion {
  readonly epoch: string;
  readonly version: string;
  /** Empty where the text has none: then it stands for all releases. */
  readonly release: string;
}

/** Digits before a colon are the epoch; what follows the last dash is the release. */
export function parseRpmVersion(text: string): RpmVersion {
  const epoch = /^(\d*):/.exec(text);
  const rest = epoch ? text.slice(epoch[0].length) : text;
  const dash = rest.lastIndexOf('-');
  return {
    epoch: epoch?.[1] || '0',
    version: dash < 0 ? rest : rest.slice(0, dash),
    release: dash < 0 ? '' : rest.slice(dash + 1),
  };
}

/** Below 0 where a comes first, above 0 where b does. A release counts only if both have one, as in rpm's dependencies. */
export function compareRpmVersions(a: RpmVersion, b: RpmVersion): number {
  const order = compareSegments(a.epoch, b.epoch) || compareSegments(a.version, b.version);
  if (order !== 0 || a.release === '' || b.release === '') return order;
  return compareSegments(a.release, b.release);
}

/**
 * rpm's order of one part of a version. Runs of digits are numbers of any length and come after runs of letters, which are compared byte by
 * byte; `~` comes before everything, even the end; `^` comes after the end and before everything else; all other characters only separate.
 */
export function compareSegments(a: string, b: string): number {
  if (a === b) return 0;
  const left = a.match(SEGMENT) ?? [];
  const right = b.match(SEGMENT) ?? [];
  for (let i = 0; i < left.length || i < right.length; i++) {
    const order = compareSegment(left[i], right[i]);
    if (order !== 0) return order;
  }
  return 0;
}

const SEGMENT = /\d+|[a-z]+|~|\^/gi;

function compareSegment(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  const order = rank(a) - rank(b);
  if (order !== 0) return order;
  const [left, right] = [a as string, b as string];
  // Of two numbers without leading zeros the longer is greater; of two words the one whose bytes are.
  const [x, y] = /^\d/.test(left) ? [left.replace(/^0+/, ''), right.replace(/^0+/, '')] : [left, right];
  if (x.length !== y.length && /^\d/.test(left)) return x.length - y.length;
  return x < y ? -1 : x > y ? 1 : 0;
}

/** The order of kinds: `~`, the end, `^`, letters, digits. */
function rank(segment: string | undefined): number {
  if (segment === undefined) return 1;
  if (segment === '~') return 0;
  if (segment === '^') return 2;
  return /^\d/.test(segment) ? 4 : 3;
}
