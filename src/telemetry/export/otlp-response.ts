import { bytesOf, integerOf, readFields } from './protobuf-reader';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';

/** What a collector that took a request says about the part it did not keep. */
export interface PartialSuccess {
  /** Spans, data points or log records. */
  readonly rejected: number;
  readonly message?: string;
}

/**
 * Reads the answer to an export request of any signal; they differ only in the name of what was rejected. Whatever cannot
 * be read says that nothing was.
 */
export function readPartialSuccess(body: Buffer, contentType = PROTOBUF): PartialSuccess {
  if (contentType.startsWith(PROTOBUF)) {
    const partial = bytesOf(body, 1);
    return partial ? partialSuccess(integerOf(partial, 1), bytesOf(partial, 2)?.toString()) : { rejected: 0 };
  }
  const { partialSuccess: partial } = contentType.startsWith(JSON_TYPE) ? parseObject(body) : {};
  if (!isObject(partial)) return { rejected: 0 };
  const key = Object.keys(partial).find((name) => name.startsWith('rejected'));
  return partialSuccess(Number(key && partial[key]), partial.errorMessage);
}

/** The words in the body of a failure: of a `google.rpc.Status` in protobuf or JSON, or else the text itself. */
export function readFailure(body: Buffer, contentType = 'text/plain'): string {
  if (contentType.startsWith(PROTOBUF)) return bytesOf(body, 2)?.toString() ?? '';
  if (!contentType.startsWith(JSON_TYPE)) return body.toString();
  const { message } = parseObject(body);
  return typeof message === 'string' ? message : body.toString();
}

/** Milliseconds that a `google.rpc.Status` with a `RetryInfo` among its details asks to wait. */
export function readRetryDelay(status: Buffer): number | undefined {
  for (const { number, value } of readFields(status)) {
    if (number !== 3 || typeof value === 'bigint') continue;
    if (!bytesOf(value, 1)?.toString().endsWith('/google.rpc.RetryInfo')) continue;
    const delay = bytesOf(bytesOf(value, 2) ?? NOTHING, 1) ?? NOTHING;
    return atMostADay(integerOf(delay, 1) * 1000 + integerOf(delay, 2) / 1e6);
  }
  return undefined;
}

/** Milliseconds that a `Retry-After` header asks to wait: seconds, or a date. */
export function readRetryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header.trim())) return atMostADay(Number(header) * 1000);
  // Of the forms that Date can read, HTTP's begin with the day's name; what it makes of others is guesswork.
  const until = /^[A-Za-z]{3,9},? /.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(until) ? undefined : atMostADay(until - Date.now());
}

/** Timers count to 24 days; who asks for more than one has made a mistake. */
function atMostADay(ms: number): number {
  return Math.min(Math.max(0, ms), 86_400_000);
}

const NOTHING = Buffer.alloc(0);

function partialSuccess(rejected: number, message: unknown): PartialSuccess {
  return {
    rejected: rejected > 0 ? rejected : 0,
    ...(typeof message === 'string' && message !== '' && { message }),
  };
}

function parseObject(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString());
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
