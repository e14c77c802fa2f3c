import { knownMethod } from '../http/http-method';
import { errorType } from '../tracing/record-error';
import { INSTRUMENTS, type InstrumentDefinition } from './instruments';
import type {
  Counter,
  CounterSeries,
  ExemplarContext,
  Gauge,
  Histogram,
  HistogramSeries,
  MetricRegistry,
  Observe,
  UpDownCounter,
  UpDownCounterSeries,
} from './metric-registry';

/** What a metric of the application's own may say beside its name. */
export interface CustomMetricOptions {
  /** Shown beside the metric. Default: none. */
  readonly description?: string;
  /** As UCUM writes it: `s`, `By`, `{order}`. Default: none. */
  readonly unit?: string;
  /** The attributes that count; others are left out. Default: all that come. */
  readonly labels?: readonly string[];
  /** Whether all values are whole numbers. Default: false. */
  readonly integer?: boolean;
}

export interface CustomHistogramOptions extends CustomMetricOptions {
  /** Upper edges of the buckets, ascending. Default: for the unit `s` from 0.5 ms to 5 min, else OpenTelemetry's. */
  readonly buckets?: readonly number[];
}

/** What else is known of a request. */
export interface HttpRequestDetails {
  /** Default: `http`. */
  readonly scheme?: 'http' | 'https';
  /** `error.type` of the request. Default: the status, from 500 up. */
  readonly errorType?: string;
  /** The request's span, which becomes an exemplar. */
  readonly span?: ExemplarContext;
}

/** Of a tool, or of a stage. */
interface ExecutionSeries {
  readonly duration: HistogramSeries;
  readonly executions: CounterSeries;
  readonly errors: CounterSeries;
}

interface SessionSeries {
  readonly created: CounterSeries;
  readonly completed: CounterSeries;
  readonly active: UpDownCounterSeries;
  readonly duration: HistogramSeries;
}

/**
 * The metrics of the Container Kit guide: what its `Metrics()` records, under the guide's names. With metrics switched off, every
 * method is there and does nothing.
 *
 * All times are seconds. `error` is whatever was thrown: `undefined` and `null` are a success, so whoever caught a thrown
 * `undefined` gives a word for it. A string is taken for the error's type as it is.
 *
 * @example
 * ```ts
 * metrics.registerTool('analyze');
 * const startedAt = performance.now();
 * await analyze();
 * metrics.recordToolExecution('analyze', (performance.now() - startedAt) / 1000);
 * ```
 */
export class GuideMetrics {
  private readonly tools = new Map<string, ExecutionSeries>();
  private readonly stages = new Map<string, ExecutionSeries>();
  private readonly sessions = new Map<string, SessionSeries>();
  private readonly isOn: boolean;

  private readonly toolDuration: Histogram;
  private readonly toolExecutions: Counter;
  private readonly toolErrors: Counter;
  private readonly toolErrorsByType: Counter;
  private readonly pipelineDuration: Histogram;
  private readonly pipelineErrors: Counter;
  private readonly stageDuration: Histogram;
  private readonly stageExecutions: Counter;
  private readonly stageErrors: Counter;
  private readonly sessionsCreated: Counter;
  private readonly sessionsCompleted: Counter;
  private readonly sessionErrors: Counter;
  private readonly sessionsActive: UpDownCounter;
  private readonly sessionDuration: Histogram;
  private readonly httpRequests: Counter;
  private readonly httpDuration: Histogram;
  private readonly httpServerDuration: Histogram;
  private readonly gcDuration: Histogram;

