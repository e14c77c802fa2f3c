import type { Gate } from '../tracing/trace-method';

/** A class that is traced by the module's `instrument`. */
export interface InstrumentedClass {
  readonly name: string;
  /** What it is to Nest: `controller`, `provider`, `guard`, … */
  readonly kind: string;
  readonly methods: readonly string[];
  readonly enabled: boolean;
}

interface Entry {
  readonly name: string;
  readonly kind: string;
  readonly switches: Map<string, MethodSwitch>;
  enabled: boolean;
}

/**
 * The switch of one traced method. Methods are replaced once for the process, on the prototype; each application that wants them traced holds the gate open.
 */
export class MethodSwitch {
  readonly gate: Gate = { open: false };
  private readonly holders = new Set<object>();

  hold(holder: object): void {
    this.holders.add(holder);
    this.gate.open = true;
  }

  letGo(holder: object): void {
    this.holders.delete(holder);
    this.gate.open = this.holders.size > 0;
  }
}

/**
 * The classes that `instrument` traces, and a switch for each. Switching costs nothing; a method that is switched off costs a few nanoseconds.
 *
 * @example
 * ```ts
 * telemetry.instrumentation.disable('PricingService'); // called a million times an hour
 * ```
 */
export class InstrumentRegistry {
  private readonly entries: Entry[] = [];

  /** Every class that is traced, or could be, with its methods. */
  classes(): InstrumentedClass[] {
    return this.entries.map(({ name, kind, switches, enabled }) => ({
      name,
      kind,
      methods: [...switches.keys()],
      enabled,
    }));
  }

  /** @returns whether there is such a class */
  enable(name: string): boolean {
    return this.set(name, true);
  }

  /** Calls that are under way keep their spans. @returns whether there is such a class */
  disable(name: string): boolean {
    return this.set(name, false);
  }

  /** For the explorer: from now on this class is traced. */
  add(name: string, kind: string, switches: Map<string, MethodSwitch>): void {
    const entry = { name, kind, switches, enabled: true };
    this.entries.push(entry);
    this.apply(entry);
  }

  /** For the explorer: this application ends. */
  close(): void {
    for (const entry of this.entries) {
      entry.enabled = false;
      this.apply(entry);
    }
  }

  private set(name: string, enabled: boolean): boolean {
    const named = this.entries.filter((entry) => entry.name === name);
    for (const entry of named) {
      entry.enabled = enabled;
      this.apply(entry);
    }
    return named.length > 0;
  }

  private apply({ switches, enabled }: Entry): void {
    for (const each of switches.values()) {
      if (enabled) each.hold(this);
      else each.letGo(this);
    }
  }
}
