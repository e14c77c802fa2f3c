import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadTelemetryConfig, type TelemetrySources } from '../../src/config/load-telemetry-config';
import type { TelemetryConfig } from '../../src/config/telemetry-config';
import { readTelemetryFlags } from '../../src/config/telemetry-flags';
import type { TelemetryOptions } from '../../src/config/telemetry-options';
import { telemetryPresets } from '../../src/config/telemetry-presets';
import { UserError } from '../../src/util/user-error';

const directory = mkdtempSync(join(tmpdir(), 'spanwright-config-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let files = 0;
function file(content: unknown): string {
  const path = join(directory, `${files++}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** Nothing of the machine's own environment. */
function load({ env = {}, ...sources }: TelemetrySources = {}): TelemetryConfig {
  return loadTelemetryConfig({ env, ...sources });
}

const withOptions = (options: TelemetryOptions, env: NodeJS.ProcessEnv = {}) => load({ options, env });
const traces = (options: TelemetryOptions, env: NodeJS.ProcessEnv = {}) => withOptions(options, env).tracing.exporters;

/** What a user may write who has no compiler. */
const wrong = (options: unknown) => () => withOptions(options as TelemetryOptions);

function otlp(endpoint: string, protocol = 'http/protobuf') {
  return { type: 'otlp', target: expect.objectContaining({ endpoint, protocol }) };
}

const JAEGER_NOTE = expect.stringMatching(/^Spans go to Jaeger in its own protocol, which is deprecated/);

describe('where nothing is said', () => {
  test('everything has its default', () => {
    expect(load()).toEqual({
      enabled: true,
      serviceName: 'container-kit',
      serviceVersion: 'dev',
      environment: 'development',
      resourceAttributes: {},
      tracing: {
        enabled: true,
        exporters: [
          {
            type: 'otlp',
            target: {
              endpoint: 'http://localhost:4318/v1/traces',
              protocol: 'http/protobuf',
              headers: {},
              compression: 'none',
              timeoutMs: 10_000,
              tls: {},
            },
          },
        ],
        sampling: { sampler: 'parentbased_always_on', ratio: 1, rules: [], keepErrors: false },
        limits: {
          attributeCountLimit: 128,
          attributeValueLengthLimit: 4096,
          eventCountLimit: 128,
          linkCountLimit: 128,
          attributePerEventCountLimit: 128,
          attributePerLinkCountLimit: 128,
        },
      },
      metrics: {
        enabled: true,
        exporters: [{ type: 'prometheus' }],
        intervalMs: 15_000,
        timeoutMs: 15_000,
        path: '/metrics',
        cardinalityLimit: 2000,
      },
      logs: { level: 'info', diagnosticLevel: 'info', exporters: [] },
      propagators: ['tracecontext', 'baggage'],
      redaction: { enabled: true, deny: [], allow: [] },
      export: {
        maxQueueBytes: 64 * 2 ** 20,
        maxBatchSpans: 2048,
        maxBatchBytes: 4 * 2 ** 20 - 64 * 2 ** 10,
        scheduleDelayMs: 1000,
        shutdownTimeoutMs: 5000,
        initialBackoffMs: 500,
        maxBackoffMs: 5000,
      },
      notes: [],
    });
  });

  test('the environment of the process is looked at', () => {
    const before = process.env.CONTAINER_KIT_SERVICE_NAME;
    process.env.CONTAINER_KIT_SERVICE_NAME = 'from the process';
    try {
      expect(loadTelemetryConfig().serviceName).toBe('from the process');
      expect(loadTelemetryConfig({ env: {} }).serviceName).toBe('container-kit');
    } finally {
      if (before === undefined) delete process.env.CONTAINER_KIT_SERVICE_NAME;
      else process.env.CONTAINER_KIT_SERVICE_NAME = before;
    }
  });
});

describe('the result', () => {
  test('is frozen through and through', () => {
    const loose: string[] = [];
    const visit = (value: unknown, path: string) => {
      if (typeof value !== 'object' || value === null) return;
      if (!Object.isFrozen(value)) loose.push(path);
      for (const [key, item] of Object.entries(value)) visit(item, `${path}.${key}`);
    };
    const options: TelemetryOptions = {
      resourceAttributes: { a: 'b' },
      exporters: { traces: [{ type: 'otlp', headers: { a: 'b' } }], metrics: ['otlp'], logs: ['otlp'] },
      sampling: { rules: [{ span: 'a*', ratio: 0 }] },
      export: { spool: { directory: '/spool' } },
      redaction: { deny: ['x'] },
    };
    const config = withOptions(options);
    visit(config, 'config');
    expect(loose).toEqual([]);
    expect(config.tracing.sampling.rules).toEqual([{ span: 'a*', ratio: 0 }]);
  });

  test('shares nothing with the options, which stay as they were', () => {
    const rule = { span: 'a', ratio: 0.5 };
    const headers: Record<string, string> = { a: 'b' };
    const options = { sampling: { rules: [rule] }, otlp: { headers } };
    const config = withOptions(options);
    rule.ratio = 1;
    headers.a = 'c';
    expect(Object.isFrozen(options)).toBe(false);
    expect(config.tracing.sampling.rules).toEqual([{ span: 'a', ratio: 0.5 }]);
    expect(config.tracing.exporters).toEqual([
      { type: 'otlp', target: expect.objectContaining({ headers: { a: 'b' } }) },
    ]);
  });

  test('leaves out what is not there, so that it can be spread', () => {
    expect(Object.keys(load().export)).not.toContain('spool');
    expect(Object.keys(load().metrics)).not.toContain('prometheusUrl');
    expect(Object.keys(load().tracing.sampling)).not.toContain('keepSlowerThanMs');
    expect(JSON.stringify(load())).toBe(JSON.stringify({ ...load() }));
  });
});

describe('the guide’s presets', () => {
  test('development prints every span to standard error', () => {
    expect(load({ options: { preset: 'development' } })).toMatchObject({
      enabled: true,
      serviceName: 'container-kit-dev',
      serviceVersion: 'dev',
      environment: 'development',
      tracing: {
        enabled: true,
        exporters: [{ type: 'console' }],
        sampling: { sampler: 'parentbased_traceidratio', ratio: 1 },
      },
      metrics: { enabled: true, exporters: [{ type: 'prometheus' }], intervalMs: 5000, timeoutMs: 5000 },
      notes: [],
    });
  });

  test('production sends one trace in ten to Jaeger, and says once that this is deprecated', () => {
    expect(load({ options: { preset: 'production' } })).toMatchObject({
      serviceName: 'container-kit',
      serviceVersion: '1.0.0',
      environment: 'production',
      tracing: {
        exporters: [{ type: 'jaeger', endpoint: 'http://jaeger-collector:14268/api/traces' }],
        sampling: { sampler: 'parentbased_traceidratio', ratio: 0.1 },
      },
      metrics: { intervalMs: 15_000 },
      notes: [JAEGER_NOTE],
    });
  });

  test('testing switches everything off', () => {
    expect(load({ options: { preset: 'testing' } })).toMatchObject({
      enabled: false,
      serviceName: 'container-kit-test',
      environment: 'test',
      tracing: { enabled: false, exporters: [] },
      metrics: { enabled: false, exporters: [], intervalMs: 15_000 },
      logs: { exporters: [] },
      notes: [],
    });
  });

  test.each(Object.entries(telemetryPresets))('%s loads as options of one’s own, too', (preset, options) => {
    expect(load({ options })).toEqual(load({ options: { preset: preset as keyof typeof telemetryPresets } }));
  });

  test('lie below everything else', () => {
    const options: TelemetryOptions = { preset: 'production', serviceName: 'orders', traceSampleRate: 0.5 };
    expect(withOptions(options)).toMatchObject({
      serviceName: 'orders',
      serviceVersion: '1.0.0',
      tracing: { sampling: { ratio: 0.5 } },
    });
    expect(withOptions(options, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317' })).toMatchObject({
      tracing: { exporters: [otlp('http://collector:4317', 'grpc')] },
      notes: [],
    });
  });

  test('can be named in a file and in the environment, which win over the code', () => {
    const named = (preset: string) => file({ preset });
    expect(load({ options: { preset: 'testing' }, file: named('production') }).environment).toBe('production');
    const env = { SPANWRIGHT_TELEMETRY_PRESET: 'development' };
    expect(load({ options: { preset: 'testing' }, file: named('production'), env }).serviceName).toBe(
      'container-kit-dev',
    );
  });
});

describe('a layer wins over those below it', () => {
  const options: TelemetryOptions = { serviceName: 'code', traceSampleRate: 0.1, logLevel: 'error' };
  const path = () => file({ serviceName: 'file', traceSampleRate: 0.2, logLevel: 'warn' });
  const env = {
    CONTAINER_KIT_SERVICE_NAME: 'environment',
    CONTAINER_KIT_TRACE_SAMPLE_RATE: '0.3',
    CONTAINER_KIT_LOG_LEVEL: 'debug',
  };
  const flags = ['--service-name=flags', '--trace-sample-rate', '0.4', '--log-level=trace'];

  test.each<[string, () => TelemetrySources, string, number, string]>([
    ['code', () => ({ options }), 'code', 0.1, 'error'],
    ['the file over the code', () => ({ options, file: path() }), 'file', 0.2, 'warn'],
    ['the environment over the file', () => ({ options, file: path(), env }), 'environment', 0.3, 'debug'],
    ['the environment over the code', () => ({ options, env }), 'environment', 0.3, 'debug'],
    ['flags over the environment', () => ({ options, file: path(), env, flags }), 'flags', 0.4, 'trace'],
    ['flags over the file', () => ({ options, file: path(), flags }), 'flags', 0.4, 'trace'],
  ])('%s', (_, sources, serviceName, ratio, level) => {
    expect(load(sources())).toMatchObject({
      serviceName,
      tracing: { sampling: { ratio } },
      logs: { level },
      notes: [],
    });
  });

  test('option by option: what it does not say comes from below', () => {
    const config = load({
      options: { serviceName: 'code', serviceVersion: '1', export: { maxBatchSpans: 7, maxQueueBytes: '1MiB' } },
      file: file({ serviceVersion: '2', export: { maxBatchSpans: 8 } }),
      env: { CONTAINER_KIT_ENV: 'qa' },
    });
    expect(config).toMatchObject({
      serviceName: 'code',
      serviceVersion: '2',
      environment: 'qa',
      export: { maxBatchSpans: 8, maxQueueBytes: 2 ** 20 },
    });
  });

  test('the environment even over an explicit false in code', () => {
    const env = { CONTAINER_KIT_TRACING_ENABLED: 'true' };
    expect(withOptions({ tracingEnabled: false }, env).tracing.enabled).toBe(true);
  });

  test('resource attributes are put together, headers are replaced', () => {
    const config = load({
      options: { resourceAttributes: { a: 'code', b: 'code' }, otlp: { headers: { token: 'code', b: 'code' } } },
      file: file({ resourceAttributes: { b: 'file', c: 'file' } }),
      env: { OTEL_RESOURCE_ATTRIBUTES: 'c=env', OTEL_EXPORTER_OTLP_HEADERS: 'x=env' },
    });
    expect(config.resourceAttributes).toEqual({ a: 'code', b: 'file', c: 'env' });
    expect(config.tracing.exporters).toMatchObject([{ target: { headers: { x: 'env' } } }]);
  });

  test('for one signal as for all: a general endpoint higher up wins over a special one further down', () => {
    const options = { otlp: { traces: { endpoint: 'http://special:4318/x' }, endpoint: 'http://general:4318' } };
    expect(traces(options)).toEqual([otlp('http://special:4318/x')]);
    expect(traces(options, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://env:4318' })).toEqual([
      otlp('http://env:4318/v1/traces'),
    ]);
  });
});

describe('telemetry is off', () => {
  const everythingWrong = {
    OTEL_TRACES_SAMPLER: 'x',
    OTEL_EXPORTER_OTLP_HEADERS: 'x',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'x',
    OTEL_BSP_MAX_QUEUE_SIZE: 'x',
  };

  test.each<[string, TelemetrySources]>([
    ['by OTEL_SDK_DISABLED', { env: { OTEL_SDK_DISABLED: 'true' } }],
    ['by OTEL_SDK_DISABLED, whatever the flags', { env: { OTEL_SDK_DISABLED: 'true' }, flags: ['--enable-telemetry'] }],
    ['by an option', { options: { enabled: false } }],
    ['by an option, whatever the signals', { options: { enabled: false, tracingEnabled: true } }],
    ['where no signal is wanted', { options: { tracingEnabled: false, metricsEnabled: false } }],
    ['where no signal is wanted, logs or not', { options: { preset: 'testing', exporters: { logs: ['otlp'] } } }],
    [
      'where the environment wants none',
      { env: { CONTAINER_KIT_TRACING_ENABLED: '0', CONTAINER_KIT_METRICS_ENABLED: '0' } },
    ],
    ['by a flag', { flags: ['--no-enable-telemetry'] }],
    ['by a flag, whatever the endpoint', { flags: ['--no-enable-telemetry', '--otlp-endpoint=http://c:4317'] }],
  ])('%s: nothing is sent, nothing is said, and nobody complains of the rest', (_, sources) => {
    // Right, but in vain, which would be remarked on.
    const vain = { SPANWRIGHT_TELEMETRY_SPOOL_MAX_AGE: '1h', OTEL_TRACES_SAMPLER_ARG: '0.1' };
    const config = load({ ...sources, env: { ...sources.env, ...vain, ...everythingWrong } });
    expect(config).toMatchObject({
      enabled: false,
      tracing: { enabled: false, exporters: [] },
      metrics: { enabled: false, exporters: [] },
      logs: { exporters: [] },
      notes: [],
    });
  });

  test('but the application’s log level still counts', () => {
    const env = { OTEL_SDK_DISABLED: 'true', CONTAINER_KIT_LOG_LEVEL: 'debug' };
    expect(load({ env }).logs.level).toBe('debug');
  });

  test('by OTEL_SDK_DISABLED though a switch or the file is wrong', () => {
    const env = { OTEL_SDK_DISABLED: 'true', CONTAINER_KIT_TRACING_ENABLED: 'perhaps', SPANWRIGHT_CONFIG: '/none' };
    expect(load({ env }).enabled).toBe(false);
  });

  test('unless nobody can tell: a wrong switch is complained of, and nothing else', () => {
    const options = { tracingEnabled: false, metricsEnabled: false };
    expect(() => withOptions(options, { ...everythingWrong, CONTAINER_KIT_TRACING_ENABLED: 'perhaps' })).toThrow(
      /^CONTAINER_KIT_TRACING_ENABLED: expected true or false, got 'perhaps'$/,
    );
    expect(() => withOptions(options, { ...everythingWrong, SPANWRIGHT_CONFIG: '/none.json' })).toThrow(
      /^SPANWRIGHT_CONFIG: cannot read \/none\.json: no such file or directory$/,
    );
    expect(() => withOptions(options, { ...everythingWrong, OTEL_SDK_DISABLED: '1' })).toThrow(
      /^OTEL_SDK_DISABLED: expected true or false, got '1'$/,
    );
    expect(() => load({ options, flags: ['--enable-telemetry=1'] })).toThrow(
      /^--enable-telemetry: expected true or false, got '1'$/,
    );
  });

  test('for spans alone: metrics go on, and the other way round', () => {
    expect(withOptions({ tracingEnabled: false })).toMatchObject({
      enabled: true,
      tracing: { enabled: false, exporters: [] },
      metrics: { enabled: true, exporters: [{ type: 'prometheus' }] },
      notes: [],
    });
    expect(withOptions({ metricsEnabled: false })).toMatchObject({
      enabled: true,
      tracing: { enabled: true, exporters: [{ type: 'otlp' }] },
      metrics: { enabled: false, exporters: [] },
    });
  });
});

describe('who the service is', () => {
  test.each<[string, TelemetrySources, Partial<TelemetryConfig>]>([
    [
      'an attribute is as good as the option',
      {
        options: {
          resourceAttributes: { 'service.name': 'a', 'service.version': '2', 'deployment.environment.name': 'qa' },
        },
      },
      { serviceName: 'a', serviceVersion: '2', environment: 'qa', resourceAttributes: {} },
    ],
    [
      'the option wins over the attribute beside it',
      { options: { serviceName: 'option', resourceAttributes: { 'service.name': 'attribute', x: 'y' } } },
      { serviceName: 'option', resourceAttributes: { x: 'y' } },
    ],
    [
      'OTEL_SERVICE_NAME wins over OTEL_RESOURCE_ATTRIBUTES',
      { env: { OTEL_SERVICE_NAME: 'name', OTEL_RESOURCE_ATTRIBUTES: 'service.name=attribute' } },
      { serviceName: 'name', resourceAttributes: {} },
    ],
    [
      'CONTAINER_KIT_SERVICE_NAME changes the resource as well',
      { env: { CONTAINER_KIT_SERVICE_NAME: 'name', OTEL_RESOURCE_ATTRIBUTES: 'service.name=attribute' } },
      { serviceName: 'name', resourceAttributes: {} },
    ],
    [
      'an attribute from the environment wins over the option in code',
      { options: { serviceName: 'code' }, env: { OTEL_RESOURCE_ATTRIBUTES: 'service.name=operator' } },
      { serviceName: 'operator' },
    ],
    [
      'an option further up wins over an attribute',
      { options: { resourceAttributes: { 'service.name': 'code' } }, flags: ['--service-name', 'flag'] },
      { serviceName: 'flag' },
    ],
    [
      'the former name of the environment is understood, the present one wins',
      { options: { resourceAttributes: { 'deployment.environment': 'old', 'deployment.environment.name': 'new' } } },
      { environment: 'new', resourceAttributes: {} },
    ],
    [
      'the former name alone counts',
      { env: { OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=old' } },
      { environment: 'old', resourceAttributes: {} },
    ],
    [
      'attributes without an option of their own stay',
      { options: { resourceAttributes: { 'service.namespace': 'shop', 'cluster.name': 'prod' } } },
      { resourceAttributes: { 'service.namespace': 'shop', 'cluster.name': 'prod' } },
    ],
    [
      'attributes that are undefined or empty were not said',
      { options: { resourceAttributes: { 'pod.name': undefined, 'node.name': '', a: 'b' } } },
      { resourceAttributes: { a: 'b' } },
    ],
    [
      'nor were those that are empty in the environment',
      { env: { OTEL_RESOURCE_ATTRIBUTES: 'service.name=,x=,a=b' } },
      { serviceName: 'container-kit', resourceAttributes: { a: 'b' } },
    ],
  ])('%s', (_, sources, expected) => {
    expect(load(sources)).toMatchObject(expected);
    if (expected.resourceAttributes) expect(load(sources).resourceAttributes).toEqual(expected.resourceAttributes);
  });
});

describe('where spans go', () => {
  const MEMORY: TelemetryOptions = { exporters: { traces: ['memory'] } };

  test.each<[string, TelemetryOptions, NodeJS.ProcessEnv, unknown]>([
    ['tracingEndpoint by OTLP', { tracingEndpoint: 'http://c:4318' }, {}, [otlp('http://c:4318/v1/traces')]],
    ['tracingEndpoint with its path', { tracingEndpoint: 'http://c/x/v1/traces' }, {}, [otlp('http://c/x/v1/traces')]],
    ['tracingEndpoint by gRPC to port 4317', { tracingEndpoint: 'http://c:4317' }, {}, [otlp('http://c:4317', 'grpc')]],
    [
      'tracingEndpoint by the protocol that is named',
      { tracingEndpoint: 'http://c:4317', otlp: { protocol: 'http/json' } },
      {},
      [otlp('http://c:4317/v1/traces', 'http/json')],
    ],
    [
      'by gRPC where that is named, without a path',
      { tracingEndpoint: 'https://c/v1/traces', otlp: { protocol: 'grpc' } },
      {},
      [otlp('https://c', 'grpc')],
    ],
    [
      'the default of the protocol that is named',
      { otlp: { protocol: 'grpc' } },
      {},
      [otlp('http://localhost:4317', 'grpc')],
    ],
    [
      'tracingEndpoint to Jaeger',
      { tracingEndpoint: 'http://j/api/traces' },
      {},
      [{ type: 'jaeger', endpoint: 'http://j/api/traces' }],
    ],
    [
      'to Jaeger with a slash at the end',
      { tracingEndpoint: 'http://j/api/traces/' },
      {},
      [{ type: 'jaeger', endpoint: 'http://j/api/traces/' }],
    ],
    [
      'to Jaeger with a query',
      { tracingEndpoint: 'http://j/api/traces?a=b' },
      {},
      [{ type: 'jaeger', endpoint: 'http://j/api/traces?a=b' }],
    ],
    [
      'not to Jaeger for a path that only looks like it',
      { tracingEndpoint: 'http://j/api/traces2' },
      {},
      [otlp('http://j/api/traces2')],
    ],
    ['printed in development without endpoint', { tracingEndpoint: '' }, {}, [{ type: 'console' }]],
    [
      'the default elsewhere',
      { tracingEndpoint: '', environment: 'qa' },
      {},
      [otlp('http://localhost:4318/v1/traces')],
    ],
    [
      'by the environment, though the code wants them printed',
      { tracingEndpoint: '' },
      { OTEL_EXPORTER_JAEGER_ENDPOINT: 'http://j:14268/api/traces' },
      [{ type: 'jaeger', endpoint: 'http://j:14268/api/traces' }],
    ],
    [
      'printed, though a preset has an endpoint',
      { preset: 'production', environment: 'development', tracingEndpoint: '' },
      {},
      [{ type: 'console' }],
    ],
    [
      'OTEL_EXPORTER_JAEGER_ENDPOINT by OTLP where the path is not Jaeger’s',
      {},
      { OTEL_EXPORTER_JAEGER_ENDPOINT: 'http://j:4317' },
      [otlp('http://j:4317', 'grpc')],
    ],
    [
      'an OTLP endpoint of the environment over an endpoint in code',
      { tracingEndpoint: 'http://j/api/traces' },
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318/' },
      [otlp('http://c:4318/v1/traces')],
    ],
    ['by their names', { exporters: { traces: ['console', 'memory'] } }, {}, [{ type: 'console' }, { type: 'memory' }]],
    ['nowhere', { exporters: { traces: [] } }, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, []],
    ['by name, each once', { exporters: { traces: ['memory', 'memory'] } }, {}, [{ type: 'memory' }]],
    ['as the environment names them', MEMORY, { OTEL_TRACES_EXPORTER: 'console' }, [{ type: 'console' }]],
    [
      'to OTLP and Jaeger, each at its endpoint',
      {},
      {
        OTEL_TRACES_EXPORTER: 'jaeger,otlp',
        OTEL_EXPORTER_JAEGER_ENDPOINT: 'http://j/api/traces',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318',
      },
      [{ type: 'jaeger', endpoint: 'http://j/api/traces' }, otlp('http://c:4318/v1/traces')],
    ],
    [
      'to OTLP and Jaeger, where only Jaeger’s endpoint is known',
      { exporters: { traces: ['otlp', 'jaeger'] }, tracingEndpoint: 'http://j/api/traces' },
      {},
      [otlp('http://localhost:4318/v1/traces'), { type: 'jaeger', endpoint: 'http://j/api/traces' }],
    ],
    [
      'to OTLP and Jaeger, where only OTLP’s endpoint is known',
      { exporters: { traces: ['jaeger', 'otlp'] }, tracingEndpoint: 'http://c:4317' },
      {},
      [{ type: 'jaeger', endpoint: 'http://localhost:14268/api/traces' }, otlp('http://c:4317', 'grpc')],
    ],
    [
      'to Jaeger alone, whatever the path',
      {},
      { OTEL_TRACES_EXPORTER: 'jaeger', OTEL_EXPORTER_JAEGER_ENDPOINT: 'http://j/collect' },
      [{ type: 'jaeger', endpoint: 'http://j/collect' }],
    ],
    [
      'to Jaeger’s default',
      { exporters: { traces: ['jaeger'] } },
      {},
      [{ type: 'jaeger', endpoint: 'http://localhost:14268/api/traces' }],
    ],
    [
      'to Jaeger’s agent',
      { exporters: { traces: ['jaeger'] }, jaeger: { agentHost: 'a', agentPort: 1 } },
      {},
      [{ type: 'jaeger', agentHost: 'a', agentPort: 1 }],
    ],
    [
      'to Jaeger’s collector rather than its agent',
      { exporters: { traces: ['jaeger'] }, jaeger: { agentHost: 'a' }, tracingEndpoint: 'http://j/api/traces' },
      {},
      [{ type: 'jaeger', endpoint: 'http://j/api/traces' }],
    ],
    [
      'to Jaeger’s agent, where that was said higher up',
      { exporters: { traces: ['jaeger'] }, tracingEndpoint: 'http://j/api/traces' },
      { OTEL_EXPORTER_JAEGER_AGENT_HOST: 'a' },
      [{ type: 'jaeger', agentHost: 'a', agentPort: 6832 }],
    ],
    [
      'to Jaeger with user and password out of the URL',
      { tracingEndpoint: 'http://ann:p%40ss@j/api/traces' },
      {},
      [{ type: 'jaeger', endpoint: 'http://j/api/traces', username: 'ann', password: 'p@ss' }],
    ],
    [
      'to Jaeger with user and password that were said, before those in the URL',
      { tracingEndpoint: 'http://x:y@j/api/traces', jaeger: { username: 'ann', password: 'pass' } },
      {},
      [{ type: 'jaeger', endpoint: 'http://j/api/traces', username: 'ann', password: 'pass' }],
    ],
    ['only into a file', { spansFile: '/spans' }, {}, [{ type: 'file', path: '/spans' }]],
    [
      'into a file and to a collector',
      { spansFile: '/spans', tracingEndpoint: 'http://c:4318' },
      {},
      [otlp('http://c:4318/v1/traces'), { type: 'file', path: '/spans' }],
    ],
    [
      'into files of their own',
      {
        exporters: {
          traces: [
            { type: 'file', path: '/a' },
            { type: 'file', path: '/b' },
          ],
        },
      },
      {},
      [
        { type: 'file', path: '/a' },
        { type: 'file', path: '/b' },
      ],
    ],
    [
      'to two collectors',
      {
        exporters: { traces: ['otlp', { type: 'otlp', endpoint: 'http://second:4317' }] },
        otlp: { endpoint: 'http://first:4318' },
      },
      {},
      [otlp('http://first:4318/v1/traces'), otlp('http://second:4317', 'grpc')],
    ],
    [
      'to two collectors of Jaeger',
      {
        exporters: { traces: ['jaeger', { type: 'jaeger', endpoint: 'http://j2/api/traces' }] },
        jaeger: { username: 'ann', password: 'pass' },
      },
      {},
      [
        { type: 'jaeger', endpoint: 'http://localhost:14268/api/traces', username: 'ann', password: 'pass' },
        { type: 'jaeger', endpoint: 'http://j2/api/traces' },
      ],
    ],
  ])('%s', (_, options, env, expected) => {
    expect(traces(options, env)).toEqual(expected);
  });

  test('an exporter with an endpoint of its own gets nobody else’s token', () => {
    const options: TelemetryOptions = {
      exporters: {
        traces: ['otlp', { type: 'otlp', endpoint: 'http://second:4318' }, { type: 'otlp', compression: 'gzip' }],
      },
      otlp: { endpoint: 'http://first:4318', headers: { authorization: 'Bearer s3cr3t' } },
    };
    const headers = { authorization: 'Bearer s3cr3t' };
    expect(traces(options)).toMatchObject([
      { target: { endpoint: 'http://first:4318/v1/traces', headers, compression: 'none' } },
      { target: { endpoint: 'http://second:4318/v1/traces', headers: {}, compression: 'none' } },
      { target: { endpoint: 'http://first:4318/v1/traces', headers, compression: 'gzip' } },
    ]);
    expect(traces(options)).toMatchObject([{}, { target: { headers: expect.not.objectContaining(headers) } }, {}]);
  });

  test('two endpoints in the environment: OTLP’s wins, and a note says so', () => {
    const env = {
      OTEL_EXPORTER_JAEGER_ENDPOINT: 'http://j/api/traces',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318',
    };
    expect(load({ env })).toMatchObject({
      tracing: { exporters: [otlp('http://c:4318/v1/traces')] },
      notes: ['OTEL_EXPORTER_JAEGER_ENDPOINT is not used: no exporter needs it'],
    });
  });

  test('the deprecation of Jaeger’s protocol is said once for several', () => {
    const options: TelemetryOptions = {
      exporters: { traces: ['jaeger', { type: 'jaeger', endpoint: 'http://b/api/traces' }] },
    };
    expect(withOptions(options).notes).toEqual([JAEGER_NOTE]);
  });
});

describe('an OTLP endpoint', () => {
  test.each<[string, string, string]>([
    ['http://c:4318', 'http://c:4318/v1/traces', 'http/protobuf'],
    ['http://c:4318/', 'http://c:4318/v1/traces', 'http/protobuf'],
    ['https://c/otlp', 'https://c/otlp/v1/traces', 'http/protobuf'],
    ['https://c/otlp/?key=1', 'https://c/otlp/v1/traces?key=1', 'http/protobuf'],
    ['http://[::1]:4318', 'http://[::1]:4318/v1/traces', 'http/protobuf'],
    ['HTTP://c:4317', 'http://c:4317', 'grpc'],
    ['http://c:14317', 'http://c:14317/v1/traces', 'http/protobuf'],
    ['http://c:4318/:4317/', 'http://c:4318/:4317/v1/traces', 'http/protobuf'],
    ['localhost:4317', 'http://localhost:4317', 'grpc'],
    ['localhost:4318', 'http://localhost:4318/v1/traces', 'http/protobuf'],
    ['127.0.0.1:4317', 'http://127.0.0.1:4317', 'grpc'],
    ['[::1]:4317', 'http://[::1]:4317', 'grpc'],
    ['collector:4317', 'https://collector:4317', 'grpc'],
    ['localhost.example.com:4317', 'https://localhost.example.com:4317', 'grpc'],
    ['collector', 'https://collector/v1/traces', 'http/protobuf'],
  ])('%s for all signals is %s by %s for spans', (endpoint, complete, protocol) => {
    expect(traces({ otlp: { endpoint } })).toEqual([otlp(complete, protocol)]);
  });

  test.each<[string, boolean | undefined, string]>([
    ['collector:4317', true, 'http://collector:4317'],
    ['collector:4317', false, 'https://collector:4317'],
    ['localhost:4317', false, 'https://localhost:4317'],
    ['https://collector:4317', true, 'https://collector:4317'],
    ['http://collector:4317', false, 'http://collector:4317'],
  ])('%s with insecure %s is %s: a scheme wins', (endpoint, insecure, expected) => {
    expect(traces({ otlp: { endpoint, insecure } })).toEqual([otlp(expected, 'grpc')]);
  });

  test('for one signal is complete as it is; without a path a note says so', () => {
    expect(withOptions({ otlp: { traces: { endpoint: 'http://c:4318/x' } } })).toMatchObject({
      tracing: { exporters: [otlp('http://c:4318/x')] },
      notes: [],
    });
    expect(withOptions({ otlp: { traces: { endpoint: 'http://c:4318' } } })).toMatchObject({
      tracing: { exporters: [otlp('http://c:4318/')] },
      notes: ['option otlp.traces.endpoint has no path and is taken as it is; collectors expect /v1/traces'],
    });
    expect(withOptions({ otlp: { traces: { endpoint: 'http://c:4317' } } }).notes).toEqual([]);
  });

  test('for all signals loses the path of one, and a note says so', () => {
    expect(withOptions({ otlp: { endpoint: 'http://c/x/v1/metrics' } })).toMatchObject({
      tracing: { exporters: [otlp('http://c/x/v1/traces')] },
      notes: ['option otlp.endpoint is for all signals; /v1/metrics is taken off its end'],
    });
  });

  test('at the other protocol’s port is remarked on', () => {
    expect(withOptions({ otlp: { endpoint: 'http://c:4317', protocol: 'http/protobuf' } }).notes).toEqual([
      'option otlp.endpoint: port 4317 is set aside for OTLP over gRPC, but the protocol is http/protobuf',
    ]);
    expect(withOptions({ otlp: { endpoint: 'http://c:4318', protocol: 'grpc' } }).notes).toEqual([
      'option otlp.endpoint: port 4318 is set aside for OTLP over HTTP, but the protocol is grpc',
    ]);
  });

  test('with user and password makes a header of them, unless there is one', () => {
    const endpoint = 'http://ann:p%40ss@c:4318';
    const of = (headers?: Record<string, string>) => traces({ otlp: { endpoint, headers } });
    const authorization = `Basic ${Buffer.from('ann:p@ss').toString('base64')}`;
    expect(of()).toMatchObject([{ target: { endpoint: 'http://c:4318/v1/traces', headers: { authorization } } }]);
    expect(of({ Authorization: 'x' })).toEqual([
      {
        type: 'otlp',
        target: expect.objectContaining({ headers: { Authorization: 'x' }, endpoint: 'http://c:4318/v1/traces' }),
      },
    ]);
    expect(traces({ otlp: { endpoint: 'http://%zz@c:4317' } })).toMatchObject([
      { target: { endpoint: 'http://c:4317' } },
    ]);
  });

  test('that nothing is sent to is remarked on, unless something higher took its place', () => {
    const unused = 'OTEL_EXPORTER_OTLP_ENDPOINT is not used: no exporter needs it';
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' };
    expect(withOptions({ exporters: { traces: ['memory'] } }, env).notes).toEqual([unused]);
    expect(withOptions({ exporters: { traces: ['memory'], metrics: ['otlp'] } }, env).notes).toEqual([]);
    expect(withOptions({ exporters: { traces: ['memory'], logs: ['otlp'] } }, env).notes).toEqual([]);
    expect(withOptions({ tracingEnabled: false }, env).notes).toEqual([]);
    expect(withOptions({}, { ...env, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://d:4318/x' }).notes).toEqual([]);
    expect(withOptions({ tracingEndpoint: 'http://d:4318' }, env).notes).toEqual([]);
  });
});

describe('OTLP for spans', () => {
  test('takes each setting from where it is said highest, and there from the more special place', () => {
    const options: TelemetryOptions = {
      otlp: { timeout: '1s', compression: 'gzip', traces: { timeout: 2000 } },
    };
    expect(traces(options)).toMatchObject([{ target: { timeoutMs: 2000, compression: 'gzip' } }]);
    const env = { OTEL_EXPORTER_OTLP_TIMEOUT: '3000', OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: 'none' };
    expect(traces(options, env)).toMatchObject([{ target: { timeoutMs: 3000, compression: 'none' } }]);
  });

  test('takes no longer than the batch may', () => {
    expect(traces({ otlp: { timeout: '4s' }, export: { timeout: '3s' } })).toMatchObject([
      { target: { timeoutMs: 3000 } },
    ]);
    expect(traces({ otlp: { timeout: '2s' }, export: { timeout: '3s' } })).toMatchObject([
      { target: { timeoutMs: 2000 } },
    ]);
    const metrics = withOptions({ exporters: { metrics: ['otlp'] }, export: { timeout: '3s' } }).metrics;
    expect(metrics.exporters).toMatchObject([{ target: { timeoutMs: 10_000 } }]);
  });

  test('wants key and certificate together', () => {
    const path = file('PEM');
    expect(wrong({ otlp: { tls: { clientKey: path } } })).toThrow(
      "option otlp.tls.clientKey: expected the client's certificate with it",
    );
    expect(
      wrong({ exporters: { traces: [{ type: 'otlp', endpoint: 'https://c', tls: { clientCertificate: path } }] } }),
    ).toThrow("option exporters.traces: expected the client's key with it");
  });
});

describe('where metrics go', () => {
  const metrics = (options: TelemetryOptions, env: NodeJS.ProcessEnv = {}) =>
    withOptions(options, env).metrics.exporters;

  test.each<[string, TelemetryOptions, NodeJS.ProcessEnv, unknown]>([
    ['Prometheus', {}, {}, [{ type: 'prometheus' }]],
    [
      'Prometheus, though spans go to a collector',
      {},
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' },
      [{ type: 'prometheus' }],
    ],
    [
      'OTLP as well, where it has an endpoint for them',
      {},
      { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://c:4318/v1/metrics' },
      [{ type: 'prometheus' }, { ...otlp('http://c:4318/v1/metrics'), temporality: 'cumulative' }],
    ],
    [
      'OTLP alone, at the collector for all signals',
      { otlp: { endpoint: 'http://c:4318', metrics: { temporality: 'delta' } } },
      { OTEL_METRICS_EXPORTER: 'otlp' },
      [{ ...otlp('http://c:4318/v1/metrics'), temporality: 'delta' }],
    ],
    [
      'two collectors',
      {
        exporters: {
          metrics: ['otlp', { type: 'otlp', endpoint: 'http://d', protocol: 'http/json', temporality: 'lowmemory' }],
        },
        otlp: { metrics: { temporality: 'delta' } },
      },
      {},
      [
        { ...otlp('http://localhost:4318/v1/metrics'), temporality: 'delta' },
        { ...otlp('http://d/v1/metrics', 'http/json'), temporality: 'lowmemory' },
      ],
    ],
    [
      'Prometheus on a port of its own',
      { exporters: { metrics: [{ type: 'prometheus', port: 1234 }] } },
      {},
      [{ type: 'prometheus', host: 'localhost', port: 1234 }],
    ],
    [
      'Prometheus, whatever Jaeger’s endpoint',
      {},
      { OTEL_EXPORTER_JAEGER_ENDPOINT: 'http://j/api/traces' },
      [{ type: 'prometheus' }],
    ],
  ])('%s', (_, options, env, expected) => {
    expect(metrics(options, env)).toEqual(expected);
  });

  test('a port that nobody listens on is remarked on', () => {
    const env = { OTEL_EXPORTER_PROMETHEUS_PORT: '9464', OTEL_METRICS_EXPORTER: 'otlp' };
    expect(load({ env }).notes).toEqual(['OTEL_EXPORTER_PROMETHEUS_PORT is not used: no exporter needs it']);
  });
});

describe('where logs go', () => {
  test.each<[string, TelemetryOptions, unknown]>([
    ['nowhere', {}, []],
    [
      'to a collector that is named',
      { exporters: { logs: ['otlp', 'console'] } },
      [otlp('http://localhost:4318/v1/logs'), { type: 'console' }],
    ],
    [
      'to a collector that has an endpoint for them',
      { otlp: { logs: { endpoint: 'http://c/logs' } } },
      [otlp('http://c/logs')],
    ],
  ])('%s', (_, options, expected) => {
    expect(withOptions(options).logs.exporters).toEqual(expected);
  });
});

describe('sampling', () => {
  const sampling = (sources: TelemetrySources) => load(sources).tracing.sampling;
  const ratio = (value: number) => ({ sampler: 'parentbased_traceidratio', ratio: value });

  test.each<[string, TelemetrySources, unknown]>([
    ['a rate is parent-based', { options: { traceSampleRate: 0.25 } }, ratio(0.25)],
    ['a rate of none', { options: { traceSampleRate: 0 } }, ratio(0)],
    ['a ratio alone is a rate', { options: { sampling: { ratio: 0.5 } } }, ratio(0.5)],
    [
      'a sampler without a ratio',
      { options: { sampling: { sampler: 'traceidratio' } } },
      { sampler: 'traceidratio', ratio: 1 },
    ],
    [
      'a sampler with a ratio',
      { options: { sampling: { sampler: 'traceidratio', ratio: 0.5 } } },
      { sampler: 'traceidratio', ratio: 0.5 },
    ],
    [
      'a ratio further up changes the ratio',
      { options: { sampling: { sampler: 'traceidratio', ratio: 0.5 } }, file: file({ sampling: { ratio: 0.1 } }) },
      { sampler: 'traceidratio', ratio: 0.1 },
    ],
    [
      'a rate further up is a rate',
      {
        options: { sampling: { sampler: 'traceidratio', ratio: 0.5 } },
        env: { CONTAINER_KIT_TRACE_SAMPLE_RATE: '0.1' },
      },
      ratio(0.1),
    ],
    [
      'a ratio further up replaces a sampler that has none',
      { options: { sampling: { sampler: 'always_off' } }, file: file({ sampling: { ratio: 0.1 } }) },
      ratio(0.1),
    ],
    [
      'a sampler further up starts afresh, as OpenTelemetry has it',
      { options: { preset: 'production' }, env: { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio' } },
      ratio(1),
    ],
    [
      'a flag wins over OpenTelemetry’s variable',
      { env: { OTEL_TRACES_SAMPLER: 'always_off' }, flags: ['--trace-sample-rate=0.5'] },
      ratio(0.5),
    ],
    [
      'always off',
      { env: { OTEL_TRACES_SAMPLER: 'parentbased_always_off' } },
      { sampler: 'parentbased_always_off', ratio: 0 },
    ],
  ])('%s', (_, sources, expected) => {
    expect(sampling(sources)).toMatchObject(expected as object);
    expect(load(sources).notes.filter((note) => !note.includes('Jaeger'))).toEqual([]);
  });

  test('says what does nothing', () => {
    expect(withOptions({ traceSampleRate: 0.5, sampling: { sampler: 'always_on', ratio: 0.1 } })).toMatchObject({
      tracing: { sampling: { sampler: 'always_on', ratio: 1 } },
      notes: [
        'option traceSampleRate is not used: option sampling.sampler says what is sampled, and wins',
        'option sampling.ratio is not used: the sampler always_on takes no ratio',
      ],
    });
  });

  test('has rules, in their order, and keeps what is worth keeping', () => {
    const rules = [
      { span: 'health *', ratio: 0 },
      { span: '*', ratio: 1 },
    ];
    expect(withOptions({ sampling: { rules, keepErrors: true, keepSlowerThan: '1.5s' } }).tracing.sampling).toEqual({
      sampler: 'parentbased_always_on',
      ratio: 1,
      rules,
      keepErrors: true,
      keepSlowerThanMs: 1500,
    });
  });
});

describe('times and sizes', () => {
  test.each<[TelemetryOptions['metricsInterval'], number]>([
    ['15s', 15_000],
    ['1m30s', 90_000],
    [2500, 2500],
    ['1500us', 2],
    ['596h', 2_145_600_000],
  ])('an interval of %j is %d ms', (metricsInterval, intervalMs) => {
    expect(withOptions({ metricsInterval }).metrics.intervalMs).toBe(intervalMs);
  });

  test.each([
    0,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '0',
    '0s',
    '-5s',
    '15',
    '',
    '1d',
    null,
    true,
    [],
    2 ** 31,
    '600h',
    '100us',
  ])('an interval of %p is none', (metricsInterval) => {
    expect(wrong({ metricsInterval })).toThrow(
      /^option metricsInterval: expected a duration from 1ms to 596h, such as '15s', or milliseconds as a number, got /,
    );
  });

  test.each<[number | string, number]>([
    [1, 1],
    ['4096', 4096],
    ['512KiB', 524_288],
    ['1.5GiB', 1_610_612_736],
  ])('a queue of %j is %d bytes', (maxQueueBytes, bytes) => {
    expect(withOptions({ export: { maxQueueBytes } }).export.maxQueueBytes).toBe(bytes);
  });

  test.each([0, -1, 1.5, '64MB', '0', '', null, Number.NaN])('a queue of %p is none', (maxQueueBytes) => {
    expect(wrong({ export: { maxQueueBytes } })).toThrow(
      /^option export\.maxQueueBytes: expected a size of 1 bytes or more/,
    );
  });

  test('a batch is never larger than the queue', () => {
    expect(withOptions({ export: { maxQueueBytes: '1MiB' } }).export.maxBatchBytes).toBe(2 ** 20);
    expect(wrong({ export: { maxQueueBytes: '1MiB', maxBatchBytes: '2MiB' } })).toThrow(
      "option export.maxBatchBytes: expected no more than the queue's 1048576 bytes, got 2097152",
    );
    expect(wrong({ export: { maxBatchBytes: '65MiB' } })).toThrow(
      "option export.maxBatchBytes: expected no more than the queue's 67108864 bytes",
    );
    const smaller = { OTEL_BSP_MAX_QUEUE_SIZE: '1000' };
    expect(withOptions({ export: { maxBatchBytes: '2MiB' } }, smaller).export.maxBatchBytes).toBe(1_024_000);
  });

  test('waits after failures fit together', () => {
    const backoff = (options: TelemetryOptions['export']) => {
      const { initialBackoffMs, maxBackoffMs } = withOptions({ export: options }).export;
      return [initialBackoffMs, maxBackoffMs];
    };
    expect(backoff({ maxBackoff: 100 })).toEqual([100, 100]);
    expect(backoff({ initialBackoff: '10s' })).toEqual([10_000, 10_000]);
    expect(backoff({ initialBackoff: 10, maxBackoff: 20 })).toEqual([10, 20]);
    const above = load({ options: { export: { initialBackoff: 30 } }, file: file({ export: { maxBackoff: 20 } }) });
    expect(above.export).toMatchObject({ initialBackoffMs: 20, maxBackoffMs: 20 });
    expect(wrong({ export: { initialBackoff: 30, maxBackoff: 20 } })).toThrow(
      'option export.initialBackoff: expected no more than the longest wait of 20 ms, got 30 ms',
    );
  });

  test('a push of metrics is over before the next one', () => {
    const times = (options: TelemetryOptions, env: NodeJS.ProcessEnv = {}) => {
      const { metrics, notes } = withOptions(options, env);
      return { intervalMs: metrics.intervalMs, timeoutMs: metrics.timeoutMs, notes };
    };
    expect(times({ metricsInterval: '1m' })).toEqual({ intervalMs: 60_000, timeoutMs: 30_000, notes: [] });
    expect(times({ metricsInterval: 10, metricsTimeout: 20 })).toEqual({
      intervalMs: 10,
      timeoutMs: 10,
      notes: ['option metricsTimeout is longer than the interval of 10 ms, which counts instead'],
    });
    expect(times({}, { OTEL_METRIC_EXPORT_TIMEOUT: '0' })).toEqual({
      intervalMs: 15_000,
      timeoutMs: 15_000,
      notes: [],
    });
  });

  test('a spool’s size does nothing without a directory, and a note says so', () => {
    expect(withOptions({ export: { spool: { maxBytes: 1, maxAge: '1h' } } })).toMatchObject({
      notes: [
        'option export.spool.maxBytes is not used: there is no spool directory',
        'option export.spool.maxAge is not used: there is no spool directory',
      ],
    });
  });
});

describe('a wrong option is refused, with what was expected and what was found', () => {
  test.each<[unknown, string]>([
    [{ serviceName: '' }, "serviceName: expected a text that is not empty, without control characters, got ''"],
    [{ serviceName: 7 }, 'serviceName: expected a text that is not empty, without control characters, got 7'],
    [{ tracingEnabled: 'true' }, "tracingEnabled: expected true or false, got 'true'"],
    [{ metricsEnabled: 1 }, 'metricsEnabled: expected true or false, got 1'],
    [{ traceSampleRate: 1.5 }, 'traceSampleRate: expected a number from 0 to 1, got 1.5'],
    [{ traceSampleRate: Number.NaN }, 'traceSampleRate: expected a number from 0 to 1, got NaN'],
    [{ traceSampleRate: null }, 'traceSampleRate: expected a number from 0 to 1, got null'],
    [{ traceSampleRate: 1n }, 'traceSampleRate: expected a number from 0 to 1, got a bigint'],
    [{ preset: 'staging' }, "preset: expected development, production or testing, got 'staging'"],
    [{ cardinalityLimit: 1 }, 'cardinalityLimit: expected a whole number from 2 to 2147483647, got 1'],
    [{ metricsPath: 'metrics' }, "metricsPath: expected a path such as /metrics, got 'metrics'"],
    [{ metricsPath: '/metrics?x' }, "metricsPath: expected a path such as /metrics, got '/metrics?x'"],
    [{ resourceAttributes: { a: 1 } }, 'resourceAttributes.a: expected a text'],
    [{ resourceAttributes: ['a'] }, 'resourceAttributes: expected an object of texts'],
    [{ otlp: { headers: { a: { b: 's3cr3t' } } } }, 'otlp.headers.a: expected a text'],
    [{ otlp: { headers: { 'a b': 's3cr3t' } } }, "otlp.headers: a header's name holds a character that is not allowed"],
    [{ otlp: 'http://ann:s3cr3t@c' }, 'otlp: expected an object, got a text'],
    [{ otlp: { traces: [] } }, 'otlp.traces: expected an object, got an array'],
    [{ otlp: { endpoint: '' } }, "otlp.endpoint: expected a URL such as http://localhost:4318, got ''"],
    [
      { tracingEndpoint: 'ftp://ann:s3cr3t@c/x?s3cr3t' },
      'tracingEndpoint: expected a URL such as http://localhost:4318, got ftp://c/x',
    ],
    [{ jaeger: { password: 5 } }, 'jaeger.password: expected a text'],
    [
      { propagators: ['b3', 'xray'] },
      "propagators: expected an array of tracecontext, baggage, b3, b3multi or jaeger, got 'xray'",
    ],
    [{ propagators: 'b3' }, "propagators: expected an array of tracecontext, baggage, b3, b3multi or jaeger, got 'b3'"],
    [{ redaction: { deny: ['a', ''] } }, 'redaction.deny: expected names of attributes, got an array'],
    [
      { exporters: { traces: 'otlp' } },
      "exporters.traces: expected otlp, jaeger, console, file or memory, in an array, got 'otlp'",
    ],
    [
      { exporters: { traces: ['zipkin'] } },
      "exporters.traces[0]: expected otlp, jaeger, console, file or memory, got 'zipkin'",
    ],
    [
      { exporters: { traces: ['otlp', {}] } },
      'exporters.traces[1]: expected otlp, jaeger, console, file or memory, got nothing',
    ],
    [
      { exporters: { traces: ['otlp', 5] } },
      'exporters.traces[1]: expected otlp, jaeger, console, file or memory, got 5',
    ],
    [
      { exporters: { traces: ['constructor'] } },
      "exporters.traces[0]: expected otlp, jaeger, console, file or memory, got 'constructor'",
    ],
    [
      { exporters: { metrics: ['jaeger'] } },
      "exporters.metrics[0]: expected otlp, prometheus, console or memory, got 'jaeger'",
    ],
    [
      { exporters: { traces: [{ type: 'otlp', protocol: 'x' }] } },
      "exporters.traces[0].protocol: expected grpc, http/protobuf or http/json, got 'x'",
    ],
    [{ exporters: { traces: [{ type: 'console', path: 'x' }] } }, 'exporters.traces[0].path: there is no such option'],
    [
      { exporters: { traces: ['file'] } },
      'exporters.traces: expected a path for the exporter file, in SPANWRIGHT_TELEMETRY_FILE or the option spansFile',
    ],
    [{ sampling: { rules: [{ span: 'a' }] } }, 'sampling.rules[0]: expected both a span and a ratio'],
    [
      { sampling: { rules: [{ span: 'a', ratio: 2 }] } },
      'sampling.rules[0].ratio: expected a number from 0 to 1, got 2',
    ],
    [
      { sampling: { rules: { span: 'a', ratio: 1 } } },
      'sampling.rules: expected an array of { span, ratio }, got an object',
    ],
    [{ tracingEndpont: 'x' }, 'tracingEndpont: there is no such option'],
    [{ ServiceName: 'x' }, 'ServiceName: there is no such option; serviceName is meant, perhaps'],
    [
      { export: { max_queue_bytes: 1 } },
      'export.max_queue_bytes: there is no such option; maxQueueBytes is meant, perhaps',
    ],
    [{ constructor: 'x' }, 'constructor: there is no such option'],
    [{ sdkDisabled: true }, 'sdkDisabled: there is no such option'],
  ])('%j', (options, message) => {
    expect(wrong(options)).toThrow(UserError);
    expect(wrong(options)).toThrow(new Error(`option ${message}`));
  });

  test('and an option that is undefined was not said', () => {
    const options = { serviceName: undefined, otlp: undefined, exporters: { traces: undefined }, sampling: {} };
    expect(withOptions(options)).toEqual(load());
  });

  test('and a long or odd value is told in one short line', () => {
    expect(wrong({ preset: `\u001b[31m\n${'x'.repeat(1000)}` })).toThrow(
      /^option preset: expected development, production or testing, got '\?x{50,60}…'$/,
    );
  });
});

describe('everything that is wrong is told at once', () => {
  test('with its source, in the order of the layers', () => {
    const path = file('{\n  "metricsInterval": 0,\n  "limits": {\n    "eventCountLimit": -1\n  }\n}');
    const refused = () =>
      load({
        options: { traceSampleRate: 2, jaeger: { password: 7 } } as unknown as TelemetryOptions,
        file: path,
        env: { CONTAINER_KIT_LOG_LEVEL: 'loud', OTEL_EXPORTER_OTLP_HEADERS: 's3cr3t' },
        flags: ['--trace-sample-rate=x', '--service-name'],
      });
    expect(refused).toThrow(UserError);
    expect(refused).toThrow(
      new Error(
        [
          '8 settings of telemetry are wrong:',
          '  option traceSampleRate: expected a number from 0 to 1, got 2',
          '  option jaeger.password: expected a text',
          '  OTEL_EXPORTER_OTLP_HEADERS: expected key=value pairs separated by commas',
          "  CONTAINER_KIT_LOG_LEVEL: expected silent, fatal, error, warn, info, debug or trace, got 'loud'",
          `  ${path}:2: metricsInterval: expected a duration from 1ms to 596h, such as '15s', or milliseconds as a number, got 0`,
          `  ${path}:4: limits.eventCountLimit: expected a whole number from 0 to 2147483647, got -1`,
          '  --service-name: expected a value',
          "  --trace-sample-rate: expected a number from 0 to 1, got 'x'",
        ].join('\n'),
      ),
    );
  });
});

describe('a file', () => {
  test('is read whole, or by its section', () => {
    expect(load({ file: file({ serviceName: 'whole' }) }).serviceName).toBe('whole');
    const mixed = file({ telemetry: { serviceName: 'section' }, database: { host: 'x' } });
    expect(load({ file: mixed }).serviceName).toBe('section');
  });

  test('is named by a flag, before the environment, before the code', () => {
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((serviceName) => file({ serviceName }));
    const options = { configFile: a };
    expect(load({ options }).serviceName).toBe('a');
    expect(load({ options, file: b }).serviceName).toBe('b');
    expect(load({ options, file: b, env: { SPANWRIGHT_CONFIG: c } }).serviceName).toBe('c');
    const flags = ['--telemetry-config', d as string];
    expect(load({ options, file: b, env: { SPANWRIGHT_CONFIG: c }, flags }).serviceName).toBe('d');
  });

  test('may begin with the mark of editors on Windows', () => {
    expect(load({ file: file('\uFEFF{"serviceName": "x"}') }).serviceName).toBe('x');
  });

  test.each<[string, string, RegExp]>([
    ['that is no JSON', '{\n "serviceName": \n}', /^\S+\.json:3: not valid JSON: \S/],
    ['that holds no object', '[]', /^\S+\.json:1: expected an object, got an array$/],
    ['that holds nothing', 'null', /^\S+\.json:1: expected an object, got null$/],
    [
      'whose section is no object',
      '{\n "telemetry": "s3cr3t"}',
      /^\S+\.json:2: telemetry: expected an object, got a text$/,
    ],
    ['with an unknown option', '{\n\n "x": 1}', /^\S+\.json:3: x: there is no such option$/],
    [
      'with an unknown option in its section',
      '{ "a": 1,\n "telemetry": {\n "x": 1}}',
      /^\S+\.json:3: telemetry\.x: there is no such option$/,
    ],
    [
      'with something wrong in a list',
      '{\n "exporters": { "traces": [\n "otlp",\n { "type": "otlp",\n "timeout": "x" }]}}',
      /^\S+\.json:5: exporters\.traces\[1\]\.timeout: expected a duration/,
    ],
    [
      'that names another file',
      '{\n "configFile": "x.json"}',
      /^\S+\.json:2: configFile: a file cannot name a further one$/,
    ],
    [
      'with a wrong header',
      '{\n "otlp": { "headers": {\n "a": 5 }}}',
      /^\S+\.json:3: otlp\.headers\.a: expected a text$/,
    ],
  ])('%s is refused with its line', (_, content, message) => {
    const path = file(content);
    expect(() => load({ file: path })).toThrow(UserError);
    expect(() => load({ file: path })).toThrow(message);
    expect(() => load({ file: path })).toThrow(new RegExp(`^(?!.*s3cr3t)${path}:`));
  });

  test.each<[string, TelemetrySources]>([
    ['option configFile', { options: { configFile: '/no/such.json' } }],
    ['file', { file: '/no/such.json' }],
    ['CONTAINER_KIT_CONFIG', { env: { CONTAINER_KIT_CONFIG: '/no/such.json' } }],
    ['--telemetry-config', { flags: ['--telemetry-config=/no/such.json'] }],
  ])('that is not there is refused by who named it: %s', (name, sources) => {
    expect(() => load(sources)).toThrow(new Error(`${name}: cannot read /no/such.json: no such file or directory`));
  });
});

describe('flags among an application’s arguments', () => {
  test.each<[string, string[], object]>([
    ['none', [], {}],
    ['with an equals sign', ['--otlp-endpoint=http://c:4317?a=b'], { otlpEndpoint: 'http://c:4317?a=b' }],
    [
      'with a word of their own',
      ['--service-name', 'orders', '--log-level', 'debug'],
      { serviceName: 'orders', logLevel: 'debug' },
    ],
    ['on', ['--enable-telemetry'], { enableTelemetry: true }],
    ['off', ['--no-enable-telemetry'], { enableTelemetry: false }],
    ['on, spelled out', ['--enable-telemetry=true'], { enableTelemetry: true }],
    ['off, spelled out', ['--enable-telemetry=false'], { enableTelemetry: false }],
    ['off, turned round', ['--no-enable-telemetry=true'], { enableTelemetry: false }],
    ['on, turned round twice', ['--no-enable-telemetry=false'], { enableTelemetry: true }],
    ['the last of several', ['--trace-sample-rate=0.1', '--trace-sample-rate=0.2'], { traceSampleRate: '0.2' }],
    ['a file', ['--telemetry-config', 'x.json'], { telemetryConfig: 'x.json' }],
    [
      'those of the application',
      ['run', '--port', '80', '-v', '--verbose=3', '--enable-telemetry-now', '--', '--x'],
      {},
    ],
    ['not behind the end of flags', ['--', '--enable-telemetry', '--log-level=debug'], {}],
    ['not what only begins alike', ['--log-levels=debug', '-log-level=debug'], {}],
  ])('%s', (_, argv, expected) => {
    expect(readTelemetryFlags(argv)).toEqual({ ...expected, problems: [] });
  });

  test.each([[['--otlp-endpoint']], [['--otlp-endpoint', '--verbose']]])('%j lacks a value', (argv) => {
    expect(() => load({ flags: argv })).toThrow(new Error('--otlp-endpoint: expected a value'));
  });

  test.each<[string[], string]>([
    [['--enable-telemetry=yes'], "--enable-telemetry: expected true or false, got 'yes'"],
    [
      ['--otlp-endpoint=ftp://ann:s3cr3t@c'],
      '--otlp-endpoint: expected a URL such as http://localhost:4318, got ftp://c',
    ],
    [['--trace-sample-rate=2'], "--trace-sample-rate: expected a number from 0 to 1, got '2'"],
    [['--log-level=loud'], "--log-level: expected silent, fatal, error, warn, info, debug or trace, got 'loud'"],
    [['--service-name=a\nb'], '--service-name: expected a text that is not empty'],
  ])('%j is refused', (flags, message) => {
    expect(() => load({ flags })).toThrow(message);
  });

  test('that are empty were not given', () => {
    expect(load({ flags: ['--otlp-endpoint=', '--service-name', '', '--telemetry-config='] })).toEqual(load());
  });

  test('--enable-telemetry switches spans on', () => {
    expect(load({ options: { preset: 'testing' }, flags: ['--enable-telemetry'] })).toMatchObject({
      enabled: true,
      tracing: { enabled: true },
      metrics: { enabled: false },
    });
    expect(load({ options: { enabled: false }, flags: ['--enable-telemetry'] }).enabled).toBe(true);
  });

  test('--otlp-endpoint switches spans on and sends them there, whatever the exporters and the other endpoints', () => {
    const flags = ['--otlp-endpoint=http://c:4317'];
    const exporters = (sources: TelemetrySources) => load({ ...sources, flags }).tracing.exporters;
    const there = otlp('http://c:4317', 'grpc');
    expect(exporters({ options: { preset: 'testing' } })).toEqual([there]);
    expect(exporters({ options: { preset: 'production' } })).toEqual([there]);
    expect(exporters({ env: { OTEL_TRACES_EXPORTER: 'none' } })).toEqual([there]);
    expect(exporters({ env: { OTEL_TRACES_EXPORTER: 'console' } })).toEqual([{ type: 'console' }, there]);
    expect(exporters({ env: { OTEL_TRACES_EXPORTER: 'otlp' } })).toEqual([there]);
    expect(exporters({ env: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://d:4318/x' } })).toEqual([there]);
  });

  test('can be handed over as an object', () => {
    expect(load({ flags: { serviceName: 'orders', enableTelemetry: true, traceSampleRate: '0.5' } })).toMatchObject({
      serviceName: 'orders',
      tracing: { sampling: { ratio: 0.5 } },
    });
  });
});

describe('the guide’s own configurations', () => {
  test('load as its environment has them', () => {
    const env = {
      CONTAINER_KIT_TRACING_ENABLED: 'true',
      CONTAINER_KIT_METRICS_ENABLED: 'true',
      OTEL_EXPORTER_JAEGER_ENDPOINT: 'http://jaeger:14268/api/traces',
      OTEL_EXPORTER_PROMETHEUS_ENDPOINT: 'http://prometheus:9090',
      CONTAINER_KIT_TRACE_SAMPLE_RATE: '0.1',
      CONTAINER_KIT_VERSION: '1.0.0',
      CONTAINER_KIT_ENV: 'production',
      CONTAINER_KIT_LOG_LEVEL: 'debug',
      OTEL_LOG_LEVEL: 'debug',
    };
    expect(load({ env })).toMatchObject({
      serviceVersion: '1.0.0',
      environment: 'production',
      tracing: {
        exporters: [{ type: 'jaeger', endpoint: 'http://jaeger:14268/api/traces' }],
        sampling: { sampler: 'parentbased_traceidratio', ratio: 0.1 },
      },
      metrics: { exporters: [{ type: 'prometheus' }], prometheusUrl: 'http://prometheus:9090' },
      logs: { level: 'debug', diagnosticLevel: 'debug' },
      notes: [JAEGER_NOTE],
    });
  });

  test('load as the toolkit’s environment and flags have them', () => {
    const there = { tracing: { enabled: true, exporters: [otlp('http://localhost:4317', 'grpc')] } };
    expect(load({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4317' } })).toMatchObject(there);
    expect(load({ flags: ['--enable-telemetry', '--otlp-endpoint=http://localhost:4317'] })).toMatchObject(there);
  });

  test('load as its code has them', () => {
    const options: TelemetryOptions = {
      serviceName: 'container-kit',
      serviceVersion: '1.0.0',
      environment: 'production',
      tracingEnabled: true,
      tracingEndpoint: 'http://jaeger-collector:14268/api/traces',
      traceSampleRate: 0.1,
      metricsEnabled: true,
      metricsEndpoint: 'http://localhost:9090',
      metricsInterval: 15_000,
      resourceAttributes: { 'deployment.region': 'us-west-2', 'pod.name': process.env.NO_SUCH_VARIABLE },
    };
    expect(withOptions(options)).toMatchObject({
      serviceName: 'container-kit',
      resourceAttributes: { 'deployment.region': 'us-west-2' },
      metrics: { intervalMs: 15_000, prometheusUrl: 'http://localhost:9090' },
    });
  });
});
