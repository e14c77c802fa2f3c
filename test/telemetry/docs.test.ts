import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { TELEMETRY_FLAGS } from '../../src/commands/shared-flags';
import { Scheduler } from '../../src/scheduler/scheduler';
import { SchedulerTelemetry } from '../../src/scheduler/scheduler.telemetry';
import { startTelemetry } from '../../src/telemetry/telemetry';
import { makeTempDir, removeTempDir, runCommand, startCommand } from '../support/command';
import { graphOf } from '../support/graphs';
import { type ReceivedSpan, readOtlpFile } from '../support/otlp-collector';
import { packageGraph, shellWorker, ToolkitRun } from '../support/toolkit-run';
import { RunFolder, readVariables, writeGraphFile } from './runs';

jest.setTimeout(60_000);

const root = resolve(__dirname, '../..');
const DOCUMENT = readFileSync(join(root, 'docs/telemetry.md'), 'utf8');
/** The variables that the settings hand on under their lower-case names. */
const CONTEXT_VARIABLES = ['TRACEPARENT', 'TRACESTATE', 'BAGGAGE'];

let dir: string;
/** What runs of every kind have left. */
let spans: ReceivedSpan[];
let folders: Record<'mixed' | 'worker' | 'found' | 'cancelled' | 'unreadable', RunFolder>;
let childVariables: Record<string, string>;
let runsDirEntries: string[];

beforeAll(async () => {
  dir = makeTempDir();
  const inFolder = (name: string) => {
    mkdirSync(join(dir, name));
    return join(dir, name);
  };
  folders = {
    mixed: await runMixedBuild(inFolder('mixed')),
    worker: await runWorkerProgram(inFolder('worker')),
    found: await runWithNamesFoundOut(inFolder('found')),
    cancelled: await runCancelledBuild(inFolder('cancelled')),
    unreadable: await runUnreadableGraph(inFolder('unreadable')),
  };
  spans = [...Object.values(folders).flatMap((folder) => folder.spans()), ...(await runThrowingAgent())];
  childVariables = readVariables(folders.mixed.text('logs/core.1.log'));
  runsDirEntries = readdirSync(dirname(folders.mixed.path));
});

afterAll(() => removeTempDir(dir));

