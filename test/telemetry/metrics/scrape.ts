import type { ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { MetricRegistry } from '../../../src/telemetry/metrics/metric-registry';
import { PrometheusText } from '../../../src/telemetry/metrics/prometheus-text';
import { RegistryMetricProducer } from '../../../src/telemetry/metrics/registry-metric-producer';

/** What a registry has, as the lines of Prometheus' text format, without the comments. */
export async function linesOf(registry: MetricRegistry): Promise<string[]> {
  return sampleLines(new PrometheusText().write(await collected(registry), 'text'));
}

export async function collected(registry: MetricRegistry): Promise<ResourceMetrics> {
  return (await new RegistryMetricProducer(registry, { scope: { name: 'test' } }).collect()).resourceMetrics;
}

export function sampleLines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

/** The value behind a series, written as in the text: `tool_execution_total{tool_name="a"}`. */
export function valueIn(lines: readonly string[], series: string): number | undefined {
  const line = lines.find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}
