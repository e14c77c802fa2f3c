import { type Context, type Span, trace } from '@opentelemetry/api';

/** The key under which the API keeps the active span: learnt from the API itself. */
const SPAN_KEY = ((): symbol => {
  let found: symbol | undefined;
  const probe: Context = {
    getValue: () => undefined,
    setValue: (key) => {
      found = key;
      return probe;
    },
    deleteValue: () => probe,
  };
  trace.setSpan(probe, trace.wrapSpanContext({ traceId: '', spanId: '', traceFlags: 0 }));
  if (!found) throw new Error('Internal error: the OpenTelemetry API sets no value for a span');
  return found;
})();

/**
 * A context with a span in it. The API's own copies a map and makes three functions for each; this is one small object over the context that held no span, however
 * deep spans are nested.
 */
export class SpanScope implements Context {
  private constructor(
    private readonly base: Context,
    readonly span: Span,
  ) {}

  static of(parent: Context, span: Span): Context {
    return new SpanScope(parent instanceof SpanScope ? parent.base : parent, span);
  }

  getValue(key: symbol): unknown {
    return key === SPAN_KEY ? this.span : this.base.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    if (key === SPAN_KEY) return new SpanScope(this.base, value as Span);
    return new SpanScope(this.base.setValue(key, value), this.span);
  }

  deleteValue(key: symbol): Context {
    if (key === SPAN_KEY) return this.base.deleteValue(key);
    return new SpanScope(this.base.deleteValue(key), this.span);
  }
}

export function spanIn(context: Context): Span | undefined {
  return context instanceof SpanScope ? context.span : trace.getSpan(context);
}
