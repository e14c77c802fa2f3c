import {
  type Baggage,
  type Context,
  propagation,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
} from '@opentelemetry/api';
import { W3CBaggagePropagator } from '@opentelemetry/core';
import type { Redactor } from './redactor';

/** What every hop must hand on, by the W3C's specification; beside 8192 bytes, which the SDK sees to. */
const MAX_ENTRIES = 64;

/**
 * W3C baggage, but secrets stay here: entries with a secret's name or shape are not sent to others. Whatever comes in is kept as it
 * is, up to 8192 bytes and 64 entries.
 */
export class RedactingBaggagePropagator implements TextMapPropagator {
  private readonly w3c = new W3CBaggagePropagator();

  constructor(private readonly redactor: Redactor) {}

  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const baggage = propagation.getBaggage(context);
    if (baggage === undefined) return;
    try {
      const sent = bounded(sendable(this.redactor.baggage(baggage)));
      this.w3c.inject(sent === baggage ? context : propagation.setBaggage(context, sent), carrier, setter);
    } catch {
      // A request without its baggage is better than none.
    }
  }

  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    try {
      const extracted = this.w3c.extract(context, carrier, getter);
      const baggage = extracted === context ? undefined : propagation.getBaggage(extracted);
      const kept = baggage && bounded(baggage);
      return kept && kept !== baggage ? propagation.setBaggage(extracted, kept) : extracted;
    } catch {
      return context;
    }
  }

  fields(): string[] {
    return this.w3c.fields();
  }
}

function bounded(baggage: Baggage): Baggage {
  const entries = baggage.getAllEntries();
  return entries.length <= MAX_ENTRIES
    ? baggage
    : baggage.removeEntries(...entries.slice(MAX_ENTRIES).map(([key]) => key));
}

/**
 * Without the entries that would break the request they travel with: half a surrogate pair cannot be encoded, and properties,
 * which are not encoded at all, could be refused as a header or be read as further entries.
 */
function sendable(baggage: Baggage): Baggage {
  const broken = baggage.getAllEntries().filter(([key, { value, metadata }]) => {
    return LONE_SURROGATE.test(key) || LONE_SURROGATE.test(value) || !PROPERTIES.test(metadata?.toString() ?? '');
  });
  return broken.length === 0 ? baggage : baggage.removeEntries(...broken.map(([key]) => key));
}

const LONE_SURROGATE = /\p{Surrogate}/u;
const PROPERTIES = /^[\t -+\--~]*$/;
