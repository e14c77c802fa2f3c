import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type HttpServer, Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { globs } from '../../util/globs';
import { TELEMETRY_OPTIONS, TELEMETRY_RUNTIME, type TelemetryModuleOptions } from '../telemetry.options';
import type { TelemetryRuntime } from '../telemetry-runtime';
import { RequestMetrics } from './http-metrics';
import { HttpServerTracing, UNMATCHED } from './http-server-tracing';

/** The part of Fastify that tells which route a request takes. */
interface FastifyLike {
  addHook(
    name: 'onRequest',
    hook: (request: FastifyRequestLike, reply: { raw: ServerResponse }, done: () => void) => void,
  ): void;
}
interface FastifyRequestLike {
  readonly raw: IncomingMessage;
  readonly routeOptions?: { readonly url?: string };
}

/** Finds the application's HTTP server, and has its requests traced. */
@Injectable()
export class HttpServerExplorer implements OnModuleInit, OnApplicationShutdown {
  private tracing: HttpServerTracing | undefined;

  constructor(
    private readonly adapters: HttpAdapterHost,
    @Inject(TELEMETRY_RUNTIME) private readonly runtime: TelemetryRuntime,
    @Inject(TELEMETRY_OPTIONS) private readonly options: TelemetryModuleOptions,
  ) {}

  onModuleInit(): void {
    const { http = true } = this.options;
    const { tracing, metrics, propagator } = this.runtime;
    const adapter = this.adapters?.httpAdapter;
    if (!http || !adapter || (!tracing && !metrics.registry.enabled)) return;
    const ignores = http === true || !http.ignorePaths?.length ? undefined : globs(http.ignorePaths);
    this.tracing = new HttpServerTracing({
      tracing,
      propagator,
      metrics: metrics.registry.enabled ? new RequestMetrics(metrics.registry) : undefined,
      ignores,
    });
    if (adapter.getType() === 'fastify') this.askFastify(adapter.getInstance(), this.tracing);
    else hearOfUnmatched(adapter);
    const server = adapter.getHttpServer() as Server | undefined;
    if (server) this.tracing.attach(server);
  }

  onApplicationShutdown(): void {
    this.tracing?.detach();
  }

  private askFastify(fastify: FastifyLike, tracing: HttpServerTracing): void {
    fastify.addHook('onRequest', (request, reply, done) => {
      const route = request.routeOptions?.url;
      if (HttpServerTracing.setRoute(reply.raw, route)) done();
      else
        tracing.runThrough(request.raw, reply.raw, () => {
          HttpServerTracing.setRoute(reply.raw, route);
          done();
        });
    });
  }
}

type NotFoundSetter = NonNullable<HttpServer['setNotFoundHandler']>;

/** Express leaves the last route that it tried on a request, be it a middleware's. Nest knows when there was no other. */
function hearOfUnmatched(adapter: HttpServer): void {
  const setNotFoundHandler: NotFoundSetter | undefined = adapter.setNotFoundHandler;
  if (setNotFoundHandler === undefined) return;
  adapter.setNotFoundHandler = function (this: HttpServer, handler, prefix) {
    const heard = (request: IncomingMessage, response: ServerResponse, next: unknown) => {
      HttpServerTracing.setRoute(response, UNMATCHED);
      return handler(request, response, next);
    };
    return setNotFoundHandler.call(this, heard, prefix);
  };
}