/** Builds and tests that succeed, fail, and succeed at last; and every type of node with nothing to run. */
async function runMixedBuild(cwd: string): Promise<RunFolder> {
  const architecture = 'x86_64';
  const graph = writeGraphFile(cwd, [
    { id: 'remote', type: 'RemoteRun', state: 'Cached', name: 'glibc', architecture, srpmPath: 'glibc.src.rpm' },
    { id: 'prebuilt', type: 'PreBuilt', name: 'toolchain' },
    { id: 'core', shell: 'env', dependencies: ['remote', 'prebuilt'], architecture },
    { id: 'flaky', shell: 'test "$SPANWRIGHT_ATTEMPT" = 2', attempts: 2, dependencies: ['core'] },
    { id: 'passes', type: 'Test', shell: 'true', dependencies: ['flaky'] },
    { id: 'fails', type: 'Test', shell: 'exit 1', dependencies: ['core'] },
    { id: 'breaks', shell: 'exit 3', dependencies: ['core'] },
    { id: 'blocked', shell: 'true', dependencies: ['breaks'] },
    { id: 'slow', shell: 'exec sleep 300', timeout: '100ms' },
    { id: 'goal', type: 'Goal', dependencies: ['passes'] },
  ]);
  const env = { TRACEPARENT: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`, TRACESTATE: 'vendor=1', BAGGAGE: 'a=b' };
  await runCommand('spanwright', ['build', graph, '--workers', '2'], { cwd, env });
  return RunFolder.latest(cwd);
}

/** Packages that are reused, one that is ignored, one whose tests fail, one that finds a chroot, and a name that only the cache provides. */
async function runWorkerProgram(cwd: string): Promise<RunFolder> {
  const rpms = join(cwd, 'rpms');
  const packages = {
    reused: {},
    'reused-too': { needs: ['reused'] },
    ignored: {},
    built: { needs: ['reused', 'cached:pkgconfig(zlib)'], test: true },
    last: { needs: ['built'], test: true },
  };
  const graph = packageGraph(packages, rpms);
  const failingTests =
    'status=0; [ "$name" = last ] || status=$check; echo "CHECK DONE x. EXIT STATUS $status" > "$log"; printf %s "/rpms/$name.rpm"';
  const run = new ToolkitRun(cwd, graph, shellWorker(cwd, failingTests));
  mkdirSync(join(cwd, 'work/built-1.0-1'));
  mkdirSync(join(rpms, 'x86_64'), { recursive: true });
  for (const name of ['reused', 'reused-too']) writeFileSync(join(rpms, `x86_64/${name}-1.0-1.x86_64.rpm`), '');
  const { code, stderr } = await run.run({ 'enable-telemetry': true, 'ignored-packages': 'ignored' });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return RunFolder.latest(cwd);
}

/**
 * One package turns out to provide a name that another needs, which cuts the graph down; licence files are looked at. The RPMs are empty: a
 * program in the place of rpm answers for them.
 */
async function runWithNamesFoundOut(cwd: string): Promise<RunFolder> {
  const packages = {
    provider: {},
    wants: { needs: ['pkgconfig(found)'] },
    other: { needs: ['wants'] },
    more: {},
    most: {},
    much: {},
  };
  const graph = packageGraph(packages, join(cwd, 'rpms'));
  const worker = shellWorker(
    cwd,
    `case "$name" in m*) until grep -q 'Created solvable' run.log; do sleep 0.05; done;; esac
    mkdir -p "$PWD/rpms/x86_64"; rpm="$PWD/rpms/x86_64/$name-1.0-1.x86_64.rpm"; : > "$rpm"; printf %s "$rpm"`,
  );
  mkdirSync(join(cwd, 'bin'));
  const rpm = join(cwd, 'bin/rpm');
  writeFileSync(
    rpm,
    '#!/bin/sh\ncase "$*" in -qlPp*provider*) echo "pkgconfig(found) = 1";; -qlPp*) ;; *) exit 1;; esac\n',
  );
  chmodSync(rpm, 0o755);
  for (const name of ['names', 'exceptions']) writeFileSync(join(cwd, `${name}.json`), '{}');
  const run = new ToolkitRun(cwd, graph, worker);
  const { code, stderr } = await run.run(
    {
      'enable-telemetry': true,
      packages: 'wants',
      workers: '2',
      'log-file': join(cwd, 'run.log'),
      'license-check-mode': 'fatal',
      'license-check-name-file': join(cwd, 'names.json'),
      'license-check-exception-file': join(cwd, 'exceptions.json'),
    },
    { env: { PATH: `${join(cwd, 'bin')}:${process.env.PATH}` } },
  );
  expect(stderr).toContain('Created solvable subgraph with new implicit provide information');
  expect(stderr).toContain('license check failed for some packages. See build summary for details');
  expect(code).toBe(1);
  return RunFolder.latest(cwd);
}

async function runCancelledBuild(cwd: string): Promise<RunFolder> {
  const graph = writeGraphFile(cwd, [{ id: 'slow', shell: 'exec sleep 300' }]);
  const command = startCommand('spanwright', ['build', graph, '--json', '--grace', '100ms'], { cwd });
  await command.waitForLine(/"attempt-started"/);
  command.kill('SIGTERM');
  await command.end;
  return RunFolder.latest(cwd);
}

async function runUnreadableGraph(cwd: string): Promise<RunFolder> {
  await runCommand('spanwright', ['build', 'missing.json'], { cwd });
  return RunFolder.latest(cwd);
}

/** No agent of ours throws, so one that does is given to the scheduler itself. */
async function runThrowingAgent(): Promise<ReceivedSpan[]> {
  const spansFile = join(dir, 'thrown.otlp.jsonl');
  const telemetry = startTelemetry({ serviceVersion: '0', buildId: 'thrown', spansFile });
  const attributes = { 'scheduler.version': '0', 'scheduler.workers': 1, 'scheduler.build_agent': 'throws' };
  const tracing = new SchedulerTelemetry(telemetry, 'thrown', attributes, Date.now());
  const agent = { name: 'throws', build: () => Promise.reject(new Error('no such luck')) };
  const graph = graphOf('a');
  const listeners = [tracing.listenerFor(() => graph)];
  const scheduler = new Scheduler({ graph, agent: tracing.wrap(agent), workers: 1, runId: 'thrown', listeners });
  await scheduler.run();
  tracing.end(Date.now());
  await telemetry.shutdown();
  return readOtlpFile(spansFile);
}

/** The rows of the table that follows a heading, each by its column. */
function rowsBelow(heading: string): Record<string, string>[] {
  const lines = DOCUMENT.split('\n');
  const at = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading);
  if (at < 0) throw new Error(`no heading '${heading}' in docs/telemetry.md`);
  const until = lines.findIndex((line, i) => i > at && /^#+ /.test(line));
  const tables = lines
    .slice(at + 1, until < 0 ? undefined : until)
    .join('\n')
    .split(/\n\n+/)
    .map((block) => block.trim())
    .filter((block) => block.startsWith('|'));
  const cells = (line: string) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  const [head = '', , ...body] = (tables[0] ?? '').split('\n');
  const columns = cells(head);
  const rows = body.map((line) => Object.fromEntries(cells(line).map((cell, i) => [columns[i] as string, cell])));
  if (rows.length === 0) throw new Error(`no table below '${heading}' in docs/telemetry.md`);
  return rows;
}

/** What stands in back quotes. */
function named(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string);
}

const firstNamed = (cell?: string) => named(cell)[0] as string;
const sorted = (names: Iterable<string>) => [...new Set(names)].sort();

type Kind =
  | 'scheduler.main'
  | 'scheduler.build_graph'
  | 'scheduler.worker'
  | 'scheduler.license_check'
  | 'attempt'
  | 'reused'
  | 'nothing to run';
const KINDS: readonly Kind[] = [
  'scheduler.main',
  'scheduler.build_graph',
  'scheduler.worker',
  'scheduler.license_check',
  'attempt',
  'reused',
  'nothing to run',
];

function kindOf({ name, attributes }: ReceivedSpan): Kind {
  if (!name.startsWith('scheduler.build.')) return name as Kind;
  if (attributes['build.attempt'] !== undefined) return 'attempt';
  return attributes['build.reason'] === undefined ? 'nothing to run' : 'reused';
}

/** By attribute: its type and whether it is always there. */
function documented(kind: Kind): Map<string, { type: string; there: string }> {
  const own = ['attempt', 'reused', 'nothing to run'].includes(kind) ? '`scheduler.build.*`' : `\`${kind}\``;
  const column = own === '`scheduler.build.*`' ? kind : 'there';
  return new Map(
    rowsBelow(own)
      .map((row) => [firstNamed(row.attribute), { type: row.type ?? '', there: row[column] ?? '' }] as const)
      .filter(([, { there }]) => there !== '–'),
  );
}

