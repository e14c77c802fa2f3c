import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import Module from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { createTraceState, ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { OtlpCollector, type ReceivedSpan, readOtlpFile, tree } from './otlp-collector';

// The exporters over HTTP use import(), which jest's module system refuses: they are loaded by Node's own.
const { _load: load } = Module as unknown as { _load(file: string): unknown };
const { OTLPTraceExporter: JsonExporter } = load(
  require.resolve('@opentelemetry/exporter-trace-otlp-http'),
) as typeof import('@opentelemetry/exporter-trace-otlp-http');
const { OTLPTraceExporter: ProtoExporter } = load(
  require.resolve('@opentelemetry/exporter-trace-otlp-proto'),
) as typeof import('@opentelemetry/exporter-trace-otlp-proto');

type ExporterConfig = Pick<NonNullable<ConstructorParameters<typeof JsonExporter>[0]>, 'compression' | 'timeoutMillis'>;
const gzip = 'gzip' as ExporterConfig['compression'];
// Over HTTP an export that can be retried is, unless the first backoff (800 ms at the least) ends after the timeout.
const noRetries: ExporterConfig = { timeoutMillis: 700 };

const caller = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: TraceFlags.SAMPLED,
  isRemote: true,
  traceState: createTraceState('vendor=1'),
};
const linked = { traceId: 'ff'.repeat(16), spanId: '0a'.repeat(8), traceFlags: TraceFlags.NONE };
const attributes = {
  text: 'größe',
  empty: '',
  zero: 0,
  negative: -7,
  large: 2 ** 52,
  double: -1.5,
  yes: true,
  no: false,
  texts: ['a', 'b'],
  ints: [1, 2],
  doubles: [0.5, 1.5],
  booleans: [true, false],
  none: [],
};

let collector: OtlpCollector;

beforeEach(async () => {
  collector = await OtlpCollector.start();
});

afterEach(() => collector.stop());

const tracesUrl = () => `${collector.httpEndpoint}/v1/traces`;

/** Records a build and a task in it through the processors, and says how they must arrive. */
async function record(...spanProcessors: SpanProcessor[]): Promise<{ sent: ReadableSpan[]; expected: ReceivedSpan[] }> {
  const memory = new InMemorySpanExporter();
  const resource = resourceFromAttributes({ 'service.name': 'collector-test', 'process.pid': 12 });
  const provider = new BasicTracerProvider({
    resource,
    spanProcessors: [new SimpleSpanProcessor(memory), ...spanProcessors],
  });
  const tracer = provider.getTracer('collector-test-scope', '1.0.0');
  const build = tracer.startSpan(
    'build',
    { kind: SpanKind.SERVER, startTime: [1_700_000_000, 123_456_789] },
    trace.setSpanContext(ROOT_CONTEXT, caller),
  );
  const task = tracer.startSpan(
    'task',
    { attributes, links: [{ context: linked, attributes: { why: 'rebuild' } }], startTime: [1_700_000_001, 1] },
    trace.setSpan(ROOT_CONTEXT, build),
  );
  task.addEvent('started', { attempt: 1 }, [1_700_000_001, 2]);
  task.setStatus({ code: SpanStatusCode.ERROR, message: 'exit code 1' });
  task.end([1_700_000_001, 3]);
  build.end([1_700_000_002, 999_999_999]);
  await provider.forceFlush();
  const sent = memory.getFinishedSpans();
  await provider.shutdown();

  const common = {
    traceId: caller.traceId,
    traceState: 'vendor=1',
    resource: { 'service.name': 'collector-test', 'process.pid': 12 },
    scope: 'collector-test-scope',
  };
  const buildId = build.spanContext().spanId;
  const expected: ReceivedSpan[] = [
    {
      ...common,
      spanId: task.spanContext().spanId,
      parentSpanId: buildId,
      name: 'task',
      kind: 1,
      startTimeUnixNano: 1_700_000_001_000_000_001n,
      endTimeUnixNano: 1_700_000_001_000_000_003n,
      attributes,
      events: [{ name: 'started', timeUnixNano: 1_700_000_001_000_000_002n, attributes: { attempt: 1 } }],
      links: [{ traceId: linked.traceId, spanId: linked.spanId, attributes: { why: 'rebuild' } }],
      status: { code: 2, message: 'exit code 1' },
    },
    {
      ...common,
      spanId: buildId,
      parentSpanId: caller.spanId,
      name: 'build',
      kind: 2,
      startTimeUnixNano: 1_700_000_000_123_456_789n,
      endTimeUnixNano: 1_700_000_002_999_999_999n,
      attributes: {},
      events: [],
      links: [],
      status: { code: 0, message: '' },
    },
  ];
  return { sent: [...sent], expected };
}