  constructor(private readonly registry: MetricRegistry) {
    this.isOn = registry.enabled;
    this.toolDuration = registry.histogram(INSTRUMENTS.toolExecutionDuration);
    this.toolExecutions = registry.counter(INSTRUMENTS.toolExecutions);
    this.toolErrors = registry.counter(INSTRUMENTS.toolErrors);
    this.toolErrorsByType = registry.counter(INSTRUMENTS.toolErrorsByType);
    this.pipelineDuration = registry.histogram(INSTRUMENTS.pipelineExecutionDuration);
    this.pipelineErrors = registry.counter(INSTRUMENTS.pipelineErrors);
    this.stageDuration = registry.histogram(INSTRUMENTS.pipelineStageDuration);
    this.stageExecutions = registry.counter(INSTRUMENTS.pipelineStageExecutions);
    this.stageErrors = registry.counter(INSTRUMENTS.pipelineStageErrors);
    this.sessionsCreated = registry.counter(INSTRUMENTS.sessions);
    this.sessionsCompleted = registry.counter(INSTRUMENTS.sessionsCompleted);
    this.sessionErrors = registry.counter(INSTRUMENTS.sessionErrors);
    this.sessionsActive = registry.upDownCounter(INSTRUMENTS.sessionsActive);
    this.sessionDuration = registry.histogram(INSTRUMENTS.sessionDuration);
    this.httpRequests = registry.counter(INSTRUMENTS.httpRequests);
    this.httpDuration = registry.histogram(INSTRUMENTS.httpRequestDuration);
    this.httpServerDuration = registry.histogram(INSTRUMENTS.httpServerRequestDuration);
    this.gcDuration = registry.histogram(INSTRUMENTS.systemGcDuration);
  }

  /** Makes a tool's series, at zero. Without it they begin with its first execution, which a rate then does not see. */
  registerTool(tool: string): void {
    if (this.isOn) this.toolSeries(tool);
  }

  /**
   * @param seconds how long it took
   * @param error what it failed with
   * @param span the execution's span, which becomes an exemplar
   */
  recordToolExecution(tool: string, seconds: number, error?: unknown, span?: ExemplarContext): void {
    if (!this.isOn) return;
    const { duration, executions, errors } = this.toolSeries(tool);
    duration.record(seconds, span);
    executions.add(1);
    if (error === undefined || error === null) return;
    errors.add(1);
    this.toolErrorsByType.add(1, {
      'tool.name': tool,
      'error.type': typeof error === 'string' ? error : errorType(error),
    });
  }

  /** Makes a pipeline's series, at zero. */
  registerPipeline(pipeline: string, stages: readonly string[] = []): void {
    if (!this.isOn) return;
    const attributes = { 'pipeline.type': pipeline, 'pipeline.stages': stages.length };
    this.pipelineDuration.bind(attributes);
    this.pipelineErrors.bind(attributes);
    for (const stage of stages) this.stageSeries(pipeline, stage);
  }

  /**
   * Counts a pipeline that ran. Its stages are counted by {@link recordPipelineStage}.
   *
   * @param stages how many stages it has
   */
  recordPipelineExecution(
    pipeline: string,
    stages: number,
    seconds: number,
    error?: unknown,
    span?: ExemplarContext,
  ): void {
    if (!this.isOn) return;
    const attributes = { 'pipeline.type': pipeline, 'pipeline.stages': stages };
    this.pipelineDuration.record(seconds, attributes, span);
    const errors = this.pipelineErrors.bind(attributes);
    if (error !== undefined && error !== null) errors.add(1);
  }

  recordPipelineStage(pipeline: string, stage: string, seconds: number, error?: unknown, span?: ExemplarContext): void {
    if (!this.isOn) return;
    const { duration, executions, errors } = this.stageSeries(pipeline, stage);
    duration.record(seconds, span);
    executions.add(1);
    if (error !== undefined && error !== null) errors.add(1);
  }

  /** Makes the series of a type of session, at zero. */
  registerSessionType(type: string): void {
    if (this.isOn) this.sessionSeries(type);
  }

  /** @param type of the session; `failed`, the guide's word, is one that could not be created, and counts as an error only */
  recordSessionCreation(type: string): void {
    if (!this.isOn) return;
    if (type === 'failed') {
      this.sessionErrors.add(1);
      return;
    }
    const { created, active } = this.sessionSeries(type);
    created.add(1);
    active.add(1);
  }

  /** Counts a session that ended, however it did. */
  recordSessionCompletion(type: string): void {
    if (!this.isOn) return;
    const { completed, active } = this.sessionSeries(type);
    completed.add(1);
    active.add(-1);
  }

  recordSessionDuration(type: string, seconds: number, span?: ExemplarContext): void {
    if (this.isOn) this.sessionSeries(type).duration.record(seconds, span);
  }

