import { basename } from 'node:path';
import type { Graph } from './graph';
import { type NodeId, NodeType } from './node';

/** At most so many are named. */
const MOST = 3;

/**
 * Packages of the graph from which a name that nobody provides could come, the likeliest first: other versions of it, and packages
 * that are called as those which provide such names usually are.
 */
export function likelyProviders(graph: Graph, node: NodeId): string[] {
  const name = graph.field(node, 'name');
  const guesses = new Map(usualNames(name).map((guess, rank) => [guess.toLowerCase(), rank + 1]));
  const found = new Map<string, number>();
  for (let other = 0; other < graph.size; other++) {
    if (graph.types[other] !== NodeType.LocalRun) continue;
    const otherName = graph.field(other, 'name');
    const rank = otherName === name ? 0 : guesses.get(otherName.toLowerCase());
    if (rank === undefined) continue;
    const srpm = basename(graph.srpmPath(other));
    const text = [otherName, graph.field(other, 'version'), srpm && `(${srpm})`].filter(Boolean).join(' ');
    found.set(text, Math.min(rank, found.get(text) ?? rank));
  }
  return [...found]
    .sort(([a, rankA], [b, rankB]) => rankA - rankB || (a < b ? -1 : 1))
    .slice(0, MOST)
    .map(([text]) => text);
}

/** What a package that provides such a name is usually called. */
function usualNames(name: string): string[] {
  const [, kind, inner] = /^([^()]+)\((.*?)\)/.exec(name) ?? [];
  if (name.startsWith('/')) return around(basename(name));
  if (kind === undefined || inner === undefined) return [];
  const language = /^(?:perl|ruby|rubygem|golang|php|ocaml|npm|crate|mvn|tex)$/.exec(kind)?.[0];
  if (language) return modulesAbove(inner).map((module) => (module === '' ? language : `${language}-${module}`));
  if (/^python\d?[\d.]*dist$/.test(kind)) return [`python3-${inner}`, `python-${inner}`, inner];
  if (/\.so(\.|$)/.test(kind)) {
    const library = kind.replace(/\.so.*$/, '');
    return [...around(library), ...around(library.replace(/^lib/, ''))];
  }
  if (kind === 'pkgconfig' || kind === 'cmake') {
    const stem = inner.replace(/[-.]?\d[\d.]*$/, '');
    return [inner, `lib${inner}`, inner.replace(/^lib/, ''), stem, stem.replace(/^lib/, '')].flatMap((base) => [
      `${base}-devel`,
      base,
    ]);
  }
  return around(kind);
}

/** `A::B::C` may be part of `A::B`, or of `A`. */
function modulesAbove(module: string): string[] {
  const parts = module.split('::');
  return parts.map((_, cut) => parts.slice(0, parts.length - cut).join('-'));
}

function around(base: string): string[] {
  return [base, `${base}-libs`, `${base}-devel`];
}
