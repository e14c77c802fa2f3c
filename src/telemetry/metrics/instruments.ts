/** Attributes of a series. A value that is undefined counts as not there. */
export type MetricAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

export type InstrumentKind = 'counter' | 'up-down-counter' | 'histogram' | 'gauge';

/** What an instrument is called, what it measures and how its series are told apart. */
export interface InstrumentDefinition {
  /** Letters, digits and `_ . - /`, a letter first, at most 255. In Prometheus' formats everything but letters and digits is `_`. */
  readonly name: string;
  readonly kind: InstrumentKind;
  /** As UCUM writes it: `s`, `By`, `%`, `1`, or what is counted, in braces: `{request}`. */
  readonly unit: string;
  readonly description: string;
  /** Whether all values are whole numbers. OTLP then carries integers. Default: false. */
  readonly integer?: boolean;
  /** Upper edges of a histogram's buckets, ascending, in the instrument's unit; a value on an edge is below it. */
  readonly buckets?: readonly number[];
  /**
   * The attributes that tell series apart, in the order in which they are shown; any others are left out, because one label
   * more would split the series that dashboards and alerts count on. Default: whatever attributes come.
   */
  readonly labels?: readonly string[];
  /** The series that are there, at zero, from the start. */
  readonly zeros?: readonly MetricAttributes[];
}

/** From tools that run in this process, in microseconds, to those that build images. The alert at 0.0003 s is exact only with that edge. */
export const TOOL_SECONDS = [
  0.00005, 0.0001, 0.0002, 0.0003, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600,
] as const;
/** The edges that OpenTelemetry's conventions give for HTTP. */
export const HTTP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] as const;
export const PIPELINE_SECONDS = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900, 1800] as const;
export const SESSION_SECONDS = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 14_400, 28_800, 86_400] as const;
/** Scavenges take a fraction of a millisecond. */
export const GC_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
] as const;

/** The kinds of collection that V8 tells apart. */
export const GC_TYPES = ['major', 'minor', 'incremental', 'weakcb'] as const;

/** Those that every process has sooner or later. */
const GC_ZEROS: readonly MetricAttributes[] = [{ 'v8js.gc.type': 'major' }, { 'v8js.gc.type': 'minor' }];

/**
 * Every instrument of this product, and nothing but this table says their names, units, edges and labels.
 *
 * The first part has the names of the Container Kit guide. Its queries divide and subtract counters as they are, so two counters
 * that belong together have the same labels, and their series are created together, at zero, when a tool, pipeline or type of
 * session is registered: `rate(tool_errors_total[5m]) / rate(tool_execution_total[5m])` is then right as written, and
 * `session_total - session_completed_total` is not empty. What would split one of them, such as the class of an error, is a
 * counter of its own.
 */
