import { context, type Link, SpanKind, TraceFlags, trace } from '@opentelemetry/api';
import { Span, SpanAttribute } from '../../../src/telemetry/span.decorator';
import { claimTracing } from '../../../src/telemetry/tracing/active-tracing';
import type { MethodSpanOptions } from '../../../src/telemetry/tracing/trace-method';
import { FOREIGN_SDK, inEachMode, RECORDING, ROOT_UNSAMPLED, shown } from './tracing-modes';

const RECORDING_MODES = [RECORDING, FOREIGN_SDK];
const LINK: Link = {
  context: { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: TraceFlags.SAMPLED },
  attributes: { why: 'retry' },
};
const symbol = Symbol('secret');

describe('names and options', () => {
  class Orders {
    @Span()
    plain(): void {}

    @Span('named')
    named(): void {}

    @Span('named', { kind: SpanKind.PRODUCER, attributes: { a: 1 }, links: [LINK] })
    namedWithOptions(): void {}

    @Span({ kind: SpanKind.CLIENT })
    withOptions(): void {}

    @Span(undefined, { kind: SpanKind.SERVER })
    withOptionsOnly(): void {}

    @Span((id: string, count: number) => ({ attributes: { id, count } }))
    ofArguments(_id: string, _count: number): void {}

    @Span('named', (id: string) => ({ attributes: { id } }))
    namedOfArguments(_id: string): void {}

    @Span()
    static static(): void {}

    @Span()
    [symbol](): void {}

    @Span({ root: true })
    root(): void {}

    @Span()
    around(): void {
      this.root();
    }
  }
  const orders = new Orders();

  inEachMode(
    'a span is named for its class and method, or as it is told',
    ({ telemetry }) => {
      orders.plain();
      orders.named();
      Orders.static();
      orders[symbol]();
      expect(telemetry.spans.map(shown)).toEqual(['Orders.plain', 'named', 'Orders.static', 'Orders.Symbol(secret)']);
    },
    RECORDING_MODES,
  );

  inEachMode(
    'a span has the options that it is given',
    ({ telemetry }) => {
      orders.namedWithOptions();
      orders.withOptions();
      orders.withOptionsOnly();
      orders.ofArguments('A-1', 2);
      orders.namedOfArguments('A-2');
      const seen = telemetry.spans.map(({ name, kind, attributes, links }) => ({ name, kind, attributes, links }));
      const plain = { kind: SpanKind.INTERNAL, attributes: {}, links: [] };
      expect(seen).toEqual([
        { name: 'named', kind: SpanKind.PRODUCER, attributes: { a: 1 }, links: [LINK] },
        { ...plain, name: 'Orders.withOptions', kind: SpanKind.CLIENT },
        { ...plain, name: 'Orders.withOptionsOnly', kind: SpanKind.SERVER },
        { ...plain, name: 'Orders.ofArguments', attributes: { id: 'A-1', count: 2 } },
        { ...plain, name: 'named', attributes: { id: 'A-2' } },
      ]);
    },
    RECORDING_MODES,
  );

  inEachMode(
    'a root span begins a trace',
    ({ telemetry }) => {
      orders.around();
      const [root, around] = telemetry.spans;
      expect(root?.parentSpanContext).toBeUndefined();
      expect(root?.spanContext().traceId).not.toBe(around?.spanContext().traceId);
    },
    RECORDING_MODES,
  );

  test('options that were given to the decorator are not changed by its calls', () => {
    const attributes = Object.freeze({ a: 1 });
    const options: MethodSpanOptions = Object.freeze({ attributes, links: Object.freeze([]) as unknown as Link[] });
    class Frozen {
      @Span(options)
      work(): void {
        trace.getActiveSpan()?.setAttribute('a', 2).addLink(LINK);
      }
    }
    const telemetry = RECORDING.start();
    telemetry.inCaller(() => new Frozen().work());
    telemetry.stop();
    expect(telemetry.spans[0]?.attributes).toEqual({ a: 2 });
    expect(options).toEqual({ attributes: { a: 1 }, links: [] });
  });

  test.each([
    [
      'an accessor',
      Object.getOwnPropertyDescriptor(
        {
          get a() {
            return 1;
          },
        },
        'a',
      ),
    ],
    ['a property', undefined],
    ['a value', { value: 1 }],
  ])('on %s it is refused', (_title, descriptor) => {
    expect(() => Span()({}, 'price', descriptor as never)).toThrow('@Span belongs on a method, and price is not one');
  });
});

