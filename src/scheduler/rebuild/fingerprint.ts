import { basename } from 'node:path';

/** What a job is made from, by kind, in the order in which a change of it is told. */
export const SECTIONS = ['spec', 'srpm', 'command', 'settings', 'inputs', 'needs', 'outputs'] as const;
export type Section = (typeof SECTIONS)[number];

/**
 * All that a job's result depends on, and the result itself. Each section is lines of a name, a tab, and what stands for the content;
 * sorted, so that two of the same are the same text. A section that does not apply, or could not be looked at, is not there.
 */
export type Fingerprint = { readonly [section in Section]?: string };

/** Content of an RPM that only stands in for one that is built later. */
export const STAND_IN = 'as it is';

/** Stands for a test that ran and failed, whatever it was made from. */
export const FAILED: Fingerprint = {};

export function isFailed(fingerprint: Fingerprint): boolean {
  return Object.keys(fingerprint).length === 0;
}

/** The lines of a section. Names and contents hold no line ends; a tab in a name is as good as a space. */
export function sectionOf(entries: Iterable<readonly [name: string, content: string]>): string {
  const lines: string[] = [];
  for (const [name, content] of entries) lines.push(`${name.replaceAll(/[\t\n\r]/g, ' ')}\t${content}`);
  return lines.sort().join('\n');
}

/** @returns what differs, each in a few words that follow "because"; empty where nothing does */
export function differences(before: Fingerprint, now: Fingerprint): string[] {
  const changes = SECTIONS.flatMap((section) => {
    const [old, current] = [before[section], now[section]];
    if (section === 'srpm' || (old === current && section !== 'spec')) return [];
    if (section === 'spec') return changedSources(before, now);
    if (section === 'outputs') return old === undefined || current === undefined ? [] : changedOutputs(old, current);
    const changed = section === 'needs' ? changedNeeds(old, current) : changesOf(old, current);
    return changed.map(([name, how]) => WORDS[section](name, how));
  });
  return [...new Set(changes)];
}

type Change = 'changed' | 'new' | 'gone';

const WORDS = {
  command: (name: string, how: Change) => (how === 'changed' ? `its ${name} changed` : `its ${name} is ${how}`),
  settings: (name: string, how: Change) => (how === 'changed' ? `${name} changed` : `${name} is ${how}`),
  inputs: (name: string, how: Change) =>
    how === 'changed' ? `its input ${name} changed` : `its input ${name} is ${how}`,
  needs: (name: string, how: Change) =>
    how === 'changed'
      ? `${name}, which it needs, changed`
      : how === 'new'
        ? `it needs ${name}, which it did not`
        : `it needed ${name}, and does no longer`,
} as const;

/**
 * A spec folder and the SRPM packed from it say the same in two ways, and either may be missing: each is compared with its like. A file of
 * the folder that the SRPM does not hold, such as a note to the reader, is in no build.
 */
function changedSources(before: Fingerprint, now: Fingerprint): string[] {
  const kinds = (['spec', 'srpm'] as const).filter((kind) => before[kind] !== undefined && now[kind] !== undefined);
  if (kinds.length === 0) {
    const wereThere = before.spec !== undefined || before.srpm !== undefined;
    const areThere = now.spec !== undefined || now.srpm !== undefined;
    return wereThere || areThere ? ['what it is built from is in another form than before'] : [];
  }
  const packed = before.srpm !== undefined && before.srpm === now.srpm ? filesIn(now.srpm) : undefined;
  return kinds.flatMap((kind) =>
    changesOf(before[kind], now[kind])
      .filter(([name]) => !packed || packed.has(basename(name)))
      .map(([name, how]) => {
        const what = name.endsWith('.spec') ? 'spec' : name.endsWith('.src.rpm') ? 'SRPM' : `source ${name}`;
        return how === 'changed' ? `its ${what} changed` : `its ${what} is ${how}`;
      }),
  );
}

/** The files of an SRPM, where it tells. */
function filesIn(srpm: string): ReadonlyMap<string, string> | undefined {
  const files = linesOf(srpm);
  return [...files.keys()].some((name) => name.endsWith('.spec')) ? files : undefined;
}

/** Where a circle is broken may differ from run to run, and so which of its RPMs only stands in: it changed nothing then or now. */
function changedNeeds(old = '', current = ''): [name: string, how: Change][] {
  const [before, now] = [linesOf(old), linesOf(current)];
  return changesOf(old, current).filter(
    ([name, how]) => how !== 'changed' || (before.get(name) !== STAND_IN && now.get(name) !== STAND_IN),
  );
}

/** Something else has written there since. An output that was not there then, or was not asked for, says nothing. */
function changedOutputs(old: string, current: string): string[] {
  return changesOf(old, current)
    .filter(([, how]) => how === 'changed')
    .map(([name]) => `${basename(name)} is not as it was made`);
}

function changesOf(old = '', current = ''): [name: string, how: Change][] {
  const before = linesOf(old);
  const now = linesOf(current);
  const changes: [string, Change][] = [];
  for (const [name, content] of now) {
    if (!before.has(name)) changes.push([name, 'new']);
    else if (before.get(name) !== content) changes.push([name, 'changed']);
  }
  for (const name of before.keys()) if (!now.has(name)) changes.push([name, 'gone']);
  // What changed says more than what came or went, which tends to follow from it.
  return changes.sort(([, a], [, b]) => Number(b === 'changed') - Number(a === 'changed'));
}

function linesOf(section: string): Map<string, string> {
  const lines = new Map<string, string>();
  for (const line of section === '' ? [] : section.split('\n')) {
    const tab = line.indexOf('\t');
    lines.set(line.slice(0, tab), line.slice(tab + 1));
  }
  return lines;
}
