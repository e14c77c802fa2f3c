// What a decorated method costs over the same method plain: nanoseconds of processor time per call, ours beside the raw OpenTelemetry API and nestjs-otel.
// Every round runs every variant once, in rotated order; a figure is the median over rounds, a ratio the median of the rounds' ratios.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { median, table } from './support.mjs';

const require = createRequire(import.meta.url);
const modes = ['off', 'unsampled', 'recording'];

if (process.argv[2] === undefined) {
  for (const mode of modes) {
    const { status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), mode], { stdio: 'inherit' });
    if (status !== 0) process.exit(status ?? 1);
  }
} else {
  await measure(process.argv[2]);
}

async function measure(mode) {
  const { context, trace, ROOT_CONTEXT } = require('@opentelemetry/api');
  const {
    BasicTracerProvider,
    AlwaysOffSampler,
    AlwaysOnSampler,
    ParentBasedSampler,
  } = require('@opentelemetry/sdk-trace-base');
  const { Span: PeerSpan } = require('nestjs-otel');
  const { Span } = require('../dist/telemetry/span.decorator.js');
  const { claimTracing } = require('../dist/telemetry/tracing/active-tracing.js');
  const { spanContextManager } = require('../dist/telemetry/tracing/span-context-manager.js');

  let ended = 0;
  if (mode === 'off') {
    claimTracing(undefined);
  } else {
    const root = mode === 'recording' ? new AlwaysOnSampler() : new AlwaysOffSampler();
    const provider = new BasicTracerProvider({
      sampler: new ParentBasedSampler({ root }),
      spanProcessors: [
        { onStart() {}, onEnd: () => (ended += 1), forceFlush: async () => {}, shutdown: async () => {} },
      ],
    });
    context.setGlobalContextManager(spanContextManager.enable());
    trace.setGlobalTracerProvider(provider);
    const { SpanTracerProvider } = require('../dist/telemetry/tracing/span-tracer.js');
    const { resourceFromAttributes } = require('@opentelemetry/resources');
    const own = new SpanTracerProvider({
      resource: resourceFromAttributes({}),
      sampler: new ParentBasedSampler({ root }),
      sampledParentIsFinal: true,
      limits: {
        attributeCountLimit: 128,
        attributeValueLengthLimit: 4096,
        eventCountLimit: 128,
        linkCountLimit: 128,
        attributePerEventCountLimit: 128,
        attributePerLinkCountLimit: 128,
      },
      processor: { onStart() {}, onEnd: () => (ended += 1) },
    });
    claimTracing({
      tracer: own.getTracer('bench'),
      active: () => spanContextManager.active(),
      run: (...args) => spanContextManager.run(...args),
      unsampledParentIsFinal: true,
    });
  }
  const tracer = trace.getTracer('bench');
  const decorate = (target, decorators) => {
    for (const [key, decorator] of Object.entries(decorators)) {
      const descriptor = Object.getOwnPropertyDescriptor(target, key);
      decorator(target, key, descriptor);
      Object.defineProperty(target, key, descriptor);
    }
  };
  const work = (x) => {
    let sum = 0;
    for (let i = 0; i < 8; i += 1) sum += i * x;
    return sum;
  };
  const attributes = { 'order.id': 'A-1', 'order.items': 2 };
  class Subject {
    plain(x) {
      return work(x);
    }
    raw(x) {
      return tracer.startActiveSpan('Subject.raw', { attributes }, (span) => {
        try {
          return work(x);
        } finally {
          span.end();
        }
      });
    }
    ours(x) {
      return work(x);
    }
    peer(x) {
      return work(x);
    }
    oursOfArguments(x) {
      return work(x);
    }
    peerOfArguments(x) {
      return work(x);
    }
    async plainAsync(x) {
      return work(x);
    }
    async rawAsync(x) {
      return tracer.startActiveSpan('Subject.rawAsync', { attributes }, async (span) => {
        try {
          return work(x);
        } finally {
          span.end();
        }
      });
    }
    async oursAsync(x) {
      return work(x);
    }
    async peerAsync(x) {
      return work(x);
    }
  }
  const ofArguments = (x) => ({ attributes: { 'order.id': 'A-1', 'order.items': x } });
  decorate(Subject.prototype, {
    ours: Span({ attributes }),
    peer: PeerSpan({ attributes }),
    oursOfArguments: Span(ofArguments),
    peerOfArguments: PeerSpan(ofArguments),
    oursAsync: Span({ attributes }),
    peerAsync: PeerSpan({ attributes }),
  });
  const subject = new Subject();
  const rows = [
    ['sync', 'plain', ['raw', 'ours', 'peer', 'oursOfArguments', 'peerOfArguments']],
    ['async', 'plainAsync', ['rawAsync', 'oursAsync', 'peerAsync']],
  ];
  const parent = mode === 'off' ? undefined : trace.setSpan(ROOT_CONTEXT, tracer.startSpan('root'));
  const within = (run) => (parent ? context.with(parent, run) : run());
  const calls = { off: 400_000, unsampled: 100_000, recording: 5_000 }[mode];
  const rounds = Number(process.env.BENCH_ROUNDS ?? 41);
  const cost = new Map();
  const names = rows.flatMap(([, plain, others]) => [plain, ...others]);
  for (let round = 0; round < rounds; round += 1) {
    const order = names.map((_, at) => names[(at + round) % names.length]);
    for (const name of order) {
      const isAsync = name.endsWith('Async');
      const started = process.cpuUsage();
      await within(async () => {
        if (isAsync) for (let i = 0; i < calls; i += 1) await subject[name](i);
        else for (let i = 0; i < calls; i += 1) subject[name](i);
      });
      const { user, system } = process.cpuUsage(started);
      if (round >= 5) cost.set(name, [...(cost.get(name) ?? []), ((user + system) * 1000) / calls]);
    }
  }
  console.log(
    `\n${mode}${mode === 'recording' ? `, two attributes (${ended} spans ended)` : ''}: nanoseconds added per call`,
  );
  table(
    ['', 'added', 'of raw'],
    rows.flatMap(([kind, plain, others]) =>
      others.map((name) => {
        const added = (of) => cost.get(of).map((value, at) => value - cost.get(plain)[at]);
        const raw = kind === 'sync' ? 'raw' : 'rawAsync';
        const ratio = median(cost.get(name).map((value, at) => value / cost.get(raw)[at]));
        return [`${kind}  ${name}`, median(added(name)).toFixed(0), ratio.toFixed(2)];
      }),
    ),
  );
}
