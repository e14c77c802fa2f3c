import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadTelemetryConfig } from '../../src/config/load-telemetry-config';
import type { OtlpTarget, TelemetryConfig } from '../../src/config/telemetry-config';
import type { TelemetryOptions } from '../../src/config/telemetry-options';
import { TELEMETRY_VARIABLES } from '../../src/config/telemetry-variables';
import { UserError } from '../../src/util/user-error';

const directory = mkdtempSync(join(tmpdir(), 'spanwright-variables-'));
const pem = join(directory, 'some.pem');
const optionsFile = join(directory, 'options.json');
writeFileSync(pem, 'PEM');
writeFileSync(optionsFile, '{ "serviceName": "from the file" }');
afterAll(() => rmSync(directory, { recursive: true, force: true }));

type Env = Readonly<Record<string, string>>;

interface Case {
  readonly good: string;
  /** What the config then has. */
  readonly gives: unknown;
  readonly at: (config: TelemetryConfig) => unknown;
  /** Undefined where no text is wrong. */
  readonly bad: string | undefined;
  /** What the message says was expected. */
  readonly expected?: RegExp;
  /** Set beside it. */
  readonly beside?: Env;
  /** What is said where that is set, and it is not. */
  readonly alone?: string;
}

const target = (config: TelemetryConfig): OtlpTarget | undefined => {
  const exporter = [...config.tracing.exporters, ...config.metrics.exporters, ...config.logs.exporters].find(
    ({ type }) => type === 'otlp',
  );
  return exporter && 'target' in exporter ? exporter.target : undefined;
};
const jaeger = (config: TelemetryConfig) => config.tracing.exporters.find(({ type }) => type === 'jaeger');
const prometheus = (config: TelemetryConfig) => config.metrics.exporters[0];
const SWITCH = { bad: 'yes', expected: /true or false/ };
const COUNT = { bad: '-1', expected: /a whole number from 0 to 2147483647/ };
const SPOOL = { SPANWRIGHT_TELEMETRY_SPOOL_DIR: '/spool' };

