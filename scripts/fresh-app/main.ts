/* A Nest application with telemetry. The same source is CommonJS with Nest 11, and ES modules with Nest 12. */
import 'spanwright/register';
import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { HealthModule, TelemetryHealthIndicator, TelemetryModule, TraceLogger } from 'spanwright';
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
  imports: [
    TelemetryModule.forRoot({ instrument: true, logger: { json: true, redactSecrets: true } }),
    HealthModule,
    TerminusModule,
    CatsModule,
  ],
  controllers: [ReadyController],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { bufferLogs: true });
  app.useLogger(app.get(TraceLogger));
  app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  process.send?.(await app.getUrl());
}

void main();
