import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { type Context, propagation, ROOT_CONTEXT, type Span, SpanKind } from '@opentelemetry/api';
import { defer, type Observable, tap } from 'rxjs';
import { HttpServerTracing, spanName } from './http/http-server-tracing';
import { eventSpan, type GraphqlInfo, graphqlSpan, rpcSpan, shownPattern, socketSpan } from './messages/message-spans';
import { HandledMessage, SubscribedCall, type Work } from './messages/watched-work';
import { type ActiveTracing, activeTracing } from './tracing/active-tracing';
import { followResult } from './tracing/follow-result';
import { recordError } from './tracing/record-error';
import { spanIn } from './tracing/span-scope';

/**
 * A span for what a handler does, whatever brought the work: messages of microservices, WebSocket events, GraphQL operations, HTTP requests.
 *
 * `TelemetryModule` attaches it by itself to all handlers of messages, events and GraphQL operations, and traces HTTP where the server is. It is for applications that do otherwise: with
 * `messages: false`, or with an HTTP adapter that is neither Express nor Fastify. Where there is a span already, it adds to it what it knows: the HTTP route, the handler, what was thrown.
 *
 * @example
 * ```ts
 * @UseInterceptors(TelemetryInterceptor)
 * @Controller()
 * export class OrdersController { … }
 * ```
 */
@Injectable()
export class TelemetryInterceptor implements NestInterceptor {
  /** Operations that have a span: the interceptor may be attached twice. */
  private static readonly known = new WeakSet<object>();

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const active = activeTracing();
    if (active === undefined) return next.handle();
    switch (context.getType<string>()) {
      case 'http':
        return this.request(active, context, next);
      case 'rpc':
      case 'ws':
        return this.message(active, context, next);
      case 'graphql':
        return this.operation(active, context, next);
      default:
        return next.handle();
    }
  }

  private message(active: ActiveTracing, context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const message = HandledMessage.in(active.active());
    if (message === undefined) return watch(active, next, { plan: planOf(context) });
    message.span.setAttribute('code.function.name', handlerName(context));
    return next.handle().pipe(tap({ error: (error) => message.note(error), complete: () => message.handled() }));
  }

  private operation(active: ActiveTracing, context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const info = context.getArgByIndex<(GraphqlInfo & object) | undefined>(3);
    if (info === undefined || TelemetryInterceptor.known.has(info)) return next.handle();
    TelemetryInterceptor.known.add(info);
    const { name, options } = graphqlSpan(info);
    return watch(active, next, { plan: { name, options: withHandler(options, context) } });
  }

  private request(active: ActiveTracing, context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<RequestLike>();
    const response = http.getResponse<ResponseLike>();
    const route = routeOf(request) ?? 'unmatched';
    const span = spanIn(active.active());
    if (span !== undefined && span.spanContext().isRemote !== true) {
      HttpServerTracing.setRoute((response.raw ?? response) as never, route);
      if ((span as { kind?: SpanKind }).kind === SpanKind.SERVER) {
        span.updateName(spanName(request.method, route));
        span.setAttribute('http.route', route);
      }
      return next.handle();
    }
    return watch(active, next, requestWork(request, response, route, context));
  }
}

interface RequestLike {
  readonly method: string;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly baseUrl?: string;
  readonly route?: { readonly path?: unknown };
  readonly routeOptions?: { readonly url?: string };
}

interface ResponseLike {
  readonly statusCode?: number;
  readonly raw?: { readonly statusCode?: number };
}

/** The handler is called anew for each subscription, in its span. */
function watch(active: ActiveTracing, next: CallHandler, work: Work): Observable<unknown> {
  return followResult(
    defer(() => next.handle()),
    new SubscribedCall(active, work),
  ) as Observable<unknown>;
}

function planOf(context: ExecutionContext) {
  const handler = context.getHandler();
  const metadata = (key: string): unknown => Reflect.getMetadata(key, handler);
  const plan = () => {
    if (context.getType<string>() === 'ws') return socketSpan(shownPattern(metadata('message')));
    const pattern = shownPattern([metadata('microservices:pattern')].flat()[0]);
    return metadata('microservices:handler_type') === EVENT_HANDLER
      ? eventSpan(SpanKind.CONSUMER, 'custom', pattern)
      : rpcSpan(SpanKind.SERVER, 'custom', pattern);
  };
  const { name, options } = plan();
  return { name, options: withHandler(options, context) };
}

/** As Nest's `PatternHandler` has it. */
const EVENT_HANDLER = 2;

function withHandler<T extends { attributes?: object }>(options: T, context: ExecutionContext): T {
  return { ...options, attributes: { ...options.attributes, 'code.function.name': handlerName(context) } };
}

function handlerName(context: ExecutionContext): string {
  return `${context.getClass().name}.${context.getHandler().name}`;
}

function requestWork(request: RequestLike, response: ResponseLike, route: string, context: ExecutionContext): Work {
  const { method, headers } = request;
  const answered = (span: Span, status: number | undefined) => {
    if (status !== undefined) span.setAttributes({ 'http.response.status_code': status, 'http.status_code': status });
  };
  return {
    plan: {
      name: spanName(method, route),
      options: withHandler(
        {
          kind: SpanKind.SERVER,
          attributes: { 'http.request.method': method, 'http.method': method, 'http.route': route },
        },
        context,
      ),
    },
    parent: callerOf(headers),
    onSucceed: (span) => answered(span, response.statusCode ?? response.raw?.statusCode),
    onFail: (span, error) => {
      const status = statusOf(error);
      answered(span, status);
      if (status >= 500) recordError(span, error);
    },
  };
}

function callerOf(headers: RequestLike['headers']): Context {
  return propagation.extract(ROOT_CONTEXT, headers, {
    get: (from, key) => from[key],
    keys: (from) => Object.keys(from),
  });
}

/** Nest answers 500 where an exception does not say. */
function statusOf(error: unknown): number {
  const { getStatus } = (error ?? {}) as { getStatus?: () => unknown };
  const status = typeof getStatus === 'function' ? getStatus.call(error) : undefined;
  return typeof status === 'number' ? status : 500;
}

function routeOf({ baseUrl = '', route, routeOptions }: RequestLike): string | undefined {
  if (routeOptions?.url !== undefined) return routeOptions.url;
  return typeof route?.path === 'string' ? `${baseUrl}${route.path}` : undefined;
}
