/*
 * A Nest application that builds a graph: the scheduler is injected like any other service.
 *
 *     node main.js graph.json
 */
import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RunView, readGraph, SchedulerModule, SchedulerService } from 'spanwright';

@Injectable()
class ReleaseService {
  constructor(private readonly scheduler: SchedulerService) {}

  async release(graphFile: string): Promise<boolean> {
    const view = new RunView();
    const { status } = await this.scheduler.build(readGraph(graphFile), { onEvent: (event) => view.apply(event) });
    for (const job of view.sortedJobs()) console.log(`${job.status} ${job.label}`);
    return status === 'succeeded';
  }
}

@Module({ imports: [SchedulerModule.forRoot({ workers: 2 })], providers: [ReleaseService] })
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
  app.enableShutdownHooks();
  const released = await app.get(ReleaseService).release(process.argv[2] ?? 'graph.json');
  await app.close();
  process.exitCode = released ? 0 : 1;
}

void main();
