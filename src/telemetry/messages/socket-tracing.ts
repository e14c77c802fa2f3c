import { activeTracing } from '../tracing/active-tracing';
import { shownPattern, socketSpan } from './message-spans';
import { followHandler, HandledMessage } from './watched-work';

interface MessageHandler {
  readonly message: unknown;
  readonly callback: (...args: unknown[]) => unknown;
}

/** What of a WebSocket adapter of Nest's is looked at. */
interface Adapter {
  bindMessageHandlers(client: unknown, handlers: readonly MessageHandler[], transform: unknown): unknown;
}

/** What of Nest's `ApplicationConfig` is looked at. */
interface AdapterHolder {
  setIoAdapter(adapter: never): void;
}

const traced = new WeakSet<object>();

/** Traces the messages of the adapter that the application will be given. */
export function traceSockets(holder: AdapterHolder): void {
  const { setIoAdapter } = holder;
  holder.setIoAdapter = function (adapter) {
    traceAdapter(adapter);
    setIoAdapter.call(this, adapter);
  };
}

function traceAdapter(candidate: unknown): void {
  const adapter = candidate as Adapter;
  if (typeof adapter?.bindMessageHandlers !== 'function' || traced.has(adapter)) return;
  traced.add(adapter);
  const { bindMessageHandlers } = adapter;
  adapter.bindMessageHandlers = function (client, handlers, transform) {
    return bindMessageHandlers.call(this, client, handlers.map(traceHandler), transform);
  };
}

function traceHandler(handler: MessageHandler): MessageHandler {
  const { callback } = handler;
  const plan = socketSpan(shownPattern(handler.message));
  return {
    ...handler,
    callback(this: unknown, ...args) {
      const active = activeTracing();
      if (active === undefined) return callback.apply(this, args);
      const call = new HandledMessage(active, { plan, parent: active.active() }, args);
      return followHandler(active.run(call.context, callback, this, args), call);
    },
  };
}
