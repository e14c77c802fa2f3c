import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapPropagator,
} from '@opentelemetry/api';
import type { ActiveTracing } from '../tracing/active-tracing';
import { RecordedSpan } from '../tracing/recorded-span';
import { monotonicNow } from '../tracing/span-clock';
import { SpanScope } from '../tracing/span-scope';
import { knownMethod } from './http-method';

/** Told of each request, when it comes and when it is over. */
export interface HttpMetrics {
  /** @returns what counts it as under way */
  requestStarted(method: string, scheme: string): ActiveRequests;
  requestEnded(request: EndedRequest, status: number, seconds: number): void;
}

export interface ActiveRequests {
  add(change: number): void;
}

export interface EndedRequest {
  readonly method: string;
  readonly scheme: string;
  /** The route's template, or `unmatched`. */
  readonly route: string | undefined;
  readonly span: Span | undefined;
  readonly active: ActiveRequests | undefined;
}

export interface HttpServerTracingOptions {
  readonly tracing: ActiveTracing | undefined;
  readonly propagator: TextMapPropagator;
  readonly metrics?: HttpMetrics;
  /** Paths, without query, that leave no trace. */
  readonly ignores?: (path: string) => boolean;
}

/** A request that is under way. Kept on its response. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly span: Span | undefined;
  readonly context: Context;
  readonly method: string;
  readonly scheme: string;
  readonly startedAt: number;
  readonly active: ActiveRequests | undefined;
  /** Known at the end of the request at the latest; then `unmatched` where there is none. */
  route: string | undefined;
}

const EXCHANGE = Symbol('spanwright.exchange');
type TracedResponse = ServerResponse & { [EXCHANGE]?: Exchange };
/** What Express, and we for Fastify, leave on a request. */
type RoutedRequest = IncomingMessage & { route?: { path?: unknown }; baseUrl?: string };

/** The request was given up by the client before its answer was complete. No answer has this status; proxies write it in their logs. */
const CLIENT_CLOSED_REQUEST = 499;
/** Stands for the route where none was taken: paths that people make up are without number. */
export const UNMATCHED = 'unmatched';

/**
 * Server spans and metrics for a Node server, whatever framework answers its requests: it sees a request before any middleware and knows how it ended, also where no
 * route was found or a guard said no. Frameworks only tell which route it was.
 */
export class HttpServerTracing {
  private readonly fields: readonly string[];
  private readonly undo: (() => void)[] = [];

  private readonly closed: (this: ServerResponse) => void;

  constructor(private readonly options: HttpServerTracingOptions) {
    const { metrics } = options;
    this.closed = metrics
      ? function (this: ServerResponse) {
          const exchange = endSpan.call(this);
          if (exchange) metrics.requestEnded(exchange, statusOf(this), (monotonicNow() - exchange.startedAt) / 1000);
        }
      : endSpan;
    this.fields = options.propagator.fields().map((field) => field.toLowerCase());
  }

  /**
   * Watches the requests of a server until `detach`. Those who answer them are called in each request's context; nothing else of the server changes.
   */
  attach(server: Server): void {
    const begin = this.begin.bind(this);
    const { tracing } = this.options;
    for (const listener of server.listeners('request') as RequestListener[]) {
      const traced = (request: IncomingMessage, response: ServerResponse): unknown => {
        const exchange = isBegun(response) ? undefined : begin(request, response);
        if (exchange?.span === undefined || tracing === undefined) return listener.call(server, request, response);
        return tracing.run(exchange.context, listener as never, server, [request, response]);
      };
      replace(server, listener, traced);
      this.undo.push(() => replace(server, traced, listener));
    }
  }

  detach(): void {
    for (const undo of this.undo.splice(0)) undo();
  }

  /** For requests that do not come by way of a server, such as Fastify's `inject`. Calls `next` in the request's context. */
  runThrough(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    const exchange = this.begin(request, response);
    const { tracing } = this.options;
    if (exchange?.span === undefined || tracing === undefined) next();
    else tracing.run(exchange.context, next, undefined, []);
  }

  /**
   * Tells which route a request takes.
   *
   * @returns whether the request is known
   */
  static setRoute(response: ServerResponse, route: string | undefined): boolean {
    const exchange = (response as TracedResponse)[EXCHANGE];
    if (exchange === undefined) return false;
    if (route) exchange.route = route;
    return true;
  }

  private begin(request: IncomingMessage, response: ServerResponse): Exchange | undefined {
    const { tracing, propagator, metrics, ignores } = this.options;
    const url = request.url ?? '';
    if (ignores?.(pathOf(url))) return undefined;
    const method = knownMethod(request.method ?? '');
    const scheme = (request.socket as { encrypted?: boolean }).encrypted ? 'https' : 'http';
    let context: Context = ROOT_CONTEXT;
    let span: Span | undefined;
    if (tracing !== undefined) {
      const carries = this.carriesContext(request);
      if (carries) context = propagator.extract(context, request.headers, HEADERS);
      // Where no trace begins here, a request that brings none runs as if there were no telemetry: keeping a context costs more than all the rest.
      if (carries || !tracing.rootsAreNeverSampled) span = tracing.tracer.startSpan(`http.${method}`, SERVER, context);
      if (span !== undefined) context = SpanScope.of(context, span);
      if (span?.isRecording()) describe(span, request, url, method, scheme);
    }
    const exchange: Exchange = {
      request,
      span,
      context,
      method,
      scheme,
      startedAt: monotonicNow(),
      active: metrics?.requestStarted(method, scheme),
      route: undefined,
    };
    (response as TracedResponse)[EXCHANGE] = exchange;
    // The listener is one and the same for all: what it needs is on the response.
    response.on('close', this.closed);
    return exchange;
  }

