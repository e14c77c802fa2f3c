import { Agent as HttpAgent, type IncomingHttpHeaders, request as overHttp, STATUS_CODES } from 'node:http';
import { Agent as HttpsAgent, request as overHttps } from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import type { OtlpTarget } from '../../config/telemetry-config';
import { type CollectorAccess, collectorAccess } from './collector-access';
import { readFailure, readPartialSuccess, readRetryAfter } from './otlp-response';
import type { Sender, SendResult } from './span-sink';

/** The statuses that OTLP wants tried again; all others that are no success are final. */
const TRY_AGAIN: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** An answer is a few words. What is longer is a proxy's page, or has no end at all. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Our own requests must not be traced by an instrumentation of `http`: their spans would be sent, and make further ones. */
const UNTRACED = suppressTracing(ROOT_CONTEXT);

const compress = promisify(gzip);

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * A way to send export requests of any signal over HTTP, on connections that are kept. An endpoint's user name and password
 * become basic authentication, unless the headers have an `authorization` of their own. Redirects are not followed.
 *
 * @throws UserError where the endpoint is none, a header cannot be sent, or a file of the TLS settings is of no use
 */
export function createHttpSender(target: OtlpTarget): Sender {
  return new HttpSender(target, collectorAccess(target));
}

class HttpSender implements Sender {
  private readonly agent: HttpAgent;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly isSecure: boolean;
  private readonly unfinished = new Set<AbortController>();
  private closed = false;

  constructor(
    private readonly target: OtlpTarget,
    private readonly access: CollectorAccess,
  ) {
    this.isSecure = access.url.protocol === 'https:';
    // An idle connection of an agent does not keep the process alive.
    const options = { keepAlive: true, ...access.tls };
    this.agent = this.isSecure ? new HttpsAgent(options) : new HttpAgent(options);
    this.headers = {
      ...access.headers,
      'content-type': target.protocol === 'http/json' ? 'application/json' : 'application/x-protobuf',
      ...(target.compression === 'gzip' && { 'content-encoding': 'gzip' }),
    };
  }

  async send(body: Buffer, spans: number, signal: AbortSignal): Promise<SendResult> {
    // One end for all that can end an attempt: the caller, the time, and close().
    const end = new AbortController();
    const stop = () => end.abort('stopped before the collector answered');
    const { timeoutMs, compression } = this.target;
    const timer = setTimeout(() => end.abort(`no answer within ${timeoutMs} ms`), timeoutMs);
    signal.addEventListener('abort', stop);
    this.unfinished.add(end);
    if (signal.aborted || this.closed) stop();
    try {
      const payload = compression === 'gzip' && !end.signal.aborted ? await compress(body) : body;
      end.signal.throwIfAborted();
      return this.interpret(await this.exchange(payload, end.signal), spans);
    } catch (error) {
      return { kind: 'retry', message: this.access.shown(end.signal.reason ?? describe(error)) };
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      this.unfinished.delete(end);
    }
  }

  close(): void {
    this.closed = true;
    for (const end of this.unfinished) end.abort('the sender was closed');
    this.agent.destroy();
  }

  /** @returns the answer, or what there is of it: with the status line the collector has decided */
  private exchange(payload: Buffer, signal: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const send = this.isSecure ? overHttps : overHttp;
      const options = { method: 'POST', headers: this.headers, agent: this.agent, signal };
      const request = context.with(UNTRACED, () => send(this.access.url, options));
      let isAnswered = false;
      request.on('error', (error) => {
        // The answer ends with the connection, and tells so itself.
        if (isAnswered) return;
        // A collector may close a kept connection while we write to it. That says nothing of how it is: the next one tells.
        if (request.reusedSocket && !signal.aborted) resolve(this.exchange(payload, signal));
        else reject(error);
      });
      request.on('response', (response) => {
        isAnswered = true;
        const chunks: Buffer[] = [];
        let size = 0;
        const conclude = () => {
          // Who answers before all is sent does not want the rest.
          if (!request.writableFinished) request.destroy();
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
        };
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          size += chunk.length;
          if (size > MAX_ANSWER_BYTES) request.destroy();
        });
        response.on('error', conclude).on('end', conclude).on('close', conclude);
      });
      request.end(payload);
    });
  }

  private interpret({ status, headers, body }: Answer, spans: number): SendResult {
    const { shown } = this.access;
    const type = headers['content-type'];
    if (status >= 200 && status < 300) {
      const { rejected, message } = readPartialSuccess(body, type ?? this.headers['content-type']);
      return { kind: 'sent', rejected: Math.min(rejected, spans), ...(message && { message: shown(message) }) };
    }
    const words = [`${status} ${STATUS_CODES[status] ?? ''}`.trim(), readFailure(body, type).trim()].filter(Boolean);
    if (status >= 300 && status < 400) words.push('redirects are not followed');
    const message = shown(words.join(': '));
    if (!TRY_AGAIN.has(status)) return { kind: 'refused', message };
    return { kind: 'retry', message, retryAfterMs: readRetryAfter(headers['retry-after']) };
  }
}

/** Where a name has several addresses and none can be reached, the error has no words of its own. */
function describe(error: unknown): string {
  const { errors, message, code } = error as NodeJS.ErrnoException & { errors?: unknown[] };
  if (errors && errors.length > 0) return [...new Set(errors.map(describe))].join('; ');
  return message || code || String(error);
}
