import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import {
  type Context,
  createTraceState,
  defaultTextMapGetter,
  propagation,
  ROOT_CONTEXT,
  type SpanContext,
  type TextMapGetter,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import type { PropagatorName } from '../../src/config/telemetry-config';
import { RedactingBaggagePropagator } from '../../src/telemetry/privacy/redacting-baggage-propagator';
import { createRedactor } from '../../src/telemetry/privacy/redactor';
import { createPropagator } from '../../src/telemetry/propagation';
import { isDecisionDeferred } from '../../src/telemetry/sampling/deferred-decision';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const OTHER_TRACE = '0af7651916cd43dd8448eb211c80319c';
const OTHER_SPAN = 'b7ad6b7169203331';

type Headers = Record<string, unknown>;
const NAMES: readonly PropagatorName[] = ['tracecontext', 'b3', 'b3multi', 'jaeger'];

function extract(names: readonly PropagatorName[], headers: unknown, into: Context = ROOT_CONTEXT): Context {
  return createPropagator(names).extract(into, headers, defaultTextMapGetter as TextMapGetter);
}

function caller(names: readonly PropagatorName[], headers: unknown): SpanContext | undefined {
  return trace.getSpanContext(extract(names, headers));
}

function inject(names: readonly PropagatorName[], context: Context, baggage?: RedactingBaggagePropagator): Headers {
  const headers: Headers = {};
  createPropagator(names, baggage).inject(context, headers, {
    set: (into, key, value) => ((into as Headers)[key] = value),
  });
  return headers;
}

function contextOf(ids: Partial<SpanContext> = {}): Context {
  return trace.setSpanContext(ROOT_CONTEXT, { traceId: TRACE, spanId: SPAN, traceFlags: TraceFlags.SAMPLED, ...ids });
}

function withBaggage(context: Context, entries: Record<string, string>): Context {
  const values = Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, { value }]));
  return propagation.setBaggage(context, propagation.createBaggage(values));
}

function baggageOf(context: Context): Record<string, string> {
  const entries = propagation.getBaggage(context)?.getAllEntries() ?? [];
  return Object.fromEntries(entries.map(([key, { value }]) => [key, value]));
}

describe('there and back', () => {
  test.each(NAMES)('%s carries a span from one service to the next, sampled or not', (name) => {
    for (const traceFlags of [TraceFlags.SAMPLED, TraceFlags.NONE]) {
      expect(caller([name], inject([name], contextOf({ traceFlags })))).toMatchObject({
        traceId: TRACE,
        spanId: SPAN,
        traceFlags,
        isRemote: true,
      });
    }
  });

  test('each writes the headers of its format', () => {
    expect(inject(['tracecontext'], contextOf({ traceState: createTraceState('a=1,b=2') }))).toEqual({
      traceparent: `00-${TRACE}-${SPAN}-01`,
      tracestate: 'a=1,b=2',
    });
    expect(inject(['b3'], contextOf())).toEqual({ b3: `${TRACE}-${SPAN}-1` });
    expect(inject(['b3multi'], contextOf({ traceFlags: 0 }))).toEqual({
      'x-b3-traceid': TRACE,
      'x-b3-spanid': SPAN,
      'x-b3-sampled': '0',
    });
    expect(inject(['jaeger'], contextOf())).toEqual({ 'uber-trace-id': `${TRACE}:${SPAN}:0:01` });
    expect(inject(['baggage'], withBaggage(ROOT_CONTEXT, { tenant: 'a b' }))).toEqual({ baggage: 'tenant=a%20b' });
  });

  test('several write side by side, each once', () => {
    const written: string[] = [];
    const names: readonly PropagatorName[] = ['tracecontext', 'baggage', 'b3', 'b3', 'jaeger'];
    createPropagator(names).inject(withBaggage(contextOf(), { tenant: 'a' }), written, {
      set: (into, key) => into.push(key),
    });
    expect(written).toEqual(['traceparent', 'baggage', 'b3', 'uber-trace-id', 'uberctx-tenant']);
  });

  test('none at all reads and writes nothing', () => {
    const propagator = createPropagator([]);
    expect(inject([], contextOf())).toEqual({});
    expect(propagator.fields()).toEqual([]);
    expect(extract([], { traceparent: `00-${TRACE}-${SPAN}-01` })).toBe(ROOT_CONTEXT);
  });

  test('fields are the headers that are written', () => {
    expect(createPropagator(['tracecontext', 'baggage', 'b3', 'jaeger']).fields()).toEqual([
      'traceparent',
      'tracestate',
      'baggage',
      'b3',
      'uber-trace-id',
    ]);
  });

  test('tracestate and baggage arrive as they were sent, also in several headers', () => {
    const context = extract(['tracecontext', 'baggage'], {
      traceparent: `00-${TRACE}-${SPAN}-01`,
      tracestate: ['a=1', 'b=2'],
      baggage: ['tenant=a%20b', 'plan=gold'],
    });
    expect(trace.getSpanContext(context)?.traceState?.serialize()).toBe('a=1,b=2');
    expect(baggageOf(context)).toEqual({ tenant: 'a b', plan: 'gold' });
  });

  test('nothing is sent without a span, nor where tracing is suppressed', () => {
    const nowhere = trace.setSpanContext(ROOT_CONTEXT, {
      traceId: '0'.repeat(32),
      spanId: '0'.repeat(16),
      traceFlags: 0,
    });
    for (const context of [ROOT_CONTEXT, nowhere, suppressTracing(contextOf())]) {
      expect(inject(NAMES, context)).toEqual({});
    }
  });
});

