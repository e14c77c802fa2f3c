import { type Context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import type { AnyValueMap, LogRecord } from '@opentelemetry/api-logs';
import { activeLogs } from './active-logs';
import { toAnyValue } from './any-value';
import { levelOfPino, severityOf } from './log-levels';
import type { LogsRuntime } from './logs-runtime';

export interface PinoOtelStreamOptions {
  /** Where lines are exported to. Default: wherever the running telemetry exports logs to. */
  readonly logs?: LogsRuntime;
  /** pino's own option of that name. Default: `msg`. */
  readonly messageKey?: string;
  /** pino's own option of that name. Default: `err`. */
  readonly errorKey?: string;
}

/** Something that pino can write to. */
export interface PinoDestination {
  /** By this pino tells a destination from its options. */
  readonly writable: true;
  write(line: string): void;
}

/**
 * A destination for pino that exports each line as a log record of OpenTelemetry, with level, time, message, fields and error, and
 * with the trace context of the active span. It writes nothing; let pino write to something else beside it. Never throws.
 *
 * @example
 * ```ts
 * const destinations = [{ stream: process.stderr }, { stream: pinoOtelStream() }];
 * const logger = pino({ mixin: traceMixin }, pino.multistream(destinations));
 * ```
 */
export function pinoOtelStream(options: PinoOtelStreamOptions = {}): PinoDestination {
  const { messageKey = 'msg', errorKey = 'err' } = options;
  return {
    writable: true,
    write: (line) => {
      const logs = options.logs ?? activeLogs();
      if (logs) logs.emit(recordOf(line, messageKey, errorKey));
    },
  };
}

function recordOf(line: string, messageKey: string, errorKey: string): LogRecord {
  const parsed = parse(line);
  if (parsed === undefined) return { ...severityOf('info'), body: line.trimEnd() };
  // Process and host are in the resource.
  const { level, time, pid, hostname, trace_id, span_id, trace_flags, ...rest } = parsed;
  const { [messageKey]: message, [errorKey]: error, ...fields } = rest;
  const attributes = toAnyValue(fields) as AnyValueMap;
  return {
    ...severityOf(levelOfPino(level)),
    timestamp: timeOf(time),
    body: toAnyValue(message),
    attributes: { ...attributes, ...(error !== undefined && errorAttributes(error, errorKey)) },
    context: contextOf(trace_id, span_id, trace_flags),
  };
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** As pino's serializer for errors leaves it. */
function errorAttributes(error: unknown, key: string): AnyValueMap {
  const { type, message, stack } = (error ?? {}) as Record<string, unknown>;
  if (typeof stack !== 'string' && typeof message !== 'string') return { [key]: toAnyValue(error) };
  return {
    'exception.type': typeof type === 'string' ? type : 'Error',
    'exception.message': typeof message === 'string' ? message : '',
    ...(typeof stack === 'string' && { 'exception.stacktrace': stack }),
  };
}

/** Pino writes milliseconds, or by its other ways of telling the time seconds, nanoseconds or a date. */
function timeOf(time: unknown): Date | undefined {
  const number = typeof time === 'string' && /^\d+$/.test(time) ? Number(time) : time;
  if (typeof number === 'string') return validDate(Date.parse(number));
  if (typeof number !== 'number') return undefined;
  if (number < 1e11) return validDate(number * 1000);
  return validDate(number < 1e14 ? number : number / 1e6);
}

function validDate(ms: number): Date | undefined {
  return Number.isFinite(ms) ? new Date(ms) : undefined;
}

/** Where the line says which span it is of, it is believed; else it is of the active one. */
function contextOf(traceId: unknown, spanId: unknown, flags: unknown): Context | undefined {
  if (typeof traceId !== 'string' || typeof spanId !== 'string') return undefined;
  const traceFlags = Number.parseInt(String(flags), 16) || 0;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags });
}
