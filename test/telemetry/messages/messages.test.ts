import 'reflect-metadata';
import {
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExecutionContext,
  type INestApplication,
  type INestMicroservice,
  Inject,
  Injectable,
  Module,
  type ModuleMetadata,
  type NestInterceptor,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type ClientProxy,
  ClientProxyFactory,
  ClientsModule,
  EventPattern,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import {
  defer,
  EMPTY,
  firstValueFrom,
  from,
  lastValueFrom,
  type Observable,
  of,
  throwError,
  timer,
  toArray,
} from 'rxjs';
import { delayWhen, retry } from 'rxjs/operators';
import { TelemetryInterceptor } from '../../../src/telemetry/telemetry.interceptor';
import type { TelemetryModuleOptions } from '../../../src/telemetry/telemetry.options';
import { freePort, HAS_REDIS, RedisServer } from '../../support/redis-server';
import { REMOTE, Recorder } from '../instrument/recorder';

jest.setTimeout(60_000);

let recorder: Recorder;
const closing: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
  recorder.stop();
});

@Injectable()
class Till {
  readonly sold: unknown[] = [];
  sell(what: unknown) {
    this.sold.push(what);
    return what;
  }
}

@Injectable()
class Bouncer implements CanActivate {
  canActivate(context: ExecutionContext) {
    return context.switchToRpc().getData() !== 'drunk';
  }
}

@Catch(TypeError)
class Politeness {
  catch() {
    return of('there, there');
  }
}

/** Makes results lazy, as any interceptor does. */
@Injectable()
class Patience implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    return next.handle();
  }
}

@Controller()
@UseGuards(Bouncer)
class BarController {
  flaky = 0;
  constructor(private readonly till: Till) {}

  @MessagePattern('drink')
  drink(@Payload() what: unknown) {
    return this.till.sell(what);
  }
  @MessagePattern({ cmd: 'round', of: 'beer' })
  round(@Payload() count: number): Observable<string> {
    return from(Array.from({ length: count }, (_, at) => `beer ${at}`)).pipe(delayWhen(() => timer(1)));
  }
  @MessagePattern('slowly')
  @UseInterceptors(Patience)
  slowly(@Payload() what: unknown) {
    return defer(() => of(this.till.sell(what)));
  }
  @MessagePattern('double')
  double(@Payload() what: unknown) {
    try {
      this.brawl();
    } catch {
      // settled
    }
    return this.drink(what);
  }
  @MessagePattern('brawl')
  brawl() {
    throw new RpcException('no fighting');
  }
  @MessagePattern('bug')
  async bug() {
    throw new SyntaxError('the cellar is on fire');
  }
  @MessagePattern('spill')
  @UseFilters(Politeness)
  spill() {
    return throwError(() => new TypeError('oops'));
  }
  @MessagePattern('flaky')
  often() {
    if (++this.flaky < 3) throw new RpcException('not yet');
    return 'now';
  }
  @MessagePattern('baggage')
  baggage() {
    return propagation.getBaggage(context.active())?.getEntry('tenant')?.value ?? 'none';
  }
  @MessagePattern('nothing')
  nothing() {
    return EMPTY;
  }
  @EventPattern('closing')
  closing(@Payload() how: string) {
    this.till.sell(how);
    if (how === 'badly') throw new Error('lights out');
  }
}

/** An application with a microservice, and a client for it. */
async function open(
  { imports = [], ...rest }: ModuleMetadata = { controllers: [BarController], providers: [Till] },
  options: TelemetryModuleOptions = { instrument: { exclude: ['Peer*'] } },
  microservice: MicroserviceOptions = { transport: Transport.TCP, options: { port: 0, host: '127.0.0.1' } },
) {
  @Module({ ...rest, imports: [recorder.explorers(options), ...imports] })
  class AppModule {}
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
    ...microservice,
    logger: false,
    abortOnError: false,
  });
  closing.push(app);
  await app.listen();
  return app;
}

