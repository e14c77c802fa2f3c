import { type Span as ApiSpan, context, propagation, ROOT_CONTEXT, TraceFlags, trace } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { AlwaysOffSampler, type Sampler } from '@opentelemetry/sdk-trace-base';
import { Span } from '../../../src/telemetry/span.decorator';
import { activeTracing, claimTracing, currentSpan } from '../../../src/telemetry/tracing/active-tracing';
import { CALLER, FOREIGN_SDK, inEachMode, MODES, OFF, RECORDING, startOwn } from './tracing-modes';

const RECORDING_MODES = [RECORDING, FOREIGN_SDK];

class Work {
  @Span('outer')
  async outer<T>(work: () => T): Promise<Awaited<T>> {
    return await work();
  }

  @Span('inner')
  inner(): ApiSpan | undefined {
    return trace.getActiveSpan();
  }

  @Span('root', { root: true })
  root(): ApiSpan | undefined {
    return trace.getActiveSpan();
  }
}
const work = new Work();

inEachMode('what else a context carries is there in the method', ({ mode }) => {
  if (!mode.carriesContext) return;
  const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
  const inContext = propagation.setBaggage(context.active(), baggage);
  let seen: unknown[] = [];
  class Reader {
    @Span('read')
    read(): void {
      seen = [propagation.getActiveBaggage()?.getEntry('tenant')?.value, context.active().getValue(CALLER)];
    }
  }
  context.with(inContext, () => new Reader().read());
  expect(seen).toEqual(['blue', 'here']);
});

inEachMode(
  'the active span is the method’s, for us and for everybody else',
  ({ telemetry }) => {
    const seen = work.inner();
    expect(seen).toBe(telemetry.span('inner'));
    expect(trace.getActiveSpan()).toBeUndefined();
    expect(currentSpan()).toBeUndefined();
  },
  RECORDING_MODES,
);

inEachMode(
  'a span that somebody made by the API is the parent, and the other way round',
  ({ telemetry }) => {
    trace.getTracer('theirs').startActiveSpan('theirs', (theirs) => {
      void work.outer(() =>
        trace.getTracer('theirs').startActiveSpan('below', (below) => {
          below.end();
        }),
      );
      theirs.end();
    });
    const [below, theirs] = ['below', 'theirs'].map((name) => telemetry.span(name));
    expect(telemetry.started).toEqual(['theirs', 'outer', 'below']);
    expect(below?.spanContext().traceId).toBe(theirs?.spanContext().traceId);
    expect(below?.parentSpanContext?.spanId).not.toBe(theirs?.spanContext().spanId);
  },
  RECORDING_MODES,
);