const cases: Record<string, Case> = {
  OTEL_SDK_DISABLED: { good: 'True', gives: false, at: (c) => c.enabled, ...SWITCH, bad: '1' },
  SPANWRIGHT_TELEMETRY_PRESET: {
    good: 'production',
    gives: 'production',
    at: (c) => c.environment,
    bad: 'prod',
    expected: /development, production or testing/,
  },
  SPANWRIGHT_CONFIG: {
    good: optionsFile,
    gives: 'from the file',
    at: (c) => c.serviceName,
    bad: join(directory, 'none.json'),
    expected: /cannot read .*none\.json: no such file or directory/,
  },
  CONTAINER_KIT_CONFIG: {
    good: optionsFile,
    gives: 'from the file',
    at: (c) => c.serviceName,
    bad: directory,
    expected: /cannot read .*: is a directory, not a file/,
  },

  OTEL_SERVICE_NAME: { good: 'orders', gives: 'orders', at: (c) => c.serviceName, bad: 'a\nb', expected: /a text/ },
  CONTAINER_KIT_SERVICE_NAME: { good: 'o', gives: 'o', at: (c) => c.serviceName, bad: 'a\nb', expected: /a text/ },
  CONTAINER_KIT_VERSION: { good: '1.2', gives: '1.2', at: (c) => c.serviceVersion, bad: 'a\nb', expected: /a text/ },
  CONTAINER_KIT_SERVICE_VERSION: {
    good: '2',
    gives: '2',
    at: (c) => c.serviceVersion,
    bad: 'a\nb',
    expected: /a text/,
  },
  CONTAINER_KIT_ENV: { good: 'qa', gives: 'qa', at: (c) => c.environment, bad: 'a\nb', expected: /a text/ },
  CONTAINER_KIT_ENVIRONMENT: { good: 'qa', gives: 'qa', at: (c) => c.environment, bad: 'a\nb', expected: /a text/ },
  OTEL_RESOURCE_ATTRIBUTES: {
    good: 'a=1, b = x%2Cy=z ,',
    gives: { a: '1', b: 'x,y=z' },
    at: (c) => c.resourceAttributes,
    bad: 'a=1,s3cr3t',
    expected: /key=value pairs separated by commas/,
  },

  CONTAINER_KIT_TRACING_ENABLED: { good: 'F', gives: false, at: (c) => c.tracing.enabled, ...SWITCH },
  CONTAINER_KIT_OTEL_ENABLED: { good: '0', gives: false, at: (c) => c.tracing.enabled, ...SWITCH },
  CONTAINER_KIT_METRICS_ENABLED: { good: 'FALSE', gives: false, at: (c) => c.metrics.enabled, ...SWITCH },
  CONTAINER_KIT_TELEMETRY_ENABLED: { good: 'f', gives: false, at: (c) => c.metrics.enabled, ...SWITCH },

  OTEL_TRACES_EXPORTER: {
    good: 'console, Memory,console',
    gives: [{ type: 'console' }, { type: 'memory' }],
    at: (c) => c.tracing.exporters,
    bad: 'zipkin',
    expected: /otlp, jaeger, console, file or memory, or several of them separated by commas, or none/,
  },
  OTEL_METRICS_EXPORTER: {
    good: 'prometheus,console,memory',
    gives: [{ type: 'prometheus' }, { type: 'console' }, { type: 'memory' }],
    at: (c) => c.metrics.exporters,
    bad: 'otlp,none',
    expected: /none to stand alone/,
  },
  OTEL_LOGS_EXPORTER: {
    good: 'console,memory',
    gives: [{ type: 'console' }, { type: 'memory' }],
    at: (c) => c.logs.exporters,
    bad: 'otlp/stdout',
    expected: /otlp, console or memory/,
  },
  CONTAINER_KIT_OTEL_HEADERS: {
    good: 'a=1',
    gives: { a: '1' },
    at: (c) => target(c)?.headers,
    bad: 's3cr3t',
    expected: /key=value pairs/,
  },
  OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: {
    beside: { OTEL_METRICS_EXPORTER: 'otlp' },
    good: 'Delta',
    gives: [expect.objectContaining({ type: 'otlp', temporality: 'delta' })],
    at: (c) => c.metrics.exporters,
    bad: 'gamma',
    expected: /cumulative, delta or lowmemory/,
  },

  OTEL_EXPORTER_JAEGER_ENDPOINT: {
    good: 'http://jaeger:14268/api/traces',
    gives: { type: 'jaeger', endpoint: 'http://jaeger:14268/api/traces' },
    at: jaeger,
    bad: 'udp://u:s3cr3t@jaeger:6832/x?token=s3cr3t',
    expected: /a URL such as .*, got udp:\/\/jaeger:6832\/x$/,
  },
  CONTAINER_KIT_OTEL_ENDPOINT: {
    good: 'http://collector:4318/v1/traces',
    gives: 'http://collector:4318/v1/traces',
    at: (c) => target(c)?.endpoint,
    bad: 'http://:s3cr3t@:0',
    expected: /a URL such as .*, got an endpoint that is not a URL$/,
  },
  OTEL_EXPORTER_JAEGER_USER: {
    beside: { OTEL_TRACES_EXPORTER: 'jaeger' },
    good: 'ann',
    gives: { type: 'jaeger', endpoint: 'http://localhost:14268/api/traces', username: 'ann' },
    at: jaeger,
    bad: 'a\nb',
    expected: /a text/,
  },
  OTEL_EXPORTER_JAEGER_PASSWORD: {
    beside: { OTEL_TRACES_EXPORTER: 'jaeger' },
    good: ' pass word ',
    gives: expect.objectContaining({ password: ' pass word ' }),
    at: jaeger,
    bad: undefined,
  },
  OTEL_EXPORTER_JAEGER_AGENT_HOST: {
    beside: { OTEL_TRACES_EXPORTER: 'jaeger' },
    good: 'agent',
    gives: { type: 'jaeger', agentHost: 'agent', agentPort: 6832 },
    at: jaeger,
    bad: 'http://u:s3cr3t@agent',
    expected: /a host name or address, got http:\/\/agent$/,
  },
  OTEL_EXPORTER_JAEGER_AGENT_PORT: {
    beside: { OTEL_TRACES_EXPORTER: 'jaeger' },
    good: '5775',
    gives: { type: 'jaeger', agentHost: 'localhost', agentPort: 5775 },
    at: jaeger,
    bad: '70000',
    expected: /a whole number from 1 to 65535/,
  },

  OTEL_EXPORTER_PROMETHEUS_HOST: {
    good: '0.0.0.0',
    gives: { type: 'prometheus', host: '0.0.0.0', port: 9464 },
    at: prometheus,
    bad: 'a b',
    expected: /a host name or address/,
  },
  OTEL_EXPORTER_PROMETHEUS_PORT: {
    good: '0',
    gives: { type: 'prometheus', host: 'localhost', port: 0 },
    at: prometheus,
    bad: '1.5',
    expected: /a whole number from 0 to 65535/,
  },
  CONTAINER_KIT_TELEMETRY_PORT: {
    good: '9090',
    gives: { type: 'prometheus', host: 'localhost', port: 9090 },
    at: prometheus,
    bad: '65536',
    expected: /a whole number from 0 to 65535/,
  },
  OTEL_EXPORTER_PROMETHEUS_ENDPOINT: {
    good: 'http://ann:pass@prometheus:9090/?token=x',
    gives: 'http://prometheus:9090',
    at: (c) => c.metrics.prometheusUrl,
    bad: 'prometheus:9090',
    expected: /a URL such as http:\/\/prometheus:9090/,
  },
  OTEL_METRIC_EXPORT_INTERVAL: {
    good: '2500',
    gives: 2500,
    at: (c) => c.metrics.intervalMs,
    bad: '0',
    expected: /a whole number of milliseconds, 1 or more/,
  },
  CONTAINER_KIT_METRICS_INTERVAL: {
    good: '1m30s',
    gives: 90_000,
    at: (c) => c.metrics.intervalMs,
    bad: '15',
    expected: /a duration from 1ms to 596h, such as 15s, 1m30s or 500ms, got '15'/,
  },
  OTEL_METRIC_EXPORT_TIMEOUT: {
    good: '700',
    gives: 700,
    at: (c) => c.metrics.timeoutMs,
    bad: '1s',
    expected: /a whole number of milliseconds, 0 or more/,
  },

  OTEL_TRACES_SAMPLER: {
    good: 'Always_OFF',
    gives: 'always_off',
    at: (c) => c.tracing.sampling.sampler,
    bad: 'parentbased_jaeger_remote',
    expected: /always_on, always_off, traceidratio, parentbased_always_on, .* or parentbased_traceidratio/,
  },
  OTEL_TRACES_SAMPLER_ARG: {
    beside: { OTEL_TRACES_SAMPLER: 'traceidratio' },
    good: '0.25',
    gives: 0.25,
    at: (c) => c.tracing.sampling.ratio,
    bad: '25%',
    expected: /a number from 0 to 1, got '25%'/,
  },
  CONTAINER_KIT_TRACE_SAMPLE_RATE: {
    good: '1e-3',
    gives: 0.001,
    at: (c) => c.tracing.sampling.ratio,
    bad: '1.1',
    expected: /a number from 0 to 1/,
  },
  SPANWRIGHT_TELEMETRY_KEEP_ERRORS: { good: 'true', gives: true, at: (c) => c.tracing.sampling.keepErrors, ...SWITCH },
  SPANWRIGHT_TELEMETRY_KEEP_SLOWER_THAN: {
    good: '2s',
    gives: 2000,
    at: (c) => c.tracing.sampling.keepSlowerThanMs,
    bad: '-2s',
    expected: /a duration from 0s/,
  },

  OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: {
    good: '10',
    gives: 10,
    at: (c) => c.tracing.limits.attributeValueLengthLimit,
    ...COUNT,
  },
  OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: {
    good: '11',
    gives: 11,
    at: (c) => c.tracing.limits.attributeValueLengthLimit,
    ...COUNT,
  },
  OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: { good: '12', gives: 12, at: (c) => c.tracing.limits.attributeCountLimit, ...COUNT },
  OTEL_ATTRIBUTE_COUNT_LIMIT: { good: '0', gives: 0, at: (c) => c.tracing.limits.attributeCountLimit, ...COUNT },
  OTEL_SPAN_EVENT_COUNT_LIMIT: { good: '13', gives: 13, at: (c) => c.tracing.limits.eventCountLimit, ...COUNT },
  OTEL_SPAN_LINK_COUNT_LIMIT: { good: '14', gives: 14, at: (c) => c.tracing.limits.linkCountLimit, ...COUNT },
  OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: {
    good: '15',
    gives: 15,
    at: (c) => c.tracing.limits.attributePerEventCountLimit,
    ...COUNT,
  },
  OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: {
    good: '16',
    gives: 16,
    at: (c) => c.tracing.limits.attributePerLinkCountLimit,
    ...COUNT,
  },

  OTEL_BSP_SCHEDULE_DELAY: {
    good: '0',
    gives: 0,
    at: (c) => c.export.scheduleDelayMs,
    bad: '5s',
    expected: /a whole number of milliseconds, 0 or more/,
  },
  OTEL_BSP_MAX_QUEUE_SIZE: {
    good: '2048',
    gives: 2 * 2 ** 20,
    at: (c) => c.export.maxQueueBytes,
    bad: '0',
    expected: /a whole number from 1/,
  },
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: {
    good: '512',
    gives: 512,
    at: (c) => c.export.maxBatchSpans,
    bad: '0',
    expected: /a whole number from 1/,
  },
  OTEL_BSP_EXPORT_TIMEOUT: {
    good: '1234',
    gives: 1234,
    at: (c) => target(c)?.timeoutMs,
    bad: '-1',
    expected: /a whole number of milliseconds, 0 or more/,
  },
  SPANWRIGHT_TELEMETRY_SHUTDOWN_TIMEOUT: {
    good: '1.5s',
    gives: 1500,
    at: (c) => c.export.shutdownTimeoutMs,
    bad: 'soon',
    expected: /a duration from 0s to 596h/,
  },
  SPANWRIGHT_TELEMETRY_SPOOL_DIR: {
    good: 'some/where',
    gives: { directory: resolve('some/where'), maxBytes: 256 * 2 ** 20, maxAgeMs: 86_400_000 },
    at: (c) => c.export.spool,
    bad: 'a\0b',
    expected: /a path/,
  },
  SPANWRIGHT_TELEMETRY_SPOOL_MAX_BYTES: {
    beside: SPOOL,
    good: '1GiB',
    gives: 2 ** 30,
    at: (c) => c.export.spool?.maxBytes,
    bad: '1GB',
    expected: /a size of 1 bytes or more, such as 1048576 or 64MiB/,
  },
  SPANWRIGHT_TELEMETRY_SPOOL_MAX_AGE: {
    beside: SPOOL,
    good: '720h',
    gives: 720 * 3_600_000,
    at: (c) => c.export.spool?.maxAgeMs,
    bad: '1d',
    expected: /a duration from 1ms on/,
  },
  SPANWRIGHT_TELEMETRY_FILE: {
    good: '/var/spans.jsonl',
    gives: [{ type: 'file', path: '/var/spans.jsonl' }],
    at: (c) => c.tracing.exporters,
    bad: 'a\0b',
    expected: /a path/,
  },

  SPANWRIGHT_TELEMETRY_REDACT_KEYS: {
    good: 'user.*, iban',
    gives: ['user.*', 'iban'],
    at: (c) => c.redaction.deny,
    bad: ',',
    expected: /names of attributes/,
  },
  SPANWRIGHT_TELEMETRY_ALLOW_KEYS: {
    good: 'token.count',
    gives: ['token.count'],
    at: (c) => c.redaction.allow,
    bad: ' , ',
    expected: /names of attributes/,
  },
  OTEL_PROPAGATORS: {
    good: 'b3,jaeger, B3multi,b3',
    gives: ['b3', 'jaeger', 'b3multi'],
    at: (c) => c.propagators,
    bad: 'xray',
    expected: /tracecontext, baggage, b3, b3multi or jaeger/,
  },
  CONTAINER_KIT_LOG_LEVEL: {
    good: 'Warning',
    gives: 'warn',
    at: (c) => c.logs.level,
    bad: 'loud',
    expected: /silent, fatal, error, warn, info, debug or trace/,
  },
  OTEL_LOG_LEVEL: {
    good: 'VERBOSE',
    gives: 'trace',
    at: (c) => c.logs.diagnosticLevel,
    bad: '7',
    expected: /silent, fatal, error, warn, info, debug or trace/,
  },
};

