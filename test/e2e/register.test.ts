import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { OtlpCollector } from '../support/otlp-collector';

jest.setTimeout(60_000);

const ROOT = resolve(__dirname, '../..');
const TYPESCRIPT = resolve(__dirname, '../telemetry/export/typescript.cjs');
const REGISTER = resolve(ROOT, 'src/register.ts');

/** What the programs below share. */
const PRELUDE = `
  const { createRequire } = require('node:module');
  const load = createRequire(${JSON.stringify(resolve(ROOT, 'src/index.ts'))});
  const { trace, metrics, context } = load('@opentelemetry/api');
  const http = require('node:http');
  const ask = (url) => new Promise((done, failed) =>
    http.get(url, (answer) => answer.resume().on('end', done)).on('error', failed));
  const nest = () => {
    load('reflect-metadata');
    const { Module } = load('@nestjs/common');
    const { NestFactory } = load('@nestjs/core');
    const { TelemetryModule } = load('./telemetry/telemetry.module.ts');
    const { TelemetryService } = load('./telemetry/telemetry.service.ts');
    const create = async (options, more = {}, factory = {}) => {
      class AppModule {}
      Module({ imports: [TelemetryModule.forRoot(options)], ...more })(AppModule);
      return NestFactory.create(AppModule, { logger: false, ...factory });
    };
    return { create, TelemetryService };
  };
`;

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

class Program {
  readonly end: Promise<Ended>;
  private constructor(readonly child: ChildProcess) {
    const output = Promise.all([text(child.stdout as never), text(child.stderr as never)]);
    this.end = once(child, 'exit').then(async ([code, signal]) => {
      const [stdout, stderr] = await output;
      return { code, signal, stdout, stderr };
    });
  }

