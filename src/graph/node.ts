/** The toolkit's node types, with the numbers its files carry. */
export const NodeType = {
  Unknown: 0,
  LocalBuild: 1,
  LocalRun: 2,
  Goal: 3,
  RemoteRun: 4,
  PureMeta: 5,
  PreBuilt: 6,
  Test: 7,
} as const;
export type NodeType = (typeof NodeType)[keyof typeof NodeType];

/** The toolkit's node states, with the numbers its files carry. */
export const NodeState = {
  Unknown: 0,
  Meta: 1,
  Build: 2,
  UpToDate: 3,
  Unresolved: 4,
  Cached: 5,
  BuildError: 6,
  Delta: 7,
} as const;
export type NodeState = (typeof NodeState)[keyof typeof NodeState];

/** Names by number: `NODE_TYPE_NAMES[NodeType.LocalBuild] === 'LocalBuild'`. These are also the names in JSON, spans and reports. */
export const NODE_TYPE_NAMES = Object.keys(NodeType) as readonly (keyof typeof NodeType)[];
export const NODE_STATE_NAMES = Object.keys(NodeState) as readonly (keyof typeof NodeState)[];

/** Number of a node within one graph: 0 … size-1. */
export type NodeId = number & { readonly __brand?: 'NodeId' };

/** What the toolkit writes where a node has no such path. */
export const NO_SRPM_PATH = '<NO_SRPM_PATH>';
export const NO_RPM_PATH = '<NO_RPM_PATH>';

/** The string fields of a node that a toolkit graph carries, in the order the toolkit writes them. */
export const PACKAGE_FIELDS = ['name', 'version', 'condition', 'sVersion', 'sCondition'] as const;
export const PATH_FIELDS = [
  'srpmPath',
  'rpmPath',
  'specPath',
  'sourceDir',
  'architecture',
  'sourceRepo',
  'goalName',
] as const;
export type PackageField = (typeof PACKAGE_FIELDS)[number];
export type PathField = (typeof PATH_FIELDS)[number];
export type NodeField = PackageField | PathField;

/** What a node runs, in graphs of commands (the JSON form). */
export interface CommandSpec {
  /** Program and arguments, started without a shell. Exactly one of `command` and `shell` is there. */
  readonly command?: readonly string[];
  /** A command line for `/bin/sh -c`. */
  readonly shell?: string;
  /** Working directory as written, relative to the graph file's folder. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
  /** Milliseconds for one build, all attempts together. */
  readonly timeoutMs?: number;
  readonly attempts?: number;
  /** Amounts of named resources that a running build takes (`memory` in bytes). */
  readonly resources?: Readonly<Record<string, number>>;
}