/** The same of all signals, and of one; that one is then the only one that is sent by OTLP. */
for (const [infix, beside] of [
  ['', { OTEL_METRICS_EXPORTER: 'none' }],
  ['TRACES_', { OTEL_METRICS_EXPORTER: 'none' }],
  ['METRICS_', { OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'otlp' }],
  ['LOGS_', { OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'otlp' }],
] as const) {
  const of = (name: string) => `OTEL_EXPORTER_OTLP_${infix}${name}`;
  const field = (name: keyof OtlpTarget) => (config: TelemetryConfig) => target(config)?.[name];
  Object.assign(cases, {
    [of('ENDPOINT')]: {
      beside,
      good: 'https://collector:4318/here',
      gives: `https://collector:4318/here${infix === '' ? '/v1/traces' : ''}`,
      at: field('endpoint'),
      bad: 'file://ann:s3cr3t@host/path?s3cr3t',
      expected: /a URL such as http:\/\/localhost:4318/,
    },
    [of('PROTOCOL')]: {
      beside,
      good: 'HTTP/JSON',
      gives: 'http/json',
      at: field('protocol'),
      bad: 'pigeon',
      expected: /grpc, http\/protobuf or http\/json, got 'pigeon'/,
    },
    [of('HEADERS')]: {
      beside,
      good: 'authorization=Basic%20dTpw==, x-team = toolkit ,',
      gives: { authorization: 'Basic dTpw==', 'x-team': 'toolkit' },
      at: field('headers'),
      bad: 'x=%s3cr3t',
      expected: /correctly percent-encoded/,
    },
    [of('COMPRESSION')]: {
      beside,
      good: 'gzip',
      gives: 'gzip',
      at: field('compression'),
      bad: 'zstd',
      expected: /none or gzip/,
    },
    [of('TIMEOUT')]: {
      beside,
      good: '0',
      gives: 2 ** 31 - 1,
      at: field('timeoutMs'),
      bad: '10s',
      expected: /a whole number of milliseconds, 0 or more/,
    },
    [of('CERTIFICATE')]: {
      beside,
      good: pem,
      gives: { certificate: pem },
      at: field('tls'),
      bad: join(directory, 'none.pem'),
      expected: /cannot read .*none\.pem: no such file or directory/,
    },
    [of('CLIENT_KEY')]: {
      beside: { ...beside, [of('CLIENT_CERTIFICATE')]: pem },
      alone: `${of('CLIENT_CERTIFICATE')}: expected the client's key with it`,
      good: pem,
      gives: { clientKey: pem, clientCertificate: pem },
      at: field('tls'),
      bad: join(directory, 'none.pem'),
      expected: /cannot read .*none\.pem: no such file or directory/,
    },
    [of('CLIENT_CERTIFICATE')]: {
      beside: { ...beside, [of('CLIENT_KEY')]: pem },
      alone: `${of('CLIENT_KEY')}: expected the client's certificate with it`,
      good: pem,
      gives: { clientKey: pem, clientCertificate: pem },
      at: field('tls'),
      bad: join(directory, 'none.pem'),
      expected: /cannot read .*none\.pem: no such file or directory/,
    },
    [of('INSECURE')]: {
      beside: { ...beside, [of('ENDPOINT')]: 'collector:4317' },
      good: 'TRUE',
      gives: 'http://collector:4317',
      at: field('endpoint'),
      ...SWITCH,
      bad: '1',
    },
  } satisfies Record<string, Case>);
}

