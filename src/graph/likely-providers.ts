import { basename } from 'node:path';
import type { Graph } from './graph';
import { type NodeId, NodeType } from './node';

/** At most so many are named. */
const MOST = 3;

/**
 * Tells from which packages of the graph a name that nobody provides could come, the likeliest first: other versions of it, and packages
 * that are called as those which provide such names usually are. The graph is gone through once, however many names are asked about.
 */
export function likelyProviders(graph: Graph): (node: NodeId) => string[] {
  const packages = new Map<string, NodeId[]>();
  for (let node = 0; node < graph.size; node++) {
    if (graph.types[node] !== NodeType.LocalRun) continue;
    const name = graph.field(node, 'name').toLowerCase();
    const nodes = packages.get(name);
    if (nodes) nodes.push(node);
    else packages.set(name, [node]);
  }
  return (wanted) => {
    const name = graph.field(wanted, 'name');
    const texts = [name, ...usualNames(name)].flatMap((guess) =>
      (packages.get(guess.toLowerCase()) ?? []).map((node) => packageText(graph, node)).sort(),
    );
    return [...new Set(texts)].slice(0, MOST);
  };
}

function packageText(graph: Graph, node: NodeId): string {
  const srpm = basename(graph.srpmPath(node));
  return [graph.field(node, 'name'), graph.field(node, 'version'), srpm && `(${srpm})`].filter(Boolean).join(' ');
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
