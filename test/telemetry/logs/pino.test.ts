import { Writable } from 'node:stream';
import { context, type Span, TraceFlags, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { AlwaysOffSampler, BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import pino from 'pino';
import { type LogsRuntime, startLogs } from '../../../src/telemetry/logs/logs-runtime';
import { pinoOtelStream } from '../../../src/telemetry/logs/pino-otel-stream';
import { traceMixin } from '../../../src/telemetry/logs/trace-mixin';
import { createRedactor } from '../../../src/telemetry/privacy/redactor';
import { logsConfig } from './logs-config';

const tracer = new BasicTracerProvider().getTracer('pino-test');

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
});

afterAll(() => context.disable());

function within<T>(span: Span, run: () => T): T {
  return context.with(trace.setSpan(context.active(), span), run);
}

function idsOf(span: Span) {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return { traceId, spanId, traceFlags };
}

describe('the mixin', () => {
  const lines: Record<string, unknown>[] = [];
  const destination = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(JSON.parse(chunk));
      done();
    },
  });
  const logger = pino({ mixin: traceMixin, base: null, timestamp: false }, destination);

  beforeEach(() => {
    lines.length = 0;
  });

  test('gives a line the ids of the active span', () => {
    const span = tracer.startSpan('a');
    const { traceId, spanId } = span.spanContext();
    within(span, () => logger.info({ n: 1 }, 'first'));
    within(span, () => logger.child({ module: 'b' }).warn('second'));
    const ids = { trace_id: traceId, span_id: spanId, trace_flags: '01' };
    expect(lines).toEqual([
      { level: 30, ...ids, n: 1, msg: 'first' },
      { level: 40, module: 'b', ...ids, msg: 'second' },
    ]);
  });

  test('says where a trace is not recorded', () => {
    const off = new BasicTracerProvider({ sampler: new AlwaysOffSampler() }).getTracer('off').startSpan('a');
    within(off, () => logger.info('x'));
    expect(lines).toMatchObject([{ trace_id: off.spanContext().traceId, trace_flags: '00' }]);
  });

  test('leaves a line alone where no span is active', () => {
    logger.info({ n: 1 }, 'first');
    logger.info('second');
    within(
      trace.wrapSpanContext({ traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: TraceFlags.NONE }),
      () => logger.info('third'),
    );
    expect(lines).toEqual([
      { level: 30, n: 1, msg: 'first' },
      { level: 30, msg: 'second' },
      { level: 30, msg: 'third' },
    ]);
  });
});

describe('the stream', () => {
  let logs: LogsRuntime;

  beforeEach(() => {
    const redactor = createRedactor({ enabled: true, allow: [], deny: [] });
    logs = startLogs(logsConfig([{ type: 'memory' }]), resourceFromAttributes({}), redactor, () => {});
  });

  afterEach(() => logs.shutdown(0));

  const record = () => logs.records[0] as ReadableLogRecord;
  const timeMs = ({ hrTime }: ReadableLogRecord) => hrTime[0] * 1000 + hrTime[1] / 1e6;

  test('exports level, time, message, fields and the trace context, redacted', () => {
    const logger = pino({ level: 'trace' }, pinoOtelStream());
    const span = tracer.startSpan('a');
    const before = Date.now();
    within(span, () => logger.warn({ user: { name: 'a', password: 'x' }, n: 7 }, 'sent to %s', 'https://u:p@e'));
    expect(record()).toMatchObject({
      severityNumber: 13,
      severityText: 'WARN',
      body: 'sent to https://[REDACTED]@e',
      spanContext: idsOf(span),
    });
    expect(record().attributes).toEqual({ user: { name: 'a', password: '[REDACTED]' }, n: 7 });
    expect(timeMs(record())).toBeGreaterThanOrEqual(before);
    expect(timeMs(record())).toBeLessThanOrEqual(Date.now());
  });

  test('exports an error as an exception', () => {
    pino(pinoOtelStream()).error(new TypeError('bad'), 'it failed');
    expect(record()).toMatchObject({
      severityText: 'ERROR',
      body: 'it failed',
      attributes: {
        'exception.type': 'TypeError',
        'exception.message': 'bad',
        'exception.stacktrace': expect.stringContaining('pino.test.ts'),
      },
    });
  });

  test('goes by the ids in the line, which may be of a span that is active no more', () => {
    const span = tracer.startSpan('a');
    const logger = pino({ mixin: traceMixin }, pinoOtelStream());
    within(span, () => logger.info('x'));
    expect(record().spanContext).toMatchObject(idsOf(span));
    expect(record().attributes).toEqual({});
  });

  test('works beside another destination, and with keys and levels of the user', () => {
    const written: string[] = [];
    const options = { messageKey: 'message', errorKey: 'error' };
    const streams = [{ stream: { write: (line: string) => written.push(line) } }, { stream: pinoOtelStream(options) }];
    const logger = pino(
      { ...options, customLevels: { notice: 35 }, formatters: { level: (label) => ({ level: label }) } },
      pino.multistream(streams),
    );
    logger.notice({ error: new Error('bad') }, 'x');
    expect(written).toHaveLength(1);
    expect(record()).toMatchObject({
      body: 'x',
      severityText: 'INFO',
      attributes: { 'exception.type': 'Error', 'exception.message': 'bad' },
    });
  });

  test.each([
    ['milliseconds', pino.stdTimeFunctions.epochTime],
    ['seconds', pino.stdTimeFunctions.unixTime],
    ['a date', pino.stdTimeFunctions.isoTime],
    ['nanoseconds', pino.stdTimeFunctions.isoTimeNano],
  ])('reads a time in %s', (_name, timestamp) => {
    const before = Math.floor(Date.now() / 1000) * 1000;
    pino({ timestamp }, pinoOtelStream()).info('x');
    expect(timeMs(record())).toBeGreaterThanOrEqual(before);
    expect(timeMs(record())).toBeLessThanOrEqual(Date.now() + 1000);
  });

  test.each(['not json\n', 'null\n', '7\n', '{"level":30,"msg":{"a":1},"time":"never","err":null}\n', '{}\n'])(
    'takes %j for what it is',
    (line) => {
      expect(() => pinoOtelStream().write(line)).not.toThrow();
      expect(logs.records).toHaveLength(1);
    },
  );

  test('does nothing where no logs are exported', async () => {
    await logs.shutdown(0);
    expect(() => pino(pinoOtelStream()).info('x')).not.toThrow();
    expect(logs.records).toEqual([]);
  });
});
