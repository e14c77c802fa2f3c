import 'reflect-metadata';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import {
  type ArgumentMetadata,
  BadRequestException,
  Body,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  createParamDecorator,
  type ExceptionFilter,
  type ExecutionContext,
  ForbiddenException,
  Get,
  Header,
  HttpCode,
  Inject,
  Injectable,
  type NestInterceptor,
  NotFoundException,
  Param,
  ParseIntPipe,
  type PipeTransform,
  Post,
  Query,
  Redirect,
  SetMetadata,
  Sse,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import {
  type ClientProxy,
  ClientProxyFactory,
  EventPattern,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { Cron, Interval, ScheduleModule, SchedulerRegistry, Timeout } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { firstValueFrom, lastValueFrom, map, type Observable, of, toArray } from 'rxjs';
import { Span } from '../../../src/telemetry/span.decorator';
import { Traced } from '../../../src/telemetry/traced.decorator';
import { FOREIGN_SDK, inEachMode, OFF, RECORDING, type StartedMode, shown } from './tracing-modes';

const MODES = [RECORDING, FOREIGN_SDK, OFF];

const Roles = (...roles: string[]) => SetMetadata('roles', roles);
const Agent = createParamDecorator(
  (_data, host: ExecutionContext) => host.switchToHttp().getRequest().headers['x-agent'],
);

@Injectable()
class Prices {
  #base = 10;

  @Span('prices.of')
  async of(id: number): Promise<number> {
    if (id > 100) throw new NotFoundException(`no order ${id}`);
    return this.#base + id;
  }
}

@Traced()
@Injectable()
class RolesGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(host: ExecutionContext): boolean {
    const roles = this.reflector.get<string[] | undefined>('roles', host.getHandler());
    if (!roles) return true;
    const role = host.switchToHttp().getRequest().headers['x-role'];
    if (!roles.includes(role)) throw new ForbiddenException(`${host.getHandler().name} is for ${roles}`);
    return true;
  }
}

@Traced()
@Injectable()
class Wrapping implements NestInterceptor {
  intercept(host: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data) => ({ data, handler: host.getHandler().name })));
  }
}

@Traced()
@Injectable()
class Upper implements PipeTransform {
  transform(value: unknown): unknown {
    return typeof value === 'string' ? value.toUpperCase() : value;
  }
}

class TeapotError extends Error {}

@Traced()
@Catch(TeapotError)
class TeapotFilter implements ExceptionFilter {
  catch(
    error: Error,
    host: { switchToHttp(): { getResponse(): { status(code: number): { json(body: unknown): void } } } },
  ) {
    host.switchToHttp().getResponse().status(418).json({ said: error.message });
  }
}

class OrderBody {
  name!: string;
}

@Traced()
class NamedOnly implements PipeTransform {
  transform(value: unknown, { metatype }: ArgumentMetadata): unknown {
    if (metatype === OrderBody && typeof (value as OrderBody).name !== 'string') throw new BadRequestException();
    return value;
  }
}

@Controller('orders')
@UseGuards(RolesGuard)
class OrdersController {
  constructor(@Inject(Prices) private readonly prices: Prices) {}

  @Get()
  @Span()
  list(@Query('limit') limit: string, @Agent() agent: string): object {
    return { limit, agent };
  }

  @Span('order.read', (id: number) => ({ attributes: { 'order.id': id } }))
  @Get('price/:id')
  async price(@Param('id', ParseIntPipe) id: number): Promise<object> {
    return { price: await this.prices.of(id) };
  }

  @Span()
  @Post()
  @HttpCode(202)
  @Header('x-made', 'yes')
  @UsePipes(new NamedOnly())
  place(@Body() body: OrderBody): object {
    return { placed: body.name };
  }

  @Roles('admin')
  @Span()
  @Get('secret')
  below(): string {
    return 'secret';
  }

  @Span()
  @Roles('admin')
  @Get('secret-too')
  above(): string {
    return 'secret too';
  }

  @Span()
  @UseInterceptors(Wrapping)
  @Get('wrapped')
  wrapped(): Observable<number> {
    return of(1, 2);
  }

  @Span()
  @Get('upper/:text')
  upper(@Param('text', Upper) text: string): string {
    return text;
  }

  @Span()
  @UseFilters(TeapotFilter)
  @Get('teapot')
  async teapot(): Promise<void> {
    throw new TeapotError('short and stout');
  }

  @Span()
  @Redirect('/orders/price/1')
  @Get('moved')
  moved(): void {}

