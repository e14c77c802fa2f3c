// What encoding spans costs: CPU time per span and bytes per span of our encoders beside the serializers of OpenTelemetry's
// exporters. Medians of interleaved rounds; the ratio is the median of the rounds' ratios.
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { OtlpJsonEncoder } from '../dist/telemetry/export/otlp-json.js';
import { OtlpProtobufEncoder } from '../dist/telemetry/export/otlp-protobuf.js';
import { interleaved, median, table } from './support.mjs';

const SPANS = 512;
const ROUNDS = 60;
const REPEATS = 20;

const kinds = {
  '7 attributes': (tracer) =>
    tracer.startSpan('CatsService.findOne', {
      kind: SpanKind.SERVER,
      attributes: {
        'http.request.method': 'GET',
        'http.route': '/cats/:id',
        'http.response.status_code': 200,
        'server.address': 'localhost',
        'server.port': 3000,
        'cache.hit': true,
        'cats.ratio': 0.25,
      },
    }),
  '2 attributes': (tracer) =>
    tracer.startSpan('CatsRepository.load', { attributes: { 'code.function.name': 'load', 'cats.count': 3 } }),
  'an exception': (tracer) => {
    const span = tracer.startSpan('CatsService.fail', { attributes: { 'error.type': 'RangeError' } });
    span.recordException(new RangeError('no such cat'));
    return span.setStatus({ code: SpanStatusCode.ERROR, message: 'no such cat' });
  },
  'text that is not ASCII': (tracer) =>
    tracer.startSpan('KatzenDienst.füttern', {
      attributes: { 'katze.name': 'Kätzchen Müller', 名前: '日本語のテキスト' },
    }),
};

const ours = { protobuf: new OtlpProtobufEncoder(), json: new OtlpJsonEncoder() };
const encoders = {
  'protobuf, spanwright': (spans) => ours.protobuf.encode(spans),
  'protobuf, OpenTelemetry': (spans) => ProtobufTraceSerializer.serializeRequest(spans),
  'JSON, spanwright': (spans) => ours.json.encode(spans),
  'JSON, OpenTelemetry': (spans) => JsonTraceSerializer.serializeRequest(spans),
};

const rows = [];
for (const [kind, start] of Object.entries(kinds)) {
  const spans = finishedSpans(start);
  const contenders = Object.fromEntries(
    Object.entries(encoders).map(([name, encode]) => [name, () => nanosecondsPerSpan(() => encode(spans))]),
  );
  interleaved(5, contenders);
  const times = interleaved(ROUNDS, contenders);
  for (const [name, encode] of Object.entries(encoders)) {
    const base = times.get(name.replace('spanwright', 'OpenTelemetry'));
    const ratio = median(times.get(name).map((time, round) => base[round] / time));
    rows.push([
      `${kind}: ${name}`,
      median(times.get(name)).toFixed(0),
      name.endsWith('spanwright') ? `${ratio.toFixed(2)}x` : '1',
      Math.round(encode(spans).length / SPANS),
    ]);
  }
}
table(['encoding', 'ns CPU a span', 'faster by', 'bytes a span'], rows);

function finishedSpans(start) {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'bench', 'host.name': 'host', 'process.pid': 4711 }),
    spanProcessors: [new SimpleSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('bench', '1.0.0');
  for (let i = 0; i < SPANS; i++) start(tracer).end();
  return exporter.getFinishedSpans();
}

function nanosecondsPerSpan(encode) {
  const before = process.cpuUsage();
  for (let i = 0; i < REPEATS; i++) encode();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / (REPEATS * SPANS);
}
