import { isDeepStrictEqual } from 'node:util';
import { type Attributes, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';

/**
 * Says what a span should be like. Each method gives the assertion back, or throws an Error that says what was expected and what is there, so it works with any test runner.
 */
export class SpanAssertion {
  constructor(
    readonly span: ReadableSpan,
    private readonly all: readonly ReadableSpan[],
  ) {}

  /** Has these attributes; others do not matter. `undefined` stands for an attribute that is not there. */
  toHaveAttributes(expected: Attributes): this {
    for (const [key, value] of Object.entries(expected)) {
      const actual = this.span.attributes[key];
      if (!isDeepStrictEqual(actual, value)) this.fail(`attribute ${key} ${shown(value)}`, shown(actual));
    }
    return this;
  }

  /** Has an event of that name, with these attributes. */
  toHaveEvent(name: string, attributes: Attributes = {}): this {
    const events = this.span.events.filter((event) => event.name === name);
    const fits = events.some((event) =>
      Object.entries(attributes).every(([key, value]) => isDeepStrictEqual(event.attributes?.[key], value)),
    );
    if (!fits)
      this.fail(
        `an event ${name} ${shown(attributes)}`,
        this.span.events.map((event) => `${event.name} ${shown(event.attributes)}`).join(', ') || 'no events',
      );
    return this;
  }

  /** Ended well: its status is not an error. */
  toHaveSucceeded(): this {
    const { code, message } = this.span.status;
    if (code === SpanStatusCode.ERROR) this.fail('no error', `error ${shown(message)}`);
    return this;
  }

  /** Its status is an error, with this message or a part of it that fits. */
  toHaveFailed(message?: string | RegExp): this {
    const { status } = this.span;
    if (status.code !== SpanStatusCode.ERROR) this.fail('an error', `status ${SpanStatusCode[status.code]}`);
    const fits =
      message === undefined ||
      (typeof message === 'string' ? status.message === message : message.test(status.message ?? ''));
    if (!fits) this.fail(`the error ${String(message)}`, shown(status.message));
    return this;
  }

  toHaveKind(kind: keyof typeof SpanKind): this {
    if (this.span.kind !== SpanKind[kind]) this.fail(`kind ${kind}`, SpanKind[this.span.kind] ?? 'none');
    return this;
  }

  /** Its parent is the span of that name. */
  toBeChildOf(name: string): this {
    const id = this.span.parentSpanContext?.spanId;
    const parent = id === undefined ? undefined : this.all.find((span) => span.spanContext().spanId === id);
    if (parent?.name !== name)
      this.fail(`parent ${name}`, parent?.name ?? (id ? `a span ${id} that has not ended` : 'no parent'));
    return this;
  }

  toBeRoot(): this {
    if (this.span.parentSpanContext) this.fail('no parent', `parent ${this.span.parentSpanContext.spanId}`);
    return this;
  }

  private fail(expected: string, found: string): never {
    throw new Error(`span '${this.span.name}': expected ${expected}, found ${found}`);
  }
}

function shown(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value);
}