  /** Counts sessions that an earlier process left open, when they are taken over: as active, not as created. */
  restoreActiveSessions(type: string, count: number): void {
    if (this.isOn) this.sessionSeries(type).active.add(count);
  }

  /**
   * Counts a request that was answered. The requests of Nest's controllers are counted without it.
   *
   * @param route the template, such as `/api/tools/:tool`, never the path itself; empty for a path that no route fits
   */
  recordHttpRequest(
    method: string,
    route: string,
    status: number,
    seconds: number,
    { scheme = 'http', errorType: failure, span }: HttpRequestDetails = {},
  ): void {
    if (!this.isOn) return;
    // Anybody can send any method; a label must not be theirs to choose.
    const known = knownMethod(method);
    const guide = { 'http.method': known, 'http.route': route || 'unmatched', 'http.status_code': status };
    this.httpRequests.add(1, { ...guide, status_code: status });
    this.httpDuration.record(seconds, guide, span);
    const semantic = {
      'http.request.method': known,
      'url.scheme': scheme,
      'http.route': route || undefined,
      'http.response.status_code': status,
      'error.type': failure ?? (status >= 500 ? String(status) : undefined),
    };
    this.httpServerDuration.record(seconds, semantic, span);
  }

  /** Measures a garbage collection. Those of this process are measured without it. */
  recordGcDuration(seconds: number, type: 'major' | 'minor' | 'incremental' | 'weakcb' = 'major'): void {
    if (this.isOn) this.gcDuration.record(seconds, { 'v8js.gc.type': type });
  }

  /** A counter of the application's own; the same one for the same name. A name of another kind gives one that counts nothing, and it is said so. */
  createCounter(name: string, options: CustomMetricOptions = {}): Counter {
    return this.registry.counter(custom(name, options));
  }

  /** A counter that can fall. */
  createUpDownCounter(name: string, options: CustomMetricOptions = {}): UpDownCounter {
    return this.registry.upDownCounter(custom(name, options));
  }

  createHistogram(name: string, options: CustomHistogramOptions = {}): Histogram {
    return this.registry.histogram(custom(name, options));
  }

  /** A gauge that is set whenever its value changes. */
  createGauge(name: string, options: CustomMetricOptions = {}): Gauge {
    return this.registry.gauge(custom(name, options));
  }

  /**
   * A gauge that is read whenever somebody collects.
   *
   * @param read is to be quick, and to wait for nothing
   * @returns ends it
   */
  createObservableGauge(name: string, options: CustomMetricOptions, read: (observe: Observe) => void): () => void {
    return this.registry.observe({ ...custom(name, options), kind: 'gauge' }, read);
  }

  private toolSeries(tool: string): ExecutionSeries {
    return this.remembered(this.tools, tool, () => {
      const attributes = { 'tool.name': tool };
      return {
        duration: this.toolDuration.bind(attributes),
        executions: this.toolExecutions.bind(attributes),
        errors: this.toolErrors.bind(attributes),
      };
    });
  }

  private stageSeries(pipeline: string, stage: string): ExecutionSeries {
    return this.remembered(this.stages, `${pipeline}\n${stage}`, () => {
      const attributes = { 'pipeline.type': pipeline, 'pipeline.stage': stage };
      return {
        duration: this.stageDuration.bind(attributes),
        executions: this.stageExecutions.bind(attributes),
        errors: this.stageErrors.bind(attributes),
      };
    });
  }

  private sessionSeries(type: string): SessionSeries {
    return this.remembered(this.sessions, type, () => {
      const attributes = { 'session.type': type };
      return {
        created: this.sessionsCreated.bind(attributes),
        completed: this.sessionsCompleted.bind(attributes),
        active: this.sessionsActive.bind(attributes),
        duration: this.sessionDuration.bind(attributes),
      };
    });
  }

  /** Series that were bound are kept, but no more of them than an instrument has. */
  private remembered<T>(known: Map<string, T>, key: string, make: () => T): T {
    let found = known.get(key);
    if (found === undefined) {
      found = make();
      if (known.size < this.registry.cardinalityLimit) known.set(key, found);
    }
    return found;
  }
}

function custom(name: string, options: CustomHistogramOptions): Omit<InstrumentDefinition, 'kind'> {
  return { name, unit: '', description: '', ...options };
}
