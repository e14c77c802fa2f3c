import type { SinkStatus } from './export/span-sink';
import type { MetricExporterStatus } from './metrics/otlp-metric-exporter';
import type { TelemetryRuntime } from './telemetry-runtime';

/** How telemetry itself is doing. Holds no credentials. */
export interface TelemetryStatus {
  /** `degraded`: an exporter fails, or spans were dropped; the application works all the same. */
  readonly status: 'healthy' | 'degraded' | 'disabled';
  readonly service: { readonly name: string; readonly version: string; readonly environment: string };
  readonly tracing: {
    readonly enabled: boolean;
    /** The exporters' names, joined by commas; `none` without any. */
    readonly exporter: string;
    /** Scheme, host and port of the first exporter that has one. */
    readonly endpoint?: string;
    readonly sampler: string;
    readonly sampleRate: number;
    /** ISO 8601. */
    readonly lastExportAt?: string;
    readonly lastExportError?: string;
    readonly exportedSpans: number;
    readonly queuedSpans: number;
    readonly spooledSpans: number;
    readonly droppedSpans: number;
    /** Each exporter's own account: made = exported + queued + spooled + dropped. */
    readonly exporters: readonly SinkStatus[];
  };
  readonly metrics: {
    readonly enabled: boolean;
    readonly exporter: string;
    readonly path?: string;
    readonly lastScrapeAt?: string;
    readonly instruments: number;
    readonly exporters: readonly MetricExporterStatus[];
    /** Where the Prometheus is that the configuration names. */
    readonly prometheusUrl?: string;
  };
  readonly uptimeSeconds: number;
  readonly timestamp: string;
}

export function telemetryStatus(runtime: TelemetryRuntime): TelemetryStatus {
  const { config, sinks, tracing, metrics, startedAt } = runtime;
  // What has ended is in the accounts, and not on its way there.
  runtime.pipeline?.handOver();
  const exporters = sinks.map((sink) => sink.status);
  const sum = (of: (status: SinkStatus) => number) => exporters.reduce((total, status) => total + of(status), 0);
  const dropped = sum((status) => Object.values(status.dropped).reduce((total, count) => total + count, 0));
  const failure = latest(exporters.flatMap(({ lastError }) => lastError ?? []));
  const success = latest(exporters.flatMap(({ lastSuccessAt }) => (lastSuccessAt ? [{ at: lastSuccessAt }] : [])));
  const fails =
    exporters.some(({ healthy }) => !healthy) || dropped > 0 || metrics.exporters.some((each) => fresher(each));
  const { serviceName, serviceVersion, environment } = config;
  return {
    status: config.enabled ? (fails ? 'degraded' : 'healthy') : 'disabled',
    service: { name: serviceName, version: serviceVersion, environment },
    tracing: {
      enabled: tracing !== undefined,
      exporter: exporters.map(({ exporter }) => exporter).join(',') || 'none',
      endpoint: exporters.find(({ endpoint }) => endpoint !== undefined)?.endpoint,
      sampler: config.tracing.sampling.sampler,
      sampleRate: sampleRate(config.tracing.sampling),
      lastExportAt: success && isoTime(success.at),
      lastExportError: failure?.message,
      exportedSpans: sum(({ exported }) => exported),
      queuedSpans: sum(({ queued }) => queued),
      spooledSpans: sum(({ spooled }) => spooled),
      droppedSpans: dropped,
      exporters,
    },
    metrics: {
      enabled: metrics.enabled,
      exporter: metrics.exporters.map(({ exporter }) => exporter).join(',') || 'none',
      path: metrics.isScraped ? config.metrics.path : undefined,
      lastScrapeAt: metrics.lastScrapeAt === undefined ? undefined : isoTime(metrics.lastScrapeAt),
      instruments: metrics.instrumentCount,
      exporters: metrics.exporters,
      prometheusUrl: config.metrics.prometheusUrl,
    },
    uptimeSeconds: Math.round((Date.now() - startedAt) / 1000),
    timestamp: isoTime(Date.now()),
  };
}

/** Whether the last attempt failed. */
function fresher({ lastError, lastSuccessAt }: MetricExporterStatus): boolean {
  return lastError !== undefined && lastError.at > (lastSuccessAt ?? 0);
}

function sampleRate({ sampler, ratio }: TelemetryRuntime['config']['tracing']['sampling']): number {
  if (sampler.endsWith('always_on')) return 1;
  if (sampler.endsWith('always_off')) return 0;
  return ratio;
}

function latest<T extends { readonly at: number }>(events: readonly T[]): T | undefined {
  return events.reduce<T | undefined>((newest, event) => (newest && newest.at >= event.at ? newest : event), undefined);
}

function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
