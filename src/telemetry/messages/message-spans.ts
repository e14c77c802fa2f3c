import { SpanKind, type SpanOptions } from '@opentelemetry/api';

/** A span as it is to be started. */
export interface SpanPlan {
  readonly name: string;
  readonly options: SpanOptions;
}

/** Names of Nest's transports, at the places of their numbers. */
const TRANSPORTS: readonly string[] = ['tcp', 'redis', 'nats', 'mqtt', 'grpc', 'rabbitmq', 'kafka'];
export const TCP = 0;
export const REDIS = 1;
export const GRPC = 4;

/** @param transport Nest's number of it; strategies of an application's own have others, or none */
export function transportName(transport: unknown): string {
  return TRANSPORTS[transport as number] ?? 'custom';
}

const LONGEST_NAME = 200;

/** A pattern as Nest knows it may be a text, a number, or an object. */
export function shownPattern(pattern: unknown, normalize?: (pattern: never) => unknown): string {
  let text = pattern;
  try {
    if (typeof pattern === 'object' && pattern !== null)
      text = normalize?.(pattern as never) ?? JSON.stringify(pattern);
  } catch {
    text = 'unknown';
  }
  return String(text).slice(0, LONGEST_NAME);
}

/** A request that is answered, at either end. Over gRPC its method is `package.Service/Method`, of Nest's own kind its pattern. */
export function rpcSpan(kind: SpanKind.CLIENT | SpanKind.SERVER, transport: string, method: string): SpanPlan {
  return {
    name: method,
    options: {
      kind,
      attributes: {
        'rpc.system.name': transport === 'grpc' ? 'grpc' : 'nestjs',
        'rpc.method': method,
        'nest.transport': transport,
      },
    },
  };
}

/** An event that is sent, or one that is handled. */
export function eventSpan(kind: SpanKind.PRODUCER | SpanKind.CONSUMER, transport: string, event: string): SpanPlan {
  const operation = kind === SpanKind.PRODUCER ? 'send' : 'process';
  return {
    name: `${operation} ${event}`,
    options: {
      kind,
      attributes: {
        'messaging.system.name': transport === 'tcp' || transport === 'custom' ? 'nestjs' : transport,
        'messaging.operation.type': operation,
        'messaging.operation.name': operation,
        'messaging.destination.name': event,
        'nest.transport': transport,
      },
    },
  };
}

/** A message of a WebSocket. There are no conventions for it. */
export function socketSpan(event: string): SpanPlan {
  return {
    name: `ws ${event}`,
    options: { kind: SpanKind.SERVER, attributes: { 'ws.event': event, 'nest.transport': 'websocket' } },
  };
}

/** What of GraphQL's resolve info is looked at. The document is not: it holds what users have typed. */
export interface GraphqlInfo {
  readonly fieldName: string;
  readonly parentType: { readonly name: string };
  readonly operation: { readonly operation: string; readonly name?: { readonly value: string } };
}

/** One field of a query, mutation or subscription that a resolver answers. */
export function graphqlSpan({ fieldName, parentType, operation }: GraphqlInfo): SpanPlan {
  const isRoot = ROOT_TYPES.has(parentType.name);
  return {
    name: isRoot ? `graphql.${operation.operation} ${fieldName}` : `graphql.field ${parentType.name}.${fieldName}`,
    options: {
      kind: SpanKind.INTERNAL,
      attributes: {
        'graphql.operation.type': operation.operation,
        'graphql.operation.name': operation.name?.value,
        'graphql.field.name': fieldName,
      },
    },
  };
}

const ROOT_TYPES: ReadonlySet<string> = new Set(['Query', 'Mutation', 'Subscription']);

const GRPC_CODES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/** What a server answers by these is its own failure; by the others, its caller's. */
const SERVER_FAILURES: ReadonlySet<string> = new Set([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
]);

/** The status that gRPC makes of an error. Nest's `RpcException` has it inside. */
export function grpcStatus(error: unknown): { readonly name: string; readonly isServerFailure: boolean } {
  let code: unknown;
  try {
    const { getError } = error as { getError?: () => unknown };
    const shown = typeof getError === 'function' ? getError.call(error) : error;
    code = (shown as { code?: unknown } | null | undefined)?.code;
  } catch {
    code = undefined;
  }
  const name = (typeof code === 'number' && GRPC_CODES[code]) || 'UNKNOWN';
  return { name, isServerFailure: SERVER_FAILURES.has(name) };
}
