import { hrTimeToTimeStamp } from '@opentelemetry/core';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';

/** A line of JSON on standard error; standard output belongs to the application. */
export function writeToStderr({ hrTime, severityText, body, attributes, spanContext }: ReadableLogRecord): void {
  const line = {
    time: hrTimeToTimeStamp(hrTime),
    severity: severityText,
    body,
    attributes,
    trace_id: spanContext?.traceId,
    span_id: spanContext?.spanId,
  };
  process.stderr.write(`${JSON.stringify(line)}\n`);
}
