import { ROOT_CONTEXT, TraceFlags, trace } from '@opentelemetry/api';
import { SamplingDecision } from '@opentelemetry/sdk-trace-base';
import type { SamplerName, SamplingConfig } from '../../../src/config/telemetry-config';
import { createPropagator } from '../../../src/telemetry/propagation';
import { isLeftOut } from '../../../src/telemetry/sampling/left-out';
import {
  createSampler,
  needsTail,
  sampledParentIsFinal,
  unsampledParentIsFinal,
} from '../../../src/telemetry/sampling/sampler';
import { ALL, calledBy, NONE, NOT_TAKEN, outcomeOf, Service, TAKEN, traceIds } from './services';

const { SAMPLED, NONE: UNSAMPLED } = TraceFlags;

describe('the standard samplers', () => {
  const cases: [SamplerName, { root: string; ofSampled: string; ofUnsampled: string }][] = [
    ['always_on', { root: 'sampled', ofSampled: 'sampled', ofUnsampled: 'sampled' }],
    ['always_off', { root: 'left out', ofSampled: 'left out', ofUnsampled: 'left out' }],
    ['traceidratio', { root: 'left out', ofSampled: 'left out', ofUnsampled: 'left out' }],
    ['parentbased_always_on', { root: 'sampled', ofSampled: 'sampled', ofUnsampled: 'left out' }],
    ['parentbased_always_off', { root: 'left out', ofSampled: 'sampled', ofUnsampled: 'left out' }],
    ['parentbased_traceidratio', { root: 'left out', ofSampled: 'sampled', ofUnsampled: 'left out' }],
  ];

  test.each(cases)('%s decides about a first span, and about requests of others', (sampler, expected) => {
    const service = new Service({ ...ALL, sampler, ratio: 0 });
    expect({
      root: service.outcome('request'),
      ofSampled: service.outcome('request', calledBy(TAKEN, SAMPLED)),
      ofUnsampled: service.outcome('request', calledBy(TAKEN, UNSAMPLED)),
    }).toEqual(expected);
  });

  test.each(cases)('%s makes children go with their parent', (sampler) => {
    const service = new Service({ ...ALL, sampler, ratio: 0.5 });
    const roots = Array.from({ length: 20 }, () => service.start('request'));
    expect(roots.map((root) => service.outcome('work', root))).toEqual(roots.map(outcomeOf));
  });

  test('a sampler says what it is', () => {
    expect(String(createSampler({ ...ALL, sampler: 'traceidratio', ratio: 0.25 }))).toBe('TraceIdRatioBased{0.25}');
    expect(String(createSampler({ ...NONE, rules: [{ span: 'a*', ratio: 1 }] }))).toContain('a*=1');
  });
});

describe('between services', () => {
  test('a request that its caller sampled stays sampled where the own rate is 0', () => {
    const upstream = new Service(ALL);
    const downstream = new Service({ ...ALL, sampler: 'parentbased_traceidratio', ratio: 0 });
    const propagator = createPropagator(['tracecontext']);
    const headers: Record<string, string> = {};
    const call = upstream.start('call');
    propagator.inject(trace.setSpan(ROOT_CONTEXT, call), headers, { set: (into, key, value) => (into[key] = value) });
    const context = propagator.extract(ROOT_CONTEXT, headers, { get: (from, key) => from[key], keys: Object.keys });

    const request = downstream.start('request', context);
    const work = downstream.start('work', request);

    expect([outcomeOf(request), outcomeOf(work)]).toEqual(['sampled', 'sampled']);
    expect(work.spanContext().traceId).toBe(call.spanContext().traceId);
    expect(downstream.outcome('own')).toBe('left out');
  });

  test('services of the same ratio take the same traces, by sampler or by rule, and those of a lower one take some of them', () => {
    const taken = (config: SamplingConfig) => {
      const sampler = createSampler(config);
      return traceIds(4000).filter((traceId) => {
        const { decision } = sampler.shouldSample(ROOT_CONTEXT, traceId, 'request', 0, {}, []);
        return decision === SamplingDecision.RECORD_AND_SAMPLED;
      });
    };
    const half = taken({ ...ALL, sampler: 'traceidratio', ratio: 0.5 });
    const fifth = taken({ ...ALL, sampler: 'parentbased_traceidratio', ratio: 0.2 });

    expect(taken({ ...NONE, rules: [{ span: '*', ratio: 0.5 }] })).toEqual(half);
    expect(fifth.every((traceId) => half.includes(traceId))).toBe(true);
    expect(half.length / 4000).toBeCloseTo(0.5, 1);
    expect(fifth.length / 4000).toBeCloseTo(0.2, 1);
  });

  test('a caller that left the decision to us, as B3 allows, is asked for by our own sampler', () => {
    const headers = { b3: `${TAKEN}-b7ad6b7169203331` };
    const context = createPropagator(['b3']).extract(ROOT_CONTEXT, headers, {
      get: (from, key) => from[key as 'b3'],
      keys: Object.keys,
    });
    expect(new Service(ALL).outcome('request', context)).toBe('sampled');
    expect(new Service(NONE).outcome('request', context)).toBe('left out');
    expect(new Service({ ...NONE, rules: [{ span: 'request', ratio: 1 }] }).outcome('request', context)).toBe(
      'sampled',
    );
  });
});