  @Span()
  @Sse('events')
  events(): Observable<{ data: string }> {
    return of({ data: 'one' }, { data: 'two' });
  }
}

abstract class CrudController {
  @Get('inherited')
  inherited(): string {
    return this.constructor.name;
  }
}

@Traced({ prefix: 'catalogue' })
@Controller('catalogue')
class CatalogueController extends CrudController {
  @Get('own')
  own(): string {
    return 'own';
  }
}

@Injectable()
class Jobs {
  readonly seen: string[] = [];
  private tick = () => {};
  readonly ticked = new Promise<void>((resolve) => {
    this.tick = resolve;
  });

  @Span()
  @Cron('0 0 1 1 *', { name: 'below' })
  cronBelow(): void {
    this.seen.push('cron below');
  }

  @Cron('0 0 1 1 *', { name: 'above' })
  @Span()
  async cronAbove(): Promise<void> {
    this.seen.push('cron above');
  }

  @Span()
  @Interval('often', 1)
  often(): void {
    this.tick();
  }

  @Timeout('soon', 1)
  @Span()
  soon(): void {}

  @Span()
  @OnEvent('order.placed')
  async placed({ id }: { id: string }): Promise<string> {
    this.seen.push(`placed ${id}`);
    return 'heard';
  }

  @OnEvent('order.*')
  @Span()
  any(_event: object): void {
    this.seen.push('any');
  }
}

@Controller()
class MessagesController {
  readonly heard: unknown[] = [];

  @Span()
  @MessagePattern('add')
  add(@Payload() numbers: number[]): number {
    return numbers.reduce((sum, each) => sum + each, 0);
  }

  @MessagePattern({ cmd: 'count' })
  @Span()
  count(upTo: number): Observable<number> {
    return of(...Array.from({ length: upTo }, (_, at) => at + 1));
  }

  @Span()
  @MessagePattern('fail')
  async fail(): Promise<never> {
    throw new RpcException('not today');
  }

