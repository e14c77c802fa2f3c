import 'reflect-metadata';
import { SetMetadata } from '@nestjs/common';
import { SpanKind } from '@opentelemetry/api';
import { Span, SpanAttribute } from '../../../src/telemetry/span.decorator';
import { Traced, Untraced } from '../../../src/telemetry/traced.decorator';
import { traceClass } from '../../../src/telemetry/tracing/traced-methods';
import { inEachMode, RECORDING, shown, whereabouts } from './tracing-modes';

/** Names of the spans that some work leaves. */
function spansOf(work: () => unknown): string[] {
  const telemetry = RECORDING.start();
  try {
    telemetry.inCaller(work);
  } finally {
    telemetry.stop();
  }
  return telemetry.spans.map(shown);
}

const symbol = Symbol('method');
/** A decorator that puts another function in a method's place, and knows nothing of us. */
function Doubling(): MethodDecorator {
  return ((_target: object, _key: PropertyKey, descriptor: TypedPropertyDescriptor<(...all: unknown[]) => number>) => {
    const original = descriptor.value as (...all: unknown[]) => number;
    return {
      ...descriptor,
      value(this: unknown, ...all: unknown[]) {
        return 2 * original.apply(this, all);
      },
    };
  }) as MethodDecorator;
}

describe('own methods', () => {
  @Traced()
  class Orders {
    #total = 1;
    readonly inProperty = () => 1;

    constructor(readonly name = 'orders') {}

    place(count: number): number {
      return this.#private(count);
    }

    #private(count: number): number {
      this.#total += count;
      return this.#total;
    }

    async later(): Promise<string> {
      await null;
      return whereabouts();
    }

    fail(): void {
      throw new Error('sold out');
    }

    get total(): number {
      return this.#total;
    }

    set total(value: number) {
      this.#total = value;
    }

    [symbol](): number {
      return 1;
    }

    static open(): string {
      return 'open';
    }

    static shut(): string {
      return 'shut';
    }

    toString(): string {
      return 'Orders';
    }

    toJSON(): object {
      return {};
    }

    *[Symbol.iterator](): Generator<number> {
      yield 1;
    }
  }

  inEachMode('each has a span, also those by symbols and on the class', async ({ endedAre }) => {
    const orders = new Orders();
    expect(orders.place(2)).toBe(3);
    expect(() => orders.fail()).toThrow('sold out');
    expect(orders[symbol]()).toBe(1);
    expect(Orders.open()).toBe('open');
    expect(Orders.shut()).toBe('shut');
    await orders.later();
    endedAre(
      'Orders.place',
      'Orders.fail: error sold out',
      'Orders.Symbol(method)',
      'Orders.open',
      'Orders.shut',
      'Orders.later',
    );
  });

  inEachMode(
    'accessors, the constructor, private methods, properties and what the language calls have none',
    ({ endedAre, startedAre }) => {
      const orders = new Orders();
      orders.total = 5;
      expect(orders.total).toBe(5);
      expect(orders.inProperty()).toBe(1);
      expect(`${orders}`).toBe('Orders');
      expect(JSON.stringify(orders)).toBe('{}');
      expect([...orders]).toEqual([1]);
      expect(orders).toBeInstanceOf(Orders);
      expect(orders.constructor).toBe(Orders);
      startedAre(0);
      endedAre();
    },
  );

  test('what is in a static property is left alone: it may be a class', () => {
    function Model(this: { made: boolean }): void {
      this.made = true;
    }
    @Traced()
    class Repository {
      static Model = Model;
      static helper = () => 'helped';
      static Nested = class {};
    }
    expect(Repository.Model).toBe(Model);
    expect(new (Repository.Model as never as new () => { made: boolean })().made).toBe(true);
    expect(spansOf(() => Repository.helper())).toEqual([]);
  });

  test('the methods of a class stay what they were', () => {
    const Note = SetMetadata('note', 'kept');
    class Plain {
      @Note
      place(_id: string, _count: number): void {}
    }
    @Traced()
    class Decorated {
      @Note
      place(_id: string, _count: number): void {}
    }
    const { place } = Decorated.prototype;
    expect([place.name, place.length]).toEqual(['place', 2]);
    expect(Reflect.getMetadata('note', place)).toBe('kept');
    expect(Reflect.getMetadata('design:paramtypes', Decorated.prototype, 'place')).toEqual([String, Number]);
    expect({ ...Object.getOwnPropertyDescriptor(Decorated.prototype, 'place'), value: 0 }).toEqual({
      ...Object.getOwnPropertyDescriptor(Plain.prototype, 'place'),
      value: 0,
    });
    expect(Object.getOwnPropertyNames(Decorated.prototype)).toEqual(Object.getOwnPropertyNames(Plain.prototype));
  });
});

