import type { LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord } from '@opentelemetry/sdk-logs';
import type { Redactor } from '../privacy/redactor';

/** Hands each record over at once, redacted; for what takes no time. */
export class ImmediateLogProcessor implements LogRecordProcessor {
  constructor(
    private readonly redactor: Redactor,
    private readonly write: (record: ReadableLogRecord) => void,
  ) {}

  onEmit(record: ReadWriteLogRecord): void {
    this.write(this.redactor.logRecord(record));
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}
