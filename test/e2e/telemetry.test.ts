import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import {
  type CommandResult,
  makeTempDir,
  type RunningCommand,
  removeTempDir,
  runCommand,
  startCommand,
} from '../support/command';
import { type Behaviour, OtlpCollector, type ReceivedSpan } from '../support/otlp-collector';
import { packageGraph, shellWorker, ToolkitRun } from '../support/toolkit-run';
import {
  buildSpan,
  type CommandNode,
  expectSoundTrace,
  isBuildSpan,
  linksByName,
  milliseconds,
  RunFolder,
  readBaggage,
  readVariables,
  theSpan,
  writeGraphFile,
} from '../telemetry/runs';

jest.setTimeout(60_000);

const PROTOCOLS = ['grpc', 'http/protobuf', 'http/json'] as const;
type Protocol = (typeof PROTOCOLS)[number];

const architecture = 'x86_64';
const GOOD: readonly CommandNode[] = [
  { id: 'core', shell: 'sleep 0.05; env', architecture },
  { id: 'lib', shell: 'env; sleep 0.05', dependencies: ['core'], architecture },
  { id: 'util', shell: 'env; echo 1 > util.out', dependencies: ['core'], outputs: ['util.out'], architecture },
  { id: 'app', shell: 'env', dependencies: ['lib', 'util'], architecture },
  { id: 'app-test', type: 'Test', shell: 'env', dependencies: ['app'], architecture },
  { id: 'flaky', shell: 'env; test "$SPANWRIGHT_ATTEMPT" = 2', attempts: 2, dependencies: ['core'], architecture },
  { id: 'after-flaky', shell: 'env', dependencies: ['flaky'], architecture },
];
const BAD: readonly CommandNode[] = [
  { id: 'core', shell: 'true', architecture },
  { id: 'broken', shell: 'echo no luck; exit 3', dependencies: ['core'], architecture },
  { id: 'blocked', shell: 'true', dependencies: ['broken'], architecture },
  { id: 'broken-test', type: 'Test', shell: 'exit 1', dependencies: ['core'], architecture },
];
const CALLER = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
};
const CALLER_ENV = {
  TRACEPARENT: `00-${CALLER.traceId}-${CALLER.spanId}-01`,
  TRACESTATE: 'vendor=1,other=t61rcWkgMzE',
  BAGGAGE: 'team=toolkit,pipeline=nightly%20run',
};

let dir: string;
let collector: OtlpCollector;

beforeEach(async () => {
  dir = makeTempDir();
  collector = await OtlpCollector.start();
});

afterEach(async () => {
  await removeTempDir(dir);
  await collector.stop();
});

function build(
  nodes: readonly CommandNode[],
  args: readonly string[] = [],
  env: Record<string, string> = {},
  cwd = dir,
): Promise<CommandResult> {
  return runCommand('spanwright', ['build', writeGraphFile(cwd, nodes), '--workers', '2', ...args], { cwd, env });
}

const endpointOf = (protocol: Protocol) => (protocol === 'grpc' ? collector.grpcEndpoint : collector.httpEndpoint);
const latest = () => RunFolder.latest(dir);
const warnings = (stderr: string) => stderr.match(/.*(warning|WARN).*telemetry.*/g) ?? [];
const attributesOf = ({ attributes }: ReceivedSpan) => attributes;
const bySpanId = (spans: readonly ReceivedSpan[]) => [...spans].sort((a, b) => (a.spanId < b.spanId ? -1 : 1));

/** A folder below the test's own, for runs side by side. */
function subfolder(name: string): string {
  const path = join(dir, name.replaceAll('/', '-'));
  mkdirSync(path);
  return path;
}

