import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  BadRequestException,
  Controller,
  Get,
  HttpCode,
  Injectable,
  Module,
  Param,
  Post,
  Query,
  Res,
} from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { TelemetryModule } from '../../src/telemetry/telemetry.module';
import type { TelemetryModuleOptions } from '../../src/telemetry/telemetry.options';
import { TelemetryService } from '../../src/telemetry/telemetry.service';
import { TestTelemetry } from '../../src/telemetry/testing/test-telemetry';
import { TestTelemetryModule } from '../../src/telemetry/testing/test-telemetry.module';
import { ADAPTERS, IN_MEMORY, RunningApp, sample } from './apps';

class ValidationError extends Error {
  override readonly name = 'ValidationError';
}

/** The guide's "Tool Execution". */
@Injectable()
class MyTool {
  constructor(private readonly telemetry: TelemetryService) {}

  execute(args: string): Promise<string[]> {
    return this.telemetry.instrumentToolExecution('my-tool', async () => {
      this.telemetry.addContextualAttributes({ 'tool.version': '1.0.0', 'input.size': String(args.length) });
      this.telemetry.recordEvent('tool.validation.started');
      try {
        const result = await this.processInput(args);
        this.telemetry.recordEvent('tool.processing.completed', { 'result.items': result.length });
        return result;
      } catch (error) {
        this.telemetry.recordEvent('tool.validation.failed', { 'error.type': 'validation' });
        throw error;
      }
    });
  }

  private async processInput(args: string): Promise<string[]> {
    await Promise.resolve();
    if (args === '') throw EMPTY_INPUT;
    return args.split(',');
  }
}

const EMPTY_INPUT = new ValidationError('nothing came in');

/** The guide's "Pipeline Stages". */
@Injectable()
class ContainerBuild {
  readonly name = 'container-build';

  constructor(private readonly telemetry: TelemetryService) {}

  executeStage(stage: string): string {
    return this.telemetry.instrumentPipelineStage(this.name, stage, () => {
      this.telemetry.addContextualAttributes({ 'stage.input': 'Dockerfile', 'stage.config': 'default' });
      if (stage === 'push') throw NO_REGISTRY;
      return `${stage} done`;
    });
  }
}

const NO_REGISTRY = new Error('no registry');

interface Session {
  readonly id: string;
}

/** The guide's "Session Management". */
@Injectable()
class SessionManager {
  constructor(private readonly telemetry: TelemetryService) {}

  createSession(type: string, userId: string): Session {
    const { tracing, metrics } = this.telemetry;
    const span = tracing.startSpan('session.create');
    try {
      return tracing.withSpan(span, () => {
        this.telemetry.addContextualAttributes({ 'session.type': type, 'user.id': userId });
        try {
          const session = this.createSessionInternal(type);
          metrics.recordSessionCreation(type);
          this.telemetry.recordEvent('session.created', { 'session.id': session.id });
          return session;
        } catch (error) {
          metrics.recordSessionCreation('failed');
          throw error;
        }
      });
    } finally {
      span.end();
    }
  }

  private createSessionInternal(type: string): Session {
    if (type === 'broken') throw new Error('the store is full');
    return { id: `${type}-1` };
  }
}

/** The guide's "Custom Metrics", "Distributed Tracing" and "Error Handling". */
@Injectable()
class Operations {
  private readonly duration;
  private readonly seen: unknown[] = [];

  constructor(private readonly telemetry: TelemetryService) {
    this.duration = telemetry.metrics.createHistogram('custom_operation_duration', {
      description: 'Duration of custom operation',
      unit: 's',
      buckets: [0.1, 1],
    });
  }

  recordCustomMetric(operationType: string, seconds: number): void {
    this.duration.record(seconds, { 'operation.type': operationType });
  }

  async callExternalService(url: string): Promise<number> {
    const { tracing } = this.telemetry;
    return tracing.within('external.service.call', { kind: SpanKind.CLIENT }, async (span) => {
      this.telemetry.addContextualAttributes({ 'http.url': url, 'peer.service': 'external-api' });
      try {
        const response = await fetch(url, { headers: tracing.inject({ accept: 'text/plain' }) });
        this.telemetry.addContextualAttributes({ 'http.status_code': response.status });
        return response.status;
      } catch (error) {
        // Recorded here by hand and once more by what it passes through: it is one event all the same.
        tracing.recordError(span, error);
        throw error;
      }
    });
  }