/** A span with the kinds of values that OTLP has and the SDK refuses to set. */
function withNestedValues(span: ReadableSpan): { span: ReadableSpan; values: Record<string, unknown> } {
  const values = { bytes: new Uint8Array([0, 255, 7]), map: { a: 1, b: { c: ['x', 2, false] } }, unset: null };
  return { span: Object.create(span, { attributes: { value: values } }), values };
}

function post(body: Uint8Array | string, contentType: string, headers = {}, url = tracesUrl()): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': contentType, ...headers }, body: Buffer.from(body) });
}

function exportSpans(exporter: SpanExporter, spans: ReadableSpan[]): Promise<ExportResult> {
  return new Promise((resolve) => exporter.export(spans, resolve));
}

interface Transport {
  name: string;
  createExporter: (config?: ExporterConfig) => SpanExporter;
  failFast?: ExporterConfig;
  refusal: object;
}

describe.each<Transport>([
  {
    name: 'gRPC',
    createExporter: (config) => new GrpcExporter({ url: collector.grpcEndpoint, ...config }),
    refusal: { code: status.UNAVAILABLE },
  },
  {
    name: 'HTTP protobuf',
    createExporter: (config) => new ProtoExporter({ url: tracesUrl(), ...config }),
    failFast: noRetries,
    refusal: { message: 'Export failed with retryable status' },
  },
  {
    name: 'HTTP JSON',
    createExporter: (config) => new JsonExporter({ url: tracesUrl(), ...config }),
    failFast: noRetries,
    refusal: { message: 'Export failed with retryable status' },
  },
])('over $name', ({ createExporter, failFast, refusal }) => {
  test('spans arrive with all they carry', async () => {
    const { expected } = await record(new BatchSpanProcessor(createExporter()));
    expect(collector.spans).toEqual(expected);
    expect(collector.requests).toBe(1);
  });

  test('spans exported one by one arrive in as many requests', async () => {
    const { expected } = await record(new SimpleSpanProcessor(createExporter()));
    expect(collector.spans).toHaveLength(2);
    expect(collector.spans).toEqual(expect.arrayContaining(expected));
    expect(collector.requests).toBe(2);
  });

  test('compressed spans arrive', async () => {
    const { expected } = await record(new BatchSpanProcessor(createExporter({ compression: gzip })));
    expect(collector.spans).toEqual(expected);
  });

  test('refusing fails the export, and accepting again lets it through', async () => {
    const { sent, expected } = await record();
    const exporter = createExporter(failFast);
    collector.behaviour = 'refuse';
    expect(await exportSpans(exporter, sent)).toMatchObject({ code: ExportResultCode.FAILED, error: refusal });
    expect(collector.requests).toBe(1);
    expect(collector.spans).toEqual([]);
    collector.behaviour = 'accept';
    expect(await exportSpans(exporter, sent)).toEqual({ code: ExportResultCode.SUCCESS });
    expect(collector.spans).toEqual(expected);
    await exporter.shutdown();
  });

  test('a call left hanging ends when the collector stops', async () => {
    const { sent } = await record();
    const exporter = createExporter(failFast);
    collector.behaviour = 'hang';
    const result = exportSpans(exporter, sent);
    while (collector.requests === 0) await setImmediate();
    await collector.stop();
    expect(await result).toMatchObject({ code: ExportResultCode.FAILED });
    expect(collector.spans).toEqual([]);
    await exporter.shutdown();
  });
});

