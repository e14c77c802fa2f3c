import { type DynamicModule, type FactoryProvider, Module, type ModuleMetadata } from '@nestjs/common';
import { SCHEDULER_OPTIONS, type SchedulerModuleOptions } from './scheduler.options';
import { SchedulerService } from './scheduler.service';

/** Options that are worked out when the application starts. */
export interface SchedulerModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  readonly inject?: FactoryProvider['inject'];
  // biome-ignore lint/suspicious/noExplicitAny: the injected values are whatever `inject` names
  readonly useFactory: (...injected: any[]) => SchedulerModuleOptions | Promise<SchedulerModuleOptions>;
}

/**
 * Builds graphs inside a Nest application: import it, and inject {@link SchedulerService}.
 *
 * Spans go to the application's own OpenTelemetry SDK, below whatever span is active when a build is started.
 *
 * @example
 * ```ts
 * @Module({ imports: [SchedulerModule.forRoot({ workers: 4 })] })
 * export class AppModule {}
 * ```
 */
@Module({})
export class SchedulerModule {
  static forRoot(options: SchedulerModuleOptions = {}): DynamicModule {
    return moduleWith({ provide: SCHEDULER_OPTIONS, useFactory: () => options });
  }

  static forRootAsync({ imports, inject, useFactory }: SchedulerModuleAsyncOptions): DynamicModule {
    return { ...moduleWith({ provide: SCHEDULER_OPTIONS, useFactory, inject }), imports };
  }
}

function moduleWith(options: FactoryProvider): DynamicModule {
  return { module: SchedulerModule, providers: [options, SchedulerService], exports: [SchedulerService] };
}