describe('functions of the user', () => {
  const hostileError = {
    get message(): string {
      throw new Error('not to be read');
    },
  };
  const bad: [string, () => unknown][] = [
    [
      'throws',
      () => {
        throw new Error('bad options');
      },
    ],
    [
      'throws what cannot be shown',
      () => {
        throw hostileError;
      },
    ],
    [
      'throws undefined',
      () => {
        throw undefined;
      },
    ],
    ['returns nothing', () => undefined],
    ['returns null', () => null],
    ['returns a text', () => 'attributes'],
    ['returns attributes that cannot be read', () => ({ attributes: hostileError })],
    ['returns attributes that are none', () => ({ attributes: 7 })],
    ['returns links that are none', () => ({ links: 7 })],
    ['returns links to nothing', () => ({ links: [undefined] })],
    ['returns an impossible start', () => ({ startTime: new Date(Number.NaN) })],
    [
      'returns options that throw',
      () =>
        new Proxy(
          {},
          {
            get() {
              throw new Error('not to be read');
            },
          },
        ),
    ],
  ];
  for (const [title, options] of bad) {
    inEachMode(`a function for options that ${title} does not stop the method`, async ({ mode, telemetry }) => {
      class Work {
        #kept = 'kept';
        calls = 0;

        @Span('work', options as () => MethodSpanOptions)
        described(@SpanAttribute('value') value: string): string {
          return this.sync(value);
        }

        @Span('work', options as () => MethodSpanOptions)
        sync(value: string): string {
          this.calls += 1;
          return `${value} ${this.#kept}`;
        }

        @Span('work', options as () => MethodSpanOptions)
        async async(value: string): Promise<string> {
          this.calls += 1;
          return `${value} ${this.#kept}`;
        }
      }
      const work = new Work();
      expect(work.sync('is')).toBe('is kept');
      expect(await work.async('is')).toBe('is kept');
      expect(work.described('is')).toBe('is kept');
      expect(work.calls).toBe(3);
      expect(telemetry.spans.map(shown)).toEqual(mode.records ? ['work', 'work', 'work', 'work'] : []);
    });
  }

  inEachMode(
    'a function for options may have nothing to say',
    ({ telemetry }) => {
      class Work {
        @Span('work', (options) => options)
        run(_options: MethodSpanOptions | null | undefined): void {}
      }
      for (const options of [undefined, null, {}]) new Work().run(options);
      expect(telemetry.spans.map((span) => [span.attributes, span.events])).toEqual(new Array(3).fill([{}, []]));
    },
    RECORDING_MODES,
  );

  inEachMode(
    'what a function for options throws is noted on the span',
    ({ telemetry }) => {
      class Work {
        @Span('work', () => {
          throw new Error('bad options');
        })
        run(@SpanAttribute('order.id') _id: string): void {}
      }
      new Work().run('A-1');
      expect(telemetry.spans[0]?.events.map(({ name, attributes }) => [name, attributes])).toEqual([
        ['span.options.failed', { 'exception.message': 'bad options' }],
      ]);
      expect(telemetry.spans[0]?.attributes).toEqual({ 'order.id': 'A-1' });
    },
    RECORDING_MODES,
  );

  test('a function for options is not asked where telemetry is off, or the parent decided', () => {
    let asked = 0;
    class Work {
      @Span(() => {
        asked += 1;
        return {};
      })
      run(depth: number): void {
        if (depth > 0) this.run(depth - 1);
      }
    }
    const work = new Work();
    work.run(3);
    const release = claimTracing(undefined);
    work.run(3);
    release();
    expect(asked).toBe(0);
    const telemetry = ROOT_UNSAMPLED.start();
    telemetry.inCaller(() => work.run(3));
    telemetry.stop();
    // The sampler has to see the attributes of the first.
    expect(asked).toBe(1);
  });

  inEachMode('an `onResult` that throws is recorded, and stops nothing', async ({ mode, telemetry }) => {
    const onResult = () => {
      throw new Error('bad result');
    };
    class Work {
      @Span('work', { onResult })
      sync(): string {
        return 'value';
      }
      @Span('work', { onResult })
      async async(): Promise<string> {
        return 'value';
      }
    }
    expect(new Work().sync()).toBe('value');
    expect(await new Work().async()).toBe('value');
    expect(telemetry.spans.map(shown)).toEqual(
      mode.records ? ['work: error bad result', 'work: error bad result'] : [],
    );
  });

  inEachMode('an `onResult` is told the value, once, and may have nothing to say', async ({ mode, telemetry }) => {
    const told: unknown[] = [];
    class Work {
      @Span({ onResult: (result) => void told.push(result) })
      sync(): string {
        return 'value';
      }
      @Span({ onResult: (result) => ({ attributes: { length: result.length } }) })
      async async(): Promise<string> {
        return 'value';
      }
      @Span({ onResult: (result) => void told.push(result) })
      fail(): void {
        throw new Error('fails');
      }
    }
    const work = new Work();
    work.sync();
    expect(() => work.fail()).toThrow('fails');
    await work.async();
    expect(told).toEqual(mode.records ? ['value'] : []);
    if (mode.records) expect(telemetry.span('Work.async').attributes).toEqual({ length: 5 });
  });

  inEachMode('a processor or sampler that throws does not stop the method', async () => {
    const failing = (at: string) => () => {
      throw new Error(`${at} fails`);
    };
    const span = { ...trace.wrapSpanContext({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 }) };
    const tracers = [
      { startSpan: failing('startSpan') },
      {
        startSpan: () =>
          Object.assign(Object.create(span), {
            isRecording: () => true,
            spanContext: () => ({ traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 }),
            setStatus: failing('setStatus'),
            setAttribute: failing('setAttribute'),
            addEvent: failing('addEvent'),
            end: failing('end'),
          }),
      },
    ];
    class Work {
      @Span()
      sync(): number {
        return 1;
      }
      @Span()
      async async(): Promise<number> {
        return 2;
      }
      @Span()
      fail(): void {
        throw new Error('mine');
      }
      @Span()
      async failLater(): Promise<void> {
        throw new Error('mine, later');
      }
      @Span()
      *generate(): Generator<number> {
        yield 3;
      }
    }
    const work = new Work();
    for (const tracer of tracers) {
      const release = claimTracing({
        tracer: tracer as never,
        active: () => context.active(),
        run: (_context, method, self, args) => Reflect.apply(method, self, args),
        unsampledParentIsFinal: true,
      });
      try {
        expect(work.sync()).toBe(1);
        expect(await work.async()).toBe(2);
        expect(() => work.fail()).toThrow(new Error('mine'));
        await expect(work.failLater()).rejects.toThrow(new Error('mine, later'));
        expect([...work.generate()]).toEqual([3]);
        await new Promise(setImmediate);
      } finally {
        release();
      }
    }
  });
});

