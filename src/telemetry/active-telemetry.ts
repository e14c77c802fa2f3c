import { context, propagation, trace } from '@opentelemetry/api';
import type { Telemetry } from './telemetry';

/**
 * Telemetry by way of the application's own OpenTelemetry SDK: its tracer, its active context, its propagators. Without an
 * SDK nothing is recorded and nothing is handed on, at next to no cost.
 */
export function activeTelemetry(version: string, buildId: string): Telemetry {
  const active = context.active();
  const baggage = propagation.getBaggage(active) ?? propagation.createBaggage();
  return {
    tracer: trace.getTracer('spanwright', version),
    rootContext: propagation.setBaggage(active, baggage.setEntry('build.id', { value: buildId })),
    environment: (of) => {
      const carrier: Record<string, string> = {};
      propagation.inject(of, carrier, { set: (into, key, value) => (into[key.toUpperCase()] = value) });
      return carrier;
    },
    // The SDK is the application's to end.
    shutdown: async () => {},
  };
}
