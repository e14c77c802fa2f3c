import {
  best,
  connect,
  type Entry,
  exact,
  lookupTable,
  type ModelNode,
  NodeState,
  NodeType,
  reachable,
  recordOf,
} from './model-graph';
import type { Wish } from './versions';

export interface Lists {
  readonly wanted: readonly Wish[];
  /** Records of packages to be rebuilt, or of tests to be run again. */
  readonly forced: ReadonlySet<string>;
  readonly ignored: ReadonlySet<string>;
}

export class ListError extends Error {}

/** Words of the three lists of builds, or of tests, as package versions. */
export function resolveLists(
  nodes: readonly ModelNode[],
  role: 'build' | 'test',
  words: { wanted: string; forced: string; ignored: string; image?: readonly Wish[] },
): Lists {
  const table = lookupTable(nodes);
  const candidates = [...table.values()].flat().flatMap((entry) => entry[role] ?? []);
  const find = (word: string): ModelNode[] => {
    const ofSpec = candidates.filter((node) => node.spec === word);
    return ofSpec.length > 0 ? ofSpec : [best(table, { name: word })?.[role] ?? []].flat();
  };
  const resolve = (text: string, strict: boolean) =>
    text
      .split(/\s+/)
      .filter(Boolean)
      .flatMap((word) => {
        const found = find(word);
        if (strict && found.length === 0) throw new ListError(word);
        return found;
      });
  const [wanted, forced, ignored] = [
    resolve(words.wanted, true),
    resolve(words.forced, true),
    resolve(words.ignored, false),
  ];
  const both = forced.filter((node) => ignored.includes(node));
  if (both.length > 0) throw new ListError(`both ignored and forced: ${both[0]?.name}`);
  const image = (words.image ?? []).filter((wish) => best(table, wish)?.[role]);
  const records = (list: readonly Wish[]) => new Set(list.map(recordOf));
  return { wanted: [...wanted, ...forced, ...image], forced: records(forced), ignored: records(ignored) };
}

function goalNode(goalName: string): ModelNode {
  return {
    type: NodeType.Goal,
    state: NodeState.Meta,
    implicit: false,
    name: '',
    srpm: '',
    rpm: '',
    spec: '',
    goalName,
    record: '',
    needs: new Set(),
    neededBy: new Set(),
  };
}

/** A goal of the wishes; no wish is a wish for everything, among packages and among tests alike. */
function addGoal(
  nodes: Iterable<ModelNode>,
  name: string,
  packages: readonly Wish[],
  tests: readonly Wish[],
): ModelNode {
  const table = lookupTable(nodes);
  const goal = goalNode(name);
  for (const [role, wishes] of [
    ['run', packages],
    ['test', tests],
  ] as const) {
    const all = [...table.values()].flat().flatMap((entry: Entry) => entry[role] ?? []);
    for (const wish of wishes.length > 0 ? wishes : all) {
      const node = (exact(table, wish) ?? best(table, wish))?.[role];
      if (!node) throw new ListError(`no ${role} of ${wish.name}`);
      connect(goal, node);
    }
  }
  return goal;
}

function addLayers(goal: ModelNode, layers: number): void {
  const expanded = new Set<ModelNode>();
  let members = [...goal.needs];
  const nextLayer = (of: readonly ModelNode[]): ModelNode[] =>
    of.flatMap((node) => {
      if (expanded.has(node)) return [];
      expanded.add(node);
      return [...node.neededBy].flatMap((dependent) => {
        if (dependent.type === NodeType.Goal) return [];
        return dependent.type === NodeType.LocalRun || dependent.type === NodeType.Test
          ? [dependent]
          : nextLayer([dependent]);
      });
    });
  for (let i = 0; i < layers; i++) members = [...members, ...nextLayer(members)];
  for (const member of members) connect(goal, member);
}

export interface Target {
  readonly nodes: ReadonlySet<ModelNode>;
  readonly goal: ModelNode;
  /** The goal of what was asked for. */
  readonly wanted: ModelNode;
  readonly pruned: boolean;
}

/** What is built, and towards what: the part below the wanted packages where it stands on its own, else everything. */
export function aim(
  nodes: readonly ModelNode[],
  packages: readonly Wish[],
  tests: readonly Wish[],
  options: { extraLayers: number; cachedImplicitWillDo: boolean },
): Target {
  const wanted = addGoal(nodes, 'PackagesToBuild', packages, tests);
  addLayers(wanted, options.extraLayers);
  const part = partBelow(wanted, options.cachedImplicitWillDo);
  if (part) return part;
  const goal = nodes.find(({ type, goalName }) => type === NodeType.Goal && goalName === 'ALL');
  if (!goal) throw new ListError('no goal ALL');
  return { nodes: new Set([...nodes, wanted]), goal, wanted, pruned: false };
}

/** The part below a goal, cut off from the rest, with a goal of all of it; none where a name in it is open. */
export function partBelow(wanted: ModelNode, cachedImplicitWillDo: boolean): Target | undefined {
  const below = reachable([wanted]);
  for (const { implicit, state } of below) {
    if (!implicit) continue;
    if (state === NodeState.Unresolved || (state === NodeState.Cached && !cachedImplicitWillDo)) return undefined;
  }
  for (const node of below)
    for (const dependent of node.neededBy) if (!below.has(dependent)) node.neededBy.delete(dependent);
  const goal = addGoal(below, 'ALL', [], []);
  below.add(goal);
  return { nodes: below, goal, wanted, pruned: true };
}
