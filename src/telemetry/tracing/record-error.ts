import { type Attributes, diag, type Span, SpanStatusCode } from '@opentelemetry/api';

/** The errors that a span has already, so that one which passes through several hands is told once; the newest last. */
const recorded = new WeakMap<Span, unknown[]>();
/** An error passes on at once; a span that lives long may have any number of them. */
const MAX_REMEMBERED = 32;

/**
 * Records what was thrown as an exception event, and sets the status to error. A second time for the same span and error does
 * nothing. Anything can be thrown, also `undefined`; never throws itself.
 */
export function recordError(span: Span, error: unknown): void {
  try {
    if (!span.isRecording()) return;
    if (!alreadyRecorded(span, error)) span.addEvent('exception', exceptionAttributes(error));
    span.setAttribute('error.type', errorType(error));
    span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
  } catch (problem) {
    diag.error(`An error could not be recorded: ${messageOf(problem)}`);
  }
}

/** Whether the span has this exception; from now on it has. */
export function alreadyRecorded(span: Span, error: unknown): boolean {
  const known = recorded.get(span);
  if (known?.includes(error)) return true;
  if (!known) recorded.set(span, [error]);
  else if (known.push(error) > MAX_REMEMBERED) known.shift();
  return false;
}

/** An exception as an event has it. Never throws. */
export function exceptionAttributes(exception: unknown): Attributes {
  const stack = shownStack(exception);
  return {
    'exception.type': errorType(exception),
    'exception.message': messageOf(exception),
    ...(stack !== undefined && { 'exception.stacktrace': stack }),
  };
}

/** The class of an error, or the type of what is not one: few different values, as `error.type` is a label too. Never throws. */
export function errorType(error: unknown): string {
  if (error === null) return 'null';
  if (typeof error !== 'object') return typeof error;
  try {
    const { name } = error as { name?: unknown };
    const own = typeof name === 'string' ? name : '';
    if (own !== '' && own !== 'Error') return own;
    const { name: className } = error.constructor ?? {};
    return (typeof className === 'string' && className) || own || 'Object';
  } catch {
    return UNREADABLE;
  }
}

/** The message of an error, or the text of what is not one. Never throws. */
export function messageOf(error: unknown): string {
  try {
    if (typeof error !== 'object' || error === null) return String(error);
    const { message } = error as { message?: unknown };
    return typeof message === 'string' ? message : Object.prototype.toString.call(error);
  } catch {
    return UNREADABLE;
  }
}

/** Of what has properties that throw. */
const UNREADABLE = 'unreadable';

function shownStack(error: unknown): string | undefined {
  try {
    const stack = (error as { stack?: unknown } | null | undefined)?.stack;
    return typeof stack === 'string' ? stack : undefined;
  } catch {
    return undefined;
  }
}
