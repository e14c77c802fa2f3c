import 'reflect-metadata';
import { BullModule, Processor, WorkerHost } from '@nestjs/bullmq';
import { Controller, Get, type INestApplication, Injectable, Module, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventEmitter2, EventEmitterModule, OnEvent } from '@nestjs/event-emitter';
import { Args, GraphQLModule, Int, Query, Resolver } from '@nestjs/graphql';
import { ClientsModule, Transport } from '@nestjs/microservices';
import { Cron, Interval, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { SpanKind } from '@opentelemetry/api';
import { type Job, Queue } from 'bullmq';
import { OpenTelemetryModule } from 'nestjs-otel';
import { InstrumentExplorer } from '../../../src/telemetry/instrument/instrument.explorer';
import type { TelemetryModuleOptions } from '../../../src/telemetry/telemetry.options';
import { HAS_REDIS, RedisServer } from '../../support/redis-server';
import { PlainGraphqlDriver } from '../messages/graphql-driver';
import { REMOTE, Recorder } from './recorder';

jest.setTimeout(60_000);

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
  { imports = [], ...rest }: ModuleMetadata,
  instrument: TelemetryModuleOptions['instrument'] = true,
): Promise<INestApplication> {
  @Module({ ...rest, imports: [recorder.explorers({ instrument, messages: false }), ...imports] })
  class AppModule {}
  const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  application = app;
  await app.init();
  return app;
}

@Injectable()
class Jobs {
  readonly runs: string[] = [];
  @Cron('0 0 1 1 *', { name: 'yearly' })
  yearly() {
    this.runs.push('yearly');
    this.plain();
  }
  @Interval('often', 1_000_000)
  async often() {
    throw new Error('too often');
  }
  plain() {}
}

@Injectable()
class Bell {
  constructor(private readonly emitter: EventEmitter2) {}
  async ring() {
    await this.emitter.emitAsync('rung', 'loud');
  }
}

@Injectable()
class Ear {
  @OnEvent('rung')
  async hear(how: string) {
    return this.tell(how);
  }
  private tell(how: string) {
    return how;
  }
}

