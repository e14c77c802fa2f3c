import { syncBuiltinESMExports } from 'node:module';
import {
  context,
  createNoopMeter,
  type MeterProvider,
  propagation,
  type Span,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import { Claims } from '../util/claims';
import { SwitchedTracerProvider } from './switched-tracer-provider';

interface Claim {
  readonly tracerProvider: TracerProvider;
  readonly meterProvider: MeterProvider | undefined;
}

const claims = new Claims<Claim>(apply);
const tracerProvider = new SwitchedTracerProvider();
const noMeters: MeterProvider = { getMeter: () => createNoopMeter() };
/** Made once in a process: what has been patched is patched by them, and others would never be told of it. */
let instrumentations: ReturnType<typeof instrument> | undefined;
let inForce: Claim | undefined;

/**
 * Traces requests that the application makes with `http`, `https` and `fetch`, and sends the trace context along. OpenTelemetry's own instrumentations do it; of
 * `http` only the outgoing half is switched on.
 *
 * It is done once, however many ask for it: these modules belong to the process, and a request that is traced twice has two spans. The newest providers count; when they go,
 * those before come back.
 *
 * @returns gives the claim back
 */
export function claimOutgoing(tracerProvider: TracerProvider, meterProvider: MeterProvider | undefined): () => void {
  return claims.claim({ tracerProvider, meterProvider });
}

function apply(): void {
  const before = inForce;
  const { newest } = claims;
  inForce = newest;
  tracerProvider.current = newest?.tracerProvider;
  if (newest === undefined) {
    for (const instrumentation of instrumentations ?? []) instrumentation.disable();
    syncBuiltinESMExports();
    return;
  }
  const isFirst = instrumentations === undefined;
  instrumentations ??= instrument();
  if (newest.meterProvider !== before?.meterProvider || isFirst)
    for (const instrumentation of instrumentations) instrumentation.setMeterProvider(newest.meterProvider ?? noMeters);
  if (before !== undefined || isFirst) return;
  for (const instrumentation of instrumentations) instrumentation.enable();
  syncBuiltinESMExports();
}

function instrument() {
  // Loaded here: an application that makes no requests of its own need not wait for them.
  const { HttpInstrumentation } =
    require('@opentelemetry/instrumentation-http') as typeof import('@opentelemetry/instrumentation-http');
  const { UndiciInstrumentation } =
    require('@opentelemetry/instrumentation-undici') as typeof import('@opentelemetry/instrumentation-undici');
  const made = [
    new HttpInstrumentation({ disableIncomingRequestInstrumentation: true }),
    new UndiciInstrumentation({ requestHook: makeRoomForContext }),
  ];
  for (const instrumentation of made) instrumentation.setTracerProvider(tracerProvider);
  // The modules are patched when they are next asked for; who has them already, has the same object.
  require('node:http');
  require('node:https');
  syncBuiltinESMExports();
  return made;
}

/** Headers of fetch: names and values in turn; in old versions of Node the text as it is sent. */
interface FetchRequest {
  headers: string | (string | string[])[];
}

/**
 * Takes out the trace context that is there already, by `inject` or handed on from another request: the instrumentation of fetch adds its own beside it, and nobody can read two.
 */
function makeRoomForContext(span: Span, request: FetchRequest): void {
  const coming: Record<string, string> = {};
  propagation.inject(trace.setSpan(context.active(), span), coming);
  const { headers } = request;
  const stays = (name: string) => !Object.hasOwn(coming, name.toLowerCase());
  request.headers =
    typeof headers === 'string'
      ? headers
          .split('\r\n')
          .filter((line) => stays(line.slice(0, Math.max(line.indexOf(':'), 0))))
          .join('\r\n')
      : headers.filter((_each, index) => stays(String(headers[index - (index % 2)])));
}
