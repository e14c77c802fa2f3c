import { type TextMapPropagator, type Tracer, type TracerProvider } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { readResourceEnvironment } from '../config/resource-environment';
import type { TelemetryConfig } from '../config/telemetry-config';
import { VERSION } from '../util/version';
import { within } from '../util/within';
import { createSpanSinks } from './export/create-span-sinks';
import { SpanPipeline } from './export/span-pipeline';
import type { SpanSink } from './export/span-sink';
import { claimGlobals, type GlobalsClaim, isClaimed } from './globals';
import { type Diagnostics, startDiagnostics } from './logs/diagnostics';
import { type LogsRuntime, startLogs } from './logs/logs-runtime';
import { claimMetrics } from './metrics/active-metrics';
import { GuideMetrics } from './metrics/guide-metrics';
import { type MetricsRuntime, startMetrics } from './metrics/metrics-runtime';
import { RedactingBaggagePropagator } from './privacy/redacting-baggage-propagator';
import { createRedactor, type Redactor } from './privacy/redactor';
import { createPropagator } from './propagation';
import { detectResource } from './resource/detect-resource';
import {
  createSampler,
  needsTail,
  rootsAreNeverSampled,
  sampledParentIsFinal,
  unsampledParentIsFinal,
} from './sampling/sampler';
import { TailBuffer } from './sampling/tail-buffer';
import { type ActiveTracing, CONTEXTS_BY_API, claimTracing } from './tracing/active-tracing';
import { spanContextManager } from './tracing/span-context-manager';
import { SpanTracerProvider } from './tracing/span-tracer';

/** What the application brings beside the config. */
export interface RuntimeExtras {
  /** Instead of ours. What it makes is its own to sample, redact and export. */
  readonly tracerProvider?: TracerProvider;
  readonly spanProcessors?: readonly SpanProcessor[];
  /** Told of each problem once. Default: a line on standard error. */
  readonly onProblem?: (message: string) => void;
}

/**
 * Telemetry that is running: the providers, the exporters and their end. Everything else asks it, or the slots that it claims
 * ({@link claimTracing}, {@link claimGlobals}), for what is there.
 *
 *     started ──► shutdown() ──► flushing, by the deadline ──► ended
 */
export class TelemetryRuntime {
  readonly startedAt = Date.now();
  readonly resource: Resource;
  readonly redactor: Redactor;
  readonly propagator: TextMapPropagator;
  /** Undefined where tracing is off. */
  readonly tracing: ActiveTracing | undefined;
  readonly tracerProvider: TracerProvider | undefined;
  readonly pipeline: SpanPipeline | undefined;
  readonly metrics: MetricsRuntime;
  readonly guideMetrics: GuideMetrics;
  readonly logs: LogsRuntime;
  private readonly diagnostics: Diagnostics | undefined;
  private readonly releases: (() => void)[] = [];
  private ended: Promise<void> | undefined;
  private holders = 0;
  private readonly said = new Set<string>();

  /**
   * Starts what the config says, and registers it with the OpenTelemetry API. Where the config says that telemetry is off, no global is touched and nothing is loaded.
   */
  constructor(
    readonly config: TelemetryConfig,
    private readonly extras: RuntimeExtras = {},
  ) {
    const { enabled, tracing, metrics, logs } = config;
    const tell = (message: string) => this.tell(message);
    this.diagnostics = enabled ? startDiagnostics(logs.diagnosticLevel) : undefined;
    this.resource = detectResource(config, readResourceEnvironment());
    this.redactor = createRedactor(config.redaction);
    this.propagator = createPropagator(config.propagators, new RedactingBaggagePropagator(this.redactor));
    this.metrics = startMetrics(
      { ...config, metrics: { ...metrics, enabled: enabled && metrics.enabled } },
      this.resource,
      tell,
    );
    this.guideMetrics = new GuideMetrics(this.metrics.registry);
    this.logs = startLogs(config, this.resource, this.redactor, tell);

    if (!enabled) {
      // Decorators belong to the process: where another application of it has telemetry, that goes on.
      if (!isClaimed()) this.releases.push(claimTracing(undefined), claimMetrics(undefined));
      return;
    }
    if (tracing.enabled) {
      this.pipeline = extras.tracerProvider ? undefined : this.createPipeline(tell);
      this.tracerProvider = extras.tracerProvider ?? this.createTracerProvider(this.pipeline as SpanPipeline);
    }
    const { tracerProvider } = this;
    const claim = claimGlobals({
      tracerProvider,
      meterProvider: metrics.enabled ? this.metrics.meterProvider : undefined,
      loggerProvider: this.logs.loggerProvider,
      propagator: this.propagator,
    });
    this.tracing = tracerProvider && this.activeTracing(tracerProvider, claim);
    this.releases.push(
      claimTracing(this.tracing),
      claimMetrics(metrics.enabled ? this.metrics.registry : undefined),
      () => claim.release(),
    );
    for (const note of config.notes) tell(note);
  }

