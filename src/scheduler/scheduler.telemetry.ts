import {
  type Attributes,
  type Link,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { type Graph } from '../graph/graph';
import { NODE_TYPE_NAMES, type NodeId, NodeState, NodeType } from '../graph/node';
import type { Telemetry } from '../telemetry/telemetry';
import { withContext } from '../telemetry/telemetry';
import type { BuildAgent, BuildContext, BuildRequest, BuildResult } from './agent';
import type { BuildEvent, JobSkipped, LicenseChecked, NodeDone, RunFinished, RunStarted } from './events';
import { describeFailure, TimeIsUp, timeoutFailure } from './failure';

/**
 * The spans of one run; `docs/telemetry.md` lists them with their attributes.
 *
 *     scheduler.main
 *     └ scheduler.build_graph
 *       ├ scheduler.worker              one for each worker
 *       │ └ scheduler.build.LocalBuild  one for each attempt, linked to the builds it needed
 *       ├ scheduler.build.RemoteRun     what needed no worker
 *       └ scheduler.license_check       one for each job whose RPMs were looked at, linked to its build
 */
export class SchedulerTelemetry {
  private readonly main: Span;
  private buildGraph: Span | undefined;
  private readonly workers: Span[] = [];
  private readonly contexts = new Map<number, SpanContext>();
  private ended = false;

  constructor(
    private readonly telemetry: Telemetry,
    private readonly buildId: string,
    mainAttributes: Attributes,
    startedAt: number,
  ) {
    this.main = telemetry.tracer.startSpan(
      'scheduler.main',
      {
        kind: SpanKind.SERVER,
        startTime: startedAt,
        attributes: {
          ...this.common(),
          'cicd.pipeline.name': 'scheduler',
          'cicd.pipeline.run.id': buildId,
          ...mainAttributes,
        },
      },
      telemetry.rootContext,
    );
  }

  get traceId(): string {
    return this.main.spanContext().traceId;
  }

  /** Trace context and baggage for child processes that belong to no build. */
  get environment(): Record<string, string> {
    return this.telemetry.environment(trace.setSpan(this.telemetry.rootContext, this.main));
  }

  /** To be told of the run's events, before any other listener and before builds start. */
  listenerFor(graphNow: () => Graph, buildGraphAttributes: Attributes = {}): (event: BuildEvent) => void {
    return (event) => {
      switch (event.type) {
        case 'run-started':
          return this.runStarted(event, buildGraphAttributes);
        case 'job-skipped':
          return this.jobSkipped(graphNow(), event);
        case 'node-done':
          return this.nodeDone(graphNow(), event);
        case 'run-cancelled':
          this.buildGraph?.addEvent('run.cancelled', { reason: event.why }, event.time);
          return;
        case 'cached-implicit-enabled':
          this.buildGraph?.addEvent('cached_implicit.enabled', {}, event.time);
          return;
        case 'name-provided':
          this.buildGraph?.addEvent(
            'dynamic_dependency.satisfied',
            { 'dependency.name': event.label, 'dependency.provider': event.provider, 'dependency.rpm': event.rpm },
            event.time,
          );
          return;
        case 'graph-pruned':
          this.buildGraph?.addEvent('graph.pruned', { 'graph.node_count': event.nodes }, event.time);
          return;
        case 'license-checked':
          return this.licenseChecked(event);
        case 'run-finished':
          return this.runFinished(event);
      }
    };
  }

  /** An agent whose every attempt is a span, and whose child processes know that span. */
  wrap(agent: BuildAgent): BuildAgent {
    return new TracedAgent(agent, this);
  }

  /** Records what ended the command before or beside the run. */
  recordError(error: unknown): void {
    this.main.recordException(error instanceof Error ? error : String(error));
    this.main.setStatus({ code: SpanStatusCode.ERROR, message: 'Scheduler failed' });
  }

  /** Ends every span that is still open. Nothing is sent yet: the telemetry's shutdown does that. */
  end(endedAt: number): void {
    if (this.ended) return;
    this.ended = true;
    for (const worker of this.workers) worker.end(endedAt);
    this.buildGraph?.end(endedAt);
    this.main.end(endedAt);
  }

  async traceBuild(agent: BuildAgent, request: BuildRequest, context: BuildContext): Promise<BuildResult> {
    const { telemetry } = this;
    const { clock } = context;
    const parent = this.workers[request.worker - 1] ?? this.buildGraph ?? this.main;
    const span = telemetry.tracer.startSpan(
      spanName(request.graph, request.node),
      {
        startTime: clock.now(),
        links: this.linksTo(request.dependsOn),
        attributes: {
          ...this.nodeAttributes(request.graph, request.node),
          'package.use_cache': false,
          'build.attempt': request.attempt,
          'worker.id': request.worker,
          'cicd.worker.id': String(request.worker),
        },
      },
      trace.setSpan(telemetry.rootContext, parent),
    );
    this.contexts.set(request.job, span.spanContext());
    span.addEvent('build.request.started', { 'build.attempt': request.attempt }, clock.now());
    const inside = trace.setSpan(telemetry.rootContext, span);
    try {
      const env = { ...context.env, ...telemetry.environment(inside) };
      const result = await withContext(inside, () => agent.build(request, { ...context, env }));
      this.describeResult(span, request, asTold(result, request, context), clock.now());
      return result;
    } catch (error) {
      span.recordException(error instanceof Error ? error : String(error), clock.now());
      span.setAttributes({ 'build.success': false, 'build.error': 'the agent threw', 'error.type': 'agent-error' });
      span.setStatus({ code: SpanStatusCode.ERROR, message: 'the agent threw' });
      throw error;
    } finally {
      span.end(clock.now());
    }
  }

  private describeResult(span: Span, request: BuildRequest, result: BuildResult, now: number): void {
    const isTest = request.kind === 'test';
    const checkFailed = !result.ok && result.failure.reason === 'check-failed';
    const attributes: Attributes = {
      'build.success': result.ok || checkFailed,
      'build.used_cache': false,
      'build.was_delta': false,
      'build.ignored': false,
      'build.files_built_count': result.ok ? result.builtFiles.length : 0,
      'cicd.pipeline.task.run.result': taskResult(result),
    };
    if (result.logPath) attributes['build.log_file'] = result.logPath;
    if (isTest) {
      attributes['test.success'] = result.ok;
      attributes['test.check_failed'] = checkFailed;
      const check = result.ok ? result.check : checkFailed ? 'failed' : undefined;
      if (check) attributes['test.check_result'] = check;
    }
    if (result.ok) {
      span.addEvent('build.result.completed', { 'build.files_built_count': result.builtFiles.length }, now);
    } else {
      const message = describeFailure(result.failure);
      attributes['build.error'] = message;
      attributes['error.type'] = result.failure.reason;
      if (result.failure.reason === 'exit-non-zero') attributes['process.exit.code'] = result.failure.exitCode;
      span.addEvent('build.error', { 'build.error': message, 'error.type': result.failure.reason }, now);
      span.setStatus({ code: SpanStatusCode.ERROR, message: isTest ? 'Test failed' : 'Build failed' });
    }
    span.setAttributes(attributes);
  }

  private runStarted(event: RunStarted, attributes: Attributes): void {
    const { tracer, rootContext } = this.telemetry;
    this.buildGraph = tracer.startSpan(
      'scheduler.build_graph',
      {
        startTime: event.time,
        attributes: {
          ...this.common(),
          'graph.node_count': event.nodes,
          'graph.edge_count': event.edges,
          'scheduler.worker_count': event.workers,
          'scheduler.simulated': event.simulated,
          ...attributes,
        },
      },
      trace.setSpan(rootContext, this.main),
    );
    const inside = trace.setSpan(rootContext, this.buildGraph);
    for (let worker = 1; worker <= event.workers; worker++) {
      const identity = {
        'worker.id': worker,
        'cicd.worker.id': String(worker),
        'cicd.worker.name': `worker ${worker}`,
      };
      const span = { startTime: event.time, attributes: { ...this.common(), ...identity } };
      this.workers.push(tracer.startSpan('scheduler.worker', span, inside));
    }
  }

  private runFinished(event: RunFinished): void {
    for (const worker of this.workers) worker.end(event.time);
    const result = { succeeded: 'success', failed: 'failure', cancelled: 'cancellation' }[event.status];
    this.buildGraph?.setAttribute('cicd.pipeline.result', result);
    this.main.setAttribute('cicd.pipeline.result', result);
    if (event.status !== 'succeeded') {
      const why = event.status === 'failed' ? 'could not build all packages' : 'the run was cancelled';
      this.buildGraph?.setStatus({ code: SpanStatusCode.ERROR, message: why });
      this.main.setAttribute('error.type', event.status);
      this.main.setStatus({ code: SpanStatusCode.ERROR, message: 'Scheduler failed' });
    }
    this.buildGraph?.end(event.time);
  }

  private jobSkipped(graph: Graph, event: JobSkipped): void {
    const span = this.instant(spanName(graph, event.node), event.time, {
      ...this.nodeAttributes(graph, event.node),
      'package.use_cache': event.how !== 'ignored',
      'package.is_delta': event.how === 'delta',
      'build.success': true,
      'build.used_cache': event.how !== 'ignored',
      'build.was_delta': event.how === 'delta',
      'build.ignored': event.how === 'ignored',
      'build.files_built_count': event.files.length,
      'build.reason': event.reason,
      'cicd.pipeline.task.run.result': 'skip',
    });
    this.contexts.set(event.job, span.spanContext());
  }

  private nodeDone(graph: Graph, event: NodeDone): void {
    this.instant(spanName(graph, event.node), event.time, {
      ...this.nodeAttributes(graph, event.node),
      'package.use_cache': graph.state(event.node) === NodeState.Cached,
      'build.success': true,
    });
  }

  /** Linked to the build, not below it: it takes its time beside the run, and the build is over by then. */
  private licenseChecked(event: LicenseChecked): void {
    const { tracer, rootContext } = this.telemetry;
    const span = tracer.startSpan(
      'scheduler.license_check',
      {
        startTime: event.startedAt,
        links: this.linksTo([event.job]),
        attributes: {
          ...this.common(),
          'package.name': event.label,
          'license.rpm_count': event.rpms,
          'license.has_warnings': event.hasWarnings,
          'license.has_errors': event.hasErrors,
        },
      },
      trace.setSpan(rootContext, this.buildGraph ?? this.main),
    );
    span.end(event.time);
  }

  /** Something that took no worker and no time. */
  private instant(name: string, time: number, attributes: Attributes): Span {
    const { tracer, rootContext } = this.telemetry;
    const span = tracer.startSpan(
      name,
      { startTime: time, attributes },
      trace.setSpan(rootContext, this.buildGraph ?? this.main),
    );
    span.end(time);
    return span;
  }

  private nodeAttributes(graph: Graph, node: NodeId): Attributes {
    const isTest = graph.type(node) === NodeType.Test;
    const attributes: Attributes = {
      ...this.common(),
      'package.name': graph.field(node, 'key') || graph.friendlyName(node),
      'package.type': NODE_TYPE_NAMES[graph.type(node)],
      'package.is_delta': graph.state(node) === NodeState.Delta,
    };
    const architecture = graph.field(node, 'architecture');
    if (architecture !== '') attributes['package.architecture'] = architecture;
    const srpm = graph.srpmPath(node);
    if (srpm !== '') attributes['package.source_name'] = srpm;
    if (graph.isWork(node)) {
      attributes['cicd.pipeline.task.name'] = graph.label(node);
      attributes['cicd.pipeline.task.type'] = isTest ? 'test' : 'build';
      attributes['cicd.pipeline.task.run.id'] = `${this.buildId}/${node}`;
    }
    return attributes;
  }

  private common(): Attributes {
    return { 'build.id': this.buildId };
  }

  private linksTo(jobs: readonly number[]): Link[] {
    return jobs.flatMap((job) => {
      const context = this.contexts.get(job);
      return context ? [{ context }] : [];
    });
  }
}

class TracedAgent implements BuildAgent {
  readonly name: string;

  constructor(
    private readonly inner: BuildAgent,
    private readonly telemetry: SchedulerTelemetry,
  ) {
    this.name = inner.name;
  }

  start(): Promise<void> {
    return this.inner.start?.() ?? Promise.resolve();
  }

  build(request: BuildRequest, context: BuildContext): Promise<BuildResult> {
    return this.telemetry.traceBuild(this.inner, request, context);
  }

  stop(): Promise<void> {
    return this.inner.stop?.() ?? Promise.resolve();
  }
}

/** An agent only knows that it was asked to end; the signal knows why. */
function asTold(result: BuildResult, request: BuildRequest, { signal }: BuildContext): BuildResult {
  if (result.ok || result.failure.reason !== 'cancelled' || !(signal.reason instanceof TimeIsUp)) return result;
  return { ...result, failure: timeoutFailure(signal.reason.limitMs, request, result.failure) };
}

function spanName(graph: Graph, node: NodeId): string {
  return `scheduler.build.${NODE_TYPE_NAMES[graph.type(node)]}`;
}

function taskResult(result: BuildResult): string {
  if (result.ok) return 'success';
  switch (result.failure.reason) {
    case 'timeout':
      return 'timeout';
    case 'cancelled':
      return 'cancellation';
    case 'runner-lost':
    case 'agent-error':
    case 'could-not-start':
      return 'error';
    default:
      return 'failure';
  }
}
