import { type MeterProvider as ApiMeterProvider, createNoopMeter } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import {
  type AggregationTemporality,
  type InstrumentType,
  MeterProvider,
  MetricReader,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import type { MetricExporterConfig, TelemetryConfig } from '../../config/telemetry-config';
import { UserError } from '../../util/user-error';
import { within } from '../../util/within';
import { messageOf } from '../tracing/record-error';
import { MetricRegistry } from './metric-registry';
import { MetricsServer, type Scrape } from './metrics-server';
import { type MetricExporterStatus, OtlpMetricExporter } from './otlp-metric-exporter';
import { measureProcess } from './process-metrics';
import { CONTENT_TYPES, formatFor, PrometheusText } from './prometheus-text';
import { RegistryMetricProducer } from './registry-metric-producer';
import { StderrMetricExporter } from './stderr-metric-exporter';

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 9464;

/** The metrics of a process, from where they are counted to where they go. */
export interface MetricsRuntime {
  readonly enabled: boolean;
  /** For OpenTelemetry's API: what is made with it is exported beside ours. */
  readonly meterProvider: ApiMeterProvider;
  /** For what is counted often: see {@link MetricRegistry}. */
  readonly registry: MetricRegistry;
  /** Whether there is an exporter `prometheus`, and so somebody who may scrape. */
  readonly isScraped: boolean;
  /** Where the metrics have a port of their own and it could be opened: its URL. */
  readonly ownUrl: Promise<string | undefined>;
  /** Milliseconds since the epoch. */
  readonly lastScrapeAt: number | undefined;
  /** The latest failure of any exporter. */
  readonly lastError: MetricExporterStatus['lastError'];
  readonly exporters: readonly MetricExporterStatus[];
  /** Instruments of ours; those made by OpenTelemetry's API are not among them. */
  readonly instrumentCount: number;
  /**
   * What a scrape gets: Prometheus' text format, or OpenMetrics where `accept` asks for it.
   *
   * @param accept the request's `Accept` header
   * @throws UserError where metrics are switched off, or there is no exporter `prometheus` or `memory`
   */
  scrape(accept?: string): Promise<Scrape>;
  /** All metrics as they are now; for tests. Fails where {@link scrape} does. */
  collect(): Promise<ResourceMetrics>;
  /** Sends all there is. Never rejects, and takes no longer than that. */
  flush(timeoutMs: number): Promise<void>;
  /** Sends all there is, then ends everything. Never rejects; a second call waits for the same end. */
  shutdown(timeoutMs: number): Promise<void>;
}

/**
 * Starts the metrics. Globals are left alone.
 *
 * @param resource what the metrics are of
 * @param onProblem told what goes wrong while it runs, each thing once; nothing of it is thrown
 * @throws UserError where the endpoint of a collector, its headers or its TLS files are of no use
 * @example
 * ```ts
 * const runtime = startMetrics(config, resource, (message) => logger.warn(message));
 * metrics.setGlobalMeterProvider(runtime.meterProvider);
 * ```
 */
export function startMetrics(
  config: TelemetryConfig,
  resource: Resource,
  onProblem: (message: string) => void,
): MetricsRuntime {
  return config.enabled && config.metrics.enabled
    ? new RunningMetrics(config, resource, onProblem)
    : new DisabledMetrics();
}

class RunningMetrics implements MetricsRuntime {
  readonly enabled = true;
  readonly meterProvider: MeterProvider;
  readonly registry: MetricRegistry;
  readonly isScraped: boolean;
  readonly ownUrl: Promise<string | undefined>;
  lastScrapeAt: number | undefined;
  private readonly text: PrometheusText;
  private readonly pull: PullReader | undefined;
  private readonly pushers: Pusher[] = [];
  private readonly servers: MetricsServer[] = [];
  private readonly stopMeasuring: () => void;
  private scrapeError: MetricExporterStatus['lastError'];
  private ended: Promise<void> | undefined;

  constructor(
    private readonly config: TelemetryConfig,
    resource: Resource,
    private readonly onProblem: (message: string) => void,
  ) {
    const { exporters, cardinalityLimit, path } = config.metrics;
    this.registry = new MetricRegistry({ cardinalityLimit, onProblem });
    this.text = new PrometheusText({ onProblem });
    this.isScraped = exporters.some(({ type }) => type === 'prometheus');
    if (this.isScraped || exporters.some(({ type }) => type === 'memory')) {
      this.pull = new PullReader(this.producer(), cardinalityLimit);
    }
    const readers: MetricReader[] = this.pull ? [this.pull] : [];
    for (const exporter of exporters) {
      const pusher = this.pusher(exporter);
      if (pusher === undefined) continue;
      this.pushers.push(pusher);
      readers.push(this.periodicReader(pusher));
    }
    this.meterProvider = new MeterProvider({ resource, readers });
    for (const exporter of exporters) {
      if (exporter.type !== 'prometheus' || (exporter.host === undefined && exporter.port === undefined)) continue;
      const { host = DEFAULT_HOST, port = DEFAULT_PORT } = exporter;
      const options = { host, port, path, scrape: (accept?: string) => this.scrape(accept) };
      this.servers.push(new MetricsServer({ ...options, onProblem: (message) => this.scrapeFailed(message) }));
    }
    this.ownUrl = this.servers[0]?.url ?? Promise.resolve(undefined);
    this.stopMeasuring = measureProcess(this.registry);
  }

  get exporters(): readonly MetricExporterStatus[] {
    const { pull, lastScrapeAt: lastSuccessAt, scrapeError: lastError } = this;
    const pulled = this.config.metrics.exporters.filter(({ type }) => type === 'prometheus' || type === 'memory');
    return [
      ...(pull ? pulled.map(({ type }) => ({ exporter: type, lastSuccessAt, lastError })) : []),
      ...this.pushers.map(({ status }) => status),
    ];
  }

  get lastError(): MetricExporterStatus['lastError'] {
    const errors = this.exporters.flatMap(({ lastError }) => lastError ?? []);
    return errors.sort((a, b) => b.at - a.at)[0];
  }

  get instrumentCount(): number {
    return this.registry.instrumentCount;
  }

  async scrape(accept?: string): Promise<Scrape> {
    const format = formatFor(accept);
    const body = this.text.write(await this.collect(), format);
    this.lastScrapeAt = Date.now();
    return { contentType: CONTENT_TYPES[format], body };
  }

  async collect(): Promise<ResourceMetrics> {
    if (this.ended) throw new UserError('metrics are stopped');
    if (!this.pull) throw new UserError("metrics are not there to be read: there is no exporter 'prometheus'");
    const { resourceMetrics, errors } = await this.pull.collect({ timeoutMillis: this.config.metrics.timeoutMs });
    // Callbacks of the application's own instruments; what the others gave is there all the same.
    if (errors.length > 0) this.scrapeFailed(`some metrics could not be read: ${messageOf(errors[0])}`);
    return resourceMetrics;
  }

  async flush(timeoutMs: number): Promise<void> {
    if (this.ended) return this.ended;
    await within(timeoutMs, () => this.meterProvider.forceFlush());
  }

  shutdown(timeoutMs: number): Promise<void> {
    this.ended ??= this.stop(timeoutMs);
    return this.ended;
  }

  private async stop(timeoutMs: number): Promise<void> {
    for (const pusher of this.pushers) pusher.beginShutdown?.();
    await within(timeoutMs, () => this.meterProvider.shutdown());
    await Promise.all(this.pushers.map((pusher) => pusher.shutdown()));
    for (const server of this.servers) server.close();
    this.stopMeasuring();
  }

  private pusher(exporter: MetricExporterConfig): Pusher | undefined {
    switch (exporter.type) {
      case 'otlp': {
        const { target, temporality } = exporter;
        return new OtlpMetricExporter({ target, temporality, timeoutMs: this.pushMs, onProblem: this.onProblem });
      }
      case 'console':
        return new StderrMetricExporter(this.text);
      default:
        return undefined;
    }
  }

  private periodicReader(exporter: Pusher): MetricReader {
    const { intervalMs, cardinalityLimit } = this.config.metrics;
    return new PeriodicExportingMetricReader({
      exporter,
      exportIntervalMillis: intervalMs,
      exportTimeoutMillis: this.pushMs,
      metricProducers: [this.producer(exporter.selectAggregationTemporality?.bind(exporter))],
      cardinalityLimits: { default: cardinalityLimit },
    });
  }

  /** One push is over before the next begins. */
  private get pushMs(): number {
    const { intervalMs, timeoutMs } = this.config.metrics;
    return Math.min(timeoutMs, intervalMs);
  }

  private producer(temporality?: (type: InstrumentType) => AggregationTemporality): RegistryMetricProducer {
    const { serviceName: name, serviceVersion: version } = this.config;
    return new RegistryMetricProducer(this.registry, { scope: { name, version }, temporality });
  }

  private scrapeFailed(message: string): void {
    if (this.scrapeError?.message !== message) this.onProblem(message);
    this.scrapeError = { at: Date.now(), message };
  }
}

/** What a reader of OpenTelemetry pushes to, and how it is doing. */
interface Pusher extends PushMetricExporter {
  readonly status: MetricExporterStatus;
  beginShutdown?(): void;
}

/** Collects when it is asked to. */
class PullReader extends MetricReader {
  constructor(producer: RegistryMetricProducer, cardinalityLimit: number) {
    super({ metricProducers: [producer], cardinalitySelector: () => cardinalityLimit });
  }

  protected async onForceFlush(): Promise<void> {}

  protected async onShutdown(): Promise<void> {}
}

/** The same, where metrics are switched off: everything is there, counts nothing, and starts nothing. */
class DisabledMetrics implements MetricsRuntime {
  readonly enabled = false;
  readonly meterProvider: ApiMeterProvider = { getMeter: () => createNoopMeter() };
  readonly registry = new MetricRegistry({ enabled: false });
  readonly isScraped = false;
  readonly ownUrl = Promise.resolve(undefined);
  readonly lastScrapeAt = undefined;
  readonly lastError = undefined;
  readonly exporters = [];
  readonly instrumentCount = 0;

  async scrape(): Promise<Scrape> {
    throw new UserError('metrics are switched off');
  }

  async collect(): Promise<ResourceMetrics> {
    throw new UserError('metrics are switched off');
  }

  async flush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}