  async handleOperation(items: readonly string[]): Promise<readonly unknown[]> {
    const { tracing } = this.telemetry;
    await tracing.within('complex.operation', {}, async () => {
      this.telemetry.addContextualAttributes({ 'operation.id': 'op-123', 'operation.type': 'batch-processing' });
      for (const [index, item] of items.entries()) {
        const itemSpan = tracing.startSpan('process.item');
        try {
          await tracing.withSpan(itemSpan, async () => {
            this.telemetry.addContextualAttributes({ 'item.index': index, 'item.id': item });
            try {
              await this.processItem(item);
              this.telemetry.recordEvent('item.processing.completed');
            } catch (error) {
              tracing.recordError(itemSpan, error);
              this.telemetry.recordEvent('item.processing.failed', {
                'error.type': (error as Error).name,
                'item.id': item,
              });
              if (item.startsWith('critical')) throw error;
            }
          });
        } finally {
          itemSpan.end();
        }
      }
    });
    return this.seen;
  }

  private async processItem(item: string): Promise<void> {
    await Promise.resolve();
    if (item.includes('bad')) throw new ValidationError(`${item} is bad`);
    this.seen.push(item);
  }
}

const EXAMPLES = [MyTool, ContainerBuild, SessionManager, Operations];

describe("the guide's samples, by TestTelemetry", () => {
  let nest: TestingModule;
  let telemetry: TestTelemetry;

  async function begin(options?: TelemetryModuleOptions): Promise<void> {
    await nest?.close();
    const imports = [TestTelemetryModule.forRoot(options)];
    nest = await Test.createTestingModule({ imports, providers: EXAMPLES }).compile();
    await nest.init();
    telemetry = nest.get(TestTelemetry);
  }

  beforeEach(() => begin());

  afterEach(async () => {
    await nest.close();
  });

  test('a tool gives its value back, and leaves its span, events and metrics', async () => {
    await expect(nest.get(MyTool).execute('a,b')).resolves.toEqual(['a', 'b']);
    const { span } = telemetry
      .expectSpan('tool.my-tool')
      .toBeRoot()
      .toHaveKind('INTERNAL')
      .toHaveSucceeded()
      .toHaveAttributes({
        'operation.type': 'tool_execution',
        'tool.name': 'my-tool',
        'tool.version': '1.0.0',
        'input.size': '3',
      })
      .toHaveEvent('tool.validation.started')
      .toHaveEvent('tool.processing.completed', { 'result.items': 2 });
    expect(span.events.map(({ name }) => name)).toEqual(['tool.validation.started', 'tool.processing.completed']);
    expect(telemetry.spans).toHaveLength(1);
    expect(telemetry.metric('tool_execution_total', { 'tool.name': 'my-tool' })).toBe(1);
    expect(telemetry.metric('tool_execution_duration_seconds', { 'tool.name': 'my-tool' })).toBe(1);
    expect(telemetry.metric('tool_errors_total', { 'tool.name': 'my-tool' })).toBe(0);
    telemetry.expectNoLeaks();
  });

  test('a tool that fails throws the very same error, which is recorded once', async () => {
    await expect(nest.get(MyTool).execute('')).rejects.toBe(EMPTY_INPUT);
    const { span } = telemetry
      .expectSpan('tool.my-tool')
      .toHaveFailed('nothing came in')
      .toHaveAttributes({ 'error.type': 'ValidationError' })
      .toHaveEvent('tool.validation.failed', { 'error.type': 'validation' })
      .toHaveEvent('exception', { 'exception.type': 'ValidationError', 'exception.message': 'nothing came in' });
    expect(span.events.filter(({ name }) => name === 'exception')).toHaveLength(1);
    expect(telemetry.metric('tool_execution_total', { 'tool.name': 'my-tool' })).toBe(1);
    expect(telemetry.metric('tool_errors_total', { 'tool.name': 'my-tool' })).toBe(1);
    expect(telemetry.metric('tool_errors_by_type_total', { 'error.type': 'ValidationError' })).toBe(1);
  });

  test('a stage of a pipeline is a span below what runs it, and work that does not wait stays so', () => {
    const service = nest.get(TelemetryService);
    const stages = service.instrumentOperation('pipeline.container-build', 'pipeline_execution', () =>
      ['analyze', 'build'].map((stage) => nest.get(ContainerBuild).executeStage(stage)),
    );
    expect(stages).toEqual(['analyze done', 'build done']);
    telemetry
      .expectSpan('pipeline.container-build.analyze')
      .toBeChildOf('pipeline.container-build')
      .toHaveSucceeded()
      .toHaveAttributes({
        'operation.type': 'pipeline_stage',
        'pipeline.name': 'container-build',
        'pipeline.stage': 'analyze',
        'stage.input': 'Dockerfile',
        'stage.config': 'default',
      });
    telemetry.expectSpan('pipeline.container-build').toHaveAttributes({ 'operation.type': 'pipeline_execution' });
    expect(telemetry.metric('pipeline_stage_execution_total', { 'pipeline.stage': 'analyze' })).toBe(1);
    expect(telemetry.metric('pipeline_execution_duration_seconds', { 'pipeline.type': 'container-build' })).toBe(1);
    expect(telemetry.metric('pipeline_errors_total', { 'pipeline.type': 'container-build' })).toBe(0);
  });

  test('a stage that throws at once throws on at once', () => {
    const run = () => nest.get(ContainerBuild).executeStage('push');
    expect(run).toThrow(NO_REGISTRY);
    telemetry.expectSpan('pipeline.container-build.push').toHaveFailed('no registry');
    expect(telemetry.metric('pipeline_stage_errors_total', { 'pipeline.stage': 'push' })).toBe(1);
  });

  test('a session that is created is counted by its type, one that is not counts as an error', () => {
    const sessions = nest.get(SessionManager);
    expect(sessions.createSession('docker', 'user123')).toEqual({ id: 'docker-1' });
    telemetry
      .expectSpan('session.create')
      .toHaveAttributes({ 'session.type': 'docker', 'user.id': 'user123' })
      .toHaveEvent('session.created', { 'session.id': 'docker-1' });
    telemetry.reset();
    expect(() => sessions.createSession('broken', 'user123')).toThrow('the store is full');
    telemetry.expectSpan('session.create').toHaveAttributes({ 'session.type': 'broken' });
    expect(telemetry.metric('session_total', { 'session.type': 'docker' })).toBe(1);
    expect(telemetry.metric('session_active', { 'session.type': 'docker' })).toBe(1);
    expect(telemetry.metric('session_total', { 'session.type': 'failed' })).toBeUndefined();
    expect(telemetry.metric('session_errors_total')).toBe(1);
    nest.get(TelemetryService).metrics.recordSessionCompletion('docker');
    expect(telemetry.metric('session_active', { 'session.type': 'docker' })).toBe(0);
    expect(telemetry.metric('session_completed_total', { 'session.type': 'docker' })).toBe(1);
  });

  test("a metric of the application's own is recorded with its attributes", () => {
    const operations = nest.get(Operations);
    operations.recordCustomMetric('batch', 0.5);
    operations.recordCustomMetric('batch', 2);
    operations.recordCustomMetric('single', 2);
    expect(telemetry.metric('custom_operation_duration', { 'operation.type': 'batch' })).toBe(2);
    expect(telemetry.metric('custom_operation_duration')).toBe(3);
  });

  test('in a batch, an item that fails is told on its own span, and the others go on', async () => {
    await expect(nest.get(Operations).handleOperation(['a', 'bad-b', 'c'])).resolves.toEqual(['a', 'c']);
    telemetry
      .expectSpan('complex.operation')
      .toHaveSucceeded()
      .toHaveAttributes({ 'operation.id': 'op-123', 'operation.type': 'batch-processing' });
    const items = telemetry.spans.filter(({ name }) => name === 'process.item');
    expect(items.map(({ attributes }) => [attributes['item.index'], attributes['item.id']])).toEqual([
      [0, 'a'],
      [1, 'bad-b'],
      [2, 'c'],
    ]);
    expect(items.map(({ status }) => status.code)).toEqual([
      SpanStatusCode.UNSET,
      SpanStatusCode.ERROR,
      SpanStatusCode.UNSET,
    ]);
    expect(items.map(({ events }) => events.map(({ name }) => name))).toEqual([
      ['item.processing.completed'],
      ['exception', 'item.processing.failed'],
      ['item.processing.completed'],
    ]);
    const parents = new Set(items.map(({ parentSpanContext }) => parentSpanContext?.spanId));
    expect([...parents]).toEqual([telemetry.span('complex.operation').spanContext().spanId]);
    telemetry.expectNoLeaks();
  });

  test('in a batch, an item that is critical ends it all, and its error is on both spans', async () => {
    await expect(nest.get(Operations).handleOperation(['a', 'critical-bad', 'c'])).rejects.toThrow(
      'critical-bad is bad',
    );
    telemetry.expectSpan('complex.operation').toHaveFailed('critical-bad is bad');
    expect(telemetry.spanNames).toEqual(['process.item', 'process.item', 'complex.operation']);
    const failed = telemetry.spans[1];
    expect(failed?.events.map(({ name }) => name)).toEqual(['exception', 'item.processing.failed']);
    telemetry.expectNoLeaks();
  });

  describe('a call of an external service', () => {
    let server: Server;
    let headers: IncomingHttpHeaders;
    let url: string;

    beforeEach(async () => {
      server = createServer((request, response) => {
        headers = request.headers;
        response.end('fine');
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    });

    afterEach(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });

    test('takes the trace along, and what it had', async () => {
      await begin({ outgoing: false });
      await expect(nest.get(Operations).callExternalService(url)).resolves.toBe(200);
      const { span } = telemetry
        .expectSpan('external.service.call')
        .toHaveKind('CLIENT')
        .toHaveAttributes({ 'http.url': url, 'peer.service': 'external-api', 'http.status_code': 200 });
      const { traceId, spanId } = span.spanContext();
      expect(headers).toMatchObject({ accept: 'text/plain', traceparent: `00-${traceId}-${spanId}-01` });
    });

    test('where fetch is traced too, takes along one trace context and not two', async () => {
      await expect(nest.get(Operations).callExternalService(url)).resolves.toBe(200);
      const { traceId } = telemetry.span('external.service.call').spanContext();
      const { spanId } = telemetry.expectSpan('GET').toBeChildOf('external.service.call').span.spanContext();
      expect(headers.traceparent).toBe(`00-${traceId}-${spanId}-01`);
    });

    test('that cannot be reached throws on, and the error is recorded once', async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await expect(nest.get(Operations).callExternalService(url)).rejects.toThrow('fetch failed');
      const { span } = telemetry.expectSpan('external.service.call').toHaveFailed('fetch failed');
      expect(span.events.map(({ name }) => name)).toEqual(['exception']);
      server.listen(0);
    });
  });
});

