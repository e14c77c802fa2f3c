import 'reflect-metadata';
import { types } from 'node:util';
import { SetMetadata } from '@nestjs/common';
import { Span } from '../../../src/telemetry/span.decorator';
import { inEachMode, whereabouts } from './tracing-modes';

const symbol = Symbol('method');

class Base {
  greet(name: string): string {
    return `hello ${name}`;
  }
}

class Work extends Base {
  #count = 0;
  label = 'instance';
  static label = 'class';

  @Span('work')
  self(): this {
    return this;
  }

  @Span('work')
  count(): number {
    this.#count += 1;
    return this.#hidden();
  }

  #hidden(): number {
    return this.#count;
  }

  @Span('work')
  override greet(name: string): string {
    return `${super.greet(name)}!`;
  }

  @Span('work')
  [symbol](value: number): number {
    return value + 1;
  }

  @Span('work')
  static whoAmI(): string {
    return Work.label;
  }

  @Span('work')
  all(...values: unknown[]): unknown[] {
    return values;
  }

  @Span('work')
  fallback(value = 'default'): string {
    return value;
  }

  @Span('work')
  counted(): number {
    // biome-ignore lint/complexity/noArguments: that is what it is about
    return arguments.length;
  }

  get price(): number {
    return 7;
  }
}

inEachMode('`this`, private fields and `super` are what they were', ({ endedAre }) => {
  const work = new Work();
  expect(work.self()).toBe(work);
  expect(work.count()).toBe(1);
  expect(work.count()).toBe(2);
  expect(work.greet('Ada')).toBe('hello Ada!');
  expect(work[symbol](1)).toBe(2);
  expect(Work.whoAmI()).toBe('class');
  expect(work.price).toBe(7);
  endedAre('work', 'work', 'work', 'work', 'work', 'work');
});

inEachMode('arguments arrive as they were given', () => {
  const work = new Work();
  const value = { a: 1 };
  expect(work.all(value, undefined, 3)).toEqual([value, undefined, 3]);
  expect(work.all(value)[0]).toBe(value);
  expect(work.all()).toEqual([]);
  expect(work.fallback()).toBe('default');
  expect(work.fallback(undefined)).toBe('default');
  expect((work.counted as (...all: unknown[]) => number)(1, undefined)).toBe(2);
});

inEachMode('a method can be called, applied and bound', ({ endedAre }) => {
  const work = new Work();
  const { self } = work;
  expect(self.call(work)).toBe(work);
  expect(self.apply(work)).toBe(work);
  expect(self.bind(work)()).toBe(work);
  expect((self as () => unknown)()).toBe(undefined);
  endedAre('work', 'work', 'work', 'work');
});

inEachMode('a method that a subclass overrides is called by it through `super`', ({ endedAre }) => {
  class Sub extends Work {
    @Span('sub')
    override greet(name: string): string {
      return `${super.greet(name)}!`;
    }
  }
  expect(new Sub().greet('Ada')).toBe('hello Ada!!');
  endedAre('work', 'sub');
});

inEachMode('a spy takes a method’s place, and gives it back', ({ endedAre }) => {
  const work = new Work();
  const spy = jest.spyOn(work, 'count').mockReturnValue(99);
  expect(work.count()).toBe(99);
  endedAre();
  spy.mockRestore();
  expect(work.count()).toBe(1);
  endedAre('work');
  const through = jest.spyOn(Work.prototype, 'greet');
  expect(work.greet('Ada')).toBe('hello Ada!');
  expect(through).toHaveBeenCalledWith('Ada');
  through.mockRestore();
  endedAre('work', 'work');
});