describe('B3 and Jaeger', () => {
  test('b3 and b3multi read either form', () => {
    const multi = { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-sampled': '1' };
    for (const name of ['b3', 'b3multi'] as const) {
      expect(caller([name], { b3: `${TRACE}-${SPAN}-1-${OTHER_SPAN}` })?.traceId).toBe(TRACE);
      expect(caller([name], multi)?.traceId).toBe(TRACE);
    }
  });

  test('a bad single header leaves the word to the others', () => {
    const multi = { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-sampled': '1' };
    expect(caller(['b3'], { ...multi, b3: 'nonsense' })?.traceId).toBe(TRACE);
  });

  test('B3 ids of 64 bits are filled up', () => {
    expect(caller(['b3'], { b3: `${SPAN}-${OTHER_SPAN}-1` })?.traceId).toBe(`0000000000000000${SPAN}`);
  });

  test("B3's debug flag samples, and is handed on", () => {
    const context = extract(['b3'], { b3: `${TRACE}-${SPAN}-d` });
    expect(trace.getSpanContext(context)?.traceFlags).toBe(TraceFlags.SAMPLED);
    expect(inject(['b3'], context)).toEqual({ b3: `${TRACE}-${SPAN}-d` });
  });

  test('B3 without a word about sampling leaves the decision to us, and with one it does not', () => {
    const ids = { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN };
    const isDeferred = (headers: Headers) => isDecisionDeferred(caller(['b3'], headers) as SpanContext);
    expect([{ b3: `${TRACE}-${SPAN}` }, ids].map(isDeferred)).toEqual([true, true]);
    const decided = [
      { b3: `${TRACE}-${SPAN}-0` },
      { b3: `${TRACE}-${SPAN}-1` },
      { ...ids, 'x-b3-sampled': '0' },
      { ...ids, 'x-b3-flags': '1' },
    ];
    expect(decided.map(isDeferred)).toEqual([false, false, false, false]);
  });

  test('a later header that has decided outweighs one that has not', () => {
    const headers = { b3: `${TRACE}-${SPAN}`, traceparent: `00-${TRACE}-${SPAN}-00` };
    expect(isDecisionDeferred(caller(['b3', 'tracecontext'], headers) as SpanContext)).toBe(false);
  });

  test('short ids of Jaeger are filled up', () => {
    expect(caller(['jaeger'], { 'uber-trace-id': 'abc:def:0:1' })).toMatchObject({
      traceId: `${'0'.repeat(29)}abc`,
      spanId: '0000000000000def',
      traceFlags: TraceFlags.SAMPLED,
    });
  });

  test("Jaeger's baggage goes there and back", () => {
    const headers = inject(['jaeger'], withBaggage(contextOf(), { tenant: 'a b' }));
    expect(headers['uberctx-tenant']).toBe('a%20b');
    expect(baggageOf(extract(['jaeger'], headers))).toEqual({ tenant: 'a b' });
  });

  test('what may not leave as baggage does not leave as baggage of Jaeger either', () => {
    const redacting = new RedactingBaggagePropagator(createRedactor({ enabled: true, deny: [], allow: [] }));
    const context = withBaggage(contextOf(), { tenant: 'a', password: 'hunter22', 'not a name': 'b' });
    expect(inject(['jaeger'], context, redacting)).toEqual({
      'uber-trace-id': `${TRACE}:${SPAN}:0:01`,
      'uberctx-tenant': 'a',
    });
  });
});

describe('several formats in one request', () => {
  const w3c = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'a=1' };
  const b3 = { b3: `${OTHER_TRACE}-${OTHER_SPAN}-0` };

  test('the last one in the list counts', () => {
    expect(caller(['tracecontext', 'b3'], { ...w3c, ...b3 })?.traceId).toBe(OTHER_TRACE);
    expect(caller(['b3', 'tracecontext'], { ...w3c, ...b3 })?.traceId).toBe(TRACE);
  });

  test('a format that is not there, or is bad, takes nothing away', () => {
    const bad = ['uber-trace-id', 'b3', 'x-b3-traceid'].flatMap((key) =>
      ['', 'x', `${'0'.repeat(32)}:${SPAN}:0:1`, `${'0'.repeat(32)}-${SPAN}-1`].map((value) => ({ [key]: value })),
    );
    for (const headers of [{}, ...bad]) {
      expect(caller(['tracecontext', 'b3', 'b3multi', 'jaeger'], { ...w3c, ...headers })).toMatchObject({
        traceId: TRACE,
        spanId: SPAN,
      });
    }
  });

  test('a bad format takes nothing from a context that has a span already', () => {
    const before = contextOf();
    expect(trace.getSpan(extract(['jaeger'], { 'uber-trace-id': 'zz:zz:0:1' }, before))).toBe(trace.getSpan(before));
  });

  test('tracestate stays with its trace when another format names the same one, and not with another trace', () => {
    const same = { b3: `${TRACE}-${SPAN}-1` };
    expect(caller(['tracecontext', 'b3'], { ...w3c, ...same })?.traceState?.serialize()).toBe('a=1');
    expect(caller(['tracecontext', 'b3'], { ...w3c, ...b3 })?.traceState).toBeUndefined();
  });
});

describe('what strangers send', () => {
  const LONG = 'a'.repeat(1_000_000);
  const values: unknown[] = [
    undefined,
    null,
    '',
    ' ',
    0,
    7,
    true,
    {},
    [],
    [null],
    [[]],
    Symbol('x'),
    () => 'x',
    LONG,
    `00-${LONG}-${LONG}-01`,
    ':::',
    '%',
    '%E0%A4%A',
    '0',
    '-',
    '---',
    `${TRACE}-${SPAN}-x`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01\r\nx: y`,
    `${TRACE}:${SPAN}`,
    `${LONG}:${SPAN}:0:1`,
    `${TRACE}:${SPAN}:0:1:1`,
    `zz${TRACE}:${SPAN}:0:1`,
    [`${TRACE}-${SPAN}-1`, `${OTHER_TRACE}-${SPAN}-1`],
    `${TRACE}-${SPAN}-1, ${OTHER_TRACE}-${SPAN}-1`,
    `before ${TRACE}-${SPAN}-1 behind`,
    `${TRACE}:${SPAN}:0:1, ${OTHER_TRACE}:${SPAN}:0:1`,
  ];
  const keys = ['traceparent', 'b3', 'x-b3-traceid', 'uber-trace-id'];

  test.each(keys)('a %s that is none is as good as nothing', (key) => {
    for (const value of values) {
      expect({ value, ids: caller(NAMES, { [key]: value, 'x-b3-spanid': SPAN, 'x-b3-sampled': '1' }) }).toEqual({
        value,
        ids: undefined,
      });
    }
  });

  test('headers beside a good one are as they may be', () => {
    for (const value of values) {
      const context = extract(['tracecontext', 'baggage'], {
        traceparent: `00-${TRACE}-${SPAN}-01`,
        tracestate: value,
        baggage: value,
      });
      expect(trace.getSpanContext(context)).toMatchObject({ traceId: TRACE, spanId: SPAN });
      expect(() => inject(['tracecontext', 'baggage'], context)).not.toThrow();
    }
  });

  test('a header that is there twice counts where both say the same', () => {
    const traceparent = `00-${TRACE}-${SPAN}-01`;
    expect(caller(['tracecontext'], { traceparent: [traceparent, traceparent] })?.traceId).toBe(TRACE);
    expect(caller(['tracecontext'], { traceparent: [traceparent, `00-${OTHER_TRACE}-${SPAN}-01`] })).toBeUndefined();
  });

  test('ids are handed on in lower case, as the next service may take no others', () => {
    const context = extract(['jaeger'], { 'uber-trace-id': `${TRACE.toUpperCase()}:${SPAN.toUpperCase()}:0:1` });
    expect(inject(['tracecontext'], context)).toEqual({ traceparent: `00-${TRACE}-${SPAN}-01` });
  });

  test('flags that nobody knows are not handed on', () => {
    const handedOn = (flags: string) =>
      inject(['tracecontext'], extract(['tracecontext'], { traceparent: `00-${TRACE}-${SPAN}-${flags}` })).traceparent;
    expect(handedOn('ff')).toBe(`00-${TRACE}-${SPAN}-03`);
    expect(handedOn('10')).toBe(`00-${TRACE}-${SPAN}-00`);
    expect(handedOn('02')).toBe(`00-${TRACE}-${SPAN}-02`);
  });

  test('of very many or very large headers of baggage, only as much is read as would fit into one', () => {
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`uberctx-k${index}`, 'v']));
    const large = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`uberctx-k${index}`, 'v'.repeat(1000)]));
    const read = (headers: Headers) =>
      Object.keys(baggageOf(extract(['jaeger'], { 'uber-trace-id': `${TRACE}:${SPAN}:0:1`, ...headers }))).length;
    expect(read(many)).toBe(64);
    expect(read(large)).toBe(8);
    expect(read({ [`uberctx-${'k'.repeat(1000)}`]: 'v', 'uberctx-bad': '%', 'uberctx-list': ['a', 'b'] })).toBe(0);
  });

  test('a carrier that is none, or throws, is as good as an empty one', () => {
    const angry = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
        ownKeys: () => {
          throw new Error('no');
        },
      },
    );
    for (const carrier of [undefined, null, 7, 'text', angry, Object.freeze({})]) {
      expect(extract([...NAMES, 'baggage'], carrier)).toBe(ROOT_CONTEXT);
    }
  });

  test('formats of the future are read, unless they go on and on', () => {
    const future = (rest: string) => caller(['tracecontext'], { traceparent: `cc-${TRACE}-${SPAN}-01-${rest}` });
    expect(future('what will be')?.traceId).toBe(TRACE);
    expect(future('x'.repeat(1000))).toBeUndefined();
  });

  test('a getter that throws at the second look costs its own format only', () => {
    let looks = 0;
    const getter: TextMapGetter<Headers> = {
      get: (from, key) => {
        if (key === 'b3') looks += 1;
        if (looks > 1) throw undefined;
        return from[key] as string;
      },
      keys: Object.keys,
    };
    const headers = { traceparent: `00-${TRACE}-${SPAN}-01`, b3: `${OTHER_TRACE}-${SPAN}-1` };
    const context = createPropagator(['tracecontext', 'b3']).extract(ROOT_CONTEXT, headers, getter);
    expect(trace.getSpanContext(context)?.traceId).toBe(TRACE);
  });

  test('a carrier that refuses one header still gets the others', () => {
    const headers: Headers = {};
    createPropagator(['tracecontext', 'b3']).inject(contextOf(), headers, {
      set: (into, key, value) => {
        // Not even an error.
        if (key === 'traceparent') throw undefined;
        into[key] = value;
      },
    });
    expect(headers).toEqual({ b3: `${TRACE}-${SPAN}-1` });
  });

  test('a request without any of the headers is looked at once for each, and left as it is', () => {
    const asked: string[] = [];
    const getter: TextMapGetter<Headers> = {
      get: (_from, key) => {
        asked.push(key);
        return undefined;
      },
      keys: () => {
        throw new Error('keys cost a list of all of them');
      },
    };
    const names: readonly PropagatorName[] = ['tracecontext', 'baggage', 'b3multi', 'jaeger'];
    expect(createPropagator(names).extract(ROOT_CONTEXT, {}, getter)).toBe(ROOT_CONTEXT);
    expect(asked).toEqual(['traceparent', 'baggage', 'b3', 'x-b3-traceid', 'uber-trace-id']);
  });

  test('headers that really come from a socket, twice and in any case, are read or left', async () => {
    const received: IncomingHttpHeaders[] = [];
    const server = createServer((request, response) => {
      received.push(request.headers);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const send = (lines: string[]) =>
      new Promise<void>((resolve, reject) => {
        const socket = connect((server.address() as AddressInfo).port, '127.0.0.1', () =>
          socket.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines.join('\r\n')}\r\n\r\n`),
        );
        socket
          .on('close', () => resolve())
          .on('error', reject)
          .resume();
      });
    const traceparent = `00-${TRACE}-${SPAN}-01`;
    await send([`TraceParent: ${traceparent}`, 'tracestate: a=1', 'TRACESTATE: b=2', 'baggage: x=1', 'Baggage: y=2']);
    await send([`traceparent: ${traceparent}`, `traceparent: 00-${OTHER_TRACE}-${SPAN}-01`]);
    await send([`b3: ${TRACE}-${SPAN}-1`, `b3: ${OTHER_TRACE}-${SPAN}-1`]);
    await new Promise((resolve) => server.close(resolve));

    const names: readonly PropagatorName[] = ['tracecontext', 'baggage', 'b3'];
    const good = extract(names, received[0]);
    expect(trace.getSpanContext(good)).toMatchObject({ traceId: TRACE, spanId: SPAN });
    expect(trace.getSpanContext(good)?.traceState?.serialize()).toBe('a=1,b=2');
    expect(baggageOf(good)).toEqual({ x: '1', y: '2' });
    expect(received.slice(1).map((headers) => caller(names, headers))).toEqual([undefined, undefined]);
  });
});
