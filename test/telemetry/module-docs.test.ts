import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type INestApplication, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SpanKind } from '@opentelemetry/api';
import { OPTION_FIELDS } from '../../src/config/telemetry-fields';
import { telemetryPresets } from '../../src/config/telemetry-presets';
import { TELEMETRY_VARIABLES } from '../../src/config/telemetry-variables';
import { HealthModule } from '../../src/health/health.module';
import { SpanAccount } from '../../src/telemetry/export/span-account';
import { INSTRUMENTS, type InstrumentDefinition } from '../../src/telemetry/metrics/instruments';
import { createRedactor } from '../../src/telemetry/privacy/redactor';
import { detectResource } from '../../src/telemetry/resource/detect-resource';
import { TelemetryModule } from '../../src/telemetry/telemetry.module';
import { TelemetryService } from '../../src/telemetry/telemetry.service';
import { makeTempDir, removeTempDir } from '../support/command';
import { OtlpCollector, readOtlpFile } from '../support/otlp-collector';
import {
  ADAPTERS,
  type Left,
  type OperationsLeft,
  runIntercepted,
  runKept,
  runMessages,
  runOperations,
  runRequests,
} from './full-application';
import { rootWith } from './resource/roots';

jest.setTimeout(60_000);

const root = resolve(__dirname, '../..');
const EMITTED = 'docs/telemetry.md';
const MODULE = 'docs/telemetry-module.md';
const documents = Object.fromEntries([EMITTED, MODULE].map((path) => [path, readFileSync(join(root, path), 'utf8')]));

/** The rows of all tables below a heading, up to the next heading, each by its columns. */
function rowsBelow(heading: string, document = EMITTED): Record<string, string>[] {
  const lines = (documents[document] as string).split('\n');
  const at = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading);
  if (at < 0) throw new Error(`no heading '${heading}' in ${document}`);
  const until = lines.findIndex((line, i) => i > at && /^#+ /.test(line));
  const tables = lines
    .slice(at + 1, until < 0 ? undefined : until)
    .join('\n')
    .split(/\n\n+/)
    .map((block) => block.trim())
    .filter((block) => block.startsWith('|'));
  const cells = (line: string) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim());
  const rows = tables.flatMap((table) => {
    const [head = '', , ...body] = table.split('\n');
    const columns = cells(head);
    return body.map((line) => Object.fromEntries(cells(line).map((cell, i) => [columns[i] as string, cell])));
  });
  if (rows.length === 0) throw new Error(`no table below '${heading}' in ${document}`);
  return rows;
}

/** What stands in back quotes. */
const named = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string);
const firstNamed = (cell?: string) => named(cell)[0] as string;
const sorted = (names: Iterable<string>) => [...new Set(names)].sort();

interface SeenSpan {
  readonly kind: string;
  readonly name: string;
  readonly spanKind: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly { readonly name: string; readonly attributes?: object }[];
}

const OUTGOING = 'outgoing request';
const spans: SeenSpan[] = [];
let operations: OperationsLeft;
let kept: Left;
let outgoingMetrics: string;
let dir: string;

beforeAll(async () => {
  dir = makeTempDir();
  operations = await runOperations();
  kept = await runKept();
  const applications = [operations, kept, await runIntercepted(), await runMessages(dir)];
  for (const adapter of ADAPTERS) applications.push(await runRequests(adapter));
  for (const span of applications.flatMap((left) => left.spans)) {
    const { name, attributes, events } = span;
    // What begins with own. is the application's.
    const ours = Object.fromEntries(Object.entries(attributes).filter(([key]) => !key.startsWith('own.')));
    const seen = { name, spanKind: SpanKind[span.kind] as string, attributes: ours };
    spans.push({ ...seen, kind: kindOf(seen), events: events.filter((event) => !event.name.startsWith('own.')) });
  }
  spans.push(...requestOthers());
});

afterAll(() => removeTempDir(dir));

