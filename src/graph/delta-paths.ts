import { basename } from 'node:path';
import type { Graph, NodeRecord } from './graph';
import { type NodeId, NodeState } from './node';
import { PackageLookup } from './package-lookup';

/** The graph with its paths mended, or why that cannot be done, in the toolkit's words. */
export type DeltaPaths =
  | { readonly ok: true; readonly graph: Graph }
  | { readonly ok: false; readonly message: string };

/**
 * Points installed packages at the RPMs that a build has just made. A delta package's RPM was fetched beforehand, and its path is that
 * of the copy in the cache; once the package had to be built after all, whoever needs it must get the new RPM.
 *
 * To be called for builds of which a node is in state Delta, and no others. The same graph is returned where nothing changes.
 *
 * @param builtFiles paths of the RPMs, as the build gave them
 */
export function fixDeltaPaths(graph: Graph, builtFiles: readonly string[]): DeltaPaths {
  const built = new Map(builtFiles.map((path) => [basename(path), path]));
  const replace = new Map<NodeId, NodeRecord>();
  for (const { run } of built.size === 0 ? [] : new PackageLookup(graph).entries()) {
    if (run === undefined) continue;
    const path = graph.rpmPath(run);
    const now = path === '' ? undefined : built.get(basename(path));
    if (now === undefined || now === path) continue;
    if (graph.states[run] === NodeState.Delta) {
      replace.set(run, { ...graph.record(run), rpmPath: now });
    } else if (!graph.isImplicit(run)) {
      // Implicit ones stand for a name, and are tied to their provider as its RPMs are asked.
      const node = graph.friendlyName(run);
      return {
        ok: false,
        message: `non-delta run node '${node}' has unexpected path '${path}' (expected non-delta path of '${now}')`,
      };
    }
  }
  return { ok: true, graph: replace.size === 0 ? graph : graph.patched({ replace }) };
}