function clientOf(app: INestMicroservice): ClientProxy {
  const { port } = app.unwrap<{ address(): { port: number } }>().address();
  const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { port, host: '127.0.0.1' } });
  closing.push(client);
  return client;
}

describe('over TCP', () => {
  let app: INestMicroservice;
  let client: ClientProxy;
  beforeEach(async () => {
    recorder = new Recorder();
    app = await open();
    client = clientOf(app);
  });

  test('a request is one trace, from the client through the guard to the provider', async () => {
    expect(await recorder.within('caller', () => firstValueFrom(client.send('drink', { litres: 1 })))).toEqual({
      litres: 1,
    });
    expect(recorder.tree()).toEqual([
      'caller',
      '  drink client',
      '    drink server',
      '      Bouncer.canActivate',
      '      BarController.drink',
      '        Till.sell',
    ]);
    const { port } = app.unwrap<{ address(): { port: number } }>().address();
    const both = { 'rpc.system.name': 'nestjs', 'rpc.method': 'drink', 'nest.transport': 'tcp' };
    expect(recorder.span('drink', SpanKind.CLIENT).attributes).toEqual({
      ...both,
      'server.address': '127.0.0.1',
      'server.port': port,
    });
    expect(recorder.span('drink', SpanKind.SERVER).attributes).toEqual({
      ...both,
      'code.function.name': 'BarController.drink',
    });
    expect(recorder.span('drink', SpanKind.SERVER).parentSpanContext?.isRemote).toBe(true);
    expect(recorder.span('BarController.drink').attributes['nest.kind']).toBe('message');
  });

  test('the handler gets what was sent, and nothing of ours', async () => {
    await firstValueFrom(client.send('drink', { headers: { mine: 1 } }));
    expect(app.get(Till).sold).toEqual([{ headers: { mine: 1 } }]);
  });

  test('an answer in many pieces is one span, which ends with the last', async () => {
    const pieces = await lastValueFrom(client.send({ of: 'beer', cmd: 'round' }, 3).pipe(toArray()));
    expect(pieces).toEqual(['beer 0', 'beer 1', 'beer 2']);
    const name = '{"cmd":"round","of":"beer"}';
    expect(recorder.tree()).toEqual([
      `${name} client`,
      `  ${name} server`,
      '    Bouncer.canActivate',
      '    BarController.round',
    ]);
  });

  test('nothing is sent before somebody subscribes, and each subscription is a span', async () => {
    const answers = client.send('flaky', 1);
    expect(recorder.names()).toEqual([]);
    expect(await lastValueFrom(answers.pipe(retry(5)))).toBe('now');
    expect(recorder.names().filter((name) => name === 'flaky')).toHaveLength(6);
    expect(recorder.ended.filter(({ status }) => status.code === 2).map(({ name }) => name)).toEqual([
      'BarController.often',
      'flaky',
      'flaky',
      'BarController.often',
      'flaky',
      'flaky',
    ]);
  });

  test('what the handler threw is recorded, not only what Nest’s filter made of it', async () => {
    await expect(firstValueFrom(client.send('bug', 1))).rejects.toEqual({
      status: 'error',
      message: 'Internal server error',
    });
    const server = recorder.span('bug', SpanKind.SERVER);
    expect(server.events).toMatchObject([
      { attributes: { 'exception.type': 'SyntaxError', 'exception.message': 'the cellar is on fire' } },
    ]);
    expect(server.status).toEqual({ code: 2, message: 'the cellar is on fire' });
    expect(recorder.span('bug', SpanKind.CLIENT).status).toEqual({ code: 2, message: 'Internal server error' });
  });

  test('what a filter makes good is told all the same', async () => {
    expect(await firstValueFrom(client.send('spill', 1))).toBe('there, there');
    expect(recorder.span('spill', SpanKind.SERVER).attributes['error.type']).toBe('TypeError');
    expect(recorder.span('spill', SpanKind.CLIENT).status.code).toBe(0);
  });

  test('a guard that says no is an error of the request', async () => {
    await expect(firstValueFrom(client.send('drink', 'drunk'))).rejects.toMatchObject({
      message: 'Forbidden resource',
    });
    expect(recorder.tree()).toEqual([
      'drink client !Object',
      '  drink server !RpcException',
      '    Bouncer.canActivate',
    ]);
  });

  test('a handler that another calls is no more than a method', async () => {
    expect(await firstValueFrom(client.send('double', 'ale'))).toBe('ale');
    const { attributes, status } = recorder.span('double', SpanKind.SERVER);
    expect(attributes['code.function.name']).toBe('BarController.double');
    expect(status.code).toBe(0);
  });

  test('an answer that is empty ends the spans', async () => {
    await lastValueFrom(client.send('nothing', 1), { defaultValue: undefined });
    expect(recorder.span('nothing', SpanKind.SERVER).status.code).toBe(0);
  });

  test('a request that nobody answers is an error at the client', async () => {
    await expect(firstValueFrom(client.send('unknown', 1))).rejects.toMatch('no matching message handler');
    expect(recorder.tree()).toEqual(['unknown client !string']);
  });

  test('an event has a producer, and a consumer below it', async () => {
    await recorder.within('caller', async () => {
      await lastValueFrom(client.emit('closing', 'time'), { defaultValue: undefined });
    });
    await recorder.ending('process closing');
    expect(recorder.tree()).toEqual([
      'caller',
      '  send closing producer',
      '    process closing consumer',
      '      Bouncer.canActivate',
      '      BarController.closing',
      '        Till.sell',
    ]);
    expect(recorder.span('process closing').attributes).toEqual({
      'messaging.system.name': 'nestjs',
      'messaging.operation.type': 'process',
      'messaging.operation.name': 'process',
      'messaging.destination.name': 'closing',
      'nest.transport': 'tcp',
      'code.function.name': 'BarController.closing',
    });
  });

  test('an event is on its way, and its span too, though nobody subscribes', async () => {
    client.emit('closing', 'badly');
    const consumer = await recorder.ending('process closing');
    expect(consumer.status).toEqual({ code: 2, message: 'lights out' });
    expect(recorder.span('send closing').status.code).toBe(0);
  });

  test('baggage goes along', async () => {
    const withTenant = propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ tenant: { value: 'acme' } }));
    expect(await context.with(withTenant, () => firstValueFrom(client.send('baggage', 1)))).toBe('acme');
    expect(await firstValueFrom(client.send('baggage', 1))).toBe('none');
  });

  test('a caller that is not sampled makes no spans, and says so to the other side', async () => {
    const unsampled = trace.setSpanContext(ROOT_CONTEXT, { ...REMOTE, traceFlags: 0, isRemote: true });
    await context.with(unsampled, () => firstValueFrom(client.send('drink', 'one')));
    await context.with(unsampled, () => firstValueFrom(client.send('slowly', 'two')));
    await context.with(unsampled, async () => void client.emit('closing', 'time'));
    await firstValueFrom(client.send('drink', 'four'));
    expect(app.get(Till).sold).toEqual(['one', 'two', 'time', 'four']);
    expect(recorder.names().sort()).toEqual([
      'BarController.drink',
      'Bouncer.canActivate',
      'Till.sell',
      'drink',
      'drink',
    ]);
  });

  test('a client whose server is not there has an error', async () => {
    const port = await freePort();
    const lonely = ClientProxyFactory.create({ transport: Transport.TCP, options: { port, host: '127.0.0.1' } });
    await expect(firstValueFrom(lonely.send('drink', 1))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(lastValueFrom(lonely.emit('closing', 1))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(recorder.ended.map(({ name, status }) => [name, status.code])).toEqual([
      ['drink', 2],
      ['send closing', 2],
    ]);
  });
});

