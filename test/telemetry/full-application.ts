import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Processor, WorkerHost } from '@nestjs/bullmq';
import {
  Controller,
  Get,
  type INestApplication,
  Injectable,
  Module,
  type ModuleMetadata,
  Param,
  Res,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Args, Field, GraphQLModule, Int, ObjectType, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import {
  type ClientGrpc,
  ClientProxyFactory,
  EventPattern,
  GrpcMethod,
  MessagePattern,
  type MicroserviceOptions,
  Transport,
} from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { WsAdapter } from '@nestjs/platform-ws';
import { Cron } from '@nestjs/schedule';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { firstValueFrom, lastValueFrom, type Observable } from 'rxjs';
import { TraceLogger } from '../../src/telemetry/logs/trace-logger.service';
import { traceMixin } from '../../src/telemetry/logs/trace-mixin';
import { Counted, Timed } from '../../src/telemetry/measured.decorator';
import { Observed } from '../../src/telemetry/metrics/metric-registry';
import { Span, SpanAttribute } from '../../src/telemetry/span.decorator';
import { TelemetryInterceptor } from '../../src/telemetry/telemetry.interceptor';
import { TELEMETRY_RUNTIME, type TelemetryModuleOptions } from '../../src/telemetry/telemetry.options';
import { TelemetryService } from '../../src/telemetry/telemetry.service';
import type { TelemetryRuntime } from '../../src/telemetry/telemetry-runtime';
import { TestTelemetry } from '../../src/telemetry/testing/test-telemetry';
import { TestTelemetryModule } from '../../src/telemetry/testing/test-telemetry.module';
import { Traced } from '../../src/telemetry/traced.decorator';
import { freePort } from '../support/redis-server';
import { PlainGraphqlDriver } from './messages/graphql-driver';

/** What an application has left: the attributes that are its own begin with `own.`. */
export interface Left {
  readonly spans: readonly ReadableSpan[];
  readonly records: readonly ReadableLogRecord[];
  /** Series of `@Counted` and `@Timed`, by metric: the names of their labels. */
  readonly measured: ReadonlyMap<string, readonly string[]>;
}

export interface OperationsLeft extends Left {
  /** The fields that a log line gets within a span, and those that it gets outside of any. */
  readonly lineFields: { readonly inside: readonly string[]; readonly outside: readonly string[] };
}

class OwnError extends Error {
  override readonly name = 'OwnError';
}

@Injectable()
class Decorated {
  @Span('own.name', (id: string) => ({ attributes: { 'own.argument': id } }))
  find(@SpanAttribute('own.parameter') id: string): string {
    return id;
  }
  @Span(() => {
    throw new TypeError('options that cannot be made');
  })
  optionsThatThrow(): void {}
  @Counted()
  @Timed()
  measured(fails: boolean): void {
    if (fails) throw new OwnError('not measured well');
  }
}

@Traced()
@Injectable()
class WhollyTraced {
  fail(): void {
    throw new OwnError('no');
  }
  async failWithoutError(): Promise<void> {
    throw 'just a text';
  }
}

@Injectable()
class Plain {
  @Cron('0 0 1 1 *')
  yearly(): void {}
}

@Processor('own-queue')
class Jobs extends WorkerHost {
  async process(): Promise<void> {}
}

@Controller()
class Routes {
  private hung: () => void = () => {};
  /** Settles when the request that is never answered is here. */
  readonly hanging = new Promise<void>((resolve) => {
    this.hung = resolve;
  });

  @Get('items/:id')
  item(@Param('id') id: string): string {
    return id;
  }
  @Get('fails')
  fails(): void {
    throw new OwnError('fails');
  }
  @Get('hangs')
  hangs(@Res() _response: unknown): void {
    this.hung();
  }
}

@Controller()
@UseInterceptors(TelemetryInterceptor)
class InterceptedRoutes {
  @Get('intercepted/:id')
  item(): string {
    return 'item';
  }
  @Get('fails')
  fails(): void {
    throw new OwnError('fails');
  }
}

@Controller()
class Messages {
  @MessagePattern('ask')
  ask(fails: boolean): string {
    if (fails) throw new OwnError('asked too much');
    return 'answer';
  }
  @EventPattern('event')
  event(fails: boolean): void {
    if (fails) throw new OwnError('not such an event');
  }
  @GrpcMethod('Own', 'Call')
  call({ text }: { text: string }): { text: string } {
    if (text === 'fail') throw new OwnError('no call');
    return { text };
  }
}

const PROTO = `
syntax = "proto3";
package own;
service Own { rpc Call (Text) returns (Text); }
message Text { string text = 1; }
`;

@WebSocketGateway({ path: '/sockets' })
class Gateway {
  @SubscribeMessage('said')
  said(fails: boolean) {
    if (fails) throw new OwnError('badly said');
    return { event: 'heard' };
  }
}

@ObjectType()
class Thing {
  @Field(() => Int)
  id!: number;
  @Field()
  title!: string;
}

@Resolver(() => Thing)
@UseInterceptors(TelemetryInterceptor)
class Things {
  @Query(() => Thing)
  thing(@Args('id', { type: () => Int }) id: number) {
    if (id === 0) throw new OwnError('nothing');
    return { id };
  }
  @ResolveField()
  title(@Parent() { id }: Thing): string {
    return `thing ${id}`;
  }
}

export const ADAPTERS = ['express', 'fastify'] as const;
type Adapter = (typeof ADAPTERS)[number];

interface Running {
  readonly app: INestApplication;
  readonly url: URL;
  readonly telemetry: TestTelemetry;
}

async function withApplication(
  adapter: Adapter,
  options: TelemetryModuleOptions,
  { imports = [], ...metadata }: ModuleMetadata,
  use: (running: Running) => Promise<void>,
  prepare: (app: INestApplication) => Promise<void> = async () => {},
): Promise<Left> {
  @Module({ ...metadata, imports: [TestTelemetryModule.forRoot({ outgoing: false, ...options }), ...imports] })
  class Root {}
  const settings = { logger: false, abortOnError: false } as const;
  const app =
    adapter === 'express'
      ? await NestFactory.create(Root, settings)
      : await NestFactory.create(Root, new FastifyAdapter(), settings);
  try {
    await prepare(app);
    await app.listen(0, '127.0.0.1');
    const telemetry = app.get(TestTelemetry);
    await use({ app, url: new URL(await app.getUrl()), telemetry });
    const { metrics, logs } = app.get<TelemetryRuntime>(TELEMETRY_RUNTIME, { strict: false });
    const measured = [...metrics.registry.instruments].flatMap((instrument) => {
      if (instrument instanceof Observed) return [];
      const labels = [...instrument.series].flatMap(({ attributes }) => Object.keys(attributes));
      return [[instrument.definition.name, [...new Set(labels)]] as const];
    });
    telemetry.expectNoLeaks();
    return { spans: [...telemetry.spans], records: [...logs.records], measured: new Map(measured) };
  } finally {
    await app.close();
  }
}

const INSTRUMENTED = { instrument: true } as const;

/** Methods, tools, pipelines, jobs: everything that wants no server. */
export async function runOperations(): Promise<OperationsLeft> {
  let inside: readonly string[] = [];
  let outside: readonly string[] = ['never asked'];
  const providers = [Decorated, WhollyTraced, Plain, Jobs];
  const left = await withApplication('express', INSTRUMENTED, { providers }, async ({ app, telemetry }) => {
    const service = app.get(TelemetryService);
    const decorated = app.get(Decorated);
    decorated.find('7');
    decorated.optionsThatThrow();
    decorated.measured(false);
    expect(() => decorated.measured(true)).toThrow(OwnError);
    expect(() => app.get(WhollyTraced).fail()).toThrow(OwnError);
    await expect(app.get(WhollyTraced).failWithoutError()).rejects.toBe('just a text');
    service.tracing.within('own.caller', {}, () => app.get(Plain).yearly());
    const job = { id: '1', name: 'parcel', queueName: 'own-queue', attemptsMade: 0 };
    await (app.get(Jobs) as { process(job: object): Promise<void> }).process(job);

    const fail = () => {
      throw new OwnError('failed');
    };
    const own = { 'own.attribute': 'x' };
    service.instrumentToolExecution('hammer', () => service.recordEvent('own.event'), own);
    expect(() => service.instrumentToolExecution('hammer', fail)).toThrow(OwnError);
    service.instrumentPipelineStage('ship', 'pack', () => service.addContextualAttributes(own));
    expect(() => service.instrumentPipelineStage('ship', 'pack', fail)).toThrow(OwnError);
    service.instrumentOperation('own.operation', 'counting', () => 1, own);
    expect(() => service.instrumentOperation('own.operation', 'counting', fail)).toThrow(OwnError);
    await service.instrumentHttpRequest('GET', '/by/hand', () => 200);
    await service.instrumentHttpRequest('GET', '/by/hand', () => 503);
    await expect(service.instrumentHttpRequest('GET', '/by/hand', fail)).rejects.toThrow(OwnError);

    service.tracing.within('own.logging', {}, () => {
      inside = Object.keys(traceMixin());
      const logger = app.get(TraceLogger);
      quietly(() => {
        logger.log('a line', 'Own');
        logger.error(new OwnError('went wrong'));
      });
    });
    expect(telemetry.spanNames).toContain('own.logging');
    outside = Object.keys(traceMixin());
  });
  return { ...left, lineFields: { inside, outside } };
}

/** The logger also writes to the standard streams, which is not what is looked at here. */
function quietly(log: () => void): void {
  const streams = [process.stdout, process.stderr];
  const writes = streams.map((stream) => jest.spyOn(stream, 'write').mockReturnValue(true));
  try {
    log();
  } finally {
    for (const write of writes) write.mockRestore();
  }
}

/** Requests that are answered, fail, find no route, are given up, and have a method that nobody knows. */
export function runRequests(adapter: Adapter): Promise<Left> {
  return withApplication(adapter, INSTRUMENTED, { controllers: [Routes] }, async ({ app, url, telemetry }) => {
    await fetch(new URL('/items/7?secret=x', url));
    await fetch(new URL('/fails', url));
    await fetch(new URL('/nowhere', url));
    await giveUp(new URL('/hangs', url), app.get(Routes).hanging);
    await askPlainly(url, 'PURGE /items/7 HTTP/1.1\r\nHost: own.host\r\nConnection: close\r\n\r\n');
    // A server's span ends a little after its answer is there.
    await until(
      () => telemetry.spanNames.filter((name) => name.startsWith('http.')).length === 5,
      () => telemetry.spanNames,
    );
  });
}

/** A server that nothing of ours watches, and the interceptor on its controllers. */
export function runIntercepted(): Promise<Left> {
  const options = { http: false };
  return withApplication('fastify', options, { controllers: [InterceptedRoutes] }, async ({ url, telemetry }) => {
    await fetch(new URL('/intercepted/7', url));
    await fetch(new URL('/fails', url));
    await until(
      () => telemetry.spans.length === 2,
      () => telemetry.spanNames,
    );
  });
}

async function giveUp(url: URL, isUnderWay: Promise<void>): Promise<void> {
  const asked = request(url);
  const isOver = new Promise((resolve) => asked.on('error', resolve));
  asked.end();
  await isUnderWay;
  asked.destroy();
  await isOver;
}

function askPlainly({ hostname, port }: URL, text: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.resume().on('close', () => resolve());
  });
}

