import {
  type Attributes,
  type AttributeValue,
  baggageEntryMetadataFromString,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { spanToThrift } from '@opentelemetry/exporter-jaeger/build/src/transform';
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { createRedactor, type Redactor } from '../../../src/telemetry/privacy/redactor';
import { OtlpCollector, type ReceivedSpan } from '../../support/otlp-collector';

const REDACTED = '[REDACTED]';
const byDefault = { enabled: true, allow: [], deny: [] };
const redactor = createRedactor(byDefault);

describe('a value', () => {
  test.each<[string, AttributeValue, AttributeValue]>([
    ['password', 'hunter2', REDACTED],
    ['password', 1234, REDACTED],
    ['password', true, true],
    ['http.request.header.authorization', ['Bearer x', 'y'], [REDACTED, REDACTED]],
    ['has.token', false, false],
    ['url.query', 'token=a&page=2', 'token=[REDACTED]&page=2'],
    ['url.query', '?sig=a', '?sig=[REDACTED]'],
    ['url.query', 'page=2', 'page=2'],
    ['http.query', 'code=a', 'code=[REDACTED]'],
    ['note', 'sig=a', 'sig=a'],
    ['card', 4111111111111111, REDACTED],
    ['at', 1700000000123, 1700000000123],
    ['ratio', Number.NaN, Number.NaN],
    ['numbers', [1, 4111111111111111], [1, REDACTED] as string[]],
    ['urls', ['http://u:p@a', 'http://b'], ['http://[REDACTED]@a', 'http://b']],
    [
      'process.command_args',
      ['deploy', '--token', 'abc', '--dry-run', '--secret=x', '-password', 'y'],
      ['deploy', '--token', REDACTED, '--dry-run', '--secret=[REDACTED]', '-password', REDACTED],
    ],
    ['token_count', 12, 12],
    ['sampling.prompt_tokens', 512, 512],
    ['user', 'a', 'a'],
  ])('of %s: %j becomes %j', (key, value, expected) => {
    expect(redactor.value(key, value)).toEqual(expected);
    // Caches must not change the answer.
    expect(redactor.value(key, value)).toEqual(expected);
  });

  test('that holds nothing secret comes back as the same object', () => {
    const values = ['a', 'b', 'https://example.com/?page=2'];
    const attributes = { values, ratio: Number.NaN, 'http.route': '/a' };
    expect(redactor.value('values', values)).toBe(values);
    expect(redactor.attributes(attributes)).toBe(attributes);
  });

  test('is hidden in a copy', () => {
    const attributes = { password: 'hunter2', list: ['Bearer abcdef'], user: 'a' };
    expect(redactor.attributes(attributes)).toEqual({ password: REDACTED, list: ['Bearer [REDACTED]'], user: 'a' });
    expect(attributes).toEqual({ password: 'hunter2', list: ['Bearer abcdef'], user: 'a' });
  });
});

describe('the filters', () => {
  test.each([
    ['customer.*', 'customer.name'],
    ['customer.*', 'CUSTOMER.Address.City'],
    ['*.email', 'user.email'],
    ['*mail*', 'x.email.y'],
    ['a*b*c', 'a1b2c'],
    ['exact', 'exact'],
    ['*', 'anything'],
  ])('deny %s hides %s', (pattern, key) => {
    expect(createRedactor({ ...byDefault, deny: [pattern] }).value(key, 'x')).toBe(REDACTED);
  });

  test.each([
    ['customer.*', 'customer'],
    ['*.email', 'email.user'],
    ['a*b*c', 'acb'],
    ['ab*ba', 'aba'],
    ['exact', 'exactly'],
    ['a.c', 'abc'],
  ])('deny %s lets %s through', (pattern, key) => {
    expect(createRedactor({ ...byDefault, deny: [pattern] }).value(key, 'x')).toBe('x');
  });

  test('what is allowed is left as it is, unless it is denied too', () => {
    const { value } = bound(createRedactor({ enabled: true, allow: ['order.*'], deny: ['order.password'] }));
    expect(value('order.token', 'a')).toBe('a');
    expect(value('order.number', '4111111111111111')).toBe('4111111111111111');
    expect(value('order.password', 'a')).toBe(REDACTED);
    expect(value('token', 'a')).toBe(REDACTED);
  });

  test('a pattern with many stars is not tried in every way', () => {
    const deny = [`${'a*'.repeat(50)}b`];
    expect(createRedactor({ ...byDefault, deny }).value('a'.repeat(1 << 20), 'x')).toBe('x');
  });

  test('switched off, everything is left as it is', () => {
    const off = createRedactor({ enabled: false, allow: [], deny: ['*'] });
    const attributes = { password: 'hunter2' };
    expect(off.attributes(attributes)).toBe(attributes);
    expect(off.text('Bearer abcdef')).toBe('Bearer abcdef');
  });
});

describe('a long text', () => {
  test('is cut, and what is left was looked at', () => {
    const long = redactor.text(`password=hunter2 ${'x'.repeat(600)} `.repeat(1700));
    expect(long.length).toBeLessThan(70_000);
    expect(long).toMatch(/…\[TRUNCATED\]$/);
    expect(long).not.toContain('hunter2');
  });

  test('is not cut in the middle of a token', () => {
    const start = `${'a '.repeat(32_766)}gh`;
    expect(redactor.text(`${start}p_${'x'.repeat(40)}`)).not.toContain('ghp');
  });

  test('is left whole up to the limit', () => {
    const text = 'a '.repeat(32_768);
    expect(redactor.text(text)).toBe(text);
  });
});

describe('a fault', () => {
  const faulty = createRedactor(byDefault, [
    {
      wokenBy: 0xff,
      hide: () => {
        throw new Error('a broken rule');
      },
    },
  ]);

  test('of a rule hides the value', () => {
    expect(faulty.value('note', 'a=b c')).toBe(REDACTED);
    expect(faulty.text('a=b c')).toBe(REDACTED);
    expect(faulty.attributes({ note: 'a=b c', method: 'GET' })).toEqual({ note: REDACTED, method: 'GET' });
  });

  test('of an attribute hides all of them', () => {
    const attributes: Attributes = {
      user: 'a',
      get broken(): string {
        throw new Error('not to be read');
      },
    };
    expect(redactor.attributes(attributes)).toEqual({ user: REDACTED, broken: REDACTED });
  });

  test('of a span leaves its ids and times', () => {
    const [span] = recordSpans();
    const broken = Object.create(span as ReadableSpan, {
      events: {
        get: () => {
          throw new Error('not to be read');
        },
      },
    });
    const shown = redactor.span(broken);
    expect(shown).toMatchObject({ name: REDACTED, attributes: {}, events: [], links: [] });
    expect(shown.spanContext()).toEqual(span?.spanContext());
  });

  test('of baggage leaves none', () => {
    const baggage = propagation.createBaggage({ a: { value: 'x' } });
    baggage.getAllEntries = () => {
      throw new Error('not to be read');
    };
    expect(redactor.baggage(baggage).getEntry('a')).toBeUndefined();
  });
});

describe('a span', () => {
  const [secret, clean] = recordSpans() as [ReadableSpan, ReadableSpan];

  test('with nothing secret is the same object', () => {
    expect(redactor.span(clean)).toBe(clean);
  });

  test('has its secrets hidden in name, attributes, events, links and status, and is not altered', () => {
    const before = JSON.stringify(jsonOf(secret));
    expect(before).toContain('hunter2');
    expect(JSON.stringify(jsonOf(redactor.span(secret)))).toBe(before.replaceAll('hunter2', REDACTED));
    expect(JSON.stringify(jsonOf(secret))).toBe(before);
  });

  test('keeps every other part', () => {
    const shown = redactor.span(secret);
    expect(shown).not.toBe(secret);
    const parts = Object.keys(secret).filter((key) => !key.startsWith('_'));
    const getters = ['duration', 'ended', 'droppedAttributesCount', 'droppedEventsCount', 'droppedLinksCount'];
    for (const part of [...parts, ...getters] as (keyof ReadableSpan)[]) {
      if (['name', 'attributes', 'events', 'links', 'status'].includes(part)) continue;
      expect(shown[part]).toBe(secret[part]);
    }
    expect(shown.spanContext()).toBe(secret.spanContext());
    expect(shown.droppedEventsCount).toBe(1);
  });

  test('arrives at a collector like any other span', async () => {
    const collector = await OtlpCollector.start();
    try {
      const shown = redactor.span(secret);
      for (const [type, serializer] of [
        ['application/x-protobuf', ProtobufTraceSerializer],
        ['application/json', JsonTraceSerializer],
      ] as const) {
        for (const span of [secret, shown]) {
          const body = serializer.serializeRequest([span]);
          await fetch(`${collector.httpEndpoint}/v1/traces`, {
            method: 'POST',
            headers: { 'content-type': type },
            body,
          });
        }
      }
      const [plain, redacted, ...json] = collector.spans as [ReceivedSpan, ReceivedSpan];
      expect(redacted).toEqual(withoutSecrets(plain));
      expect(json).toEqual([plain, redacted]);
    } finally {
      await collector.stop();
    }
  });

  test('can be read by the Jaeger exporter', () => {
    const text = (span: ReadableSpan) => JSON.stringify(spanToThrift(span));
    expect(text(redactor.span(secret))).toBe(text(secret).replaceAll('hunter2', REDACTED));
  });
});

describe('a log record', () => {
  const memory = new InMemoryLogRecordExporter();
  const logger = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter: memory })] }).getLogger(
    'test',
  );

  function record(body: unknown, attributes = {}) {
    memory.reset();
    logger.emit({ severityNumber: SeverityNumber.WARN, severityText: 'WARN', body: body as string, attributes });
    return memory.getFinishedLogRecords()[0]!;
  }

  test('with nothing secret is the same object', () => {
    const clean = record({ message: 'a', list: [1, Number.NaN, null, { b: 'c' }] }, { user: 'a', nested: { n: 1 } });
    expect(redactor.logRecord(clean)).toBe(clean);
  });

  test('has its secrets hidden at any depth, and is not altered', () => {
    const secret = record(
      { request: { headers: { cookie: { a: 1 }, 'x-api-key': ['k'], host: 'e' } }, text: ['a', 'Bearer abcdef'] },
      { user: { password: 'hunter2', name: 'a' }, bytes: Buffer.from('token=abc'), 'url.query': 'code=1' },
    );
    const shown = redactor.logRecord(secret);
    expect(shown.body).toEqual({
      request: { headers: { cookie: REDACTED, 'x-api-key': [REDACTED], host: 'e' } },
      text: ['a', 'Bearer [REDACTED]'],
    });
    expect(shown.attributes).toEqual({
      user: { password: REDACTED, name: 'a' },
      bytes: REDACTED,
      'url.query': 'code=[REDACTED]',
    });
    expect(secret.attributes.user).toEqual({ password: 'hunter2', name: 'a' });
    for (const part of ['hrTime', 'hrTimeObserved', 'severityNumber', 'severityText', 'resource'] as const) {
      expect(shown[part]).toBe(secret[part]);
    }
    expect(shown.instrumentationScope).toBe(secret.instrumentationScope);
  });

  test('that goes round in a circle, or on without end, comes to an end', () => {
    const circle: Record<string, unknown> = { name: 'a' };
    circle.self = circle;
    circle.again = [circle, circle];
    expect(JSON.stringify(redactor.logRecord(record(circle)).body).length).toBeLessThan(10_000_000);
    const nested = (levels: number) => {
      let deep: unknown = 'a';
      for (let i = 0; i < levels; i++) deep = { deep };
      return JSON.stringify(redactor.logRecord(record(deep)).body);
    };
    expect(nested(30)).not.toContain(REDACTED);
    expect(nested(100)).toContain(REDACTED);
  });

  test('filters see the path to a value', () => {
    const denying = createRedactor({ enabled: true, deny: ['user.email'], allow: ['a.token'] });
    const shown = denying.logRecord(record('x', { user: { email: 'a@b' }, email: 'c@d', a: { token: 't' } }));
    expect(shown.attributes).toEqual({ user: { email: REDACTED }, email: 'c@d', a: { token: 't' } });
  });
});

