import { syncBuiltinESMExports } from 'node:module';
import type { MeterProvider, TracerProvider } from '@opentelemetry/api';

/**
 * Traces requests that the application makes with `http`, `https` and `fetch`, and sends the trace context along. OpenTelemetry's own instrumentations do it; of
 * `http` only the outgoing half is switched on.
 *
 * @returns ends it
 */
export function traceOutgoing(tracerProvider: TracerProvider, meterProvider: MeterProvider | undefined): () => void {
  // Loaded here: an application that makes no requests of its own need not wait for them.
  const { HttpInstrumentation } =
    require('@opentelemetry/instrumentation-http') as typeof import('@opentelemetry/instrumentation-http');
  const { UndiciInstrumentation } =
    require('@opentelemetry/instrumentation-undici') as typeof import('@opentelemetry/instrumentation-undici');
  const instrumentations = [
    new HttpInstrumentation({ disableIncomingRequestInstrumentation: true }),
    new UndiciInstrumentation(),
  ];
  for (const instrumentation of instrumentations) {
    instrumentation.setTracerProvider(tracerProvider);
    if (meterProvider) instrumentation.setMeterProvider(meterProvider);
  }
  // The modules are patched when they are next asked for; who has them already, has the same object.
  require('node:http');
  require('node:https');
  syncBuiltinESMExports();
  return () => {
    for (const instrumentation of instrumentations) instrumentation.disable();
    syncBuiltinESMExports();
  };
}