/** Outgoing requests, in a process of their own: what patches Node's modules does not reach into Jest. */
function requestOthers(): SeenSpan[] {
  const spansFile = join(dir, 'outgoing.otlp.jsonl');
  const program = [join(root, 'dist/register.js'), join(__dirname, 'outgoing-requests.cjs')] as const;
  const env = { PATH: process.env.PATH, SPANWRIGHT_TELEMETRY_FILE: spansFile, OTEL_METRICS_EXPORTER: 'console' };
  const run = spawnSync(process.execPath, ['-r', ...program], { env, encoding: 'utf8' });
  expect(run).toMatchObject({ status: 0, stdout: '' });
  outgoingMetrics = run.stderr;
  return readOtlpFile(spansFile).map(({ scope, kind, ...span }) => ({
    ...span,
    kind: `${OUTGOING} by ${scope.endsWith('undici') ? 'fetch' : 'http'}`,
    // OTLP counts from 1.
    spanKind: SpanKind[kind - 1] as string,
  }));
}

function kindOf({ name, spanKind, attributes }: Omit<SeenSpan, 'kind' | 'events'>): string {
  if (name.startsWith('http.')) {
    if ('url.path' in attributes) return 'HTTP request';
    return 'code.function.name' in attributes ? 'HTTP request by interceptor' : 'HTTP request by hand';
  }
  if (name.startsWith('tool.')) return 'tool';
  if (name.startsWith('pipeline.')) return 'pipeline stage';
  if ('operation.type' in attributes) return 'operation';
  if (name.startsWith('ws ')) return 'WebSocket message';
  if (name.startsWith('graphql.')) return name.startsWith('graphql.field') ? 'GraphQL field' : 'GraphQL operation';
  if ('bullmq.job.name' in attributes) return 'queue job';
  if (attributes['nest.kind'] === 'cron') return 'scheduled job';
  switch (spanKind) {
    case 'CLIENT':
      return 'message sent';
    case 'SERVER':
      return 'message handled';
    case 'PRODUCER':
      return 'event sent';
    case 'CONSUMER':
      return 'event handled';
    default:
      return 'method';
  }
}

const KINDS = rowsBelow('Kinds of spans').map((row) => row['kind of span'] as string);
const columnsOf = (kind: string) => (kind === OUTGOING ? ['`http`', '`fetch`'] : ['there']);

/** Kinds as they are seen: of outgoing requests, the library that makes them tells them apart. */
const SEEN_KINDS = KINDS.flatMap((kind) =>
  columnsOf(kind).map((column) => ({ kind, column, seenAs: kind === OUTGOING ? `${kind} by ${named(column)}` : kind })),
);

function typeOf(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'double';
  return typeof value;
}

test('the kinds of spans are those of the table', () => {
  expect(sorted(spans.map(({ kind }) => kind))).toEqual(sorted(SEEN_KINDS.map(({ seenAs }) => seenAs)));
});

describe.each(SEEN_KINDS)('spans of the kind $seenAs', ({ kind, column, seenAs }) => {
  const ofKind = () => spans.filter((span) => span.kind === seenAs);
  const common = rowsBelow('any span');
  const own = () => rowsBelow(kind).filter((row) => row[column] !== '–');

  test('have the span kind of the table', () => {
    const told = rowsBelow('Kinds of spans').find((row) => row['kind of span'] === kind)?.['span kind'] ?? '';
    expect(sorted(ofKind().map(({ spanKind }) => spanKind.toLowerCase()))).toEqual([told.split(/[:,]/)[0]]);
  });

  test('have a name of the table', () => {
    const told = rowsBelow('Kinds of spans').find((row) => row['kind of span'] === kind)?.name ?? '';
    const patterns = named(told).map((name) => name.replace(/[.]/g, '\\.').replace(/<[^>]+>|Class|method/g, '.+'));
    const isFree = /what|pattern|the same/.test(told);
    const strange = ofKind().filter(({ name }) => !patterns.some((pattern) => new RegExp(`^${pattern}$`).test(name)));
    if (!isFree) expect(strange.map(({ name }) => name)).toEqual([]);
  });

  test('have the attributes of their table, no more and no fewer', () => {
    const ofAny = common.map((row) => firstNamed(row.attribute));
    const seen = ofKind().flatMap(({ attributes }) => Object.keys(attributes));
    const told = own().map((row) => firstNamed(row.attribute));
    expect(sorted(seen.filter((name) => !ofAny.includes(name) || told.includes(name)))).toEqual(sorted(told));
  });

  test('always have those that are always there', () => {
    const always = own().flatMap((row) => (row[column] === 'always' ? [firstNamed(row.attribute)] : []));
    for (const { attributes } of ofKind()) expect(Object.keys(attributes)).toEqual(expect.arrayContaining(always));
  });

  test('have attributes of the types of the table', () => {
    const types = new Map([...common, ...own()].map((row) => [firstNamed(row.attribute), row.type]));
    for (const { attributes } of ofKind())
      for (const [name, value] of Object.entries(attributes))
        expect({ name, type: typeOf(value) }).toEqual({ name, type: types.get(name) });
  });
});