describe('options', () => {
  class Plain {
    one(): void {}
    two(): void {}
    three(): void {}
    static all(): void {}
  }
  const callAll = (type: typeof Plain) => () => {
    const instance = new type();
    instance.one();
    instance.two();
    instance.three();
    type.all();
  };

  test('`only` and `except` choose', () => {
    @Traced({ only: ['one', 'all'] })
    class Only extends Plain {
      static override all(): void {}
    }
    @Traced({ except: ['one'], statics: false })
    class Except extends Plain {
      static override all(): void {}
    }
    @Traced({ only: ['one', 'two'], except: ['two'] })
    class Both extends Plain {}
    expect(spansOf(callAll(Only))).toEqual(['Only.one', 'Only.all']);
    expect(spansOf(callAll(Except))).toEqual(['Except.two', 'Except.three']);
    expect(spansOf(callAll(Both))).toEqual(['Both.one']);
  });

  test('`prefix` takes the place of the class’s name', () => {
    @Traced({ prefix: 'shop.orders' })
    class Prefixed extends Plain {
      own(): void {}
      static open(): void {}
    }
    expect(
      spansOf(() => {
        new Prefixed().own();
        new Prefixed().one();
        Prefixed.open();
      }),
    ).toEqual(['shop.orders.own', 'shop.orders.one', 'shop.orders.open']);
  });

  test('span options and `onResult` are for each method', () => {
    @Traced({ kind: SpanKind.PRODUCER, attributes: { team: 'a' }, onResult: (result) => ({ attributes: { result } }) })
    class Described {
      one(): number {
        return 1;
      }
      async two(): Promise<number> {
        return 2;
      }
    }
    const telemetry = RECORDING.start();
    return telemetry.inCaller(async () => {
      new Described().one();
      await new Described().two();
      telemetry.stop();
      expect(telemetry.spans.map(({ kind, attributes }) => [kind, attributes])).toEqual([
        [SpanKind.PRODUCER, { team: 'a', result: 1 }],
        [SpanKind.PRODUCER, { team: 'a', result: 2 }],
      ]);
    });
  });

  test('an argument with @SpanAttribute is one here, too', () => {
    class Base {
      inherited(@SpanAttribute('id') _id: string): void {}
    }
    @Traced()
    class Orders extends Base {
      place(@SpanAttribute('order.id') _id: string): void {}
    }
    const telemetry = RECORDING.start();
    telemetry.inCaller(() => {
      new Orders().place('A-1');
      new Orders().inherited('A-2');
    });
    telemetry.stop();
    expect(telemetry.spans.map((span) => span.attributes)).toEqual([{ 'order.id': 'A-1' }, { id: 'A-2' }]);
  });
});

describe('inheritance', () => {
  class Grandparent {
    first(): string {
      return 'grandparent';
    }
    overridden(): string {
      return 'grandparent';
    }
    get price(): number {
      return 1;
    }
  }
  class Parent extends Grandparent {
    second(): string {
      return `parent of ${this.first()}`;
    }
    override overridden(): string {
      return `parent, ${super.overridden()}`;
    }
  }
  @Traced()
  class Child extends Parent {
    third(): string {
      return this.second();
    }
  }

  inEachMode('inherited methods have spans, named for the class that is traced', ({ endedAre }) => {
    expect(new Child().third()).toBe('parent of grandparent');
    expect(new Child().overridden()).toBe('parent, grandparent');
    expect(new Child().price).toBe(1);
    endedAre('Child.first', 'Child.second', 'Child.third', 'Child.overridden');
  });

  inEachMode('the classes that they were inherited from are left alone', ({ startedAre }) => {
    new Parent().second();
    new Grandparent().first();
    expect(Object.getOwnPropertyNames(Parent.prototype)).toEqual(['constructor', 'second', 'overridden']);
    startedAre(0);
  });

  test('a traced base has its spans once, under its own name', () => {
    @Traced()
    class Base {
      run(): void {}
      overridden(): void {}
    }
    @Traced()
    class Sub extends Base {
      override overridden(): void {
        super.overridden();
      }
    }
    class Plain extends Base {}
    expect(
      spansOf(() => {
        new Sub().run();
        new Sub().overridden();
        new Plain().run();
      }),
    ).toEqual(['Base.run', 'Base.overridden', 'Sub.overridden', 'Base.run']);
  });

  test('a base’s method that has @Span keeps that', () => {
    class Base {
      @Span('base.run')
      run(): void {}
    }
    class Middle extends Base {}
    @Traced()
    class Sub extends Middle {
      other(): void {}
    }
    expect(
      spansOf(() => {
        new Sub().run();
        new Sub().other();
      }),
    ).toEqual(['base.run', 'Sub.other']);
  });

  test('an accessor hides a method that is inherited', () => {
    class Base {
      run(): string {
        return 'base';
      }
    }
    @Traced()
    class Sub extends Base {}
    Object.defineProperty(Sub.prototype, 'other', { get: () => 'value', configurable: true });
    @Traced()
    class Hiding extends Sub {}
    Object.defineProperty(Hiding.prototype, 'run', { get: () => () => 'getter', configurable: true });
    expect(spansOf(() => expect(new Hiding().run()).toBe('getter'))).toEqual([]);
  });

  test('a class that extends one of the language works', () => {
    @Traced()
    class Registry extends Map<string, number> {
      add(key: string): this {
        return this.set(key, (this.get(key) ?? 0) + 1);
      }
    }
    const registry = new Registry();
    expect(spansOf(() => registry.add('a').add('a'))).toContain('Registry.add');
    expect([...registry]).toEqual([['a', 2]]);
    expect(registry.size).toBe(1);
  });
});