describe('a peer', () => {
  /** Reads and writes what is on the wire: Nest's frames, `length#json`. */
  const { Socket } = require('node:net') as typeof import('node:net');
  const frame = (packet: object) => `${JSON.stringify(packet).length}#${JSON.stringify(packet)}`;
  async function ask(app: INestMicroservice, packet: object): Promise<unknown> {
    const { port } = app.unwrap<{ address(): { port: number } }>().address();
    const socket = new Socket().connect(port, '127.0.0.1');
    closing.push({ close: () => socket.destroy() });
    socket.write(frame(packet));
    const answer = await new Promise<Buffer>((resolve) => socket.once('data', resolve));
    return JSON.parse(answer.toString().split('#')[1] as string);
  }

  beforeEach(() => {
    recorder = new Recorder();
  });

  test('that knows nothing of traces is understood', async () => {
    const app = await open();
    expect(await ask(app, { pattern: 'drink', data: 'tea', id: '1' })).toMatchObject({ response: 'tea', id: '1' });
    expect(recorder.span('drink').parentSpanContext).toBeUndefined();
  });

  test.each([
    ['nothing', null],
    ['a text', 'traceparent'],
    ['a list', ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01']],
    ['no ids', { traceparent: '00-zzz' }],
    ['an object for ids', { traceparent: { toString: 1 } }],
    ['a prototype', { __proto__: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' } }],
  ])('that sends %s in place of headers is served', async (_what, headers) => {
    const app = await open();
    expect(await ask(app, { pattern: 'drink', data: 'tea', id: '1', headers })).toMatchObject({ response: 'tea' });
    expect(recorder.span('drink').parentSpanContext).toBeUndefined();
  });

  test('that sends strange headers is served, whatever propagator the process has', async () => {
    const split: unknown[] = [];
    propagation.disable();
    propagation.setGlobalPropagator({
      inject() {},
      extract(into, carrier, getter) {
        split.push((getter.get(carrier, 'traceparent') as string | undefined)?.split('-').length);
        return into;
      },
      fields: () => [],
    });
    const app = await open();
    await ask(app, { pattern: 'drink', data: 'tea', id: '1', headers: { traceparent: ['00'] } });
    await ask(app, { pattern: 'drink', data: 'tea', id: '1', headers: { traceparent: '00-1-2-3' } });
    expect(split).toEqual([undefined, 4]);
  });

  test('that sends a trace is its parent', async () => {
    const app = await open();
    const traceparent = `00-${REMOTE.traceId}-${REMOTE.spanId}-01`;
    await ask(app, { pattern: 'drink', data: 'tea', id: '1', headers: { traceparent } });
    expect(recorder.span('drink').parentSpanContext).toMatchObject({ spanId: REMOTE.spanId, isRemote: true });
  });

  test('gets the packet as Nest would send it, with one field more; with telemetry off, not even that', async () => {
    const { createServer } = require('node:net') as typeof import('node:net');
    const got: string[] = [];
    const server = createServer((socket) =>
      socket.on('data', (data) => {
        got.push(data.toString());
        const { id } = JSON.parse(data.toString().split('#')[1] as string);
        socket.write(frame({ id, response: 'ok', isDisposed: true }));
      }),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(server);
    const { port } = server.address() as { port: number };
    const app = await open();
    const ask = async () => {
      const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { port, host: '127.0.0.1' } });
      expect(await firstValueFrom(client.send('drink', { a: 1 }))).toBe('ok');
      client.close();
      const { id, ...packet } = JSON.parse(got.at(-1)?.split('#')[1] as string);
      expect(id).toEqual(expect.any(String));
      return packet;
    };
    const { traceId, spanId } = await ask().then((packet) => {
      const span = recorder.span('drink').spanContext();
      expect(packet).toEqual({
        pattern: 'drink',
        data: { a: 1 },
        headers: { traceparent: `00-${span.traceId}-${span.spanId}-01` },
      });
      return span;
    });
    expect([traceId, spanId]).toEqual([expect.stringMatching(/^\w{32}$/), expect.stringMatching(/^\w{16}$/)]);
    await app.close();
    expect(await ask()).toEqual({ pattern: 'drink', data: { a: 1 } });
  });
});

describe('handlers', () => {
  beforeEach(() => {
    recorder = new Recorder();
  });

  @Controller()
  class OneEar {
    @EventPattern('rumour')
    hear() {}
  }
  @Controller()
  class OtherEar {
    @EventPattern('rumour')
    hear() {
      throw new Error('not again');
    }
  }
  @Controller({ scope: Scope.REQUEST })
  class ScopedEar {
    @EventPattern('rumour')
    hear() {
      return 'who are you';
    }
  }

  test.each([
    ['of singletons', [OneEar, OtherEar, ScopedEar]],
    ['of a request-scoped one first', [ScopedEar, OneEar, OtherEar]],
  ])('of the same event have a span each, side by side, and each its own error: %s', async (_order, controllers) => {
    const client = clientOf(await open({ controllers }));
    await recorder.within('caller', () => lastValueFrom(client.emit('rumour', 1), { defaultValue: undefined }));
    while (recorder.names().filter((name) => name === 'process rumour').length < 3) await new Promise(setImmediate);
    expect(recorder.tree().sort()).toEqual(
      [
        'caller',
        '  send rumour producer',
        '    process rumour consumer',
        '      OneEar.hear',
        '    process rumour consumer !Error',
        '      OtherEar.hear !Error',
        '    process rumour consumer',
        '      ScopedEar.hear',
      ].sort(),
    );
  });

  test('that are request-scoped are in the trace, with the providers that are made for them', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Notes {
      write() {
        return 'written';
      }
    }
    @Controller()
    class NotesController {
      constructor(private readonly notes: Notes) {}
      @MessagePattern('write')
      write() {
        return this.notes.write();
      }
    }
    const client = clientOf(await open({ controllers: [NotesController], providers: [Notes] }));
    expect(await firstValueFrom(client.send('write', 1))).toBe('written');
    expect(recorder.tree()).toEqual([
      'write client',
      '  write server',
      '    NotesController.write',
      '      Notes.write',
    ]);
  });

  test('that are inherited are found, and interceptors of the application stay in place', async () => {
    @Injectable()
    class Doubling implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler) {
        return next.handle().pipe((answers) => from(lastValueFrom(answers).then((each) => each * 2)));
      }
    }
    class Base {
      @MessagePattern('number')
      @UseInterceptors(Doubling)
      number() {
        return 21;
      }
    }
    @Controller()
    class Heir extends Base {}
    const client = clientOf(await open({ controllers: [Heir] }));
    expect(await firstValueFrom(client.send('number', 1))).toBe(42);
    expect(recorder.span('number', SpanKind.SERVER).attributes['code.function.name']).toBe('Heir.number');
  });

  test('to which the interceptor is attached by hand as well have one span', async () => {
    @Controller()
    @UseInterceptors(TelemetryInterceptor)
    class TwiceController {
      @MessagePattern('twice')
      twice() {
        throw new RpcException('once');
      }
    }
    const client = clientOf(await open({ controllers: [TwiceController] }, {}));
    await expect(firstValueFrom(client.send('twice', 1))).rejects.toBeDefined();
    expect(recorder.tree()).toEqual(['twice client !Object', '  twice server !RpcException']);
    expect(recorder.span('twice', SpanKind.SERVER).events).toHaveLength(1);
  });

  test('have a span by the interceptor alone, where messages are not traced', async () => {
    @Controller()
    @UseInterceptors(TelemetryInterceptor)
    class AloneController {
      @MessagePattern({ cmd: 'alone' })
      alone() {
        return of(1, 2);
      }
      @EventPattern('alone')
      event() {}
    }
    const client = clientOf(await open({ controllers: [AloneController] }, { messages: false }));
    expect(await lastValueFrom(client.send({ cmd: 'alone' }, 1).pipe(toArray()))).toEqual([1, 2]);
    client.emit('alone', 1);
    await recorder.ending('process alone');
    expect(recorder.tree()).toEqual(['{"cmd":"alone"} server', 'process alone consumer']);
  });

  test('of an application that starts later, without telemetry, have none', async () => {
    await open({ controllers: [OneEar] });
    await (closing.pop() as INestMicroservice).close();
    recorder.ended.length = 0;
    @Module({ controllers: [OneEar], imports: [recorder.explorers({}, { isOn: false })] })
    class PlainModule {}
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(PlainModule, {
      transport: Transport.TCP,
      options: { port: 0, host: '127.0.0.1' },
      logger: false,
    });
    closing.push(app);
    await app.listen();
    await lastValueFrom(clientOf(app).emit('rumour', 1), { defaultValue: undefined });
    expect(recorder.names()).toEqual([]);
  });
});