/** Messages over TCP and gRPC, WebSockets and GraphQL, well and badly. */
export async function runMessages(dir: string): Promise<Left> {
  const tcp = { host: '127.0.0.1', port: await freePort() };
  const protoPath = join(dir, 'own.proto');
  writeFileSync(protoPath, PROTO);
  const grpc = { package: 'own', protoPath, url: `127.0.0.1:${await freePort()}` };
  const prepare = async (app: INestApplication) => {
    app.useWebSocketAdapter(new WsAdapter(app));
    app.connectMicroservice<MicroserviceOptions>({ transport: Transport.TCP, options: tcp });
    app.connectMicroservice<MicroserviceOptions>({ transport: Transport.GRPC, options: grpc });
    await app.startAllMicroservices();
  };
  const use = async ({ url, telemetry }: Running) => {
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options: tcp });
    expect(await firstValueFrom(client.send('ask', false))).toBe('answer');
    await expect(firstValueFrom(client.send('ask', true))).rejects.toBeDefined();
    for (const fails of [false, true]) await lastValueFrom(client.emit('event', fails), { defaultValue: undefined });
    const caller = ClientProxyFactory.create({ transport: Transport.GRPC, options: grpc }) as unknown as ClientGrpc;
    const own = caller.getService<{ call(text: { text: string }): Observable<unknown> }>('Own');
    await firstValueFrom(own.call({ text: 'well' }));
    await expect(firstValueFrom(own.call({ text: 'fail' }))).rejects.toBeDefined();
    const socket = await openSocket(url);
    for (const data of [false, true]) socket.send(JSON.stringify({ event: 'said', data }));
    const headers = { 'content-type': 'application/json' };
    for (const query of ['query Own { thing(id: 1) { title } }', '{ thing(id: 0) { title } }'])
      await fetch(new URL('/graphql', url), { method: 'POST', headers, body: JSON.stringify({ query }) });
    const ended = (name: string) => telemetry.spanNames.filter((each) => each === name).length;
    const isThere = () => ['process event', 'http.POST /graphql', 'ws said'].every((name) => ended(name) === 2);
    await until(isThere, () => telemetry.spanNames);
    socket.terminate();
    client.close();
    (caller as unknown as { close(): void }).close();
  };
  const driver = {
    driver: PlainGraphqlDriver,
    autoSchemaFile: true,
    fieldResolverEnhancers: ['interceptors' as const],
  };
  const metadata = { imports: [GraphQLModule.forRoot(driver)], controllers: [Messages], providers: [Gateway, Things] };
  return withApplication('express', INSTRUMENTED, metadata, use, prepare);
}