describe.each(PROTOCOLS)('a collector over %s', (protocol) => {
  const sendHere = () => ['--otlp-endpoint', endpointOf(protocol)];
  const env = { OTEL_EXPORTER_OTLP_PROTOCOL: protocol };

  test('receives every span of a build, as one trace, and the same are in the file', async () => {
    const { code, stderr } = await build(GOOD, sendHere(), env);
    expect(stderr).toContain('Succeeded: 7 succeeded of 7');
    expect(code).toBe(0);
    const { spans } = collector;
    expectSoundTrace(spans);
    expect(spans.map(({ name }) => name).sort()).toEqual([
      ...Array(7).fill('scheduler.build.LocalBuild'),
      'scheduler.build.Test',
      'scheduler.build_graph',
      'scheduler.main',
      'scheduler.worker',
      'scheduler.worker',
    ]);
    expect(linksByName(spans)).toEqual({
      lib: ['core'],
      util: ['core'],
      flaky: ['core'],
      app: ['lib', 'util'],
      'app-test': ['app'],
      'after-flaky': ['flaky'],
    });
    expect(bySpanId(latest().spans())).toEqual(bySpanId(spans));
    expect(stderr).toContain(`Trace ${spans[0]?.traceId} sent to ${endpointOf(protocol)}`);
  });

  test('receives the spans of a build that fails', async () => {
    const { code } = await build(BAD, sendHere(), env);
    expect(code).toBe(1);
    const { spans } = collector;
    expectSoundTrace(spans);
    expect(theSpan(spans, 'scheduler.main').status).toEqual({ code: 2, message: 'Scheduler failed' });
    expect(theSpan(spans, 'scheduler.build_graph').status).toEqual({
      code: 2,
      message: 'could not build all packages',
    });
    expect(buildSpan(spans, 'broken').status).toEqual({ code: 2, message: 'Build failed' });
    expect(spans.some(({ attributes }) => attributes['package.name'] === 'blocked')).toBe(false);
    expect(bySpanId(latest().spans())).toEqual(bySpanId(spans));
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('receives the ended root span of a build that gets %s', async (signal, exitCode) => {
    const nodes = [
      { id: 'quick', shell: 'true' },
      { id: 'slow', shell: 'exec sleep 300', dependencies: ['quick'] },
    ];
    const args = ['build', writeGraphFile(dir, nodes), '--json', ...sendHere()];
    const command = startCommand('spanwright', args, { cwd: dir, env });
    await command.waitForLine(/"attempt-started".*"job":1/);
    command.kill(signal);
    expect((await command.end).code).toBe(exitCode);
    const { spans } = collector;
    expectSoundTrace(spans);
    const main = theSpan(spans, 'scheduler.main');
    expect(main.status.code).toBe(2);
    expect(main.attributes).toMatchObject({ 'cicd.pipeline.result': 'cancellation', 'error.type': 'cancelled' });
    const buildGraph = theSpan(spans, 'scheduler.build_graph');
    expect(buildGraph.status.code).toBe(2);
    expect(buildGraph.events).toMatchObject([{ name: 'run.cancelled', attributes: { reason: `received ${signal}` } }]);
    expect(buildSpan(spans, 'slow').attributes).toMatchObject({
      'build.success': false,
      'build.error': 'cancelled',
      'error.type': 'cancelled',
    });
    expect(bySpanId(latest().spans())).toEqual(bySpanId(spans));
  });

  test('receives every span of the toolkit scheduler with its simulating agent', async () => {
    const run = toolkit();
    const durations = writeDurations();
    const { code, stdout, stderr } = await run.run(
      {
        'build-agent': 'test-agent',
        'simulated-durations': durations,
        'simulated-speedup': 'inf',
        'otlp-endpoint': endpointOf(protocol),
      },
      { env },
    );
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: '' });
    expectToolkitTrace(collector.spans);
    expect(buildTimes(collector.spans)).toEqual({ zlib: 2000, curl: 3000, git: 1000 });
    expect(bySpanId(latest().spans())).toEqual(bySpanId(collector.spans));
  });

  test('receives every span of the toolkit scheduler with a worker program', async () => {
    const script = 'env > "$log.env"; echo "CHECK DONE x. EXIT STATUS 0" > "$log"; printf %s "/rpms/$name.rpm"';
    const run = toolkit(shellWorker(dir, script));
    const { code, stdout, stderr } = await run.run({ 'otlp-endpoint': endpointOf(protocol) }, { env });
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: '' });
    const { spans } = collector;
    expectToolkitTrace(spans);
    expect(bySpanId(latest().spans())).toEqual(bySpanId(spans));
    for (const name of ['zlib', 'curl', 'git']) {
      const span = spans.find((other) => isBuildOf(other, 'LocalBuild', name)) as ReceivedSpan;
      expect(span.attributes).toMatchObject({ 'build.files_built_count': 1, 'build.success': true });
      const variables = readVariables(readFileSync(`${span.attributes['build.log_file']}.env`, 'utf8'));
      expect(variables.TRACEPARENT).toBe(`00-${span.traceId}-${span.spanId}-01`);
    }
  });
});

