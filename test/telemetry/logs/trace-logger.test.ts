import 'reflect-metadata';
import { inspect } from 'node:util';
import { Injectable, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { context, type Span, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import type { LogLevel } from '../../../src/config/telemetry-config';
import { type LogsRuntime, startLogs } from '../../../src/telemetry/logs/logs-runtime';
import { TRACE_LOGGER_OPTIONS, type TraceLoggerOptions } from '../../../src/telemetry/logs/trace-logger.options';
import { TraceLogger } from '../../../src/telemetry/logs/trace-logger.service';
import { createRedactor } from '../../../src/telemetry/privacy/redactor';
import { TELEMETRY_RUNTIME } from '../../../src/telemetry/telemetry.options';
import { runToItsEnd } from '../export/senders';
import { logsConfig } from './logs-config';

const redactor = createRedactor({ enabled: true, allow: [], deny: ['customer'] });
const tracer = new BasicTracerProvider().getTracer('trace-logger-test');
const LEVELS = ['fatal', 'error', 'warn', 'log', 'debug', 'verbose'] as const;

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
});

afterAll(() => context.disable());

afterEach(() => jest.restoreAllMocks());

function within<T>(span: Span, run: () => T): T {
  return context.with(trace.setSpan(context.active(), span), run);
}

/** What is written while something runs, by stream. */
function written(run: () => void): { stdout: string; stderr: string } {
  const texts = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    jest.spyOn(process[name], 'write').mockImplementation((text) => {
      texts[name] += text;
      return true;
    }),
  );
  try {
    run();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return texts;
}

function exporting(): LogsRuntime {
  return startLogs(logsConfig([{ type: 'memory' }]), resourceFromAttributes({}), redactor, () => {});
}

const plain: TraceLoggerOptions = { colors: false };

describe('a line of text', () => {
  test('ends with the ids of the active span', () => {
    const span = tracer.startSpan('a');
    const { traceId, spanId } = span.spanContext();
    const { stdout } = written(() =>
      within(span, () => {
        new TraceLogger(plain).log('hello', 'Orders');
        new TraceLogger({ colors: true }).log({ a: 1 });
      }),
    );
    const ids = `trace_id=${traceId} span_id=${spanId}\n`;
    expect(stdout).toMatch(new RegExp(`LOG \\[Orders\\] hello ${ids}`));
    expect(stdout.endsWith(` ${ids}`)).toBe(true);
  });

  test('is as Nest writes it where no span is active', () => {
    const { stdout } = written(() => new TraceLogger(plain).log('hello', 'Orders'));
    expect(stdout).toMatch(/^\[Nest\] \d+ {2}- .* {5}LOG \[Orders\] hello\n$/);
  });
});

describe('a line of JSON', () => {
  test('has the ids of the active span as fields', () => {
    const span = tracer.startSpan('a');
    const { traceId, spanId } = span.spanContext();
    const logger = new TraceLogger({ json: true, context: 'Orders' });
    const { stdout } = written(() => {
      within(span, () => logger.log('hello'));
      logger.log({ n: 1 });
    });
    const [first, second] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const ids = { trace_id: traceId, span_id: spanId, trace_flags: '01' };
    expect(first).toMatchObject({ level: 'log', message: 'hello', context: 'Orders', ...ids });
    expect(second).toEqual({
      level: 'log',
      pid: process.pid,
      timestamp: expect.any(Number),
      message: { n: 1 },
      context: 'Orders',
    });
  });
});

describe.each([false, true])('with json: %p', (json) => {
  test('every level goes to standard error when asked', () => {
    const logger = new TraceLogger({ ...plain, json, stderr: true });
    const { stdout, stderr } = written(() => {
      for (const level of LEVELS) logger[level](`said as ${level}`);
      logger.error('failed', 'Error: failed\n    at a (b.ts:1:1)');
    });
    expect(stdout).toBe('');
    for (const level of LEVELS) expect(stderr).toContain(`said as ${level}`);
    expect(stderr).toContain('at a (b.ts:1:1)');
  });

  test('by default levels go where Nest writes them', () => {
    const logger = new TraceLogger({ ...plain, json });
    const { stdout, stderr } = written(() => {
      for (const level of LEVELS) logger[level](`said as ${level}`);
    });
    expect(stderr).toContain('said as error');
    expect(stdout.match(/said as/g)).toHaveLength(5);
  });

  test('secrets are hidden when asked, and only then', () => {
    const secrets = () => {
      const logger = new TraceLogger({ ...plain, json, redactSecrets: true });
      logger.log('sent Bearer abcdef');
      logger.log({ password: 'hunter2', n: 1 });
      logger.error('refused', 'Error: token=hunter2\n    at a (b.ts:1:1)');
      logger.warn(new Error('no postgres://u:hunter2@db'));
    };
    const { stdout, stderr } = written(secrets);
    expect(stdout + stderr).not.toMatch(/abcdef|hunter2/);
    expect((stdout + stderr).match(/\[REDACTED\]/g)?.length).toBeGreaterThanOrEqual(4);
    expect(stdout).toContain('n');
    const open = written(() => new TraceLogger({ ...plain, json }).log({ password: 'hunter2' }));
    expect(open.stdout).toContain('hunter2');
  });
});

test.each<[LogLevel, number]>([
  ['silent', 0],
  ['fatal', 1],
  ['error', 2],
  ['warn', 3],
  ['info', 4],
  ['debug', 5],
  ['trace', 6],
])('level %s writes %i of the six', (level, expected) => {
  const logger = new TraceLogger({ ...plain, level, stderr: true });
  const { stderr } = written(() => {
    for (const name of LEVELS) logger[name]('said');
  });
  expect(stderr.match(/said/g) ?? []).toHaveLength(expected);
});