test('a hybrid application has its messages traced, and clients that are injected send the trace of the request', async () => {
  recorder = new Recorder();
  const port = await freePort();
  @Controller()
  class FrontController {
    constructor(@Inject('BAR') private readonly bar: ClientProxy) {}
    @MessagePattern('order')
    order(@Payload() what: string) {
      return this.bar.send('drink', what);
    }
  }
  @Module({
    imports: [
      recorder.explorers({ instrument: true }),
      ClientsModule.register([{ name: 'BAR', transport: Transport.TCP, options: { port, host: '127.0.0.1' } }]),
    ],
    controllers: [FrontController, BarController],
    providers: [Till],
  })
  class HybridModule {}
  const app: INestApplication = await NestFactory.create(HybridModule, { logger: false, abortOnError: false });
  closing.push(app);
  app.connectMicroservice<MicroserviceOptions>({ transport: Transport.TCP, options: { port, host: '127.0.0.1' } });
  await app.startAllMicroservices();
  const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { port, host: '127.0.0.1' } });
  closing.push(client);
  expect(await firstValueFrom(client.send('order', 'cocoa'))).toBe('cocoa');
  expect(recorder.tree()).toEqual([
    'order client',
    '  order server',
    '    FrontController.order',
    '      drink client',
    '        drink server',
    '          Bouncer.canActivate',
    '          BarController.drink',
    '            Till.sell',
  ]);
});

