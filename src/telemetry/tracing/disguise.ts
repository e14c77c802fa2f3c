// biome-ignore lint/suspicious/noExplicitAny: any function at all
type AnyFunction = (this: any, ...args: any[]) => any;

/** `reflect-metadata`, where somebody has loaded it; decorators also work without. */
type Reflection = {
  getOwnMetadataKeys?(target: object): unknown[];
  getOwnMetadata?(key: unknown, target: object): unknown;
  defineMetadata?(key: unknown, value: unknown, target: object): void;
};

/**
 * Makes a function look like the one it stands for: kind, name, length, own properties and metadata. Other libraries ask whether it is an async function; Nest finds routes, guards, schedules and handlers by metadata on the
 * function, others by its name or the number of its parameters.
 */
export function disguise<T extends AnyFunction>(replacement: T, original: AnyFunction): T {
  for (const key of Reflect.ownKeys(original)) {
    if (key === 'prototype' || key === 'arguments' || key === 'caller') continue;
    const property = Object.getOwnPropertyDescriptor(original, key);
    if (property) Object.defineProperty(replacement, key, { ...property, configurable: true });
  }
  const kind = Object.getPrototypeOf(original);
  if (kind !== Object.getPrototypeOf(replacement)) Object.setPrototypeOf(replacement, kind);
  const reflection = Reflect as unknown as Reflection;
  for (const key of reflection.getOwnMetadataKeys?.(original) ?? [])
    reflection.defineMetadata?.(key, reflection.getOwnMetadata?.(key, original), replacement);
  return replacement;
}
