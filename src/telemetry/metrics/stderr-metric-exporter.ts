import { Console } from 'node:console';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import type { PushMetricExporter, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { MetricExporterStatus } from './otlp-metric-exporter';
import type { PrometheusText } from './prometheus-text';

/** Prints metrics to standard error as Prometheus would read them. OpenTelemetry's own prints to standard output, which is the application's. */
export class StderrMetricExporter implements PushMetricExporter {
  // A Console, because it survives a standard error that nobody reads any more.
  private readonly console = new Console(process.stderr, process.stderr);
  private lastSuccessAt: number | undefined;

  constructor(private readonly text: PrometheusText) {}

  get status(): MetricExporterStatus {
    return { exporter: 'console', lastSuccessAt: this.lastSuccessAt };
  }

  export(metrics: ResourceMetrics, done: (result: ExportResult) => void): void {
    const at = new Date();
    this.console.error(`# metrics at ${at.toISOString()}\n${this.text.write(metrics, 'text')}`);
    this.lastSuccessAt = at.getTime();
    done({ code: ExportResultCode.SUCCESS });
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}
