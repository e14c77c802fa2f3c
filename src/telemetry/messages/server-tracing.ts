import { type Context, SpanKind } from '@opentelemetry/api';
import { type ActiveTracing, activeTracing } from '../tracing/active-tracing';
import { recordError } from '../tracing/record-error';
import { spanIn } from '../tracing/span-scope';
import { isMetadata, noteHeaders, readMetadata, receivedContext, receiving } from './carriers';
import {
  eventSpan,
  GRPC,
  grpcStatus,
  REDIS,
  rpcSpan,
  type SpanPlan,
  shownPattern,
  TCP,
  transportName,
} from './message-spans';
import { followHandler, HandledMessage, type Work } from './watched-work';

// biome-ignore lint/suspicious/noExplicitAny: any handler of Nest's
type Handler = ((this: any, ...args: any[]) => any) & { next?: Handler };

/** What of a server of Nest's microservices is looked at. */
interface Server {
  readonly transportId?: unknown;
  addHandler(pattern: unknown, handler: Handler, isEventHandler?: boolean, extras?: unknown): void;
  handleMessage?: (...args: unknown[]) => unknown;
  deserializer?: { deserialize(value: unknown, options?: unknown): unknown };
  normalizePattern?(pattern: unknown): string;
}

/** Transports whose messages are packets without headers. */
const PACKETS: ReadonlySet<unknown> = new Set([TCP, REDIS]);

const traced = new WeakSet<object>();

/**
 * Has every handler that Nest gives to this server run in a span, guards and filters included, as a child of the sender's. It must be told of the server before the handlers
 * are.
 */
export function traceServer(candidate: unknown): void {
  const server = candidate as Server;
  if (typeof server?.addHandler !== 'function' || traced.has(server)) return;
  traced.add(server);
  const { addHandler, transportId } = server;
  server.addHandler = function (pattern, handler, isEventHandler = false, ...rest) {
    const shown = shownPattern(pattern, (each) => this.normalizePattern?.(each));
    const transport = transportName(transportId);
    const planned = isEventHandler
      ? eventSpan(SpanKind.CONSUMER, transport, shown)
      : rpcSpan(SpanKind.SERVER, transport, shown);
    const plan = transportId === GRPC ? grpcPlan(planned) : () => planned;
    return addHandler.call(this, pattern, traceHandler(handler, plan, transportId === GRPC), isEventHandler, ...rest);
  };
  if (PACKETS.has(transportId)) readHeaders(server);
}

function traceHandler(handler: Handler, planFor: (args: unknown[]) => SpanPlan, isGrpc: boolean): Handler {
  const replacement: Handler = function (this: unknown, ...args: unknown[]): unknown {
    const active = activeTracing();
    if (active === undefined) return handler.apply(this, args);
    const work = { plan: planFor(args), parent: parentOf(active, args), ...(isGrpc && GRPC_STATUS) };
    const call = new HandledMessage(active, work, args[1] ?? args[0], handler.next !== undefined);
    // Also where nothing is recorded: what is lazy in the result then runs in this context, and starts no trace of its own.
    return followHandler(active.run(call.context, handler, this, args), call);
  };
  // Of the handlers of one event each calls the next, which it expects on itself.
  Object.defineProperty(replacement, 'next', {
    get: () => handler.next,
    set: (next) => {
      handler.next = next;
    },
    configurable: true,
  });
  return replacement;
}

function parentOf(active: ActiveTracing, args: unknown[]): Context {
  const context = active.active();
  const before = HandledMessage.in(context);
  // Called by another handler of the same event: it belongs beside that, not below.
  if (before !== undefined && args.includes(before.subject)) return before.work.parent;
  const received = receivedContext(context);
  if (received !== undefined) return received;
  // An instrumentation of the transport's library has read the headers.
  if (spanIn(context) !== undefined) return context;
  const metadata = isMetadata(args[1]) ? args[1] : (args[0] as { metadata?: unknown } | undefined)?.metadata;
  return isMetadata(metadata) ? readMetadata(metadata) : context;
}

/** The call knows the method with its package, which the pattern lacks. */
function grpcPlan(planned: SpanPlan): (args: unknown[]) => SpanPlan {
  let known: SpanPlan | undefined;
  return (args) => {
    if (known) return known;
    const call = [args[2], args[0]].find((each) => typeof (each as { getPath?: unknown })?.getPath === 'function');
    const path = (call as { getPath(): string } | undefined)?.getPath();
    known = path ? rpcSpan(SpanKind.SERVER, 'grpc', path.replace(/^\//, '')) : planned;
    return known;
  };
}

const GRPC_STATUS: Pick<Work, 'onFail' | 'onSucceed'> = {
  onFail: (span, error) => {
    const { name, isServerFailure } = grpcStatus(error);
    span.setAttribute('rpc.status_code', name);
    if (isServerFailure) recordError(span, error);
  },
  onSucceed: (span) => void span.setAttribute('rpc.status_code', 'OK'),
};

/** The headers are in the packet, and the handler is only given its data: they are kept in the context meanwhile. */
function readHeaders(server: Server): void {
  const { handleMessage, deserializer } = server;
  if (typeof handleMessage !== 'function' || typeof deserializer?.deserialize !== 'function') return;
  server.handleMessage = function (...args) {
    const active = activeTracing();
    if (active === undefined) return handleMessage.apply(this, args);
    return active.run(receiving(), handleMessage, this, args);
  };
  server.deserializer = Object.create(deserializer, {
    deserialize: {
      value: (value: unknown, options?: unknown) => {
        const active = activeTracing();
        if (active !== undefined) noteHeaders(value, active.active());
        return deserializer.deserialize(value, options);
      },
    },
  });
}
