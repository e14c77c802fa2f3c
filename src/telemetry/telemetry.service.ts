import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import {
  type Attributes,
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { TelemetryConfig } from '../config/telemetry-config';
import { knownMethod } from './http/http-method';
import { spanName as httpSpanName } from './http/http-server-tracing';
import { InstrumentExplorer } from './instrument/instrument.explorer';
import type { InstrumentRegistry } from './instrument/instrument-registry';
import type { GuideMetrics } from './metrics/guide-metrics';
import { TELEMETRY_RUNTIME } from './telemetry.options';
import type { TelemetryRuntime } from './telemetry-runtime';
import { type TelemetryStatus, telemetryStatus } from './telemetry-status';
import { type ActiveTracing, currentSpan } from './tracing/active-tracing';
import { errorType, recordError } from './tracing/record-error';
import { monotonicNow } from './tracing/span-clock';
import { SpanScope } from './tracing/span-scope';
import { runInSpan } from './tracing/trace-method';

/** What `instrumentHttpRequest` is given back by the work it watches. */
export interface HttpOutcome {
  readonly statusCode: number;
}

/** Any object that headers are written to or read from. */
export type Carrier = Record<string, string | string[] | undefined>;

/**
 * The manager of the Container Kit guide, injectable. Work is given as a function; its value comes back, its error is thrown on unchanged, and the same error is recorded
 * once on a span. Where telemetry is off, the function is called and nothing else happens.
 *
 * @example
 * ```ts
 * constructor(private readonly telemetry: TelemetryService) {}
 *
 * analyze(path: string) {
 *   return this.telemetry.instrumentToolExecution('analyze', async () => {
 *     this.telemetry.addContextualAttributes({ 'repository.path': path });
 *     const result = await this.inspect(path);
 *     this.telemetry.recordEvent('tool.analysis.completed', { 'result.items': result.length });
 *     return result;
 *   });
 * }
 * ```
 */
@Injectable()
export class TelemetryService implements OnApplicationShutdown {
  /** Spans by hand. */
  readonly tracing: TracingService;
  /** The guide's metrics, and your own. */
  readonly metrics: GuideMetrics;
  private readonly leave: () => Promise<void>;

  constructor(
    @Inject(TELEMETRY_RUNTIME) private readonly runtime: TelemetryRuntime,
    private readonly injector: ModuleRef,
  ) {
    this.leave = runtime.hold();
    this.tracing = new TracingService(runtime);
    this.metrics = runtime.guideMetrics;
  }

  /** The checked, frozen configuration. */
  get config(): TelemetryConfig {
    return this.runtime.config;
  }

  get isTracingEnabled(): boolean {
    return this.runtime.tracing !== undefined;
  }

  get isMetricsEnabled(): boolean {
    return this.runtime.metrics.registry.enabled;
  }

  /** Hexadecimal id of the active trace; empty where there is none. */
  get traceId(): string {
    return idsOf(currentSpan())?.traceId ?? '';
  }

  /** Hexadecimal id of the active span; empty where there is none. */
  get spanId(): string {
    return idsOf(currentSpan())?.spanId ?? '';
  }

  /**
   * Runs work in a span with the attribute `operation.type`. The type `tool_execution` also counts as a tool (named by the span, less `tool.`), `pipeline_execution` as a
   * pipeline of one stage (the part after `pipeline.`); others have no metrics.
   *
   * @param name of the span, such as `complex.operation`
   * @param type kind of operation, few different ones
   */
  instrumentOperation<T>(name: string, type: string, work: (span: Span) => T, attributes?: Attributes): T {
    const measured: Measured | undefined =
      type === 'tool_execution'
        ? (...ended) => this.metrics.recordToolExecution(without('tool.', name), ...ended)
        : type === 'pipeline_execution'
          ? (...ended) =>
              this.metrics.recordPipelineExecution(without('pipeline.', name).split('.')[0] as string, 1, ...ended)
          : undefined;
    return this.observe(name, { attributes: { 'operation.type': type, ...attributes } }, work, measured);
  }

  /** Runs a tool: span `tool.<name>`, and the `tool_*` metrics. */
  instrumentToolExecution<T>(tool: string, work: (span: Span) => T, attributes?: Attributes): T {
    return this.instrumentOperation(`tool.${tool}`, 'tool_execution', work, { 'tool.name': tool, ...attributes });
  }

  /** Runs a stage of a pipeline: span `pipeline.<pipeline>.<stage>`, and the stage's metrics. */
  instrumentPipelineStage<T>(pipeline: string, stage: string, work: (span: Span) => T, attributes?: Attributes): T {
    return this.observe(
      `pipeline.${pipeline}.${stage}`,
      {
        attributes: {
          'operation.type': 'pipeline_stage',
          'pipeline.name': pipeline,
          'pipeline.stage': stage,
          'cicd.pipeline.name': pipeline,
          'cicd.pipeline.task.name': stage,
          ...attributes,
        },
      },
      work,
      (...ended) => this.metrics.recordPipelineStage(pipeline, stage, ...ended),
    );
  }

  /**
   * Answers an HTTP request by hand, where no server of Nest's does: span `http.<METHOD> <route>` and the `http_*` metrics. A status of 500 and more is an error,
   * whether or not something was thrown; what is thrown counts as 500.
   *
   * @param route the template (`/api/tools/:tool`), never the path itself: each different one is a series; empty for a path that no route fits
   */
  instrumentHttpRequest<T extends number | HttpOutcome>(
    method: string,
    route: string,
    work: (span: Span) => T | Promise<T>,
    attributes?: Attributes,
  ): Promise<T> {
    const known = knownMethod(method);
    const options = {
      kind: SpanKind.SERVER,
      attributes: {
        'http.method': known,
        'http.request.method': known,
        ...(known === '_OTHER' && { 'http.request.method_original': method }),
        ...(route && { 'http.route': route }),
        ...attributes,
      },
    };
    const startedAt = monotonicNow();
    const ended = (span: Span, status: number, errorType?: string) => {
      span.setAttributes({ 'http.status_code': status, 'http.response.status_code': status });
      const seconds = (monotonicNow() - startedAt) / 1000;
      this.metrics.recordHttpRequest(known, route, status, seconds, { errorType, span: span.spanContext() });
    };
    return this.tracing.within(httpSpanName(known, route || 'unmatched'), options, async (span) => {
      let outcome: T;
      try {
        outcome = await work(span);
      } catch (error) {
        ended(span, 500, errorType(error));
        throw error;
      }
      const status = statusOf(outcome);
      // Without a status there is nothing to count it under.
      if (status === undefined) return outcome;
      if (status >= 500) {
        span.setAttribute('error.type', String(status));
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      ended(span, status);
      return outcome;
    });
  }

  /** Puts attributes on the active span; does nothing where there is none. */
  addContextualAttributes(attributes: Attributes): void {
    currentSpan()?.setAttributes(attributes);
  }

  /** Adds an event to the active span; does nothing where there is none. */
  recordEvent(name: string, attributes?: Attributes): void {
    currentSpan()?.addEvent(name, attributes);
  }

  /** The classes that the option `instrument` traces, and a switch for each. */
  get instrumentation(): InstrumentRegistry {
    return this.injector.get(InstrumentExplorer, { strict: false }).registry;
  }

  /** How telemetry itself is doing; what `GET /health/telemetry` answers. */
  status(): TelemetryStatus {
    return telemetryStatus(this.runtime);
  }

  /** Sends what is waiting, within the time (default: the shutdown timeout). Never rejects. */
  flush(timeoutMs?: number): Promise<void> {
    return this.runtime.flush(timeoutMs);
  }

  /** Sends what is left and ends, within the time (default: the shutdown timeout). Never rejects; a second call waits for the same end. */
  shutdown(timeoutMs?: number): Promise<void> {
    return this.runtime.shutdown(timeoutMs);
  }

  /** What is imported first stops last: spans that other modules end while stopping still get out. */
  async onApplicationShutdown(): Promise<void> {
    await this.leave();
  }

  private observe<T>(name: string, options: SpanOptions, work: (span: Span) => T, measured: Measured | undefined): T {
    if (measured === undefined || !this.isMetricsEnabled) return this.tracing.within(name, options, work);
    const startedAt = monotonicNow();
    let own: Span | undefined;
    return runInSpan(
      this.runtime.tracing ?? NO_TRACING,
      {
        name,
        options,
        onEnd: (failed, error) =>
          measured((monotonicNow() - startedAt) / 1000, failed ? errorType(error) : undefined, own?.spanContext()),
      },
      (span) => {
        own = span;
        return work(span);
      },
    );
  }
}

/**
 * Told when the work is done. Of what it failed with only the type: that becomes a label, and a text that somebody threw is not to be one.
 */
type Measured = (seconds: number, errorType: string | undefined, span: SpanContext | undefined) => void;

/** Spans by hand: the guide's `Tracing()`. */
export class TracingService {
  constructor(private readonly runtime: TelemetryRuntime) {}

  /**
   * Starts a span below the active one. It is yours to end; to have work run inside it, use `withSpan` or `within`.
   *
   * @example
   * ```ts
   * const span = telemetry.tracing.startSpan('session.create');
   * try {
   *   return telemetry.tracing.withSpan(span, () => this.create());
   * } finally {
   *   span.end();
   * }
   * ```
   */
  startSpan(name: string, options?: SpanOptions, parent: Context = context.active()): Span {
    const { tracer } = this.runtime;
    return tracer ? tracer.startSpan(name, options, parent) : NOT_RECORDED;
  }

  /** Runs work with a span as the active one. It does not end the span. */
  withSpan<T>(span: Span, work: () => T): T {
    const { tracing } = this.runtime;
    if (!tracing) return work();
    return tracing.run(SpanScope.of(tracing.active(), span), work, undefined, []) as T;
  }

  /**
   * Runs work in a span of its own, which ends when the result is really there, by the same rules as `@Span`. What it throws is recorded and thrown on.
   */
  within<T>(name: string, options: SpanOptions, work: (span: Span) => T): T {
    const { tracing } = this.runtime;
    if (!tracing) return work(NOT_RECORDED);
    return runInSpan(tracing, { name, options }, work);
  }

  /** The active span, or undefined. */
  get activeSpan(): Span | undefined {
    return currentSpan();
  }

  /** Records an error on a span, and sets its status; the same error a second time does nothing. A span or an error that is not there is fine. */
  recordError(span: Span | undefined, error: unknown): void {
    if (span) recordError(span, error);
  }

  /**
   * Writes the trace context and baggage to headers of a request, a message or a child process, by the configured propagators.
   *
   * @returns the same carrier
   * @example
   * ```ts
   * await fetch(url, { headers: telemetry.tracing.inject({ accept: 'application/json' }) });
   * ```
   */
  inject<T extends Carrier>(carrier: T = {} as T, from: Context = context.active()): T {
    const { config, propagator, tracing } = this.runtime;
    if (config.enabled) {
      // Where no trace begins here, no context is kept, but others are still to know that nobody wants this recorded.
      const bare = tracing?.rootsAreNeverSampled && trace.getSpan(from) === undefined;
      const context = bare ? SpanScope.of(from, tracing.tracer.startSpan('inject', undefined, from)) : from;
      propagator.inject(context, carrier, { set: (into, key, value) => ((into as Carrier)[key] = value) });
    }
    return carrier;
  }

  /** The context that headers carry, whatever the case of their names; for `startSpan`'s last argument, or `context.with`. */
  extract(carrier: Carrier, into: Context = ROOT_CONTEXT): Context {
    return this.runtime.propagator.extract(into, carrier, {
      // Node and fetch write names small, others as they like.
      get: (from, key) => from[key] ?? from[Object.keys(from).find((name) => name.toLowerCase() === key) ?? key],
      keys: (from) => Object.keys(from).map((name) => name.toLowerCase()),
    });
  }
}

const NOT_RECORDED = trace.wrapSpanContext({
  traceId: '00000000000000000000000000000000',
  spanId: '0000000000000000',
  traceFlags: 0,
});

/** Where only metrics are on, work is measured, and its spans are none. */
const NO_TRACING: ActiveTracing = {
  tracer: { startSpan: () => NOT_RECORDED, startActiveSpan: () => undefined as never },
  active: () => context.active(),
  run: (_context, method, self, args) => Reflect.apply(method, self, args),
  unsampledParentIsFinal: true,
  rootsAreNeverSampled: true,
};

function idsOf(span: Span | undefined) {
  const ids = span?.spanContext();
  return ids && trace.isSpanContextValid(ids) ? ids : undefined;
}

/** The work's answer, which may be anything where no compiler has looked. */
function statusOf(outcome: number | HttpOutcome | null | undefined): number | undefined {
  const status: unknown = typeof outcome === 'object' ? outcome?.statusCode : outcome;
  return typeof status === 'number' ? status : undefined;
}

function without(prefix: string, name: string): string {
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}
