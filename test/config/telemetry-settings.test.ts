import { type TelemetryFlags, type TelemetrySettings, telemetrySettings } from '../../src/config/telemetry-settings';
import { UserError } from '../../src/util/user-error';

const OFF: TelemetryFlags = { byDefault: false };
const ON: TelemetryFlags = { byDefault: true };
const ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT';
const collector = 'http://collector:4317';

const read = (env: NodeJS.ProcessEnv, flags: TelemetryFlags = OFF): TelemetrySettings => telemetrySettings(flags, env);

describe('telemetry is on or off', () => {
  test('as the command has it, where nothing is said', () => {
    expect(read({}, OFF)).toMatchObject({ enabled: false, otlp: undefined, console: false });
    expect(read({}, ON)).toMatchObject({ enabled: true, otlp: undefined, console: false });
  });

  test.each<[string, boolean, TelemetryFlags, NodeJS.ProcessEnv]>([
    ['on by its flag', true, { ...OFF, enable: true }, {}],
    ['off by its flag', false, { ...ON, enable: false }, {}],
    ['on by the flag of an endpoint', true, { ...OFF, endpoint: collector }, {}],
    ['on by the variable of an endpoint', true, OFF, { [ENDPOINT]: collector }],
    ['on by the variable of an endpoint for traces', true, OFF, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: collector }],
    ['on by the console exporter', true, OFF, { OTEL_TRACES_EXPORTER: 'console' }],
    [
      'off by its flag, whatever the endpoint',
      false,
      { ...OFF, enable: false, endpoint: collector },
      { [ENDPOINT]: collector },
    ],
    [
      'off by OTEL_SDK_DISABLED, whatever the flags',
      false,
      { ...ON, enable: true, endpoint: collector },
      { OTEL_SDK_DISABLED: 'true' },
    ],
    ['off by OTEL_SDK_DISABLED in capitals', false, ON, { OTEL_SDK_DISABLED: 'True' }],
    ['on with OTEL_SDK_DISABLED=false', true, ON, { OTEL_SDK_DISABLED: 'false' }],
    ['on with OTEL_SDK_DISABLED=1, which means nothing', true, ON, { OTEL_SDK_DISABLED: '1' }],
    ['off with an empty endpoint', false, OFF, { [ENDPOINT]: '' }],
  ])('%s', (_, enabled, flags, env) => {
    expect(read(env, flags).enabled).toBe(enabled);
  });

  test('off, nothing is sent and nothing is printed', () => {
    const env = { OTEL_SDK_DISABLED: 'true', [ENDPOINT]: collector, OTEL_TRACES_EXPORTER: 'otlp,console' };
    expect(read(env, ON)).toMatchObject({ enabled: false, otlp: undefined, console: false });
  });

  test('off, wrong variables are not looked at', () => {
    const wrong = { OTEL_RESOURCE_ATTRIBUTES: 'x', OTEL_EXPORTER_OTLP_HEADERS: 'x', OTEL_EXPORTER_OTLP_PROTOCOL: 'x' };
    expect(read({ ...wrong, OTEL_SDK_DISABLED: 'true', [ENDPOINT]: collector }).enabled).toBe(false);
    expect(read(wrong, OFF).enabled).toBe(false);
  });
});

