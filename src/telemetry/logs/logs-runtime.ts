import { context } from '@opentelemetry/api';
import type { Logger, LoggerProvider, LogRecord } from '@opentelemetry/api-logs';
import { isTracingSuppressed } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type {
  LogRecordProcessor,
  ReadableLogRecord,
  LoggerProvider as SdkLoggerProvider,
} from '@opentelemetry/sdk-logs';
import type { LogExporterConfig, TelemetryConfig } from '../../config/telemetry-config';
import { VERSION } from '../../util/version';
import type { SinkStatus } from '../export/span-sink';
import type { Redactor } from '../privacy/redactor';
import { claimLogs } from './active-logs';
import { ImmediateLogProcessor } from './immediate-log-processor';
import type { LogPipe } from './log-pipe';

/** Log records on their way out of the process. */
export interface LogsRuntime {
  /** For `@opentelemetry/api-logs`. Undefined where nothing is exported. */
  readonly loggerProvider: LoggerProvider | undefined;
  /** What became of the records, by exporter; for those that send. */
  readonly statuses: readonly SinkStatus[];
  /** What the exporter `memory` has. */
  readonly records: readonly ReadableLogRecord[];
  /** Exports a record, with the trace context of the active span unless it has a context of its own. Never throws and never waits. */
  emit(record: LogRecord): void;
  /** Resolves when all that was emitted is sent, given up, or the time is over. Never rejects. */
  flush(timeoutMs: number): Promise<void>;
  /** Flushes, then frees everything. Never rejects; a second call waits for the same end. */
  shutdown(timeoutMs: number): Promise<void>;
}

/**
 * Starts the export of logs. Without exporters nothing is loaded, and `emit` does nothing. Records are redacted before they leave.
 *
 * @param onProblem told once when something begins to go wrong, and again only after it went well in between
 * @throws UserError where a target's endpoint, headers or certificates cannot be used
 */
export function startLogs(
  config: TelemetryConfig,
  resource: Resource,
  redactor: Redactor,
  onProblem: (message: string) => void,
): LogsRuntime {
  if (!config.enabled || config.logs.exporters.length === 0) return OFF;
  const runtime = new ExportingLogs(config, resource, redactor, onProblem);
  runtime.release = claimLogs(runtime);
  return runtime;
}

const OFF: LogsRuntime = {
  loggerProvider: undefined,
  statuses: [],
  records: [],
  emit: () => {},
  flush: async () => {},
  shutdown: async () => {},
};

class ExportingLogs implements LogsRuntime {
  readonly loggerProvider: SdkLoggerProvider;
  readonly records: ReadableLogRecord[] = [];
  release: () => void = () => {};
  private readonly pipes: LogPipe[] = [];
  private readonly logger: Logger;
  private ended: Promise<void> | undefined;

  constructor(
    private readonly config: TelemetryConfig,
    resource: Resource,
    private readonly redactor: Redactor,
    private readonly onProblem: (message: string) => void,
  ) {
    const { LoggerProvider } = require('@opentelemetry/sdk-logs') as typeof import('@opentelemetry/sdk-logs');
    const { attributeCountLimit, attributeValueLengthLimit } = config.tracing.limits;
    this.loggerProvider = new LoggerProvider({
      resource,
      logRecordLimits: { attributeCountLimit, attributeValueLengthLimit },
      processors: config.logs.exporters.map((exporter) => this.processor(exporter)),
    });
    this.logger = this.loggerProvider.getLogger('spanwright', VERSION);
  }

  get statuses(): readonly SinkStatus[] {
    return this.pipes.map(({ status }) => status);
  }

  emit(record: LogRecord): void {
    try {
      const of = record.context ?? context.active();
      // What is logged about an export must not become another one.
      if (!isTracingSuppressed(of)) this.logger.emit({ ...record, context: of });
    } catch {
      // A record that cannot be made must not stop the work that it is about.
    }
  }

  async flush(timeoutMs: number): Promise<void> {
    await Promise.all(this.pipes.map((pipe) => pipe.flush(timeoutMs)));
  }

  shutdown(timeoutMs: number): Promise<void> {
    this.ended ??= this.end(timeoutMs);
    return this.ended;
  }

  private async end(timeoutMs: number): Promise<void> {
    this.release();
    await Promise.all(this.pipes.map((pipe) => pipe.end(timeoutMs)));
    await this.loggerProvider.shutdown();
  }

  private processor(exporter: LogExporterConfig): LogRecordProcessor {
    switch (exporter.type) {
      case 'memory':
        return new ImmediateLogProcessor(this.redactor, (record) => this.records.push(record));
      case 'console': {
        const { writeToStderr } = require('./stderr-log') as typeof import('./stderr-log');
        return new ImmediateLogProcessor(this.redactor, writeToStderr);
      }
      case 'otlp': {
        const { createLogPipe } = require('./create-log-pipe') as typeof import('./create-log-pipe');
        const pipe = createLogPipe(exporter.target, this.redactor, this.config.export, this.onProblem);
        this.pipes.push(pipe);
        return pipe;
      }
    }
  }
}
