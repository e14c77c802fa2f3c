import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { describeSystemError, UserError } from '../../util/user-error';
import { encodeSpans } from './encode-spans';
import { OtlpJsonEncoder } from './otlp-json';
import { SpanAccount } from './span-account';
import type { SinkStatus, SpanSink } from './span-sink';

const SPANS_PER_LINE = 256;
const BYTES_PER_LINE = 1024 * 1024;

export interface FileSinkOptions {
  readonly path: string;
  /** Default: what the file has already stays, and spans are written behind it. */
  readonly overwrite?: boolean;
  /** Told once of each problem. */
  readonly onProblem: (message: string) => void;
}

/**
 * Writes spans to a file in the OTLP file format: each line is one export request in JSON. They are in the file as soon as
 * they are accepted, so that nothing is left to do at the end, and a process that is killed leaves them.
 */
export class FileSink implements SpanSink {
  private readonly account = new SpanAccount();
  private readonly encoder = new OtlpJsonEncoder();
  private readonly fd: number;
  private isClosed = false;
  private lastSuccessAt: number | undefined;
  private lastError: { readonly at: number; readonly message: string } | undefined;
  private isHealthy = true;
  private hasPartOfLine = false;

  /** @throws UserError when the file cannot be opened */
  constructor(private readonly options: FileSinkOptions) {
    try {
      this.fd = openSync(options.path, options.overwrite ? 'w' : 'a+');
      this.hasPartOfLine = endsWithinLine(this.fd);
    } catch (error) {
      throw new UserError(`cannot write the spans file ${options.path}: ${describeSystemError(error)}`);
    }
  }

  get status(): SinkStatus {
    const { lastSuccessAt, lastError, isHealthy: healthy } = this;
    return {
      exporter: 'file',
      ...this.account.counts,
      queuedBytes: 0,
      spooledBytes: 0,
      lastSuccessAt,
      lastError,
      healthy,
    };
  }

  accept(spans: readonly ReadableSpan[]): void {
    if (this.isClosed) return this.account.enter('shutdown', spans.length);
    const limits = { maxSpans: SPANS_PER_LINE, maxBytes: BYTES_PER_LINE };
    const { pieces, unreadable } = encodeSpans(this.encoder, spans, limits);
    this.account.enter('unreadable', unreadable);
    for (const { bytes, count } of pieces) this.account.enter(this.write(bytes) ? 'exported' : 'rejected', count);
  }

  async flush(): Promise<void> {}

  async shutdown(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    closeSync(this.fd);
  }

  private write(bytes: Buffer): boolean {
    const line = Buffer.concat([this.hasPartOfLine ? NEWLINE : NOTHING, bytes, NEWLINE]);
    let written = 0;
    try {
      while (written < line.length) written += writeSync(this.fd, line, written);
      this.hasPartOfLine = false;
      this.isHealthy = true;
      this.lastSuccessAt = Date.now();
      return true;
    } catch (error) {
      this.takeBack(written);
      const message = describeSystemError(error);
      if (this.isHealthy) {
        this.options.onProblem(`cannot write to the spans file ${this.options.path}: ${message}; spans are dropped`);
      }
      this.isHealthy = false;
      this.lastError = { at: Date.now(), message };
      return false;
    }
  }

  /** A disk that is full took the beginning of the line. */
  private takeBack(written: number): void {
    if (written === 0) return;
    try {
      ftruncateSync(this.fd, fstatSync(this.fd).size - written);
    } catch {
      this.hasPartOfLine = true;
    }
  }
}

const NEWLINE = Buffer.from('\n');
const NOTHING = Buffer.alloc(0);

/** A process that was killed may have left a part of a line; ours must not become its end. */
function endsWithinLine(fd: number): boolean {
  const facts = fstatSync(fd);
  if (!facts.isFile() || facts.size === 0) return false;
  const last = Buffer.alloc(1);
  readSync(fd, last, 0, 1, facts.size - 1);
  return !last.equals(NEWLINE);
}
