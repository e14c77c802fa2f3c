import { type Graph, GraphBuilder, type NodeRecord } from '../../src/graph/graph';
import { type NodeId, NodeState, NodeType } from '../../src/graph/node';

export interface PackageGraph {
  readonly graph: Graph;
  /** The node of a name as in the notation, with `build:` before a package's for its build node. */
  at(name: string): NodeId;
}

const OTHERS: Readonly<Record<string, NodeRecord>> = {
  remote: { type: NodeType.RemoteRun, state: NodeState.Cached },
  lost: { type: NodeType.RemoteRun, state: NodeState.Unresolved },
  implicit: { type: NodeType.RemoteRun, state: NodeState.Cached, implicit: true },
  wanted: { type: NodeType.RemoteRun, state: NodeState.Unresolved, implicit: true },
  prebuilt: { type: NodeType.PreBuilt, state: NodeState.UpToDate },
  meta: { type: NodeType.PureMeta, state: NodeState.Meta },
  goal: { type: NodeType.Goal, state: NodeState.Meta },
};

/**
 * A graph of packages as the toolkit lays it out: `packagesOf('app -> lib; app => data; test:app; app/devel -> lib; goal:ALL -> app')`.
 *
 * `->` is what a package needs to be built (or a test to run), `=>` what it needs to be installed. A package is a build node and a
 * run node, in this order, and belongs to the SRPM of its name up to a slash. Nodes of other kinds are `remote:`, `lost:` (a
 * remote one that nobody provides), `implicit:` (a cached one), `wanted:` (an implicit one that nobody is known to provide), `prebuilt:`, `meta:` and `goal:`. `delta` names packages in state Delta.
 */
export function packagesOf(notation: string, delta: readonly string[] = []): PackageGraph {
  const builder = new GraphBuilder();
  const nodes = new Map<string, NodeId>();
  const paths = (name: string) => {
    const srpm = name.split('/')[0];
    return { name, version: '1-1', srpmPath: `/srpms/${srpm}.src.rpm`, rpmPath: `/rpms/${name.replace('/', '-')}.rpm` };
  };
  const nodeNamed = (name: string): NodeId => {
    const known = nodes.get(name);
    if (known !== undefined) return known;
    const [prefix, rest] = name.includes(':') ? (name.split(':') as [string, string]) : ['', name];
    let node: NodeId;
    if (prefix === '') {
      const state = delta.includes(name) ? NodeState.Delta : NodeState.Build;
      const build = builder.addNode({ type: NodeType.LocalBuild, state, ...paths(name) });
      node = builder.addNode({ type: NodeType.LocalRun, state: NodeState.Meta, ...paths(name) });
      builder.addDependency(node, build);
      nodes.set(`build:${name}`, build);
    } else if (prefix === 'test') {
      nodeNamed(rest);
      const build = nodes.get(`build:${rest}`) as NodeId;
      const record = { ...paths(rest), rpmPath: '<NO_RPM_PATH>' };
      node = builder.addNode({ type: NodeType.Test, state: NodeState.Build, ...record });
      builder.addDependency(node, build);
    } else {
      const record = OTHERS[prefix] as NodeRecord;
      const hasRpm = prefix !== 'meta' && prefix !== 'goal' && prefix !== 'lost' && prefix !== 'wanted';
      node = builder.addNode({
        ...record,
        name: rest,
        goalName: prefix === 'goal' ? rest : undefined,
        rpmPath: hasRpm ? `/cache/${rest}.rpm` : '<NO_RPM_PATH>',
        srpmPath: prefix === 'prebuilt' ? `/srpms/${rest}.src.rpm` : '<NO_SRPM_PATH>',
      });
    }
    nodes.set(name, node);
    return node;
  };
  for (const statement of notation.split(';')) {
    const [, dependent, arrow, dependencies] = /^\s*(\S+)\s*(?:(->|=>)(.*))?$/.exec(statement) ?? [];
    if (!dependent) continue;
    const first = nodeNamed(dependent);
    const from = arrow === '->' ? (nodes.get(`build:${dependent}`) ?? first) : first;
    for (const dependency of dependencies?.trim().split(/\s+/) ?? [])
      builder.addDependency(from, nodeNamed(dependency));
  }
  return {
    graph: builder.build(),
    at(name) {
      const node = nodes.get(name);
      if (node === undefined) throw new Error(`no node '${name}' in the graph`);
      return node;
    },
  };
}
