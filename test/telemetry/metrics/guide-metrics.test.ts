import { GuideMetrics } from '../../../src/telemetry/metrics/guide-metrics';
import { MetricRegistry } from '../../../src/telemetry/metrics/metric-registry';
import { linesOf, valueIn } from './scrape';

let registry: MetricRegistry;
let metrics: GuideMetrics;
let problems: string[];

beforeEach(() => {
  problems = [];
  registry = new MetricRegistry({ onProblem: (message) => problems.push(message), cardinalityLimit: 50 });
  metrics = new GuideMetrics(registry);
});

const counts = async (pattern: RegExp) =>
  (await linesOf(registry)).filter(
    (line) => pattern.test(line) && !line.includes('_bucket{') && !line.includes('_sum'),
  );

test('a tool that is registered is there at zero, with its errors', async () => {
  metrics.registerTool('analyze');
  metrics.registerTool('analyze');
  expect(await counts(/^tool_/)).toEqual([
    'tool_execution_duration_seconds_count{tool_name="analyze"} 0',
    'tool_execution_total{tool_name="analyze"} 0',
    'tool_errors_total{tool_name="analyze"} 0',
  ]);
});

test('an execution counts and is measured, a failed one counts as an error too, and by its type', async () => {
  class Denied extends Error {
    override readonly name = 'Denied';
  }
  metrics.recordToolExecution('analyze', 0.0003);
  metrics.recordToolExecution('analyze', 0.2, new Denied('no'));
  metrics.recordToolExecution('analyze', 0.2, 'security');
  metrics.recordToolExecution('analyze', 0.2, 42);
  metrics.recordToolExecution('analyze', 0.2, null);
  const hostile = {
    get name() {
      throw new Error('ha');
    },
  };
  metrics.recordToolExecution('analyze', 0.2, hostile);
  expect(await counts(/^tool_/)).toEqual([
    'tool_execution_duration_seconds_count{tool_name="analyze"} 6',
    'tool_execution_total{tool_name="analyze"} 6',
    'tool_errors_total{tool_name="analyze"} 4',
    'tool_errors_by_type_total{tool_name="analyze",error_type="Denied"} 1',
    'tool_errors_by_type_total{tool_name="analyze",error_type="security"} 1',
    'tool_errors_by_type_total{tool_name="analyze",error_type="number"} 1',
    'tool_errors_by_type_total{tool_name="analyze",error_type="unreadable"} 1',
  ]);
  const lines = await linesOf(registry);
  expect(valueIn(lines, 'tool_execution_duration_seconds_bucket{tool_name="analyze",le="0.0003"}')).toBe(1);
  expect(valueIn(lines, 'tool_execution_duration_seconds_sum{tool_name="analyze"}')).toBeCloseTo(1.0003);
});

test('executions and errors have the same series, also beyond the limit', async () => {
  for (let i = 0; i < 80; i++) metrics.recordToolExecution(`tool-${i}`, 1, i % 2 ? 'odd' : undefined);
  const labels = async (name: string) =>
    (await counts(new RegExp(`^${name}\\{`))).map((line) => line.slice(name.length, line.lastIndexOf(' ')));
  const executions = await labels('tool_execution_total');
  expect(executions).toHaveLength(50);
  expect(executions).toContain('{otel_metric_overflow="true"}');
  expect(await labels('tool_errors_total')).toEqual(executions);
});

test('a pipeline and its stages', async () => {
  metrics.registerPipeline('deploy', ['build', 'push']);
  metrics.recordPipelineStage('deploy', 'build', 2);
  metrics.recordPipelineStage('deploy', 'push', 3, new Error('no'));
  metrics.recordPipelineExecution('deploy', 2, 5, new Error('no'));
  metrics.recordPipelineExecution('other', 1, 5);
  expect(await counts(/^pipeline_/)).toEqual(
    [
      'pipeline_execution_duration_seconds_count{pipeline_type="deploy",pipeline_stages="2"} 1',
      'pipeline_execution_duration_seconds_count{pipeline_type="other",pipeline_stages="1"} 1',
      'pipeline_errors_total{pipeline_type="deploy",pipeline_stages="2"} 1',
      'pipeline_errors_total{pipeline_type="other",pipeline_stages="1"} 0',
      'pipeline_stage_execution_duration_seconds_count{pipeline_type="deploy",pipeline_stage="build"} 1',
      'pipeline_stage_execution_duration_seconds_count{pipeline_type="deploy",pipeline_stage="push"} 1',
      'pipeline_stage_execution_total{pipeline_type="deploy",pipeline_stage="build"} 1',
      'pipeline_stage_execution_total{pipeline_type="deploy",pipeline_stage="push"} 1',
      'pipeline_stage_errors_total{pipeline_type="deploy",pipeline_stage="build"} 0',
      'pipeline_stage_errors_total{pipeline_type="deploy",pipeline_stage="push"} 1',
    ].sort((a, b) => 0 * a.localeCompare(b)),
  );
});

