import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { type LogRecord, SeverityNumber } from '@opentelemetry/api-logs';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { suppressTracing } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ExportConfig, LogExporterConfig, OtlpProtocol } from '../../../src/config/telemetry-config';
import { activeLogs } from '../../../src/telemetry/logs/active-logs';
import { severityOf } from '../../../src/telemetry/logs/log-levels';
import { type LogsRuntime, startLogs } from '../../../src/telemetry/logs/logs-runtime';
import { createRedactor, type Redactor } from '../../../src/telemetry/privacy/redactor';
import { UserError } from '../../../src/util/user-error';
import { OtlpLogsCollector } from '../../support/otlp-logs-collector';
import { runToItsEnd } from '../export/senders';
import { logsConfig, otlp } from './logs-config';

const PROTOCOLS: readonly OtlpProtocol[] = ['grpc', 'http/protobuf', 'http/json'];
const LONG_ENOUGH_MS = 30_000;
const span = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
const resource = resourceFromAttributes({ 'service.name': 'shop' });
const redactor = createRedactor({ enabled: true, allow: [], deny: [] });

let collector: OtlpLogsCollector;
const started: LogsRuntime[] = [];
const problems: string[] = [];

beforeEach(async () => {
  collector = await OtlpLogsCollector.start();
  problems.length = 0;
});

afterEach(async () => {
  for (const runtime of started.splice(0)) await runtime.shutdown(0);
  await collector.stop();
});

function start(exporters: readonly LogExporterConfig[], over: { export?: Partial<ExportConfig> } = {}): LogsRuntime {
  const runtime = startLogs(logsConfig(exporters, over), resource, redactor, (message) => problems.push(message));
  started.push(runtime);
  return runtime;
}

const endpoint = (protocol: OtlpProtocol) => (protocol === 'grpc' ? collector.grpcEndpoint : collector.httpEndpoint);
const toCollector = (protocol: OtlpProtocol) => otlp(endpoint(protocol), protocol);
const record = (body: LogRecord['body'], over: LogRecord = {}): LogRecord => ({ ...severityOf('info'), body, ...over });

/** What the account says, and that it balances. */
function account(runtime: LogsRuntime) {
  const { made, exported, queued, dropped, healthy, queuedBytes } = runtime.statuses[0]!;
  expect(made).toBe(exported + queued + Object.values(dropped).reduce((sum, some) => sum + some, 0));
  const reasons = Object.fromEntries(Object.entries(dropped).filter(([, some]) => some > 0));
  return { made, exported, queued, dropped: reasons, healthy, queuedBytes };
}

