import type { ExportConfig, TraceExporterConfig } from '../../config/telemetry-config';
import { unreachable } from '../../util/unreachable';
import { ConsoleSink } from './console-sink';
import { FileSink } from './file-sink';
import { createJaegerSink } from './jaeger-sink';
import { MemorySink } from './memory-sink';
import { createOtlpSink } from './otlp-sink';
import type { SpanSink } from './span-sink';

/**
 * Makes a sink, with a queue of its own, for each exporter.
 *
 * @param onProblem told, once, of what an exporter cannot do
 * @throws UserError where a file or a certificate cannot be read or made
 */
export function createSpanSinks(
  exporters: readonly TraceExporterConfig[],
  config: ExportConfig,
  onProblem: (message: string) => void,
): SpanSink[] {
  return exporters.map((exporter) => createSpanSink(exporter, config, onProblem));
}

function createSpanSink(
  exporter: TraceExporterConfig,
  config: ExportConfig,
  onProblem: (message: string) => void,
): SpanSink {
  switch (exporter.type) {
    case 'otlp':
      return createOtlpSink(exporter.target, config, onProblem);
    case 'jaeger':
      return createJaegerSink(exporter, config, onProblem);
    case 'console':
      return new ConsoleSink();
    case 'file':
      return new FileSink({ path: exporter.path, onProblem });
    case 'memory':
      return new MemorySink();
    default:
      return unreachable(exporter);
  }
}