test('attributes of any span are those of the table', () => {
  const told = rowsBelow('any span').map((row) => firstNamed(row.attribute));
  const seen = spans.flatMap(({ attributes }) => Object.keys(attributes));
  expect(told.filter((name) => seen.includes(name))).toEqual(told);
  const reasons = kept.spans.map(({ attributes }) => attributes['sampling.kept']);
  expect(sorted(reasons as string[])).toEqual(['error', 'slow']);
});

test('events are those of the table, with their attributes', () => {
  const events = spans.flatMap((span) => span.events.map((event) => ({ ...event, kind: span.kind })));
  const told = rowsBelow('Events of spans');
  expect(sorted(events.map(({ name }) => name))).toEqual(sorted(told.map((row) => firstNamed(row.event))));
  for (const row of told) {
    const of = events.filter(({ name }) => name === firstNamed(row.event));
    const fields = named(row.attributes);
    const always = fields.filter((field) => !field.endsWith('?'));
    const keys = of.map(({ attributes = {} }) => Object.keys(attributes));
    expect(sorted(keys.flat())).toEqual(sorted(fields.map((field) => field.replace('?', ''))));
    for (const each of keys) expect(each).toEqual(expect.arrayContaining(always));
    if (row.on !== 'any span') expect(sorted(of.map(({ kind }) => kind))).toEqual([row.on]);
  }
});

describe('the resource', () => {
  const config = { serviceName: 's', serviceVersion: '1', environment: 'test', resourceAttributes: {} };
  const container = 'dc64b5743252dbaef6e30521c34d6bbd1620c8ce65bdb7bf9e7143b61bb5b183';
  const machine = {
    'etc/machine-id': '3d1219c7c4c5404aaa1f6d2a48adfda4\n',
    'etc/os-release': 'NAME="Debian GNU/Linux"\n',
    'proc/self/cgroup': `0::/system.slice/docker-${container}.scope\n`,
  };
  const pod = {
    POD_NAME: 'p',
    POD_UID: 'u',
    POD_NAMESPACE: 'n',
    NODE_NAME: 'node',
    CONTAINER_NAME: 'c',
    K8S_CLUSTER_NAME: 'cluster',
    K8S_DEPLOYMENT_NAME: 'd',
  };
  const pipeline = {
    GITLAB_CI: 'true',
    CI_PIPELINE_NAME: 'build',
    CI_PIPELINE_ID: '1',
    CI_PIPELINE_URL: 'https://gitlab.com/acme/orders/-/pipelines/1',
    CI_JOB_NAME: 'test',
    CI_JOB_ID: '2',
    CI_JOB_URL: 'https://gitlab.com/acme/orders/-/jobs/2',
    CI_RUNNER_ID: '3',
    CI_RUNNER_DESCRIPTION: 'runner',
    CI_PROJECT_URL: 'https://gitlab.com/acme/orders',
    CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: 'fix',
    CI_MERGE_REQUEST_TARGET_BRANCH_NAME: 'main',
    CI_MERGE_REQUEST_IID: '4',
    CI_COMMIT_SHA: 'ffac537e6cbbf934b08745a378932722df287a53',
  };
  test.each([
    ['always', {}, {}],
    ['machine', {}, machine],
    ['pod', pod, {}],
    ['pipeline', pipeline, {}],
  ])('has the attributes of the table that are there: %s', (there, env, files) => {
    const attributesOf = (...given: [object, Record<string, string>]) =>
      Object.entries(detectResource(config, given[0], rootWith(given[1])).attributes)
        .filter(([, value]) => value !== undefined)
        .map(([key]) => key);
    const always = attributesOf({}, {});
    const found = attributesOf(env, files).filter((key) => there === 'always' || !always.includes(key));
    const told = rowsBelow('Resource of an application').filter((row) => row.there === there);
    expect(sorted(found)).toEqual(sorted(told.map((row) => firstNamed(row.attribute))));
  });
});

