import type { FlagSpec } from '../../config/flag-spec';
import type { FlagValues } from '../../config/flags';
import type { Graph } from '../../graph/graph';
import { type NodeId, NodeType } from '../../graph/node';

export const JSON_FLAG: FlagSpec = {
  kind: 'bool',
  name: 'json',
  help: 'Print JSON for programs in place of text for people.',
};

/** A node's name as its author or the toolkit gave it. */
export function nameOf(graph: Graph, node: NodeId): string {
  return printable((isToolkits(graph, node) && graph.friendlyName(node)) || graph.label(node));
}

function isToolkits(graph: Graph, node: NodeId): boolean {
  if (graph.command(node)) return false;
  const key = graph.field(node, 'key');
  if (graph.hasPackage(node) || key === '') return true;
  // A toolkit graph that was converted to JSON has its numbers for ids.
  const type = graph.type(node);
  return key === String(node) && (type === NodeType.Goal || type === NodeType.PureMeta);
}

const ABRIDGED_ENDS = 30;

/** All of a list a person can read; of a longer one its two ends. */
export function abridged(items: readonly string[]): readonly string[] {
  const left = items.length - 2 * ABRIDGED_ENDS;
  if (left <= 1) return items;
  return [...items.slice(0, ABRIDGED_ENDS), `… ${number(left)} more …`, ...items.slice(-ABRIDGED_ENDS)];
}

/** Rows of a name, a number and a remark, one below the other. */
export function table(rows: readonly (readonly string[])[]): string {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const [names, numbers] = [width(0), width(1)];
  return rows
    .map(([name = '', value = '', remark = '']) =>
      `${name.padEnd(names)}  ${value.padStart(numbers)}  ${remark}`.trimEnd(),
    )
    .join('\n');
}

export function argument(flags: FlagValues, at: number): string {
  return flags.positional[at] as string;
}

export function number(value: number): string {
  return value.toLocaleString('en-US');
}

export function count(value: number, what: string): string {
  return `${number(value)} ${what}${value === 1 ? '' : 's'}`;
}

/** Names come from files; none may break a line or drive the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '?');
}

export function toJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
