import { type Context, type Span, type SpanOptions, type Tracer, type TracerProvider, trace } from '@opentelemetry/api';

type TracerIdentity = Parameters<TracerProvider['getTracer']>;

/**
 * Makes tracers that go by whichever provider is the current one. Libraries ask for a tracer once and keep it, and the API binds it for good to the provider that was registered
 * first: without this it would lead to an application that has ended.
 */
export class SwitchedTracerProvider implements TracerProvider {
  current: TracerProvider | undefined;

  getTracer(...identity: TracerIdentity): Tracer {
    return new SwitchedTracer(this, identity);
  }
}

class SwitchedTracer implements Tracer {
  private provider: TracerProvider | undefined;
  private tracer: Tracer | undefined;

  constructor(
    private readonly owner: SwitchedTracerProvider,
    private readonly identity: TracerIdentity,
  ) {}

  startSpan(name: string, options?: SpanOptions, context?: Context): Span {
    return this.now.startSpan(name, options, context);
  }

  startActiveSpan<F extends (span: Span) => unknown>(...args: unknown[]): ReturnType<F> {
    const { now } = this;
    return Reflect.apply(now.startActiveSpan, now, args) as ReturnType<F>;
  }

  private get now(): Tracer {
    const { current } = this.owner;
    // Nobody of ours is there: whoever else is registered by then, or nobody.
    if (current === undefined) return trace.getTracerProvider().getTracer(...this.identity);
    if (current !== this.provider || this.tracer === undefined) {
      this.provider = current;
      this.tracer = current.getTracer(...this.identity);
    }
    return this.tracer;
  }
}
