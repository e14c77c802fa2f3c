import type { AsyncLocalStorage } from 'node:async_hooks';
import type { Context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';

/**
 * OpenTelemetry's context manager, with a way in that makes no closure. It is one for the process: contexts go through every application in it.
 */
export class SpanContextManager extends AsyncLocalStorageContextManager {
  private readonly storage = (this as unknown as { _asyncLocalStorage: AsyncLocalStorage<Context> })._asyncLocalStorage;

  run(inContext: Context, method: (...args: never[]) => unknown, self: unknown, args: ArrayLike<unknown>): unknown {
    return this.storage.run(inContext, Reflect.apply as never, method as never, self as never, args as never);
  }
}

export const spanContextManager = new SpanContextManager();