  get tracer(): Tracer | undefined {
    return this.tracing?.tracer;
  }

  get sinks(): readonly SpanSink[] {
    return this.pipeline?.sinks ?? [];
  }

  /** Sends what is waiting, within the time. Never rejects. */
  async flush(timeoutMs = this.config.export.shutdownTimeoutMs): Promise<void> {
    await Promise.all([
      this.pipeline?.forceFlush(timeoutMs),
      this.metrics.flush(timeoutMs),
      this.logs.flush(timeoutMs),
    ]);
  }

  /**
   * Makes the caller one of those for whom it runs: `spanwright/register` starts one for all the applications of the process.
   *
   * @returns lets go of it, once, after sending what is waiting; when all have, it ends
   */
  hold(): () => Promise<void> {
    this.holders += 1;
    let left: Promise<void> | undefined;
    return () => {
      if (left === undefined) {
        this.holders -= 1;
        left = this.holders === 0 ? this.shutdown() : this.flush();
      }
      return left;
    };
  }

  /** To be called at the end, when everything is sent and the globals are given back. */
  onEnd(release: () => void): void {
    this.releases.push(release);
  }

  get hasEnded(): boolean {
    return this.ended !== undefined;
  }

  /** Sends what is left, within the deadline, and ends. Never rejects; a second call waits for the same end. */
  shutdown(timeoutMs = this.config.export.shutdownTimeoutMs): Promise<void> {
    this.ended ??= this.end(timeoutMs);
    return this.ended;
  }

  private async end(timeoutMs: number): Promise<void> {
    // Each of them bounds itself; the outer bound is for what is not ours.
    await within(timeoutMs + 1000, () =>
      Promise.all([
        this.pipeline?.shutdown(timeoutMs),
        this.metrics.shutdown(timeoutMs),
        this.logs.shutdown(timeoutMs),
      ]),
    );
    for (const release of this.releases.splice(0)) release();
    this.diagnostics?.stop();
  }

  private createPipeline(tell: (message: string) => void): SpanPipeline {
    const { tracing, export: limits } = this.config;
    const { keepErrors, keepSlowerThanMs } = tracing.sampling;
    return new SpanPipeline({
      sinks: createSpanSinks(tracing.exporters, limits, tell),
      redact: (span) => this.redactor.span(span),
      tail: needsTail(tracing.sampling) ? new TailBuffer({ keepErrors, keepSlowerThanMs }) : undefined,
      others: this.extras.spanProcessors?.length ? this.extras.spanProcessors : undefined,
    });
  }

  private createTracerProvider(processor: SpanPipeline): TracerProvider {
    const { sampling, limits } = this.config.tracing;
    return new SpanTracerProvider({
      resource: this.resource,
      sampler: createSampler(sampling),
      sampledParentIsFinal: sampledParentIsFinal(sampling),
      limits,
      processor,
    });
  }

  private activeTracing(provider: TracerProvider, { contextsAreOurs }: GlobalsClaim): ActiveTracing {
    const { sampling } = this.config.tracing;
    // Of a tracer that is not ours it is not known how it samples.
    const ours = this.pipeline !== undefined;
    return {
      ...(contextsAreOurs ? CONTEXTS_OF_OURS : CONTEXTS_BY_API),
      tracer: provider.getTracer('spanwright', VERSION),
      unsampledParentIsFinal: ours && unsampledParentIsFinal(sampling),
      rootsAreNeverSampled: ours && rootsAreNeverSampled(sampling),
    };
  }

  /** Tells of a problem, once. */
  tell(message: string): void {
    if (this.said.has(message) || this.said.size > 1000) return;
    this.said.add(message);
    const { onProblem = (text) => process.stderr.write(`telemetry: ${text}\n`) } = this.extras;
    onProblem(message);
  }
}

const CONTEXTS_OF_OURS: Pick<ActiveTracing, 'active' | 'run'> = {
  active: () => spanContextManager.active(),
  run: (inContext, method, self, args) => spanContextManager.run(inContext, method, self, args),
};