/** Three packages, the second with tests, and one from elsewhere. */
function toolkit(worker?: string): ToolkitRun {
  const packages = { zlib: {}, curl: { needs: ['zlib', 'cached:glibc'], test: true }, git: { needs: ['curl'] } };
  return new ToolkitRun(dir, packageGraph(packages, join(dir, 'rpms')), worker);
}

function writeDurations(): string {
  const path = join(dir, 'durations.json');
  const seconds = { zlib: 2, curl: 3, git: 1 };
  const srpms = Object.entries(seconds).map(([name, build_s]) => [`${name}-1.0-1.src.rpm`, { build_s }]);
  writeFileSync(path, JSON.stringify({ srpms: Object.fromEntries(srpms) }));
  return path;
}

function isBuildOf({ name, attributes }: ReceivedSpan, type: string, packageName: string): boolean {
  return name === `scheduler.build.${type}` && String(attributes['package.name']).startsWith(`${packageName}-`);
}

function buildTimes(spans: readonly ReceivedSpan[]): Record<string, number> {
  const builds = spans.filter(({ name }) => name === 'scheduler.build.LocalBuild');
  return Object.fromEntries(
    builds.map((span) => [
      String(span.attributes['package.name']).split('-')[0] as string,
      Math.round(milliseconds(span.endTimeUnixNano - span.startTimeUnixNano)),
    ]),
  );
}

function expectToolkitTrace(spans: readonly ReceivedSpan[]): void {
  expectSoundTrace(spans);
  const resource = spans[0]?.resource;
  expect(resource).toMatchObject({ 'service.name': 'azurelinux-toolkit', 'service.version': expect.any(String) });
  expect(theSpan(spans, 'scheduler.main').attributes).toMatchObject({
    'scheduler.version': resource?.['service.version'],
    'scheduler.workers': 2,
    'scheduler.build_agent': expect.stringMatching(/^(test|chroot)-agent$/),
  });
  expect(theSpan(spans, 'scheduler.build_graph').attributes).toMatchObject({
    // Three packages with two nodes each, a test, a package from elsewhere, and the goals ALL and PackagesToBuild.
    'graph.node_count': 10,
    'scheduler.worker_count': 2,
    'scheduler.build_attempts': 1,
    'scheduler.check_attempts': 1,
    'scheduler.extra_layers': 0,
    'scheduler.stop_on_failure': false,
    'scheduler.can_use_cache': true,
    'scheduler.optimize_with_cached_implicit': false,
    'scheduler.allow_toolchain_rebuilds': false,
    'packages.to_build_count': 0,
    'packages.to_rebuild_count': 0,
    'packages.ignored_count': 0,
    'tests.to_run_count': 0,
    'tests.to_rerun_count': 0,
    'tests.ignored_count': 0,
  });
  for (const name of ['zlib', 'curl', 'git']) {
    const span = spans.find((other) => isBuildOf(other, 'LocalBuild', name)) as ReceivedSpan;
    expect(span.attributes).toMatchObject({
      'package.name': expect.stringContaining(`${name}-1.0-1`),
      'package.type': 'LocalBuild',
      'package.architecture': 'x86_64',
      'package.use_cache': false,
      'build.attempt': 1,
      'build.success': true,
    });
  }
  const testSpan = spans.find((span) => isBuildOf(span, 'Test', 'curl')) as ReceivedSpan;
  expect(testSpan.attributes).toMatchObject({ 'package.type': 'Test', 'test.success': true });
  expect(spans.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['scheduler.build.RemoteRun', 'scheduler.build.Goal']),
  );
}