  static start(code: string, { env = {}, registered = true }: { env?: Record<string, string>; registered?: boolean }) {
    const required = registered ? [TYPESCRIPT, REGISTER] : [TYPESCRIPT];
    const args = [...required.flatMap((file) => ['--require', file]), '-e', PRELUDE + code];
    const { PATH = '' } = process.env;
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      env: { PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    return new Program(child);
  }

  /** Resolves when the program says \`process.send\`. */
  async message(): Promise<unknown> {
    const [message] = await Promise.race([
      once(this.child, 'message'),
      this.end.then(({ stderr }) => Promise.reject(new Error(`ended without a word:\n${stderr}`))),
    ]);
    return message;
  }
}

let collector: OtlpCollector;
let upstream: Server;
let upstreamUrl: string;
const asked: IncomingHttpHeaders[] = [];

beforeEach(async () => {
  collector = await OtlpCollector.start();
  asked.length = 0;
  upstream = createServer((request, response) => {
    asked.push(request.headers);
    response.end('fine');
  });
  await once(upstream.listen(0, '127.0.0.1'), 'listening');
  upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/`;
});

afterEach(async () => {
  await collector.stop();
  upstream.closeAllConnections();
  upstream.close();
});

const toCollector = () => ({
  OTEL_SERVICE_NAME: 'registered',
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.httpEndpoint,
  OTEL_METRICS_EXPORTER: 'none',
});

const names = () => collector.spans.map(({ name }) => name).sort();
const run = (code: string, options: Parameters<typeof Program.start>[1] = {}) => Program.start(code, options).end;

describe('a program that registers', () => {
  test('traces before anything else is loaded, and sends what is left when it has nothing more to do', async () => {
    const code = `
      trace.getTracer('mine').startSpan('early').end();
      process.once('beforeExit', () => trace.getTracer('mine').startSpan('last').end());
    `;
    const ended = await run(code, { env: toCollector() });
    expect(ended).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect(names()).toEqual(expect.arrayContaining(['early']));
    expect(collector.spans[0]?.resource['service.name']).toBe('registered');
  });

  test('traces what it asks of others, by http and by fetch, once each', async () => {
    const code = `ask('${upstreamUrl}').then(() => fetch('${upstreamUrl}')).then((answer) => answer.text());`;
    const ended = await run(code, { env: toCollector() });
    expect(ended).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(names()).toEqual(['GET', 'GET']);
    const sent = asked.map(({ traceparent }) => traceparent);
    expect(sent.sort()).toEqual(collector.spans.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`).sort());
  });

  test('dies of SIGTERM as it would have, and what it had is sent', async () => {
    const code = `
      trace.getTracer('mine').startSpan('interrupted').end();
      setInterval(() => {}, 1000);
      process.send('ready');
    `;
    const program = Program.start(code, { env: toCollector() });
    await program.message();
    program.child.kill('SIGTERM');
    expect(await program.end).toEqual({ code: null, signal: 'SIGTERM', stdout: '', stderr: '' });
    expect(names()).toEqual(['interrupted']);
  });

  test('dies of SIGTERM within the deadline when the collector hangs', async () => {
    collector.behaviour = 'hang';
    const code = `
      trace.getTracer('mine').startSpan('interrupted').end();
      setInterval(() => {}, 1000);
      process.send('ready');
    `;
    const env = { ...toCollector(), CONTAINER_KIT_SHUTDOWN_TIMEOUT: '200ms', OTEL_EXPORTER_OTLP_TIMEOUT: '100' };
    const program = Program.start(code, { env });
    await program.message();
    program.child.kill('SIGTERM');
    program.child.kill('SIGTERM');
    const ended = await program.end;
    expect(ended).toMatchObject({ code: null, signal: 'SIGTERM', stdout: '' });
  });

  test('leaves the signal to those who listen to it', async () => {
    const code = `
      process.on('SIGTERM', () => {
        trace.getTracer('mine').startSpan('goodbye').end();
        clearInterval(timer);
        process.disconnect();
      });
      const timer = setInterval(() => {}, 1000);
      process.send('ready');
    `;
    const program = Program.start(code, { env: toCollector() });
    await program.message();
    program.child.kill('SIGTERM');
    expect(await program.end).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect(names()).toEqual(['goodbye']);
  });

  test('with telemetry off is as if it had not', async () => {
    const code = `
      trace.getTracer('mine').startSpan('nothing').end();
      const api = globalThis[Symbol.for('opentelemetry.js.api.1')] ?? {};
      process.send({
        globals: Object.keys(api).filter((key) => key !== 'version'),
        listeners: ['SIGTERM', 'SIGINT', 'beforeExit'].map((name) => process.listenerCount(name)),
      });
      process.disconnect();
    `;
    const program = Program.start(code, { env: { ...toCollector(), OTEL_SDK_DISABLED: 'true' } });
    expect(await program.message()).toEqual({ globals: [], listeners: [0, 0, 0] });
    expect(await program.end).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect(collector.requests).toBe(0);
  });

  test('does not start with a value that is wrong, and says which', async () => {
    const ended = await run('', { env: { CONTAINER_KIT_TRACE_SAMPLE_RATE: '2' } });
    expect(ended.code).not.toBe(0);
    expect(ended.stdout).toBe('');
    expect(ended.stderr.match(/CONTAINER_KIT_TRACE_SAMPLE_RATE/g)).toHaveLength(1);
  });
});