const load = (env: Env, options?: TelemetryOptions) => loadTelemetryConfig({ env, options });
const rows = Object.entries(cases);

describe('a variable', () => {
  test.each(rows)('%s is read', (name, { good, gives, at, beside }) => {
    expect(at(load({ ...beside, [name]: good }))).toEqual(gives);
  });

  test.each(rows)('%s is what makes the difference', (name, { gives, at, beside, alone }) => {
    const others = { ...beside, OTEL_SDK_DISABLED: name === 'OTEL_SDK_DISABLED' ? 'false' : '' };
    if (alone) expect(() => load(others)).toThrow(alone);
    else expect(at(load(others))).not.toEqual(gives);
  });

  test.each(rows.filter(([name]) => name !== 'OTEL_EXPORTER_JAEGER_PASSWORD'))(
    'blanks around %s are not part of it',
    (name, { good, gives, at, beside }) => {
      expect(at(load({ ...beside, [name]: ` ${good}\t` }))).toEqual(gives);
    },
  );

  test.each(rows.filter(([, { bad }]) => bad !== undefined))(
    '%s that is wrong is refused by that name, and no secret is told',
    (name, { bad, beside, expected }) => {
      const refused = () => load({ ...beside, [name]: bad as string });
      expect(refused).toThrow(UserError);
      expect(refused).toThrow(expected);
      expect(refused).toThrow(new RegExp(`^${name}: (?!.*s3cr3t)`));
    },
  );

  test.each(rows)('%s that is empty was not set', (name, { beside, alone }) => {
    for (const empty of ['', '  ']) {
      const withEmpty = () => load({ ...beside, [name]: empty });
      if (alone) expect(withEmpty).toThrow(alone);
      else expect(withEmpty()).toEqual(load({ ...beside }));
    }
  });

  test.each(rows.filter(([name, { bad }]) => bad !== undefined && name !== 'OTEL_SDK_DISABLED'))(
    '%s that is wrong is nobody’s business where all is off',
    (name, { bad, beside }) => {
      expect(load({ ...beside, [name]: bad as string, OTEL_SDK_DISABLED: 'true' }).enabled).toBe(false);
    },
  );
});

