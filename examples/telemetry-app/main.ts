/*
 * A Nest application whose requests can be followed, down to classes that nothing is written on. It runs as CommonJS with Nest 11, and as ES modules with Nest 12.
 *
 *     OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 PORT=3000 node main.js
 */
import 'spanwright/register';
import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { HealthModule, TelemetryHealthIndicator, TelemetryModule } from 'spanwright';
import { CatsModule } from './cats.js';

@Controller('health')
class ReadyController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly telemetry: TelemetryHealthIndicator,
  ) {}

  @Get('ready')
  @HealthCheck()
  ready() {
    return this.health.check([() => this.telemetry.isHealthy()]);
  }
}

@Module({
  imports: [TelemetryModule.forRoot({ instrument: true }), HealthModule, TerminusModule, CatsModule],
  controllers: [ReadyController],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  app.enableShutdownHooks();
  await app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
  console.log(`listening on ${await app.getUrl()}`);
}

void main();
