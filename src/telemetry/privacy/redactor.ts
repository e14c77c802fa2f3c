import { type Attributes, type AttributeValue, type Baggage, type Link, SpanStatusCode } from '@opentelemetry/api';
import type { AnyValue, AnyValueMap } from '@opentelemetry/api-logs';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace-base';
import type { RedactionConfig } from '../../config/telemetry-config';
import { globs } from '../../util/globs';
import { boundedMemo } from './bounded-memo';
import { REDACTED } from './redacted';
import { RedactedSpan, type SpanContent } from './redacted-span';
import { isSecretName } from './secret-names';
import { hideSecrets, isCardNumber, SHAPE_RULES, type ShapeRule } from './secret-shapes';
import { Sign, signsOf } from './secret-signs';
import { SeenTexts } from './seen-texts';

/** `pwd=x` is the shortest secret that a text can hold. */
const MIN_LENGTH = 5;
/** What is longer is cut there: everything that is sent was looked at. */
const MAX_LENGTH = 65_536;
const MAX_WORD = 512;
const MAX_KEYS = 4096;
/** Of a log record's body and attributes. */
const MAX_DEPTH = 32;
const MAX_NODES = 10_000;

/**
 * Takes secrets out of what telemetry sends. Nothing that is handed over is altered: where something is to be hidden, a copy comes
 * back, else the same object. Nothing here ever throws; what cannot be looked at becomes `[REDACTED]`.
 */
export interface Redactor {
  /** The value of one attribute, by its key and by its shape. */
  value(key: string, value: AttributeValue): AttributeValue;
  attributes(attributes: Attributes): Attributes;
  /** Any text, by its shape: a message, a stack, a URL. Cut at 65,536 characters. */
  text(text: string): string;
  /** Name, attributes, events, links and status. The rest of what comes back reads from the span itself. */
  span(span: ReadableSpan): ReadableSpan;
  /** A value as log records have it, at any depth: the filters see the path to a value in it. */
  anyValue(value: AnyValue): AnyValue;
  /** Body and attributes, at any depth. */
  logRecord(record: ReadableLogRecord): ReadableLogRecord;
  /** Without the entries that have a secret in them. */
  baggage(baggage: Baggage): Baggage;
}

/**
 * A redactor that hides what has a secret's name (`authorization`, `password`, `x-api-key`, `client_secret` …) and what looks like a
 * secret whatever its name (bearer tokens, JWTs, cloud and vendor keys, private keys, passwords and signatures in URLs and connection
 * strings, card numbers). Attributes in `allow` are left as they are, those in `deny` are always hidden; `deny` wins.
 *
 * @param rules what secrets look like
 * @example
 * ```ts
 * const redactor = createRedactor({ enabled: true, deny: ['customer.*'], allow: ['order.token'] });
 * redactor.value('http.request.header.authorization', 'Bearer abc'); // '[REDACTED]'
 * redactor.text('GET https://example.com/?page=2&sig=abc'); // 'GET https://example.com/?page=2&sig=[REDACTED]'
 * ```
 */
export function createRedactor(config: RedactionConfig, rules: readonly ShapeRule[] = SHAPE_RULES): Redactor {
  return config.enabled ? new RuleRedactor(config, rules) : OFF;
}

const OFF: Redactor = {
  value: (_key, value) => value,
  attributes: (attributes) => attributes,
  text: (text) => text,
  span: (span) => span,
  anyValue: (value) => value,
  logRecord: (record) => record,
  baggage: (baggage) => baggage,
};

type KeyKind =
  | 'plain'
  | 'secret'
  | 'allowed'
  /** The query of a URL, without its question mark. */
  | 'query';

class RuleRedactor implements Redactor {
  private readonly kindOf: (key: string) => KeyKind;
  private readonly clean = new SeenTexts();

  constructor(
    { deny, allow }: RedactionConfig,
    private readonly rules: readonly ShapeRule[],
  ) {
    const isDenied = inAnyCase(deny);
    const isAllowed = inAnyCase(allow);
    this.kindOf = boundedMemo((key): KeyKind => {
      if (isDenied(key)) return 'secret';
      if (isAllowed(key)) return 'allowed';
      if (isSecretName(key)) return 'secret';
      return /query$/i.test(key) ? 'query' : 'plain';
    }, MAX_KEYS);
  }