describe('the table of variables', () => {
  const names = TELEMETRY_VARIABLES.map(({ name }) => name);

  test('has each name once, with a meaning and a default', () => {
    expect(new Set(names).size).toBe(names.length);
    for (const variable of TELEMETRY_VARIABLES) {
      expect(variable.meaning).toMatch(/\.$/);
      expect(variable.default).not.toBe('');
    }
  });

  test('has those that are tested here, and no other', () => {
    expect([...names].sort()).toEqual(Object.keys(cases).sort());
  });

  test('has every variable that the loader reads, and no other', () => {
    const read = new Set<string>();
    const env = new Proxy<NodeJS.ProcessEnv>(
      {},
      {
        get: (_, name) => {
          read.add(String(name));
          return undefined;
        },
        has: () => {
          throw new Error('asked for a name');
        },
        ownKeys: () => {
          throw new Error('asked for all names');
        },
      },
    );
    loadTelemetryConfig({
      env,
      options: { exporters: { traces: ['otlp', 'jaeger'], metrics: ['otlp'], logs: ['otlp'] } },
    });
    expect([...read].sort()).toEqual([...names].sort());
  });

  test('is frozen', () => {
    expect(Object.isFrozen(TELEMETRY_VARIABLES)).toBe(true);
    expect(TELEMETRY_VARIABLES.every(Object.isFrozen)).toBe(true);
  });
});

