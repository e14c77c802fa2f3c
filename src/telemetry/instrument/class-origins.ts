import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { dirname, sep } from 'node:path';
import stream from 'node:stream';
import { fileURLToPath } from 'node:url';
import { filesOf } from './function-files';

// biome-ignore lint/complexity/noBannedTypes: any class, abstract or not
export type Class = Function & { readonly prototype: object };

/** The package of what is in none: of an application. */
export const NO_PACKAGE = '';
export const THIS_PACKAGE = 'spanwright';
const NODE = 'node';

/** Where this package's own files are, compiled or not. */
const OWN_FOLDER = dirname(dirname(__dirname)) + sep;

/** Classes of Node's that others like to extend. V8 need not be asked for them. */
const NODE_CLASSES: ReadonlySet<unknown> = new Set<unknown>([
  EventEmitter,
  AsyncLocalStorage,
  AsyncResource,
  ...Object.values(stream),
]);

/**
 * Tells in which package a class is written, so that an application's classes can be told from those of its libraries.
 *
 * A class belongs to the file that exports it; what a package exports and the application exports again is the package's. Where no loaded file exports it (ES modules, which cannot
 * be looked into; a class that stays in its file), V8 is asked where it is written.
 */
export class ClassOrigins {
  private readonly packages = new Map<Class, string>();

  /** Finds out about classes. @param askV8 also about those that no file exports */
  learn(classes: Iterable<Class>, askV8: boolean): void {
    const sought = new Map<string, Set<Class>>();
    for (const type of classes) {
      if (this.packages.has(type)) continue;
      if (NODE_CLASSES.has(type) || isNative(type)) this.packages.set(type, NODE);
      else sought.set(type.name, (sought.get(type.name) ?? new Set()).add(type));
    }
    const all = new Set([...sought.values()].flatMap((named) => [...named]));
    if (all.size === 0) return;
    for (const [file, module] of Object.entries(require.cache)) {
      for (const type of exportedFrom(module?.exports, sought, all)) {
        if (!this.packages.get(type)) this.packages.set(type, packageOf(file));
      }
    }
    const unknown = [...all].filter((type) => !this.packages.has(type));
    if (!askV8 || unknown.length === 0) return;
    const files = filesOf(unknown);
    unknown.forEach((type, at) => {
      const file = files[at];
      if (file !== undefined) this.packages.set(type, packageOf(file));
    });
  }

  /** The name of the package; undefined where nobody knows. */
  packageOf(type: Class): string | undefined {
    return this.packages.get(type);
  }
}

/** The classes that a class extends, the nearest first. */
export function extendedBy(type: Class): Class[] {
  const bases: Class[] = [];
  for (let each = base(type.prototype); each !== undefined; each = base(each.prototype)) bases.push(each);
  return bases;
}

function base(prototype: object): Class | undefined {
  const above: object | null = Object.getPrototypeOf(prototype);
  if (above === null || above === Object.prototype) return undefined;
  const type: unknown = Object.getOwnPropertyDescriptor(above, 'constructor')?.value;
  return typeof type === 'function' && type.prototype === above ? (type as Class) : undefined;
}

/** Nest's `mixin` gives the class that it makes a random name; nothing good could be called by it. */
export function hasGivenName({ name }: Class): boolean {
  return name !== '' && !/^[0-9a-f]{21}$/.test(name);
}

function exportedFrom(
  exports: unknown,
  sought: ReadonlyMap<string, ReadonlySet<Class>>,
  all: ReadonlySet<unknown>,
): Class[] {
  const found: Class[] = [];
  const see = (value: unknown) => {
    if (all.has(value)) found.push(value as Class);
  };
  try {
    see(exports);
    if (exports === null || (typeof exports !== 'object' && typeof exports !== 'function')) return found;
    for (const key of Object.keys(exports)) {
      const property = Object.getOwnPropertyDescriptor(exports, key);
      // A getter may load something, or warn. One with the name of a class that is sought is there to give that class.
      if (property?.get === undefined) see(property?.value);
      else if (sought.has(key) || key === 'default') see(property.get.call(exports));
    }
  } catch {
    // A module that does not want to be looked into.
  }
  return found;
}

/** @param file a path or a URL */
function packageOf(file: string): string {
  if (file.startsWith('node:')) return NODE;
  const path = file.startsWith('file:') ? fileURLToPath(file) : file;
  if (path.startsWith(OWN_FOLDER)) return THIS_PACKAGE;
  const parts = path.split(/[\\/]/);
  const at = parts.lastIndexOf('node_modules');
  if (at < 0) return NO_PACKAGE;
  const [scopeOrName = '', name] = parts.slice(at + 1);
  return scopeOrName.startsWith('@') ? `${scopeOrName}/${name}` : scopeOrName;
}

function isNative(type: Class): boolean {
  return Function.prototype.toString.call(type).includes('[native code]');
}
