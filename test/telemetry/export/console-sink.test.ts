import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describeSpan } from '../../../src/telemetry/export/console-sink';
import { RandomSpans } from './random-spans';
import { makeSpan } from './sinks';

const root = join(__dirname, '../../..');

test('a span is one line, with what it has', () => {
  const parent = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
  const span = {
    ...makeSpan({ 'http.route': '/orders/:id', count: 3, 'a list': ['x', 'y'], flag: true }),
    name: 'GET /orders/:id',
    kind: 1,
    duration: [0, 12_340_000] as [number, number],
    status: { code: 2, message: 'no such\norder' },
    spanContext: () => ({ traceId: 'a'.repeat(32), spanId: 'c'.repeat(16), traceFlags: 1 }),
    parentSpanContext: parent,
    events: [
      {
        name: 'exception',
        time: [1_700_000_000, 11_000_000] as [number, number],
        attributes: { 'exception.type': 'E' },
      },
    ],
  };
  expect(describeSpan(span).split('\n')).toEqual([
    `span GET /orders/:id 12.34ms error "no such\\norder" trace=${'a'.repeat(32)} span=${'c'.repeat(16)} parent=${'b'.repeat(16)} ` +
      'kind=server http.route="/orders/:id" count=3 a list=["x","y"] flag=true',
    '  + exception 11.00ms exception.type="E"',
  ]);
});

test('whatever is in a span, it stays in its lines and sends nothing to the terminal', () => {
  for (const span of new RandomSpans(5).spans(300)) {
    let lines: string[];
    try {
      lines = describeSpan(span).split('\n');
    } catch {
      // The sink counts it.
      continue;
    }
    expect(lines).toHaveLength(1 + span.events.length);
    expect(lines.join().replaceAll('\t', '')).not.toMatch(/\p{Cc}/u);
  }
  expect(describeSpan({ ...makeSpan(), name: 'a\u001b[31mred\nb' })).toMatch(/^span ared\?b /);
});

const program = `
  const { ConsoleSink } = require('./src/telemetry/export/console-sink.ts');
  const sink = new ConsoleSink();
  const { RandomSpans } = require('./test/telemetry/export/random-spans.ts');
  const span = new RandomSpans(1).span({ name: '100%s work', attributes: {}, events: [], status: { code: 0 } });
  sink.accept([span, { ...span, get name() { throw new Error('no name'); } }]);
  sink.accept([]);
  sink.shutdown().then(() => {
    sink.accept([span]);
    process.stdout.write(JSON.stringify(sink.status));
  });
`;

function run() {
  const args = ['--require', join(__dirname, 'typescript.cjs'), '--eval', program];
  return spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
}

test('spans go to standard error, and nothing else goes to standard output', async () => {
  const child = run();
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect(stderr).toMatch(/^span 100%s work .*trace=[0-9a-f]{32} span=[0-9a-f]{16}.*\n$/);
  expect(JSON.parse(stdout)).toMatchObject({ exporter: 'console', made: 3, exported: 1 });
  expect(JSON.parse(stdout).dropped).toMatchObject({ unreadable: 1, shutdown: 1 });
});

test('a standard error that nobody reads does not end the process', async () => {
  const child = run();
  child.stderr.destroy();
  const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).made).toBe(3);
});
