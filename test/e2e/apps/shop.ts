// Two services, each a process of its own: a counter where one orders, and a store that it asks over HTTP. Started by telemetry-http.test.ts.
import 'reflect-metadata';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { Controller, Get, Headers, Injectable, Module, Param } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';

export interface ShopOptions {
  readonly role: 'counter' | 'store';
  readonly platform: 'express' | 'fastify';
  /** The built package. */
  readonly spanwright: string;
  /** Where the counter finds the store. */
  readonly store?: string;
}

const options = JSON.parse(process.argv[2] as string) as ShopOptions;
const { Span, TelemetryModule } = require(options.spanwright) as typeof import('../../../src/index');

@Injectable()
class Orders {
  @Span('orders.fetch')
  async byFetch(item: string): Promise<unknown> {
    const answer = await fetch(`${options.store}/stock/${item}?key=hunter2`);
    return answer.json();
  }

  @Span('orders.request')
  async byRequest(item: string): Promise<unknown> {
    const answer = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
      request(`${options.store}/stock/${item}?key=hunter2`, resolve).on('error', reject).end();
    });
    return JSON.parse(await text(answer));
  }
}

@Controller()
class CounterController {
  constructor(private readonly orders: Orders) {}

  @Get('order/:how/:item')
  order(@Param('how') how: 'fetch' | 'request', @Param('item') item: string): Promise<unknown> {
    return how === 'fetch' ? this.orders.byFetch(item) : this.orders.byRequest(item);
  }
}

@Injectable()
class Shelves {
  count(item: string): number {
    if (item === 'dragon') throw new Error('no such beast');
    return item.length;
  }
}

@Controller()
class StoreController {
  constructor(private readonly shelves: Shelves) {}

  /** Also tells which trace it was asked to be in. */
  @Get('stock/:item')
  stock(@Param('item') item: string, @Headers() { traceparent, baggage }: Record<string, string>) {
    return { count: this.shelves.count(item), traceparent, baggage };
  }
}

@Module({
  imports: [TelemetryModule.forRoot({ serviceName: options.role, instrument: true, metricsEnabled: false })],
  controllers: [options.role === 'counter' ? CounterController : StoreController],
  providers: [options.role === 'counter' ? Orders : Shelves],
})
class ShopModule {}

async function main(): Promise<void> {
  const app =
    options.platform === 'express'
      ? await NestFactory.create(ShopModule, { logger: false })
      : await NestFactory.create(ShopModule, new FastifyAdapter(), { logger: false });
  app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  console.log(`open at ${await app.getUrl()}`);
}

void main();
