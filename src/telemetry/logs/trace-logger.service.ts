import { ConsoleLogger, Inject, Injectable, Optional } from '@nestjs/common';
import type { AnyValueMap, LogRecord } from '@opentelemetry/api-logs';
import { createRedactor, type Redactor } from '../privacy/redactor';
import { TELEMETRY_RUNTIME } from '../telemetry.options';
import { exceptionAttributes } from '../tracing/record-error';
import { activeLogs } from './active-logs';
import { toAnyValue } from './any-value';
import { levelOfNest, type NestLogLevel, nestLevels, severityOf } from './log-levels';
import type { LogsRuntime } from './logs-runtime';
import { traceFields } from './trace-fields';
import { type LoggingTelemetry, TRACE_LOGGER_OPTIONS, type TraceLoggerOptions } from './trace-logger.options';

/**
 * Nest's console logger, where each line says which trace and span it belongs to: as fields `trace_id`, `span_id` and `trace_flags`
 * with `json: true`, else as `trace_id=… span_id=…` at the end, and only where a span is active. Where telemetry exports logs, the
 * lines are exported too.
 *
 * @example
 * ```ts
 * const app = await NestFactory.create(AppModule, { bufferLogs: true });
 * app.useLogger(app.get(TraceLogger));
 *
 * // Or from the first line on; an MCP server keeps its standard output to itself:
 * await NestFactory.createApplicationContext(AppModule, { logger: new TraceLogger({ stderr: true, json: true }) });
 * ```
 */
@Injectable()
export class TraceLogger extends ConsoleLogger {
  private readonly own: TraceLoggerOptions;
  /** Hides secrets in what is written. Nest 12 has a `redactor` of its own. */
  private readonly hiding: Redactor | undefined;

  constructor(
    @Optional() @Inject(TRACE_LOGGER_OPTIONS) options?: TraceLoggerOptions,
    @Optional() @Inject(TELEMETRY_RUNTIME) telemetry?: LoggingTelemetry,
  ) {
    const own = options ?? {};
    const level = own.level ?? telemetry?.config.logs.level;
    super({ ...own, ...(level && !own.logLevels && { logLevels: nestLevels(level) }) });
    this.own = own;
    if (own.redactSecrets) this.hiding = own.redactor ?? telemetry?.redactor ?? createRedactor(BY_DEFAULT);
  }

  protected override printMessages(
    messages: unknown[],
    context = '',
    logLevel: NestLogLevel = 'log',
    writeStreamType?: 'stdout' | 'stderr',
    errorStack?: unknown,
    // In Nest 12: the fields that are logged with a message.
    ...more: unknown[]
  ): void {
    const logs = this.own.logs ?? activeLogs();
    const said = logs ? messages.map(spoken) : messages;
    if (logs) for (const message of said) exportTo(logs, { message, context, logLevel, errorStack, params: more[0] });
    const stream = this.own.stderr ? 'stderr' : writeStreamType;
    super.printMessages(said, context, logLevel, stream, errorStack, ...(more as []));
  }

  protected override formatMessage(...args: Parameters<ConsoleLogger['formatMessage']>): string {
    const line = super.formatMessage(...args);
    const shown = this.hiding ? this.hiding.text(line) : line;
    const trace = traceFields();
    const ids = trace ? ` trace_id=${trace.trace_id} span_id=${trace.span_id}` : '';
    return `${shown.trimEnd()}${ids}\n`;
  }

  protected override getJsonLogObject(
    ...[message, options]: Parameters<ConsoleLogger['getJsonLogObject']>
  ): ReturnType<ConsoleLogger['getJsonLogObject']> {
    const line = { ...super.getJsonLogObject(message, options), ...traceFields() };
    if (!this.hiding) return line;
    const { level, pid, timestamp, context, message: _message, stack, ...more } = line;
    return {
      ...line,
      message: this.hiding.anyValue(toAnyValue(message)),
      ...(typeof stack === 'string' && { stack: this.hiding.text(stack) }),
      ...(this.hiding.anyValue(toAnyValue(more)) as object),
    };
  }

  protected override printStackTrace(stack: string): void {
    super.printStackTrace(this.hiding && stack ? this.hiding.text(stack) : stack);
  }
}

const BY_DEFAULT = { enabled: true, allow: [], deny: [] };

interface Line {
  readonly message: unknown;
  readonly context: string;
  readonly logLevel: NestLogLevel;
  readonly errorStack: unknown;
  readonly params?: unknown;
}

function exportTo(logs: LogsRuntime, { message, context, logLevel, errorStack, params }: Line): void {
  const attributes: AnyValueMap = params ? { ...(toAnyValue(params) as AnyValueMap) } : {};
  if (context !== '') attributes.context = context;
  if (message instanceof Error) Object.assign(attributes, exceptionAttributes(message));
  else if (typeof errorStack === 'string') Object.assign(attributes, exceptionIn(errorStack, message));
  const body = message instanceof Error ? String(attributes['exception.message'] ?? '') : toAnyValue(message);
  const record: LogRecord = { ...severityOf(levelOfNest(logLevel)), body, attributes };
  logs.emit(record);
}

/** Of a stack that was handed over as text, as Nest's own `error(message, stack)` wants it. */
function exceptionIn(stack: string, message: unknown): AnyValueMap {
  const type = /^([A-Z]\w{0,127})(?::|\n)/.exec(stack)?.[1];
  return {
    ...(type !== undefined && { 'exception.type': type }),
    ...(typeof message === 'string' && { 'exception.message': message }),
    'exception.stacktrace': stack,
  };
}

/** A function is asked for its message, as Nest does, but only once; a class is named. */
function spoken(message: unknown): unknown {
  if (typeof message !== 'function') return message;
  return Function.prototype.toString.call(message).startsWith('class ') ? message.name : message();
}
