import { ROOT_CONTEXT } from '@opentelemetry/api';
import { SamplingDecision, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace-base';
import type { SamplingRule } from '../../config/telemetry-config';
import { globs } from '../../util/globs';

/** A {@link SamplingRule}, ready to be asked. */
export interface Ruling {
  /** Nobody wants these spans, whatever becomes of them. */
  readonly never: boolean;
  /** The same answer for the same trace, in every service that has the same ratio. */
  takes(traceId: string): boolean;
}

/** Finds the first rule that fits the name of a span. */
export function samplingRules(rules: readonly SamplingRule[]): (name: string) => Ruling | undefined {
  const entries = rules.map(({ span, ratio }) => ({ fits: globs([span]), ruling: rulingFor(ratio) }));
  return (name) => entries.find(({ fits }) => fits(name))?.ruling;
}

function rulingFor(ratio: number): Ruling {
  const sampler = new TraceIdRatioBasedSampler(ratio);
  return {
    never: ratio === 0,
    takes: (traceId) => sampler.shouldSample(ROOT_CONTEXT, traceId).decision === SamplingDecision.RECORD_AND_SAMPLED,
  };
}