inEachMode(
  'work that goes on behind the end of its parent is still in its trace',
  async ({ telemetry }) => {
    const late = new Promise<ApiSpan | undefined>((resolve) => {
      void work.outer(() => {
        setImmediate(() => setImmediate(() => resolve(work.inner())));
      });
    });
    await late;
    expect(telemetry.spans.map((span) => span.name)).toEqual(['outer', 'inner']);
    const [outer, inner] = telemetry.spans;
    expect(inner?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
    expect(inner?.spanContext().traceId).toBe(outer?.spanContext().traceId);
  },
  RECORDING_MODES,
);

describe('parents that come from elsewhere', () => {
  const remote = (traceFlags: TraceFlags, isRemote = true) =>
    trace.setSpanContext(context.active(), {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      traceFlags,
      isRemote,
    });

  inEachMode(
    'one that is sampled is the parent',
    ({ telemetry }) => {
      context.with(remote(TraceFlags.SAMPLED), () => work.inner());
      context.with(remote(TraceFlags.SAMPLED, false), () => work.inner());
      expect(telemetry.spans.map((span) => span.parentSpanContext?.spanId)).toEqual([
        'b7ad6b7169203331',
        'b7ad6b7169203331',
      ]);
    },
    RECORDING_MODES,
  );

  inEachMode(
    'one that is not sampled decides, but not about roots',
    ({ telemetry }) => {
      for (const isRemote of [true, false])
        context.with(remote(TraceFlags.NONE, isRemote), () => {
          expect(work.inner()?.spanContext().traceId).toBe('0af7651916cd43dd8448eb211c80319c');
          work.root();
        });
      expect(telemetry.spans.map((span) => span.name)).toEqual(['root', 'root']);
    },
    RECORDING_MODES,
  );

  inEachMode(
    'one that stands for no span decides nothing',
    ({ telemetry }) => {
      context.with(
        trace.setSpanContext(context.active(), {
          traceId: '00000000000000000000000000000000',
          spanId: '0000000000000000',
          traceFlags: TraceFlags.NONE,
        }),
        () => work.inner(),
      );
      expect(telemetry.spans.map((span) => [span.name, span.parentSpanContext])).toEqual([['inner', undefined]]);
    },
    RECORDING_MODES,
  );
});

inEachMode('where tracing is suppressed there are no spans, and none below', async ({ telemetry }) => {
  const done = context.with(suppressTracing(context.active()), () =>
    work.outer(async () => {
      work.inner();
      await null;
      work.root();
      trace.getTracer('theirs').startSpan('theirs').end();
      return 'done';
    }),
  );
  expect(await done).toBe('done');
  expect(telemetry.started).toEqual([]);
});

test('a context without span is as good as none', () => {
  const telemetry = RECORDING.start();
  context.with(ROOT_CONTEXT, () => work.inner());
  telemetry.stop();
  expect(telemetry.spans[0]?.parentSpanContext).toBeUndefined();
});

describe('whose tracing it is', () => {
  afterEach(() => {
    expect(activeTracing()).toBeUndefined();
  });

  const tracing = () => {
    const telemetry = RECORDING.start();
    const found = activeTracing();
    telemetry.stop();
    if (!found) throw new Error('no tracing is active');
    return found;
  };

  test('the newest claim counts, and hands back what it found', () => {
    const [first, second] = [tracing(), tracing()];
    const releaseFirst = claimTracing(first);
    const releaseSecond = claimTracing(second);
    expect(activeTracing()).toBe(second);
    releaseSecond();
    expect(activeTracing()).toBe(first);
    const releaseOff = claimTracing(undefined);
    expect(activeTracing()).toBeUndefined();
    releaseOff();
    expect(activeTracing()).toBe(first);
    releaseFirst();
  });

  test('claims may end in another order than they began, and twice', () => {
    const [first, second] = [tracing(), tracing()];
    const releaseFirst = claimTracing(first);
    const releaseSecond = claimTracing(second);
    releaseFirst();
    releaseFirst();
    expect(activeTracing()).toBe(second);
    releaseSecond();
    releaseSecond();
    expect(activeTracing()).toBeUndefined();
  });

  test('an SDK that is registered with the API is used until somebody claims', () => {
    const foreign = FOREIGN_SDK.start();
    expect(activeTracing()).toBeDefined();
    const release = claimTracing(undefined);
    expect(activeTracing()).toBeUndefined();
    release();
    expect(activeTracing()).toBeDefined();
    foreign.stop();
  });

  test('a method that was decorated before anything started is traced afterwards, and not again when all is over', () => {
    work.inner();
    const first = RECORDING.start();
    work.inner();
    first.stop();
    work.inner();
    const second = FOREIGN_SDK.start();
    work.inner();
    second.stop();
    expect([first.spans.length, second.spans.length]).toEqual([1, 1]);
  });

  test('telemetry that stops during a call takes the span of that call', async () => {
    const telemetry = RECORDING.start();
    let finish = () => {};
    const call = telemetry.inCaller(() =>
      work.outer(
        () =>
          new Promise<void>((resolve) => {
            finish = resolve;
          }),
      ),
    );
    telemetry.stop();
    finish();
    await call;
    expect(telemetry.spans.map((span) => span.name)).toEqual(['outer']);
  });

  test('in every mode, all is over when it is stopped', () => {
    for (const mode of [...MODES, OFF]) {
      mode.start().stop();
      expect(activeTracing()).toBeUndefined();
      expect(trace.getTracerProvider().getTracer('x').startSpan('x').isRecording()).toBe(false);
    }
  });
});

test('a sampler that is asked sees the attributes that the arguments make', () => {
  const asked: unknown[] = [];
  class Asking extends AlwaysOffSampler implements Sampler {
    override shouldSample(...all: unknown[]) {
      asked.push([all[2], all[4]]);
      return super.shouldSample();
    }
  }
  const telemetry = startOwn(new Asking());
  class Asked {
    @Span('asked', (id: string) => ({ attributes: { id } }))
    run(_id: string): void {}
  }
  new Asked().run('A-1');
  telemetry.stop();
  expect(asked).toEqual([['asked', { id: 'A-1' }]]);
});
