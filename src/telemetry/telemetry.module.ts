import {
  type DynamicModule,
  type FactoryProvider,
  Global,
  Inject,
  Injectable,
  Module,
  type OnApplicationShutdown,
  type Provider,
} from '@nestjs/common';
import { OpenTelemetryModule } from 'nestjs-otel';
import { meterData } from 'nestjs-otel/lib/metrics/metric-data';
import { loadTelemetryConfig } from '../config/load-telemetry-config';
import type { TelemetryConfig } from '../config/telemetry-config';
import { HttpServerExplorer } from './http/http-server.explorer';
import { InstrumentExplorer } from './instrument/instrument.explorer';
import { TRACE_LOGGER_OPTIONS } from './logs/trace-logger.options';
import { TraceLogger } from './logs/trace-logger.service';
import { MessageExplorer } from './messages/message.explorer';
import { metricsController } from './metrics/metrics.controller';
import { METRICS_RUNTIME } from './metrics/metrics.options';
import { claimOutgoing } from './outgoing-claims';
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
    const { serveMetrics, hostMetrics } = options;
    return moduleWith(
      { provide: TELEMETRY_OPTIONS, useValue: options },
      {
        // A config that is wrong is reported when the application starts, not while its modules are being written down.
        metricsPath: attempt(() => configFor(options).metrics.path) ?? '/metrics',
        serveMetrics,
        hostMetrics,
      },
    );
  }

  /**
   * As `forRoot`, with options that are worked out when the application starts. What decides which routes and modules there are must be known before: `serveMetrics`, `metricsPath` and
   * `hostMetrics` are given beside the factory.
   */
  static forRootAsync(options: TelemetryModuleAsyncOptions): DynamicModule {
    const { imports, inject, useFactory, serveMetrics, hostMetrics } = options;
    // The environment may say another path.
    const metricsPath = attempt(() => configFor(pathOf(options)).metrics.path) ?? options.metricsPath;
    const provider: FactoryProvider = {
      provide: TELEMETRY_OPTIONS,
      useFactory: async (...injected) => ({ ...(await useFactory(...injected)), ...pathOf(options) }),
      inject,
    };
    const { imports: own, ...module } = moduleWith(provider, { serveMetrics, hostMetrics, metricsPath });
    return { ...module, imports: [...(own ?? []), ...(imports ?? [])] };
  }
}

function moduleWith(
  options: Provider,
  { serveMetrics = true, metricsPath = '/metrics', hostMetrics = false }: StaticOptions,
): DynamicModule {
  return {
    module: TelemetryModule,
    imports: [OpenTelemetryModule.forRoot({ metrics: { hostMetrics } })],
    controllers: serveMetrics ? [metricsController(metricsPath)] : [],
    providers: [
      options,
      { provide: TELEMETRY_CONFIG, useFactory: configFor, inject: [TELEMETRY_OPTIONS] },
      { provide: TELEMETRY_RUNTIME, useFactory: runtimeFor, inject: [TELEMETRY_CONFIG, TELEMETRY_OPTIONS] },
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
      HttpServerExplorer,
      InstrumentExplorer,
      MessageExplorer,
      OutgoingRequests,
    ],
    exports: [TELEMETRY_CONFIG, TELEMETRY_RUNTIME, TelemetryService, TraceLogger, OpenTelemetryModule],
  };
}

function pathOf({ metricsPath }: TelemetryModuleAsyncOptions): Pick<TelemetryModuleOptions, 'metricsPath'> {
  return metricsPath === undefined ? {} : { metricsPath };
}

type StaticOptions = Pick<TelemetryModuleAsyncOptions, 'serveMetrics' | 'metricsPath' | 'hostMetrics'>;

function configFor(options: TelemetryModuleOptions): TelemetryConfig {
  const running = registeredRuntime();
  if (running) return running.config;
  // What is not configuration stays here: the loader takes a key that it does not know for a slip of the pen.
  const {
    argv,
    env,
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
  } = options;
  return loadTelemetryConfig({ options: settings, env, flags: argv });
}

function runtimeFor(config: TelemetryConfig, options: TelemetryModuleOptions): TelemetryRuntime {
  const { tracerProvider, spanProcessors } = options;
  return registeredRuntime() ?? new TelemetryRuntime(config, { tracerProvider, spanProcessors });
}

@Injectable()
class OutgoingRequests implements OnApplicationShutdown {
  private readonly stop: (() => void) | undefined;

  constructor(
    @Inject(TELEMETRY_RUNTIME) { tracerProvider, config, metrics }: TelemetryRuntime,
    @Inject(TELEMETRY_OPTIONS) { outgoing = true }: TelemetryModuleOptions,
  ) {
    if (outgoing && tracerProvider && config.enabled)
      this.stop = claimOutgoing(tracerProvider, metrics.registry.enabled ? metrics.meterProvider : undefined);
  }

  onApplicationShutdown(): void {
    this.stop?.();
  }
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
