import { Console } from 'node:console';
import { type HrTime, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { hrTimeToMilliseconds } from '@opentelemetry/core';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { formatDuration } from '../../util/duration';
import { printable } from '../../util/words';
import { SpanAccount } from './span-account';
import type { SinkStatus, SpanSink } from './span-sink';

/**
 * Prints spans to standard error, each on a line, and its events on lines below it. OpenTelemetry's own prints to standard
 * output, which is the application's.
 */
export class ConsoleSink implements SpanSink {
  private readonly account = new SpanAccount();
  // A Console, because it survives a standard error that nobody reads any more.
  private readonly console = new Console(process.stderr, process.stderr);
  private isClosed = false;
  private lastSuccessAt: number | undefined;

  get status(): SinkStatus {
    const { lastSuccessAt } = this;
    return {
      exporter: 'console',
      ...this.account.counts,
      queuedBytes: 0,
      spooledBytes: 0,
      lastSuccessAt,
      healthy: true,
    };
  }

  accept(spans: readonly ReadableSpan[]): void {
    if (this.isClosed) return this.account.enter('shutdown', spans.length);
    const texts: string[] = [];
    let unreadable = 0;
    for (const span of spans) {
      try {
        texts.push(describeSpan(span));
      } catch {
        unreadable++;
      }
    }
    if (texts.length > 0) this.console.error('%s', texts.join('\n'));
    this.account.enter('exported', texts.length);
    this.account.enter('unreadable', unreadable);
    this.lastSuccessAt = Date.now();
  }

  async flush(): Promise<void> {}

  async shutdown(): Promise<void> {
    this.isClosed = true;
  }
}

/**
 * A span for people, who can also search it: what has a name is written as `name=value`.
 *
 *     span GET /orders 12.30ms error "no such order" trace=… span=… parent=… kind=server http.route="/orders"
 *       + exception 11.02ms exception.message="no such order"
 */
export function describeSpan(span: ReadableSpan): string {
  const { traceId, spanId } = span.spanContext();
  const parent = span.parentSpanContext?.spanId;
  const words = [
    'span',
    printable(span.name),
    milliseconds(span.duration),
    ...statusWords(span.status),
    `trace=${traceId}`,
    `span=${spanId}`,
    ...(parent ? [`parent=${parent}`] : []),
    ...(span.kind === SpanKind.INTERNAL ? [] : [`kind=${SpanKind[span.kind]?.toLowerCase()}`]),
    ...pairs(span.attributes),
  ];
  const lines = [words.join(' ')];
  for (const { name, time, attributes } of span.events) {
    const after: HrTime = [time[0] - span.startTime[0], time[1] - span.startTime[1]];
    lines.push(['  +', printable(name), milliseconds(after), ...pairs(attributes)].join(' '));
  }
  return lines.join('\n');
}

function statusWords({ code, message }: ReadableSpan['status']): string[] {
  if (code === SpanStatusCode.UNSET) return [];
  return [code === SpanStatusCode.OK ? 'ok' : 'error', ...(message ? [quoted(message)] : [])];
}

function pairs(attributes: Readonly<Record<string, unknown>> = {}): string[] {
  return Object.keys(attributes).map((key) => `${printable(key)}=${quoted(attributes[key])}`);
}

/** In one line, whatever is in it: JSON escapes what would be a line of its own or a command to the terminal. */
function quoted(value: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch {
    // A big integer, or a circle.
  }
  return printable(json ?? String(value));
}

function milliseconds(time: HrTime): string {
  const ms = hrTimeToMilliseconds(time);
  return ms < 100 ? `${ms.toFixed(2)}ms` : formatDuration(ms);
}
