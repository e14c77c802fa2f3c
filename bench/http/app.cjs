// A Nest application that answers GET /cats/:id through a controller, a service and a repository. argv: platform, variant, collector's URL.
// It tells its parent its port and, whenever it is asked, the processor time it has used.
const { platform, variant, collector } = JSON.parse(process.argv[2]);
const [kind, sampled = 'on'] = variant.split(':');
const otel = kind === 'instrumentations' || kind === 'nestjs-otel' ? startPeers(sampled, kind) : undefined;

require('reflect-metadata');
const { Controller, Get, Injectable, Module, Param } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const decorate = (decorators, target, key) =>
  Reflect.decorate(decorators, target, key, key && Object.getOwnPropertyDescriptor(target, key));
const method = (target, key, ...decorators) =>
  Object.defineProperty(target.prototype, key, decorate(decorators, target.prototype, key));
const traced = kind === 'nestjs-otel' ? [require('nestjs-otel').Span()] : [];

class Repository {
  async find(id) {
    return { id, name: 'Tom' };
  }
}
class Service {
  constructor(repository) {
    this.repository = repository;
  }
  async find(id) {
    return this.repository.find(id);
  }
}
class CatsController {
  constructor(service) {
    this.service = service;
  }
  async find(id) {
    return this.service.find(id);
  }
}
if (traced.length > 0) for (const type of [Repository, Service]) method(type, 'find', ...traced);
Reflect.defineMetadata('design:paramtypes', [Repository], Service);
Reflect.defineMetadata('design:paramtypes', [Service], CatsController);
Param('id')(CatsController.prototype, 'find', 0);
method(CatsController, 'find', Get(':id'), ...traced);
const Root = decorate(
  [
    Module({
      imports: kind === 'ours' ? [ours(sampled)] : [],
      controllers: [decorate([Controller('cats')], CatsController)],
      providers: [decorate([Injectable()], Service), decorate([Injectable()], Repository)],
    }),
  ],
  class AppModule {},
);

function ours(sampling) {
  const { TelemetryModule } = require('../../dist/index.js');
  return TelemetryModule.forRoot({
    serviceName: 'bench',
    instrument: true,
    outgoing: false,
    ...(sampling === 'otlp'
      ? { otlp: { endpoint: collector, protocol: 'http/protobuf' } }
      : { exporters: { traces: [] } }),
    sampling: { sampler: sampling === 'off' ? 'parentbased_always_off' : 'parentbased_always_on' },
  });
}

function startPeers(sampling, which) {
  const {
    BasicTracerProvider,
    BatchSpanProcessor,
    AlwaysOffSampler,
    AlwaysOnSampler,
    ParentBasedSampler,
  } = require('@opentelemetry/sdk-trace-base');
  const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks');
  const { context, propagation, trace } = require('@opentelemetry/api');
  const { W3CTraceContextPropagator } = require('@opentelemetry/core');
  const { registerInstrumentations } = require('@opentelemetry/instrumentation');
  const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
  const { ExpressInstrumentation } = require('@opentelemetry/instrumentation-express');
  const { NestInstrumentation } = require('@opentelemetry/instrumentation-nestjs-core');
  const nothing = { export: (_spans, done) => done({ code: 0 }), shutdown: async () => {} };
  const provider = new BasicTracerProvider({
    sampler: new ParentBasedSampler({ root: sampling === 'on' ? new AlwaysOnSampler() : new AlwaysOffSampler() }),
    spanProcessors: [new BatchSpanProcessor(nothing)],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  registerInstrumentations({
    tracerProvider: provider,
    instrumentations: [
      new HttpInstrumentation(),
      new NestInstrumentation(),
      ...(platform === 'express' ? [new ExpressInstrumentation()] : []),
    ],
  });
  return which;
}

async function main() {
  const adapter =
    platform === 'fastify'
      ? new (require('@nestjs/platform-fastify').FastifyAdapter)()
      : new (require('@nestjs/platform-express').ExpressAdapter)();
  const app = await NestFactory.create(Root, adapter, { logger: ['error', 'warn'] });
  await app.listen(0, '127.0.0.1');
  process.on('message', (message) => {
    if (message === 'cpu') {
      const { user, system } = process.cpuUsage();
      process.send({ cpu: user + system });
    } else process.exit(0);
  });
  process.send({ port: app.getHttpServer().address().port, otel });
}
void main();
