import 'reflect-metadata';
import {
  type ArgumentsHost,
  Body,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  HttpException,
  type INestApplication,
  Injectable,
  Module,
  type ModuleMetadata,
  type NestInterceptor,
  type OnModuleInit,
  Param,
  ParseIntPipe,
  type PipeTransform,
  Post,
  Scope,
  SetMetadata,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, NestFactory, Reflector } from '@nestjs/core';
import { type Observable, of } from 'rxjs';
import { InstrumentExplorer } from '../../../src/telemetry/instrument/instrument.explorer';
import { Span } from '../../../src/telemetry/span.decorator';
import type { TelemetryModuleOptions } from '../../../src/telemetry/telemetry.options';
import { Traced, Untraced } from '../../../src/telemetry/traced.decorator';
import { Recorder } from './recorder';

jest.setTimeout(30_000);

let recorder: Recorder;
let application: INestApplication | undefined;

beforeEach(() => {
  recorder = new Recorder();
});

afterEach(async () => {
  await application?.close();
  application = undefined;
  recorder.stop();
});

async function start(
  metadata: ModuleMetadata,
  instrument: TelemetryModuleOptions['instrument'] = true,
  { isOn = true, prepare }: { isOn?: boolean; prepare?: (app: INestApplication) => void } = {},
): Promise<INestApplication> {
  const { imports = [], ...rest } = metadata;
  @Module({ ...rest, imports: [recorder.explorers({ instrument, messages: false }, { isOn }), ...imports] })
  class AppModule {}
  const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  application = app;
  prepare?.(app);
  await app.init();
  return app;
}

async function request(app: INestApplication, path: string, init?: RequestInit): Promise<Response> {
  if (!app.getHttpServer().listening) await app.listen(0, '127.0.0.1');
  return fetch(`${await app.getUrl()}${path}`, init);
}

const registry = (app: INestApplication) => app.get(InstrumentExplorer).registry;

@Injectable()
class CatsRepository {
  find(id: number) {
    return { id, name: 'Tom' };
  }
}

@Injectable()
class CatsService {
  #secret = 'claws';
  readonly self: CatsService = this;
  readonly arrow = () => this.#secret;
  constructor(readonly repository: CatsRepository) {}
  async find(id: number) {
    return this.repository.find(id);
  }
  private() {
    return this.#secret;
  }
}

describe('a request', () => {
  @Injectable()
  class RolesGuard implements CanActivate {
    constructor(private readonly reflector: Reflector) {}
    canActivate(context: ExecutionContext) {
      return this.reflector.get('role', context.getHandler()) === 'keeper';
    }
  }
  @Injectable()
  class TimesInterceptor implements NestInterceptor {
    intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
      return next.handle();
    }
  }
  @Injectable()
  class NumberPipe implements PipeTransform {
    transform(value: string) {
      return Number(value);
    }
  }
  @Catch(RangeError)
  class RangeFilter implements ExceptionFilter {
    catch(_error: RangeError, host: ArgumentsHost) {
      host.switchToHttp().getResponse().status(416).send('out of range');
    }
  }
  @Controller('cats')
  @UseGuards(RolesGuard)
  @UseInterceptors(TimesInterceptor)
  @UseFilters(RangeFilter)
  class CatsController {
    constructor(private readonly cats: CatsService) {}
    @Get(':id')
    @SetMetadata('role', 'keeper')
    one(@Param('id', NumberPipe) id: number) {
      if (id > 9) throw new RangeError('too many cats');
      return this.cats.find(id);
    }
  }
  const metadata = { controllers: [CatsController], providers: [CatsService, CatsRepository] };

  test('is a tree of every class that had a hand in it, each with its kind', async () => {
    const app = await start(metadata);
    expect(await (await request(app, '/cats/7')).json()).toEqual({ id: 7, name: 'Tom' });
    expect(recorder.tree()).toEqual([
      'RolesGuard.canActivate',
      'TimesInterceptor.intercept',
      '  NumberPipe.transform',
      '  CatsController.one',
      '    CatsService.find',
      '      CatsRepository.find',
    ]);
    const kinds = Object.fromEntries(recorder.ended.map(({ name, attributes }) => [name, attributes['nest.kind']]));
    expect(kinds).toEqual({
      'RolesGuard.canActivate': 'guard',
      'TimesInterceptor.intercept': 'interceptor',
      'NumberPipe.transform': 'pipe',
      'CatsController.one': 'controller',
      'CatsService.find': 'provider',
      'CatsRepository.find': 'provider',
    });
  });

  test('that ends in a filter has the filter, and the error where it was thrown', async () => {
    const app = await start(metadata);
    expect((await request(app, '/cats/10')).status).toBe(416);
    expect(recorder.span('RangeFilter.catch').attributes['nest.kind']).toBe('filter');
    expect(recorder.span('CatsController.one').events).toMatchObject([
      { name: 'exception', attributes: { 'exception.message': 'too many cats' } },
    ]);
  });

  test('has the global guards, pipes, interceptors and filters of the application, however they were given', async () => {
    const seen: string[] = [];
    @Injectable()
    class ClassGuard {
      canActivate() {
        return seen.push('guard') > 0;
      }
    }
    @Injectable()
    class ExistingInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler) {
        seen.push('interceptor');
        return next.handle();
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class RequestPipe {
      transform(value: unknown) {
        seen.push('pipe');
        return value;
      }
    }
    @Catch()
    class AnyFilter {
      catch(_error: unknown, host: ArgumentsHost) {
        host.switchToHttp().getResponse().status(418).send();
      }
    }
    @Controller()
    class TeaController {
      @Get(':pot')
      brew(@Param('pot') _pot: string) {
        throw new Error('short and stout');
      }
    }
    const app = await start({
      controllers: [TeaController],
      providers: [
        ExistingInterceptor,
        { provide: APP_GUARD, useClass: ClassGuard },
        { provide: APP_INTERCEPTOR, useExisting: ExistingInterceptor },
        { provide: APP_PIPE, useClass: RequestPipe },
        { provide: APP_FILTER, useClass: AnyFilter },
      ],
    });
    expect((await request(app, '/big')).status).toBe(418);
    expect(seen).toEqual(['guard', 'interceptor', 'pipe']);
    const kinds = Object.fromEntries(recorder.ended.map(({ name, attributes }) => [name, attributes['nest.kind']]));
    expect(kinds).toEqual({
      'ClassGuard.canActivate': 'guard',
      'ExistingInterceptor.intercept': 'interceptor',
      'RequestPipe.transform': 'pipe',
      'TeaController.brew': 'controller',
      'AnyFilter.catch': 'filter',
    });
  });
});

