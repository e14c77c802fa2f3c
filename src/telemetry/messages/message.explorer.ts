import { createRequire } from 'node:module';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { TelemetryInterceptor } from '../telemetry.interceptor';
import { TELEMETRY_OPTIONS, TELEMETRY_RUNTIME, type TelemetryModuleOptions } from '../telemetry.options';
import type { TelemetryRuntime } from '../telemetry-runtime';
import { propertiesOf } from '../tracing/traced-methods';
import type { Metadata } from './carriers';
import { type MicroservicesLibrary, traceClients } from './client-tracing';
import { traceServer } from './server-tracing';
import { traceSockets } from './socket-tracing';

const INTERCEPTORS = '__interceptors__';
/** Nest's packages mark by these what answers messages, events and GraphQL operations. */
const MESSAGE = 'microservices:handler_type';
const SOCKET_MESSAGE = 'websockets:message_mapping';
const GRAPHQL = 'graphql:resolver_type';
const GRAPHQL_OPERATIONS: ReadonlySet<unknown> = new Set(['Query', 'Mutation', 'Subscription']);

/**
 * Has messages traced, at both ends: those that the application's handlers get, and those that its clients send. An interceptor is attached to the handlers alone, so that HTTP
 * requests do not pay for it.
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
    for (const handler of handlersIn(modules)) this.attach(handler);
    // Each server announces itself before it is given its handlers.
    const servers = modules.getRpcTargetRegistry?.().subscribe(traceServer);
    if (servers) this.undo.push(() => servers.unsubscribe());
    traceSockets(config);
    const library = optional<MicroservicesLibrary>('@nestjs/microservices');
    if (library?.ClientProxy) this.undo.push(traceClients(library, newMetadata));
  }

  onApplicationShutdown(): void {
    for (const undo of this.undo.splice(0)) undo();
  }

  private attach(handler: object): void {
    const before = interceptorsOf(handler);
    Reflect.defineMetadata(INTERCEPTORS, [this.interceptor, ...before], handler);
    this.undo.push(() => {
      const left = interceptorsOf(handler).filter((each) => each !== this.interceptor);
      Reflect.defineMetadata(INTERCEPTORS, left, handler);
    });
  }
}

function interceptorsOf(handler: object): unknown[] {
  return Reflect.getMetadata(INTERCEPTORS, handler) ?? [];
}

function handlersIn(modules: ModulesContainer): Set<object> {
  const handlers = new Set<object>();
  for (const { controllers, providers } of modules.values()) {
    for (const { metatype, isNotMetatype } of [...controllers.values(), ...providers.values()]) {
      if (isNotMetatype || typeof metatype?.prototype !== 'object' || metatype.prototype === null) continue;
      for (const [key, owner] of propertiesOf(metatype.prototype)) {
        const method: unknown = Object.getOwnPropertyDescriptor(owner, key)?.value;
        if (typeof method === 'function' && isHandler(method)) handlers.add(method);
      }
    }
  }
  return handlers;
}

function isHandler(method: object): boolean {
  return (
    Reflect.hasMetadata(MESSAGE, method) ||
    Reflect.hasMetadata(SOCKET_MESSAGE, method) ||
    GRAPHQL_OPERATIONS.has(Reflect.getMetadata(GRAPHQL, method))
  );
}

/** As Nest itself would load it; what Nest has not got is not wanted. */
function optional<T>(name: string, from = '@nestjs/core'): T | undefined {
  try {
    return createRequire(require.resolve(from))(name) as T;
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