describe('one span for each call', () => {
  inEachMode('@Span on a method of a @Traced class stays the only one', ({ endedAre }) => {
    @Traced()
    class Orders {
      @Span('order.place')
      place(): number {
        return 1;
      }
      @Span('order.static')
      static open(): void {}
    }
    expect(new Orders().place()).toBe(1);
    Orders.open();
    endedAre('order.place', 'order.static');
  });

  inEachMode('also with decorators above or below that replace the method', ({ endedAre }) => {
    @Traced()
    class Orders {
      @Doubling()
      @Span('above')
      above(): number {
        return 1;
      }
      @Span('below')
      @Doubling()
      below(): number {
        return 1;
      }
      @Doubling()
      neither(): number {
        return 1;
      }
    }
    const orders = new Orders();
    expect([orders.above(), orders.below(), orders.neither()]).toEqual([2, 2, 2]);
    endedAre('above', 'below', 'Orders.neither');
  });

  test('@Traced twice is @Traced once', () => {
    @Traced()
    @Traced({ prefix: 'inner' })
    class Orders {
      place(): void {}
      static open(): void {}
    }
    expect(
      spansOf(() => {
        new Orders().place();
        Orders.open();
      }),
    ).toEqual(['inner.place', 'inner.open']);
  });

  test('tracing a class from outside adds to none of them', () => {
    @Traced({ except: ['left', 'inherited'] })
    class Orders extends class {
      inherited(): void {}
    } {
      place(): void {}
      left(): void {}
      @Span('spanned')
      spanned(): void {}
    }
    expect(traceClass(Orders, { prefix: 'outside' })).toBe(0);
    expect(
      spansOf(() => {
        const orders = new Orders();
        orders.place();
        orders.left();
        orders.spanned();
        orders.inherited();
      }),
    ).toEqual(['Orders.place', 'spanned']);
  });
});

describe('@Untraced', () => {
  test('a method has no span', () => {
    @Traced()
    class Orders {
      place(): void {}
      @Untraced()
      ping(): void {}
      @Untraced()
      static beat(): void {}
    }
    expect(
      spansOf(() => {
        new Orders().place();
        new Orders().ping();
        Orders.beat();
      }),
    ).toEqual(['Orders.place']);
  });

  test('a class has none, whoever traces it or what extends it', () => {
    class Base {
      inherited(): void {}
    }
    @Untraced()
    class Quiet extends Base {
      own(): void {}
      static beat(): void {}
    }
    class Between extends Quiet {}
    @Traced()
    class Loud extends Between {
      loud(): void {}
    }
    expect(traceClass(Quiet, {})).toBe(0);
    expect(
      spansOf(() => {
        const quiet = new Quiet();
        quiet.own();
        quiet.inherited();
        Quiet.beat();
        const loud = new Loud();
        loud.own();
        loud.inherited();
        loud.loud();
      }),
    ).toEqual(['Loud.loud']);
    expect(spansOf(() => new Base().inherited())).toEqual([]);
  });

  test('with @Traced on top, nothing of the class has a span', () => {
    @Traced()
    @Untraced()
    class Both {
      own(): void {}
      static beat(): void {}
    }
    expect(
      spansOf(() => {
        new Both().own();
        Both.beat();
      }),
    ).toEqual([]);
  });
});

describe('tracing a class by its gate', () => {
  test('it is switched while it runs', () => {
    class Orders {
      place(): number {
        return 1;
      }
    }
    const gate = { open: false };
    expect(traceClass(Orders, { gate, prefix: 'orders' })).toBe(1);
    const orders = new Orders();
    expect(spansOf(() => orders.place())).toEqual([]);
    gate.open = true;
    expect(spansOf(() => orders.place())).toEqual(['orders.place']);
    gate.open = false;
    expect(spansOf(() => orders.place())).toEqual([]);
  });

  test('what cannot be replaced is left', () => {
    class Fixed {
      open(): void {}
      shut(): void {}
    }
    Object.defineProperty(Fixed.prototype, 'shut', { configurable: false, writable: false });
    expect(traceClass(Fixed, {})).toBe(1);
    expect(
      spansOf(() => {
        new Fixed().open();
        new Fixed().shut();
      }),
    ).toEqual(['Fixed.open']);
  });
});