export const INSTRUMENTS = {
  toolExecutionDuration: {
    name: 'tool_execution_duration_seconds',
    kind: 'histogram',
    unit: 's',
    description: 'How long executions of a tool took, failed ones included.',
    buckets: TOOL_SECONDS,
    labels: ['tool.name'],
  },
  toolExecutions: {
    name: 'tool_execution_total',
    kind: 'counter',
    unit: '{execution}',
    description: 'Executions of a tool, failed ones included.',
    integer: true,
    labels: ['tool.name'],
  },
  toolErrors: {
    name: 'tool_errors_total',
    kind: 'counter',
    unit: '{error}',
    description: 'Executions of a tool that failed.',
    integer: true,
    labels: ['tool.name'],
  },
  toolErrorsByType: {
    name: 'tool_errors_by_type_total',
    kind: 'counter',
    unit: '{error}',
    description: 'Executions of a tool that failed, by the class of the error.',
    integer: true,
    labels: ['tool.name', 'error.type'],
  },
  pipelineExecutionDuration: {
    name: 'pipeline_execution_duration_seconds',
    kind: 'histogram',
    unit: 's',
    description: 'How long executions of a pipeline took, failed ones included.',
    buckets: PIPELINE_SECONDS,
    labels: ['pipeline.type', 'pipeline.stages'],
  },
  pipelineErrors: {
    name: 'pipeline_errors_total',
    kind: 'counter',
    unit: '{error}',
    description: 'Executions of a pipeline that failed.',
    integer: true,
    labels: ['pipeline.type', 'pipeline.stages'],
  },
  // Stages are counted when they run. The execution of their pipeline does not count them a second time.
  pipelineStageExecutions: {
    name: 'pipeline_stage_execution_total',
    kind: 'counter',
    unit: '{execution}',
    description: 'Executions of a stage of a pipeline, failed ones included.',
    integer: true,
    labels: ['pipeline.type', 'pipeline.stage'],
  },
  pipelineStageErrors: {
    name: 'pipeline_stage_errors_total',
    kind: 'counter',
    unit: '{error}',
    description: 'Executions of a stage of a pipeline that failed.',
    integer: true,
    labels: ['pipeline.type', 'pipeline.stage'],
  },
  pipelineStageDuration: {
    name: 'pipeline_stage_execution_duration_seconds',
    kind: 'histogram',
    unit: 's',
    description: 'How long executions of a stage of a pipeline took, failed ones included.',
    buckets: PIPELINE_SECONDS,
    labels: ['pipeline.type', 'pipeline.stage'],
  },
  sessions: {
    name: 'session_total',
    kind: 'counter',
    unit: '{session}',
    description: 'Sessions that were created.',
    integer: true,
    labels: ['session.type'],
  },
  sessionsCompleted: {
    name: 'session_completed_total',
    kind: 'counter',
    unit: '{session}',
    description: 'Sessions that ended, however they did.',
    integer: true,
    labels: ['session.type'],
  },
  // Apart from session_total: a session that could not be created never ends, and would count as active for ever.
  sessionErrors: {
    name: 'session_errors_total',
    kind: 'counter',
    unit: '{error}',
    description: 'Sessions that could not be created.',
    integer: true,
    labels: [],
    zeros: [{}],
  },
  sessionsActive: {
    name: 'session_active',
    kind: 'up-down-counter',
    unit: '{session}',
    description: 'Sessions that are open now, those of an earlier process included.',
    integer: true,
    labels: ['session.type'],
  },
  sessionDuration: {
    name: 'session_duration_seconds',
    kind: 'histogram',
    unit: 's',
    description: 'How long sessions were open.',
    buckets: SESSION_SECONDS,
    labels: ['session.type'],
  },
  // The guide's attribute http.status_code becomes the label http_status_code, but its alerts ask for status_code. Both are
  // here: one follows from the other, so there is not one series more. The histogram has no alert on the status, and one only.
  httpRequests: {
    name: 'http_requests_total',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests that were answered.',
    integer: true,
    labels: ['http.method', 'http.route', 'http.status_code', 'status_code'],
  },
  httpRequestDuration: {
    name: 'http_request_duration_seconds',
    kind: 'histogram',
    unit: 's',
    description: 'How long it took to answer a request.',
    buckets: HTTP_SECONDS,
    labels: ['http.method', 'http.route', 'http.status_code'],
  },
  systemMemory: {
    name: 'system_memory_usage_bytes',
    kind: 'gauge',
    unit: 'By',
    description: 'Memory of this process that is in physical memory.',
    integer: true,
    labels: [],
  },
  systemCpu: {
    name: 'system_cpu_usage_percent',
    kind: 'gauge',
    unit: '%',
    description: 'Share of all processors that this process used.',
    labels: [],
  },
  // The nearest that Node has to goroutines. The name is the guide's; v8js.resource.active tells them apart.
  systemGoroutines: {
    name: 'system_goroutines_count',
    kind: 'gauge',
    unit: '{resource}',
    description: 'Resources that keep the event loop alive: sockets, timers, file operations.',
    integer: true,
    labels: [],
  },
  // With the kind of collection, because minor ones run all the time and would set off an alert on how often there is one.
  systemGcDuration: {
    name: 'system_gc_duration_seconds',
    kind: 'histogram',
    unit: 's',
    description: 'How long garbage collections took.',
    buckets: GC_SECONDS,
    labels: ['v8js.gc.type'],
    zeros: GC_ZEROS,
  },

  // From here on, OpenTelemetry's semantic conventions.
  httpServerRequestDuration: {
    name: 'http.server.request.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long it took to answer a request.',
    buckets: HTTP_SECONDS,
    labels: ['http.request.method', 'url.scheme', 'http.route', 'http.response.status_code', 'error.type'],
  },
  httpServerActiveRequests: {
    name: 'http.server.active_requests',
    kind: 'up-down-counter',
    unit: '{request}',
    description: 'Requests that are being answered now.',
    integer: true,
    labels: ['http.request.method', 'url.scheme'],
  },
  processMemory: {
    name: 'process.memory.usage',
    kind: 'up-down-counter',
    unit: 'By',
    description: 'Memory of this process that is in physical memory.',
    integer: true,
    labels: [],
  },
  processCpuTime: {
    name: 'process.cpu.time',
    kind: 'counter',
    unit: 's',
    description: 'Processor time that this process used, by mode.',
    labels: ['cpu.mode'],
  },
  processCpuUtilization: {
    name: 'process.cpu.utilization',
    kind: 'gauge',
    unit: '1',
    description: 'Share of all processors that this process used, by mode.',
    labels: ['cpu.mode'],
  },
  eventLoopDelayMin: eventLoopDelay('min', 'Least delay'),
  eventLoopDelayMax: eventLoopDelay('max', 'Greatest delay'),
  eventLoopDelayMean: eventLoopDelay('mean', 'Mean delay'),
  eventLoopDelayStddev: eventLoopDelay('stddev', 'Standard deviation of the delay'),
  eventLoopDelayP50: eventLoopDelay('p50', 'Median delay'),
  eventLoopDelayP90: eventLoopDelay('p90', '90th percentile of the delay'),
  eventLoopDelayP99: eventLoopDelay('p99', '99th percentile of the delay'),
  eventLoopUtilization: {
    name: 'nodejs.eventloop.utilization',
    kind: 'gauge',
    unit: '1',
    description: 'Share of the time that the event loop was busy.',
    labels: [],
  },
  eventLoopTime: {
    name: 'nodejs.eventloop.time',
    kind: 'counter',
    unit: 's',
    description: 'Time that the event loop was busy, and that it waited.',
    labels: ['nodejs.eventloop.state'],
  },
  gcDuration: {
    name: 'v8js.gc.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long garbage collections took.',
    buckets: HTTP_SECONDS,
    labels: ['v8js.gc.type'],
    zeros: GC_ZEROS,
  },
  heapUsed: heapSpace('v8js.memory.heap.used', 'Memory in use, by space of the heap.'),
  heapSpaceSize: heapSpace('v8js.memory.heap.space.size', 'Memory set aside, by space of the heap.'),
  heapSpaceAvailable: heapSpace('v8js.memory.heap.space.available_size', 'Memory that is free, by space of the heap.'),
  heapSpacePhysical: heapSpace(
    'v8js.memory.heap.space.physical_size',
    'Memory that is really taken from the system, by space of the heap.',
  ),
  activeResources: {
    name: 'v8js.resource.active',
    kind: 'gauge',
    unit: '{resource}',
    description: 'Resources that keep the event loop alive, by type.',
    integer: true,
    labels: ['v8js.resource.type'],
  },
} as const satisfies Readonly<Record<string, InstrumentDefinition>>;

function eventLoopDelay<Part extends string>(part: Part, what: string) {
  const description = `${what} of the event loop, the sampling interval of 10 ms included.`;
  const labels: readonly string[] = [];
  return { name: `nodejs.eventloop.delay.${part}`, kind: 'gauge', unit: 's', description, labels } as const;
}

function heapSpace<Name extends string>(name: Name, description: string) {
  return {
    name,
    kind: 'up-down-counter',
    unit: 'By',
    description,
    integer: true,
    labels: ['v8js.heap.space.name'] as readonly string[],
  } as const;
}
