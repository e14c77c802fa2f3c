import { type TraceFields, traceFields } from './trace-fields';

/**
 * For pino's option `mixin`: every line carries `trace_id`, `span_id` and `trace_flags` of the span that is active where it is
 * logged. Without an active span, or with telemetry off, lines stay as they are.
 *
 * @example
 * ```ts
 * const logger = pino({ mixin: traceMixin });
 *
 * // nestjs-pino
 * LoggerModule.forRoot({ pinoHttp: { mixin: traceMixin } });
 * ```
 */
export function traceMixin(): TraceFields | Record<string, never> {
  // Never the same object twice: pino writes the line's own fields into it.
  return traceFields() ?? {};
}