  value(key: string, value: AttributeValue): AttributeValue {
    try {
      const kind = this.kindOf(key);
      if (kind === 'plain') return this.shown(value);
      if (kind === 'allowed') return value;
      if (kind === 'secret') return hidden(value);
      return typeof value === 'string' ? this.query(value) : this.shown(value);
    } catch {
      return REDACTED;
    }
  }

  attributes(attributes: Attributes): Attributes {
    let copy: Attributes | undefined;
    try {
      for (const key in attributes) {
        const value = attributes[key] as AttributeValue;
        const shown = this.value(key, value);
        if (!Object.is(shown, value)) {
          copy ??= { ...attributes };
          copy[key] = shown;
        }
      }
      return copy ?? attributes;
    } catch {
      return Object.fromEntries(Object.keys(attributes).map((key) => [key, REDACTED]));
    }
  }

  text(text: string): string {
    try {
      return this.shownText(text);
    } catch {
      return REDACTED;
    }
  }

  span(span: ReadableSpan): ReadableSpan {
    try {
      const name = this.text(span.name);
      const attributes = this.attributes(span.attributes);
      const events = mapped(span.events, this.event);
      const links = mapped(span.links, this.link);
      const { status } = span;
      const message = status.message === undefined ? undefined : this.text(status.message);
      if (
        name === span.name &&
        attributes === span.attributes &&
        events === span.events &&
        links === span.links &&
        message === status.message
      ) {
        return span;
      }
      const content = {
        name,
        attributes,
        events,
        links,
        status: message === status.message ? status : { ...status, message },
      };
      return new RedactedSpan(span, content);
    } catch {
      return new RedactedSpan(span, UNREADABLE);
    }
  }

  anyValue(value: AnyValue): AnyValue {
    try {
      return this.nested('', value, 0, { left: MAX_NODES });
    } catch {
      return REDACTED;
    }
  }

  logRecord(record: ReadableLogRecord): ReadableLogRecord {
    try {
      const body = this.anyValue(record.body);
      const attributes = this.map('', record.attributes, 0, { left: MAX_NODES });
      if (Object.is(body, record.body) && attributes === record.attributes) return record;
      return withContent(record, body, attributes);
    } catch {
      return withContent(record, REDACTED, {});
    }
  }

  baggage(baggage: Baggage): Baggage {
    try {
      const secret = baggage.getAllEntries().filter(([key, { value, metadata }]) => {
        const properties = this.kindOf(key) === 'allowed' ? '' : (metadata?.toString() ?? '');
        return this.value(key, value) !== value || this.text(properties) !== properties;
      });
      return secret.length === 0 ? baggage : baggage.removeEntries(...secret.map(([key]) => key));
    } catch {
      return baggage.clear();
    }
  }

  private readonly event = (event: TimedEvent): TimedEvent => {
    const name = this.text(event.name);
    const attributes = event.attributes && this.attributes(event.attributes);
    return name === event.name && attributes === event.attributes ? event : { ...event, name, attributes };
  };

  private readonly link = (link: Link): Link => {
    const attributes = link.attributes && this.attributes(link.attributes);
    return attributes === link.attributes ? link : { ...link, attributes };
  };

  private shown(value: AttributeValue): AttributeValue {
    if (typeof value === 'string') return this.shownText(value);
    if (typeof value === 'number') return isCardAsNumber(value) ? REDACTED : value;
    return Array.isArray(value) ? this.shownArray(value) : value;
  }

  private shownArray(values: readonly unknown[]): AttributeValue {
    let hidesNext = false;
    return mapped(values, (value) => {
      const shown = hidesNext ? hidden(value) : this.shown(value as AttributeValue);
      // Of command line arguments, the flag and its value are two.
      hidesNext = typeof value === 'string' && /^--?[a-z][\w-]{0,63}$/i.test(value) && isSecretName(value);
      return shown;
    }) as AttributeValue;
  }

