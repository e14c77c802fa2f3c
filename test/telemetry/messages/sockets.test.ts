import 'reflect-metadata';
import {
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  Injectable,
  Module,
  type ModuleMetadata,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { SpanKind } from '@opentelemetry/api';
import { delayWhen, from, type Observable, timer } from 'rxjs';
import { map } from 'rxjs/operators';
import { TelemetryInterceptor } from '../../../src/telemetry/telemetry.interceptor';
import type { TelemetryModuleOptions } from '../../../src/telemetry/telemetry.options';
import { Recorder } from '../instrument/recorder';

jest.setTimeout(30_000);

let recorder: Recorder;
const closing: (() => unknown)[] = [];

beforeEach(() => {
  recorder = new Recorder();
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  recorder.stop();
});

@Injectable()
class Quiet implements CanActivate {
  canActivate(context: ExecutionContext) {
    return context.switchToWs().getData() !== 'loud';
  }
}

@WebSocketGateway({ path: '/chat' })
class ChatGateway {
  @UseGuards(Quiet)
  @SubscribeMessage('say')
  say(@MessageBody() what: string, @ConnectedSocket() client: unknown) {
    return { event: 'said', data: client ? what : 'nobody' };
  }
  @SubscribeMessage('count')
  count(@MessageBody() to: number): Observable<unknown> {
    const numbers = Array.from({ length: to }, (_, at) => at + 1);
    return from(numbers).pipe(
      delayWhen(() => timer(1)),
      map((data) => ({ event: 'counted', data })),
    );
  }
  @SubscribeMessage('fail')
  fail() {
    throw new WsException('hoarse');
  }
  @SubscribeMessage('silent')
  silent() {}
}

async function start(
  { imports = [], ...rest }: ModuleMetadata = { providers: [ChatGateway] },
  options: TelemetryModuleOptions = { instrument: true },
): Promise<INestApplication> {
  @Module({ ...rest, imports: [recorder.explorers(options), ...imports] })
  class AppModule {}
  const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  closing.push(() => app.close());
  app.useWebSocketAdapter(new WsAdapter(app));
  await app.listen(0, '127.0.0.1');
  return app;
}

/** A client, with what it has been told so far. */
async function connect(app: INestApplication) {
  const { WebSocket } = require('ws') as {
    WebSocket: new (
      url: string,
    ) => {
      on(event: string, listener: (data: Buffer) => void): void;
      once(event: string, listener: () => void): void;
      send(text: string): void;
      terminate(): void;
    };
  };
  const socket = new WebSocket((await app.getUrl()).replace('http', 'ws').concat('/chat'));
  const got: unknown[] = [];
  const waiting: (() => void)[] = [];
  socket.on('message', (data) => {
    got.push(JSON.parse(data.toString()));
    for (const wake of waiting.splice(0)) wake();
  });
  await new Promise<void>((resolve) => socket.once('open', resolve));
  closing.push(() => socket.terminate());
  return {
    say: (event: string, data?: unknown) => socket.send(JSON.stringify({ event, data })),
    async told(number: number) {
      while (got.length < number) await new Promise<void>((resolve) => waiting.push(resolve));
      return got;
    },
  };
}

test('a message is a server span, with guard and gateway below it', async () => {
  const client = await connect(await start());
  client.say('say', 'hello');
  expect(await client.told(1)).toEqual([{ event: 'said', data: 'hello' }]);
  expect(recorder.tree()).toEqual(['ws say server', '  Quiet.canActivate', '  ChatGateway.say']);
  expect(recorder.span('ws say').attributes).toEqual({
    'ws.event': 'say',
    'nest.transport': 'websocket',
    'code.function.name': 'ChatGateway.say',
  });
  expect(recorder.span('ChatGateway.say').attributes['nest.kind']).toBe('gateway');
});

test('messages of one connection are a trace each, whatever was going on when it was made', async () => {
  const app = await recorder.within('boot', () => start());
  const client = await recorder.within('connecting', () => connect(app));
  client.say('say', 1);
  client.say('say', 2);
  await client.told(2);
  const traces = recorder.ended
    .filter(({ kind }) => kind === SpanKind.SERVER)
    .map((span) => span.spanContext().traceId);
  expect(new Set(traces).size).toBe(2);
  expect(recorder.ended.filter(({ kind }) => kind === SpanKind.SERVER).map((span) => span.parentSpanContext)).toEqual([
    undefined,
    undefined,
  ]);
});

test('an answer in many pieces is one span, which ends with the last', async () => {
  const client = await connect(await start());
  client.say('count', 3);
  await client.told(3);
  await recorder.ending('ws count');
  expect(recorder.tree()).toEqual(['ws count server', '  ChatGateway.count']);
});

test('what the handler threw is recorded, and what a guard forbade, though the server is told of neither', async () => {
  const client = await connect(await start());
  client.say('fail');
  await recorder.ending('ws fail');
  client.say('say', 'loud');
  await recorder.ending('ws say');
  expect(recorder.tree()).toEqual([
    'ws fail server !WsException',
    '  ChatGateway.fail !WsException',
    'ws say server !WsException',
    '  Quiet.canActivate',
  ]);
  expect(recorder.span('ws fail').status.message).toBe('hoarse');
  expect(recorder.span('ws say').status.message).toBe('Forbidden resource');
});

test('a message that is not answered has its span', async () => {
  const client = await connect(await start());
  client.say('silent');
  await recorder.ending('ws silent');
  client.say('say', 1);
  expect(await client.told(1)).toHaveLength(1);
});

test('without traced messages, the interceptor alone makes the span', async () => {
  @WebSocketGateway({ path: '/chat' })
  @UseInterceptors(TelemetryInterceptor)
  class AloneGateway {
    @SubscribeMessage('alone')
    alone() {
      return { event: 'heard' };
    }
  }
  const client = await connect(await start({ providers: [AloneGateway] }, { messages: false }));
  client.say('alone');
  await client.told(1);
  expect(recorder.tree()).toEqual(['ws alone server']);
  expect(recorder.span('ws alone').attributes['code.function.name']).toBe('AloneGateway.alone');
});
