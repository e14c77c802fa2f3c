import type { Gate, ParameterAttribute, SpanOptionsOf } from './trace-method';
import { traceMethod } from './trace-method';

type Prototype = object;

/** Methods that are traced, or asked not to be, by the object that has them. Whatever other decorators wrap around a method, this stays true. */
const decided = new WeakMap<Prototype, Set<PropertyKey>>();
const parameters = new WeakMap<Prototype, Map<PropertyKey, ParameterAttribute[]>>();

/** Tracing of this method is settled: nobody else adds a span to it. */
export function settleTracing(of: Prototype, key: PropertyKey): void {
  const keys = decided.get(of);
  if (keys) keys.add(key);
  else decided.set(of, new Set([key]));
}

export function isSettled(of: Prototype, key: PropertyKey): boolean {
  return decided.get(of)?.has(key) === true;
}

/** Whether it is settled on the object that has it, or by a class between that and the one that inherits it. */
export function isSettledFor(heir: Prototype, owner: Prototype, key: PropertyKey): boolean {
  let each: Prototype | null = heir;
  while (each !== null && each !== owner && !isSettled(each, key)) each = Object.getPrototypeOf(each);
  return each !== null && isSettled(each, key);
}

export function addParameterAttribute(of: Prototype, key: PropertyKey, attribute: ParameterAttribute): void {
  const methods = parameters.get(of) ?? new Map<PropertyKey, ParameterAttribute[]>();
  parameters.set(of, methods);
  methods.set(key, [...(methods.get(key) ?? []), attribute]);
}

export function parameterAttributes(of: Prototype, key: PropertyKey): readonly ParameterAttribute[] | undefined {
  return parameters.get(of)?.get(key);
}

/** How the methods of a class are traced. */
export interface ClassTracing {
  /** First part of the spans' names. Default: the name of the class. */
  readonly prefix?: string;
  // biome-ignore lint/suspicious/noExplicitAny: the arguments are the method's
  readonly options?: SpanOptionsOf<any[]>;
  /** Methods that get a span. Default: all. */
  readonly includes?: (key: PropertyKey) => boolean;
  readonly gate?: Gate;
}

/**
 * Traces the methods that instances of a class have: its own, and those it inherits, which then are its own. Methods that are settled are left alone; so are
 * accessors, the constructor, and what the language itself calls, such as `toString` and `Symbol.iterator`.
 *
 * @returns how many methods were traced
 */
export function traceClass(type: { readonly prototype: object; readonly name: string }, how: ClassTracing): number {
  const { prototype } = type;
  let count = 0;
  for (const [key, owner] of propertiesOf(prototype)) {
    if (isSettledFor(prototype, owner, key)) continue;
    if (traceProperty(prototype, owner, key, how.prefix ?? type.name, how)) count += 1;
  }
  return count;
}

/** What instances of a class have, its own and inherited, with the object that has it. */
export function propertiesOf(prototype: Prototype): Map<PropertyKey, Prototype> {
  const properties = new Map<PropertyKey, Prototype>();
  for (
    let owner: object | null = prototype;
    owner && owner !== Object.prototype;
    owner = Object.getPrototypeOf(owner)
  ) {
    for (const key of Reflect.ownKeys(owner)) if (!properties.has(key)) properties.set(key, owner);
  }
  return properties;
}

/** Traces one method, found on `owner`, for `target`. @returns whether it was one to trace */
export function traceProperty(
  target: object,
  owner: object,
  key: PropertyKey,
  prefix: string,
  { options, includes, gate }: ClassTracing,
): boolean {
  if (LEFT_ALONE.has(key) || includes?.(key) === false) return false;
  const property = Object.getOwnPropertyDescriptor(owner, key);
  if (typeof property?.value !== 'function' || isClass(property.value)) return false;
  if (property.configurable === false && owner === target) return false;
  const traced = traceMethod(property.value, {
    name: spanName(prefix, key),
    options,
    parameters: parameterAttributes(owner, key),
    gate,
  });
  Object.defineProperty(target, key, { ...property, configurable: true, value: traced });
  settleTracing(target, key);
  return true;
}

export function spanName(prefix: string, key: PropertyKey): string {
  return `${prefix}.${String(key)}`;
}

const LEFT_ALONE: ReadonlySet<PropertyKey> = new Set<PropertyKey>([
  'constructor',
  'then',
  'toString',
  'toLocaleString',
  'toJSON',
  'valueOf',
  ...Reflect.ownKeys(Symbol).flatMap((name) => {
    const symbol = Symbol[name as keyof typeof Symbol] as unknown;
    return typeof symbol === 'symbol' ? [symbol] : [];
  }),
  Symbol.for('nodejs.util.inspect.custom'),
]);

function isClass(value: unknown): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}