describe.each(PROTOCOLS)('over %s', (protocol) => {
  test('a record arrives whole, without its secrets', async () => {
    const headers = { 'x-tenant': 'a' };
    const runtime = start([otlp(endpoint(protocol), protocol, { headers, compression: 'gzip' })]);
    runtime.emit({
      severityNumber: SeverityNumber.WARN,
      severityText: 'WARN',
      timestamp: new Date(1_700_000_000_123),
      body: { text: 'größe', url: 'https://u:p@example.com', list: [1, 0.5, true, null], nested: { password: 'x' } },
      attributes: { context: 'Orders', 'http.request.header.cookie': 'a=b', n: 7 },
      context: trace.setSpanContext(ROOT_CONTEXT, span),
    });
    await runtime.flush(LONG_ENOUGH_MS);
    expect(collector.logs).toEqual([
      {
        traceId: span.traceId,
        spanId: span.spanId,
        flags: 1,
        timeUnixNano: 1_700_000_000_123_000_000n,
        observedTimeUnixNano: expect.any(BigInt),
        severityNumber: 13,
        severityText: 'WARN',
        body: {
          text: 'größe',
          url: 'https://[REDACTED]@example.com',
          list: [1, 0.5, true, null],
          nested: { password: '[REDACTED]' },
        },
        attributes: { context: 'Orders', 'http.request.header.cookie': '[REDACTED]', n: 7 },
        resource: { 'service.name': 'shop' },
        scope: 'spanwright',
      },
    ]);
    // gRPC does not show the application how a message was packed.
    const sent = protocol === 'grpc' ? headers : { ...headers, 'content-encoding': 'gzip' };
    expect(collector.requests).toMatchObject([{ protocol, headers: sent }]);
    expect(account(runtime)).toEqual({ made: 1, exported: 1, queued: 0, dropped: {}, healthy: true, queuedBytes: 0 });
    expect(problems).toEqual([]);
  });

  test('what a collector refuses for a while arrives later, once and in order, and is said once', async () => {
    collector.behaviour = 'refuse';
    const runtime = start([toCollector(protocol)], { export: { maxBatchSpans: 10 } });
    const bodies = Array.from({ length: 35 }, (_, i) => i);
    for (const body of bodies) runtime.emit(record(body));
    await collector.until(() => collector.requests.length >= 3);
    expect(account(runtime)).toMatchObject({ made: 35, exported: 0, queued: 35, healthy: false });
    collector.behaviour = 'accept';
    await runtime.flush(LONG_ENOUGH_MS);
    expect(collector.logs.map(({ body }) => body)).toEqual(bodies);
    expect(account(runtime)).toMatchObject({ exported: 35, queued: 0, dropped: {}, healthy: true, queuedBytes: 0 });
    expect(problems).toEqual([expect.stringMatching(/^logs: cannot send to http:\/\/127\.0\.0\.1:\d+: /)]);
  });

  test('a collector that went away gets the records when it is back', async () => {
    const [grpcPort, httpPort] = [collector.grpcEndpoint, collector.httpEndpoint].map((url) => +new URL(url).port);
    const runtime = start([toCollector(protocol)]);
    runtime.emit(record('before'));
    await runtime.flush(LONG_ENOUGH_MS);
    await collector.stop();
    runtime.emit(record('meanwhile'));
    while (account(runtime).healthy) await setImmediate();
    expect(account(runtime)).toMatchObject({ exported: 1, queued: 1, healthy: false });
    collector = await OtlpLogsCollector.start({ grpcPort, httpPort });
    await runtime.flush(LONG_ENOUGH_MS);
    expect(collector.logs.map(({ body }) => body)).toEqual(['meanwhile']);
    expect(account(runtime)).toMatchObject({ exported: 2, queued: 0, dropped: {}, healthy: true });
  });

  test.each(['refuse', 'hang'] as const)(
    'shutting down does not wait for a collector that does %s',
    async (behaviour) => {
      collector.behaviour = behaviour;
      const runtime = start([toCollector(protocol)]);
      for (let i = 0; i < 3; i++) runtime.emit(record(i));
      await collector.until(() => collector.requests.length > 0);
      await Promise.all([runtime.shutdown(50), runtime.shutdown(50)]);
      runtime.emit(record('late'));
      expect(account(runtime)).toMatchObject({ made: 3, exported: 0, queued: 0, dropped: { shutdown: 3 } });
      expect(problems.at(-1)).toBe('logs: 3 records could not be sent before the end');
    },
  );
});

