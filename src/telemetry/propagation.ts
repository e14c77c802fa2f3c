import {
  type Context,
  diag,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type SpanContext,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';
import type { PropagatorName } from '../config/telemetry-config';
import { unreachable } from '../util/unreachable';
import { HeaderReader } from './header-reader';
import { deferDecision } from './sampling/deferred-decision';

/**
 * Makes the propagator for some formats. It writes all of them. It reads them in the order of the list, and what a later one has to say
 * of the caller's span stands; a header that is missing or bad says nothing, so it takes nothing away either. Where two name
 * the same trace, the `tracestate` of the one is not lost for the other.
 *
 * `b3` and `b3multi` both read either form of B3, and write the one of their name. `jaeger` sends baggage as well
 * (`uberctx-…`), as far as `baggage` would let it out.
 *
 * It never throws, whatever is in the carrier: a call without its trace is better than no call.
 *
 * @param baggage what reads and writes `baggage`. Default: W3C's, which hides nothing
 */
export function createPropagator(
  names: readonly PropagatorName[],
  baggage: TextMapPropagator = new W3CBaggagePropagator(),
): TextMapPropagator {
  return new CompositePropagator({ propagators: [...new Set(names)].map((name) => propagatorOf(name, baggage)) });
}

function propagatorOf(name: PropagatorName, baggage: TextMapPropagator): TextMapPropagator {
  switch (name) {
    case 'tracecontext':
      return new GuardedPropagator(new W3CTraceContextPropagator(), ['traceparent']);
    case 'baggage':
      return new GuardedPropagator(baggage, ['baggage']);
    case 'b3':
    case 'b3multi': {
      const { B3InjectEncoding, B3Propagator } =
        require('@opentelemetry/propagator-b3') as typeof import('@opentelemetry/propagator-b3');
      const injectEncoding = name === 'b3' ? B3InjectEncoding.SINGLE_HEADER : B3InjectEncoding.MULTI_HEADER;
      return new GuardedPropagator(new B3Propagator({ injectEncoding }), ['b3', 'x-b3-traceid'], leavesDecisionToUs);
    }
    case 'jaeger': {
      const { JaegerPropagator } =
        require('@opentelemetry/propagator-jaeger') as typeof import('@opentelemetry/propagator-jaeger');
      return new GuardedPropagator(new BaggageFilter(new JaegerPropagator(), baggage), ['uber-trace-id']);
    }
    default:
      return unreachable(name);
  }
}

/** B3 without a word about sampling. */
function leavesDecisionToUs(headers: HeaderReader): boolean {
  const single = headers.get(undefined, 'b3');
  return single === undefined ? headers.get(undefined, 'x-b3-sampled') === undefined : single.split('-').length === 2;
}

/**
 * A propagator that can be let loose on what strangers send, and costs next to nothing where they send none of its headers.
 */
class GuardedPropagator implements TextMapPropagator {
  /**
   * @param signs without one of these headers there is nothing to read
   * @param isDeferred whether the caller, who has sampled nothing, has not decided either
   */
  constructor(
    private readonly inner: TextMapPropagator,
    private readonly signs: readonly string[],
    private readonly isDeferred: (headers: HeaderReader) => boolean = () => false,
  ) {}

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    try {
      this.inner.inject(context, carrier, setter);
    } catch (error) {
      diag.debug('Trace context could not be sent along', error);
    }
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    try {
      if (!this.signs.some((sign) => isThere(getter.get(carrier, sign)))) return context;
      const headers = new HeaderReader(carrier, getter);
      return this.checked(context, this.inner.extract(context, carrier, headers), headers);
    } catch (error) {
      diag.debug('Trace context of a caller could not be read', error);
      return context;
    }
  }

  fields(): string[] {
    return this.inner.fields();
  }

  /** What was read of the caller's span, made fit to be handed on; or, where it is nonsense, what was known before. */
  private checked(before: Context, after: Context, headers: HeaderReader): Context {
    const known = trace.getSpan(before);
    const found = trace.getSpan(after);
    if (!found || found === known) return after;
    const caller = found.spanContext();
    if (!isSpanContextValid(caller)) return known ? trace.setSpan(after, known) : trace.deleteSpan(after);
    const normal = normalised(caller, known?.spanContext());
    if ((normal.traceFlags & TraceFlags.SAMPLED) === 0 && this.isDeferred(headers)) deferDecision(normal);
    return normal === caller ? after : trace.setSpanContext(after, normal);
  }
}

function isThere(header: string | readonly string[] | undefined): boolean {
  return header !== undefined && header !== null && header.length > 0;
}

/** The flags that W3C knows; any others must not be handed on. OpenTelemetry would even write them as a header that is not one. */
const KNOWN_FLAGS = 0x03;

function normalised(caller: SpanContext, known: SpanContext | undefined): SpanContext {
  const traceId = caller.traceId.toLowerCase();
  const spanId = caller.spanId.toLowerCase();
  const traceFlags = caller.traceFlags & KNOWN_FLAGS;
  const traceState = caller.traceState ?? (known?.traceId === traceId ? known.traceState : undefined);
  const isNormal =
    traceId === caller.traceId &&
    spanId === caller.spanId &&
    traceFlags === caller.traceFlags &&
    traceState === caller.traceState;
  return isNormal ? caller : { ...caller, traceId, spanId, traceFlags, traceState };
}

/** For a propagator that has a way of its own to send baggage: only what may leave by `baggage` leaves by it. */
class BaggageFilter implements TextMapPropagator {
  private readonly w3c = new W3CBaggagePropagator();

  constructor(
    private readonly inner: TextMapPropagator,
    private readonly baggage: TextMapPropagator,
  ) {}

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const span = trace.getSpan(context);
    // Jaeger's propagator would send ids that are all zero.
    const isValid = span !== undefined && isSpanContextValid(span.spanContext());
    this.inner.inject(this.filtered(isValid ? context : trace.deleteSpan(context)), carrier, setter);
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    return this.inner.extract(context, carrier, getter);
  }

  fields(): string[] {
    return this.inner.fields();
  }

  private filtered(context: Context): Context {
    if (propagation.getBaggage(context) === undefined) return context;
    const sent: Record<string, string> = {};
    this.baggage.inject(context, sent, { set: (into, key, value) => (into[key] = value) });
    const asRead = this.w3c.extract(ROOT_CONTEXT, sent, { get: (from, key) => from[key], keys: Object.keys });
    const entries = propagation.getBaggage(asRead)?.getAllEntries() ?? [];
    const fit = entries.filter(([key]) => HEADER_NAME.test(key));
    if (fit.length === 0) return propagation.deleteBaggage(context);
    return propagation.setBaggage(context, propagation.createBaggage(Object.fromEntries(fit)));
  }
}

const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/;