  private carriesContext({ headers }: IncomingMessage): boolean {
    for (const field of this.fields) if (headers[field] !== undefined) return true;
    return false;
  }
}

type RequestListener = (request: IncomingMessage, response: ServerResponse) => unknown;

function isBegun(response: TracedResponse): boolean {
  return response[EXCHANGE] !== undefined;
}

/** In the same place among the listeners. Somebody may have taken it away; then there is nothing to replace. */
function replace(server: Server, listener: RequestListener, by: RequestListener): void {
  const listeners = server.listeners('request') as RequestListener[];
  if (!listeners.includes(listener)) return;
  server.removeAllListeners('request');
  for (const each of listeners) server.on('request', each === listener ? by : each);
}

const SERVER = { kind: SpanKind.SERVER };

const HEADERS = {
  get: (headers: IncomingMessage['headers'], key: string) => headers[key],
  keys: (headers: IncomingMessage['headers']) => Object.keys(headers),
};

/** The query is left out: it is where people put tokens. */
function pathOf(url: string): string {
  const at = url.indexOf('?');
  return at < 0 ? url : url.slice(0, at);
}

/** The conventions' names, and beside them the guide's. Of one shape for nearly all requests, which makes them cheap to put together and to encode. */
function describe(span: Span, request: IncomingMessage, url: string, method: string, scheme: string): void {
  const { headers, socket } = request;
  const path = pathOf(url);
  const agent = headers['user-agent'];
  const host = headers.host ?? (headers[':authority'] as string | undefined) ?? ''; // the latter in HTTP/2
  const peer = socket.remoteAddress;
  const colon = host.lastIndexOf(':');
  // An IPv6 address ends with ], whatever colons are in it.
  const hasPort = colon > 0 && host.charCodeAt(host.length - 1) !== 93;
  const port = hasPort ? Number(host.slice(colon + 1)) : Number.NaN;
  const attributes = {
    'http.request.method': method,
    'http.method': method,
    'url.path': path,
    'url.scheme': scheme,
    'network.protocol.version': request.httpVersion,
    'client.address': peer,
    'server.address': host === '' ? undefined : hasPort ? host.slice(0, colon) : host,
    'user_agent.original': agent,
  };
  // The usual request has all of them.
  if (span instanceof RecordedSpan && agent !== undefined && peer !== undefined && host !== '')
    span.adoptAttributes(attributes, 8, Math.max(path.length, host.length, agent.length));
  else span.setAttributes(attributes);
  if (Number.isInteger(port)) span.setAttribute('server.port', port);
  if (method === '_OTHER') span.setAttribute('http.request.method_original', request.method as string);
}

function endSpan(this: ServerResponse): Exchange | undefined {
  const exchange = (this as TracedResponse)[EXCHANGE];
  if (exchange === undefined) return undefined;
  const { span, method, request } = exchange;
  exchange.route ??= routeOf(request) ?? UNMATCHED;
  if (span?.isRecording()) {
    const { route } = exchange;
    const status = statusOf(this);
    span.updateName(spanName(method, route));
    if (route !== UNMATCHED) span.setAttribute('http.route', route);
    if (status === CLIENT_CLOSED_REQUEST) span.setAttribute('error.type', 'aborted');
    else {
      span.setAttribute('http.response.status_code', status);
      span.setAttribute('http.status_code', status);
    }
    if (status >= 500) {
      span.setAttribute('error.type', String(status));
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    span.end();
  }
  return exchange;
}

function statusOf(response: ServerResponse): number {
  return response.writableFinished ? response.statusCode : CLIENT_CLOSED_REQUEST;
}

/** Express leaves the route on the request. A pattern in place of a path is shown as it is written. */
function routeOf(request: RoutedRequest): string | undefined {
  const path = request.route?.path;
  if (path === undefined) return undefined;
  const text = typeof path === 'string' ? path : Array.isArray(path) ? path.join('|') : String(path);
  const route = `${request.baseUrl ?? ''}${text}`;
  return route.length > 1 && route.endsWith('/') ? route.slice(0, -1) : route;
}

/** Names are few and made again and again. */
const names = new Map<string, Map<string, string>>();

export function spanName(method: string, route: string): string {
  let ofMethod = names.get(method);
  if (!ofMethod) {
    ofMethod = new Map();
    names.set(method, ofMethod);
  }
  let name = ofMethod.get(route);
  if (name === undefined) {
    name = `http.${method} ${route}`;
    if (ofMethod.size < 1000) ofMethod.set(route, name);
  }
  return name;
}