(HAS_REDIS ? describe : describe.skip)('over Redis', () => {
  let redis: RedisServer;
  let app: INestMicroservice;
  let client: ClientProxy;

  beforeEach(async () => {
    redis = await RedisServer.start();
    recorder = new Recorder();
    const options = { host: '127.0.0.1', port: redis.port };
    app = await open(undefined, { instrument: true }, { transport: Transport.REDIS, options });
    client = ClientProxyFactory.create({ transport: Transport.REDIS, options });
    closing.push(client);
  });

  afterEach(async () => {
    for (const each of closing.splice(0).reverse()) await each.close();
    await redis.stop();
  });

  test('requests and events are one trace with their sender', async () => {
    await recorder.within('caller', async () => {
      expect(await firstValueFrom(client.send('drink', 'rum'))).toBe('rum');
      await lastValueFrom(client.emit('closing', 'time'), { defaultValue: undefined });
    });
    await recorder.ending('process closing');
    expect(recorder.tree()).toEqual([
      'caller',
      '  drink client',
      '    drink server',
      '      Bouncer.canActivate',
      '      BarController.drink',
      '        Till.sell',
      '  send closing producer',
      '    process closing consumer',
      '      Bouncer.canActivate',
      '      BarController.closing',
      '        Till.sell',
    ]);
    expect(recorder.span('send closing').attributes).toMatchObject({
      'messaging.system.name': 'redis',
      'server.address': '127.0.0.1',
      'server.port': redis.port,
    });
  });

  test('a message that is no packet of Nest’s is handed on whole, and its headers are its own', async () => {
    const { Redis } = await import('ioredis');
    const publisher = new Redis(redis.port, '127.0.0.1');
    closing.push({ close: () => publisher.quit() });
    const foreign = { how: 'late', headers: { traceparent: `00-${REMOTE.traceId}-${REMOTE.spanId}-01` } };
    await publisher.publish('closing', JSON.stringify(foreign));
    const consumer = await recorder.ending('process closing');
    expect(consumer.parentSpanContext).toBeUndefined();
    expect(app.get(Till).sold).toEqual([foreign]);
  });
});
