import { totalmem } from 'node:os';
import type { Graph } from '../graph/graph';

/** Share of a capacity by which sums of fractions may be off. */
const ROUNDING = 1e-9;

/**
 * Amounts of named resources that running jobs share. A job that wants more than there is gets all of it, and runs alone.
 */
export class ResourcePool {
  private readonly free: Map<string, number>;
  private readonly users = new Map<string, number>();

  constructor(private readonly capacities: Readonly<Record<string, number>>) {
    this.free = new Map(Object.entries(capacities));
  }

  fits(wanted: Readonly<Record<string, number>> | undefined): boolean {
    if (!wanted) return true;
    return Object.entries(wanted).every(
      ([name, amount]) =>
        this.clamp(name, amount) <=
        (this.free.get(name) ?? Number.POSITIVE_INFINITY) + (this.capacities[name] ?? 0) * ROUNDING,
    );
  }

  take(wanted: Readonly<Record<string, number>> | undefined): void {
    this.change(wanted, -1);
  }

  giveBack(wanted: Readonly<Record<string, number>> | undefined): void {
    this.change(wanted, 1);
  }

  private change(wanted: Readonly<Record<string, number>> | undefined, sign: 1 | -1): void {
    for (const [name, amount] of Object.entries(wanted ?? {})) {
      const free = this.free.get(name);
      if (free === undefined) continue;
      const users = (this.users.get(name) ?? 0) - sign;
      this.users.set(name, users);
      // Sums of fractions drift. Where nobody has any, all of it is there.
      this.free.set(name, users === 0 ? (this.capacities[name] as number) : free + sign * this.clamp(name, amount));
    }
  }

  /** A resource whose amount nobody gave is not limited. */
  private clamp(name: string, amount: number): number {
    return Math.min(amount, this.capacities[name] ?? 0);
  }
}

/** How much there is of each resource; undefined where no node of the graph asks for any. */
export function capacitiesFor(graph: Graph, workers: number): Readonly<Record<string, number>> | undefined {
  let asked = graph.info.resources !== undefined;
  for (let node = 0; node < graph.size && !asked; node++) asked = graph.command(node)?.resources !== undefined;
  return asked ? { cpu: workers, memory: totalmem(), ...graph.info.resources } : undefined;
}
