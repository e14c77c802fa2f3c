import { Module } from '@nestjs/common';
import { TelemetryHealthIndicator } from './telemetry.health';
import { TelemetryHealthController } from './telemetry-health.controller';

/**
 * Health of telemetry: `GET /health/telemetry`, and {@link TelemetryHealthIndicator} for health checks of your own with `@nestjs/terminus`. Wants `TelemetryModule`.
 *
 * @example
 * ```ts
 * @Module({ imports: [TelemetryModule.forRoot(), HealthModule, TerminusModule] })
 * export class AppModule {}
 * ```
 */
@Module({
  controllers: [TelemetryHealthController],
  providers: [TelemetryHealthIndicator],
  exports: [TelemetryHealthIndicator],
})
export class HealthModule {}
