import {
  type DynamicModule,
  type FactoryProvider,
  Global,
  Inject,
  Injectable,
  Module,
  type Provider,
} from '@nestjs/common';
import { MetricService, OpenTelemetryModule, TraceService } from 'nestjs-otel';
import { meterData } from 'nestjs-otel/lib/metrics/metric-data';
import { loadTelemetryConfig } from '../config/load-telemetry-config';
import type { TelemetryConfig } from '../config/telemetry-config';
import type { TelemetryOptions } from '../config/telemetry-options';
import { HttpServerExplorer } from './http/http-server.explorer';
import { InstrumentExplorer } from './instrument/instrument.explorer';
import { TRACE_LOGGER_OPTIONS } from './logs/trace-logger.options';
import { TraceLogger } from './logs/trace-logger.service';
import { MessageExplorer } from './messages/message.explorer';
import { metricsController } from './metrics/metrics.controller';
import { METRICS_RUNTIME } from './metrics/metrics.options';
import { claimOutgoing } from './outgoing-requests';
import { registeredRuntime } from './registered-runtime';
import {
  TELEMETRY_CONFIG,
  TELEMETRY_OPTIONS,
  TELEMETRY_RUNTIME,
  type TelemetryModuleAsyncOptions,
  type TelemetryModuleOptions,
} from './telemetry.options';
import { TelemetryService } from './telemetry.service';
import { TelemetryRuntime } from './telemetry-runtime';

/**
 * Traces, metrics and logs for a Nest application. Import it first, once: it is global, and what is imported first stops last.
 *
 * Configuration: these options, then a file, then the environment, then flags, the later before the earlier. A bad value is one clear error at start. Where telemetry is off
 * (`OTEL_SDK_DISABLED=true`, or tracing and metrics both off), nothing is started, and decorators cost a few nanoseconds.
 *
 * @example
 * ```ts
 * @Module({ imports: [TelemetryModule.forRoot({ serviceName: 'orders', instrument: true })] })
 * export class AppModule {}
 * ```
 */
@Global()
@Module({})
export class TelemetryModule {
  static forRoot(options: TelemetryModuleOptions = {}): DynamicModule {
    return telemetryModule(options, registeredRuntime);
  }

  /**
   * As `forRoot`, with options that are worked out when the application starts. What decides which routes and modules there are must be known before: `serveMetrics`, `metricsPath` and
   * `hostMetrics` are given beside the factory.
   */
  static forRootAsync(options: TelemetryModuleAsyncOptions): DynamicModule {
    const { imports, inject, useFactory, serveMetrics, hostMetrics } = options;
    // The environment may say another path.
    const metricsPath =
      attempt(() => configFor(pathOf(options), registeredRuntime()).metrics.path) ?? options.metricsPath;
    const provider: FactoryProvider = {
      provide: TELEMETRY_OPTIONS,
      useFactory: async (...injected) => ({ ...(await useFactory(...injected)), ...pathOf(options) }),
      inject,
    };
    const { imports: own, ...module } = moduleWith(
      provider,
      { serveMetrics, hostMetrics, metricsPath },
      registeredRuntime,
    );
    return { ...module, imports: [...(own ?? []), ...(imports ?? [])] };
  }
}

/** The telemetry that was started before the application, if any. */
type FindRunning = () => TelemetryRuntime | undefined;

/** @param findRunning tests have telemetry of their own, whatever runs */
export function telemetryModule(options: TelemetryModuleOptions, findRunning: FindRunning): DynamicModule {
  const { serveMetrics, hostMetrics } = options;
  return moduleWith(
    { provide: TELEMETRY_OPTIONS, useValue: options },
    {
      // A config that is wrong is reported when the application starts, not while its modules are being written down.
      metricsPath: attempt(() => configFor(options, findRunning()).metrics.path),
      serveMetrics,
      hostMetrics,
    },
    findRunning,
  );
}

