import 'reflect-metadata';
import { SetMetadata } from '@nestjs/common';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { node } from '@opentelemetry/sdk-node';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { Span } from '../../../src/telemetry/span.decorator';
import { Traced } from '../../../src/telemetry/traced.decorator';

/**
 * What users of nestjs-otel's decorators rely on, where the SDK is theirs and nothing of ours was started. One thing is otherwise on purpose: there, a lazy query ends its
 * span before it is run; here, afterwards.
 */
const exporter = new InMemorySpanExporter();
const provider = new node.NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });

beforeAll(() => provider.register());

afterEach(() => exporter.reset());

afterAll(async () => {
  await provider.shutdown();
  trace.disable();
  context.disable();
  propagation.disable();
});

const ended = () => exporter.getFinishedSpans();
const namesOfEnded = () => ended().map((span) => span.name);
const Note = SetMetadata('note', 'kept');
const byWeight = Symbol('byWeight');

/** A query that says whether it was run. */
function lazy(outcome: () => unknown) {
  const query = {
    ran: 0,
    // biome-ignore lint/suspicious/noThenProperty: that is what it is about
    then(onFulfilled?: (value: unknown) => unknown, onRejected?: (reason: unknown) => unknown): Promise<unknown> {
      query.ran += 1;
      return new Promise((resolve) => resolve(outcome())).then(onFulfilled, onRejected);
    },
  };
  return query;
}

class Shop {
  @Span()
  open(): string {
    return 'open';
  }

  @Span()
  day(): string {
    return this.open();
  }

  @Span('shop.deliver', { kind: SpanKind.PRODUCER })
  deliver(): void {}

  @Span({ kind: SpanKind.CONSUMER })
  receive(): void {}

  @Span('shop.sell', (count, what) => ({ attributes: { count, what } }))
  sell(_count: number, _what: string): void {}

  @Span((count, what) => ({ attributes: { count, what } }))
  buy(_count: number, _what: string): void {}

  @Span()
  [byWeight](): void {}

  @Span()
  burn(): void {
    throw new Error('fire');
  }

  @Span()
  async burnSlowly(): Promise<void> {
    throw new Error('smoke');
  }

  @Span()
  @Note
  noted(): void {}

  @Span({ onResult: (result) => ({ attributes: { result } }) })
  count(): number {
    return 3;
  }

  @Span({ onResult: (result) => ({ attributes: { result } }) })
  async countSlowly(): Promise<number> {
    return 4;
  }

  @Span({
    onResult: () => {
      throw new Error('cannot tell');
    },
  })
  untold(): string {
    return 'told';
  }

  @Span({ onResult: (rows: unknown[]) => ({ attributes: { rows: rows.length } }) })
  find<T>(query: T): T {
    return query;
  }
}
const shop = new Shop();

describe('@Span', () => {
  test('a span has the names of class and method, the inner one ends first', () => {
    expect(shop.day()).toBe('open');
    expect(namesOfEnded()).toEqual(['Shop.open', 'Shop.day']);
  });

  test('a span has the name and the kind it is given', () => {
    shop.deliver();
    shop.receive();
    expect(ended().map(({ name, kind }) => [name, kind])).toEqual([
      ['shop.deliver', SpanKind.PRODUCER],
      ['Shop.receive', SpanKind.CONSUMER],
    ]);
  });

  test('options may be made of the arguments', () => {
    shop.sell(10, 'tea');
    shop.buy(20, 'milk');
    expect(ended().map(({ name, attributes }) => [name, attributes])).toEqual([
      ['shop.sell', { count: 10, what: 'tea' }],
      ['Shop.buy', { count: 20, what: 'milk' }],
    ]);
  });

  test('a method may be named by a symbol', () => {
    shop[byWeight]();
    expect(namesOfEnded()).toEqual(['Shop.Symbol(byWeight)']);
  });

  test.each([
    ['at once', 'fire', async () => shop.burn()],
    ['later', 'smoke', () => shop.burnSlowly()],
  ])(
    'what is thrown %s goes on, is an exception event, and the message of the status',
    async (_when, message, call) => {
      await expect(call()).rejects.toThrow(message);
      const [span] = ended();
      expect(ended()).toHaveLength(1);
      expect(span?.status).toEqual({ code: SpanStatusCode.ERROR, message });
      expect(span?.events).toEqual([
        {
          name: 'exception',
          attributes: expect.objectContaining({ 'exception.message': message, 'exception.type': 'Error' }),
          time: expect.anything(),
          droppedAttributesCount: 0,
        },
      ]);
    },
  );

  test('a method keeps its metadata and its name', () => {
    expect(Reflect.getMetadata('note', shop.noted)).toBe('kept');
    expect(shop.noted.name).toBe('noted');
  });

  test('`onResult` makes attributes of the value, at once or later', async () => {
    expect(shop.count()).toBe(3);
    expect(await shop.countSlowly()).toBe(4);
    expect(ended().map(({ attributes, status }) => [attributes, status.code])).toEqual([
      [{ result: 3 }, SpanStatusCode.UNSET],
      [{ result: 4 }, SpanStatusCode.UNSET],
    ]);
  });

  test('an `onResult` that throws is an error of the span, and not of the call', () => {
    expect(shop.untold()).toBe('told');
    expect(ended()[0]?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'cannot tell' });
    expect(ended()[0]?.events.map((event) => event.name)).toEqual(['exception']);
  });

  test('a lazy query comes back as it is, and is not run', () => {
    const query = lazy(() => []);
    expect(shop.find(query)).toBe(query);
    expect(query.ran).toBe(0);
  });

  test('the span of a lazy query ends when it has run, with the rows for `onResult`', async () => {
    const query = shop.find(lazy(() => [1, 2, 3]));
    expect(ended()).toEqual([]);
    expect(await query).toEqual([1, 2, 3]);
    expect(query.ran).toBe(1);
    expect(ended()[0]?.attributes).toEqual({ rows: 3 });
  });

  test('the rejection of a lazy query is on its span', async () => {
    const query = shop.find(
      lazy(() => {
        throw new Error('no table');
      }),
    );
    await expect(query).rejects.toThrow('no table');
    expect(ended()[0]?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no table' });
  });

  test('it is refused on what is no method', () => {
    expect(() => Span()({}, 'price', { value: 7 } as never)).toThrow('price is not one');
  });
});

describe('@Traced, where they say @Traceable', () => {
  @Traced()
  class Kitchen {
    boil(): void {}

    brew(): void {
      this.boil();
    }

    @Note
    noted(): void {}

    async wait(): Promise<void> {
      await new Promise(setImmediate);
    }
  }

  @Traced({ kind: SpanKind.PRODUCER })
  class Bakery {
    bake(): void {}
  }

  test('every method has a span, also where they call each other', () => {
    new Kitchen().brew();
    expect(namesOfEnded()).toEqual(['Kitchen.boil', 'Kitchen.brew']);
  });

  test('an async method’s span ends when it is done', async () => {
    const waiting = new Kitchen().wait();
    expect(ended()).toEqual([]);
    await waiting;
    expect(namesOfEnded()).toEqual(['Kitchen.wait']);
  });

  test('options are for every method', () => {
    new Bakery().bake();
    expect(ended().map(({ name, kind }) => [name, kind])).toEqual([['Bakery.bake', SpanKind.PRODUCER]]);
  });

  test('methods keep their metadata and names', () => {
    expect(Reflect.getMetadata('note', Kitchen.prototype.noted)).toBe('kept');
    expect(Kitchen.prototype.boil.name).toBe('boil');
  });
});
