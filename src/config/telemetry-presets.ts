import type { PresetName, TelemetryOptions } from './telemetry-options';

/**
 * The guide's three configurations. Name one as `preset`, or spread one into your own options; everything in them can be
 * said otherwise higher up.
 *
 * The guide's `deployment.region` and the like are one cluster's, and are left to whoever deploys (`OTEL_RESOURCE_ATTRIBUTES`);
 * pod and node are detected.
 *
 * @example
 * TelemetryModule.forRoot({ preset: 'production', serviceName: 'orders', serviceVersion: '2.4.0' });
 */
export const telemetryPresets = Object.freeze({
  /** Every span is printed to standard error. */
  development: Object.freeze({
    serviceName: 'container-kit-dev',
    serviceVersion: 'dev',
    environment: 'development',
    tracingEnabled: true,
    tracingEndpoint: '',
    traceSampleRate: 1,
    metricsEnabled: true,
    metricsInterval: '5s',
  }),
  /** One trace in ten goes to a Jaeger collector. */
  production: Object.freeze({
    serviceName: 'container-kit',
    serviceVersion: '1.0.0',
    environment: 'production',
    tracingEnabled: true,
    tracingEndpoint: 'http://jaeger-collector:14268/api/traces',
    traceSampleRate: 0.1,
    metricsEnabled: true,
    metricsInterval: '15s',
  }),
  /** Off: nothing is started and no global is touched. */
  testing: Object.freeze({
    serviceName: 'container-kit-test',
    serviceVersion: 'test',
    environment: 'test',
    tracingEnabled: false,
    metricsEnabled: false,
  }),
} satisfies Readonly<Record<PresetName, TelemetryOptions>>);