describe('an application in a program that registers', () => {
  test('takes over the telemetry that runs, and says what comes too late', async () => {
    const code = `
      (async () => {
        const { create, TelemetryService } = nest();
        const app = await create({ serviceName: 'from-code', traceSampleRate: 0 });
        await app.listen(0, '127.0.0.1');
        const telemetry = app.get(TelemetryService, { strict: false });
        await telemetry.instrumentToolExecution('a', () => ask('${upstreamUrl}'));
        process.send({ name: telemetry.config.serviceName, port: app.getHttpServer().address().port });
        process.once('message', async () => {
          await app.close();
          process.disconnect();
        });
      })();
    `;
    const program = Program.start(code, { env: toCollector() });
    const { name, port } = (await program.message()) as { name: string; port: number };
    expect(name).toBe('registered');
    expect((await fetch(`http://127.0.0.1:${port}/nowhere`)).status).toBe(404);
    program.child.send('end');
    const ended = await program.end;
    expect(ended).toMatchObject({ code: 0, signal: null, stdout: '' });
    expect(ended.stderr).toMatch(/^telemetry: .*serviceName, traceSampleRate.*too late.*\n$/);
    expect(names()).toEqual(['GET', 'http.GET unmatched', 'tool.a']);
    const [tool] = collector.spans.filter(({ name }) => name === 'tool.a');
    const [call] = collector.spans.filter(({ name }) => name === 'GET');
    expect(call?.parentSpanId).toBe(tool?.spanId);
    expect(asked[0]?.traceparent).toBe(`00-${call?.traceId}-${call?.spanId}-01`);
  });

  test('ends without ending it for another application of the process', async () => {
    const code = `
      (async () => {
        const { create, TelemetryService } = nest();
        const [first, second] = [await create(), await create()];
        await first.init();
        await second.init();
        await first.close();
        await second.get(TelemetryService, { strict: false }).instrumentToolExecution('second', async () => {});
        await second.close();
        process.disconnect();
      })();
    `;
    expect(await run(code, { env: toCollector() })).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect(names()).toEqual(['tool.second']);
  });

  test('with shutdown hooks dies of SIGTERM, and what is traced at the very end is sent', async () => {
    const code = `
      (async () => {
        const { create, TelemetryService } = nest();
        class Drain {
          constructor(telemetry) { this.telemetry = telemetry; }
          onApplicationShutdown() { return this.telemetry.instrumentOperation('drained', 'shutdown', async () => {}); }
        }
        const drain = { provide: 'DRAIN', useFactory: (telemetry) => new Drain(telemetry), inject: [TelemetryService] };
        const app = await create({}, { providers: [drain] });
        app.enableShutdownHooks();
        await app.listen(0, '127.0.0.1');
        process.send('ready');
      })();
    `;
    for (const registered of [true, false]) {
      collector.spans.splice(0);
      const program = Program.start(code, { env: toCollector(), registered });
      await program.message();
      program.child.kill('SIGTERM');
      expect(await program.end).toEqual({ code: null, signal: 'SIGTERM', stdout: '', stderr: '' });
      expect(names()).toEqual(['drained']);
    }
  });
});

describe('an application without', () => {
  test('whose configuration is wrong does not start, and says what it is', async () => {
    const code = `nest().create({}, {}, { logger: ['error'] }).then(() => process.send('started'));`;
    const env = { OTEL_TRACES_SAMPLER: 'sometimes', OTEL_BSP_SCHEDULE_DELAY: 'soon' };
    const ended = await run(code, { env, registered: false });
    expect(ended.code).not.toBe(0);
    expect(ended.stderr).toContain('OTEL_TRACES_SAMPLER');
    expect(ended.stderr).toContain('OTEL_BSP_SCHEDULE_DELAY');
  });

  test('writes nothing to standard output, wherever telemetry goes', async () => {
    const code = `
      (async () => {
        const { create, TelemetryService } = nest();
        const { TraceLogger } = load('./telemetry/logs/trace-logger.service.ts');
        const exporters = { traces: ['console'], metrics: ['console'], logs: ['console'] };
        const app = await create({ exporters, serviceName: 'quiet', diagnosticLogLevel: 'debug' });
        await app.init();
        const telemetry = app.get(TelemetryService, { strict: false });
        await telemetry.instrumentToolExecution('loud', async () => {
          load('@opentelemetry/api-logs').logs.getLogger('mine').emit({ body: 'logged line' });
        });
        await app.close();
        process.disconnect();
      })();
    `;
    const ended = await run(code, { registered: false });
    expect(ended).toMatchObject({ code: 0, signal: null, stdout: '' });
    expect(ended.stderr).toContain('tool.loud');
    expect(ended.stderr).toContain('tool_execution_total');
    expect(ended.stderr).toContain('logged line');
  });

  test('beside another in one process has one span for each request that goes out, and goes on when the other ends', async () => {
    const code = `
      (async () => {
        const { create, TelemetryService } = nest();
        const [first, second] = [await create(), await create()];
        await first.init();
        await second.init();
        await ask('${upstreamUrl}');
        await second.close();
        await ask('${upstreamUrl}');
        await first.close();
        await ask('${upstreamUrl}');
        process.disconnect();
      })();
    `;
    const ended = await run(code, { env: toCollector(), registered: false });
    expect(ended).toMatchObject({ code: 0, signal: null, stdout: '' });
    expect(names()).toEqual(['GET', 'GET']);
    expect(asked.map(({ traceparent }) => traceparent !== undefined)).toEqual([true, true, false]);
  });
});
