import * as conventions from '@opentelemetry/semantic-conventions/incubating';
import { INSTRUMENTS, type InstrumentDefinition } from '../../../src/telemetry/metrics/instruments';

const all: readonly InstrumentDefinition[] = Object.values(INSTRUMENTS);
const byName = new Map(all.map((definition) => [definition.name, definition]));
const isGuides = ({ name }: InstrumentDefinition) => !name.includes('.');

test('the names of the guide are there, and nothing else that looks like one', () => {
  expect(all.filter(isGuides).map(({ name, kind, unit }) => `${kind} ${name} ${unit}`)).toEqual([
    'histogram tool_execution_duration_seconds s',
    'counter tool_execution_total {execution}',
    'counter tool_errors_total {error}',
    'counter tool_errors_by_type_total {error}',
    'histogram pipeline_execution_duration_seconds s',
    'counter pipeline_errors_total {error}',
    'counter pipeline_stage_execution_total {execution}',
    'counter pipeline_stage_errors_total {error}',
    'histogram pipeline_stage_execution_duration_seconds s',
    'counter session_total {session}',
    'counter session_completed_total {session}',
    'counter session_errors_total {error}',
    'up-down-counter session_active {session}',
    'histogram session_duration_seconds s',
    'counter http_requests_total {request}',
    'histogram http_request_duration_seconds s',
    'gauge system_memory_usage_bytes By',
    'gauge system_cpu_usage_percent %',
    'gauge system_goroutines_count {resource}',
    'histogram system_gc_duration_seconds s',
  ]);
});

test('all others have names, and attributes, of the semantic conventions', () => {
  const names = new Set<unknown>(
    Object.entries(conventions).map(([key, name]) => (key.startsWith('METRIC_') ? name : undefined)),
  );
  const keys = new Set<unknown>(
    Object.entries(conventions).map(([key, name]) => (key.startsWith('ATTR_') ? name : undefined)),
  );
  const theirs = all.filter((definition) => !isGuides(definition));
  expect(theirs.length).toBeGreaterThan(15);
  expect(theirs.filter(({ name }) => !names.has(name))).toEqual([]);
  expect(theirs.flatMap(({ labels = [] }) => labels).filter((label) => !keys.has(label))).toEqual([]);
});

test('no name is there twice, and every instrument says what it is', () => {
  expect(byName.size).toBe(all.length);
  expect(all.filter(({ description }) => !/^[A-Z0-9].*\.$/.test(description))).toEqual([]);
  expect(all.filter(({ kind, buckets }) => (kind === 'histogram') !== (buckets !== undefined))).toEqual([]);
});

test('the edges of buckets ascend, and those of tools have the one that the alert asks for', () => {
  for (const { buckets = [] } of all) expect([...buckets].sort((a, b) => a - b)).toEqual(buckets);
  expect(INSTRUMENTS.toolExecutionDuration.buckets).toContain(0.0003);
  expect(INSTRUMENTS.httpServerRequestDuration.buckets).toEqual([
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
  ]);
});

test.each([
  ['tool_errors_total', 'tool_execution_total'],
  ['session_completed_total', 'session_total'],
  ['session_active', 'session_total'],
  ['pipeline_errors_total', 'pipeline_execution_duration_seconds'],
  ['pipeline_stage_errors_total', 'pipeline_stage_execution_total'],
])('%s has the labels of %s, as the guide divides or subtracts them', (one, other) => {
  expect(byName.get(one)?.labels).toEqual(byName.get(other)?.labels);
  expect(byName.get(one)?.labels).toBeDefined();
});