describe('of two variables for one thing', () => {
  test.each<[string, string, string, string, (config: TelemetryConfig) => unknown, unknown]>([
    ['OTEL_SERVICE_NAME', 'a', 'CONTAINER_KIT_SERVICE_NAME', 'b', (c) => c.serviceName, 'a'],
    ['CONTAINER_KIT_VERSION', '1', 'CONTAINER_KIT_SERVICE_VERSION', '2', (c) => c.serviceVersion, '1'],
    ['CONTAINER_KIT_ENV', 'a', 'CONTAINER_KIT_ENVIRONMENT', 'b', (c) => c.environment, 'a'],
    ['CONTAINER_KIT_TRACING_ENABLED', 'true', 'CONTAINER_KIT_OTEL_ENABLED', 'false', (c) => c.tracing.enabled, true],
    ['CONTAINER_KIT_METRICS_ENABLED', 't', 'CONTAINER_KIT_TELEMETRY_ENABLED', 'f', (c) => c.metrics.enabled, true],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'a=1', 'CONTAINER_KIT_OTEL_HEADERS', 'b=2', (c) => target(c)?.headers, { a: '1' }],
    ['OTEL_METRIC_EXPORT_INTERVAL', '1000', 'CONTAINER_KIT_METRICS_INTERVAL', '2s', (c) => c.metrics.intervalMs, 1000],
    [
      'OTEL_EXPORTER_PROMETHEUS_PORT',
      '1',
      'CONTAINER_KIT_TELEMETRY_PORT',
      '2',
      (c) => prometheus(c),
      expect.objectContaining({ port: 1 }),
    ],
    [
      'OTEL_EXPORTER_JAEGER_ENDPOINT',
      'http://a:4318',
      'CONTAINER_KIT_OTEL_ENDPOINT',
      'http://b:4318',
      (c) => target(c)?.endpoint,
      'http://a:4318/v1/traces',
    ],
    ['SPANWRIGHT_CONFIG', optionsFile, 'CONTAINER_KIT_CONFIG', '/none.json', (c) => c.serviceName, 'from the file'],
  ])('%s=%s wins over %s=%s, and a note says so', (winner, value, loser, other, at, gives) => {
    const config = load({ [loser]: other, [winner]: value });
    expect(at(config)).toEqual(gives);
    expect(config.notes).toEqual([`${loser} is not used: ${winner} says something else, and wins`]);
    expect(load({ [winner]: value, [loser]: value.replace(/^1000$/, '1s') }).notes).toEqual([]);
  });

  test('OTEL_TRACES_SAMPLER wins over CONTAINER_KIT_TRACE_SAMPLE_RATE, and a note says so', () => {
    const both = { OTEL_TRACES_SAMPLER: 'traceidratio', CONTAINER_KIT_TRACE_SAMPLE_RATE: '0.5' };
    expect(load({ ...both, OTEL_TRACES_SAMPLER_ARG: '0.1' })).toMatchObject({
      tracing: { sampling: { sampler: 'traceidratio', ratio: 0.1 } },
      notes: ['CONTAINER_KIT_TRACE_SAMPLE_RATE is not used: OTEL_TRACES_SAMPLER says what is sampled, and wins'],
    });
    // OpenTelemetry's default for the argument.
    expect(load(both).tracing.sampling.ratio).toBe(1);
  });

  test.each([
    ['OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', 'OTEL_ATTRIBUTE_COUNT_LIMIT', 'attributeCountLimit'],
    ['OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', 'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT', 'attributeValueLengthLimit'],
  ] as const)('%s is the more special, and wins over %s without a word', (special, general, limit) => {
    const config = load({ [general]: '5', [special]: '6' });
    expect(config.tracing.limits[limit]).toBe(6);
    expect(config.notes).toEqual([]);
  });
});