describe('rules', () => {
  const rules = (...entries: [span: string, ratio: number][]) => entries.map(([span, ratio]) => ({ span, ratio }));

  test('the first rule that fits a name counts', () => {
    const service = new Service({ ...ALL, rules: rules(['http.GET /health*', 0], ['http.*', 1], ['*', 0]) });
    expect(service.outcome('http.GET /healthz')).toBe('left out');
    expect(service.outcome('http.GET /orders')).toBe('sampled');
    expect(service.outcome('cron.tidy')).toBe('left out');
  });

  test('without a rule that fits, the sampler decides', () => {
    const config = { ...ALL, sampler: 'parentbased_traceidratio', ratio: 0.5, rules: rules(['other', 1]) } as const;
    expect(new Service(config, { traces: [TAKEN] }).outcome('request')).toBe('sampled');
    expect(new Service(config, { traces: [NOT_TAKEN] }).outcome('request')).toBe('left out');
  });

  test('a rule may take more traces than the sampler, and the whole trace comes along', () => {
    for (const sampler of ['parentbased_always_off', 'traceidratio', 'always_off'] as const) {
      const service = new Service({ ...ALL, sampler, ratio: 0, rules: rules(['order', 1]) });
      const order = service.start('order');
      expect([outcomeOf(order), service.outcome('payment', order)]).toEqual(['sampled', 'sampled']);
    }
  });

  test('ratio 0 leaves out a span and what is below it, also in the middle of a trace, and also for a caller that sampled', () => {
    for (const sampler of ['parentbased_always_on', 'always_on'] as const) {
      const service = new Service({ ...ALL, sampler, rules: rules(['cache.*', 0]) });
      const request = service.start('request', calledBy(TAKEN, SAMPLED));
      const cache = service.start('cache.get', request);
      const socket = service.start('socket.write', cache);
      expect([request, cache, socket].map(outcomeOf)).toEqual(['sampled', 'left out', 'left out']);
      expect(service.outcome('cache.get', calledBy(TAKEN, SAMPLED))).toBe('left out');
    }
  });

  test('a rule brings nothing back below a span that is left out', () => {
    const service = new Service({ ...ALL, sampler: 'parentbased_traceidratio', ratio: 0, rules: rules(['order', 1]) });
    expect(service.outcome('order', service.start('request'))).toBe('left out');
    expect(service.outcome('order', calledBy(TAKEN, UNSAMPLED))).toBe('left out');
  });

  test('samplers that do not look at callers do not do so for rules', () => {
    const service = new Service({ ...ALL, sampler: 'traceidratio', ratio: 0, rules: rules(['order', 1]) });
    expect(service.outcome('order', calledBy(TAKEN, UNSAMPLED))).toBe('sampled');
  });

  test('below a sampled span, a ratio thins by trace', () => {
    const service = new Service({ ...ALL, rules: rules(['cache.get', 0.5]) }, { traces: [TAKEN, NOT_TAKEN] });
    const [first, second] = [service.start('request'), service.start('request')];
    expect([service.outcome('cache.get', first), service.outcome('cache.get', second)]).toEqual([
      'sampled',
      'left out',
    ]);
    expect(service.outcome('work', second)).toBe('sampled');
  });

  test('a star stands for any run of characters, and nothing else in a pattern is special', () => {
    const service = new Service({ ...ALL, rules: rules(['a.b*c', 0]) });
    const names = ['a.bc', 'a.b and c', 'axbc', 'a.bcd', 'a.b'];
    expect(names.filter((name) => service.outcome(name) === 'left out')).toEqual(['a.bc', 'a.b and c']);
  });

  test('nothing is said on the span', () => {
    const result = createSampler({ ...ALL, rules: rules(['*', 1]) }).shouldSample(ROOT_CONTEXT, TAKEN, 'a', 0, {}, []);
    expect(result).toEqual({ decision: SamplingDecision.RECORD_AND_SAMPLED });
  });
});