  @Span()
  @EventPattern('noted')
  noted(@Payload() note: string): void {
    this.heard.push(note);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function namesOf({ spans }: StartedMode): string[] {
  return spans.map(shown).sort();
}

describe('HTTP', () => {
  inEachMode(
    'routes, parameters, guards, pipes, interceptors and filters work',
    async ({ mode, telemetry }) => {
      const module = await Test.createTestingModule({
        controllers: [OrdersController, CatalogueController],
        providers: [Prices, RolesGuard],
      }).compile();
      const app = module.createNestApplication({ logger: false });
      await app.listen(0, '127.0.0.1');
      const base = await app.getUrl();
      const get = async (path: string, headers: Record<string, string> = {}) => {
        const response = await fetch(`${base}${path}`, { headers, redirect: 'manual' });
        const text = await response.text();
        return [response.status, text.startsWith('{') ? JSON.parse(text) : text];
      };
      try {
        expect(await get('/orders?limit=3', { 'x-agent': 'test' })).toEqual([200, { limit: '3', agent: 'test' }]);
        expect(await get('/orders/price/5')).toEqual([200, { price: 15 }]);
        expect((await get('/orders/price/five'))[0]).toBe(400);
        expect(await get('/orders/price/101')).toEqual([404, expect.objectContaining({ message: 'no order 101' })]);
        expect(await get('/orders/secret')).toEqual([403, expect.objectContaining({ message: 'below is for admin' })]);
        expect(await get('/orders/secret', { 'x-role': 'admin' })).toEqual([200, 'secret']);
        expect((await get('/orders/secret-too'))[0]).toBe(403);
        expect(await get('/orders/secret-too', { 'x-role': 'admin' })).toEqual([200, 'secret too']);
        expect(await get('/orders/wrapped')).toEqual([200, { data: 2, handler: 'wrapped' }]);
        expect(await get('/orders/upper/quiet')).toEqual([200, 'QUIET']);
        expect(await get('/orders/teapot')).toEqual([418, { said: 'short and stout' }]);
        expect((await get('/orders/moved'))[0]).toBe(302);
        expect((await get('/orders/events'))[1]).toContain('data: two');
        expect(await get('/catalogue/inherited')).toEqual([200, 'CatalogueController']);
        expect(await get('/catalogue/own')).toEqual([200, 'own']);
        const post = async (body: object) => {
          const response = await fetch(`${base}/orders`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(body),
          });
          return [response.status, response.headers.get('x-made'), await response.json()];
        };
        expect(await post({ name: 'tea' })).toEqual([202, 'yes', { placed: 'tea' }]);
        expect((await post({}))[0]).toBe(400);
      } finally {
        await app.close();
      }
      if (!mode.records) {
        expect(telemetry.spans).toEqual([]);
        return;
      }
      const counts = new Map<string, number>();
      for (const name of namesOf(telemetry)) counts.set(name, (counts.get(name) ?? 0) + 1);
      expect(Object.fromEntries(counts)).toEqual({
        'NamedOnly.transform': 1,
        'NamedOnly.transform: error Bad Request': 1,
        'OrdersController.above': 1,
        'OrdersController.below': 1,
        'OrdersController.events': 1,
        'OrdersController.list': 1,
        'OrdersController.moved': 1,
        'OrdersController.place': 1,
        'OrdersController.teapot: error short and stout': 1,
        'OrdersController.upper': 1,
        'OrdersController.wrapped': 1,
        'RolesGuard.canActivate': 13,
        'RolesGuard.canActivate: error above is for admin': 1,
        'RolesGuard.canActivate: error below is for admin': 1,
        'TeapotFilter.catch': 1,
        'Upper.transform': 1,
        'Wrapping.intercept': 1,
        'catalogue.inherited': 1,
        'catalogue.own': 1,
        'order.read': 1,
        'order.read: error no order 101': 1,
        'prices.of': 1,
        'prices.of: error no order 101': 1,
      });
      const read = telemetry.spans.find((span) => span.name === 'order.read');
      expect(read?.attributes).toEqual({ 'order.id': 5 });
      expect(telemetry.span('prices.of').parentSpanContext?.spanId).toBe(read?.spanContext().spanId);
    },
    MODES,
  );
});

describe('schedules and events', () => {
  inEachMode(
    'decorated jobs and listeners are found and called',
    async ({ mode, telemetry }) => {
      const module = await Test.createTestingModule({
        imports: [ScheduleModule.forRoot(), EventEmitterModule.forRoot({ wildcard: true })],
        providers: [Jobs],
      }).compile();
      const app = module.createNestApplication({ logger: false });
      await app.init();
      const jobs = app.get(Jobs);
      try {
        const registry = app.get(SchedulerRegistry);
        expect([...registry.getCronJobs().keys()].sort()).toEqual(['above', 'below']);
        expect([registry.getIntervals(), registry.getTimeouts()]).toEqual([['often'], ['soon']]);
        for (const name of ['below', 'above']) await registry.getCronJob(name).fireOnTick();
        await jobs.ticked;
        const answers = await app.get(EventEmitter2).emitAsync('order.placed', { id: 'A-1' });
        expect(answers).toContain('heard');
        expect([...jobs.seen].sort()).toEqual(['any', 'cron above', 'cron below', 'placed A-1']);
      } finally {
        await app.close();
      }
      expect(new Set(namesOf(telemetry).filter((name) => name !== 'Jobs.soon'))).toEqual(
        new Set(mode.records ? ['Jobs.any', 'Jobs.cronAbove', 'Jobs.cronBelow', 'Jobs.often', 'Jobs.placed'] : []),
      );
    },
    MODES,
  );
});

describe('messages', () => {
  inEachMode(
    'decorated handlers of messages and events are found and called',
    async ({ mode, telemetry }) => {
      const module = await Test.createTestingModule({ controllers: [MessagesController] }).compile();
      const options = { host: '127.0.0.1', port: await freePort() };
      const app = module.createNestMicroservice<MicroserviceOptions>({
        transport: Transport.TCP,
        options,
        logger: false,
      });
      await app.listen();
      const client: ClientProxy = ClientProxyFactory.create({ transport: Transport.TCP, options });
      try {
        expect(await firstValueFrom(client.send('add', [1, 2, 3]))).toBe(6);
        expect(await firstValueFrom(client.send({ cmd: 'count' }, 3).pipe(toArray()))).toEqual([1, 2, 3]);
        await expect(firstValueFrom(client.send('fail', {}))).rejects.toMatchObject({ message: 'not today' });
        await lastValueFrom(client.emit('noted', 'this'), { defaultValue: undefined });
        // Messages of one connection are handled in their order.
        await firstValueFrom(client.send('add', [1]));
        expect(app.get(MessagesController).heard).toEqual(['this']);
      } finally {
        client.close();
        await app.close();
      }
      expect(namesOf(telemetry)).toEqual(
        mode.records
          ? [
              'MessagesController.add',
              'MessagesController.add',
              'MessagesController.count',
              'MessagesController.fail: error not today',
              'MessagesController.noted',
            ]
          : [],
      );
    },
    MODES,
  );
});