interface Reply {
  status(code: number): Reply;
  send(body: string): unknown;
}

@Controller('api')
class ToolController {
  constructor(
    private readonly tool: MyTool,
    private readonly pipeline: ContainerBuild,
    private readonly sessions: SessionManager,
    private readonly operations: Operations,
    private readonly telemetry: TelemetryService,
  ) {}

  @Post('tools/:tool')
  @HttpCode(200)
  execute(@Query('args') args = ''): Promise<string[]> {
    this.telemetry.addContextualAttributes({ 'user.id': 'user123', 'client.version': '2.1' });
    return this.tool.execute(args);
  }

  @Get('stages/:stage')
  stage(@Param('stage') stage: string): string {
    return this.pipeline.executeStage(stage);
  }

  @Get('sessions/:type')
  session(@Param('type') type: string): Session {
    this.operations.recordCustomMetric('session', 0.05);
    return this.sessions.createSession(type, 'user123');
  }

  @Get('teapot')
  refuse(): never {
    throw new BadRequestException('no such thing');
  }

  /** A 503 that nothing throws. */
  @Get('busy')
  busy(@Res() reply: Reply): void {
    reply.status(503).send('busy');
  }
}

@Module({ providers: EXAMPLES, controllers: [ToolController] })
class ShopModule {}