describe('a method looks as it did', () => {
  const Note = SetMetadata('note', 'kept');
  function Marked(): MethodDecorator {
    return (_target, _key, descriptor) => {
      Object.assign(descriptor.value as object, { marked: true });
      return descriptor;
    };
  }

  class Plain {
    @Note
    @Marked()
    plain(_a: string, _b: number): string {
      return 'result';
    }
    async later(_a: string): Promise<void> {}
    *each(): Generator<number> {}
    async *eachLater(): AsyncGenerator<number> {}
  }

  class Decorated {
    @Span()
    @Note
    @Marked()
    plain(_a: string, _b: number): string {
      return 'result';
    }
    @Span()
    async later(_a: string): Promise<void> {}
    @Span()
    *each(): Generator<number> {}
    @Span()
    async *eachLater(): AsyncGenerator<number> {}
  }

  class DecoratedBelow {
    @Note
    @Marked()
    @Span()
    plain(_a: string, _b: number): string {
      return 'result';
    }
  }

  const look = (method: (...args: never[]) => unknown) => ({
    name: method.name,
    length: method.length,
    own: Reflect.ownKeys(method)
      .map(String)
      .filter((key) => key !== 'prototype')
      .sort(),
    tag: Object.prototype.toString.call(method),
    kind: method.constructor.name,
    metadata: Reflect.getMetadataKeys(method).map((key) => [key, Reflect.getMetadata(key, method)]),
  });

  test.each(['plain', 'later', 'each', 'eachLater'] as const)('%s', (key) => {
    expect(look(Decorated.prototype[key])).toEqual(look(Plain.prototype[key]));
  });

  test('whichever decorator comes first', () => {
    expect(look(DecoratedBelow.prototype.plain)).toEqual(look(Plain.prototype.plain));
  });

  test('the compiler’s metadata stays on the class', () => {
    const keys = ['design:type', 'design:paramtypes', 'design:returntype'];
    for (const key of keys)
      expect(Reflect.getMetadata(key, Decorated.prototype, 'plain')).toEqual(
        Reflect.getMetadata(key, Plain.prototype, 'plain'),
      );
    expect(Reflect.getMetadata('design:paramtypes', Decorated.prototype, 'plain')).toEqual([String, Number]);
  });

  test('the property is as it was: writable, configurable, not enumerable', () => {
    const shape = (prototype: object) => {
      const { value, ...rest } = Object.getOwnPropertyDescriptor(prototype, 'plain') ?? {};
      return { ...rest, type: typeof value };
    };
    expect(shape(Decorated.prototype)).toEqual(shape(Plain.prototype));
  });

  test('no method can be called with `new`', () => {
    expect(Object.hasOwn(Decorated.prototype.plain, 'prototype')).toBe(false);
    expect(() => Reflect.construct(Decorated.prototype.plain, [])).toThrow(TypeError);
  });

  test('another library that asks whether a method is async is told so', () => {
    expect(Decorated.prototype.later.constructor).toBe(Plain.prototype.later.constructor);
    expect(types.isAsyncFunction(Plain.prototype.later)).toBe(true);
    expect(Decorated.prototype.later).toBeInstanceOf(Plain.prototype.later.constructor);
  });

  test('decorators work without reflect-metadata', () => {
    const { getOwnMetadataKeys } = Reflect;
    Reflect.getOwnMetadataKeys = undefined as never;
    try {
      class Bare {
        @Span()
        method(_a: string): string {
          return 'result';
        }
      }
      expect(new Bare().method('a')).toBe('result');
      expect(Bare.prototype.method.length).toBe(1);
    } finally {
      Reflect.getOwnMetadataKeys = getOwnMetadataKeys;
    }
  });
});

inEachMode('objects that mislead about themselves are handed back untouched', ({ endedAre }) => {
  class Keeper {
    @Span('work')
    result<T>(value: T): T {
      return value;
    }
  }
  const keeper = new Keeper();
  const throwing = new Proxy(
    {},
    {
      get() {
        throw new Error('get');
      },
      has() {
        throw new Error('has');
      },
    },
  );
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const greedy: unknown[] = [];
  const recording = new Proxy(
    {},
    {
      get(_target, key) {
        greedy.push(key);
        return undefined;
      },
      defineProperty() {
        throw new Error('defineProperty');
      },
      set() {
        throw new Error('set');
      },
    },
  );
  for (const hostile of [throwing, revoked.proxy, recording])
    expect(Object.is(keeper.result(hostile), hostile)).toBe(true);
  endedAre('work', 'work', 'work');
});

inEachMode('a decorated method is found where it was, and works as a getter’s result', ({ insideIs }) => {
  class Holder {
    get handler(): () => string {
      return this.run;
    }
    @Span('work')
    run(): string {
      return whereabouts();
    }
  }
  insideIs(new Holder().handler(), 'work');
  expect(Object.getOwnPropertyNames(Holder.prototype)).toEqual(['constructor', 'handler', 'run']);
});
