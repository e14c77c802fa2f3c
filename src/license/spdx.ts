import { basename, dirname } from 'node:path';
import type { RpmContents } from '../rpm/rpm-files';
import { printable } from '../util/words';
import type { SpdxFinding } from './findings';

/** What `spdx-expression-parse` makes of an expression. */
type SpdxExpression =
  | { readonly license: string; readonly plus?: true; readonly exception?: string }
  | { readonly conjunction: 'and' | 'or'; readonly left: SpdxExpression; readonly right: SpdxExpression };

/**
 * Holds the License tag of an RPM against SPDX: whether it is an SPDX expression, and whether it names each licence that a licence
 * file is named for. Only names of files are looked at, so a file called COPYING says nothing.
 */
export function spdxFindings({ licenseTag, licenses }: RpmContents): SpdxFinding[] {
  const tag = printable(licenseTag);
  const expression = parse(licenseTag);
  if (typeof expression === 'string') return [{ kind: 'not-spdx', tag, why: expression }];
  const ids = idsOf(expression);
  const words = new Set(ids.flatMap(wordsOf));
  const missing = (file: string): string[] => {
    const id = exactId(file);
    if (id !== undefined) return ids.includes(id) ? [] : [id];
    return familiesOf(file).filter((family) => !isNamed(family, words));
  };
  return [...licenses]
    .sort()
    .flatMap((file) => missing(file).map((license) => ({ kind: 'not-in-tag' as const, tag, file, license })));
}

/** The expression, or why the text is none. */
function parse(text: string): SpdxExpression | string {
  // Loaded here: it brings the whole list of licences, which few want.
  const parseSpdx = require('spdx-expression-parse') as (text: string) => SpdxExpression;
  if (text.trim() === '' || text === '(none)') return 'there is none';
  // The library steps over such a character, and then complains of another place.
  const odd = /[^\w.+:() -]|_/.exec(text)?.[0];
  if (odd) return `'${printable(odd)}' has no place in one`;
  try {
    return parseSpdx(text);
  } catch (error) {
    const at = /^Unexpected .* at offset (\d+)$/s.exec((error as Error).message)?.[1];
    if (at === undefined) return 'licences are joined by AND, OR and WITH, and grouped by parentheses';
    const start = text.slice(0, Number(at)).search(/[^\s()]*$/);
    const word = /^\S*?(?=[\s()]|$)/.exec(text.slice(start))?.[0] || text.slice(start, start + 1);
    return `'${printable(word)}' is not on SPDX's list`;
  }
}

function idsOf(expression: SpdxExpression): string[] {
  if ('conjunction' in expression) return [...idsOf(expression.left), ...idsOf(expression.right)];
  const { license, exception } = expression;
  return exception === undefined ? [license] : [license, exception];
}

/** By the convention of reuse.software, a file in a folder LICENSES is named by the id of its licence. */
function exactId(file: string): string | undefined {
  if (basename(dirname(file)) !== 'LICENSES') return undefined;
  const id = basename(file).replace(/\.(txt|md)$/, '');
  return /^[\w.-]+$/.test(id) && typeof parse(id) !== 'string' ? id : undefined;
}

/** Words that stand for licences both in names of files and in SPDX's ids. */
const FAMILIES = new Set([
  'agpl',
  'apache',
  'artistic',
  'boost',
  'bsd',
  'bsl',
  'cc0',
  'gfdl',
  'gpl',
  'isc',
  'lgpl',
  'mit',
  'mpl',
  'ofl',
  'unlicense',
  'zlib',
]);

/** The same licence under another word, or one whose text comes with the other: the LGPL adds to the GPL. */
const ALSO: Readonly<Record<string, readonly string[]>> = {
  boost: ['bsl'],
  gpl: ['lgpl'],
  lgpl: ['lgpllr'],
  mit: ['x11', 'mitnfa'],
};

function familiesOf(file: string): string[] {
  const name = basename(file);
  // So called in GNU's own packages.
  if (/^COPYING\.?(LIB|LESSER)\b/i.test(name)) return ['LGPL'];
  const families = wordsOf(name).filter((word) => FAMILIES.has(word));
  return [...new Set(families)].map((family) => family.toUpperCase());
}

function isNamed(family: string, words: ReadonlySet<string>): boolean {
  const word = family.toLowerCase();
  return words.has(word) || (ALSO[word] ?? []).some((other) => words.has(other));
}

/** `LICENSE-lgplv2.1` is license, lgpl, 1: a family's version is left out. */
function wordsOf(name: string): string[] {
  return name
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map((word) => {
      const bare = word.replace(/v?\d+$/, '');
      return FAMILIES.has(bare) && !FAMILIES.has(word) ? bare : word;
    });
}
