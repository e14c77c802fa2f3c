import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CallOptions, Metadata, status } from '@grpc/grpc-js';
import { Controller, type INestMicroservice, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type ClientGrpc,
  type ClientGrpcProxy,
  ClientProxyFactory,
  GrpcMethod,
  GrpcStreamMethod,
  type MicroserviceOptions,
  RpcException,
  Transport,
} from '@nestjs/microservices';
import { context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { firstValueFrom, from, lastValueFrom, map, type Observable, retry, toArray } from 'rxjs';
import { makeTempDir, removeTempDir } from '../../support/command';
import { freePort } from '../../support/redis-server';
import { REMOTE, Recorder } from '../instrument/recorder';

jest.setTimeout(30_000);

const PROTO = `
syntax = "proto3";
package zoo;
service Keeper {
  rpc Feed (Animal) returns (Meal);
  rpc Watch (Animal) returns (stream Meal);
  rpc Walk (stream Animal) returns (stream Meal);
}
message Animal { string name = 1; }
message Meal { string food = 1; }
`;

interface Meal {
  readonly food: string;
}
interface Animal {
  readonly name: string;
}
interface Keeper {
  feed(animal: Animal, metadata?: Metadata, options?: CallOptions): Observable<Meal>;
  watch(animal: Animal): Observable<Meal>;
  walk(animals: Observable<Animal>): Observable<Meal>;
}

let failures = 0;
const seen: Metadata[] = [];

@Controller()
class KeeperController {
  @GrpcMethod('Keeper', 'Feed')
  feed({ name }: Animal, metadata: Metadata): Meal {
    seen.push(metadata);
    if (name === 'tiger') throw new RpcException({ code: status.NOT_FOUND, message: 'no tiger here' });
    if (name === 'bug') throw new Error('the gate is open');
    if (failures-- > 0) throw new RpcException({ code: status.UNAVAILABLE, message: 'at lunch' });
    return { food: `hay for ${name}` };
  }
  @GrpcMethod('Keeper', 'Watch')
  watch({ name }: Animal): Observable<Meal> {
    return from([{ food: 'hay' }, { food: name }]);
  }
  @GrpcStreamMethod('Keeper', 'Walk')
  walk(animals: Observable<Animal>): Observable<Meal> {
    return animals.pipe(map(({ name }) => ({ food: `walked ${name}` })));
  }
}

let recorder: Recorder;
let app: INestMicroservice;
let client: ClientGrpcProxy;
let keeper: Keeper;
let dir: string;

beforeEach(async () => {
  failures = 0;
  seen.length = 0;
  dir = makeTempDir();
  const protoPath = join(dir, 'zoo.proto');
  writeFileSync(protoPath, PROTO);
  recorder = new Recorder();
  const options = { package: 'zoo', protoPath, url: `127.0.0.1:${await freePort()}` };
  @Module({ controllers: [KeeperController], imports: [recorder.explorers({ instrument: true })] })
  class AppModule {}
  app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
    transport: Transport.GRPC,
    options,
    logger: false,
    abortOnError: false,
  });
  await app.listen();
  client = ClientProxyFactory.create({ transport: Transport.GRPC, options }) as unknown as ClientGrpcProxy;
  keeper = (client as unknown as ClientGrpc).getService<Keeper>('Keeper');
});

afterEach(async () => {
  client.close();
  await app.close();
  recorder.stop();
  await removeTempDir(dir);
});

test('a call is one trace, by the names of the conventions', async () => {
  expect(await recorder.within('caller', () => lastValueFrom(keeper.feed({ name: 'emu' })))).toEqual({
    food: 'hay for emu',
  });
  expect(recorder.tree()).toEqual([
    'caller',
    '  zoo.Keeper/Feed client',
    '    zoo.Keeper/Feed server',
    '      KeeperController.feed',
  ]);
  const both = {
    'rpc.system.name': 'grpc',
    'rpc.method': 'zoo.Keeper/Feed',
    'rpc.status_code': 'OK',
    'nest.transport': 'grpc',
  };
  expect(recorder.span('zoo.Keeper/Feed', SpanKind.CLIENT).attributes).toEqual(both);
  expect(recorder.span('zoo.Keeper/Feed', SpanKind.SERVER).attributes).toEqual({
    ...both,
    'code.function.name': 'KeeperController.feed',
  });
});