describe('the endpoint', () => {
  test('of the flag wins over those of the environment', () => {
    const env = { [ENDPOINT]: 'http://other:4317', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://third:4317' };
    expect(read(env, { ...OFF, endpoint: collector }).otlp).toMatchObject({ endpoint: collector });
  });

  test('for traces wins over the one for everything, and is complete as it is', () => {
    const env = { [ENDPOINT]: 'http://other:4318', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://third:4318/here' };
    expect(read(env).otlp).toMatchObject({ endpoint: 'http://third:4318/here' });
  });

  test.each([
    ['http://c:4318', 'http://c:4318/v1/traces'],
    ['http://c:4318/behind/', 'http://c:4318/behind/v1/traces'],
    ['c:4318', 'http://c:4318/v1/traces'],
    ['http://c:4317/path', 'http://c:4317'],
  ])('for everything, %s, is completed for its protocol', (endpoint, complete) => {
    expect(read({ [ENDPOINT]: endpoint }).otlp).toMatchObject({ endpoint: complete });
  });

  test.each(['http://', 'ftp://c:4317'])('%s is refused', (endpoint) => {
    expect(() => read({ [ENDPOINT]: endpoint })).toThrow(UserError);
  });
});

describe('the protocol', () => {
  test.each([
    ['http://localhost:4317', 'grpc'],
    ['localhost:4317', 'grpc'],
    ['https://collector', 'grpc'],
    ['http://localhost:4318', 'http/protobuf'],
    ['localhost:4318', 'http/protobuf'],
    ['https://collector:4318/', 'http/protobuf'],
    ['https://collector:4318/v1/traces', 'http/protobuf'],
    ['http://[::1]:4318', 'http/protobuf'],
    ['http://localhost:43180', 'grpc'],
    ['http://localhost:14318', 'grpc'],
    ['http://localhost:4317/:4318/', 'grpc'],
  ])('to %s is %s, where none is named', (endpoint, protocol) => {
    expect(read({ [ENDPOINT]: endpoint }).otlp?.protocol).toBe(protocol);
  });

  test.each(['grpc', 'http/protobuf', 'http/json'])('is %s where that is named, whatever the port', (protocol) => {
    for (const endpoint of ['http://localhost:4317', 'http://localhost:4318']) {
      expect(read({ [ENDPOINT]: endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: protocol }).otlp?.protocol).toBe(protocol);
    }
  });

  test('for traces wins over the one for everything', () => {
    const env = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' };
    expect(read({ [ENDPOINT]: collector, ...env }).otlp?.protocol).toBe('http/json');
  });

  test.each(['OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'])(
    'unknown in %s is refused by that name',
    (name) => {
      const refused = () => read({ [ENDPOINT]: collector, [name]: 'pigeon' });
      expect(refused).toThrow(UserError);
      expect(refused).toThrow(`${name}: expected grpc, http/protobuf or http/json, got 'pigeon'`);
    },
  );

  test('unknown does not matter where nothing is sent', () => {
    expect(read({ OTEL_EXPORTER_OTLP_PROTOCOL: 'pigeon' }, ON).enabled).toBe(true);
  });
});

describe('OTEL_TRACES_EXPORTER', () => {
  const env = { [ENDPOINT]: collector };

  test.each([
    ['none', false, false],
    ['otlp', true, false],
    ['console', false, true],
    ['otlp,console', true, true],
    [' console , otlp ', true, true],
    ['', true, false],
  ])("'%s': sent %s, printed %s", (value, sent, printed) => {
    const { otlp, console } = read({ ...env, OTEL_TRACES_EXPORTER: value });
    expect({ sent: otlp !== undefined, printed: console }).toEqual({ sent, printed });
  });

  test('gives way to the flag of an endpoint', () => {
    expect(read({ OTEL_TRACES_EXPORTER: 'none' }, { ...OFF, endpoint: collector }).otlp?.endpoint).toBe(collector);
  });
});

describe('pairs in a variable', () => {
  const headers = (text: string) => read({ [ENDPOINT]: collector, OTEL_EXPORTER_OTLP_HEADERS: text }).otlp?.headers;

  test('are decoded, trimmed, and may hold further equals signs', () => {
    expect(headers('authorization=Basic%20dTpw==, x-team = toolkit ,')).toEqual({
      authorization: 'Basic dTpw==',
      'x-team': 'toolkit',
    });
  });

  test('may be empty', () => {
    expect(headers('')).toEqual({});
    expect(headers('x-empty=')).toEqual({ 'x-empty': '' });
  });

  test('for traces win over those for everything', () => {
    const env = { OTEL_EXPORTER_OTLP_HEADERS: 'a=1', OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'b=2' };
    expect(read({ [ENDPOINT]: collector, ...env }).otlp?.headers).toEqual({ b: '2' });
  });

  test.each(['s3cr3t', '=s3cr3t', 'a=%s3cr3t', 'a=1,s3cr3t'])(
    'that are none are refused without telling them',
    (text) => {
      expect(() => headers(text)).toThrow(/^OTEL_EXPORTER_OTLP_HEADERS: (?!.*s3cr3t)/);
    },
  );

  test('describe the resource', () => {
    expect(read({ OTEL_RESOURCE_ATTRIBUTES: 'a=1,b=x%2Cy' }, ON).resourceAttributes).toEqual({ a: '1', b: 'x,y' });
    expect(read({}, ON).resourceAttributes).toEqual({});
    expect(() => read({ OTEL_RESOURCE_ATTRIBUTES: 'a' }, ON)).toThrow(
      'OTEL_RESOURCE_ATTRIBUTES: expected key=value pairs',
    );
  });
});

test('OTEL_SERVICE_NAME names the service; empty, it names none', () => {
  expect(read({ OTEL_SERVICE_NAME: 'nightly' }, ON).serviceName).toBe('nightly');
  expect(read({ OTEL_SERVICE_NAME: '' }, ON).serviceName).toBeUndefined();
});

test('the trace context of the caller is taken as it stands, and empty variables are none', () => {
  const context = { TRACEPARENT: '00-a-b-01', TRACESTATE: 'x=1', BAGGAGE: 'k=v' };
  expect(read(context, ON).parent).toEqual({ traceparent: '00-a-b-01', tracestate: 'x=1', baggage: 'k=v' });
  expect(read({ TRACEPARENT: '' }, ON).parent).toEqual({});
});
