import { err, ok, type Result } from '@workspace/result';

/** Names, each with the names of what it needs. */
export type Needs = ReadonlyMap<string, readonly string[]>;

/**
 * Orders the names so that each comes after everything it needs, and otherwise as given.
 * Fails on a need that is not there, and on a cycle, which it spells out.
 */
export function order(graph: Needs): Result<string[]> {
  const done = new Set<string>();
  const path: string[] = [];

  function visit(name: string): string | undefined {
    if (done.has(name)) return undefined;
    const seen = path.indexOf(name);
    if (seen >= 0) return `there is a cycle: ${[...path.slice(seen), name].join(' → ')}`;
    const needs = graph.get(name);
    if (!needs) return `"${path.at(-1)}" needs "${name}", which is not there`;
    path.push(name);
    for (const need of needs) {
      const problem = visit(need);
      if (problem) return problem;
    }
    path.pop();
    done.add(name);
    return undefined;
  }

  for (const name of graph.keys()) {
    const problem = visit(name);
    if (problem) return err(problem);
  }
  return ok([...done]);
}

/** The same graph seen from the other side: names, each with the names of what needs it. */
export function reverse(graph: Needs): Map<string, string[]> {
  const reversed = new Map<string, string[]>([...graph.keys()].map((name) => [name, []]));
  for (const [name, needs] of graph) {
    for (const need of needs) reversed.get(need)?.push(name);
  }
  return reversed;
}