describe('what may be kept later', () => {
  const keeping: SamplingConfig = { ...NONE, keepErrors: true };

  test('what the sampler leaves out is recorded, and so is what is below it', () => {
    for (const config of [
      keeping,
      { ...NONE, keepSlowerThanMs: 100 },
      { ...keeping, sampler: 'traceidratio', ratio: 0 } as const,
    ]) {
      const service = new Service(config);
      const request = service.start('request');
      const work = service.start('work', request);
      expect([request, work, service.start('inner', work)].map(outcomeOf)).toEqual([
        'recorded',
        'recorded',
        'recorded',
      ]);
    }
  });

  test('so are requests that their callers did not sample', () => {
    expect(new Service(keeping).outcome('request', calledBy(TAKEN, UNSAMPLED))).toBe('recorded');
  });

  test('what is started below a span that has ended is still recorded', () => {
    const service = new Service(keeping);
    const request = service.start('request');
    request.end();
    expect(service.outcome('afterwards', request)).toBe('recorded');
  });

  test('callers are told that the trace is not sampled', () => {
    expect(new Service(keeping).start('request').spanContext().traceFlags).toBe(UNSAMPLED);
  });

  test('what a rule refuses for good is not recorded, nor what a rule takes out of a trace', () => {
    const service = new Service(
      {
        ...keeping,
        rules: [
          { span: 'health', ratio: 0 },
          { span: 'cache', ratio: 0.5 },
        ],
      },
      { traces: [NOT_TAKEN] },
    );
    const request = service.start('request');
    expect(service.outcome('cache', request)).toBe('left out');
    expect(service.outcome('work', service.start('cache', request))).toBe('left out');
    const health = service.start('health');
    expect([health, service.start('work', health)].map(outcomeOf)).toEqual(['left out', 'left out']);
  });

  test('a rule that leaves out a first span leaves it for the tail', () => {
    const service = new Service(
      { ...keeping, sampler: 'parentbased_always_on', rules: [{ span: 'poll', ratio: 0.1 }] },
      { traces: [NOT_TAKEN] },
    );
    expect(service.outcome('poll')).toBe('recorded');
  });

  test('a rule does not sample below what is only recorded', () => {
    const service = new Service({ ...keeping, rules: [{ span: 'order', ratio: 1 }] });
    expect(service.outcome('order', service.start('request'))).toBe('recorded');
  });
});

describe('what need not be asked', () => {
  const samplers = [
    'always_on',
    'always_off',
    'traceidratio',
    'parentbased_always_on',
    'parentbased_always_off',
    'parentbased_traceidratio',
  ] as const;
  const configs: SamplingConfig[] = samplers.flatMap((sampler) =>
    [[], [{ span: 'never', ratio: 0 }], [{ span: '*', ratio: 1 }]].flatMap((rules) =>
      [undefined, 100].map((keepSlowerThanMs) => ({ sampler, ratio: 0.5, rules, keepErrors: false, keepSlowerThanMs })),
    ),
  );
  /** Made by hand: whatever a sampler would have said of it. */
  const parent = (traceId: string, traceFlags: TraceFlags) =>
    trace.wrapSpanContext({ traceId, spanId: 'b7ad6b7169203331', traceFlags });
  const names = ['work', 'never'];

  test('a parent that is left out is final where it is said to be, and only there', () => {
    for (const config of configs) {
      const service = new Service(config);
      const outcomes = [TAKEN, NOT_TAKEN].flatMap((id) =>
        names.map((name) => service.outcome(name, parent(id, UNSAMPLED))),
      );
      expect({ config, final: outcomes.every((outcome) => outcome === 'left out') }).toEqual({
        config,
        final: unsampledParentIsFinal(config),
      });
    }
  });

  test('a sampled parent is final where it is said to be', () => {
    const final = configs.filter(sampledParentIsFinal);
    for (const config of final) {
      const service = new Service(config, { traces: traceIds(20) });
      const roots = Array.from({ length: 20 }, () => service.start('request'));
      const sampled = roots.filter((root) => outcomeOf(root) === 'sampled');
      expect(sampled.map((root) => service.outcome('never', root))).toEqual(sampled.map(() => 'sampled'));
    }
    expect(final.length).toBe(configs.length - configs.filter(({ rules }) => rules[0]?.ratio === 0).length);
  });

  test('left out is who neither records nor has recorded, and is of this process', () => {
    const service = new Service({ ...NONE, keepErrors: true, rules: [{ span: 'never', ratio: 0 }] });
    const ended = service.start('request');
    ended.end();
    expect(isLeftOut(ended)).toBe(false);
    expect(isLeftOut(service.start('request'))).toBe(false);
    expect(isLeftOut(service.start('never'))).toBe(true);
    expect(isLeftOut(parent(TAKEN, SAMPLED))).toBe(false);
    expect(isLeftOut(trace.getSpan(calledBy(TAKEN, UNSAMPLED))!)).toBe(false);
    const sampled = new Service(ALL).start('request');
    sampled.end();
    expect(isLeftOut(sampled)).toBe(false);
  });

  test('a tail is needed only where something is to be kept', () => {
    expect([ALL, { ...ALL, keepErrors: true }, { ...ALL, keepSlowerThanMs: 0 }].map(needsTail)).toEqual([
      false,
      true,
      true,
    ]);
  });
});