describe('exported', () => {
  let logs: LogsRuntime;

  beforeEach(() => {
    logs = exporting();
  });

  afterEach(() => logs.shutdown(0));

  const exported = (run: (logger: TraceLogger) => void): readonly ReadableLogRecord[] => {
    written(() => run(new TraceLogger(plain)));
    return logs.records;
  };

  test('a line has level, message, context and the active span, without secrets', () => {
    const span = tracer.startSpan('a');
    const { traceId, spanId } = span.spanContext();
    const records = exported((logger) =>
      within(span, () => {
        logger.warn('sent Bearer abcdef', 'Orders');
        logger.verbose({ customer: 'a', n: 1 });
      }),
    );
    expect(records).toMatchObject([
      {
        severityNumber: 13,
        severityText: 'WARN',
        body: 'sent Bearer [REDACTED]',
        attributes: { context: 'Orders' },
        spanContext: { traceId, spanId },
      },
      { severityText: 'TRACE', body: { customer: '[REDACTED]', n: 1 }, attributes: {} },
    ]);
  });

  test('an error is an exception, given as it is or by its stack', () => {
    const error = new TypeError('bad');
    const records = exported((logger) => {
      logger.error(error);
      logger.error('it failed', error.stack, 'Orders');
    });
    const exception = { 'exception.type': 'TypeError', 'exception.stacktrace': error.stack };
    expect(records).toMatchObject([
      { severityText: 'ERROR', body: 'bad', attributes: { ...exception, 'exception.message': 'bad' } },
      { body: 'it failed', attributes: { ...exception, 'exception.message': 'it failed', context: 'Orders' } },
    ]);
  });

  test('several messages are several records, and a level that is off is none', () => {
    written(() => {
      const logger = new TraceLogger({ ...plain, level: 'warn' });
      logger.warn('a', 'b', 'Orders');
      logger.log('off');
    });
    expect(logs.records.map(({ body }) => body)).toEqual(['a', 'b']);
  });

  test('a message that is a function is asked once', () => {
    let asked = 0;
    const { stdout } = written(() => new TraceLogger(plain).log(() => `asked ${++asked}`));
    expect(stdout).toContain('asked 1');
    expect(logs.records).toMatchObject([{ body: 'asked 1' }]);
  });

  test('a message that cannot be read stops nobody', () => {
    const broken = {
      [inspect.custom]: () => 'broken',
      get a(): string {
        throw new Error('not to be read');
      },
    };
    expect(exported((logger) => logger.log(broken))).toMatchObject([{ body: { a: '[Unreadable]' } }]);
  });
});

describe('in an application', () => {
  @Injectable()
  class Orders {
    private readonly logger = new Logger(Orders.name);

    place(): void {
      this.logger.log('placed');
      this.logger.debug('in detail');
    }
  }

  function moduleWith(options?: TraceLoggerOptions) {
    const telemetry = { config: { logs: { level: 'info' } }, redactor };
    @Module({
      providers: [
        Orders,
        TraceLogger,
        { provide: TELEMETRY_RUNTIME, useValue: telemetry },
        ...(options ? [{ provide: TRACE_LOGGER_OPTIONS, useValue: options }] : []),
      ],
    })
    class AppModule {}
    return AppModule;
  }

  test('the injected logger takes its level from the config, and what was buffered is not lost', async () => {
    const logs = exporting();
    const app = await NestFactory.createApplicationContext(moduleWith({ ...plain }), { bufferLogs: true });
    try {
      const span = tracer.startSpan('a');
      const { stdout } = written(() => {
        app.useLogger(app.get(TraceLogger));
        within(span, () => app.get(Orders).place());
      });
      expect(stdout).toContain('[InstanceLoader] AppModule dependencies initialized');
      expect(stdout).toContain(`[Orders] placed trace_id=${span.spanContext().traceId}`);
      expect(stdout).not.toContain('in detail');
      expect(logs.records.at(-1)).toMatchObject({ body: 'placed', attributes: { context: 'Orders' } });
    } finally {
      Logger.overrideLogger(false);
      await app.close();
      await logs.shutdown(0);
    }
  });

  test('it can be injected without any options', async () => {
    const app = await NestFactory.createApplicationContext(moduleWith(), { logger: false });
    expect(app.get(TraceLogger).isLevelEnabled('log')).toBe(true);
    expect(app.get(TraceLogger).isLevelEnabled('debug')).toBe(false);
    await app.close();
  });

  test('a program that answers on standard output keeps it to itself', async () => {
    const printed = await runToItsEnd(`
      require('reflect-metadata');
      const { Module, Logger } = require('@nestjs/common');
      const { NestFactory } = require('@nestjs/core');
      const { TraceLogger } = require('./src/telemetry/logs/trace-logger.service.ts');
      const lines = [];
      process.stderr.write = (line) => lines.push(line) > 0;
      class AppModule {}
      Module({})(AppModule);
      const logger = new TraceLogger({ stderr: true, json: true });
      NestFactory.createApplicationContext(AppModule, { logger }).then(async (app) => {
        new Logger('Mcp').fatal('listening');
        process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id: 1, result: lines.length > 2 }) + '\\n');
        await app.close();
      });
    `);
    expect(JSON.parse(printed)).toEqual({ jsonrpc: '2.0', id: 1, result: true });
  });
});