interface Socket {
  once(event: string, listener: () => void): void;
  send(text: string): void;
  terminate(): void;
}

/** @returns the open socket */
async function openSocket(url: URL): Promise<Socket> {
  const { WebSocket } = require('ws') as { WebSocket: new (url: string) => Socket };
  const socket = new WebSocket(new URL('/sockets', url).href.replace('http', 'ws'));
  await new Promise<void>((resolve) => socket.once('open', resolve));
  return socket;
}

/** Nothing is sampled, but errors and what is slow are kept. */
export function runKept(): Promise<Left> {
  const sampling = { sampler: 'always_off', keepErrors: true, keepSlowerThan: '1s' } as const;
  return withApplication('express', { sampling }, { providers: [WhollyTraced] }, async ({ app }) => {
    expect(() => app.get(WhollyTraced).fail()).toThrow(OwnError);
    const { tracing } = app.get(TelemetryService);
    tracing.startSpan('own.slow', { startTime: new Date(1_000) }).end(new Date(5_000));
    tracing.startSpan('own.quick').end();
  });
}

/** Waits, turn by turn, for what is on its way. */
async function until(isThere: () => boolean, what: () => unknown): Promise<void> {
  for (let turn = 0; !isThere(); turn++) {
    if (turn === 20_000) throw new Error(`still waiting, with ${String(what())}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