test('of an application that is full of modules from libraries, only its own classes are traced', async () => {
  @Resolver()
  class SumResolver {
    @Query(() => Int)
    sum(@Args('a', { type: () => Int }) a: number): number {
      return a + 1;
    }
  }
  @Controller('health')
  class HealthController {
    constructor(private readonly health: HealthCheckService) {}
    @Get()
    check() {
      return this.health.check([]);
    }
  }
  const app = await start({
    imports: [
      ScheduleModule.forRoot(),
      EventEmitterModule.forRoot(),
      TerminusModule,
      OpenTelemetryModule.forRoot(),
      GraphQLModule.forRoot({ driver: PlainGraphqlDriver, autoSchemaFile: true }),
      ClientsModule.register([{ name: 'CLIENT', transport: Transport.TCP }]),
    ],
    controllers: [HealthController],
    providers: [SumResolver, Jobs, Bell, Ear],
  });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  expect((await fetch(`${url}/health`)).status).toBe(200);
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/graphql`, { method: 'POST', headers, body: '{"query":"{sum(a:1)}"}' });
  expect(await answer.json()).toEqual({ data: { sum: 2 } });
  await app.get(Bell).ring();

  expect(recorder.tree()).toEqual([
    'HealthController.check',
    'SumResolver.sum',
    'Bell.ring',
    '  Ear.hear',
    '    Ear.tell',
  ]);
  const { registry } = app.get(InstrumentExplorer);
  expect(registry.classes().map(({ name }) => name)).toEqual([
    'SumResolver',
    'Jobs',
    'Bell',
    'Ear',
    'HealthController',
  ]);
  expect(recorder.span('SumResolver.sum').attributes['nest.kind']).toBe('resolver');
  expect(recorder.span('Ear.hear').attributes['nest.kind']).toBe('event');
});

test('a run of a scheduled job is a trace of its own, also when the application was started inside another', async () => {
  const app = await recorder.within('boot', () => start({ imports: [ScheduleModule.forRoot()], providers: [Jobs] }));
  const schedules = app.get(SchedulerRegistry);
  await recorder.within('by hand', () => schedules.getCronJob('yearly').fireOnTick());
  expect(app.get(Jobs).runs).toEqual(['yearly']);
  await expect(app.get(Jobs).often()).rejects.toThrow('too often');
  expect(recorder.tree()).toEqual(['boot', 'by hand', 'Jobs.yearly', '  Jobs.plain', 'Jobs.often !Error']);
  const yearly = recorder.span('Jobs.yearly');
  expect(yearly.attributes).toEqual({ 'nest.kind': 'cron' });
  expect(yearly.links.map(({ context }) => context.spanId)).toEqual([recorder.span('by hand').spanContext().spanId]);
});

test('of a class with a schedule or a listener, that method alone can be wanted', async () => {
  const imports = [ScheduleModule.forRoot(), EventEmitterModule.forRoot()];
  const app = await start({ imports, providers: [Jobs, Bell, Ear] }, { kinds: ['crons', 'events'] });
  expect(app.get(InstrumentExplorer).registry.classes()).toMatchObject([
    { name: 'Jobs', methods: ['yearly', 'often'] },
    { name: 'Ear', methods: ['hear'] },
  ]);
  app.get(Jobs).yearly();
  expect(recorder.names()).toEqual(['Jobs.yearly']);
});

describe('jobs of a queue', () => {
  const withRedis = HAS_REDIS ? test : test.skip;
  let redis: RedisServer;
  let queue: Queue;

  beforeEach(async () => {
    if (!HAS_REDIS) return;
    redis = await RedisServer.start();
    queue = new Queue('mail', { connection: { host: '127.0.0.1', port: redis.port } });
  });

  afterEach(async () => {
    await queue?.close();
    await application?.close();
    application = undefined;
    await redis?.stop();
  });

  @Processor('mail')
  class MailProcessor extends WorkerHost {
    async process(job: Job<{ to: string }>): Promise<string> {
      if (job.data.to === 'nobody') throw new Error('no such address');
      return this.send(job.data.to);
    }
    private send(to: string) {
      return `sent to ${to}`;
    }
  }
  const startWorker = () =>
    start({
      imports: [
        BullModule.forRoot({ connection: { host: '127.0.0.1', port: redis.port } }),
        BullModule.registerQueue({ name: 'mail' }),
      ],
      providers: [MailProcessor],
    });

  withRedis('are consumed in spans of their own, with what went wrong', async () => {
    const app = await startWorker();
    expect(app.get(InstrumentExplorer).registry.classes()).toMatchObject([{ name: 'MailProcessor' }]);
    const job = await queue.add('welcome', { to: 'ann' });
    await recorder.ending('MailProcessor.process');
    expect(recorder.tree()).toEqual(['MailProcessor.process consumer', '  MailProcessor.send']);
    expect(recorder.span('MailProcessor.process').attributes).toEqual({
      'nest.kind': 'queue',
      'messaging.system.name': 'bullmq',
      'messaging.operation.type': 'process',
      'messaging.operation.name': 'process',
      'messaging.destination.name': 'mail',
      'messaging.message.id': job.id,
      'bullmq.job.name': 'welcome',
      'bullmq.job.attempts': 0,
    });
    recorder.ended.length = 0;
    await queue.add('welcome', { to: 'nobody' });
    await recorder.ending('MailProcessor.process');
    expect(recorder.tree()).toEqual(['MailProcessor.process consumer !Error']);
  });

  withRedis('continue the trace that their producer wrote into them', async () => {
    await startWorker();
    const metadata = JSON.stringify({ traceparent: `00-${REMOTE.traceId}-${REMOTE.spanId}-01` });
    await queue.add('welcome', { to: 'ann' }, { telemetry: { metadata } });
    const { parentSpanContext, kind } = await recorder.ending('MailProcessor.process');
    expect(parentSpanContext).toMatchObject({ traceId: REMOTE.traceId, spanId: REMOTE.spanId, isRemote: true });
    expect(kind).toBe(SpanKind.CONSUMER);
  });

  withRedis('that carry nonsense in its place are worked on all the same', async () => {
    await startWorker();
    await queue.add('welcome', { to: 'ann' }, { telemetry: { metadata: '{"traceparent":' } });
    const { parentSpanContext } = await recorder.ending('MailProcessor.process');
    expect(parentSpanContext).toBeUndefined();
  });
});
