import { type DiagLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import { globalErrorHandler } from '@opentelemetry/core';
import type { LogLevel } from '../../../src/config/telemetry-config';
import { type Diagnostics, startDiagnostics } from '../../../src/telemetry/logs/diagnostics';

let lines: string[] = [];
let now = 0;
let diagnostics: Diagnostics | undefined;

function start(level: LogLevel = 'warn'): void {
  diagnostics = startDiagnostics(
    level,
    (line) => lines.push(line),
    () => now,
  );
  // The API says that it has a new logger.
  lines = [];
}

/** Where the API keeps what was registered with it. */
function registered(): unknown {
  const globals = globalThis as unknown as Record<symbol, { diag?: unknown } | undefined>;
  return globals[Symbol.for('opentelemetry.js.api.1')]?.diag;
}

beforeEach(() => {
  lines = [];
  now = 0;
});

afterEach(() => {
  diagnostics?.stop();
  diag.disable();
});

test('each message is one line, without its secrets', () => {
  start('debug');
  diag.error('cannot send\nto', 'http://u:p@collector', new TypeError('bad'), { password: 'x' });
  diag.debug('\u001b[31mred\u001b[0m');
  expect(lines).toEqual([
    'telemetry: error: cannot send to http://[REDACTED]@collector TypeError: bad {"password":"[REDACTED]"}\n',
    'telemetry: debug: red\n',
  ]);
});

test('an error that the SDK hands over is told by its message', () => {
  start();
  globalErrorHandler(new RangeError('too much'));
  expect(lines).toEqual(['telemetry: error: RangeError: too much\n']);
});

test.each<[LogLevel, number]>([
  ['fatal', 1],
  ['error', 1],
  ['warn', 2],
  ['info', 3],
  ['debug', 4],
  ['trace', 5],
  ['silent', 0],
])('%s lets %i of the five kinds through', (level, expected) => {
  start(level);
  for (const kind of ['error', 'warn', 'info', 'debug', 'verbose'] as const) diag[kind](kind);
  expect(lines).toHaveLength(expected);
});

test('the same message is said once a minute, with how often it came in between', () => {
  start();
  for (let i = 0; i < 5; i++) diag.warn(`dropped ${i} spans of 0af7651916cd43dd8448eb211c80319c`);
  now = 59_999;
  diag.warn('dropped 6 spans of b7ad6b7169203331b7ad6b7169203331');
  diag.warn('something else');
  expect(lines).toHaveLength(2);
  now = 60_000;
  diag.warn('dropped 7 spans of 0af7651916cd43dd8448eb211c80319c');
  expect(lines.slice(2)).toEqual([
    'telemetry: warn: dropped 0 spans of 0af7651916cd43dd8448eb211c80319c (5 more times)\n',
    'telemetry: warn: dropped 7 spans of 0af7651916cd43dd8448eb211c80319c\n',
  ]);
});

test('what was repeated last is told at the end', () => {
  start();
  diag.warn('a');
  diag.warn('a');
  diagnostics?.stop();
  diagnostics?.stop();
  expect(lines).toEqual(['telemetry: warn: a\n', 'telemetry: warn: a (1 more time)\n']);
});

test('what is remembered is bounded, and a long message is cut', () => {
  start();
  diag.warn('first');
  diag.warn('first');
  const letters = 'abcdefghijklmnop';
  for (const a of letters) for (const b of letters) diag.warn(`message ${a}${b}`);
  expect(lines).toContain('telemetry: warn: first (1 more time)\n');
  diag.warn('x'.repeat(1 << 20));
  expect(lines.at(-1)?.length).toBeLessThan(1100);
});

test('after the end nothing is said, and nothing is left behind', () => {
  start();
  expect(registered()).toBeDefined();
  diagnostics?.stop();
  diag.error('late');
  expect(lines).toEqual([]);
  expect(registered()).toBeUndefined();
});

test("the application's own logger, set later, stays", () => {
  start();
  const heard: unknown[] = [];
  const own: DiagLogger = {
    error: (message) => heard.push(message),
    warn: () => {},
    info: () => {},
    debug: () => {},
    verbose: () => {},
  };
  diag.setLogger(own, { logLevel: DiagLogLevel.ALL, suppressOverrideMessage: true });
  diagnostics?.stop();
  diag.error('to it');
  expect(heard.at(-1)).toBe('to it');
});

test('words that cannot be printed, and a stream that is closed, stop nobody', () => {
  diagnostics = startDiagnostics('trace', () => {
    throw new Error('closed');
  });
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  expect(() => diag.error('x', circle, { toJSON: () => 1n })).not.toThrow();
  expect(() => diag.error('x')).not.toThrow();
  expect(() => diagnostics?.stop()).not.toThrow();
});

test('by default lines go to standard error', () => {
  const stderr = jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
  const stdout = jest.spyOn(process.stdout, 'write').mockImplementation(() => true);
  try {
    diagnostics = startDiagnostics('warn');
    diag.warn('x');
    expect(stderr.mock.calls).toEqual([['telemetry: warn: x\n']]);
    expect(stdout).not.toHaveBeenCalled();
  } finally {
    stderr.mockRestore();
    stdout.mockRestore();
  }
});
