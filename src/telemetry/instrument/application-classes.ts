import { type Class, ClassOrigins, extendedBy, hasGivenName, NO_PACKAGE, THIS_PACKAGE } from './class-origins';

/** Tells the classes that an application has written itself: those outside of `node_modules`, and those of its own package, where it is installed as one. */
export class ApplicationClasses {
  private readonly origins = new ClassOrigins();
  private readonly prototypes = new Set<object>();

  /**
   * @param root the application's root module
   * @param nests a class that is Nest's without doubt
   */
  constructor(
    private readonly root: Class,
    private readonly nests: Class,
  ) {}

  /** Modules that are known to be a library's. Then so is what they host. */
  foreign(modules: readonly Class[]): ReadonlySet<Class> {
    this.origins.learn([this.root, ...modules], false);
    return new Set(modules.filter((module) => this.origins.packageOf(module) !== undefined && !this.owns(module)));
  }

  /**
   * Finds out about classes, and those that they extend.
   *
   * @returns those of which nobody knows whose they are: all of them, where Nest is in the same file as the application
   */
  learn(classes: readonly Class[]): readonly Class[] {
    const families = new Set(classes.flatMap((type) => [type, ...extendedBy(type)]));
    this.origins.learn([this.root, this.nests, ...families].filter(hasGivenName), true);
    if (this.mayBeTraced(this.nests)) return classes;
    for (const type of families) if (this.owns(type)) this.prototypes.add(type.prototype);
    return classes.filter((type) => this.origins.packageOf(type) === undefined);
  }

  /** Whether the application has written the class that has this prototype. */
  has(prototype: object): boolean {
    return this.prototypes.has(prototype);
  }

  /** Whether a class may be traced where it is asked for by name: it is neither Nest's nor ours nor Node's. */
  mayBeTraced(type: Class): boolean {
    return !isFramework(this.origins.packageOf(type));
  }

  private owns(type: Class): boolean {
    const name = this.origins.packageOf(type);
    return (
      name === NO_PACKAGE || (name !== undefined && name === this.origins.packageOf(this.root) && !isFramework(name))
    );
  }
}

function isFramework(name: string | undefined): boolean {
  return name !== undefined && (name.startsWith('@nestjs/') || name === THIS_PACKAGE || name === 'node');
}
