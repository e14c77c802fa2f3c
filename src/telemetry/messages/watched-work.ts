import { type Context, createContextKey, type Span } from '@opentelemetry/api';
import type { ActiveTracing } from '../tracing/active-tracing';
import { followResult, type PendingCall } from '../tracing/follow-result';
import { recordError } from '../tracing/record-error';
import { SpanScope } from '../tracing/span-scope';
import type { SpanPlan } from './message-spans';

/** Work that has a span from when it is started to when its result is there. */
export interface Work {
  readonly plan: SpanPlan;
  /** Default: the context that is active when the work starts. */
  readonly parent?: Context;
  /** The span is there, and the work not yet begun. */
  readonly onStart?: (context: Context) => void;
  /** Default: records the error. */
  readonly onFail?: (span: Span, error: unknown) => void;
  readonly onSucceed?: (span: Span) => void;
}

/**
 * A call of which nothing happens before somebody subscribes; each subscription has a span of its own.
 */
export class SubscribedCall implements PendingCall {
  private started: { readonly span: Span; readonly context: Context } | undefined;
  private ended = false;

  constructor(
    readonly active: ActiveTracing,
    private readonly work: Work,
  ) {}

  /** Asked for when somebody subscribes. */
  get context(): Context {
    return this.start().context;
  }

  succeed(): void {
    if (this.started && !this.ended) this.work.onSucceed?.(this.started.span);
    this.cancel();
  }

  fail(error: unknown): void {
    if (this.started && !this.ended) (this.work.onFail ?? recordError)(this.started.span, error);
    this.cancel();
  }

  cancel(): void {
    if (!this.started || this.ended) return;
    this.ended = true;
    this.started.span.end();
  }

  abandon(): void {
    // Nobody subscribed: nothing has happened.
  }

  again(): PendingCall {
    return new SubscribedCall(this.active, this.work);
  }

  private start() {
    if (this.started) return this.started;
    const { plan, parent = this.active.active(), onStart } = this.work;
    const span = this.active.tracer.startSpan(plan.name, plan.options, parent);
    this.started = { span, context: SpanScope.of(parent, span) };
    onStart?.(this.started.context);
    return this.started;
  }
}

const HANDLED = createContextKey('spanwright: the message that is being handled');

/**
 * A message that is being handled: from when the server has it, through guards, pipes and interceptors, to when the answer is complete.
 *
 *     server: started ───────────────────────────────► result is there ──► ended
 *     handler:        └─► joined ──► it threw: noted ──┘
 *
 * Exception filters make an answer of what is thrown, so the server does not see it.
 */
export class HandledMessage implements PendingCall {
  readonly span: Span;
  readonly context: Context;
  private isJoined = false;
  private hasFailed = false;
  private ended = false;

  /**
   * @param subject what is the same for all handlers of one message
   * @param isShared whether other handlers get the message too, by way of this one
   */
  constructor(
    readonly active: ActiveTracing,
    readonly work: Work & { readonly parent: Context },
    readonly subject: unknown,
    private readonly isShared = false,
  ) {
    const { plan, parent } = work;
    this.span = active.tracer.startSpan(plan.name, plan.options, parent);
    this.context = SpanScope.of(parent, this.span).setValue(HANDLED, this);
  }

  static in(context: Context): HandledMessage | undefined {
    return context.getValue(HANDLED) as HandledMessage | undefined;
  }

  /** @returns whether it is the first to ask: handlers may call others */
  join(): boolean {
    if (this.isJoined) return false;
    this.isJoined = true;
    return true;
  }

  /** What the handler threw, before filters have made something else of it. */
  note(error: unknown): void {
    if (this.ended) return;
    this.hasFailed = true;
    (this.work.onFail ?? recordError)(this.span, error);
    this.handled();
  }

  /** The handler is done. What comes after is another handler's. */
  handled(): void {
    if (this.isShared) this.end();
  }

  succeed(): void {
    if (this.ended) return;
    if (!this.hasFailed) this.work.onSucceed?.(this.span);
    this.end();
  }

  fail(error: unknown): void {
    if (this.ended) return;
    if (!this.hasFailed) (this.work.onFail ?? recordError)(this.span, error);
    this.end();
  }

  cancel(): void {
    this.end();
  }

  abandon(at: number): void {
    this.end(at);
  }

  again(): PendingCall {
    return new HandledMessage(this.active, this.work, this.subject);
  }

  private end(at?: number): void {
    if (this.ended) return;
    this.ended = true;
    this.span.end(at);
  }
}

/** Follows what a handler of Nest's gives back: a promise of a value, or of an Observable. */
export function followHandler(result: unknown, call: PendingCall): unknown {
  if (!(result instanceof Promise)) return followResult(result, call);
  return result.then(
    (value) => followResult(value, call),
    (error) => {
      call.fail(error);
      throw error;
    },
  );
}
