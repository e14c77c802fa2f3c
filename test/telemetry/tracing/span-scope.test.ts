import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type Context,
  context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { isTracingSuppressed, suppressTracing, unsuppressTracing } from '@opentelemetry/core';
import { SpanContextManager } from '../../../src/telemetry/tracing/span-context-manager';
import { SpanScope, spanIn } from '../../../src/telemetry/tracing/span-scope';

const IDS: SpanContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 };
const spanOf = (spanId = IDS.spanId): Span => trace.wrapSpanContext({ ...IDS, spanId });
const [A, B] = [createContextKey('a'), createContextKey('b')];

/** The same context, made by the API and made by us: whatever is done with one must be so with the other. */
describe.each<[string, (parent: Context, span: Span) => Context]>([
  ['a scope of ours', SpanScope.of],
  ['the API’s context', trace.setSpan],
])('%s', (_title, within) => {
  const span = spanOf();

  test('has the span for the API and for us', () => {
    const scope = within(ROOT_CONTEXT, span);
    expect(trace.getSpan(scope)).toBe(span);
    expect(trace.getSpanContext(scope)).toBe(span.spanContext());
    expect(spanIn(scope)).toBe(span);
  });

  test('keeps values, and gives none of them to the one it was made of', () => {
    const outer = ROOT_CONTEXT.setValue(A, 1);
    const scope = within(outer, span);
    const inner = scope.setValue(B, 2).setValue(A, 3);
    expect([scope.getValue(A), scope.getValue(B)]).toEqual([1, undefined]);
    expect([inner.getValue(A), inner.getValue(B), trace.getSpan(inner)]).toEqual([3, 2, span]);
    const without = inner.deleteValue(A);
    expect([without.getValue(A), without.getValue(B), trace.getSpan(without)]).toEqual([undefined, 2, span]);
    expect([inner.getValue(A), outer.getValue(A)]).toEqual([3, 1]);
  });

  test('gives its span up', () => {
    const scope = within(ROOT_CONTEXT.setValue(A, 1), span);
    const without = trace.deleteSpan(scope);
    expect([trace.getSpan(without), spanIn(without), without.getValue(A)]).toEqual([undefined, undefined, 1]);
    expect(trace.getSpan(scope)).toBe(span);
  });

  test('takes another span in place of its own', () => {
    const other = spanOf('c'.repeat(16));
    const scope = within(ROOT_CONTEXT.setValue(A, 1), span);
    for (const inner of [within(scope, other), trace.setSpan(scope, other), SpanScope.of(scope, other)]) {
      expect([trace.getSpan(inner), spanIn(inner), inner.getValue(A)]).toEqual([other, other, 1]);
      expect(trace.getSpan(trace.deleteSpan(inner))).toBeUndefined();
    }
    expect(trace.getSpan(scope)).toBe(span);
    expect(trace.getSpan(trace.setSpanContext(scope, IDS))?.spanContext()).toEqual(IDS);
  });

  test('carries baggage and the suppression of tracing', () => {
    const baggage = propagation.createBaggage({ tenant: { value: 'blue' } });
    const scope = propagation.setBaggage(within(ROOT_CONTEXT, span), baggage);
    expect(propagation.getBaggage(scope)).toBe(baggage);
    expect(propagation.getBaggage(propagation.deleteBaggage(scope))).toBeUndefined();
    expect(propagation.getBaggage(within(scope, spanOf()))).toBe(baggage);
    const suppressed = suppressTracing(scope);
    expect([isTracingSuppressed(suppressed), isTracingSuppressed(scope)]).toEqual([true, false]);
    expect(isTracingSuppressed(within(suppressed, span))).toBe(true);
    expect(isTracingSuppressed(unsuppressTracing(suppressed))).toBe(false);
  });

  test.each([
    ['OpenTelemetry’s manager', () => new AsyncLocalStorageContextManager()],
    ['ours', () => new SpanContextManager()],
  ])('goes through calls and awaits by %s', async (_manager, make) => {
    context.setGlobalContextManager(make().enable());
    try {
      const scope = within(ROOT_CONTEXT.setValue(A, 1), span);
      await context.with(scope, async () => {
        expect(trace.getActiveSpan()).toBe(span);
        await new Promise(setImmediate);
        expect(trace.getActiveSpan()).toBe(span);
        expect(context.active().getValue(A)).toBe(1);
        context.with(trace.deleteSpan(context.active()), () => expect(trace.getActiveSpan()).toBeUndefined());
        const bound = context.bind(context.active(), () => trace.getActiveSpan());
        expect(context.with(ROOT_CONTEXT, bound)).toBe(span);
      });
      expect(trace.getActiveSpan()).toBeUndefined();
    } finally {
      context.disable();
    }
  });
});

test('our manager runs a method with its `this` and arguments, and passes on what it throws', () => {
  const manager = new SpanContextManager().enable();
  const scope = SpanScope.of(ROOT_CONTEXT, spanOf());
  const self = {};
  const method = function (this: unknown, ...all: unknown[]) {
    return [this, manager.active(), ...all];
  };
  expect(manager.run(scope, method, self, [1, 2])).toEqual([self, scope, 1, 2]);
  expect((manager.run(scope, method, self, []) as unknown[])[0]).toBe(self);
  const thrown = new Error('thrown');
  expect(() =>
    manager.run(
      scope,
      () => {
        throw thrown;
      },
      self,
      [],
    ),
  ).toThrow(thrown);
  expect(manager.active()).toBe(ROOT_CONTEXT);
  manager.disable();
});

test('scopes in scopes hold only the innermost span, however deep they are', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const outermost = ((): { scope: Context; refs: WeakRef<object>[] } => {
    const refs: WeakRef<object>[] = [];
    let scope: Context = ROOT_CONTEXT;
    for (let depth = 0; depth < 100_000; depth += 1) {
      const span = spanOf();
      scope = SpanScope.of(scope, span);
      if (depth % 1000 === 0) refs.push(new WeakRef(span), new WeakRef(scope));
    }
    return { scope, refs };
  })();
  await new Promise(setImmediate);
  collectGarbage();
  expect(outermost.refs.filter((ref) => ref.deref() !== undefined)).toHaveLength(0);
  expect(outermost.scope.getValue(A)).toBeUndefined();
});