describe('OTEL_TRACES_SAMPLER_ARG', () => {
  test('does nothing without a sampler, and a note says so', () => {
    expect(load({ OTEL_TRACES_SAMPLER_ARG: 'anything' })).toMatchObject({
      tracing: { sampling: { sampler: 'parentbased_always_on', ratio: 1 } },
      notes: ['OTEL_TRACES_SAMPLER_ARG is not used: it goes with OTEL_TRACES_SAMPLER, which is not set'],
    });
  });

  test('does nothing for a sampler without a ratio, and a note says so', () => {
    expect(load({ OTEL_TRACES_SAMPLER: 'always_off', OTEL_TRACES_SAMPLER_ARG: 'anything' })).toMatchObject({
      tracing: { sampling: { sampler: 'always_off', ratio: 0 } },
      notes: ['OTEL_TRACES_SAMPLER_ARG is not used: the sampler always_off takes no argument'],
    });
  });
});

test('a batch that is larger than the queue is refused, as OpenTelemetry has it', () => {
  const env = { OTEL_BSP_MAX_QUEUE_SIZE: '100', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '101' };
  expect(() => load(env)).toThrow(
    'OTEL_BSP_MAX_EXPORT_BATCH_SIZE: expected no more than OTEL_BSP_MAX_QUEUE_SIZE, which is 100, got 101',
  );
  expect(load({ ...env, OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '100' }).export.maxBatchSpans).toBe(100);
});

