import { type Context, SpanKind } from '@opentelemetry/api';
import { activeTracing } from '../tracing/active-tracing';
import { followResult } from '../tracing/follow-result';
import { recordError } from '../tracing/record-error';
import { isMetadata, type Metadata, type Packet, withHeaders, writeMetadata } from './carriers';
import { eventSpan, grpcStatus, rpcSpan, type SpanPlan, shownPattern } from './message-spans';
import { SubscribedCall, type Work } from './watched-work';

/** What of `@nestjs/microservices` is looked at. */
export interface MicroservicesLibrary {
  readonly ClientProxy: { readonly prototype: ClientProxy };
  readonly ClientGrpcProxy?: { readonly prototype: GrpcProxy };
  readonly [client: string]: unknown;
}

// biome-ignore lint/suspicious/noExplicitAny: an Observable of whatever version
type Stream = any;

interface ClientProxy {
  send(pattern: unknown, data: unknown): Stream;
  emit(pattern: unknown, data: unknown): Stream;
  publish(packet: Packet, callback: unknown): unknown;
  dispatchEvent(packet: Packet): unknown;
  normalizePattern?(pattern: unknown): string;
  readonly host?: unknown;
  readonly port?: unknown;
  readonly options?: { readonly host?: unknown; readonly port?: unknown };
}

type ServiceMethod = (...args: unknown[]) => Stream;
type GrpcClient = Record<string, { readonly path?: string; readonly requestStream?: boolean } | undefined>;
interface GrpcProxy {
  createServiceMethod(client: GrpcClient, name: string): ServiceMethod;
}

/** Classes of clients, and the names of their transports. */
const TRANSPORTS: Readonly<Record<string, string>> = {
  ClientTCP: 'tcp',
  ClientRedis: 'redis',
  ClientNats: 'nats',
  ClientMqtt: 'mqtt',
  ClientRMQ: 'rabbitmq',
  ClientKafka: 'kafka',
};

/** Those whose packets take our headers: their transports have none of their own. */
const PACKETS = ['ClientTCP', 'ClientRedis'];

const patched = new WeakMap<object, { users: number; readonly undo: () => void }>();

/**
 * Gives every message that any client of this library sends a span, and over TCP, Redis and gRPC its trace context. Clients are made in many ways, and found in as many places, so it is
 * their classes that are changed; with tracing off a call costs a few nanoseconds more.
 *
 * @param newMetadata makes gRPC's metadata
 * @returns takes it back, when nobody else has asked for it
 */
export function traceClients(library: MicroservicesLibrary, newMetadata: () => Metadata): () => void {
  const key = library.ClientProxy;
  const use = patched.get(key) ?? { users: 0, undo: patchAll(library, newMetadata) };
  patched.set(key, use);
  use.users += 1;
  let isUsed = true;
  return () => {
    if (!isUsed) return;
    isUsed = false;
    use.users -= 1;
    if (use.users > 0) return;
    patched.delete(key);
    use.undo();
  };
}

function patchAll(library: MicroservicesLibrary, newMetadata: () => Metadata): () => void {
  const transportOf = transports(library);
  const { prototype } = library.ClientProxy;
  const undo = [
    patch(prototype, 'send', (send) => tracedSend(send, transportOf)),
    patch(prototype, 'emit', (emit) => tracedEmit(emit, transportOf)),
    ...PACKETS.flatMap((name) => {
      const client = library[name] as { prototype: ClientProxy } | undefined;
      if (client === undefined) return [];
      return [
        patch(client.prototype, 'publish', (publish) => sendingHeaders(publish)),
        patch(client.prototype, 'dispatchEvent', (dispatchEvent) => sendingHeaders(dispatchEvent)),
      ];
    }),
  ];
  if (library.ClientGrpcProxy)
    undo.push(
      patch(library.ClientGrpcProxy.prototype, 'createServiceMethod', (create) => tracedGrpc(create, newMetadata)),
    );
  return () => {
    for (const each of undo) each();
  };
}

// biome-ignore lint/suspicious/noExplicitAny: any method
type Method = (this: any, ...args: any[]) => any;

function patch<T extends object>(of: T, name: keyof T & string, make: (original: Method) => Method): () => void {
  const property = Object.getOwnPropertyDescriptor(of, name);
  if (typeof property?.value !== 'function') return () => {};
  const replacement = make(property.value);
  Object.defineProperty(of, name, { ...property, value: replacement });
  return () => {
    // Somebody may have wrapped it again; then ours stays below.
    if (Object.getOwnPropertyDescriptor(of, name)?.value === replacement) Object.defineProperty(of, name, property);
  };
}

