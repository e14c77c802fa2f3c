import {
  type Context,
  context,
  createContextKey,
  ROOT_CONTEXT,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BasicTracerProvider,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import type { SpanLimitsConfig } from '../../../src/config/telemetry-config';
import { claimTracing } from '../../../src/telemetry/tracing/active-tracing';
import { spanContextManager } from '../../../src/telemetry/tracing/span-context-manager';
import { SpanTracerProvider } from '../../../src/telemetry/tracing/span-tracer';

export const LIMITS: SpanLimitsConfig = {
  attributeCountLimit: 128,
  attributeValueLengthLimit: Number.POSITIVE_INFINITY,
  eventCountLimit: 128,
  linkCountLimit: 128,
  attributePerEventCountLimit: 128,
  attributePerLinkCountLimit: 128,
};

export const CALLER = createContextKey('caller');

/** Tracing in one of its states, until it is stopped. */
export class StartedMode implements SpanProcessor {
  /** In the order of their ends. */
  readonly spans: ReadableSpan[] = [];
  readonly started: string[] = [];

  constructor(
    private readonly caller: Context,
    private readonly release: () => void,
  ) {}

  onStart(span: { readonly name: string }): void {
    this.started.push(span.name);
  }

  onEnd(span: ReadableSpan): void {
    this.spans.push(span);
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}

  /** Runs something as a caller with a context of its own, in which the spans' parent is, where there is one. */
  inCaller<T>(work: () => T): T {
    return context.with(this.caller, work);
  }

  span(name: string): ReadableSpan {
    const found = this.spans.find((span) => span.name === name);
    if (!found) throw new Error(`no span ${name} has ended; these have: ${this.spans.map((span) => span.name)}`);
    return found;
  }

  stop(): void {
    this.release();
    trace.disable();
    context.disable();
  }
}

export interface Mode {
  readonly title: string;
  /** Whether there are spans at all. */
  readonly records: boolean;
  /** Whether contexts follow calls. */
  readonly carriesContext: boolean;
  start(): StartedMode;
}

const HERE = ROOT_CONTEXT.setValue(CALLER, 'here');
const UNSAMPLED = trace.wrapSpanContext({
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: TraceFlags.NONE,
});

/** Our tracing with this sampler for roots. */
export function startOwn(sampler: Sampler = new AlwaysOnSampler(), caller = HERE): StartedMode {
  context.setGlobalContextManager(spanContextManager.enable());
  const started: StartedMode = new StartedMode(caller, () => release());
  const provider = new SpanTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'test' }),
    sampler: new ParentBasedSampler({ root: sampler }),
    sampledParentIsFinal: true,
    limits: LIMITS,
    processor: started,
  });
  trace.setGlobalTracerProvider(provider);
  const release = claimTracing({
    tracer: provider.getTracer('spanwright'),
    active: () => spanContextManager.active(),
    run: (inContext, method, self, args) => spanContextManager.run(inContext, method, self, args),
    unsampledParentIsFinal: true,
  });
  return started;
}

function sdk(release: () => void): StartedMode {
  const started = new StartedMode(HERE, release);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({
      sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
      spanProcessors: [started],
    }),
  );
  return started;
}

export const RECORDING: Mode = {
  title: 'recording',
  records: true,
  carriesContext: true,
  start: () => startOwn(new AlwaysOnSampler()),
};

export const FOREIGN_SDK: Mode = {
  title: 'only an SDK of somebody else is there',
  records: true,
  carriesContext: true,
  start: () => sdk(() => {}),
};

export const OFF: Mode = {
  title: 'telemetry is off, although somebody registered an SDK',
  records: false,
  carriesContext: true,
  start: () => sdk(claimTracing(undefined)),
};

export const NOBODY: Mode = {
  title: 'nobody has started telemetry',
  records: false,
  carriesContext: false,
  start: () => new StartedMode(HERE, () => {}),
};

export const ROOT_UNSAMPLED: Mode = {
  title: 'the sampler says no',
  records: false,
  carriesContext: true,
  start: () => startOwn(new AlwaysOffSampler()),
};

export const PARENT_UNSAMPLED: Mode = {
  title: 'the parent is not sampled',
  records: false,
  carriesContext: true,
  start: () => startOwn(new AlwaysOnSampler(), trace.setSpan(HERE, UNSAMPLED)),
};

export const MODES: readonly Mode[] = [RECORDING, FOREIGN_SDK, OFF, NOBODY, ROOT_UNSAMPLED, PARENT_UNSAMPLED];

/** A span in a few words: its name and, where it is not unset, its status. */
export function shown({ name, status }: ReadableSpan): string {
  if (status.code === SpanStatusCode.UNSET) return name;
  return `${name}: ${SpanStatusCode[status.code]?.toLowerCase()} ${status.message ?? ''}`.trimEnd();
}

/** Where a piece of code finds itself: in the caller's context, or in a span. */
export function whereabouts(): string {
  const active = context.active();
  const span = trace.getSpan(active);
  const name = (span as { name?: string } | undefined)?.name;
  return name ?? (active.getValue(CALLER) === undefined ? 'nowhere' : 'caller');
}

/** The body of a test that is run in each mode. */
export interface ModeTest {
  readonly mode: Mode;
  readonly telemetry: StartedMode;
  /** That these spans, and no others, have ended; in a mode that records none, that there are none. */
  endedAre(...expected: string[]): void;
  /** That this many spans were started. */
  startedAre(count: number): void;
  /** That the code that reports this ran in this span, or where there is none, where the caller is. */
  insideIs(where: string | undefined, span: string): void;
  /** That what is reported was seen in the caller's context. */
  callerIs(where: string | undefined): void;
}

/** Defines a test for each of the modes. */
export function inEachMode(title: string, body: (test: ModeTest) => unknown, modes = MODES): void {
  test.each(modes)(`${title} ($title)`, async (mode) => {
    const telemetry = mode.start();
    const outside = mode.carriesContext ? 'caller' : 'nowhere';
    try {
      await telemetry.inCaller(() =>
        body({
          mode,
          telemetry,
          endedAre: (...expected) => expect(telemetry.spans.map(shown)).toEqual(mode.records ? expected : []),
          startedAre: (count) => expect(telemetry.started).toHaveLength(mode.records ? count : 0),
          insideIs: (where, span) => expect(where).toBe(mode.records ? span : outside),
          callerIs: (where) => expect(where).toBe(outside),
        }),
      );
    } finally {
      telemetry.stop();
    }
  });
}
