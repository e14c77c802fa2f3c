import type { MetricExporterConfig, OtlpTarget, TelemetryConfig } from '../../../src/config/telemetry-config';

/** A config in which only the metrics count. */
export function metricsConfig(
  exporters: readonly MetricExporterConfig[],
  metrics: Partial<TelemetryConfig['metrics']> = {},
): TelemetryConfig {
  return {
    enabled: true,
    serviceName: 'shop',
    serviceVersion: '1.2.3',
    metrics: {
      enabled: true,
      exporters,
      // Nothing is pushed but by flush and shutdown.
      intervalMs: 3_600_000,
      timeoutMs: 60_000,
      path: '/metrics',
      cardinalityLimit: 2000,
      ...metrics,
    },
  } as TelemetryConfig;
}

export function otlp(
  endpoint: string,
  target: Partial<OtlpTarget> = {},
  temporality: 'cumulative' | 'delta' | 'lowmemory' = 'cumulative',
): MetricExporterConfig {
  return {
    type: 'otlp',
    temporality,
    target: {
      endpoint,
      protocol: 'http/protobuf',
      headers: {},
      compression: 'none',
      timeoutMs: 60_000,
      tls: {},
      ...target,
    },
  };
}
