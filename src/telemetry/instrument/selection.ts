import { globs } from '../../util/globs';
import type { InstrumentedKind, InstrumentOptions } from '../telemetry.options';

/** What `instrument` asks for. */
export class Selection {
  private readonly kinds: ReadonlySet<InstrumentedKind> | undefined;
  private readonly included: ((name: string) => boolean) | undefined;
  private readonly named: ReadonlySet<string>;
  private readonly excluded: (name: string) => boolean;

  constructor({ kinds, include, exclude = [] }: InstrumentOptions) {
    this.kinds = kinds && new Set(kinds);
    this.included = include && globs(include);
    this.named = new Set(include);
    this.excluded = globs(exclude);
  }

  /** Whether a class of the application is to be traced. */
  wants(name: string): boolean {
    return this.included?.(name) !== false && !this.excluded(name);
  }

  /** Whether it is asked for by this very name: then it may also be a library's, or made by a factory. */
  names(name: string): boolean {
    return this.named.has(name) && !this.excluded(name);
  }

  wantsMethod(className: string, method: string, kind: InstrumentedKind): boolean {
    return this.kinds?.has(kind) !== false && !this.excluded(`${className}.${method}`);
  }
}