describe('a class', () => {
  test('stays what it was: identity, this, private fields, arrow functions, metadata', async () => {
    const app = await start({ providers: [CatsService, CatsRepository] });
    const cats = app.get(CatsService);
    expect(cats).toBeInstanceOf(CatsService);
    expect(cats.self).toBe(cats);
    expect(cats.private()).toBe('claws');
    expect(cats.arrow()).toBe('claws');
    expect(cats.find).toHaveLength(1);
    expect(Reflect.getMetadata('design:paramtypes', CatsService)).toEqual([CatsRepository]);
    expect(Object.keys(cats).sort()).toEqual(['arrow', 'repository', 'self']);
    expect(recorder.names()).toEqual(['CatsService.private']);
  });

  test('has its own and inherited methods traced, under its own name, without what Node or a library gave it', async () => {
    const { EventEmitter } = await import('node:events');
    class Base {
      inherited() {
        return 'base';
      }
      overridden() {
        return 'base';
      }
    }
    @Injectable()
    class Heir extends Base {
      override overridden() {
        return `${super.overridden()} and heir`;
      }
    }
    @Injectable()
    class Bus extends EventEmitter {
      publish() {
        return this.emit('published');
      }
    }
    @Injectable()
    class Registry extends Map<string, string> {
      register(name: string) {
        return this.set(name, name).size;
      }
    }
    const app = await start({ providers: [Heir, Bus, Registry] });
    expect(app.get(Heir).inherited()).toBe('base');
    expect(app.get(Heir).overridden()).toBe('base and heir');
    expect(app.get(Bus).publish()).toBe(false);
    expect(app.get(Registry).register('x')).toBe(1);
    expect(app.get(Registry).get('x')).toBe('x');
    expect(new Base().inherited()).toBe('base');
    expect(recorder.names()).toEqual(['Heir.inherited', 'Heir.overridden', 'Bus.publish', 'Registry.register']);
  });

  test('and the one that it extends have one span for each call, both being providers', async () => {
    @Injectable()
    class Animal {
      speak() {
        return 'hm';
      }
      move() {
        return 'walks';
      }
    }
    @Injectable()
    class Dog extends Animal {
      override speak() {
        return `${super.speak()}, wuff`;
      }
    }
    const app = await start({ providers: [Animal, Dog] });
    app.get(Dog).move();
    app.get(Dog).speak();
    app.get(Animal).move();
    expect(recorder.tree()).toEqual(['Dog.move', 'Dog.speak', '  Animal.speak', 'Animal.move']);
  });

  test('that is request-scoped or transient is traced, each instance', async () => {
    let made = 0;
    @Injectable({ scope: Scope.TRANSIENT })
    class Counter {
      readonly number = ++made;
      count() {
        return this.number;
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      constructor(private readonly counter: Counter) {}
      number() {
        return this.counter.count();
      }
    }
    @Controller()
    class NumbersController {
      constructor(private readonly numbers: PerRequest) {}
      @Get()
      get() {
        return { number: this.numbers.number() };
      }
    }
    const app = await start({ controllers: [NumbersController], providers: [Counter, PerRequest] });
    const number = async () => ((await (await request(app, '/')).json()) as { number: number }).number;
    const first = await number();
    const second = await number();
    expect(second).toBe(first + 1);
    expect(recorder.tree()).toEqual([
      'NumbersController.get',
      '  PerRequest.number',
      '    Counter.count',
      'NumbersController.get',
      '  PerRequest.number',
      '    Counter.count',
    ]);
  });

  test('keeps what @Span, @Traced and @Untraced say of its methods', async () => {
    @Injectable()
    class Mixed {
      @Span('by hand')
      own() {}
      @Untraced()
      silent() {}
      plain() {}
    }
    @Traced({ prefix: 'traced', except: ['quiet'] })
    @Injectable()
    class Whole {
      loud() {}
      quiet() {}
    }
    @Untraced()
    @Injectable()
    class Silent {
      nothing() {}
    }
    const app = await start({ providers: [Mixed, Whole, Silent] });
    app.get(Mixed).own();
    app.get(Mixed).silent();
    app.get(Mixed).plain();
    app.get(Whole).loud();
    app.get(Whole).quiet();
    app.get(Silent).nothing();
    expect(recorder.names()).toEqual(['by hand', 'Mixed.plain', 'traced.loud']);
  });

  test('that extends a library’s enhancer has what makes it one traced, and nothing else of the library’s', async () => {
    @Injectable()
    class IdPipe extends ParseIntPipe {}
    const app = await start({ providers: [IdPipe] });
    expect(await app.get(IdPipe).transform('7', { type: 'param' })).toBe(7);
    expect(registry(app).classes()).toMatchObject([{ name: 'IdPipe', methods: ['transform'] }]);
    expect(recorder.names()).toEqual(['IdPipe.transform']);
  });

  test('that takes part in telemetry itself is left alone', async () => {
    @Injectable()
    class CountingProcessor {
      count = 0;
      onStart() {}
      onEnd() {
        this.count += 1;
      }
      async forceFlush() {}
      async shutdown() {}
    }
    const app = await start({ providers: [CountingProcessor] });
    app.get(CountingProcessor).onEnd();
    expect(recorder.names()).toEqual([]);
  });

  test('has no spans for the hooks of its life, nor has its module', async () => {
    const hooks: string[] = [];
    @Injectable()
    class Living implements OnModuleInit {
      onModuleInit() {
        hooks.push('init');
      }
      onApplicationBootstrap() {
        hooks.push('bootstrap');
      }
      onModuleDestroy() {
        hooks.push('destroy');
      }
      beforeApplicationShutdown() {
        hooks.push('before');
      }
      onApplicationShutdown() {
        hooks.push('shutdown');
      }
    }
    const app = await start({ providers: [Living] });
    await app.close();
    expect(hooks).toEqual(['init', 'bootstrap', 'destroy', 'before', 'shutdown']);
    expect(recorder.names()).toEqual([]);
    expect(registry(app).classes()).toEqual([]);
  });
});

describe('what is no class of the application', () => {
  test('is left alone: Nest, libraries, values, maps, objects of factories, proxies that answer only in a request', async () => {
    class Client {
      query() {
        return 'rows';
      }
    }
    // Such as nestjs-cls makes: of all that it is asked for outside of a request, it knows what Nest asks every provider.
    const known = /^then$|^on[A-Z]|^before[A-Z]/;
    const outside = new Proxy({} as Client, {
      get(_target, key) {
        if (typeof key === 'string' && known.test(key)) return undefined;
        throw new Error(`${String(key)}: not in a request`);
      },
      getPrototypeOf() {
        throw new Error('not in a request');
      },
    });
    const app = await start(
      {
        providers: [
          Reflector,
          { provide: 'map', useValue: new Map([['a', 1]]) },
          { provide: 'set', useFactory: () => new Set(['a']) },
          { provide: 'client', useFactory: () => new Client() },
          { provide: 'proxy', useFactory: () => outside },
          { provide: 'promise', useFactory: async () => new Client() },
          { provide: APP_PIPE, useClass: ParseIntPipe },
        ],
      },
      { include: ['*'] },
    );
    expect(app.get<Map<string, number>>('map').get('a')).toBe(1);
    expect(app.get<Set<string>>('set').has('a')).toBe(true);
    expect(app.get<Client>('client').query()).toBe('rows');
    expect(recorder.names()).toEqual([]);
    expect(registry(app).classes()).toEqual([]);
  });

  test('is traced where it is asked for by name, unless it is Nest’s or Node’s', async () => {
    class Client {
      query() {
        return of('rows');
      }
    }
    const app = await start(
      {
        providers: [Reflector, { provide: 'client', useValue: new Client() }, { provide: 'map', useValue: new Map() }],
      },
      { include: ['Client', 'Map', 'Reflector'] },
    );
    app.get<Client>('client').query().subscribe();
    app.get<Map<string, string>>('map').set('a', 'b');
    app.get(Reflector).get('x', Client);
    expect(recorder.names()).toEqual(['Client.query']);
    expect(registry(app).classes()).toMatchObject([{ name: 'Client', kind: 'provider', methods: ['query'] }]);
  });
});

describe('what is wanted', () => {
  @Injectable()
  class ShopService {
    price(item: string) {
      return item.length;
    }
    tax() {
      return 1;
    }
  }
  @Controller()
  class ShopController {
    constructor(private readonly shop: ShopService) {}
    @Post()
    buy(@Body() { item }: { item: string }) {
      return this.shop.price(item) + this.shop.tax();
    }
  }
  const shop = { controllers: [ShopController], providers: [ShopService] };
  const buy = async (app: INestApplication) => {
    const body = JSON.stringify({ item: 'bone' });
    const answer = await request(app, '/', { method: 'POST', body, headers: { 'content-type': 'application/json' } });
    expect(await answer.text()).toBe('5');
  };

  test.each([
    ['all', true, ['ShopController.buy', 'ShopService.price', 'ShopService.tax']],
    ['nothing', false, []],
    ['some kinds', { kinds: ['controllers'] }, ['ShopController.buy']],
    ['some names', { include: ['*Service'] }, ['ShopService.price', 'ShopService.tax']],
    ['all but a class', { exclude: ['ShopService'] }, ['ShopController.buy']],
    ['all but a method', { exclude: ['*.tax'] }, ['ShopController.buy', 'ShopService.price']],
  ] as const)('can be %s', async (_what, instrument, names) => {
    const app = await start(shop, instrument);
    await buy(app);
    expect(recorder.names().sort()).toEqual(names);
  });

  test('can be switched off and on again while the application runs, for each class', async () => {
    const app = await start(shop);
    expect(registry(app).classes()).toEqual([
      { name: 'ShopService', kind: 'provider', methods: ['price', 'tax'], enabled: true },
      { name: 'ShopController', kind: 'controller', methods: ['buy'], enabled: true },
    ]);
    expect(registry(app).disable('ShopService')).toBe(true);
    await buy(app);
    expect(recorder.names()).toEqual(['ShopController.buy']);
    expect(registry(app).classes()[0]).toMatchObject({ enabled: false });
    expect(registry(app).enable('ShopService')).toBe(true);
    await buy(app);
    expect(recorder.names()).toHaveLength(1 + 3);
    expect(registry(app).disable('Nobody')).toBe(false);
  });

  test('is gone with the application, and back with the next, which may want less', async () => {
    const first = await start(shop);
    await buy(first);
    await first.close();
    recorder.ended.length = 0;
    const plain = await start(shop, false);
    await buy(plain);
    expect(recorder.names()).toEqual([]);
    await plain.close();
    const second = await start(shop, { exclude: ['ShopService.tax'] });
    await buy(second);
    expect(recorder.names().sort()).toEqual(['ShopController.buy', 'ShopService.price']);
  });

  test('of two applications at a time is what either wants', async () => {
    const one = await start(shop);
    application = undefined;
    const other = await start(shop);
    await one.close();
    await buy(other);
    expect(recorder.names()).toHaveLength(3);
  });

  test('is nothing where telemetry is off', async () => {
    @Injectable()
    class Fresh {
      look() {}
    }
    const look = Fresh.prototype.look;
    await start({ providers: [Fresh] }, true, { isOn: false });
    expect(Fresh.prototype.look).toBe(look);
  });
});

test('an error goes through unchanged, and its status is the route’s', async () => {
  @Controller()
  class FailingController {
    @Get()
    fail() {
      throw new HttpException('gone', 410);
    }
  }
  const app = await start({ controllers: [FailingController] });
  expect((await request(app, '/')).status).toBe(410);
  expect(recorder.tree()).toEqual(['FailingController.fail !HttpException']);
});
