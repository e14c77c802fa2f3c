/*
 * A Nest application with telemetry: traces, metrics, and the health of both.
 *
 *     node build/main.js           serves at http://localhost:3000, until it is stopped
 *     node build/main.js --demo    makes a few requests to itself, prints what they left, and ends
 */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { TraceLogger } from 'spanwright';
import { AppModule } from './app.module';
import { demonstrate } from './demo';

async function main(): Promise<void> {
  const isDemo = process.argv.includes('--demo');
  const app = await NestFactory.create(AppModule, { bufferLogs: true, logger: isDemo ? ['error', 'warn'] : undefined });
  // Log lines say which trace they belong to.
  if (!isDemo) app.useLogger(app.get(TraceLogger));
  app.enableShutdownHooks();
  await app.listen(isDemo ? 0 : (process.env.PORT ?? 3000), '127.0.0.1');
  if (isDemo) await demonstrate(app);
  else console.log(`listening at ${await app.getUrl()}`);
}

void main();