describe('@SpanAttribute', () => {
  class Orders {
    @Span('order')
    place(
      @SpanAttribute('order.id') _id: unknown,
      _other: string,
      @SpanAttribute('order.count') _count?: unknown,
    ): void {}

    @Span('order', (id: string) => ({ attributes: { 'order.id': `${id} by function`, more: true } }))
    both(@SpanAttribute('order.id') _id: string): void {}

    @Span('order', { attributes: { fixed: 1 }, kind: SpanKind.CLIENT })
    fixed(@SpanAttribute('order.id') _id: string): void {}

    @Span('order')
    static place(@SpanAttribute('order.id') _id: string): void {}
  }
  const orders = new Orders();
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const values: [string, unknown, unknown][] = [
    ['a text', 'A-1', 'A-1'],
    ['an empty text', '', ''],
    ['a number', 7, 7],
    ['zero', 0, 0],
    ['false', false, false],
    ['a big number', 9_007_199_254_740_993n, '9007199254740993'],
    ['undefined', undefined, undefined],
    ['null', null, undefined],
    ['a list of texts', ['a', 'b'], ['a', 'b']],
    ['an empty list', [], []],
    ['a mixed list', ['a', 1], '["a",1]'],
    ['a list of objects', [{ a: 1 }], '[{"a":1}]'],
    ['an object', { a: 1 }, '{"a":1}'],
    ['a date', new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ['a function', () => 1, 'function'],
    ['a symbol', Symbol('s'), 'symbol'],
    ['a circular object', circular, 'object'],
    ['an object with a big number in it', { a: 1n }, 'object'],
    [
      'an object that throws',
      {
        toJSON() {
          throw new Error('no');
        },
        get [Symbol.toStringTag](): string {
          throw new Error('no');
        },
      },
      'object',
    ],
    [
      'a proxy that throws',
      new Proxy([], {
        get() {
          throw new Error('no');
        },
      }),
      'object',
    ],
  ];
  for (const [title, value, expected] of values) {
    inEachMode(`an argument is ${title}`, ({ mode, telemetry }) => {
      orders.place(value, 'x');
      expect(telemetry.spans.map((span) => span.attributes)).toEqual(
        mode.records ? [expected === undefined ? {} : { 'order.id': expected }] : [],
      );
    });
  }

  inEachMode(
    'several arguments, statics, and options beside them',
    ({ telemetry }) => {
      orders.place('A-1', 'x', 3);
      orders.place(undefined, 'x', 3);
      (orders.place as () => void)();
      orders.both('A-2');
      orders.fixed('A-3');
      Orders.place('A-4');
      expect(telemetry.spans.map((span) => span.attributes)).toEqual([
        { 'order.id': 'A-1', 'order.count': 3 },
        { 'order.count': 3 },
        {},
        { 'order.id': 'A-2 by function', more: true },
        { 'order.id': 'A-3', fixed: 1 },
        { 'order.id': 'A-4' },
      ]);
      expect(telemetry.spans[4]?.kind).toBe(SpanKind.CLIENT);
    },
    RECORDING_MODES,
  );

  test('a list that the method changes is shown as it was given', () => {
    class Work {
      @Span('work')
      consume(@SpanAttribute('items') items: string[]): void {
        items.length = 0;
      }
    }
    const telemetry = RECORDING.start();
    telemetry.inCaller(() => new Work().consume(['a', 'b']));
    telemetry.stop();
    expect(telemetry.spans[0]?.attributes).toEqual({ items: ['a', 'b'] });
  });

  test('on a parameter of a constructor it is refused', () => {
    expect(() => SpanAttribute('a')(class {}, undefined, 0)).toThrow(
      '@SpanAttribute belongs on a parameter of a method, not of the constructor',
    );
  });
});
