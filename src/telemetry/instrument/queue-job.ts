import { type Context, propagation, ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import { activeTracing, currentSpan } from '../tracing/active-tracing';
import { disguise } from '../tracing/disguise';
import { spanIn } from '../tracing/span-scope';
import type { Gate, MethodSpanOptions } from '../tracing/trace-method';

/** What of a BullMQ job is looked at. */
interface Job {
  readonly id?: string;
  readonly name?: string;
  readonly queueName?: string;
  readonly attemptsMade?: number;
  readonly opts?: { readonly telemetry?: { readonly metadata?: string; readonly omitContext?: boolean } };
}

// biome-ignore lint/suspicious/noExplicitAny: any method at all
type Method = (this: any, ...args: any[]) => any;

/** How a processor's `process` is traced. Below the consumer span of BullMQ's own telemetry it is a plain method. */
export function jobSpanOptions(kind: string): (job: Job | undefined) => MethodSpanOptions {
  return (job) => {
    const consumer = currentSpan() as { kind?: SpanKind } | undefined;
    if (consumer?.kind === SpanKind.CONSUMER) return { attributes: { 'nest.kind': kind } };
    return {
      kind: SpanKind.CONSUMER,
      attributes: {
        'nest.kind': kind,
        'messaging.system.name': 'bullmq',
        'messaging.operation.type': 'process',
        'messaging.operation.name': 'process',
        'messaging.destination.name': job?.queueName,
        'messaging.message.id': job?.id,
        'bullmq.job.name': job?.name,
        'bullmq.job.attempts': job?.attemptsMade,
      },
    };
  };
}

/**
 * Has a traced `process` continue the trace that the job's producer wrote into its options, in the form of BullMQ's telemetry. Where BullMQ's own telemetry has made a span, that
 * is the parent.
 */
export function continueJobTrace<T extends Method>(traced: T, gate: Gate): T {
  const { replacement } = {
    replacement(this: unknown, job: Job, ...rest: unknown[]): unknown {
      const active = gate.open ? activeTracing() : undefined;
      const from = active && spanIn(active.active()) === undefined ? producerOf(job) : undefined;
      if (active === undefined || from === undefined) return Reflect.apply(traced, this, [job, ...rest]);
      return active.run(from, traced as never, this, [job, ...rest]);
    },
  };
  return disguise(replacement as T, traced);
}

function producerOf(job: Job | undefined): Context | undefined {
  const { metadata, omitContext } = job?.opts?.telemetry ?? {};
  if (typeof metadata !== 'string' || omitContext === true) return undefined;
  try {
    const headers: unknown = JSON.parse(metadata);
    return propagation.extract(ROOT_CONTEXT, headers, {
      get: (from, key) => (Object.hasOwn(from as object, key) ? (from as Record<string, string>)[key] : undefined),
      keys: (from) => Object.keys(from as object),
    });
  } catch {
    return undefined;
  }
}
