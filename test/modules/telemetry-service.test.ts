import 'reflect-metadata';
import { Test, type TestingModule } from '@nestjs/testing';
import { context, propagation, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { lastValueFrom, of, throwError, toArray } from 'rxjs';
import { TelemetryModule } from '../../src/telemetry/telemetry.module';
import type { TelemetryModuleOptions } from '../../src/telemetry/telemetry.options';
import { type HttpOutcome, TelemetryService } from '../../src/telemetry/telemetry.service';
import { TestTelemetry } from '../../src/telemetry/testing/test-telemetry';
import { TestTelemetryModule } from '../../src/telemetry/testing/test-telemetry.module';

let nest: TestingModule;

async function start(options?: TelemetryModuleOptions): Promise<TelemetryService> {
  const imports = [TestTelemetryModule.forRoot(options)];
  nest = await Test.createTestingModule({ imports }).compile();
  return nest.get(TelemetryService);
}

const left = () => nest.get(TestTelemetry);

afterEach(async () => {
  await nest.close();
});

/** Each way to run work in a span, by the span that it leaves. */
const WAYS: Record<string, <T>(telemetry: TelemetryService, work: (span: Span) => T) => T> = {
  'complex.operation': (telemetry, work) => telemetry.instrumentOperation('complex.operation', 'batch', work),
  'tool.analyze': (telemetry, work) => telemetry.instrumentToolExecution('analyze', work),
  'pipeline.build.push': (telemetry, work) => telemetry.instrumentPipelineStage('build', 'push', work),
  'by.hand': (telemetry, work) => telemetry.tracing.within('by.hand', {}, work),
};

const MODES: Record<string, TelemetryModuleOptions> = {
  'with everything on': {},
  'with a sampler that says no': { sampling: { sampler: 'always_off' } },
  'with traces alone': { metricsEnabled: false },
  'with metrics alone': { tracingEnabled: false },
  'with telemetry off': { enabled: false },
};

describe.each(Object.entries(MODES))('%s', (_mode, options) => {
  let telemetry: TelemetryService;

  beforeEach(async () => {
    telemetry = await start(options);
  });

  describe.each(Object.entries(WAYS))('work in %s', (_name, run) => {
    test('gives a value back at once', () => {
      expect(run(telemetry, () => 42)).toBe(42);
      expect(run(telemetry, () => undefined)).toBeUndefined();
    });

    test('gives the very same promise back', async () => {
      const promise = Promise.resolve('later');
      expect(run(telemetry, () => promise)).toBe(promise);
      await expect(promise).resolves.toBe('later');
    });

    test('throws on what it throws, be it nothing at all', () => {
      const error = Object.freeze(new Error('frozen'));
      for (const thrown of [error, 'text', null, undefined]) {
        let caught: unknown = 'nothing';
        try {
          run(telemetry, () => {
            throw thrown;
          });
        } catch (one) {
          caught = one;
        }
        expect(caught).toBe(thrown);
      }
    });

    test('rejects with the very same error', async () => {
      const error = new Error('later');
      await expect(run(telemetry, async () => Promise.reject(error))).rejects.toBe(error);
    });

    test('hands on what an Observable gives', async () => {
      await expect(lastValueFrom(run(telemetry, () => of(1, 2, 3)).pipe(toArray()))).resolves.toEqual([1, 2, 3]);
      const error = new Error('in the stream');
      await expect(lastValueFrom(run(telemetry, () => throwError(() => error)))).rejects.toBe(error);
    });

    test('is given a span that takes anything', () => {
      run(telemetry, (span) => {
        span.setAttribute('a', 1).addEvent('b').updateName('c').recordException(new Error('d'));
      });
    });
  });

  test('an HTTP request gives its outcome back, and throws on what its work throws', async () => {
    const outcome = { statusCode: 201, body: 'made' };
    await expect(telemetry.instrumentHttpRequest('POST', '/api/tools', () => outcome)).resolves.toBe(outcome);
    await expect(telemetry.instrumentHttpRequest('GET', '/api/tools', async () => 204)).resolves.toBe(204);
    const error = new Error('no');
    await expect(telemetry.instrumentHttpRequest('GET', '/', () => Promise.reject(error))).rejects.toBe(error);
    const atOnce = telemetry.instrumentHttpRequest('GET', '/', () => {
      throw error;
    });
    await expect(atOnce).rejects.toBe(error);
  });

  test('an HTTP request whose work tells no status goes through all the same', async () => {
    const silent = telemetry.instrumentHttpRequest('GET', '/', async () => undefined as unknown as HttpOutcome);
    await expect(silent).resolves.toBeUndefined();
    const odd = { statusCode: 'fine' } as unknown as HttpOutcome;
    await expect(telemetry.instrumentHttpRequest('GET', '/', () => odd)).resolves.toBe(odd);
  });

  test('everything else can be called at any time', async () => {
    const { tracing, metrics } = telemetry;
    telemetry.addContextualAttributes({ a: 1 });
    telemetry.recordEvent('nobody is listening');
    const span = tracing.startSpan('by.hand');
    expect(tracing.withSpan(span, () => 'inside')).toBe('inside');
    tracing.recordError(span, new Error('no'));
    tracing.recordError(undefined, new Error('no'));
    span.end();
    expect(tracing.inject({ a: 'b' })).toMatchObject({ a: 'b' });
    expect(tracing.extract({})).toBeDefined();
    metrics.recordSessionCreation('docker');
    metrics.createCounter('calls_total').add(1, { a: 'b' });
    metrics.createGauge('level').record(1);
    expect(telemetry.traceId).toBe('');
    expect(telemetry.spanId).toBe('');
    await telemetry.flush();
    expect(telemetry.status().service.name).toBe('test');
  });
});

test('says which of tracing and metrics is on', async () => {
  const telemetry = await start({ metricsEnabled: false });
  expect([telemetry.isTracingEnabled, telemetry.isMetricsEnabled]).toEqual([true, false]);
  await nest.close();
  const other = await start({ tracingEnabled: false });
  expect([other.isTracingEnabled, other.isMetricsEnabled]).toEqual([false, true]);
  await nest.close();
  const none = await start({ enabled: false });
  expect([none.isTracingEnabled, none.isMetricsEnabled]).toEqual([false, false]);
});

describe('spans', () => {
  let telemetry: TelemetryService;

  beforeEach(async () => {
    telemetry = await start();
  });

  test('are known by their ids while they are active', async () => {
    expect([telemetry.traceId, telemetry.spanId]).toEqual(['', '']);
    await telemetry.tracing.within('outer', {}, async (span) => {
      await Promise.resolve();
      expect(telemetry.traceId).toBe(span.spanContext().traceId);
      expect(telemetry.spanId).toBe(span.spanContext().spanId);
      expect(telemetry.tracing.activeSpan).toBe(span);
    });
    expect(telemetry.tracing.activeSpan).toBeUndefined();
  });

  test('of work that nests are each below the one around it', async () => {
    await telemetry.instrumentOperation('outer', 'test', async () => {
      await telemetry.instrumentToolExecution('inner', async () => {
        telemetry.tracing.startSpan('innermost').end();
      });
      telemetry.tracing.startSpan('beside').end();
    });
    left().expectSpan('innermost').toBeChildOf('tool.inner');
    left().expectSpan('tool.inner').toBeChildOf('outer');
    left().expectSpan('beside').toBeChildOf('outer');
    left().expectSpan('outer').toBeRoot();
  });

  test('of work side by side do not mix', async () => {
    const spansOf = ['a', 'b', 'c'].map((name) =>
      telemetry.instrumentToolExecution(name, async () => {
        await new Promise((resolve) => setImmediate(resolve));
        telemetry.addContextualAttributes({ mine: name });
        await Promise.resolve();
        telemetry.recordEvent(`event.${name}`);
      }),
    );
    await Promise.all(spansOf);
    for (const name of ['a', 'b', 'c']) {
      const { span } = left().expectSpan(`tool.${name}`).toHaveAttributes({ mine: name });
      expect(span.events.map((event) => event.name)).toEqual([`event.${name}`]);
    }
  });

  test('of a started span stay open until it is ended, whatever runs in it', async () => {
    const span = telemetry.tracing.startSpan('session.create', { kind: SpanKind.CLIENT, attributes: { a: 1 } });
    await telemetry.tracing.withSpan(span, async () => telemetry.addContextualAttributes({ b: 2 }));
    expect(left().spans).toHaveLength(0);
    span.end();
    left().expectSpan('session.create').toHaveKind('CLIENT').toHaveAttributes({ a: 1, b: 2 });
  });

  test('have an error once, by hand or by passing through, and each error of several', async () => {
    const first = new Error('first');
    const second = new TypeError('second');
    const run = telemetry.instrumentToolExecution('twice', async (span) => {
      telemetry.tracing.recordError(span, first);
      telemetry.tracing.recordError(span, second);
      telemetry.tracing.recordError(span, second);
      throw second;
    });
    await expect(run).rejects.toBe(second);
    const { span } = left()
      .expectSpan('tool.twice')
      .toHaveFailed('second')
      .toHaveAttributes({ 'error.type': 'TypeError' });
    expect(span.events.map(({ attributes }) => attributes?.['exception.message'])).toEqual(['first', 'second']);
  });

  test('of an error that passes through two have it once each', async () => {
    const error = new Error('deep');
    const run = telemetry.instrumentOperation('outer', 'test', () =>
      telemetry.instrumentToolExecution('inner', async () => Promise.reject(error)),
    );
    await expect(run).rejects.toBe(error);
    for (const name of ['outer', 'tool.inner']) {
      expect(
        left()
          .span(name)
          .events.filter((event) => event.name === 'exception'),
      ).toHaveLength(1);
    }
  });

  test('take attributes with the work, and these win', () => {
    telemetry.instrumentToolExecution('analyze', () => {}, { 'tool.version': '2', 'operation.type': 'other' });
    left().expectSpan('tool.analyze').toHaveAttributes({ 'tool.version': '2', 'operation.type': 'other' });
  });
});

describe('metrics of operations', () => {
  test('are counted by the type: a tool by its name, a pipeline by its own, others not at all', async () => {
    const telemetry = await start();
    telemetry.instrumentOperation('tool.build', 'tool_execution', () => {});
    telemetry.instrumentOperation('unprefixed', 'tool_execution', () => {});
    telemetry.instrumentOperation('pipeline.image.push', 'pipeline_execution', () => {});
    telemetry.instrumentOperation('tool.other', 'something', () => {});
    expect(left().metric('tool_execution_total', { 'tool.name': 'build' })).toBe(1);
    expect(left().metric('tool_execution_total', { 'tool.name': 'unprefixed' })).toBe(1);
    expect(left().metric('tool_execution_total')).toBe(2);
    expect(left().metric('pipeline_execution_duration_seconds', { 'pipeline.type': 'image' })).toBe(1);
  });

  test.each([
    ['an error', new RangeError('no'), 'RangeError'],
    ['undefined', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a text', 'some text with the customer 4711 in it', 'string'],
  ])('count work that throws %s as failed, under a type that is one of few', async (_what, thrown, type) => {
    const telemetry = await start();
    const run = telemetry.instrumentToolExecution('analyze', async () => {
      throw thrown;
    });
    await expect(run).rejects.toBe(thrown);
    expect(left().metric('tool_errors_total', { 'tool.name': 'analyze' })).toBe(1);
    expect(left().metric('tool_errors_by_type_total', { 'error.type': type })).toBe(1);
    left().expectSpan('tool.analyze').toHaveFailed().toHaveAttributes({ 'error.type': type });
  });

  test('are counted when the work is done, not when it begins', async () => {
    const telemetry = await start();
    let finish = () => {};
    const run = telemetry.instrumentToolExecution('slow', () => new Promise<void>((resolve) => (finish = resolve)));
    expect(left().metric('tool_execution_total', { 'tool.name': 'slow' })).toBeUndefined();
    finish();
    await run;
    expect(left().metric('tool_execution_total', { 'tool.name': 'slow' })).toBe(1);
  });

  test('are there without tracing, and for what the sampler leaves out', async () => {
    for (const options of [{ tracingEnabled: false }, { sampling: { sampler: 'always_off' } }] as const) {
      const telemetry = await start(options);
      await telemetry.instrumentToolExecution('analyze', async () => {});
      await expect(telemetry.instrumentPipelineStage('a', 'b', async () => Promise.reject('no'))).rejects.toBe('no');
      await telemetry.instrumentHttpRequest('GET', '/x', () => 200);
      expect(left().metric('tool_execution_total', { 'tool.name': 'analyze' })).toBe(1);
      expect(left().metric('pipeline_stage_errors_total', { 'pipeline.stage': 'b' })).toBe(1);
      expect(left().metric('http_requests_total', { 'http.route': '/x' })).toBe(1);
      if (options !== undefined && 'sampling' in options) expect(left().spans).toHaveLength(0);
      await nest.close();
    }
    await start();
  });
});

describe('an HTTP request by hand', () => {
  let telemetry: TelemetryService;

  beforeEach(async () => {
    telemetry = await start();
  });

  test('is a server span by its template, with the names of both worlds', async () => {
    await telemetry.instrumentHttpRequest('GET', '/api/tools/:tool', () => ({ statusCode: 200 }), { 'user.id': 'u1' });
    left().expectSpan('http.GET /api/tools/:tool').toHaveKind('SERVER').toHaveSucceeded().toHaveAttributes({
      'http.method': 'GET',
      'http.request.method': 'GET',
      'http.route': '/api/tools/:tool',
      'http.status_code': 200,
      'http.response.status_code': 200,
      'user.id': 'u1',
      'error.type': undefined,
    });
    const labels = { 'http.method': 'GET', 'http.route': '/api/tools/:tool', 'http.status_code': 200 };
    expect(left().metric('http_requests_total', labels)).toBe(1);
    expect(left().metric('http_request_duration_seconds', labels)).toBe(1);
  });

  test('of 4xx is no error, of 5xx is one although nothing was thrown', async () => {
    await telemetry.instrumentHttpRequest('GET', '/four', () => 404);
    await telemetry.instrumentHttpRequest('GET', '/five', () => 503);
    left().expectSpan('http.GET /four').toHaveSucceeded().toHaveAttributes({ 'error.type': undefined });
    const { span } = left().expectSpan('http.GET /five').toHaveFailed().toHaveAttributes({ 'error.type': '503' });
    expect(span.events).toEqual([]);
  });

  test('that throws is a 500, and its error is recorded once', async () => {
    const error = new TypeError('boom');
    const run = telemetry.instrumentHttpRequest('GET', '/x', async (span) => {
      telemetry.tracing.recordError(span, error);
      throw error;
    });
    await expect(run).rejects.toBe(error);
    const { span } = left()
      .expectSpan('http.GET /x')
      .toHaveFailed('boom')
      .toHaveAttributes({ 'http.status_code': 500, 'error.type': 'TypeError' });
    expect(span.events).toHaveLength(1);
    expect(left().metric('http_requests_total', { 'http.status_code': 500 })).toBe(1);
  });

  test('without a route is unmatched, in the span as in the metrics', async () => {
    await telemetry.instrumentHttpRequest('GET', '', () => 404);
    left().expectSpan('http.GET unmatched').toHaveAttributes({ 'http.route': undefined });
    expect(left().metric('http_requests_total', { 'http.route': 'unmatched' })).toBe(1);
  });

  test('with a method that the caller made up does not make a name of it', async () => {
    await telemetry.instrumentHttpRequest('EVIL-1', '/x', () => 405);
    expect(left().spanNames).toEqual(['http._OTHER /x']);
    left().expectSpan('http._OTHER /x').toHaveAttributes({ 'http.request.method': '_OTHER' });
    expect(left().metric('http_requests_total', { 'http.method': '_OTHER' })).toBe(1);
  });
});

describe('trace context', () => {
  const remote = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  test('goes into headers and comes out of them, whatever case they are in', async () => {
    const { tracing } = await start();
    const carrier = tracing.within('client', {}, () => tracing.inject({ accept: '*/*' }));
    const { traceId, spanId } = left().span('client').spanContext();
    expect(carrier).toEqual({ accept: '*/*', traceparent: `00-${traceId}-${spanId}-01` });
    for (const name of ['traceparent', 'Traceparent', 'TRACEPARENT']) {
      const extracted = tracing.extract({ [name]: remote });
      expect(trace.getSpanContext(extracted)).toMatchObject({ spanId: 'b7ad6b7169203331', isRemote: true });
    }
    tracing.startSpan('server', { kind: SpanKind.SERVER }, tracing.extract({ traceparent: remote })).end();
    expect(left().span('server').parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    expect(left().span('server').spanContext().traceId).toBe('0af7651916cd43dd8448eb211c80319c');
  });

  test('takes baggage along, without the secrets in it', async () => {
    const { tracing } = await start();
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' }, authorization: { value: 'Bearer abcdef' } });
    const carrier = tracing.inject({}, propagation.setBaggage(ROOT_CONTEXT, baggage)) as Record<string, string>;
    expect(carrier.baggage).toContain('tenant=acme');
    expect(JSON.stringify(carrier)).not.toContain('abcdef');
  });

  test('that nobody upstream wants recorded stays so', async () => {
    const { tracing } = await start();
    const extracted = tracing.extract({ traceparent: remote.replace(/01$/, '00') });
    context.with(extracted, () => tracing.within('server', {}, () => {}));
    expect(left().spans).toHaveLength(0);
  });

  test('of a process that records nothing of its own says so to the next', async () => {
    const { tracing } = await start({ sampling: { sampler: 'always_off' } });
    const { traceparent } = tracing.inject({}) as { traceparent?: string };
    expect(traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });

  test('is not handed on where telemetry is off', async () => {
    const { tracing } = await start({ enabled: false });
    expect(tracing.inject({ a: 'b' })).toEqual({ a: 'b' });
  });
});

describe('its end', () => {
  test('comes once, however often and by whomever it is asked for', async () => {
    const telemetry = await start();
    telemetry.tracing.startSpan('before').end();
    const ends = [telemetry.shutdown(), telemetry.shutdown(5), nest.close()];
    await Promise.all(ends);
    await telemetry.shutdown();
    expect(left().spanNames).toEqual(['before']);
  });

  test('may come before the application has started', async () => {
    const imports = [TelemetryModule.forRoot({ exporters: { traces: ['memory'], metrics: [], logs: [] }, env: {} })];
    nest = await Test.createTestingModule({ imports }).compile();
    await nest.get(TelemetryService).shutdown();
    await nest.init();
  });

  test('leaves everything callable: work goes on, and what is lost is counted', async () => {
    const telemetry = await start();
    await telemetry.shutdown();
    await expect(telemetry.instrumentToolExecution('late', async () => 'done')).resolves.toBe('done');
    const span = telemetry.tracing.startSpan('late');
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
    await telemetry.flush();
    expect(telemetry.status().tracing.exporters[0]?.dropped.shutdown).toBe(2);
  });
});
