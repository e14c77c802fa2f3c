import { existsSync } from 'node:fs';
import type { Graph } from '../../graph/graph';
import type { NodeId } from '../../graph/node';

/**
 * The RPMs that each SRPM makes, by what the graph says: the RPM paths of all nodes of the SRPM. What is missing of them is asked of
 * the disk once, and again after the SRPM has been built.
 */
export class ExpectedRpms {
  private readonly bySrpm = new Map<string, string[]>();
  private readonly missingBySrpm = new Map<string, readonly string[]>();
  private graph: Graph;

  /** @param exists asks whether a file is there */
  constructor(
    graph: Graph,
    private readonly exists: (path: string) => boolean = existsSync,
  ) {
    this.graph = graph;
    this.readFrom(0);
  }

  /** RPM paths of the node's SRPM, each once; none where the node has no SRPM. */
  of(node: NodeId): readonly string[] {
    return this.bySrpm.get(this.graph.srpmPath(node)) ?? [];
  }

  missing(node: NodeId): readonly string[] {
    const srpm = this.graph.srpmPath(node);
    if (srpm === '') return [];
    let missing = this.missingBySrpm.get(srpm);
    if (missing === undefined) {
      missing = this.of(node).filter((path) => !this.exists(path));
      this.missingBySrpm.set(srpm, missing);
    }
    return missing;
  }

  /** The SRPM has been built: what was missing may be there. */
  lookAgain(node: NodeId): void {
    this.missingBySrpm.delete(this.graph.srpmPath(node));
  }

  /** Goes on with a graph in which nodes may have other paths, and new ones stand behind the last. */
  adopt(graph: Graph): void {
    const before = this.graph;
    this.graph = graph;
    for (let node = 0; node < before.size; node++) {
      if (before.rpmPath(node) === graph.rpmPath(node) && before.srpmPath(node) === graph.srpmPath(node)) continue;
      this.bySrpm.clear();
      this.missingBySrpm.clear();
      this.readFrom(0);
      return;
    }
    this.readFrom(before.size);
  }

  private readFrom(first: NodeId): void {
    const { graph } = this;
    const seen = new Map<string, Set<string>>();
    for (let node = first; node < graph.size; node++) {
      const srpm = graph.srpmPath(node);
      const rpm = graph.rpmPath(node);
      if (srpm === '' || rpm === '') continue;
      let paths = seen.get(srpm);
      if (!paths) {
        paths = new Set(this.bySrpm.get(srpm));
        seen.set(srpm, paths);
      }
      if (paths.has(rpm)) continue;
      paths.add(rpm);
      this.missingBySrpm.delete(srpm);
    }
    for (const [srpm, paths] of seen) this.bySrpm.set(srpm, [...paths]);
  }
}