test('sessions: created, ended, active, and those that could not be created are errors and nothing else', async () => {
  expect(await counts(/^session_/)).toEqual(['session_errors_total 0']);
  metrics.registerSessionType('batch');
  metrics.recordSessionCreation('interactive');
  metrics.recordSessionCreation('interactive');
  metrics.recordSessionCreation('failed');
  metrics.recordSessionCompletion('interactive');
  metrics.recordSessionDuration('interactive', 90);
  metrics.restoreActiveSessions('batch', 7);
  expect(await counts(/^session_/)).toEqual([
    'session_total{session_type="batch"} 0',
    'session_total{session_type="interactive"} 2',
    'session_completed_total{session_type="batch"} 0',
    'session_completed_total{session_type="interactive"} 1',
    'session_errors_total 1',
    'session_active{session_type="batch"} 7',
    'session_active{session_type="interactive"} 1',
    'session_duration_seconds_count{session_type="batch"} 0',
    'session_duration_seconds_count{session_type="interactive"} 1',
  ]);
});

test('a request counts under the guide’s labels, that of its alerts, and the conventions’', async () => {
  metrics.recordHttpRequest('GET', '/api/tools/:tool', 200, 0.02);
  metrics.recordHttpRequest('get', '', 503, 0.02, { scheme: 'https' });
  metrics.recordHttpRequest('BREW', '/pot', 418, 0.02, { errorType: 'teapot' });
  expect(await counts(/^http_/)).toEqual([
    'http_requests_total{http_method="GET",http_route="/api/tools/:tool",http_status_code="200",status_code="200"} 1',
    'http_requests_total{http_method="GET",http_route="unmatched",http_status_code="503",status_code="503"} 1',
    'http_requests_total{http_method="_OTHER",http_route="/pot",http_status_code="418",status_code="418"} 1',
    'http_request_duration_seconds_count{http_method="GET",http_route="/api/tools/:tool",http_status_code="200"} 1',
    'http_request_duration_seconds_count{http_method="GET",http_route="unmatched",http_status_code="503"} 1',
    'http_request_duration_seconds_count{http_method="_OTHER",http_route="/pot",http_status_code="418"} 1',
    'http_server_request_duration_count{http_request_method="GET",url_scheme="http",http_route="/api/tools/:tool",http_response_status_code="200"} 1',
    'http_server_request_duration_count{http_request_method="GET",url_scheme="https",http_response_status_code="503",error_type="503"} 1',
    'http_server_request_duration_count{http_request_method="_OTHER",url_scheme="http",http_route="/pot",http_response_status_code="418",error_type="teapot"} 1',
  ]);
});

test('a span that is handed over becomes an exemplar', () => {
  const span = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
  metrics.recordToolExecution('analyze', 0.2, undefined, span);
  const histogram = metrics.createHistogram('tool_execution_duration_seconds');
  const buckets = histogram.edges.map((_, bucket) => histogram.bind({ 'tool.name': 'analyze' }).exemplar(bucket));
  expect(buckets.filter((exemplar) => exemplar !== undefined)).toEqual([
    { value: 0.2, at: expect.any(Number), context: span },
  ]);
});

test('metrics of the application’s own', async () => {
  metrics.createCounter('orders_total', { description: 'Orders.', unit: '{order}' }).add(2, { shop: 'a' });
  metrics.createUpDownCounter('queue').add(-1);
  metrics
    .createHistogram('custom_operation_duration', { unit: 's', buckets: [1] })
    .record(0.5, { 'operation.type': 'x' });
  metrics.createGauge('level', { labels: ['tank'] }).record(3, { tank: 'a', hue: 'blue' });
  const end = metrics.createObservableGauge('read', {}, (observe) => observe(9));
  metrics.recordGcDuration(0.002);
  const own = /^(orders|queue|custom|level|read)/;
  expect(await counts(own)).toEqual([
    'orders_total{shop="a"} 2',
    'queue -1',
    'custom_operation_duration_count{operation_type="x"} 1',
    'level{tank="a"} 3',
    'read 9',
  ]);
  end();
  expect(await counts(own)).toHaveLength(4);
  expect(await counts(/^system_gc.*major/)).toEqual(['system_gc_duration_seconds_count{v8js_gc_type="major"} 1']);
  expect(problems).toEqual([]);
});

test('switched off, every method is there and does nothing', async () => {
  registry = new MetricRegistry({ enabled: false, onProblem: (message) => problems.push(message) });
  const off = new GuideMetrics(registry);
  off.registerTool('a');
  off.recordToolExecution('a', Number.NaN, new Error('x'));
  off.registerPipeline('p', ['s']);
  off.recordPipelineExecution('p', 1, 1, 'x');
  off.recordPipelineStage('p', 's', 1);
  off.registerSessionType('t');
  off.recordSessionCreation('t');
  off.recordSessionCreation('failed');
  off.recordSessionCompletion('t');
  off.recordSessionDuration('t', 1);
  off.restoreActiveSessions('t', 1);
  off.recordHttpRequest('GET', '/', 200, 1);
  off.recordGcDuration(1);
  off.createCounter('c').add(1);
  off.createHistogram('h').bind({ a: 1 }).record(1);
  off.createObservableGauge('g', {}, (observe) => observe(1))();
  expect(await linesOf(registry)).toEqual([]);
  expect(problems).toEqual([]);
});