function typeOf(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'double';
  return typeof value;
}

describe('the spans', () => {
  test('have the names, parents and kinds of the table', () => {
    const nameOf = new Map(spans.map(({ spanId, name }) => [spanId, name]));
    const seen = sorted(spans.map(({ name }) => name)).map((name) => {
      const of = spans.filter((span) => span.name === name);
      const parents = sorted(of.flatMap(({ parentSpanId }) => nameOf.get(parentSpanId) ?? []));
      return { name, parents, kinds: sorted(of.map(({ kind }) => ['', 'internal', 'server'][kind] ?? String(kind))) };
    });
    const told = rowsBelow('Spans')
      .map((row) => ({
        name: firstNamed(row.span),
        parents: sorted(named(row.parent).filter((name) => name.startsWith('scheduler.'))),
        kinds: [row.kind],
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    // No test of these runs is reused.
    const but = (name: string, parents: string[]) =>
      name === 'scheduler.build.Test' ? parents.filter((parent) => parent === 'scheduler.worker') : parents;
    expect(seen.map((span) => ({ ...span, parents: but(span.name, span.parents) }))).toEqual(
      told.map((span) => ({ ...span, parents: but(span.name, span.parents) })),
    );
  });

  test('have the statuses of the table', () => {
    for (const { name, status } of spans) {
      const told = rowsBelow('Spans').find((row) => firstNamed(row.span) === name)?.status;
      if (status.code === 0) continue;
      expect(status.code).toBe(2);
      expect([...named(told), 'the agent threw']).toContain(status.message);
    }
  });

  test('are drawn as they are', () => {
    const drawn = /^ {4}scheduler\.main\n(?: {4}.*\n)+/m.exec(DOCUMENT)?.[0] ?? '';
    expect(sorted(drawn.match(/scheduler\.[\w.]+/g) ?? [])).toEqual(sorted(spans.map(({ name }) => name)));
  });
});

describe.each(KINDS)('the attributes of a span of the kind %s', (kind) => {
  const ofKind = () => spans.filter((span) => kindOf(span) === kind);

  test('are those of the table, no more and no fewer', () => {
    expect(sorted(ofKind().flatMap(({ attributes }) => Object.keys(attributes)))).toEqual(
      sorted(documented(kind).keys()),
    );
  });

  test('are always there where the table says so', () => {
    const always = [...documented(kind)].flatMap(([name, { there }]) => (there === 'always' ? [name] : []));
    const runByCommand = ofKind().filter(({ attributes }) => attributes['build.id'] !== 'thrown');
    expect(runByCommand).not.toEqual([]);
    for (const { attributes } of runByCommand) expect(Object.keys(attributes)).toEqual(expect.arrayContaining(always));
  });

  test('have the types of the table', () => {
    for (const { attributes } of ofKind()) {
      for (const [name, value] of Object.entries(attributes)) {
        expect({ name, type: typeOf(value) }).toEqual({ name, type: documented(kind).get(name)?.type });
      }
    }
  });
});

test('the events are those of the table, each on its span, with its attributes', () => {
  const lines = (entries: { name: string; on: string; attributes: string[] }[]) =>
    sorted(entries.map(({ name, on, attributes }) => `${name} on ${on}: ${sorted(attributes).join(' ')}`));
  const seen = spans.flatMap((span) =>
    span.events.map(({ name, attributes }) => ({ name, on: kindOf(span), attributes: Object.keys(attributes) })),
  );
  const told = rowsBelow('Events').flatMap((row) =>
    (row.on ?? '').split(',').map((on) => ({
      name: firstNamed(row.event),
      on: on.replaceAll('`', '').trim(),
      attributes: named(row.attributes),
    })),
  );
  expect(lines(seen)).toEqual(lines(told));
});

test('the resource is that of the table', () => {
  const told = rowsBelow('Resource');
  for (const { resource, scope } of spans) {
    expect(sorted(Object.keys(resource))).toEqual(sorted(told.map((row) => firstNamed(row.attribute))));
    for (const row of told) expect(typeOf(resource[firstNamed(row.attribute)])).toBe(row.type);
    expect(scope).toBe('spanwright');
  }
});

describe('what is read and handed on', () => {
  test('the flags are those of the table, with their defaults', () => {
    const told = rowsBelow('Flags').map((row) => [firstNamed(row.flag), named(row.default)[0]]);
    const real = TELEMETRY_FLAGS.map((flag) => [`--${flag.name}`, 'default' in flag ? flag.default : undefined]);
    expect(told.sort()).toEqual(real.sort());
  });

  test('the variables are those that the settings read', () => {
    const source = readFileSync(join(root, 'src/config/telemetry-settings.ts'), 'utf8');
    for (const name of CONTEXT_VARIABLES) expect(source).toContain(`'${name.toLowerCase()}'`);
    const read = [...(source.match(/OTEL_[A-Z_]+/g) ?? []), ...CONTEXT_VARIABLES];
    expect(sorted(rowsBelow('Environment').map((row) => firstNamed(row.variable)))).toEqual(sorted(read));
  });

  test('a command gets the variables of the table', () => {
    const told = rowsBelow('What a build gets').map((row) => firstNamed(row.variable));
    const got = Object.keys(childVariables).filter(
      (name) => CONTEXT_VARIABLES.includes(name) || name.startsWith('SPANWRIGHT_'),
    );
    expect(sorted(got)).toEqual(sorted(told));
  });
});

describe('the files', () => {
  test('of a run are those of the table', async () => {
    const told = rowsBelow('Files');
    const names = (rows: typeof told) => rows.map((row) => firstNamed(row.file)).sort();
    expect(readdirSync(folders.mixed.path).sort()).toEqual(names(told));
    const graph = writeGraphFile(dir, [{ id: 'a', shell: 'true' }]);
    await runCommand('spanwright', ['build', graph, '--no-enable-telemetry'], { cwd: dir });
    const without = readdirSync(RunFolder.latest(dir).path).sort();
    expect(without).toEqual(names(told.filter((row) => row['needs telemetry'] === 'no')));
  });

  test('beside the runs are the link and the durations', () => {
    const beside = runsDirEntries.filter((name) => !/^\d{8}-\d{6}-[0-9a-f]{6}$/.test(name));
    expect(beside.sort()).toEqual(['durations.json', 'latest']);
    for (const name of beside) expect(DOCUMENT).toContain(`\`${name}\``);
  });

  test('the journal has the events of the table, with their fields', () => {
    const journals = (['mixed', 'worker', 'found', 'cancelled'] as const).flatMap((name) => folders[name].events());
    for (const row of rowsBelow('`events.ndjson`')) {
      const [type, fields] = [firstNamed(row.type), named(row.fields)];
      const of = journals.filter((event) => event.type === type);
      const always = fields.filter((field) => !field.endsWith('?'));
      const all = fields.map((field) => field.replace('?', ''));
      const seen = sorted(of.flatMap((event) => Object.keys(event))).filter((key) => key !== 'type');
      expect({ type, fields: seen }).toEqual({ type, fields: sorted(all) });
      for (const event of of) expect(Object.keys(event)).toEqual(expect.arrayContaining(always));
    }
    const told = rowsBelow('`events.ndjson`').map((row) => firstNamed(row.type));
    expect(sorted(journals.map(({ type }) => type))).toEqual(sorted(told));
  });

  test('the slices of the Perfetto trace have the arguments of the table', () => {
    const { traceEvents } = JSON.parse(folders.mixed.text('trace.perfetto.json')) as {
      traceEvents: { ph: string; args: object }[];
    };
    const slices = traceEvents.filter(({ ph }) => ph === 'X');
    const told = rowsBelow('`trace.perfetto.json`').map((row) => firstNamed(row['argument of a slice']));
    expect(sorted(slices.flatMap(({ args }) => Object.keys(args)))).toEqual(sorted(told));
    expect(slices).toHaveLength(folders.mixed.eventsOf('attempt-started').length);
  });
});
