import type { ConsoleLoggerOptions } from '@nestjs/common';
import type { LogLevel } from '../../config/telemetry-config';
import type { Redactor } from '../privacy/redactor';
import type { LogsRuntime } from './logs-runtime';

/** Injection token of {@link TraceLoggerOptions}, for the logger that the injector makes. */
export const TRACE_LOGGER_OPTIONS = Symbol('TRACE_LOGGER_OPTIONS');

/** How {@link TraceLogger} writes, beside what Nest's own console logger can be told. */
export interface TraceLoggerOptions extends ConsoleLoggerOptions {
  /**
   * Least level that is written. Nest's own option `logLevels` wins over it. Default: that of the telemetry config (`logs.level`), or all
   * where there is none.
   */
  readonly level?: LogLevel;
  /**
   * Write every level to standard error, for programs whose standard output is read by another one, as that of an MCP server is.
   * Default: false, which is Nest's way: errors to standard error, everything else to standard output.
   */
  readonly stderr?: boolean;
  /**
   * Hide secrets in what is written, too; in what is exported they always are. Costs microseconds for each line. Default: false.
   * Nest 12 has a `redact` of its own, for fields by name.
   */
  readonly redactSecrets?: boolean;
  /** Hides them. Default: that of the running telemetry, or else the built-in rules. */
  readonly redactor?: Redactor;
  /** Where lines are exported to. Default: wherever the running telemetry exports logs to. */
  readonly logs?: LogsRuntime;
}

/** What the logger wants of the running telemetry. */
export interface LoggingTelemetry {
  readonly config: { readonly logs: { readonly level: LogLevel } };
  readonly redactor: Redactor;
}
