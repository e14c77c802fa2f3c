import type { JsonPath } from '../util/json-text';
import { asObject, type Kind, type Refuse, shown } from './value-kinds';

/** The fields of an options object, in its own shape: what each holds, or further fields. */
export interface Fields {
  readonly [name: string]: Kind<unknown> | Fields;
}

/** The fields that an options type must have, none forgotten and none invented. */
export type FieldsOf<Options> = {
  readonly [K in keyof Options]-?: IsLeaf<NonNullable<Options[K]>> extends true
    ? Kind<unknown>
    : FieldsOf<NonNullable<Options[K]>>;
};

/** Arrays and dictionaries are read as a whole. */
type IsLeaf<T> = [T] extends [string | number | boolean | readonly unknown[]]
  ? true
  : string extends keyof T
    ? true
    : false;

/** The ways to the fields: `serviceName`, `export.spool.maxBytes` … */
export type PathIn<F> = {
  [K in keyof F & string]: F[K] extends Kind<unknown> ? K : `${K}.${PathIn<F[K]>}`;
}[keyof F & string];

/** What the field at the end of a path holds, once it is read. */
export type ValueAt<F, P extends string> = P extends `${infer Head}.${infer Rest}`
  ? Head extends keyof F
    ? ValueAt<F[Head], Rest>
    : never
  : P extends keyof F
    ? F[P] extends Kind<infer T>
      ? T
      : never
    : never;

/** What was read, path by path. */
export type ValuesIn<F> = { readonly [P in PathIn<F>]?: ValueAt<F, P> };

function isKind(field: Kind<unknown> | Fields | undefined): field is Kind<unknown> {
  return typeof field?.fromValue === 'function';
}

/** The kind of the field at a path, of fields that have it. */
export function kindAt(fields: Fields, path: string): Kind<unknown> {
  let at: Kind<unknown> | Fields | undefined = fields;
  for (const name of path.split('.')) at = isKind(at) ? undefined : at?.[name];
  if (!isKind(at)) throw new Error(`Internal error: expected a field at ${path}, found none`);
  return at;
}

/** Reads an options object, field by field. What is undefined was not said. */
export function readFields(
  given: unknown,
  fields: Fields,
  accept: (path: JsonPath, value: unknown) => void,
  refuse: Refuse,
  way: JsonPath = [],
): void {
  const object = asObject(given);
  if (!object) {
    // A text in this place may be a URL with its password.
    refuse(`expected an object, got ${typeof given === 'string' ? 'a text' : shown(given)}`, way);
    return;
  }
  for (const [name, item] of Object.entries(object)) {
    if (item === undefined) continue;
    const path = [...way, name];
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) refuse(unknownField(name, fields), path);
    else if (isKind(field)) {
      const value = field.fromValue(item, (reason, below = []) => refuse(reason, [...path, ...below]));
      if (value !== undefined) accept(path, value);
    } else readFields(item, field, accept, refuse, path);
  }
}

/** The guide writes `ServiceName`, others `service_name`. */
function unknownField(name: string, fields: Fields): string {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  const meant = Object.keys(fields).find((known) => plain(known) === plain(name));
  return meant === undefined ? 'there is no such option' : `there is no such option; ${meant} is meant, perhaps`;
}
