import type { AnyValue, AnyValueMap } from '@opentelemetry/api-logs';
import { exceptionAttributes } from '../tracing/record-error';

const MAX_DEPTH = 8;
const MAX_VALUES = 1000;
const TRUNCATED = '[Truncated]';

/**
 * A copy of anything that somebody logs, as a log record can hold it, so that later changes do not show. Bounded: what is nested more
 * than 8 levels deep, or comes after a thousand values, is `[Truncated]`. What throws when it is read is `[Unreadable]`.
 */
export function toAnyValue(value: unknown): AnyValue {
  return copied(value, { path: [], left: MAX_VALUES });
}

interface Walk {
  /** The objects that we are in. */
  readonly path: object[];
  /** Values that may still be copied. */
  left: number;
}

function copied(value: unknown, walk: Walk): AnyValue {
  if (walk.left-- <= 0) return TRUNCATED;
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'number':
    case 'undefined':
      return value;
    case 'object':
      return value === null ? null : copiedObject(value, walk);
    case 'function':
      return `[Function ${value.name}]`;
    default:
      return String(value);
  }
}

function copiedObject(value: object, walk: Walk): AnyValue {
  const { path } = walk;
  if (path.includes(value)) return '[Circular]';
  if (path.length >= MAX_DEPTH) return TRUNCATED;
  path.push(value);
  try {
    return contentOf(value, walk);
  } catch {
    return '[Unreadable]';
  } finally {
    path.pop();
  }
}

function contentOf(value: object, walk: Walk): AnyValue {
  if (value instanceof Uint8Array) return value.slice();
  if (value instanceof Error) return exceptionAttributes(value) as AnyValueMap;
  if (Array.isArray(value)) return items(value, walk);
  if (value instanceof Set) return items([...value], walk);
  if (value instanceof Map) return fields([...value.keys()], (key) => value.get(key), walk);
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return copied(toJSON.call(value), walk);
  return fields(Object.keys(value), (key) => value[key as keyof typeof value], walk);
}

function items(values: readonly unknown[], walk: Walk): AnyValue[] {
  const shown = values.slice(0, Math.max(0, walk.left)).map((value) => copied(value, walk));
  if (shown.length < values.length) shown.push(TRUNCATED);
  return shown;
}

function fields<K>(keys: readonly K[], read: (key: K) => unknown, walk: Walk): AnyValueMap {
  const shown = keys.slice(0, Math.max(0, walk.left)).map((key) => [String(key), copied(attempt(read, key), walk)]);
  if (shown.length < keys.length) shown.push(['…', TRUNCATED]);
  return Object.fromEntries(shown);
}

function attempt<K>(read: (key: K) => unknown, key: K): unknown {
  try {
    return read(key);
  } catch {
    return '[Unreadable]';
  }
}
