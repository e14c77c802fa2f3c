// An application of ES modules, which no require.cache knows. Prints what is traced.
import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
require('reflect-metadata');
const { Controller, Injectable, Module, UseGuards } = require('@nestjs/common');
const { NestFactory, Reflector } = require('@nestjs/core');
const { Cron, ScheduleModule } = require('@nestjs/schedule');
const { InstrumentExplorer } = require('../../../../src/telemetry/instrument/instrument.explorer.ts');
const { TELEMETRY_OPTIONS, TELEMETRY_RUNTIME } = require('../../../../src/telemetry/telemetry.options.ts');

const decorate = (decorators, target, key) =>
  Reflect.decorate(decorators, target, key, key && Object.getOwnPropertyDescriptor(target, key));

class Guard {
  canActivate() {
    return true;
  }
}
class Jobs extends EventEmitter {
  run() {}
}
decorate([Injectable()], Jobs);
decorate([Cron('0 0 1 1 *')], Jobs.prototype, 'run');
class ShopController {
  open() {}
}
decorate([Controller(), UseGuards(Guard)], ShopController);
class Client {
  ask() {}
}

class AppModule {}
const include = process.argv[2]?.split(',');
const explorers = {
  module: class ExplorersModule {},
  providers: [
    { provide: TELEMETRY_OPTIONS, useValue: { instrument: include ? { include } : true } },
    { provide: TELEMETRY_RUNTIME, useValue: { tracing: {}, tell: console.error } },
    InstrumentExplorer,
  ],
};
decorate(
  [
    Module({
      imports: [explorers, ScheduleModule.forRoot()],
      controllers: [ShopController],
      providers: [Jobs, Reflector, { provide: 'client', useFactory: () => new Client() }],
    }),
  ],
  AppModule,
);

const app = await NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
const { registry } = app.get(InstrumentExplorer);
process.stdout.write(
  `${JSON.stringify(registry.classes().map(({ kind, name, methods }) => `${kind} ${name}.${methods}`))}\n`,
);
await app.close();