describe('the spans of a build', () => {
  test('carry the common attributes, each where it belongs', async () => {
    await build([...GOOD, ...BAD.slice(1)]);
    const spans = latest().spans();
    const buildId = theSpan(spans, 'scheduler.main').attributes['build.id'];
    expect(spans.map(({ attributes }) => attributes['build.id'])).toEqual(spans.map(() => buildId));
    expect(attributesOf(buildSpan(spans, 'util'))).toMatchObject({
      'package.name': 'util',
      'package.type': 'LocalBuild',
      'package.architecture': architecture,
      'package.use_cache': false,
      'build.success': true,
      'build.attempt': 1,
      'build.files_built_count': 1,
    });
    expect(attributesOf(buildSpan(spans, 'broken'))).toMatchObject({
      'build.success': false,
      'build.error': 'exit status 3',
      'build.files_built_count': 0,
      'error.type': 'exit-non-zero',
      'process.exit.code': 3,
    });
    expect(attributesOf(buildSpan(spans, 'app-test'))).toMatchObject({ 'package.type': 'Test', 'test.success': true });
    expect(attributesOf(buildSpan(spans, 'broken-test'))).toMatchObject({
      'test.success': false,
      'build.error': 'exit status 1',
    });
    const names = (packageName: string) => buildSpan(spans, packageName).events.map(({ name }) => name);
    expect(names('util')).toEqual(['build.request.started', 'build.result.completed']);
    expect(names('broken')).toEqual(['build.request.started', 'build.error']);
  });

  test('are one for each attempt, and what follows is linked to the last', async () => {
    await build(GOOD);
    const spans = latest().spans();
    const [first, second] = [buildSpan(spans, 'flaky', 1), buildSpan(spans, 'flaky', 2)];
    expect(first.status.code).toBe(2);
    expect(second.status.code).toBe(0);
    expect(second.startTimeUnixNano).toBeGreaterThan(first.endTimeUnixNano);
    expect(buildSpan(spans, 'after-flaky').links.map(({ spanId }) => spanId)).toEqual([second.spanId]);
  });

  test('last exactly as long as their builds', async () => {
    await build(GOOD);
    const run = latest();
    const [spans, events] = [run.spans(), run.events()];
    for (const span of spans.filter(isBuildSpan)) {
      const { 'package.name': name, 'build.attempt': attempt } = span.attributes;
      const job = run.eventsOf('job-queued').find(({ label }) => label === name)?.job;
      const of = events.filter((event) => 'job' in event && event.job === job);
      const started = of.find((event) => event.type === 'attempt-started' && event.attempt === attempt);
      const ended =
        of.find((event) => event.type === 'attempt-failed' && event.attempt === attempt) ??
        of.find((event) => event.type === 'job-finished');
      const [start, end] = [milliseconds(span.startTimeUnixNano), milliseconds(span.endTimeUnixNano)];
      // An event and the span beside it are some statements apart; a span that waits for more than its build is caught.
      expect(Math.abs(start - (started?.time as number))).toBeLessThan(100);
      expect(Math.abs(end - (ended?.time as number))).toBeLessThan(100);
    }
  });

  test('tell of a build whose time was up that it timed out', async () => {
    await build([{ id: 'slow', shell: 'exec sleep 300', timeout: '200ms' }]);
    const run = latest();
    expect(run.eventsOf('job-finished')[0]?.failure).toMatchObject({ reason: 'timeout' });
    expect(attributesOf(buildSpan(run.spans(), 'slow'))).toMatchObject({
      'error.type': 'timeout',
      'build.error': expect.stringContaining('exceeded the maximum time of'),
      'cicd.pipeline.task.run.result': 'timeout',
    });
  });

  test('end with an exception on the root span where the graph cannot be read', async () => {
    writeFileSync(join(dir, 'graph.json'), '{"nodes": [');
    const { code } = await runCommand(
      'spanwright',
      ['build', 'graph.json', '--otlp-endpoint', collector.grpcEndpoint],
      {
        cwd: dir,
      },
    );
    expect(code).toBe(1);
    expect(collector.spans).toHaveLength(1);
    expect(collector.spans[0]).toMatchObject({
      name: 'scheduler.main',
      status: { code: 2, message: 'Scheduler failed' },
      events: [{ name: 'exception', attributes: { 'exception.message': expect.stringContaining('graph.json') } }],
    });
    expect(latest().spans()).toEqual(collector.spans);
  });
});

