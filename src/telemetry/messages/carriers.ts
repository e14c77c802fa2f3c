import { type Context, createContextKey, propagation, ROOT_CONTEXT, type TextMapGetter } from '@opentelemetry/api';
import type { ActiveTracing } from '../tracing/active-tracing';

/** What Nest sends over transports that have no headers: `{ pattern, data, id }`, to which we add headers. Others leave them unread. */
export interface Packet {
  readonly pattern?: unknown;
  readonly data?: unknown;
  readonly headers?: unknown;
}

/** The packet with the trace context of what is active; the very same packet where there is none. */
export function withHeaders<T extends Packet>(packet: T, active: ActiveTracing): T {
  if (packet.headers !== undefined) return packet;
  const headers: Record<string, string> = {};
  propagation.inject(active.active(), headers);
  for (const _ in headers) return { ...packet, headers };
  return packet;
}

const RECEIVED = createContextKey('spanwright: the message that was received');

/** A message whose packet is being read. */
interface Received {
  headers: object | undefined;
}

/** A context for reading a message in: nothing of what happens to be active belongs to it. */
export function receiving(): Context {
  return ROOT_CONTEXT.setValue(RECEIVED, { headers: undefined } satisfies Received);
}

/** Notes the headers of a packet for {@link receivedContext}. `value` is whatever came from outside. */
export function noteHeaders(value: unknown, context: Context): void {
  const received = context.getValue(RECEIVED) as Received | undefined;
  if (received === undefined || typeof value !== 'object' || value === null) return;
  const { pattern, data, headers } = value as Packet;
  // Without either it is not Nest's packet, but a payload, whose headers are its own.
  if (pattern === undefined && data === undefined) return;
  if (typeof headers === 'object' && headers !== null) received.headers = headers;
}

/** The sender's context, of a message that is being received; undefined where none is. */
export function receivedContext(context: Context): Context | undefined {
  const received = context.getValue(RECEIVED) as Received | undefined;
  if (received === undefined) return undefined;
  return received.headers ? propagation.extract(ROOT_CONTEXT, received.headers, OWN_TEXTS) : ROOT_CONTEXT;
}

const OWN_TEXTS: TextMapGetter<object> = {
  get: (from, key) => {
    const value: unknown = Object.getOwnPropertyDescriptor(from, key)?.value;
    return typeof value === 'string' ? value : undefined;
  },
  keys: (from) => Object.keys(from),
};

/** gRPC's metadata. */
export interface Metadata {
  get(key: string): unknown[];
  set(key: string, value: string): void;
  clone(): Metadata;
  getMap(): Record<string, unknown>;
}

export function isMetadata(value: unknown): value is Metadata {
  const { getMap, set, clone } = (value ?? {}) as Partial<Metadata>;
  return typeof getMap === 'function' && typeof set === 'function' && typeof clone === 'function';
}

export function writeMetadata(context: Context, metadata: Metadata): void {
  propagation.inject(context, metadata, {
    set: (into, key, value) => into.set(key, value),
  });
}

export function readMetadata(metadata: Metadata): Context {
  return propagation.extract(ROOT_CONTEXT, metadata, {
    get: (from, key) => from.get(key).filter((value) => typeof value === 'string'),
    keys: (from) => Object.keys(from.getMap()),
  });
}
