import { createTraceState, type HrTime, type Link, type SpanContext } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';

/** The same numbers for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const TEXTS = [
  '',
  'a',
  'http.request.method',
  'größe',
  '日本語のテキスト',
  '👩‍👩‍👧 family',
  'half \ud83d a pair',
  '\udc00',
  'nul\u0000 and \u007f',
  '"quoted\\"\n',
  '__proto__',
  '7',
];
const NUMBERS = [
  ...[0, -0, 1, -1, 127, 128, -128, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 31), -(2 ** 32), -(2 ** 32) - 1],
  ...[Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 53, 2 ** 62, -(2 ** 63), 2 ** 63, 2 ** 64, 1e21, -1e300],
  ...[0.1, -1.5, Number.MIN_VALUE, Number.MAX_VALUE, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
];

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Spans of a few resources and scopes, with all that can be in one, and much that only JavaScript lets in. */
export class RandomSpans {
  private readonly random: () => number;
  private readonly resources;
  private readonly scopes;

  constructor(seed: number) {
    this.random = randomNumbers(seed);
    this.resources = [
      resourceFromAttributes({ 'service.name': 'one', 'process.pid': 7, 'process.command_args': ['node', 'main.js'] }),
      resourceFromAttributes({ 'service.name': 'two' }, { schemaUrl: 'https://example.com/resource/1.0' }),
      resourceFromAttributes({}),
    ];
    this.scopes = [
      { name: 'plain' },
      { name: 'with all', version: '1.2.3', schemaUrl: 'https://example.com/scope/1.0' },
      { name: '', version: '', attributes: { library: 'größe', count: 3 }, droppedAttributesCount: 2 },
      { name: 'x'.repeat(200), version: '0' },
    ];
  }

  spans(count: number): ReadableSpan[] {
    return Array.from({ length: count }, () => this.span());
  }

  span(over: Partial<Mutable<ReadableSpan>> = {}): ReadableSpan {
    const context = this.context();
    const startTime = this.time();
    return {
      name: this.text(),
      kind: this.whole(5),
      spanContext: () => context,
      parentSpanContext: this.chance(0.6) ? this.context() : undefined,
      startTime,
      endTime: this.time(),
      duration: [0, 0],
      ended: true,
      status: { code: this.whole(3), message: this.chance(0.3) ? this.text() : undefined },
      attributes: this.attributes() as ReadableSpan['attributes'],
      droppedAttributesCount: this.count(),
      events: this.some(3, () => ({
        name: this.text(),
        time: this.time(),
        attributes: (this.chance(0.7) ? this.attributes() : undefined) as ReadableSpan['attributes'] | undefined,
        droppedAttributesCount: this.chance(0.5) ? this.count() : undefined,
      })),
      droppedEventsCount: this.count(),
      links: this.some(3, () => this.link()),
      droppedLinksCount: this.count(),
      resource: this.pick(this.resources),
      instrumentationScope: this.pick(this.scopes),
      ...over,
    };
  }

  attributes(most = 8): Record<string, unknown> {
    const attributes: Record<string, unknown> = Object.create(this.chance(0.1) ? { inherited: 'not ours' } : null);
    for (let i = this.whole(most + 1); i > 0; i--) {
      // Assigning to __proto__ would change what the object is.
      Object.defineProperty(attributes, this.text(), { value: this.value(), enumerable: true, configurable: true });
    }
    return attributes;
  }

  value(depth = 0): unknown {
    switch (this.whole(depth > 2 ? 5 : 9)) {
      case 0:
        return this.pick(NUMBERS);
      case 1:
        return this.whole(2 ** 32) * (this.chance(0.5) ? 1 : -(2 ** this.whole(20)));
      case 2:
        return this.chance(0.5);
      case 3:
        return this.pick([null, undefined, 10n, Symbol('none'), () => 1]);
      case 4:
        return this.text();
      case 5:
        return this.some(6, () => this.value(depth + 1));
      case 6:
        return new Array(this.whole(4));
      case 7:
        return Uint8Array.from(this.some(200, () => this.whole(256)));
      default:
        return this.attributes(3);
    }
  }

  text(): string {
    const text = this.pick(TEXTS);
    return this.chance(0.2) ? text.repeat(this.whole(400)) : text;
  }

  private link(): Link {
    return {
      context: this.context(),
      attributes: (this.chance(0.7) ? this.attributes() : undefined) as Link['attributes'],
      droppedAttributesCount: this.chance(0.5) ? this.count() : undefined,
    };
  }

  private context(): SpanContext {
    return {
      traceId: this.hex(32),
      spanId: this.hex(16),
      traceFlags: this.whole(256),
      isRemote: this.pick([true, false, undefined]),
      traceState: this.chance(0.3) ? createTraceState('vendor=1,other=zwei') : undefined,
    };
  }

  private time(): HrTime {
    return [
      this.pick([0, 1, 1_700_000_000 + this.whole(1e6), 4_611_686_018]),
      this.pick([0, 1, this.whole(1e9), 999_999_999]),
    ];
  }

  private hex(digits: number): string {
    return Array.from({ length: digits }, () => this.whole(16).toString(16)).join('');
  }

  private count(): number {
    return this.pick([0, 0, 1, 128, 70_000, 2 ** 31, 2 ** 32 - 1]);
  }

  private some<T>(most: number, make: () => T): T[] {
    return this.chance(0.4) ? [] : Array.from({ length: this.whole(most + 1) }, make);
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.whole(from.length)] as T;
  }

  private whole(below: number): number {
    return Math.floor(this.random() * below);
  }

  private chance(of: number): boolean {
    return this.random() < of;
  }
}