describe('what switches telemetry on', () => {
  const quick = { 'build-agent': 'test-agent' };

  test('the toolkit scheduler records a trace on disk with --enable-telemetry alone', async () => {
    const { code, stdout } = await toolkit().run({ ...quick, 'enable-telemetry': true });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expectToolkitTrace(latest().spans());
  });

  test('--otlp-endpoint does, and wins over the environment', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' };
    const { stderr } = await toolkit().run({ ...quick, 'otlp-endpoint': collector.grpcEndpoint }, { env });
    expect(stderr).toContain(`Telemetry initialized with endpoint: ${collector.grpcEndpoint}`);
    expect(warnings(stderr)).toEqual([]);
    expectToolkitTrace(collector.spans);
  });

  test('OTEL_EXPORTER_OTLP_ENDPOINT does by itself', async () => {
    await toolkit().run(quick, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.grpcEndpoint } });
    expectToolkitTrace(collector.spans);
  });

  test('an endpoint needs no scheme', async () => {
    const endpoint = collector.grpcEndpoint.replace('http://', '');
    await build(GOOD, [], { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
    expectSoundTrace(collector.spans);
  });

  test.each([
    ['--no-enable-telemetry', { 'no-enable-telemetry': true } as const, {}],
    ['OTEL_SDK_DISABLED=true', { 'enable-telemetry': true } as const, { OTEL_SDK_DISABLED: 'true' }],
    ['OTEL_SDK_DISABLED=TRUE', { 'enable-telemetry': true } as const, { OTEL_SDK_DISABLED: 'TRUE' }],
  ])('%s wins over an endpoint: no folder, no network', async (_, flags, env) => {
    const visits = await countConnections(async (endpoint) => {
      const { code, stdout, stderr } = await toolkit().run(
        { ...quick, ...flags, 'otlp-endpoint': endpoint },
        { env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...env } },
      );
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
      expect(stderr).not.toMatch(/telemetry|trace/i);
    });
    expect(visits).toBe(0);
    expect(existsSync(join(dir, '.spanwright'))).toBe(false);
  });

  test('nothing said, the toolkit scheduler leaves no folder', async () => {
    expect((await toolkit().run(quick)).code).toBe(0);
    expect(existsSync(join(dir, '.spanwright'))).toBe(false);
  });

  test('a build without telemetry keeps its logs and results, and leaves no journal and no spans', async () => {
    for (const [args, env] of [
      [['--no-enable-telemetry'], {}],
      [[], { OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: collector.grpcEndpoint }],
    ] as const) {
      expect((await build(GOOD.slice(0, 1), args, env)).code).toBe(0);
      expect(readdirSync(latest().path).sort()).toEqual(['graph.json', 'logs', 'results.csv', 'results.json']);
    }
    expect(collector.requests).toBe(0);
  });

  test('OTEL_SDK_DISABLED=true makes the other variables count for nothing, wrong ones too', async () => {
    const { code, stderr } = await build(GOOD.slice(0, 1), ['--quiet'], {
      OTEL_SDK_DISABLED: 'true',
      OTEL_RESOURCE_ATTRIBUTES: 'no pairs',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'not a url at all',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'pigeon',
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('OTEL_TRACES_EXPORTER=none keeps the trace on disk', async () => {
    const env = { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: collector.grpcEndpoint };
    await build(GOOD, [], env);
    expectSoundTrace(latest().spans());
    expect(collector.requests).toBe(0);
  });

  test('an empty OTEL_TRACES_EXPORTER is as good as none said', async () => {
    await build(GOOD, [], { OTEL_TRACES_EXPORTER: '', OTEL_EXPORTER_OTLP_ENDPOINT: collector.grpcEndpoint });
    expectSoundTrace(collector.spans);
  });
});

describe('the way to a collector', () => {
  test('is gRPC on port 4317 and HTTP on port 4318, where no protocol is named', async () => {
    const ports = [
      [4317, collector.grpcEndpoint],
      [4318, collector.httpEndpoint],
    ] as const;
    const forwarders = await Promise.all(ports.map(([port, endpoint]) => forward(port, endpoint)));
    try {
      for (const [port] of ports) {
        collector.spans.length = 0;
        const { stderr } = await build(GOOD.slice(0, 1), ['--otlp-endpoint', `http://${LOOPBACK}:${port}`]);
        expect(warnings(stderr)).toEqual([]);
        expectSoundTrace(collector.spans);
      }
    } finally {
      for (const server of forwarders) server.close();
    }
  });

  test('over HTTP adds /v1/traces to an endpoint, but not to OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', async () => {
    const server = await HeaderCatcher.start();
    const env = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' };
    await build(GOOD.slice(0, 1), [], { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: `${server.httpEndpoint}/base/` });
    await build(GOOD.slice(0, 1), [], { ...env, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${server.httpEndpoint}/mine` });
    expect(server.seen.map(({ path }) => path)).toEqual(['/base/v1/traces', '/mine']);
    server.stop();
  });

  test.each(PROTOCOLS)('sends OTEL_EXPORTER_OTLP_HEADERS along over %s, decoded', async (protocol) => {
    const server = await HeaderCatcher.start();
    await build(GOOD.slice(0, 1), ['--quiet'], {
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_EXPORTER_OTLP_ENDPOINT: protocol === 'grpc' ? server.grpcEndpoint : server.httpEndpoint,
      OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Basic%20dTpw%3D%3D,x-team=toolkit',
    });
    expect(server.seen).not.toEqual([]);
    for (const { headers } of server.seen) {
      expect(headers).toMatchObject({ authorization: 'Basic dTpw==', 'x-team': 'toolkit' });
    }
    server.stop();
  });

  test('OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES describe who sends; the first wins over the second', async () => {
    await build(GOOD.slice(0, 1), ['--otlp-endpoint', collector.grpcEndpoint], {
      OTEL_SERVICE_NAME: 'nightly',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,deployment.environment.name=build%20farm',
    });
    expect(collector.spans[0]?.resource).toMatchObject({
      'service.name': 'nightly',
      'deployment.environment.name': 'build farm',
    });
  });
});

describe('the trace context of whoever starts a build', () => {
  test('is taken up: the root span hangs below it and every span keeps the trace state', async () => {
    await build(GOOD, ['--otlp-endpoint', collector.grpcEndpoint], CALLER_ENV);
    expectSoundTrace(collector.spans, CALLER.spanId);
    for (const { traceId, traceState } of collector.spans) {
      expect({ traceId, traceState }).toEqual({ traceId: CALLER.traceId, traceState: CALLER_ENV.TRACESTATE });
    }
  });

  test('is handed on: each attempt gets its own span, the trace state, and the baggage with the build id', async () => {
    await build(GOOD, [], CALLER_ENV);
    const run = latest();
    const spans = run.spans().filter(isBuildSpan);
    expect(spans).toHaveLength(8);
    for (const span of spans) {
      const { 'package.name': name, 'build.attempt': attempt, 'build.id': buildId } = span.attributes;
      const variables = readVariables(run.text(`logs/${name}.${attempt}.log`));
      expect(variables.TRACEPARENT).toBe(`00-${CALLER.traceId}-${span.spanId}-01`);
      expect(variables.TRACESTATE).toBe(CALLER_ENV.TRACESTATE);
      expect(readBaggage(variables.BAGGAGE)).toEqual({
        'build.id': buildId,
        team: 'toolkit',
        pipeline: 'nightly%20run',
      });
      expect(variables.SPANWRIGHT_ATTEMPT).toBe(String(attempt));
    }
  });

  test('without one, a child process still gets its own span and the build id', async () => {
    await build(GOOD.slice(0, 1));
    const span = buildSpan(latest().spans(), 'core');
    const variables = readVariables(latest().text('logs/core.1.log'));
    expect(variables.TRACEPARENT).toBe(`00-${span.traceId}-${span.spanId}-01`);
    expect(variables.TRACESTATE).toBeUndefined();
    expect(readBaggage(variables.BAGGAGE)).toEqual({ 'build.id': span.attributes['build.id'] });
  });

  test('goes through untouched where telemetry is off', async () => {
    await build(GOOD.slice(0, 1), [], { ...CALLER_ENV, OTEL_SDK_DISABLED: 'true' });
    expect(readVariables(latest().text('logs/core.1.log'))).toMatchObject(CALLER_ENV);
  });

  test('that makes no sense is passed over', async () => {
    const { code } = await build(GOOD.slice(0, 1), [], {
      TRACEPARENT: '00-zz-zz-01',
      TRACESTATE: '=,',
      BAGGAGE: '%%%',
    });
    expect(code).toBe(0);
    expectSoundTrace(latest().spans());
  });
});

describe('stdout', () => {
  test('has no byte of telemetry with OTEL_TRACES_EXPORTER=console: that goes to stderr', async () => {
    const env = { OTEL_TRACES_EXPORTER: 'console' };
    const plain = await build(GOOD.slice(0, 1), ['--quiet'], env);
    expect(plain.stdout).toBe('');
    expect(plain.stderr).toContain('span scheduler.main ');
    const json = await build(GOOD.slice(0, 1), ['--json'], env);
    const types = json.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).type);
    expect(types).toEqual(
      latest()
        .events()
        .map(({ type }) => type),
    );
    const scheduler = await toolkit().run({ 'build-agent': 'test-agent' }, { env });
    expect(scheduler.stdout).toBe('');
    expect(scheduler.stderr).toContain('span scheduler.main ');
  });
});

describe('a collector that does not serve', () => {
  const cases = (['refuse', 'hang', 'down'] as const).flatMap((behaviour) =>
    PROTOCOLS.map((protocol) => ({ behaviour, protocol })),
  );

  test('changes nothing in a build that succeeds or fails: one warning, and the command ends in time', async () => {
    const told: string[] = [];
    const expected: string[] = [];
    const collectors = new Map<Behaviour | 'down', OtlpCollector>();
    for (const behaviour of ['refuse', 'hang'] as const) {
      const other = await OtlpCollector.start();
      other.behaviour = behaviour;
      collectors.set(behaviour, other);
    }
    // Stopped, so that its ports are sure to be closed.
    const down = await OtlpCollector.start();
    await down.stop();
    collectors.set('down', down);
    for (const [name, nodes, endsExpected] of [
      ['good', GOOD, GOOD_ENDS],
      ['bad', BAD, BAD_ENDS],
    ] as const) {
      const without = await build(nodes);
      expect(ends(latest())).toEqual(endsExpected);
      const runs = cases.map(async ({ behaviour, protocol }) => {
        const other = collectors.get(behaviour) as OtlpCollector;
        const cwd = subfolder(`${name}-${behaviour}-${protocol}`);
        const endpoint = protocol === 'grpc' ? other.grpcEndpoint : other.httpEndpoint;
        const env = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: protocol };
        const { code, stderr, ms } = await build(nodes, [], env, cwd);
        const buildMs = (RunFolder.latest(cwd).eventsOf('run-finished')[0]?.time ?? 0) - startOf(cwd);
        // Its own deadline is 3 s; the rest is for a machine that has much else to do.
        const inTime = ms - buildMs < 20_000 ? 'in time' : 'too late';
        const how = [`exit ${code}`, `${warnings(stderr).length} warnings`, inTime, ...ends(RunFolder.latest(cwd))];
        told.push(`${name}, ${protocol}, ${behaviour}: ${how.join(', ')}`);
        const asWithout = [`exit ${without.code}`, '1 warnings', 'in time', ...endsExpected];
        expected.push(`${name}, ${protocol}, ${behaviour}: ${asWithout.join(', ')}`);
      });
      await Promise.all(runs);
    }
    for (const other of collectors.values()) await other.stop();
    expect(told.sort()).toEqual(expected.sort());
  }, 150_000);
});

const GOOD_ENDS = ['after-flaky: ok', 'app-test: ok', 'app: ok', 'core: ok', 'flaky: ok', 'lib: ok', 'util: ok'];
const BAD_ENDS = ['blocked: blocked', 'broken-test: exit-non-zero', 'broken: exit-non-zero', 'core: ok'];

const startOf = (cwd: string) => RunFolder.latest(cwd).eventsOf('run-started')[0]?.time ?? 0;

/** How each job ended, by its name. */
function ends(run: RunFolder): string[] {
  const labels = new Map(run.eventsOf('job-queued').map(({ job, label }) => [job, label]));
  return [
    ...run.eventsOf('job-finished').map(({ job, failure }) => `${labels.get(job)}: ${failure?.reason ?? 'ok'}`),
    ...run.eventsOf('job-blocked').map(({ label }) => `${label}: blocked`),
  ].sort();
}

describe('the credentials of an endpoint', () => {
  const secret = 's3cr3t';

  async function expectUntold(endpoint: string, env: Record<string, string> = {}): Promise<CommandResult> {
    const result = await build(GOOD.slice(0, 1), ['--otlp-endpoint', endpoint], env);
    const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const texts = files.map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
    for (const text of [result.stdout, result.stderr, ...texts]) expect(text).not.toContain(secret);
    return result;
  }

  const withSecret = (endpoint: string) => `${endpoint.replace('http://', `http://user:${secret}@`)}/?key=${secret}`;

  test.each(PROTOCOLS)('are never told, over %s, whether the collector is there or not', async (protocol) => {
    const endpoint = withSecret(endpointOf(protocol));
    const env = { OTEL_EXPORTER_OTLP_PROTOCOL: protocol };
    await expectUntold(endpoint, env);
    await collector.stop();
    await expectUntold(endpoint, env);
  });

  test.each([
    ['has no such port', `http://user:${secret}@collector:99999`],
    ['has another scheme', `ftp://user:${secret}@collector`],
  ])('are not told where the endpoint %s', async (_, endpoint) => {
    expect((await expectUntold(endpoint)).code).toBe(1);
  });

  test.each([
    ['value', `authorization=Bearer%20${secret}%0A`],
    ['name', `a%20b=${secret}`],
  ])(
    'are not told where the %s of a header is not allowed; one line says which variable to mend',
    async (_, headers) => {
      const { stderr } = await expectUntold(collector.grpcEndpoint, { OTEL_EXPORTER_OTLP_HEADERS: headers });
      expect(stderr).toContain('OTEL_EXPORTER_OTLP_HEADERS');
      expect(stderr).not.toMatch(/^ {4}at /m);
    },
  );
});

describe('the toolkit scheduler, stopped', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('by %s, ends its root span and sends it', async (signal) => {
    const flags = { 'otlp-endpoint': collector.grpcEndpoint };
    const command: RunningCommand = toolkit(shellWorker(dir, 'exec sleep 300')).start(flags);
    await command.waitForLine(/Building: zlib/);
    command.kill(signal);
    const { code, stdout } = await command.end;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expectSoundTrace(collector.spans);
    expect(theSpan(collector.spans, 'scheduler.main')).toMatchObject({
      status: { code: 2, message: 'Scheduler failed' },
      attributes: { 'cicd.pipeline.result': 'cancellation' },
    });
    expect(bySpanId(latest().spans())).toEqual(bySpanId(collector.spans));
  });
});

/** A loopback address of this file's own, for the ports that the protocols are told by. */
const LOOPBACK = '127.43.17.18';

async function forward(port: number, endpoint: string): Promise<Server> {
  const { hostname, port: target } = new URL(endpoint);
  const server = createServer((from) => {
    const to = connect(Number(target), hostname);
    from.pipe(to).pipe(from);
    from.on('error', () => to.destroy());
    to.on('error', () => from.destroy());
  });
  await once(server.listen(port, LOOPBACK), 'listening');
  return server;
}

/** How often anybody connects while `use` runs. */
async function countConnections(use: (endpoint: string) => Promise<void>): Promise<number> {
  let count = 0;
  const server = createServer((socket) => {
    count++;
    socket.destroy();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  server.close();
  return count;
}

/** A collector that keeps only the path and the headers of what it is sent. */
class HeaderCatcher {
  readonly seen: { path: string; headers: IncomingHttpHeaders }[] = [];

  private constructor(
    readonly httpEndpoint: string,
    readonly grpcEndpoint: string,
    readonly stop: () => void,
  ) {}

  static async start(): Promise<HeaderCatcher> {
    const http = createHttpServer((request, response) => {
      catcher.seen.push({ path: request.url ?? '', headers: request.headers });
      request.resume().on('end', () => response.writeHead(200).end());
    });
    const http2 = createHttp2Server().on('stream', (stream, headers) => {
      catcher.seen.push({ path: headers[':path'] ?? '', headers });
      stream.resume();
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      // One empty message: not compressed, no bytes.
      stream.end(Buffer.alloc(5));
    });
    const endpoints: string[] = [];
    for (const server of [http, http2]) {
      await once(server.listen(0, '127.0.0.1'), 'listening');
      endpoints.push(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    }
    const [httpEndpoint = '', grpcEndpoint = ''] = endpoints;
    const catcher = new HeaderCatcher(httpEndpoint, grpcEndpoint, () => {
      http.close();
      http.closeAllConnections();
      http2.close();
    });
    return catcher;
  }
}
