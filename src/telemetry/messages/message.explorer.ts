import { createRequire } from 'node:module';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { TelemetryInterceptor } from '../telemetry.interceptor';
import { TELEMETRY_OPTIONS, TELEMETRY_RUNTIME, type TelemetryModuleOptions } from '../telemetry.options';
import type { TelemetryRuntime } from '../telemetry-runtime';
import { propertiesOf } from '../tracing/traced-methods';
import type { Metadata } from './carriers';
import { type MicroservicesLibrary, traceClients } from './client-tracing';
import { watchFilter, watchHandler } from './handler-watching';
import { traceServer } from './server-tracing';
import { traceSockets } from './socket-tracing';

const INTERCEPTORS = '__interceptors__';
/** Nest's packages mark by these what answers messages, WebSocket events and GraphQL operations. */
const MESSAGE = 'microservices:handler_type';
const SOCKET_MESSAGE = 'websockets:message_mapping';
const GRAPHQL = 'graphql:resolver_type';
const GRAPHQL_OPERATIONS: ReadonlySet<unknown> = new Set(['Query', 'Mutation', 'Subscription']);

/**
 * Has messages traced, at both ends: those that the application's handlers get, and those that its clients send. A span begins where the server has the message, so that guards are inside
 * it. Handlers of messages get no interceptor: it would make their results lazy, and of the handlers of one event an error in the first could keep the others from running.
 *
 * GraphQL's operations do get one, as only an interceptor is told which they are.
 */
@Injectable()
export class MessageExplorer implements OnApplicationShutdown {
  private readonly interceptor = new TelemetryInterceptor();
  private readonly undo: (() => void)[] = [];

  constructor(
    modules: ModulesContainer,
    config: ApplicationConfig,
    @Inject(TELEMETRY_OPTIONS) { messages = true }: TelemetryModuleOptions,
    @Inject(TELEMETRY_RUNTIME) { tracing }: TelemetryRuntime,
  ) {
    if (!messages || tracing === undefined) return;
    this.findHandlers(modules);
    // Each server announces itself before it is given its handlers.
    modules.getRpcTargetRegistry?.().subscribe(traceServer);
    traceSockets(config);
    const microservices = optional<MicroservicesLibrary>('@nestjs/microservices');
    if (microservices?.ClientProxy) this.undo.push(traceClients(microservices, newMetadata));
    for (const filter of [
      microservices?.BaseRpcExceptionFilter,
      optional<Record<string, unknown>>('@nestjs/websockets')?.BaseWsExceptionFilter,
    ])
      if (filter !== undefined) watchFilter(filter);
  }

  onApplicationShutdown(): void {
    for (const undo of this.undo.splice(0)) undo();
  }

  private findHandlers(modules: ModulesContainer): void {
    for (const { controllers, providers } of modules.values()) {
      for (const { metatype, isNotMetatype } of [...controllers.values(), ...providers.values()]) {
        if (isNotMetatype || typeof metatype?.prototype !== 'object' || metatype.prototype === null) continue;
        for (const [key, owner] of propertiesOf(metatype.prototype)) {
          const method: unknown = Object.getOwnPropertyDescriptor(owner, key)?.value;
          if (typeof method !== 'function') continue;
          if (Reflect.hasMetadata(MESSAGE, method) || Reflect.hasMetadata(SOCKET_MESSAGE, method))
            watchHandler(owner, key);
          else if (GRAPHQL_OPERATIONS.has(Reflect.getMetadata(GRAPHQL, method))) this.attachInterceptor(method);
        }
      }
    }
  }

  private attachInterceptor(operation: object): void {
    const others = interceptorsOf(operation).filter((each) => each !== this.interceptor);
    Reflect.defineMetadata(INTERCEPTORS, [this.interceptor, ...others], operation);
    this.undo.push(() => {
      const left = interceptorsOf(operation).filter((each) => each !== this.interceptor);
      Reflect.defineMetadata(INTERCEPTORS, left, operation);
    });
  }
}

function interceptorsOf(handler: object): unknown[] {
  return Reflect.getMetadata(INTERCEPTORS, handler) ?? [];
}

/** As Nest itself would load it; what Nest has not got is not wanted. */
function optional<T>(name: string): T | undefined {
  try {
    return createRequire(require.resolve('@nestjs/core'))(name) as T;
  } catch {
    return undefined;
  }
}

/** Of the gRPC library that Nest uses: another's it would not take. */
function newMetadata(): Metadata {
  const microservices = createRequire(require.resolve('@nestjs/core')).resolve('@nestjs/microservices');
  const { Metadata } = createRequire(microservices)('@grpc/grpc-js') as { Metadata: new () => Metadata };
  return new Metadata();
}
