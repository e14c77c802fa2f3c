import type { Graph } from './graph';
import { NODE_STATE_NAMES, NODE_TYPE_NAMES, type NodeId } from './node';
import type { VersionedName } from './versions/versions';

/** The package version that a node stands for, or wants. */
export function versionedNameOf(graph: Graph, node: NodeId): VersionedName {
  return {
    name: graph.field(node, 'name'),
    version: graph.field(node, 'version'),
    condition: graph.field(node, 'condition'),
    sVersion: graph.field(node, 'sVersion'),
    sCondition: graph.field(node, 'sCondition'),
  };
}

/** A node in the toolkit's messages: `A(1,):<ID:0 Type:Run State:Meta Rpm:A.rpm> from 'A.src.rpm' in 'test_repo'`. */
export function nodeText(graph: Graph, node: NodeId): string {
  const { name, condition, version, sCondition, sVersion } = versionedNameOf(graph, node);
  const [what, versions] = graph.hasPackage(node)
    ? [name, `${condition}${version},${sCondition}${sVersion}`]
    : [graph.field(node, 'goalName') || '<NO_NAME>', ''];
  const type = NODE_TYPE_NAMES[graph.type(node)]?.replace(/^Local|(?<=Remote)Run$/, '');
  const state = NODE_STATE_NAMES[graph.state(node)];
  const [rpm, srpm, repo] = (['rpmPath', 'srpmPath', 'sourceRepo'] as const).map((field) => graph.field(node, field));
  return `${what}(${versions}):<ID:${node} Type:${type} State:${state} Rpm:${rpm}> from '${srpm}' in '${repo}'`;
}
