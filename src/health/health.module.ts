import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { TelemetryHealthIndicator } from './telemetry.health';
import { TelemetryHealthController } from './telemetry-health.controller';

/**
 * Health of the parts of an application, by terminus: `GET /health/telemetry`, and {@link TelemetryHealthIndicator} for health checks of your own. Wants `TelemetryModule`.
 *
 * @example
 * ```ts
 * @Module({ imports: [TelemetryModule.forRoot(), HealthModule] })
 * export class AppModule {}
 * ```
 */
@Module({
  imports: [TerminusModule],
  controllers: [TelemetryHealthController],
  providers: [TelemetryHealthIndicator],
  exports: [TelemetryHealthIndicator, TerminusModule],
})
export class HealthModule {}