describe.each(ADAPTERS)("the guide's samples in an application on %s", (adapter) => {
  let shop: RunningApp;

  beforeEach(async () => {
    shop = await RunningApp.start(adapter, { imports: [TelemetryModule.forRoot(IN_MEMORY), ShopModule] });
  });

  afterEach(async () => {
    await shop.close();
  });

  test('a request is a server span under its template, with the tool below it', async () => {
    const { status, text } = await shop.fetch('/api/tools/my-tool?args=a,b', { method: 'POST' });
    expect([status, text]).toEqual([200, '["a","b"]']);
    const server = await shop.span('http.POST /api/tools/:tool');
    expect(server.kind).toBe(SpanKind.SERVER);
    expect(server.status.code).toBe(SpanStatusCode.UNSET);
    expect(server.attributes).toMatchObject({
      'http.method': 'POST',
      'http.route': '/api/tools/:tool',
      'http.status_code': 200,
      'http.request.method': 'POST',
      'http.response.status_code': 200,
      'user.id': 'user123',
      'client.version': '2.1',
    });
    const tool = await shop.span('tool.my-tool');
    expect(tool.parentSpanContext?.spanId).toBe(server.spanContext().spanId);
  });

  test('what happened is in the scrape, under the names of the guide', async () => {
    await shop.fetch('/api/tools/my-tool?args=a,b', { method: 'POST' });
    const failed = await shop.fetch('/api/tools/my-tool', { method: 'POST' });
    expect(failed.status).toBe(500);
    await shop.fetch('/api/stages/analyze');
    await shop.fetch('/api/stages/push');
    await shop.fetch('/api/sessions/docker');
    await shop.fetch('/api/sessions/broken');
    await shop.span('http.GET /api/sessions/:type');
    const lines = await shop.scrape();

    const tool = { tool_name: 'my-tool' };
    expect(sample(lines, 'tool_execution_total', tool)).toBe(2);
    expect(sample(lines, 'tool_errors_total', tool)).toBe(1);
    expect(sample(lines, 'tool_execution_duration_seconds_count', tool)).toBe(2);
    expect(sample(lines, 'tool_execution_duration_seconds_bucket', { ...tool, le: '0.0003' })).toBeDefined();
    expect(sample(lines, 'tool_errors_by_type_total', { error_type: 'ValidationError' })).toBe(1);
    const stages = { pipeline_type: 'container-build' };
    expect(sample(lines, 'pipeline_stage_execution_total', { ...stages, pipeline_stage: 'analyze' })).toBe(1);
    expect(sample(lines, 'pipeline_stage_errors_total', { ...stages, pipeline_stage: 'analyze' })).toBe(0);
    expect(sample(lines, 'pipeline_stage_errors_total', { ...stages, pipeline_stage: 'push' })).toBe(1);
    expect(sample(lines, 'session_total', { session_type: 'docker' })).toBe(1);
    expect(sample(lines, 'session_active', { session_type: 'docker' })).toBe(1);
    expect(sample(lines, 'session_errors_total')).toBe(1);
    expect(sample(lines, 'custom_operation_duration_count', { operation_type: 'session' })).toBe(2);
    expect(sample(lines, 'custom_operation_duration_bucket', { operation_type: 'session', le: '0.1' })).toBe(2);
    const posts = { http_method: 'POST', http_route: '/api/tools/:tool' };
    expect(sample(lines, 'http_requests_total', { ...posts, http_status_code: '200', status_code: '200' })).toBe(1);
    expect(sample(lines, 'http_requests_total', { ...posts, http_status_code: '500', status_code: '500' })).toBe(1);
    expect(sample(lines, 'http_request_duration_seconds_count', { ...posts, http_status_code: '200' })).toBe(1);
    expect(sample(lines, 'system_memory_usage_bytes')).toBeGreaterThan(0);
    expect(sample(lines, 'target_info', { service_name: 'shop' })).toBe(1);
    const exemplar = (await shop.scrape('application/openmetrics-text')).find(
      (line) => line.startsWith('tool_execution_duration_seconds_bucket') && line.includes(' # {'),
    );
    expect(shop.spans.some((span) => exemplar?.includes(`span_id="${span.spanContext().spanId}"`))).toBe(true);
  });

  test('a 5xx that nobody threw is an error, a 4xx that was thrown is none', async () => {
    expect((await shop.fetch('/api/busy')).status).toBe(503);
    const busy = await shop.span('http.GET /api/busy');
    expect(busy.status.code).toBe(SpanStatusCode.ERROR);
    expect(busy.attributes).toMatchObject({ 'http.status_code': 503, 'error.type': '503' });
    expect((await shop.fetch('/api/teapot')).status).toBe(400);
    const refused = await shop.span('http.GET /api/teapot');
    expect(refused.status.code).toBe(SpanStatusCode.UNSET);
    expect(refused.attributes).not.toHaveProperty('error.type');
  });

  test('a path that no route fits is one span and one series', async () => {
    expect((await shop.fetch('/admin.php')).status).toBe(404);
    expect((await shop.fetch('/.env?token=secret')).status).toBe(404);
    const { attributes, status } = await shop.span('http.GET unmatched');
    expect(attributes).not.toHaveProperty('http.route');
    expect(status.code).toBe(SpanStatusCode.UNSET);
    const unmatched = { http_route: 'unmatched', http_status_code: '404' };
    expect(sample(await shop.scrape(), 'http_requests_total', unmatched)).toBe(2);
    expect(JSON.stringify(shop.spans.map((span) => span.attributes))).not.toContain('secret');
  });
});