test('metadata and options of the caller arrive, and are not written to', async () => {
  const metadata = new Metadata();
  metadata.set('x-zoo', 'berlin');
  await firstValueFrom(keeper.feed({ name: 'emu' }, metadata, { deadline: Date.now() + 10_000 }));
  expect(seen[0]?.get('x-zoo')).toEqual(['berlin']);
  expect(Object.keys(metadata.getMap())).toEqual(['x-zoo']);
  await firstValueFrom(keeper.feed({ name: 'emu' }, { deadline: Date.now() + 10_000 } as never));
  const late = firstValueFrom(keeper.feed({ name: 'emu' }, { deadline: Date.now() - 1 } as never));
  await expect(late).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
});

test('streams end with their last message, in both directions', async () => {
  expect(await lastValueFrom(keeper.watch({ name: 'grass' }).pipe(toArray()))).toEqual([
    { food: 'hay' },
    { food: 'grass' },
  ]);
  expect(await lastValueFrom(keeper.walk(from([{ name: 'a' }, { name: 'b' }])).pipe(toArray()))).toEqual([
    { food: 'walked a' },
    { food: 'walked b' },
  ]);
  expect(recorder.tree()).toEqual([
    'zoo.Keeper/Watch client',
    '  zoo.Keeper/Watch server',
    '    KeeperController.watch',
    'zoo.Keeper/Walk client',
    '  zoo.Keeper/Walk server',
    '    KeeperController.walk',
  ]);
});

test('what is the caller’s fault is no error of the server', async () => {
  await expect(firstValueFrom(keeper.feed({ name: 'tiger' }))).rejects.toMatchObject({ code: status.NOT_FOUND });
  const [server, caller] = [SpanKind.SERVER, SpanKind.CLIENT].map((kind) => recorder.span('zoo.Keeper/Feed', kind));
  expect(server?.attributes['rpc.status_code']).toBe('NOT_FOUND');
  expect(server?.status.code).toBe(0);
  expect(caller?.attributes['rpc.status_code']).toBe('NOT_FOUND');
  expect(caller?.status.code).toBe(2);
});

test('a bug is an error of both, and the server knows which', async () => {
  await expect(firstValueFrom(keeper.feed({ name: 'bug' }))).rejects.toMatchObject({ code: status.UNKNOWN });
  const [server, caller] = [SpanKind.SERVER, SpanKind.CLIENT].map((kind) => recorder.span('zoo.Keeper/Feed', kind));
  expect(server?.status).toEqual({ code: 2, message: 'the gate is open' });
  expect(server?.attributes['rpc.status_code']).toBe('UNKNOWN');
  expect(caller?.status.code).toBe(2);
});

test('each try has a span, and sends its own', async () => {
  failures = 2;
  expect(await lastValueFrom(keeper.feed({ name: 'emu' }).pipe(retry(3)))).toEqual({ food: 'hay for emu' });
  const pairs = recorder.tree().filter((line) => line.includes('zoo.'));
  expect(pairs).toEqual([
    'zoo.Keeper/Feed client !Error',
    '  zoo.Keeper/Feed server !RpcException',
    'zoo.Keeper/Feed client !Error',
    '  zoo.Keeper/Feed server !RpcException',
    'zoo.Keeper/Feed client',
    '  zoo.Keeper/Feed server',
  ]);
});

test('a caller that is not sampled makes no spans on either side', async () => {
  const unsampled = trace.setSpanContext(ROOT_CONTEXT, { ...REMOTE, traceFlags: 0, isRemote: true });
  await context.with(unsampled, () => firstValueFrom(keeper.feed({ name: 'emu' })));
  expect(recorder.names()).toEqual([]);
  expect(seen[0]?.get('traceparent')[0]).toMatch(new RegExp(`^00-${REMOTE.traceId}-\\w{16}-00$`));
});