function moduleWith(
  options: Provider,
  { serveMetrics = true, metricsPath = '/metrics', hostMetrics = false }: StaticOptions,
  findRunning: FindRunning,
): DynamicModule {
  return {
    module: TelemetryModule,
    // nestjs-otel's module puts a middleware before every request. Its services do without.
    imports: hostMetrics ? [OpenTelemetryModule.forRoot({ metrics: { hostMetrics } })] : [],
    controllers: serveMetrics ? [metricsController(metricsPath)] : [],
    providers: [
      options,
      {
        provide: TELEMETRY_RUNTIME,
        useFactory: (given: TelemetryModuleOptions) => runtimeFor(given, findRunning()),
        inject: [TELEMETRY_OPTIONS],
      },
      {
        provide: TELEMETRY_CONFIG,
        useFactory: (runtime: TelemetryRuntime) => runtime.config,
        inject: [TELEMETRY_RUNTIME],
      },
      {
        provide: METRICS_RUNTIME,
        useFactory: (runtime: TelemetryRuntime) => runtime.metrics,
        inject: [TELEMETRY_RUNTIME],
      },
      {
        provide: TRACE_LOGGER_OPTIONS,
        useFactory: ({ logger = {} }: TelemetryModuleOptions) => logger,
        inject: [TELEMETRY_OPTIONS],
      },
      TelemetryService,
      TraceLogger,
      TraceService,
      MetricService,
      HttpServerExplorer,
      InstrumentExplorer,
      MessageExplorer,
      OutgoingRequests,
    ],
    exports: [TELEMETRY_CONFIG, TELEMETRY_RUNTIME, TelemetryService, TraceLogger, TraceService, MetricService],
  };
}

function pathOf({ metricsPath }: TelemetryModuleAsyncOptions): Pick<TelemetryModuleOptions, 'metricsPath'> {
  return metricsPath === undefined ? {} : { metricsPath };
}

type StaticOptions = Pick<TelemetryModuleAsyncOptions, 'serveMetrics' | 'metricsPath' | 'hostMetrics'>;

function configFor(options: TelemetryModuleOptions, running: TelemetryRuntime | undefined): TelemetryConfig {
  if (running) return running.config;
  const { argv, env } = options;
  return loadTelemetryConfig({ options: settingsIn(options), env, flags: argv });
}

/** What is not configuration stays out: the loader takes a key that it does not know for a slip of the pen. */
function settingsIn({
  argv: _argv,
  env: _env,
  instrument: _instrument,
  http: _http,
  messages: _messages,
  outgoing: _outgoing,
  serveMetrics: _serveMetrics,
  hostMetrics: _hostMetrics,
  logger: _logger,
  tracerProvider: _tracerProvider,
  spanProcessors: _spanProcessors,
  ...settings
}: TelemetryModuleOptions): TelemetryOptions {
  return settings;
}

function runtimeFor(options: TelemetryModuleOptions, running: TelemetryRuntime | undefined): TelemetryRuntime {
  // nestjs-otel keeps instruments by name for good, also those of an application that has ended.
  meterData.clear();
  const { tracerProvider, spanProcessors } = options;
  if (!running) return new TelemetryRuntime(configFor(options, undefined), { tracerProvider, spanProcessors });
  const late = { ...settingsIn(options), tracerProvider, spanProcessors };
  const names = Object.entries(late).flatMap(([name, value]) => (value === undefined ? [] : name));
  if (running.config.enabled && names.length > 0)
    running.tell(
      `telemetry was started by spanwright/register, before the application: what the application says of ${names.join(', ')} comes too late. Say it in the environment or in a file.`,
    );
  return running;
}

@Injectable()
class OutgoingRequests {
  constructor(
    @Inject(TELEMETRY_RUNTIME) runtime: TelemetryRuntime,
    @Inject(TELEMETRY_OPTIONS) { outgoing = true }: TelemetryModuleOptions,
  ) {
    const { tracerProvider, config, metrics } = runtime;
    // Whoever started telemetry before the application has seen to it.
    const isSeenTo = registeredRuntime() === runtime;
    if (outgoing && tracerProvider && config.enabled && !isSeenTo)
      runtime.onEnd(claimOutgoing(tracerProvider, metrics.registry.enabled ? metrics.meterProvider : undefined));
  }
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
