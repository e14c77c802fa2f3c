import type { TextMapGetter } from '@opentelemetry/api';

/** Characters of a header that holds ids. */
const MAX_ID_LENGTH = 256;
/** Characters of `tracestate`, of which 512 are handed on, and of all of Jaeger's baggage together. */
const MAX_LIST_LENGTH = 8192;
const BAGGAGE_PREFIX = 'uberctx-';
const MAX_BAGGAGE_HEADERS = 64;

/** `trace-span`, with what may follow. OpenTelemetry's propagator would also find it in the middle of something else. */
const B3 = /^(?:[0-9a-f]{16}|[0-9a-f]{32})-[0-9a-f]{16}(?:-[01d](?:-[0-9a-f]{16})?)?$/;

/**
 * Reads the headers of one carrier, as propagators should see them: texts, of bounded length. A header with ids that is there twice and
 * says different things is not there at all, as nobody can tell which is meant.
 */
export class HeaderReader implements TextMapGetter {
  private baggageLeft = MAX_LIST_LENGTH;

  constructor(
    private readonly carrier: unknown,
    private readonly from: TextMapGetter,
  ) {}

  /** @param _carrier whatever a propagator says; it is always the one carrier that is read */
  get(_carrier: unknown, key: string): string | undefined {
    const value: unknown = this.from.get(this.carrier, key);
    // Its propagator bounds it, entry by entry.
    if (key === 'baggage') return joined(value);
    if (key === 'tracestate') return bounded(joined(value), MAX_LIST_LENGTH);
    if (key.startsWith(BAGGAGE_PREFIX)) return this.baggage(single(value));
    const text = bounded(single(value), MAX_ID_LENGTH);
    return key === 'b3' && text !== undefined && !B3.test(text) ? undefined : text;
  }

  /** Jaeger's baggage is any number of headers, so their sum counts. */
  private baggage(value: string | undefined): string | undefined {
    const text = bounded(value, this.baggageLeft);
    this.baggageLeft -= text?.length ?? 0;
    return text;
  }

  /** Only Jaeger's propagator asks, and only for its baggage. */
  keys(): string[] {
    const names: string[] = [];
    for (const name of this.from.keys(this.carrier)) {
      if (names.length >= MAX_BAGGAGE_HEADERS) break;
      if (name.startsWith(BAGGAGE_PREFIX) && name.length <= MAX_ID_LENGTH) names.push(name);
    }
    return names;
  }
}

function bounded(text: string | undefined, maxLength: number): string | undefined {
  return text === undefined || text.length > maxLength ? undefined : text;
}

function single(value: unknown): string | undefined {
  if (!Array.isArray(value)) return typeof value === 'string' ? value : undefined;
  const [first] = value as unknown[];
  return typeof first === 'string' && value.every((each) => each === first) ? first : undefined;
}

/** A list may come in several headers. */
function joined(value: unknown): string | undefined {
  if (!Array.isArray(value)) return typeof value === 'string' ? value : undefined;
  return value.filter((piece) => typeof piece === 'string').join(',');
}