describe('a boolean', () => {
  test.each(['1', 't', 'T', 'TRUE', 'true', 'True'])('of the guide: %s is true', (text) => {
    expect(load({ CONTAINER_KIT_TRACING_ENABLED: text }, { tracingEnabled: false }).tracing.enabled).toBe(true);
  });

  test.each(['0', 'f', 'F', 'FALSE', 'false', 'False'])('of the guide: %s is false', (text) => {
    expect(load({ CONTAINER_KIT_TRACING_ENABLED: text }).tracing.enabled).toBe(false);
  });

  test.each(['tRUE', 'yes', 'on', '2', 'enabled', 'fALSE'])('of the guide: %s is neither', (text) => {
    expect(() => load({ CONTAINER_KIT_TRACING_ENABLED: text })).toThrow(
      `CONTAINER_KIT_TRACING_ENABLED: expected true or false, got '${text}'`,
    );
  });

  test.each(['true', 'TRUE', 'tRuE'])('of OpenTelemetry: %s is true', (text) => {
    expect(load({ OTEL_SDK_DISABLED: text }).enabled).toBe(false);
  });

  test.each(['false', 'False'])('of OpenTelemetry: %s is false', (text) => {
    expect(load({ OTEL_SDK_DISABLED: text }).enabled).toBe(true);
  });
});

describe('a list', () => {
  test.each(['none', 'None', ' none '])("'%s' is none of them", (text) => {
    const env = {
      OTEL_TRACES_EXPORTER: text,
      OTEL_METRICS_EXPORTER: text,
      OTEL_LOGS_EXPORTER: text,
      OTEL_PROPAGATORS: text,
    };
    expect(load(env)).toMatchObject({
      enabled: true,
      tracing: { enabled: true, exporters: [] },
      metrics: { enabled: true, exporters: [] },
      logs: { exporters: [] },
      propagators: [],
    });
  });

  test.each(['tracecontext,none', 'none,none'])('%s is a contradiction', (text) => {
    expect(() => load({ OTEL_PROPAGATORS: text })).toThrow(
      `OTEL_PROPAGATORS: expected none to stand alone, got '${text}'`,
    );
  });

  test('file needs a path', () => {
    expect(() => load({ OTEL_TRACES_EXPORTER: 'file' })).toThrow(
      'OTEL_TRACES_EXPORTER: expected a path for the exporter file, in SPANWRIGHT_TELEMETRY_FILE',
    );
  });
});

describe('headers', () => {
  test.each([
    ['a b=s3cr3t', /a header's name holds a character/],
    ['a=s3cr3t%0Ax', /the value of a holds a character/],
    ['a-bin=s3cr3t', /the header a-bin cannot be sent/],
    ['=s3cr3t', /key=value pairs/],
  ])('%s are refused without telling them', (text, reason) => {
    const refused = () => load({ OTEL_EXPORTER_OTLP_HEADERS: text });
    expect(refused).toThrow(reason);
    expect(refused).toThrow(/^OTEL_EXPORTER_OTLP_HEADERS: (?!.*s3cr3t)/);
  });

  test('for one signal replace those for all, so that no token goes where it does not belong', () => {
    const env = { OTEL_EXPORTER_OTLP_HEADERS: 'a=1', OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'b=2' };
    expect(target(load(env))?.headers).toEqual({ b: '2' });
  });

  test('may have an odd name, and be empty', () => {
    const headers = target(load({ OTEL_EXPORTER_OTLP_HEADERS: '__proto__=x,empty=' }))?.headers ?? {};
    expect(Object.entries(headers)).toEqual([
      ['__proto__', 'x'],
      ['empty', ''],
    ]);
  });
});