function transports(library: MicroservicesLibrary): (client: object) => string {
  const classes = Object.entries(TRANSPORTS).flatMap(([name, transport]) => {
    const type = library[name];
    return typeof type === 'function' ? [{ type, transport }] : [];
  });
  return (client) => classes.find(({ type }) => client instanceof type)?.transport ?? 'custom';
}

function tracedSend(send: Method, transportOf: (client: object) => string): Method {
  return function (this: ClientProxy, pattern: unknown, data: unknown) {
    const answers = send.call(this, pattern, data);
    const active = activeTracing();
    if (active === undefined) return answers;
    const plan = rpcSpan(SpanKind.CLIENT, transportOf(this), patternOf(this, pattern));
    return followResult(answers, new SubscribedCall(active, { plan: withAddress(plan, this) }));
  };
}

/** An event is on its way before anybody subscribes. */
function tracedEmit(emit: Method, transportOf: (client: object) => string): Method {
  return function (this: ClientProxy, pattern: unknown, data: unknown) {
    const active = activeTracing();
    if (active === undefined) return emit.call(this, pattern, data);
    const plan = eventSpan(SpanKind.PRODUCER, transportOf(this), patternOf(this, pattern));
    const call = new SubscribedCall(active, { plan: withAddress(plan, this) });
    const sent = active.run(call.context, emit, this, [pattern, data]) as Stream;
    sent.subscribe({ error: (error: unknown) => call.fail(error), complete: () => call.succeed() });
    return sent;
  };
}

function sendingHeaders(publish: Method): Method {
  return function (this: ClientProxy, packet: Packet, ...rest: unknown[]) {
    const active = activeTracing();
    return publish.call(this, active ? withHeaders(packet, active) : packet, ...rest);
  };
}

function tracedGrpc(create: Method, newMetadata: () => Metadata): Method {
  return function (this: GrpcProxy, client: GrpcClient, name: string) {
    const method = create.call(this, client, name) as ServiceMethod;
    const { path, requestStream } = client[name] ?? {};
    const plan = rpcSpan(SpanKind.CLIENT, 'grpc', path?.replace(/^\//, '') ?? name);
    return (...args: unknown[]) => {
      const active = activeTracing();
      if (active === undefined) return method(...args);
      const work: Work = { plan, ...GRPC_STATUS };
      // Without a stream of requests Nest hands the arguments on as they are, and nothing can be put between them.
      const isRaw = requestStream === true && typeof (args[0] as { subscribe?: unknown })?.subscribe !== 'function';
      if (isRaw) return followResult(method(...args), new SubscribedCall(active, work));
      const metadata = isMetadata(args[1]) ? args[1].clone() : newMetadata();
      // It is handed over now, and filled when somebody subscribes, which is when the call is made.
      const onStart = (context: Context) => writeMetadata(context, metadata);
      return followResult(method(...withMetadata(args, metadata)), new SubscribedCall(active, { ...work, onStart }));
    };
  };
}

function withMetadata([data, given, ...rest]: unknown[], metadata: Metadata): unknown[] {
  const isOptions = !isMetadata(given) && given !== undefined && given !== null;
  return isOptions ? [data, metadata, given, ...rest] : [data, metadata, ...rest];
}

const GRPC_STATUS: Pick<Work, 'onFail' | 'onSucceed'> = {
  onFail: (span, error) => {
    span.setAttribute('rpc.status_code', grpcStatus(error).name);
    recordError(span, error);
  },
  onSucceed: (span) => void span.setAttribute('rpc.status_code', 'OK'),
};

function patternOf(client: ClientProxy, pattern: unknown): string {
  return shownPattern(pattern, (each) => client.normalizePattern?.(each));
}

/** Where the client connects to, as far as it says so. */
function withAddress({ name, options }: SpanPlan, client: ClientProxy): SpanPlan {
  const host = client.host ?? client.options?.host;
  const port = Number(client.port ?? client.options?.port);
  if (typeof host !== 'string') return { name, options };
  const attributes = { ...options.attributes, 'server.address': host, ...(port > 0 && { 'server.port': port }) };
  return { name, options: { ...options, attributes } };
}
