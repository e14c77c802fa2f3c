import { Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { TelemetryService } from '../telemetry/telemetry.service';

/**
 * Tells terminus how telemetry is doing. It is never `down`: an application whose traces do not arrive still answers its users, and taking it out of service for that would
 * make things worse. What fails is in the details, with `telemetry: 'degraded'`.
 *
 * @example
 * ```ts
 * @Get('ready')
 * @HealthCheck()
 * ready() { return this.health.check([() => this.telemetry.isHealthy('telemetry')]); }
 * ```
 */
@Injectable()
export class TelemetryHealthIndicator {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly telemetry: TelemetryService,
  ) {}

  /** @param key name of the entry in the health check's answer */
  isHealthy<Key extends string = 'telemetry'>(key = 'telemetry' as Key): HealthIndicatorResult<Key> {
    const { status, tracing, metrics } = this.telemetry.status();
    const { exporter, endpoint, exportedSpans, queuedSpans, spooledSpans, droppedSpans, lastExportError } = tracing;
    return this.indicators.check(key).up({
      telemetry: status,
      exporter,
      ...(endpoint !== undefined && { endpoint }),
      exportedSpans,
      queuedSpans,
      spooledSpans,
      droppedSpans,
      ...(lastExportError !== undefined && { lastExportError }),
      metricsExporter: metrics.exporter,
    });
  }
}
