import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import type { DynamicModule, INestApplication, ModuleMetadata, Type } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { MemorySink } from '../../src/telemetry/export/memory-sink';
import { TELEMETRY_RUNTIME, type TelemetryModuleOptions } from '../../src/telemetry/telemetry.options';
import type { TelemetryRuntime } from '../../src/telemetry/telemetry-runtime';

export const ADAPTERS = ['express', 'fastify'] as const;
export type Adapter = (typeof ADAPTERS)[number];

/** Spans stay in memory, metrics wait for Prometheus, and the environment has no say. The requests of the tests themselves are not traced. */
export const IN_MEMORY: TelemetryModuleOptions = {
  serviceName: 'shop',
  exporters: { traces: ['memory'], metrics: ['prometheus'], logs: [] },
  outgoing: false,
  env: {},
};

/** A real application on a real port. */
export class RunningApp {
  private constructor(
    readonly app: INestApplication,
    readonly url: string,
  ) {}

  static async start(adapter: Adapter, metadata: ModuleMetadata): Promise<RunningApp> {
    const root = rootModule(metadata);
    const options = { logger: false, abortOnError: false } as const;
    const app =
      adapter === 'express'
        ? await NestFactory.create(root, options)
        : await NestFactory.create(root, new FastifyAdapter(), options);
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    return new RunningApp(app, `http://127.0.0.1:${port}`);
  }

  get<T>(token: Type<T> | symbol): T {
    return this.app.get<T>(token, { strict: false });
  }

  get runtime(): TelemetryRuntime {
    return this.get<TelemetryRuntime>(TELEMETRY_RUNTIME);
  }

  get spans(): readonly ReadableSpan[] {
    return memorySpans(this.runtime);
  }

  /** The span of that name, once it has ended: a server's span ends a little after its answer is there. */
  async span(name: string): Promise<ReadableSpan> {
    for (let turn = 0; turn < 1000; turn++) {
      const found = this.spans.find((span) => span.name === name);
      if (found) return found;
      await new Promise((resolve) => setImmediate(resolve));
    }
    throw new Error(`no span '${name}' among ${this.spans.map((span) => span.name).join(', ')}`);
  }

  async fetch(path: string, init?: RequestInit): Promise<{ status: number; text: string; headers: Headers }> {
    const response = await fetch(`${this.url}${path}`, init);
    return { status: response.status, text: await response.text(), headers: response.headers };
  }

  /** Samples as Prometheus sees them, without the comments. */
  async scrape(accept?: string): Promise<string[]> {
    const { status, text } = await this.fetch('/metrics', accept === undefined ? {} : { headers: { accept } });
    if (status !== 200) throw new Error(`/metrics answered ${status}: ${text}`);
    return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  }

  async close(): Promise<void> {
    await this.app.close();
  }
}

export function memorySpans({ pipeline, sinks }: TelemetryRuntime): readonly ReadableSpan[] {
  pipeline?.handOver();
  return (sinks.find((sink) => sink instanceof MemorySink) as MemorySink).spans;
}

export function rootModule(metadata: ModuleMetadata): DynamicModule {
  @Module({})
  class RootModule {}
  return { module: RootModule, ...metadata };
}

/** The value of a sample, by its name and the labels that it must have; others do not matter. */
export function sample(
  lines: readonly string[],
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const found = lines.filter((line) => {
    if (line !== name && !line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) return false;
    return Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`));
  });
  if (found.length > 1) throw new Error(`${name} ${JSON.stringify(labels)} is not one sample:\n${found.join('\n')}`);
  const value = found[0]
    ?.replace(/ # .*$/, '')
    .split(' ')
    .at(-1);
  return value === undefined ? undefined : Number(value);
}
