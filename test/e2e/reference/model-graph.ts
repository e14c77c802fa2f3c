import type { Graph } from '../../../src/graph/graph';
import { NodeState, NodeType } from '../../../src/graph/node';
import { compareIntervals, intervalOf, overlap, same, type Wish } from './versions';

/** A node as the model knows it: an object with its edges, which the model adds and takes away as it goes. */
export interface ModelNode extends Wish {
  readonly type: NodeType;
  readonly state: NodeState;
  readonly implicit: boolean;
  readonly srpm: string;
  readonly rpm: string;
  readonly spec: string;
  readonly goalName: string;
  /** Name and version conditions in one text: what the toolkit compares when it looks into a list. */
  readonly record: string;
  readonly needs: Set<ModelNode>;
  readonly neededBy: Set<ModelNode>;
}

export interface Entry {
  readonly wish: Wish;
  run?: ModelNode;
  build?: ModelNode;
  test?: ModelNode;
}

const SENTINEL = /^<NO_\w+>$/;

export const recordOf = ({ name, condition = '', version = '', sCondition = '', sVersion = '' }: Wish): string =>
  [name, condition, version, sCondition, sVersion].join('|');

export function connect(dependent: ModelNode, dependency: ModelNode): void {
  dependent.needs.add(dependency);
  dependency.neededBy.add(dependent);
}

export function readModel(graph: Graph): ModelNode[] {
  const nodes = Array.from({ length: graph.size }, (_, node): ModelNode => {
    const {
      type,
      state,
      implicit = false,
      name = '',
      goalName = '',
      specPath = '',
      srpmPath = '',
      rpmPath = '',
      ...rest
    } = graph.record(node);
    const { version, condition, sVersion, sCondition } = rest;
    const wish = { name, version, condition, sVersion, sCondition } as Wish;
    return {
      ...wish,
      type,
      state,
      implicit,
      goalName,
      srpm: SENTINEL.test(srpmPath) ? '' : srpmPath,
      rpm: SENTINEL.test(rpmPath) ? '' : rpmPath,
      spec: (specPath.split('/').at(-1) as string).replace(/\.spec$/, ''),
      record: graph.hasPackage(node) ? recordOf(wish) : '',
      needs: new Set(),
      neededBy: new Set(),
    };
  });
  for (const [number, node] of nodes.entries())
    for (const dependency of graph.dependenciesOf(number)) connect(node, nodes[dependency] as ModelNode);
  return nodes;
}

export function reachable(from: Iterable<ModelNode>): Set<ModelNode> {
  const seen = new Set(from);
  for (const node of seen) for (const dependency of node.needs) seen.add(dependency);
  return seen;
}

/** What can be looked up by name, each name's entries from the lowest version to the highest. */
export function lookupTable(nodes: Iterable<ModelNode>): Map<string, Entry[]> {
  const table = new Map<string, Entry[]>();
  for (const node of nodes) {
    const role =
      node.type === NodeType.LocalBuild
        ? 'build'
        : node.type === NodeType.Test
          ? 'test'
          : node.type === NodeType.LocalRun || node.type === NodeType.RemoteRun
            ? 'run'
            : undefined;
    if (!role) continue;
    const entries = table.get(node.name) ?? [];
    table.set(node.name, entries);
    let entry = entries.find(({ wish }) => same(intervalOf(wish), intervalOf(node)));
    if (!entry) {
      entry = { wish: node };
      entries.push(entry);
    }
    const taken = entry[role];
    if (!taken || (taken.type === NodeType.RemoteRun && node.type === NodeType.LocalRun)) entry[role] = node;
  }
  for (const [name, entries] of table)
    table.set(
      name,
      entries
        .filter(({ run, test }) => run || test)
        .sort((a, b) => compareIntervals(intervalOf(a.wish), intervalOf(b.wish))),
    );
  return table;
}

export function best(table: Map<string, Entry[]>, wish: Wish): Entry | undefined {
  return table.get(wish.name)?.findLast((entry) => overlap(intervalOf(entry.wish), intervalOf(wish)));
}

export function exact(table: Map<string, Entry[]>, wish: Wish): Entry | undefined {
  return table.get(wish.name)?.findLast((entry) => same(intervalOf(entry.wish), intervalOf(wish)));
}

export { NodeState, NodeType };