describe('the HTTP server', () => {
  test('decodes bytes, maps and unset values, gzipped or not', async () => {
    const { sent } = await record();
    const { span, values } = withNestedValues(sent[0]!);
    const protobuf = ProtobufTraceSerializer.serializeRequest([span])!;
    const json = JsonTraceSerializer.serializeRequest([span])!;
    const gzipped = { 'content-encoding': 'gzip' };
    const responses = [
      await post(protobuf, 'application/x-protobuf'),
      await post(gzipSync(protobuf), 'application/x-protobuf', gzipped),
      await post(json, 'application/json; charset=utf-8'),
      await post(gzipSync(json), 'application/json', gzipped),
    ];
    expect(responses.map((response) => response.status)).toEqual([200, 200, 200, 200]);
    expect(await responses[2]!.json()).toEqual({});
    expect(collector.spans.map((received) => received.attributes)).toEqual([values, values, values, values]);
  });

  test('turns away what is not a trace export', async () => {
    const shortId = { resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: 'abc', spanId: '0a'.repeat(8) }] }] }] };
    const statuses = [
      await post('not protobuf', 'application/x-protobuf'),
      await post(JSON.stringify(shortId), 'application/json'),
      await post('{}', 'application/json', { 'content-encoding': 'gzip' }),
      await post('{}', 'application/json', {}, `${collector.httpEndpoint}/v1/metrics`),
      await post('{}', 'text/plain'),
      await fetch(tracesUrl()),
    ].map((response) => response.status);
    expect(statuses).toEqual([400, 400, 400, 404, 415, 405]);
    expect(collector.spans).toEqual([]);
  });
});

test('stops more than once, and with connections open on which nothing was sent', async () => {
  const sockets = [collector.grpcEndpoint, collector.httpEndpoint].map((url) =>
    connect(+new URL(url).port, '127.0.0.1'),
  );
  const closed = sockets.map((socket) => once(socket.resume(), 'close'));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  await post('', 'application/x-protobuf');
  await Promise.all([collector.stop(), collector.stop()]);
  await collector.stop();
  await Promise.all(closed);
  await expect(post('', 'application/x-protobuf')).rejects.toThrow();
});

describe('the file reader', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'otlp-file-'));
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  function read(content: string): ReceivedSpan[] {
    const path = join(directory, 'traces.jsonl');
    writeFileSync(path, content);
    return readOtlpFile(path);
  }

  const lineWith = (span: object) => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });

  test('reads what the SDK serialized', async () => {
    const { sent, expected } = await record();
    const { span, values } = withNestedValues(sent[0]!);
    const lines = [sent, [span]].map((spans) => Buffer.from(JsonTraceSerializer.serializeRequest(spans)!));
    expect(read(`${lines.join('\n')}\n`)).toEqual([...expected, { ...expected[0], attributes: values }]);
    expect(read('')).toEqual([]);
  });

  test('reads int64 from decimal strings, and ids in either case', () => {
    const span = {
      traceId: caller.traceId.toUpperCase(),
      spanId: caller.spanId,
      startTimeUnixNano: '1700000000123456789',
      attributes: [{ key: 'n', value: { intValue: '-42' } }],
    };
    expect(read(lineWith(span))).toEqual([
      {
        traceId: caller.traceId,
        spanId: caller.spanId,
        parentSpanId: '',
        traceState: '',
        name: '',
        kind: 0,
        startTimeUnixNano: 1_700_000_000_123_456_789n,
        endTimeUnixNano: 0n,
        attributes: { n: -42 },
        events: [],
        links: [],
        status: { code: 0, message: '' },
        resource: {},
        scope: '',
      },
    ]);
  });

  test('rejects ids that are not hex and half lines', () => {
    const base64 = Buffer.from(caller.traceId, 'hex').toString('base64');
    expect(() => read(lineWith({ traceId: base64, spanId: caller.spanId }))).toThrow('not an id of 16 bytes');
    expect(() => read(lineWith({ traceId: caller.traceId }))).toThrow('not an id of 8 bytes');
    expect(() => read('{"resourceSpans":[')).toThrow(SyntaxError);
  });
});

test('the tree has every span, and as roots those whose parent is not there', async () => {
  const { expected } = await record();
  const [task, build] = expected as [ReceivedSpan, ReceivedSpan];
  const { children, roots } = tree(expected);
  expect(roots).toEqual([build]);
  expect(children).toEqual(
    new Map([
      [build.spanId, [task]],
      [task.spanId, []],
    ]),
  );
});
