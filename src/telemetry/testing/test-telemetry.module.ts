import { type DynamicModule, Global, Module } from '@nestjs/common';
import { MemorySink } from '../export/memory-sink';
import { telemetryModule } from '../telemetry.module';
import { TELEMETRY_RUNTIME, type TelemetryModuleOptions } from '../telemetry.options';
import type { TelemetryRuntime } from '../telemetry-runtime';
import { SpanLeaks } from './span-leaks';
import { TestTelemetry } from './test-telemetry';

/**
 * `TelemetryModule` for tests: everything is recorded and kept in memory, nothing is sent, and neither environment nor config files are asked. Inject {@link TestTelemetry}.
 *
 * @example
 * ```ts
 * const module = await Test.createTestingModule({
 *   imports: [TestTelemetryModule.forRoot({ instrument: true }), CatsModule],
 * }).compile();
 * const telemetry = module.get(TestTelemetry);
 * ```
 */
@Global()
@Module({})
export class TestTelemetryModule {
  /** @param options as for `TelemetryModule`; exporters are replaced */
  static forRoot(options: TelemetryModuleOptions = {}): DynamicModule {
    const leaks = new SpanLeaks();
    const telemetry = telemetryModule(
      {
        serviceName: 'test',
        ...options,
        exporters: { traces: ['memory'], metrics: ['memory'], logs: ['memory'] },
        spanProcessors: [leaks, ...(options.spanProcessors ?? [])],
        env: {},
      },
      () => undefined,
    );
    return {
      module: TestTelemetryModule,
      imports: [telemetry],
      providers: [
        {
          provide: TestTelemetry,
          useFactory: (runtime: TelemetryRuntime) => new TestTelemetry(runtime, memorySinkOf(runtime), leaks),
          inject: [TELEMETRY_RUNTIME],
        },
      ],
      exports: [TestTelemetry],
    };
  }
}

/** Where the test has switched tracing off, or brings a tracer provider of its own, none of ours gets anything. */
function memorySinkOf({ sinks }: TelemetryRuntime): MemorySink {
  return sinks.find((sink) => sink instanceof MemorySink) ?? new MemorySink();
}
