import { Injectable } from '@nestjs/common';
import { TelemetryService } from '../telemetry/telemetry.service';

/** What terminus takes for a result, of any of its versions: an application that has no health checks need not have terminus. */
export type TelemetryHealthResult<Key extends string> = Record<Key, { status: 'up' } & Record<string, unknown>>;

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
  constructor(private readonly telemetry: TelemetryService) {}

  /** @param key name of the entry in the health check's answer */
  isHealthy<Key extends string = 'telemetry'>(key = 'telemetry' as Key): TelemetryHealthResult<Key> {
    const { status, tracing, metrics } = this.telemetry.status();
    const { exporter, endpoint, exportedSpans, queuedSpans, spooledSpans, droppedSpans, lastExportError } = tracing;
    const details: TelemetryHealthResult<string>[string] = {
      status: 'up',
      telemetry: status,
      exporter,
      ...(endpoint !== undefined && { endpoint }),
      exportedSpans,
      queuedSpans,
      spooledSpans,
      droppedSpans,
      ...(lastExportError !== undefined && { lastExportError }),
      metricsExporter: metrics.exporter,
    };
    return { [key]: details } as TelemetryHealthResult<Key>;
  }
}
