import type { HeaderDependency } from './spec-dependencies';

/** One package of a spec, as rpmspec answers: a binary package, or the source package. */
export interface SpecPackage {
  readonly name: string;
  readonly version: string;
  readonly release: string;
  readonly arch: string;
  readonly provides: readonly HeaderDependency[];
  readonly requires: readonly HeaderDependency[];
  /** Architectures that the spec is only for; empty where it is for all. */
  readonly exclusiveArchs: readonly string[];
  /** Architectures that the spec is not for. */
  readonly excludedArchs: readonly string[];
  /** Whether some source is left out of the source package, which then is called `.nosrc.rpm`. */
  readonly isNoSource: boolean;
}

/** One line a fact: its kind, then its texts, with tabs between. */
export const SPEC_QUERY = [
  String.raw`package\t%{NAME}\t%{VERSION}\t%{RELEASE}\t%{ARCH}\n`,
  String.raw`[provides\t%{PROVIDENAME}\t%{PROVIDEFLAGS:depflags}\t%{PROVIDEVERSION}\n]`,
  String.raw`[requires\t%{REQUIRENAME}\t%{REQUIREFLAGS:depflags}\t%{REQUIREVERSION}\n]`,
  String.raw`[only-for\t%{EXCLUSIVEARCH}\n][not-for\t%{EXCLUDEARCH}\n][no-source\t%{NOSOURCE}\n][no-source\t%{NOPATCH}\n]`,
].join('');

/** Reads what rpmspec answers to {@link SPEC_QUERY}. */
export function parseSpecQuery(output: string): SpecPackage[] {
  const packages: MutablePackage[] = [];
  for (const line of output.split('\n')) {
    const [kind, ...texts] = line.split('\t');
    const [first = '', second = '', third = '', fourth = ''] = texts.map((text) => text.trim());
    if (kind === 'package') packages.push(newPackage(first, second, third, fourth));
    const current = packages.at(-1);
    if (kind === 'provides') current?.provides.push({ name: first, condition: second, version: third });
    else if (kind === 'requires') current?.requires.push({ name: first, condition: second, version: third });
    else if (kind === 'only-for') current?.exclusiveArchs.push(first);
    else if (kind === 'not-for') current?.excludedArchs.push(first);
    else if (kind === 'no-source' && current) current.isNoSource = true;
  }
  return packages;
}

type MutablePackage = {
  -readonly [K in keyof SpecPackage]: SpecPackage[K] extends readonly (infer T)[] ? T[] : SpecPackage[K];
};

function newPackage(name: string, version: string, release: string, arch: string): MutablePackage {
  const lists = { provides: [], requires: [], exclusiveArchs: [], excludedArchs: [] };
  return { name, version, release, arch, ...lists, isNoSource: false };
}