test('baggage loses the entries that hold a secret, by name, value or properties', () => {
  const baggage = propagation.createBaggage({
    'build.id': { value: '7' },
    token: { value: 'a' },
    note: { value: 'Bearer abcdef' },
    other: { value: 'a', metadata: baggageEntryMetadataFromString('password=x') },
    plain: { value: 'a', metadata: baggageEntryMetadataFromString('ttl=5') },
  });
  expect(
    redactor
      .baggage(baggage)
      .getAllEntries()
      .map(([key]) => key),
  ).toEqual(['build.id', 'plain']);
  const clean = propagation.createBaggage({ 'build.id': { value: '7' } });
  expect(redactor.baggage(clean)).toBe(clean);
});

function bound(of: Redactor) {
  return { value: of.value.bind(of) };
}

function jsonOf(span: ReadableSpan): unknown {
  return JSON.parse(Buffer.from(JsonTraceSerializer.serializeRequest([span])!).toString());
}

function withoutSecrets(span: ReceivedSpan): ReceivedSpan {
  const text = JSON.stringify(span, (_key, value) => (typeof value === 'bigint' ? `${value}n` : value));
  return JSON.parse(text.replaceAll('hunter2', REDACTED), (_key, value) =>
    /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value,
  );
}

/** One with the secret `hunter2` everywhere that one can be, and one without. */
function recordSpans(): ReadableSpan[] {
  const memory = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'shop' }),
    spanProcessors: [new SimpleSpanProcessor(memory)],
    spanLimits: { eventCountLimit: 3 },
  });
  const tracer = provider.getTracer('redactor-test', '1.0.0');
  const other = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
  const clean = { 'http.route': '/orders/:id', 'url.full': 'https://e.com/?page=2', n: 1, list: ['a'] };
  const options = {
    kind: SpanKind.CLIENT,
    attributes: { ...clean, password: 'hunter2', note: 'Bearer hunter2' },
    links: [{ context: other, attributes: { secret: 'hunter2', why: 'x' } }, { context: other }],
  };
  const secret = tracer.startSpan('GET /?token=hunter2', options, trace.setSpanContext(ROOT_CONTEXT, other));
  secret.addEvent('dropped');
  secret.addEvent('sent with --token hunter2', { attempt: 1 });
  secret.recordException(new Error('refused Bearer hunter2'));
  secret.recordException(
    Object.assign(new Error('password=hunter2'), { stack: 'Error: password=hunter2\n  at a:1:1' }),
  );
  secret.setStatus({ code: SpanStatusCode.ERROR, message: 'Authorization: hunter2' });
  secret.end();
  const plain = tracer.startSpan('GET /orders/:id', { attributes: clean, links: [{ context: other }] });
  plain.addEvent('started', { attempt: 1 });
  plain.setStatus({ code: SpanStatusCode.ERROR, message: 'not found' });
  plain.end();
  return memory.getFinishedSpans();
}
