import { join } from 'node:path';
import { type Graph, GraphBuilder } from '../../src/graph/graph';
import { type NodeId, NodeState, NodeType } from '../../src/graph/node';

/** A package of a test's: what it is called, and what it needs by names of RPMs. */
export interface TestPackage {
  readonly nvr: string;
  /** Folder of its spec file and sources. */
  readonly folder: string;
  /** Names of its RPMs. Default: the package's. */
  readonly rpms?: readonly string[];
  /** Default: `x86_64`, or what this machine is. */
  readonly arch?: string;
  readonly buildNeeds?: readonly string[];
  /** By RPM. */
  readonly runNeeds?: Readonly<Record<string, readonly string[]>>;
}

export interface PackagesGraph {
  readonly graph: Graph;
  /** The node of a package's build, or of its test. */
  build(name: string): NodeId;
  test(name: string): NodeId;
}

export const MACHINE_ARCH = process.arch === 'arm64' ? 'aarch64' : 'x86_64';

/** The graph of some packages, as it is made from spec files: with paths of SRPMs, RPMs and spec files in some folders. */
export function graphOfPackages(
  packages: readonly TestPackage[],
  dirs: { readonly rpms: string; readonly srpms: string },
): PackagesGraph {
  const builder = new GraphBuilder();
  const builds = new Map<string, NodeId>();
  const tests = new Map<string, NodeId>();
  const runs = new Map<string, NodeId>();
  const edges: (() => void)[] = [];
  for (const { nvr, folder, arch = MACHINE_ARCH, buildNeeds = [], runNeeds = {}, ...rest } of packages) {
    const [name, version, release] = partsOf(nvr);
    for (const rpm of rest.rpms ?? [name]) {
      const record = {
        name: rpm,
        version: `${version}-${release}`,
        srpmPath: join(dirs.srpms, `${nvr}.src.rpm`),
        rpmPath: join(dirs.rpms, arch, `${rpm}-${version}-${release}.${arch}.rpm`),
        specPath: folder === '' ? '' : join(folder, `${name}.spec`),
        sourceDir: folder,
        architecture: arch,
      };
      const build = builder.addNode({ type: NodeType.LocalBuild, state: NodeState.Build, ...record });
      const run = builder.addNode({ type: NodeType.LocalRun, state: NodeState.Meta, ...record });
      builder.addDependency(run, build);
      if (!builds.has(name)) {
        builds.set(name, build);
        const test = builder.addNode({
          type: NodeType.Test,
          state: NodeState.Build,
          ...record,
          rpmPath: '<NO_RPM_PATH>',
        });
        tests.set(name, test);
        edges.push(() => {
          for (const need of buildNeeds) builder.addDependency(test, known(runs, need));
        });
      }
      runs.set(rpm, run);
      edges.push(() => {
        for (const need of buildNeeds) builder.addDependency(build, known(runs, need));
        for (const need of runNeeds[rpm] ?? []) builder.addDependency(run, known(runs, need));
      });
    }
  }
  for (const add of edges) add();
  return { graph: builder.build(), build: (name) => known(builds, name), test: (name) => known(tests, name) };
}

function partsOf(nvr: string): [name: string, version: string, release: string] {
  const [, name, version, release] = /^(.+)-([^-]+)-([^-]+)$/.exec(nvr) as unknown as string[];
  return [name as string, version as string, release as string];
}

function known(nodes: ReadonlyMap<string, NodeId>, name: string): NodeId {
  const node = nodes.get(name);
  if (node === undefined) throw new Error(`no package '${name}' in the graph`);
  return node;
}