  private shownText(text: string): string {
    if (text.length < MIN_LENGTH || this.clean.has(text)) return text;
    if (text.length > MAX_LENGTH) return `${this.shownText(cut(text))}…[TRUNCATED]`;
    const signs = signsOf(text);
    const shown = signs === Sign.none ? text : hideSecrets(text, signs, this.rules);
    if (shown === text) this.clean.add(text);
    return shown;
  }

  /** A parameter is known by the character before it. */
  private query(text: string): string {
    return text.startsWith('?') ? this.shownText(text) : this.shownText(`?${text}`).slice(1);
  }

  private nested(path: string, value: AnyValue, depth: number, nodes: { left: number }): AnyValue {
    const kind = path === '' ? 'plain' : this.kindOf(path);
    if (kind === 'allowed' || value === null || value === undefined) return value;
    if (kind === 'secret') return hidden(value) as AnyValue;
    if (typeof value !== 'object')
      return kind === 'query' && typeof value === 'string' ? this.query(value) : this.shown(value);
    if (depth >= MAX_DEPTH || nodes.left-- <= 0) return REDACTED;
    if (value instanceof Uint8Array) {
      const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1');
      return this.shownText(text) === text ? value : REDACTED;
    }
    if (!Array.isArray(value)) return this.map(path, value, depth + 1, nodes);
    return mapped(value, (item) => this.nested(path, item, depth + 1, nodes));
  }

  private map(path: string, map: AnyValueMap, depth: number, nodes: { left: number }): AnyValueMap {
    let copy: AnyValueMap | undefined;
    for (const [key, value] of Object.entries(map)) {
      const shown = this.nested(path === '' ? key : `${path}.${key}`, value, depth, nodes);
      if (!Object.is(shown, value)) {
        copy ??= { ...map };
        copy[key] = shown;
      }
    }
    return copy ?? map;
  }
}

function inAnyCase(patterns: readonly string[]): (key: string) => boolean {
  const matches = globs(patterns.map((pattern) => pattern.toLowerCase()));
  return (key) => matches(key.toLowerCase());
}

const UNREADABLE: SpanContent = {
  name: REDACTED,
  attributes: {},
  events: [],
  links: [],
  status: { code: SpanStatusCode.UNSET },
};

/** A yes or no tells no secret. An array stays one, so that the attribute keeps its type. */
function hidden(value: unknown): AttributeValue {
  if (value === null || value === undefined || typeof value === 'boolean') return value as unknown as AttributeValue;
  return Array.isArray(value) ? value.map((item) => hidden(item) as string) : REDACTED;
}

/** The same array where nothing in it changes. */
function mapped<T>(items: T[], change: (item: T) => T): T[];
function mapped<T>(items: readonly T[], change: (item: T) => T): readonly T[];
function mapped<T>(items: readonly T[], change: (item: T) => T): readonly T[] {
  let copy: T[] | undefined;
  for (let i = 0; i < items.length; i++) {
    const item = items[i] as T;
    const changed = change(item);
    if (!Object.is(changed, item)) {
      copy ??= [...items];
      copy[i] = changed;
    }
  }
  return copy ?? items;
}

function isCardAsNumber(value: number): boolean {
  return value >= 1e12 && Number.isSafeInteger(value) && isCardNumber(String(value));
}

/** Not in the middle of a word, of which no rule might know the first half. */
function cut(text: string): string {
  const end = MAX_LENGTH - MAX_WORD;
  return text.slice(0, end) + text.slice(end, MAX_LENGTH).replace(/[\w.~+/=-]+$/, '');
}

function withContent(record: ReadableLogRecord, body: AnyValue, attributes: AnyValueMap): ReadableLogRecord {
  const { hrTime, hrTimeObserved, spanContext, severityText, severityNumber, eventName } = record;
  const { resource, instrumentationScope, droppedAttributesCount } = record;
  return {
    hrTime,
    hrTimeObserved,
    spanContext,
    severityText,
    severityNumber,
    eventName,
    resource,
    instrumentationScope,
    droppedAttributesCount,
    body,
    attributes,
  };
}