test('a process whose collector hangs ends by itself after it was told to', async () => {
  collector.behaviour = 'hang';
  const program = `
    const { startLogs } = require('./src/telemetry/logs/logs-runtime.ts');
    const { createRedactor } = require('./src/telemetry/privacy/redactor.ts');
    const { logsConfig, otlp } = require('./test/telemetry/logs/logs-config.ts');
    const { resourceFromAttributes } = require('@opentelemetry/resources');
    const targets = [otlp('${collector.httpEndpoint}', 'http/json'), otlp('${collector.grpcEndpoint}', 'grpc')];
    const redactor = createRedactor({ enabled: true, allow: [], deny: [] });
    const logs = startLogs(logsConfig(targets), resourceFromAttributes({}), redactor, (problem) => console.log(problem));
    logs.emit({ body: 'x' });
    process.stdin.once('end', () => logs.shutdown(100).then(() => console.log('ended'))).resume();
  `;
  const args = ['--require', join(__dirname, '../export/typescript.cjs'), '--eval', program];
  const cwd = join(__dirname, '../../..');
  const child = spawn(process.execPath, args, { cwd, stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    await collector.until(() => collector.requests.length === 2);
    child.stdin.end();
    expect((await text(child.stdout)).trim().split('\n').sort()).toEqual([
      'ended',
      ...Array(2).fill('logs: 1 record could not be sent before the end'),
    ]);
    expect(collector.requests.map(({ protocol }) => protocol).sort()).toEqual(['grpc', 'http/json']);
  } finally {
    child.kill('SIGKILL');
  }
});

test('without exporters nothing is loaded and nothing happens', async () => {
  const printed = await runToItsEnd(`
    const { startLogs } = require('./src/telemetry/logs/logs-runtime.ts');
    const { logsConfig, otlp } = require('./test/telemetry/logs/logs-config.ts');
    const off = [logsConfig([]), logsConfig([otlp('not a url', 'grpc')], { enabled: false })];
    for (const config of off) {
      const logs = startLogs(config, undefined, undefined, console.log);
      logs.emit({ body: 'x' });
      console.log(logs.loggerProvider, logs.statuses.length, logs.records.length);
      logs.flush(1000).then(() => logs.shutdown(1000));
    }
    const heavy = /sdk-logs|otlp|grpc-js|sender/;
    console.log(Object.keys(require.cache).filter((file) => heavy.test(file)));
  `);
  expect(printed.trim().split('\n')).toEqual(['undefined 0 0', 'undefined 0 0', '[]']);
  expect(activeLogs()).toBeUndefined();
});

test('a target that cannot be used is an error of the user', () => {
  expect(() => start([otlp('not a url', 'http/json')])).toThrow(UserError);
  expect(activeLogs()).toBeUndefined();
});

test('whoever logs does not wait while records are redacted and encoded', async () => {
  let redacted = 0;
  const counting: Redactor = {
    ...createRedactor({ enabled: false, allow: [], deny: [] }),
    logRecord: (one) => {
      redacted++;
      return one;
    },
  };
  const config = logsConfig([toCollector('http/protobuf')], { export: { maxBatchSpans: 1 } });
  const runtime = startLogs(config, resource, counting, (message) => problems.push(message));
  started.push(runtime);
  runtime.emit(record('x'));
  expect(redacted).toBe(0);
  await runtime.flush(LONG_ENOUGH_MS);
  expect(redacted).toBe(1);
});

test('what finds no room is dropped, counted and said once', async () => {
  collector.behaviour = 'refuse';
  const runtime = start([toCollector('http/protobuf')], { export: { maxQueueBytes: 10_000 } });
  for (let i = 0; i < 100; i++) runtime.emit(record('x'.repeat(1000), { attributes: { i } }));
  const full = account(runtime);
  expect(full.queuedBytes).toBeLessThanOrEqual(10_000);
  expect(full).toMatchObject({ made: 100, queued: 8, dropped: { 'queue-full': 92 } });
  collector.behaviour = 'accept';
  await runtime.flush(LONG_ENOUGH_MS);
  runtime.emit(record('there is room again'));
  await runtime.flush(LONG_ENOUGH_MS);
  expect(account(runtime)).toMatchObject({ made: 101, exported: 9, dropped: { 'queue-full': 92 }, queuedBytes: 0 });
  expect(problems.filter((message) => message.includes('too many'))).toHaveLength(1);
});

test('a batch has no more bytes than it may, but one record always goes', async () => {
  const runtime = start([toCollector('grpc')], { export: { maxBatchBytes: 5000 } });
  const bodies = [100, 100, 9000, 100].map((length) => 'x'.repeat(length));
  for (const body of bodies) runtime.emit(record(body));
  await runtime.flush(LONG_ENOUGH_MS);
  expect(collector.logs.map(({ body }) => body)).toEqual(bodies);
  expect(collector.requests).toHaveLength(3);
});

test('a burst arrives, all of it', async () => {
  const runtime = start([toCollector('http/protobuf')]);
  for (let i = 0; i < 20_000; i++) runtime.emit(record(i));
  await runtime.flush(LONG_ENOUGH_MS);
  expect(collector.logs.map(({ body }) => body)).toEqual(Array.from({ length: 20_000 }, (_, i) => i));
});

test('a record that cannot be encoded takes no other with it', async () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  const off = createRedactor({ enabled: false, allow: [], deny: [] });
  const runtime = startLogs(logsConfig([toCollector('http/json')]), resource, off, (message) => problems.push(message));
  started.push(runtime);
  for (const body of ['a', circle, 'b']) runtime.emit(record(body as string));
  await runtime.flush(LONG_ENOUGH_MS);
  expect(collector.logs.map(({ body }) => body)).toEqual(['a', 'b']);
  expect(account(runtime)).toMatchObject({ made: 3, exported: 2, dropped: { unreadable: 1 }, queuedBytes: 0 });
});