describe('metrics', () => {
  const edges = new Map(rowsBelow('Buckets').map((row) => [row.set, row['edges, in seconds']?.split(' ').map(Number)]));

  test('are those of the two tables, with kind, unit, labels, buckets and meaning', () => {
    const told = rowsBelow('Metrics').map((row) => ({
      name: firstNamed(row.metric),
      kind: row.kind,
      unit: firstNamed(row.unit),
      labels: named(row.labels),
      buckets: row.buckets === '–' ? undefined : edges.get(row.buckets),
      description: row['what it measures'],
    }));
    const real = Object.values<InstrumentDefinition>(INSTRUMENTS).map(
      ({ name, kind, unit, labels, buckets, description }) => ({ name, kind, unit, labels, buckets, description }),
    );
    expect(told).toEqual(real);
    const used = rowsBelow('Metrics').flatMap(({ buckets }) => (buckets === '–' ? [] : [buckets as string]));
    expect(sorted(used)).toEqual(sorted(edges.keys() as Iterable<string>));
  });

  test('of methods have the labels of the table', () => {
    for (const row of rowsBelow('Metrics of methods'))
      expect(sorted(operations.measured.get(firstNamed(row.metric)) ?? [])).toEqual(sorted(named(row.labels)));
    const known = new Set(Object.values(INSTRUMENTS).map(({ name }) => name as string));
    const others = [...operations.measured.keys()].filter((name) => !known.has(name));
    expect(sorted(others)).toEqual(sorted(rowsBelow('Metrics of methods').map((row) => firstNamed(row.metric))));
  });

  test('of others are those of the table', () => {
    const told = rowsBelow('Metrics of others').map((row) => firstNamed(row.metric).replaceAll('.', '_'));
    const seen = [...outgoingMetrics.matchAll(/^# TYPE (http_client\w*)/gm)].map(([, name]) => name as string);
    expect(sorted(seen)).toEqual(sorted(told));
  });
});

describe('logs', () => {
  test('have the fields of the table, where a span is active', () => {
    const told = rowsBelow('Log lines').map((row) => firstNamed(row.field));
    expect(operations.lineFields).toEqual({ inside: told, outside: [] });
  });

  test('are exported with the attributes of the table', () => {
    const seen = operations.records.flatMap(({ attributes }) => Object.keys(attributes));
    expect(sorted(seen)).toEqual(sorted(rowsBelow('Log records').map((row) => firstNamed(row.attribute))));
    const text = documents[EMITTED] as string;
    for (const { severityText, spanContext } of operations.records) {
      expect(text).toContain(`\`${severityText}\``);
      expect(spanContext?.traceId).toMatch(/^\w{32}$/);
    }
  });
});

describe('health', () => {
  let app: INestApplication;
  let collector: OtlpCollector;

  beforeAll(async () => {
    collector = await OtlpCollector.start();
    collector.behaviour = 'refuse';
    @Module({
      imports: [
        TelemetryModule.forRoot({
          exporters: { traces: ['file', 'otlp'], metrics: ['prometheus', 'otlp'] },
          otlp: { endpoint: collector.httpEndpoint },
          spansFile: join(dir, 'health.otlp.jsonl'),
          metricsEndpoint: 'http://prometheus:9090',
          outgoing: false,
          env: {},
        }),
        HealthModule,
      ],
    })
    class Root {}
    // What fails here is said on standard error.
    jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    app = await NestFactory.create(Root, { logger: false, abortOnError: false });
    await app.listen(0, '127.0.0.1');
  });

  afterAll(async () => {
    await app.close();
    await collector.stop();
    jest.restoreAllMocks();
  });

  test('has the fields of the table, at some time or always', async () => {
    const url = await app.getUrl();
    const service = app.get(TelemetryService);
    const health = async () => leaves((await (await fetch(`${url}/health/telemetry`)).json()) as object);
    const atFirst = await health();
    service.tracing.startSpan('own').end();
    await (await fetch(`${url}/metrics`)).text();
    await service.flush(1000);
    const later = await health();
    const told = rowsBelow('Health').map((row) => firstNamed(row.field));
    expect(sorted([...atFirst, ...later])).toEqual(sorted(told.map((field) => field.replace('?', ''))));
    expect([...atFirst]).toEqual(expect.arrayContaining(told.filter((field) => !field.endsWith('?'))));
    const missing = told.filter((field) => field.endsWith('?')).filter((field) => atFirst.has(field.slice(0, -1)));
    // These depend on the configuration, not on what has happened.
    const configured = ['endpoint', 'path', 'prometheusUrl'];
    expect(missing.filter((field) => !configured.some((name) => field.endsWith(`.${name}?`)))).toEqual([]);
  });

  /** Paths of the values in it; of lists `[]` stands for each place. */
  function leaves(value: unknown, path = ''): Set<string> {
    if (typeof value !== 'object' || value === null) return new Set([path]);
    const below = Array.isArray(value)
      ? value.map((each) => leaves(each, `${path}[]`))
      : Object.entries(value).map(([key, each]) => leaves(each, path === '' ? key : `${path}.${key}`));
    return new Set(below.flatMap((each) => [...each]));
  }
});

describe('the settings', () => {
  test('from the environment are those of the table, with meaning and default', () => {
    const told = rowsBelow('Environment', MODULE).map((row) => ({
      name: firstNamed(row.variable),
      meaning: row.meaning,
      default: row.default,
    }));
    expect(told).toEqual([...TELEMETRY_VARIABLES]);
  });

  test('by options are those of the table', () => {
    const paths: string[] = [];
    const walk = (fields: object, above: string) => {
      for (const [name, field] of Object.entries(fields))
        if (typeof field.fromText === 'function') paths.push(`${above}${name}`);
        else walk(field, `${above}${name}.`);
    };
    walk(OPTION_FIELDS, '');
    const told = rowsBelow('Options', MODULE).map((row) => firstNamed(row.option));
    // What there is for all signals there is for each.
    const forOneSignal = (path: string) => path.replace(/^otlp\.(traces|metrics|logs)\./, 'otlp.');
    const own = paths.filter((path) => forOneSignal(path) === path || !paths.includes(forOneSignal(path)));
    expect(sorted(told)).toEqual(sorted(own));
  });

  test('of the module are those of its options', () => {
    const source = readFileSync(join(root, 'src/telemetry/telemetry.options.ts'), 'utf8');
    const body = /interface TelemetryModuleOptions [^{]*\{(.*?)\n\}/s.exec(source)?.[1] ?? '';
    const real = [...body.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name as string);
    const told = rowsBelow('Options of the module', MODULE).map((row) => firstNamed(row.option));
    expect(sorted(told)).toEqual(sorted(real));
  });

  test('by flags are those of the table', () => {
    const source = readFileSync(join(root, 'src/config/telemetry-flags.ts'), 'utf8');
    const real = [...source.matchAll(/'(--[a-z-]+)'/g)].map(([, flag]) => flag as string);
    const told = rowsBelow('Flags of an application', MODULE).map((row) => firstNamed(row.flag));
    expect(sorted(told)).toEqual(sorted(real));
  });

  test('of presets are those of the table', () => {
    const rows = rowsBelow('Presets', MODULE);
    for (const [preset, options] of Object.entries(telemetryPresets)) {
      const told = rows.flatMap((row) => {
        const value = firstNamed(row[`\`${preset}\``]);
        return value === undefined ? [] : [[firstNamed(row.option), value === "''" ? '' : value]];
      });
      const real = Object.entries(options).map(([option, value]) => [option, String(value)]);
      expect(Object.fromEntries(told)).toEqual(Object.fromEntries(real));
    }
  });
});

test('the decorators are those that the package exports', () => {
  const index = readFileSync(join(root, 'src/index.ts'), 'utf8');
  const exported = [...index.matchAll(/^export \{([^}]*)\} from '[^']*\.decorator';/gm)].flatMap(([, names = '']) =>
    names.split(',').map((name) => name.trim()),
  );
  const real = exported.filter((name) => name !== '' && !name.startsWith('type ')).map((name) => `@${name}`);
  expect(sorted(rowsBelow('Decorators', MODULE).map((row) => firstNamed(row.decorator)))).toEqual(sorted(real));
});

test('spans are dropped for the reasons of the table', () => {
  const real = Object.keys(new SpanAccount().counts.dropped);
  const told = rowsBelow('Nothing is lost unseen', MODULE).map((row) => firstNamed(row['dropped because']));
  expect(sorted(told)).toEqual(sorted(real));
});

test('what is said to be hidden is hidden', () => {
  const redactor = createRedactor({ enabled: true, deny: [], allow: [] });
  for (const row of rowsBelow('What is hidden', MODULE))
    expect(redactor.text(firstNamed(row.hidden))).toContain('[REDACTED]');
  expect(redactor.text('https://example.com/?page=2')).toBe('https://example.com/?page=2');
});
