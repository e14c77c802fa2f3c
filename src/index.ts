/** What the package offers to programs. The commands are `spanwright` and `scheduler`. */

export { MetricService, OpenTelemetryModule, TraceService } from 'nestjs-otel';
export type { TelemetryConfig } from './config/telemetry-config';
export type {
  LogExporterOption,
  MetricExporterOption,
  OtlpMetricOptions,
  OtlpOptions,
  PresetName,
  TelemetryOptions,
  TraceExporterOption,
} from './config/telemetry-options';
export { telemetryPresets } from './config/telemetry-presets';
export { type GraphFormat, readGraph, writeGraph } from './graph/formats/read-graph';
export { Graph, GraphBuilder, type GraphInfo, type NodeRecord } from './graph/graph';
export { type CommandSpec, type NodeId, NodeState, NodeType } from './graph/node';
export { HealthModule } from './health/health.module';
export { TelemetryHealthIndicator, type TelemetryHealthResult } from './health/telemetry.health';
export { analyse, type RunAnalysis } from './report/analysis';
export { type JobStatus, type JobView, RunView } from './report/run-view';
export type {
  BuildAgent,
  BuildContext,
  BuildFailure,
  BuildRequest,
  BuildResult,
  BuildSuccess,
} from './scheduler/agent';
export { SimulatedAgent, type SimulatedAgentOptions } from './scheduler/agents/simulated';
export type { BuildEvent, BuildListener } from './scheduler/events';
export { describeFailure, type Failure, type FailureReason } from './scheduler/failure';
export type { CheckEvidence, JobKind } from './scheduler/job-kind';
export { CyclicPlanError } from './scheduler/plan-order';
export { type RunOptions, type RunOutcome, Scheduler } from './scheduler/scheduler';
export { SchedulerModule, type SchedulerModuleAsyncOptions } from './scheduler/scheduler.module';
export { type BuildOptions, SCHEDULER_OPTIONS, type SchedulerModuleOptions } from './scheduler/scheduler.options';
export { SchedulerService } from './scheduler/scheduler.service';
export type { DropReason, SinkStatus, SpanCounts } from './telemetry/export/span-sink';
export type { InstrumentedClass, InstrumentRegistry } from './telemetry/instrument/instrument-registry';
export { type PinoDestination, type PinoOtelStreamOptions, pinoOtelStream } from './telemetry/logs/pino-otel-stream';
export { TRACE_LOGGER_OPTIONS, type TraceLoggerOptions } from './telemetry/logs/trace-logger.options';
export { TraceLogger } from './telemetry/logs/trace-logger.service';
export { traceMixin } from './telemetry/logs/trace-mixin';
export { Counted, type MeasuredOptions, Timed, type TimedOptions } from './telemetry/measured.decorator';
export type {
  CustomHistogramOptions,
  CustomMetricOptions,
  GuideMetrics,
  HttpRequestDetails,
} from './telemetry/metrics/guide-metrics';
export type { MetricAttributes } from './telemetry/metrics/instruments';
export type {
  Counter,
  CounterSeries,
  ExemplarContext,
  Gauge,
  GaugeSeries,
  Histogram,
  HistogramSeries,
  Observe,
  UpDownCounter,
  UpDownCounterSeries,
} from './telemetry/metrics/metric-registry';
export type { MetricExporterStatus } from './telemetry/metrics/otlp-metric-exporter';
export { Baggage, CurrentSpan } from './telemetry/parameters.decorator';
export { Span, SpanAttribute } from './telemetry/span.decorator';
export { TelemetryInterceptor } from './telemetry/telemetry.interceptor';
export { TelemetryModule } from './telemetry/telemetry.module';
export {
  type HttpOptions,
  type InstrumentedKind,
  type InstrumentOptions,
  TELEMETRY_CONFIG,
  TELEMETRY_OPTIONS,
  type TelemetryModuleAsyncOptions,
  type TelemetryModuleOptions,
} from './telemetry/telemetry.options';
export { type Carrier, type HttpOutcome, TelemetryService, type TracingService } from './telemetry/telemetry.service';
export type { TelemetryStatus } from './telemetry/telemetry-status';
export type { SpanAssertion } from './telemetry/testing/span-assertion';
export type { SpanLeak } from './telemetry/testing/span-leaks';
export { TestTelemetry } from './telemetry/testing/test-telemetry';
export { TestTelemetryModule } from './telemetry/testing/test-telemetry.module';
export { Traced, type TracedOptions, Untraced } from './telemetry/traced.decorator';
export type { MethodSpanOptions, SpanOptionsOf } from './telemetry/tracing/trace-method';
export { type Clock, SystemClock, VirtualClock } from './util/clock';
export { UserError } from './util/user-error';
