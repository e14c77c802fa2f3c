import { basename, relative } from 'node:path';
import type { Graph } from '../../graph/graph';
import { type NodeId, NodeType } from '../../graph/node';
import type { FileIdentities } from './file-identities';
import { filesUnder } from './files-under';
import { type Fingerprint, STAND_IN, sectionOf } from './fingerprint';
import type { Content, MadeFrom } from './job-content';

/**
 * What a package is built or tested from: its SRPM, the folder that its spec lies in, and the RPMs that are installed for it.
 */
export class PackageContent implements MadeFrom {
  private readonly installed: InstalledRpms;

  constructor(
    private readonly graph: Graph,
    private readonly node: NodeId,
    private readonly identities: FileIdentities,
    installed: InstalledRpms,
    /** Paths of what it makes; none for a test. */
    readonly outputs: readonly string[],
  ) {
    this.installed = installed;
  }

  paths(): string[] {
    return [...this.installed.of(this.node).keys(), this.graph.srpmPath(this.node), ...this.specFolder().files];
  }

  /** Paths that change as it is built: some agents pack the SRPM themselves. */
  writes(): string[] {
    return [...this.outputs, this.graph.srpmPath(this.node)];
  }

  look(): Content {
    const problems: string[] = [];
    const idOf = (path: string): string => {
      const identity = this.identities.of(path);
      if ('id' in identity) return identity.id;
      if (!identity.isMissing) problems.push(`${path}: ${identity.problem}`);
      return 'missing';
    };
    const folder = this.specFolder();
    if (folder.problem) problems.push(folder.problem);
    const needs = [...this.installed.of(this.node)].map(
      ([path, isStandIn]) => [basename(path), isStandIn ? STAND_IN : idOf(path)] as const,
    );
    const made: Fingerprint = {
      spec:
        folder.files.length === 0 ? undefined : sectionOf(folder.files.map((path) => [this.shown(path), idOf(path)])),
      srpm: this.srpm(problems),
      needs: sectionOf(needs),
    };
    return { made, problems };
  }

  srpm(problems: string[] = []): string | undefined {
    const path = this.graph.srpmPath(this.node);
    const identity = this.identities.of(path);
    if ('id' in identity) return identity.sources ?? sectionOf([[basename(path), identity.id]]);
    if (!identity.isMissing) problems.push(`${path}: ${identity.problem}`);
    return undefined;
  }

  /** A file of the spec folder that is newer than one of the RPMs, where there is such a file. */
  newerSource(): string | undefined {
    const at = (path: string) => this.identities.modifiedAt(path);
    let oldest = Number.POSITIVE_INFINITY;
    for (const path of this.outputs) {
      this.identities.of(path);
      oldest = Math.min(oldest, at(path) ?? oldest);
    }
    return this.specFolder().files.find((path) => (at(path) ?? 0) > oldest);
  }

  /** An RPM of these that it needs, where there is one. */
  neededOf(paths: ReadonlySet<string>): string | undefined {
    return [...this.installed.of(this.node)].find(([path, isStandIn]) => !isStandIn && paths.has(path))?.[0];
  }

  private folder: { readonly files: readonly string[]; readonly problem?: string } | undefined;

  /** The spec and what lies beside and below it; other specs in the folder are other packages. */
  private specFolder(): { readonly files: readonly string[]; readonly problem?: string } {
    this.folder ??= this.findSpecFolder();
    return this.folder;
  }

  private findSpecFolder(): { readonly files: readonly string[]; readonly problem?: string } {
    const spec = this.graph.field(this.node, 'specPath');
    const folder = this.graph.field(this.node, 'sourceDir');
    const isThere = (path: string) => path !== '' && !path.startsWith('<');
    if (!isThere(spec)) return { files: [] };
    const ofSpec = this.identities.of(spec);
    if ('problem' in ofSpec && ofSpec.isMissing) return { files: [] };
    if (!isThere(folder)) return { files: [spec] };
    const { files, problem } = filesUnder(folder);
    const others = files.filter((path) => !path.endsWith('.spec') && !path.endsWith('.src.rpm') && path !== spec);
    return { files: [spec, ...others], problem };
  }

  private shown(path: string): string {
    const folder = this.graph.field(this.node, 'sourceDir');
    const below = relative(folder, path);
    return folder === '' || below.startsWith('..') ? basename(path) : below;
  }
}

/** The RPMs that are installed to build or test a node, as the agents install them. */
export class InstalledRpms {
  private readonly seen: Uint32Array;
  private round = 0;

  constructor(private readonly graph: Graph) {
    this.seen = new Uint32Array(graph.size);
  }

  /**
   * By path: whether the RPM only stands in for one that is built later (a prebuilt one, which breaks a circle). Such an RPM counts by its
   * name alone: it is replaced by the run itself, and what it once built would be rebuilt after every run.
   */
  of(node: NodeId): Map<string, boolean> {
    const { graph, seen } = this;
    const round = ++this.round;
    const own = graph.rpmPath(node);
    const paths = new Map<string, boolean>();
    const stack: NodeId[] = [node];
    seen[node] = round;
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      for (const dependency of graph.dependenciesOf(at)) {
        if (seen[dependency] === round) continue;
        seen[dependency] = round;
        const type = graph.types[dependency];
        if (type === NodeType.LocalBuild) continue;
        const path = graph.rpmPath(dependency);
        if (path !== '' && path !== own) paths.set(path, type === NodeType.PreBuilt && paths.get(path) !== false);
        stack.push(dependency);
      }
    }
    return paths;
  }
}
