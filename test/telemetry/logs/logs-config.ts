import type {
  ExportConfig,
  LogExporterConfig,
  OtlpProtocol,
  OtlpTarget,
  TelemetryConfig,
} from '../../../src/config/telemetry-config';

export const exportConfig: ExportConfig = {
  maxQueueBytes: 32 * 1024 * 1024,
  maxBatchSpans: 512,
  maxBatchBytes: 4 * 1024 * 1024,
  scheduleDelayMs: 10,
  shutdownTimeoutMs: 10_000,
  initialBackoffMs: 5,
  maxBackoffMs: 20,
};

/** A config with log exporters, and as much of the rest as they look at. */
export function logsConfig(
  exporters: readonly LogExporterConfig[],
  over: { enabled?: boolean; export?: Partial<ExportConfig> } = {},
): TelemetryConfig {
  const config: Pick<TelemetryConfig, 'enabled' | 'logs' | 'export'> & { tracing: unknown } = {
    enabled: over.enabled ?? true,
    logs: { level: 'info', diagnosticLevel: 'warn', exporters },
    tracing: { limits: { attributeCountLimit: 128, attributeValueLengthLimit: 4096 } },
    export: { ...exportConfig, ...over.export },
  };
  return config as TelemetryConfig;
}

export function otlp(endpoint: string, protocol: OtlpProtocol, over: Partial<OtlpTarget> = {}): LogExporterConfig {
  return {
    type: 'otlp',
    // A test that waits for this long has gone wrong.
    target: { endpoint, protocol, headers: {}, compression: 'none', timeoutMs: 60_000, tls: {}, ...over },
  };
}