test('what the collector will never take is given up, and the next ones are sent', async () => {
  const runtime = start([otlp(`${collector.httpEndpoint}/nowhere`, 'http/protobuf')]);
  for (let i = 0; i < 2; i++) {
    runtime.emit(record(i));
    await runtime.flush(LONG_ENOUGH_MS);
  }
  expect(account(runtime)).toMatchObject({ made: 2, exported: 0, dropped: { rejected: 2 }, healthy: false });
  expect(problems).toEqual([expect.stringContaining('refuses them: 404')]);
});

test('several exporters each get every record, and a dead one holds up no other', async () => {
  const runtime = start([toCollector('http/json'), otlp('http://127.0.0.1:1', 'grpc'), { type: 'memory' }]);
  runtime.emit(record('x', { attributes: { token: 'y' } }));
  while (runtime.statuses[0]?.exported === 0 || runtime.statuses[1]?.healthy) await setImmediate();
  expect(collector.logs).toMatchObject([{ body: 'x' }]);
  expect(runtime.statuses.map(({ exported, queued }) => [exported, queued])).toEqual([
    [1, 0],
    [0, 1],
  ]);
  expect(runtime.records).toMatchObject([{ body: 'x', attributes: { token: '[REDACTED]' }, severityText: 'INFO' }]);
});

test('the console is standard error, a line for each record', () => {
  const lines: string[] = [];
  const stderr = jest.spyOn(process.stderr, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  const stdout = jest.spyOn(process.stdout, 'write');
  try {
    const runtime = start([{ type: 'console' }]);
    runtime.emit(record('a\nb', { attributes: { password: 'x' }, timestamp: new Date(1_700_000_000_123) }));
    runtime.emit(record('c', { context: trace.setSpanContext(ROOT_CONTEXT, span) }));
    expect(stdout).not.toHaveBeenCalled();
  } finally {
    stderr.mockRestore();
    stdout.mockRestore();
  }
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      time: '2023-11-14T22:13:20.123000000Z',
      severity: 'INFO',
      body: 'a\nb',
      attributes: { password: '[REDACTED]' },
    },
    expect.objectContaining({ body: 'c', trace_id: span.traceId, span_id: span.spanId }),
  ]);
  expect(lines.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true);
});

test('libraries that log by the API take part', async () => {
  const runtime = start([{ type: 'memory' }]);
  runtime.loggerProvider?.getLogger('a-library', '1.0.0').emit(record('x'));
  expect(runtime.records).toMatchObject([{ body: 'x', instrumentationScope: { name: 'a-library' } }]);
});

test('what is logged about an export is not exported', () => {
  const runtime = start([{ type: 'memory' }]);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  try {
    context.with(suppressTracing(ROOT_CONTEXT), () => runtime.emit(record('within it')));
    runtime.emit(record('within it', { context: suppressTracing(ROOT_CONTEXT) }));
    runtime.emit(record('outside'));
  } finally {
    context.disable();
  }
  expect(runtime.records.map(({ body }) => body)).toEqual(['outside']);
});

test('a record that cannot even be made stops nobody', () => {
  const runtime = start([{ type: 'memory' }]);
  const broken = {
    get body(): string {
      throw new Error('not to be read');
    },
  };
  expect(() => runtime.emit(broken)).not.toThrow();
});

test('the newest runtime is the active one until it ends', async () => {
  const first = start([{ type: 'memory' }]);
  const second = start([{ type: 'memory' }]);
  expect(activeLogs()).toBe(second);
  await second.shutdown(0);
  expect(activeLogs()).toBe(first);
  await first.shutdown(0);
  expect(activeLogs()).toBeUndefined();
});
