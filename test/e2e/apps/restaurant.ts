// Two services, each a process of its own: a waiter who is asked over HTTP, and a kitchen that he asks by messages. Started by telemetry-messages.test.ts.
import 'reflect-metadata';
import { Controller, Get, type INestApplicationContext, Inject, Injectable, Module, Param } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type ClientProxy,
  ClientsModule,
  EventPattern,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { trace } from '@opentelemetry/api';
import { lastValueFrom, type Observable } from 'rxjs';

export interface RestaurantOptions {
  readonly role: 'waiter' | 'kitchen';
  /** The built package. */
  readonly spanwright: string;
  /** Where the spans go. Without, telemetry is off. */
  readonly spans?: string;
  readonly transport: 'tcp' | 'redis';
  readonly port: number;
}

const options = JSON.parse(process.argv[2] as string) as RestaurantOptions;
const { TelemetryModule } = require(options.spanwright) as typeof import('../../../src/index');

const telemetry = TelemetryModule.forRoot({
  serviceName: options.role,
  enabled: options.spans !== undefined,
  instrument: true,
  metricsEnabled: false,
  exporters: { traces: [{ type: 'file', path: options.spans ?? '/dev/null' }] },
});

function microservice(): MicroserviceOptions {
  const { transport, port } = options;
  return transport === 'tcp'
    ? { transport: Transport.TCP, options: { host: '127.0.0.1', port } }
    : { transport: Transport.REDIS, options: { host: '127.0.0.1', port } };
}

@Injectable()
class Stove {
  fry(dish: string) {
    if (dish === 'ice') throw new RpcException('it melts');
    return `fried ${dish}`;
  }
}

@Controller()
class KitchenController {
  constructor(private readonly stove: Stove) {}
  @MessagePattern({ cmd: 'cook' })
  async cook(@Payload() { dish }: { dish: string }) {
    const span = trace.getActiveSpan()?.spanContext();
    return { dish: this.stove.fry(dish), traceId: span?.traceId, flags: span?.traceFlags };
  }
  @EventPattern('paid')
  paid(@Payload() { sum }: { sum: number }) {
    process.stdout.write(`paid ${sum}\n`);
  }
}

@Module({ imports: [telemetry], controllers: [KitchenController], providers: [Stove] })
class KitchenModule {}

@Controller()
class WaiterController {
  constructor(@Inject('KITCHEN') private readonly kitchen: ClientProxy) {}
  @Get('order/:dish')
  order(@Param('dish') dish: string): Observable<unknown> {
    return this.kitchen.send({ cmd: 'cook' }, { dish });
  }
  @Get('pay/:sum')
  async pay(@Param('sum') sum: string) {
    await lastValueFrom(this.kitchen.emit('paid', { sum: Number(sum) }), { defaultValue: undefined });
    return 'thank you';
  }
}

@Module({
  imports: [telemetry, ClientsModule.register([{ name: 'KITCHEN', ...(microservice() as object) } as never])],
  controllers: [WaiterController],
})
class WaiterModule {}

async function main(): Promise<void> {
  let app: INestApplicationContext;
  if (options.role === 'kitchen') {
    const kitchen = await NestFactory.createMicroservice<MicroserviceOptions>(KitchenModule, {
      ...microservice(),
      logger: false,
    });
    app = kitchen.enableShutdownHooks();
    await kitchen.listen();
    process.stdout.write('open\n');
  } else {
    const waiter = await NestFactory.create(WaiterModule, { logger: false });
    app = waiter.enableShutdownHooks();
    await waiter.listen(0, '127.0.0.1');
    process.stdout.write(`open at ${await waiter.getUrl()}\n`);
  }
  void app;
}

void main();
