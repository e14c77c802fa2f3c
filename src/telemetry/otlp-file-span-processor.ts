import { closeSync, openSync, writeSync } from 'node:fs';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { describeSystemError, UserError } from '../util/user-error';

const SPANS_PER_LINE = 256;
const FLUSH_INTERVAL_MS = 1000;

/**
 * Writes ended spans to a file in the OTLP file format: each line is one export request in JSON. A line is written when enough
 * spans have gathered, and at least once a second, so that a run which is killed leaves nearly all.
 */
export class OtlpFileSpanProcessor implements SpanProcessor {
  private readonly fd: number;
  private gathered: ReadableSpan[] = [];
  private closed = false;
  private readonly timer: NodeJS.Timeout;

  /** @throws UserError when the file cannot be made */
  constructor(
    private readonly path: string,
    private readonly onError: (error: unknown) => void,
  ) {
    try {
      this.fd = openSync(path, 'w');
    } catch (error) {
      throw new UserError(`cannot write the spans file ${path}: ${describeSystemError(error)}`);
    }
    this.timer = setInterval(() => this.flush(), FLUSH_INTERVAL_MS).unref();
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.closed) return;
    this.gathered.push(span);
    if (this.gathered.length >= SPANS_PER_LINE) this.flush();
  }

  async forceFlush(): Promise<void> {
    this.flush();
  }

  async shutdown(): Promise<void> {
    if (this.closed) return;
    this.flush();
    this.closed = true;
    clearInterval(this.timer);
    closeSync(this.fd);
  }

  private flush(): void {
    if (this.gathered.length === 0 || this.closed) return;
    // Loaded with the first spans to write, when builds are running and we mostly wait; not while everyone waits for us to start.
    const { JsonTraceSerializer } =
      require('@opentelemetry/otlp-transformer') as typeof import('@opentelemetry/otlp-transformer');
    const bytes = JsonTraceSerializer.serializeRequest(this.gathered);
    this.gathered = [];
    if (!bytes) return;
    const line = Buffer.concat([bytes, Buffer.from('\n')]);
    try {
      for (let at = 0; at < line.length; ) at += writeSync(this.fd, line, at);
    } catch (error) {
      this.closed = true;
      clearInterval(this.timer);
      closeSync(this.fd);
      this.onError(new Error(`the spans file ${this.path} ends here: ${describeSystemError(error)}`));
    }
  }
}
